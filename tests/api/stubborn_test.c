// stubborn_test.c: handlers that take no notice, and actors that end themselves.
#include "troupe_test.h"

TestSuite(stubborn, .timeout = 20);

static cue begun;

static tr_err_t
sleep_and_sleep(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&begun);
    for (tr_err_t err = TR_OK; err != TR_EDEAD;) {
        err = tr_sleep(self, tr_ms(1));
    }
    return TR_OK;
}

static tr_err_t
call_without_time(tr_self *self, void *arg)
{
    const tr_ref_t *whom = arg;
    cue_give(&begun);
    for (tr_err_t err = TR_OK; err != TR_EDEAD;) {
        err = tr_call(self, *whom, TR_MSG(number), TR_REPLY_NONE, tr_ms(0));
    }
    return TR_OK;
}

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
compute_until_stopped(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&begun);
    while (!tr_self_is_stopping(self)) {
    }
    return TR_OK;
}

Test(stubborn, waiter_that_ignores_its_stop_is_killed_in_the_end)
{
    tr_runtime *rt = troupe_begin(1);
    cue_init(&begun);
    tr_ref_t a;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .shutdown_ms = 20), &a));
    assert_ok(troupe_prompt(rt, a, sleep_and_sleep, NULL));
    CUE_AWAIT(&begun);
    tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(2)));
    troupe_end(rt);
}

Test(stubborn, waiter_that_ignores_its_stop_can_be_killed_by_hand)
{
    tr_runtime *rt = troupe_begin(1);
    cue_init(&begun);
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), sleep_and_sleep, NULL));
    CUE_AWAIT(&begun);
    tr_runtime_stop(rt);
    expect_err(tr_runtime_wait(rt, tr_ms(20)), TR_ETIMEOUT);
    tr_runtime_kill(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(2)));
    troupe_end(rt);
}

Test(stubborn, caller_without_time_lets_others_run)
{
    tr_runtime *rt = troupe_begin(1);
    cue_init(&begun);
    tr_ref_t callee = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), call_without_time, &callee));
    CUE_AWAIT(&begun);
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), do_nothing, NULL));
    tr_runtime_kill(rt);
    troupe_end(rt);
}

Test(stubborn, computer_sees_that_it_is_stopping)
{
    tr_runtime *rt = troupe_begin(2); // the root is on the first worker, and must be heard
    cue_init(&begun);
    tr_ref_t a;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1), &a));
    assert_ok(troupe_prompt(rt, a, compute_until_stopped, NULL));
    CUE_AWAIT(&begun);
    tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(2)));
    troupe_end(rt);
}

// ---- what a killed caller leaves behind

enum { CALLERS = 8 };

static tr_ref_t full, slow;
static cue posted;

static tr_err_t
call_full(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&posted);
    return tr_call(self, full, TR_MSG(number), TR_REPLY_NONE, TR_FOREVER);
}

static tr_err_t
hold_up(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&begun);
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
answer_late(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    tr_err_t err = tr_sleep(self, tr_ms(3)); // the caller's deadline comes first
    (void)err;
    return tr_reply(self, TR_MSG(acted));
}

static tr_err_t
call_in_vain(tr_self *self, void *arg)
{
    (void)arg;
    tr_err_t err = TR_OK;
    for (int i = 0; i < 5 && (err == TR_OK || err == TR_ETIMEOUT); i++) {
        err = tr_call(self, slow, TR_MSG(number), TR_REPLY_NONE, tr_ms(1));
        expect_ok(tr_sleep(self, tr_ms(1)));
    }
    return TR_OK;
}

// A parent whose end kills the callers at once.
static tr_err_t
spawn_callers(tr_self *self, void *arg)
{
    tr_ref_t *callers = arg;
    for (int i = 0; i < CALLERS; i++) {
        expect_ok(tr_spawn(self, PUPPET_WITH(NULL, .shutdown_ms = TR_SHUTDOWN_KILL), &callers[i]));
        expect_ok(tr_send(self, callers[i], ACT_MSG(call_full, NULL)));
    }
    return TR_OK;
}

static tr_err_t
go_away(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

Test(stubborn, caller_killed_while_it_waits_for_room_leaves_no_request_in_its_slot)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t callers[CALLERS];
    part late = {.receive = answer_late};
    cue_init(&begun);
    cue_init(&posted);
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .mailbox_count = 1), &full));
    slow = troupe_puppet(rt, &late);
    assert_ok(troupe_prompt(rt, full, hold_up, NULL));
    CUE_AWAIT(&begun);
    assert_ok(tr_runtime_send(rt, full, TR_MSG(number), tr_ms(0))); // it is full now
    tr_ref_t parent = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, parent, spawn_callers, callers));
    for (int i = 0; i < CALLERS; i++) {
        CUE_AWAIT(&posted);
    }
    assert_ok(troupe_act(rt, parent, go_away, NULL));
    for (int i = 0; i < CALLERS; i++) {
        TROUPE_EVENTUALLY(troupe_is_gone(rt, callers[i]));
    }
    // Who comes next is given their slots; late answers look for their requests.
    tr_ref_t next[2 * CALLERS];
    for (int i = 0; i < 2 * CALLERS; i++) {
        next[i] = troupe_puppet(rt, NULL);
        assert_ok(troupe_prompt(rt, next[i], call_in_vain, NULL));
    }
    for (int i = 0; i < 2 * CALLERS; i++) {
        assert_ok(troupe_act(rt, next[i], do_nothing, NULL));
    }
    tr_runtime_kill(rt);
    troupe_end(rt);
}
