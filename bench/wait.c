// wait.c: what it costs to wait: a suspension, and what one that waits keeps in memory.
#include "bench.h"

#define YIELDS  2000000u
#define WAITING 10000u

TR_MESSAGE_EMPTY(go);

static tr_err_t
yield(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(go, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    for (uint32_t i = 0; i < YIELDS; i++) {
        tr_err_t err = tr_yield(self);
        if (err != TR_OK) {
            return err;
        }
    }
    return tr_reply(self, TR_MSG(go));
}

static const tr_behavior_t yielder = {.name = "yielder", .receive = yield};

static bench_result
run(uint32_t workers)
{
    tr_runtime *rt = bench_begin(workers);
    tr_ref_t who = bench_spawn(rt, &yielder, 0, NULL, 0);
    int64_t begin_ns = bench_now_ns();
    bench_must(tr_runtime_call(rt, who, TR_MSG(go), TR_REPLY_NONE, TR_FOREVER), "yield");
    int64_t took_ns = bench_now_ns() - begin_ns;
    bench_end(rt);
    return (bench_result){.ns_per_op = (double)took_ns / YIELDS, .ops = YIELDS};
}

const bench bench_wait = {"wait", "a handler that is suspended and resumed: tr_yield", run};

// ---- memory

static tr_err_t
wait_on(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    return tr_as(go, msg) == NULL ? TR_EUNHANDLED : tr_sleep(self, TR_FOREVER);
}

static const tr_behavior_t sleeper = {.name = "sleeper", .receive = wait_on};

static uint64_t
stacks_in_use(tr_runtime *rt)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.stacks;
}

// The actors are there before and asleep; what is counted is what their waiting adds.
static bench_result
run_waiting(uint32_t workers)
{
    tr_runtime *rt = bench_begin(workers);
    static tr_ref_t who[WAITING];
    for (uint32_t i = 0; i < WAITING; i++) {
        who[i] = bench_spawn(rt, &sleeper, i % workers, NULL, 0);
    }
    uint64_t before = bench_rss();
    int64_t begin_ns = bench_now_ns();
    for (uint32_t i = 0; i < WAITING; i++) {
        bench_must(tr_runtime_send(rt, who[i], TR_MSG(go), TR_FOREVER), "send");
    }
    while (stacks_in_use(rt) < WAITING) {
    }
    int64_t took_ns = bench_now_ns() - begin_ns;
    uint64_t after = bench_rss();
    bench_end(rt);
    return (bench_result){.ns_per_op = (double)took_ns / WAITING,
                          .ops = WAITING,
                          .bytes = (double)(after - before) / WAITING};
}

const bench bench_waiting = {
    "waiting", "one of 10,000 handlers begins a wait: time, and resident memory it keeps",
    run_waiting};
