// supervisor_growth_test.c: nothing is left behind by thousands of restarts, children and orders.
#include "company.h"

#include <malloc.h>

TestSuite(supervisor_growth, .timeout = 60);

#define CHILDREN 2000

// What is in use of the heap. Sanitizers replace the allocator, and look for leaks themselves.
static size_t
in_use(void)
{
    return mallinfo2().uordblks;
}

static void
quiet(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

static void
begin_quietly(company_t *co, const tr_supervisor_t *spec)
{
    tr_runtime_opts_t opts = {.name = "test", .workers = 2, .log = quiet};
    *co = (company_t){.spec = spec};
    cue_init(&co->ended);
    assert_ok(tr_runtime_create(&opts, &co->rt));
    co->director = troupe_puppet(co->rt, &(part){.receive = hear, .arg = co});
    assert_ok(troupe_act(co->rt, co->director, supervise, co));
    assert_ok(co->started);
}

typedef void (*round_fn)(company_t *co);

// The first rounds fill pools and tables; what comes after them must not cost anything. The slack
// is less than one word a round.
static void
expect_no_growth(const tr_supervisor_t *spec, round_fn round, unsigned rounds)
{
    company_t co;
    begin_quietly(&co, spec);
    for (unsigned i = 0; i < rounds / 4; i++) {
        round(&co);
    }
    size_t before = in_use();
    for (unsigned i = 0; i < rounds; i++) {
        round(&co);
    }
    size_t after = in_use();
    cr_assert(after < before + rounds * sizeof(void *), "from %zu to %zu bytes", before, after);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

static const tr_child_t two[] = {{.id = "a", .behavior = &puppet},
                                 {.id = "b", .behavior = &puppet}};

static void
fail_and_come_back(company_t *co)
{
    assert_err(troupe_act(co->rt, child_of(co, "b"), fail, NULL), TR_ECRASHED);
    assert_ok(troupe_act(co->rt, child_of(co, "b"), nothing, NULL));
}

Test(supervisor_growth, is_none_by_restarts)
{
    static const tr_supervisor_t group = {.name = "s",
                                          .strategy = TR_ONE_FOR_ALL,
                                          .children = two,
                                          .child_count = 2,
                                          .max_restarts = 1000000};
    expect_no_growth(&group, fail_and_come_back, 3000);
}

static void
add_and_remove(company_t *co)
{
    tr_child_t child = {.behavior = &plain_puppet, .id = "n"};
    assert_ok(tr_runtime_supervisor_add(co->rt, co->supervisor, &child, tr_seconds(10), NULL));
    assert_ok(order_restart(co, "n").err);
    assert_ok(order_remove(co, "n").err);
}

Test(supervisor_growth, is_none_by_orders)
{
    static const tr_supervisor_t spec = {.name = "s", .children = two, .child_count = 2};
    expect_no_growth(&spec, add_and_remove, 500);
}

static void
add_and_end(company_t *co)
{
    static const tr_child_t child = {.behavior = &plain_puppet, .restart = TR_TEMPORARY};
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(tr_runtime_supervisor_add(co->rt, co->supervisor, &child, tr_seconds(10), &ref));
    assert_ok(troupe_act(co->rt, ref, leave, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(co->rt, ref));
}

Test(supervisor_growth, is_none_by_temporary_children)
{
    static const tr_supervisor_t spec = {.name = "s", .children = two, .child_count = 2};
    expect_no_growth(&spec, add_and_end, 1000);
}

// Backoffs that are cut short leave no timers behind.
static void
wait_and_cut_short(company_t *co)
{
    assert_err(troupe_act(co->rt, child_of(co, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(is_in_state(co, "b", TR_CHILD_DOWN));
    assert_ok(order_restart(co, "a").err);
}

Test(supervisor_growth, is_none_by_backoffs)
{
    static const tr_supervisor_t spec = {.name = "s",
                                         .strategy = TR_REST_FOR_ONE,
                                         .children = two,
                                         .child_count = 2,
                                         .max_restarts = 1000000,
                                         .backoff = {.first_ms = 1000000}};
    expect_no_growth(&spec, wait_and_cut_short, 1000);
}

// ---- thousands at once

Test(supervisor_growth, of_thousands_of_children_begins_again_in_order)
{
    static const tr_supervisor_t group = {
        .name = "s", .strategy = TR_ONE_FOR_ALL, .children = abc, .child_count = 3};
    company_t co;
    begin_quietly(&co, &group);
    roles_init();
    for (int i = 0; i < CHILDREN; i++) {
        tr_child_t child = {.behavior = &plain_puppet};
        assert_ok(tr_runtime_supervisor_add(co.rt, co.supervisor, &child, tr_seconds(10), NULL));
    }
    assert_err(troupe_act(co.rt, a.seen, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "plain-2000", 1));
    cr_assert(has_restarted(&co, "plain-1", 1));
    expect_chronicle("+a +b +c -a -c -b +a +b +c");
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}
