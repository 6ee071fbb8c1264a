// child.h: what a parent does with its children, beside what actor.h offers to everyone.
#ifndef TRI_ACTOR_CHILD_H
#define TRI_ACTOR_CHILD_H

#include "actor/actor.h"
#include "actor/wait.h"

// A child, made and not started. From TR_OK on it owns the socket; until then we close it.
tr_err_t tri_child_make(tr_self *self, const tr_spawn_opts_t *opts, tri_actor **out);

// Owner of the parent: the child that has this address. NULL: *out_err is TR_EDEAD, or TR_EINVAL
// when it is no child.
tri_actor *tri_child_find(tri_actor *self, tr_ref_t ref, tr_err_t *out_err);

// Owner of the parent: whether it is not on its way out, where nobody begins any more.
bool tri_child_may_begin(const tri_actor *self);

// Owner of the parent: room for the answer to a start, so that the child's side cannot fail; and
// wait for it. TR_OK: *out_verdict is what the start has returned. Otherwise it goes on.
tr_err_t tri_child_prepare_start(tri_actor *self, tri_cold *child, tri_request *request);
tr_err_t tri_child_await_start(tri_actor *self, tri_actor *child, tri_request *request,
                               tr_err_t *out_verdict);

// Owner of the parent: `fire` ends the child's time to stop in good order.
void tri_child_arm_stop(tri_worker *here, tri_actor *child, tri_timer_fn fire);

// Owner of the parent: tell a child to stop, and kill it when that takes too long; or kill it now.
void tri_child_stop(tri_actor *parent, tri_actor *child, bool kill);

// When the end of a child that is told to stop now has taken too long; INT64_MAX: never.
int64_t tri_child_shutdown_deadline(const tri_actor *child, tri_worker *here);

// Owner of the parent, which is ending: tell the next child to stop, or all of them.
void tri_children_stop(tri_actor *parent);

// Owner of the parent: a child has ended for good and its notice was taken: the slot is free.
void tri_child_reap(tri_worker *here, tri_actor *child);

#endif
