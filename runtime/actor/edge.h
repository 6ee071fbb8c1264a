// edge.h: one actor waits for another, and nothing else but its deadline can end that.
#ifndef TRI_ACTOR_EDGE_H
#define TRI_ACTOR_EDGE_H

#include "actor/actor.h"

typedef enum tri_edge_kind {
    TRI_EDGE_CALL,  // for the answer to `request`
    TRI_EDGE_ROOM,  // for room in the mailbox
    TRI_EDGE_START, // for the end of its start
    TRI_EDGE_LOCK,  // for `lock`, which it holds
} tri_edge_kind_t;

typedef struct tri_edge {
    tr_ref_t to;
    tri_edge_kind_t kind;
    uint32_t request;
    const void *lock; // and whether its holder keeps `waiter` waiting for it; see sync/lock.h
    bool (*keeps_waiting)(tri_actor *holder, const void *lock, tr_ref_t waiter);
    const tr_type_t *type; // of the message in question; NULL: none
} tri_edge_t;

// What an actor publishes of the one edge of its wait, for others to guess from.
typedef struct tri_blocked {
    uint64_t on; // tr_ref_t; 0: it does not wait so; TRI_BLOCKED_UNKNOWN: one word does not say
    uint64_t in; // which wait, and for what: number of the wait << 34 | kind << 32 | request
} tri_blocked_t;

#define TRI_BLOCKED_UNKNOWN UINT64_MAX

static inline tri_blocked_t
tri_edge_pack(const tri_edge_t *edge, uint32_t wait_number)
{
    return (tri_blocked_t){edge->to.raw, (uint64_t)wait_number << 34 | (uint64_t)edge->kind << 32 |
                                             edge->request};
}

// But for the lock and the type.
static inline tri_edge_t
tri_edge_unpack(tri_blocked_t blocked)
{
    return (tri_edge_t){.to = {blocked.on},
                        .kind = (tri_edge_kind_t)(blocked.in >> 32 & 3),
                        .request = (uint32_t)blocked.in};
}

// Owner of `edge->to`, suspended: whether it is up to this actor to end the wait that `from` began.
// It has not done so yet, and what it has done before would be in the inbox of `from`.
bool tri_edge_holds(tri_actor *to, tr_ref_t from, const tri_edge_t *edge);

// "name (slot) calls [type] ", with a NUL, as far as there is room. Owner of the one that waits.
// Returns the length of all of it, as snprintf.
size_t tri_edge_print(const tri_edge_t *edge, const tri_actor *from, char *out, size_t capacity);

#endif
