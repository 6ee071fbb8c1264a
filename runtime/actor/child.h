// child.h: what a parent does with its children, beside what actor.h offers to everyone.
#ifndef TRI_ACTOR_CHILD_H
#define TRI_ACTOR_CHILD_H

#include "actor/actor.h"

// A child, made and not started. From TR_OK on it owns the socket; until then we close it.
tr_err_t tri_child_make(tr_self *self, const tr_spawn_opts_t *opts, tri_actor **out);

// Owner of the parent: tell a child to stop, and kill it when that takes too long; or kill it now.
void tri_child_stop(tri_actor *parent, tri_actor *child, bool kill);

// When the end of a child that is told to stop now has taken too long; INT64_MAX: never.
int64_t tri_child_shutdown_deadline(const tri_actor *child, tri_worker *here);

// Owner of the parent, which is ending: tell the next child to stop, or all of them.
void tri_children_stop(tri_actor *parent);

// Owner of the parent: a child has ended for good and its notice was taken: the slot is free.
void tri_child_reap(tri_worker *here, tri_actor *child);

#endif
