// life_test.c: how actors end, fail, are stopped and killed, and who hears of it.
#include "family.h"

TestSuite(life, .timeout = 60);

// ---- failures and ends, as the parent hears of them

Test(life, that_fails_by_return_is_reported_once_with_its_reason)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    assert_err(troupe_act(p.rt, child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    news *n = last_news(&p);
    cr_assert(tr_ref_equal(n->child, child));
    assert_err(n->reason, TR_EIO);
    cr_assert(eq(u32, n->incarnation, 1));
    cr_assert(not(n->held));
    cr_assert(eq(str, n->in_hand, (char *)"act"));
    cr_assert(eq(str, n->text, (char *)""));
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL));
    cr_assert(eq(int, p.count, 1));
    cr_assert(troupe_is_gone(p.rt, child));
    troupe_end(p.rt);
}

Test(life, that_fails_in_the_middle_is_reported_with_its_text)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    assert_err(troupe_act(p.rt, child, fail_with_text, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EFAULT);
    cr_assert(eq(str, last_news(&p)->text, (char *)"line 7"));
    cr_assert(eq(str, last_news(&p)->in_hand, (char *)"act"));
    troupe_end(p.rt);
}

Test(life, that_leaves_in_order_is_reported_with_reason_ok)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    assert_ok(troupe_act(p.rt, child, leave, NULL));
    CUE_AWAIT(&p.told);
    assert_ok(last_news(&p)->reason);
    cr_assert(eq(u64, troupe_ledger(p.rt).failed, 0));
    troupe_end(p.rt);
}

Test(life, that_leaves_in_its_start_ends_without_a_message)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET((&(part){.start = leave})));
    CUE_AWAIT(&p.told);
    cr_assert(tr_ref_equal(last_news(&p)->child, child));
    assert_ok(last_news(&p)->reason);
    troupe_end(p.rt);
}

