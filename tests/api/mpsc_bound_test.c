// mpsc_bound_test.c: a channel that is full: its policies, those who wait for room, and permits.
#include "players.h"

TestSuite(mpsc_bound, .timeout = 60);

static const tr_mpsc_opts_t suspends = {.count = 2};
static const tr_mpsc_opts_t rejects = {.count = 2, .full = TR_REJECT};
static const tr_mpsc_opts_t drops_newest = {.count = 2, .full = TR_DROP_NEWEST};
static const tr_mpsc_opts_t drops_oldest = {.count = 2, .full = TR_DROP_OLDEST};

static void
expect_values(pair *p, uint64_t first, uint64_t second)
{
    p->in.timeout = tr_ms(0);
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    cr_assert(eq(u64, p->in.value, first));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    cr_assert(eq(u64, p->in.value, second));
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
}

static void
fill(pair *p)
{
    p->out.count = 2;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    p->out.value = 2;
}

// ---- policies

static void
send_to_rejecting(pair *p)
{
    fill(p);
    assert_err(player_play(&p->sender, do_send, &p->out), TR_EFULL);
    cr_assert(eq(u32, tr_mpsc_count(p->in.rx), 2));
    expect_values(p, 0, 1);
    assert_ok(player_play(&p->sender, do_send, &p->out));
}

Test(mpsc_bound, that_rejects_is_efull_and_lets_nothing_over_it_in)
{
    in_all_pairs(&rejects, send_to_rejecting);
}

static void
send_to_rejecting_bytes(pair *p)
{
    // Room for two numbers by their charge, as a mailbox has it; the third is over by one byte.
    p->out.count = 2;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    assert_err(player_play(&p->sender, do_send, &p->out), TR_EFULL);
    p->in.timeout = tr_ms(0);
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_ok(player_play(&p->sender, do_send, &p->out));
}

#define CHARGE 56 // of one number

Test(mpsc_bound, in_bytes_is_strict)
{
    in_all_pairs(&(tr_mpsc_opts_t){.bytes = 3 * CHARGE - 1, .full = TR_REJECT},
                 send_to_rejecting_bytes);
}

static void
send_to_newest(pair *p)
{
    fill(p);
    assert_ok(player_play(&p->sender, do_send, &p->out));
    expect_values(p, 0, 1);
    cr_assert(eq(u64, troupe_ledger(rt).dropped, 1));
}

Test(mpsc_bound, that_drops_the_newest_keeps_what_was_there)
{
    in_all_pairs(&drops_newest, send_to_newest);
}

static void
send_to_oldest(pair *p)
{
    fill(p);
    assert_ok(player_play(&p->sender, do_send, &p->out));
    expect_values(p, 1, 2);
    cr_assert(eq(u64, troupe_ledger(rt).dropped, 1));
}

Test(mpsc_bound, that_drops_the_oldest_has_the_latest)
{
    in_all_pairs(&drops_oldest, send_to_oldest);
}

static void
stream_to_oldest(pair *p)
{
    p->out.count = 5000;
    p->out.value = UINT64_MAX;
    player_do(&p->sender, do_send_all, &p->out);
    uint64_t last = 0;
    uint64_t received = 0;
    bool is_over = false;
    p->in.timeout = tr_ms(1);
    while (!is_over) {
        tr_err_t err = player_play(&p->receiver, do_recv, &p->in);
        cr_assert(err == TR_OK || err == TR_ETIMEOUT, "%s", tr_errname(err));
        if (err == TR_OK) {
            cr_assert(received == 0 || p->in.value > last);
            last = p->in.value;
            received++;
        }
        is_over = err == TR_OK && last == 4999; // the latest is never dropped
    }
    assert_ok(player_done(&p->sender));
    cr_assert(eq(u64, troupe_ledger(rt).dropped, 5000 - received));
}

Test(mpsc_bound, that_drops_the_oldest_gives_the_last_one_of_a_stream)
{
    in_all_pairs(&drops_oldest, stream_to_oldest);
}

// ---- waiting for room

static void
send_without_time(pair *p)
{
    fill(p);
    p->out.timeout = tr_ms(0);
    tr_err_t err = player_play(&p->sender, do_send, &p->out);
    cr_assert(err == TR_ETIMEOUT || err == TR_EFULL, "%s", tr_errname(err));
    expect_values(p, 0, 1);
}

Test(mpsc_bound, full_refuses_who_has_no_time)
{
    in_all_pairs(&suspends, send_without_time);
}

