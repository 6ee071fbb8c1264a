// circuit_test.c: what opens a circuit, and what goes through it. Where a test needs one that stays
// open, it is open for an hour.
#include "fuse.h"

TestSuite(circuit, .timeout = 60);

// ---- at the door

static void
expect_refused_start(const char *why, tr_circuit_opts_t opts)
{
    tr_ref_t ref = TR_REF_NONE;
    opts.target = target.ref;
    assert_err(spawn_circuit(&opts, &ref), TR_EINVAL);
    TROUPE_EVENTUALLY(contains(log_lines, why));
    cr_assert(tr_ref_is_none(ref));
}

Test(circuit, says_what_is_wrong_with_its_options)
{
    rt = begin_with_log(1);
    tr_ref_t ref;
    assert_err(spawn_circuit(NULL, &ref), TR_EINVAL);
    TROUPE_EVENTUALLY(contains(log_lines, "needs a tr_circuit_opts_t"));
    expect_refused_start("needs a target", (tr_circuit_opts_t){.trials = 1});
    target_begin();
    expect_refused_start("fault is unknown: 7",
                         (tr_circuit_opts_t){.fault = (tr_circuit_fault_t)7});
    expect_refused_start("failure_percent is 101", (tr_circuit_opts_t){.failure_percent = 101});
    expect_refused_start("window is 10001", (tr_circuit_opts_t){.window = 10001});
    expect_refused_start("window_min is 6, over a window of 5",
                         (tr_circuit_opts_t){.window = 5, .window_min = 6});
    expect_refused_start("open_ms is -1", (tr_circuit_opts_t){.open_ms = -1});
    expect_refused_start("max_open_ms is 5, not from 6",
                         (tr_circuit_opts_t){.open_ms = 6, .max_open_ms = 5});
    expect_refused_start("max_open_ms is 86400001", (tr_circuit_opts_t){.max_open_ms = 86400001});
    expect_refused_start("jitter_percent is 200", (tr_circuit_opts_t){.jitter_percent = 200});
    expect_refused_start("max_in_flight is 65537", (tr_circuit_opts_t){.max_in_flight = 65537});
    expect_refused_start("trials is 3, over a max_in_flight of 2",
                         (tr_circuit_opts_t){.trials = 3, .max_in_flight = 2});
    troupe_end(rt);
}

// ---- what opens it

Test(circuit, opens_after_so_many_failures_in_a_row_and_then_refuses_at_once)
{
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){.open_ms = HOUR_MS});
    fail_times(circuit, 4);
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    fail_times(circuit, 1);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    uint32_t begun = target.begun;
    assert_err(ask_in(circuit, ANSWER), TR_EDOWN);
    assert_err(ask_in(circuit, ANSWER), TR_EDOWN);
    cr_assert(eq(u32, target.begun, begun));
    tr_circuit_status status = status_of(circuit);
    cr_assert(eq(u64, status.failed, 5));
    cr_assert(eq(u64, status.refused, 2));
    cr_assert(eq(u32, status.in_flight, 0));
    cr_assert(eq(u64, status.opened, 1));
    cr_assert(eq(u32, times_in_log("fuse: open for "), 1));
    cr_assert(contains(log_lines, "5 failures in a row, the last TR_ENOREPLY"));
    troupe_end(rt);
}

Test(circuit, counts_what_was_not_answered_as_a_failure)
{
    rt = troupe_begin(2);
    target_begin();
    const tr_circuit_opts_t one = {.failures_in_row = 1, .open_ms = HOUR_MS};
    tr_ref_t circuit = circuit_of(one);
    target.mode = KEEP;
    assert_err(tr_runtime_call(rt, circuit, TR_MSG(number), TR_REPLY_NONE, tr_ms(20)), TR_ETIMEOUT);
    TROUPE_EVENTUALLY(status_of(circuit).state == TR_CIRCUIT_OPEN);
    circuit = circuit_of(one);
    target.error = TR_EDOWN;
    assert_err(ask_in(circuit, FAIL), TR_EDOWN);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    circuit = circuit_of(one);
    tr_ref_t other = circuit_of(one);
    assert_err(ask_in(circuit, CRASH), TR_ECRASHED);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, target.ref));
    assert_err(ask(other), TR_EDEAD);
    EXPECT_STATE(other, TR_CIRCUIT_OPEN);
    troupe_end(rt);
}

