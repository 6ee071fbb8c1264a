// drain.h: a request to finish goes down the tree; see troupe/drain.h.
#ifndef TRI_ACTOR_DRAIN_H
#define TRI_ACTOR_DRAIN_H

#include "troupe/drain.h"

#include "actor/actor.h"

static inline bool
tri_is_drain(const tr_message *msg)
{
    return msg->parcel.type == &tr_drain_type;
}

// Owner, after the handler of a request to drain, which it has not answered: ask the children, and
// answer it when they have. False: without memory for that.
bool tri_drain_begin(tri_actor *actor);

#endif
