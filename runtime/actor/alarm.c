// alarm.c: one point in time, which may be moved.
#include "troupe/alarm.h"

#include "actor/due.h"
#include "base/memory.h"

struct tr_alarm {
    tri_due due;
};

static void
release(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tri_free(TRI_CONTAINER(resource, tr_alarm, due.resource));
}

tr_err_t
tr_alarm_create(tr_self *self, tr_duration_t after, tr_alarm **out)
{
    tr_alarm *alarm = tri_zalloc(sizeof *alarm);
    if (alarm == NULL) {
        return TR_ENOMEM;
    }
    tri_due_init(&alarm->due, self, release);
    tr_alarm_reset(self, alarm, after);
    *out = alarm;
    return TR_OK;
}

void
tr_alarm_reset(tr_self *self, tr_alarm *alarm, tr_duration_t after)
{
    tri_due_check(&alarm->due, self);
    alarm->due.due_ns = tri_due_after(self, after);
}

tr_err_t
tr_alarm_await(tr_self *self, tr_alarm *alarm, tr_duration_t timeout)
{
    return tri_due_await(&alarm->due, self, &tri_alarm_ops, timeout);
}

void
tr_alarm_destroy(tr_self *self, tr_alarm *alarm)
{
    if (alarm != NULL) {
        tri_due_check(&alarm->due, self);
        tri_resource_detach(&alarm->due.resource);
        tri_free(alarm);
    }
}
