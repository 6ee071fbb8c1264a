/**
 * @file actor.h
 * An actor is some state, a mailbox and a function that handles one message at a time. The
 * handler is plain C: it may call anything here, and what waits suspends the actor, never the
 * thread. An actor has a parent, which hears of its end, and children, which end with it.
 *
 *     static tr_err_t
 *     greeter_receive(tr_self *self, void *state, const tr_message *msg)
 *     {
 *         const hello *h = tr_as(hello, msg);
 *         if (h != NULL) {
 *             return tr_reply(self, TR_MSG(greeting, .text = TR_STR("good evening")));
 *         }
 *         return TR_EUNHANDLED;
 *     }
 *     const tr_behavior_t greeter = {.name = "greeter", .receive = greeter_receive};
 *
 * Unless a comment says otherwise, functions that take `self` may be called only inside a handler
 * of that actor, and arguments are borrowed for the call. "Handler" means start, receive and stop.
 * Whatever a handler gets from errno must be read before the next call that waits. A pthread lock
 * must be released before it: other actors run on this thread meanwhile, and the first that wants
 * the lock stops them all. Checked builds (docs/checked.md) report such a lock; others say nothing.
 */
#ifndef TROUPE_ACTOR_H
#define TROUPE_ACTOR_H

#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"
#include "troupe/socket.h"

TR_BEGIN_DECLS

/** An actor as its own handlers see it: the same pointer in all of them, to be used only there. */
typedef struct tr_self tr_self;

/** In the place of `self`, where a function says so: the caller is a thread outside the runtime. It
 *  blocks where an actor would wait, so no handler may say this. */
#define TR_OUTSIDE ((tr_self *)NULL)

/**
 * Prepare a life: fill `state` (zeroed, `state_size` bytes), open what it needs, spawn children.
 * Runs in the new actor, also at each restart. `arg` is the copy of the argument given at spawn.
 * May wait. An error ends this life at once with that reason; the spawner gets it.
 */
typedef tr_err_t (*tr_start_fn)(tr_self *self, void *state, const void *arg);

/**
 * Handle one message, borrowed until the return. May wait; meanwhile the actor takes no other.
 * @return TR_OK          handled
 *         TR_EUNHANDLED  not a message of mine: counted, reported once per type; a call is answered
 *                        with it; the actor lives on
 *         another error  this life ends with that reason; the parent decides what follows
 */
typedef tr_err_t (*tr_receive_fn)(tr_self *self, void *state, const tr_message *msg);

/**
 * Say goodbye: flush, close what the runtime does not know about. Runs once per life that started,
 * after the children have ended, unless the actor was killed. `reason` is TR_OK for an orderly end;
 * otherwise the state is as the failed handler left it. May wait, until the deadline of the stop.
 */
typedef void (*tr_stop_fn)(tr_self *self, void *state, tr_err_t reason);

/** What makes one actor different from another. A constant table, valid as long as the runtime. */
typedef struct tr_behavior {
    const char *name;      // shown by the tools; required
    size_t state_size;     // bytes of state per life, zeroed; 0 for none
    tr_start_fn start;     // may be NULL
    tr_receive_fn receive; // required
    tr_stop_fn stop;       // may be NULL
    size_t stack_bytes; // stack of its handlers, at least the runtime's and at most 128 times that;
                        // 0: it
} tr_behavior_t;

/** What a send does when the mailbox is at its bound. */
typedef enum tr_full_policy {
    TR_SUSPEND,     // the sender waits its turn, in order of arrival, until its deadline
    TR_REJECT,      // the sender gets TR_EFULL
    TR_DROP_NEWEST, // the message is dropped and counted, and the sender gets TR_OK; a caller
                    // TR_EFULL
    TR_DROP_OLDEST, // the oldest messages are dropped and counted; who called with them gets
                    // TR_EFULL. Stashed ones are not: where they alone leave no room, the sender
                    // gets TR_EFULL
} tr_full_policy_t;

/** On which worker an actor lives. */
typedef enum tr_place {
    TR_PLACE_ANY,  // the runtime spreads actors over the workers
    TR_PLACE_NEAR, // the worker of the parent: for pairs that talk much
    TR_PLACE_AT,   // the worker named in `worker`, modulo their number
} tr_place_t;

/** What becomes of a child whose life has ended, unless its parent told it to stop. */
typedef enum tr_after_exit {
    TR_AFTER_EXIT_END,  // the actor has ended: its mail is discarded, its address answers TR_EDEAD
    TR_AFTER_EXIT_HOLD, // address and mail wait until the parent says tr_restart or tr_discard
} tr_after_exit_t;

/** How to stop the children when their parent ends. */
typedef enum tr_stop_order {
    TR_STOP_REVERSE,  // one after the other, the youngest first
    TR_STOP_TOGETHER, // all at once: for many alike, such as connections
} tr_stop_order_t;

