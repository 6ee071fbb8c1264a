// watch_test.c: readers see the newest value, and hear when it changed.
#include "ends.h"

TestSuite(watch, .timeout = 60);

static ends s;
static tr_watch_tx *tx;
static tr_watch_rx *rx;

static void
open_watch(void)
{
    ends_begin(&s);
    assert_ok(tr_runtime_watch_create(s.p.rt, TR_MSG(number, .value = 1), &tx, &rx));
}

static void
close_all(void)
{
    tr_watch_tx_close(tx);
    tr_watch_rx_close(rx);
    ends_end(&s);
}

static void
set(uint64_t n)
{
    assert_ok(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(number, .value = n)));
}

static void
expect_value(tr_watch_rx *reader, uint64_t n)
{
    const tr_message *msg;
    assert_ok(tr_watch_get(TR_OUTSIDE, reader, &msg));
    cr_assert(eq(u64, value_of(msg), n));
    tr_runtime_release(s.p.rt, msg);
}

static tr_err_t
is_changed(tr_watch_rx *reader)
{
    return tr_watch_await_change(TR_OUTSIDE, reader, tr_ms(0));
}

// ---- making one

Test(watch, of_an_object_is_einval_and_it_is_still_the_callers)
{
    thing t = {.drops = 0};
    ends_begin(&s);
    tx = NULL;
    rx = NULL;
    assert_err(tr_runtime_watch_create(s.p.rt, TR_MSG(parcel, .object = &t), &tx, &rx), TR_EINVAL);
    assert_err(tr_runtime_watch_create(s.p.rt, NULL, NULL, &tx, &rx), TR_EINVAL);
    cr_assert(tx == NULL && rx == NULL && t.drops == 0 && t.leaves == 0);
    ends_end(&s);
}

Test(watch, first_reader_has_seen_the_first_value)
{
    open_watch();
    bool has_changed = tr_watch_has_changed(rx);
    cr_assert(has_changed == false);
    assert_err(is_changed(rx), TR_ETIMEOUT);
    expect_value(rx, 1);
    close_all();
}

Test(watch, may_be_made_without_a_reader)
{
    ends_begin(&s);
    assert_ok(tr_runtime_watch_create(s.p.rt, TR_MSG(number, .value = 1), &tx, NULL));
    set(2);
    assert_ok(tr_watch_await_unread(TR_OUTSIDE, tx, tr_ms(0)));
    assert_ok(tr_watch_subscribe(TR_OUTSIDE, tx, &rx));
    assert_err(tr_watch_await_unread(TR_OUTSIDE, tx, tr_ms(0)), TR_ETIMEOUT);
    expect_value(rx, 2);
    close_all();
}

// ---- values

Test(watch, new_value_that_cannot_be_one_leaves_the_old)
{
    thing t = {.drops = 0};
    open_watch();
    assert_err(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t)), TR_EINVAL);
    assert_err(tr_watch_send(TR_OUTSIDE, tx, NULL, NULL), TR_EINVAL);
    assert_err(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes("", SIZE_MAX / 4))),
               TR_ETOOBIG);
    cr_assert(t.drops == 0 && t.leaves == 0);
    assert_err(is_changed(rx), TR_ETIMEOUT);
    expect_value(rx, 1);
    close_all();
}

Test(watch, shows_the_newest_and_nothing_in_between)
{
    open_watch();
    for (uint64_t i = 2; i <= 10; i++) {
        set(i);
    }
    assert_ok(is_changed(rx));
    assert_ok(is_changed(rx)); // awaiting is not seeing
    expect_value(rx, 10);
    assert_err(is_changed(rx), TR_ETIMEOUT);
    expect_value(rx, 10);
    close_all();
}

Test(watch, has_changed_until_the_value_was_seen)
{
    open_watch();
    set(2);
    cr_assert(tr_watch_has_changed(rx));
    cr_assert(tr_watch_has_changed(rx));
    expect_value(rx, 2);
    cr_assert(tr_watch_has_changed(rx) == false);
    set(2); // the same value is a new one
    cr_assert(tr_watch_has_changed(rx));
    close_all();
}

Test(watch, value_may_be_of_another_type)
{
    const tr_message *msg;
    open_watch();
    assert_ok(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes("abc", 3))));
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &msg));
    const lump *value = tr_as(lump, msg);
    cr_assert(value != NULL && value->data.size == 3 && memcmp(value->data.data, "abc", 3) == 0);
    tr_runtime_release(s.p.rt, msg);
    close_all();
}