Test(life, killed_while_it_waits_is_reported_as_killed)
{
    parent p;
    parent_begin(&p);
    cue waits;
    cue_init(&waits);
    deed d = {.child = child_of(&p, PUPPET(NULL))};
    assert_ok(troupe_prompt(p.rt, d.child, sleep_forever, &waits));
    CUE_AWAIT(&waits);
    assert_ok(deed_of(&p, do_kill, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    cr_assert(eq(str, last_news(&p)->in_hand, (char *)"act"));
    troupe_end(p.rt);
}

static tr_err_t
hold_thread(tr_self *self, void *arg)
{
    hold *h = arg;
    cue_give(&h->is_held);
    cr_expect(cue_take(&h->go_on));
    tr_err_t err = tr_sleep(self, tr_seconds(20));
    h->waited = true;
    return err;
}

Test(life, killed_while_it_runs_ends_at_its_next_wait)
{
    parent p;
    parent_begin(&p);
    hold h = {.waited = false};
    cue_init(&h.is_held);
    cue_init(&h.go_on);
    deed d = {.child = child_of(&p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1))};
    assert_ok(troupe_prompt(p.rt, d.child, hold_thread, &h));
    CUE_AWAIT(&h.is_held);
    assert_ok(deed_of(&p, do_kill, &d));
    cr_assert(eq(int, p.count, 0));
    cue_give(&h.go_on);
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    cr_assert(not(h.waited));
    troupe_end(p.rt);
}

Test(life, killed_by_itself_ends_when_the_handler_returns)
{
    parent p;
    parent_begin(&p);
    deed d = {.child = child_of(&p, PUPPET(NULL))};
    tr_ref_t child = d.child;
    assert_ok(troupe_act(p.rt, child, do_kill, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    troupe_end(p.rt);
}

Test(life, of_a_parent_that_does_not_handle_a_failure_ends_as_well)
{
    parent p;
    parent_begin(&p);
    parent grandparent = {.rt = p.rt};
    cue_init(&grandparent.told);
    part role = {.receive = hear, .arg = &grandparent};
    assert_ok(tr_runtime_spawn(p.rt, PUPPET(&role), &grandparent.ref));
    part careless = {.receive = hear, .arg = &p};
    p.does_not_care = true;
    p.ref = child_of(&grandparent, PUPPET(&careless));
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    tr_ref_t orderly = child_of(&p, PUPPET(NULL));
    assert_ok(troupe_act(p.rt, orderly, leave, NULL));
    CUE_AWAIT(&p.told);
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL)); // an orderly end needs no handling
    assert_err(troupe_act(p.rt, child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&grandparent.told);
    assert_err(last_news(&grandparent)->reason, TR_ECHILD);
    cr_assert(eq(str, last_news(&grandparent)->in_hand, (char *)"tr_child_exit"));
    troupe_end(p.rt);
}

// ---- stopping

typedef struct stops {
    _Atomic int count;
    tr_err_t reason;
    tr_err_t waited;
    int64_t wait_ms;
    bool fails;
    cue in_stop;
} stops;

static void
note_stop(tr_self *self, void *arg, tr_err_t reason)
{
    stops *s = arg;
    s->count++;
    s->reason = reason;
    cue_give(&s->in_stop);
    if (s->wait_ms != 0) {
        s->waited = tr_sleep(self, s->wait_ms < 0 ? TR_FOREVER : tr_ms(s->wait_ms));
    }
    if (s->fails) {
        tr_fail(self, TR_EIO, "cannot say goodbye");
    }
}

static stops
stops_that_wait(int64_t ms)
{
    stops s = {.wait_ms = ms, .waited = TR_EBUSY};
    cue_init(&s.in_stop);
    return s;
}

Test(stop, runs_the_stop_handler_once_and_lets_it_wait, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(3);
    deed d = {.child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})))};
    assert_ok(deed_of(&p, do_stop, &d));
    assert_ok(deed_of(&p, do_stop, &d)); // once more changes nothing
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_ok(s.reason);
    assert_ok(s.waited);
    assert_ok(last_news(&p)->reason);
    assert_err(deed_of(&p, do_stop, &d), TR_EDEAD);
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

Test(stop, of_a_life_that_failed_tells_its_stop_handler_why, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(0);
    tr_ref_t child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})));
    assert_err(troupe_act(p.rt, child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_err(s.reason, TR_EIO);
    troupe_end(p.rt);
}

Test(stop, does_not_run_the_handler_of_one_that_is_killed_or_did_not_start, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(0);
    deed d = {.child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})))};
    assert_ok(deed_of(&p, do_kill, &d));
    CUE_AWAIT(&p.told);
    d.opts = PUPPET((&(part){.start = return_eio, .stop = note_stop, .arg = &s}));
    assert_err(deed_of(&p, do_spawn, &d), TR_EIO);
    cr_assert(eq(int, s.count, 0));
    troupe_end(p.rt);
}

Test(stop, that_takes_too_long_ends_in_a_kill_and_is_reported_so, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    part role = {.stop = note_stop, .arg = &s};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .shutdown_ms = 3))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_err(last_news(&p)->reason, TR_EKILLED);
    assert_err(s.waited, TR_EBUSY);
    troupe_end(p.rt);
}

static tr_err_t
leave_by_oneself(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

Test(stop, that_takes_too_long_ends_in_a_kill_also_when_nobody_ordered_it, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    part role = {.stop = note_stop, .arg = &s};
    tr_ref_t child = child_of(&p, PUPPET_WITH(&role, .shutdown_ms = 3));
    assert_ok(troupe_prompt(p.rt, child, leave_by_oneself, NULL));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_err(last_news(&p)->reason, TR_EKILLED);
    troupe_end(p.rt);
}

Test(stop, whose_handler_fails_is_no_orderly_end, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(0);
    s.fails = true;
    deed d = {.child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EIO);
    cr_assert(eq(str, last_news(&p)->text, (char *)"cannot say goodbye"));
    troupe_end(p.rt);
}

Test(stop, with_shutdown_kill_skips_the_handler, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    part role = {.stop = note_stop, .arg = &s};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .shutdown_ms = TR_SHUTDOWN_KILL))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 0));
    assert_err(last_news(&p)->reason, TR_EKILLED);
    troupe_end(p.rt);
}

