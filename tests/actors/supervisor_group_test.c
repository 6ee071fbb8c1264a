// supervisor_group_test.c: what goes wrong while several children begin again together.
#include "company.h"

TestSuite(supervisor_group, .timeout = 60);

static const tr_supervisor_t all = {
    .name = "all", .strategy = TR_ONE_FOR_ALL, .children = abc, .child_count = 3};
static const tr_supervisor_t rest = {
    .name = "rest", .strategy = TR_REST_FOR_ONE, .children = abc, .child_count = 3};

static void
crash(company_t *co, const role_t *r)
{
    assert_err(troupe_act(co->rt, r->seen, fail, NULL), TR_ECRASHED);
}

static void
expect_restarts(company_t *co, uint64_t of_a, uint64_t of_b, uint64_t of_c)
{
    cr_expect(eq(u64, look(co, "a").restarts, of_a));
    cr_expect(eq(u64, look(co, "b").restarts, of_b));
    cr_expect(eq(u64, look(co, "c").restarts, of_c));
}

// ---- a start that fails

Test(supervisor_group, one_for_all_stops_those_begun_again_when_a_start_fails_and_retries)
{
    company_t co;
    b.start_errs[1] = TR_EREFUSED;
    company_begin(&co, &all);
    crash(&co, &c);
    await_chronicle("+a +b +c -c -b -a +a !b -a +a +b +c");
    expect_restarts(&co, 2, 1, 1);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_group, rest_for_one_goes_on_from_the_one_whose_start_failed)
{
    company_t co;
    b.start_errs[1] = TR_EREFUSED;
    company_begin(&co, &rest);
    crash(&co, &a);
    await_chronicle("+a +b +c -a -c -b +a !b +b +c");
    expect_restarts(&co, 1, 1, 1);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_group, counts_one_restart_for_the_group_and_one_for_each_start_that_fails)
{
    company_t co;
    b.start_errs[1] = b.start_errs[2] = TR_EREFUSED;
    company_begin(&co, &all); // 3 in 5 s
    crash(&co, &c);
    await_chronicle("+a +b +c -c -b -a +a !b -a +a !b -a +a +b +c");
    cr_assert(sem_trywait(&co.ended.sem) != 0);
    crash(&co, &a);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    troupe_end(co.rt);
}

Test(supervisor_group, that_fails_to_start_too_often_is_given_up)
{
    company_t co;
    for (int i = 1; i < 8; i++) {
        b.start_errs[i] = TR_EREFUSED;
    }
    company_begin(&co, &rest);
    crash(&co, &b);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "child b, TR_EREFUSED") != NULL, "%s", co.text);
    expect_chronicle("+a +b +c -b -c !b !b !b -a");
    troupe_end(co.rt);
}

static void
expect_retry_after_timeout(tr_strategy_t strategy, const char *expected)
{
    tr_child_t children[] = {CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .start_timeout_ms = 20),
                             CHILD(&part_c, "c")};
    tr_supervisor_t spec = {
        .name = "s", .strategy = strategy, .children = children, .child_count = 3};
    company_t co;
    roles_forget();
    b.hangs_at = 2;
    company_begin(&co, &spec);
    crash(&co, &a);
    assert_ok(troupe_act(co.rt, b.seen, nothing, NULL)); // by its third life
    await_chronicle(expected);
    cr_expect(eq(u64, look(&co, "b").restarts, 1));
    cr_expect(eq(u32, b.starts, 3));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_group, goes_on_after_a_start_that_took_longer_than_it_may)
{
    expect_retry_after_timeout(TR_ONE_FOR_ALL, "+a +b +c -a -c -b +a -a +a +b +c");
    expect_retry_after_timeout(TR_REST_FOR_ONE, "+a +b +c -a -c -b +a +b +c");
}

// It is still being killed, and does not notice, when an earlier one fails.
static tr_err_t
ignore_all(tr_self *self, void *arg)
{
    role_t *r = arg;
    tr_err_t err = TR_OK;
    cue_give(&r->hung);
    while (sem_trywait(&r->let_go.sem) != 0) {
        troupe_pause(); // it keeps its worker: no order reaches it
    }
    (void)self;
    return err;
}

