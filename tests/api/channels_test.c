// channels_test.c: a first round through each kind of channel, from threads and from actors.
#include "troupe_test.h"

#define HAND_OUT(F, T) F(T, local(tr_broadcast_rx), reader) F(T, local(tr_token), token)
TR_MESSAGE(hand_out, HAND_OUT);

static uint64_t
value_of(const tr_message *msg)
{
    const number *n = tr_as(number, msg);
    return n != NULL ? n->value : 0;
}

Test(broadcast, tells_a_slow_reader_how_many_it_missed, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(1);
    tr_broadcast_tx *tx;
    tr_broadcast_rx *rx;
    const tr_message *msg;
    uint32_t readers = 0;
    assert_ok(tr_runtime_broadcast_create(rt, &(tr_broadcast_opts_t){.count = 4}, &tx, &rx));
    for (uint64_t i = 1; i <= 10; i++) {
        assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number, .value = i), &readers));
        cr_assert(readers == 1);
    }
    assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_ms(0)), TR_ELAGGED);
    cr_assert(tr_broadcast_missed(rx) == 6);
    for (uint64_t i = 7; i <= 10; i++) {
        assert_ok(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_ms(0)));
        cr_assert(value_of(msg) == i);
        tr_runtime_release(rt, msg);
    }
    assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_ms(1)), TR_ETIMEOUT);
    tr_broadcast_tx_close(tx);
    assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, TR_FOREVER), TR_ECLOSED);
    tr_broadcast_rx_close(rx);
    troupe_end(rt);
}

struct stage {
    tr_broadcast_tx *tx;
    tr_oneshot *done;
    uint64_t sum;
};

// Reads until the end; says what it got.
static tr_err_t
read_all(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    if (tr_as(hand_out, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_broadcast_rx *rx = tr_take(self, msg, hand_out, reader);
    tr_token *token = tr_take(self, msg, hand_out, token);
    uint64_t sum = 0;
    const tr_message *got;
    tr_err_t err;
    tr_branch_t branches[] = {tr_when_broadcast(rx), tr_when_unwanted(token)};
    size_t which;
    while ((err = tr_select(self, branches, 2, TR_FOREVER, &which)) == TR_OK && which == 0) {
        err = tr_broadcast_recv(self, rx, &got, tr_ms(0));
        if (err != TR_OK) {
            break;
        }
        sum += value_of(got);
        tr_release(self, got);
    }
    cr_expect(err == TR_ECLOSED, "%s", tr_errname(err));
    return tr_token_reply(self, token, TR_MSG(number, .value = sum));
}

Test(broadcast, goes_to_an_actor_that_answers_through_a_oneshot, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    tr_broadcast_tx *tx;
    tr_broadcast_rx *rx;
    tr_token *token;
    tr_oneshot *done;
    const number *sum;
    part p = {.receive = read_all};
    tr_ref_t reader = troupe_puppet(rt, &p);
    assert_ok(tr_runtime_broadcast_create(rt, NULL, &tx, &rx));
    assert_ok(tr_runtime_oneshot_create(rt, &token, &done));
    assert_ok(
        tr_runtime_send(rt, reader, TR_MSG(hand_out, .reader = rx, .token = token), tr_seconds(1)));
    assert_err(tr_oneshot_recv(TR_OUTSIDE, done, TR_REPLY(number, &sum), tr_ms(1)), TR_ETIMEOUT);
    for (uint64_t i = 1; i <= 100; i++) {
        assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number, .value = i), NULL));
    }
    tr_broadcast_tx_close(tx);
    assert_ok(tr_oneshot_recv(TR_OUTSIDE, done, TR_REPLY(number, &sum), tr_seconds(10)));
    cr_assert(sum->value == 5050);
    tr_runtime_release(rt, sum);
    tr_oneshot_close(done);
    troupe_end(rt);
}

Test(watch, shows_the_newest_and_says_when_it_changed, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(1);
    tr_watch_tx *tx;
    tr_watch_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_watch_create(rt, TR_MSG(number, .value = 1), &tx, &rx));
    cr_assert(tr_watch_has_changed(rx) == false);
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &msg));
    cr_assert(value_of(msg) == 1);
    tr_runtime_release(rt, msg);
    for (uint64_t i = 2; i < 5; i++) {
        assert_ok(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(number, .value = i)));
    }
    assert_ok(tr_watch_await_change(TR_OUTSIDE, rx, TR_FOREVER));
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &msg));
    cr_assert(value_of(msg) == 4);
    tr_runtime_release(rt, msg);
    assert_err(tr_watch_await_change(TR_OUTSIDE, rx, tr_ms(1)), TR_ETIMEOUT);
    tr_watch_tx_close(tx);
    assert_err(tr_watch_await_change(TR_OUTSIDE, rx, TR_FOREVER), TR_ECLOSED);
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &msg));
    cr_assert(value_of(msg) == 4);
    tr_runtime_release(rt, msg);
    tr_watch_rx_close(rx);
    troupe_end(rt);
}

Test(oneshot, tells_either_side_that_the_other_has_left, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(1);
    tr_token *token;
    tr_oneshot *rx;
    assert_ok(tr_runtime_oneshot_create(rt, &token, &rx));
    tr_token_reply_error(TR_OUTSIDE, token, TR_OK);
    assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, TR_FOREVER), TR_ENOREPLY);
    assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, TR_FOREVER), TR_EALREADY);
    tr_oneshot_close(rx);
    assert_ok(tr_runtime_oneshot_create(rt, &token, &rx));
    cr_assert(tr_token_is_wanted(NULL, token));
    tr_oneshot_close(rx);
    cr_assert(tr_token_is_wanted(NULL, token) == false);
    assert_ok(tr_token_await_unwanted(TR_OUTSIDE, token, TR_FOREVER));
    assert_err(tr_token_reply(TR_OUTSIDE, token, TR_MSG(number, .value = 1)), TR_ECLOSED);
    troupe_end(rt);
}
