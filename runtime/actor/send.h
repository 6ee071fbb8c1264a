// send.h: the way of a message from a value to a mailbox, for every kind of sender.
#ifndef TRI_ACTOR_SEND_H
#define TRI_ACTOR_SEND_H

#include "actor/actor.h"

// A message with a flat copy of the value. TR_ENOMEM, TR_ETOOBIG, TR_EINVAL.
tr_err_t
tri_send_prepare(tri_worker *here, const tr_type_t *type, const void *value, tr_message **out);

// Put a message, whose room was taken, into the mailbox of the slot that `to` names. Takes it.
void tri_send_deliver(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to,
                      tr_message *msg, int64_t now_ns);

// A message that asks `target` for room on behalf of `sender`; NULL: no memory.
tr_message *tri_send_ask_room(tri_worker *here, tr_ref_t sender, uint32_t request, tr_ref_t to,
                              uint64_t charge);

// Take room for `msg` in the target's mailbox, waiting for it where the policy says so. On an error
// the message is destroyed, also when self is killed while it waits. Actors only.
tr_err_t tri_send_admit(tri_actor *self, tri_actor *target, tr_ref_t to, tr_message *msg,
                        int64_t deadline_ns);

#endif
