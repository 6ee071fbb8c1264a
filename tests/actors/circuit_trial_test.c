// circuit_trial_test.c: a circuit that has opened, and what its calls on trial make of it. They
// come after a millisecond.
#include "fuse.h"

TestSuite(circuit, .timeout = 60);

static const tr_circuit_opts_t brief = {
    .failures_in_row = 1, .open_ms = 1, .max_open_ms = 4, .jitter_percent = TR_CIRCUIT_OFF};

Test(circuit, opens_again_for_twice_the_time_when_a_trial_fails)
{
    tr_ref_t circuit = scene_begin(brief);
    fail_times(circuit, 1);
    cr_assert(eq(i64, status_of(circuit).open_ms, 1));
    static const int64_t times[] = {2, 4, 4};
    for (int i = 0; i < 3; i++) {
        assert_err(ask_until_let_through(circuit, SAY_NOTHING), TR_ENOREPLY);
        cr_assert(eq(i64, status_of(circuit).open_ms, times[i]));
        EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    }
    cr_assert(eq(u64, status_of(circuit).opened, 4));
    cr_assert(eq(u32, times_in_log("fuse: open for "), 4));
    cr_assert(eq(u32, times_in_log("fuse: half open: 1 on trial"), 3));
    cr_assert(eq(u32, times_in_log("a call on trial failed, TR_ENOREPLY"), 3));
    troupe_end(rt);
}

Test(circuit, closes_when_a_trial_succeeds_and_begins_anew)
{
    tr_circuit_opts_t opts = brief;
    opts.failures_in_row = 2;
    tr_ref_t circuit = scene_begin(opts);
    fail_times(circuit, 2);
    assert_err(ask_until_let_through(circuit, SAY_NOTHING), TR_ENOREPLY);
    assert_ok(ask_until_let_through(circuit, ANSWER));
    tr_circuit_status status = status_of(circuit);
    cr_assert(eq(int, (int)status.state, TR_CIRCUIT_CLOSED));
    cr_assert(eq(u32, status.failures_in_row, 0));
    cr_assert(eq(u32, status.window_calls, 0));
    cr_assert(eq(i64, status.open_ms, 1));
    cr_assert(eq(u32, times_in_log("fuse: closed: 1 on trial succeeded"), 1));
    fail_times(circuit, 1); // one is not enough now as it was not before
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    fail_times(circuit, 1);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    troupe_end(rt);
}

// Half open at the next call: it has been open for long enough, and its trials have an hour.
static const tr_circuit_opts_t patient = {.failures_in_row = 1,
                                          .open_ms = 1,
                                          .max_open_ms = HOUR_MS,
                                          .jitter_percent = TR_CIRCUIT_OFF,
                                          .trials = 2};

static void
open_and_await_trial(tr_ref_t circuit)
{
    fail_times(circuit, 1);
    int64_t until = troupe_now_ns() + 2 * 1000000;
    TROUPE_EVENTUALLY(troupe_now_ns() > until); // that time passes is what it is about
}

Test(circuit, lets_so_many_through_on_trial_and_no_more)
{
    tr_ref_t circuit = scene_begin(patient);
    caller c;
    caller_begin(&c, circuit);
    open_and_await_trial(circuit);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN); // until somebody calls
    begin_kept(&c, 0, 2);
    EXPECT_STATE(circuit, TR_CIRCUIT_HALF_OPEN);
    assert_err(ask(circuit), TR_EDOWN);
    cr_assert(eq(u32, target.begun, 3));
    release_kept(&c, 0, TR_OK);
    EXPECT_STATE(circuit, TR_CIRCUIT_HALF_OPEN);
    assert_err(ask(circuit), TR_EDOWN); // one that has passed leaves no room for another
    release_kept(&c, 1, TR_OK);
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    troupe_end(rt);
}

Test(circuit, opens_again_when_one_of_its_trials_fails)
{
    tr_ref_t circuit = scene_begin(patient);
    caller c;
    caller_begin(&c, circuit);
    open_and_await_trial(circuit);
    begin_kept(&c, 0, 2);
    release_kept(&c, 0, TR_ENOREPLY);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    release_kept(&c, 1, TR_OK); // too late to matter
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    cr_assert(eq(u64, status_of(circuit).opened, 2));
    troupe_end(rt);
}

