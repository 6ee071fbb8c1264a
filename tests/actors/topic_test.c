// topic_test.c: what is sent to a topic goes to all who have subscribed.
#include "troupe_test.h"

TestSuite(topic, .timeout = 60);

static tr_ref_t
topic_of(tr_runtime *rt, uint32_t count)
{
    tr_ref_t topic;
    tr_broadcast_opts_t opts = {.count = count};
    assert_ok(tr_runtime_spawn(
        rt,
        &(tr_spawn_opts_t){
            .behavior = &tr_topic_behavior, .name = "news", .arg = &opts, .arg_size = sizeof opts},
        &topic));
    return topic;
}

static uint32_t
publish(tr_runtime *rt, tr_ref_t topic, uint64_t value)
{
    const tr_topic_published *published;
    assert_ok(tr_runtime_call(rt, topic, TR_MSG(number, .value = value),
                              TR_REPLY(tr_topic_published, &published), tr_seconds(10)));
    uint32_t readers = published->readers;
    tr_runtime_release(rt, published);
    return readers;
}

static void
expect_number(tr_runtime *rt, tr_broadcast_rx *rx, uint64_t value)
{
    const tr_message *msg;
    assert_ok(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_seconds(10)));
    const number *n = tr_as(number, msg);
    cr_assert(n != NULL);
    cr_assert(eq(u64, n->value, value));
    tr_runtime_release(rt, msg);
}

Test(topic, without_readers_publishes_to_nobody)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t topic = topic_of(rt, 0);
    cr_assert(eq(u32, publish(rt, topic, 1), 0));
    troupe_end(rt);
}

Test(topic, a_subscription_that_nobody_waits_for_is_not_made)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t topic = topic_of(rt, 0);
    assert_ok(tr_runtime_send(rt, topic, TR_MSG(tr_topic_join), tr_seconds(1)));
    cr_assert(eq(u32, publish(rt, topic, 1), 0));
    troupe_end(rt);
}

Test(topic, gives_every_reader_every_message_from_its_subscription_on)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t topic = topic_of(rt, 0);
    tr_broadcast_rx *first;
    tr_broadcast_rx *second;
    assert_ok(tr_runtime_topic_subscribe(rt, topic, tr_seconds(10), &first));
    cr_assert(eq(u32, publish(rt, topic, 1), 1));
    assert_ok(tr_runtime_topic_subscribe(rt, topic, tr_seconds(10), &second));
    cr_assert(eq(u32, publish(rt, topic, 2), 2));
    expect_number(rt, first, 1);
    expect_number(rt, first, 2);
    expect_number(rt, second, 2);
    tr_broadcast_rx_close(first);
    cr_assert(eq(u32, publish(rt, topic, 3), 1));
    tr_broadcast_rx_close(second);
    troupe_end(rt);
}

Test(topic, tells_a_slow_reader_how_many_it_missed)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t topic = topic_of(rt, 3);
    tr_broadcast_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_topic_subscribe(rt, topic, tr_seconds(10), &rx));
    for (uint64_t i = 1; i <= 10; i++) {
        publish(rt, topic, i);
    }
    assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_ms(0)), TR_ELAGGED);
    cr_assert(eq(u64, tr_broadcast_missed(rx), 7));
    expect_number(rt, rx, 8);
    tr_broadcast_rx_close(rx);
    troupe_end(rt);
}

Test(topic, that_ends_closes_its_readers)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t topic = topic_of(rt, 0);
    tr_broadcast_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_topic_subscribe(rt, topic, tr_seconds(10), &rx));
    publish(rt, topic, 1);
    tr_runtime_stop(rt);
    expect_number(rt, rx, 1);
    assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_seconds(10)), TR_ECLOSED);
    tr_broadcast_rx_close(rx);
    troupe_end(rt);
}

struct crowd {
    tr_ref_t topic;
    _Atomic uint32_t joined;
    _Atomic uint64_t sum;
};

static tr_err_t
listen(tr_self *self, void *arg)
{
    struct crowd *crowd = arg;
    tr_broadcast_rx *rx;
    const tr_message *msg;
    tr_err_t err = tr_topic_subscribe(self, crowd->topic, tr_seconds(10), &rx);
    crowd->joined++;
    while (err == TR_OK && (err = tr_broadcast_recv(self, rx, &msg, TR_FOREVER)) == TR_OK) {
        const number *n = tr_as(number, msg);
        if (n->value == 0) {
            return TR_OK;
        }
        crowd->sum += n->value;
        tr_release(self, msg);
    }
    return err;
}

Test(topic, is_heard_by_a_crowd_of_actors)
{
    tr_runtime *rt = troupe_begin(2);
    struct crowd crowd = {.topic = topic_of(rt, 0)};
    for (int i = 0; i < 20; i++) {
        assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), listen, &crowd));
    }
    TROUPE_EVENTUALLY(crowd.joined == 20);
    for (uint64_t i = 1; i <= 100; i++) {
        assert_ok(tr_runtime_send(rt, crowd.topic, TR_MSG(number, .value = i), tr_seconds(10)));
    }
    assert_ok(tr_runtime_send(rt, crowd.topic, TR_MSG(number, .value = 0), tr_seconds(10)));
    TROUPE_EVENTUALLY(crowd.sum == 20 * UINT64_C(5050));
    troupe_end(rt);
}
