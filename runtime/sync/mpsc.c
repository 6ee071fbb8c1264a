// mpsc.c: the two kinds of ends of a tri_channel, which is the mailbox itself. Here is who holds
// them, and that the last sender's going closes the channel.
#include "troupe/mpsc.h"

#include "actor/call.h"
#include "actor/channel.h"
#include "actor/mailbox.h"
#include "actor/park.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "base/memory.h"
#include "sync/end.h"
#include "sync/ops.h"

struct tr_mpsc_tx {
    tri_end end;
    tri_channel
        *channel; // memory of a channel is never unmade; its address says whether it is ours
    tr_ref_t ref;
};

struct tr_mpsc_rx {
    tri_end end;
    tri_channel *channel;
};

// ---- sending ends

static void
close_tx(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tr_mpsc_tx_close(TRI_CONTAINER(resource, tr_mpsc_tx, end.resource));
}

// Those who wait for its being closed look again.
static void
wake_parked(tri_channel *channel, tri_worker *here)
{
    pthread_mutex_lock(&channel->lock);
    TRI_LIST_EACH (link, &channel->parked) {
        tri_actor_nudge(here, TRI_CONTAINER(link, tri_parking, link)->who);
    }
    pthread_mutex_unlock(&channel->lock);
}

// By the receiver: nobody else can close it meanwhile.
static void
shut(tri_channel *channel, tri_worker *here)
{
    tri_channel_shut(channel, here);
    wake_parked(channel, here);
}

// One more sender, if it is still open.
static bool
join(tri_channel *channel, tr_ref_t ref)
{
    pthread_mutex_lock(&channel->lock);
    bool is_open = tri_channel_ref(channel).raw == ref.raw &&
                   (TRI_PEEK(&channel->slot->load) & TRI_LOAD_CLOSED) == 0 && channel->senders > 0;
    channel->senders += is_open;
    pthread_mutex_unlock(&channel->lock);
    return is_open;
}

static tr_mpsc_tx *
create_tx(tr_runtime *rt, tri_channel *channel, tr_ref_t ref)
{
    tr_mpsc_tx *tx = tri_zalloc(sizeof *tx);
    if (tx != NULL) {
        tx->end.rt = rt;
        tx->channel = channel;
        tx->ref = ref;
    }
    return tx;
}

static tr_err_t
open_tx(tr_runtime *rt, tr_self *self, tr_ref_t ref, tr_mpsc_tx **out)
{
    uint32_t slot = (uint32_t)ref.raw;
    tri_actor *actor =
        slot == 0 || slot >= tri_table_slots(&rt->table) ? NULL : tri_table_at(&rt->table, slot);
    if (actor == NULL || tri_actor_phase(actor) != TRI_PHASE_CHANNEL) {
        return TR_EINVAL;
    }
    tri_channel *channel = actor->state;
    tr_mpsc_tx *tx = create_tx(rt, channel, ref);
    if (tx == NULL) {
        return TR_ENOMEM;
    }
    if (!join(channel, ref)) {
        tri_free(tx);
        return TR_ECLOSED;
    }
    tri_end_adopt(&tx->end, self, close_tx);
    *out = tx;
    return TR_OK;
}

tr_err_t
tr_mpsc_tx_open(tr_self *self, tr_ref_t ref, tr_mpsc_tx **out)
{
    return open_tx(self->rt, self, ref, out);
}

tr_err_t
tr_runtime_mpsc_tx_open(tr_runtime *rt, tr_ref_t ref, tr_mpsc_tx **out)
{
    return open_tx(rt, NULL, ref, out);
}

void
tr_mpsc_tx_close(tr_mpsc_tx *tx)
{
    if (tx == NULL) {
        return;
    }
    tri_channel *channel = tx->channel;
    tri_worker *here = tri_end_worker(&tx->end);
    pthread_mutex_lock(&channel->lock);
    bool is_same = tri_channel_ref(channel).raw == tx->ref.raw;
    bool is_last = is_same && --channel->senders == 0;
    if (is_last) {
        tri_mailbox_shut(channel->slot); // without the lock it may be another channel already
    }
    pthread_mutex_unlock(&channel->lock);
    if (is_last) {
        tri_actor_nudge(here, channel->slot);
        wake_parked(channel, here);
    }
    tri_end_leave(&tx->end);
    tri_free(tx);
}

