// supervisor_test.c: starting, restarting, answering.
#include "company.h"

TestSuite(supervisor, .timeout = 30);

static uint64_t
count_actors(const company_t *co)
{
    tr_stats_t stats;
    tr_runtime_stats(co->rt, &stats);
    return stats.actors;
}

// ---- starting and stopping

Test(supervisor, starts_children_in_order_and_stops_them_in_reverse)
{
    company_t co;
    company_begin(&co, &trio);
    expect_chronicle("+a +b +c");
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -b -a");
    troupe_end(co.rt);
}

Test(supervisor, without_children_is_fine)
{
    static const tr_supervisor_t nobody = {.name = "nobody"};
    company_t co;
    company_begin(&co, &nobody);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor, whose_child_fails_to_start_stops_those_before_and_says_which)
{
    company_t co;
    b.start_errs[0] = TR_EADDRINUSE;
    company_prepare(&co, &trio);
    assert_ok(troupe_act(co.rt, co.director, supervise, &co));
    assert_err(co.started, TR_EADDRINUSE);
    expect_chronicle("+a !b -a");
    cr_assert(contains(log_lines, "child b did not start"), "%s", log_lines);
    cr_assert(eq(u64, count_actors(&co), 2)); // the root and the director
    troupe_end(co.rt);
}

Test(supervisor, whose_child_takes_too_long_to_start_stops_those_before)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .start_timeout_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    b.hangs_at = 1;
    company_prepare(&co, &spec);
    assert_ok(troupe_act(co.rt, co.director, supervise, &co));
    assert_err(co.started, TR_ETIMEOUT);
    expect_chronicle("+a -a");
    troupe_end(co.rt);
}

typedef struct table_t {
    tr_supervisor_t spec;
    const char *fault; // what the log must say
} table_t;

Test(supervisor, refuses_a_bad_table_and_names_the_fault)
{
    static const tr_child_t no_id[] = {CHILD(&part_a, "a"), CHILD(&part_b, NULL)};
    static const tr_child_t empty_id[] = {CHILD(&part_a, "")};
    static const tr_child_t twice[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b"),
                                       CHILD(&part_c, "a")};
    static const tr_child_t no_behavior[] = {CHILD(&part_a, "a"), {.id = "empty"}};
    static const tr_child_t restart[] = {CHILD_WITH(&part_a, "a", .restart = (tr_restart_type_t)7)};
    static const table_t tables[] = {
        {{.name = "s", .children = no_id, .child_count = 2}, "child 1 of supervisor s has no id"},
        {{.name = "s", .children = empty_id, .child_count = 1},
         "child 0 of supervisor s has no id"},
        {{.name = "s", .children = twice, .child_count = 3},
         "supervisor s has two children with the id a"},
        {{.name = "s", .children = no_behavior, .child_count = 2},
         "child empty of supervisor s has no behavior"},
        {{.name = "s", .children = restart, .child_count = 1},
         "child a of supervisor s has an unknown restart type 7"},
        {{.name = "s", .children = abc, .child_count = 3, .strategy = (tr_strategy_t)9},
         "supervisor s has an unknown strategy 9"},
        {{.name = "s", .child_count = 2}, "supervisor s has child_count 2 and no children"},
        {{.name = "s", .children = abc, .child_count = 3, .max_restarts = UINT32_MAX},
         "max_restarts 4294967295"},
        {{.name = "s", .children = abc, .child_count = 3, .within_ms = -1}, "within_ms -1"},
        {{.name = NULL, .children = twice, .child_count = 3}, "two children with the id a"},
    };
    company_t co;
    company_prepare(&co, NULL);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        log_lines[0] = '\0';
        co.spec = &tables[i].spec;
        assert_ok(troupe_act(co.rt, co.director, supervise, &co));
        cr_expect(co.started == TR_EINVAL, "%s: %s", tables[i].fault, tr_errname(co.started));
        cr_expect(contains(log_lines, tables[i].fault), "expected \"%s\" in \"%s\"",
                  tables[i].fault, log_lines);
    }
    expect_chronicle(""); // nobody was started
    troupe_end(co.rt);
}

