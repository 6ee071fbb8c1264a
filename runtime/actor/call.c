#include "actor/call.h"

#include "actor/resource.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/panic.h"

// ---- answering

void
tri_call_answer(tr_runtime *rt, tri_worker *here, tr_message *answer, tr_ref_t caller,
                uint32_t request)
{
    tri_actor *target = tri_table_find(&rt->table, caller);
    answer->meta = (answer->meta & TRI_MSG_CLASS) | TRI_MSG_REPLY;
    tri_message_own_parts(answer);
    if (target == NULL) {
        tri_destroy_message(rt, here, answer);
        return;
    }
    answer->generation = (uint32_t)(caller.raw >> 32);
    answer->request = request;
    tri_count_at(rt, here, TRI_ACCEPTED);
    tri_actor_post(here, target, &answer->parcel, true);
}

void
tri_call_fail(tr_runtime *rt, tri_worker *here, tr_message *msg, tr_err_t error)
{
    // The room for the answer to a start is no call by its flags; it has a type of ours.
    bool is_request = (msg->meta & TRI_MSG_CALL) != 0 || tri_is_system(&msg->parcel);
    if (!is_request) {
        tri_destroy_message(rt, here, msg);
        return;
    }
    tr_ref_t caller = msg->sender;
    uint32_t request = msg->request;
    tri_message_release_parts(msg);
    tri_message_become_error(msg, error);
    tri_call_answer(rt, here, msg, caller, request);
}

// Whether the message in hand may be answered now; TR_EALREADY stands for "nobody waits, and that
// is fine" only with *out_nobody set.
static tr_err_t
check_answer(const tr_self *self, bool *out_nobody)
{
    *out_nobody = false;
    if (tri_actor_handler(self) != TRI_HANDLER_RECEIVE || self->in_hand == NULL) {
        return TR_EINVAL;
    }
    if (self->owes_answer && !self->is_stashing) {
        return TR_OK;
    }
    if (self->has_answered || self->is_stashing) {
        return TR_EALREADY;
    }
    *out_nobody = true;
    return TR_OK;
}

tr_err_t
tri_call_check_owed(const tr_self *self)
{
    bool nobody;
    tr_err_t err = check_answer(self, &nobody);
    return err == TR_OK && nobody ? TR_EINVAL : err;
}

void
tri_call_mark_answered(tr_self *self)
{
    self->owes_answer = false;
    self->has_answered = true;
}

tr_err_t
tr_reply(tr_self *self, const tr_type_t *type, const void *value)
{
    bool nobody;
    tr_err_t err = check_answer(self, &nobody);
    if (err != TR_OK) {
        return err;
    }
    if (nobody) {
        tri_call_mark_answered(self);
        return TR_OK;
    }
    tri_worker *here = tri_actor_worker(self);
    tr_message *answer;
    err = tri_send_prepare(here, type, value, &answer);
    if (err != TR_OK) {
        return err;
    }
    tri_call_mark_answered(self);
    answer->sender = tri_actor_ref(self);
    tri_call_answer(self->rt, here, answer, self->in_hand->sender, self->in_hand->request);
    return TR_OK;
}

tr_err_t
tr_reply_error(tr_self *self, tr_err_t error)
{
    bool nobody;
    if (error == TR_OK) {
        return TR_EINVAL;
    }
    tr_err_t err = check_answer(self, &nobody);
    if (err != TR_OK) {
        return err;
    }
    if (nobody) {
        tri_call_mark_answered(self);
        return TR_OK;
    }
    tri_worker *here = tri_actor_worker(self);
    tr_message *answer = tri_message_alloc(&here->pool, &tri_system_types[TRI_SYSTEM_ERROR], 0);
    if (answer == NULL) {
        return TR_ENOMEM;
    }
    tri_call_mark_answered(self);
    tri_message_become_error(answer, error);
    tri_call_answer(self->rt, here, answer, self->in_hand->sender, self->in_hand->request);
    return TR_OK;
}

// ---- calling

tr_err_t
tri_call_verdict(const tr_message *answer, const tr_type_t *expect)
{
    if (tri_is_system(&answer->parcel)) {
        return tri_message_error(answer);
    }
    return expect == NULL || answer->parcel.type == expect ? TR_OK : TR_ETYPE;
}

tr_err_t
tri_call_post(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value,
              tri_request *request, int64_t deadline_ns)
{
    tri_worker *here = tri_actor_worker(self);
    tri_actor *target = tri_table_find(&self->rt->table, to);
    if (target == NULL) {
        return TR_EDEAD;
    }
    if (target == self) {
        return TR_EDEADLK;
    }
    tr_message *msg;
    tr_err_t err = tri_send_prepare(here, type, value, &msg);
    if (err != TR_OK) {
        return err;
    }
    tri_request_open(self, request);
    msg->sender = tri_actor_ref(self);
    msg->request = request->id;
    msg->meta |= TRI_MSG_CALL;
    tri_message_set_deadline(msg, deadline_ns);
    err = tri_send_put(self, target, to, msg, deadline_ns);
    if (err != TR_OK) {
        tri_request_cancel(self, request);
    } else {
        request->callee = to;
        request->deadline_ns = deadline_ns;
    }
    return err;
}

void
tri_call_lend(tr_message **list, tr_message *msg)
{
    msg->parcel.mail.next = *list == NULL ? NULL : &(*list)->parcel.mail;
    *list = msg;
}

