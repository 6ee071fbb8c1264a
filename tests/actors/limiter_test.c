// limiter_test.c: tokens that come in time and in order, and what becomes of those who do not wait
// for them. Where a test needs tokens that never come, the limiter has one an hour.
#include "house.h"

TestSuite(limiter, .timeout = 60);

#define HOUR_MS INT64_C(3600000)

static tr_runtime *rt;

static tr_err_t
spawn_limiter(const tr_limiter_opts_t *opts, tr_ref_t *out)
{
    return tr_runtime_spawn(rt,
                            &(tr_spawn_opts_t){.behavior = &tr_limiter_behavior,
                                               .name = "gate",
                                               .arg = opts,
                                               .arg_size = opts != NULL ? sizeof *opts : 0},
                            out);
}

static tr_ref_t
limiter_of(tr_limiter_opts_t opts)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(spawn_limiter(&opts, &ref));
    return ref;
}

// A bucket that is full, and no token comes.
static tr_ref_t
slow_limiter(uint32_t burst, uint32_t max_waiting)
{
    return limiter_of((tr_limiter_opts_t){
        .tokens = 1, .period_ms = HOUR_MS, .burst = burst, .max_waiting = max_waiting});
}

static tr_err_t
try(tr_ref_t limiter, uint32_t tokens)
{
    return tr_runtime_limiter_try(rt, limiter, tokens, tr_seconds(30));
}

static tr_limiter_status
status_of(tr_ref_t limiter)
{
    const tr_limiter_status *answer;
    assert_ok(tr_runtime_call(rt, limiter, TR_MSG(tr_limiter_query),
                              TR_REPLY(tr_limiter_status, &answer), tr_seconds(30)));
    tr_limiter_status status = *answer;
    tr_runtime_release(rt, answer);
    return status;
}

static tr_err_t
set_rate(tr_ref_t limiter, uint32_t tokens, int64_t period_ms)
{
    return tr_runtime_call(rt, limiter,
                           TR_MSG(tr_limiter_set, .tokens = tokens, .period_ms = period_ms),
                           TR_REPLY_NONE, tr_seconds(30));
}

#define AWAIT_WAITING(limiter, count) TROUPE_EVENTUALLY(status_of(limiter).waiting == (count))

// ---- someone who takes tokens

typedef struct taker {
    tr_ref_t limiter;
    uint32_t tokens;
    tr_duration_t timeout;
    tr_ref_t who;
    _Atomic(tr_err_t) err;
    cue over;
} taker;

static tr_err_t
take_some(tr_self *self, void *arg)
{
    taker *t = arg;
    t->err = tr_limiter_acquire(self, t->limiter, t->tokens, t->timeout);
    cue_give(&t->over);
    return t->err == TR_ECANCELED ? t->err : TR_OK;
}

static void
taker_begin(taker *t, tr_ref_t limiter, uint32_t tokens, tr_duration_t timeout)
{
    *t = (taker){.limiter = limiter, .tokens = tokens, .timeout = timeout, .err = TR_EFAULT};
    cue_init(&t->over);
    t->who = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, t->who, take_some, t));
}

static void
taker_expect(taker *t, tr_err_t err)
{
    CUE_AWAIT(&t->over);
    assert_err(t->err, err);
}

// ---- at the door

static void
expect_refused_start(const tr_limiter_opts_t *opts, const char *why)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_err(spawn_limiter(opts, &ref), TR_EINVAL);
    TROUPE_EVENTUALLY(contains(log_lines, why));
    cr_assert(tr_ref_is_none(ref));
}

Test(limiter, says_what_is_wrong_with_its_options)
{
    rt = begin_with_log(1);
    expect_refused_start(NULL, "needs a tr_limiter_opts_t");
    expect_refused_start(&(tr_limiter_opts_t){.burst = 3}, "needs tokens, at least 1");
    expect_refused_start(&(tr_limiter_opts_t){.tokens = 1, .period_ms = -1}, "period_ms is -1");
    expect_refused_start(
        &(tr_limiter_opts_t){.tokens = 1, .period_ms = TR_LIMITER_MAX / 2 + 1, .burst = 2},
        "burst 2 times period_ms 2305843009214");
    expect_refused_start(&(tr_limiter_opts_t){.tokens = UINT32_MAX, .period_ms = INT64_MAX},
                         "burst 4294967295 times period_ms 9223372036854775807");
    troupe_end(rt);
}

