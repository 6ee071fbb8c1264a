#include "actor/edge.h"

#include "actor/call.h"
#include "actor/mailbox.h"

#include <stdio.h>

static bool
is_in_lane(const tri_lane *lane, tr_ref_t from, uint32_t request)
{
    for (const tr_message *msg = lane->first; msg != NULL; msg = tri_lane_next(msg)) {
        if (tri_call_is_request(msg, from, request)) {
            return true;
        }
    }
    return false;
}

// Whether the answer is this actor's to give: the request is in hand, or waits here.
static bool
owes_answer(const tri_actor *actor, tr_ref_t from, uint32_t request)
{
    if (actor->in_hand != NULL && actor->owes_answer &&
        tri_call_is_request(actor->in_hand, from, request)) {
        return true;
    }
    tri_lane taken = {.first = actor->answers};
    return is_in_lane(&actor->normal, from, request) || is_in_lane(&actor->high, from, request) ||
           is_in_lane(&actor->cold->stash, from, request) || is_in_lane(&taken, from, request);
}

// What a permit holds may be given back by whoever has it.
static bool
owes_room(const tri_actor *actor, tr_ref_t from, uint32_t request)
{
    if (TRI_PEEK(&actor->reserved) != 0) {
        return false;
    }
    TRI_LIST_EACH (link, &actor->cold->rooms) {
        const tr_message *ask = tri_message_of(TRI_CONTAINER(link, tri_room, link));
        if (ask->sender.raw == from.raw && ask->request == request) {
            return true;
        }
    }
    return false;
}

bool
tri_edge_holds(tri_actor *to, tr_ref_t from, const tri_edge_t *edge)
{
    switch (edge->kind) {
    case TRI_EDGE_CALL:
        return owes_answer(to, from, edge->request);
    case TRI_EDGE_ROOM:
        return owes_room(to, from, edge->request);
    case TRI_EDGE_START:
        return tri_actor_phase(to) == TRI_PHASE_STARTING;
    case TRI_EDGE_LOCK:
        return edge->keeps_waiting(to, edge->lock, from);
    }
    return false;
}

size_t
tri_edge_print(const tri_edge_t *edge, const tri_actor *from, char *out, size_t capacity)
{
    static const char *const waits[] = {
        [TRI_EDGE_CALL] = "calls",
        [TRI_EDGE_ROOM] = "waits for room in",
        [TRI_EDGE_START] = "starts",
        [TRI_EDGE_LOCK] = "waits for a lock of",
    };
    bool is_typed = edge->type != NULL;
    int size = snprintf(out, capacity, "%s (%u) %s%s%s%s ", tri_actor_name(from), from->slot,
                        waits[edge->kind], is_typed ? " [" : "", is_typed ? edge->type->name : "",
                        is_typed ? "]" : "");
    return size > 0 ? (size_t)size : 0;
}
