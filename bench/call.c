// call.c: a call and its answer, one caller and one callee.
#include "bench.h"

#define CALLS 1000000u

#define ASK(F, T) F(T, u64, value)
TR_MESSAGE(ask, ASK);
#define BEGIN(F, T) F(T, ref, callee) F(T, u64, count)
TR_MESSAGE(begin, BEGIN);

static tr_err_t
answer(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const ask *a = tr_as(ask, msg);
    return a == NULL ? TR_EUNHANDLED : tr_reply(self, TR_MSG(ask, .value = a->value + 1));
}

static tr_err_t
call(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const begin *b = tr_as(begin, msg);
    if (b == NULL) {
        return TR_EUNHANDLED;
    }
    for (uint64_t i = 0; i < b->count; i++) {
        const ask *a;
        tr_err_t err =
            tr_call(self, b->callee, TR_MSG(ask, .value = i), TR_REPLY(ask, &a), tr_seconds(60));
        if (err != TR_OK || a->value != i + 1) {
            return err != TR_OK ? err : TR_EFAULT;
        }
        tr_release(self, a);
    }
    return tr_reply(self, TR_MSG(ask));
}

static const tr_behavior_t callee = {.name = "callee", .receive = answer};
static const tr_behavior_t caller = {.name = "caller", .receive = call};

static bench_result
run_at(uint32_t workers, uint32_t callee_at, uint64_t count)
{
    tr_runtime *rt = bench_begin(workers);
    tr_ref_t to = bench_spawn(rt, &callee, callee_at, NULL, 0);
    tr_ref_t from = bench_spawn(rt, &caller, 0, NULL, 0);
    int64_t took_ns = 0;
    for (uint64_t n = count / 10; n <= count; n += count - count / 10) { // the first warms up
        int64_t begin_ns = bench_now_ns();
        bench_must(tr_runtime_call(rt, from, TR_MSG(begin, .callee = to, .count = n), TR_REPLY_NONE,
                                   TR_FOREVER),
                   "call");
        took_ns = bench_now_ns() - begin_ns;
    }
    bench_end(rt);
    return (bench_result){.ns_per_op = (double)took_ns / (double)count, .ops = count};
}

static bench_result
run(uint32_t workers)
{
    return run_at(workers, 0, CALLS);
}

static bench_result
run_elsewhere(uint32_t workers)
{
    return run_at(workers, workers - 1, CALLS / 10);
}

const bench bench_call = {"call", "a call and its answer, both on one worker", run};
const bench bench_call_elsewhere = {"call_elsewhere", "the same, the callee on the last worker",
                                    run_elsewhere};
