#include "table.h"

#include <string.h>

#define BUCKETS_MIN     16u
#define MOVE_PER_ACCESS 4u // buckets; more than needed to be done before the next growth
#define LOOKS_PER_MOVE  8u // empty buckets cost less, and a table that shrinks has many

struct table_entry {
    table_entry *next;
    uint64_t hash;
    int64_t expires_ms;
    uint32_t key_size;
    table_kind_t kind;
    union {
        struct {
            size_t value_size;
            size_t value_room;
        };
        list *list;
    };
    char bytes[]; // the key, then a string's value
};

static tr_str_t
key_of(const table_entry *e)
{
    return tr_str_n(e->bytes, e->key_size);
}

static bool
is_expired(const table_entry *e, int64_t now_ms)
{
    return e->expires_ms != TABLE_NEVER && e->expires_ms <= now_ms;
}

static void
free_entry(table *t, table_entry *e)
{
    if (e->kind == TABLE_LIST) {
        list_fini(e->list);
        heap_free(t->heap, e->list);
    }
    heap_free(t->heap, e);
}

void
table_init(table *t, const heap_t *heap, hash_seed_t seed)
{
    *t = (table){.heap = heap, .seed = seed};
}

void
table_fini(table *t)
{
    while (table_clear_some(t, SIZE_MAX)) {
    }
    table_reclaim(t);
    if (t->heap != NULL) {
        heap_free(t->heap, t->buckets.heads);
        heap_free(t->heap, t->old.heads);
    }
    *t = (table){.heap = t->heap, .seed = t->seed};
}

void
table_reclaim(table *t)
{
    t->lent = false;
    while (t->retired != NULL) {
        table_entry *e = t->retired;
        t->retired = e->next;
        free_entry(t, e);
    }
}

// An entry that is in no bucket any more.
static void
retire(table *t, table_entry *e)
{
    if (t->lent) {
        e->next = t->retired;
        t->retired = e;
    } else {
        free_entry(t, e);
    }
}

// ---- buckets ------------------------------------------------------------------------------------

static table_entry **
head_of(const table_buckets_t *b, uint64_t hash)
{
    return &b->heads[hash & (b->count - 1)];
}

// Move some buckets of the old array over; when the last one is empty the array goes.
static void
move_some(table *t, size_t buckets)
{
    size_t looks = buckets > SIZE_MAX / LOOKS_PER_MOVE ? SIZE_MAX : buckets * LOOKS_PER_MOVE;
    for (; buckets > 0 && looks > 0 && t->moved < t->old.count; looks--) {
        table_entry *e = t->old.heads[t->moved];
        t->old.heads[t->moved] = NULL;
        t->moved++;
        buckets -= e != NULL;
        while (e != NULL) {
            table_entry *next = e->next;
            table_entry **head = head_of(&t->buckets, e->hash);
            e->next = *head;
            *head = e;
            e = next;
        }
    }
    if (t->old.count > 0 && t->moved == t->old.count) {
        heap_free(t->heap, t->old.heads);
        t->old = (table_buckets_t){0};
        t->moved = 0;
    }
}

// One entry a bucket is the aim. Without memory for a better array the chains get longer, that is
// all, except for the very first one.
static tr_err_t
fit_buckets(table *t, size_t entries)
{
    if (t->old.count > 0) {
        return TR_OK;
    }
    size_t wanted = t->buckets.count;
    if (entries > wanted) {
        wanted = wanted == 0 ? BUCKETS_MIN : wanted * 2;
    } else if (wanted > BUCKETS_MIN && entries < wanted / 8) {
        wanted = wanted / 4 > BUCKETS_MIN ? wanted / 4 : BUCKETS_MIN;
    }
    if (wanted == t->buckets.count) {
        return TR_OK;
    }
    table_entry **heads = heap_alloc(t->heap, wanted * sizeof *heads);
    if (heads == NULL) {
        return t->buckets.count == 0 ? TR_ENOMEM : TR_OK;
    }
    memset(heads, 0, wanted * sizeof *heads);
    t->old = t->buckets;
    t->moved = 0;
    t->buckets = (table_buckets_t){heads, wanted};
    return TR_OK;
}

