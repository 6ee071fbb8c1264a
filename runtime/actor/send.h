// send.h: the way of a message from a value to a mailbox, for every kind of sender.
#ifndef TRI_ACTOR_SEND_H
#define TRI_ACTOR_SEND_H

#include "actor/mailbox.h"

// A message with a flat copy of the value. TR_ENOMEM, TR_ETOOBIG, TR_EINVAL.
tr_err_t
tri_send_prepare(tri_worker *here, const tr_type_t *type, const void *value, tr_message **out);

// Put a message, whose room was taken, into the mailbox of the slot that `to` names. Takes it.
void tri_send_deliver(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to,
                      tr_message *msg, int64_t now_ns);

// The same for a message that takes no room.
void tri_send_deliver_free(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to,
                           tr_message *msg, int64_t now_ns);

// Send one of the runtime's own messages, which takes no room and is urgent. Takes it. False:
// nobody is there.
bool tri_send_system(tr_runtime *rt, tri_worker *here, tr_message *msg, tr_ref_t to);

// A message that asks `to` for room on behalf of `sender`, with a value of `size` bytes that begins
// with the tri_room; NULL: no memory.
tr_message *
tri_send_ask_room(tri_worker *here, tr_ref_t sender, tr_ref_t to, tri_space_t space, size_t size);

// Send such a message and wait for what it asks for. Takes `msg`, for which the room is, when it
// fails or self is killed; may be NULL. TR_OK: *out is the granted room, the caller's.
tr_err_t tri_send_await_room(tri_actor *self, tri_actor *target, tr_message *ask, tr_message *msg,
                             int64_t deadline_ns, tr_message **out);

// Put a message into a mailbox as the mailbox's policy says, without waiting: its room is taken,
// others are dropped for it, or it is dropped itself. TR_OK: taken. Otherwise it is still the
// caller's: TR_EFULL, also for a call that was dropped; TR_ETOOBIG; TR_EDEAD.
tr_err_t tri_send_try(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to,
                      tr_message *msg, int64_t now_ns, bool may_drop);

// The same for an actor, which waits for room where the policy says so. Takes the message in every
// case, also when self is killed while it waits.
tr_err_t
tri_send_put(tri_actor *self, tri_actor *target, tr_ref_t to, tr_message *msg, int64_t deadline_ns);

// As tr_send, with a timeout and flags of the message.
tr_err_t tri_send_from(tri_actor *self, tr_ref_t to, const tr_type_t *type, const void *value,
                       uint64_t flags, tr_duration_t timeout);

#endif
