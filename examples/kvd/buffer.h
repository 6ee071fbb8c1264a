// buffer.h: bytes that are added at the end and taken from the front. Its memory grows on demand
// and is given back with buffer_trim, so that an idle connection costs little.
#ifndef KVD_BUFFER_H
#define KVD_BUFFER_H

#include "heap.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct buffer {
    const heap_t *heap;
    char *data;
    size_t begin;    // the first byte not yet taken
    size_t end;      // behind the last byte
    size_t capacity; // of data
    bool failed;     // an append found no memory; what follows would have a gap, so it stays set
} buffer;

static inline size_t
buffer_size(const buffer *b)
{
    return b->end - b->begin;
}

static inline char *
buffer_bytes(const buffer *b)
{
    return b->begin == 0 ? b->data : b->data + b->begin;
}

// Room for `size` bytes behind the end: the memory to fill, or NULL. Then say buffer_added.
char *buffer_reserve(buffer *b, size_t size);

static inline void
buffer_added(buffer *b, size_t size)
{
    b->end += size;
}

// The bytes behind the end that are there without growing.
static inline size_t
buffer_room(const buffer *b)
{
    return b->capacity - b->end;
}

// Copy bytes to the end. What goes wrong is remembered in `failed`, to be looked at once.
void buffer_append(buffer *b, const void *bytes, size_t size);

// Take bytes from the front. What remains does not move before the next reserve or append.
void buffer_take(buffer *b, size_t size);

// Forget what is in it; the memory stays.
void buffer_clear(buffer *b);

// Give the memory of an empty buffer back when it is more than `keep` bytes.
void buffer_trim(buffer *b, size_t keep);

void buffer_fini(buffer *b);

#endif
