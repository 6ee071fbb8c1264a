// cancel_test.c: nobody waits for the answer any more, and whoever has the request is told.
#include "underway.h"

TestSuite(cancel, .timeout = 60);

// ---- a request that is queued

// In the mailbox of one that stands still, behind what stalls it.
static tr_ref_t
queue_errand(errand *e, errand *stalls, tr_ref_t callee, tr_ref_t caller)
{
    errand_init(e, stalled_actor(stalls, callee), stay);
    play(caller, begin_errand, e);
    return callee;
}

static void
expect_not_begun(errand *e, errand *stalls, uint64_t expired)
{
    go_on(stalls);
    expect_alive(e->to);
    cr_assert(eq(u32, e->begins, 0));
    cr_assert(eq(u64, ledger().expired, expired));
}

Test(cancel, of_a_queued_request_takes_it_out)
{
    static const tr_full_policy_t policies[] = {TR_SUSPEND, TR_REJECT, TR_DROP_NEWEST,
                                                TR_DROP_OLDEST};
    for (int i = 0; i < 4; i++) {
        scene_begin();
        errand e, stalls;
        tr_ref_t caller = actor_at(0);
        queue_errand(&e, &stalls, narrow_actor(4, policies[i]), caller);
        play(caller, cancel_errand, &e);
        expect_not_begun(&e, &stalls, 1);
        cr_assert(eq(u64, ledger().returned, 0)); // and it was not answered either
        scene_end();
    }
}

Test(cancel, of_a_queued_request_by_the_end_of_its_caller_takes_it_out)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        errand e, stalls;
        tr_ref_t caller = actor_at(0);
        queue_errand(&e, &stalls, actor_at(1), caller);
        end_life(&s, caller, how);
        go_on(&stalls);
        play(e.to, do_nothing, NULL);
        cr_assert(eq(u32, e.begins, 0));
        cr_assert(eq(u64, ledger().expired, 1));
        scene_end();
    }
}

static tr_err_t
send_a_number(tr_self *self, void *arg)
{
    errand *e = arg;
    e->err = tr_send(self, e->to, ACT_MSG(do_nothing, NULL));
    cue_give(&e->over);
    return TR_OK;
}

// A callee that sleeps in a handler has its worker free: it takes the request out at once.
Test(cancel, of_a_queued_request_gives_its_room_to_who_waits_for_it)
{
    scene_begin();
    errand busy, e, sends;
    tr_ref_t caller = actor_at(0), sender = actor_at(0);
    tr_ref_t callee = narrow_actor(1, TR_SUSPEND);
    errand_init(&busy, callee, dawdle);
    errand_init(&e, callee, stay);
    errand_init(&sends, callee, NULL);
    prompt(callee, dawdle, &busy);
    CUE_AWAIT(&busy.begun);
    play(caller, begin_errand, &e);
    prompt(sender, send_a_number, &sends);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
    play(caller, cancel_errand, &e);
    CUE_AWAIT(&sends.over); // while the callee is still busy
    assert_ok(sends.err);
    busy.may_go_on = true;
    expect_alive(callee);
    cr_assert(eq(u32, e.begins, 0));
    cr_assert(eq(u64, ledger().expired, 1));
    scene_end();
}

// ---- while the callee receives

#define WANTED(F, T) F(T, u64, value)
TR_MESSAGE(wanted, WANTED);

typedef struct reception {
    cue waits, over;
    tr_err_t err;
    uint64_t value;
} reception;

static tr_err_t
receive_wanted(tr_self *self, void *arg)
{
    reception *r = arg;
    const tr_message *msg;
    cue_give(&r->waits);
    r->err = tr_receive(self, TR_TYPES(wanted), &msg, TR_FOREVER);
    const wanted *w = r->err == TR_OK ? tr_as(wanted, msg) : NULL;
    r->value = w != NULL ? w->value : 0;
    cue_give(&r->over);
    return TR_OK;
}