#define TR_SHUTDOWN_DEFAULT  0  // 5000 ms
#define TR_SHUTDOWN_KILL     -1 // at once, without the stop handler
#define TR_SHUTDOWN_INFINITE -2 // as long as it takes
#define TR_START_INFINITE    -1 // a start handler may take as long as it takes

/** How to spawn an actor. Zero is the default of everything but `behavior`. */
typedef struct tr_spawn_opts {
    const tr_behavior_t *behavior; // required
    const char *name;              // of this one actor; copied; NULL: the behavior's name serves
    const void *arg;               // passed to start; copied, so that a restart has it too
    size_t arg_size;               // bytes at arg
    const tr_socket_t *socket; // for the actor to take with tr_tcp_take; given, also when the spawn
                               // fails: the runtime closes what nobody took. NULL: none
    uint32_t mailbox_count;    // bound in messages; 0 for 256
    size_t mailbox_bytes;      // bound in bytes; 0 for 1 MiB
    tr_full_policy_t full;     // when the bound is reached
    tr_place_t place;
    uint32_t worker; // for TR_PLACE_AT
    tr_after_exit_t after_exit;
    tr_stop_order_t stop_order; // of its own children
    tr_ref_t before;            // the sibling that it precedes in the order of children; none: it
                                // comes last
    int64_t start_timeout_ms;   // how long start may take; 0 for 5000; TR_START_INFINITE
    int64_t shutdown_ms;        // how long an orderly stop may take, or TR_SHUTDOWN_…
} tr_spawn_opts_t;

/**
 * Start a child of `self`. Returns when its start handler has returned, so that a child that is
 * there is a child that works; without a start handler it returns at once.
 *
 * A spawn that fails is not reported again: no tr_child_exit follows.
 *
 * @param out  the child's address, written only on TR_OK. A value.
 * @return TR_OK, the error of its start, or
 *         TR_EINVAL     an option is outside its range, `before` is no child of self
 *         TR_EDEAD      `before` has ended
 *         TR_ENOMEM     memory or the room for actors is exhausted
 *         TR_ETIMEOUT   start took longer than start_timeout_ms; the child is being killed
 *         TR_ECANCELED  self is being stopped
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_spawn(tr_self *self, const tr_spawn_opts_t *opts, tr_ref_t *out);

/**
 * True when the actor has ended for good: from now on what is sent there gets TR_EDEAD. One that
 * waits for its restart has not ended; TR_REF_NONE always has. False is no promise, since it may
 * end at any moment: tr_monitor tells of that. Never waits. For channels (mpsc.h) as well.
 */
TR_API bool tr_has_ended(const tr_self *self, tr_ref_t actor);

/** My own address. */
TR_API tr_ref_t tr_self_ref(const tr_self *self);

/** My parent's address; the runtime's root actor has none. */
TR_API tr_ref_t tr_self_parent(const tr_self *self);

/** Which life this is: 1 for the first, one more at each restart. */
TR_API uint32_t tr_self_incarnation(const tr_self *self);

/** The number of workers of the runtime: as many handlers run at one time. */
TR_API uint32_t tr_self_workers(const tr_self *self);

/** The worker this actor lives on, from 0. */
TR_API uint32_t tr_self_worker(const tr_self *self);

/** True once this actor is asked to stop: what waits now returns TR_ECANCELED. */
TR_API bool tr_self_is_stopping(const tr_self *self);

/** Nanoseconds on the runtime's clock: monotonic, from an arbitrary start. */
TR_API int64_t tr_now_ns(const tr_self *self);

/** A random number: fast, of the runtime's own sequence, and not fit for secrets. */
TR_API uint64_t tr_random(tr_self *self);

/**
 * Send a message to an actor.
 *
 * TR_OK means the message is in the mailbox, not that anyone has read it. Messages from one sender
 * to one receiver arrive in the order they were sent. Mail to oneself is like any other, and
 * survives a restart; what belongs to this life alone is sent with tr_send_after. Where the mailbox
 * is full and its policy is TR_SUSPEND, `self` waits its turn until the deadline of the message it
 * is handling, if that one has a deadline.
 *
 * @param to     who should receive it. Sending to the dead is ordinary: see TR_EDEAD.
 * @param type   the message's type, and
 * @param value  its value; write both as TR_MSG(name, .field = …). Copied: yours to reuse at once.
 * @return TR_OK, or
 *         TR_EDEAD      the receiver has ended; nothing was delivered
 *         TR_EFULL      the mailbox is at its bound and its policy does not make room
 *         TR_ETOOBIG    the message alone is larger than the mailbox's bound in bytes
 *         TR_ETIMEOUT   the mailbox stayed full until the deadline
 *         TR_EDEADLK    the mailbox is full and it is my own
 *         TR_EDOWN      the mailbox is full and the receiver waits for its restart; see tr_refuse
 *         TR_ECANCELED  self is being stopped
 *         TR_ENOMEM
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_send(tr_self *self, tr_ref_t to, const tr_type_t *type,
                                      const void *value);

/** As tr_send, but a full mailbox answers TR_EFULL at once, whatever its policy. Never waits. */
TR_API TR_MUST_CHECK tr_err_t tr_try_send(tr_self *self, tr_ref_t to, const tr_type_t *type,
                                          const void *value);

