// list_test.c: kvd's list against a plain array that does the same slowly.
#include "list.h"

#include "heap_malloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static heap_malloc memory;
static heap_t heap;
static list l;

static void
open_list(void)
{
    heap = heap_of_malloc(&memory);
    list_init(&l, &heap);
}

static void
close_list(void)
{
    list_fini(&l);
    cr_expect(eq(sz, memory.blocks, 0));
}

TestSuite(list, .init = open_list, .timeout = 60);

static tr_err_t
push(list_end_t end, const char *item)
{
    tr_bytes_t bytes = tr_bytes(item, strlen(item));
    return list_push(&l, end, &bytes, 1);
}

// All items from one end on, with a space behind each; at most 1 KiB of it.
static const char *
text_from(list_end_t from, size_t skip)
{
    static char text[1024];
    size_t size = 0;
    list_cursor_t cursor = list_seek(&l, from, skip);
    for (tr_bytes_t item; list_next(&cursor, &item) && size + item.size + 2 < sizeof text;) {
        memcpy(text + size, item.data, item.size);
        size += item.size;
        text[size++] = ' ';
    }
    text[size] = '\0';
    return text;
}

#define expect_text(from, skip, expected)                                                          \
    cr_expect(eq(str, (char *)text_from((from), (skip)), (char *)(expected)))

static void
push_numbers(list_end_t end, int count)
{
    for (int i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        cr_assert(eq(int, push(end, text), TR_OK));
    }
}

Test(list, is_empty_at_first)
{
    expect_text(LIST_FRONT, 0, "");
    expect_text(LIST_BACK, 7, "");
    list_drop(&l, LIST_FRONT, 3);
    cr_expect(eq(sz, l.count, 0));
    close_list();
}

Test(list, keeps_the_order_at_both_ends)
{
    const tr_bytes_t items[] = {tr_bytes("a", 1), tr_bytes("b", 1), tr_bytes("c", 1)};
    cr_assert(eq(int, list_push(&l, LIST_FRONT, items, 3), TR_OK));
    cr_assert(eq(int, list_push(&l, LIST_BACK, items, 3), TR_OK));
    expect_text(LIST_FRONT, 0, "c b a a b c ");
    expect_text(LIST_BACK, 1, "b a a b c ");
    list_drop(&l, LIST_FRONT, 2);
    list_drop(&l, LIST_BACK, 1);
    expect_text(LIST_FRONT, 0, "a a b ");
    cr_expect(eq(sz, l.count, 3));
    close_list();
}

Test(list, takes_empty_items_and_zero_bytes)
{
    const tr_bytes_t items[] = {tr_bytes(NULL, 0), tr_bytes("a\0b", 3)};
    cr_assert(eq(int, list_push(&l, LIST_BACK, items, 2), TR_OK));
    list_cursor_t cursor = list_seek(&l, LIST_BACK, 0);
    tr_bytes_t item = {0};
    cr_assert(list_next(&cursor, &item));
    cr_expect(eq(sz, item.size, 3));
    cr_expect(zero(int, memcmp(item.data, "a\0b", 3)));
    cr_assert(list_next(&cursor, &item));
    cr_expect(eq(sz, item.size, 0));
    cr_expect(not(list_next(&cursor, &item)));
    close_list();
}

Test(list, holds_items_of_any_size)
{
    static char large[100000];
    memset(large, 'x', sizeof large);
    const tr_bytes_t items[] = {tr_bytes("a", 1), tr_bytes(large, sizeof large), tr_bytes("b", 1)};
    cr_assert(eq(int, list_push(&l, LIST_FRONT, items, 3), TR_OK));
    list_cursor_t cursor = list_seek(&l, LIST_FRONT, 1);
    tr_bytes_t item = {0};
    cr_assert(list_next(&cursor, &item));
    cr_assert(eq(sz, item.size, sizeof large));
    cr_expect(zero(int, memcmp(item.data, large, sizeof large)));
    list_drop(&l, LIST_FRONT, 2);
    expect_text(LIST_FRONT, 0, "a ");
    close_list();
}

Test(list, finds_its_way_from_either_end)
{
    enum { COUNT = 5000 };
    push_numbers(LIST_BACK, COUNT);
    for (size_t skip = 0; skip <= COUNT; skip++) {
        list_cursor_t forth = list_seek(&l, LIST_FRONT, skip);
        list_cursor_t back = list_seek(&l, LIST_BACK, skip);
        char expected[2][16];
        snprintf(expected[0], sizeof expected[0], "%zu", skip);
        snprintf(expected[1], sizeof expected[1], "%zu", COUNT - 1 - skip);
        tr_bytes_t items[2] = {0};
        cr_assert(eq(int, list_next(&forth, &items[0]), skip < COUNT));
        cr_assert(eq(int, list_next(&back, &items[1]), skip < COUNT));
        for (int i = 0; i < 2 && skip < COUNT; i++) {
            cr_assert(eq(sz, items[i].size, strlen(expected[i])));
            cr_assert(zero(int, memcmp(items[i].data, expected[i], items[i].size)));
        }
    }
    close_list();
}

