// supervisor_backoff_test.c: how long a child waits for its restart, and what becomes meanwhile of
// who wants something from it.
#include "company.h"

TestSuite(supervisor_backoff, .timeout = 60);

#define NEVER_MS 1000000 // longer than any test

static tr_backoff_t
first_of(int64_t ms)
{
    return (tr_backoff_t){.first_ms = ms, .jitter_percent = TR_NO_JITTER};
}

static void
crash(company_t *co, const role_t *r)
{
    tr_err_t err = troupe_act(co->rt, r->seen, fail, NULL);
    cr_assert(err == TR_ECRASHED, "%s", tr_errname(err));
}

// ---- how long

// What it says in the log about the latest failure of `id`: how often, and the milliseconds.
static long
delay_of(const char *id, unsigned times)
{
    char words[64];
    snprintf(words, sizeof words, "child %s failed %u times in a row", id, times);
    TROUPE_EVENTUALLY(contains(log_lines, words));
    long ms = -1;
    pthread_mutex_lock(&words_lock);
    const char *in = strstr(strstr(log_lines, words), "restart in ");
    if (in != NULL) {
        ms = strtol(in + strlen("restart in "), NULL, 10);
    }
    log_lines[0] = '\0';
    pthread_mutex_unlock(&words_lock);
    return ms;
}

Test(supervisor_backoff, doubles_up_to_its_maximum)
{
    static const tr_child_t children[] = {CHILD_WITH(
        &part_a, "a", .backoff = {.first_ms = 3, .max_ms = 20, .jitter_percent = TR_NO_JITTER})};
    static const tr_supervisor_t spec = {
        .name = "s", .children = children, .child_count = 1, .max_restarts = 100};
    static const long expected[] = {3, 6, 12, 20, 20};
    company_t co;
    company_begin(&co, &spec);
    for (unsigned i = 0; i < 5; i++) {
        int64_t before = troupe_now_ns();
        crash(&co, &a);
        long ms = delay_of("a", i + 1);
        cr_assert(eq(long, ms, expected[i]));
        assert_ok(troupe_act(co.rt, a.seen, nothing, NULL)); // by its next life
        // The clock of the wheel ticks in milliseconds.
        cr_assert(troupe_now_ns() - before >= (ms - 1) * INT64_C(1000000), "after %ld ms", ms);
    }
    troupe_end(co.rt);
}

Test(supervisor_backoff, goes_on_doubling_when_the_start_fails)
{
    static const tr_supervisor_t spec = {.name = "s",
                                         .children = abc,
                                         .child_count = 3,
                                         .backoff = {.first_ms = 2, .jitter_percent = TR_NO_JITTER},
                                         .max_restarts = 100};
    company_t co;
    b.start_errs[1] = b.start_errs[2] = TR_EREFUSED;
    company_begin(&co, &spec);
    crash(&co, &b);
    await_chronicle("+a +b +c -b !b !b +b");
    cr_assert(contains(log_lines, "child b failed 1 times in a row, TR_EFAULT: restart in 2 ms"));
    cr_assert(contains(log_lines, "child b failed 2 times in a row, TR_EREFUSED: restart in 4 ms"));
    cr_assert(contains(log_lines, "child b failed 3 times in a row, TR_EREFUSED: restart in 8 ms"));
    troupe_end(co.rt);
}

