#include "actor/send.h"

#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "actor/window.h"

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
    msg->meta |= TRI_MSG_CHARGED;
    tri_send_deliver_free(rt, here, target, to, msg, now_ns);
}

void
tri_send_deliver_free(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to,
                      tr_message *msg, int64_t now_ns)
{
    msg->generation = (uint32_t)(to.raw >> 32);
    msg->sent_tick = (uint32_t)(now_ns >> 20);
    tri_message_own_parts(msg);
    tri_count_at(rt, here, TRI_ACCEPTED);
    tri_actor_post(here, target, &msg->parcel, false);
}

bool
tri_send_system(tr_runtime *rt, tri_worker *here, tr_message *msg, tr_ref_t to)
{
    tri_actor *target = tri_table_find(&rt->table, to);
    if (target == NULL) {
        tri_destroy_message(rt, here, msg);
        return false;
    }
    msg->generation = (uint32_t)(to.raw >> 32);
    tri_actor_post(here, target, &msg->parcel, true);
    return true;
}

tr_message *
tri_send_ask_room(tri_worker *here, tr_ref_t sender, tr_ref_t to, tri_space_t space, size_t size)
{
    tr_message *ask =
        tri_message_alloc(tri_pool_of(here), &tri_system_types[TRI_SYSTEM_ROOM], size);
    if (ask != NULL) {
        *(tri_room *)(void *)ask->value = (tri_room){
            .target = to,
            .space = space,
            .cancel.type = &tri_system_types[TRI_SYSTEM_CANCEL_ROOM],
        };
        ask->sender = sender;
        ask->generation = (uint32_t)(sender.raw >> 32); // it comes back to the sender
    }
    return ask;
}

// A wait for room, and the message that it is for: the stack that knows of it may be given up.
struct room_wait {
    tri_request request;
    tr_message *msg;
    tr_message *ask; // the tri_room, until it has come back
};

static void
forsake_room(tri_wait *wait, tri_actor *actor)
{
    struct room_wait *room = TRI_CONTAINER(wait, struct room_wait, request.wait);
    tri_request_cancel(actor, &room->request);
    tri_destroy_message(actor->rt, tri_actor_worker(actor), room->msg);
    if (room->ask != NULL) {
        tri_mailbox_cancel_room(actor->rt, tri_actor_worker(actor), room->ask);
    }
}

tr_err_t
tri_send_await_room(tri_actor *self, tri_actor *target, tr_message *ask, tr_message *msg,
                    int64_t deadline_ns, tr_message **out)
{
    tri_worker *here = tri_actor_worker(self);
    struct room_wait room = {.msg = msg, .ask = ask};
    tri_request_open(self, &room.request, TRI_EDGE_ROOM,
                     ((const tri_room *)(const void *)ask->value)->target,
                     msg != NULL ? msg->parcel.type : NULL);
    room.request.wait.forsake = forsake_room;
    ask->request = room.request.id;
    tri_actor_post(here, target, &ask->parcel, true);
    tr_err_t err = tri_request_wait(self, &room.request, "room", deadline_ns);
    if (err != TR_OK) {
        return err;
    }
    err = ((const tri_room *)(const void *)room.request.answer->value)->error;
    if (err != TR_OK) {
        tri_destroy_message(self->rt, here, room.request.answer);
        tri_destroy_message(self->rt, here, msg);
        return err;
    }
    *out = room.request.answer;
    return TR_OK;
}

// Takes `msg` when it fails.
static tr_err_t
await_room(tri_actor *self, tri_actor *target, tr_ref_t to, tr_message *msg, int64_t deadline_ns)
{
    tri_worker *here = tri_actor_worker(self);
    tr_message *ask = tri_send_ask_room(
        here, tri_actor_ref(self), to, tri_space_for(tri_message_charge_of(msg)), sizeof(tri_room));
    if (ask == NULL) {
        tri_destroy_message(self->rt, here, msg);
        return TR_ENOMEM;
    }
    tr_message *grant;
    tr_err_t err = tri_send_await_room(self, target, ask, msg, deadline_ns, &grant);
    if (err == TR_OK) {
        tri_destroy_message(self->rt, here, grant);
    }
    return err;
}

// The policy is to drop what comes when there is no room. It counts as accepted and dropped; a
// caller is told at once, so that a dropped call answers too.
static tr_err_t
drop_newest(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_message *msg)
{
    tri_count_at(rt, here, TRI_ACCEPTED);
    tri_settle_dropped(rt, here, target);
    if ((msg->meta & TRI_MSG_CALL) != 0) {
        return TR_EFULL;
    }
    tri_message_own_parts(msg);
    tri_destroy_message(rt, here, msg);
    return TR_OK;
}

