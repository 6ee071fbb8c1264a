// blocking_leave_test.c: what becomes of work on a lane when its caller leaves, and at the end of
// the runtime.
#include "errand.h"

TestSuite(blocking, .timeout = 60);

// What a caller is at when it leaves; a stop, a kill, or its deadline.
typedef enum stage { IS_WAITING, IS_QUEUED, IS_RUNNING, STAGES } stage;

static void
leave_at(stage at, bool by_deadline, ending how)
{
    errand first, queued, leaver, next;
    tr_lane_t lane = begin(1, 1);
    if (at != IS_RUNNING) {
        hold_thread(&first, lane);
    }
    if (at == IS_WAITING) {
        errand_init(&queued, lane, 1);
        errand_begin(&queued);
        TROUPE_EVENTUALLY(are_there(lane, 1, 1, 0));
    }
    errand_init(&leaver, lane, 21);
    leaver.task.is_held = true;
    leaver.timeout = by_deadline ? tr_ms(200) : TR_FOREVER;
    errand_begin(&leaver);
    TROUPE_EVENTUALLY(at == IS_RUNNING ? board.begins == 1
                                       : are_there(lane, 1, 1, at == IS_WAITING) || by_deadline);
    // One that comes after it is not held up by it.
    errand_init(&next, lane, 5);
    errand_begin(&next);
    if (by_deadline) {
        assert_err(errand_await(&leaver), TR_ETIMEOUT);
    } else {
        end_life(&s, leaver.actor, how);
    }
    TROUPE_EVENTUALLY(are_there(lane, 1, 1, at == IS_WAITING));
    cr_assert(eq(int, board.drops, 0)); // the thread is held
    cue_give(&board.go_on);
    assert_ok(errand_await(&next));
    TROUPE_EVENTUALLY(board.drops == 1);
    ends_end(&s);
    // It ran to its end alone, or never; and was dropped once, as it was then.
    cr_assert(board.drops == 1 && board.drops_begun == (at == IS_RUNNING));
    cr_assert(eq(u64, board.dropped, at == IS_RUNNING ? 42 : 21));
    cr_assert(eq(int, board.begins, 2 + (at == IS_WAITING)));
    cr_assert(board.returns == board.begins);
    cr_assert(eq(u64, leaver.task.value, 21)); // nothing was written to the one that left
    if (!by_deadline) {
        assert_err(leaver.err, how == BY_STOP ? TR_ECANCELED : TR_EBUSY);
    }
}

Test(blocking, is_left_at_the_deadline)
{
    for (stage at = IS_WAITING; at < STAGES; at++) {
        leave_at(at, true, ENDINGS);
    }
}

Test(blocking, is_left_when_the_caller_is_killed)
{
    for (stage at = IS_WAITING; at < STAGES; at++) {
        leave_at(at, false, BY_KILL);
    }
}

Test(blocking, is_left_when_the_caller_is_stopped)
{
    for (stage at = IS_WAITING; at < STAGES; at++) {
        leave_at(at, false, BY_STOP);
    }
}

Test(blocking, that_was_left_and_fails_is_dropped_once)
{
    errand e;
    errand_init(&e, begin(1, 1), 21);
    e.task.is_held = true;
    e.task.result = TR_EIO;
    e.timeout = tr_ms(200);
    assert_err(errand_run(&e), TR_ETIMEOUT);
    CUE_AWAIT(&board.begun);
    cue_give(&board.go_on);
    ends_end(&s);
    cr_assert(eq(int, board.drops, 1));
}

Test(blocking, with_no_time_is_refused_and_never_begun)
{
    errand e;
    tr_lane_t lane = begin(1, 1);
    errand_init(&e, lane, 21);
    e.timeout = tr_ms(0);
    assert_err(errand_run(&e), TR_ETIMEOUT);
    cr_assert(board.drops == 1 && board.dropped == 21);
    cr_assert(eq(u32, stats_of(lane).threads, 0));
    ends_end(&s);
    cr_assert(eq(int, board.begins, 0));
}

static tr_err_t
try_without_end(tr_self *self, void *arg)
{
    errand *e = arg;
    int64_t until_ns = tr_now_ns(self) + 10 * INT64_C(1000000000);
    while (board.returns == 0 && tr_now_ns(self) < until_ns) {
        expect_err(tr_blocking(self, e->lane, &e->job, tr_ms(0)), TR_ETIMEOUT);
    }
    return board.returns != 0 ? TR_OK : TR_EFAULT;
}

static tr_err_t
return_once(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    board.returns = 1;
    return TR_OK;
}

