// runtime.h: the runtime's own struct: workers, the address table, the root, the log.
#ifndef TRI_ACTOR_RUNTIME_H
#define TRI_ACTOR_RUNTIME_H

#include "troupe/runtime.h"

#include "actor/table.h"
#include "sched/worker.h"
#include "trace/counters.h"

#include <pthread.h>

#define TRI_REPORTED_MAX 64

typedef struct tri_port tri_port;
typedef struct tri_channel tri_channel;
typedef struct tri_lanes tri_lanes;

struct tr_runtime {
    tri_sched sched;
    tri_table table;
    tri_counters outside; // counted by threads outside; shared
    tri_actor *root;
    char *name;
    tr_log_fn log;
    void *log_arg;
    tr_log_level_t log_level;    // the least that is logged
    _Atomic uint32_t next_place; // TR_PLACE_ANY, in turn
    pthread_mutex_t lock;        // what follows, and actors' own names
    pthread_cond_t ended;        // signalled when the root has ended, or a hold
    bool has_ended;
    uint32_t holds;        // what may outlast the actors, and the end waits for
    tri_port *ports;       // idle ones
    tri_channel *channels; // idle ones, the longest idle first
    tri_channel *last_channel;
    tr_message *lent; // answers that threads outside have not given back
    struct {
        const tr_behavior_t *behavior;
        const tr_type_t *type;
    } reported[TRI_REPORTED_MAX]; // unhandled types that the log has named
    uint32_t reported_count;
    tri_lanes *lanes; // of blocking work, owned by the layer above
    void *inspect;    // the trace server, likewise
};

// A runtime without lanes and trace server. tr_runtime_create adds them.
tr_err_t tri_runtime_create(const tr_runtime_opts_t *opts, tr_runtime **out);

// End all actors, and wait until they have and until nothing holds the end.
void tri_runtime_end(tr_runtime *rt);

// Free everything, after that.
void tri_runtime_destroy(tr_runtime *rt);

// The root actor has ended: whoever waits may go on.
void tri_runtime_ended(tr_runtime *rt);

// Something goes on that the end of the runtime has to wait for, though its actor ends first: said
// before the actor has ended. And it is over. Any thread.
void tri_runtime_hold(tr_runtime *rt);
void tri_runtime_let_go(tr_runtime *rt);

// One line to the log.
TRI_PRINTF(3, 4) void tri_log(tr_runtime *rt, tr_log_level_t level, const char *format, ...);

// An actor does not handle a type: said once for each behavior and type.
void tri_report_unhandled(tr_runtime *rt, const tr_behavior_t *behavior, const tr_type_t *type);

static inline tri_pool *
tri_pool_of(tri_worker *here)
{
    return here != NULL ? &here->pool : NULL;
}

// Count on the set of the worker that the caller runs on, or on the shared one.
static inline void
tri_count_at_by(tr_runtime *rt, tri_worker *here, tri_counter_t what, uint64_t by)
{
    if (here != NULL) {
        tri_count_by(&here->counters, what, by);
    } else {
        tri_count_shared(&rt->outside, what, by);
    }
}

static inline void
tri_count_at(tr_runtime *rt, tri_worker *here, tri_counter_t what)
{
    tri_count_at_by(rt, here, what, 1);
}

// Owner: a message of this mailbox has come to its end, as `what`.
static inline void
tri_settle(tri_actor *actor, tri_counter_t what)
{
    TRI_BUMP(&actor->ledger[what], 1);
    tri_count_at(actor->rt, tri_actor_worker(actor), what);
}

// A sender: a message for this mailbox was dropped by its policy.
static inline void
tri_settle_dropped(tr_runtime *rt, tri_worker *here, tri_actor *target)
{
    // relaxed, unpaired: a sum; nothing else is concluded from it.
    atomic_fetch_add_explicit(&target->ledger[TRI_DROPPED], 1, memory_order_relaxed);
    tri_count_at(rt, here, TRI_DROPPED);
}

static inline void
tri_destroy_message(tr_runtime *rt, tri_worker *here, tr_message *msg)
{
    tri_message_destroy(tri_pool_of(here), &rt->sched.depot, msg);
}

#endif
