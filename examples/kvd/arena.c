#include "arena.h"

#include <stdalign.h>

#define BLOCK_BYTES 1024u // at least; a larger piece has a block of its own
#define PIECE_ALIGN alignof(max_align_t)

struct arena_block {
    arena_block *next;
    size_t used;
    size_t capacity;
    max_align_t bytes[];
};

void *
arena_alloc(arena *a, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN;
    arena_block *b = a->blocks;
    if (b == NULL || b->capacity - b->used < size) {
        size_t capacity = size < BLOCK_BYTES ? BLOCK_BYTES : size;
        b = heap_alloc(a->heap, sizeof *b + capacity);
        if (b == NULL) {
            return NULL;
        }
        *b = (arena_block){.next = a->blocks, .capacity = capacity};
        a->blocks = b;
    }
    void *piece = (char *)b->bytes + b->used;
    b->used += size;
    return piece;
}

void
arena_reset(arena *a)
{
    while (a->blocks != NULL) {
        arena_block *b = a->blocks;
        a->blocks = b->next;
        heap_free(a->heap, b);
    }
}
