// broadcast_test.c: every reader gets every message, or hears how many it missed.
#include "ends.h"

TestSuite(broadcast, .timeout = 60);

static ends s;
static tr_broadcast_tx *tx;
static tr_broadcast_rx *rx;

static void
open_with(const tr_broadcast_opts_t *opts)
{
    ends_begin(&s);
    assert_ok(tr_runtime_broadcast_create(s.p.rt, opts, &tx, &rx));
}

static void
close_all(void)
{
    tr_broadcast_tx_close(tx);
    tr_broadcast_rx_close(rx);
    ends_end(&s);
}

static tr_err_t
send_number(uint64_t n)
{
    return tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number, .value = n), NULL);
}

// The next of a reader must be this one.
static void
expect_next(tr_broadcast_rx *reader, uint64_t n)
{
    const tr_message *msg;
    assert_ok(tr_broadcast_recv(TR_OUTSIDE, reader, &msg, tr_ms(0)));
    cr_assert(eq(u64, value_of(msg), n));
    tr_runtime_release(s.p.rt, msg);
}

static void
expect_none(tr_broadcast_rx *reader, tr_err_t expected)
{
    const tr_message *msg = NULL;
    assert_err(tr_broadcast_recv(TR_OUTSIDE, reader, &msg, tr_ms(0)), expected);
    cr_assert(msg == NULL);
}

static void
expect_lag(tr_broadcast_rx *reader, uint64_t missed)
{
    expect_none(reader, TR_ELAGGED);
    cr_assert(eq(u64, tr_broadcast_missed(reader), missed));
}

// ---- making one

Test(broadcast, with_a_bound_out_of_range_is_einval)
{
    static const tr_broadcast_opts_t wrong[] = {{.count = 4194304},
                                                {.count = UINT32_MAX},
                                                {.bytes = (size_t)512 << 30},
                                                {.bytes = SIZE_MAX}};
    ends_begin(&s);
    tx = NULL;
    rx = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_err(tr_runtime_broadcast_create(s.p.rt, &wrong[i], &tx, &rx), TR_EINVAL);
        cr_assert(tx == NULL && rx == NULL);
    }
    ends_end(&s);
}

Test(broadcast, with_the_largest_bounds_works)
{
    open_with(&(tr_broadcast_opts_t){.count = 4194303, .bytes = ((size_t)512 << 30) - 1});
    assert_ok(send_number(1));
    expect_next(rx, 1);
    close_all();
}

Test(broadcast, without_options_keeps_256_messages)
{
    open_with(NULL);
    for (uint64_t i = 1; i <= 257; i++) {
        assert_ok(send_number(i));
    }
    expect_lag(rx, 1);
    for (uint64_t i = 2; i <= 257; i++) {
        expect_next(rx, i);
    }
    close_all();
}

Test(broadcast, may_be_made_without_a_reader)
{
    uint32_t readers = 77;
    ends_begin(&s);
    assert_ok(tr_runtime_broadcast_create(s.p.rt, NULL, &tx, NULL));
    assert_err(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number), &readers), TR_ECLOSED);
    cr_assert(eq(u32, readers, 77));
    assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &rx));
    assert_ok(send_number(1));
    expect_next(rx, 1);
    close_all();
}

// ---- what a send answers

Test(broadcast, send_without_a_reader_is_eclosed_until_there_is_one)
{
    open_with(NULL);
    tr_broadcast_rx_close(rx);
    assert_err(send_number(1), TR_ECLOSED);
    assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &rx));
    assert_ok(send_number(2));
    expect_next(rx, 2);
    close_all();
}

Test(broadcast, send_of_more_than_the_bound_is_etoobig)
{
    static const char data[400];
    _Atomic int freed = 0;
    open_with(&(tr_broadcast_opts_t){.bytes = 400});
    assert_err(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes(data, 400)), NULL),
               TR_ETOOBIG);
    tr_buf *shared = blob_of(400, &freed);
    assert_err(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(blob, .data = shared), NULL), TR_ETOOBIG);
    assert_err(
        tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes(data, SIZE_MAX / 4)), NULL),
        TR_ETOOBIG);
    tr_buf_unref(shared);
    cr_assert(eq(int, freed, 1));
    expect_none(rx, TR_ETIMEOUT);
    close_all();
}