// A queue that is never empty, and a stack, run on the memory of what they hold.
Test(list, gives_memory_back_as_items_leave)
{
    push_numbers(LIST_BACK, 10);
    for (int i = 0; i < 10000; i++) {
        cr_assert(eq(int, push(LIST_BACK, "an item of a queue"), TR_OK));
        list_drop(&l, LIST_FRONT, 1);
        cr_assert(eq(int, push(LIST_BACK, "an item of a stack"), TR_OK));
        list_drop(&l, LIST_BACK, 1);
    }
    cr_expect(eq(sz, l.count, 10));
    cr_expect(le(sz, memory.blocks, 10));
    list_drop(&l, LIST_FRONT, SIZE_MAX);
    cr_expect(eq(sz, memory.blocks, 0));
    close_list();
}

Test(list, puts_many_small_items_into_one_chunk)
{
    push_numbers(LIST_FRONT, 100000);
    cr_expect(le(sz, memory.blocks, 500));
    close_list();
}

Test(list, is_as_it_was_when_memory_fails)
{
    enum { ITEMS = 600 };
    tr_bytes_t items[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        items[i] = tr_bytes("0123456789", 10);
    }
    size_t failures = 0;
    for (int end = LIST_FRONT; end <= LIST_BACK; end++) {
        tr_err_t err = TR_ENOMEM;
        for (size_t n = 0; err != TR_OK; n++) {
            list_fini(&l);
            push_numbers(LIST_BACK, 20);
            size_t blocks = memory.blocks;
            memory.fail_after = n;
            err = list_push(&l, (list_end_t)end, items, ITEMS);
            memory.fail_after = SIZE_MAX;
            if (err != TR_OK) {
                failures++;
                cr_expect(eq(sz, memory.blocks, blocks));
                cr_expect(eq(sz, l.count, 20));
                expect_text(LIST_FRONT, 0, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
            }
        }
        cr_expect(eq(sz, l.count, 20 + ITEMS));
    }
    cr_expect(gt(sz, failures, 6));
    close_list();
}

// ---- against the model --------------------------------------------------------------------------

enum { MODEL = 4000, STEPS = 200000 };

static uint32_t model[2 * MODEL]; // each item is its seed, which also says how long it is
static size_t first = MODEL;
static size_t last = MODEL; // behind it

static uint32_t
next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static tr_bytes_t
item_of(uint32_t seed, char room[static 3000])
{
    size_t size = seed % 50 == 0 ? seed % 3000 : seed % 40;
    for (size_t i = 0; i < size; i++) {
        room[i] = (char)(seed * 31 + i);
    }
    return tr_bytes(room, size);
}

static void
push_both(list_end_t end, uint64_t *random)
{
    uint32_t seed = next_random(random);
    static char room[3000];
    tr_bytes_t item = item_of(seed, room);
    if (end == LIST_FRONT && first > 0) {
        model[--first] = seed;
    } else if (end == LIST_BACK && last < 2 * MODEL) {
        model[last++] = seed;
    } else {
        list_fini(&l);
        first = last = MODEL;
        return;
    }
    cr_assert(eq(int, list_push(&l, end, &item, 1), TR_OK));
}

static void
drop_both(list_end_t end, size_t count)
{
    list_drop(&l, end, count);
    count = count < last - first ? count : last - first;
    first += end == LIST_FRONT ? count : 0;
    last -= end == LIST_BACK ? count : 0;
}

static void
compare(list_end_t from, size_t skip, size_t count)
{
    list_cursor_t cursor = list_seek(&l, from, skip);
    static char room[3000];
    for (; count > 0; count--, skip++) {
        tr_bytes_t item = {0};
        bool there = skip < last - first;
        cr_assert(eq(int, list_next(&cursor, &item), there));
        if (!there) {
            return;
        }
        tr_bytes_t expected =
            item_of(from == LIST_FRONT ? model[first + skip] : model[last - 1 - skip], room);
        cr_assert(eq(sz, item.size, expected.size));
        cr_assert(zero(int, memcmp(item.data, expected.data, item.size)));
    }
}

Test(list, agrees_with_the_model)
{
    uint64_t random = 1;
    for (int i = 0; i < STEPS; i++) {
        list_end_t end = next_random(&random) % 2 == 0 ? LIST_FRONT : LIST_BACK;
        // It waxes and wanes.
        bool grows = next_random(&random) % 10 < (i / 3000 % 2 == 0 ? 7u : 3u);
        if (grows) {
            push_both(end, &random);
        } else {
            drop_both(end, next_random(&random) % 3);
        }
        cr_assert(eq(sz, l.count, last - first));
        size_t skip = last > first ? next_random(&random) % (last - first + 1) : 0;
        compare(end, skip, i % 100 == 0 ? SIZE_MAX : 3);
    }
    close_list();
}