Test(watch, copy_stays_as_it_was_when_the_value_changes_and_the_channel_ends)
{
    const tr_message *msg;
    open_watch();
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &msg));
    set(2);
    tr_watch_tx_close(tx);
    tr_watch_rx_close(rx);
    cr_assert(eq(u64, value_of(msg), 1));
    tr_runtime_release(s.p.rt, msg);
    ends_end(&s);
}

Test(watch, value_is_there_when_all_senders_are_gone)
{
    open_watch();
    set(2);
    tr_watch_tx_close(tx);
    assert_ok(is_changed(rx)); // the last value first, then the end
    expect_value(rx, 2);
    assert_err(is_changed(rx), TR_ECLOSED);
    assert_err(tr_watch_await_change(TR_OUTSIDE, rx, TR_FOREVER), TR_ECLOSED);
    cr_assert(tr_watch_has_changed(rx) == false);
    expect_value(rx, 2);
    tr_watch_rx_close(rx);
    tr_watch_rx_close(NULL);
    tr_watch_tx_close(NULL);
    ends_end(&s);
}

Test(watch, is_open_for_as_long_as_a_sender_is_left)
{
    tr_watch_tx *clone;
    open_watch();
    assert_ok(tr_watch_tx_clone(TR_OUTSIDE, tx, &clone));
    tr_watch_tx_close(tx);
    tx = clone;
    assert_err(is_changed(rx), TR_ETIMEOUT);
    set(5);
    expect_value(rx, 5);
    close_all();
}

// ---- readers

Test(watch, reader_has_seen_the_value_of_when_it_was_made)
{
    tr_watch_rx *beside_tx, *beside_rx;
    open_watch();
    set(2);
    assert_ok(tr_watch_subscribe(TR_OUTSIDE, tx, &beside_tx));
    assert_ok(tr_watch_resubscribe(TR_OUTSIDE, rx, &beside_rx));
    assert_err(is_changed(beside_tx), TR_ETIMEOUT);
    assert_err(is_changed(beside_rx), TR_ETIMEOUT);
    assert_ok(is_changed(rx));
    expect_value(beside_tx, 2);
    expect_value(beside_rx, 2);
    tr_watch_rx_close(beside_tx);
    tr_watch_rx_close(beside_rx);
    close_all();
}

Test(watch, each_reader_sees_for_itself)
{
    tr_watch_rx *other;
    open_watch();
    assert_ok(tr_watch_subscribe(TR_OUTSIDE, tx, &other));
    set(2);
    expect_value(rx, 2);
    cr_assert(tr_watch_has_changed(other));
    set(3);
    expect_value(other, 3);
    cr_assert(tr_watch_has_changed(rx));
    tr_watch_rx_close(other);
    close_all();
}

Test(watch, reader_that_comes_when_all_senders_are_gone_sees_the_value)
{
    tr_watch_rx *late;
    open_watch();
    tr_watch_tx_close(tx);
    assert_ok(tr_watch_resubscribe(TR_OUTSIDE, rx, &late));
    assert_err(is_changed(late), TR_ECLOSED);
    expect_value(late, 1);
    tr_watch_rx_close(late);
    tr_watch_rx_close(rx);
    ends_end(&s);
}

// ---- bytes that are shared

Test(watch, buf_lives_in_the_value_and_in_its_copies)
{
    const tr_message *msg;
    _Atomic int freed = 0;
    open_watch();
    tr_buf *data = blob_of(1000, &freed);
    assert_ok(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(blob, .data = data)));
    tr_buf_unref(data);
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &msg));
    const blob *copy = tr_as(blob, msg);
    cr_assert(copy->data == data);
    set(2); // the value is another; the copy holds it
    cr_assert(eq(int, freed, 0));
    tr_runtime_release(s.p.rt, msg);
    cr_assert(eq(int, freed, 1));
    close_all();
}

Test(watch, buf_is_freed_with_the_value_and_with_the_channel)
{
    _Atomic int freed = 0;
    open_watch();
    for (int i = 0; i < 2; i++) {
        tr_buf *data = blob_of(1000, &freed);
        assert_ok(tr_watch_send(TR_OUTSIDE, tx, TR_MSG(blob, .data = data)));
        tr_buf_unref(data);
        cr_assert(eq(int, freed, i));
    }
    close_all();
    cr_assert(eq(int, freed, 2));
}

