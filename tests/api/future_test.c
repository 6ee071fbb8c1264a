// future_test.c: calls under way, awaited, canceled or left behind.
#include "underway.h"

TestSuite(future, .timeout = 60);

static tr_err_t
result_of(tr_ref_t to, act_fn fn)
{
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, to, fn);
    play(caller, run_errand, &e);
    return e.err;
}

// ---- how one fails

static tr_err_t
use_none(tr_self *self, void *arg)
{
    (void)arg;
    const acted *answer = NULL;
    cr_expect(tr_future_is_done(NULL));
    expect_err(tr_future_await(self, NULL, TR_REPLY(acted, &answer)), TR_ENOMEM);
    cr_expect(answer == NULL);
    tr_future_cancel(self, NULL);
    return TR_OK;
}

Test(future, that_is_null_has_failed_for_want_of_memory)
{
    scene_begin();
    play(actor_at(0), use_none, NULL);
    scene_end();
}

static tr_err_t
begin_in_vain(tr_self *self, void *arg)
{
    errand *e = arg;
    e->future = tr_call_begin(self, e->to, ACT_MSG(do_nothing, NULL), e->timeout);
    cr_expect(tr_future_is_done(e->future));
    return await_errand(self, e);
}

Test(future, of_a_dead_actor_is_done_at_once)
{
    scene_begin();
    errand e;
    errand_init(&e, dead_actor(), do_nothing);
    play(actor_at(0), begin_in_vain, &e);
    assert_err(e.err, TR_EDEAD);
    e.to = TR_REF_NONE;
    play(actor_at(0), begin_in_vain, &e);
    assert_err(e.err, TR_EDEAD);
    scene_end();
}

static tr_err_t
call_myself(tr_self *self, void *arg)
{
    errand *e = arg;
    e->to = tr_self_ref(self);
    return begin_in_vain(self, e);
}

static tr_err_t
call_with_nothing(tr_self *self, void *arg)
{
    errand *e = arg;
    e->future = tr_call_begin(self, e->to, NULL, NULL, e->timeout);
    return await_errand(self, e);
}

Test(future, of_a_call_that_is_none_says_so)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), do_nothing);
    play(caller, call_with_nothing, &e);
    assert_err(e.err, TR_EINVAL);
    play(caller, call_myself, &e);
    assert_err(e.err, TR_EDEADLK);
    scene_end();
}

static tr_err_t
do_not_handle(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EUNHANDLED;
}

Test(future, says_what_a_call_would)
{
    scene_begin();
    assert_err(result_of(actor_at(1), return_eio), TR_ECRASHED);
    assert_err(result_of(actor_at(1), fail_with_text), TR_ECRASHED);
    assert_err(result_of(actor_at(1), leave), TR_OK);
    assert_err(result_of(actor_at(1), do_not_handle), TR_EUNHANDLED);
    assert_err(result_of(actor_at(1), answer_with_ebusy), TR_EBUSY);
    assert_err(result_of(actor_at(1), do_nothing), TR_OK);
    scene_end();
}

static tr_err_t
await_a_number(tr_self *self, void *arg)
{
    errand *e = arg;
    const number *n = NULL;
    begin_errand(self, e);
    e->err = tr_future_await(self, e->future, TR_REPLY(number, &n));
    cr_expect(n == NULL, "written on an error");
    return TR_OK;
}

Test(future, answered_with_another_type_is_etype)
{
    scene_begin();
    errand e;
    errand_init(&e, actor_at(1), do_nothing);
    play(actor_at(0), await_a_number, &e);
    assert_err(e.err, TR_ETYPE);
    scene_end();
}

// ---- a mailbox without room

// One that stands still, with as much before it as its mailbox takes.
static tr_ref_t
full_actor(errand *stalls, tr_full_policy_t full)
{
    tr_ref_t ref = stalled_actor(stalls, narrow_actor(1, full));
    prompt(ref, do_nothing, NULL);
    return ref;
}