static tr_err_t
count_number(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    atomic_fetch_add((_Atomic int *)arg, tr_as(number, msg) != NULL);
    return tr_as(number, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static tr_err_t
send_high_number(tr_self *self, void *arg)
{
    return tr_send_high(self, *(tr_ref_t *)arg, TR_MSG(number));
}

// It has looked past the request, and past what is around it: one before and one behind, or none.
static void
cancel_looked_past(tr_full_policy_t full, bool has_before, bool has_behind, bool has_high)
{
    scene_begin();
    _Atomic int numbers = 0;
    reception r = {.err = TR_EBUSY};
    cue_init(&r.waits);
    cue_init(&r.over);
    errand e;
    part role = {.receive = count_number, .arg = &numbers};
    tr_ref_t caller = actor_at(0);
    tr_ref_t callee = child_of(&s.p, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1,
                                                 .mailbox_count = 8, .full = full));
    errand_init(&e, callee, stay);
    prompt(callee, receive_wanted, &r);
    CUE_AWAIT(&r.waits);
    if (has_high) {
        play(caller, send_high_number, &callee);
    }
    if (has_before) {
        assert_ok(tr_runtime_send(s.p.rt, callee, TR_MSG(number), tr_ms(0)));
    }
    play(caller, begin_errand, &e);
    if (has_behind) {
        assert_ok(tr_runtime_send(s.p.rt, callee, TR_MSG(number), tr_ms(0)));
    }
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    play(caller, cancel_errand, &e);
    TROUPE_EVENTUALLY(ledger().expired == 1); // while it waits
    assert_ok(tr_runtime_send(s.p.rt, callee, TR_MSG(number), tr_ms(0)));
    assert_ok(tr_runtime_send(s.p.rt, callee, TR_MSG(wanted, .value = 9), tr_ms(0)));
    CUE_AWAIT(&r.over);
    assert_ok(r.err);
    cr_assert(eq(u64, r.value, 9));
    expect_alive(callee);
    cr_assert(eq(u32, e.begins, 0));
    cr_assert(eq(int, numbers, has_before + has_behind + has_high + 1)); // none is lost
    scene_end();
}

static void
cancel_looked_past_all(tr_full_policy_t full)
{
    for (int i = 0; i < 8; i++) {
        cancel_looked_past(full, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
    }
}

Test(cancel, of_a_request_that_a_receive_has_looked_past_takes_it_out)
{
    cancel_looked_past_all(TR_SUSPEND);
}

Test(cancel, of_a_request_that_a_receive_has_looked_past_takes_it_out_of_the_window_too)
{
    cancel_looked_past_all(TR_DROP_OLDEST);
}

// ---- set aside

static tr_err_t
set_aside(tr_self *self, void *arg)
{
    errand *e = arg;
    if (e->begins == 0) {
        tr_err_t err = tr_stash(self);
        arrive(e);
        return err;
    }
    arrive(e);
    return TR_OK;
}

static tr_err_t
bring_back(tr_self *self, void *arg)
{
    (void)arg;
    tr_unstash_all(self);
    return TR_OK;
}

Test(cancel, of_a_request_that_was_set_aside_takes_it_out)
{
    for (int i = 0; i < 2; i++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        errand_init(&e, narrow_actor(2, i == 0 ? TR_SUSPEND : TR_DROP_OLDEST), set_aside);
        play(caller, begin_errand, &e);
        CUE_AWAIT(&e.begun);
        play(e.to, do_nothing, NULL);
        play(caller, cancel_errand, &e);
        TROUPE_EVENTUALLY(ledger().expired == 1);
        play(e.to, bring_back, NULL);
        expect_alive(e.to);
        cr_assert(eq(u32, e.begins, 1));
        scene_end();
    }
}

static tr_err_t
set_aside_and_stay(tr_self *self, void *arg)
{
    errand *e = arg;
    if (e->begins != 0) {
        arrive(e);
        return TR_OK;
    }
    expect_ok(tr_stash(self));
    return stay(self, e);
}

// It is in hand and will be set aside when its handler returns: that is the same to its caller.
Test(cancel, of_a_request_that_is_being_set_aside_takes_it_out)
{
    for (int i = 0; i < 2; i++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        errand_init(&e, narrow_actor(1, TR_SUSPEND), set_aside_and_stay);
        e.hands_on = i == 1;
        play(caller, begin_errand, &e);
        CUE_AWAIT(&e.begun);
        play(caller, cancel_errand, &e);
        expect_canceled(&e, e.to);
        play(e.to, bring_back, NULL);
        expect_alive(e.to);
        cr_assert(eq(u32, e.begins, 1));
        scene_end();
    }
}

// ---- in the high lane

// The one lane that calls reach by delegation alone: a message that was sent high is no call.
Test(cancel, of_a_request_behind_high_messages_takes_it_out)
{
    scene_begin();
    errand e, stalls;
    tr_ref_t caller = actor_at(0);
    _Atomic int numbers = 0;
    part role = {.receive = count_number, .arg = &numbers};
    tr_ref_t callee = child_of(&s.p, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1));
    stalled_actor(&stalls, callee);
    play(caller, send_high_number, &callee);
    errand_init(&e, callee, stay);
    play(caller, begin_errand, &e);
    play(caller, send_high_number, &callee);
    play(caller, cancel_errand, &e);
    expect_not_begun(&e, &stalls, 1);
    cr_assert(eq(int, numbers, 2));
    scene_end();
}

// ---- a request in hand

Test(cancel, of_a_running_request_ends_its_waits_and_the_actor_lives_on)
{
    for (int i = 0; i < 2; i++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        errand_init(&e, actor_at(1), stay);
        e.hands_on = i == 1; // that the wait was canceled is no failure
        play(caller, begin_errand, &e);
        CUE_AWAIT(&e.begun);
        play(caller, cancel_errand, &e);
        expect_canceled(&e, e.to);
        scene_end();
    }
}

Test(cancel, of_a_running_request_is_no_restart)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    tr_ref_t callee = child_of(&s.p, PUPPET_WITH(NULL, .after_exit = TR_AFTER_EXIT_HOLD));
    errand_init(&e, callee, stay);
    e.hands_on = true;
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    expect_canceled(&e, callee);
    tr_stats_t stats;
    tr_runtime_stats(s.p.rt, &stats);
    cr_assert(eq(u64, stats.restarts, 0));
    cr_assert(eq(u64, stats.failures, 0));
    scene_end();
}

