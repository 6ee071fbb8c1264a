#include "actor/probe.h"

#include "actor/deadlock.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"

#include <string.h>

#define PATH_BYTES 2048u

// The value of a probe. `sender` of the message is who sent it on.
typedef struct tri_probe {
    tr_ref_t origin;
    uint32_t wait_number; // of the origin's wait
    uint32_t hops;
    tri_edge_t edge; // that it came along
    bool is_cut;     // not all of the path is there
    size_t path_size;
    char path[PATH_BYTES];
} tri_probe;

#define CUT "... " // at the end of a path that is cut; there is room for it

static void
append_path(tri_probe *probe, const tri_actor *actor, const tri_edge_t *edge)
{
    if (probe->is_cut) {
        return;
    }
    char *end = probe->path + probe->path_size;
    size_t left = sizeof probe->path - sizeof CUT - probe->path_size;
    size_t size = tri_edge_print(edge, actor, end, left);
    if (size < left) {
        probe->path_size += size;
    } else {
        memcpy(end, CUT, sizeof CUT);
        probe->is_cut = true;
    }
}

static void
send_on(tri_actor *actor, tr_message *msg, const tri_edge_t *edge)
{
    tri_probe *probe = (tri_probe *)(void *)msg->value;
    tri_worker *here = tri_actor_worker(actor);
    if (++probe->hops > TRI_DEADLOCK_HOPS) {
        tri_destroy_message(actor->rt, here, msg);
        return;
    }
    append_path(probe, actor, edge);
    probe->edge = *edge;
    msg->sender = tri_actor_ref(actor);
    (void)tri_send_system(actor->rt, here, msg, edge->to);
}

// Along all edges of the wait.
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

void
tri_probe_begin(tri_actor *actor)
{
    tri_probe probe = {.origin = tri_actor_ref(actor), .wait_number = actor->wait_number};
    send_all(actor, &probe);
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

void
tri_probe_answer(tri_actor *actor, tr_message *msg)
{
    const tri_probe *probe = (const tri_probe *)(const void *)msg->value;
    if (tri_edge_holds(actor, msg->sender, &probe->edge)) {
        bool is_mine = probe->origin.raw == tri_actor_ref(actor).raw;
        if (!is_mine && is_new(actor, probe)) {
            send_all(actor, probe);
        } else if (is_mine && probe->wait_number == actor->wait_number) {
            tri_deadlock_found(actor, probe->hops, probe->path);
        }
    }
    tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
}
