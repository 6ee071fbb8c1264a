// future_memory_test.c: the allocation that fails, at every place in turn, while calls and tasks
// are under way. Each ends with a result all the same; nothing leaks, nobody is left waiting.
#include "base/memory.h"

#include "troupe_test.h"

TestSuite(future_memory, .timeout = 60);

#define PLACES 24 // more allocations than any of these makes

typedef struct attempt {
    act_fn fn;
    uint64_t after; // how many allocations succeed first
    tr_ref_t other, another;
    tr_err_t err;
    tr_err_t then_err;
    _Atomic uint32_t thens;
} attempt;

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
sleep_a_little(tr_self *self, void *arg)
{
    (void)arg;
    return tr_sleep(self, tr_us(100));
}

// The fault may be the caller's or the callee's, who crashes then.
static bool
is_expected(tr_err_t err)
{
    return err == TR_OK || err == TR_ENOMEM || err == TR_ECRASHED;
}

static tr_err_t
begin_and_await(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_future *futures[2];
    for (int i = 0; i < 2; i++) {
        futures[i] = tr_call_begin(self, i == 0 ? a->other : a->another,
                                   ACT_MSG(sleep_a_little, NULL), tr_seconds(20));
    }
    tr_err_t first = tr_future_await(self, futures[0], TR_REPLY_NONE);
    tr_err_t second = tr_future_await(self, futures[1], TR_REPLY_NONE);
    return first != TR_OK ? first : second;
}

static tr_err_t
begin_and_cancel(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_future *future =
        tr_call_begin(self, a->other, ACT_MSG(sleep_a_little, NULL), tr_seconds(20));
    bool has_failed = tr_future_is_done(future);
    tr_err_t err = tr_yield(self);
    tr_future_cancel(self, future);
    return has_failed ? TR_ENOMEM : err;
}

static tr_err_t
run_task(tr_self *self, void *arg)
{
    (void)arg;
    char text[100] = "";
    return tr_future_await(self, tr_task(self, sleep_a_little, text, sizeof text, tr_seconds(20)),
                           TR_REPLY_NONE);
}

static tr_err_t
cancel_task(tr_self *self, void *arg)
{
    (void)arg;
    tr_future *future = tr_task(self, sleep_a_little, NULL, 0, tr_seconds(20));
    bool has_failed = tr_future_is_done(future);
    tr_err_t err = tr_yield(self);
    tr_future_cancel(self, future);
    return has_failed ? TR_ENOMEM : err;
}

static tr_err_t
use_set(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_set *set;
    size_t given = 0, taken = 0;
    tr_err_t worst = tr_set_create(self, 1, &set);
    if (worst != TR_OK) {
        return worst;
    }
    for (int i = 0; i < 3; i++) {
        tr_err_t err = i == 1 ? tr_set_task(self, set, sleep_a_little, NULL, 0, tr_seconds(20))
                              : tr_set_call(self, set, a->other, ACT_MSG(sleep_a_little, NULL),
                                            tr_seconds(20));
        given += err == TR_OK;
        worst = err != TR_OK ? err : worst;
    }
    cr_expect(eq(sz, tr_set_count(set), given));
    for (int i = 0; i < 4; i++) {
        tr_future *done;
        tr_err_t err = tr_set_next(self, set, &done, NULL);
        if (err == TR_OK) {
            taken++;
            err = tr_future_await(self, done, TR_REPLY_NONE);
        }
        worst = err != TR_OK && err != TR_ENOTFOUND ? err : worst;
    }
    cr_expect(eq(sz, taken, given));
    tr_set_destroy(self, set);
    return worst;
}

static tr_err_t
leave_open(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_set *set;
    tr_future *future =
        tr_call_begin(self, a->other, ACT_MSG(sleep_a_little, NULL), tr_seconds(20));
    tr_err_t err = tr_set_create(self, 2, &set);
    if (err == TR_OK) {
        err = tr_set_task(self, set, sleep_a_little, NULL, 0, TR_FOREVER);
    }
    tr_exit(self);
    return err == TR_OK && tr_future_is_done(future) ? TR_ENOMEM : err;
}

