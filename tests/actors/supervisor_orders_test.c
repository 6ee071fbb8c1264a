// supervisor_orders_test.c: add, stop, restart, remove, find and list, one at a time.
#include "company.h"

TestSuite(supervisor_orders, .timeout = 60);

// ---- adding

static tr_err_t
add(company_t *co, const tr_child_t *child, tr_ref_t *out)
{
    return tr_runtime_supervisor_add(co->rt, co->supervisor, child, tr_seconds(10), out);
}

static role_t d = {.id = "d"};
static part part_d = ROLE_PART(&d);

Test(supervisor_orders, add_refuses_a_wrong_child_and_names_the_fault)
{
    static const tr_behavior_t nameless = {.receive = puppet_receive};
    static const struct {
        tr_child_t child;
        const char *fault;
    } wrong[] = {
        {{.id = "d"}, "child d of supervisor trio has no behavior"},
        {CHILD(&part_d, ""), "has an empty id"},
        {{.id = NULL, .behavior = &nameless}, "has a behavior without a name"},
        {{.id = "d", .behavior = &puppet, .arg_size = 8},
         "child d of supervisor trio has an arg_size"},
        {CHILD_WITH(&part_d, "d", .restart = (tr_restart_type_t)3), "an unknown restart type 3"},
        {CHILD_WITH(&part_d, "d", .down = (tr_while_down_t)2),
         "a `down` that is none of its values"},
        {CHILD_WITH(&part_d, "d", .significant = true), "its supervisor has no auto_shutdown"},
        {CHILD_WITH(&part_d, "d", .backoff = {.first_ms = -1}), "a backoff below zero"},
        {CHILD_WITH(&part_d, "d", .backoff = {.max_ms = 9}), "a backoff without first_ms"},
        {CHILD_WITH(&part_d, "d", .full = (tr_full_policy_t)9), "full, place"},
        {CHILD_WITH(&part_d, "d", .start_timeout_ms = -2), "start_timeout_ms is negative"},
        {CHILD_WITH(&part_d, "d", .shutdown_ms = -3), "shutdown_ms is none of its values"},
    };
    company_t co;
    tr_ref_t ref = TR_REF_NONE;
    company_begin(&co, &trio);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        log_lines[0] = '\0';
        tr_err_t err = add(&co, &wrong[i].child, &ref);
        cr_expect(err == TR_EINVAL, "%s: %s", wrong[i].fault, tr_errname(err));
        cr_expect(contains(log_lines, wrong[i].fault), "\"%s\" is not in \"%s\"", wrong[i].fault,
                  log_lines);
    }
    cr_assert(tr_ref_equal(ref, TR_REF_NONE));
    assert_err(look(&co, "d").err, TR_ENOTFOUND);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -b -a");
    troupe_end(co.rt);
}

Test(supervisor_orders, add_says_why_it_cannot_and_leaves_nothing)
{
    static const tr_supervisor_t narrow = {
        .name = "narrow", .children = abc, .child_count = 3, .max_children = 4};
    static const tr_child_t child = CHILD_WITH(&part_d, "d", .start_timeout_ms = 20);
    company_t co;
    tr_stats_t before, after;
    company_begin(&co, &narrow);
    cue_init(&d.hung);
    tr_runtime_stats(co.rt, &before);
    assert_err(add(&co, &(tr_child_t)CHILD(&part_d, "b"), NULL), TR_EALREADY);
    d.start_errs[0] = TR_EADDRINUSE;
    assert_err(add(&co, &child, NULL), TR_EADDRINUSE);
    d.hangs_at = 2;
    assert_err(add(&co, &child, NULL), TR_ETIMEOUT);
    assert_err(look(&co, "d").err, TR_ENOTFOUND);
    TROUPE_EVENTUALLY((tr_runtime_stats(co.rt, &after), after.actors == before.actors));
    assert_ok(add(&co, &child, NULL));
    assert_err(add(&co, &(tr_child_t)CHILD(&part_d, "e"), NULL), TR_ELIMIT);
    assert_ok(order_stop(&co, "d").err); // it keeps its place
    assert_err(add(&co, &(tr_child_t)CHILD(&part_d, "e"), NULL), TR_ELIMIT);
    assert_err(add(&co, &child, NULL), TR_EALREADY);
    assert_ok(order_remove(&co, "d").err);
    assert_ok(add(&co, &(tr_child_t)CHILD(&part_d, "e"), NULL));
    assert_err(tr_runtime_supervisor_add(co.rt, a.seen, &child, tr_seconds(10), NULL),
               TR_EUNHANDLED); // that is no supervisor
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_orders, add_copies_what_it_is_given)
{
    company_t co;
    tr_ref_t ref = TR_REF_NONE;
    char id[] = "d";
    part argument = part_d;
    tr_child_t child = CHILD(&argument, id);
    company_begin(&co, &trio);
    assert_ok(add(&co, &child, &ref));
    id[0] = 'x';
    memset(&argument, 0xff, sizeof argument);
    memset(&child, 0xff, sizeof child);
    cr_assert(tr_ref_equal(ref, d.seen));
    assert_err(troupe_act(co.rt, ref, fail, NULL), TR_ECRASHED);
    assert_ok(troupe_act(co.rt, ref, nothing, NULL)); // its second life, from the copies
    cr_assert(eq(u32, d.starts, 2));
    cr_assert(has_restarted(&co, "d", 1));
    assert_ok(order_stop(&co, "d").err);
    assert_ok(order_restart(&co, "d").err); // and its third
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c +d -d +d -d +d -d -c -b -a"); // behind the others
    troupe_end(co.rt);
}