// The handler that is canceled is the one that has the request: not the next.
Test(cancel, of_one_request_is_nothing_to_the_next)
{
    scene_begin();
    errand e, next;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stay);
    errand_init(&next, e.to, dawdle);
    play(caller, begin_errand, &e);
    play(caller, begin_errand, &next);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    CUE_AWAIT(&e.over);
    CUE_AWAIT(&next.begun);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    next.may_go_on = true;
    play(caller, await_errand, &next);
    assert_ok(next.err);
    assert_ok(next.first);
    scene_end();
}

// Another kind of wait each.
static tr_err_t
wait_for_yields(tr_self *self, void *arg)
{
    errand *e = arg;
    arrive(e);
    do {
        e->first = tr_yield(self);
    } while (e->first == TR_OK);
    e->second = tr_yield(self);
    cue_give(&e->over);
    return TR_OK;
}

static tr_err_t
wait_for_message(tr_self *self, void *arg)
{
    errand *e = arg;
    const tr_message *msg;
    arrive(e);
    e->first = tr_receive(self, TR_TYPES(wanted), &msg, TR_FOREVER);
    e->second = tr_receive(self, TR_TYPES(wanted), &msg, TR_FOREVER);
    cue_give(&e->over);
    return TR_OK;
}

static tr_err_t
wait_for_start(tr_self *self, void *arg)
{
    errand *e = arg;
    part role = {.start = sleep_forever};
    tr_ref_t child;
    arrive(e);
    e->first = tr_spawn(self, PUPPET_WITH(&role, .start_timeout_ms = TR_START_INFINITE), &child);
    e->second = tr_spawn(self, PUPPET_WITH(&role, .start_timeout_ms = TR_START_INFINITE), &child);
    cue_give(&e->over);
    return TR_OK;
}

