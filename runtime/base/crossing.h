// crossing.h: two ends let go of one thing, each with mail to the other, and the mails may cross.
// The second of the two to arrive ends the thing.
#ifndef TRI_BASE_CROSSING_H
#define TRI_BASE_CROSSING_H

#include <stdatomic.h>
#include <stdbool.h>

// Zeroed memory is one that nobody has arrived at.
typedef struct tri_crossing {
    _Atomic bool is_half;
} tri_crossing;

// One has arrived. True for the second.
static inline bool
tri_is_second(tri_crossing *crossing)
{
    // acq_rel with itself, the other end's exchange: the second ends what the first was done with.
    return atomic_exchange_explicit(&crossing->is_half, true, memory_order_acq_rel);
}

#endif