tr_err_t
tri_send_try(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to, tr_message *msg,
             int64_t now_ns, bool may_drop)
{
    uint32_t policy = TRI_PEEK(&target->policy);
    if (TRI_UNLIKELY(policy == TR_DROP_OLDEST)) {
        msg->sent_tick = (uint32_t)(now_ns >> 20);
        return tri_window_push(rt, here, target, to, msg, may_drop);
    }
    tr_err_t err = tri_mailbox_admit(target, tri_space_for(tri_message_charge_of(msg)));
    if (TRI_LIKELY(err == TR_OK)) {
        tri_send_deliver(rt, here, target, to, msg, now_ns);
        return TR_OK;
    }
    return err == TR_EFULL && may_drop && policy == TR_DROP_NEWEST
               ? drop_newest(rt, here, target, msg)
               : err;
}

// It was not taken for `err`: wait for room where that helps. Takes the message.
static tr_err_t
put_later(tri_actor *self, tri_actor *target, tr_ref_t to, tr_message *msg, tr_err_t err,
          int64_t deadline_ns)
{
    tri_worker *here = tri_actor_worker(self);
    if (err != TR_EFULL || TRI_PEEK(&target->policy) != TR_SUSPEND || target == self) {
        tri_destroy_message(self->rt, here, msg);
        return err == TR_EFULL && target == self ? TR_EDEADLK : err;
    }
    err = await_room(self, target, to, msg, deadline_ns);
    if (err == TR_OK) {
        tri_send_deliver(self->rt, here, target, to, msg, here->now_ns);
    }
    return err;
}

tr_err_t
tri_send_put(tri_actor *self, tri_actor *target, tr_ref_t to, tr_message *msg, int64_t deadline_ns)
{
    tri_worker *here = tri_actor_worker(self);
    tr_err_t err = tri_send_try(self->rt, here, target, to, msg, here->now_ns, true);
    return TRI_LIKELY(err == TR_OK) ? TR_OK : put_later(self, target, to, msg, err, deadline_ns);
}

static tr_err_t
prepare_from(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value, uint64_t flags,
             tri_actor **out_target, tr_message **out)
{
    *out_target = tri_table_find(&self->rt->table, to);
    if (*out_target == NULL) {
        return TR_EDEAD;
    }
    tr_err_t err = tri_send_prepare(tri_actor_worker(self), type, value, out);
    if (err == TR_OK) {
        (*out)->sender = tri_actor_ref(self);
        (*out)->meta |= flags;
    }
    return err;
}

tr_err_t
tri_send_from(tri_actor *self, tr_ref_t to, const tr_type_t *type, const void *value,
              uint64_t flags, tr_duration_t timeout)
{
    tri_actor *target;
    tr_message *msg;
    tr_err_t err = prepare_from(self, to, type, value, flags, &target, &msg);
    if (err != TR_OK) {
        return err;
    }
    tri_worker *here = tri_actor_worker(self);
    err = tri_send_try(self->rt, here, target, to, msg, here->now_ns, true);
    if (TRI_LIKELY(err == TR_OK)) {
        return TR_OK; // and no clock was read
    }
    if (err == TR_EFULL && timeout.ns == 0 && TRI_PEEK(&target->policy) == TR_SUSPEND) {
        tri_destroy_message(self->rt, here, msg);
        return TR_ETIMEOUT; // nothing to wait for
    }
    return put_later(self, target, to, msg, err, tri_wait_deadline(self, timeout));
}

tr_err_t
tr_send(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value)
{
    return tri_send_from(self, to, type, value, 0, TR_FOREVER);
}

tr_err_t
tr_send_high(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value)
{
    return tri_send_from(self, to, type, value, TRI_MSG_HIGH, TR_FOREVER);
}

tr_err_t
tr_try_send(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value)
{
    tri_actor *target;
    tr_message *msg;
    tri_worker *here = tri_actor_worker(self);
    tr_err_t err = prepare_from(self, to, type, value, 0, &target, &msg);
    if (err != TR_OK) {
        return err;
    }
    err = tri_send_try(self->rt, here, target, to, msg, here->now_ns, false);
    if (err != TR_OK) {
        tri_destroy_message(self->rt, here, msg);
    }
    return err;
}
