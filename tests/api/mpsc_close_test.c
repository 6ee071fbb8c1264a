// mpsc_close_test.c: how a channel ends: its last sender goes, it is shut, its receiver goes. And
// the address, which keeps nothing open.
#include "players.h"

TestSuite(mpsc_close, .timeout = 60);

static const tr_mpsc_opts_t of_two = {.count = 2};
static const tr_mpsc_opts_t of_any;

// ---- nothing is let in any more

static void
send_to_shut(pair *p)
{
    cr_assert(not(tr_mpsc_is_closed(p->out.tx)));
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    cr_assert(tr_mpsc_is_closed(p->out.tx));
    assert_err(player_play(&p->sender, do_send, &p->out), TR_ECLOSED);
    p->out.timeout = tr_ms(0);
    assert_err(player_play(&p->sender, do_send, &p->out), TR_ECLOSED);
    assert_ok(player_play(&p->receiver, do_shut, &p->in)); // and again
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ECLOSED);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ECLOSED);
}

Test(mpsc_close, send_into_a_channel_that_is_shut_is_eclosed)
{
    in_all_pairs(&of_any, send_to_shut);
}

Test(mpsc_close, send_into_a_channel_that_is_shut_is_eclosed_where_the_newest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_NEWEST}, send_to_shut);
}

Test(mpsc_close, send_into_a_channel_that_is_shut_is_eclosed_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, send_to_shut);
}

static void
send_to_nobody(pair *p)
{
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    cr_assert(tr_mpsc_is_closed(p->out.tx));
    assert_err(player_play(&p->sender, do_send, &p->out), TR_ECLOSED);
    p->out.timeout = tr_ms(0);
    assert_err(player_play(&p->sender, do_send, &p->out), TR_ECLOSED);
}

Test(mpsc_close, send_to_a_receiver_that_has_gone_is_eclosed)
{
    in_all_pairs(&of_any, send_to_nobody);
}

Test(mpsc_close, send_to_a_receiver_that_has_gone_is_eclosed_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, send_to_nobody);
}

static void
fill_and_wait(pair *p)
{
    p->out.count = 2;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    player_do(&p->sender, do_send, &p->out);
    player_until_it_waits(&p->sender);
}

static void
shut_on_who_waits(pair *p)
{
    fill_and_wait(p);
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    assert_err(player_done(&p->sender), TR_ECLOSED); // before anything is received
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ECLOSED);
}

Test(mpsc_close, sender_that_waits_for_room_when_it_is_shut_is_eclosed)
{
    in_all_pairs(&of_two, shut_on_who_waits);
}

static void
leave_who_waits(pair *p)
{
    fill_and_wait(p);
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_err(player_done(&p->sender), TR_ECLOSED);
    cr_assert(eq(u64, troupe_ledger(rt).discarded, 2));
}

Test(mpsc_close, sender_that_waits_for_room_when_the_receiver_goes_is_eclosed)
{
    in_all_pairs(&of_two, leave_who_waits);
}

// ---- what is queued is received

static void
drain(pair *p, act_fn close, player *who, ends *e)
{
    p->out.count = 5;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    assert_ok(player_play(who, close, e));
    p->in.timeout = tr_ms(0);
    for (uint64_t i = 0; i < 5; i++) {
        assert_ok(player_play(&p->receiver, do_recv, &p->in));
        cr_assert(eq(u64, p->in.value, i));
    }
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ECLOSED);
    p->in.timeout = TR_FOREVER;
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ECLOSED);
}

static void
last_sender_goes(pair *p)
{
    drain(p, do_close_tx, &p->sender, &p->out);
}

Test(mpsc_close, what_is_queued_when_the_last_sender_goes_is_received)
{
    in_all_pairs(&of_any, last_sender_goes);
}

Test(mpsc_close, what_is_queued_when_the_last_sender_goes_is_received_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, last_sender_goes);
}

static void
receiver_shuts(pair *p)
{
    drain(p, do_shut, &p->receiver, &p->in);
}

Test(mpsc_close, what_is_queued_when_it_is_shut_is_received)
{
    in_all_pairs(&of_any, receiver_shuts);
}

static void
close_on_who_receives(pair *p)
{
    player_do(&p->receiver, do_recv, &p->in);
    player_until_it_waits(&p->receiver);
    assert_ok(player_play(&p->sender, do_close_tx, &p->out));
    assert_err(player_done(&p->receiver), TR_ECLOSED);
}

Test(mpsc_close, receiver_that_waits_hears_that_the_last_sender_has_gone)
{
    in_all_pairs(&of_any, close_on_who_receives);
}

Test(mpsc_close, receiver_that_waits_hears_of_the_last_sender_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, close_on_who_receives);
}