static tr_err_t
start_deaf(tr_self *self, void *arg)
{
    role_t *r = arg;
    uint32_t life = ++r->starts;
    r->seen = tr_self_ref(self);
    tr_err_t err = life == r->hangs_at ? ignore_all(self, arg) : TR_OK;
    note('+', r->id);
    return err;
}

Test(supervisor_group, begins_anew_when_an_earlier_one_fails_while_a_start_is_being_killed)
{
    part deaf = {.start = start_deaf, .receive = role_receive, .stop = role_stop, .arg = &b};
    tr_child_t children[] = {
        CHILD_WITH(&part_a, "a", .place = TR_PLACE_AT, .worker = 1),
        CHILD_WITH(&deaf, "b", .start_timeout_ms = 20, .place = TR_PLACE_AT, .worker = 0),
        CHILD_WITH(&part_c, "c", .place = TR_PLACE_AT, .worker = 1)};
    tr_supervisor_t spec = {
        .name = "s", .strategy = TR_REST_FOR_ONE, .children = children, .child_count = 3};
    company_t co;
    b.hangs_at = 2;
    company_begin(&co, &spec);
    crash(&co, &b);
    CUE_AWAIT(&b.hung);
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_DOWN)); // its time was over
    assert_err(troupe_act(co.rt, a.seen, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(contains(chronicle, "-a"));
    cue_give(&b.let_go);
    await_chronicle("+a +b +c -b -c -a +b +a +b +c"); // the second +b came too late
    expect_restarts(&co, 1, 1, 1);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// ---- who is in the group

Test(supervisor_group, forgets_temporary_children)
{
    tr_child_t children[] = {CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .restart = TR_TEMPORARY),
                             CHILD(&part_c, "c")};
    tr_supervisor_t spec = {
        .name = "s", .strategy = TR_ONE_FOR_ALL, .children = children, .child_count = 3};
    company_t co;
    caller_t waits;
    company_begin(&co, &spec);
    assert_ok(troupe_prompt(co.rt, b.seen, perform, &b));
    CUE_AWAIT(&b.hung);
    caller_begin(&co, &waits, b.seen, nothing, NULL);
    TROUPE_EVENTUALLY(has_queued(&co, 1));
    crash(&co, &a);
    await_chronicle("+a +b +c -a -c -b +a +c");
    assert_err(caller_end(&waits), TR_EDEAD);
    assert_err(look(&co, "b").err, TR_ENOTFOUND);
    cr_assert(troupe_is_gone(co.rt, b.seen));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

static void
expect_comeback(tr_err_t start_err, const char *expected)
{
    tr_child_t children[] = {CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .restart = TR_TRANSIENT),
                             CHILD(&part_c, "c")};
    tr_supervisor_t spec = {
        .name = "s", .strategy = TR_REST_FOR_ONE, .children = children, .child_count = 3};
    company_t co;
    roles_forget();
    b.start_errs[1] = start_err;
    company_begin(&co, &spec);
    tr_ref_t before = b.seen;
    assert_ok(troupe_act(co.rt, b.seen, leave, NULL));
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_STOPPED));
    crash(&co, &a);
    await_chronicle(expected);
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_UP));
    cr_assert(tr_ref_equal(b.seen, before) == false); // that one has ended
    cr_assert(tr_ref_equal(look(&co, "b").child, b.seen));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_group, starts_those_again_that_had_come_to_an_orderly_end)
{
    expect_comeback(TR_OK, "+a +b +c -b -a -c +a +b +c");
}

Test(supervisor_group, tries_those_again_that_had_ended_and_whose_start_fails)
{
    expect_comeback(TR_EREFUSED, "+a +b +c -b -a -c +a !b +b +c");
}

