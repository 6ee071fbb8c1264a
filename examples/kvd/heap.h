// heap.h: where memory comes from. The parser, the plan and the table take one of these, so that an
// actor gives them the memory of its life (a crash leaks nothing) and a unit test gives them
// malloc.
#ifndef KVD_HEAP_H
#define KVD_HEAP_H

#include "troupe/actor.h"

#include <stddef.h>
#include <stdint.h>

// As realloc: NULL allocates, size 0 frees and returns NULL. On NULL the old memory is still there.
typedef void *(*heap_resize_fn)(void *memory, size_t size, void *arg);

typedef struct heap {
    heap_resize_fn resize;
    void *arg;
} heap_t;

// The memory of this actor's life. Valid as `self` is: inside the handler in progress.
heap_t heap_of_life(tr_self *self);

static inline void *
heap_alloc(const heap_t *heap, size_t size)
{
    return heap->resize(NULL, size, heap->arg);
}

static inline void
heap_free(const heap_t *heap, void *memory)
{
    if (memory != NULL) {
        heap->resize(memory, 0, heap->arg);
    }
}

// The array with room for one item more than `count`, perhaps moved; NULL when there is no memory,
// then the old one is as it was.
static inline void *
heap_grow(const heap_t *heap, void *array, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity) {
        return array;
    }
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    if (wanted > SIZE_MAX / item_size) {
        return NULL;
    }
    void *grown = heap->resize(array, wanted * item_size, heap->arg);
    if (grown != NULL) {
        *capacity = wanted;
    }
    return grown;
}

#endif