Test(supervisor, without_a_name_is_called_by_its_behavior)
{
    static const tr_supervisor_t nameless = {.children = abc, .child_count = 3};
    company_t co;
    company_begin(&co, &nameless);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// ---- who is restarted when

typedef struct case_t {
    tr_restart_type_t restart;
    act_fn end;
    bool is_restarted;
    const char *what;
} case_t;

static const case_t cases[] = {
    {TR_PERMANENT, fail, true, "permanent, failed"},
    {TR_PERMANENT, leave, true, "permanent, left"},
    {TR_PERMANENT, stop_myself, true, "permanent, stopped"},
    {TR_PERMANENT, kill_myself, true, "permanent, killed"},
    {TR_TRANSIENT, kill_myself, true, "transient, killed"},
    {TR_TRANSIENT, fail, true, "transient, failed"},
    {TR_TRANSIENT, leave, false, "transient, left"},
    {TR_TRANSIENT, stop_myself, false, "transient, stopped"},
    {TR_TEMPORARY, fail, false, "temporary, failed"},
    {TR_TEMPORARY, leave, false, "temporary, left"},
    {TR_TEMPORARY, stop_myself, false, "temporary, stopped"},
    {TR_TEMPORARY, kill_myself, false, "temporary, killed"},
};

static void
expect_case(const case_t *k)
{
    tr_child_t children[] = {CHILD_WITH(&part_a, "a", .restart = k->restart), CHILD(&part_b, "b")};
    tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 2};
    company_t co;
    a.starts = b.starts = 0;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "a");
    assert_ok(troupe_prompt(co.rt, child, k->end, NULL));
    if (k->is_restarted) {
        int64_t until = troupe_now_ns() + 2 * INT64_C(1000000000);
        while (!has_restarted(&co, "a", 1) && troupe_now_ns() < until) {
            troupe_pause();
        }
        cr_expect(has_restarted(&co, "a", 1), "%s: is not restarted", k->what);
        tr_err_t err = troupe_act(co.rt, child_of(&co, "a"), supervise,
                                  &(company_t){.spec = &(tr_supervisor_t){.name = "x"}});
        cr_expect(err == TR_OK, "%s: %s", k->what, tr_errname(err));
        cr_expect(a.starts == 2, "%s: %u starts", k->what, a.starts);
    } else {
        TROUPE_EVENTUALLY(troupe_is_gone(co.rt, child));
        cr_expect(a.starts == 1, "%s: %u starts", k->what, a.starts);
    }
    cr_expect(b.starts == 1, "%s: b was started %u times", k->what, b.starts);
    company_dismiss(&co);
    cr_expect(co.reason == TR_OK, "%s: %s", k->what, tr_errname(co.reason));
    troupe_end(co.rt);
}

Test(supervisor, restarts_a_child_as_its_restart_type_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_case(&cases[i]);
    }
}

Test(supervisor, restart_keeps_the_address_and_the_queued_mail)
{
    company_t co;
    company_begin(&co, &trio);
    tr_ref_t child = child_of(&co, "b");
    b.end = fail;
    assert_ok(troupe_prompt(co.rt, child, perform, &b));
    CUE_AWAIT(&b.hung);
    for (uint64_t i = 1; i <= 9; i++) {
        assert_ok(tr_runtime_send(co.rt, child, TR_MSG(number, .value = i), tr_seconds(1)));
    }
    cue_give(&b.let_go);
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 1));
    cr_assert(tr_ref_equal(child_of(&co, "b"), child));
    assert_ok(troupe_act(co.rt, child, leave, NULL)); // behind the numbers
    cr_assert(eq(u64, b.heard, 123456789));
    cr_assert(tr_ref_equal(b.seen, child));
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 2));
    troupe_end(co.rt);
}

Test(supervisor, answers_which_child_and_how_often_it_was_restarted)
{
    company_t co;
    tr_ref_t child;
    uint64_t restarts = 99;
    company_begin(&co, &trio);
    assert_ok(which(&co, "c", &child, &restarts));
    cr_assert(eq(u64, restarts, 0));
    cr_assert(tr_ref_equal(child, c.seen));
    assert_err(which(&co, "d", &child, &restarts), TR_ENOTFOUND);
    assert_err(which(&co, "", &child, &restarts), TR_ENOTFOUND);
    assert_err(which(&co, "cc", &child, &restarts), TR_ENOTFOUND);
    assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "c", 1));
    troupe_end(co.rt);
}

static tr_err_t
link_to_a(tr_self *self, void *arg)
{
    (void)arg;
    return tr_link(self, a.seen);
}

Test(supervisor, restarts_a_child_that_was_taken_along_by_a_link)
{
    company_t co;
    company_begin(&co, &trio);
    assert_ok(troupe_act(co.rt, child_of(&co, "b"), link_to_a, NULL));
    assert_err(troupe_act(co.rt, child_of(&co, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "a", 1) && has_restarted(&co, "b", 1));
    cr_assert(eq(u32, b.starts, 2));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}
