// restart_test.c: lives that are held, begun again or given up, and what belongs to a life.
#include "lives.h"

TestSuite(life, .timeout = 60);

// ---- held lives

Test(restart, keeps_address_and_queue_and_loses_only_the_message_in_hand, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    cr_assert(last_news(&p)->held);
    cr_assert(tr_ref_equal(last_news(&p)->child, d.child));
    cr_assert(eq(str, last_news(&p)->in_hand, (char *)"number"));
    // What comes while it is held waits for the next life, to the bound.
    for (uint64_t i = 1; i <= 4; i++) {
        assert_ok(send_number(&p, d.child, i));
    }
    assert_err(tr_runtime_send(p.rt, d.child, TR_MSG(number, .value = 5), tr_ms(1)), TR_ETIMEOUT);
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n.count, 5));
    for (uint64_t i = 0; i < 5; i++) {
        cr_assert(eq(u64, n.seen[i], i == 0 ? 13 : i));
    }
    cr_assert(eq(u32, n.incarnation, 2));
    assert_err(deed_of(&p, do_restart, &d), TR_EALREADY);
    assert_err(deed_of(&p, do_discard, &d), TR_EALREADY);
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

Test(restart, whose_start_fails_gives_its_error_and_holds_again_silently, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    assert_ok(send_number(&p, d.child, 1));
    n.start_error = TR_EADDRINUSE;
    assert_err(deed_of(&p, do_restart, &d), TR_EADDRINUSE);
    assert_err(deed_of(&p, do_restart, &d), TR_EADDRINUSE);
    n.start_error = TR_OK;
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n.starts, 4));
    cr_assert(eq(u32, n.incarnation, 4));
    cr_assert(eq(u64, n.seen[1], 1));
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

typedef struct restart_call {
    tr_ref_t to;
    tr_err_t err;
} restart_call;

static tr_err_t
call_number(tr_self *self, void *arg)
{
    restart_call *c = arg;
    c->err = tr_call(self, c->to, TR_MSG(number, .value = 3), TR_REPLY_NONE, TR_FOREVER);
    return TR_OK;
}

Test(discard, answers_waiting_calls_edead_and_is_not_reported, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    restart_call c = {.to = d.child, .err = TR_EBUSY};
    tr_ref_t caller = troupe_puppet(p.rt, NULL);
    assert_ok(troupe_prompt(p.rt, caller, call_number, &c));
    TROUPE_EVENTUALLY(troupe_ledger(p.rt).queued == 1);
    assert_ok(deed_of(&p, do_discard, &d));
    assert_ok(troupe_act(p.rt, caller, do_nothing, NULL));
    assert_err(c.err, TR_EDEAD);
    TROUPE_EVENTUALLY(troupe_is_gone(p.rt, d.child));
    // Neither the order nor the end is news.
    assert_err(deed_of(&p, do_discard, &d), TR_EDEAD);
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL));
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

Test(held, is_ended_by_a_stop_and_reported_as_ended, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(not(last_news(&p)->held));
    cr_assert(tr_ref_equal(last_news(&p)->child, d.child));
    assert_err(deed_of(&p, do_restart, &d), TR_EDEAD);
    troupe_end(p.rt);
}

typedef struct ambush {
    parent *parent;
    deed deed;
    hold hold;
} ambush;

// The parent is busy while its child fails and is held, and stops it before it has heard.
static tr_err_t
stop_before_hearing(tr_self *self, void *arg)
{
    ambush *a = arg;
    cue_give(&a->hold.is_held);
    cr_expect(cue_take(&a->hold.go_on));
    a->deed.err = tr_stop(self, a->deed.child);
    return TR_OK;
}

Test(held, and_stopped_before_the_parent_heard_is_reported_once_by_its_address, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    ambush a = {.parent = &p};
    cue_init(&a.hold.is_held);
    cue_init(&a.hold.go_on);
    a.deed.child = child_of(&p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD,
                                            .place = TR_PLACE_AT, .worker = 1));
    assert_ok(troupe_prompt(p.rt, p.ref, stop_before_hearing, &a));
    CUE_AWAIT(&a.hold.is_held);
    tr_stats_t s;
    assert_ok(send_number(&p, a.deed.child, 13));
    TROUPE_EVENTUALLY((tr_runtime_stats(p.rt, &s), s.failures == 1));
    cue_give(&a.hold.go_on);
    CUE_AWAIT(&p.told);
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL));
    assert_ok(a.deed.err);
    cr_assert(eq(int, p.count, 1));
    cr_assert(not(last_news(&p)->held));
    cr_assert(tr_ref_equal(last_news(&p)->child, a.deed.child));
    assert_err(last_news(&p)->reason, TR_EIO);
    troupe_end(p.rt);
}

static tr_err_t
have_held_child(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_spawn(self, d->opts, &d->child);
    return d->err;
}

Test(held, ends_with_its_parent, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed inner = {.opts = HOLD_OPTS(&role)};
    part middle_role = {.start = have_held_child, .arg = &inner};
    deed d = {.child = child_of(&p, PUPPET(&middle_role))};
    assert_ok(send_number(&p, inner.child, 13));
    CUE_AWAIT(&p.told); // it does not handle the end of its child, and fails of it
    assert_err(last_news(&p)->reason, TR_ECHILD);
    cr_assert(tr_ref_equal(last_news(&p)->child, d.child));
    cr_assert(troupe_is_gone(p.rt, inner.child));
    troupe_end(p.rt);
}

