// blocking_test.c: work on the threads of a lane, its results and its queue.
#include "errand.h"

TestSuite(blocking, .timeout = 60);

// ---- mistakes

typedef struct mistake {
    tr_lane_t lane;
    tr_job_t job;
} mistake;

static tr_err_t
make_mistakes(tr_self *self, void *arg)
{
    task t = {.value = 7};
    (void)arg;
    const mistake all[] = {
        {{0}, TR_JOB(work, &t, drop_task)},
        {{4}, TR_JOB(work, &t, drop_task)},
        {{64}, TR_JOB(work, &t, drop_task)},
        {{UINT32_MAX}, TR_JOB(work, &t, drop_task)},
        {TR_LANE_CPU, TR_JOB(NULL, &t, drop_task)},
        {TR_LANE_CPU, {.fn = work, .arg = &t, .drop = drop_task}},
    };
    for (int i = 0; i < 6; i++) {
        expect_err(tr_blocking(self, all[i].lane, &all[i].job, TR_FOREVER), TR_EINVAL);
        cr_expect(board.drops == i + 1); // the rule has no exception
    }
    tr_job_t without_arg = {.fn = work, .arg_size = 8};
    expect_err(tr_blocking(self, TR_LANE_CPU, &without_arg, TR_FOREVER), TR_EINVAL);
    tr_job_t too_big = {.fn = work, .arg = &t, .arg_size = SIZE_MAX, .drop = drop_task};
    expect_err(tr_blocking(self, TR_LANE_CPU, &too_big, TR_FOREVER), TR_ENOMEM);
    cr_expect(board.drops == 7);
    cr_expect(board.begins == 0 && t.value == 7);
    return TR_OK;
}

Test(blocking, with_no_lane_or_no_function_or_half_an_argument_is_einval)
{
    board_begin();
    tr_ref_t actor = child_of(&s.p, PUPPET(NULL));
    assert_ok(troupe_act(s.p.rt, actor, make_mistakes, NULL));
    ends_end(&s);
}

Test(blocking, on_a_lane_of_no_name_thread_or_queue_is_einval)
{
    static const tr_lane_opts_t wrong[] = {
        {.threads = 1, .queue_bound = 1}, {.name = "", .threads = 1, .queue_bound = 1},
        {.name = "a", .queue_bound = 1},  {.name = "a", .threads = 257, .queue_bound = 1},
        {.name = "a", .threads = 1},      {.name = "a", .threads = 1, .queue_bound = 1048577},
    };
    tr_lane_t lane = {77};
    tr_lane_stats_t stats;
    ends_begin(&s);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_err(tr_runtime_lane_create(s.p.rt, &wrong[i], &lane), TR_EINVAL);
    }
    cr_assert(eq(u32, lane.number, 77));
    assert_err(tr_runtime_lane_stats(s.p.rt, (tr_lane_t){0}, &stats), TR_EINVAL);
    assert_err(tr_runtime_lane_stats(s.p.rt, (tr_lane_t){4}, &stats), TR_EINVAL);
    ends_end(&s);
}

static tr_err_t
create_lane(tr_self *self, void *arg)
{
    tr_lane_opts_t opts = {.name = "test", .threads = 2, .queue_bound = 3};
    return tr_lane_create(self, &opts, arg);
}

Test(blocking, on_a_lane_that_is_made_again_finds_the_same)
{
    tr_lane_t again = {0};
    tr_lane_t lane = begin(2, 3);
    tr_ref_t actor = child_of(&s.p, PUPPET(NULL));
    assert_ok(troupe_act(s.p.rt, actor, create_lane, &again));
    cr_assert(eq(u32, again.number, lane.number));
    tr_lane_opts_t other = {.name = "test", .threads = 2, .queue_bound = 4};
    assert_err(tr_runtime_lane_create(s.p.rt, &other, &again), TR_EALREADY);
    other = (tr_lane_opts_t){.name = "test", .threads = 1, .queue_bound = 3};
    assert_err(tr_runtime_lane_create(s.p.rt, &other, &again), TR_EALREADY);
    ends_end(&s);
}

