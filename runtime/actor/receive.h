// receive.h: a handler that waits for a message, seen from whoever else takes one out.
#ifndef TRI_ACTOR_RECEIVE_H
#define TRI_ACTOR_RECEIVE_H

#include "actor/park.h"

// Mail, and notices that are messages: of the actor that waits, which is the object.
extern const tri_parking_ops tri_mail_ops;
extern const tri_parking_ops tri_notice_ops;

// Owner: `msg` was taken out of a lane, where it stood behind `before`, NULL at the front: a
// handler that has looked through that lane goes on from there.
void tri_receive_forget(tri_actor *actor, const tr_message *msg, tr_message *before);

#endif