static tr_err_t
wait_for_set(tr_self *self, void *arg)
{
    errand *e = arg;
    tr_set *set;
    tr_future *done;
    expect_ok(tr_set_create(self, 1, &set));
    expect_ok(tr_set_task(self, set, sleep_forever, NULL, 0, TR_FOREVER));
    arrive(e);
    e->first = tr_set_next(self, set, &done, NULL);
    e->second = tr_set_task(self, set, sleep_forever, NULL, 0, TR_FOREVER);
    tr_set_destroy(self, set);
    cue_give(&e->over);
    return TR_OK;
}

Test(cancel, reaches_every_kind_of_wait)
{
    static const act_fn waits[] = {wait_for_yields, wait_for_message, wait_for_start, wait_for_set};
    for (int i = 0; i < 4; i++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        errand_init(&e, actor_at(1), waits[i]);
        play(caller, begin_errand, &e);
        CUE_AWAIT(&e.begun);
        play(caller, cancel_errand, &e);
        CUE_AWAIT(&e.over);
        assert_err(e.first, TR_ECANCELED);
        assert_err(e.second, TR_ECANCELED);
        play(e.to, do_nothing, NULL);
        scene_end();
    }
}

// A handler that computes is told when it waits next.
static tr_err_t
stall_and_wait(tr_self *self, void *arg)
{
    errand *e = arg;
    tr_err_t err = stall(self, e);
    e->first = tr_sleep(self, TR_FOREVER);
    e->second = tr_sleep(self, TR_FOREVER);
    cue_give(&e->over);
    return err;
}

Test(cancel, of_a_handler_that_computes_is_seen_by_its_next_wait)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stall_and_wait);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    go_on(&e);
    CUE_AWAIT(&e.over);
    expect_canceled(&e, e.to);
    scene_end();
}

// ---- a deferred one

static tr_err_t
look_at_token(tr_self *self, void *arg)
{
    errand *e = arg;
    e->is_wanted = tr_token_is_wanted(self, e->token);
    return TR_OK;
}

static tr_err_t
await_unwanted(tr_self *self, void *arg)
{
    errand *e = arg;
    cue_give(&e->go_on);
    e->first = tr_token_await_unwanted(self, e->token, TR_FOREVER);
    cue_give(&e->over);
    return TR_OK;
}

static tr_err_t
answer_token(tr_self *self, void *arg)
{
    errand *e = arg;
    return tr_token_reply(self, e->token, TR_MSG(acted));
}

static bool
is_wanted(errand *e)
{
    play(e->to, look_at_token, e);
    return e->is_wanted;
}

Test(cancel, of_a_deferred_request_makes_its_answer_unwanted)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), put_off);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    cr_assert(is_wanted(&e));
    play(caller, cancel_errand, &e);
    TROUPE_EVENTUALLY(!is_wanted(&e));
    play(e.to, await_unwanted, &e);
    assert_ok(e.first);
    uint64_t returned = ledger().returned;
    play(e.to, answer_token, &e);
    TROUPE_EVENTUALLY(ledger().returned == returned + 1);
    scene_end();
}

Test(cancel, of_a_deferred_request_wakes_who_waits_for_that)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), put_off);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    prompt(e.to, await_unwanted, &e);
    CUE_AWAIT(&e.go_on);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    play(caller, cancel_errand, &e);
    CUE_AWAIT(&e.over);
    assert_ok(e.first);
    scene_end(); // the token ends with its life
}

static tr_err_t
stay_and_put_off(tr_self *self, void *arg)
{
    errand *e = arg;
    stay(self, e);
    expect_ok(tr_defer(self, &e->token));
    e->is_wanted = tr_token_is_wanted(self, e->token);
    cue_give(&e->over);
    return TR_OK;
}

