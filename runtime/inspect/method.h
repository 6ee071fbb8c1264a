// method.h: what can be asked, and the answers. docs/trace-protocol.md describes each.
#ifndef TRI_INSPECT_METHOD_H
#define TRI_INSPECT_METHOD_H

#include <stdbool.h>

#include "actor/view.h"
#include "inspect/reply.h"
#include "inspect/request.h"
#include "troupe/runtime.h"
#include "troupe/trace.h"

// A request on its way to its answer.
typedef struct tri_method_call {
    tr_runtime *rt;
    const tri_request_t *request;
    tri_reply_t *reply; // stands behind the head: on success the nil of no error comes next
    char *why;          // TRI_REPLY_WHY bytes, for the sentence of an error
} tri_method_call_t;

// True when the answer may have to wait for an actor: others should not wait with it.
bool tri_method_is_slow(const tri_request_t *request);

// Write the whole response to `reply`, which is empty. False: not even an error found room.
bool tri_method_answer(tr_runtime *rt, const tri_request_t *request, tri_reply_t *reply);

// One method each: write the error nil and the result, or return an error; then what was written
// is forgotten.
tr_trace_err_t tri_method_hello(tri_method_call_t *call);
tr_trace_err_t tri_method_stats(tri_method_call_t *call);
tr_trace_err_t tri_method_ps(tri_method_call_t *call);
tr_trace_err_t tri_method_mailbox(tri_method_call_t *call);

// The map of one actor.
void tri_method_pack_actor(tri_reply_t *reply, const tri_actor_view_t *view);

#endif