Test(broadcast, send_of_an_object_is_einval_and_it_is_still_the_senders)
{
    thing t = {.drops = 0};
    open_with(NULL);
    assert_err(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t), NULL), TR_EINVAL);
    cr_assert(t.drops == 0 && t.leaves == 0);
    assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(parcel, .object = NULL), NULL));
    close_all();
}

Test(broadcast, send_of_no_message_is_einval)
{
    open_with(NULL);
    assert_err(tr_broadcast_send(TR_OUTSIDE, tx, NULL, NULL, NULL), TR_EINVAL);
    expect_none(rx, TR_ETIMEOUT);
    close_all();
}

Test(broadcast, send_says_how_many_readers_there_are)
{
    tr_broadcast_rx *more[3];
    uint32_t readers;
    open_with(NULL);
    for (uint32_t i = 0; i < 3; i++) {
        assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &more[i]));
        assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number), &readers));
        cr_assert(eq(u32, readers, 2 + i));
    }
    for (uint32_t i = 0; i < 3; i++) {
        tr_broadcast_rx_close(more[i]);
        assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number), &readers));
        cr_assert(eq(u32, readers, 3 - i));
    }
    close_all();
}

// ---- what a receive answers

Test(broadcast, with_nothing_to_read_is_etimeout)
{
    const tr_message *msg = NULL;
    open_with(NULL);
    expect_none(rx, TR_ETIMEOUT);
    assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_ms(2)), TR_ETIMEOUT);
    cr_assert(msg == NULL);
    close_all();
}

Test(broadcast, whose_senders_are_gone_gives_what_is_left_and_then_eclosed)
{
    open_with(NULL);
    assert_ok(send_number(1));
    assert_ok(send_number(2));
    tr_broadcast_tx_close(tx);
    expect_next(rx, 1);
    expect_next(rx, 2);
    expect_none(rx, TR_ECLOSED);
    expect_none(rx, TR_ECLOSED);
    tr_broadcast_rx_close(rx);
    ends_end(&s);
}

Test(broadcast, is_open_for_as_long_as_a_sender_is_left)
{
    tr_broadcast_tx *clone;
    open_with(NULL);
    assert_ok(tr_broadcast_tx_clone(TR_OUTSIDE, tx, &clone));
    tr_broadcast_tx_close(tx);
    expect_none(rx, TR_ETIMEOUT);
    tx = clone;
    assert_ok(send_number(1));
    tr_broadcast_tx_close(tx);
    expect_next(rx, 1);
    expect_none(rx, TR_ECLOSED);
    tr_broadcast_rx_close(rx);
    tr_broadcast_rx_close(NULL);
    tr_broadcast_tx_close(NULL);
    ends_end(&s);
}

Test(broadcast, tells_a_slow_reader_how_many_it_missed_and_goes_on_behind_the_gap)
{
    open_with(&(tr_broadcast_opts_t){.count = 4});
    cr_assert(eq(u64, tr_broadcast_missed(rx), 0));
    for (uint64_t i = 1; i <= 10; i++) {
        assert_ok(send_number(i));
    }
    expect_lag(rx, 6);
    expect_next(rx, 7);
    for (uint64_t i = 11; i <= 14; i++) {
        assert_ok(send_number(i));
    }
    expect_lag(rx, 3);
    for (uint64_t i = 11; i <= 14; i++) {
        expect_next(rx, i);
    }
    cr_assert(eq(u64, tr_broadcast_missed(rx), 3));
    expect_none(rx, TR_ETIMEOUT);
    cr_assert(eq(u64, troupe_ledger(s.p.rt).dropped, 9));
    close_all();
}

Test(broadcast, tells_of_a_gap_also_when_the_senders_are_gone)
{
    open_with(&(tr_broadcast_opts_t){.count = 1});
    assert_ok(send_number(1));
    assert_ok(send_number(2));
    tr_broadcast_tx_close(tx);
    expect_lag(rx, 1);
    expect_next(rx, 2);
    expect_none(rx, TR_ECLOSED);
    tr_broadcast_rx_close(rx);
    ends_end(&s);
}

Test(broadcast, lag_of_one_reader_is_not_anothers)
{
    tr_broadcast_rx *other;
    open_with(&(tr_broadcast_opts_t){.count = 2});
    assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &other));
    for (uint64_t i = 1; i <= 5; i++) {
        assert_ok(send_number(i));
        expect_next(rx, i);
    }
    expect_none(rx, TR_ETIMEOUT);
    expect_lag(other, 3);
    expect_next(other, 4);
    expect_next(other, 5);
    tr_broadcast_rx_close(other);
    close_all();
}

