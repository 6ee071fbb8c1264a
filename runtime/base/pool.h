// pool.h: blocks for messages. A worker takes and gives without atomics; what it has too much of
// goes to a depot in batches, and a worker that has none fetches a batch there: messages that flow
// one way bring their memory back at a fraction of an operation per message.
#ifndef TRI_BASE_POOL_H
#define TRI_BASE_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRI_POOL_CLASSES 7                // 64 bytes to 4 KiB, doubling
#define TRI_POOL_HEAP    TRI_POOL_CLASSES // the class of a block that came from malloc

typedef struct tri_pool_block tri_pool_block;

// Shared by all workers of a runtime.
typedef struct tri_depot {
    pthread_mutex_t lock;
    tri_pool_block *batches[TRI_POOL_CLASSES]; // stacks of full batches; under lock
    tri_pool_block *singles[TRI_POOL_CLASSES]; // given by threads outside; under lock
    uint32_t single_count[TRI_POOL_CLASSES];
    void *chunks; // all memory ever carved; under lock
} tri_depot;

// One worker's own blocks. Used by the thread that runs the worker only.
typedef struct tri_pool {
    tri_depot *depot;
    bool is_watched; // by a tool that looks at the heap: everything comes from there
    struct {
        tri_pool_block *blocks;
        uint32_t count;
        char *fresh; // memory not yet carved
        char *fresh_end;
    } classes[TRI_POOL_CLASSES];
} tri_pool;

void tri_depot_init(tri_depot *depot);

// Frees all blocks of all pools of this depot that came from it.
void tri_depot_fini(tri_depot *depot);

void tri_pool_init(tri_pool *pool, tri_depot *depot);

// A block of at least `size` bytes, aligned to 16, not zeroed; NULL when there is no memory.
// *out_class is needed to give it back. `pool` may be NULL: a thread that is no worker.
void *tri_pool_take(tri_pool *pool, size_t size, uint8_t *out_class);

// Give a block back, here or to any other pool of the same depot. Where `pool` is NULL, a block
// that is not from the heap goes to `depot`.
void tri_pool_give(tri_pool *pool, tri_depot *depot, void *block, uint8_t class);

#endif