Test(circuit, takes_an_error_for_an_answer_unless_told_otherwise)
{
    static const tr_err_t neither[] = {TR_EFULL, TR_ETOOBIG, TR_ENOMEM, TR_ECANCELED};
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){.failures_in_row = 1, .open_ms = HOUR_MS});
    target.error = TR_ENOTFOUND;
    assert_err(ask_in(circuit, FAIL), TR_ENOTFOUND);
    cr_assert(eq(u64, status_of(circuit).succeeded, 1));
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    tr_ref_t strict = circuit_of(
        (tr_circuit_opts_t){.failures_in_row = 1, .fault = TR_FAULT_ANY, .open_ms = HOUR_MS});
    for (int i = 0; i < 4; i++) {
        target.error = neither[i];
        assert_err(ask_in(strict, FAIL), neither[i]);
    }
    EXPECT_STATE(strict, TR_CIRCUIT_CLOSED);
    cr_assert(eq(u32, status_of(strict).window_calls, 0));
    cr_assert(eq(u64, status_of(strict).canceled, 1));
    target.error = TR_ENOTFOUND;
    assert_err(ask_in(strict, FAIL), TR_ENOTFOUND);
    EXPECT_STATE(strict, TR_CIRCUIT_OPEN);
    troupe_end(rt);
}

Test(circuit, counts_failures_in_a_row_anew_after_a_success)
{
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){
        .failures_in_row = 3, .failure_percent = TR_CIRCUIT_OFF, .open_ms = HOUR_MS});
    for (int i = 0; i < 5; i++) {
        fail_times(circuit, 2);
        assert_ok(ask_in(circuit, ANSWER));
    }
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    fail_times(circuit, 3);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    troupe_end(rt);
}

Test(circuit, opens_when_so_many_of_the_last_calls_have_failed)
{
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){.failures_in_row = TR_CIRCUIT_OFF,
                                                       .failure_percent = 50,
                                                       .window = 6,
                                                       .window_min = 4,
                                                       .open_ms = HOUR_MS});
    fail_times(circuit, 3); // too few to judge
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    for (int i = 0; i < 6; i++) {
        assert_ok(ask_in(circuit, ANSWER)); // those three are forgotten
    }
    cr_assert(eq(u32, status_of(circuit).window_failures, 0));
    cr_assert(eq(u32, status_of(circuit).window_calls, 6));
    for (int i = 0; i < 4; i++) {
        fail_times(circuit, 1); // never more than two in six
        assert_ok(ask_in(circuit, ANSWER));
        assert_ok(ask_in(circuit, ANSWER));
    }
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    cr_assert(eq(u32, status_of(circuit).window_failures, 2));
    fail_times(circuit, 1); // the oldest failure goes, and two stay
    EXPECT_STATE(circuit, TR_CIRCUIT_CLOSED);
    fail_times(circuit, 1);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    cr_assert(contains(log_lines, "3 of 6 calls failed, the last with TR_ENOREPLY"));
    troupe_end(rt);
}

Test(circuit, that_is_to_look_at_neither_never_opens)
{
    tr_ref_t circuit = scene_begin(
        (tr_circuit_opts_t){.failures_in_row = TR_CIRCUIT_OFF, .failure_percent = TR_CIRCUIT_OFF});
    fail_times(circuit, 150);
    assert_ok(ask_in(circuit, ANSWER));
    cr_assert(eq(u64, status_of(circuit).opened, 0));
    troupe_end(rt);
}

Test(circuit, takes_a_call_that_its_caller_cancels_for_neither_and_tells_the_target)
{
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){.failures_in_row = 1, .open_ms = HOUR_MS});
    caller c;
    caller_begin(&c, circuit);
    begin_kept(&c, 0, 1);
    cr_assert(eq(u32, status_of(circuit).in_flight, 1));
    act_on(&c, 0, cancel_call);
    TROUPE_EVENTUALLY(status_of(circuit).in_flight == 0);
    tr_circuit_status status = status_of(circuit);
    cr_assert(eq(int, (int)status.state, TR_CIRCUIT_CLOSED));
    cr_assert(eq(u64, status.canceled, 1));
    cr_assert(eq(u64, status.failed, 0));
    cr_assert(eq(u64, status.succeeded, 0));
    troupe_end(rt);
}

