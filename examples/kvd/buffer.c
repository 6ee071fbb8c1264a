#include "buffer.h"

#include <stdint.h>
#include <string.h>

#define FIRST_CAPACITY 512u

char *
buffer_reserve(buffer *b, size_t size)
{
    if (buffer_room(b) >= size) {
        return b->data + b->end;
    }
    size_t used = buffer_size(b);
    // Moving to the front is cheap when more was taken than remains; otherwise grow, too.
    if (b->begin > used && b->capacity - used >= size) {
        memmove(b->data, buffer_bytes(b), used);
        b->begin = 0;
        b->end = used;
        return b->data + b->end;
    }
    size_t capacity = b->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : b->capacity;
    while (capacity - used < size) {
        if (capacity > SIZE_MAX / 2) {
            return NULL;
        }
        capacity *= 2;
    }
    if (b->begin > 0) {
        memmove(b->data, buffer_bytes(b), used);
        b->begin = 0;
        b->end = used;
    }
    if (capacity > b->capacity) {
        char *grown = b->heap->resize(b->data, capacity, b->heap->arg);
        if (grown == NULL) {
            return NULL;
        }
        b->data = grown;
        b->capacity = capacity;
    }
    return b->data + b->end;
}

void
buffer_append(buffer *b, const void *bytes, size_t size)
{
    if (size == 0 || b->failed) {
        return;
    }
    char *room = buffer_reserve(b, size);
    if (room == NULL) {
        b->failed = true;
        return;
    }
    memcpy(room, bytes, size);
    buffer_added(b, size);
}

void
buffer_take(buffer *b, size_t size)
{
    b->begin += size;
    if (b->begin == b->end) {
        b->begin = 0;
        b->end = 0;
    }
}

void
buffer_clear(buffer *b)
{
    b->begin = 0;
    b->end = 0;
}

void
buffer_trim(buffer *b, size_t keep)
{
    if (buffer_size(b) == 0 && b->capacity > keep) {
        buffer_fini(b);
    }
}

void
buffer_fini(buffer *b)
{
    if (b->data != NULL) {
        heap_free(b->heap, b->data);
    }
    b->data = NULL;
    b->begin = 0;
    b->end = 0;
    b->capacity = 0;
}
