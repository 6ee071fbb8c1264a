#include "actor/cancel.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/receive.h"
#include "actor/runtime.h"
#include "actor/scope.h"
#include "actor/send.h"
#include "actor/system.h"
#include "actor/token.h"
#include "actor/wait.h"
#include "actor/window.h"
#include "base/clock.h"

static tr_message *
create(tri_worker *here, tri_system_op_t op, size_t size, tr_ref_t caller, uint32_t request)
{
    tr_message *msg = tri_message_alloc(tri_pool_of(here), &tri_system_types[op], size);
    if (msg != NULL) {
        msg->sender = caller;
        msg->request = request;
    }
    return msg;
}

void
tri_cancel_chase(tr_runtime *rt, tri_worker *here, tr_ref_t caller, uint32_t request,
                 tr_ref_t callee, bool is_late)
{
    tr_message *cancel = create(here, TRI_SYSTEM_CANCEL, sizeof is_late, caller, request);
    if (cancel != NULL) {
        memcpy(cancel->value, &is_late, sizeof is_late);
        (void)tri_send_system(rt, here, cancel, callee);
    }
}

static bool
is_late(const tr_message *cancel)
{
    return *(const bool *)(const void *)cancel->value;
}

static bool
is_request(const tr_message *msg, void *arg)
{
    const tr_message *cancel = arg;
    return tri_call_is_request(msg, cancel->sender, cancel->request);
}

// What the handler waits for ends with the deadline that it has from the request, or is canceled.
// What it begins to wait for afterwards is canceled.
static bool
cancel_in_hand(tri_actor *actor, tr_message *cancel)
{
    if (!actor->owes_answer || actor->in_hand == NULL || !is_request(actor->in_hand, cancel)) {
        return false;
    }
    actor->is_unwanted = true;
    tri_scope_interrupt(actor, is_late(cancel) ? TR_ETIMEOUT : TR_ECANCELED);
    return true;
}

static tr_message *
take_from(tri_lane *lane, tri_actor *actor, tr_message *cancel)
{
    tr_message *before = NULL;
    for (tr_message *msg = lane->first; msg != NULL; msg = tri_lane_next(msg)) {
        if (is_request(msg, cancel)) {
            tri_lane_take_after(lane, before);
            tri_receive_forget(actor, msg, before);
            return msg;
        }
        before = msg;
    }
    return NULL;
}

// Its room is free for others at once; nobody waits for an answer.
static void
cancel_queued(tri_actor *actor, tr_message *cancel)
{
    tr_message *msg = take_from(&actor->normal, actor, cancel);
    if (msg == NULL) {
        msg = take_from(&actor->high, actor, cancel);
    }
    if (msg == NULL) {
        msg = take_from(&actor->cold->stash, actor, cancel);
    }
    if (msg != NULL) {
        tri_mailbox_taken_out(actor, msg);
    } else if (actor->has_window) {
        msg = tri_window_take(actor, is_request, cancel);
    }
    if (msg != NULL) {
        tri_settle(actor, TRI_EXPIRED);
        tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
    }
}

void
tri_cancel_take(tri_actor *actor, tr_message *cancel)
{
    tr_err_t reason = is_late(cancel) ? TR_ETIMEOUT : TR_ECANCELED;
    bool is_here = tri_actor_is_open(actor) && cancel->generation == TRI_PEEK(&actor->generation) &&
                   tri_actor_phase(actor) != TRI_PHASE_CHANNEL;
    if (is_here && !cancel_in_hand(actor, cancel) &&
        !tri_tokens_cancel(actor, cancel->sender, cancel->request, reason) && !is_late(cancel)) {
        cancel_queued(actor, cancel); // one that is late is shed when its turn comes
    }
    tri_destroy_message(actor->rt, tri_actor_worker(actor), cancel);
}

bool
tri_cancel_is_over(const tri_actor *actor, int64_t now_ns)
{
    return tri_actor_handler(actor) == TRI_HANDLER_RECEIVE &&
           (actor->is_unwanted ||
            (actor->in_hand != NULL && tri_message_deadline(actor->in_hand) <= now_ns));
}

// ---- delegation

void
tri_cancel_follow(tri_actor *actor, tr_message *delegated)
{
    tri_worker *here = tri_actor_worker(actor);
    tr_ref_t to = *(const tr_ref_t *)(const void *)delegated->value;
    tr_ref_t caller = {(uint64_t)delegated->generation << 32 | actor->slot};
    bool is_there = caller.raw == tri_actor_ref(actor).raw;
    if (!is_there || !tri_request_follow(actor, delegated->request, delegated->sender, to)) {
        // It has been answered, or given up meanwhile, and the cancel found nothing.
        tri_cancel_chase(actor->rt, here, caller, delegated->request, to, false);
    }
    tri_destroy_message(actor->rt, here, delegated);
}

tr_err_t
tr_delegate(tr_self *self, tr_ref_t to)
{
    tr_err_t err = tri_call_check_owed(self);
    tri_actor *target = tri_table_find(&self->rt->table, to);
    if (err != TR_OK || target == NULL || target == self) {
        return err != TR_OK ? err : target == NULL ? TR_EDEAD : TR_EINVAL;
    }
    tri_worker *here = tri_actor_worker(self);
    tr_message *mine = self->in_hand;
    tr_message *notice =
        create(here, TRI_SYSTEM_DELEGATED, sizeof to, tri_actor_ref(self), mine->request);
    tr_message *msg =
        notice != NULL ? tri_message_create(&here->pool, mine->parcel.type, mine->value, mine->size)
                       : NULL;
    if (msg == NULL) {
        tri_destroy_message(self->rt, here, notice);
        return TR_ENOMEM;
    }
    memcpy(notice->value, &to, sizeof to);
    tri_call_lend(&self->answers, notice); // ours until it is posted, whatever becomes of the wait
    msg->sender = mine->sender;
    msg->request = mine->request;
    msg->meta |= TRI_MSG_CALL | (mine->meta & (TRI_MSG_OUTSIDE | TRI_MSG_HIGH));
    tri_message_set_deadline(msg, tri_message_deadline(mine));
    err = tri_send_put(self, target, to, msg, tri_message_deadline(mine));
    (void)tri_call_take_back(&self->answers, notice);
    if (err != TR_OK) {
        tri_destroy_message(self->rt, here, notice);
        return err;
    }
    tri_parts_blank(mine->parcel.type, mine->value); // what it had is in the other's hands
    tri_call_mark_answered(self);
    if ((mine->meta & TRI_MSG_OUTSIDE) != 0) {
        tri_destroy_message(self->rt, here, notice); // a thread outside asks nobody else
    } else if (!tri_send_system(self->rt, here, notice, mine->sender)) {
        tri_cancel_chase(self->rt, here, mine->sender, mine->request, to, false);
    }
    return TR_OK;
}