Test(supervisor_orders, add_makes_up_ids_that_nobody_has)
{
    static const tr_child_t nameless = CHILD(&part_d, NULL);
    static const tr_child_t taken = CHILD(&part_d, "puppet-2");
    company_t co;
    company_begin(&co, &trio);
    tr_ref_t first = TR_REF_NONE, second = TR_REF_NONE;
    assert_ok(add(&co, &taken, NULL));
    assert_ok(add(&co, &nameless, &first));
    assert_ok(add(&co, &nameless, &second));
    cr_assert(tr_ref_equal(look(&co, "puppet-1").child, first));
    cr_assert(tr_ref_equal(look(&co, "puppet-3").child, second));
    troupe_end(co.rt);
}

typedef struct inside_t {
    tr_ref_t supervisor;
    tr_ref_t ref;
    tr_duration_t timeout;
} inside_t;

static tr_err_t
do_everything(tr_self *self, void *arg)
{
    inside_t *in = arg;
    static const tr_child_t child = CHILD(&part_d, "d");
    tr_ref_t found = TR_REF_NONE;
    expect_ok(tr_supervisor_add(self, in->supervisor, &child, in->timeout, &in->ref));
    expect_err(tr_supervisor_add(self, in->supervisor, &child, in->timeout, NULL), TR_EALREADY);
    expect_ok(tr_supervisor_find(self, in->supervisor, tr_str("d"), in->timeout, &found));
    cr_expect(tr_ref_equal(found, in->ref));
    expect_ok(tr_supervisor_restart(self, in->supervisor, tr_str("d"), in->timeout));
    expect_ok(tr_supervisor_stop(self, in->supervisor, tr_str("d"), in->timeout));
    expect_ok(tr_supervisor_find(self, in->supervisor, tr_str("d"), in->timeout, &found));
    cr_expect(tr_ref_equal(found, TR_REF_NONE));
    expect_ok(tr_supervisor_remove(self, in->supervisor, tr_str("d"), in->timeout));
    expect_err(tr_supervisor_find(self, in->supervisor, tr_str("d"), in->timeout, &found),
               TR_ENOTFOUND);
    expect_err(tr_supervisor_stop(self, in->supervisor, tr_str("d"), in->timeout), TR_ENOTFOUND);
    expect_err(tr_supervisor_restart(self, in->supervisor, tr_str("d"), in->timeout), TR_ENOTFOUND);
    expect_err(tr_supervisor_remove(self, in->supervisor, tr_str("d"), in->timeout), TR_ENOTFOUND);
    return TR_OK;
}

Test(supervisor_orders, serve_actors_and_the_children_themselves)
{
    company_t co;
    company_begin(&co, &trio);
    inside_t in = {.supervisor = co.supervisor, .timeout = tr_seconds(10)};
    assert_ok(troupe_act(co.rt, troupe_puppet(co.rt, NULL), do_everything, &in));
    assert_ok(troupe_act(co.rt, a.seen, do_everything, &in));
    expect_chronicle("+a +b +c +d -d +d -d +d -d +d -d");
    troupe_end(co.rt);
}

// ---- stopping and removing

Test(supervisor_orders, stop_discards_the_mail_and_ends_the_address)
{
    company_t co;
    caller_t waits;
    company_begin(&co, &trio);
    assert_ok(troupe_prompt(co.rt, b.seen, perform, &b));
    CUE_AWAIT(&b.hung);
    caller_begin(&co, &waits, b.seen, nothing, NULL);
    TROUPE_EVENTUALLY(has_queued(&co, 1));
    news_t news = order_stop(&co, "b");
    assert_ok(news.err);
    cr_assert(eq(int, news.state, TR_CHILD_STOPPED));
    cr_assert(strcmp(news.id, "b") == 0);
    assert_err(caller_end(&waits), TR_EDEAD);
    cr_assert(troupe_is_gone(co.rt, b.seen));
    assert_ok(order_stop(&co, "b").err); // it is
    cr_assert(is_in_state(&co, "b", TR_CHILD_STOPPED));
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b -c -a");
    troupe_end(co.rt);
}