Test(future, of_a_full_mailbox_that_takes_no_more_is_efull)
{
    tr_full_policy_t policies[] = {TR_REJECT, TR_DROP_NEWEST};
    for (int i = 0; i < 2; i++) {
        scene_begin();
        errand e, stalls;
        errand_init(&e, full_actor(&stalls, policies[i]), do_nothing);
        play(actor_at(0), begin_in_vain, &e);
        assert_err(e.err, TR_EFULL);
        go_on(&stalls);
        scene_end();
    }
}

Test(future, whose_request_is_dropped_for_another_is_efull)
{
    scene_begin();
    errand e, stalls;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, full_actor(&stalls, TR_DROP_OLDEST), stay);
    play(caller, begin_errand, &e);
    prompt(e.to, do_nothing, NULL); // in its place
    play(caller, await_errand, &e);
    assert_err(e.err, TR_EFULL);
    cr_assert(eq(u32, e.begins, 0));
    go_on(&stalls);
    scene_end();
}

Test(future, that_finds_no_room_in_time_is_etimeout)
{
    scene_begin();
    errand e, stalls;
    errand_init(&e, full_actor(&stalls, TR_SUSPEND), stay);
    e.timeout = tr_ms(3);
    play(actor_at(0), begin_in_vain, &e);
    assert_err(e.err, TR_ETIMEOUT);
    go_on(&stalls);
    play(e.to, do_nothing, NULL);
    cr_assert(eq(u32, e.begins, 0));
    scene_end();
}

// The caller stops being there while its call waits for room: by order, or killed.
static void
leave_the_queue(act_fn how)
{
    scene_begin();
    errand e, stalls;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, full_actor(&stalls, TR_SUSPEND), stay);
    prompt(caller, begin_errand, &e);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    order(caller, how);
    CUE_AWAIT(&s.p.told);
    go_on(&stalls);
    play(e.to, do_nothing, NULL); // there is room for this
    cr_assert(eq(u32, e.begins, 0));
    assert_err(last_news(&s.p)->reason, how == do_kill ? TR_EKILLED : TR_OK);
    scene_end();
}

Test(future, of_a_caller_stopped_while_it_waits_for_room_is_not_begun)
{
    leave_the_queue(do_stop);
}

Test(future, of_a_caller_killed_while_it_waits_for_room_is_not_begun)
{
    leave_the_queue(do_kill);
}

// ---- awaiting

Test(future, is_awaited_by_a_later_handler)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), dawdle);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play(caller, do_nothing, NULL); // the caller is open to others meanwhile
    e.may_go_on = true;
    play(caller, await_errand, &e);
    assert_ok(e.err);
    scene_end();
}

typedef struct several {
    errand each[3];
} several;

static tr_err_t
begin_several(tr_self *self, void *arg)
{
    several *all = arg;
    for (int i = 0; i < 3; i++) {
        begin_errand(self, &all->each[i]);
    }
    return TR_OK;
}

static tr_err_t
await_several(tr_self *self, void *arg)
{
    several *all = arg;
    for (int i = 2; i >= 0; i--) { // not the order in which they were begun, or done
        await_errand(self, &all->each[i]);
    }
    return TR_OK;
}

Test(future, of_several_calls_has_them_under_way_at_once)
{
    scene_begin();
    several all;
    tr_ref_t caller = actor_at(0);
    for (uint32_t i = 0; i < 3; i++) {
        errand_init(&all.each[i], actor_at(i), dawdle);
    }
    play(caller, begin_several, &all);
    for (int i = 0; i < 3; i++) {
        CUE_AWAIT(&all.each[i].begun); // all of them before the first is answered
    }
    for (int i = 0; i < 3; i++) {
        all.each[i].may_go_on = true;
    }
    play(caller, await_several, &all);
    for (int i = 0; i < 3; i++) {
        assert_ok(all.each[i].err);
    }
    scene_end();
}

static tr_err_t
read_answer(tr_self *self, void *arg)
{
    errand *e = arg;
    const tr_message *any = NULL;
    e->err = tr_future_await(self, e->future, TR_REPLY_ANY(&any));
    cr_expect(any != NULL);
    tr_release(self, any);
    begin_errand(self, e);
    expect_ok(tr_future_await(self, e->future, TR_REPLY_ANY(&any)));
    cr_expect(
        not(eq(ptr, (void *)tr_as(acted, any), NULL))); // this one stays until the handler is over
    return TR_OK;
}

