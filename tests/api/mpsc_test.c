// mpsc_test.c: a mailbox without an actor, from both ends, from actors and from threads.
#include "troupe_test.h"

#include <pthread.h>

struct ends {
    tr_runtime *rt;
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    tr_err_t err;
    uint64_t count;
    cue ready;
};

static uint64_t
value_of(const tr_message *msg)
{
    const number *n = tr_as(number, msg);
    return n != NULL ? n->value : 0;
}

Test(mpsc, a_thread_sends_and_receives_in_order, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(1);
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_mpsc_create(rt, NULL, &tx, &rx));
    for (uint64_t i = 1; i <= 100; i++) {
        assert_ok(tr_mpsc_send(TR_OUTSIDE, tx, TR_MSG(number, .value = i), tr_ms(0)));
    }
    for (uint64_t i = 1; i <= 100; i++) {
        assert_ok(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_ms(0)));
        cr_assert(value_of(msg) == i);
        tr_runtime_release(rt, msg);
    }
    assert_err(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_ms(0)), TR_ETIMEOUT);
    assert_err(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_ms(10)), TR_ETIMEOUT);
    assert_ok(tr_mpsc_send(TR_OUTSIDE, tx, TR_MSG(number, .value = 7), tr_ms(0)));
    tr_mpsc_tx_close(tx);
    assert_ok(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, TR_FOREVER));
    tr_runtime_release(rt, msg);
    assert_err(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, TR_FOREVER), TR_ECLOSED);
    tr_mpsc_rx_close(rx);
    troupe_end(rt);
}

static void *
send_many(void *arg)
{
    struct ends *e = arg;
    for (uint64_t i = 0; i < e->count && e->err == TR_OK; i++) {
        e->err = tr_mpsc_send(TR_OUTSIDE, e->tx, TR_MSG(number, .value = i), TR_FOREVER);
    }
    tr_mpsc_tx_close(e->tx);
    return NULL;
}

static tr_err_t
receive_all(tr_self *self, void *arg)
{
    struct ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_create(self, &(tr_mpsc_opts_t){.count = 4}, &e->tx, &e->rx);
    if (err != TR_OK) {
        return err;
    }
    tr_mpsc_tx *mine = e->tx;
    err = tr_runtime_mpsc_tx_open(e->rt, tr_mpsc_ref(mine), &e->tx);
    cue_give(&e->ready);
    tr_mpsc_tx_close(mine);
    while (err == TR_OK && (err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER)) == TR_OK) {
        cr_expect(value_of(msg) == e->count, "%lu", (unsigned long)e->count);
        e->count++;
        tr_release(self, msg);
    }
    cr_expect(err == TR_ECLOSED, "%s", tr_errname(err));
    return TR_OK;
}

static tr_err_t
nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

Test(mpsc, a_thread_sends_to_an_actor_through_a_bound_of_four, .timeout = 60)
{
    tr_runtime *rt = troupe_begin(2);
    struct ends e = {.rt = rt};
    cue_init(&e.ready);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, a, receive_all, &e));
    CUE_AWAIT(&e.ready);
    struct ends sender = {.tx = e.tx, .count = 20000};
    pthread_t thread;
    pthread_create(&thread, NULL, send_many, &sender);
    pthread_join(thread, NULL);
    cr_assert(sender.err == TR_OK, "%s", tr_errname(sender.err));
    assert_ok(troupe_act(rt, a, nothing, NULL)); // behind the handler that receives
    troupe_end(rt);
    cr_assert(e.count == 20000);
}