Test(supervisor_orders, remove_forgets_and_stop_forgets_temporary_ones)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD_WITH(&part_b, "b", .restart = TR_TEMPORARY),
                                          CHILD_WITH(&part_c, "c", .restart = TR_TEMPORARY)};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    company_begin(&co, &spec);
    assert_ok(order_stop(&co, "b").err);
    assert_err(look(&co, "b").err, TR_ENOTFOUND);
    assert_ok(order_remove(&co, "c").err);
    assert_err(look(&co, "c").err, TR_ENOTFOUND);
    assert_ok(order_remove(&co, "a").err);
    assert_err(order_remove(&co, "a").err, TR_ENOTFOUND);
    assert_err(order_stop(&co, "a").err, TR_ENOTFOUND);
    assert_err(order_restart(&co, "a").err, TR_ENOTFOUND);
    assert_ok(add(&co, &(tr_child_t)CHILD(&part_a, "a"), NULL)); // the id is free
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b -c -a +a -a");
    troupe_end(co.rt);
}

// ---- restarting

Test(supervisor_orders, restart_keeps_address_and_mail_and_is_not_counted)
{
    static const tr_supervisor_t strict = {.name = "strict",
                                           .strategy = TR_ONE_FOR_ALL,
                                           .children = abc,
                                           .child_count = 3,
                                           .max_restarts = 1};
    company_t co;
    company_begin(&co, &strict);
    tr_ref_t before = b.seen;
    for (uint64_t i = 1; i <= 4; i++) {
        assert_ok(troupe_prompt(co.rt, b.seen, perform, &b));
        CUE_AWAIT(&b.hung);
        assert_ok(tr_runtime_send(co.rt, b.seen, TR_MSG(number, .value = i), tr_seconds(1)));
        news_t news = order_restart(&co, "b");
        assert_ok(news.err);
        cr_assert(eq(u64, news.restarts, i));
        cr_assert(tr_ref_equal(news.child, before));
    }
    assert_ok(troupe_act(co.rt, before, nothing, NULL));
    cr_assert(eq(u64, b.heard, 1234));
    cr_assert(eq(u32, a.starts + c.starts, 2)); // it alone
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_orders, restart_of_a_stopped_child_begins_at_a_new_address_or_says_why_not)
{
    company_t co;
    company_begin(&co, &trio);
    tr_ref_t before = b.seen;
    b.start_errs[1] = TR_EADDRINUSE;
    assert_ok(order_stop(&co, "b").err);
    assert_err(order_restart(&co, "b").err, TR_EADDRINUSE);
    cr_assert(is_in_state(&co, "b", TR_CHILD_STOPPED)); // and nobody tries again
    news_t news = order_restart(&co, "b");
    assert_ok(news.err);
    cr_assert(eq(int, news.state, TR_CHILD_UP));
    cr_assert(tr_ref_equal(news.child, b.seen));
    cr_assert(tr_ref_equal(news.child, before) == false);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b !b +b -c -b -a");
    troupe_end(co.rt);
}

Test(supervisor_orders, restart_whose_start_fails_is_answered_and_then_tried_again)
{
    company_t co;
    company_begin(&co, &trio);
    b.start_errs[1] = b.start_errs[2] = TR_EREFUSED;
    assert_err(order_restart(&co, "b").err, TR_EREFUSED);
    await_chronicle("+a +b +c -b !b !b +b");
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 1));
    b.start_errs[4] = b.start_errs[5] = b.start_errs[6] = TR_EREFUSED;
    assert_err(order_restart(&co, "b").err, TR_EREFUSED); // two and three make more than three
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    troupe_end(co.rt);
}

Test(supervisor_orders, restart_whose_start_takes_too_long_is_answered_and_then_tried_again)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD_WITH(&part_b, "b", .start_timeout_ms = 20)};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 2};
    company_t co;
    company_begin(&co, &spec);
    b.hangs_at = 2;
    assert_err(order_restart(&co, "b").err, TR_ETIMEOUT);
    assert_ok(troupe_act(co.rt, b.seen, nothing, NULL));
    cr_assert(eq(u32, b.starts, 3));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

