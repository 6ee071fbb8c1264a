#include "actor/actor.h"

#include "actor/channel.h"
#include "actor/port.h"
#include "actor/runtime.h"

const char *
tri_actor_name(const tri_actor *actor)
{
    const char *name = TRI_PEEK(&actor->name);
    return name != NULL ? name : TRI_PEEK(&actor->behavior)->name;
}

static void
awaken(tri_worker *here, tri_actor *actor)
{
    tri_phase_t phase = tri_actor_phase(actor);
    if (TRI_UNLIKELY(phase == TRI_PHASE_PORT)) {
        tri_port_signal(actor);
    } else if (TRI_UNLIKELY(phase == TRI_PHASE_CHANNEL)) {
        tri_channel_signal(here, actor);
    } else {
        tri_worker_schedule(here, &actor->task);
    }
}

void
tri_actor_post(tri_worker *here, tri_actor *to, tri_parcel *parcel, bool is_urgent)
{
    bool woke = is_urgent ? tri_inbox_push_urgent(&to->inbox, &parcel->mail)
                          : tri_inbox_push(&to->inbox, &parcel->mail);
    if (woke) {
        awaken(here, to);
    }
}

void
tri_actor_nudge(tri_worker *here, tri_actor *to)
{
    if (tri_inbox_nudge(&to->inbox)) {
        awaken(here, to);
    }
}

void
tri_actor_order(tri_worker *here, tri_actor *child, uint32_t order)
{
    // pairs(actor.orders) release: the child sees what its parent laid out for it, the start reply.
    atomic_fetch_or_explicit(&child->orders, order, memory_order_release);
    tri_actor_nudge(here, child);
}

tr_ref_t
tr_self_ref(const tr_self *self)
{
    return tri_actor_ref(self);
}

bool
tr_has_ended(const tr_self *self, tr_ref_t actor)
{
    return tri_table_find(&self->rt->table, actor) == NULL;
}

tr_ref_t
tr_self_parent(const tr_self *self)
{
    return (tr_ref_t){TRI_PEEK(&self->parent)};
}

uint32_t
tr_self_incarnation(const tr_self *self)
{
    return TRI_PEEK(&self->incarnation);
}

uint32_t
tr_self_workers(const tr_self *self)
{
    return self->rt->sched.count;
}

uint32_t
tr_self_worker(const tr_self *self)
{
    return tri_actor_worker(self)->index;
}

bool
tr_self_is_stopping(const tr_self *self)
{
    // relaxed: a hint ahead of the turn that takes the order.
    return self->is_stopping || self->is_killed ||
           (TRI_PEEK(&self->orders) & TRI_ORDER_ENDING) != 0;
}

int64_t
tr_now_ns(const tr_self *self)
{
    return tri_worker_clock(tri_actor_worker(self));
}

// ---- for the fault handler, which may not format

static size_t
append(char *out, size_t at, size_t capacity, const char *text)
{
    while (*text != '\0' && at < capacity) {
        out[at++] = *text++;
    }
    return at;
}

const char *
tri_handler_name(tri_handler_t handler)
{
    switch (handler) {
    case TRI_HANDLER_START:
        return "start";
    case TRI_HANDLER_RECEIVE:
        return "receive";
    case TRI_HANDLER_STOP:
        return "stop";
    case TRI_HANDLER_NONE:
        break;
    }
    return "no handler";
}

size_t
tri_actor_describe(const tri_task *task, char *out, size_t capacity)
{
    const tri_actor *actor = TRI_CONTAINER_CONST(task, tri_actor, task);
    size_t at = append(out, 0, capacity, tri_actor_name(actor));
    at = append(out, at, capacity, " in ");
    at = append(out, at, capacity, tri_handler_name(tri_actor_handler(actor)));
    if (actor->in_hand != NULL) {
        at = append(out, at, capacity, " of message ");
        at = append(out, at, capacity, actor->in_hand->parcel.type->name);
    }
    return append(out, at, capacity, "; tr_behavior_t.stack_bytes can be raised");
}

uint64_t
tr_random(tr_self *self)
{
    return tri_rng_next(&tri_actor_worker(self)->rng);
}
