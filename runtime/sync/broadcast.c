// broadcast.c: a feed whose readers get every message. The public ends are those of the feed.
#include "troupe/broadcast.h"

#include "actor/actor.h"
#include "sync/feed.h"
#include "sync/ops.h"

struct tr_broadcast_tx {
    tri_feed_end end;
};

struct tr_broadcast_rx {
    tri_feed_end end;
};

const tr_local_t tr_broadcast_tx_local = {.name = "broadcast sender",
                                          .drop = tri_feed_drop,
                                          .leave = tri_feed_leave,
                                          .adopt = tri_feed_adopt};
const tr_local_t tr_broadcast_rx_local = {.name = "broadcast reader",
                                          .drop = tri_feed_drop,
                                          .leave = tri_feed_leave,
                                          .adopt = tri_feed_adopt};

static tr_broadcast_tx *
tx_of(tri_feed_end *end)
{
    return TRI_CONTAINER(end, tr_broadcast_tx, end);
}

static tr_broadcast_rx *
rx_of(tri_feed_end *end)
{
    return TRI_CONTAINER(end, tr_broadcast_rx, end);
}

static tr_err_t
open_rx(tr_self *self, const tri_feed_end *of, tr_broadcast_rx **out)
{
    tri_feed_end *end;
    tr_err_t err = tri_feed_open(self, of, false, &end);
    if (err == TR_OK) {
        *out = rx_of(end);
    }
    return err;
}

static tr_err_t
create(tr_runtime *rt, tr_self *self, const tr_broadcast_opts_t *opts, tr_broadcast_tx **out_tx,
       tr_broadcast_rx **out_rx)
{
    static const tr_broadcast_opts_t defaults;
    opts = opts != NULL ? opts : &defaults;
    tri_feed_end *tx;
    tr_err_t err = tri_feed_create(
        rt, self, &(tri_feed_opts_t){.count = opts->count, .bytes = opts->bytes}, &tx);
    if (err == TR_OK && out_rx != NULL) {
        err = open_rx(self, tx, out_rx);
        if (err != TR_OK) {
            tri_feed_close(tx);
        }
    }
    if (err == TR_OK) {
        *out_tx = tx_of(tx);
    }
    return err;
}

tr_err_t
tr_broadcast_create(tr_self *self, const tr_broadcast_opts_t *opts, tr_broadcast_tx **out_tx,
                    tr_broadcast_rx **out_rx)
{
    return create(self->rt, self, opts, out_tx, out_rx);
}

tr_err_t
tr_runtime_broadcast_create(tr_runtime *rt, const tr_broadcast_opts_t *opts,
                            tr_broadcast_tx **out_tx, tr_broadcast_rx **out_rx)
{
    return create(rt, NULL, opts, out_tx, out_rx);
}

tr_err_t
tr_broadcast_subscribe(tr_self *self, tr_broadcast_tx *tx, tr_broadcast_rx **out)
{
    return open_rx(self, &tx->end, out);
}

tr_err_t
tr_broadcast_resubscribe(tr_self *self, tr_broadcast_rx *rx, tr_broadcast_rx **out)
{
    return open_rx(self, &rx->end, out);
}

tr_err_t
tr_broadcast_tx_clone(tr_self *self, tr_broadcast_tx *tx, tr_broadcast_tx **out)
{
    tri_feed_end *end;
    tr_err_t err = tri_feed_open(self, &tx->end, true, &end);
    if (err == TR_OK) {
        *out = tx_of(end);
    }
    return err;
}

tr_err_t
tr_broadcast_send(tr_self *self, tr_broadcast_tx *tx, const tr_type_t *type, const void *value,
                  uint32_t *out_readers)
{
    return tri_feed_send(self, &tx->end, type, value, out_readers);
}

tr_err_t
tr_broadcast_recv(tr_self *self, tr_broadcast_rx *rx, const tr_message **out, tr_duration_t timeout)
{
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    if (err == TR_OK) {
        err = tri_feed_read(self, &rx->end, out);
    }
    if (err != TR_ETIMEOUT || timeout.ns == 0) {
        return err;
    }
    err = tri_park_for(rx->end.feed->rt, self, &tri_feed_ops, &rx->end,
                       tri_park_deadline(self, timeout));
    return err == TR_OK ? tri_feed_read(self, &rx->end, out) : err;
}

uint64_t
tr_broadcast_missed(const tr_broadcast_rx *rx)
{
    return rx->end.missed;
}

tr_err_t
tr_broadcast_await_unread(tr_self *self, tr_broadcast_tx *tx, tr_duration_t timeout)
{
    return tri_feed_await_unread(self, &tx->end, timeout);
}

void
tr_broadcast_tx_close(tr_broadcast_tx *tx)
{
    tri_feed_close(tx != NULL ? &tx->end : NULL);
}

void
tr_broadcast_rx_close(tr_broadcast_rx *rx)
{
    tri_feed_close(rx != NULL ? &rx->end : NULL);
}
