// forward.c: a message that goes on to another actor, and an answer that comes back the same way.
//
// A request becomes two: a future of ours at the callee, and a token with the duty to answer. They
// know of each other: the result of the future answers the token, and a caller that gives up aborts
// the future.
#include "troupe/future.h"

#include "actor/call.h"
#include "actor/future.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/token.h"

// The message in hand once more, with all that is in it, as if its sender had sent it.
static tr_message *
copy_of_hand(tr_self *self)
{
    const tr_message *mine = self->in_hand;
    tr_message *msg = tri_message_create(&tri_actor_worker(self)->pool, mine->parcel.type,
                                         mine->value, mine->size);
    if (msg != NULL) {
        msg->sender = mine->sender;
        msg->meta |= mine->meta & (TRI_MSG_OUTSIDE | TRI_MSG_HIGH);
        tri_message_set_deadline(msg, tri_message_deadline(mine));
    }
    return msg;
}

// Takes the message. On TR_OK what was in the one in hand is the receiver's.
static tr_err_t
put(tr_self *self, tri_actor *target, tr_ref_t to, tr_message *msg)
{
    tri_worker *here = tri_actor_worker(self);
    tr_err_t err = tri_send_try(self->rt, here, target, to, msg, here->now_ns, true);
    if (err != TR_OK) {
        tri_destroy_message(self->rt, here, msg);
        return err;
    }
    tri_parts_blank(self->in_hand->parcel.type, self->in_hand->value);
    tri_call_mark_answered(self);
    return TR_OK;
}

static tr_err_t
forward_call(tr_self *self, tri_actor *target, tr_ref_t to, tr_message *msg, tr_future *future,
             tr_token *caller)
{
    int64_t deadline_ns = tri_message_deadline(msg);
    tri_request *request = &future->request;
    tri_request_open(self, request, TRI_EDGE_CALL, to, msg->parcel.type);
    msg->sender = tri_actor_ref(self);
    msg->request = request->id;
    msg->meta = (msg->meta & ~(uint64_t)TRI_MSG_OUTSIDE) | TRI_MSG_CALL;
    tr_err_t err = put(self, target, to, msg);
    if (err != TR_OK) {
        return err;
    }
    request->is_delivered = true;
    request->deadline_ns = deadline_ns;
    tri_future_expect_then(self, future, deadline_ns);
    future->caller = caller;
    caller->errand = future;
    if (caller->is_unwanted) {
        tri_future_abort(self, future, TR_ECANCELED); // it gave up while we had it in hand
    }
    return TR_OK;
}

// Whether it can be forwarded: a request that is owed an answer, or a message that was sent.
static tr_err_t
check(const tr_self *self, tr_ref_t to, tr_then_fn then)
{
    bool is_message = tri_actor_handler(self) == TRI_HANDLER_RECEIVE && self->in_hand != NULL &&
                      (self->in_hand->meta & TRI_MSG_LOCAL) == 0;
    if (!is_message || then == NULL || to.raw == tri_actor_ref(self).raw) {
        return TR_EINVAL;
    }
    return self->has_answered || self->is_stashing ? TR_EALREADY : TR_OK;
}

tr_err_t
tr_forward(tr_self *self, tr_ref_t to, tr_then_fn then, void *arg)
{
    tr_err_t err = check(self, to, then);
    tri_actor *target = tri_table_find(&self->rt->table, to);
    if (err != TR_OK || target == NULL) {
        return err != TR_OK ? err : TR_EDEAD;
    }
    tr_message *msg = copy_of_hand(self);
    if (msg == NULL) {
        return TR_ENOMEM;
    }
    if (!self->owes_answer) {
        return put(self, target, to, msg);
    }
    tr_future *future = tri_future_create_then(self, then, arg);
    tr_token *caller = future != NULL ? tri_token_for_hand(self) : NULL;
    if (caller != NULL) {
        err = forward_call(self, target, to, msg, future, caller);
    } else {
        tri_destroy_message(self->rt, tri_actor_worker(self), msg);
        err = TR_ENOMEM;
    }
    if (err != TR_OK) {
        tri_token_discard(self, caller);
        tr_future_cancel(self, future);
    }
    return err;
}
