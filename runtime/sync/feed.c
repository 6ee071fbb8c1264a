#include "sync/feed.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "base/memory.h"
#include "sync/ops.h"

// ---- ends

static void
close_with_life(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tri_feed_close(TRI_CONTAINER(resource, tri_feed_end, end.resource));
}

void
tri_feed_adopt(tr_self *self, void *end)
{
    tri_end_adopt(&((tri_feed_end *)end)->end, self, close_with_life);
}

void
tri_feed_leave(void *end)
{
    tri_end_leave(&((tri_feed_end *)end)->end);
}

void
tri_feed_drop(void *end)
{
    tri_feed_close(end);
}

// Under the lock: those who wait look again.
static void
wake(const tri_list *parkings, tri_worker *here)
{
    TRI_LIST_EACH (link, parkings) {
        tri_actor_nudge(here, TRI_CONTAINER(link, tri_parking, link)->who);
    }
}

// Under the lock, or of a feed that nobody else knows.
static void
join(tri_feed *feed, tri_feed_end *end, bool is_sender)
{
    end->feed = feed;
    end->end.rt = feed->rt;
    end->is_sender = is_sender;
    end->next = feed->next;
    feed->senders += is_sender;
    feed->readers += !is_sender;
}

tr_err_t
tri_feed_create(tr_runtime *rt, tri_actor *self, const tri_feed_opts_t *opts, tri_feed_end **out)
{
    uint32_t count = opts->count != 0 ? opts->count : TRI_BOUND_COUNT_DEFAULT;
    if (count > TRI_BOUND_COUNT_MAX || opts->bytes > TRI_BOUND_BYTES_MAX) {
        return TR_EINVAL;
    }
    tri_feed *feed = tri_zalloc(sizeof *feed + count * sizeof(tr_message *));
    tri_feed_end *tx = tri_zalloc(sizeof *tx);
    if (feed == NULL || tx == NULL) {
        tri_free(feed);
        tri_free(tx);
        return TR_ENOMEM;
    }
    feed->rt = rt;
    feed->is_watch = opts->is_watch;
    feed->count_max = count;
    feed->bytes_max = opts->bytes != 0 ? opts->bytes : TRI_BOUND_BYTES_DEFAULT;
    pthread_mutex_init(&feed->lock, NULL);
    tri_list_init(&feed->waiting);
    tri_list_init(&feed->closing);
    join(feed, tx, true);
    tri_feed_adopt(self, tx);
    *out = tx;
    return TR_OK;
}

tr_err_t
tri_feed_open(tri_actor *self, const tri_feed_end *of, bool is_sender, tri_feed_end **out)
{
    tri_feed *feed = of->feed;
    tri_feed_end *end = tri_zalloc(sizeof *end);
    if (end == NULL) {
        return TR_ENOMEM;
    }
    pthread_mutex_lock(&feed->lock);
    bool is_open = !is_sender || feed->senders > 0;
    if (is_open) {
        join(feed, end, is_sender);
    }
    pthread_mutex_unlock(&feed->lock);
    if (!is_open) {
        tri_free(end);
        return TR_ECLOSED;
    }
    tri_feed_adopt(self, end);
    *out = end;
    return TR_OK;
}

// Nobody has an end any more: what is kept ends too.
static void
destroy(tri_feed *feed, tri_worker *here)
{
    for (uint64_t number = feed->first; number < feed->next; number++) {
        tri_destroy_message(feed->rt, here, feed->kept[number % feed->count_max]);
    }
    pthread_mutex_destroy(&feed->lock);
    tri_free(feed);
}

// Under the lock: copies that a reader will not read.
static void
count_unread(tri_feed *feed, tri_worker *here, tri_counter_t what, uint64_t count)
{
    if (!feed->is_watch) {
        tri_count_at_by(feed->rt, here, what, count);
        tri_count_at_by(feed->rt, here, TRI_COPIES_READ, count);
    }
}