Test(blocking, on_more_than_64_lanes_is_elimit)
{
    tr_lane_t lane;
    errand last;
    board_begin();
    for (int i = 3; i <= 64; i++) {
        char name[8];
        snprintf(name, sizeof name, "l%d", i);
        tr_lane_opts_t opts = {.name = name, .threads = 1, .queue_bound = 1};
        assert_err(tr_runtime_lane_create(s.p.rt, &opts, &lane), i < 64 ? TR_OK : TR_ELIMIT);
    }
    cr_assert(eq(u32, lane.number, 64));
    errand_init(&last, lane, 21);
    assert_ok(errand_run(&last));
    cr_assert(eq(u64, last.task.value, 42));
    ends_end(&s);
}

// ---- results

Test(blocking, that_fails_brings_back_the_error_and_drops_what_the_function_left)
{
    errand e;
    errand_init(&e, begin(1, 1), 21);
    e.task.result = TR_EIO;
    assert_err(errand_run(&e), TR_EIO);
    cr_assert(eq(u64, e.task.value, 21)); // the copy has not come back
    cr_assert(board.drops == 1 && board.dropped == 42);
    ends_end(&s);
}

Test(blocking, brings_back_the_argument_and_drops_nothing)
{
    tr_lane_t lanes[] = {begin(1, 1), TR_LANE_CPU, TR_LANE_FILE, TR_LANE_DNS};
    for (int i = 0; i < 4; i++) {
        errand e;
        errand_init(&e, lanes[i], 21);
        assert_ok(errand_run(&e));
        cr_assert(e.task.value == 42 && e.task.begun == 1);
    }
    ends_end(&s);
    cr_assert(eq(int, board.drops, 0));
}

static tr_err_t
expect_nothing(void *arg)
{
    board.begins++;
    return arg == NULL ? TR_OK : TR_EFAULT;
}

Test(blocking, may_do_without_argument_and_drop)
{
    errand e;
    errand_init(&e, begin(1, 1), 0);
    e.job = (tr_job_t){.fn = expect_nothing};
    assert_ok(errand_run(&e));
    cr_assert(eq(int, board.begins, 1));
    ends_end(&s);
}

// The actors share one worker, and each function returns only when all have begun.
Test(blocking, holds_no_worker_and_uses_all_the_threads_there_are)
{
    errand all[4];
    tr_lane_t lane = begin(4, 1);
    for (int i = 0; i < 4; i++) {
        errand_init(&all[i], lane, (uint64_t)i);
        all[i].task.is_held = true;
        errand_begin(&all[i]);
    }
    for (int i = 0; i < 4; i++) {
        CUE_AWAIT(&board.begun);
    }
    cr_assert(eq(u32, stats_of(lane).threads, 4));
    for (int i = 0; i < 4; i++) {
        cue_give(&board.go_on);
    }
    for (int i = 0; i < 4; i++) {
        assert_ok(errand_await(&all[i]));
        cr_assert(eq(u64, all[i].task.value, 2 * (uint64_t)i));
    }
    ends_end(&s);
}

Test(blocking, starts_no_thread_where_one_is_idle)
{
    errand e;
    tr_lane_t lane = begin(4, 4);
    cr_assert(eq(u32, stats_of(lane).threads, 0));
    errand_init(&e, lane, 1);
    for (int i = 0; i < 50; i++) {
        assert_ok(errand_run(&e));
    }
    cr_assert(eq(u32, stats_of(lane).threads, 1));
    ends_end(&s);
}

// ---- the queue

Test(blocking, keeps_the_order_and_the_bound_also_where_callers_wait_for_room)
{
    errand first, all[8];
    tr_lane_t lane = begin(1, 2);
    hold_thread(&first, lane);
    for (uint32_t i = 0; i < 8; i++) {
        errand_init(&all[i], lane, i);
        errand_begin(&all[i]);
        TROUPE_EVENTUALLY(are_there(lane, 1, i < 2 ? i + 1 : 2, i < 2 ? 0 : i - 1));
    }
    cue_give(&board.go_on);
    for (int i = 0; i < 8; i++) {
        assert_ok(errand_await(&all[i]));
    }
    for (uint64_t i = 0; i < 8; i++) {
        cr_assert(eq(u64, board.order[i + 1], i));
    }
    assert_ok(errand_await(&first));
    cr_assert(are_there(lane, 0, 0, 0));
    ends_end(&s);
}