Test(broadcast, overwrites_the_oldest_at_its_bound_in_bytes)
{
    static const char data[1000];
    open_with(&(tr_broadcast_opts_t){.bytes = 3400});
    for (uint64_t i = 1; i <= 5; i++) {
        assert_ok(
            tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes(data, 1000)), NULL));
    }
    expect_lag(rx, 2); // three of them fit
    assert_ok(send_number(6));
    for (int i = 0; i < 3; i++) {
        const tr_message *msg;
        assert_ok(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_ms(0)));
        cr_assert(tr_message_type(msg) == &lump_type);
        tr_runtime_release(s.p.rt, msg);
    }
    expect_next(rx, 6);
    assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes(data, 1000)), NULL));
    close_all();
}

Test(broadcast, one_large_message_may_overwrite_many_small_ones)
{
    static const char data[900];
    open_with(&(tr_broadcast_opts_t){.bytes = 1000});
    for (uint64_t i = 1; i <= 10; i++) {
        assert_ok(send_number(i));
    }
    assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes(data, 900)), NULL));
    expect_lag(rx, 10);
    close_all();
}

// ---- readers

Test(broadcast, reader_begins_with_what_is_sent_next)
{
    tr_broadcast_rx *beside_tx, *beside_rx;
    open_with(NULL);
    assert_ok(send_number(1));
    assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &beside_tx));
    assert_ok(tr_broadcast_resubscribe(TR_OUTSIDE, rx, &beside_rx));
    expect_none(beside_tx, TR_ETIMEOUT);
    expect_none(beside_rx, TR_ETIMEOUT);
    assert_ok(send_number(2));
    expect_next(beside_tx, 2);
    expect_next(beside_rx, 2);
    expect_next(rx, 1);
    expect_next(rx, 2);
    tr_broadcast_rx_close(beside_tx);
    tr_broadcast_rx_close(beside_rx);
    close_all();
}

Test(broadcast, reader_that_comes_when_the_senders_are_gone_finds_the_end)
{
    tr_broadcast_rx *late;
    open_with(NULL);
    assert_ok(send_number(1));
    tr_broadcast_tx_close(tx);
    assert_ok(tr_broadcast_resubscribe(TR_OUTSIDE, rx, &late));
    expect_none(late, TR_ECLOSED);
    tr_broadcast_rx_close(late);
    tr_broadcast_rx_close(rx);
    ends_end(&s);
}

Test(broadcast, reader_that_closes_before_it_has_read_all_is_accounted_for)
{
    tr_broadcast_rx *other;
    open_with(&(tr_broadcast_opts_t){.count = 2});
    assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &other));
    for (uint64_t i = 1; i <= 5; i++) {
        assert_ok(send_number(i));
    }
    tr_broadcast_rx_close(other); // five unread, three of them overwritten
    troupe_expect_balance(s.p.rt);
    cr_assert(eq(u64, troupe_ledger(s.p.rt).discarded, 5));
    expect_lag(rx, 3);
    close_all();
}

// ---- bytes that are shared

Test(broadcast, buf_is_shared_by_all_readers_and_freed_with_the_last_copy)
{
    tr_broadcast_rx *other;
    const tr_message *msg[2];
    _Atomic int freed = 0;
    open_with(NULL);
    assert_ok(tr_broadcast_subscribe(TR_OUTSIDE, tx, &other));
    tr_buf *data = blob_of(1000, &freed);
    assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(blob, .data = data), NULL));
    assert_ok(tr_broadcast_recv(TR_OUTSIDE, rx, &msg[0], tr_ms(0)));
    assert_ok(tr_broadcast_recv(TR_OUTSIDE, other, &msg[1], tr_ms(0)));
    const blob *first = tr_as(blob, msg[0]);
    const blob *second = tr_as(blob, msg[1]);
    cr_assert(first->data == data && second->data == data && first != second);
    tr_buf_unref(data);
    tr_broadcast_tx_close(tx);
    tr_broadcast_rx_close(rx);
    tr_broadcast_rx_close(other);
    cr_assert(eq(int, freed, 0)); // the copies outlive the channel
    tr_runtime_release(s.p.rt, msg[0]);
    cr_assert(eq(int, freed, 0));
    tr_runtime_release(s.p.rt, msg[1]);
    cr_assert(eq(int, freed, 1));
    ends_end(&s);
}