static void
drop_tx(void *object)
{
    tr_mpsc_tx_close(object);
}

static void
leave_tx(void *object)
{
    tri_end_leave(&((tr_mpsc_tx *)object)->end);
}

static void
adopt_tx(tr_self *self, void *object)
{
    tri_end_adopt(&((tr_mpsc_tx *)object)->end, self, close_tx);
}

const tr_local_t tr_mpsc_tx_local = {
    .name = "mpsc sender", .drop = drop_tx, .leave = leave_tx, .adopt = adopt_tx};

tr_ref_t
tr_mpsc_ref(const tr_mpsc_tx *tx)
{
    return tx->ref;
}

// ---- sending

tr_err_t
tr_mpsc_send(tr_self *self, tr_mpsc_tx *tx, const tr_type_t *type, const void *value,
             tr_duration_t timeout)
{
    tr_err_t err = self != NULL ? tri_send_from(self, tx->ref, type, value, 0, timeout)
                                : tr_runtime_send(tx->end.rt, tx->ref, type, value, timeout);
    return err == TR_EDEAD ? TR_ECLOSED : err;
}

bool
tr_mpsc_is_closed(const tr_mpsc_tx *tx)
{
    const tri_actor *slot = tx->channel->slot;
    return tri_actor_ref(slot).raw != tx->ref.raw || (TRI_PEEK(&slot->load) & TRI_LOAD_CLOSED) != 0;
}

static bool
is_closed(tri_parking *parking)
{
    return tr_mpsc_is_closed(parking->object);
}

static void
enter_parked(tri_parking *parking)
{
    tri_channel *channel = ((tr_mpsc_tx *)parking->object)->channel;
    pthread_mutex_lock(&channel->lock);
    tri_list_push_back(&channel->parked, &parking->link);
    pthread_mutex_unlock(&channel->lock);
}

static void
leave_parked(tri_parking *parking)
{
    tri_channel *channel = ((tr_mpsc_tx *)parking->object)->channel;
    pthread_mutex_lock(&channel->lock);
    tri_list_remove(&parking->link);
    pthread_mutex_unlock(&channel->lock);
}

static const tri_parking_ops closed_ops = {
    .what = "mpsc closed", .is_ready = is_closed, .enter = enter_parked, .leave = leave_parked};

tr_err_t
tr_mpsc_await_closed(tr_self *self, tr_mpsc_tx *tx, tr_duration_t timeout)
{
    return tri_park_for(tx->end.rt, self, &closed_ops, tx, tri_park_deadline(self, timeout));
}

// ---- the receiving end

static void
close_rx(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tr_mpsc_rx_close(TRI_CONTAINER(resource, tr_mpsc_rx, end.resource));
}

static void
adopt_rx(tr_self *self, void *object)
{
    tr_mpsc_rx *rx = object;
    tri_end_adopt(&rx->end, self, close_rx);
    if (self != NULL) {
        tri_channel_set_consumer(rx->channel, self);
    }
}

static void
leave_rx(void *object)
{
    tr_mpsc_rx *rx = object;
    if (rx->end.holder != NULL) {
        tri_channel_leave(rx->channel);
    }
    tri_end_leave(&rx->end);
}

static void
drop_rx(void *object)
{
    tr_mpsc_rx_close(object);
}

const tr_local_t tr_mpsc_rx_local = {
    .name = "mpsc receiver", .drop = drop_rx, .leave = leave_rx, .adopt = adopt_rx};

static tr_err_t
create(tr_runtime *rt, tr_self *self, const tr_mpsc_opts_t *opts, tr_mpsc_tx **out_tx,
       tr_mpsc_rx **out_rx)
{
    static const tr_mpsc_opts_t defaults;
    opts = opts != NULL ? opts : &defaults;
    tri_channel_opts_t channel_opts = {opts->name, opts->count, opts->bytes, opts->full};
    tri_channel *channel = NULL;
    tr_err_t err = tri_channel_open(rt, &channel_opts, &channel);
    if (err != TR_OK) {
        return err;
    }
    tr_mpsc_tx *tx = create_tx(rt, channel, tri_channel_ref(channel));
    tr_mpsc_rx *rx = tri_zalloc(sizeof *rx);
    if (tx == NULL || rx == NULL) {
        tri_channel_close(channel, NULL);
        tri_free(tx);
        tri_free(rx);
        return TR_ENOMEM;
    }
    pthread_mutex_lock(&channel->lock);
    channel->senders = 1;
    pthread_mutex_unlock(&channel->lock);
    rx->end.rt = rt;
    rx->channel = channel;
    tri_end_adopt(&tx->end, self, close_tx);
    adopt_rx(self, rx);
    *out_tx = tx;
    *out_rx = rx;
    return TR_OK;
}

