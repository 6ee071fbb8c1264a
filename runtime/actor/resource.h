// resource.h: what a life was given and gives back at its end, however it ends.
#ifndef TRI_ACTOR_RESOURCE_H
#define TRI_ACTOR_RESOURCE_H

#include "actor/actor.h"

// Owner: attach something to this life; `release` is called once, at its end at the latest.
void tri_resource_attach(tri_actor *actor, tri_resource *resource,
                         void (*release)(tri_resource *resource, tri_actor *owner));

// Owner: it is released by other means.
void tri_resource_detach(tri_resource *resource);

// Owner: whether it is one of the actor's. `resource` need not be there any more.
bool tri_resource_holds(const tri_actor *actor, const void *resource);

// Owner: the life ends: everything goes, the youngest first.
void tri_resources_release(tri_actor *actor);

// Timers of tr_send_after; see timer.c.
void tri_timers_release(tri_actor *actor);

// Messages of tr_message_keep; see call.c.
void tri_call_release_kept(tri_actor *actor);

#endif
