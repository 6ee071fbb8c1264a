#include "sync/select.h"

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

static tr_err_t
wait_for_one(tr_runtime *rt, tr_self *self, tr_branch_t *branches, size_t count, size_t first,
             tr_duration_t timeout, size_t *out_index)
{
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    return err != TR_OK ? err
                        : tri_park(rt, self, (tri_parking *)(void *)branches, count, first,
                                   tri_park_deadline(self, timeout), out_index);
}

tr_err_t
tr_select(tr_self *self, tr_branch_t *branches, size_t count, tr_duration_t timeout,
          size_t *out_index)
{
    if (count == 0) {
        return TR_EINVAL;
    }
    size_t first = tri_rng_below(&tri_actor_worker(self)->rng, (uint32_t)count);
    return wait_for_one(self->rt, self, branches, count, first, timeout, out_index);
}

tr_err_t
tr_select_biased(tr_self *self, tr_branch_t *branches, size_t count, tr_duration_t timeout,
                 size_t *out_index)
{
    return count == 0 ? TR_EINVAL
                      : wait_for_one(self->rt, self, branches, count, 0, timeout, out_index);
}

tr_err_t
tr_runtime_select(tr_runtime *rt, tr_branch_t *branches, size_t count, tr_duration_t timeout,
                  size_t *out_index)
{
    if (count == 0) {
        return TR_EINVAL;
    }
    // A thread has no generator of its own; the clock's last digits will do.
    size_t first = (size_t)(tri_clock_ns() >> 5) % count;
    return wait_for_one(rt, NULL, branches, count, first, timeout, out_index);
}
