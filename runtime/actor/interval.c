// interval.c: ticks at equal distances, and what becomes of those that were missed.
#include "troupe/interval.h"

#include "actor/due.h"
#include "base/clock.h"
#include "base/memory.h"

// Timers and workers are late by a little all the time; that must not add up under TR_TICK_DELAY.
#define ON_TIME_NS 5000000

struct tr_interval {
    tri_due due; // the next tick
    int64_t period_ns;
    tr_tick_policy_t policy;
};

static void
release(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tri_free(TRI_CONTAINER(resource, tr_interval, due.resource));
}

tr_err_t
tr_interval_create(tr_self *self, tr_duration_t period, tr_tick_policy_t policy, tr_interval **out)
{
    bool is_policy = policy == TR_TICK_SKIP || policy == TR_TICK_BURST || policy == TR_TICK_DELAY;
    if (period.ns <= 0 || period.ns == INT64_MAX || !is_policy) {
        return TR_EINVAL;
    }
    tr_interval *interval = tri_zalloc(sizeof *interval);
    if (interval == NULL) {
        return TR_ENOMEM;
    }
    interval->period_ns = period.ns;
    interval->policy = policy;
    tri_due_init(&interval->due, self, release);
    tr_interval_reset(self, interval);
    *out = interval;
    return TR_OK;
}

void
tr_interval_reset(tr_self *self, tr_interval *interval)
{
    tri_due_check(&interval->due, self);
    interval->due.due_ns = tri_due_after(self, (tr_duration_t){interval->period_ns});
}

// When the next tick is due, after one that was taken now, whole periods late.
static int64_t
next_due(const tr_interval *interval, int64_t now_ns, int64_t missed)
{
    int64_t due_ns = interval->due.due_ns;
    switch (interval->policy) {
    case TR_TICK_SKIP:
        due_ns += missed * interval->period_ns;
        break;
    case TR_TICK_BURST:
        break;
    case TR_TICK_DELAY:
        due_ns = missed != 0 || now_ns - due_ns > ON_TIME_NS ? now_ns : due_ns;
        break;
    }
    return tri_clock_after(due_ns, interval->period_ns);
}

tr_err_t
tr_interval_tick(tr_self *self, tr_interval *interval, tr_duration_t timeout, uint64_t *out_missed)
{
    tr_err_t err = tri_due_await(&interval->due, self, &tri_tick_ops, timeout);
    if (err != TR_OK) {
        return err;
    }
    int64_t now_ns = tri_worker_clock(tri_actor_worker(self));
    int64_t missed = (now_ns - interval->due.due_ns) / interval->period_ns;
    interval->due.due_ns = next_due(interval, now_ns, missed);
    if (out_missed != NULL) {
        *out_missed = (uint64_t)missed;
    }
    return TR_OK;
}

void
tr_interval_destroy(tr_self *self, tr_interval *interval)
{
    if (interval != NULL) {
        tri_due_check(&interval->due, self);
        tri_resource_detach(&interval->due.resource);
        tri_free(interval);
    }
}