// ---- how many

Test(circuit, lets_no_more_be_under_way_than_may)
{
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){.max_in_flight = 2});
    caller c;
    caller_begin(&c, circuit);
    begin_kept(&c, 0, 2);
    assert_err(ask(circuit), TR_EFULL);
    cr_assert(eq(u32, target.begun, 2));
    tr_circuit_status status = status_of(circuit);
    cr_assert(eq(u32, status.in_flight, 2));
    cr_assert(eq(u64, status.refused, 1));
    cr_assert(eq(u32, status.window_calls, 0));
    release_kept(&c, 0, TR_OK);
    assert_ok(ask_in(circuit, ANSWER));
    release_kept(&c, 1, TR_OK);
    cr_assert(eq(u32, status_of(circuit).in_flight, 0));
    troupe_end(rt);
}

// ---- what goes through

Test(circuit, hands_on_what_is_sent_while_closed_and_drops_it_otherwise)
{
    tr_ref_t circuit = scene_begin((tr_circuit_opts_t){.failures_in_row = 1, .open_ms = HOUR_MS});
    assert_ok(tr_runtime_send(rt, circuit, TR_MSG(number, .value = 5), tr_seconds(30)));
    TROUPE_EVENTUALLY(target.sum == 5);
    fail_times(circuit, 1);
    assert_ok(tr_runtime_send(rt, circuit, TR_MSG(number, .value = 7), tr_seconds(30)));
    TROUPE_EVENTUALLY(status_of(circuit).dropped == 1);
    tr_ref_t to_nobody = circuit_of((tr_circuit_opts_t){.target = circuit});
    assert_ok(tr_runtime_send(rt, to_nobody, TR_MSG(number, .value = 7), tr_seconds(30)));
    TROUPE_EVENTUALLY(status_of(circuit).dropped == 2);
    cr_assert(eq(u64, status_of(to_nobody).dropped, 0)); // it went to the circuit behind
    cr_assert(eq(u64, target.sum, 5));
    troupe_end(rt);
}

Test(circuit, hands_objects_through_in_both_directions)
{
    rt = troupe_begin(2);
    tr_ref_t topic, circuit;
    tr_broadcast_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &tr_topic_behavior}, &topic));
    circuit = circuit_of((tr_circuit_opts_t){.target = topic});
    assert_ok(tr_runtime_topic_subscribe(rt, circuit, tr_seconds(30), &rx));
    assert_ok(tr_runtime_send(rt, circuit, TR_MSG(number, .value = 3), tr_seconds(30)));
    assert_ok(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_seconds(30)));
    cr_assert(eq(u64, tr_as(number, msg)->value, 3));
    tr_runtime_release(rt, msg);
    tr_broadcast_rx_close(rx);
    cr_assert(eq(u64, status_of(circuit).succeeded, 1));
    troupe_end(rt);
}

// ---- another life

Test(circuit, that_is_restarted_is_closed_and_has_told_its_callers)
{
    static tr_circuit_opts_t opts = {.failures_in_row = 1, .open_ms = HOUR_MS};
    static const tr_child_t child = {
        .id = "fuse", .behavior = &tr_circuit_behavior, .arg = &opts, .arg_size = sizeof opts};
    caller c;
    rt = begin_with_log(2);
    target_begin();
    opts.target = target.ref;
    tr_ref_t circuit = child_in_house(rt, &child);
    caller_begin(&c, circuit);
    begin_kept(&c, 0, 1);
    fail_times(circuit, 1);
    EXPECT_STATE(circuit, TR_CIRCUIT_OPEN);
    end_life_badly(rt, circuit);
    act_on(&c, 0, await_call);
    assert_err(c.err, TR_ECRASHED);
    TROUPE_EVENTUALLY(status_of(circuit).state == TR_CIRCUIT_CLOSED);
    assert_ok(ask_in(circuit, ANSWER));
    cr_assert(eq(u64, status_of(circuit).failed, 0));
    troupe_end(rt);
}
