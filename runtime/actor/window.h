// window.h: the mailbox of an actor whose policy is TR_DROP_OLDEST: the newest messages that fit.
//
// Dropping the oldest is the sender's work, at the moment of the send, or the bound would not be
// strict while the owner is busy. So this one mailbox is not an inbox: senders and owner share its
// lanes under a lock. Who asks for this policy pays for it; nobody else does.
//
// The window of a slot is made when it first has such an actor, and stays with the slot.
#ifndef TRI_ACTOR_WINDOW_H
#define TRI_ACTOR_WINDOW_H

#include "actor/actor.h"

// Owner, at spawn: the slot has a window from now on. TR_ENOMEM.
tr_err_t tri_window_open(tri_actor *actor);

// Any sender: put a message in, dropping older ones where it must. TR_OK: taken. TR_EFULL: it would
// have to drop and `may_drop` is false. TR_EDEAD, TR_ETOOBIG. On an error it is still the caller's.
tr_err_t tri_window_push(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to,
                         tr_message *msg, bool may_drop);

// Owner: the next message; NULL when there is none, or the next is one of the owner's own lane,
// where it has normal ones: timers, and what was set aside.
tr_message *tri_window_pop(tri_actor *actor, bool has_own);

// Owner: the first message, high ones first, that `is_wanted` wants; NULL when there is none.
tr_message *
tri_window_take(tri_actor *actor, bool (*is_wanted)(const tr_message *msg, void *arg), void *arg);

// Owner: whether there is nothing in it; if so, the next push nudges.
bool tri_window_is_empty(const tri_actor *actor);

// Owner: look at the messages, high ones first; no sender may drop them meanwhile.
const tri_lane *tri_window_lock(tri_actor *actor, bool high);
void tri_window_unlock(tri_actor *actor);

// No worker runs: free it. NULL is allowed.
void tri_window_destroy(tri_window *window);

#endif