/**
 * As tr_send, ahead of ordinary messages: the receiver takes high ones first, but after eight in a
 * row an ordinary one that waits. High messages keep their order among themselves. The same bound
 * counts both.
 */
TR_API TR_MUST_CHECK tr_err_t tr_send_high(tr_self *self, tr_ref_t to, const tr_type_t *type,
                                           const void *value);

/**
 * Suspend this actor for a time.
 * @return TR_OK, TR_ETIMEOUT when the deadline of the message in hand comes first, or TR_ECANCELED.
 */
TR_API TR_MUST_CHECK tr_err_t tr_sleep(tr_self *self, tr_duration_t duration);

/** Let others run: this actor goes to the back of its worker's queue. TR_OK or TR_ECANCELED. */
TR_API TR_MUST_CHECK tr_err_t tr_yield(tr_self *self);

/**
 * Allocate memory that belongs to this life: freed when the life ends, however it ends, or earlier
 * with tr_free. Aligned for any type, not zeroed.
 * @return the memory, or NULL when there is none.
 */
TR_API void *tr_alloc(tr_self *self, size_t size);

/** Resize memory from tr_alloc (NULL allocates). On NULL the old memory is still there. */
TR_API void *tr_realloc(tr_self *self, void *memory, size_t size);

/** Free memory from tr_alloc of the same life. NULL is allowed. */
TR_API void tr_free(tr_self *self, void *memory);

/**
 * End this life now, with a reason that people can read. The stack of the handler is abandoned:
 * nothing after this call runs. What the runtime gave out is released; the parent decides.
 *
 * @param reason  any error but TR_OK and TR_EUNHANDLED, which become TR_EFAULT
 * @param format  as printf; at most 127 bytes are kept
 */
TR_API TR_NORETURN TR_PRINTF(3, 4) void tr_fail(tr_self *self, tr_err_t reason, const char *format,
                                                ...);

/** End in good order: when the handler in progress returns TR_OK, this actor stops with TR_OK. */
TR_API void tr_exit(tr_self *self);

/**
 * Ask a child, or oneself, to stop in good order within its `shutdown_ms`, after which it is
 * killed. Returns at once; the parent hears of the end as tr_child_exit.
 * @return TR_OK, TR_EDEAD, or TR_EINVAL when `actor` is neither self nor a child of self.
 */
TR_API TR_MUST_CHECK tr_err_t tr_stop(tr_self *self, tr_ref_t actor);

/** As tr_stop, but without the stop handler and without delay. A running handler runs to its next
 *  wait or return: C cannot be interrupted safely. */
TR_API TR_MUST_CHECK tr_err_t tr_kill(tr_self *self, tr_ref_t actor);

/**
 * Give a held child (TR_AFTER_EXIT_HOLD) its next life: fresh state, the same address, the mail
 * that waits. Returns when its start has returned.
 * @return as tr_spawn; on the error of start the child is held again, and tr_child_exit is not
 * sent. TR_ETIMEOUT: it is being killed, and a tr_child_exit says when it is held again; or it has
 * had no turn to begin in all that time, and is held: see tr_is_held. TR_EDEAD when it has ended,
 * TR_EINVAL when it is not a child, TR_EALREADY when it lives.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_restart(tr_self *self, tr_ref_t child);

/**
 * End the life of a child (TR_AFTER_EXIT_HOLD) in good order, within its shutdown_ms, and hold it:
 * address and mail wait for tr_restart or tr_discard. Returns when that is done; no tr_child_exit
 * follows. A child that is held already, or just about to be, is held.
 * @return TR_OK; TR_EDEAD when it has ended for good, TR_EINVAL when it is not a child or not of
 * those that are held; or what a wait returns: then a tr_child_exit follows when it is held.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_hold(tr_self *self, tr_ref_t child);

/** Whether a child of self is held, and self knows: it waits for tr_restart or tr_discard. */
TR_API bool tr_is_held(tr_self *self, tr_ref_t child);

/**
 * Let a held child turn callers away until its next life: requests that wait in its mailbox and
 * those that come are answered TR_EDOWN at once, and so is who waits for room. Messages stay.
 * @return TR_OK, TR_EDEAD, TR_EINVAL, TR_EALREADY as tr_restart
 */