tr_err_t
tr_mpsc_create(tr_self *self, const tr_mpsc_opts_t *opts, tr_mpsc_tx **out_tx, tr_mpsc_rx **out_rx)
{
    return create(self->rt, self, opts, out_tx, out_rx);
}

tr_err_t
tr_runtime_mpsc_create(tr_runtime *rt, const tr_mpsc_opts_t *opts, tr_mpsc_tx **out_tx,
                       tr_mpsc_rx **out_rx)
{
    return create(rt, NULL, opts, out_tx, out_rx);
}

tr_ref_t
tr_mpsc_rx_ref(const tr_mpsc_rx *rx)
{
    return tri_channel_ref(rx->channel);
}

uint32_t
tr_mpsc_count(const tr_mpsc_rx *rx)
{
    return tri_load_count(TRI_PEEK(&rx->channel->slot->load));
}

void
tr_mpsc_shut(tr_mpsc_rx *rx)
{
    shut(rx->channel, tri_end_worker(&rx->end));
}

void
tr_mpsc_rx_close(tr_mpsc_rx *rx)
{
    if (rx == NULL) {
        return;
    }
    tri_worker *here = tri_end_worker(&rx->end);
    tri_channel *channel = rx->channel;
    tri_end_leave(&rx->end);
    shut(channel, here);
    tri_channel_close(channel, here);
    tri_free(rx);
}

// ---- receiving

static bool
has_message(tri_parking *parking)
{
    tr_mpsc_rx *rx = parking->object;
    return tri_channel_has_mail(rx->channel, tri_end_worker(&rx->end)) ||
           tri_channel_is_drained(rx->channel);
}

static void
enter_recv(tri_parking *parking)
{
    tr_mpsc_rx *rx = parking->object;
    if (rx->end.holder == NULL) {
        tri_channel_set_consumer(rx->channel, parking->who);
    }
    rx->channel->is_awaited = true;
}

static void
leave_recv(tri_parking *parking)
{
    tr_mpsc_rx *rx = parking->object;
    rx->channel->is_awaited = false;
    if (rx->end.holder == NULL) {
        tri_channel_set_consumer(rx->channel, NULL);
    }
}

const tri_parking_ops tri_mpsc_recv_ops = {
    .what = "mpsc recv", .is_ready = has_message, .enter = enter_recv, .leave = leave_recv};

// What there is now.
static tr_message *
take_now(tr_mpsc_rx *rx)
{
    if (rx->end.holder != NULL) {
        return tri_channel_take(rx->channel, tri_end_worker(&rx->end));
    }
    tri_channel_hold(rx->channel);
    tr_message *msg = tri_channel_take(rx->channel, NULL);
    tri_channel_set_consumer(rx->channel, NULL);
    return msg;
}

tr_err_t
tr_mpsc_recv(tr_self *self, tr_mpsc_rx *rx, const tr_message **out, tr_duration_t timeout)
{
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    tr_message *msg = NULL;
    int64_t deadline = 0; // no clock is read before one has to wait
    while (err == TR_OK && (msg = take_now(rx)) == NULL) {
        // In this order: what is let in while we look is seen.
        if (tri_channel_is_drained(rx->channel)) {
            return TR_ECLOSED;
        }
        if (timeout.ns == 0) {
            return TR_ETIMEOUT;
        }
        deadline = deadline != 0 ? deadline : tri_park_deadline(self, timeout);
        err = tri_park_for(rx->end.rt, self, &tri_mpsc_recv_ops, rx, deadline);
    }
    if (err == TR_OK) {
        tri_call_lend_out(rx->end.rt, self, msg);
        *out = msg;
    }
    return err;
}