static void
send_with_little_time(pair *p)
{
    fill(p);
    p->out.timeout = tr_ms(5);
    assert_err(player_play(&p->sender, do_send, &p->out), TR_ETIMEOUT);
    expect_values(p, 0, 1); // nothing of it stays behind
    assert_ok(player_play(&p->sender, do_send, &p->out));
}

Test(mpsc_bound, send_that_gets_no_room_in_time_is_etimeout)
{
    in_all_pairs(&suspends, send_with_little_time);
}

static void
send_and_wait(pair *p)
{
    fill(p);
    player_do(&p->sender, do_send, &p->out);
    player_until_it_waits(&p->sender);
    cr_assert(eq(u32, tr_mpsc_count(p->in.rx), 2));
    p->in.timeout = tr_ms(0);
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_ok(player_done(&p->sender));
    expect_values(p, 1, 2);
}

Test(mpsc_bound, send_waits_until_a_message_is_received)
{
    in_all_pairs(&suspends, send_and_wait);
}

static tr_err_t
recv_and_keep(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER);
    cue_give(&e->ready);
    while (err == TR_OK && tr_mpsc_count(e->rx) != 2) {
        err = self != TR_OUTSIDE ? tr_sleep(self, tr_us(100)) : TR_OK; // the message is in hand
    }
    if (err == TR_OK) {
        give_back(self, msg);
    }
    return err;
}

static void
room_of_a_received(pair *p)
{
    cue_init(&p->in.ready);
    fill(p);
    player_do(&p->receiver, recv_and_keep, &p->in);
    CUE_AWAIT(&p->in.ready);
    assert_ok(player_play(&p->sender, do_send, &p->out));
    assert_ok(player_done(&p->receiver));
}

Test(mpsc_bound, has_room_again_when_a_message_is_received_and_not_only_when_it_is_released)
{
    in_all_pairs(&suspends, room_of_a_received);
}

#define QUEUE 5

// Actors who wait for room, one after the other: the test sees each of them wait.
static void
queue_up(player *receiver)
{
    player senders[QUEUE];
    ends outs[QUEUE];
    ends in = {.opts = {.count = 1}, .timeout = TR_FOREVER};
    assert_ok(player_play(receiver, do_open, &in));
    in.value = 100;
    assert_ok(player_play(receiver, do_send, &in));
    for (uint64_t i = 0; i < QUEUE; i++) {
        outs[i] = (ends){.ref = in.ref, .value = i, .timeout = TR_FOREVER};
        player_begin(&senders[i], true);
        assert_ok(player_play(&senders[i], do_join, &outs[i]));
        player_do(&senders[i], do_send, &outs[i]);
        TROUPE_EVENTUALLY(waiting() == i + 1);
        // It is suspended; its question is in the channel by then.
    }
    assert_ok(player_play(receiver, do_recv, &in));
    cr_assert(eq(u64, in.value, 100));
    for (uint64_t i = 0; i < QUEUE; i++) {
        assert_ok(player_play(receiver, do_recv, &in));
        cr_assert(eq(u64, in.value, i));
        assert_ok(player_done(&senders[i]));
    }
    assert_ok(player_play(receiver, do_close_tx, &in));
    assert_ok(player_play(receiver, do_close_rx, &in));
}

Test(mpsc_bound, gives_room_to_those_who_wait_in_their_order)
{
    by_both(queue_up);
}

static tr_err_t
send_large(tr_self *self, void *arg)
{
    static const char data[200];
    ends *e = arg;
    return tr_send(self, e->ref, TR_MSG(lump, .data = tr_bytes(data, sizeof data)));
}

static void
small_behind_large(player *receiver)
{
    player large;
    ends in = {.opts = {.bytes = 400}, .timeout = TR_FOREVER};
    assert_ok(player_play(receiver, do_open, &in));
    player_begin(&large, true);
    assert_ok(player_play(&large, send_large, &in));
    player_do(&large, send_large, &in);
    TROUPE_EVENTUALLY(waiting() == 1);
    // Room for a number is left, and somebody waits for more.
    TROUPE_EVENTUALLY(tr_runtime_send(rt, in.ref, TR_MSG(number, .value = 1), tr_ms(0)) ==
                      TR_ETIMEOUT);
    while (tr_mpsc_count(in.rx) > 0) {
        assert_ok(player_play(receiver, do_recv, &in));
    }
    assert_ok(player_done(&large));
    assert_ok(player_play(receiver, do_close_tx, &in));
    assert_ok(player_play(receiver, do_close_rx, &in));
}

Test(mpsc_bound, lets_no_small_message_in_before_a_large_one_that_waits)
{
    by_both(small_behind_large);
}

// ---- giving up

