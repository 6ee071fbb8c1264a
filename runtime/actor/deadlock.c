#include "actor/deadlock.h"

#include "actor/probe.h"
#include "actor/proof.h"
#include "actor/runtime.h"
#include "actor/system.h"

// ---- proof

void
tri_deadlock_found(tri_actor *actor, uint32_t hops, const char *path)
{
    tri_log(actor->rt, TR_LOG_WARN, "deadlock of %u: %s%s (%u)", hops, path, tri_actor_name(actor),
            actor->slot);
    tri_actor_count(actor, TRI_DEADLOCKS);
    tri_wait_interrupt(actor, TR_EDEADLK);
}

void
tri_deadlock_take(tri_actor *actor, tr_message *msg)
{
    if (actor->wait == NULL || !tri_actor_is_open(actor)) {
        tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
        return;
    }
    tri_lane_append(&actor->cold->probes, msg);
    actor->has_probes = true;
}

static void
answer(tri_actor *actor, tr_message *msg)
{
    const tri_wait *wait = actor->wait;
    bool is_here = tri_actor_is_open(actor) && msg->generation == TRI_PEEK(&actor->generation);
    if (!is_here || wait == NULL || wait->is_done || wait->edge == NULL) {
        tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
    } else if (tri_system_op(&msg->parcel) == TRI_SYSTEM_PROBE) {
        tri_probe_answer(actor, msg);
    } else if (tri_system_op(&msg->parcel) == TRI_SYSTEM_PROVE) {
        tri_proof_answer(actor, msg);
    } else {
        tri_proof_confirm(actor, msg);
    }
}

void
tri_deadlock_answer(tri_actor *actor)
{
    actor->has_probes = false;
    for (tr_message *msg; (msg = tri_lane_pop(&actor->cold->probes)) != NULL;) {
        answer(actor, msg);
    }
}

// ---- a wait begins, or changes, or ends

// What to publish of the edges of a wait that has the next number.
static tri_blocked_t
packed(const tri_actor *actor, tri_edge_t *first)
{
    tri_wait *wait = actor->wait;
    tri_edge_t other;
    if (!wait->edge(wait, 0, first)) {
        return (tri_blocked_t){0, 0};
    }
    bool is_one = first->kind != TRI_EDGE_LOCK && !wait->edge(wait, 1, &other);
    return is_one ? tri_edge_pack(first, actor->wait_number)
                  : (tri_blocked_t){TRI_BLOCKED_UNKNOWN, 0};
}

static void
prove(tri_actor *actor, tri_blocked_t blocked)
{
    tri_wait *wait = actor->wait;
    tri_edge_t edge;
    for (size_t i = 0; wait->edge(wait, i, &edge); i++) {
        uint32_t hops = 0;
        tri_trail_t trail =
            tri_proof_follow(actor, tri_edge_pack(&edge, actor->wait_number), &hops);
        if (trail == TRI_TRAIL_RETURNS && blocked.on != TRI_BLOCKED_UNKNOWN &&
            tri_proof_begin(actor, blocked, hops)) {
            return;
        }
        if (trail != TRI_TRAIL_ENDS) {
            tri_probe_begin(actor);
            return;
        }
    }
}

void
tri_deadlock_look(tri_actor *actor)
{
    tri_edge_t edge;
    tri_blocked_t blocked = packed(actor, &edge);
    if (blocked.on == TRI_PEEK(&actor->blocked_on) && blocked.in == TRI_PEEK(&actor->blocked_in)) {
        return;
    }
    tri_deadlock_forget(actor);
    actor->wait_number++;
    blocked = packed(actor, &edge);
    TRI_SHOW(&actor->blocked_in, blocked.in);
    // pairs(deadlock.edge) seq_cst: before I look at theirs.
    atomic_store_explicit(&actor->blocked_on, blocked.on, memory_order_seq_cst);
    prove(actor, blocked);
}

void
tri_deadlock_forget(tri_actor *actor)
{
    if (TRI_PEEK(&actor->blocked_on) != 0) {
        TRI_SHOW(&actor->blocked_on, 0);
        TRI_SHOW(&actor->blocked_in, 0);
        if (TRI_UNLIKELY(actor->has_proof)) {
            tri_proof_end(actor);
        }
    }
}
