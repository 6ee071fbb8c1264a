// cancel.h: nobody waits for the answer to a request any more: whoever has it is told. A request
// that is queued is taken out; the handler that has it in hand is canceled, and with it what it
// waits for, which chases further; one whose answer was deferred is not wanted any more; one that
// was delegated is chased where it went.
#ifndef TRI_ACTOR_CANCEL_H
#define TRI_ACTOR_CANCEL_H

#include "actor/actor.h"

// Tell `callee` that `caller` does not wait for the answer to `request` any more; `is_late` when
// that is because its deadline has passed. Without memory it is not told, and finds out by the
// deadline alone. Any thread.
void tri_cancel_chase(tr_runtime *rt, tri_worker *here, tr_ref_t caller, uint32_t request,
                      tr_ref_t callee, bool is_late);

// Owner, from the intake: a caller has given up. Takes the message.
void tri_cancel_take(tri_actor *actor, tr_message *cancel);

// Owner of the caller, from the intake: its request has been delegated. Takes the message.
void tri_cancel_follow(tri_actor *actor, tr_message *delegated);

// Owner: whether the handler in progress works for nobody any more: its caller has given up, or the
// deadline of the request in hand has passed.
bool tri_cancel_is_over(const tri_actor *actor, int64_t now_ns);

#endif
