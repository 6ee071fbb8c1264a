// arena.h: small pieces of memory that are all given back at once: those of one batch.
#ifndef KVD_ARENA_H
#define KVD_ARENA_H

#include "heap.h"

#include <stddef.h>

typedef struct arena_block arena_block;

typedef struct arena {
    const heap_t *heap;
    arena_block *blocks; // the first one has the room that is left
} arena;

// Memory, aligned for pointers and numbers, that stays where it is until arena_reset. NULL when
// there is none.
void *arena_alloc(arena *a, size_t size);

// Give all of it back.
void arena_reset(arena *a);

#endif