Test(supervisor_group, starts_those_again_that_somebody_had_stopped)
{
    company_t co;
    company_begin(&co, &all);
    assert_ok(order_stop(&co, "b").err);
    crash(&co, &c);
    await_chronicle("+a +b +c -b -c -a +a +b +c");
    expect_restarts(&co, 1, 0, 1); // a new address is no restart
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// ---- two ends at once

static const tr_supervisor_t once = {.name = "once",
                                     .strategy = TR_ONE_FOR_ALL,
                                     .children = abc,
                                     .child_count = 3,
                                     .max_restarts = 1};

Test(supervisor_group, counts_once_who_fails_while_the_others_are_being_stopped)
{
    company_t co;
    company_begin(&co, &once);
    b.hangs_in_stop = true;
    crash(&co, &c);
    CUE_AWAIT(&b.hung);
    crash(&co, &a);
    cue_give(&b.let_go);
    await_chronicle("+a +b +c -c -a -b +a +b +c");
    b.hangs_in_stop = false;
    assert_ok(troupe_act(co.rt, a.seen, nothing, NULL));
    expect_restarts(&co, 1, 1, 1);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

static tr_err_t
fail_when_told_to_end(tr_self *self, void *arg)
{
    cue_give(&((role_t *)arg)->hung);
    if (tr_sleep(self, TR_FOREVER) == TR_ECANCELED) {
        tr_fail(self, TR_EIO, "now that you ask");
    }
    return TR_OK;
}

Test(supervisor_group, does_not_count_who_fails_when_it_is_to_end_with_the_others)
{
    company_t co;
    company_begin(&co, &once);
    assert_ok(troupe_prompt(co.rt, b.seen, fail_when_told_to_end, &b));
    CUE_AWAIT(&b.hung);
    crash(&co, &a);
    await_chronicle("+a +b +c -a -c -b +a +b +c");
    assert_ok(troupe_act(co.rt, b.seen, nothing, NULL));
    cr_assert(sem_trywait(&co.ended.sem) != 0);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_group, told_to_stop_while_one_of_it_starts_ends_what_has_begun)
{
    company_t co;
    company_begin(&co, &all);
    c.hangs_at = 2;
    crash(&co, &b);
    CUE_AWAIT(&c.hung); // a and b live again
    crash(&co, &a);     // nobody hears of that any more
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b -c -a +a +b -a -b");
    troupe_end(co.rt);
}

// ---- against resistance

// Its life was ended from outside: that is not the failure of what it had in hand.
Test(supervisor_group, tells_the_caller_whose_request_one_of_it_has_in_hand_that_it_is_dead)
{
    company_t co;
    caller_t in_hand, queued;
    company_begin(&co, &all);
    caller_begin(&co, &in_hand, b.seen, perform, &b);
    CUE_AWAIT(&b.hung);
    caller_begin(&co, &queued, b.seen, nothing, NULL);
    TROUPE_EVENTUALLY(has_queued(&co, 1));
    crash(&co, &a);
    assert_err(caller_end(&in_hand), TR_EDEAD);
    assert_ok(caller_end(&queued)); // by its next life
    await_chronicle("+a +b +c -a -c -b +a +b +c");
    troupe_end(co.rt);
}

Test(supervisor_group, kills_who_takes_too_long_to_stop_and_gives_it_its_next_life)
{
    tr_child_t children[] = {CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .shutdown_ms = 20),
                             CHILD_WITH(&part_c, "c", .shutdown_ms = TR_SHUTDOWN_KILL)};
    tr_supervisor_t spec = {
        .name = "s", .strategy = TR_ONE_FOR_ALL, .children = children, .child_count = 3};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t before = b.seen;
    b.hangs_in_stop = true;
    assert_ok(tr_runtime_send(co.rt, b.seen, ACT_MSG(perform, &b), tr_seconds(1)));
    CUE_AWAIT(&b.hung);
    assert_ok(tr_runtime_send(co.rt, b.seen, TR_MSG(number, .value = 7), tr_seconds(1)));
    crash(&co, &a);
    await_chronicle("+a +b +c -a +a +b +c");
    b.hangs_in_stop = false;
    assert_ok(troupe_act(co.rt, before, nothing, NULL));
    cr_assert(eq(u64, b.heard, 7));
    expect_restarts(&co, 1, 1, 1);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_group, that_waits_for_an_end_is_left_when_the_supervisor_is_told_to_stop)
{
    company_t co;
    company_begin(&co, &all);
    b.hangs_in_stop = true;
    crash(&co, &a);
    CUE_AWAIT(&b.hung); // c has ended for the group
    assert_ok(troupe_act(co.rt, co.director, dismiss, &co));
    cue_give(&b.let_go);
    CUE_AWAIT(&co.ended);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -a -c -b");
    troupe_end(co.rt);
}