Test(limiter, takes_the_largest_bucket_and_the_slowest_rate)
{
    rt = troupe_begin(1);
    tr_ref_t large = limiter_of((tr_limiter_opts_t){.tokens = UINT32_MAX, .period_ms = 1073});
    assert_ok(try(large, UINT32_MAX));
    cr_assert(gt(u32, status_of(large).burst, 4000000000u));
    tr_ref_t slow = limiter_of((tr_limiter_opts_t){.tokens = 1, .period_ms = TR_LIMITER_MAX});
    assert_ok(try(slow, 1));
    assert_err(try(slow, 1), TR_EBUSY);
    troupe_end(rt);
}

Test(limiter, gives_nobody_nothing_or_more_than_the_bucket_holds)
{
    rt = troupe_begin(1);
    tr_ref_t limiter = slow_limiter(3, 0);
    assert_err(tr_runtime_limiter_acquire(rt, limiter, 0, tr_seconds(30)), TR_EINVAL);
    assert_err(tr_runtime_limiter_acquire(rt, limiter, 4, tr_seconds(30)), TR_EINVAL);
    assert_err(try(limiter, 4), TR_EINVAL);
    assert_ok(tr_runtime_send(rt, limiter, TR_MSG(tr_limiter_take, .tokens = 1), tr_seconds(30)));
    cr_assert(eq(u32, status_of(limiter).available, 3));
    troupe_end(rt);
}

Test(limiter, that_has_ended_gives_nothing)
{
    rt = troupe_begin(1);
    assert_err(tr_runtime_limiter_acquire(rt, TR_REF_NONE, 1, tr_seconds(30)), TR_EDEAD);
    assert_err(try(TR_REF_NONE, 1), TR_EDEAD);
    troupe_end(rt);
}

// ---- without waiting

Test(limiter, is_busy_when_its_bucket_is_empty_and_says_so_at_once)
{
    rt = troupe_begin(1);
    tr_ref_t limiter = slow_limiter(5, 0);
    assert_ok(try(limiter, 3));
    assert_err(try(limiter, 3), TR_EBUSY);
    assert_ok(try(limiter, 2));
    assert_err(try(limiter, 1), TR_EBUSY);
    tr_limiter_status status = status_of(limiter);
    cr_assert(eq(u32, status.available, 0));
    cr_assert(eq(u64, status.granted, 5));
    cr_assert(eq(u64, status.refused, 2));
    troupe_end(rt);
}

Test(limiter, is_busy_where_others_wait_for_more)
{
    rt = troupe_begin(2);
    taker t;
    tr_ref_t limiter = slow_limiter(2, 0);
    assert_ok(try(limiter, 1));
    taker_begin(&t, limiter, 2, TR_FOREVER);
    AWAIT_WAITING(limiter, 1);
    assert_err(try(limiter, 1), TR_EBUSY);
    cr_assert(eq(u32, status_of(limiter).available, 1));
    troupe_end(rt);
}

// ---- waiting

Test(limiter, lets_no_more_wait_than_may)
{
    rt = troupe_begin(2);
    taker t[2];
    tr_ref_t limiter = slow_limiter(1, 2);
    assert_ok(try(limiter, 1));
    for (uint32_t i = 0; i < 2; i++) {
        taker_begin(&t[i], limiter, 1, TR_FOREVER);
        AWAIT_WAITING(limiter, i + 1);
    }
    assert_err(tr_runtime_limiter_acquire(rt, limiter, 1, tr_seconds(30)), TR_EFULL);
    cr_assert(eq(u32, status_of(limiter).waiting, 2));
    cr_assert(eq(u64, status_of(limiter).refused, 1));
    troupe_end(rt);
}

static tr_err_t
take_in_a_future(tr_self *self, void *arg)
{
    taker *t = arg;
    tr_future *future = tr_call_begin(
        self, t->limiter, TR_MSG(tr_limiter_take, .tokens = t->tokens, .waits = true), TR_FOREVER);
    cue_give(&t->over);
    const tr_message *msg;
    tr_err_t err = tr_receive(self, TR_TYPES(number), &msg, TR_FOREVER);
    tr_future_cancel(self, future);
    return err;
}

