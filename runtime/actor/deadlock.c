#include "actor/deadlock.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"

#include <stdio.h>

#define HOPS_MAX   4096u
#define PATH_BYTES 2048u
#define UNKNOWN    UINT64_MAX // in blocked_on: only its owner can say, by a probe

// The value of a probe. `sender` of the message is who sent it on, `request` its request there.
typedef struct tri_probe {
    tr_ref_t origin;
    uint32_t wait_number; // of the origin's wait
    uint32_t hops;
    tri_edge_kind_t kind; // of the edge that it came along
    const void *lock;
    bool (*keeps_waiting)(tri_actor *holder, const void *lock, tr_ref_t waiter);
    bool is_cut; // not all of the path is there
    size_t path_size;
    char path[PATH_BYTES];
} tri_probe;

// ---- suspicion

// Whether following what others have published leads back to `self`, or to where nothing is known.
static bool
may_close(const tri_actor *self, uint64_t to)
{
    for (uint32_t hops = 0; hops < HOPS_MAX; hops++) {
        if (to == 0 || to == UNKNOWN) {
            return to == UNKNOWN;
        }
        const tri_actor *next = tri_table_find(&self->rt->table, (tr_ref_t){to});
        if (next == NULL || next == self) {
            return next == self;
        }
        // pairs(deadlock.edge) seq_cst: after mine was published.
        to = atomic_load_explicit(&next->blocked_on, memory_order_seq_cst);
    }
    return false; // a cycle of others, who see to it themselves
}

// ---- proof

// "name (slot) calls [type] ", as far as there is room.
static void
append_path(tri_probe *probe, const tri_actor *actor, const tri_edge_t *edge)
{
    static const char *const waits[] = {
        [TRI_EDGE_CALL] = "calls",
        [TRI_EDGE_ROOM] = "waits for room in",
        [TRI_EDGE_START] = "starts",
        [TRI_EDGE_LOCK] = "waits for a lock of",
    };
    if (probe->is_cut) {
        return;
    }
    size_t left = sizeof probe->path - probe->path_size;
    int size =
        snprintf(probe->path + probe->path_size, left, "%s (%u) %s%s%s%s ", tri_actor_name(actor),
                 actor->slot, waits[edge->kind], edge->type != NULL ? " [" : "",
                 edge->type != NULL ? edge->type->name : "", edge->type != NULL ? "]" : "");
    if (size > 0 && (size_t)size < left) {
        probe->path_size += (size_t)size;
    } else {
        probe->path[probe->path_size] = '\0';
        probe->is_cut = true;
    }
}

static void
send_on(tri_actor *actor, tr_message *msg, const tri_edge_t *edge)
{
    tri_probe *probe = (tri_probe *)(void *)msg->value;
    tri_worker *here = tri_actor_worker(actor);
    if (++probe->hops > HOPS_MAX) {
        tri_destroy_message(actor->rt, here, msg);
        return;
    }
    append_path(probe, actor, edge);
    probe->kind = edge->kind;
    probe->lock = edge->lock;
    probe->keeps_waiting = edge->keeps_waiting;
    msg->sender = tri_actor_ref(actor);
    msg->request = edge->request;
    (void)tri_send_system(actor->rt, here, msg, edge->to);
}

// Along all edges of the wait. Without memory the wait ends by its deadline.
static void
send_all(tri_actor *actor, const tri_probe *probe)
{
    tri_edge_t edge;
    tri_pool *pool = &tri_actor_worker(actor)->pool;
    for (size_t i = 0; actor->wait->edge(actor->wait, i, &edge); i++) {
        tr_message *msg =
            tri_message_alloc(pool, &tri_system_types[TRI_SYSTEM_PROBE], sizeof *probe);
        if (msg != NULL) {
            memcpy(msg->value, probe, sizeof *probe);
            send_on(actor, msg, &edge);
        }
    }
}

static bool
is_in_lane(const tri_lane *lane, const tr_message *probe)
{
    for (const tr_message *msg = lane->first; msg != NULL; msg = tri_lane_next(msg)) {
        if (tri_call_is_request(msg, probe->sender, probe->request)) {
            return true;
        }
    }
    return false;
}

// Whether the answer is this actor's to give: the request is in hand, or waits here.
static bool
owes_answer(const tri_actor *actor, const tr_message *probe)
{
    if (actor->in_hand != NULL && actor->owes_answer &&
        tri_call_is_request(actor->in_hand, probe->sender, probe->request)) {
        return true;
    }
    tri_lane taken = {.first = actor->answers};
    return is_in_lane(&actor->normal, probe) || is_in_lane(&actor->high, probe) ||
           is_in_lane(&actor->cold->stash, probe) || is_in_lane(&taken, probe);
}

