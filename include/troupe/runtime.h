/**
 * @file runtime.h
 * A runtime is a set of workers and the actors that live on them. A service lets tr_main make it;
 * a program that has a life of its own beside the actors makes one here, and its threads talk to
 * the actors with tr_runtime_send and tr_runtime_call.
 *
 *     tr_runtime *rt;
 *     tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.workers = 2}, &rt);
 *     err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &greeter}, &ref);
 *     err = tr_runtime_call(rt, ref, TR_MSG(hello), TR_REPLY(greeting, &g), tr_seconds(1));
 *     tr_runtime_release(rt, g);
 *     tr_runtime_stop(rt);
 *     tr_runtime_destroy(rt);
 *
 * Functions with @threads any may be called from any thread outside the runtime. They block the
 * calling thread, so a handler uses tr_send and tr_call instead.
 */
#ifndef TROUPE_RUNTIME_H
#define TROUPE_RUNTIME_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"

TR_BEGIN_DECLS

/** A running runtime. Owned by whoever created it. */
typedef struct tr_runtime tr_runtime;

/** How severe a line of the log is. */
typedef enum tr_log_level {
    TR_LOG_DEBUG,
    TR_LOG_INFO,
    TR_LOG_WARN,
    TR_LOG_ERROR,
} tr_log_level_t;

/**
 * Where the runtime reports: a failed life, an unhandled type, a stop that takes long; and tr_log.
 * `line` is one line without its newline, borrowed. Called from any worker, also at once.
 */
typedef void (*tr_log_fn)(tr_log_level_t level, const char *line, void *arg);

/**
 * Say something in the runtime's log: one line, which begins with the name of `self`. For what
 * people want to read later, such as a state that has changed; what happens with every message is
 * for the tracer.
 * @param format  as printf, without a newline; what is longer than two kilobytes is cut off
 */
TR_API TR_PRINTF(3, 4) void tr_log(tr_self *self, tr_log_level_t level, const char *format, ...);

/** Zero is the default of every field. */
typedef struct tr_runtime_opts {
    const char *name;   // shown by the tools; NULL: the program's name. Copied.
    uint32_t workers;   // 0: one per core; at most 256
    size_t stack_bytes; // of a handler that waits; 0: 256 KiB; at least 16 KiB
    tr_log_fn log;      // NULL: lines to standard error
    void *log_arg;
    tr_log_level_t log_level; // what is less severe is not reported; 0: TR_LOG_DEBUG, everything is
    uint32_t inspect;         // TR_INSPECT_…
} tr_runtime_opts_t;

#define TR_INSPECT_OFF 0u // no trace socket: the default of a runtime made by hand
#define TR_INSPECT_ON  1u // serve the trace socket; tr_main does, unless it is told otherwise

/**
 * Make a runtime and start its workers.
 * @param opts  NULL for all defaults. Borrowed.
 * @param out   owned; tr_runtime_destroy
 * @return TR_OK, TR_EINVAL, TR_ENOMEM, TR_ELIMIT when the system refuses threads or descriptors,
 *         TR_EACCESS when the trace socket's folder is not safe to use.
 */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_create(const tr_runtime_opts_t *opts, tr_runtime **out);

/**
 * Begin an orderly end: every actor is stopped, children before parents, the youngest first.
 * Returns at once; tr_runtime_wait waits. May be called twice.
 * @threads any, also a handler
 */
TR_API void tr_runtime_stop(tr_runtime *rt);

/** End without delay: as tr_runtime_stop, but every actor is killed. @threads any, also a handler
 */
TR_API void tr_runtime_kill(tr_runtime *rt);

/**
 * Wait until every actor has ended after tr_runtime_stop or tr_runtime_kill, and what they left
 * running on the threads of lanes (blocking.h).
 * @return TR_OK, or TR_ETIMEOUT. @threads any, not a handler
 */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_wait(tr_runtime *rt, tr_duration_t timeout);

/**
 * Stop if that was not done, wait for the end, free everything. NULL is allowed. What is borrowed
 * from the runtime ends here. Not from a handler; no other thread may be using the runtime.
 */
TR_API void tr_runtime_destroy(tr_runtime *rt);

/**
 * Spawn an actor without a parent actor: the runtime's root is its parent. As tr_spawn, but a
 * socket cannot be given (TR_EINVAL, and it stays yours).
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_spawn(tr_runtime *rt, const tr_spawn_opts_t *opts,
                                               tr_ref_t *out);

/**
 * Send from a thread outside. As tr_send; where the mailbox is full and its policy is TR_SUSPEND
 * the calling thread waits up to `timeout`.
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_send(tr_runtime *rt, tr_ref_t to, const tr_type_t *type,
                                              const void *value, tr_duration_t timeout);

/**
 * Call from a thread outside. As tr_call, but the answer is owned: give it back with
 * tr_runtime_release.
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_call(tr_runtime *rt, tr_ref_t to, const tr_type_t *type,
                                              const void *value, const tr_type_t *expect, void *out,
                                              tr_duration_t timeout);

/**
 * Answer a call that a thread outside received from a channel, as tr_reply_to does for an actor.
 * @param msg  received and not given back yet; one that is given back without an answer is answered
 *             with TR_ENOREPLY
 * @return TR_OK, TR_EALREADY when it was answered before, TR_EINVAL when it was not received by
 * hand, or TR_ENOMEM.
 * @threads any, but one at a time for one message
 */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_reply_to(tr_runtime *rt, const tr_message *msg,
                                                  const tr_type_t *type, const void *value);

/** The same with an error, any but TR_OK. */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_reply_error_to(tr_runtime *rt, const tr_message *msg,
                                                        tr_err_t error);

/** Give back an answer of tr_runtime_call, or a message that a thread outside received. NULL is
 *  allowed. @threads any */
TR_API void tr_runtime_release(tr_runtime *rt, const void *value);

/**
 * Where the messages went. At rest:
 * accepted = handled + failed + expired + dropped + dead + returned + discarded + queued.
 */
typedef struct tr_ledger {
    uint64_t accepted;  // entered a mailbox, or were answers sent to a caller
    uint64_t handled;   // a handler returned TR_OK or TR_EUNHANDLED; answers: the caller got them
    uint64_t failed;    // the handler failed with the message in hand
    uint64_t expired;   // the deadline passed in the queue
    uint64_t dropped;   // by the policy of a full mailbox
    uint64_t dead;      // reached an actor that had ended in the meantime
    uint64_t returned;  // answers that nobody waited for any more
    uint64_t discarded; // still queued when their actor ended
    uint64_t queued;    // in mailboxes now
} tr_ledger_t;

/** The runtime in numbers. Counters only grow. */
typedef struct tr_stats {
    tr_ledger_t ledger;
    uint64_t actors;    // alive, the root included
    uint64_t spawned;   // actors ever spawned
    uint64_t restarts;  // lives begun after the first
    uint64_t failures;  // lives ended by a failure
    uint64_t deadlocks; // waits that failed with TR_EDEADLK because a cycle of waits closed
    uint64_t stacks;    // stacks in use by handlers that wait
    uint64_t turns;     // times a worker took up an actor
    uint64_t wakeups;   // times a sleeping worker was woken by another thread
    uint32_t workers;
} tr_stats_t;

/** Read the counters. Each is exact; together they are a snapshot only at rest. @threads any */
TR_API void tr_runtime_stats(const tr_runtime *rt, tr_stats_t *out);

TR_END_DECLS

#endif