// ---- ends of actors and threads

typedef struct looking {
    player *p;
    tr_duration_t timeout;
    uint64_t value, changes;
    tr_err_t err;
} looking;

static tr_err_t
await_change(tr_self *self, void *arg)
{
    looking *l = arg;
    l->err = tr_watch_await_change(self, l->p->bag->watch_rx, l->timeout);
    return l->err;
}

static tr_err_t
see(tr_self *self, void *arg)
{
    looking *l = arg;
    const tr_message *msg;
    tr_err_t err = tr_watch_get(self, l->p->bag->watch_rx, &msg);
    if (err == TR_OK) {
        l->value = value_of(msg);
        give_back(l->p->rt, self, msg);
    }
    return err;
}

// Values only grow, and the last one is seen.
static tr_err_t
follow(tr_self *self, void *arg)
{
    looking *l = arg;
    tr_err_t err;
    while ((err = await_change(self, l)) == TR_OK) {
        uint64_t before = l->value;
        err = see(self, l);
        if (err != TR_OK || l->value <= before) {
            return TR_EFAULT;
        }
        l->changes++;
    }
    return err;
}

static tr_err_t
change(tr_self *self, void *arg)
{
    looking *l = arg;
    l->value++;
    return tr_watch_send(self, l->p->bag->watch_tx, TR_MSG(number, .value = l->value));
}

static tr_err_t
close_tx(tr_self *self, void *arg)
{
    (void)self;
    tr_watch_tx_close(((looking *)arg)->p->bag->watch_tx);
    return TR_OK;
}

static tr_err_t
close_reader(tr_self *self, void *arg)
{
    (void)self;
    tr_watch_rx_close(((looking *)arg)->p->bag->watch_rx);
    return TR_OK;
}

static tr_err_t
await_unread(tr_self *self, void *arg)
{
    looking *l = arg;
    l->err = tr_watch_await_unread(self, l->p->bag->watch_tx, l->timeout);
    return l->err;
}

typedef struct pair {
    bag sends, receives;
    player sender, reader;
    looking tx, rx;
} pair;

static void
begin_pair(pair *p, place sender, place reader)
{
    open_watch();
    p->sender = player_of(&s, sender, &p->sends);
    p->reader = player_of(&s, reader, &p->receives);
    hand(&p->sender, (bag){.watch_tx = tx});
    hand(&p->reader, (bag){.watch_rx = rx});
    p->tx = (looking){.p = &p->sender, .timeout = TR_FOREVER, .value = 1};
    p->rx = (looking){.p = &p->reader, .timeout = TR_FOREVER};
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
wait_for_changes_then_for_the_end(pair *p)
{
    begin_act(&p->reader, follow, &p->rx);
    for (int i = 0; i < 3; i++) {
        let_wait(&p->reader);
        assert_ok(do_act(&p->sender, change, &p->tx));
    }
    assert_ok(do_act(&p->sender, close_tx, &p->tx));
    assert_err(await_act(&p->reader), TR_ECLOSED);
    cr_assert(p->rx.value == 4 && p->rx.changes >= 1);
    assert_ok(do_act(&p->reader, close_reader, &p->rx));
}

Test(watch, wakes_actors_and_threads_that_wait_for_a_change_or_the_end)
{
    for_each_pair(wait_for_changes_then_for_the_end);
}

static void
time_out_then_change(pair *p)
{
    p->rx.timeout = tr_ms(2);
    assert_err(do_act(&p->reader, await_change, &p->rx), TR_ETIMEOUT);
    assert_ok(do_act(&p->sender, change, &p->tx));
    assert_ok(do_act(&p->reader, await_change, &p->rx));
    assert_ok(do_act(&p->reader, see, &p->rx));
    cr_assert(eq(u64, p->rx.value, 2));
    assert_ok(do_act(&p->reader, close_reader, &p->rx));
    assert_ok(do_act(&p->sender, change, &p->tx)); // whether anybody reads it or not
    assert_ok(do_act(&p->sender, close_tx, &p->tx));
}

Test(watch, wait_that_timed_out_loses_nothing_for_actors_and_threads)
{
    for_each_pair(time_out_then_change);
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
    assert_ok(do_act(&p->sender, close_tx, &p->tx));
}

Test(watch, tells_actors_and_threads_when_the_last_reader_has_gone)
{
    for_each_pair(wait_until_unread);
}

Test(watch, ends_for_a_reader_when_the_senders_life_does)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        pair p;
        begin_pair(&p, AN_ACTOR, A_THREAD);
        begin_act(&p.reader, await_change, &p.rx);
        end_life(&s, p.sender.ref, how);
        assert_err(await_act(&p.reader), TR_ECLOSED);
        expect_value(rx, 1);
        tr_watch_rx_close(rx);
        ends_end(&s);
    }
}

