// table_test.c: kvd's hash table against a plain array that does the same slowly.
#include "table.h"

#include "heap_malloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static const hash_seed_t seed = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static heap_malloc memory;
static heap_t heap;
static table t;

static void
open_table(void)
{
    heap = heap_of_malloc(&memory);
    table_init(&t, &heap, seed);
}

static void
close_table(void)
{
    table_fini(&t);
    cr_expect(eq(sz, memory.blocks, 0));
}

TestSuite(table, .init = open_table, .timeout = 60);

static tr_err_t
set(const char *key, const char *value, int64_t expires_ms, int64_t now_ms)
{
    return table_set(&t, tr_str(key), tr_bytes(value, strlen(value)), expires_ms, now_ms);
}

static bool
holds(const char *key, const char *value, int64_t now_ms)
{
    tr_bytes_t found = {0};
    return table_peek(&t, tr_str(key), now_ms, &found) == TABLE_STRING &&
           found.size == strlen(value) && memcmp(found.data, value, found.size) == 0;
}

Test(hash, is_siphash_2_4)
{
    unsigned char bytes[15];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)i;
    }
    // The vector of the paper.
    cr_expect(eq(u64, hash_of(seed, tr_str_n((char *)bytes, 15)), 0xa129ca6149be45e5u));
}

Test(hash, of_two_random_seeds_differs)
{
    hash_seed_t a = hash_seed_random();
    hash_seed_t b = hash_seed_random();
    cr_expect(ne(u64, hash_of(a, TR_STR("key")), hash_of(b, TR_STR("key"))));
}

Test(table, is_empty_at_first)
{
    cr_expect(not(holds("a", "1", 0)));
    cr_expect(not(table_delete(&t, TR_STR("a"), 0)));
    cr_expect(not(table_set_expiry(&t, TR_STR("a"), 5, 0)));
    cr_expect(not(table_clear_some(&t, 10)));
    cr_expect(eq(sz, table_sweep(&t, 10, 0), 0));
    close_table();
}

Test(table, replaces_a_value_of_any_size)
{
    cr_assert(eq(int, set("a", "1", 0, 0), TR_OK));
    cr_assert(eq(int, set("a", "a longer value than before", 0, 0), TR_OK));
    cr_expect(holds("a", "a longer value than before", 0));
    cr_assert(eq(int, set("a", "", 0, 0), TR_OK));
    cr_expect(holds("a", "", 0));
    cr_expect(eq(sz, t.count, 1));
    close_table();
}

Test(table, takes_empty_keys_and_zero_bytes)
{
    cr_assert(eq(int, set("", "empty", 0, 0), TR_OK));
    cr_assert(eq(int, table_set(&t, TR_STR("a\0b"), tr_bytes("1", 1), 0, 0), TR_OK));
    cr_expect(holds("", "empty", 0));
    cr_expect(not(holds("a", "1", 0)));
    cr_expect(table_has(&t, TR_STR("a\0b"), 0));
    close_table();
}

Test(table, forgets_a_key_when_its_time_has_come)
{
    cr_assert(eq(int, set("a", "1", 100, 0), TR_OK));
    cr_expect(eq(sz, t.expiring, 1));
    cr_expect(holds("a", "1", 99));
    cr_expect(not(holds("a", "1", 100)));
    cr_expect(eq(sz, t.count, 0));
    cr_expect(eq(sz, t.expiring, 0));
    close_table();
}

Test(table, gives_a_key_another_time)
{
    int64_t expires_ms = 1;
    cr_assert(eq(int, set("a", "1", 0, 0), TR_OK));
    cr_expect(table_get_expiry(&t, TR_STR("a"), 0, &expires_ms));
    cr_expect(eq(i64, expires_ms, TABLE_NEVER));
    cr_expect(table_set_expiry(&t, TR_STR("a"), 50, 0));
    cr_expect(table_get_expiry(&t, TR_STR("a"), 49, &expires_ms));
    cr_expect(eq(i64, expires_ms, 50));
    cr_assert(eq(int, set("a", "2", 0, 0), TR_OK));
    cr_expect(holds("a", "2", 1000));
    cr_expect(eq(sz, t.expiring, 0));
    close_table();
}

