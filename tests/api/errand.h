// errand.h: actors that have work done on a lane, and a board on which the work leaves its marks.
//
//     errand e;
//     errand_init(&e, begin(1, 4), 21);    // a lane with one thread, and 4 may be queued
//     assert_ok(errand_run(&e));           // or errand_begin, …, errand_await
//     cr_assert(eq(u64, e.task.value, 42));
//     ends_end(&s);
#ifndef TROUPE_TESTS_API_ERRAND_H
#define TROUPE_TESTS_API_ERRAND_H

#include "ends.h"

#define CALLERS 16

static ends s;

// What the functions of a test say, and hear. They may outlast whoever called them.
static struct board {
    cue begun, go_on;
    _Atomic int begins, returns, drops, drops_begun;
    _Atomic int inside, most_inside;
    _Atomic uint64_t order[CALLERS];
    _Atomic uint64_t dropped; // the value of the last
} board;

// An argument: it works with a copy of it.
typedef struct task {
    uint64_t value;
    uint64_t begun; // set by the function: what is dropped tells whether it ran
    tr_err_t result;
    bool is_held;
} task;

static inline tr_err_t
work(void *arg)
{
    task *t = arg;
    t->begun = 1;
    board.order[board.begins++ % CALLERS] = t->value;
    if (t->is_held) {
        cue_give(&board.begun);
        cr_expect(cue_take(&board.go_on));
    }
    t->value *= 2;
    board.returns++;
    return t->result;
}

static inline void
drop_task(void *arg)
{
    const task *t = arg;
    board.dropped = t->value;
    board.drops_begun += t->begun != 0;
    board.drops++;
}

// One call by one actor.
typedef struct errand {
    tr_lane_t lane;
    task task;
    tr_job_t job;
    tr_duration_t timeout;
    tr_ref_t actor;
    tr_err_t err;
    cue over;
} errand;

static inline tr_err_t
run_errand(tr_self *self, void *arg)
{
    errand *e = arg;
    e->err = tr_blocking(self, e->lane, &e->job, e->timeout);
    cue_give(&e->over);
    return TR_OK;
}

static inline void
errand_init(errand *e, tr_lane_t lane, uint64_t value)
{
    *e = (errand){.lane = lane, .task = {.value = value}, .timeout = TR_FOREVER, .err = TR_EBUSY};
    e->job = TR_JOB(work, &e->task, drop_task);
    cue_init(&e->over);
    e->actor = child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
}

static inline void
errand_begin(errand *e)
{
    assert_ok(troupe_prompt(s.p.rt, e->actor, run_errand, e));
}

static inline tr_err_t
errand_await(errand *e)
{
    CUE_AWAIT(&e->over);
    return e->err;
}

static inline tr_err_t
errand_run(errand *e)
{
    errand_begin(e);
    return errand_await(e);
}

static inline void
board_begin(void)
{
    ends_begin(&s);
    memset(&board, 0, sizeof board);
    cue_init(&board.begun);
    cue_init(&board.go_on);
}

// With a lane of so many threads and so long a queue.
static inline tr_lane_t
begin(uint32_t threads, uint32_t bound)
{
    tr_lane_t lane = {0};
    board_begin();
    tr_lane_opts_t opts = {.name = "test", .threads = threads, .queue_bound = bound};
    assert_ok(tr_runtime_lane_create(s.p.rt, &opts, &lane));
    return lane;
}

static inline tr_lane_stats_t
stats_of(tr_lane_t lane)
{
    tr_lane_stats_t stats;
    assert_ok(tr_runtime_lane_stats(s.p.rt, lane, &stats));
    return stats;
}

static inline bool
are_there(tr_lane_t lane, uint32_t running, uint32_t queued, uint32_t waiting)
{
    tr_lane_stats_t stats = stats_of(lane);
    return stats.running == running && stats.queued == queued && stats.waiting == waiting;
}

// The only thread of the lane is in a function until the cue.
static inline void
hold_thread(errand *e, tr_lane_t lane)
{
    errand_init(e, lane, 1000);
    e->task.is_held = true;
    errand_begin(e);
    CUE_AWAIT(&board.begun);
}

#endif