// Where the pointer to the entry of this key is, or NULL.
static table_entry **
search(const table_buckets_t *b, tr_str_t key, uint64_t hash)
{
    if (b->count == 0) {
        return NULL;
    }
    for (table_entry **at = head_of(b, hash); *at != NULL; at = &(*at)->next) {
        if ((*at)->hash == hash && tr_str_equal(key_of(*at), key)) {
            return at;
        }
    }
    return NULL;
}

static void
remove_at(table *t, table_entry **at)
{
    table_entry *e = *at;
    *at = e->next;
    t->count--;
    t->expiring -= e->expires_ms != TABLE_NEVER;
    retire(t, e);
}

// The way to every key. What has expired is removed here, so that no caller can see it.
static table_entry **
find(table *t, tr_str_t key, uint64_t hash, int64_t now_ms)
{
    move_some(t, MOVE_PER_ACCESS);
    table_entry **at = search(&t->buckets, key, hash);
    if (at == NULL) {
        at = search(&t->old, key, hash);
    }
    if (at != NULL && is_expired(*at, now_ms)) {
        remove_at(t, at);
        at = NULL;
    }
    return at;
}

static table_entry *
lookup(table *t, tr_str_t key, int64_t now_ms)
{
    table_entry **at = find(t, key, hash_of(t->seed, key), now_ms);
    return at != NULL ? *at : NULL;
}

// ---- keys and values ----------------------------------------------------------------------------

static table_kind_t
kind_of(const table_entry *e)
{
    return e != NULL ? e->kind : TABLE_NOTHING;
}

table_kind_t
table_peek(table *t, tr_str_t key, int64_t now_ms, tr_bytes_t *out)
{
    const table_entry *e = lookup(t, key, now_ms);
    table_kind_t kind = kind_of(e);
    if (kind == TABLE_STRING) {
        *out = tr_bytes(e->bytes + e->key_size, e->value_size);
    }
    return kind;
}

table_kind_t
table_get(table *t, tr_str_t key, int64_t now_ms, tr_bytes_t *out)
{
    table_kind_t kind = table_peek(t, key, now_ms, out);
    t->lent = t->lent || kind == TABLE_STRING;
    return kind;
}

table_kind_t
table_get_list(table *t, tr_str_t key, int64_t now_ms, list **out)
{
    const table_entry *e = lookup(t, key, now_ms);
    table_kind_t kind = kind_of(e);
    if (kind == TABLE_LIST) {
        *out = e->list;
        t->lent = true;
    }
    return kind;
}

table_kind_t
table_kind(table *t, tr_str_t key, int64_t now_ms)
{
    return kind_of(lookup(t, key, now_ms));
}

bool
table_has(table *t, tr_str_t key, int64_t now_ms)
{
    return lookup(t, key, now_ms) != NULL;
}

static void
set_time(table *t, table_entry *e, int64_t expires_ms)
{
    t->expiring -= e->expires_ms != TABLE_NEVER;
    t->expiring += expires_ms != TABLE_NEVER;
    e->expires_ms = expires_ms;
}

// A lent value must not change under its reader, and a small one should not keep the room of a
// large one.
static bool
fits_in_place(const table *t, const table_entry *e, size_t size)
{
    return !t->lent && e->kind == TABLE_STRING && size <= e->value_room &&
           e->value_room / 2 <= size + 32;
}

// An empty string with room for a value.
static table_entry *
make_entry(table *t, tr_str_t key, uint64_t hash, size_t value_size)
{
    table_entry *e = heap_alloc(t->heap, sizeof *e + key.size + value_size);
    if (e != NULL) {
        *e = (table_entry){.hash = hash,
                           .key_size = (uint32_t)key.size,
                           .kind = TABLE_STRING,
                           .value_room = value_size};
        if (key.size > 0) {
            memcpy(e->bytes, key.data, key.size);
        }
    }
    return e;
}

static void
fill(table *t, table_entry *e, tr_bytes_t value, int64_t expires_ms)
{
    if (value.size > 0) {
        memmove(e->bytes + e->key_size, value.data, value.size);
    }
    e->value_size = value.size;
    set_time(t, e, expires_ms);
}

