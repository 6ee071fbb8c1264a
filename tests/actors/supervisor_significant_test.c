// supervisor_significant_test.c: children whose end is the end of all, and supervisors above.
#include "company.h"

TestSuite(supervisor_significant, .timeout = 60);

// ---- tables

typedef struct fault_t {
    tr_supervisor_t spec;
    const char *text;
} fault_t;

Test(supervisor_significant, refuses_what_could_never_be_and_names_it)
{
    static const tr_child_t transient[] = {
        CHILD_WITH(&part_a, "a", .restart = TR_TRANSIENT, .significant = true)};
    static const tr_child_t permanent[] = {
        CHILD_WITH(&part_a, "a", .restart = TR_PERMANENT, .significant = true)};
    static const tr_child_t down[] = {CHILD_WITH(&part_a, "a", .down = (tr_while_down_t)5)};
    static const tr_child_t backoff[] = {CHILD_WITH(&part_a, "a", .backoff = {.first_ms = -2})};
    static const tr_child_t argument[] = {{.id = "a", .behavior = &puppet, .arg_size = 1}};
#define TABLE(children_, ...)                                                                      \
    {                                                                                              \
        .name = "s", .children = (children_), __VA_ARGS__                                          \
    }
    static const fault_t faults[] = {
        {TABLE(transient, .child_count = 1),
         "child a of supervisor s is significant, and its supervisor has no auto_shutdown"},
        {TABLE(permanent, .child_count = 1, .auto_shutdown = TR_AUTO_SHUTDOWN_ANY),
         "child a of supervisor s is significant and permanent: it never comes to an end by "
         "itself"},
        {TABLE(down, .child_count = 1), "child a of supervisor s has a `down` that is none of"},
        {TABLE(backoff, .child_count = 1), "child a of supervisor s has a backoff below zero"},
        {TABLE(argument, .child_count = 1), "child a of supervisor s has an arg_size and no arg"},
        {TABLE(abc, .child_count = 3, .auto_shutdown = (tr_auto_shutdown_t)3),
         "s has an unknown auto_shutdown 3"},
        {TABLE(abc, .max_children = 1, .child_count = 3), "s has max_children 1 and 3 children"},
        {TABLE(abc, .child_count = 3, .backoff = {.first_ms = 5, .max_ms = -1}),
         "s has a backoff below zero"},
        {TABLE(abc, .child_count = 3, .backoff = {.first_ms = 5, .reset_ms = -1}),
         "s has a backoff below zero"},
        {TABLE(abc, .child_count = 3, .backoff = {.first_ms = INT64_MAX}),
         "s has a backoff of more than a year"},
        {TABLE(abc, .child_count = 3, .backoff = {.first_ms = 1, .max_ms = INT64_MAX}),
         "of more than a year"},
        {TABLE(abc, .child_count = 3, .backoff = {.first_ms = 5, .max_ms = 4}),
         "whose max_ms is below its first_ms"},
        {TABLE(abc, .child_count = 3, .backoff = {.first_ms = 5, .jitter_percent = 101}),
         "a jitter_percent over 100"},
        {TABLE(abc, .child_count = 3, .backoff = {.max_ms = 5}),
         "s has a backoff without first_ms"},
        {TABLE(abc, .child_count = 3, .backoff = {.reset_ms = 5}),
         "s has a backoff without first_ms"},
        {TABLE(abc, .child_count = 3, .backoff = {.jitter_percent = TR_NO_JITTER}),
         "a backoff without first_ms"},
    };
#undef TABLE
    company_t co;
    company_prepare(&co, NULL);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        log_lines[0] = '\0';
        co.spec = &faults[i].spec;
        assert_ok(troupe_act(co.rt, co.director, supervise, &co));
        cr_expect(co.started == TR_EINVAL, "%s: %s", faults[i].text, tr_errname(co.started));
        cr_expect(contains(log_lines, faults[i].text), "expected \"%s\" in \"%s\"", faults[i].text,
                  log_lines);
    }
    expect_chronicle("");
    troupe_end(co.rt);
}

// ---- any, all

// a and b are significant, c is not.
static void
begin_with_two(company_t *co, tr_auto_shutdown_t when, tr_restart_type_t of_b)
{
    static tr_child_t children[3];
    static tr_supervisor_t spec;
    tr_child_t those[] = {CHILD_WITH(&part_a, "a", .restart = TR_TRANSIENT, .significant = true),
                          CHILD_WITH(&part_b, "b", .restart = of_b, .significant = true),
                          CHILD(&part_c, "c")};
    memcpy(children, those, sizeof those);
    spec = (tr_supervisor_t){
        .name = "s", .auto_shutdown = when, .children = children, .child_count = 3};
    roles_forget();
    company_begin(co, &spec);
}

