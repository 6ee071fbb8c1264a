// heap_malloc.h: memory for the unit tests: malloc, counted, failing on request.
#ifndef KVD_TESTS_HEAP_MALLOC_H
#define KVD_TESTS_HEAP_MALLOC_H

#include "heap.h"

#include <stdlib.h>

typedef struct heap_malloc {
    size_t blocks;     // alive
    size_t fail_after; // allocations that succeed before the next one fails; SIZE_MAX: never
} heap_malloc;

static inline void *
heap_malloc_resize(void *memory, size_t size, void *arg)
{
    heap_malloc *m = arg;
    if (size == 0) {
        m->blocks -= memory != NULL;
        free(memory);
        return NULL;
    }
    if (m->fail_after != SIZE_MAX && m->fail_after-- == 0) {
        m->fail_after = 0;
        return NULL;
    }
    void *grown = realloc(memory, size);
    m->blocks += memory == NULL && grown != NULL;
    return grown;
}

static inline heap_t
heap_of_malloc(heap_malloc *m)
{
    *m = (heap_malloc){.fail_after = SIZE_MAX};
    return (heap_t){.resize = heap_malloc_resize, .arg = m};
}

#endif