Test(supervisor_backoff, varies_by_chance_within_its_bounds)
{
    static const tr_child_t children[] = {
        CHILD_WITH(&part_a, "a", .backoff = {.first_ms = 20, .max_ms = 20, .jitter_percent = 50})};
    static const tr_supervisor_t spec = {
        .name = "s", .children = children, .child_count = 1, .max_restarts = 100};
    company_t co;
    long least = 1000, most = 0;
    company_begin(&co, &spec);
    for (unsigned i = 1; i <= 40; i++) {
        crash(&co, &a);
        long ms = delay_of("a", i);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    cr_assert(least >= 10 && most <= 30, "from %ld to %ld", least, most);
    // Forty draws from 21 numbers: that all are in one half happens once in a trillion times.
    cr_assert(least < 20 && most > 20, "from %ld to %ld", least, most);
    troupe_end(co.rt);
}

static void
expect_second_delay(bool is_group, long expected)
{
    tr_supervisor_t spec = {
        .name = "s",
        .strategy = is_group ? TR_REST_FOR_ONE : TR_ONE_FOR_ONE,
        .children = abc,
        .child_count = 3,
        .backoff = {.first_ms = 4, .jitter_percent = TR_NO_JITTER, .reset_ms = 30},
    };
    company_t co;
    roles_forget();
    company_begin(&co, &spec);
    crash(&co, &b);
    cr_assert(eq(long, delay_of("b", 1), 4));
    assert_ok(troupe_act(co.rt, b.seen, nothing, NULL));
    if (expected == 4) { // a life as long as that: this is what is tested, not a wait for it
        int64_t until = troupe_now_ns() + 40 * INT64_C(1000000);
        TROUPE_EVENTUALLY(troupe_now_ns() > until);
    }
    if (is_group) { // its long life ends by the failure of another
        crash(&co, &a);
        cr_assert(eq(long, delay_of("a", 1), 4));
        TROUPE_EVENTUALLY(has_restarted(&co, "b", 2));
    }
    crash(&co, &b);
    cr_assert(eq(long, delay_of("b", expected == 4 ? 1 : 2), expected));
    troupe_end(co.rt);
}

Test(supervisor_backoff, begins_anew_after_a_life_that_was_long_enough)
{
    expect_second_delay(false, 4);
    expect_second_delay(true, 4);
}

Test(supervisor_backoff, of_a_child_is_its_own_where_it_has_one)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"),
        CHILD_WITH(&part_b, "b", .backoff = {.first_ms = 7, .jitter_percent = TR_NO_JITTER})};
    static const tr_supervisor_t spec = {
        .name = "s",
        .children = children,
        .child_count = 2,
        .backoff = {.first_ms = 5, .jitter_percent = TR_NO_JITTER}};
    company_t co;
    company_begin(&co, &spec);
    crash(&co, &a);
    cr_assert(eq(long, delay_of("a", 1), 5));
    crash(&co, &b);
    cr_assert(eq(long, delay_of("b", 1), 7));
    troupe_end(co.rt);
}

// ---- who wants something meanwhile

static void
begin_with_b_down(company_t *co, const tr_supervisor_t *spec)
{
    company_begin(co, spec);
    crash(co, &b);
    TROUPE_EVENTUALLY(is_in_state(co, "b", TR_CHILD_DOWN));
}

Test(supervisor_backoff, lets_requests_wait_as_long_as_their_deadline_allows)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD_WITH(&part_b, "b", .down = TR_DOWN_QUEUE)};
    tr_supervisor_t spec = {
        .name = "s", .children = children, .child_count = 2, .backoff = first_of(NEVER_MS)};
    company_t co;
    caller_t patient;
    begin_with_b_down(&co, &spec);
    assert_err(tr_runtime_call(co.rt, b.seen, ACT_MSG(nothing, NULL), TR_REPLY_NONE, tr_ms(20)),
               TR_ETIMEOUT);
    caller_begin(&co, &patient, b.seen, nothing, NULL);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_ok(tr_runtime_send(co.rt, b.seen, TR_MSG(number, .value = i), tr_seconds(1)));
    }
    assert_ok(order_restart(&co, "b").err);
    assert_ok(caller_end(&patient));
    assert_ok(troupe_act(co.rt, b.seen, nothing, NULL));
    cr_assert(eq(u64, b.heard, 123));
    troupe_end(co.rt);
}

// One that waits for room in its mailbox.
static tr_err_t
send_more(tr_self *self, void *arg)
{
    return tr_send(self, *(const tr_ref_t *)arg, TR_MSG(number, .value = 9));
}

Test(supervisor_backoff, turns_requests_away_where_it_says_so_and_keeps_messages)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD_WITH(&part_b, "b", .down = TR_DOWN_REFUSE, .mailbox_count = 4)};
    tr_supervisor_t spec = {
        .name = "s", .children = children, .child_count = 2, .backoff = first_of(NEVER_MS)};
    company_t co;
    caller_t in_hand, queued;
    company_begin(&co, &spec);
    b.end = fail;
    caller_begin(&co, &in_hand, b.seen, perform, &b);
    CUE_AWAIT(&b.hung);
    caller_begin(&co, &queued, b.seen, nothing, NULL);
    TROUPE_EVENTUALLY(has_queued(&co, 1));
    for (uint64_t i = 1; i <= 3; i++) {
        assert_ok(tr_runtime_send(co.rt, b.seen, TR_MSG(number, .value = i), tr_seconds(1)));
    }
    cue_give(&b.let_go);
    assert_err(caller_end(&in_hand), TR_ECRASHED);
    assert_err(caller_end(&queued), TR_EDOWN);
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_DOWN));
    tr_ref_t other = troupe_puppet(co.rt, NULL);
    caller_t late;
    caller_begin(&co, &late, b.seen, nothing, NULL); // from an actor, and from a thread
    assert_err(caller_end(&late), TR_EDOWN);
    assert_err(troupe_act(co.rt, b.seen, nothing, NULL), TR_EDOWN);
    // One message more fits; then it is full, and nobody waits for room with one that is down.
    assert_ok(tr_runtime_send(co.rt, b.seen, TR_MSG(number, .value = 4), tr_seconds(1)));
    assert_err(tr_runtime_send(co.rt, b.seen, TR_MSG(number, .value = 5), tr_seconds(9)), TR_EDOWN);
    assert_err(troupe_act(co.rt, other, send_more, &b.seen), TR_ECRASHED); // it returned TR_EDOWN
    assert_err(troupe_act(co.rt, b.seen, nothing, NULL), TR_EDOWN);
    TROUPE_EVENTUALLY(contains(log_lines, "failed: TR_EDOWN"));
    assert_ok(order_restart(&co, "b").err);
    assert_ok(troupe_act(co.rt, b.seen, nothing, NULL));
    cr_assert(eq(u64, b.heard, 1234));
    troupe_end(co.rt);
}