Test(table, leaves_a_lent_value_as_it_was)
{
    tr_bytes_t lent = {0};
    cr_assert(eq(int, set("a", "before", 0, 0), TR_OK));
    cr_assert(eq(int, table_get(&t, TR_STR("a"), 0, &lent), TABLE_STRING));
    cr_assert(eq(int, set("a", "after!", 0, 0), TR_OK));
    cr_expect(table_delete(&t, TR_STR("a"), 0));
    cr_expect(zero(int, memcmp(lent.data, "before", 6)));
    size_t blocks = memory.blocks;
    table_reclaim(&t);
    cr_expect(eq(sz, memory.blocks, blocks - 2));
    close_table();
}

Test(table, sweeps_what_nobody_asks_for)
{
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(eq(int, set(key, "v", i % 2 == 0 ? 10 : 0, 0), TR_OK));
    }
    size_t removed = 0;
    for (int i = 0; i < 100; i++) {
        removed += table_sweep(&t, 64, 10);
    }
    cr_expect(eq(sz, removed, 500));
    cr_expect(eq(sz, t.count, 500));
    cr_expect(eq(sz, t.expiring, 0));
    close_table();
}

Test(table, is_cleared_a_few_at_a_time)
{
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(eq(int, set(key, "v", 0, 0), TR_OK));
    }
    int steps = 1;
    while (table_clear_some(&t, 10)) {
        steps++;
    }
    cr_expect(gt(int, steps, 10));
    cr_expect(eq(sz, t.count, 0));
    cr_expect(eq(int, set("a", "1", 0, 0), TR_OK));
    cr_expect(holds("a", "1", 0));
    close_table();
}

Test(table, gives_buckets_back_when_it_has_become_small)
{
    char key[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(eq(int, set(key, "v", 0, 0), TR_OK));
    }
    cr_expect(ge(sz, t.buckets.count, 65536));
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(table_delete(&t, tr_str(key), 0));
    }
    cr_expect(le(sz, t.buckets.count, 4096));
    close_table();
}

Test(table, is_as_it_was_when_memory_fails)
{
    for (size_t n = 0; n < 2; n++) {
        memory.fail_after = n;
        cr_expect(eq(int, set("a", "1", 0, 0), TR_ENOMEM));
        cr_expect(eq(sz, t.count, 0));
    }
    memory.fail_after = SIZE_MAX;
    cr_assert(eq(int, set("a", "1", 0, 0), TR_OK));
    memory.fail_after = 0;
    cr_expect(eq(int, set("a", "something longer", 0, 0), TR_ENOMEM));
    cr_expect(holds("a", "1", 0));
    memory.fail_after = SIZE_MAX;
    close_table();
}

// ---- lists --------------------------------------------------------------------------------------

static list *
add_list(const char *key, const char *item)
{
    list *made = NULL;
    cr_assert(eq(int, table_add_list(&t, tr_str(key), 0, &made), TR_OK));
    tr_bytes_t bytes = tr_bytes(item, strlen(item));
    cr_assert(eq(int, list_push(made, LIST_BACK, &bytes, 1), TR_OK));
    return made;
}

Test(table, tells_lists_and_strings_apart)
{
    tr_bytes_t text = {0};
    list *found = NULL;
    list *made = add_list("l", "item");
    cr_assert(eq(int, set("s", "1", 0, 0), TR_OK));
    cr_expect(eq(int, table_get_list(&t, TR_STR("l"), 0, &found), TABLE_LIST));
    cr_expect(eq(ptr, found, made));
    cr_expect(eq(int, table_get_list(&t, TR_STR("s"), 0, &found), TABLE_STRING));
    cr_expect(eq(int, table_get_list(&t, TR_STR("n"), 0, &found), TABLE_NOTHING));
    cr_expect(eq(int, table_get(&t, TR_STR("l"), 0, &text), TABLE_LIST));
    cr_expect(eq(ptr, (void *)text.data, NULL));
    cr_expect(eq(int, table_kind(&t, TR_STR("l"), 0), TABLE_LIST));
    cr_expect(eq(sz, t.count, 2));
    close_table();
}