// What a permit holds may be given back by whoever has it.
static bool
owes_room(const tri_actor *actor, const tr_message *probe)
{
    if (TRI_PEEK(&actor->reserved) != 0) {
        return false;
    }
    TRI_LIST_EACH (link, &actor->cold->rooms) {
        const tr_message *ask = tri_message_of(TRI_CONTAINER(link, tri_room, link));
        if (ask->sender.raw == probe->sender.raw && ask->request == probe->request) {
            return true;
        }
    }
    return false;
}

// Whether who sent the probe here waits for this actor indeed.
static bool
is_waited_for(tri_actor *actor, const tr_message *msg)
{
    const tri_probe *probe = (const tri_probe *)(const void *)msg->value;
    switch (probe->kind) {
    case TRI_EDGE_CALL:
        return owes_answer(actor, msg);
    case TRI_EDGE_ROOM:
        return owes_room(actor, msg);
    case TRI_EDGE_START:
        return tri_actor_phase(actor) == TRI_PHASE_STARTING;
    case TRI_EDGE_LOCK:
        return probe->keeps_waiting(actor, probe->lock, msg->sender);
    }
    return false;
}

static void
found(tri_actor *actor, tri_probe *probe)
{
    tri_log(actor->rt, TR_LOG_WARN, "deadlock of %u: %s%s%s (%u)", probe->hops, probe->path,
            probe->is_cut ? "... " : "", tri_actor_name(actor), actor->slot);
    tri_actor_count(actor, TRI_DEADLOCKS);
    tri_wait_interrupt(actor, TR_EDEADLK);
}

// Each probe is sent on once: where the ways of several meet, the first has come from there.
static bool
is_new(tri_actor *actor, const tri_probe *probe)
{
    tri_cold *cold = actor->cold;
    bool is_new =
        cold->probed_for.raw != probe->origin.raw || cold->probed_wait != probe->wait_number;
    cold->probed_for = probe->origin;
    cold->probed_wait = probe->wait_number;
    return is_new;
}

static void
answer(tri_actor *actor, tr_message *msg)
{
    tri_probe *probe = (tri_probe *)(void *)msg->value;
    tri_wait *wait = actor->wait;
    bool is_here = tri_actor_is_open(actor) && msg->generation == TRI_PEEK(&actor->generation);
    bool is_blocked = is_here && wait != NULL && !wait->is_done && wait->edge != NULL &&
                      is_waited_for(actor, msg);
    if (is_blocked && probe->origin.raw != tri_actor_ref(actor).raw) {
        if (is_new(actor, probe)) {
            send_all(actor, probe);
        }
    } else if (is_blocked && probe->wait_number == actor->wait_number) {
        found(actor, probe);
    }
    tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
}

void
tri_deadlock_take_probe(tri_actor *actor, tr_message *probe)
{
    if (actor->wait == NULL || !tri_actor_is_open(actor)) {
        tri_destroy_message(actor->rt, tri_actor_worker(actor), probe);
        return;
    }
    tri_lane_append(&actor->cold->probes, probe);
    actor->has_probes = true;
}

void
tri_deadlock_answer_probes(tri_actor *actor)
{
    actor->has_probes = false;
    for (tr_message *probe; (probe = tri_lane_pop(&actor->cold->probes)) != NULL;) {
        answer(actor, probe);
    }
}

// ---- a wait begins, or changes, or ends

// What to publish of the edges of a wait: one, or that there are several.
static uint64_t
published(tri_wait *wait)
{
    tri_edge_t edge;
    tri_edge_t other;
    if (!wait->edge(wait, 0, &edge)) {
        return 0;
    }
    return edge.kind == TRI_EDGE_LOCK || wait->edge(wait, 1, &other) ? UNKNOWN : edge.to.raw;
}

void
tri_deadlock_look(tri_actor *actor)
{
    tri_wait *wait = actor->wait;
    uint64_t on = published(wait);
    if (on == TRI_PEEK(&actor->blocked_on)) {
        return;
    }
    actor->wait_number++;
    // pairs(deadlock.edge) seq_cst: before I look at theirs.
    atomic_store_explicit(&actor->blocked_on, on, memory_order_seq_cst);
    tri_edge_t edge;
    for (size_t i = 0; wait->edge(wait, i, &edge); i++) {
        if (may_close(actor, edge.to.raw)) {
            tri_probe probe = {.origin = tri_actor_ref(actor), .wait_number = actor->wait_number};
            send_all(actor, &probe);
            return;
        }
    }
}

void
tri_deadlock_forget(tri_actor *actor)
{
    if (TRI_PEEK(&actor->blocked_on) != 0) {
        TRI_SHOW(&actor->blocked_on, 0);
    }
}