static tr_err_t
end_badly(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

// Two tokens are wanted and one is there: the first in line waits, and so does the second, who
// wants only that one.
static void
scene_of_two(taker *first, taker *second, act_fn how, tr_duration_t timeout, tr_ref_t *out)
{
    tr_ref_t limiter = slow_limiter(2, 0);
    assert_ok(try(limiter, 1));
    *first = (taker){.limiter = limiter, .tokens = 2, .timeout = timeout, .err = TR_EFAULT};
    cue_init(&first->over);
    first->who = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, first->who, how, first));
    TROUPE_EVENTUALLY(first->err == TR_ETIMEOUT || status_of(limiter).waiting == 1);
    taker_begin(second, limiter, 1, TR_FOREVER);
    *out = limiter;
}

static void
expect_second_only(taker *second, tr_ref_t limiter)
{
    taker_expect(second, TR_OK);
    tr_limiter_status status = status_of(limiter);
    cr_assert(eq(u32, status.waiting, 0));
    cr_assert(eq(u32, status.available, 0));
    cr_assert(eq(u64, status.granted, 2));
}

Test(limiter, is_not_held_up_by_one_whose_time_is_over)
{
    rt = troupe_begin(2);
    taker first, second;
    tr_ref_t limiter;
    scene_of_two(&first, &second, take_some, tr_ms(50), &limiter);
    taker_expect(&first, TR_ETIMEOUT);
    expect_second_only(&second, limiter);
    troupe_end(rt);
}

static void *
take_outside(void *arg)
{
    taker *t = arg;
    t->err = tr_runtime_limiter_acquire(rt, t->limiter, t->tokens, t->timeout);
    return NULL;
}

Test(limiter, is_not_held_up_by_a_thread_outside_whose_time_is_over)
{
    rt = troupe_begin(2);
    pthread_t thread;
    taker second;
    tr_ref_t limiter = slow_limiter(2, 0);
    taker first = {.limiter = limiter, .tokens = 2, .timeout = tr_ms(100)};
    assert_ok(try(limiter, 1));
    cr_assert(pthread_create(&thread, NULL, take_outside, &first) == 0);
    TROUPE_EVENTUALLY(first.err == TR_ETIMEOUT || status_of(limiter).waiting == 1);
    taker_begin(&second, limiter, 1, TR_FOREVER);
    expect_second_only(&second, limiter);
    pthread_join(thread, NULL);
    assert_err(first.err, TR_ETIMEOUT);
    troupe_end(rt);
}

Test(limiter, is_not_held_up_by_one_that_cancels)
{
    rt = troupe_begin(2);
    taker first, second;
    tr_ref_t limiter;
    scene_of_two(&first, &second, take_in_a_future, TR_FOREVER, &limiter);
    AWAIT_WAITING(limiter, 2);
    assert_ok(tr_runtime_send(rt, first.who, TR_MSG(number), tr_seconds(30)));
    expect_second_only(&second, limiter);
    troupe_end(rt);
}

static tr_err_t
begin_and_end_badly(tr_self *self, void *arg)
{
    take_in_a_future(self, arg);
    return end_badly(self, arg);
}

Test(limiter, is_not_held_up_by_one_that_ends)
{
    rt = troupe_begin(2);
    taker first, second;
    tr_ref_t limiter;
    scene_of_two(&first, &second, begin_and_end_badly, TR_FOREVER, &limiter);
    AWAIT_WAITING(limiter, 2);
    assert_ok(tr_runtime_send(rt, first.who, TR_MSG(number), tr_seconds(30)));
    expect_second_only(&second, limiter);
    troupe_end(rt);
}

Test(limiter, gives_the_room_of_one_that_gave_up_to_another)
{
    rt = troupe_begin(2);
    taker first, second, third;
    tr_ref_t limiter = slow_limiter(1, 2);
    assert_ok(try(limiter, 1));
    taker_begin(&first, limiter, 1, TR_FOREVER);
    AWAIT_WAITING(limiter, 1);
    taker_begin(&second, limiter, 1, tr_ms(30)); // not the first in line
    taker_expect(&second, TR_ETIMEOUT);
    taker_begin(&third, limiter, 1, TR_FOREVER);
    AWAIT_WAITING(limiter, 2);
    cr_assert(eq(u64, status_of(limiter).refused, 0));
    troupe_end(rt);
}

static tr_err_t
keep_limiter(tr_self *self, void *arg)
{
    static const tr_limiter_opts_t opts = {.tokens = 1, .period_ms = HOUR_MS};
    tr_spawn_opts_t spawn = {
        .behavior = &tr_limiter_behavior, .arg = &opts, .arg_size = sizeof opts};
    return tr_spawn(self, &spawn, arg);
}

