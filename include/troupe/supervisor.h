/**
 * @file supervisor.h
 * A supervisor is an actor whose work is its children: it starts them in order, restarts those that
 * fail, gives up when they fail too often, and stops them in reverse order.
 *
 *     static const tr_child_t children[] = {
 *         {.id = "store", .behavior = &store},
 *         {.id = "listener", .behavior = &listener, .shutdown_ms = 1000},
 *     };
 *     const tr_supervisor_t shop = {.name = "shop", .children = children, .child_count = 2};
 *
 *     int main(int argc, char **argv) { return tr_main(argc, argv, &shop); }
 *
 * A restart keeps a child's address and the mail that waits; the message that it failed with is
 * gone. Children may be added, stopped, restarted and removed at run time. A table of every rule,
 * beside that of Erlang/OTP, is in docs/supervision.md.
 */
#ifndef TROUPE_SUPERVISOR_H
#define TROUPE_SUPERVISOR_H

#include "troupe/actor.h"
#include "troupe/call.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** Who is restarted when a child fails. The others of a group are stopped first, in reverse order,
 *  and started again in order, those included that had come to an orderly end. */
typedef enum tr_strategy {
    TR_ONE_FOR_ONE,  // the child that failed
    TR_ONE_FOR_ALL,  // all: none is of use without the others
    TR_REST_FOR_ONE, // that child and those after it: each builds on those before it
} tr_strategy_t;

/** When a child is restarted. */
typedef enum tr_restart_type {
    TR_PERMANENT, // whenever its life ends
    TR_TRANSIENT, // when it ends by a failure
    TR_TEMPORARY, // never, and it is forgotten when it ends, or when its group is restarted
} tr_restart_type_t;

/** Whether a supervisor ends, in good order, when significant children have come to an end by
 *  themselves and are not restarted. */
typedef enum tr_auto_shutdown {
    TR_AUTO_SHUTDOWN_NEVER,
    TR_AUTO_SHUTDOWN_ANY, // when one has
    TR_AUTO_SHUTDOWN_ALL, // when the last of them has
} tr_auto_shutdown_t;

/** What becomes of requests to a child that waits out its backoff. Messages wait either way. */
typedef enum tr_while_down {
    TR_DOWN_QUEUE,  // they wait for its next life, each as long as its deadline allows
    TR_DOWN_REFUSE, // they are answered TR_EDOWN at once, those that wait already too
} tr_while_down_t;

#define TR_NO_JITTER UINT32_MAX

/** How long to wait before a restart: longer each time that a child fails soon after the last. */
typedef struct tr_backoff {
    int64_t first_ms;        // before the first restart; 0: none, restarts follow at once
    int64_t max_ms;          // it doubles up to this; 0 for 30000 or first_ms, whichever is more
    int64_t reset_ms;        // a life that lasts so long begins anew at first_ms; 0 for 60000
    uint32_t jitter_percent; // up to so much more or less, by chance, so that many do not come back
                             // at the same moment; 0 for 20; TR_NO_JITTER; at most 100
} tr_backoff_t;

/** A child of a supervisor. Zero is the default of everything but `id` and `behavior`. */
typedef struct tr_child {
    const char *id; // unique among the children; also the actor's name
    const tr_behavior_t *behavior;
    const void *arg; // for start; copied
    size_t arg_size;
    tr_restart_type_t restart;
    bool significant;         // see tr_auto_shutdown_t; not for permanent ones
    tr_backoff_t backoff;     // first_ms 0: as the supervisor says
    tr_while_down_t down;     // while it waits for that
    int64_t start_timeout_ms; // 0 for 5000, for a supervisor TR_START_INFINITE
    int64_t shutdown_ms;    // 0 for 5000, for a supervisor TR_SHUTDOWN_INFINITE; or TR_SHUTDOWN_…
    uint32_t mailbox_count; // 0 for 256
    size_t mailbox_bytes;   // 0 for 1 MiB
    tr_full_policy_t full;
    tr_place_t place;
    uint32_t worker;
    tr_stop_order_t stop_order;
} tr_child_t;

/** A supervisor: a constant table, valid as long as the runtime. */
typedef struct tr_supervisor {
    const char *name; // NULL for "supervisor"
    tr_strategy_t strategy;
    tr_auto_shutdown_t auto_shutdown;
    const tr_child_t *children;
    uint32_t child_count;
    uint32_t max_restarts; // more than this many in within_ms end the supervisor; 0 for 3; at most
                           // 1000000
    int64_t within_ms;     // 0 for 5000
    tr_backoff_t backoff;  // of children that have none of their own
    uint32_t max_children; // with those added at run time; 0 for 65536 or child_count, if more
} tr_supervisor_t;

/** The behavior: spawn it with a tr_supervisor_t as `arg`, or nest it, see TR_SUBTREE. */
extern TR_API const tr_behavior_t tr_supervisor_behavior;

/**
 * The fields of a child that is a supervisor itself; `spec` is a const tr_supervisor_t *.
 *
 *     {TR_SUBTREE("workers", &workers), .restart = TR_TRANSIENT}
 */
#define TR_SUBTREE(id_, spec_)                                                                     \
    .id = (id_), .behavior = &tr_supervisor_behavior, .arg = (spec_),                              \
    .arg_size = sizeof(tr_supervisor_t)

