// supervisor_limits_test.c: when a supervisor gives up, and how it ends against resistance.
#include "company.h"

TestSuite(supervisor, .timeout = 30);

// ---- how often is too often

Test(supervisor, allows_exactly_max_restarts_in_its_window)
{
    static const tr_supervisor_t spec = {
        .name = "s", .children = abc, .child_count = 3, .max_restarts = 5, .within_ms = 60000};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "b");
    for (uint64_t i = 1; i <= 5; i++) {
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        TROUPE_EVENTUALLY(has_restarted(&co, "b", i));
    }
    cr_assert(sem_trywait(&co.ended.sem) != 0);
    chronicle[0] = '\0';
    assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "more than 5 restarts in 60000 ms") != NULL, "%s", co.text);
    cr_assert(strstr(co.text, "child b") != NULL, "%s", co.text);
    expect_chronicle("-b -c -a"); // b by its failure; the others in reverse order
    troupe_end(co.rt);
}

Test(supervisor, counts_the_restarts_of_all_its_children_together)
{
    company_t co;
    company_begin(&co, &trio); // 3 in 5 s
    assert_err(troupe_act(co.rt, child_of(&co, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "a", 1));
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 1));
    assert_err(troupe_act(co.rt, child_of(&co, "c"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "c", 1));
    assert_err(troupe_act(co.rt, child_of(&co, "a"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    troupe_end(co.rt);
}

Test(supervisor, never_ends_by_failures_that_come_slowly_enough)
{
    static const tr_supervisor_t spec = {
        .name = "s", .children = abc, .child_count = 3, .max_restarts = 1, .within_ms = 5};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "b");
    for (uint64_t i = 1; i <= 20; i++) {
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        TROUPE_EVENTUALLY(has_restarted(&co, "b", i));
        int64_t until = troupe_now_ns() + 6 * 1000000;
        TROUPE_EVENTUALLY(troupe_now_ns() > until); // this is what is tested, not a wait for it
    }
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor, with_the_longest_window_counts_all_restarts)
{
    static const tr_supervisor_t spec = {
        .name = "s", .children = abc, .child_count = 3, .max_restarts = 2, .within_ms = INT64_MAX};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "b");
    for (uint64_t i = 1; i <= 3; i++) {
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        TROUPE_EVENTUALLY(i == 3 || has_restarted(&co, "b", i));
    }
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    troupe_end(co.rt);
}

// ---- a restart whose start fails

static void
expect_retry(tr_err_t start_err)
{
    company_t co;
    a = (role_t){.id = "a", .start_errs = {TR_OK, start_err, start_err, TR_OK}};
    chronicle[0] = '\0';
    company_begin(&co, &trio);
    tr_ref_t child = child_of(&co, "a");
    assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(contains(chronicle, "!a !a +a") || sem_trywait(&co.ended.sem) == 0);
    cr_expect(contains(chronicle, "+a +b +c -a !a !a +a"), "%s: \"%s\"", tr_errname(start_err),
              chronicle);
    cr_expect(co.reason == TR_OK, "%s: the supervisor ended: %s", tr_errname(start_err),
              tr_errname(co.reason));
    if (co.reason == TR_OK) {
        cr_expect(has_restarted(&co, "a", 1));
        // Those were all three.
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        CUE_AWAIT(&co.ended);
        assert_err(co.reason, TR_ERESTARTS);
    }
    troupe_end(co.rt);
}

Test(supervisor, tries_a_restart_again_whose_start_failed_and_counts_it)
{
    expect_retry(TR_EREFUSED);
}

// A start that calls somebody returns what the call returned.
Test(supervisor, tries_a_restart_again_whose_start_found_somebody_dead)
{
    expect_retry(TR_EDEAD);
}

Test(supervisor, tries_a_restart_again_whose_start_waited_in_vain)
{
    expect_retry(TR_ETIMEOUT);
}

Test(supervisor, gives_up_when_the_start_fails_again_and_again)
{
    company_t co;
    for (int i = 1; i < 8; i++) {
        b.start_errs[i] = TR_EREFUSED;
    }
    company_begin(&co, &trio);
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "TR_EREFUSED") != NULL, "%s", co.text);
    expect_chronicle("+a +b +c -b !b !b !b -c -a");
    troupe_end(co.rt);
}

Test(supervisor, restarts_again_who_took_longer_for_it_than_it_may)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .start_timeout_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    b.hangs_at = 2;
    company_begin(&co, &spec);
    tr_ref_t ref = child_of(&co, "b");
    assert_err(troupe_act(co.rt, ref, fail, NULL), TR_ECRASHED);
    assert_ok(troupe_act(co.rt, ref, nothing, NULL)); // by its third life
    cr_assert(eq(u32, b.starts, 3));
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b +b -c -b -a");
    troupe_end(co.rt);
}

