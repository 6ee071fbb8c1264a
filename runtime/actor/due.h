// due.h: a point in time that an actor waits for, again and again perhaps, alone or in a select.
// What intervals and alarms are made of.
//
// The clock decides whether the time has come; the timer only wakes who waits, and is armed only
// while somebody does. So a handler that comes late finds the time passed without any timer having
// fired, and nothing hangs on a worker's wheel while its actor does other things.
#ifndef TRI_ACTOR_DUE_H
#define TRI_ACTOR_DUE_H

#include "actor/park.h"
#include "actor/resource.h"

typedef struct tri_due {
    tri_resource resource;
    tri_actor *owner;
    tri_timer timer;
    int64_t due_ns; // INT64_MAX: never
} tri_due;

// For whatever begins with a tri_due: a tr_interval, a tr_alarm.
extern const tri_parking_ops tri_tick_ops;
extern const tri_parking_ops tri_alarm_ops;

// Belongs to this life from now on; `release` frees what it is in.
void tri_due_init(tri_due *due, tr_self *self,
                  void (*release)(tri_resource *resource, tri_actor *owner));

// Only its owner may use it. Not while it is waited for.
void tri_due_check(const tri_due *due, const tr_self *self);

// Wait for it. TR_EINVAL where it is another's; for the rest see tri_wait_for.
tr_err_t
tri_due_await(tri_due *due, tr_self *self, const tri_parking_ops *ops, tr_duration_t timeout);

// The time of a span from now.
int64_t tri_due_after(tr_self *self, tr_duration_t span);

#endif
