// supervisor_tree_test.c: what the random trees of tree_property_stress.c and their model have
// found, and what they do not get to: a backoff that somebody cuts short.
#include "company.h"

TestSuite(supervisor, .timeout = 30);

typedef struct request_t {
    const company_t *co;
    const char *id;
    tr_err_t err;
} request_t;

static tr_err_t
do_stop(tr_self *self, void *arg)
{
    request_t *r = arg;
    r->err = tr_supervisor_stop(self, r->co->supervisor, tr_str(r->id), tr_seconds(10));
    return TR_OK;
}

static tr_err_t
do_restart(tr_self *self, void *arg)
{
    request_t *r = arg;
    r->err = tr_supervisor_restart(self, r->co->supervisor, tr_str(r->id), tr_seconds(10));
    return TR_OK;
}

static tr_err_t
do_remove(tr_self *self, void *arg)
{
    request_t *r = arg;
    r->err = tr_supervisor_remove(self, r->co->supervisor, tr_str(r->id), tr_seconds(10));
    return TR_OK;
}

static tr_err_t
order(company_t *co, act_fn what, const char *id)
{
    request_t r = {.co = co, .id = id};
    assert_ok(troupe_act(co->rt, troupe_puppet(co->rt, NULL), what, &r));
    return r.err;
}

// ---- temporary ones

Test(supervisor, does_not_try_again_a_temporary_child_whose_ordered_restart_fails)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD_WITH(&part_b, "b", .restart = TR_TEMPORARY),
                                          CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {
        .name = "s", .children = children, .child_count = 3, .strategy = TR_ONE_FOR_ALL};
    company_t co;
    tr_ref_t child;
    uint64_t restarts;
    b.start_errs[1] = TR_EREFUSED;
    company_begin(&co, &spec);
    assert_err(order(&co, do_restart, "b"), TR_EREFUSED);
    assert_err(which(&co, "b", &child, &restarts), TR_ENOTFOUND);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b !b -c -a"); // and nobody went along
    troupe_end(co.rt);
}

Test(supervisor, ends_when_the_ordered_restart_of_its_significant_temporary_child_fails)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"),
        CHILD_WITH(&part_b, "b", .restart = TR_TEMPORARY, .significant = true)};
    static const tr_supervisor_t spec = {
        .name = "s", .children = children, .child_count = 2, .auto_shutdown = TR_AUTO_SHUTDOWN_ANY};
    company_t co;
    b.start_errs[1] = TR_EREFUSED;
    company_begin(&co, &spec);
    assert_err(order(&co, do_restart, "b"), TR_EREFUSED);
    CUE_AWAIT(&co.ended);
    assert_ok(co.reason);
    expect_chronicle("+a +b -b !b -a");
    troupe_end(co.rt);
}

// ---- who waits for one that waits: an hour, unless somebody cuts it short

#define AN_HOUR                                                                                    \
    {                                                                                              \
        .first_ms = 3600 * 1000, .max_ms = 3600 * 1000, .jitter_percent = TR_NO_JITTER             \
    }

static const tr_supervisor_t all_wait = {
    .name = "s", .children = abc, .child_count = 3, .strategy = TR_ONE_FOR_ALL, .backoff = AN_HOUR};
static const tr_supervisor_t rest_wait = {.name = "s",
                                          .children = abc,
                                          .child_count = 3,
                                          .strategy = TR_REST_FOR_ONE,
                                          .backoff = AN_HOUR};

// b has failed; it waits, and the others of the group with it.
static void
begin_to_wait(company_t *co, const tr_supervisor_t *spec, const char *so_far)
{
    company_begin(co, spec);
    assert_err(troupe_act(co->rt, child_of(co, "b"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(contains(chronicle, so_far));
}

static void
expect_waiting_to_end(company_t *co, act_fn what, const char *id, const char *in_the_end)
{
    assert_ok(order(co, what, id));
    company_dismiss(co);
    assert_ok(co->reason);
    expect_chronicle(in_the_end);
    troupe_end(co->rt);
}

Test(supervisor, told_to_restart_one_that_waits_begins_those_that_wait_for_it_too)
{
    company_t co;
    begin_to_wait(&co, &rest_wait, "+a +b +c -b -c");
    expect_waiting_to_end(&co, do_restart, "b", "+a +b +c -b -c +b +c -c -b -a");
}

Test(supervisor, told_to_restart_one_that_waits_begins_its_group_in_order)
{
    company_t co;
    begin_to_wait(&co, &all_wait, "+a +b +c -b -c -a");
    expect_waiting_to_end(&co, do_restart, "b", "+a +b +c -b -c -a +a +b +c -c -b -a");
}

Test(supervisor, told_to_stop_one_that_waits_begins_those_that_waited_for_it)
{
    company_t co;
    begin_to_wait(&co, &all_wait, "+a +b +c -b -c -a");
    expect_waiting_to_end(&co, do_stop, "b", "+a +b +c -b -c -a +a +c -c -a");
}

Test(supervisor, told_to_remove_one_that_waits_begins_those_that_waited_for_it)
{
    company_t co;
    begin_to_wait(&co, &rest_wait, "+a +b +c -b -c");
    expect_waiting_to_end(&co, do_remove, "b", "+a +b +c -b -c +c -c -a");
}

Test(supervisor, told_to_restart_another_that_waits_begins_it_alone)
{
    company_t co;
    begin_to_wait(&co, &all_wait, "+a +b +c -b -c -a");
    expect_waiting_to_end(&co, do_restart, "c", "+a +b +c -b -c -a +c -c");
}