Test(stop, of_a_stranger_is_einval, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    tr_ref_t stranger = troupe_puppet(p.rt, NULL);
    deed d = {.child = stranger};
    assert_err(deed_of(&p, do_stop, &d), TR_EINVAL);
    assert_err(deed_of(&p, do_kill, &d), TR_EINVAL);
    assert_err(deed_of(&p, do_restart, &d), TR_EINVAL);
    assert_err(deed_of(&p, do_discard, &d), TR_EINVAL);
    d.child = TR_REF_NONE;
    assert_err(deed_of(&p, do_stop, &d), TR_EDEAD);
    assert_err(deed_of(&p, do_restart, &d), TR_EDEAD);
    troupe_end(p.rt);
}

typedef struct waits {
    cue in_wait;
    tr_err_t slept, slept_again, called, spawned;
    bool is_stopping;
    tr_ref_t other;
} waits;

static tr_err_t
wait_and_try_again(tr_self *self, void *arg)
{
    waits *w = arg;
    cue_give(&w->in_wait);
    w->slept = tr_sleep(self, TR_FOREVER);
    w->is_stopping = tr_self_is_stopping(self);
    w->slept_again = tr_sleep(self, tr_ms(1));
    w->called = tr_call(self, w->other, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_ms(1));
    tr_ref_t child;
    w->spawned = tr_spawn(self, PUPPET(NULL), &child);
    return TR_ECANCELED;
}

Test(stop, cancels_the_wait_and_every_later_one, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    waits w = {.other = troupe_puppet(p.rt, NULL)};
    cue_init(&w.in_wait);
    deed d = {.child = child_of(&p, PUPPET(NULL))};
    assert_ok(troupe_prompt(p.rt, d.child, wait_and_try_again, &w));
    CUE_AWAIT(&w.in_wait);
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    assert_err(w.slept, TR_ECANCELED);
    cr_assert(w.is_stopping);
    assert_err(w.slept_again, TR_ECANCELED);
    assert_err(w.called, TR_ECANCELED);
    assert_err(w.spawned, TR_ECANCELED);
    assert_ok(last_news(&p)->reason); // to give up because of a stop is no failure
    troupe_end(p.rt);
}

// ---- the order in which children end

#define BROOD 5

typedef struct brood {
    _Atomic int next;
    int order[BROOD];
    _Atomic int all_told; // stop handlers that run at one time
    cue everybody;
    tr_stop_order_t stop_order;
} brood;

typedef struct chick {
    brood *brood;
    int number;
} chick;

static void
note_order(tr_self *self, void *arg, tr_err_t reason)
{
    (void)reason;
    chick *c = arg;
    if (c->brood->stop_order == TR_STOP_TOGETHER) {
        // Nobody ends before everybody was told.
        if (++c->brood->all_told == BROOD) {
            cue_give(&c->brood->everybody);
        }
        while (c->brood->all_told < BROOD) {
            if (tr_sleep(self, tr_ms(1)) != TR_OK) {
                return;
            }
        }
    }
    c->brood->order[c->brood->next++] = c->number;
}

typedef struct hatching {
    brood *brood;
    chick chicks[BROOD];
} hatching;

static tr_err_t
hatch(tr_self *self, void *arg)
{
    hatching *h = arg;
    for (int i = 0; i < BROOD; i++) {
        h->chicks[i] = (chick){.brood = h->brood, .number = i};
        tr_ref_t ref;
        part role = {.stop = note_order, .arg = &h->chicks[i]};
        expect_ok(tr_spawn(self, PUPPET(&role), &ref));
    }
    return TR_OK;
}

