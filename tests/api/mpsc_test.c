// mpsc_test.c: opening a channel, and messages from one end to the other, by actors and threads.
#include "players.h"

TestSuite(mpsc, .timeout = 60);

static const tr_mpsc_opts_t of_one = {.count = 1};
static const tr_mpsc_opts_t of_four = {.count = 4};
static const tr_mpsc_opts_t of_any;

// ---- opening

static void
open_wrongly(player *p)
{
    ends e = {.opts = {.count = 1u << 22}};
    assert_err(player_play(p, do_open, &e), TR_EINVAL);
    e.opts = (tr_mpsc_opts_t){.bytes = (size_t)1 << 39};
    assert_err(player_play(p, do_open, &e), TR_EINVAL);
    e.opts = (tr_mpsc_opts_t){.full = (tr_full_policy_t)(TR_DROP_OLDEST + 1)};
    assert_err(player_play(p, do_open, &e), TR_EINVAL);
    cr_assert(e.tx == NULL && e.rx == NULL);
}

Test(mpsc, with_an_option_out_of_its_range_is_einval_and_gives_nothing)
{
    by_both(open_wrongly);
}

static void
open_largest(player *p)
{
    ends e = {.opts = {.count = (1u << 22) - 1, .bytes = ((size_t)1 << 39) - 1}};
    assert_ok(player_play(p, do_open, &e));
    assert_ok(player_play(p, do_close_tx, &e));
    assert_ok(player_play(p, do_close_rx, &e));
}

Test(mpsc, with_the_largest_bounds_opens)
{
    by_both(open_largest);
}

static tr_err_t
open_default(tr_self *self, void *arg)
{
    ends *e = arg;
    return open_channel(self, NULL, &e->tx, &e->rx);
}

static void
fill_default(player *p)
{
    ends e = {.count = 256};
    assert_ok(player_play(p, open_default, &e));
    assert_ok(player_play(p, do_send_all, &e));
    cr_assert(player_play(p, do_send, &e) != TR_OK);
    cr_assert(eq(u32, tr_mpsc_count(e.rx), 256));
    assert_ok(player_play(p, do_close_tx, &e));
    assert_ok(player_play(p, do_close_rx, &e));
}

Test(mpsc, without_options_takes_256_messages)
{
    by_both(fill_default);
}

Test(mpsc, close_of_null_does_nothing)
{
    tr_mpsc_tx_close(NULL);
    tr_mpsc_rx_close(NULL);
}

Test(mpsc, has_one_address_from_both_ends)
{
    rt = troupe_begin(1);
    ends e = {.opts = {.name = "results"}};
    assert_ok(do_open(TR_OUTSIDE, &e));
    cr_assert(tr_ref_equal(tr_mpsc_ref(e.tx), tr_mpsc_rx_ref(e.rx)));
    cr_assert(e.ref.raw != TR_REF_NONE.raw);
    (void)do_close_tx(TR_OUTSIDE, &e);
    (void)do_close_rx(TR_OUTSIDE, &e);
    troupe_end(rt);
}

// ---- receiving where there is nothing

static void
recv_nothing(pair *p)
{
    p->in.timeout = tr_ms(0);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
}

Test(mpsc, recv_without_time_where_nothing_is_is_etimeout)
{
    in_all_pairs(&of_any, recv_nothing);
}

static void
recv_in_vain(pair *p)
{
    p->in.timeout = tr_ms(5);
    int64_t began = troupe_now_ns();
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
    cr_assert(troupe_now_ns() - began >= 4000000);
}

Test(mpsc, recv_where_nothing_comes_is_etimeout_when_the_time_is_over)
{
    in_all_pairs(&of_any, recv_in_vain);
}

static void
recv_after_a_wait_in_vain(pair *p)
{
    recv_in_vain(p);
    p->out.value = 7;
    assert_ok(player_play(&p->sender, do_send, &p->out));
    p->in.timeout = tr_ms(0);
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    cr_assert(eq(u64, p->in.value, 7));
}

Test(mpsc, recv_after_one_in_vain_finds_what_came_since)
{
    in_all_pairs(&of_any, recv_after_a_wait_in_vain);
}

static tr_err_t
recv_in_a_call(tr_self *self, void *arg)
{
    ends *e = arg;
    e->err = do_recv(self, e);
    cue_give(&e->ready);
    return TR_OK;
}

Test(mpsc, recv_keeps_to_the_deadline_of_the_message_in_hand)
{
    rt = troupe_begin(1);
    player p;
    ends e = {.timeout = TR_FOREVER};
    cue_init(&e.ready);
    player_begin(&p, true);
    assert_ok(player_play(&p, do_open, &e));
    tr_err_t err =
        tr_runtime_call(rt, p.actor, ACT_MSG(recv_in_a_call, &e), TR_REPLY_NONE, tr_ms(20));
    cr_assert(err == TR_ETIMEOUT || err == TR_OK, "%s", tr_errname(err)); // either is first
    CUE_AWAIT(&e.ready);
    assert_err(e.err, TR_ETIMEOUT);
    troupe_end(rt);
}

// ---- sending

