// join_test.c: several futures at once: all, all or the first failure, the first success, a hedge.
#include "underway.h"

TestSuite(join, .timeout = 60);

#define MANY 3

typedef tr_err_t (*join_fn)(tr_self *self, tr_future *const *futures, size_t count);

static tr_err_t
take_first(tr_self *self, tr_future *const *futures, size_t count)
{
    return tr_first_ok(self, futures, count, TR_REPLY_NONE, NULL);
}

// Several errands and what is done with all of them.
typedef struct group {
    errand each[MANY];
    tr_future *futures[MANY];
    join_fn join;
    size_t count;
    const tr_type_t *expect;
    const void *answer;
    size_t index;
    _Atomic(tr_err_t) err;
} group;

static tr_err_t
begin_all(tr_self *self, void *arg)
{
    group *g = arg;
    for (size_t i = 0; i < g->count; i++) {
        begin_errand(self, &g->each[i]);
        g->futures[i] = g->each[i].future;
    }
    return TR_OK;
}

static tr_err_t
join_all(tr_self *self, void *arg)
{
    group *g = arg;
    g->err = g->join(self, g->futures, g->count);
    return TR_OK;
}

static tr_err_t
await_all(tr_self *self, void *arg)
{
    group *g = arg;
    for (size_t i = 0; i < g->count; i++) {
        cr_expect(tr_future_is_done(g->futures[i]));
        await_errand(self, &g->each[i]);
    }
    return TR_OK;
}

static tr_ref_t
group_begin(group *g, join_fn join, act_fn fn)
{
    scene_begin();
    *g = (group){.join = join, .count = MANY, .index = 99, .err = TR_EBUSY};
    for (uint32_t i = 0; i < MANY; i++) {
        errand_init(&g->each[i], actor_at(1), fn);
    }
    return actor_at(0);
}

// All are under way, and the caller waits for what it waits for.
static void
group_wait(group *g, tr_ref_t caller)
{
    play(caller, begin_all, g);
    for (size_t i = 0; i < g->count; i++) {
        CUE_AWAIT(&g->each[i].begun);
    }
    prompt(caller, join_all, g);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, g->count + 1));
}

static void
expect_over(const group *g, tr_ref_t caller, tr_err_t expected)
{
    play(caller, do_nothing, NULL);
    assert_err(g->err, expected);
}

static const join_fn joins[] = {tr_join_all, tr_try_join, take_first};

// ---- of nothing

static tr_err_t
join_nothing(tr_self *self, void *arg)
{
    size_t index = 99;
    (void)arg;
    expect_ok(tr_join_all(self, NULL, 0));
    expect_ok(tr_try_join(self, NULL, 0));
    expect_err(tr_first_ok(self, NULL, 0, TR_REPLY_NONE, &index), TR_EINVAL);
    cr_expect(index == 99);
    return TR_OK;
}

Test(join, of_nothing_succeeds_but_has_no_first)
{
    scene_begin();
    play(actor_at(0), join_nothing, NULL);
    scene_end();
}

// ---- the caller gives up

static void
give_up_all(join_fn join, act_fn how)
{
    group g;
    tr_ref_t caller = group_begin(&g, join, stay);
    group_wait(&g, caller);
    order(caller, how);
    for (int i = 0; i < MANY; i++) {
        CUE_AWAIT(&g.each[i].over);
        assert_err(g.each[i].first, TR_ECANCELED);
    }
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    assert_err(g.err, how == do_kill ? TR_EBUSY : TR_ECANCELED);
    scene_end();
}

Test(join, of_a_caller_that_is_stopped_cancels_all)
{
    for (int i = 0; i < 3; i++) {
        give_up_all(joins[i], do_stop);
    }
}

Test(join, of_a_caller_that_is_killed_cancels_all)
{
    for (int i = 0; i < 3; i++) {
        give_up_all(joins[i], do_kill);
    }
}