// Put an entry whose key is not there into its bucket.
static tr_err_t
insert(table *t, table_entry *e)
{
    tr_err_t err = fit_buckets(t, t->count + 1);
    if (err == TR_OK) {
        table_entry **head = head_of(&t->buckets, e->hash);
        e->next = *head;
        *head = e;
        t->count++;
    }
    return err;
}

tr_err_t
table_set(table *t, tr_str_t key, tr_bytes_t value, int64_t expires_ms, int64_t now_ms)
{
    uint64_t hash = hash_of(t->seed, key);
    table_entry **at = find(t, key, hash, now_ms);
    if (at != NULL && fits_in_place(t, *at, value.size)) {
        fill(t, *at, value, expires_ms);
        return TR_OK;
    }
    table_entry *e = make_entry(t, key, hash, value.size);
    if (e == NULL) {
        return TR_ENOMEM;
    }
    if (at != NULL) {
        e->next = (*at)->next;
        t->expiring -= (*at)->expires_ms != TABLE_NEVER;
        retire(t, *at);
        *at = e;
    } else if (insert(t, e) != TR_OK) {
        free_entry(t, e);
        return TR_ENOMEM;
    }
    fill(t, e, value, expires_ms);
    return TR_OK;
}

tr_err_t
table_add_list(table *t, tr_str_t key, int64_t now_ms, list **out)
{
    uint64_t hash = hash_of(t->seed, key);
    (void)find(t, key, hash, now_ms); // what has expired makes room
    list *made = heap_alloc(t->heap, sizeof *made);
    if (made == NULL) {
        return TR_ENOMEM;
    }
    list_init(made, t->heap);
    table_entry *e = make_entry(t, key, hash, 0);
    if (e == NULL) {
        heap_free(t->heap, made);
        return TR_ENOMEM;
    }
    e->kind = TABLE_LIST;
    e->list = made;
    if (insert(t, e) != TR_OK) {
        free_entry(t, e);
        return TR_ENOMEM;
    }
    *out = made;
    return TR_OK;
}

bool
table_delete(table *t, tr_str_t key, int64_t now_ms)
{
    table_entry **at = find(t, key, hash_of(t->seed, key), now_ms);
    if (at == NULL) {
        return false;
    }
    remove_at(t, at);
    fit_buckets(t, t->count);
    return true;
}

bool
table_set_expiry(table *t, tr_str_t key, int64_t expires_ms, int64_t now_ms)
{
    table_entry *e = lookup(t, key, now_ms);
    if (e == NULL) {
        return false;
    }
    set_time(t, e, expires_ms);
    return true;
}

bool
table_get_expiry(table *t, tr_str_t key, int64_t now_ms, int64_t *out)
{
    const table_entry *e = lookup(t, key, now_ms);
    if (e == NULL) {
        return false;
    }
    *out = e->expires_ms;
    return true;
}

// ---- many at a time -----------------------------------------------------------------------------

size_t
table_sweep(table *t, size_t buckets, int64_t now_ms)
{
    // A growth under way comes first: then there is one array to look at.
    move_some(t, buckets);
    size_t before = t->count;
    if (t->old.count == 0) {
        size_t looks = buckets < t->buckets.count ? buckets : t->buckets.count;
        for (; looks > 0; looks--) {
            table_entry **at = &t->buckets.heads[t->swept++ & (t->buckets.count - 1)];
            while (*at != NULL) {
                if (is_expired(*at, now_ms)) {
                    remove_at(t, at);
                } else {
                    at = &(*at)->next;
                }
            }
        }
        fit_buckets(t, t->count);
    }
    return before - t->count;
}

bool
table_clear_some(table *t, size_t buckets)
{
    move_some(t, buckets);
    if (t->old.count == 0) {
        for (; buckets > 0 && t->count > 0; buckets--) {
            table_entry **at = &t->buckets.heads[t->swept++ & (t->buckets.count - 1)];
            while (*at != NULL) {
                remove_at(t, at);
            }
        }
        fit_buckets(t, t->count);
    }
    return t->count > 0;
}
