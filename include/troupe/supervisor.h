/**
 * @file supervisor.h
 * A supervisor is an actor whose work is its children: it starts them in order, restarts the one
 * that failed, gives up when they fail too often, and stops them in reverse order.
 *
 *     static const tr_child_t children[] = {
 *         {.id = "store", .behavior = &store},
 *         {.id = "listener", .behavior = &listener, .shutdown_ms = 1000},
 *     };
 *     const tr_supervisor_t shop = {.name = "shop", .children = children, .child_count = 2};
 *
 *     int main(int argc, char **argv) { return tr_main(argc, argv, &shop); }
 */
#ifndef TROUPE_SUPERVISOR_H
#define TROUPE_SUPERVISOR_H

#include "troupe/actor.h"
#include "troupe/call.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"

TR_BEGIN_DECLS

/** Who is restarted when a child fails. */
typedef enum tr_strategy {
    TR_ONE_FOR_ONE, // the child that failed
} tr_strategy_t;

/** When a child is restarted. */
typedef enum tr_restart_type {
    TR_PERMANENT, // whenever its life ends
    TR_TRANSIENT, // when it ends by a failure
    TR_TEMPORARY, // never
} tr_restart_type_t;

/** A child of a supervisor. Zero is the default of everything but `id` and `behavior`. */
typedef struct tr_child {
    const char *id; // unique among the children; also the actor's name
    const tr_behavior_t *behavior;
    const void *arg; // for start; copied
    size_t arg_size;
    tr_restart_type_t restart;
    int64_t start_timeout_ms; // 0 for 5000
    int64_t shutdown_ms;      // 0 for 5000, or TR_SHUTDOWN_…
    uint32_t mailbox_count;   // 0 for 256
    size_t mailbox_bytes;     // 0 for 1 MiB
    tr_full_policy_t full;
    tr_place_t place;
    uint32_t worker;
    tr_stop_order_t stop_order;
} tr_child_t;

/** A supervisor: a constant table, valid as long as the runtime. */
typedef struct tr_supervisor {
    const char *name; // NULL for "supervisor"
    tr_strategy_t strategy;
    const tr_child_t *children;
    uint32_t child_count;
    uint32_t max_restarts; // more than this many in within_ms end the supervisor; 0 for 3; at most
                           // 1000000
    int64_t within_ms;     // 0 for 5000
} tr_supervisor_t;

/** The behavior: spawn it with a tr_supervisor_t as `arg`, or nest it as a child of another one. */
extern TR_API const tr_behavior_t tr_supervisor_behavior;

/**
 * Spawn a supervisor as a child of self. Returns when all its children have started; when one
 * fails to start, those before it are stopped again and its error is returned.
 * @return as tr_spawn; TR_EINVAL when the table is wrong: the log says what is.
 */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_spawn(tr_self *self, const tr_supervisor_t *spec,
                                                  tr_ref_t *out);

/** Ask a supervisor for a child: answered with tr_supervisor_child, or with TR_ENOTFOUND. */
#define TR_SUPERVISOR_WHICH(F, T) F(T, str, id)
TR_MESSAGE(tr_supervisor_which, TR_SUPERVISOR_WHICH);

/** A child: its address, which a restart keeps, and how often it was restarted. */
#define TR_SUPERVISOR_CHILD(F, T) F(T, ref, child) F(T, u64, restarts)
TR_MESSAGE(tr_supervisor_child, TR_SUPERVISOR_CHILD);

TR_END_DECLS

#endif
