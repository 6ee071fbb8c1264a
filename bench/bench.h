// bench.h: what a benchmark is. One a file; main.c runs them and prints what they return.
#ifndef TROUPE_BENCH_BENCH_H
#define TROUPE_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <troupe/troupe.h>

typedef struct bench_result {
    double ns_per_op;
    double
        floor_ns; // the same work by the barest C, in this process, just before; 0: there is none
    uint64_t ops;
    double bytes; // of memory per thing, where that is what is measured; 0: it is not
} bench_result;

typedef struct bench {
    const char *name;
    const char *what; // one operation
    bench_result (*run)(uint32_t workers);
} bench;

extern const bench bench_call;
extern const bench bench_call_elsewhere;
extern const bench bench_wait;
extern const bench bench_waiting;

static inline int64_t
bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Ends the program with a text when something goes wrong that must not.
void bench_must(tr_err_t err, const char *what);

// A runtime that says nothing but errors.
tr_runtime *bench_begin(uint32_t workers);
void bench_end(tr_runtime *rt);

// Spawn at a worker.
tr_ref_t bench_spawn(tr_runtime *rt, const tr_behavior_t *behavior, uint32_t worker,
                     const void *arg, size_t arg_size);

// Resident memory of this process, in bytes.
uint64_t bench_rss(void);

#endif