static void
one_of_two_senders(pair *p)
{
    ends other = {.ref = p->in.ref, .value = 9};
    assert_ok(player_play(&p->sender, do_join, &other));
    assert_ok(player_play(&p->sender, do_close_tx, &other));
    p->in.timeout = tr_ms(0);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
    cr_assert(not(tr_mpsc_is_closed(p->out.tx)));
    assert_ok(player_play(&p->sender, do_send, &p->out));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
}

Test(mpsc_close, is_open_as_long_as_there_is_a_sender)
{
    in_all_pairs(&of_any, one_of_two_senders);
}

// ---- what is queued is discarded

static void
discard(pair *p)
{
    p->out.count = 7;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    tr_ledger_t l = troupe_ledger(rt);
    cr_assert(eq(u64, l.discarded, 6));
    cr_assert(eq(u64, l.queued, 0));
}

Test(mpsc_close, what_is_queued_when_the_receiver_goes_is_discarded)
{
    in_all_pairs(&of_any, discard);
}

Test(mpsc_close, what_is_queued_when_the_receiver_goes_is_discarded_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, discard);
}

static void
discard_after_shut(pair *p)
{
    p->out.count = 3;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    cr_assert(eq(u64, troupe_ledger(rt).discarded, 3));
}

Test(mpsc_close, what_is_left_of_a_channel_that_was_shut_is_discarded)
{
    in_all_pairs(&of_any, discard_after_shut);
}

// ---- waiting for it

static void
await_in_vain(pair *p)
{
    p->out.timeout = tr_ms(0);
    assert_err(player_play(&p->sender, do_await_closed, &p->out), TR_ETIMEOUT);
    p->out.timeout = tr_ms(5);
    assert_err(player_play(&p->sender, do_await_closed, &p->out), TR_ETIMEOUT);
}

Test(mpsc_close, awaited_in_vain_is_etimeout)
{
    in_all_pairs(&of_any, await_in_vain);
}

static void
await_shut(pair *p)
{
    player_do(&p->sender, do_await_closed, &p->out);
    player_until_it_waits(&p->sender);
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    assert_ok(player_done(&p->sender));
    p->out.timeout = tr_ms(0);
    assert_ok(player_play(&p->sender, do_await_closed, &p->out)); // and it stays so
}

Test(mpsc_close, awaited_is_over_when_it_is_shut)
{
    in_all_pairs(&of_any, await_shut);
}

static void
await_leave(pair *p)
{
    player_do(&p->sender, do_await_closed, &p->out);
    player_until_it_waits(&p->sender);
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_ok(player_done(&p->sender));
}

Test(mpsc_close, awaited_is_over_when_the_receiver_goes)
{
    in_all_pairs(&of_any, await_leave);
}

#define WATCHERS 4

static void
await_many(pair *p)
{
    player watchers[WATCHERS];
    ends outs[WATCHERS];
    for (int i = 0; i < WATCHERS; i++) {
        outs[i] = (ends){.ref = p->in.ref, .timeout = TR_FOREVER};
        player_begin(&watchers[i], i % 2 == 0);
        assert_ok(player_play(&watchers[i], do_join, &outs[i]));
        player_do(&watchers[i], do_await_closed, &outs[i]);
    }
    TROUPE_EVENTUALLY(waiting() == WATCHERS / 2);
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    for (int i = 0; i < WATCHERS; i++) {
        assert_ok(player_done(&watchers[i]));
        assert_ok(player_play(&watchers[i], do_close_tx, &outs[i]));
    }
}

Test(mpsc_close, awaited_by_several_is_over_for_all)
{
    in_all_pairs(&of_any, await_many);
}

// ---- the address

static void
open_by_no_address(player *p)
{
    ends e = {.ref = TR_REF_NONE};
    assert_err(player_play(p, do_join, &e), TR_EINVAL);
    e.ref = (tr_ref_t){UINT64_C(1) << 32 | 4000};
    assert_err(player_play(p, do_join, &e), TR_EINVAL);
    e.ref = (tr_ref_t){UINT64_MAX};
    assert_err(player_play(p, do_join, &e), TR_EINVAL);
    e.ref = troupe_puppet(rt, NULL);
    assert_err(player_play(p, do_join, &e), TR_EINVAL);
    cr_assert(e.tx == NULL);
}

Test(mpsc_close, sender_of_an_address_that_is_no_channels_is_einval)
{
    by_both(open_by_no_address);
}

