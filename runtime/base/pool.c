#include "base/pool.h"

#include "base/compat.h"
#include "base/memory.h"

#include <stdbool.h>

#define SMALLEST    ((size_t)64)
#define CHUNK_BYTES ((size_t)64 * 1024)
#define BATCH       64u // blocks that travel to and from the depot together

struct tri_pool_block {
    tri_pool_block *next;       // within a batch, or within a pool
    tri_pool_block *next_batch; // of the first block of a batch in the depot
};

struct chunk {
    struct chunk *next;
    char pad[TRI_CACHELINE - sizeof(struct chunk *)]; // keeps the blocks on their own lines
};

// A pool hides use after free from a tool that watches the heap, so such builds do without it.
static bool
is_watched(void)
{
    return TRI_ASAN || TRI_TSAN || RUNNING_ON_VALGRIND;
}

static uint8_t
class_of(size_t size)
{
    uint8_t class = 0;
    for (size_t bytes = SMALLEST; bytes < size; bytes *= 2) {
        if (++class == TRI_POOL_CLASSES) {
            return TRI_POOL_HEAP;
        }
    }
    return class;
}

void
tri_depot_init(tri_depot *depot)
{
    *depot = (tri_depot){.chunks = NULL};
    pthread_mutex_init(&depot->lock, NULL);
}

void
tri_depot_fini(tri_depot *depot)
{
    struct chunk *chunk = depot->chunks;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        tri_free(chunk);
        chunk = next;
    }
    pthread_mutex_destroy(&depot->lock);
}

void
tri_pool_init(tri_pool *pool, tri_depot *depot)
{
    *pool = (tri_pool){.depot = depot, .is_watched = is_watched()};
}

static bool
fetch_batch(tri_pool *pool, uint8_t class)
{
    pthread_mutex_lock(&pool->depot->lock);
    tri_pool_block *batch = pool->depot->batches[class];
    if (batch != NULL) {
        pool->depot->batches[class] = batch->next_batch;
    }
    pthread_mutex_unlock(&pool->depot->lock);
    pool->classes[class].blocks = batch;
    pool->classes[class].count = batch != NULL ? BATCH : 0;
    return batch != NULL;
}

static bool
fetch_chunk(tri_pool *pool, uint8_t class)
{
    struct chunk *chunk = tri_aligned_alloc(TRI_CACHELINE, CHUNK_BYTES);
    if (chunk == NULL) {
        return false;
    }
    pthread_mutex_lock(&pool->depot->lock);
    chunk->next = pool->depot->chunks;
    pool->depot->chunks = chunk;
    pthread_mutex_unlock(&pool->depot->lock);
    pool->classes[class].fresh = (char *)(chunk + 1);
    pool->classes[class].fresh_end = (char *)chunk + CHUNK_BYTES;
    return true;
}

static TRI_NOINLINE void *
take_slow(tri_pool *pool, uint8_t class)
{
    size_t size = SMALLEST << class;
    if (fetch_batch(pool, class)) {
        tri_pool_block *block = pool->classes[class].blocks;
        pool->classes[class].blocks = block->next;
        pool->classes[class].count--;
        return block;
    }
    if ((size_t)(pool->classes[class].fresh_end - pool->classes[class].fresh) < size &&
        !fetch_chunk(pool, class)) {
        return NULL;
    }
    void *block = pool->classes[class].fresh;
    pool->classes[class].fresh += size;
    return block;
}

void *
tri_pool_take(tri_pool *pool, size_t size, uint8_t *out_class)
{
    uint8_t class = class_of(size);
    if (TRI_UNLIKELY(class == TRI_POOL_HEAP || pool == NULL || pool->is_watched)) {
        *out_class = TRI_POOL_HEAP;
        return tri_alloc(size);
    }
    *out_class = class;
    tri_pool_block *block = pool->classes[class].blocks;
    if (TRI_UNLIKELY(block == NULL)) {
        return take_slow(pool, class);
    }
    pool->classes[class].blocks = block->next;
    pool->classes[class].count--;
    return block;
}

// Twice a batch has gathered: the older half goes to the depot, the warm half stays.
static TRI_NOINLINE void
shed_batch(tri_pool *pool, uint8_t class)
{
    tri_pool_block *last_kept = pool->classes[class].blocks;
    for (uint32_t i = 1; i < BATCH; i++) {
        last_kept = last_kept->next;
    }
    tri_pool_block *batch = last_kept->next;
    last_kept->next = NULL;
    pool->classes[class].count -= BATCH;
    pthread_mutex_lock(&pool->depot->lock);
    batch->next_batch = pool->depot->batches[class];
    pool->depot->batches[class] = batch;
    pthread_mutex_unlock(&pool->depot->lock);
}

// A thread outside gives one block: singles gather until they are a batch.
static TRI_NOINLINE void
give_single(tri_depot *depot, tri_pool_block *block, uint8_t class)
{
    pthread_mutex_lock(&depot->lock);
    block->next = depot->singles[class];
    depot->singles[class] = block;
    if (++depot->single_count[class] == BATCH) {
        block->next_batch = depot->batches[class];
        depot->batches[class] = block;
        depot->singles[class] = NULL;
        depot->single_count[class] = 0;
    }
    pthread_mutex_unlock(&depot->lock);
}

void
tri_pool_give(tri_pool *pool, tri_depot *depot, void *memory, uint8_t class)
{
    if (class == TRI_POOL_HEAP) {
        tri_free(memory);
        return;
    }
    tri_pool_block *block = memory;
    if (pool == NULL) {
        give_single(depot, block, class);
        return;
    }
    block->next = pool->classes[class].blocks;
    pool->classes[class].blocks = block;
    if (TRI_UNLIKELY(++pool->classes[class].count == 2 * BATCH)) {
        shed_batch(pool, class);
    }
}