tr_err_t
tri_call_accept(tr_self *self, tr_message *answer, const tr_type_t *expect, void *out)
{
    tr_err_t err = tri_call_verdict(answer, expect);
    if (err != TR_OK || out == NULL) {
        tri_destroy_message(self->rt, tri_actor_worker(self), answer);
        return err;
    }
    tri_call_lend(&self->answers, answer); // to the handler in progress
    const void *lent = expect != NULL ? (const void *)answer->value : answer;
    memcpy(out, &lent, sizeof lent);
    return TR_OK;
}

tr_err_t
tr_call(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value,
        const tr_type_t *expect, void *out, tr_duration_t timeout)
{
    if (TRI_UNLIKELY(self->is_stopping && tri_actor_handler(self) != TRI_HANDLER_STOP)) {
        return tr_yield(self); // TR_ECANCELED, and a place where a kill is heard
    }
    tri_request request;
    int64_t deadline = tri_wait_deadline(self, timeout);
    tr_err_t err = tri_call_post(self, to, type, value, &request, deadline);
    if (err != TR_OK) {
        return err;
    }
    err = tri_request_wait(self, &request, "call", deadline);
    if (err != TR_OK) {
        return err;
    }
    return tri_call_accept(self, request.answer, expect, out);
}

tr_duration_t
tr_deadline_left(const tr_self *self)
{
    int64_t deadline = self->in_hand != NULL ? tri_message_deadline(self->in_hand) : INT64_MAX;
    if (deadline == INT64_MAX) {
        return TR_FOREVER;
    }
    int64_t left = deadline - tr_now_ns(self);
    return (tr_duration_t){left > 0 ? left : 0};
}

// ---- what handlers borrow and keep

void
tri_call_lend_taken(tr_message **list, tr_message *msg)
{
    msg->meta |= TRI_MSG_TAKEN;
    tri_call_lend(list, msg);
}

void
tri_call_lend_out(tr_runtime *rt, tri_actor *self, tr_message *msg)
{
    if (self != NULL) {
        tri_call_lend_taken(&self->answers, msg);
        return;
    }
    pthread_mutex_lock(&rt->lock);
    tri_call_lend_taken(&rt->lent, msg);
    pthread_mutex_unlock(&rt->lock);
}

void
tri_call_give_back(tr_runtime *rt, tri_actor *self, tr_message *msg, tr_err_t error)
{
    tri_worker *here = tri_worker_of(self);
    if ((msg->meta & TRI_MSG_TAKEN) == 0) {
        tri_destroy_message(rt, here, msg);
        return;
    }
    bool is_handled = error == TR_ENOREPLY || error == TR_EUNHANDLED;
    tri_counter_t what = is_handled ? TRI_HANDLED : TRI_FAILED;
    if (self != NULL && (msg->meta & TRI_MSG_MINE) != 0) {
        tri_settle(self, what);
    } else {
        tri_count_at(rt, here, what); // a channel's, whose own ledger has it
    }
    tri_call_fail(rt, here, msg, error);
}

static void
give_back_list(tri_actor *actor, tr_message **list, tr_err_t error)
{
    while (*list != NULL) {
        tr_message *msg = *list;
        tri_mail *next = msg->parcel.mail.next;
        *list = next == NULL ? NULL : TRI_CONTAINER(next, tr_message, parcel.mail);
        tri_call_give_back(actor->rt, actor, msg, error);
    }
}

void
tri_call_release_answers(tri_actor *actor, tr_err_t error)
{
    if (actor->answers != NULL) {
        give_back_list(actor, &actor->answers, error);
    }
}

void
tri_call_release_kept(tri_actor *actor)
{
    give_back_list(actor, &actor->kept_messages, TR_ENOREPLY);
}

const tr_message *
tr_message_keep(tr_self *self, const tr_message *msg)
{
    if (tri_actor_handler(self) != TRI_HANDLER_RECEIVE || msg == NULL) {
        return NULL;
    }
    tr_message *copy =
        tri_message_create(&tri_actor_worker(self)->pool, msg->parcel.type, msg->value, msg->size);
    if (copy == NULL) {
        return NULL;
    }
    copy->sender = tr_message_sender(msg);
    copy->meta |= msg->meta & TRI_MSG_OWNS;
    tri_parts_blank(msg->parcel.type, tri_message_of(msg->value)->value); // they are the copy's now
    tri_call_lend(&self->kept_messages, copy);
    return copy;
}

tr_message *
tri_call_take_back(tr_message **list, const void *value)
{
    tri_mail *before = NULL;
    for (tr_message *msg = *list; msg != NULL;) {
        tri_mail *next = msg->parcel.mail.next;
        tr_message *following = next == NULL ? NULL : TRI_CONTAINER(next, tr_message, parcel.mail);
        if (value == msg || value == msg->value) {
            if (before == NULL) {
                *list = following;
            } else {
                before->next = next;
            }
            return msg;
        }
        before = &msg->parcel.mail;
        msg = following;
    }
    return NULL;
}

void
tr_release(tr_self *self, const void *value)
{
    if (value == NULL) {
        return;
    }
    tr_message *msg = tri_call_take_back(&self->answers, value);
    if (msg == NULL) {
        msg = tri_call_take_back(&self->kept_messages, value);
    }
    TRI_ASSERT(msg != NULL, "%s releases %p, which was not lent to it", tri_actor_name(self),
               value);
    tri_call_give_back(self->rt, self, msg, TR_ENOREPLY);
}