static tr_err_t
stop_limiter(tr_self *self, void *arg)
{
    return tr_stop(self, *(const tr_ref_t *)arg);
}

Test(limiter, that_stops_tells_those_who_wait)
{
    rt = troupe_begin(2);
    taker t[3];
    tr_ref_t limiter = TR_REF_NONE;
    tr_ref_t keeper = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, keeper, keep_limiter, &limiter));
    assert_ok(try(limiter, 1));
    for (uint32_t i = 0; i < 3; i++) {
        taker_begin(&t[i], limiter, 1, TR_FOREVER);
    }
    AWAIT_WAITING(limiter, 3);
    assert_ok(troupe_act(rt, keeper, stop_limiter, &limiter));
    for (uint32_t i = 0; i < 3; i++) {
        taker_expect(&t[i], TR_EDEAD);
    }
    troupe_end(rt);
}

Test(limiter, that_is_stopped_with_all_others_holds_nobody)
{
    rt = troupe_begin(2);
    taker t;
    tr_ref_t limiter = slow_limiter(1, 0);
    assert_ok(try(limiter, 1));
    taker_begin(&t, limiter, 1, TR_FOREVER);
    AWAIT_WAITING(limiter, 1);
    tr_runtime_stop(rt); // the youngest first
    taker_expect(&t, TR_ECANCELED);
    troupe_end(rt);
}

// ---- order

#define LINE 6

typedef struct line_up {
    tr_ref_t limiter;
    size_t order[LINE];
    cue joined, over;
} line_up;

static tr_err_t
stand_in_line(tr_self *self, void *arg)
{
    line_up *line = arg;
    tr_set *set;
    tr_err_t err = tr_set_create(self, LINE, &set);
    for (uint32_t i = 0; i < LINE && err == TR_OK; i++) {
        err = tr_set_call(self, set, line->limiter,
                          TR_MSG(tr_limiter_take, .tokens = i % 3 + 1, .waits = true), TR_FOREVER);
    }
    for (uint32_t i = 0; i < LINE && err == TR_OK; i++) {
        tr_future *done;
        err = tr_set_next(self, set, &done, &line->order[i]);
        err = err == TR_OK ? tr_future_await(self, done, TR_REPLY_NONE) : err;
    }
    expect_ok(err);
    cue_give(&line->over);
    return TR_OK;
}

Test(limiter, serves_in_the_order_of_arrival_whatever_each_wants)
{
    rt = troupe_begin(2);
    line_up line = {.limiter = slow_limiter(3, 0)};
    cue_init(&line.over);
    assert_ok(try(line.limiter, 3));
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), stand_in_line, &line));
    AWAIT_WAITING(line.limiter, LINE);
    assert_ok(set_rate(line.limiter, 1, 2));
    CUE_AWAIT(&line.over);
    for (size_t i = 0; i < LINE; i++) {
        cr_assert(eq(sz, line.order[i], i));
    }
    cr_assert(eq(u64, status_of(line.limiter).granted, 3 + 12));
    troupe_end(rt);
}

// ---- the rate

Test(limiter, refuses_a_rate_out_of_its_range_and_goes_on_as_before)
{
    rt = begin_with_log(1);
    tr_ref_t limiter = slow_limiter(2, 0);
    assert_err(set_rate(limiter, 0, 1000), TR_EINVAL);
    assert_err(set_rate(limiter, 1, -5), TR_EINVAL);
    assert_err(set_rate(limiter, 1, TR_LIMITER_MAX), TR_EINVAL);
    cr_assert(contains(log_lines, "gate: the rate stays as it was: period_ms is -5, below zero"));
    tr_limiter_status status = status_of(limiter);
    cr_assert(eq(u32, status.rate_tokens, 1));
    cr_assert(eq(i64, status.rate_period_ms, HOUR_MS));
    troupe_end(rt);
}

Test(limiter, keeps_its_whole_tokens_when_the_rate_changes)
{
    rt = troupe_begin(1);
    tr_ref_t limiter = slow_limiter(7, 0);
    assert_ok(try(limiter, 2));
    assert_ok(set_rate(limiter, 3, HOUR_MS / 7));
    cr_assert(eq(u32, status_of(limiter).available, 5));
    assert_ok(set_rate(limiter, 1, HOUR_MS * 3));
    cr_assert(eq(u32, status_of(limiter).available, 5));
    cr_assert(eq(u32, status_of(limiter).burst, 7));
    troupe_end(rt);
}