// The deadline of its own request passes before theirs.
Test(join, without_time_cancels_all)
{
    for (int i = 0; i < 3; i++) {
        group g;
        tr_ref_t caller = group_begin(&g, joins[i], stay);
        play(caller, begin_all, &g);
        for (int k = 0; k < MANY; k++) {
            CUE_AWAIT(&g.each[k].begun);
        }
        play_in_little_time(caller, join_all, &g);
        for (int k = 0; k < MANY; k++) {
            expect_canceled(&g.each[k], g.each[k].to);
        }
        expect_over(&g, caller, TR_ETIMEOUT);
        expect_alive(caller);
        scene_end();
    }
}

// ---- all

Test(join, all_waits_for_the_last_and_takes_failures_for_results)
{
    group g;
    tr_ref_t caller = group_begin(&g, tr_join_all, dawdle);
    g.each[1].fn = answer_with_ebusy;
    play(caller, begin_all, &g);
    prompt(caller, join_all, &g);
    CUE_AWAIT(&g.each[0].begun);
    CUE_AWAIT(&g.each[2].begun);
    g.each[2].may_go_on = true;
    CUE_AWAIT(&g.each[2].over);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2)); // the caller, for the one that dawdles
    g.each[0].may_go_on = true;
    play(caller, await_all, &g);
    assert_ok(g.err);
    assert_ok(g.each[0].err);
    assert_err(g.each[1].err, TR_EBUSY);
    assert_ok(g.each[2].err);
    scene_end();
}

static tr_err_t
begin_with_null(tr_self *self, void *arg)
{
    group *g = arg;
    begin_all(self, g);
    tr_future_cancel(self, g->futures[1]);
    g->futures[1] = NULL;
    return TR_OK;
}

Test(join, all_takes_null_for_one_that_is_done)
{
    group g;
    tr_ref_t caller = group_begin(&g, tr_join_all, do_nothing);
    play(caller, begin_with_null, &g);
    play(caller, join_all, &g);
    assert_ok(g.err);
    play(caller, await_errand, &g.each[0]);
    play(caller, await_errand, &g.each[2]);
    assert_ok(g.each[2].err);
    scene_end();
}

// ---- all, or the first failure

Test(join, that_tries_ends_with_the_first_failure_and_cancels_the_rest)
{
    group g;
    tr_ref_t caller = group_begin(&g, tr_try_join, stay);
    g.each[1].fn = answer_with_ebusy;
    play(caller, begin_all, &g);
    CUE_AWAIT(&g.each[0].begun);
    CUE_AWAIT(&g.each[2].begun);
    play(caller, join_all, &g);
    assert_err(g.err, TR_EBUSY);
    expect_canceled(&g.each[0], g.each[0].to);
    expect_canceled(&g.each[2], g.each[2].to);
    scene_end();
}

Test(join, that_tries_fails_for_one_that_is_null)
{
    group g;
    tr_ref_t caller = group_begin(&g, tr_try_join, stay);
    play(caller, begin_with_null, &g);
    play(caller, join_all, &g);
    assert_err(g.err, TR_ENOMEM);
    expect_alive(g.each[0].to);
    expect_alive(g.each[2].to);
    scene_end();
}

Test(join, that_tries_succeeds_with_the_last)
{
    group g;
    tr_ref_t caller = group_begin(&g, tr_try_join, dawdle);
    group_wait(&g, caller);
    for (int i = MANY - 1; i >= 0; i--) {
        g.each[i].may_go_on = true;
    }
    play(caller, await_all, &g);
    assert_ok(g.err);
    for (int i = 0; i < MANY; i++) {
        assert_ok(g.each[i].err);
    }
    scene_end();
}

// ---- the first success

static tr_err_t
first_of_all(tr_self *self, void *arg)
{
    group *g = arg;
    g->answer = NULL;
    g->err = tr_first_ok(self, g->futures, g->count, g->expect, &g->answer, &g->index);
    return TR_OK;
}

Test(join, for_the_first_takes_it_and_cancels_the_rest)
{
    group g;
    tr_ref_t caller = group_begin(&g, NULL, stay);
    g.each[0].fn = answer_with_ebusy;
    g.each[1].fn = do_nothing;
    g.expect = &acted_type;
    play(caller, begin_all, &g);
    CUE_AWAIT(&g.each[2].begun);
    play(caller, first_of_all, &g);
    assert_ok(g.err);
    cr_assert(g.answer != NULL);
    cr_assert(eq(sz, g.index, 1));
    expect_canceled(&g.each[2], g.each[2].to);
    scene_end();
}

