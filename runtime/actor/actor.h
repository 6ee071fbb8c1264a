// actor.h: what an actor is made of. One struct, `tr_self`, is the slot in the address table, the
// mailbox and the life in it; its memory is never given to anything else, so whoever holds a stale
// address finds a slot there and a generation that says no.
//
// Ownership   An actor is owned by its inbox's owner (base/inbox.h): the worker that runs it, or
//             nobody while it sleeps. All fields but the shared ones are the owner's. The fields of
//             `cold` marked "parent" belong to whoever owns the parent.
#ifndef TRI_ACTOR_ACTOR_H
#define TRI_ACTOR_ACTOR_H

#include "troupe/actor.h"
#include "troupe/runtime.h"

#include "actor/lane.h"
#include "base/inbox.h"
#include "base/list.h"
#include "base/peek.h"
#include "base/wheel.h"
#include "msg/message.h"
#include "sched/worker.h"

#include <stdalign.h>
#include <stdatomic.h>

typedef struct tr_self tri_actor;
typedef struct tri_wait tri_wait;
typedef struct tri_request tri_request;
typedef struct tri_window tri_window;

// Where a life is. Written by the owner, shown to observers.
typedef enum tri_phase {
    TRI_PHASE_FREE,     // no actor in this slot
    TRI_PHASE_STARTING, // start has not returned
    TRI_PHASE_RUNNING,
    TRI_PHASE_ENDING,  // see tri_ending_t
    TRI_PHASE_HELD,    // ended; address and mail wait for the parent's decision
    TRI_PHASE_DEAD,    // ended for good; its mail is returned as dead
    TRI_PHASE_CHANNEL, // not an actor: a mailbox that others take from, see channel.h
    TRI_PHASE_PORT,    // not an actor: the address of a thread outside, see port.h
} tri_phase_t;

// The steps of an end, in order.
typedef enum tri_ending {
    TRI_ENDING_CHILDREN, // their end is awaited
    TRI_ENDING_STOP,     // the stop handler is next
    TRI_ENDING_RELEASE,  // what the life was given is taken back
} tri_ending_t;

// Which handler is in progress, suspended ones included.
typedef enum tri_handler {
    TRI_HANDLER_NONE,
    TRI_HANDLER_START,
    TRI_HANDLER_RECEIVE,
    TRI_HANDLER_STOP,
} tri_handler_t;

// What a parent may tell a child. Bits, so that telling needs no memory and cannot fail.
#define TRI_ORDER_STOP    1u
#define TRI_ORDER_KILL    2u
#define TRI_ORDER_RESTART 4u
#define TRI_ORDER_DISCARD 8u
#define TRI_ORDER_REFUSE  64u  // of a held one: be down
#define TRI_ORDER_REPORT  128u // nobody waits for the answer to the restart: tell when it is held
// What it may tell itself: this life ends, and the parent decides what follows.
#define TRI_ORDER_LEAVE 16u
#define TRI_ORDER_DIE   32u
// Those that end this life.
#define TRI_ORDER_ENDING (TRI_ORDER_STOP | TRI_ORDER_KILL | TRI_ORDER_LEAVE | TRI_ORDER_DIE)

// Something of a life that must be given back with it: a connection, a listener.
typedef struct tri_resource {
    tri_list link; // in cold.resources, in order of opening
    void (*release)(struct tri_resource *resource, tri_actor *owner);
} tri_resource;

#define TRI_EXIT_TEXT 128