static tr_err_t
hedge(tr_self *self, void *arg)
{
    attempt *a = arg;
    return tr_hedge(self, a->other, a->another, ACT_MSG(sleep_a_little, NULL), tr_us(10),
                    TR_REPLY_NONE, tr_seconds(20));
}

static tr_err_t
join(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_future *futures[2] = {
        tr_call_begin(self, a->other, ACT_MSG(sleep_a_little, NULL), tr_seconds(20)),
        tr_task(self, sleep_a_little, NULL, 0, tr_seconds(20)),
    };
    tr_err_t err = tr_try_join(self, futures, 2);
    for (int i = 0; i < 2 && err == TR_OK; i++) {
        err = tr_future_await(self, futures[i], TR_REPLY_NONE);
    }
    return err;
}

// ---- at every place

static tr_err_t
try_it(tr_self *self, void *arg)
{
    attempt *a = arg;
    tri_memory_fail_after(a->after);
    a->err = a->fn(self, a);
    tri_memory_fail_after(UINT64_MAX);
    return TR_OK;
}

static void
at_every_place(act_fn fn, bool may_go_without)
{
    tr_runtime *rt = troupe_begin(1);
    attempt a = {.fn = fn};
    uint64_t failures = 0;
    for (a.after = 0; a.after < PLACES; a.after++) {
        a.other = troupe_puppet(rt, NULL);
        a.another = troupe_puppet(rt, NULL);
        assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), try_it, &a));
        cr_assert(is_expected(a.err), "place %d: %s", (int)a.after, tr_errname(a.err));
        failures += a.err != TR_OK;
    }
    cr_assert(may_go_without || failures > 0);
    assert_ok(a.err); // the last fault lay beyond it
    troupe_end(rt);
}

Test(future_memory, for_a_call_under_way)
{
    at_every_place(begin_and_await, false);
}

Test(future_memory, for_a_call_that_is_canceled)
{
    at_every_place(begin_and_cancel, false);
}

Test(future_memory, for_a_task)
{
    at_every_place(run_task, false);
}

Test(future_memory, for_a_task_that_is_canceled)
{
    at_every_place(cancel_task, false);
}

Test(future_memory, for_a_set)
{
    at_every_place(use_set, false);
}

Test(future_memory, for_what_a_life_leaves_open)
{
    at_every_place(leave_open, false);
}

Test(future_memory, for_a_hedge)
{
    at_every_place(hedge, true); // one of the two is enough
}

Test(future_memory, for_a_join)
{
    at_every_place(join, false);
}

// ---- where the fault has to be in one place

static tr_err_t
end_fault(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    attempt *a = arg;
    (void)self;
    (void)state;
    (void)answer;
    tri_memory_fail_after(UINT64_MAX);
    a->then_err = err;
    a->thens++;
    return TR_OK;
}

static tr_err_t
begin_then(tr_self *self, void *arg)
{
    attempt *a = arg;
    tri_memory_fail_after(a->after);
    a->err =
        tr_call_then(self, a->other, ACT_MSG(sleep_a_little, NULL), tr_seconds(20), end_fault, a);
    if (a->err != TR_OK) {
        tri_memory_fail_after(UINT64_MAX);
    }
    return TR_OK;
}

