// life.h: how an actor begins, ends, and begins again.
#ifndef TRI_ACTOR_LIFE_H
#define TRI_ACTOR_LIFE_H

#include "actor/actor.h"

// TR_EINVAL with a line in the log that names the option, or TR_OK.
tr_err_t tri_spawn_opts_check(tr_runtime *rt, const tr_spawn_opts_t *opts);

// Make an actor, owned by the caller, not yet running. `parent` may be NULL for the root.
tr_err_t tri_life_create(tr_runtime *rt, tri_actor *parent, tri_worker *near,
                         const tr_spawn_opts_t *opts, tri_actor **out);

// Let go of an actor that the caller owns: it sleeps, or runs when there is mail.
void tri_life_release_owner(tri_worker *here, tri_actor *actor);

// Owner: this life ends for `reason`. The rest happens in tri_life_end_step.
void tri_life_begin_end(tri_actor *actor, tr_err_t reason);

// Owner: take the next step of an end. False: it waits for something.
bool tri_life_end_step(tri_actor *actor);

// Owner: whether the stop handler is part of this end.
bool tri_life_wants_stop_handler(const tri_actor *actor);

// Owner of a held actor, or of one whose end has released everything: end it for good.
void tri_life_finish(tri_actor *actor);

// Owner: the handler in progress will not be continued; let go of what is on its stack.
void tri_life_leave_stack(tri_actor *actor);

// Owner of a held actor: begin the next life.
void tri_life_begin_again(tri_actor *actor);

// Owner of a held actor: tell the parent, unless it was told.
void tri_life_report_held(tri_actor *actor);

// Owner: answer the tr_spawn or tr_restart that waits for this life's start.
void tri_life_answer_start(tri_actor *actor, tr_err_t error);

// End the handler in progress on its own stack, which is given up. Owner, inside the handler.
TRI_NORETURN void tri_life_abort(tri_actor *self, tr_err_t reason);

#endif