// Between two readings of the clock before and two after, the count of tokens has its bounds, and
// they hold however often the bucket was looked at: nothing is rounded away.
Test(limiter, counts_tokens_exactly_however_often_it_is_asked)
{
    rt = troupe_begin(1);
    enum { TOKENS = 7, PERIOD_MS = 3, BURST = 1000000 };
    tr_ref_t limiter =
        limiter_of((tr_limiter_opts_t){.tokens = TOKENS, .period_ms = PERIOD_MS, .burst = BURST});
    int64_t emptied_from = troupe_now_ns();
    assert_ok(try(limiter, BURST));
    int64_t emptied_to = troupe_now_ns();
    for (int i = 0; i < 2000; i++) {
        int64_t from = troupe_now_ns();
        int64_t available = status_of(limiter).available;
        int64_t to = troupe_now_ns();
        cr_assert(ge(i64, available, (from - emptied_to) * TOKENS / (PERIOD_MS * 1000000)));
        cr_assert(le(i64, available, (to - emptied_from) * TOKENS / (PERIOD_MS * 1000000)));
    }
    troupe_end(rt);
}

Test(limiter, holds_no_more_than_its_burst)
{
    rt = troupe_begin(1);
    tr_ref_t limiter = limiter_of((tr_limiter_opts_t){.tokens = 1000, .burst = 3});
    assert_ok(try(limiter, 3));
    TROUPE_EVENTUALLY(status_of(limiter).available == 3);
    int64_t until = troupe_now_ns() + 10 * 1000000;
    TROUPE_EVENTUALLY(troupe_now_ns() > until); // time for ten more
    cr_assert(eq(u32, status_of(limiter).available, 3));
    troupe_end(rt);
}

// ---- a crowd

#define CROWD 16
#define EACH  10

typedef struct crowd {
    tr_ref_t limiter;
    _Atomic uint32_t granted;
    cue over;
} crowd;

static tr_err_t
take_often(tr_self *self, void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < EACH; i++) {
        expect_ok(tr_limiter_acquire(self, c->limiter, 1, TR_FOREVER));
        c->granted++;
    }
    cue_give(&c->over);
    return TR_OK;
}

Test(limiter, serves_a_crowd_and_never_faster_than_its_rate)
{
    rt = troupe_begin(2);
    enum { BURST = 5 };
    int64_t began_ns = troupe_now_ns();
    crowd c = {.limiter = limiter_of((tr_limiter_opts_t){.tokens = 1000, .burst = BURST})};
    cue_init(&c.over);
    for (int i = 0; i < CROWD; i++) {
        assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), take_often, &c));
    }
    for (int i = 0; i < CROWD; i++) {
        CUE_AWAIT(&c.over);
    }
    int64_t came = (troupe_now_ns() - began_ns) / 1000000;
    cr_assert(eq(u32, c.granted, CROWD * EACH));
    cr_assert(le(i64, CROWD * EACH, BURST + came));
    cr_assert(eq(u64, status_of(c.limiter).granted, CROWD * EACH));
    troupe_end(rt);
}

// ---- another life

Test(limiter, that_is_restarted_begins_with_an_empty_bucket_and_as_its_options_say)
{
    static const tr_limiter_opts_t opts = {.tokens = 1, .period_ms = HOUR_MS, .burst = 3};
    static const tr_child_t child = {
        .id = "gate", .behavior = &tr_limiter_behavior, .arg = &opts, .arg_size = sizeof opts};
    taker t = {.tokens = 3, .timeout = TR_FOREVER};
    rt = troupe_begin(2);
    tr_ref_t limiter = child_in_house(rt, &child);
    cr_assert(eq(u32, status_of(limiter).available, 3));
    assert_ok(set_rate(limiter, 2, HOUR_MS));
    assert_ok(try(limiter, 1));
    cue_init(&t.over);
    t.limiter = limiter;
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), take_some, &t));
    AWAIT_WAITING(limiter, 1);
    end_life_badly(rt, limiter);
    taker_expect(&t, TR_ECRASHED);
    tr_limiter_status status = status_of(limiter);
    cr_assert(eq(u32, status.available, 0));
    cr_assert(eq(u32, status.waiting, 0));
    cr_assert(eq(u32, status.rate_tokens, 1));
    troupe_end(rt);
}
