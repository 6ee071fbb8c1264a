#include "actor/table.h"

#include "actor/window.h"
#include "base/memory.h"
#include "base/panic.h"

void
tri_table_init(tri_table *table)
{
    for (uint32_t i = 0; i < TRI_TABLE_CHUNKS; i++) {
        atomic_init(&table->chunks[i], NULL);
    }
    atomic_init(&table->slots, 1); // slot 0 is nobody
    pthread_mutex_init(&table->lock, NULL);
    tri_list_init(&table->free);
}

void
tri_table_fini(tri_table *table)
{
    for (uint32_t i = 0; i < TRI_TABLE_CHUNKS; i++) {
        tri_actor *chunk = TRI_PEEK(&table->chunks[i]);
        for (uint32_t j = 0; chunk != NULL && j < TRI_TABLE_CHUNK_SLOTS; j++) {
            tri_window_destroy(TRI_PEEK(&chunk[j].window));
        }
        tri_free(chunk);
    }
    pthread_mutex_destroy(&table->lock);
}

uint32_t
tri_table_slots(const tri_table *table)
{
    // relaxed: slots made a moment ago may be missed; chunks are published by themselves.
    return TRI_PEEK(&table->slots);
}

static void
slot_init(tri_actor *actor, uint32_t slot)
{
    *actor = (tri_actor){.slot = slot};
    tri_inbox_init(&actor->inbox, true);
    atomic_init(&actor->generation, 1);
    atomic_init(&actor->phase, TRI_PHASE_FREE);
}

// Under the table's lock.
static tri_actor *
make_chunk(tri_table *table, uint32_t index)
{
    tri_actor *chunk = tri_aligned_alloc(TRI_CACHELINE, TRI_TABLE_CHUNK_SLOTS * sizeof *chunk);
    if (chunk == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < TRI_TABLE_CHUNK_SLOTS; i++) {
        slot_init(&chunk[i], index * TRI_TABLE_CHUNK_SLOTS + i);
    }
    // pairs(table.chunk) release: whoever finds the chunk sees its slots made.
    atomic_store_explicit(&table->chunks[index], chunk, memory_order_release);
    return chunk;
}

// Under the table's lock: a slot that nobody has had yet.
static tri_actor *
make_slot(tri_table *table)
{
    uint32_t slot = TRI_PEEK(&table->slots);
    uint32_t index = slot / TRI_TABLE_CHUNK_SLOTS;
    if (index >= TRI_TABLE_CHUNKS) {
        return NULL;
    }
    tri_actor *chunk = TRI_PEEK(&table->chunks[index]);
    if (chunk == NULL) {
        chunk = make_chunk(table, index);
    }
    if (chunk == NULL) {
        return NULL;
    }
    TRI_SHOW(&table->slots, slot + 1);
    return &chunk[slot % TRI_TABLE_CHUNK_SLOTS];
}

// Under the table's lock: the slot longest free that is at rest. One that late mail is just waking
// goes to the back, and so does one where a permit still holds room.
static tri_actor *
reuse_slot(tri_table *table)
{
    for (int tries = 0; tries < 4; tries++) {
        tri_list *link = tri_list_pop_front(&table->free);
        if (link == NULL) {
            return NULL;
        }
        tri_actor *actor = TRI_CONTAINER(link, tri_actor, free_link);
        if (TRI_PEEK(&actor->load) == 0 && tri_inbox_claim(&actor->inbox)) {
            return actor;
        }
        tri_list_push_back(&table->free, link);
    }
    return NULL;
}

static tri_actor *
take(tri_table *table, tr_runtime *rt, bool fresh)
{
    pthread_mutex_lock(&table->lock);
    tri_actor *actor = fresh ? NULL : reuse_slot(table);
    if (actor == NULL) {
        actor = make_slot(table);
        if (actor != NULL) {
            bool is_ours = tri_inbox_claim(&actor->inbox);
            TRI_ASSERT(is_ours, "slot %u is fresh: nobody knows its address", actor->slot);
        }
    }
    pthread_mutex_unlock(&table->lock);
    if (actor != NULL) {
        actor->rt = rt;
    }
    return actor;
}

tri_actor *
tri_table_take(tri_table *table, tr_runtime *rt)
{
    return take(table, rt, false);
}

tri_actor *
tri_table_take_fresh(tri_table *table, tr_runtime *rt)
{
    return take(table, rt, true);
}

void
tri_table_give(tri_table *table, tri_actor *actor)
{
    pthread_mutex_lock(&table->lock);
    tri_list_push_back(&table->free, &actor->free_link);
    pthread_mutex_unlock(&table->lock);
}
