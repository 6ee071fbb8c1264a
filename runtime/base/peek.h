// peek.h: a value with one writer that observers on other threads may read. Both sides are relaxed:
// the observer learns this one value and concludes nothing about any other memory.
#ifndef TRI_BASE_PEEK_H
#define TRI_BASE_PEEK_H

#include <stdatomic.h>

// Read, by anyone.
#define TRI_PEEK(object) atomic_load_explicit((object), memory_order_relaxed)

// Write, by the one writer.
#define TRI_SHOW(object, value) atomic_store_explicit((object), (value), memory_order_relaxed)

// Count, by the one writer: a plain load and store, no locked instruction.
#define TRI_BUMP(object, by) TRI_SHOW((object), TRI_PEEK(object) + (by))

#endif
