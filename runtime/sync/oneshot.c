// oneshot.c: the receiving end of a cell. The sending end is a token: actor/token.c.
#include "troupe/oneshot.h"

#include "actor/call.h"
#include "actor/park.h"
#include "actor/runtime.h"
#include "actor/token.h"
#include "base/memory.h"
#include "sync/end.h"
#include "sync/ops.h"

struct tr_oneshot {
    tri_end end;
    tri_cell *cell;
    bool is_received;
    bool is_shut;
    bool was_full; // when it was shut: only then is the message ours
};

static void
close_rx(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tr_oneshot_close(TRI_CONTAINER(resource, tr_oneshot, end.resource));
}

static void
drop(void *object)
{
    tr_oneshot_close(object);
}

static void
leave(void *object)
{
    tri_end_leave(&((tr_oneshot *)object)->end);
}

static void
adopt(tr_self *self, void *object)
{
    tri_end_adopt(&((tr_oneshot *)object)->end, self, close_rx);
}

const tr_local_t tr_oneshot_local = {
    .name = "oneshot receiver", .drop = drop, .leave = leave, .adopt = adopt};

static tr_err_t
create(tr_runtime *rt, tr_self *self, tr_token **out_tx, tr_oneshot **out_rx)
{
    tri_cell *cell = tri_alloc(sizeof *cell);
    tr_oneshot *rx = tri_zalloc(sizeof *rx);
    tr_token *tx = cell != NULL && rx != NULL ? tri_token_create(rt, self, cell) : NULL;
    if (tx == NULL) {
        tri_free(cell);
        tri_free(rx);
        return TR_ENOMEM;
    }
    tri_cell_init(cell);
    rx->cell = cell;
    rx->end.rt = rt;
    tri_end_adopt(&rx->end, self, close_rx);
    *out_tx = tx;
    *out_rx = rx;
    return TR_OK;
}

tr_err_t
tr_oneshot_create(tr_self *self, tr_token **out_tx, tr_oneshot **out_rx)
{
    return create(self->rt, self, out_tx, out_rx);
}

tr_err_t
tr_runtime_oneshot_create(tr_runtime *rt, tr_token **out_tx, tr_oneshot **out_rx)
{
    return create(rt, NULL, out_tx, out_rx);
}

void
tr_oneshot_shut(tr_oneshot *rx)
{
    if (!rx->is_shut) {
        rx->is_shut = true;
        rx->was_full = tri_cell_shut(rx->cell, tri_end_worker(&rx->end));
    }
}

// The message is there, and ours.
static bool
is_full(tr_oneshot *rx)
{
    return rx->is_shut ? rx->was_full : (tri_cell_look(rx->cell) & TRI_CELL_FULL) != 0;
}

void
tr_oneshot_close(tr_oneshot *rx)
{
    if (rx == NULL) {
        return;
    }
    tr_runtime *rt = rx->end.rt;
    tri_worker *here = tri_end_worker(&rx->end);
    tr_oneshot_shut(rx);
    if (rx->was_full && !rx->is_received) {
        tri_count_at(rt, here, TRI_RETURNED);
        tri_destroy_message(rt, here, rx->cell->message);
    }
    if (tri_cell_let_go(rx->cell)) {
        tri_free(rx->cell);
    }
    tri_end_leave(&rx->end);
    tri_free(rx);
}

// ---- receiving

static bool
is_ready(tri_parking *parking)
{
    tr_oneshot *rx = parking->object;
    return rx->is_shut || is_full(rx);
}

static void
enter(tri_parking *parking)
{
    // relaxed: tri_cell_look, which comes next, orders it.
    atomic_store_explicit(&((tr_oneshot *)parking->object)->cell->receiver_waits, parking->who,
                          memory_order_relaxed);
}

static void
forget(tri_parking *parking)
{
    // relaxed: a nudge too many does no harm.
    atomic_store_explicit(&((tr_oneshot *)parking->object)->cell->receiver_waits, NULL,
                          memory_order_relaxed);
}

const tri_parking_ops tri_oneshot_recv_ops = {
    .what = "oneshot recv", .is_ready = is_ready, .enter = enter, .leave = forget};

// What has come is the receiver's business now: its value lent, or its error.
static tr_err_t
open_up(tr_self *self, tr_oneshot *rx, const tr_type_t *expect, void *out)
{
    tr_runtime *rt = rx->end.rt;
    tr_message *msg = rx->cell->message;
    rx->is_received = true;
    tr_err_t err = tri_call_verdict(msg, expect);
    if (err != TR_OK || out == NULL) {
        tri_worker *here = tri_worker_of(self);
        tri_count_at(rt, here, TRI_HANDLED);
        tri_destroy_message(rt, here, msg);
        return err;
    }
    tri_call_lend_out(rt, self, msg);
    const void *lent = expect != NULL ? (const void *)msg->value : msg;
    memcpy(out, &lent, sizeof lent);
    return TR_OK;
}

// It is not there, and is not waited for. Who asks again and again must not keep the worker from
// who would send it; one that was sent is received without a breath, for `self` may be stopping.
static tr_err_t
poll(tr_self *self)
{
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    return err != TR_OK ? err : TR_ETIMEOUT;
}

tr_err_t
tr_oneshot_recv(tr_self *self, tr_oneshot *rx, const tr_type_t *expect, void *out,
                tr_duration_t timeout)
{
    if (rx->is_received) {
        return TR_EALREADY;
    }
    if (!is_full(rx)) {
        if (rx->is_shut) {
            return TR_ECLOSED;
        }
        tr_err_t err = timeout.ns == 0 ? poll(self)
                                       : tri_park_for(rx->end.rt, self, &tri_oneshot_recv_ops, rx,
                                                      tri_park_deadline(self, timeout));
        if (err != TR_OK) {
            return err;
        }
    }
    return open_up(self, rx, expect, out);
}
