// hash.h: hash tables for stock actors, whose keys may come from anywhere: each has a secret of its
// own, so nobody can choose keys that all fall into one place. What is in a table has the link
// inside; how keys compare is the business of who asks.
//
//     uint64_t hash = tri_hash_of(&table, name.data, name.size);
//     for (tri_hashed *at = tri_hash_find(&table, hash); at != NULL; at = tri_hash_find_next(at)) {
//         … the one that is meant, or one with the same hash
//     }
#ifndef TRI_ACTORS_HASH_H
#define TRI_ACTORS_HASH_H

#include "troupe/actor.h"

#include <stddef.h>
#include <stdint.h>

// The first member of what is in a table.
typedef struct tri_hashed {
    struct tri_hashed *next; // in its bucket
    uint64_t hash;           // set by who adds it
} tri_hashed;

// Belongs to a life, as its memory does: there is no end to care for.
typedef struct tri_hash {
    uint64_t secret[2];
    tri_hashed **buckets;
    size_t mask; // of the buckets, whose number is a power of two
    size_t count;
} tri_hash;

// TR_OK; TR_ENOMEM; TR_EIO when the system has no secrets to give.
tr_err_t tri_hash_init(tr_self *self, tri_hash *table);

uint64_t tri_hash_of(const tri_hash *table, const void *data, size_t size);

// Always succeeds: without memory for more buckets the old ones become fuller.
void tri_hash_add(tr_self *self, tri_hash *table, tri_hashed *item);

// It is in the table.
void tri_hash_remove(tri_hash *table, tri_hashed *item);

// The first with this hash, and the next with the hash of `item`; NULL when there is none.
tri_hashed *tri_hash_find(const tri_hash *table, uint64_t hash);
tri_hashed *tri_hash_find_next(const tri_hashed *item);

// Every one of them, in no order: the one after `item`, the first after NULL, NULL at the end.
tri_hashed *tri_hash_next(const tri_hash *table, const tri_hashed *item);

#endif