Test(blocking, on_one_lane_does_not_hold_up_another)
{
    errand held[4 + 2], other;
    board_begin();
    for (int i = 0; i < 6; i++) {
        errand_init(&held[i], TR_LANE_DNS, 1);
        held[i].task.is_held = true;
        errand_begin(&held[i]);
    }
    TROUPE_EVENTUALLY(are_there(TR_LANE_DNS, 4, 2, 0));
    errand_init(&other, TR_LANE_FILE, 21);
    assert_ok(errand_run(&other));
    for (int i = 0; i < 6; i++) {
        cue_give(&board.go_on);
    }
    for (int i = 0; i < 6; i++) {
        assert_ok(errand_await(&held[i]));
    }
    ends_end(&s);
}

// ---- many at once

#define ROUNDS 200

typedef struct crowd {
    tr_lane_t lane;
    uint64_t seed;
    tr_duration_t timeout;
    uint64_t fine, failed, late;
    tr_err_t err;
    cue over;
} crowd;

static tr_err_t
compute(void *arg)
{
    task *t = arg;
    int now = ++board.inside;
    int most = board.most_inside;
    while (now > most && !atomic_compare_exchange_weak(&board.most_inside, &most, now)) {
    }
    t->begun = 1;
    board.begins++;
    t->value = t->value * 3 + 1;
    board.inside--;
    return t->value % 7 == 0 ? TR_EIO : TR_OK;
}

static tr_err_t
compute_often(tr_self *self, void *arg)
{
    crowd *c = arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        task t = {.value = c->seed + i};
        uint64_t expected = t.value * 3 + 1;
        tr_err_t err = tr_blocking(self, c->lane, &TR_JOB(compute, &t, drop_task), c->timeout);
        c->fine += err == TR_OK;
        c->failed += err == TR_EIO;
        c->late += err == TR_ETIMEOUT;
        bool is_right = err == TR_OK ? t.value == expected : t.value == c->seed + i;
        if (!is_right || (err == TR_OK && expected % 7 == 0)) {
            c->err = TR_EFAULT;
        }
    }
    cue_give(&c->over);
    return TR_OK;
}

// CALLERS actors on two workers, two threads and a queue of three.
static void
play_crowd(crowd *all, tr_duration_t timeout)
{
    tr_lane_t lane = begin(2, 3);
    for (uint32_t i = 0; i < CALLERS; i++) {
        all[i] = (crowd){.lane = lane, .seed = i * 1000, .timeout = timeout};
        cue_init(&all[i].over);
        tr_ref_t actor = child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = i % 2));
        assert_ok(troupe_prompt(s.p.rt, actor, compute_often, &all[i]));
    }
    bool is_bounded = true;
    for (uint32_t i = 0; i < CALLERS; i++) {
        while (sem_trywait(&all[i].over.sem) != 0) {
            tr_lane_stats_t stats = stats_of(lane);
            is_bounded = is_bounded && stats.queued <= 3 && stats.running <= 2 &&
                         stats.waiting <= CALLERS && (stats.waiting == 0 || stats.queued == 3);
            troupe_pause();
        }
    }
    cr_assert(is_bounded);
    ends_end(&s);
    cr_assert(le(int, board.most_inside, 2));
}

Test(blocking, by_many_actors_on_two_threads_gets_every_result_right)
{
    static crowd all[CALLERS];
    uint64_t failed = 0;
    play_crowd(all, TR_FOREVER);
    for (int i = 0; i < CALLERS; i++) {
        assert_ok(all[i].err);
        cr_assert(eq(u64, all[i].fine + all[i].failed, ROUNDS));
        failed += all[i].failed;
    }
    cr_assert(eq(int, board.begins, CALLERS *ROUNDS));
    cr_assert(eq(u64, (uint64_t)board.drops, failed));
}

// The deadline comes at any moment of the job's life: either it comes back or it is dropped.
Test(blocking, that_is_left_at_any_moment_comes_back_or_is_dropped_once)
{
    static crowd all[CALLERS];
    uint64_t fine = 0, late = 0;
    play_crowd(all, tr_us(900));
    for (int i = 0; i < CALLERS; i++) {
        assert_ok(all[i].err);
        cr_assert(eq(u64, all[i].fine + all[i].failed + all[i].late, ROUNDS));
        fine += all[i].fine;
        late += all[i].late;
    }
    cr_assert(eq(u64, (uint64_t)board.drops, CALLERS * ROUNDS - fine));
    cr_assert(gt(u64, late, 0));
}
