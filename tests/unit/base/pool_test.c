#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/compat.h"
#include "base/memory.h"

TestSuite(pool, .timeout = 60);

static tri_depot depot;

// Memory that the depot has carved, in chunks. Each begins with the pointer to the next.
static int
count_chunks(void)
{
    int count = 0;
    for (void *chunk = depot.chunks; chunk != NULL; memcpy(&chunk, chunk, sizeof chunk)) {
        count++;
    }
    return count;
}

Test(pool, without_memory_gives_null_and_works_again_later)
{
    tri_pool pool;
    uint8_t class;
    tri_depot_init(&depot);
    tri_pool_init(&pool, &depot);
    tri_memory_fail_after(0);
    cr_assert(tri_pool_take(&pool, 100, &class) == NULL);
    tri_memory_fail_after(0);
    cr_assert(tri_pool_take(NULL, 100, &class) == NULL);
    tri_memory_fail_after(UINT64_MAX);
    void *block = tri_pool_take(&pool, 100, &class);
    cr_assert(block != NULL);
    tri_pool_give(&pool, &depot, block, class);
    tri_depot_fini(&depot);
}

Test(pool, gives_blocks_of_every_size_apart_and_aligned)
{
    static const size_t sizes[] = {1, 48, 63, 64, 65, 128, 1000, 4095, 4096, 4097, 100000};
    enum { COUNT = sizeof sizes / sizeof *sizes, EACH = 40 };
    tri_pool pool;
    unsigned char *blocks[COUNT][EACH];
    uint8_t class[COUNT][EACH];
    tri_depot_init(&depot);
    tri_pool_init(&pool, &depot);
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < EACH; k++) {
            blocks[i][k] = tri_pool_take(&pool, sizes[i], &class[i][k]);
            cr_assert(blocks[i][k] != NULL);
            cr_assert(eq(sz, (uintptr_t)blocks[i][k] % 16, 0));
            memset(blocks[i][k], i * EACH + k, sizes[i]);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < EACH; k++) {
            unsigned char mark = (unsigned char)(i * EACH + k);
            cr_assert(blocks[i][k][0] == mark && blocks[i][k][sizes[i] - 1] == mark);
            tri_pool_give(&pool, &depot, blocks[i][k], class[i][k]);
        }
    }
    tri_depot_fini(&depot);
}

Test(pool, of_one_worker_uses_the_same_memory_again)
{
    tri_pool pool;
    tri_depot_init(&depot);
    tri_pool_init(&pool, &depot);
    if (pool.is_watched) {
        cr_skip("a watched pool is the heap");
    }
    void *blocks[500];
    uint8_t class[500];
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 500; i++) {
            blocks[i] = tri_pool_take(&pool, 64, &class[i]);
        }
        for (int i = 0; i < 500; i++) {
            tri_pool_give(&pool, &depot, blocks[i], class[i]);
        }
    }
    cr_assert(eq(int, count_chunks(), 1));
    tri_depot_fini(&depot);
}

Test(pool, brings_memory_back_that_flows_one_way)
{
    tri_pool from, to;
    tri_depot_init(&depot);
    tri_pool_init(&from, &depot);
    tri_pool_init(&to, &depot);
    if (from.is_watched) {
        cr_skip("a watched pool is the heap");
    }
    for (int i = 0; i < 100000; i++) {
        uint8_t class;
        void *block = tri_pool_take(&from, 200, &class);
        cr_assert(block != NULL);
        // Every third goes by a thread that is no worker.
        tri_pool_give(i % 3 == 0 ? NULL : &to, &depot, block, class);
    }
    cr_assert(le(int, count_chunks(), 3));
    tri_depot_fini(&depot);
}

// ---- a ring of workers, each taking, marking, and giving what the one before it took

#define WORKERS 4
#define ROUNDS  20000

typedef struct station {
    pthread_mutex_t lock;
    struct {
        unsigned char *block;
        uint8_t class;
        size_t size;
    } slots[64];
    int count;
    int wrong;
} station;

static station stations[WORKERS];

static void *
work(void *arg)
{
    int me = (int)(intptr_t)arg;
    station *mine = &stations[me];
    station *next = &stations[(me + 1) % WORKERS];
    tri_pool pool;
    tri_pool_init(&pool, &depot);
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = 32u << (i % 5);
        uint8_t class;
        unsigned char *block = tri_pool_take(i % 17 == 0 ? NULL : &pool, size, &class);
        memset(block, me, size);
        pthread_mutex_lock(&next->lock);
        bool has_room = next->count < 64;
        if (has_room) {
            next->slots[next->count].block = block;
            next->slots[next->count].class = class;
            next->slots[next->count++].size = size;
        }
        pthread_mutex_unlock(&next->lock);
        if (!has_room) {
            tri_pool_give(&pool, &depot, block, class);
        }
        pthread_mutex_lock(&mine->lock);
        block = NULL;
        if (mine->count > 0) {
            mine->count--;
            block = mine->slots[mine->count].block;
            class = mine->slots[mine->count].class;
            size = mine->slots[mine->count].size;
        }
        pthread_mutex_unlock(&mine->lock);
        if (block != NULL) {
            int before = (me + WORKERS - 1) % WORKERS;
            mine->wrong += block[0] != before || block[size - 1] != before;
            tri_pool_give(i % 13 == 0 ? NULL : &pool, &depot, block, class);
        }
    }
    return NULL;
}

Test(pool, never_gives_one_block_to_two)
{
    pthread_t threads[WORKERS];
    tri_depot_init(&depot);
    for (int i = 0; i < WORKERS; i++) {
        pthread_mutex_init(&stations[i].lock, NULL);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < WORKERS; i++) {
        cr_assert(eq(int, stations[i].wrong, 0));
        while (stations[i].count > 0) {
            stations[i].count--;
            tri_pool_give(NULL, &depot, stations[i].slots[stations[i].count].block,
                          stations[i].slots[stations[i].count].class);
        }
    }
    tri_depot_fini(&depot);
}
