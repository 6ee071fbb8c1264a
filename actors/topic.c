// topic.c: a broadcast channel with an address.
#include "troupe/topic.h"

#include "troupe/call.h"

struct topic {
    tr_broadcast_tx *tx;
};

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    struct topic *topic = state;
    return tr_broadcast_create(self, arg, &topic->tx, NULL);
}

// A reader that did not get away is closed again.
static tr_err_t
give_reader(tr_self *self, const struct topic *topic)
{
    tr_broadcast_rx *rx;
    tr_err_t err = tr_broadcast_subscribe(self, topic->tx, &rx);
    if (err != TR_OK) {
        return tr_reply_error(self, err);
    }
    err = tr_reply(self, TR_MSG(tr_topic_reader, .rx = rx));
    if (err != TR_OK) {
        tr_broadcast_rx_close(rx);
    }
    return err;
}

static tr_err_t
publish(tr_self *self, const struct topic *topic, const tr_message *msg)
{
    uint32_t readers = 0;
    tr_err_t err =
        tr_broadcast_send(self, topic->tx, tr_message_type(msg), tr_message_value(msg), &readers);
    if (err != TR_OK && err != TR_ECLOSED) {
        return tr_reply_error(self, err);
    }
    return tr_reply(self, TR_MSG(tr_topic_published, .readers = readers));
}

static tr_err_t
receive(tr_self *self, void *state, const tr_message *msg)
{
    const struct topic *topic = state;
    bool is_join = tr_as(tr_topic_join, msg) != NULL;
    if (is_join && !tr_message_is_call(msg)) {
        return TR_EUNHANDLED; // nobody would get the reader
    }
    tr_err_t err = is_join ? give_reader(self, topic) : publish(self, topic, msg);
    // Without memory for an answer the caller hears that there is none; the topic goes on.
    return err == TR_ENOMEM ? TR_OK : err;
}

const tr_behavior_t tr_topic_behavior = {
    .name = "topic",
    .state_size = sizeof(struct topic),
    .start = start,
    .receive = receive,
};

// ---- subscribing

tr_err_t
tr_topic_subscribe(tr_self *self, tr_ref_t topic, tr_duration_t timeout, tr_broadcast_rx **out)
{
    const tr_message *answer;
    tr_err_t err = tr_call(self, topic, TR_MSG(tr_topic_join), TR_REPLY_ANY(&answer), timeout);
    if (err != TR_OK) {
        return err;
    }
    tr_broadcast_rx *rx = tr_take(self, answer, tr_topic_reader, rx);
    tr_release(self, answer);
    if (rx == NULL) {
        return TR_ETYPE;
    }
    *out = rx;
    return TR_OK;
}

tr_err_t
tr_runtime_topic_subscribe(tr_runtime *rt, tr_ref_t topic, tr_duration_t timeout,
                           tr_broadcast_rx **out)
{
    const tr_message *answer;
    tr_err_t err =
        tr_runtime_call(rt, topic, TR_MSG(tr_topic_join), TR_REPLY_ANY(&answer), timeout);
    if (err != TR_OK) {
        return err;
    }
    tr_broadcast_rx *rx = tr_take(TR_OUTSIDE, answer, tr_topic_reader, rx);
    tr_runtime_release(rt, answer);
    if (rx == NULL) {
        return TR_ETYPE;
    }
    *out = rx;
    return TR_OK;
}