// The part that a message does not touch. One block with state, argument and name behind it.
typedef struct tri_cold {
    // Given at spawn, constant for all lives.
    tr_spawn_opts_t opts; // `name` and `arg` point into this block
    tr_ref_t ref;         // its address, also after it has ended
    int socket;           // given at spawn and not yet taken; -1: none
    // This life.
    tri_list children;  // of all ages, by cold.sibling
    tri_list memory;    // tr_alloc
    tri_list resources; // tri_resource
    tri_list timers;    // tr_send_after
    tri_list tokens;    // tr_defer
    tri_lane stash;     // tr_stash
    tri_list watches;   // monitors of mine
    tri_list channels;  // tri_channel: that this life receives from
    int64_t born_ns;
    tri_timer stop_handler_timer; // how long the stop handler may take
    // Across lives.
    tri_list watchers;       // monitors of me
    tri_list rooms;          // senders that wait for room, in order
    uint64_t next_id;        // of timers and monitors
    uint32_t drains;         // requests to drain that it passed on to its children
    int64_t served_ns;       // when the last request with a deadline was begun; 0: none was
    int64_t service_ns;      // how long they take of late; see mailbox.c
    tri_lane probes;         // and questions of proofs that came, until the intake is over
    struct tri_proof *proof; // that the wait in progress is one of a cycle; see proof.h
    tr_ref_t probed_for;     // of the last probe that was sent on: whose wait; see probe.c
    uint32_t probed_wait;
    // The end of the last life.
    char text[TRI_EXIT_TEXT]; // from tr_fail
    const tr_type_t *in_hand; // what it was handling
    uint32_t queued;          // messages left in the mailbox
    int64_t alive_ns;
    bool is_to_report; // TRI_ORDER_REPORT
    bool is_reported;  // held_parcel is on its way, or was read
    bool is_silent;    // the parent's handler need not hear: it gave the order, or has the error
    uint8_t told_children;   // TRI_ORDER_STOP or _KILL, once all were told to end together
    tri_parcel held_parcel;  // tells the parent: held
    tri_parcel ended_parcel; // tells the parent: ended for good
    // Parent: written by the parent's owner, or handed over by an order.
    tri_actor *self;
    tri_list sibling;     // in the parent's children
    tri_timer stop_timer; // kills when an orderly stop takes too long
    uint32_t drained;     // the parent's `drains` when it was last asked
    bool is_told_to_stop;
    bool is_known_held;      // the parent's handler has heard that it is held
    bool is_task;            // its parent hears of its end by a future; see task.c
    bool is_unborn;          // its tr_spawn has failed: nobody but the parent's end cares
    tr_message *start_reply; // room for the answer to tr_spawn or tr_restart; given with the order
} tri_cold;

struct tr_self {
    // Shared: written by any sender.
    alignas(TRI_CACHELINE) tri_inbox inbox;
    _Atomic uint64_t load;     // what is queued and charged; see mailbox.h
    _Atomic uint64_t reserved; // what of it permits hold, in the same form
    // Shared: written by the owner, read by senders and observers.
    _Atomic uint64_t bound_bytes;
    _Atomic uint32_t bound_count;
    _Atomic uint32_t generation; // one more at the end of each actor in this slot
    _Atomic uint32_t policy;     // tr_full_policy_t
    uint32_t slot;               // constant
    _Atomic(tri_window *)
        window; // NULL until the slot has an actor that drops the oldest; see window.h
    tri_task task;
    // Owner, on every message.
    alignas(TRI_CACHELINE) tri_lane normal;
    tri_lane high;
    tri_parcel *first_notice; // DOWN and child exits: ahead of the normal lane
    tri_parcel *last_notice;
    _Atomic(const tr_behavior_t *) behavior;
    void *state;
    tr_message *in_hand;
    tri_wait *wait;         // of the suspended handler
    tri_stack *kept;        // its stack
    struct tr_scope *scope; // the innermost of the handler in progress; NULL: none
    tri_request *requests;  // that wait for an answer
    tr_message *answers;    // lent until the handler returns
    tri_cold *cold;
    tr_runtime *rt;
    // What became of the messages of this mailbox, by tri_counter_t; accepted means taken in. The
    // owner counts, but for the dropped: senders do.
    _Atomic uint64_t ledger[TRI_LEDGER];
    _Atomic uint64_t parent;     // tr_ref_t
    _Atomic(const char *) name;  // its own, in cold; changed under the runtime's lock; NULL: none
    _Atomic uint64_t blocked_on; // tri_blocked_t: whom it waits for; see deadlock.h
    _Atomic uint64_t blocked_in; // and in what wait
    _Atomic(const char *) waits_for; // text for observers; NULL: it does not wait
    tr_message *kept_messages;       // tr_message_keep
    uint32_t next_request; // never reset: a late answer to an earlier actor finds no taker
    _Atomic uint32_t incarnation;
    _Atomic uint32_t orders;  // TRI_ORDER_…: set by the parent's owner, taken by ours
    _Atomic uint32_t phase;   // tri_phase_t
    _Atomic uint32_t handler; // tri_handler_t
    tr_err_t reason;          // of the end in progress, or of the last one
    tr_err_t verdict;         // of a handler that was aborted
    tr_err_t stop_reason; // with is_stopping: TR_OK when it was told to stop, else why it must end
    uint32_t wait_number; // of the waits with an edge; see deadlock.h
    uint8_t ending;       // tri_ending_t
    uint8_t high_run;     // high messages taken in a row; see mailbox.c
    uint8_t breath;       // operations in a row that needed no wait; see wait.c
    bool owes_answer;     // the message in hand is a call, and not answered or deferred
    bool has_answered;
    bool is_unwanted;  // the caller of the message in hand has given up
    bool has_probes;   // cold.probes is not empty
    bool has_proof;    // cold.proof is there
    bool has_channels; // cold.channels is not empty, or was not
    bool is_stashing;  // the message in hand goes to the stash when its handler returns
    bool is_stopping;  // told to stop, or tr_exit
    bool wants_exit;   // tr_exit: stops when the handler returns
    bool is_killed;
    bool is_down;       // it is held, and turns calls away
    bool is_dismissed;  // told so by the parent: there is no next life
    bool is_aborted;    // the handler's stack was abandoned; `verdict` says why
    bool is_started;    // this life's start has succeeded
    bool wants_stack;   // its behavior asks for a stack of its own size
    bool has_window;    // its policy is TR_DROP_OLDEST: messages are in the window
    tri_list free_link; // in the table's free list; under its lock
};