Test(broadcast, buf_of_an_overwritten_message_is_freed)
{
    _Atomic int freed = 0;
    open_with(&(tr_broadcast_opts_t){.count = 1});
    tr_buf *data = blob_of(100, &freed);
    assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(blob, .data = data), NULL));
    tr_buf_unref(data);
    cr_assert(eq(int, freed, 0));
    assert_ok(send_number(2));
    cr_assert(eq(int, freed, 1));
    close_all();
}

Test(broadcast, buf_that_nobody_reads_is_freed_with_the_channel)
{
    _Atomic int freed = 0;
    open_with(NULL);
    tr_buf *data = blob_of(100, &freed);
    assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(blob, .data = data), NULL));
    tr_buf_unref(data);
    close_all();
    cr_assert(eq(int, freed, 1));
}

// ---- ends of actors and threads

typedef struct reading {
    player *p;
    tr_duration_t timeout;
    uint64_t value, count;
    tr_err_t err;
} reading;

static tr_err_t
read_one(tr_self *self, void *arg)
{
    reading *r = arg;
    const tr_message *msg;
    r->err = tr_broadcast_recv(self, r->p->bag->broadcast_rx, &msg, r->timeout);
    if (r->err == TR_OK) {
        r->value = value_of(msg);
        give_back(r->p->rt, self, msg);
    }
    return r->err;
}

// Every message to the end: they must be 1, 2, 3, …
static tr_err_t
read_in_order(tr_self *self, void *arg)
{
    reading *r = arg;
    tr_err_t err;
    while ((err = read_one(self, r)) == TR_OK && r->value == r->count + 1) {
        r->count++;
    }
    return err;
}

static tr_err_t
write_one(tr_self *self, void *arg)
{
    reading *r = arg;
    return tr_broadcast_send(self, r->p->bag->broadcast_tx, TR_MSG(number, .value = r->value),
                             NULL);
}

static tr_err_t
close_tx(tr_self *self, void *arg)
{
    (void)self;
    reading *r = arg;
    tr_broadcast_tx_close(r->p->bag->broadcast_tx);
    return TR_OK;
}

static tr_err_t
close_reader(tr_self *self, void *arg)
{
    (void)self;
    reading *r = arg;
    tr_broadcast_rx_close(r->p->bag->broadcast_rx);
    return TR_OK;
}

static tr_err_t
await_unread(tr_self *self, void *arg)
{
    reading *r = arg;
    r->err = tr_broadcast_await_unread(self, r->p->bag->broadcast_tx, r->timeout);
    return r->err;
}

typedef struct pair {
    bag sends, receives;
    player sender, reader;
    reading tx, rx;
} pair;

static void
begin_pair(pair *p, place sender, place reader)
{
    open_with(NULL);
    p->sender = player_of(&s, sender, &p->sends);
    p->reader = player_of(&s, reader, &p->receives);
    hand(&p->sender, (bag){.broadcast_tx = tx});
    hand(&p->reader, (bag){.broadcast_rx = rx});
    p->tx = (reading){.p = &p->sender, .timeout = TR_FOREVER, .value = 1};
    p->rx = (reading){.p = &p->reader, .timeout = TR_FOREVER};
}

static void
let_wait(const player *p)
{
    if (p->place != A_THREAD) {
        TROUPE_EVENTUALLY(are_waiting(p->rt, 1));
    } else {
        troupe_pause();
    }
}

static void
for_each_pair(void (*fn)(pair *p))
{
    for (place sender = A_THREAD; sender < PLACES; sender++) {
        for (place reader = A_THREAD; reader < PLACES; reader++) {
            pair p;
            begin_pair(&p, sender, reader);
            fn(&p);
            ends_end(&s);
        }
    }
}

static void
wait_for_messages_then_for_the_end(pair *p)
{
    begin_act(&p->reader, read_in_order, &p->rx);
    for (p->tx.value = 1; p->tx.value <= 3; p->tx.value++) {
        let_wait(&p->reader);
        assert_ok(do_act(&p->sender, write_one, &p->tx));
    }
    let_wait(&p->reader);
    assert_ok(do_act(&p->sender, close_tx, &p->tx));
    assert_err(await_act(&p->reader), TR_ECLOSED);
    cr_assert(eq(u64, p->rx.count, 3));
    assert_ok(do_act(&p->reader, close_reader, &p->rx));
}

Test(broadcast, wakes_actors_and_threads_that_wait_for_a_message_or_the_end)
{
    for_each_pair(wait_for_messages_then_for_the_end);
}

