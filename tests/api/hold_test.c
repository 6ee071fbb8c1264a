// hold_test.c: a parent ends the life of a child and keeps its place; and lets it turn callers
// away.
#include "lives.h"

TestSuite(hold, .timeout = 60);

static uint64_t
stacks(tr_runtime *rt)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.stacks;
}

static void
numbers_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)self;
    (void)reason;
    ((numbers *)arg)->starts += 100;
}

static void
sleep_in_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)reason;
    if (tr_sleep(self, TR_FOREVER) == TR_OK) {
        ((numbers *)arg)->starts = -1;
    }
}

static tr_err_t
hold_child_of_another(tr_self *self, void *arg)
{
    return do_hold(self, arg);
}

Test(hold, is_for_ones_own_children_that_are_to_be_held)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .mailbox_count = 4))};
    assert_err(deed_of(&p, do_hold, &d), TR_EINVAL); // it is of those that end
    assert_err(deed_of(&p, do_refuse, &d), TR_EALREADY);
    deed other = {.child = child_of(&p, HOLD_OPTS(&role)), .err = TR_EBUSY};
    assert_ok(troupe_act(p.rt, troupe_puppet(p.rt, NULL), hold_child_of_another, &other));
    assert_err(other.err, TR_EINVAL);
    assert_ok(deed_of(&p, do_stop, &other));
    TROUPE_EVENTUALLY(troupe_is_gone(p.rt, other.child));
    assert_err(deed_of(&p, do_hold, &other), TR_EDEAD);
    assert_err(deed_of(&p, do_refuse, &other), TR_EDEAD);
    troupe_end(p.rt);
}

Test(hold, ends_a_life_in_good_order_and_keeps_address_and_mail)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .stop = numbers_stop, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(deed_of(&p, do_hold, &d));
    cr_assert(eq(int, n.starts, 101)); // it is over when tr_hold returns
    assert_ok(deed_of(&p, do_hold, &d));
    assert_ok(send_number(&p, d.child, 1));
    assert_ok(send_number(&p, d.child, 2));
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n.count, 2));
    cr_assert(eq(u32, n.incarnation, 2));
    cr_assert(eq(int, p.count, 0)); // and no news of it
    troupe_end(p.rt);
}

static tr_err_t
crash_and_hold(tr_self *self, void *arg)
{
    deed *d = arg;
    const tr_message *msg;
    d->err = tr_send(self, d->child, TR_MSG(number, .value = 13));
    // It is on the same worker: its end has come in then, and has not been heard of.
    for (int i = 0; i < 3 && d->err == TR_OK; i++) {
        d->err = tr_yield(self);
    }
    if (d->err == TR_OK) {
        d->err = tr_hold(self, d->child);
    }
    return tr_receive(self, TR_TYPES(tr_child_exit), &msg, tr_ms(0)) == TR_ETIMEOUT ? TR_OK
                                                                                    : TR_EIO;
}

Test(hold, of_one_that_has_just_failed_is_the_news_of_it)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD,
                                                .place = TR_PLACE_NEAR))};
    assert_ok(troupe_act(p.rt, p.ref, crash_and_hold, &d));
    assert_ok(d.err);
    assert_ok(deed_of(&p, do_restart, &d));
    cr_assert(eq(u32, n.incarnation, 2));
    cr_assert(eq(int, p.count, 0));
    troupe_end(p.rt);
}

Test(hold, kills_one_that_does_not_end_in_its_time_and_holds_it_all_the_same)
{
    parent p;
    parent_begin(&p);
    cue sleeps;
    cue_init(&sleeps);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .stop = sleep_in_stop, .arg = &n};
    deed d = {.child = child_of(
                  &p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD, .shutdown_ms = 20))};
    assert_ok(deed_of(&p, do_hold, &d));
    assert_ok(deed_of(&p, do_restart, &d));
    cr_assert(eq(u32, n.incarnation, 2));
    deed at_once = {.child = child_of(&p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD,
                                                      .shutdown_ms = TR_SHUTDOWN_KILL))};
    assert_ok(troupe_prompt(p.rt, at_once.child, sleep_forever, &sleeps));
    CUE_AWAIT(&sleeps);
    assert_ok(deed_of(&p, do_hold, &at_once));
    assert_ok(deed_of(&p, do_restart, &at_once));
    cr_assert(eq(int, p.count, 0));
    troupe_end(p.rt);
}