static void
expect_temporary_forgotten(tr_err_t start_err, uint32_t hangs_at, tr_err_t expected)
{
    tr_child_t children[] = {CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .restart = TR_TEMPORARY,
                                                             .start_timeout_ms = 20)};
    tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 2};
    company_t co;
    roles_forget();
    company_begin(&co, &spec);
    assert_ok(order_restart(&co, "b").err); // it may be told to begin again
    b.start_errs[2] = start_err;
    b.hangs_at = hangs_at;
    assert_err(order_restart(&co, "b").err, expected);
    TROUPE_EVENTUALLY(look(&co, "b").err == TR_ENOTFOUND && troupe_is_gone(co.rt, b.seen));
    cr_assert(eq(u32, b.starts, 3));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_orders, restart_of_a_temporary_child_whose_start_fails_is_the_end_of_it)
{
    expect_temporary_forgotten(TR_EREFUSED, 0, TR_EREFUSED);
    expect_temporary_forgotten(TR_OK, 3, TR_ETIMEOUT);
}

// ---- looking

Test(supervisor_orders, find_gives_no_address_of_a_stopped_child)
{
    company_t co;
    company_begin(&co, &trio);
    assert_ok(order_stop(&co, "b").err);
    news_t news = look(&co, "b");
    assert_ok(news.err);
    cr_assert(tr_ref_equal(news.child, TR_REF_NONE));
    assert_err(look(&co, "").err, TR_ENOTFOUND);
    troupe_end(co.rt);
}

// Who is listed, page after page: their count, or 0 when the order or the sums are wrong.
static uint32_t
walk(company_t *co, uint32_t *out_pages, uint32_t *out_up)
{
    char after[32] = "";
    uint32_t seen = 0, count = 0;
    for (*out_pages = 0;;) {
        const tr_supervisor_children *page;
        assert_ok(tr_runtime_call(co->rt, co->supervisor,
                                  TR_MSG(tr_supervisor_list, .after = tr_str(after)),
                                  TR_REPLY(tr_supervisor_children, &page), tr_seconds(10)));
        bool is_last = page->children.count == 0;
        count = page->count;
        *out_up = page->up;
        cr_assert(page->children.count <= TR_SUPERVISOR_PAGE);
        for (uint32_t i = 0; i < page->children.count; i++) {
            const tr_supervisor_child *child = &page->children.items[i];
            char expected[32];
            snprintf(expected, sizeof expected, "n%u", seen++);
            cr_assert(tr_str_equal(child->id, tr_str(expected)), "%.*s", (int)child->id.size,
                      child->id.data);
            cr_assert(tr_str_equal(child->behavior, tr_str("plain")));
            cr_assert(child->is_supervisor == false);
            snprintf(after, sizeof after, "%s", expected);
        }
        tr_runtime_release(co->rt, page);
        if (is_last) {
            return seen == count ? seen : 0;
        }
        ++*out_pages;
    }
}

Test(supervisor_orders, list_has_thousands_of_children_in_their_order)
{
    static const tr_supervisor_t nobody = {.name = "nobody"};
    company_t co;
    uint32_t pages, up;
    company_begin(&co, &nobody);
    cr_assert(eq(u32, walk(&co, &pages, &up), 0));
    for (uint32_t i = 0; i < 2000; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%u", i);
        assert_ok(add(&co, &(tr_child_t){.id = id, .behavior = &plain_puppet}, NULL));
    }
    cr_assert(eq(u32, walk(&co, &pages, &up), 2000));
    cr_assert(eq(u32, pages, 8));
    cr_assert(eq(u32, up, 2000));
    assert_ok(order_stop(&co, "n1999").err);
    cr_assert(eq(u32, walk(&co, &pages, &up), 2000));
    cr_assert(eq(u32, up, 1999));
    assert_ok(order_remove(&co, "n1999").err);
    cr_assert(eq(u32, walk(&co, &pages, &up), 1999));
    assert_err(tr_runtime_call(co.rt, co.supervisor,
                               TR_MSG(tr_supervisor_list, .after = tr_str("n1999")), TR_REPLY_NONE,
                               tr_seconds(10)),
               TR_ENOTFOUND);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// The smallest stack that a runtime may have is no larger than a page of the list.
Test(supervisor_orders, list_fits_on_the_smallest_stack)
{
    static const tr_supervisor_t nobody = {.name = "nobody"};
    tr_runtime_opts_t opts = {
        .name = "test", .workers = 1, .stack_bytes = 16384, .log = troupe_no_log};
    company_t co = {.spec = &nobody};
    cue_init(&co.ended);
    assert_ok(tr_runtime_create(&opts, &co.rt));
    co.director = troupe_puppet(co.rt, &(part){.receive = hear, .arg = &co});
    assert_ok(troupe_act(co.rt, co.director, supervise, &co));
    assert_ok(co.started);
    for (uint32_t i = 0; i < TR_SUPERVISOR_PAGE; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%u", i);
        assert_ok(add(&co, &(tr_child_t){.id = id, .behavior = &plain_puppet}, NULL));
    }
    uint32_t pages, up;
    cr_assert(eq(u32, walk(&co, &pages, &up), TR_SUPERVISOR_PAGE));
    troupe_end(co.rt);
}