Test(blocking, that_is_refused_without_end_lets_others_run)
{
    errand e, other;
    tr_lane_t lane = begin(1, 1);
    errand_init(&e, lane, 21);
    errand_init(&other, lane, 21); // of the same worker
    assert_ok(troupe_prompt(s.p.rt, e.actor, try_without_end, &e));
    assert_ok(troupe_act(s.p.rt, other.actor, return_once, NULL));
    assert_ok(troupe_act(s.p.rt, e.actor, do_nothing, NULL)); // it is still there
    ends_end(&s);
}

Test(blocking, lasts_no_longer_than_the_request_in_hand_allows)
{
    errand first, e;
    tr_lane_t lane = begin(1, 1);
    hold_thread(&first, lane);
    errand_init(&e, lane, 21);
    tr_err_t err =
        tr_runtime_call(s.p.rt, e.actor, ACT_MSG(run_errand, &e), TR_REPLY_NONE, tr_ms(50));
    cr_assert(err == TR_ETIMEOUT || err == TR_OK); // the handler gives up at the same instant
    assert_err(errand_await(&e), TR_ETIMEOUT);
    cue_give(&board.go_on);
    assert_ok(errand_await(&first));
    ends_end(&s);
    cr_assert(board.begins == 1 && board.drops == 1);
}

typedef struct hostage {
    cue is_held, go_on;
} hostage;

static tr_err_t
hold_worker(tr_self *self, void *arg)
{
    (void)self;
    hostage *h = arg;
    cue_give(&h->is_held);
    cr_expect(cue_take(&h->go_on));
    return TR_OK;
}

// The caller cannot leave, because another handler keeps its worker.
Test(blocking, whose_deadline_has_passed_is_not_begun_though_its_caller_is_still_there)
{
    errand first, e;
    hostage h;
    cue_init(&h.is_held);
    cue_init(&h.go_on);
    tr_lane_t lane = begin(1, 1);
    hold_thread(&first, lane);
    errand_init(&e, lane, 21);
    e.timeout = tr_ms(50);
    int64_t due_ns = troupe_now_ns() + 50 * 1000000;
    errand_begin(&e);
    TROUPE_EVENTUALLY(are_there(lane, 1, 1, 0) || troupe_now_ns() > due_ns);
    tr_ref_t holder = child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
    assert_ok(troupe_prompt(s.p.rt, holder, hold_worker, &h));
    CUE_AWAIT(&h.is_held);
    int64_t until_ns = troupe_now_ns() + 51 * 1000000;
    TROUPE_EVENTUALLY(troupe_now_ns() > until_ns);
    cue_give(&board.go_on);
    TROUPE_EVENTUALLY(board.drops == 1);
    cue_give(&h.go_on);
    assert_err(errand_await(&e), TR_ETIMEOUT);
    assert_ok(errand_await(&first));
    ends_end(&s);
    cr_assert(board.begins == 1 && board.drops == 1);
}

// ---- the end of the runtime

static bool
are_gone(tr_runtime *rt)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.actors == 0;
}

Test(blocking, is_never_begun_when_the_runtime_ends_first_and_awaited_when_it_runs)
{
    errand first, all[4];
    tr_lane_t lane = begin(1, 2);
    hold_thread(&first, lane);
    for (int i = 0; i < 4; i++) {
        errand_init(&all[i], lane, 1);
        errand_begin(&all[i]);
    }
    TROUPE_EVENTUALLY(are_there(lane, 1, 2, 2));
    tr_runtime_stop(s.p.rt);
    for (int i = 0; i < 4; i++) {
        assert_err(errand_await(&all[i]), TR_ECANCELED);
    }
    assert_err(errand_await(&first), TR_ECANCELED);
    TROUPE_EVENTUALLY(are_gone(s.p.rt));
    assert_err(tr_runtime_wait(s.p.rt, tr_ms(20)), TR_ETIMEOUT); // it runs
    cr_assert(are_there(lane, 1, 0, 0));
    cue_give(&board.go_on);
    assert_ok(tr_runtime_wait(s.p.rt, TR_FOREVER));
    cr_assert(board.begins == 1 && board.returns == 1);
    cr_assert(board.drops == 5 && board.drops_begun == 1);
    ends_end(&s);
}

static void *
let_go_later(void *arg)
{
    troupe_pause();
    troupe_pause();
    cue_give(arg);
    return NULL;
}

Test(blocking, that_runs_is_awaited_by_the_destruction_of_the_runtime)
{
    errand first;
    pthread_t thread;
    hold_thread(&first, begin(1, 1));
    tr_runtime_kill(s.p.rt);
    TROUPE_EVENTUALLY(are_gone(s.p.rt));
    pthread_create(&thread, NULL, let_go_later, &board.go_on);
    tr_runtime_destroy(s.p.rt);
    cr_assert(board.returns == 1 && board.drops == 1);
    pthread_join(thread, NULL);
}
