#include "sync/select.h"

#include "actor/future.h"
#include "actor/due.h"
#include "actor/runtime.h"
#include "actor/token.h"
#include "base/clock.h"
#include "sync/ops.h"

tr_branch_t
tr_when_mpsc(tr_mpsc_rx *rx)
{
    return tri_branch(&tri_mpsc_recv_ops, rx);
}

tr_branch_t
tr_when_broadcast(tr_broadcast_rx *rx)
{
    return tri_branch(&tri_feed_ops, rx);
}

tr_branch_t
tr_when_watch(tr_watch_rx *rx)
{
    return tri_branch(&tri_watch_ops, rx);
}

tr_branch_t
tr_when_oneshot(tr_oneshot *rx)
{
    return tri_branch(&tri_oneshot_recv_ops, rx);
}

tr_branch_t
tr_when_unwanted(tr_token *token)
{
    return tri_branch(&tri_token_unwanted_ops, token);
}

tr_branch_t
tr_when_done(tr_future *future)
{
    return tri_branch(&tri_future_ops, future);
}

tr_branch_t
tr_when_next(tr_set *set)
{
    return tri_branch(&tri_set_next_ops, set);
}

tr_branch_t
tr_when_tick(tr_interval *interval)
{
    return tri_branch(&tri_tick_ops, interval);
}

tr_branch_t
tr_when_alarm(tr_alarm *alarm)
{
    return tri_branch(&tri_alarm_ops, alarm);
}

static tr_err_t
wait_for_one(tr_runtime *rt, tr_self *self, tr_branch_t *branches, size_t count, tri_rng *fair,
             tr_duration_t timeout, size_t *out_index)
{
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    return err != TR_OK ? err
                        : tri_park(rt, self, (tri_parking *)(void *)branches, count, fair,
                                   tri_park_deadline(self, timeout), out_index);
}

tr_err_t
tr_select(tr_self *self, tr_branch_t *branches, size_t count, tr_duration_t timeout,
          size_t *out_index)
{
    if (count == 0) {
        return TR_EINVAL;
    }
    tri_rng *fair = &tri_actor_worker(self)->rng;
    return wait_for_one(self->rt, self, branches, count, fair, timeout, out_index);
}

tr_err_t
tr_select_biased(tr_self *self, tr_branch_t *branches, size_t count, tr_duration_t timeout,
                 size_t *out_index)
{
    return count == 0 ? TR_EINVAL
                      : wait_for_one(self->rt, self, branches, count, NULL, timeout, out_index);
}

tr_err_t
tr_runtime_select(tr_runtime *rt, tr_branch_t *branches, size_t count, tr_duration_t timeout,
                  size_t *out_index)
{
    if (count == 0) {
        return TR_EINVAL;
    }
    // A thread has no generator of its own; the clock will do for a seed.
    tri_rng fair;
    tri_rng_init(&fair, (uint64_t)tri_clock_ns());
    return wait_for_one(rt, NULL, branches, count, &fair, timeout, out_index);
}
