// supervisor_nested_test.c: supervisors as children, and supervisors that are told to stop in the
// midst of something.
#include "company.h"

TestSuite(supervisor_nested, .timeout = 60);

static const tr_child_t ab[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b")};
static const tr_supervisor_t inner = {
    .name = "inner", .children = ab, .child_count = 2, .max_restarts = 1};

static company_t
inside(const company_t *co, tr_ref_t supervisor)
{
    return (company_t){.rt = co->rt, .supervisor = supervisor};
}

static void
crash(company_t *co, const role_t *r)
{
    assert_err(troupe_act(co->rt, r->seen, fail, NULL), TR_ECRASHED);
}

// ---- trees

Test(supervisor_nested, ends_and_begins_again_with_its_group_at_the_same_address)
{
    static const tr_child_t children[] = {CHILD(&part_c, "c"), {TR_SUBTREE("inner", &inner)}};
    static const tr_supervisor_t outer = {
        .name = "outer", .strategy = TR_ONE_FOR_ALL, .children = children, .child_count = 2};
    company_t co;
    company_begin(&co, &outer);
    tr_ref_t ref = child_of(&co, "inner");
    company_t within = inside(&co, ref);
    tr_ref_t before = a.seen;
    crash(&co, &c);
    await_chronicle("+c +a +b -c -b -a +c +a +b");
    TROUPE_EVENTUALLY(is_in_state(&co, "inner", TR_CHILD_UP));
    cr_assert(tr_ref_equal(child_of(&co, "inner"), ref));
    cr_assert(tr_ref_equal(look(&within, "a").child, a.seen));
    cr_assert(tr_ref_equal(a.seen, before) == false); // what lives below is new
    cr_assert(troupe_is_gone(co.rt, before));
    cr_assert(eq(u64, look(&within, "a").restarts, 0));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_nested, passes_a_failure_on_from_level_to_level)
{
    static const tr_child_t middle_children[] = {{TR_SUBTREE("inner", &inner)}};
    static const tr_supervisor_t middle = {
        .name = "middle", .children = middle_children, .child_count = 1, .max_restarts = 1};
    static const tr_child_t children[] = {{TR_SUBTREE("middle", &middle)}, CHILD(&part_c, "c")};
    static const tr_supervisor_t outer = {
        .name = "outer", .strategy = TR_REST_FOR_ONE, .children = children, .child_count = 2};
    company_t co;
    company_begin(&co, &outer);
    crash(&co, &b);
    await_chronicle("+a +b +c -b +b");
    crash(&co, &b); // once too often for the inner one
    await_chronicle("+a +b +c -b +b -b -a +a +b");
    crash(&co, &b);
    await_chronicle("+a +b +c -b +b -b -a +a +b -b +b");
    crash(&co, &b); // and for the one above it
    await_chronicle("+a +b +c -b +b -b -a +a +b -b +b -b -a -c +a +b +c");
    TROUPE_EVENTUALLY(has_restarted(&co, "middle", 1));
    cr_assert(has_restarted(&co, "c", 1));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// A supervisor has all the time it needs, in a table as elsewhere.
Test(supervisor_nested, has_no_limit_to_its_start_and_its_stop)
{
    static const tr_supervisor_t nobody = {.name = "nobody"};
    static const tr_child_t child = {TR_SUBTREE("late", &inner)};
    company_t co;
    caller_t unused;
    company_begin(&co, &nobody);
    assert_ok(tr_runtime_supervisor_add(co.rt, co.supervisor, &child, tr_seconds(10), NULL));
    cr_assert(eq(int, look(&co, "late").state, TR_CHILD_UP));
    const tr_supervisor_child *answer;
    assert_ok(tr_runtime_call(co.rt, co.supervisor,
                              TR_MSG(tr_supervisor_which, .id = tr_str("late")),
                              TR_REPLY(tr_supervisor_child, &answer), tr_seconds(10)));
    cr_assert(answer->is_supervisor);
    tr_runtime_release(co.rt, answer);
    b.hangs_in_stop = true;
    caller_begin(&co, &unused, b.seen, nothing, NULL);
    assert_ok(caller_end(&unused));
    assert_ok(troupe_act(co.rt, co.director, dismiss, &co));
    CUE_AWAIT(&b.hung);
    cue_give(&b.let_go);
    CUE_AWAIT(&co.ended);
    assert_ok(co.reason);
    expect_chronicle("+a +b -b -a");
    troupe_end(co.rt);
}

// ---- told to stop at every stage

static void
stop_and_expect(company_t *co, const char *expected)
{
    company_dismiss(co);
    assert_ok(co->reason);
    expect_chronicle(expected);
    troupe_end(co->rt);
}

static const tr_supervisor_t all = {
    .name = "all", .strategy = TR_ONE_FOR_ALL, .children = abc, .child_count = 3};

static void
expect_stop_in_start_of(role_t *r, const char *expected)
{
    company_t co;
    roles_forget();
    r->hangs_at = 1;
    company_prepare(&co, &all);
    assert_ok(troupe_prompt(co.rt, co.director, supervise, &co));
    CUE_AWAIT(&r->hung);
    tr_runtime_stop(co.rt);
    assert_ok(tr_runtime_wait(co.rt, tr_seconds(5)));
    assert_err(co.started, TR_ECANCELED);
    expect_chronicle(expected);
    troupe_end(co.rt);
}

Test(supervisor_nested, told_to_stop_in_the_first_start_of_any_child_ends_those_before)
{
    expect_stop_in_start_of(&a, "");
    expect_stop_in_start_of(&b, "+a -a");
    expect_stop_in_start_of(&c, "+a +b -b -a");
}

static void
expect_stop_in_restart_of(role_t *r, const char *expected)
{
    company_t co;
    roles_forget();
    r->hangs_at = 2;
    company_begin(&co, &all);
    crash(&co, &b);
    CUE_AWAIT(&r->hung);
    stop_and_expect(&co, expected);
}

Test(supervisor_nested, told_to_stop_while_any_child_begins_again_ends_those_that_have)
{
    expect_stop_in_restart_of(&a, "+a +b +c -b -c -a");
    expect_stop_in_restart_of(&b, "+a +b +c -b -c -a +a -a");
    expect_stop_in_restart_of(&c, "+a +b +c -b -c -a +a +b -b -a");
}

static void
expect_stop_in_end_of(role_t *r, const char *expected)
{
    company_t co;
    roles_forget();
    company_begin(&co, &all);
    r->hangs_in_stop = true;
    crash(&co, &a);
    CUE_AWAIT(&r->hung);
    assert_ok(troupe_act(co.rt, co.director, dismiss, &co));
    cue_give(&r->let_go);
    CUE_AWAIT(&co.ended);
    assert_ok(co.reason);
    expect_chronicle(expected);
    troupe_end(co.rt);
}

Test(supervisor_nested, told_to_stop_while_a_group_is_stopped_begins_nobody_again)
{
    expect_stop_in_end_of(&c, "+a +b +c -a -c -b");
    expect_stop_in_end_of(&b, "+a +b +c -a -c -b");
}

typedef struct order_t {
    const tr_type_t *type;
    const char *id;
    tr_ref_t supervisor;
    tr_duration_t timeout;
    tr_err_t err;
    cue begun;
    cue over;
} order_t;

static tr_err_t
give_order(tr_self *self, void *arg)
{
    order_t *o = arg;
    tr_supervisor_stop_child value = {.id = tr_str(o->id)}; // all orders are of this shape
    cue_give(&o->begun);
    o->err = tr_call(self, o->supervisor, o->type, &value, TR_REPLY_NONE, o->timeout);
    cue_give(&o->over);
    return TR_OK;
}

static void
order_begin(company_t *co, order_t *o, const tr_type_t *type, const char *id, tr_duration_t timeout)
{
    *o = (order_t){.type = type, .id = id, .supervisor = co->supervisor, .timeout = timeout};
    cue_init(&o->begun);
    cue_init(&o->over);
    assert_ok(troupe_prompt(co->rt, troupe_puppet(co->rt, NULL), give_order, o));
    CUE_AWAIT(&o->begun);
}

static tr_err_t
order_end(order_t *o)
{
    CUE_AWAIT(&o->over);
    return o->err;
}

static void
expect_stop_in_order(const tr_type_t *type, bool in_start, const char *expected)
{
    company_t co;
    order_t order, next;
    roles_forget();
    b.hangs_at = in_start ? 2 : 0;
    company_begin(&co, &trio);
    b.hangs_in_stop = !in_start;
    order_begin(&co, &order, type, "b", TR_FOREVER);
    CUE_AWAIT(&b.hung);
    order_begin(&co, &next, &tr_supervisor_restart_child_type, "b", TR_FOREVER);
    assert_ok(troupe_act(co.rt, co.director, dismiss, &co));
    TROUPE_EVENTUALLY(contains(chronicle, "-c"));
    cue_give(&b.let_go);
    CUE_AWAIT(&co.ended);
    assert_ok(co.reason);
    cr_expect(order_end(&order) == TR_ECANCELED, "%s", tr_errname(order.err));
    tr_err_t err = order_end(&next);
    cr_expect(err == TR_ENOREPLY || err == TR_EDEAD, "%s", tr_errname(err));
    expect_chronicle(expected);
    troupe_end(co.rt);
}

Test(supervisor_nested, told_to_stop_during_an_order_answers_it_and_those_that_wait)
{
    expect_stop_in_order(&tr_supervisor_stop_child_type, false, "+a +b +c -c -b -a");
    expect_stop_in_order(&tr_supervisor_remove_child_type, false, "+a +b +c -c -b -a");
    expect_stop_in_order(&tr_supervisor_restart_child_type, false, "+a +b +c -c -b -a");
    expect_stop_in_order(&tr_supervisor_restart_child_type, true, "+a +b +c -b -c -a");
}

// ---- orders at bad times

// The time of whoever gave it is over, and the child takes long to end: the order is carried out.
Test(supervisor_nested, carries_an_order_out_though_its_caller_gave_up_in_the_midst_of_it)
{
    static const tr_type_t *const types[] = {&tr_supervisor_stop_child_type,
                                             &tr_supervisor_restart_child_type,
                                             &tr_supervisor_remove_child_type};
    for (size_t i = 0; i < 3; i++) {
        company_t co;
        order_t order;
        roles_forget();
        company_begin(&co, &trio);
        b.hangs_in_stop = true;
        order_begin(&co, &order, types[i], "b", tr_ms(50));
        CUE_AWAIT(&b.hung);
        assert_err(order_end(&order), TR_ETIMEOUT);
        b.hangs_in_stop = false;
        cue_give(&b.let_go);
        await_chronicle(i == 1 ? "+a +b +c -b +b" : "+a +b +c -b");
        TROUPE_EVENTUALLY(i != 0 || is_in_state(&co, "b", TR_CHILD_STOPPED));
        TROUPE_EVENTUALLY(i != 1 || has_restarted(&co, "b", 1));
        TROUPE_EVENTUALLY(i != 2 || look(&co, "b").err == TR_ENOTFOUND);
        company_dismiss(&co);
        assert_ok(co.reason);
        troupe_end(co.rt);
    }
}

// The supervisor is busy with a, then with b, when the time for c is over.
Test(supervisor_nested, does_not_begin_an_order_whose_caller_has_given_up)
{
    company_t co;
    order_t of_a, of_b, of_c;
    company_begin(&co, &trio);
    a.hangs_in_stop = b.hangs_in_stop = true;
    order_begin(&co, &of_a, &tr_supervisor_restart_child_type, "a", TR_FOREVER);
    CUE_AWAIT(&a.hung);
    order_begin(&co, &of_b, &tr_supervisor_restart_child_type, "b", TR_FOREVER);
    TROUPE_EVENTUALLY(has_queued(&co, 1));
    order_begin(&co, &of_c, &tr_supervisor_remove_child_type, "c", tr_ms(500));
    TROUPE_EVENTUALLY(has_queued(&co, 2));
    a.hangs_in_stop = false;
    cue_give(&a.let_go);
    CUE_AWAIT(&b.hung);
    assert_err(order_end(&of_c), TR_ETIMEOUT);
    b.hangs_in_stop = false;
    cue_give(&b.let_go);
    assert_ok(order_end(&of_a));
    assert_ok(order_end(&of_b));
    cr_assert(is_in_state(&co, "c", TR_CHILD_UP));
    stop_and_expect(&co, "+a +b +c -a +a -b +b -c -b -a");
}

Test(supervisor_nested, carries_out_orders_that_were_sent_and_not_called)
{
    company_t co;
    company_begin(&co, &trio);
    assert_ok(tr_runtime_send(co.rt, co.supervisor,
                              TR_MSG(tr_supervisor_stop_child, .id = tr_str("b")), tr_seconds(1)));
    assert_ok(tr_runtime_send(co.rt, co.supervisor,
                              TR_MSG(tr_supervisor_stop_child, .id = tr_str("x")), tr_seconds(1)));
    assert_err(order_remove(&co, "x").err, TR_ENOTFOUND); // behind them
    cr_assert(is_in_state(&co, "b", TR_CHILD_STOPPED));
    stop_and_expect(&co, "+a +b +c -b -c -a");
}

Test(supervisor_nested, lets_an_order_wait_until_a_group_lives_again)
{
    company_t co;
    order_t order;
    company_begin(&co, &all);
    b.hangs_in_stop = true;
    crash(&co, &a);
    CUE_AWAIT(&b.hung);
    order_begin(&co, &order, &tr_supervisor_remove_child_type, "b", TR_FOREVER);
    b.hangs_in_stop = false;
    cue_give(&b.let_go);
    assert_ok(order_end(&order));
    expect_chronicle("+a +b +c -a -c -b +a +b +c -b");
    stop_and_expect(&co, "+a +b +c -a -c -b +a +b +c -b -c -a");
}

// A child that gives an order about itself does not live to hear the answer.
static tr_err_t
order_myself(tr_self *self, void *arg)
{
    order_t *o = arg;
    tr_supervisor_stop_child value = {.id = tr_str("b")};
    o->err = tr_call(self, o->supervisor, o->type, &value, TR_REPLY_NONE, TR_FOREVER);
    cue_give(&o->over);
    return o->err;
}

static void
expect_suicide(const tr_type_t *type, const char *expected)
{
    company_t co;
    roles_forget();
    company_begin(&co, &trio);
    order_t o = {.type = type, .supervisor = co.supervisor};
    cue_init(&o.over);
    assert_ok(troupe_prompt(co.rt, b.seen, order_myself, &o));
    assert_err(order_end(&o), TR_ECANCELED);
    await_chronicle(expected);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_nested, takes_orders_from_the_child_that_they_are_about)
{
    expect_suicide(&tr_supervisor_stop_child_type, "+a +b +c -b");
    expect_suicide(&tr_supervisor_remove_child_type, "+a +b +c -b");
    expect_suicide(&tr_supervisor_restart_child_type, "+a +b +c -b +b");
}

Test(supervisor_nested, turns_orders_away_that_come_faster_than_they_are_done)
{
    company_t co;
    order_t first;
    company_begin(&co, &trio);
    b.hangs_in_stop = true;
    order_begin(&co, &first, &tr_supervisor_restart_child_type, "b", TR_FOREVER);
    CUE_AWAIT(&b.hung);
    for (int i = 0; i < 256; i++) {
        assert_ok(tr_runtime_send(co.rt, co.supervisor,
                                  TR_MSG(tr_supervisor_restart_child, .id = tr_str("a")),
                                  tr_ms(0)));
    }
    assert_err(tr_runtime_send(co.rt, co.supervisor,
                               TR_MSG(tr_supervisor_restart_child, .id = tr_str("a")), tr_ms(0)),
               TR_ETIMEOUT); // its mailbox is full
    b.hangs_in_stop = false;
    cue_give(&b.let_go);
    assert_ok(order_end(&first));
    TROUPE_EVENTUALLY(has_restarted(&co, "a", 256));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}