void
tri_feed_close(tri_feed_end *end)
{
    if (end == NULL) {
        return;
    }
    tri_feed *feed = end->feed;
    tri_worker *here = tri_end_worker(&end->end);
    pthread_mutex_lock(&feed->lock);
    if (end->is_sender) {
        feed->senders--;
        wake(&feed->waiting, here);
    } else {
        feed->readers--;
        count_unread(feed, here, TRI_DISCARDED, feed->next - end->next);
        wake(&feed->closing, here);
    }
    bool is_last = feed->senders + feed->readers == 0;
    pthread_mutex_unlock(&feed->lock);
    if (is_last) {
        destroy(feed, here);
    }
    tri_end_leave(&end->end);
    tri_free(end);
}

// ---- sending

// Under the lock: the oldest goes, to be destroyed when the lock was let go.
static void
overwrite(tri_feed *feed, tri_lane *old)
{
    tr_message *msg = feed->kept[feed->first++ % feed->count_max];
    feed->bytes -= tri_message_charge_of(msg);
    tri_lane_append(old, msg);
}

// Under the lock. Takes the message when it says true.
static bool
keep(tri_feed *feed, tr_message *msg, uint64_t charge, tri_lane *old)
{
    if (feed->readers == 0 && !feed->is_watch) {
        return false;
    }
    while (feed->next - feed->first == feed->count_max || feed->bytes + charge > feed->bytes_max) {
        overwrite(feed, old);
    }
    feed->kept[feed->next++ % feed->count_max] = msg;
    feed->bytes += charge;
    return true;
}

// A message to be kept, whose bound it fits.
static tr_err_t
prepare(tri_actor *self, tri_feed *feed, const tr_type_t *type, const void *value, tr_message **out)
{
    tri_worker *here = tri_worker_of(self);
    tr_err_t err = tri_send_prepare(here, type, value, out);
    if (err != TR_OK) {
        return err;
    }
    if (tri_parts_has_local(type, (*out)->value)) {
        err = TR_EINVAL;
    } else if (tri_message_charge_of(*out) > feed->bytes_max) {
        err = TR_ETOOBIG;
    }
    if (err != TR_OK) {
        tri_destroy_message(feed->rt, here, *out);
    }
    return err;
}

tr_err_t
tri_feed_send(tri_actor *self, tri_feed_end *tx, const tr_type_t *type, const void *value,
              uint32_t *out_readers)
{
    tri_feed *feed = tx->feed;
    tri_worker *here = tri_worker_of(self);
    tr_message *msg = NULL;
    tr_err_t err = prepare(self, feed, type, value, &msg);
    if (err != TR_OK) {
        return err;
    }
    msg->sender = tri_ref_of(self);
    uint64_t charge = tri_message_charge_of(msg);
    tri_lane old = {.first = NULL};
    pthread_mutex_lock(&feed->lock);
    bool is_kept = keep(feed, msg, charge, &old);
    uint32_t readers = feed->readers;
    if (is_kept && !feed->is_watch) {
        tri_count_at_by(feed->rt, here, TRI_ACCEPTED, readers);
        tri_count_at_by(feed->rt, here, TRI_COPIES_SENT, readers);
    }
    wake(&feed->waiting, here);
    pthread_mutex_unlock(&feed->lock);
    for (tr_message *gone; (gone = tri_lane_pop(&old)) != NULL;) {
        tri_destroy_message(feed->rt, here, gone);
    }
    if (!is_kept) {
        tri_destroy_message(feed->rt, here, msg);
        return TR_ECLOSED;
    }
    if (out_readers != NULL) {
        *out_readers = readers;
    }
    return TR_OK;
}

// ---- reading

// Under the lock: a copy for one reader, which is accounted for when it is given back.
static tr_message *
copy_for(const tri_feed *feed, tri_worker *here, uint64_t number)
{
    const tr_message *kept = feed->kept[number % feed->count_max];
    tr_message *copy =
        tri_message_create(tri_pool_of(here), kept->parcel.type, kept->value, kept->size);
    if (copy != NULL) {
        copy->sender = kept->sender;
        copy->sent_tick = kept->sent_tick;
    }
    return copy;
}

