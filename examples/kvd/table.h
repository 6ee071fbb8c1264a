// table.h: a hash table of keys to strings and lists, with expiry. It grows and shrinks a few
// buckets at a time, so that no single operation takes long, and hashes with a secret seed of its
// own. Times are milliseconds on one clock of the caller's choice; an expired key is as good as
// gone.
#ifndef KVD_TABLE_H
#define KVD_TABLE_H

#include "hash.h"
#include "heap.h"
#include "list.h"

#include "troupe/error.h"
#include "troupe/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct table_entry table_entry;

typedef enum table_kind {
    TABLE_NOTHING, // no such key
    TABLE_STRING,
    TABLE_LIST,
} table_kind_t;

typedef struct table_buckets {
    table_entry **heads; // NULL until the first key
    size_t count;        // a power of two
} table_buckets_t;

typedef struct table {
    const heap_t *heap;
    hash_seed_t seed;
    table_buckets_t buckets; // where new entries go
    table_buckets_t old;     // being moved out of; empty when no growth is under way
    size_t moved;            // buckets of old that are empty already
    size_t count;            // entries, expired ones that nobody has met yet included
    size_t expiring;         // entries that have a time
    size_t swept;            // where the next sweep goes on
    table_entry *retired;    // removed while values were lent; freed by table_reclaim
    bool lent;               // a value was handed out since the last table_reclaim
} table;

#define TABLE_NEVER 0 // the time of a key that does not expire

void table_init(table *t, const heap_t *heap, hash_seed_t seed);
void table_fini(table *t);

// What is there. A string is written to `out`, and lent: it stays as it is until table_reclaim,
// whatever happens to its key.
table_kind_t table_get(table *t, tr_str_t key, int64_t now_ms, tr_bytes_t *out);

// The same, borrowed only until the next change of the table.
table_kind_t table_peek(table *t, tr_str_t key, int64_t now_ms, tr_bytes_t *out);

// What is there. A list is written to `out`, to be used and changed until the table is. Its items
// stay as they are until table_reclaim, whatever happens to its key, unless they are dropped from
// it. Who empties a list deletes its key.
table_kind_t table_get_list(table *t, tr_str_t key, int64_t now_ms, list **out);

// An empty list, to be filled at once, under a key that was not there. TR_OK or TR_ENOMEM, then the
// table is as it was.
tr_err_t table_add_list(table *t, tr_str_t key, int64_t now_ms, list **out);

table_kind_t table_kind(table *t, tr_str_t key, int64_t now_ms);
bool table_has(table *t, tr_str_t key, int64_t now_ms);

// TR_OK or TR_ENOMEM, then the table is as it was. Replaces time and value, also a list. Key, of
// less than 4 GiB, and value are copied.
tr_err_t table_set(table *t, tr_str_t key, tr_bytes_t value, int64_t expires_ms, int64_t now_ms);

// True when it was there.
bool table_delete(table *t, tr_str_t key, int64_t now_ms);

// Give a key another time, or TABLE_NEVER. False when it is not there.
bool table_set_expiry(table *t, tr_str_t key, int64_t expires_ms, int64_t now_ms);

// When it expires, or TABLE_NEVER. False when it is not there.
bool table_get_expiry(table *t, tr_str_t key, int64_t now_ms, int64_t *out);

// Look at some buckets for expired keys and remove them; a later call goes on where this one ended.
// Returns how many it removed.
size_t table_sweep(table *t, size_t buckets, int64_t now_ms);

// Remove all keys of some buckets. True while there are more.
bool table_clear_some(table *t, size_t buckets);

// The values lent so far are no longer looked at.
void table_reclaim(table *t);

#endif