Test(circuit, gives_the_place_of_a_trial_that_is_canceled_to_another)
{
    tr_ref_t circuit = scene_begin(patient);
    caller c;
    caller_begin(&c, circuit);
    open_and_await_trial(circuit);
    begin_kept(&c, 0, 2);
    act_on(&c, 0, cancel_call);
    TROUPE_EVENTUALLY(status_of(circuit).in_flight == 1);
    EXPECT_STATE(circuit, TR_CIRCUIT_HALF_OPEN);
    assert_ok(ask_in(circuit, ANSWER));
    assert_err(ask(circuit), TR_EDOWN);
    release_kept(&c, 1, TR_OK);
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    troupe_end(rt);
}

Test(circuit, opens_again_when_a_trial_does_not_come_back)
{
    tr_ref_t circuit = scene_begin(brief);
    caller c;
    caller_begin(&c, circuit);
    open_and_await_trial(circuit);
    begin_kept(&c, 0, 1);
    TROUPE_EVENTUALLY(ask(circuit) == TR_EDOWN && times_in_log("on trial takes too long") == 1);
    target.mode = ANSWER;
    release_kept(&c, 0, TR_OK);
    cr_assert(eq(u32, times_in_log("fuse: closed"), 0));
    assert_ok(ask_until_let_through(circuit, ANSWER));
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    troupe_end(rt);
}

Test(circuit, does_not_judge_by_calls_of_an_earlier_state)
{
    tr_ref_t circuit = scene_begin(patient);
    caller c;
    caller_begin(&c, circuit);
    begin_kept(&c, 0, 2);
    open_and_await_trial(circuit);
    release_kept(&c, 0, TR_ENOREPLY); // open, and it stays so for no longer
    cr_assert(eq(u64, status_of(circuit).opened, 1));
    assert_ok(ask_in(circuit, ANSWER));
    EXPECT_STATE(circuit, TR_CIRCUIT_HALF_OPEN);
    release_kept(&c, 1, TR_ENOREPLY);
    EXPECT_STATE(circuit, TR_CIRCUIT_HALF_OPEN);
    assert_ok(ask_in(circuit, ANSWER));
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    cr_assert(eq(u64, status_of(circuit).failed, 3));
    troupe_end(rt);
}

// ---- a crowd

#define CROWD 8
#define CALLS 300

typedef struct member {
    tr_ref_t circuit;
    uint32_t number;
    uint64_t came[5]; // OK, failures, EDOWN, EFULL, canceled
    cue over;
} member;

static tr_err_t
call_often(tr_self *self, void *arg)
{
    member *m = arg;
    for (uint32_t i = 0; i < CALLS; i++) {
        target.mode = (i / 20 + m->number) % 4 == 0 ? SAY_NOTHING : ANSWER;
        tr_future *call = tr_call_begin(self, m->circuit, TR_MSG(number, .value = i), TR_FOREVER);
        if (i % 7 == m->number % 7) {
            tr_future_cancel(self, call);
            m->came[4]++;
            continue;
        }
        tr_err_t err = tr_future_await(self, call, TR_REPLY_NONE);
        int kind = err == TR_OK         ? 0
                   : err == TR_ENOREPLY ? 1
                   : err == TR_EDOWN    ? 2
                   : err == TR_EFULL    ? 3
                                        : -1;
        if (kind < 0) {
            cr_fail("%s", tr_errname(err));
            continue;
        }
        m->came[kind]++;
    }
    cue_give(&m->over);
    return TR_OK;
}

Test(circuit, counts_every_call_of_a_crowd)
{
    static member crowd[CROWD];
    tr_circuit_opts_t opts = brief;
    opts.failures_in_row = 3;
    opts.trials = 2;
    opts.max_in_flight = 4;
    tr_ref_t circuit = scene_begin(opts);
    uint64_t came[5] = {0};
    for (uint32_t i = 0; i < CROWD; i++) {
        crowd[i] = (member){.circuit = circuit, .number = i};
        cue_init(&crowd[i].over);
        assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), call_often, &crowd[i]));
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        CUE_AWAIT(&crowd[i].over);
        for (int k = 0; k < 5; k++) {
            came[k] += crowd[i].came[k];
        }
    }
    TROUPE_EVENTUALLY(status_of(circuit).in_flight == 0);
    tr_circuit_status status = status_of(circuit);
    // One that was canceled may have come back, or been refused, before.
    cr_assert(ge(u64, status.succeeded, came[0]));
    cr_assert(ge(u64, status.failed, came[1]));
    cr_assert(ge(u64, status.refused, came[2] + came[3]));
    uint64_t counted = status.succeeded + status.failed + status.refused + status.canceled;
    cr_assert(le(u64, counted, CROWD * CALLS));
    cr_assert(ge(u64, counted, CROWD * CALLS - came[4])); // or been taken out of the mailbox
    troupe_end(rt);
}