static void
send_too_much(pair *p)
{
    static const char data[2000];
    tr_err_t err =
        tr_runtime_send(rt, p->in.ref, TR_MSG(lump, .data = tr_bytes(data, 2000)), TR_FOREVER);
    assert_err(err, TR_ETOOBIG);
}

Test(mpsc, send_of_more_than_its_bound_in_bytes_is_etoobig)
{
    in_all_pairs(&(tr_mpsc_opts_t){.bytes = 1000}, send_too_much);
}

static tr_err_t
send_lump(tr_self *self, void *arg)
{
    static const char data[2000];
    ends *e = arg;
    return tr_mpsc_send(self, e->tx, TR_MSG(lump, .data = tr_bytes(data, 2000)), e->timeout);
}

static void
send_too_much_by_end(pair *p)
{
    assert_err(player_play(&p->sender, send_lump, &p->out), TR_ETOOBIG);
    p->out.timeout = tr_ms(0);
    assert_err(player_play(&p->sender, send_lump, &p->out), TR_ETOOBIG);
    cr_assert(eq(u32, tr_mpsc_count(p->in.rx), 0));
}

Test(mpsc, send_of_more_than_its_bound_in_bytes_is_etoobig_with_and_without_time)
{
    in_all_pairs(&(tr_mpsc_opts_t){.bytes = 1000}, send_too_much_by_end);
}

static void
one_after_the_other(pair *p)
{
    p->out.count = 100;
    p->out.timeout = tr_ms(0);
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    cr_assert(eq(u32, tr_mpsc_count(p->in.rx), 100));
    p->in.timeout = tr_ms(0);
    for (uint64_t i = 0; i < 100; i++) {
        assert_ok(player_play(&p->receiver, do_recv, &p->in));
        cr_assert(eq(u64, p->in.value, i));
    }
    cr_assert(eq(u32, tr_mpsc_count(p->in.rx), 0));
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
}

Test(mpsc, gives_what_was_sent_in_its_order)
{
    in_all_pairs(&of_any, one_after_the_other);
}

static tr_err_t
send_all_and_close(tr_self *self, void *arg)
{
    tr_err_t err = do_send_all(self, arg);
    (void)do_close_tx(self, arg);
    return err;
}

static void
stream(pair *p)
{
    p->out.count = 3000;
    player_do(&p->receiver, do_recv_all, &p->in);
    player_do(&p->sender, send_all_and_close, &p->out);
    assert_ok(player_done(&p->sender));
    assert_err(player_done(&p->receiver), TR_ECLOSED);
    cr_assert(eq(u64, p->in.count, 3000));
}

Test(mpsc, a_stream_through_a_bound_of_four_keeps_its_order)
{
    in_all_pairs(&of_four, stream);
}

Test(mpsc, a_stream_through_a_bound_of_one_keeps_its_order)
{
    in_all_pairs(&of_one, stream);
}

static void
recv_before_send(pair *p)
{
    for (uint64_t i = 0; i < 20; i++) {
        player_do(&p->receiver, do_recv, &p->in);
        if (i == 0) {
            player_until_it_waits(&p->receiver);
        }
        p->out.value = i;
        assert_ok(player_play(&p->sender, do_send, &p->out));
        assert_ok(player_done(&p->receiver));
        cr_assert(eq(u64, p->in.value, i));
    }
}

Test(mpsc, recv_that_waits_gets_what_is_sent_then)
{
    in_all_pairs(&of_any, recv_before_send);
}

// ---- several senders

#define TALK(F, T) F(T, u32, who) F(T, u64, number)
TR_MESSAGE(talk, TALK);

#define TALKERS 4

typedef struct talker {
    player player;
    ends out;
    uint32_t who;
} talker;

static tr_err_t
talk_all(tr_self *self, void *arg)
{
    talker *t = arg;
    tr_err_t err = TR_OK;
    for (uint64_t i = 0; i < 500 && err == TR_OK; i++) {
        err = tr_mpsc_send(self, t->out.tx, TR_MSG(talk, .who = t->who, .number = i), TR_FOREVER);
    }
    tr_mpsc_tx_close(t->out.tx);
    return err;
}

static tr_err_t
hear_all(tr_self *self, void *arg)
{
    ends *e = arg;
    uint64_t next[TALKERS] = {0};
    const tr_message *msg;
    tr_err_t err;
    while ((err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER)) == TR_OK) {
        const talk *t = tr_as(talk, msg);
        if (t->number != next[t->who]++) {
            return TR_EFORMAT;
        }
        e->count++;
        give_back(self, msg);
    }
    return err;
}

