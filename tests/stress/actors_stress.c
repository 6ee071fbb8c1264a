// actors_stress.c: a hundred thousand actors alive on two workers, and what one costs that does
// nothing.
#include <unistd.h>

#include "base/compat.h"

#include "troupe_test.h"

#ifndef ACTORS
#if TRI_TSAN || TRI_ASAN
#define ACTORS 10000
#else
#define ACTORS 100000
#endif
#endif

static tr_ref_t actors[ACTORS];

static size_t
resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %lu", &pages) != 1) {
        pages = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static tr_err_t
answer(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const number *n = tr_as(number, msg);
    return n != NULL ? tr_reply(self, TR_MSG(number, .value = n->value + 1)) : TR_EUNHANDLED;
}

static const tr_behavior_t extra = {.name = "extra", .state_size = 16, .receive = answer};

typedef struct show {
    tr_err_t err;
    uint64_t sum;
} show;

static tr_err_t
engage(tr_self *self, void *arg)
{
    show *s = arg;
    for (int i = 0; i < ACTORS && s->err == TR_OK; i++) {
        s->err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &extra}, &actors[i]);
    }
    return TR_OK;
}

static tr_err_t
call_each(tr_self *self, void *arg)
{
    show *s = arg;
    for (uint64_t i = 0; i < ACTORS && s->err == TR_OK; i++) {
        const number *n;
        s->err = tr_call(self, actors[i], TR_MSG(number, .value = i), TR_REPLY(number, &n),
                         tr_seconds(20));
        if (s->err == TR_OK) {
            s->sum += n->value - i;
            tr_release(self, n);
        }
    }
    return TR_OK;
}

static void
perform(tr_stop_order_t order, bool kill)
{
    tr_runtime *rt = troupe_begin(2);
    show s = {.err = TR_OK};
    tr_ref_t director;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .stop_order = order), &director));
    size_t before = resident_bytes();
    assert_ok(tr_runtime_call(rt, director, ACT_MSG(engage, &s), TR_REPLY_NONE, tr_seconds(200)));
    assert_ok(s.err);
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    cr_assert(eq(u64, stats.actors, ACTORS + 2));
    size_t idle = resident_bytes();
    assert_ok(
        tr_runtime_call(rt, director, ACT_MSG(call_each, &s), TR_REPLY_NONE, tr_seconds(200)));
    assert_ok(s.err);
    cr_assert(eq(u64, s.sum, ACTORS));
    size_t called = resident_bytes();
    int64_t begin = troupe_now_ns();
    kill ? tr_runtime_kill(rt) : tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(100)));
    fprintf(stderr,
            "%d actors: %.0f bytes each when idle, %.0f after a call each; ended in %.0f ms\n",
            ACTORS, (double)(idle - before) / ACTORS, (double)(called - before) / ACTORS,
            (double)(troupe_now_ns() - begin) / 1e6);
    troupe_expect_empty(rt);
    tr_runtime_destroy(rt);
}

Test(actors, by_the_hundred_thousand_all_answer_and_are_killed_at_once, .timeout = 300)
{
    perform(TR_STOP_REVERSE, true);
}

Test(actors, by_the_hundred_thousand_all_answer_and_stop_together, .timeout = 300)
{
    perform(TR_STOP_TOGETHER, false);
}

Test(actors, by_the_hundred_thousand_all_answer_and_stop_one_by_one, .timeout = 300)
{
    perform(TR_STOP_REVERSE, false);
}
