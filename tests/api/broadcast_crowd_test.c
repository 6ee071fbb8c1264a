// broadcast_crowd_test.c: many senders and many readers at once, actors and threads, some of whom
// come and go. What every reader got and missed is all that was sent while it was there.
#include "ends.h"

TestSuite(broadcast, .timeout = 120);

#if defined(__SANITIZE_THREAD__)
#define EACH 500
#else
#define EACH 10000
#endif
#define SENDERS 4
#define READERS 6

static ends s;

typedef struct member {
    player p;
    bag bag;
    uint64_t id;
    uint64_t got, missed, gaps;
    uint64_t last[SENDERS]; // of each sender the newest that was read
    tr_err_t err;
} member;

// Messages carry sender and number, counted from 1.
static tr_err_t
send_each(tr_self *self, void *arg)
{
    member *m = arg;
    tr_err_t err = TR_OK;
    for (uint64_t i = 1; i <= EACH && err == TR_OK; i++) {
        err = tr_broadcast_send(self, m->bag.broadcast_tx, TR_MSG(number, .value = m->id << 32 | i),
                                NULL);
        if (self != NULL && i % 16 == 0 && err == TR_OK) {
            err = tr_yield(self);
        }
    }
    tr_broadcast_tx_close(m->bag.broadcast_tx);
    return err;
}

static bool
note(member *m, const tr_message *msg)
{
    uint64_t id = value_of(msg) >> 32;
    uint64_t i = value_of(msg) & UINT32_MAX;
    bool is_in_order = id < SENDERS && i > m->last[id];
    m->last[id % SENDERS] = i;
    m->got++;
    return is_in_order;
}

static tr_err_t
read_all(tr_self *self, void *arg)
{
    member *m = arg;
    const tr_message *msg;
    tr_err_t err;
    bool is_in_order = true;
    do {
        err = tr_broadcast_recv(self, m->bag.broadcast_rx, &msg, TR_FOREVER);
        if (err == TR_OK) {
            is_in_order = note(m, msg);
            give_back(m->p.rt, self, msg);
        } else if (err == TR_ELAGGED) {
            m->missed += tr_broadcast_missed(m->bag.broadcast_rx);
            m->gaps++;
        }
    } while (is_in_order && (err == TR_OK || err == TR_ELAGGED));
    tr_broadcast_rx_close(m->bag.broadcast_rx);
    return is_in_order ? err : TR_EFAULT;
}

static void
join_in(member *m, uint64_t id, bag b)
{
    m->id = id;
    m->p = player_of(&s, (place)(id % PLACES), &m->bag);
    hand(&m->p, b);
}

static void
play(const tr_broadcast_opts_t *opts, uint64_t *out_missed)
{
    static member senders[SENDERS], readers[READERS];
    tr_broadcast_tx *tx, *more_tx;
    tr_broadcast_rx *rx;
    memset(senders, 0, sizeof senders);
    memset(readers, 0, sizeof readers);
    assert_ok(tr_runtime_broadcast_create(s.p.rt, opts, &tx, NULL));
    for (uint64_t i = 0; i < READERS; i++) {
        assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &rx));
        join_in(&readers[i], i, (bag){.broadcast_rx = rx});
    }
    for (uint64_t i = 0; i < SENDERS; i++) {
        assert_ok(tr_broadcast_tx_clone(TR_OUTSIDE, tx, &more_tx));
        join_in(&senders[i], i, (bag){.broadcast_tx = more_tx});
    }
    tr_broadcast_tx_close(tx);
    for (int i = 0; i < READERS; i++) {
        begin_act(&readers[i].p, read_all, &readers[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        begin_act(&senders[i].p, send_each, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        assert_ok(await_act(&senders[i].p));
    }
    for (int i = 0; i < READERS; i++) {
        assert_err(await_act(&readers[i].p), TR_ECLOSED);
        cr_assert(eq(u64, readers[i].got + readers[i].missed, SENDERS * EACH));
        *out_missed += readers[i].missed;
    }
}

Test(broadcast, of_many_to_many_with_room_for_all_misses_nothing)
{
    uint64_t missed = 0;
    ends_begin(&s);
    play(&(tr_broadcast_opts_t){.count = SENDERS * EACH, .bytes = (size_t)1 << 24}, &missed);
    cr_assert(eq(u64, missed, 0));
    cr_assert(eq(u64, troupe_ledger(s.p.rt).dropped, 0));
    ends_end(&s);
}

Test(broadcast, of_many_to_many_counts_every_message_as_got_or_missed)
{
    uint64_t missed = 0;
    ends_begin(&s);
    play(&(tr_broadcast_opts_t){.count = 8}, &missed);
    troupe_expect_balance(s.p.rt);
    cr_assert(eq(u64, troupe_ledger(s.p.rt).dropped, missed));
    ends_end(&s);
}

// ---- readers that come and go while somebody sends

typedef struct visitor {
    member m;
    _Atomic bool *is_over;
    uint64_t visits;
} visitor;

// Read a few, and go with others unread: the balance at the end says whether they are counted.
static tr_err_t
visit(tr_self *self, void *arg)
{
    visitor *v = arg;
    const tr_message *msg;
    tr_err_t err = TR_OK;
    while (err == TR_OK && !atomic_load(v->is_over)) {
        tr_broadcast_rx *rx;
        err = tr_broadcast_subscribe(self, v->m.bag.broadcast_tx, &rx);
        for (uint64_t i = 0; i < v->visits % 5 && err == TR_OK; i++) {
            err = tr_broadcast_recv(self, rx, &msg, tr_us(100));
            if (err == TR_OK) {
                give_back(v->m.p.rt, self, msg);
            }
            err = err == TR_ELAGGED || err == TR_ETIMEOUT ? TR_OK : err;
        }
        tr_broadcast_rx_close(rx);
        v->visits++;
    }
    tr_broadcast_tx_close(v->m.bag.broadcast_tx);
    return err;
}

Test(broadcast, readers_that_come_and_go_leave_the_ledger_exact)
{
    static visitor visitors[PLACES];
    _Atomic bool is_over = false;
    tr_broadcast_tx *tx, *more_tx;
    uint64_t sent = 0, visits = 0;
    ends_begin(&s);
    assert_ok(tr_runtime_broadcast_create(s.p.rt, &(tr_broadcast_opts_t){.count = 4}, &tx, NULL));
    for (int i = 0; i < PLACES; i++) {
        visitors[i] = (visitor){.is_over = &is_over};
        assert_ok(tr_broadcast_tx_clone(TR_OUTSIDE, tx, &more_tx));
        join_in(&visitors[i].m, (uint64_t)i, (bag){.broadcast_tx = more_tx});
        begin_act(&visitors[i].m.p, visit, &visitors[i]);
    }
    for (int i = 0; i < 30 * EACH; i++) {
        tr_err_t err = tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number, .value = 1), NULL);
        cr_assert(err == TR_OK || err == TR_ECLOSED, "%s", tr_errname(err));
        sent += err == TR_OK;
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < PLACES; i++) {
        assert_ok(await_act(&visitors[i].m.p));
        visits += visitors[i].visits;
    }
    cr_log_info("%d of %d were sent to somebody, on %d visits", (int)sent, 30 * EACH, (int)visits);
    assert_err(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number), NULL), TR_ECLOSED);
    tr_broadcast_tx_close(tx);
    ends_end(&s);
}
