// heap_malloc.h: memory for the unit tests: malloc, counted, failing on request. As that of a life,
// it all goes at the end, whether it was freed or not.
#ifndef KVD_TESTS_HEAP_MALLOC_H
#define KVD_TESTS_HEAP_MALLOC_H

#include "heap.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct heap_malloc {
    size_t blocks;     // alive
    size_t fail_after; // allocations that succeed before the next one fails; SIZE_MAX: never
} heap_malloc;

// In front of every block.
typedef struct heap_link {
    struct heap_link *prev;
    struct heap_link *next;
} heap_link;

static heap_link heap_all = {&heap_all, &heap_all};

static inline void
heap_unlink(heap_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
}

static inline void *
heap_relink(heap_link *link)
{
    link->prev = &heap_all;
    link->next = heap_all.next;
    heap_all.next->prev = link;
    heap_all.next = link;
    return link + 1;
}

static inline void
heap_end(void)
{
    while (heap_all.next != &heap_all) {
        heap_link *link = heap_all.next;
        heap_unlink(link);
        free(link);
    }
}

static inline void *
heap_malloc_resize(void *memory, size_t size, void *arg)
{
    heap_malloc *m = arg;
    heap_link *link = memory == NULL ? NULL : (heap_link *)memory - 1;
    if (size != 0 && m->fail_after != SIZE_MAX && m->fail_after-- == 0) {
        m->fail_after = 0;
        return NULL;
    }
    if (link != NULL) {
        heap_unlink(link);
    }
    if (size == 0) {
        m->blocks -= link != NULL;
        free(link);
        return NULL;
    }
    heap_link *grown = realloc(link, sizeof *link + size);
    if (grown == NULL) {
        abort(); // a test machine without memory
    }
    m->blocks += link == NULL;
    return heap_relink(grown);
}

static inline heap_t
heap_of_malloc(heap_malloc *m)
{
    static bool ends;
    if (!ends) {
        ends = atexit(heap_end) == 0;
    }
    *m = (heap_malloc){.fail_after = SIZE_MAX};
    return (heap_t){.resize = heap_malloc_resize, .arg = m};
}

#endif