static void
expect_good_end(company_t *co, const char *expected)
{
    assert_ok(co->reason);
    expect_chronicle(expected);
    troupe_end(co->rt);
}

// It ends by itself.
static void
expect_end(company_t *co, const char *expected)
{
    CUE_AWAIT(&co->ended);
    expect_good_end(co, expected);
}

static void
dismiss_and_expect(company_t *co, const char *expected)
{
    company_dismiss(co);
    expect_good_end(co, expected);
}

Test(supervisor_significant, any_that_ends_by_itself_ends_all_in_good_order)
{
    company_t co;
    begin_with_two(&co, TR_AUTO_SHUTDOWN_ANY, TR_TRANSIENT);
    assert_ok(troupe_act(co.rt, a.seen, leave, NULL));
    expect_end(&co, "+a +b +c -a -c -b");
}

Test(supervisor_significant, any_that_is_temporary_does_so_by_a_failure_too)
{
    company_t co;
    begin_with_two(&co, TR_AUTO_SHUTDOWN_ANY, TR_TEMPORARY);
    assert_err(troupe_act(co.rt, b.seen, fail, NULL), TR_ECRASHED);
    expect_end(&co, "+a +b +c -b -c -a");
}

Test(supervisor_significant, a_failure_that_is_followed_by_a_restart_ends_nothing)
{
    company_t co;
    begin_with_two(&co, TR_AUTO_SHUTDOWN_ANY, TR_TRANSIENT);
    assert_err(troupe_act(co.rt, a.seen, fail, NULL), TR_ECRASHED);
    assert_ok(troupe_act(co.rt, a.seen, nothing, NULL));
    assert_err(troupe_act(co.rt, c.seen, fail, NULL), TR_ECRASHED);
    assert_ok(troupe_act(co.rt, c.seen, leave, NULL)); // and it is not significant
    TROUPE_EVENTUALLY(has_restarted(&co, "c", 2));
    dismiss_and_expect(&co, "+a +b +c -a +a -c +c -c +c -c -b -a");
}

Test(supervisor_significant, an_order_ends_only_the_child)
{
    company_t co;
    begin_with_two(&co, TR_AUTO_SHUTDOWN_ANY, TR_TRANSIENT);
    assert_ok(order_stop(&co, "a").err);
    assert_ok(order_remove(&co, "b").err);
    assert_ok(troupe_act(co.rt, c.seen, nothing, NULL));
    cr_assert(sem_trywait(&co.ended.sem) != 0);
    dismiss_and_expect(&co, "+a +b +c -a -b -c");
}

Test(supervisor_significant, all_must_end_where_it_says_so)
{
    company_t co;
    begin_with_two(&co, TR_AUTO_SHUTDOWN_ALL, TR_TEMPORARY);
    assert_ok(troupe_act(co.rt, a.seen, leave, NULL));
    TROUPE_EVENTUALLY(is_in_state(&co, "a", TR_CHILD_STOPPED));
    cr_assert(sem_trywait(&co.ended.sem) != 0);
    assert_ok(troupe_act(co.rt, b.seen, leave, NULL));
    expect_end(&co, "+a +b +c -a -b -c");
}

Test(supervisor_significant, all_counts_those_that_an_order_has_stopped_or_restarted)
{
    company_t co;
    begin_with_two(&co, TR_AUTO_SHUTDOWN_ALL, TR_TRANSIENT);
    assert_ok(troupe_act(co.rt, a.seen, leave, NULL));
    TROUPE_EVENTUALLY(is_in_state(&co, "a", TR_CHILD_STOPPED));
    assert_ok(order_restart(&co, "a").err); // it is there again
    assert_ok(troupe_act(co.rt, b.seen, leave, NULL));
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_STOPPED));
    assert_ok(troupe_act(co.rt, a.seen, nothing, NULL));
    assert_ok(troupe_act(co.rt, a.seen, leave, NULL));
    expect_end(&co, "+a +b +c -a +a -b -a -c");
}