typedef struct stubborn {
    numbers n;
    deed d;
} stubborn;

static tr_err_t
hold_and_be_stopped(tr_self *self, void *arg)
{
    stubborn *s = arg;
    s->d.err = tr_hold(self, s->d.child);
    return TR_OK;
}

Test(hold, is_given_up_by_a_parent_that_is_stopped_and_the_child_ends_with_it)
{
    tr_runtime *rt = troupe_begin(2);
    stubborn s = {.n = {.start_error = TR_OK}};
    part role = {
        .start = start_counting, .receive = take_number, .stop = sleep_in_stop, .arg = &s.n};
    deed raise = {.opts = PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD, .shutdown_ms = 50)};
    tr_ref_t mother = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, mother, do_spawn, &raise));
    s.d = (deed){.child = raise.child, .err = TR_EBUSY};
    assert_ok(troupe_prompt(rt, mother, hold_and_be_stopped, &s));
    TROUPE_EVENTUALLY(stacks(rt) == 2); // it holds; the child is in its stop handler
    troupe_end(rt);
    assert_err(s.d.err, TR_ECANCELED);
}

// ---- a start that takes too long

static tr_err_t
start_late(tr_self *self, void *arg)
{
    numbers *n = arg;
    n->starts++;
    n->incarnation = tr_self_incarnation(self);
    return n->incarnation == 2 ? tr_sleep(self, TR_FOREVER) : TR_OK;
}

Test(restart, whose_start_takes_too_long_is_news_when_it_is_held_again)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_late, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD,
                                                .start_timeout_ms = 20))};
    assert_ok(deed_of(&p, do_hold, &d));
    assert_ok(send_number(&p, d.child, 7));
    assert_err(deed_of(&p, do_restart, &d), TR_ETIMEOUT);
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    cr_assert(last_news(&p)->held);
    cr_assert(eq(u32, last_news(&p)->incarnation, 2));
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(u64, n.seen[0], 7));
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

static tr_err_t
keep_the_worker(tr_self *self, void *arg)
{
    cue *const *cues = arg;
    (void)self;
    cue_give(cues[0]);
    while (sem_trywait(&cues[1]->sem) != 0) {
        troupe_pause();
    }
    return TR_OK;
}

Test(restart, that_had_no_turn_to_begin_in_its_time_leaves_the_child_held)
{
    parent p;
    parent_begin(&p); // on worker 0
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD,
                                                .start_timeout_ms = 20, .place = TR_PLACE_AT,
                                                .worker = 1))};
    tr_ref_t busy = child_of(&p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
    cue is_busy, is_over;
    cue *cues[] = {&is_busy, &is_over};
    cue_init(&is_busy);
    cue_init(&is_over);
    assert_ok(deed_of(&p, do_hold, &d));
    assert_ok(troupe_prompt(p.rt, busy, keep_the_worker, cues));
    CUE_AWAIT(&is_busy);
    assert_err(deed_of(&p, do_restart, &d), TR_ETIMEOUT);
    cue_give(&is_over);
    assert_ok(troupe_act(p.rt, busy, do_nothing, NULL));
    cr_assert(eq(int, n.starts, 1)); // nothing has begun that nobody waits for
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(u32, n.incarnation, 2));
    cr_assert(eq(int, p.count, 0)); // and there was no news
    troupe_end(p.rt);
}

// ---- turned away

typedef struct request {
    tr_ref_t to;
    tr_duration_t timeout;
    bool is_send;
    tr_err_t err;
} request;

