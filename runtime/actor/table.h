// table.h: the address table. Slots are made in chunks and never unmade; an address is a slot and
// the generation that it had. A slot that is free sleeps like an idle actor, so late mail to it is
// received and returned as dead.
#ifndef TRI_ACTOR_TABLE_H
#define TRI_ACTOR_TABLE_H

#include "actor/actor.h"

#include <pthread.h>

#define TRI_TABLE_CHUNK_SLOTS 1024u
#define TRI_TABLE_CHUNKS      16384u // 16 million actors

typedef struct tri_table {
    _Atomic(tri_actor *) chunks[TRI_TABLE_CHUNKS];
    _Atomic uint32_t slots; // made so far; slot 0 is never used
    pthread_mutex_t lock;
    tri_list free; // by free_link, the longest free first; under lock
} tri_table;

void tri_table_init(tri_table *table);
void tri_table_fini(tri_table *table);

// A free slot, owned by the caller; NULL when memory or the table is exhausted.
tri_actor *tri_table_take(tri_table *table, tr_runtime *rt);

// The same, but never one that an actor has had: no stale address leads there.
tri_actor *tri_table_take_fresh(tri_table *table, tr_runtime *rt);

// The slot is free again. The caller does not own it: it sleeps, or is being woken by late mail.
void tri_table_give(tri_table *table, tri_actor *actor);

// Number of slots made; all below it can be asked for.
uint32_t tri_table_slots(const tri_table *table);

// A slot by its number, which must be below tri_table_slots and not 0.
static inline tri_actor *
tri_table_at(const tri_table *table, uint32_t slot)
{
    // pairs(table.chunk) acquire: the slots' constant fields and their first state.
    tri_actor *chunk =
        atomic_load_explicit(&table->chunks[slot / TRI_TABLE_CHUNK_SLOTS], memory_order_acquire);
    return chunk == NULL ? NULL : &chunk[slot % TRI_TABLE_CHUNK_SLOTS];
}

// The actor with this address; NULL when it has ended. It may end at any moment: what is sent to it
// then is returned as dead by whoever finds it.
static inline tri_actor *
tri_table_find(const tri_table *table, tr_ref_t ref)
{
    uint32_t slot = (uint32_t)ref.raw;
    if (slot == 0 || slot >= TRI_TABLE_CHUNK_SLOTS * TRI_TABLE_CHUNKS) {
        return NULL;
    }
    tri_actor *actor = tri_table_at(table, slot);
    if (actor == NULL || TRI_PEEK(&actor->generation) != (uint32_t)(ref.raw >> 32)) {
        return NULL;
    }
    return actor;
}

#endif