Test(supervisor_backoff, turns_away_from_the_others_of_the_group_as_each_of_them_says)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b"),
                                          CHILD_WITH(&part_c, "c", .down = TR_DOWN_REFUSE)};
    tr_supervisor_t spec = {.name = "s",
                            .strategy = TR_REST_FOR_ONE,
                            .children = children,
                            .child_count = 3,
                            .backoff = first_of(NEVER_MS)};
    company_t co;
    begin_with_b_down(&co, &spec);
    TROUPE_EVENTUALLY(is_in_state(&co, "c", TR_CHILD_DOWN));
    assert_err(troupe_act(co.rt, c.seen, nothing, NULL), TR_EDOWN);
    assert_err(tr_runtime_call(co.rt, b.seen, ACT_MSG(nothing, NULL), TR_REPLY_NONE, tr_ms(5)),
               TR_ETIMEOUT);
    assert_ok(troupe_act(co.rt, a.seen, nothing, NULL)); // it is not of the group
    troupe_end(co.rt);
}

// ---- what else happens meanwhile

static const tr_supervisor_t slow_rest = {
    .name = "s",
    .strategy = TR_REST_FOR_ONE,
    .children = abc,
    .child_count = 3,
    .max_restarts = 10,
    .backoff = {.first_ms = NEVER_MS, .jitter_percent = TR_NO_JITTER},
};

Test(supervisor_backoff, of_a_later_group_ends_when_an_earlier_child_fails)
{
    static const tr_child_t children[] = {
        CHILD_WITH(&part_a, "a", .backoff = {.first_ms = 5, .jitter_percent = TR_NO_JITTER}),
        CHILD(&part_b, "b"), CHILD(&part_c, "c")};
    tr_supervisor_t spec = slow_rest;
    spec.children = children;
    company_t co;
    begin_with_b_down(&co, &spec);
    await_chronicle("+a +b +c -b -c");
    crash(&co, &a);
    await_chronicle("+a +b +c -b -c -a +a +b +c"); // and nothing is due any more
    TROUPE_EVENTUALLY(is_in_state(&co, "c", TR_CHILD_UP));
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b -c -a +a +b +c -c -b -a");
    troupe_end(co.rt);
}

