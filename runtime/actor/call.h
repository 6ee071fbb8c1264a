// call.h: requests and their answers, seen from both ends.
#ifndef TRI_ACTOR_CALL_H
#define TRI_ACTOR_CALL_H

#include "troupe/call.h"

#include "actor/actor.h"

// Whether a message is this request, and not answered.
static inline bool
tri_call_is_request(const tr_message *msg, tr_ref_t caller, uint32_t request)
{
    return msg->request == request && msg->sender.raw == caller.raw &&
           (msg->meta & TRI_MSG_CALL) != 0;
}

// Take a message that will not be handled: if it is a request, its sender gets `error` for an
// answer, in the message's own block; otherwise the block is given back. Cannot fail.
void tri_call_fail(tr_runtime *rt, tri_worker *here, tr_message *msg, tr_err_t error);

// Send an answer to `caller`; takes it. Nobody there: it is given back, and nothing is counted.
void tri_call_answer(tr_runtime *rt, tri_worker *here, tr_message *answer, tr_ref_t caller,
                     uint32_t request);

// Owner: the handler is over, the answers and messages that it borrowed go back. `error` is for
// calls among them that it has not answered: TR_ENOREPLY where it did not fail.
void tri_call_release_answers(tri_actor *actor, tr_err_t error);

// Owner: whether the message in hand is a call that may be answered, and that it has been.
tr_err_t tri_call_check_owed(const tr_self *self);
void tri_call_mark_answered(tr_self *self);

// Take the message that was lent as `value`, itself or its value, out of a list of such; NULL: it
// is not there.
tr_message *tri_call_take_back(tr_message **list, const void *value);

// Put a message on such a list.
void tri_call_lend(tr_message **list, tr_message *msg);

// Put a message there that was taken out of a mailbox: when it goes back, the ledger is told and
// its call, if it is one and was not answered, is failed.
void tri_call_lend_taken(tr_message **list, tr_message *msg);

// A message taken out for `self` is lent to its handler; NULL: to a thread outside.
void tri_call_lend_out(tr_runtime *rt, tri_actor *self, tr_message *msg);

// A message that was lent to `self`, or to a thread outside, goes back; `error` as above.
void tri_call_give_back(tr_runtime *rt, tri_actor *self, tr_message *msg, tr_err_t error);

// Send a request that will be answered to `request`, which this opens and, where it fails, closes.
tr_err_t tri_call_post(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value,
                       tri_request *request, int64_t deadline_ns);

// Take the answer to a call: lent to the handler in progress and *out, or destroyed. As tr_call.
tr_err_t tri_call_accept(tr_self *self, tr_message *answer, const tr_type_t *expect, void *out);

// What an answer means for the one who called: TR_OK, the error it carries, or TR_ETYPE.
tr_err_t tri_call_verdict(const tr_message *answer, const tr_type_t *expect);

#endif