Test(held, also_after_an_orderly_end, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    deed d = {.child = child_of(&p, HOLD_OPTS(NULL))};
    assert_ok(troupe_act(p.rt, d.child, leave, NULL));
    CUE_AWAIT(&p.told);
    cr_assert(last_news(&p)->held);
    assert_ok(last_news(&p)->reason);
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    troupe_end(p.rt);
}

// ---- what belongs to a life

typedef struct belongings {
    tr_timer_t timer;
    _Atomic int ticks;
    tr_err_t err;
    cue ready;
} belongings;

static tr_err_t
own_much(tr_self *self, void *arg)
{
    belongings *b = arg;
    char *a = tr_alloc(self, 100);
    char *c = tr_alloc(self, 5000);
    cr_expect(a != NULL && c != NULL);
    if (a == NULL || c == NULL) {
        return TR_ENOMEM;
    }
    memset(a, 1, 100);
    memset(c, 2, 5000);
    char *grown = tr_realloc(self, a, 9000);
    cr_expect(grown != NULL && grown[99] == 1);
    tr_free(self, tr_realloc(self, NULL, 10));
    tr_free(self, NULL);
    cr_expect(tr_alloc(self, SIZE_MAX) == NULL);
    cr_expect(tr_realloc(self, c, SIZE_MAX) == NULL);
    b->err = tr_send_after(self, tr_ms(1), TR_MSG(number, .value = 1), &b->timer);
    b->err = tr_send_after(self, tr_seconds(100), TR_MSG(number, .value = 2), NULL);
    return TR_OK;
}

static tr_err_t
own_and_return_error(tr_self *self, void *arg)
{
    tr_err_t err = own_much(self, arg);
    return err == TR_OK ? TR_EIO : err;
}

static tr_err_t
own_and_fail(tr_self *self, void *arg)
{
    (void)own_much(self, arg);
    tr_fail(self, TR_EIO, "with all that");
}

static tr_err_t
own_and_wait(tr_self *self, void *arg)
{
    belongings *b = arg;
    (void)own_much(self, arg);
    cue_give(&b->ready);
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
count_ticks(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    belongings *b = arg;
    b->ticks += tr_as(number, msg) != NULL;
    return TR_OK;
}

Test(life, gives_back_memory_and_timers_however_it_ends)
{
    parent p;
    parent_begin(&p);
    belongings b = {.err = TR_OK};
    cue_init(&b.ready);
    part role = {.receive = count_ticks, .arg = &b};
    act_fn ways[] = {own_and_return_error, own_and_fail};
    for (int i = 0; i < 2; i++) {
        tr_ref_t child = child_of(&p, PUPPET(&role));
        assert_err(troupe_act(p.rt, child, ways[i], &b), TR_ECRASHED);
        CUE_AWAIT(&p.told);
    }
    for (int i = 0; i < 2; i++) {
        deed d = {.child = child_of(&p, PUPPET(&role))};
        assert_ok(troupe_prompt(p.rt, d.child, own_and_wait, &b));
        CUE_AWAIT(&b.ready);
        assert_ok(deed_of(&p, i == 0 ? do_kill : do_stop, &d));
        CUE_AWAIT(&p.told);
    }
    deed d = {.opts = PUPPET((&(part){.start = own_and_fail, .arg = &b}))};
    assert_err(deed_of(&p, do_spawn, &d), TR_EIO);
    cr_assert(eq(int, b.ticks, 0));
    troupe_end(p.rt);
}

Test(life, does_not_get_the_timers_of_the_one_before)
{
    parent p;
    parent_begin(&p);
    belongings b = {.err = TR_OK};
    cue_init(&b.ready);
    part role = {.receive = count_ticks, .arg = &b};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_err(troupe_act(p.rt, d.child, own_and_return_error, &b), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    assert_ok(deed_of(&p, do_restart, &d));
    // A timer of this life, due later than the one of the last life would have been.
    assert_ok(troupe_act(p.rt, d.child, own_much, &b));
    TROUPE_EVENTUALLY(b.ticks == 1);
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, b.ticks, 1));
    troupe_end(p.rt);
}

static tr_err_t
fire_and_cancel(tr_self *self, void *arg)
{
    belongings *b = arg;
    tr_timer_t timer;
    expect_ok(tr_send_after(self, tr_ms(1), TR_MSG(number, .value = 1), &timer));
    expect_ok(tr_sleep(self, tr_ms(5))); // it has fired by now, and waits in the mailbox
    tr_timer_cancel(self, timer);
    tr_timer_cancel(self, timer);
    tr_timer_cancel(self, (tr_timer_t){0});
    expect_ok(tr_send_after(self, tr_seconds(50), TR_MSG(number, .value = 1), &timer));
    tr_timer_cancel(self, timer);
    expect_ok(tr_send_after(self, tr_us(0), TR_MSG(number, .value = 1), NULL));
    b->err = TR_OK;
    return TR_OK;
}

Test(timer, that_was_cancelled_is_not_received_fired_or_not, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(1);
    belongings b = {.err = TR_EBUSY};
    part role = {.receive = count_ticks, .arg = &b};
    tr_ref_t a = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, a, fire_and_cancel, &b));
    assert_ok(b.err);
    TROUPE_EVENTUALLY(b.ticks == 1);
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    cr_assert(eq(int, b.ticks, 1));
    troupe_end(rt);
}
