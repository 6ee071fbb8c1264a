// arena_test.c: the memory of a batch.
#include "arena.h"

#include "heap_malloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

Test(arena, gives_pieces_that_stay_apart)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    arena a = {.heap = &heap};
    enum { PIECES = 200 };
    unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(&a, 1 + 20 * i);
        cr_assert(ne(ptr, pieces[i], NULL));
        cr_expect(zero(sz, (uintptr_t)pieces[i] % alignof(max_align_t)));
        memset(pieces[i], (int)i, 1 + 20 * i);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < 1 + 20 * i; at++) {
            cr_assert(eq(uint, pieces[i][at], (unsigned)i));
        }
    }
    arena_reset(&a);
    cr_expect(eq(sz, memory.blocks, 0));
}

Test(arena, puts_small_pieces_into_one_block)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    arena a = {.heap = &heap};
    for (int i = 0; i < 60; i++) {
        cr_assert(ne(ptr, arena_alloc(&a, 16), NULL));
    }
    cr_expect(eq(sz, memory.blocks, 1));
    arena_reset(&a);
}

Test(arena, says_when_there_is_no_memory_and_goes_on)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    arena a = {.heap = &heap};
    cr_expect(eq(ptr, arena_alloc(&a, SIZE_MAX), NULL));
    memory.fail_after = 0;
    cr_expect(eq(ptr, arena_alloc(&a, 16), NULL));
    memory.fail_after = SIZE_MAX;
    cr_expect(ne(ptr, arena_alloc(&a, 16), NULL));
    arena_reset(&a);
    cr_expect(eq(sz, memory.blocks, 0));
}