// ---- supervisors of supervisors

Test(supervisor, that_gives_up_is_restarted_by_the_one_above_until_that_gives_up)
{
    static const tr_child_t inner_children[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b")};
    static const tr_supervisor_t inner = {
        .name = "inner", .children = inner_children, .child_count = 2, .max_restarts = 1};
    static const tr_child_t outer_children[] = {
        {.id = "inner",
         .behavior = &tr_supervisor_behavior,
         .arg = &inner,
         .arg_size = sizeof inner},
        CHILD(&part_c, "c"),
    };
    static const tr_supervisor_t outer = {
        .name = "outer", .children = outer_children, .child_count = 2, .max_restarts = 1};
    company_t co;
    company_begin(&co, &outer);
    tr_ref_t inner_ref = child_of(&co, "inner");
    company_t within = {.rt = co.rt, .supervisor = inner_ref};
    // Twice is once too often for the inner one, and four times for the outer one.
    assert_err(troupe_act(co.rt, child_of(&within, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&within, "a", 1));
    assert_err(troupe_act(co.rt, child_of(&within, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "inner", 1));
    cr_assert(tr_ref_equal(child_of(&co, "inner"), inner_ref));
    expect_chronicle("+a +b +c -a +a -a -b +a +b");
    assert_err(troupe_act(co.rt, child_of(&within, "b"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&within, "b", 1));
    chronicle[0] = '\0';
    assert_err(troupe_act(co.rt, child_of(&within, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "child inner") != NULL, "%s", co.text);
    expect_chronicle("-b -a -c");
    troupe_end(co.rt);
}

// ---- stopping against resistance

Test(supervisor, kills_a_child_whose_stop_takes_longer_than_it_may)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .shutdown_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    b.hangs_in_stop = true;
    company_begin(&co, &spec);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -a");
    troupe_end(co.rt);
}

Test(supervisor, kills_at_once_where_the_table_says_so)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD_WITH(&part_b, "b", .shutdown_ms = TR_SHUTDOWN_KILL),
                                          CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    company_begin(&co, &spec);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -a");
    troupe_end(co.rt);
}

Test(supervisor, waits_as_long_as_it_takes_where_the_table_says_so)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .shutdown_ms = TR_SHUTDOWN_INFINITE)};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 2};
    company_t co;
    b.hangs_in_stop = true;
    company_begin(&co, &spec);
    assert_ok(troupe_act(co.rt, co.director, dismiss, &co));
    CUE_AWAIT(&b.hung);
    expect_chronicle("+a +b");
    cue_give(&b.let_go);
    CUE_AWAIT(&co.ended);
    expect_chronicle("+a +b -b -a");
    troupe_end(co.rt);
}

static tr_err_t
wait_in_spite_of_all(tr_self *self, void *arg)
{
    role_t *r = arg;
    tr_err_t err;
    cue_give(&r->hung);
    do {
        err = tr_sleep(self, tr_ms(1));
    } while (err != TR_EDEAD); // it never is: this handler does not want to know
    return err;
}

Test(supervisor, kills_a_child_that_does_not_want_to_know_that_it_is_stopped)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .shutdown_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    company_begin(&co, &spec);
    assert_ok(troupe_prompt(co.rt, child_of(&co, "b"), wait_in_spite_of_all, &b));
    CUE_AWAIT(&b.hung);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -a");
    troupe_end(co.rt);
}

Test(supervisor, told_to_stop_while_it_starts_stops_what_it_has_started)
{
    company_t co;
    b.hangs_at = 1;
    company_prepare(&co, &trio);
    assert_ok(troupe_prompt(co.rt, co.director, supervise, &co));
    CUE_AWAIT(&b.hung);
    tr_runtime_stop(co.rt);
    assert_ok(tr_runtime_wait(co.rt, tr_seconds(2)));
    assert_err(co.started, TR_ECANCELED);
    expect_chronicle("+a -a");
    troupe_end(co.rt);
}

Test(supervisor, told_to_stop_while_it_restarts_stops_the_others)
{
    company_t co;
    b.hangs_at = 2;
    company_begin(&co, &trio);
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&b.hung);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b -c -a");
    troupe_end(co.rt);
}

Test(supervisor, that_is_killed_takes_its_children_along)
{
    company_t co;
    company_begin(&co, &trio);
    tr_runtime_kill(co.rt);
    assert_ok(tr_runtime_wait(co.rt, tr_seconds(2)));
    expect_chronicle("+a +b +c");
    troupe_end(co.rt);
}
