#include "actor/due.h"

#include "base/clock.h"
#include "base/panic.h"

void
tri_due_init(tri_due *due, tr_self *self, void (*release)(tri_resource *resource, tri_actor *owner))
{
    due->owner = self;
    tri_resource_attach(self, &due->resource, release);
}

void
tri_due_check(const tri_due *due, const tr_self *self)
{
    TRI_ASSERT(due->owner == self, "slot %u uses a timer of slot %u", self->slot, due->owner->slot);
}

int64_t
tri_due_after(tr_self *self, tr_duration_t span)
{
    return tri_clock_after(tri_worker_clock(tri_actor_worker(self)), span.ns);
}

static bool
is_due(tri_parking *parking)
{
    const tri_due *due = parking->object;
    return due->due_ns <= tri_worker_clock(tri_actor_worker(due->owner));
}

static void
fire(tri_timer *timer, void *worker)
{
    tri_actor_nudge(worker, TRI_CONTAINER(timer, tri_due, timer)->owner);
}

static void
arm(tri_parking *parking)
{
    tri_due *due = parking->object;
    TRI_ASSERT(due->owner == parking->who, "slot %u waits for a timer of slot %u",
               parking->who->slot, due->owner->slot);
    if (due->due_ns != INT64_MAX) {
        due->timer.fire = fire;
        tri_wheel_arm(&tri_actor_worker(due->owner)->wheel, &due->timer, due->due_ns);
    }
}

static void
disarm(tri_parking *parking)
{
    tri_due *due = parking->object;
    tri_wheel_cancel(&tri_actor_worker(due->owner)->wheel, &due->timer);
}

const tri_parking_ops tri_tick_ops = {
    .what = "interval tick", .is_ready = is_due, .enter = arm, .leave = disarm};

const tri_parking_ops tri_alarm_ops = {
    .what = "alarm", .is_ready = is_due, .enter = arm, .leave = disarm};

// What is due already needs no wait: who finds that again and again lets others run all the same.
tr_err_t
tri_due_await(tri_due *due, tr_self *self, const tri_parking_ops *ops, tr_duration_t timeout)
{
    if (due->owner != self) {
        return TR_EINVAL;
    }
    tr_err_t err = tri_wait_breathe(self);
    return err != TR_OK ? err
                        : tri_park_for(self->rt, self, ops, due, tri_park_deadline(self, timeout));
}
