#include "actor/send.h"

#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/wait.h"

tr_err_t
tri_send_prepare(tri_worker *here, const tr_type_t *type, const void *value, tr_message **out)
{
    size_t size;
    if (TRI_UNLIKELY(type == NULL || value == NULL || (type->flags & TR_TYPE_SYSTEM) != 0)) {
        return TR_EINVAL;
    }
    tr_err_t err = tri_message_measure(type, value, &size);
    if (err != TR_OK) {
        return err;
    }
    tr_message *msg = tri_message_create(tri_pool_of(here), type, value, size);
    if (msg == NULL) {
        return TR_ENOMEM;
    }
    *out = msg;
    return TR_OK;
}

void
tri_send_deliver(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to, tr_message *msg,
                 int64_t now_ns)
{
    msg->generation = (uint32_t)(to.raw >> 32);
    msg->sent_tick = (uint32_t)(now_ns >> 20);
    msg->meta |= TRI_MSG_CHARGED;
    tri_count_at(rt, here, TRI_ACCEPTED);
    tri_actor_post(here, target, &msg->parcel, false);
}

tr_message *
tri_send_ask_room(tri_worker *here, tr_ref_t sender, uint32_t request, tr_ref_t to, uint64_t charge)
{
    tr_message *ask =
        tri_message_alloc(tri_pool_of(here), &tri_system_types[TRI_SYSTEM_ROOM], sizeof(tri_room));
    if (ask != NULL) {
        *(tri_room *)(void *)ask->value = (tri_room){.target = to, .charge = charge};
        ask->sender = sender;
        ask->generation = (uint32_t)(sender.raw >> 32); // it comes back to the sender
        ask->request = request;
    }
    return ask;
}

static tr_err_t
await_room(tri_actor *self, tri_actor *target, tr_ref_t to, uint64_t charge, int64_t deadline_ns)
{
    tri_worker *here = tri_actor_worker(self);
    tri_request request;
    tri_request_open(self, &request);
    tr_message *ask = tri_send_ask_room(here, tri_actor_ref(self), request.id, to, charge);
    if (ask == NULL) {
        tri_request_cancel(self, &request);
        return TR_ENOMEM;
    }
    tri_actor_post(here, target, &ask->parcel, true);
    tr_err_t err = tri_request_wait(self, &request, "room", deadline_ns);
    if (err == TR_OK) {
        err = ((const tri_room *)(const void *)request.answer->value)->error;
        tri_destroy_message(self->rt, here, request.answer);
    }
    return err;
}

tr_err_t
tri_send_admit(tri_actor *self, tri_actor *target, tr_ref_t to, uint64_t charge,
               int64_t deadline_ns)
{
    tr_err_t err = tri_mailbox_admit(target, charge);
    if (TRI_LIKELY(err != TR_EFULL) || TRI_PEEK(&target->policy) != TR_SUSPEND) {
        return err;
    }
    if (target == self) {
        return TR_EDEADLK;
    }
    return await_room(self, target, to, charge, deadline_ns);
}

static tr_err_t
send(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value, bool may_wait)
{
    tri_worker *here = tri_actor_worker(self);
    tri_actor *target = tri_table_find(&self->rt->table, to);
    if (target == NULL) {
        return TR_EDEAD;
    }
    tr_message *msg;
    tr_err_t err = tri_send_prepare(here, type, value, &msg);
    if (err != TR_OK) {
        return err;
    }
    uint64_t charge = tri_message_charge(msg->size);
    err = tri_mailbox_admit(target, charge);
    if (TRI_UNLIKELY(err == TR_EFULL && may_wait)) {
        err = tri_send_admit(self, target, to, charge, tri_wait_deadline(self, TR_FOREVER));
    }
    if (TRI_UNLIKELY(err != TR_OK)) {
        tri_destroy_message(self->rt, here, msg);
        return err;
    }
    msg->sender = tri_actor_ref(self);
    tri_send_deliver(self->rt, here, target, to, msg, here->now_ns);
    return TR_OK;
}

tr_err_t
tr_send(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value)
{
    return send(self, to, type, value, true);
}

tr_err_t
tr_try_send(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value)
{
    return send(self, to, type, value, false);
}