// Under the lock: what a reader reads next, or why there is nothing.
static tr_err_t
read_next(tri_feed *feed, tri_feed_end *rx, tri_worker *here, tr_message **out)
{
    if (feed->is_watch && rx->next < feed->next) {
        rx->next = feed->next - 1; // others were never promised
    }
    if (rx->next < feed->first) {
        rx->missed = feed->first - rx->next;
        rx->next = feed->first;
        count_unread(feed, here, TRI_DROPPED, rx->missed);
        return TR_ELAGGED;
    }
    if (rx->next == feed->next) {
        return feed->senders == 0 ? TR_ECLOSED : TR_ETIMEOUT;
    }
    *out = copy_for(feed, here, rx->next);
    if (*out == NULL) {
        return TR_ENOMEM;
    }
    rx->next++;
    // A watch's copy is counted where it is made; it was not there before.
    tri_count_at(feed->rt, here, feed->is_watch ? TRI_ACCEPTED : TRI_COPIES_READ);
    return TR_OK;
}

static tr_err_t
read_under_lock(tri_actor *self, tri_feed_end *rx, const tr_message **out, bool again)
{
    tri_feed *feed = rx->feed;
    tr_message *msg = NULL;
    pthread_mutex_lock(&feed->lock);
    bool is_seen = again && rx->next == feed->next;
    rx->next -= is_seen;
    tr_err_t err = read_next(feed, rx, tri_worker_of(self), &msg);
    if (is_seen) {
        rx->next = feed->next; // also where there was no memory for a copy
    }
    pthread_mutex_unlock(&feed->lock);
    if (err == TR_OK) {
        tri_call_lend_out(feed->rt, self, msg);
        *out = msg;
    }
    return err;
}

tr_err_t
tri_feed_read(tri_actor *self, tri_feed_end *rx, const tr_message **out)
{
    return read_under_lock(self, rx, out, false);
}

tr_err_t
tri_feed_newest(tri_actor *self, tri_feed_end *rx, const tr_message **out)
{
    return read_under_lock(self, rx, out, true);
}

// ---- waiting

bool
tri_feed_has_news(const tri_feed_end *rx)
{
    pthread_mutex_lock(&rx->feed->lock);
    bool has_news = rx->next < rx->feed->next;
    pthread_mutex_unlock(&rx->feed->lock);
    return has_news;
}

bool
tri_feed_is_ready(const tri_feed_end *rx)
{
    pthread_mutex_lock(&rx->feed->lock);
    bool is_ready = rx->next < rx->feed->next || rx->feed->senders == 0;
    pthread_mutex_unlock(&rx->feed->lock);
    return is_ready;
}

bool
tri_feed_is_unread(tri_feed_end *tx)
{
    pthread_mutex_lock(&tx->feed->lock);
    bool is_unread = tx->feed->readers == 0;
    pthread_mutex_unlock(&tx->feed->lock);
    return is_unread;
}

static void
enter(tri_parking *parking)
{
    tri_feed_end *end = parking->object;
    tri_feed *feed = end->feed;
    pthread_mutex_lock(&feed->lock);
    tri_list_push_back(end->is_sender ? &feed->closing : &feed->waiting, &parking->link);
    pthread_mutex_unlock(&feed->lock);
}

static void
leave(tri_parking *parking)
{
    tri_feed *feed = ((tri_feed_end *)parking->object)->feed;
    pthread_mutex_lock(&feed->lock);
    tri_list_remove(&parking->link);
    pthread_mutex_unlock(&feed->lock);
}

static bool
is_ready(tri_parking *parking)
{
    return tri_feed_is_ready(parking->object);
}

static bool
has_no_reader(tri_parking *parking)
{
    return tri_feed_is_unread(parking->object);
}

const tri_parking_ops tri_feed_ops = {
    .what = "broadcast recv", .is_ready = is_ready, .enter = enter, .leave = leave};

const tri_parking_ops tri_watch_ops = {
    .what = "watch change", .is_ready = is_ready, .enter = enter, .leave = leave};

static const tri_parking_ops unread_ops = {
    .what = "no reader", .is_ready = has_no_reader, .enter = enter, .leave = leave};

tr_err_t
tri_feed_await_unread(tri_actor *self, tri_feed_end *tx, tr_duration_t timeout)
{
    return tri_park_for(tx->feed->rt, self, &unread_ops, tx, tri_park_deadline(self, timeout));
}