Test(table, forgets_a_list_as_any_key)
{
    (void)add_list("a", "item");
    cr_expect(table_set_expiry(&t, TR_STR("a"), 10, 0));
    cr_expect(table_has(&t, TR_STR("a"), 9));
    cr_expect(not(table_has(&t, TR_STR("a"), 10)));
    (void)add_list("b", "item");
    cr_expect(table_delete(&t, TR_STR("b"), 0));
    (void)add_list("c", "item");
    cr_expect(not(table_clear_some(&t, SIZE_MAX)));
    cr_expect(eq(sz, t.count, 0));
    cr_expect(eq(sz, t.expiring, 0));
    close_table();
}

Test(table, leaves_the_items_of_a_lost_list_as_they_were)
{
    list *found = NULL;
    tr_bytes_t lent = {0};
    (void)add_list("a", "before");
    cr_assert(eq(int, table_get_list(&t, TR_STR("a"), 0, &found), TABLE_LIST));
    list_cursor_t cursor = list_seek(found, LIST_FRONT, 0);
    cr_assert(list_next(&cursor, &lent));
    cr_assert(eq(int, set("a", "after!", 0, 0), TR_OK));
    cr_expect(holds("a", "after!", 0));
    cr_expect(zero(int, memcmp(lent.data, "before", 6)));
    size_t blocks = memory.blocks;
    table_reclaim(&t);
    cr_expect(eq(sz, memory.blocks, blocks - 3));
    close_table();
}

Test(table, adds_no_list_when_memory_fails)
{
    for (size_t n = 0; n < 3; n++) {
        list *made = NULL;
        memory.fail_after = n;
        cr_expect(eq(int, table_add_list(&t, TR_STR("a"), 0, &made), TR_ENOMEM));
        cr_expect(eq(sz, t.count, 0));
        cr_expect(eq(sz, memory.blocks, 0));
    }
    memory.fail_after = SIZE_MAX;
    (void)add_list("a", "item");
    close_table();
}

// ---- against the model --------------------------------------------------------------------------

enum { KEYS = 600, STEPS = 400000 };

typedef struct model_row {
    bool there;
    int64_t expires_ms;
    char value[32];
} model_row_t;

static model_row_t model[KEYS];

static uint32_t
next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static bool
model_has(int key, int64_t now_ms)
{
    model_row_t *row = &model[key];
    if (row->there && row->expires_ms != 0 && row->expires_ms <= now_ms) {
        row->there = false;
    }
    return row->there;
}

static void
step(uint64_t *random, int64_t now_ms)
{
    // The range of keys in use waxes and wanes, so that the table grows and shrinks.
    int key = (int)(next_random(random) % (uint32_t)(KEYS / (1 + (now_ms / 2000) % 20)));
    char name[16];
    snprintf(name, sizeof name, "key-%d", key);
    int64_t expires_ms = next_random(random) % 3 == 0 ? now_ms + 1 + next_random(random) % 500 : 0;
    bool there = model_has(key, now_ms);
    model_row_t *row = &model[key];
    switch (next_random(random) % 8) {
    case 0:
    case 1:
    case 2:
        row->there = true;
        row->expires_ms = expires_ms;
        snprintf(row->value, sizeof row->value, "%.*s", (int)(next_random(random) % 30),
                 "abcdefghijklmnopqrstuvwxyz0123456789");
        cr_assert(eq(int, set(name, row->value, expires_ms, now_ms), TR_OK));
        break;
    case 3:
        row->there = false;
        cr_assert(eq(int, table_delete(&t, tr_str(name), now_ms), there));
        break;
    case 4:
        row->expires_ms = there ? expires_ms : row->expires_ms;
        cr_assert(eq(int, table_set_expiry(&t, tr_str(name), expires_ms, now_ms), there));
        break;
    case 5:
        table_sweep(&t, next_random(random) % 20, now_ms);
        break;
    default:
        if (there) {
            cr_assert(holds(name, row->value, now_ms), "%s", name);
        } else {
            cr_assert(not(table_has(&t, tr_str(name), now_ms)), "%s", name);
        }
        break;
    }
}

Test(table, agrees_with_the_model)
{
    uint64_t random = 1;
    for (int i = 0; i < STEPS; i++) {
        step(&random, i / 10);
    }
    size_t there = 0;
    int64_t now_ms = STEPS / 10;
    for (int i = 0; i < KEYS; i++) {
        there += model_has(i, now_ms);
    }
    for (int i = 0; i < 1000; i++) {
        table_sweep(&t, 1000, now_ms);
    }
    cr_expect(eq(sz, t.count, there));
    close_table();
}