Test(children, are_stopped_one_by_one_the_youngest_first, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    brood b = {.stop_order = TR_STOP_REVERSE};
    hatching h = {.brood = &b};
    part role = {.start = hatch, .arg = &h};
    deed d = {.child = child_of(&p, PUPPET(&role))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, b.next, BROOD));
    for (int i = 0; i < BROOD; i++) {
        cr_assert(eq(int, b.order[i], BROOD - 1 - i));
    }
    troupe_end(p.rt);
}

// Three in order, and one more ahead of the second; then one ahead of who has ended.
static tr_err_t
hatch_out_of_order(tr_self *self, void *arg)
{
    hatching *h = arg;
    tr_ref_t refs[BROOD] = {TR_REF_NONE};
    tr_ref_t before[BROOD] = {TR_REF_NONE};
    for (int i = 0; i < BROOD; i++) {
        h->chicks[i] = (chick){.brood = h->brood, .number = i};
        part role = {.stop = note_order, .arg = &h->chicks[i]};
        before[3] = refs[1];
        expect_ok(tr_spawn(self, PUPPET_WITH(&role, .before = before[i]), &refs[i]));
        if (i == 3) {
            expect_ok(tr_kill(self, refs[0]));
            expect_err(tr_call(self, refs[0], ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, TR_FOREVER),
                       TR_EDEAD);
            before[4] = refs[0];
        }
    }
    expect_err(tr_spawn(self, PUPPET_WITH(NULL, .before = tr_self_ref(self)), &refs[0]), TR_EINVAL);
    expect_err(tr_spawn(self, PUPPET_WITH(NULL, .before = tr_self_parent(self)), &refs[0]),
               TR_EINVAL);
    return TR_OK;
}

Test(children, are_stopped_in_the_place_that_they_were_given, .timeout = 30)
{
    static const int order[] = {4, 2, 1, 3};
    parent p;
    parent_begin(&p);
    brood b = {.stop_order = TR_STOP_REVERSE};
    hatching h = {.brood = &b};
    part role = {.start = hatch_out_of_order, .arg = &h};
    deed d = {.child = child_of(&p, PUPPET(&role))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, b.next, 4));
    for (int i = 0; i < 4; i++) {
        cr_assert(eq(int, b.order[i], order[i]));
    }
    troupe_end(p.rt);
}

Test(children, are_stopped_together_when_the_parent_says_so, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    brood b = {.stop_order = TR_STOP_TOGETHER};
    cue_init(&b.everybody);
    hatching h = {.brood = &b};
    part role = {.start = hatch, .arg = &h};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .stop_order = TR_STOP_TOGETHER))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&b.everybody);
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, b.next, BROOD));
    assert_ok(last_news(&p)->reason);
    troupe_end(p.rt);
}

static tr_err_t
have_slow_child(tr_self *self, void *arg)
{
    tr_ref_t ref;
    return tr_spawn(self, PUPPET((&(part){.stop = note_stop, .arg = arg})), &ref);
}

Test(children, in_a_slow_stop_are_killed_with_their_parent, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    deed d = {.child = child_of(&p, PUPPET((&(part){.start = have_slow_child, .arg = &s})))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&s.in_stop);
    assert_ok(deed_of(&p, do_kill, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    assert_err(s.waited, TR_EBUSY);
    troupe_end(p.rt);
}

Test(children, by_the_thousand_end_with_one_kill, .timeout = 60)
{
    tr_runtime *rt = troupe_begin(2);
    for (int i = 0; i < 3000; i++) {
        tr_ref_t ref;
        assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &plain_puppet}, &ref));
    }
    tr_runtime_kill(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
    troupe_expect_empty(rt);
    tr_runtime_destroy(rt);
}
