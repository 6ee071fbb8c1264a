// view.h: the runtime as an observer on another thread may see it. Nothing here stops a worker.
#ifndef TRI_ACTOR_VIEW_H
#define TRI_ACTOR_VIEW_H

#include "troupe/actor.h"
#include "troupe/error.h"
#include "troupe/runtime.h"

#include <stddef.h>
#include <stdint.h>

#define TRI_VIEW_NAME                                                                              \
    64 // bytes of a name that a view keeps, terminator included; longer ones are cut

// What an actor is doing, for the tools.
typedef enum tri_view_state {
    TRI_VIEW_STARTING, // its start handler has not returned
    TRI_VIEW_IDLE,     // nothing to do
    TRI_VIEW_READY,    // has messages, waits for its worker
    TRI_VIEW_RUNNING,  // its handler runs now
    TRI_VIEW_WAITING,  // its handler waits: see `wait`
    TRI_VIEW_HELD,     // its life has ended and the parent has not decided
    TRI_VIEW_STOPPING, // on its way out
} tri_view_state_t;

// "idle", "waiting", …
const char *tri_view_state_name(tri_view_state_t state);

// One actor. Each field is a consistent value; together they need not be of one moment.
typedef struct tri_actor_view {
    tr_ref_t ref;
    tr_ref_t parent;
    char name[TRI_VIEW_NAME]; // its own, or its behavior's
    char behavior[TRI_VIEW_NAME];
    tri_view_state_t state;
    const char *wait; // static text: "call", "sleep", "tcp read", …; NULL when it does not wait
    uint32_t worker;
    uint32_t incarnation;
    uint32_t queued; // messages in its mailbox
    uint64_t queued_bytes;
    uint32_t mailbox_count; // its bounds
    uint64_t mailbox_bytes;
    // Messages ever taken in, and what became of them.
    uint64_t received;
    uint64_t handled;
    uint64_t failed;
    uint64_t expired;
    uint64_t dropped;
    uint64_t discarded;
} tri_actor_view_t;

// Copy up to `capacity` live actors, in slot order, beginning with slot *cursor (0 at first).
// *cursor becomes where to go on, UINT32_MAX when that was all. Returns how many were written.
size_t tri_view_actors(tr_runtime *rt, uint32_t *cursor, tri_actor_view_t *out, size_t capacity);

// A queued message, as its owner copied it.
typedef struct tri_message_view {
    const tr_type_t *type;
    void *value; // flat copy (tri_layout_copy), NULL where over the copy limit
    tr_ref_t sender;
    char sender_name[TRI_VIEW_NAME];
    uint64_t bytes;
    int64_t age_ns;
    int64_t deadline_left_ns; // may be negative; INT64_MAX: none
    bool is_call;
    bool in_hand;     // the message that the handler is working on
    const char *lane; // "high", "normal", "stash", "system"
} tri_message_view_t;

typedef struct tri_mailbox_view {
    tri_actor_view_t actor;
    tri_message_view_t *messages; // oldest first, at most the number asked for
    size_t count;
    uint64_t total; // messages in the mailbox at that moment, without the one in hand
} tri_mailbox_view_t;

// Ask the owner for a copy of its mailbox, between two messages. Blocks the calling thread.
// TR_OK; TR_EDEAD; TR_ETIMEOUT: the owner is busy in a handler (the actor part is filled in, no
// messages are); TR_ENOMEM. On TR_OK and TR_ETIMEOUT: tri_mailbox_view_fini.
tr_err_t tri_view_mailbox(tr_runtime *rt, tr_ref_t ref, size_t limit, tr_duration_t timeout,
                          tri_mailbox_view_t *out);
void tri_mailbox_view_fini(tri_mailbox_view_t *view);

// The runtime's name, for the tools.
const char *tri_view_runtime_name(const tr_runtime *rt);

#endif