Test(join, for_the_first_of_another_type_is_etype)
{
    group g;
    tr_ref_t caller = group_begin(&g, NULL, stay);
    g.each[1].fn = do_nothing;
    g.expect = &number_type;
    play(caller, begin_all, &g);
    CUE_AWAIT(&g.each[0].begun);
    CUE_AWAIT(&g.each[2].begun);
    play(caller, first_of_all, &g);
    assert_err(g.err, TR_ETYPE);
    cr_assert(g.answer == NULL);
    expect_canceled(&g.each[0], g.each[0].to);
    expect_canceled(&g.each[2], g.each[2].to);
    scene_end();
}

static tr_err_t
refuse_later(tr_self *self, void *arg)
{
    tr_err_t err = dawdle(self, arg);
    return err == TR_OK ? tr_reply_error(self, TR_EIO) : err;
}

// In the order in which they fail, which is not the one in which they were begun.
Test(join, for_the_first_says_why_the_last_has_failed_when_all_have)
{
    for (uint32_t last = 0; last < MANY; last++) {
        group g;
        tr_ref_t caller = group_begin(&g, take_first, answer_with_ebusy);
        g.each[last].fn = refuse_later;
        play(caller, begin_all, &g);
        CUE_AWAIT(&g.each[last].begun);
        for (uint32_t i = 0; i < MANY; i++) {
            play(g.each[i].fn == refuse_later ? caller : g.each[i].to, do_nothing, NULL);
        }
        prompt(caller, join_all, &g);
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
        g.each[last].may_go_on = true;
        expect_over(&g, caller, TR_EIO);
        scene_end();
    }
}

// ---- hedging

typedef struct hedge {
    tr_ref_t first, second;
    tr_ref_t slow; // who stays, of the two; the other does as it is told
    act_fn fn;
    errand slow_one, fast_one;
    tr_duration_t delay, timeout;
    const void *answer;
    const tr_type_t *expect;
    int64_t took_ns;
    _Atomic(tr_err_t) err;
} hedge;

// Both get the same message. Who is not slow goes on when the slow one has begun.
static tr_err_t
do_a_part(tr_self *self, void *arg)
{
    hedge *h = arg;
    if (tr_ref_equal(tr_self_ref(self), h->slow)) {
        return stay(self, &h->slow_one);
    }
    tr_err_t err = TR_OK;
    while (h->slow.raw != 0 && h->slow_one.begins == 0 && err == TR_OK) {
        err = tr_sleep(self, tr_us(200));
    }
    return err == TR_OK ? h->fn(self, &h->fast_one) : err;
}

static tr_err_t
call_both(tr_self *self, void *arg)
{
    hedge *h = arg;
    h->answer = NULL;
    h->took_ns = tr_now_ns(self);
    h->err = tr_hedge(self, h->first, h->second, ACT_MSG(do_a_part, h), h->delay, h->expect,
                      h->expect != NULL ? &h->answer : NULL, h->timeout);
    h->took_ns = tr_now_ns(self) - h->took_ns;
    return TR_OK;
}

static tr_err_t
answer_acted(tr_self *self, void *arg)
{
    arrive(arg);
    return tr_reply(self, TR_MSG(acted));
}

static tr_ref_t
hedge_begin(hedge *h, act_fn fn)
{
    scene_begin();
    *h = (hedge){.first = actor_at(1),
                 .second = actor_at(1),
                 .fn = fn,
                 .delay = tr_ms(2),
                 .timeout = tr_seconds(20),
                 .err = TR_EBUSY};
    errand_init(&h->slow_one, h->first, NULL);
    errand_init(&h->fast_one, h->second, NULL);
    return actor_at(0);
}

Test(hedge, calls_nobody_else_when_the_first_answers, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, answer_acted);
    h.delay = tr_seconds(20);
    h.expect = &acted_type;
    play(caller, call_both, &h);
    assert_ok(h.err);
    cr_assert(h.answer != NULL);
    cr_assert(eq(u32, h.fast_one.begins, 1));
    scene_end();
}