static void
open_when_closed(pair *p, act_fn close, player *who, ends *e)
{
    assert_ok(player_play(who, close, e));
    ends late = {.ref = p->in.ref};
    assert_err(player_play(&p->sender, do_join, &late), TR_ECLOSED);
    assert_err(player_play(&p->receiver, do_join, &late), TR_ECLOSED);
    assert_err(tr_runtime_send(rt, p->in.ref, TR_MSG(number), TR_FOREVER), TR_EDEAD);
}

static void
open_without_senders(pair *p)
{
    open_when_closed(p, do_close_tx, &p->sender, &p->out);
}

Test(mpsc_close, sender_of_an_address_without_a_sender_is_eclosed)
{
    in_all_pairs(&of_any, open_without_senders);
}

static void
open_when_shut(pair *p)
{
    open_when_closed(p, do_shut, &p->receiver, &p->in);
}

Test(mpsc_close, sender_of_an_address_that_is_shut_is_eclosed)
{
    in_all_pairs(&of_any, open_when_shut);
}

static void
open_when_gone(pair *p)
{
    open_when_closed(p, do_close_rx, &p->receiver, &p->in);
    ends next = {.opts = {.count = 1}};
    assert_ok(player_play(&p->receiver, do_open, &next)); // perhaps in its place
    ends late = {.ref = p->out.ref};
    assert_err(player_play(&p->sender, do_join, &late), TR_ECLOSED);
    assert_ok(player_play(&p->receiver, do_close_tx, &next));
    assert_ok(player_play(&p->receiver, do_close_rx, &next));
}

Test(mpsc_close, sender_of_an_address_whose_receiver_has_gone_is_eclosed)
{
    in_all_pairs(&of_any, open_when_gone);
}

static tr_err_t
send_by_address(tr_self *self, void *arg)
{
    ends *e = arg;
    return self != TR_OUTSIDE
               ? tr_send(self, e->ref, TR_MSG(number, .value = e->value))
               : tr_runtime_send(rt, e->ref, TR_MSG(number, .value = e->value), TR_FOREVER);
}

static void
weak_sender(pair *p)
{
    p->out.value = 3;
    assert_ok(player_play(&p->sender, send_by_address, &p->out));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    cr_assert(eq(u64, p->in.value, 3));
    assert_ok(player_play(&p->sender, do_close_tx, &p->out));
    assert_err(player_play(&p->sender, send_by_address, &p->out), TR_EDEAD);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ECLOSED);
}

Test(mpsc_close, address_sends_and_keeps_nothing_open)
{
    in_all_pairs(&of_any, weak_sender);
}

// ---- the next channel in the same place

static void
end_outlives(pair *p)
{
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    ends next = {.opts = {.count = 1}, .timeout = TR_FOREVER};
    assert_ok(player_play(&p->receiver, do_open, &next));
    assert_err(player_play(&p->sender, do_send, &p->out), TR_ECLOSED);
    cr_assert(tr_mpsc_is_closed(p->out.tx));
    assert_ok(player_play(&p->sender, do_await_closed, &p->out));
    assert_ok(player_play(&p->sender, do_close_tx, &p->out));
    cr_assert(not(tr_mpsc_is_closed(next.tx)));
    assert_ok(player_play(&p->receiver, do_send, &next));
    assert_ok(player_play(&p->receiver, do_recv, &next));
    assert_ok(player_play(&p->receiver, do_close_tx, &next));
    assert_err(player_play(&p->receiver, do_recv, &next), TR_ECLOSED);
    assert_ok(player_play(&p->receiver, do_close_rx, &next));
}

Test(mpsc_close, sender_that_outlives_its_channel_has_no_part_in_the_next_one)
{
    in_all_pairs(&of_any, end_outlives);
}

// Both ends go at the same moment, and the place is used again at once.
static void *
close_sender(void *arg)
{
    ends *e = arg;
    cue_give(&e->ready);
    tr_mpsc_tx_close(e->tx);
    return NULL;
}

Test(mpsc_close, last_sender_that_goes_with_the_receiver_does_not_close_the_next_channel)
{
    rt = troupe_begin(1);
    for (int i = 0; i < 3000; i++) {
        ends old = {.value = 0};
        ends next = {.value = 1};
        pthread_t thread;
        cue_init(&old.ready);
        assert_ok(do_open(TR_OUTSIDE, &old));
        pthread_create(&thread, NULL, close_sender, &old);
        CUE_AWAIT(&old.ready);
        (void)do_close_rx(TR_OUTSIDE, &old);
        assert_ok(do_open(TR_OUTSIDE, &next));
        pthread_join(thread, NULL);
        cr_assert(not(tr_mpsc_is_closed(next.tx)), "channel %d is closed by the end of another", i);
        (void)do_close_tx(TR_OUTSIDE, &next);
        (void)do_close_rx(TR_OUTSIDE, &next);
    }
    troupe_end(rt);
}