Test(future_memory, for_what_runs_when_a_call_is_over)
{
    tr_runtime *rt = troupe_begin(1);
    uint64_t refusals = 0, failures = 0;
    for (uint64_t after = 0; after < PLACES; after++) {
        attempt a = {.after = after, .other = troupe_puppet(rt, NULL), .then_err = TR_EBUSY};
        tr_ref_t who = troupe_puppet(rt, NULL);
        // The answer to this act may be what finds no memory, and the act's actor ends.
        assert_ok(troupe_prompt(rt, who, begin_then, &a));
        if (after == 0) {
            assert_ok(troupe_act(rt, who, do_nothing, NULL));
            assert_err(a.err, TR_ENOMEM);
            cr_assert(eq(u32, a.thens, 0));
            refusals++;
            continue;
        }
        TROUPE_EVENTUALLY(a.thens == 1);
        cr_assert(is_expected(a.then_err), "%s", tr_errname(a.then_err));
        failures += a.then_err != TR_OK;
    }
    cr_assert(gt(u64, refusals, 0));
    cr_assert(gt(u64, failures, 0));
    troupe_end(rt);
}

// Too much for the pool, so that each copy is an allocation.
static tr_err_t
delegate_without_memory(tr_self *self, void *arg, const tr_message *msg)
{
    attempt *a = arg;
    if (tr_as(lump, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    if (tr_ref_equal(tr_self_ref(self), a->another)) {
        return tr_reply(self, TR_MSG(acted));
    }
    tri_memory_fail_after(a->after);
    a->err = tr_delegate(self, a->another);
    tri_memory_fail_after(UINT64_MAX);
    return a->err == TR_OK ? TR_OK : tr_reply_error(self, TR_EBUSY); // the duty is still here
}

Test(future_memory, for_a_delegation)
{
    static const char much[20000];
    tr_runtime *rt = troupe_begin(1);
    uint64_t failures = 0;
    attempt a = {.err = TR_EBUSY};
    for (a.after = 0; a.after < 4; a.after++) {
        part role = {.receive = delegate_without_memory, .arg = &a};
        a.another = troupe_puppet(rt, &role);
        tr_err_t err = tr_runtime_call(rt, troupe_puppet(rt, &role),
                                       TR_MSG(lump, .data = tr_bytes(much, sizeof much)),
                                       TR_REPLY_NONE, tr_seconds(20));
        assert_err(err, a.err == TR_OK ? TR_OK : TR_EBUSY);
        failures += a.err == TR_ENOMEM;
    }
    assert_ok(a.err);
    cr_assert(gt(u64, failures, 0));
    troupe_end(rt);
}

// A callee that cannot be told finds out by the deadline.
typedef struct stay {
    tr_ref_t callee;
    tr_future *future;
    cue begun, over;
    _Atomic(tr_err_t) err;
} stay;

static tr_err_t
stay_there(tr_self *self, void *arg)
{
    stay *s = arg;
    cue_give(&s->begun);
    s->err = tr_sleep(self, TR_FOREVER);
    cue_give(&s->over);
    return TR_OK;
}

static tr_err_t
call_stay(tr_self *self, void *arg)
{
    stay *s = arg;
    s->future = tr_call_begin(self, s->callee, ACT_MSG(stay_there, s), tr_ms(300));
    return TR_OK;
}

static tr_err_t
cancel_without_memory(tr_self *self, void *arg)
{
    stay *s = arg;
    tri_memory_fail_after(0);
    tr_future_cancel(self, s->future);
    tri_memory_fail_after(UINT64_MAX);
    return TR_OK;
}

Test(future_memory, for_a_cancel)
{
    tr_runtime *rt = troupe_begin(1);
    stay s = {.callee = troupe_puppet(rt, NULL), .err = TR_EBUSY};
    tr_ref_t caller = troupe_puppet(rt, NULL);
    cue_init(&s.begun);
    cue_init(&s.over);
    assert_ok(troupe_act(rt, caller, call_stay, &s));
    CUE_AWAIT(&s.begun);
    assert_ok(troupe_act(rt, caller, cancel_without_memory, &s));
    CUE_AWAIT(&s.over);
    cr_assert(s.err == TR_ETIMEOUT || s.err == TR_ECANCELED, "%s", tr_errname(s.err));
    assert_ok(troupe_act(rt, s.callee, do_nothing, NULL));
    troupe_end(rt);
}