static inline tr_ref_t
tri_actor_ref(const tri_actor *actor)
{
    // relaxed: the owner's own word, or an observer's guess.
    return (tr_ref_t){(uint64_t)TRI_PEEK(&actor->generation) << 32 | actor->slot};
}

static inline tri_worker *
tri_actor_worker(const tri_actor *actor)
{
    return TRI_PEEK(&actor->task.worker);
}

// The worker that a caller runs on, and its address; NULL and none for a thread outside.
static inline tri_worker *
tri_worker_of(const tri_actor *self)
{
    return self != NULL ? tri_actor_worker(self) : NULL;
}

static inline tr_ref_t
tri_ref_of(const tri_actor *self)
{
    return self != NULL ? tri_actor_ref(self) : TR_REF_NONE;
}

static inline tri_phase_t
tri_actor_phase(const tri_actor *actor)
{
    return (tri_phase_t)TRI_PEEK(&actor->phase);
}

static inline tri_handler_t
tri_actor_handler(const tri_actor *actor)
{
    return (tri_handler_t)TRI_PEEK(&actor->handler);
}

// It has a mailbox that takes messages.
static inline bool
tri_actor_is_open(const tri_actor *actor)
{
    tri_phase_t phase = tri_actor_phase(actor);
    return phase == TRI_PHASE_CHANNEL || (phase > TRI_PHASE_FREE && phase < TRI_PHASE_DEAD);
}

static inline void
tri_actor_count(tri_actor *actor, tri_counter_t what)
{
    tri_count(&tri_actor_worker(actor)->counters, what);
}

// "name" or, without one of its own, "behavior": for the log. Owner only.
const char *tri_actor_name(const tri_actor *actor);

// "start", "receive", "stop" or "no handler". Async-signal-safe.
const char *tri_handler_name(tri_handler_t handler);

// Put mail in an actor's inbox, and run it if that woke it. System mail and answers are urgent:
// they reach a handler that waits. `here`: the worker the caller runs on, or NULL.
void tri_actor_post(tri_worker *here, tri_actor *to, tri_parcel *parcel, bool is_urgent);

// The same without mail.
void tri_actor_nudge(tri_worker *here, tri_actor *to);

// Give an order to a child.
void tri_actor_order(tri_worker *here, tri_actor *child, uint32_t order);

// A turn: the tri_task_fn of every actor.
void tri_actor_turn(tri_worker *worker, tri_task *task);

// The tri_describe_fn of every actor.
size_t tri_actor_describe(const tri_task *task, char *out, size_t capacity);

// Take what is in the inbox and in the orders, and sort it.
void tri_actor_intake(tri_actor *actor);

#endif