// One that has failed and waits for its restart has not come to its end.
Test(supervisor_significant, all_counts_one_that_is_down)
{
    static const tr_child_t children[] = {
        CHILD_WITH(&part_a, "a", .restart = TR_TRANSIENT, .significant = true,
                   .backoff = {.first_ms = 1000000}),
        CHILD_WITH(&part_b, "b", .restart = TR_TRANSIENT, .significant = true)};
    static const tr_supervisor_t spec = {
        .name = "s", .auto_shutdown = TR_AUTO_SHUTDOWN_ALL, .children = children, .child_count = 2};
    company_t co;
    company_begin(&co, &spec);
    assert_err(troupe_act(co.rt, a.seen, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(is_in_state(&co, "a", TR_CHILD_DOWN));
    assert_ok(troupe_act(co.rt, b.seen, leave, NULL));
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_STOPPED));
    assert_ok(order_restart(&co, "a").err);
    assert_ok(troupe_act(co.rt, a.seen, leave, NULL));
    expect_end(&co, "+a +b -a -b +a -a");
}

Test(supervisor_significant, added_at_run_time_count_too)
{
    static const tr_supervisor_t spec = {
        .name = "s", .auto_shutdown = TR_AUTO_SHUTDOWN_ANY, .children = abc, .child_count = 3};
    static const tr_child_t child = {
        .id = "d", .behavior = &puppet, .restart = TR_TEMPORARY, .significant = true};
    company_t co;
    tr_ref_t ref;
    company_begin(&co, &spec);
    assert_ok(tr_runtime_supervisor_add(co.rt, co.supervisor, &child, tr_seconds(10), &ref));
    assert_err(troupe_act(co.rt, ref, fail, NULL), TR_ECRASHED);
    expect_end(&co, "+a +b +c -c -b -a");
}

// ---- a supervisor above

static const tr_child_t significant_a[] = {
    CHILD_WITH(&part_a, "a", .restart = TR_TRANSIENT, .significant = true)};
static const tr_supervisor_t inner = {.name = "inner",
                                      .auto_shutdown = TR_AUTO_SHUTDOWN_ANY,
                                      .children = significant_a,
                                      .child_count = 1,
                                      .max_restarts = 1};

// Its end in good order is handled as that of any child.
static void
expect_above(tr_restart_type_t restart, bool is_significant, const char *expected)
{
    tr_child_t children[] = {
        {TR_SUBTREE("inner", &inner), .restart = restart, .significant = is_significant},
        CHILD(&part_c, "c")};
    tr_supervisor_t outer = {.name = "outer",
                             .auto_shutdown =
                                 is_significant ? TR_AUTO_SHUTDOWN_ANY : TR_AUTO_SHUTDOWN_NEVER,
                             .children = children,
                             .child_count = 2};
    company_t co;
    roles_forget();
    company_begin(&co, &outer);
    assert_ok(troupe_act(co.rt, a.seen, leave, NULL));
    if (restart == TR_PERMANENT) {
        TROUPE_EVENTUALLY(has_restarted(&co, "inner", 1));
    } else if (!is_significant) {
        TROUPE_EVENTUALLY(is_in_state(&co, "inner", TR_CHILD_STOPPED));
    }
    if (is_significant) {
        expect_end(&co, expected);
    } else {
        dismiss_and_expect(&co, expected);
    }
}

Test(supervisor_significant, end_of_a_supervisor_is_an_orderly_one_to_the_one_above)
{
    expect_above(TR_PERMANENT, false, "+a +c -a +a -c -a");
    expect_above(TR_TRANSIENT, false, "+a +c -a -c");
    expect_above(TR_TRANSIENT, true, "+a +c -a -c");
}

Test(supervisor_significant, supervisor_that_gives_up_is_a_failure_to_the_one_above)
{
    static const tr_child_t children[] = {
        {TR_SUBTREE("inner", &inner), .restart = TR_TRANSIENT, .significant = true}};
    static const tr_supervisor_t outer = {.name = "outer",
                                          .auto_shutdown = TR_AUTO_SHUTDOWN_ANY,
                                          .children = children,
                                          .child_count = 1};
    company_t co;
    company_begin(&co, &outer);
    assert_err(troupe_act(co.rt, a.seen, fail, NULL), TR_ECRASHED);
    assert_ok(troupe_act(co.rt, a.seen, nothing, NULL));
    assert_err(troupe_act(co.rt, a.seen, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "inner", 1)); // restarted, and no end of all
    dismiss_and_expect(&co, "+a -a +a -a +a -a");
}
