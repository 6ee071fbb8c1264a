// supervisor_tree_test.c: what random trees of supervisors and a model of them have found.
#include "company.h"

TestSuite(supervisor, .timeout = 30);

typedef struct request_t {
    const company_t *co;
    const char *id;
    tr_err_t err;
} request_t;

static tr_err_t
do_restart(tr_self *self, void *arg)
{
    request_t *r = arg;
    r->err = tr_supervisor_restart(self, r->co->supervisor, tr_str(r->id), tr_seconds(10));
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