static void
talk_to(player *receiver)
{
    talker talkers[TALKERS];
    ends in = {.opts = of_four};
    assert_ok(player_play(receiver, do_open, &in));
    for (uint32_t i = 0; i < TALKERS; i++) {
        talkers[i] = (talker){.who = i, .out = {.ref = in.ref}};
        player_begin(&talkers[i].player, i % 2 == 0);
        assert_ok(player_play(&talkers[i].player, do_join, &talkers[i].out));
    }
    assert_ok(player_play(receiver, do_close_tx, &in));
    player_do(receiver, hear_all, &in);
    for (uint32_t i = 0; i < TALKERS; i++) {
        player_do(&talkers[i].player, talk_all, &talkers[i]);
    }
    for (uint32_t i = 0; i < TALKERS; i++) {
        assert_ok(player_done(&talkers[i].player));
    }
    assert_err(player_done(receiver), TR_ECLOSED);
    cr_assert(eq(u64, in.count, 500 * TALKERS));
    assert_ok(player_play(receiver, do_close_rx, &in));
}

Test(mpsc, keeps_the_order_of_each_of_several_senders)
{
    by_both(talk_to);
}

// ---- who sent it, and how long it is there

static tr_err_t
recv_sender(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER);
    if (err == TR_OK) {
        e->value = tr_message_sender(msg).raw;
        give_back(self, msg);
    }
    return err;
}

static void
ask_sender(pair *p)
{
    assert_ok(player_play(&p->sender, do_send, &p->out));
    assert_ok(player_play(&p->receiver, recv_sender, &p->in));
    cr_assert(eq(u64, p->in.value, p->sender.is_actor ? p->sender.actor.raw : TR_REF_NONE.raw));
}

Test(mpsc, message_says_which_actor_sent_it_and_none_for_a_thread)
{
    in_all_pairs(&of_any, ask_sender);
}

static tr_err_t
recv_two_and_read_both(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *first = NULL;
    const tr_message *second = NULL;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &first, TR_FOREVER);
    if (err == TR_OK) {
        err = tr_mpsc_recv(self, e->rx, &second, TR_FOREVER);
    }
    if (err == TR_OK) {
        e->value = value_of(first) * 10 + value_of(second);
    }
    if (self == TR_OUTSIDE) { // an actor's are its own until the handler returns
        tr_runtime_release(rt, first);
        tr_runtime_release(rt, second);
    }
    return err;
}

static void
hold_two(pair *p)
{
    p->out.count = 2;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    assert_ok(player_play(&p->receiver, recv_two_and_read_both, &p->in));
    cr_assert(eq(u64, p->in.value, 1));
    // Each is handled once: the ledger at the end would tell.
}

Test(mpsc, message_is_there_until_it_is_released_or_the_handler_returns)
{
    in_all_pairs(&of_any, hold_two);
}

static tr_err_t
recv_and_fail(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER);
    return err == TR_OK ? TR_EIO : err;
}

Test(mpsc, message_in_hand_when_the_handler_fails_counts_as_failed)
{
    rt = troupe_begin(1);
    pair p;
    pair_begin(&p, &of_any, false, true);
    assert_ok(player_play(&p.sender, do_send, &p.out));
    assert_ok(troupe_prompt(rt, p.receiver.actor, recv_and_fail, &p.in));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, p.receiver.actor));
    cr_assert(eq(u64, troupe_ledger(rt).failed, 2)); // and the message that told it to
    assert_ok(player_play(&p.sender, do_close_tx, &p.out));
    troupe_end(rt);
}

// ---- many channels

static tr_err_t
open_and_close_many(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err = TR_OK;
    for (uint64_t i = 0; i < e->count && err == TR_OK; i++) {
        e->opts.full = (tr_full_policy_t)(i % (TR_DROP_OLDEST + 1));
        err = do_open(self, e);
        for (int j = 0; j < 3 && err == TR_OK; j++) {
            err = do_send(self, e);
        }
        if (err == TR_OK) {
            err = do_recv(self, e);
        }
        (void)do_close_tx(self, e);
        (void)do_close_rx(self, e);
    }
    return err;
}

static void
open_many(player *p)
{
    ends e = {.count = 2000, .timeout = TR_FOREVER};
    assert_ok(player_play(p, open_and_close_many, &e));
    cr_assert(eq(u64, troupe_ledger(rt).discarded, 4000));
}

Test(mpsc, opens_and_closes_thousands_of_times)
{
    by_both(open_many);
}

#define OPEN_AT_ONCE 300

static tr_err_t
hold_many(tr_self *self, void *arg)
{
    static ends e[OPEN_AT_ONCE];
    (void)arg;
    tr_err_t err = TR_OK;
    for (int i = 0; i < OPEN_AT_ONCE && err == TR_OK; i++) {
        e[i] = (ends){.value = (uint64_t)i};
        err = do_open(self, &e[i]);
        err = err == TR_OK ? do_send(self, &e[i]) : err;
    }
    for (int i = 0; i < OPEN_AT_ONCE && err == TR_OK; i++) {
        err = do_recv(self, &e[i]);
        err = err == TR_OK && e[i].value != (uint64_t)i ? TR_EFORMAT : err;
        (void)do_close_rx(self, &e[i]);
        (void)do_close_tx(self, &e[i]);
    }
    return err;
}

static void
open_many_at_once(player *p)
{
    assert_ok(player_play(p, hold_many, NULL));
    assert_ok(player_play(p, hold_many, NULL)); // in the places of those that are closed
}

Test(mpsc, hundreds_are_open_at_once)
{
    by_both(open_many_at_once);
}