/**
 * Spawn a supervisor as a child of self. Returns when all its children have started; when one
 * fails to start, those before it are stopped again and its error is returned.
 * @return as tr_spawn; TR_EINVAL when the table is wrong: the log says what is.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_spawn(tr_self *self, const tr_supervisor_t *spec,
                                                  tr_ref_t *out);

// ---- at run time
//
// A supervisor carries out one request after the other, and none while it starts a child or waits
// for the end of one. A request that timed out may be carried out all the same.

/** What a child is doing. */
#define TR_CHILD_STATE(V)                                                                          \
    V(TR_CHILD_UP, 0)      /* it lives */                                                          \
    V(TR_CHILD_DOWN, 1)    /* it has failed and waits for its restart */                           \
    V(TR_CHILD_STOPPED, 2) /* it has ended, and keeps its place in the order */
TR_ENUM(tr_child_state, TR_CHILD_STATE);

/** A child: its address, which a restart keeps, and how often it was restarted. */
#define TR_SUPERVISOR_CHILD(F, T)                                                                  \
    F(T, str, id)                                                                                  \
    F(T, ref, child)                                                                               \
    F(T, enum(tr_child_state), state)                                                              \
    F(T, u64, restarts)                                                                            \
    F(T, str, behavior)                                                                            \
    F(T, bool, is_supervisor)
TR_MESSAGE(tr_supervisor_child, TR_SUPERVISOR_CHILD);

/** Ask for a child: answered with tr_supervisor_child, or with TR_ENOTFOUND. */
#define TR_SUPERVISOR_WHICH(F, T) F(T, str, id)
TR_MESSAGE(tr_supervisor_which, TR_SUPERVISOR_WHICH);

/** Ask for the children in their order, those after `after`, or from the first where that is empty:
 *  answered with tr_supervisor_children, or TR_ENOTFOUND where nobody is called so. */
#define TR_SUPERVISOR_LIST(F, T) F(T, str, after)
TR_MESSAGE(tr_supervisor_list, TR_SUPERVISOR_LIST);

/** At most TR_SUPERVISOR_PAGE of them, and how many there are and live. */
#define TR_SUPERVISOR_PAGE 256u
#define TR_SUPERVISOR_CHILDREN(F, T)                                                               \
    F(T, u32, count) F(T, u32, up) F(T, list(nested(tr_supervisor_child)), children)
TR_MESSAGE(tr_supervisor_children, TR_SUPERVISOR_CHILDREN);

/**
 * Orders, each answered with tr_supervisor_child or with an error: TR_ENOTFOUND.
 *   stop     end its life in good order. It keeps its place, its mail is discarded and its address
 *            ends. A temporary child is forgotten. Done when it is stopped already.
 *   restart  end its life in good order if it lives, and begin the next, with the same address and
 *            mail; or start it again at a new address when it was stopped. It alone, whatever the
 *            strategy, and not counted. One that waits begins at once, and with it those of its
 *            group that wait for it. When a start fails that is answered, and the supervisor goes
 *            on as it does for any failed restart; but one that was stopped stays so, and a
 *            temporary one is forgotten.
 *   remove   stop it and forget it.
 * When one is stopped or removed that others of its group wait for, those begin.
 */
#define TR_SUPERVISOR_ORDER(F, T) F(T, str, id)
TR_MESSAGE(tr_supervisor_stop_child, TR_SUPERVISOR_ORDER);
TR_MESSAGE(tr_supervisor_restart_child, TR_SUPERVISOR_ORDER);
TR_MESSAGE(tr_supervisor_remove_child, TR_SUPERVISOR_ORDER);

/**
 * Add a child, behind the others, and start it.
 * @param child  copied, with its id and arg; the behavior is not. Without an id it is called by its
 *               behavior and a number.
 * @param out    its address; may be NULL
 * @return TR_OK; TR_EINVAL when it is wrong: the log says what is; TR_EALREADY when the id is
 *         taken; TR_ELIMIT at max_children; the error of its start: then it is not added;
 * TR_ENOMEM; or as tr_call
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_add(tr_self *self, tr_ref_t supervisor,
                                                const tr_child_t *child, tr_duration_t timeout,
                                                tr_ref_t *out);

/** The same for a thread outside. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_supervisor_add(tr_runtime *rt, tr_ref_t supervisor,
                                                        const tr_child_t *child,
                                                        tr_duration_t timeout, tr_ref_t *out);

/** The order `stop`, as a call. TR_OK, TR_ENOTFOUND, or as tr_call. */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_stop(tr_self *self, tr_ref_t supervisor, tr_str_t id,
                                                 tr_duration_t timeout);

/** The order `restart`. TR_OK, TR_ENOTFOUND, the error of its start, or as tr_call. */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_restart(tr_self *self, tr_ref_t supervisor, tr_str_t id,
                                                    tr_duration_t timeout);

/** The order `remove`. TR_OK, TR_ENOTFOUND, or as tr_call. */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_remove(tr_self *self, tr_ref_t supervisor, tr_str_t id,
                                                   tr_duration_t timeout);

/** The address of a child, or TR_REF_NONE while it is stopped. TR_ENOTFOUND, or as tr_call. */
TR_API TR_MUST_CHECK tr_err_t tr_supervisor_find(tr_self *self, tr_ref_t supervisor, tr_str_t id,
                                                 tr_duration_t timeout, tr_ref_t *out);

TR_END_DECLS

#endif