static tr_err_t
send_and_tell(tr_self *self, void *arg)
{
    ends *e = arg;
    e->err = do_send(self, e);
    cue_give(&e->ready);
    return TR_OK;
}

static tr_err_t
spawn_sender(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_ref_t child;
    tr_err_t err = tr_spawn(self, PUPPET(NULL), &child);
    e->value = child.raw;
    return err;
}

static tr_err_t
stop_sender(tr_self *self, void *arg)
{
    ends *e = arg;
    return tr_stop(self, (tr_ref_t){e->count});
}

static tr_err_t
kill_sender(tr_self *self, void *arg)
{
    ends *e = arg;
    return tr_kill(self, (tr_ref_t){e->count});
}

static ends canceled; // the handler may be over only after the function is that begins it

// A child of `keeper` waits for room in a channel of the test's own thread, and is ended.
static ends
end_who_waits(act_fn how)
{
    ends in = {.opts = {.count = 1}};
    assert_ok(do_open(TR_OUTSIDE, &in));
    assert_ok(do_send(TR_OUTSIDE, &in));
    tr_ref_t keeper = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, keeper, spawn_sender, &in));
    tr_ref_t sender = {in.value};
    canceled = (ends){.ref = in.ref, .timeout = TR_FOREVER};
    cue_init(&canceled.ready);
    assert_ok(troupe_act(rt, sender, do_join, &canceled));
    assert_ok(troupe_prompt(rt, sender, send_and_tell, &canceled));
    TROUPE_EVENTUALLY(waiting() == 1);
    in.count = sender.raw;
    assert_ok(troupe_act(rt, keeper, how, &in));
    return in;
}

// Room for one is there again, for others.
static void
expect_room(ends *in)
{
    in->timeout = tr_ms(0);
    assert_ok(do_recv(TR_OUTSIDE, in));
    TROUPE_EVENTUALLY(do_send(TR_OUTSIDE, in) == TR_OK);
    assert_ok(do_recv(TR_OUTSIDE, in));
    (void)do_close_tx(TR_OUTSIDE, in);
    (void)do_close_rx(TR_OUTSIDE, in);
}

Test(mpsc_bound, sender_that_is_stopped_while_it_waits_for_room_is_canceled)
{
    rt = troupe_begin(2);
    ends in = end_who_waits(stop_sender);
    CUE_AWAIT(&canceled.ready);
    assert_err(canceled.err, TR_ECANCELED);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, (tr_ref_t){in.count}));
    expect_room(&in);
    troupe_end(rt);
}

Test(mpsc_bound, sender_that_is_killed_while_it_waits_for_room_leaves_nothing_behind)
{
    rt = troupe_begin(2);
    ends in = end_who_waits(kill_sender);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, (tr_ref_t){in.count}));
    expect_room(&in);
    troupe_end(rt);
}

// ---- permits

typedef struct holder {
    tr_ref_t to;
    uint32_t count;
    size_t size;
    tr_duration_t timeout;
    tr_permit *permit;
    uint64_t value;
} holder;

static tr_err_t
reserve(tr_self *self, void *arg)
{
    holder *h = arg;
    return tr_reserve_many(self, h->to, h->count, h->size, h->timeout, &h->permit);
}

static tr_err_t
use(tr_self *self, void *arg)
{
    holder *h = arg;
    return tr_permit_send(self, h->permit, TR_MSG(number, .value = h->value));
}

static tr_err_t
return_it(tr_self *self, void *arg)
{
    holder *h = arg;
    tr_permit_release(self, h->permit);
    return TR_OK;
}

static void
with_permits(const tr_mpsc_opts_t *opts, void (*scene)(pair *p, holder *h))
{
    for (int way = 0; way < 2; way++) {
        pair p;
        rt = troupe_begin(2);
        pair_begin(&p, opts, true, way != 0);
        holder h = {.to = p.in.ref, .count = 1, .size = sizeof(number), .timeout = tr_ms(0)};
        scene(&p, &h);
        pair_end(&p);
        troupe_end(rt);
    }
}

static void
reserve_where_oldest_goes(pair *p, holder *h)
{
    assert_err(player_play(&p->sender, reserve, h), TR_EINVAL);
}

Test(mpsc_bound, permit_where_the_oldest_are_dropped_is_einval)
{
    with_permits(&drops_oldest, reserve_where_oldest_goes);
}

static void
reserve_too_much(pair *p, holder *h)
{
    h->count = 3;
    assert_err(player_play(&p->sender, reserve, h), TR_ETOOBIG);
    h->count = 0;
    assert_err(player_play(&p->sender, reserve, h), TR_EINVAL);
}

