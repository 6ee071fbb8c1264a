// watch.c: a feed that keeps one message, the newest.
#include "troupe/watch.h"

#include "actor/mailbox.h"
#include "sync/feed.h"
#include "sync/ops.h"

struct tr_watch_tx {
    tri_feed_end end;
};

struct tr_watch_rx {
    tri_feed_end end;
};

const tr_local_t tr_watch_tx_local = {.name = "watch sender",
                                      .drop = tri_feed_drop,
                                      .leave = tri_feed_leave,
                                      .adopt = tri_feed_adopt};
const tr_local_t tr_watch_rx_local = {.name = "watch reader",
                                      .drop = tri_feed_drop,
                                      .leave = tri_feed_leave,
                                      .adopt = tri_feed_adopt};

static tr_err_t
open_rx(tr_self *self, const tri_feed_end *of, tr_watch_rx **out)
{
    tri_feed_end *end;
    tr_err_t err = tri_feed_open(self, of, false, &end);
    if (err == TR_OK) {
        *out = TRI_CONTAINER(end, tr_watch_rx, end);
    }
    return err;
}

static tr_err_t
create(tr_runtime *rt, tr_self *self, const tr_type_t *type, const void *value,
       tr_watch_tx **out_tx, tr_watch_rx **out_rx)
{
    static const tri_feed_opts_t opts = {
        .count = 1, .bytes = TRI_BOUND_BYTES_MAX, .is_watch = true};
    tri_feed_end *tx;
    tr_err_t err = tri_feed_create(rt, self, &opts, &tx);
    if (err != TR_OK) {
        return err;
    }
    err = tri_feed_send(self, tx, type, value, NULL);
    if (err == TR_OK && out_rx != NULL) {
        err = open_rx(self, tx, out_rx);
    }
    if (err != TR_OK) {
        tri_feed_close(tx);
        return err;
    }
    *out_tx = TRI_CONTAINER(tx, tr_watch_tx, end);
    return TR_OK;
}

tr_err_t
tr_watch_create(tr_self *self, const tr_type_t *type, const void *value, tr_watch_tx **out_tx,
                tr_watch_rx **out_rx)
{
    return create(self->rt, self, type, value, out_tx, out_rx);
}

tr_err_t
tr_runtime_watch_create(tr_runtime *rt, const tr_type_t *type, const void *value,
                        tr_watch_tx **out_tx, tr_watch_rx **out_rx)
{
    return create(rt, NULL, type, value, out_tx, out_rx);
}

tr_err_t
tr_watch_subscribe(tr_self *self, tr_watch_tx *tx, tr_watch_rx **out)
{
    return open_rx(self, &tx->end, out);
}

tr_err_t
tr_watch_resubscribe(tr_self *self, tr_watch_rx *rx, tr_watch_rx **out)
{
    return open_rx(self, &rx->end, out);
}

tr_err_t
tr_watch_tx_clone(tr_self *self, tr_watch_tx *tx, tr_watch_tx **out)
{
    tri_feed_end *end;
    tr_err_t err = tri_feed_open(self, &tx->end, true, &end);
    if (err == TR_OK) {
        *out = TRI_CONTAINER(end, tr_watch_tx, end);
    }
    return err;
}

tr_err_t
tr_watch_send(tr_self *self, tr_watch_tx *tx, const tr_type_t *type, const void *value)
{
    return tri_feed_send(self, &tx->end, type, value, NULL);
}

tr_err_t
tr_watch_get(tr_self *self, tr_watch_rx *rx, const tr_message **out)
{
    return tri_feed_newest(self, &rx->end, out);
}

bool
tr_watch_has_changed(const tr_watch_rx *rx)
{
    return tri_feed_has_news(&rx->end);
}

tr_err_t
tr_watch_await_change(tr_self *self, tr_watch_rx *rx, tr_duration_t timeout)
{
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    if (err == TR_OK && !tri_feed_is_ready(&rx->end)) {
        err = timeout.ns == 0 ? TR_ETIMEOUT
                              : tri_park_for(rx->end.feed->rt, self, &tri_watch_ops, &rx->end,
                                             tri_park_deadline(self, timeout));
    }
    return err == TR_OK && !tri_feed_has_news(&rx->end) ? TR_ECLOSED : err;
}

tr_err_t
tr_watch_await_unread(tr_self *self, tr_watch_tx *tx, tr_duration_t timeout)
{
    return tri_feed_await_unread(self, &tx->end, timeout);
}

void
tr_watch_tx_close(tr_watch_tx *tx)
{
    tri_feed_close(tx != NULL ? &tx->end : NULL);
}

void
tr_watch_rx_close(tr_watch_rx *rx)
{
    tri_feed_close(rx != NULL ? &rx->end : NULL);
}
