// counters.h: what happened, counted where it happened. Each worker has its own set, written by its
// thread alone; threads outside share one set. Readers add them up.
#ifndef TRI_TRACE_COUNTERS_H
#define TRI_TRACE_COUNTERS_H

#include "base/compat.h"
#include "base/peek.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum tri_counter {
    // The ledger: see tr_ledger_t for what each means.
    TRI_ACCEPTED,
    TRI_HANDLED,
    TRI_FAILED,
    TRI_EXPIRED,
    TRI_DROPPED,
    TRI_DEAD,
    TRI_RETURNED,
    TRI_DISCARDED,
    TRI_LEDGER, // how many of these
    // Of broadcasts: copies that readers are to get, and that they got or will not get any more.
    TRI_COPIES_SENT,
    TRI_COPIES_READ,
    // Lives.
    TRI_SPAWNED,
    TRI_ENDED,
    TRI_RESTARTS,
    TRI_FAILURES,
    TRI_DEADLOCKS,
    // Work.
    TRI_TURNS,
    TRI_WAKEUPS,
    TRI_STACKS_TAKEN,
    TRI_STACKS_GIVEN,
    TRI_COUNTERS
} tri_counter_t;

typedef struct tri_counters {
    alignas(TRI_CACHELINE) _Atomic uint64_t of[TRI_COUNTERS];
} tri_counters;

// Count on a worker's own set.
static inline void
tri_count_by(tri_counters *own, tri_counter_t what, uint64_t by)
{
    TRI_BUMP(&own->of[what], by);
}

static inline void
tri_count(tri_counters *own, tri_counter_t what)
{
    tri_count_by(own, what, 1);
}

// Count on a set that threads share.
static inline void
tri_count_shared(tri_counters *shared, tri_counter_t what, uint64_t by)
{
    // relaxed, unpaired: a sum; nothing else is concluded from it.
    atomic_fetch_add_explicit(&shared->of[what], by, memory_order_relaxed);
}

#endif