Test(cancel, of_a_request_that_is_deferred_afterwards_makes_its_answer_unwanted)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), stay_and_put_off);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    CUE_AWAIT(&e.over);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    cr_assert(not(e.is_wanted));
    scene_end();
}

static tr_err_t
put_off_and_stay(tr_self *self, void *arg)
{
    errand *e = arg;
    expect_ok(tr_defer(self, &e->token));
    arrive(e);
    while (tr_token_is_wanted(self, e->token)) {
        expect_ok(tr_sleep(self, tr_us(200)));
    }
    e->first = tr_sleep(self, tr_ms(1)); // its work is no request's any more
    cue_give(&e->over);
    return TR_OK;
}

Test(cancel, of_a_request_deferred_by_a_handler_that_goes_on_does_not_cancel_that)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, actor_at(1), put_off_and_stay);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    CUE_AWAIT(&e.over);
    assert_ok(e.first);
    expect_alive(e.to);
    scene_end();
}

// ---- a call that nobody takes

static tr_err_t
call_channel(tr_self *self, void *arg)
{
    errand *e = arg;
    e->err = tr_call(self, e->to, TR_MSG(number), TR_REPLY_NONE, tr_us(100));
    return TR_OK;
}

static tr_err_t
cancel_channel(tr_self *self, void *arg)
{
    errand *e = arg;
    tr_future_cancel(self, tr_call_begin(self, e->to, TR_MSG(number), TR_FOREVER));
    return TR_OK;
}

Test(cancel, of_a_request_to_a_channel_disturbs_nobody)
{
    scene_begin();
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    errand e;
    tr_ref_t caller = actor_at(0);
    assert_ok(tr_runtime_mpsc_create(s.p.rt, NULL, &tx, &rx));
    errand_init(&e, tr_mpsc_ref(tx), NULL);
    for (int i = 0; i < 10; i++) {
        play(caller, call_channel, &e);
        assert_err(e.err, TR_ETIMEOUT);
        play(caller, cancel_channel, &e);
    }
    const tr_message *msg;
    tr_err_t err;
    while ((err = tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_ms(0))) == TR_OK) {
        tr_runtime_release(s.p.rt, msg);
    }
    assert_err(err, TR_ETIMEOUT);
    play(caller, cancel_channel, &e);
    tr_mpsc_rx_close(rx);
    play(caller, cancel_channel, &e);
    tr_mpsc_tx_close(tx);
    play(caller, cancel_channel, &e);
    scene_end();
}

// ---- the deadline at both ends

static tr_err_t
begin_compute_await(tr_self *self, void *arg)
{
    errand *e = arg;
    begin_errand(self, e);
    cr_expect(cue_take(&e->over)); // holds the thread until the callee has given up
    for (int64_t until = troupe_now_ns() + 3000000; troupe_now_ns() < until;) {
    }
    return await_errand(self, e);
}

static void
expect_callee_first(act_fn at_the_callee)
{
    for (int i = 0; i < 20; i++) {
        scene_begin();
        errand e;
        errand_init(&e, actor_at(1), at_the_callee);
        e.hands_on = true;
        e.timeout = tr_ms(20);
        play(actor_at(0), begin_compute_await, &e);
        assert_err(e.err, TR_ETIMEOUT);
        scene_end();
    }
}

// What the callee hands on comes before the caller's own clock has run out.
Test(cancel, by_a_deadline_that_the_callee_sees_first_is_etimeout)
{
    expect_callee_first(stay);
}

// The second wait of the callee, which begins after the deadline, says TR_ECANCELED.
static tr_err_t
stay_and_hand_on_the_second(tr_self *self, void *arg)
{
    errand *e = arg;
    (void)stay(self, e);
    return e->second;
}

Test(cancel, by_a_deadline_is_etimeout_whatever_the_callee_hands_on)
{
    expect_callee_first(stay_and_hand_on_the_second);
}