Test(hedge, takes_the_second_answer_and_cancels_the_first_call, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, answer_acted);
    h.slow = h.first;
    play(caller, call_both, &h);
    assert_ok(h.err);
    expect_canceled(&h.slow_one, h.first);
    scene_end();
}

Test(hedge, takes_the_first_answer_though_it_is_late_and_cancels_the_second_call, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, dawdle);
    h.slow = h.second;
    prompt(caller, call_both, &h);
    CUE_AWAIT(&h.slow_one.begun);
    h.fast_one.may_go_on = true;
    play(caller, do_nothing, NULL);
    assert_ok(h.err);
    expect_canceled(&h.slow_one, h.second);
    scene_end();
}

Test(hedge, calls_the_second_at_once_when_the_first_fails, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, answer_acted);
    h.first = dead_actor();
    h.delay = tr_seconds(20);
    play(caller, call_both, &h);
    assert_ok(h.err);
    cr_assert(lt(i64, h.took_ns, INT64_C(10) * 1000000000));
    scene_end();
}

Test(hedge, of_two_that_fail_says_why_the_last_did, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, answer_with_ebusy);
    h.first = dead_actor();
    play(caller, call_both, &h);
    assert_err(h.err, TR_EBUSY);
    h.first = h.second;
    h.second = dead_actor();
    h.delay = tr_seconds(20);
    play(caller, call_both, &h);
    assert_err(h.err, TR_EDEAD);
    scene_end();
}

// Whether it came to be begun in that time or not.
static void
expect_over_and_alive(const errand *e, tr_ref_t callee)
{
    expect_alive(callee);
    cr_assert(e->begins == 0 || e->first != TR_EBUSY);
}

Test(hedge, of_two_that_stay_is_etimeout_and_cancels_both, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, stay);
    h.timeout = tr_ms(20);
    play(caller, call_both, &h);
    assert_err(h.err, TR_ETIMEOUT);
    expect_over_and_alive(&h.fast_one, h.first);
    expect_over_and_alive(&h.fast_one, h.second);
    scene_end();
}

Test(hedge, whose_delay_is_no_shorter_than_its_time_calls_one, .timeout = 60)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, do_nothing);
    h.first = h.slow = actor_at(1);
    h.timeout = h.delay = tr_ms(5);
    play(caller, call_both, &h);
    assert_err(h.err, TR_ETIMEOUT);
    expect_over_and_alive(&h.slow_one, h.first);
    expect_alive(h.second);
    cr_assert(eq(u32, h.fast_one.begins, 0));
    scene_end();
}

// What it waits for room counts in its time: nothing is left of it for the second.
Test(hedge, whose_first_has_no_room_does_not_take_its_time_twice, .timeout = 60)
{
    hedge h;
    errand stalls;
    tr_ref_t caller = hedge_begin(&h, stay);
    h.first = stalled_actor(&stalls, narrow_actor(1, TR_SUSPEND));
    prompt(h.first, do_nothing, NULL);
    h.second = actor_at(0);
    h.timeout = tr_ms(30);
    play(caller, call_both, &h);
    assert_err(h.err, TR_ETIMEOUT);
    expect_alive(h.second);
    cr_assert(eq(u32, h.fast_one.begins, 0));
    go_on(&stalls);
    scene_end();
}

static void
end_hedge(act_fn how)
{
    hedge h;
    tr_ref_t caller = hedge_begin(&h, stay);
    h.slow = h.first;
    prompt(caller, call_both, &h);
    CUE_AWAIT(&h.slow_one.begun);
    CUE_AWAIT(&h.fast_one.begun);
    order(caller, how);
    CUE_AWAIT(&h.slow_one.over);
    CUE_AWAIT(&h.fast_one.over);
    assert_err(h.slow_one.first, TR_ECANCELED);
    assert_err(h.fast_one.first, TR_ECANCELED);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    scene_end();
}

Test(hedge, of_a_caller_that_ends_cancels_both, .timeout = 60)
{
    end_hedge(do_stop);
    end_hedge(do_kill);
}
