// permit.c: room in a mailbox that is held before there is a message. A permit is a granted
// tri_room that was not spent at once; giving it back is the mail GIVE_BACK, in its own block.
#include "troupe/mailbox.h"

#include "actor/resource.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "actor/wait.h"

// The value of a message, as a tri_room is.
struct tr_permit {
    tri_room room; // `space` is what is left
    tri_resource resource;
    uint64_t each; // bytes of one place
};

// The target, and whether its policy allows room to be held.
static tr_err_t
find_target(tr_self *self, tr_ref_t to, tri_actor **out)
{
    tri_actor *target = tri_table_find(&self->rt->table, to);
    if (target == NULL) {
        return TR_EDEAD;
    }
    *out = target;
    return TRI_PEEK(&target->policy) == TR_DROP_OLDEST ? TR_EINVAL : TR_OK;
}

static void
give_back(tr_permit *permit, tri_actor *owner)
{
    tr_runtime *rt = owner->rt;
    tri_worker *here = tri_actor_worker(owner);
    tr_message *msg = tri_message_of(permit);
    if (permit->room.space.count == 0) {
        tri_destroy_message(rt, here, msg);
        return;
    }
    // By slot and not by address: the room was taken from the slot, whoever lives there now.
    tri_actor *target = tri_table_at(&rt->table, (uint32_t)permit->room.target.raw);
    msg->parcel.type = &tri_system_types[TRI_SYSTEM_GIVE_BACK];
    tri_actor_post(here, target, &msg->parcel, true);
}

static void
release(tri_resource *resource, tri_actor *owner)
{
    give_back(TRI_CONTAINER(resource, tr_permit, resource), owner);
}

// Take the room or wait for it. Takes `ask`, the permit to be.
static tr_err_t
take_room(tr_self *self, tri_actor *target, tr_message *ask, int64_t deadline_ns, tr_message **out)
{
    tri_room *room = (tri_room *)(void *)ask->value;
    tr_err_t err = tri_mailbox_admit(target, room->space);
    if (err == TR_EFULL && target == self) {
        err = TR_EDEADLK;
    }
    if (err == TR_EFULL && TRI_PEEK(&target->policy) == TR_SUSPEND) {
        return tri_send_await_room(self, target, ask, NULL, deadline_ns, out);
    }
    if (err != TR_OK) {
        tri_destroy_message(self->rt, tri_actor_worker(self), ask);
        return err;
    }
    tri_mailbox_reserve(target, room->space); // where it is granted, who grants it does so
    *out = ask;
    return TR_OK;
}

tr_err_t
tr_reserve_many(tr_self *self, tr_ref_t to, uint32_t count, size_t size_bytes,
                tr_duration_t timeout, tr_permit **out)
{
    tri_worker *here = tri_actor_worker(self);
    uint64_t each = tri_message_charge(size_bytes);
    tri_actor *target = NULL;
    tr_err_t err = count == 0 ? TR_EINVAL : find_target(self, to, &target);
    if (err != TR_OK) {
        return err;
    }
    // The first of them is for a size with which `each` wraps around.
    if (size_bytes > TRI_BOUND_BYTES_MAX || count > TRI_BOUND_BYTES_MAX / each) {
        return TR_ETOOBIG;
    }
    tri_space_t space = {count, count * each};
    tr_message *ask =
        tri_send_ask_room(here, tri_actor_ref(self), to, space, sizeof(struct tr_permit));
    if (ask == NULL) {
        return TR_ENOMEM;
    }
    ((tri_room *)(void *)ask->value)->is_permit = true;
    err = take_room(self, target, ask, tri_wait_deadline(self, timeout), &ask);
    if (err != TR_OK) {
        return err;
    }
    tr_permit *permit = (tr_permit *)(void *)ask->value;
    permit->each = each;
    tri_resource_attach(self, &permit->resource, release);
    if (tri_table_find(&self->rt->table, to) == NULL) {
        tr_permit_release(self, permit); // it ended meanwhile: the room may be another actor's
        return TR_EDEAD;
    }
    *out = permit;
    return TR_OK;
}

tr_err_t
tr_reserve(tr_self *self, tr_ref_t to, size_t size_bytes, tr_duration_t timeout, tr_permit **out)
{
    return tr_reserve_many(self, to, 1, size_bytes, timeout, out);
}

uint32_t
tr_permit_count(const tr_permit *permit)
{
    return permit->room.space.count;
}

tr_err_t
tr_permit_send(tr_self *self, tr_permit *permit, const tr_type_t *type, const void *value)
{
    tri_worker *here = tri_actor_worker(self);
    tri_actor *target = NULL;
    tr_err_t err = find_target(self, permit->room.target, &target);
    tr_message *msg;
    if (err == TR_OK) {
        err = tri_send_prepare(here, type, value, &msg);
    }
    if (err != TR_OK) {
        return err;
    }
    uint64_t charge = tri_message_charge_of(msg);
    if (charge > permit->each) {
        tri_destroy_message(self->rt, here, msg);
        return TR_ETOOBIG;
    }
    tri_mailbox_unreserve(target, (tri_space_t){1, permit->each});
    tri_mailbox_shrink(target, permit->each - charge);
    permit->room.space.count--;
    permit->room.space.bytes -= permit->each;
    msg->sender = tri_actor_ref(self);
    tri_send_deliver(self->rt, here, target, permit->room.target, msg, here->now_ns);
    if (permit->room.space.count == 0) {
        tr_permit_release(self, permit);
    }
    return TR_OK;
}

void
tr_permit_release(tr_self *self, tr_permit *permit)
{
    if (permit != NULL) {
        tri_resource_detach(&permit->resource);
        give_back(permit, self);
    }
}