Test(watch, is_unread_when_the_readers_life_has_ended)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        pair p;
        begin_pair(&p, A_THREAD, ANOTHER_ACTOR);
        begin_act(&p.sender, await_unread, &p.tx);
        end_life(&s, p.reader.ref, how);
        assert_ok(await_act(&p.sender));
        tr_watch_tx_close(tx);
        ends_end(&s);
    }
}

Test(watch, reader_or_sender_that_ends_while_it_waits_is_gone)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        pair p;
        begin_pair(&p, ANOTHER_ACTOR, AN_ACTOR);
        begin_act(&p.reader, await_change, &p.rx);
        begin_act(&p.sender, await_unread, &p.tx);
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
        end_life(&s, p.reader.ref, how);
        assert_ok(await_act(&p.sender));
        if (how == BY_STOP) {
            assert_err(await_act(&p.reader), TR_ECANCELED);
        }
        ends_end(&s);
        begin_pair(&p, ANOTHER_ACTOR, AN_ACTOR);
        begin_act(&p.reader, await_change, &p.rx);
        begin_act(&p.sender, await_unread, &p.tx);
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
        end_life(&s, p.sender.ref, how);
        assert_err(await_act(&p.reader), TR_ECLOSED);
        if (how == BY_STOP) {
            assert_err(await_act(&p.sender), TR_ECANCELED);
        }
        ends_end(&s);
    }
}

static tr_err_t
poll_until_changed(tr_self *self, void *arg)
{
    looking *l = arg;
    int64_t until = troupe_now_ns() + 10 * INT64_C(1000000000);
    l->timeout = tr_ms(0);
    while (await_change(self, l) == TR_ETIMEOUT && troupe_now_ns() < until) {
    }
    return l->err;
}

Test(watch, polled_without_end_lets_its_sender_run)
{
    pair p;
    begin_pair(&p, AN_ACTOR, AN_ACTOR);
    begin_act(&p.reader, poll_until_changed, &p.rx);
    begin_act(&p.sender, change, &p.tx);
    assert_ok(await_act(&p.sender));
    assert_ok(await_act(&p.reader));
    ends_end(&s);
}

// ---- many at once

#define READERS 6
#define CHANGES 5000

static tr_err_t
change_often(tr_self *self, void *arg)
{
    tr_err_t err = TR_OK;
    for (int i = 0; i < CHANGES && err == TR_OK; i++) {
        err = change(self, arg);
        if (self != NULL && i % 64 == 0 && err == TR_OK) {
            err = tr_yield(self);
        }
    }
    (void)close_tx(self, arg);
    return err;
}

Test(watch, that_changes_fast_is_seen_in_order_and_to_the_last_by_all)
{
    for (place sender = A_THREAD; sender < PLACES; sender++) {
        static player readers[READERS];
        bag bags[READERS] = {{.token = NULL}}, sends;
        looking looks[READERS];
        open_watch();
        player changer = player_of(&s, sender, &sends);
        looking changing = {.p = &changer, .value = 1};
        for (int i = 0; i < READERS; i++) {
            tr_watch_rx *reader;
            readers[i] = player_of(&s, (place)(i % PLACES), &bags[i]);
            assert_ok(tr_watch_resubscribe(TR_OUTSIDE, rx, &reader));
            hand(&readers[i], (bag){.watch_rx = reader});
            looks[i] = (looking){.p = &readers[i], .timeout = TR_FOREVER};
            begin_act(&readers[i], follow, &looks[i]);
        }
        hand(&changer, (bag){.watch_tx = tx});
        assert_ok(do_act(&changer, change_often, &changing));
        for (int i = 0; i < READERS; i++) {
            assert_err(await_act(&readers[i]), TR_ECLOSED);
            cr_assert(eq(u64, looks[i].value, CHANGES + 1));
            assert_ok(do_act(&readers[i], close_reader, &looks[i]));
        }
        tr_watch_rx_close(rx);
        ends_end(&s);
    }
}