Test(future, lends_its_answer_like_a_call)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), do_nothing);
    play(caller, begin_errand, &e);
    play(caller, read_answer, &e);
    assert_ok(e.err);
    scene_end();
}

// The caller ends while it awaits the answer; its callee is told.
static void
end_while_awaiting(act_fn how)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stay);
    prompt(caller, run_errand, &e);
    CUE_AWAIT(&e.begun);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
    order(caller, how);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    play(e.to, do_nothing, NULL);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    assert_err(e.err, how == do_kill ? TR_EBUSY : TR_ECANCELED);
    scene_end();
}

Test(future, of_a_caller_stopped_while_it_awaits_is_canceled)
{
    end_while_awaiting(do_stop);
}

Test(future, of_a_caller_killed_while_it_awaits_is_canceled)
{
    end_while_awaiting(do_kill);
}

// ---- its deadline

Test(future, whose_deadline_passes_while_nobody_waits_is_done_and_its_callee_told)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stay);
    begin_with_little_time(&e, caller);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ETIMEOUT);   // the wait had the deadline of the request
    assert_err(e.second, TR_ECANCELED); // and what begins after it is for nobody
    play(caller, await_errand, &e);
    assert_err(e.err, TR_ETIMEOUT);
    expect_alive(e.to);
    scene_end();
}

static tr_err_t
begin_then_await_late(tr_self *self, void *arg)
{
    errand *e = arg;
    begin_errand(self, e);
    expect_ok(tr_sleep(self, tr_ms(15)));
    return await_errand(self, e);
}

Test(future, whose_deadline_passes_before_it_is_awaited_is_etimeout)
{
    scene_begin();
    errand e;
    errand_init(&e, actor_at(1), stay);
    e.timeout = tr_ms(3);
    play(actor_at(0), begin_then_await_late, &e);
    assert_err(e.err, TR_ETIMEOUT);
    scene_end();
}

Test(future, begun_with_much_time_and_awaited_with_little_is_canceled)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stay);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play_in_little_time(caller, await_errand, &e);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    expect_alive(e.to);
    expect_alive(caller);
    assert_err(e.err, TR_ETIMEOUT);
    scene_end();
}

// ---- what comes too late

Test(future, canceled_before_its_answer_comes_has_it_counted_as_returned)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stall);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    uint64_t returned = ledger().returned;
    play(caller, cancel_errand, &e);
    go_on(&e);
    TROUPE_EVENTUALLY(ledger().returned == returned + 1);
    scene_end();
}

Test(future, canceled_after_its_answer_has_come_returns_nothing)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), do_nothing);
    play(caller, begin_errand, &e);
    TROUPE_EVENTUALLY(is_done(caller, &e));
    uint64_t returned = ledger().returned;
    play(caller, cancel_errand, &e);
    troupe_expect_balance(s.p.rt);
    cr_assert(eq(u64, ledger().returned, returned));
    scene_end();
}

Test(future, left_open_when_its_life_ends_is_canceled)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        errand open, done;
        tr_ref_t caller = actor_at(0);
        errand_init(&open, actor_at(1), stay);
        errand_init(&done, actor_at(1), do_nothing);
        play(caller, begin_errand, &open);
        play(caller, begin_errand, &done);
        CUE_AWAIT(&open.begun);
        TROUPE_EVENTUALLY(is_done(caller, &done));
        end_life(&s, caller, how);
        CUE_AWAIT(&open.over);
        assert_err(open.first, TR_ECANCELED);
        scene_end();
    }
}

static void
await_in_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)reason;
    await_errand(self, arg);
}

Test(future, may_be_awaited_by_the_stop_handler)
{
    scene_begin();
    errand e;
    part role = {.stop = await_in_stop, .arg = &e};
    tr_ref_t caller = child_of(&s.p, PUPPET(&role));
    errand_init(&e, actor_at(1), dawdle);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    order(caller, do_stop);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2)); // the caller in its stop handler
    e.may_go_on = true;
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    assert_ok(e.err);
    scene_end();
}

