// scope.h: what the handler in progress has on top of its request's deadline and cancellation. The
// scopes of an actor are a chain, innermost first, and end with the handler at the latest.
#ifndef TRI_ACTOR_SCOPE_H
#define TRI_ACTOR_SCOPE_H

#include "troupe/scope.h"

#include "actor/actor.h"

struct tr_scope {
    tr_scope *outer;
    uint64_t id;
    int64_t deadline_ns; // that of the outer one included, unless this is a shield
    bool is_shield;
    bool is_canceled; // or an outer one is
    tri_list futures; // begun in it
};

// Owner: the earliest deadline of the handler in progress: of its request and its scopes.
// INT64_MAX: none.
int64_t tri_scope_deadline(const tri_actor *actor);

// Owner: whether the innermost scope is canceled.
static inline bool
tri_scope_is_canceled(const tri_actor *actor)
{
    return actor->scope != NULL && actor->scope->is_canceled;
}

// Owner: whether what comes from around the handler's scopes must not reach its waits.
bool tri_scope_is_shielded(const tri_actor *actor);

// Owner: cancel the wait of the suspended handler, unless it is shielded.
void tri_scope_interrupt(tri_actor *actor, tr_err_t result);

// Owner: the handler is over.
void tri_scopes_end(tri_actor *actor);

// Owner, from the intake: one is to be canceled. Takes the message.
void tri_scope_take_cancel(tri_actor *actor, tr_message *cancel);

#endif
