// hash.c: chained buckets, and SipHash (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
// 2012), two rounds to a word and four at the end.
#include "hash.h"

#include <string.h>
#include <unistd.h>

#define FIRST_BUCKETS 16u

// ---- the hash

static inline uint64_t
rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void
mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void
take_in(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

uint64_t
tri_hash_of(const tri_hash *table, const void *data, size_t size)
{
    uint64_t v[4] = {
        table->secret[0] ^ UINT64_C(0x736f6d6570736575),
        table->secret[1] ^ UINT64_C(0x646f72616e646f6d),
        table->secret[0] ^ UINT64_C(0x6c7967656e657261),
        table->secret[1] ^ UINT64_C(0x7465646279746573),
    };
    const char *at = data;
    size_t left = size;
    uint64_t word;
    for (; left >= sizeof word; at += sizeof word, left -= sizeof word) {
        memcpy(&word, at, sizeof word);
        take_in(v, word);
    }
    word = 0;
    if (left != 0) { // there may be no bytes at all, and no address
        memcpy(&word, at, left);
    }
    take_in(v, word);
    take_in(v, size); // a word of its own: the same on any machine
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        mix(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// ---- the table

static tri_hashed **
alloc_buckets(tr_self *self, size_t count)
{
    tri_hashed **buckets = tr_alloc(self, count * sizeof *buckets);
    for (size_t i = 0; buckets != NULL && i < count; i++) {
        buckets[i] = NULL;
    }
    return buckets;
}

tr_err_t
tri_hash_init(tr_self *self, tri_hash *table)
{
    *table = (tri_hash){.mask = FIRST_BUCKETS - 1};
    if (getentropy(table->secret, sizeof table->secret) != 0) {
        return TR_EIO;
    }
    table->buckets = alloc_buckets(self, FIRST_BUCKETS);
    return table->buckets != NULL ? TR_OK : TR_ENOMEM;
}

static void
put(tri_hash *table, tri_hashed *item)
{
    tri_hashed **bucket = &table->buckets[item->hash & table->mask];
    item->next = *bucket;
    *bucket = item;
}

static void
grow(tr_self *self, tri_hash *table)
{
    size_t old_count = table->mask + 1;
    tri_hashed **old = table->buckets;
    tri_hashed **buckets = alloc_buckets(self, old_count * 2);
    if (buckets == NULL) {
        return;
    }
    table->buckets = buckets;
    table->mask = old_count * 2 - 1;
    for (size_t i = 0; i < old_count; i++) {
        for (tri_hashed *item = old[i], *next; item != NULL; item = next) {
            next = item->next;
            put(table, item);
        }
    }
    tr_free(self, old);
}

void
tri_hash_add(tr_self *self, tri_hash *table, tri_hashed *item)
{
    if (table->count > table->mask) {
        grow(self, table);
    }
    put(table, item);
    table->count++;
}

void
tri_hash_remove(tri_hash *table, tri_hashed *item)
{
    tri_hashed **at = &table->buckets[item->hash & table->mask];
    while (*at != item) {
        at = &(*at)->next;
    }
    *at = item->next;
    table->count--;
}

static tri_hashed *
first_with(tri_hashed *item, uint64_t hash)
{
    while (item != NULL && item->hash != hash) {
        item = item->next;
    }
    return item;
}

tri_hashed *
tri_hash_find(const tri_hash *table, uint64_t hash)
{
    return first_with(table->buckets[hash & table->mask], hash);
}

tri_hashed *
tri_hash_find_next(const tri_hashed *item)
{
    return first_with(item->next, item->hash);
}

tri_hashed *
tri_hash_next(const tri_hash *table, const tri_hashed *item)
{
    if (item != NULL && item->next != NULL) {
        return item->next;
    }
    for (size_t i = item == NULL ? 0 : (item->hash & table->mask) + 1; i <= table->mask; i++) {
        if (table->buckets[i] != NULL) {
            return table->buckets[i];
        }
    }
    return NULL;
}