// ---- restart

Test(future, of_an_old_life_is_unknown_to_the_new_one)
{
    scene_begin();
    errand e, fresh;
    tr_ref_t caller = child_of(&s.p, PUPPET_WITH(NULL, .after_exit = TR_AFTER_EXIT_HOLD));
    errand_init(&e, actor_at(1), stall);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    prompt(caller, return_eio, NULL);
    CUE_AWAIT(&s.p.told);
    order(caller, do_restart);
    errand_init(&fresh, actor_at(0), dawdle);
    play(caller, begin_errand, &fresh);
    CUE_AWAIT(&fresh.begun);
    uint64_t returned = ledger().returned;
    go_on(&e); // answers the old life
    TROUPE_EVENTUALLY(ledger().returned == returned + 1);
    cr_assert(not(is_done(caller, &fresh)));
    fresh.may_go_on = true;
    play(caller, await_errand, &fresh);
    assert_ok(fresh.err);
    scene_end();
}

// ---- in a select

typedef struct choice {
    errand each[2];
    tr_duration_t timeout;
    tr_err_t err;
    size_t which;
} choice;

static tr_err_t
choose(tr_self *self, void *arg)
{
    choice *c = arg;
    tr_branch_t branches[] = {tr_when_done(c->each[0].future), tr_when_done(c->each[1].future)};
    c->err = tr_select_biased(self, branches, 2, c->timeout, &c->which);
    return TR_OK;
}

static void
begin_choice(choice *c, tr_ref_t caller)
{
    *c = (choice){.timeout = TR_FOREVER, .which = 99};
    for (int i = 0; i < 2; i++) {
        errand_init(&c->each[i], actor_at(1), dawdle);
        play(caller, begin_errand, &c->each[i]);
        CUE_AWAIT(&c->each[i].begun);
    }
}

Test(future, that_is_not_done_leaves_a_select_without_time)
{
    scene_begin();
    choice c;
    tr_ref_t caller = actor_at(0);
    begin_choice(&c, caller);
    c.timeout = tr_ms(0);
    play(caller, choose, &c);
    assert_err(c.err, TR_ETIMEOUT);
    cr_assert(eq(sz, c.which, 99));
    scene_end();
}

Test(future, wakes_a_select_when_it_is_answered_and_the_loser_has_lost_nothing)
{
    scene_begin();
    choice c;
    tr_ref_t caller = actor_at(0);
    begin_choice(&c, caller);
    prompt(caller, choose, &c);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 3));
    c.each[1].may_go_on = true;
    play(caller, await_errand, &c.each[1]);
    assert_ok(c.err);
    cr_assert(eq(sz, c.which, 1));
    assert_ok(c.each[1].err);
    c.each[0].may_go_on = true;
    play(caller, await_errand, &c.each[0]);
    assert_ok(c.each[0].err);
    scene_end();
}

Test(future, wakes_a_select_when_its_deadline_passes)
{
    scene_begin();
    choice c = {.timeout = TR_FOREVER};
    tr_ref_t caller = actor_at(0);
    errand_init(&c.each[0], actor_at(1), stay);
    errand_init(&c.each[1], actor_at(1), stay);
    c.each[1].timeout = tr_ms(10);
    play(caller, begin_errand, &c.each[0]);
    play(caller, begin_errand, &c.each[1]);
    play(caller, choose, &c);
    assert_ok(c.err);
    cr_assert(eq(sz, c.which, 1));
    play(caller, await_errand, &c.each[1]);
    assert_err(c.each[1].err, TR_ETIMEOUT);
    scene_end();
}

static tr_err_t
choose_none(tr_self *self, void *arg)
{
    choice *c = arg;
    tr_branch_t branch = tr_when_done(NULL);
    c->err = tr_select(self, &branch, 1, tr_ms(0), &c->which);
    return TR_OK;
}

Test(future, that_is_null_is_ready_in_a_select)
{
    scene_begin();
    choice c = {.which = 99};
    play(actor_at(0), choose_none, &c);
    assert_ok(c.err);
    cr_assert(eq(sz, c.which, 0));
    scene_end();
}