static tr_err_t
make_request(tr_self *self, void *arg)
{
    request *r = arg;
    r->err = r->is_send
                 ? tr_send(self, r->to, TR_MSG(number, .value = 9))
                 : tr_call(self, r->to, TR_MSG(number, .value = 9), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static void
begin_request(parent *p, tr_ref_t who, request *r, uint64_t count)
{
    assert_ok(troupe_prompt(p->rt, who, make_request, r));
    TROUPE_EVENTUALLY(stacks(p->rt) == count);
}

static void
expect_turned_away(parent *p, const tr_spawn_opts_t *opts, numbers *n)
{
    deed d = {.child = child_of(p, opts)};
    assert_err(deed_of(p, do_refuse, &d), TR_EALREADY); // it lives
    assert_ok(deed_of(p, do_hold, &d));
    assert_ok(send_number(p, d.child, 1));
    tr_ref_t who[2] = {troupe_puppet(p->rt, NULL), troupe_puppet(p->rt, NULL)};
    request queued = {.to = d.child, .err = TR_EBUSY};
    begin_request(p, who[0], &queued, 1);
    assert_ok(send_number(p, d.child, 2));
    assert_ok(deed_of(p, do_refuse, &d));
    assert_ok(troupe_act(p->rt, who[0], do_nothing, NULL));
    assert_err(queued.err, TR_EDOWN);
    request late = {.to = d.child, .err = TR_EBUSY};
    assert_ok(troupe_act(p->rt, who[1], make_request, &late));
    assert_err(late.err, TR_EDOWN);
    assert_ok(send_number(p, d.child, 3));
    assert_ok(deed_of(p, do_restart, &d));
    assert_ok(troupe_act(p->rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n->count, 3)); // what asked for no answer stayed, in order
    for (uint64_t i = 0; i < 3; i++) {
        cr_assert(eq(u64, n->seen[i], i + 1));
    }
    request again = {.to = d.child, .err = TR_EBUSY};
    assert_ok(troupe_act(p->rt, who[1], make_request, &again));
    assert_err(again.err, TR_ENOREPLY); // it is up
    troupe_expect_balance(p->rt);
}

Test(refuse, turns_calls_away_and_keeps_messages)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    expect_turned_away(&p, HOLD_OPTS(&role), &n);
    troupe_end(p.rt);
}

Test(refuse, also_where_the_oldest_are_dropped)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    expect_turned_away(&p,
                       PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD, .mailbox_count = 4,
                                   .full = TR_DROP_OLDEST),
                       &n);
    troupe_end(p.rt);
}

Test(refuse, turns_away_who_waits_for_room)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(deed_of(&p, do_hold, &d));
    for (uint64_t i = 0; i < 4; i++) {
        assert_ok(send_number(&p, d.child, i));
    }
    tr_ref_t who = troupe_puppet(p.rt, NULL);
    request waits = {.to = d.child, .is_send = true, .err = TR_EBUSY};
    begin_request(&p, who, &waits, 1);
    assert_ok(deed_of(&p, do_refuse, &d));
    assert_ok(troupe_act(p.rt, who, do_nothing, NULL));
    assert_err(waits.err, TR_EDOWN);
    assert_ok(troupe_act(p.rt, who, make_request, &waits)); // and who comes later
    assert_err(waits.err, TR_EDOWN);
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n.count, 4));
    troupe_end(p.rt);
}

static tr_err_t
stash_calls(tr_self *self, void *arg, const tr_message *msg)
{
    return tr_message_is_call(msg) ? tr_stash(self) : take_number(self, arg, msg);
}

Test(refuse, turns_away_what_was_set_aside)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = stash_calls, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    tr_ref_t who = troupe_puppet(p.rt, NULL);
    request aside = {.to = d.child, .err = TR_EBUSY};
    begin_request(&p, who, &aside, 1);
    assert_ok(send_number(&p, d.child, 1));
    TROUPE_EVENTUALLY(n.count == 1);
    assert_ok(deed_of(&p, do_hold, &d));
    assert_ok(deed_of(&p, do_refuse, &d));
    assert_ok(troupe_act(p.rt, who, do_nothing, NULL));
    assert_err(aside.err, TR_EDOWN);
    troupe_end(p.rt);
}