TR_API TR_MUST_CHECK tr_err_t tr_refuse(tr_self *self, tr_ref_t child);

/** Give a held child up: its mail is discarded (calls are answered TR_EDEAD), its address ends. */
TR_API TR_MUST_CHECK tr_err_t tr_discard(tr_self *self, tr_ref_t child);

/**
 * A life of a child has ended. Sent to the parent, ahead of ordinary messages.
 * A parent that answers TR_EUNHANDLED to a child's failure ends as well, with TR_ECHILD: a failure
 * is never lost. An orderly end (reason 0) needs no handling.
 *
 *   child        whose life ended
 *   reason       a tr_err_t; 0 is an orderly end
 *   text         from tr_fail, else empty
 *   incarnation  which life, from 1
 *   held         true: it waits for tr_restart or tr_discard
 *   queued       messages in its mailbox at the end
 *   alive_ns     how long that life lasted
 *   in_hand      the type of the message it was handling, else empty
 */
#define TR_CHILD_EXIT(F, T)                                                                        \
    F(T, ref, child)                                                                               \
    F(T, i32, reason)                                                                              \
    F(T, str, text)                                                                                \
    F(T, u32, incarnation)                                                                         \
    F(T, bool, held)                                                                               \
    F(T, u32, queued)                                                                              \
    F(T, i64, alive_ns)                                                                            \
    F(T, str, in_hand)
TR_MESSAGE(tr_child_exit, TR_CHILD_EXIT);

/**
 * Set the message in hand aside, to be received again after tr_unstash_all. It keeps its room in
 * the mailbox and its caller waits on. It takes effect when the handler returns without a failure,
 * and survives a restart: the next life finds it at the front of its mailbox.
 * @return TR_OK, TR_EINVAL outside receive or for a message of the runtime (tr_child_exit,
 * tr_down), TR_EALREADY when it was answered, deferred or stashed before, TR_EFULL when its room in
 * the mailbox has been given to another message in the meantime.
 */
TR_API TR_MUST_CHECK tr_err_t tr_stash(tr_self *self);

/** Put all that was stashed back to the front of the mailbox, in the order in which it had come.
 *  High messages that wait still come first. */
TR_API void tr_unstash_all(tr_self *self);

/** A monitor: which watch a tr_down belongs to. */
typedef struct tr_monitor {
    uint64_t raw; // 0 is none
} tr_monitor_t;

/**
 * The watched actor has ended for good. Sent exactly once per monitor.
 *   monitor  the value that tr_monitor gave
 *   actor    whom it watched
 *   reason   a tr_err_t; TR_EDEAD when it had ended before the watch began
 */
#define TR_DOWN(F, T) F(T, u64, monitor) F(T, ref, actor) F(T, i32, reason)
TR_MESSAGE(tr_down, TR_DOWN);

/**
 * Watch an actor: when it ends, `self` receives a tr_down. The room for that message is reserved
 * now, so it arrives even when self's mailbox is full. Ends with this life, or by tr_demonitor.
 */
TR_API TR_MUST_CHECK tr_err_t tr_monitor(tr_self *self, tr_ref_t actor, tr_monitor_t *out);

/** End a watch. No tr_down of it is received after this returns. A watch that is over is ignored.
 */
TR_API void tr_demonitor(tr_self *self, tr_monitor_t monitor);

/**
 * Tie this life to another actor's: when one of the two fails, or is killed, the other ends too,
 * with TR_ELINKED. An orderly end unties them. For peers that are of no use without each other; one
 * that wants to live on and know uses tr_monitor. An actor that has ended already counts as failed.
 * A second link to the same actor is one more.
 * @return TR_OK, TR_ENOMEM, or TR_EINVAL when no actor ever had this address or it is my own.
 */
TR_API TR_MUST_CHECK tr_err_t tr_link(tr_self *self, tr_ref_t actor);

/** Untie what this life has linked to `actor` itself. Links that the other made are the other's. */
TR_API void tr_unlink(tr_self *self, tr_ref_t actor);

/** A timer that tr_send_after armed. */
typedef struct tr_timer {
    uint64_t raw; // 0 is none
} tr_timer_t;

/**
 * Send a message to oneself after a delay. It arrives as an ordinary message, ahead of no one, and
 * takes no room of the mailbox's bound. It belongs to this life: a later one does not get it.
 * @param out  the timer, for tr_timer_cancel; may be NULL
 */
TR_API TR_MUST_CHECK tr_err_t tr_send_after(tr_self *self, tr_duration_t delay,
                                            const tr_type_t *type, const void *value,
                                            tr_timer_t *out);

/** Cancel a timer. After this its message is not received, fired or not. */
TR_API void tr_timer_cancel(tr_self *self, tr_timer_t timer);

TR_END_DECLS

#endif