Test(supervisor_backoff, of_an_earlier_child_holds_back_a_later_one_that_waits_less)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD(&part_b, "b"),
        CHILD_WITH(&part_c, "c", .backoff = {.first_ms = 300, .jitter_percent = TR_NO_JITTER})};
    tr_supervisor_t spec = slow_rest;
    spec.children = children;
    company_t co;
    company_begin(&co, &spec);
    crash(&co, &c);
    TROUPE_EVENTUALLY(is_in_state(&co, "c", TR_CHILD_DOWN));
    crash(&co, &b);
    TROUPE_EVENTUALLY(is_in_state(&co, "b", TR_CHILD_DOWN));
    int64_t until = troupe_now_ns() + 350 * INT64_C(1000000); // c would be due
    TROUPE_EVENTUALLY(troupe_now_ns() > until);
    cr_assert(is_in_state(&co, "c", TR_CHILD_DOWN));
    expect_chronicle("+a +b +c -c -b");
    assert_ok(order_restart(&co, "b").err);
    expect_chronicle("+a +b +c -c -b +b +c"); // the order is done when all are there
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_backoff, that_is_cut_short_by_an_order_begins_the_whole_group)
{
    company_t co;
    tr_supervisor_t spec = slow_rest;
    spec.strategy = TR_ONE_FOR_ALL;
    begin_with_b_down(&co, &spec);
    await_chronicle("+a +b +c -b -c -a");
    c.start_errs[1] = TR_EREFUSED;
    assert_err(order_restart(&co, "b").err, TR_EREFUSED); // of c: and all wait again
    await_chronicle("+a +b +c -b -c -a +a +b !c -b -a");
    TROUPE_EVENTUALLY(is_in_state(&co, "c", TR_CHILD_DOWN));
    news_t news = order_restart(&co, "c");
    assert_ok(news.err);
    cr_assert(eq(int, news.state, TR_CHILD_UP));
    expect_chronicle("+a +b +c -b -c -a +a +b !c -b -a +a +b +c");
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// b waits, c waits for b, and b is taken out of the way.
static void
expect_rest_goes_on(tr_strategy_t strategy, news_t (*take_away)(company_t *, const char *),
                    const char *expected)
{
    company_t co;
    tr_supervisor_t spec = slow_rest;
    spec.strategy = strategy;
    roles_forget();
    begin_with_b_down(&co, &spec);
    caller_t waits;
    caller_begin(&co, &waits, c.seen, nothing, NULL);
    assert_ok(take_away(&co, "b").err);
    assert_ok(caller_end(&waits));
    expect_chronicle(expected);
    assert_ok(troupe_act(co.rt, a.seen, nothing, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(co.rt, b.seen));
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_backoff, of_a_child_that_is_stopped_or_removed_holds_nobody_back_any_more)
{
    expect_rest_goes_on(TR_REST_FOR_ONE, order_stop, "+a +b +c -b -c +c");
    expect_rest_goes_on(TR_REST_FOR_ONE, order_remove, "+a +b +c -b -c +c");
    expect_rest_goes_on(TR_ONE_FOR_ALL, order_stop, "+a +b +c -b -c -a +a +c");
    expect_rest_goes_on(TR_ONE_FOR_ALL, order_remove, "+a +b +c -b -c -a +a +c");
}

Test(supervisor_backoff, of_others_goes_on_when_one_of_them_is_stopped)
{
    company_t co;
    begin_with_b_down(&co, &slow_rest);
    TROUPE_EVENTUALLY(is_in_state(&co, "c", TR_CHILD_DOWN));
    assert_ok(order_stop(&co, "c").err);
    cr_assert(is_in_state(&co, "b", TR_CHILD_DOWN));
    expect_chronicle("+a +b +c -b -c");
    assert_ok(order_restart(&co, "b").err);
    expect_chronicle("+a +b +c -b -c +b +c"); // a group is all of it
    troupe_end(co.rt);
}

Test(supervisor_backoff, lets_a_child_be_added_that_starts_at_once)
{
    company_t co;
    tr_ref_t ref;
    begin_with_b_down(&co, &slow_rest);
    tr_child_t child = {.id = "d", .behavior = &puppet};
    assert_ok(tr_runtime_supervisor_add(co.rt, co.supervisor, &child, tr_seconds(10), &ref));
    assert_ok(troupe_act(co.rt, ref, nothing, NULL));
    assert_ok(order_restart(&co, "b").err);
    cr_assert(eq(u64, look(&co, "d").restarts, 0)); // it lived
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor_backoff, ends_with_the_supervisor)
{
    company_t co;
    caller_t waits;
    begin_with_b_down(&co, &slow_rest);
    caller_begin(&co, &waits, b.seen, nothing, NULL);
    TROUPE_EVENTUALLY(has_queued(&co, 1));
    company_dismiss(&co);
    assert_ok(co.reason);
    assert_err(caller_end(&waits), TR_EDEAD);
    expect_chronicle("+a +b +c -b -c -a");
    troupe_end(co.rt);
}

// ---- giving up

static tr_err_t
call_in_spite_of_all(tr_self *self, void *arg)
{
    role_t *r = arg;
    cue_give(&r->hung);
    return tr_call(self, b.seen, ACT_MSG(nothing, NULL), TR_REPLY_NONE, TR_FOREVER);
}

static void
ask_b_at_last(tr_self *self, void *arg, tr_err_t reason)
{
    role_t *r = arg;
    (void)reason;
    expect_err(tr_call(self, b.seen, ACT_MSG(nothing, NULL), TR_REPLY_NONE, TR_FOREVER), TR_EDEAD);
    note('-', r->id);
}

// A stop handler that asks somebody who is down for something waits in vain, for ever here.
Test(supervisor_backoff, of_one_that_is_given_up_holds_up_no_end)
{
    part asks = ROLE_PART(&c);
    asks.stop = ask_b_at_last;
    tr_child_t children[] = {CHILD(&part_a, "a"),
                             CHILD_WITH(&part_b, "b", .backoff = first_of(NEVER_MS)),
                             CHILD_WITH(&asks, "c", .shutdown_ms = TR_SHUTDOWN_INFINITE)};
    tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3, .max_restarts = 1};
    company_t co;
    caller_t waits;
    begin_with_b_down(&co, &spec);
    assert_ok(troupe_prompt(co.rt, c.seen, call_in_spite_of_all, &c));
    CUE_AWAIT(&c.hung);
    caller_begin(&co, &waits, b.seen, nothing, NULL);
    crash(&co, &a);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    assert_err(caller_end(&waits), TR_EDEAD);
    expect_chronicle("+a +b +c -b -a -c");
    troupe_end(co.rt);
}