Test(mpsc_bound, permit_for_more_than_the_bound_is_etoobig)
{
    with_permits(&suspends, reserve_too_much);
}

static void
reserve_in_full(pair *p, holder *h)
{
    fill(p);
    assert_err(player_play(&p->sender, reserve, h), TR_EFULL);
}

Test(mpsc_bound, permit_of_a_full_one_that_rejects_is_efull)
{
    with_permits(&rejects, reserve_in_full);
}

static void
reserve_in_closed(pair *p, holder *h)
{
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    assert_err(player_play(&p->sender, reserve, h), TR_EDEAD);
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_err(player_play(&p->sender, reserve, h), TR_EDEAD);
}

Test(mpsc_bound, permit_of_a_closed_one_is_edead)
{
    with_permits(&suspends, reserve_in_closed);
}

static void
reserve_and_use(pair *p, holder *h)
{
    h->count = 2;
    h->value = 7;
    assert_ok(player_play(&p->sender, reserve, h));
    cr_assert(eq(u32, tr_mpsc_count(p->in.rx), 2)); // reserved counts
    p->out.timeout = tr_ms(0);
    cr_assert(player_play(&p->sender, do_send, &p->out) != TR_OK);
    p->in.timeout = tr_ms(0);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
    assert_ok(player_play(&p->sender, use, h));
    assert_ok(player_play(&p->sender, use, h));
    expect_values(p, 7, 7);
    assert_ok(player_play(&p->sender, do_send, &p->out));
}

Test(mpsc_bound, permit_holds_room_and_sends_in_it)
{
    with_permits(&suspends, reserve_and_use);
}

static void
reserve_and_return(pair *p, holder *h)
{
    h->count = 2;
    assert_ok(player_play(&p->sender, reserve, h));
    assert_ok(player_play(&p->sender, return_it, h));
    // Its room comes back by mail, which nobody need ask for.
    TROUPE_EVENTUALLY(tr_mpsc_count(p->in.rx) == 0);
    fill(p);
}

Test(mpsc_bound, permit_given_back_is_room_again)
{
    with_permits(&suspends, reserve_and_return);
}

static void
reserve_and_wait(pair *p, holder *h)
{
    fill(p);
    h->timeout = tr_ms(5);
    assert_err(player_play(&p->sender, reserve, h), TR_ETIMEOUT);
    h->timeout = TR_FOREVER;
    player_do(&p->sender, reserve, h);
    player_until_it_waits(&p->sender);
    p->in.timeout = tr_ms(0);
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_ok(player_done(&p->sender));
    h->value = 5;
    assert_ok(player_play(&p->sender, use, h));
    expect_values(p, 1, 5);
}

Test(mpsc_bound, permit_waits_for_room)
{
    with_permits(&suspends, reserve_and_wait);
}

static void
reserve_and_shut(pair *p, holder *h)
{
    h->count = 2;
    assert_ok(player_play(&p->sender, reserve, h));
    assert_ok(player_play(&p->sender, do_close_tx, &p->out));
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    p->in.timeout = tr_ms(0);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT); // the permits may come
    assert_ok(player_play(&p->sender, use, h));
    p->in.timeout = TR_FOREVER;
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    player_do(&p->receiver, do_recv, &p->in); // one permit is still out
    player_until_it_waits(&p->receiver);
    assert_ok(player_play(&p->sender, return_it, h));
    assert_err(player_done(&p->receiver), TR_ECLOSED);
}

Test(mpsc_bound, permits_that_are_out_when_it_is_shut_are_waited_for)
{
    with_permits(&suspends, reserve_and_shut);
}

static void
reserve_and_close(pair *p, holder *h)
{
    h->count = 2;
    assert_ok(player_play(&p->sender, reserve, h));
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_err(player_play(&p->sender, use, h), TR_EDEAD);
    // Its slot is not given to another channel meanwhile: that would begin with load on it.
    ends other = {.opts = {.count = 2, .full = TR_REJECT}};
    assert_ok(player_play(&p->receiver, do_open, &other));
    cr_assert(eq(u32, tr_mpsc_count(other.rx), 0));
    assert_ok(player_play(&p->sender, return_it, h));
    other.count = 2;
    assert_ok(player_play(&p->receiver, do_send_all, &other));
    assert_err(player_play(&p->receiver, do_send, &other), TR_EFULL);
    assert_ok(player_play(&p->receiver, do_close_tx, &other));
    assert_ok(player_play(&p->receiver, do_close_rx, &other));
}

Test(mpsc_bound, permit_of_a_channel_that_has_closed_is_edead_and_given_back_harms_nobody)
{
    with_permits(&suspends, reserve_and_close);
}