static void
time_out_then_read(pair *p)
{
    p->rx.timeout = tr_ms(2);
    assert_err(do_act(&p->reader, read_one, &p->rx), TR_ETIMEOUT);
    assert_ok(do_act(&p->sender, write_one, &p->tx));
    assert_ok(do_act(&p->reader, read_one, &p->rx));
    assert_ok(do_act(&p->reader, close_reader, &p->rx));
    assert_err(do_act(&p->sender, write_one, &p->tx), TR_ECLOSED);
    assert_ok(do_act(&p->sender, close_tx, &p->tx));
}

Test(broadcast, wait_that_timed_out_loses_nothing_for_actors_and_threads)
{
    for_each_pair(time_out_then_read);
}

static void
wait_until_unread(pair *p)
{
    p->tx.timeout = tr_ms(2);
    assert_err(do_act(&p->sender, await_unread, &p->tx), TR_ETIMEOUT);
    p->tx.timeout = TR_FOREVER;
    begin_act(&p->sender, await_unread, &p->tx);
    let_wait(&p->sender);
    assert_ok(do_act(&p->reader, close_reader, &p->rx));
    assert_ok(await_act(&p->sender));
    assert_ok(do_act(&p->sender, await_unread, &p->tx));
    assert_ok(do_act(&p->sender, close_tx, &p->tx));
}

Test(broadcast, tells_actors_and_threads_when_the_last_reader_has_gone)
{
    for_each_pair(wait_until_unread);
}

Test(broadcast, ends_for_a_reader_when_the_senders_life_does)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        pair p;
        begin_pair(&p, AN_ACTOR, A_THREAD);
        assert_ok(do_act(&p.sender, write_one, &p.tx));
        begin_act(&p.reader, read_in_order, &p.rx);
        end_life(&s, p.sender.ref, how);
        assert_err(await_act(&p.reader), TR_ECLOSED);
        cr_assert(eq(u64, p.rx.count, 1));
        tr_broadcast_rx_close(rx);
        ends_end(&s);
    }
}

Test(broadcast, is_unread_when_the_readers_life_has_ended)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        pair p;
        begin_pair(&p, A_THREAD, ANOTHER_ACTOR);
        assert_ok(do_act(&p.sender, write_one, &p.tx));
        end_life(&s, p.reader.ref, how);
        assert_ok(do_act(&p.sender, await_unread, &p.tx));
        assert_err(send_number(1), TR_ECLOSED);
        tr_broadcast_tx_close(tx);
        ends_end(&s);
    }
}

Test(broadcast, reader_that_ends_while_it_waits_is_gone)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        pair p;
        begin_pair(&p, A_THREAD, AN_ACTOR);
        begin_act(&p.reader, read_one, &p.rx);
        let_wait(&p.reader);
        end_life(&s, p.reader.ref, how);
        if (how == BY_STOP) {
            assert_err(await_act(&p.reader), TR_ECANCELED);
        }
        assert_err(send_number(1), TR_ECLOSED);
        tr_broadcast_tx_close(tx);
        ends_end(&s);
    }
}

Test(broadcast, sender_that_ends_while_it_waits_until_unread_is_gone)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        pair p;
        begin_pair(&p, ANOTHER_ACTOR, A_THREAD);
        begin_act(&p.sender, await_unread, &p.tx);
        let_wait(&p.sender);
        end_life(&s, p.sender.ref, how);
        if (how == BY_STOP) {
            assert_err(await_act(&p.sender), TR_ECANCELED);
        }
        expect_none(rx, TR_ECLOSED);
        tr_broadcast_rx_close(rx);
        ends_end(&s);
    }
}

static tr_err_t
poll_until_there(tr_self *self, void *arg)
{
    reading *r = arg;
    int64_t until = troupe_now_ns() + 10 * INT64_C(1000000000);
    r->timeout = tr_ms(0);
    while (read_one(self, r) == TR_ETIMEOUT && troupe_now_ns() < until) {
    }
    return r->err;
}

Test(broadcast, polled_without_end_lets_its_sender_run)
{
    pair p;
    begin_pair(&p, AN_ACTOR, AN_ACTOR);
    begin_act(&p.reader, poll_until_there, &p.rx);
    begin_act(&p.sender, write_one, &p.tx);
    assert_ok(await_act(&p.sender));
    assert_ok(await_act(&p.reader));
    ends_end(&s);
}
