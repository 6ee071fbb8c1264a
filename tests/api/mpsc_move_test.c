// mpsc_move_test.c: ends that move in messages: whose they are on the way, and what becomes of them
// where nobody takes them.
#include "players.h"

TestSuite(mpsc_move, .timeout = 60);

#define TX_PARCEL(F, T) F(T, u64, value) F(T, local(tr_mpsc_tx), tx)
TR_MESSAGE(tx_parcel, TX_PARCEL);
#define RX_PARCEL(F, T) F(T, local(tr_mpsc_rx), rx)
TR_MESSAGE(rx_parcel, RX_PARCEL);

static const tr_mpsc_opts_t of_any;

// What goes through `post` to another: an end of `about`.
typedef struct move {
    ends *post;
    ends *about;
} move;

static tr_err_t
send_tx(tr_self *self, void *arg)
{
    move *m = arg;
    tr_err_t err =
        tr_mpsc_send(self, m->post->tx, TR_MSG(tx_parcel, .tx = m->about->tx), m->post->timeout);
    if (err == TR_OK) {
        m->about->tx = NULL;
    }
    return err;
}

static tr_err_t
send_rx(tr_self *self, void *arg)
{
    move *m = arg;
    tr_err_t err =
        tr_mpsc_send(self, m->post->tx, TR_MSG(rx_parcel, .rx = m->about->rx), m->post->timeout);
    if (err == TR_OK) {
        m->about->rx = NULL;
    }
    return err;
}

static tr_err_t
take_tx(tr_self *self, void *arg)
{
    move *m = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, m->post->rx, &msg, TR_FOREVER);
    if (err == TR_OK) {
        m->about->tx = tr_take(self, msg, tx_parcel, tx);
        err = tr_take(self, msg, tx_parcel, tx) == NULL ? TR_OK : TR_EALREADY; // only once
        give_back(self, msg);
    }
    return err;
}

static tr_err_t
take_rx(tr_self *self, void *arg)
{
    move *m = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, m->post->rx, &msg, TR_FOREVER);
    if (err == TR_OK) {
        m->about->rx = tr_take(self, msg, rx_parcel, rx);
        give_back(self, msg);
    }
    return err;
}

// ---- taken

static void
move_tx(pair *p)
{
    ends about = {.timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, send_tx, &m));
    m.post = &p->in;
    assert_ok(player_play(&p->receiver, take_tx, &m));
    about.value = 4;
    assert_ok(player_play(&p->receiver, do_send, &about));
    assert_ok(player_play(&p->sender, do_recv, &about));
    cr_assert(eq(u64, about.value, 4));
    player_do(&p->sender, do_recv, &about);
    assert_ok(player_play(&p->receiver, do_close_tx, &about));
    assert_err(player_done(&p->sender), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_rx, &about));
}

Test(mpsc_move, sending_end_is_who_takes_it)
{
    in_all_pairs(&of_any, move_tx);
}

static void
move_rx(pair *p)
{
    ends about = {.timeout = TR_FOREVER, .count = 3};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, do_send_all, &about)); // they move with it
    assert_ok(player_play(&p->sender, send_rx, &m));
    assert_ok(player_play(&p->sender, do_send_all, &about)); // and these find it on its way
    m.post = &p->in;
    assert_ok(player_play(&p->receiver, take_rx, &m));
    for (uint64_t i = 0; i < 6; i++) {
        assert_ok(player_play(&p->receiver, do_recv, &about));
        cr_assert(eq(u64, about.value, i % 3));
    }
    player_do(&p->receiver, do_recv, &about);
    player_until_it_waits(&p->receiver);
    assert_ok(player_play(&p->sender, do_close_tx, &about));
    assert_err(player_done(&p->receiver), TR_ECLOSED);
    assert_ok(player_play(&p->receiver, do_close_rx, &about));
}

Test(mpsc_move, receiving_end_goes_with_what_is_queued)
{
    in_all_pairs(&of_any, move_rx);
}

Test(mpsc_move, receiving_end_goes_through_a_channel_that_drops_the_oldest)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, move_rx);
}

static tr_err_t
send_then_close(tr_self *self, void *arg)
{
    tr_err_t err = do_send_all(self, arg);
    (void)do_close_tx(self, arg);
    return err;
}

// Senders wait for room in a channel whose receiver changes.
static void
move_rx_from_who_waits(pair *p)
{
    player waiter;
    ends about = {.opts = {.count = 1}, .timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    ends waits = {.ref = about.ref, .timeout = TR_FOREVER, .count = 5};
    player_begin(&waiter, true);
    assert_ok(player_play(&waiter, do_join, &waits));
    assert_ok(player_play(&p->sender, do_close_tx, &about));
    player_do(&waiter, send_then_close, &waits);
    TROUPE_EVENTUALLY(waiting() == 1);
    assert_ok(player_play(&p->sender, send_rx, &m));
    m.post = &p->in;
    assert_ok(player_play(&p->receiver, take_rx, &m));
    assert_err(player_play(&p->receiver, do_recv_all, &about), TR_ECLOSED);
    cr_assert(eq(u64, about.count, 5));
    assert_ok(player_done(&waiter));
    assert_ok(player_play(&p->receiver, do_close_rx, &about));
}

Test(mpsc_move, receiving_end_goes_while_senders_wait_for_room)
{
    in_all_pairs(&of_any, move_rx_from_who_waits);
}

// Room that is given back while nobody has the receiving end is granted all the same.
static void
close_while_on_its_way(pair *p)
{
    player waiter;
    ends about = {.opts = {.count = 1}, .timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    ends waits = {.ref = about.ref, .timeout = TR_FOREVER, .count = 2};
    player_begin(&waiter, true);
    assert_ok(player_play(&waiter, do_join, &waits));
    assert_ok(player_play(&p->sender, do_close_tx, &about));
    assert_ok(player_play(&p->sender, send_rx, &m));
    player_do(&waiter, do_send_all, &waits);
    TROUPE_EVENTUALLY(waiting() == 1);
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in)); // and with it what it had queued
    assert_err(player_done(&waiter), TR_ECLOSED);
    assert_ok(player_play(&waiter, do_close_tx, &waits));
}

Test(mpsc_move, receiving_end_that_ends_on_its_way_refuses_who_waits_for_room)
{
    in_all_pairs(&of_any, close_while_on_its_way);
}

// There and back.
static void
move_rx_and_back(pair *p)
{
    ends about = {.timeout = TR_FOREVER, .count = 2};
    ends back = {.timeout = TR_FOREVER};
    ends back_in = {.timeout = TR_FOREVER};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, do_open, &back_in));
    back.ref = back_in.ref;
    assert_ok(player_play(&p->receiver, do_join, &back));
    assert_ok(player_play(&p->sender, do_send_all, &about));
    for (int i = 0; i < 10; i++) {
        move m = {.post = &p->out, .about = &about};
        assert_ok(player_play(&p->sender, send_rx, &m));
        m.post = &p->in;
        assert_ok(player_play(&p->receiver, take_rx, &m));
        assert_ok(player_play(&p->receiver, do_recv, &about));
        cr_assert(eq(u64, about.value, i % 2));
        m.post = &back;
        assert_ok(player_play(&p->receiver, send_rx, &m));
        m.post = &back_in;
        assert_ok(player_play(&p->sender, take_rx, &m));
        about.value = i % 2;
        assert_ok(player_play(&p->sender, do_send, &about));
    }
    ends *all[] = {&about, &back_in};
    for (int i = 0; i < 2; i++) {
        assert_ok(player_play(&p->sender, do_close_tx, all[i]));
        assert_ok(player_play(&p->sender, do_close_rx, all[i]));
    }
    assert_ok(player_play(&p->receiver, do_close_tx, &back));
}

Test(mpsc_move, receiving_end_goes_there_and_back)
{
    in_all_pairs(&of_any, move_rx_and_back);
}

// ---- whose it is then

static tr_err_t
fail_now(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static void
giver_ends(pair *p)
{
    if (!p->sender.is_actor) {
        return;
    }
    ends about[2] = {{.timeout = TR_FOREVER}, {.timeout = TR_FOREVER}};
    for (int i = 0; i < 2; i++) {
        assert_ok(player_play(&p->sender, do_open, &about[i]));
    }
    move m = {.post = &p->out, .about = &about[0]};
    assert_ok(player_play(&p->sender, send_tx, &m));
    m.about = &about[1];
    assert_ok(player_play(&p->sender, send_rx, &m));
    assert_ok(troupe_prompt(rt, p->sender.actor, fail_now, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, p->sender.actor));
    p->out.tx = NULL;
    player_begin(&p->sender, false);
    m = (move){.post = &p->in, .about = &about[0]};
    assert_ok(player_play(&p->receiver, take_tx, &m));
    m.about = &about[1];
    assert_ok(player_play(&p->receiver, take_rx, &m));
    assert_err(player_play(&p->receiver, do_send, &about[0]), TR_ECLOSED); // nobody receives
    assert_err(player_play(&p->receiver, do_recv, &about[1]), TR_ECLOSED); // nobody sends
    assert_ok(player_play(&p->receiver, do_close_tx, &about[0]));
    assert_ok(player_play(&p->receiver, do_close_rx, &about[1]));
}

Test(mpsc_move, end_that_was_sent_is_not_closed_with_the_senders_life)
{
    in_all_pairs(&of_any, giver_ends);
}

static void
taker_ends(pair *p)
{
    if (!p->receiver.is_actor) {
        return;
    }
    ends about = {.timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, send_tx, &m));
    m.post = &p->in;
    assert_ok(player_play(&p->receiver, take_tx, &m));
    player_do(&p->sender, do_recv, &about);
    assert_ok(troupe_prompt(rt, p->receiver.actor, fail_now, NULL));
    assert_err(player_done(&p->sender), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_rx, &about));
    p->in.rx = NULL;
    player_begin(&p->receiver, false);
}

Test(mpsc_move, end_that_was_taken_is_closed_with_the_takers_life)
{
    in_all_pairs(&of_any, taker_ends);
}

// ---- not taken

static void
not_taken(pair *p)
{
    ends about = {.timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, send_tx, &m));
    player_do(&p->sender, do_recv, &about);
    assert_ok(player_play(&p->receiver, do_recv, &p->in)); // received, released
    assert_err(player_done(&p->sender), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_rx, &about));
    ends other = {.timeout = TR_FOREVER};
    m.about = &other;
    assert_ok(player_play(&p->sender, do_open, &other));
    assert_ok(player_play(&p->sender, do_send, &other));
    assert_ok(player_play(&p->sender, send_rx, &m));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_err(player_play(&p->sender, do_send, &other), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_tx, &other));
    cr_assert(eq(u64, troupe_ledger(rt).discarded, 1));
}

Test(mpsc_move, end_that_nobody_takes_is_closed_with_its_message)
{
    in_all_pairs(&of_any, not_taken);
}

static void
queued_and_discarded(pair *p)
{
    ends about = {.timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, send_tx, &m));
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_err(player_play(&p->sender, do_recv, &about), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_rx, &about));
}

Test(mpsc_move, end_in_a_message_that_is_discarded_is_closed)
{
    in_all_pairs(&of_any, queued_and_discarded);
}

Test(mpsc_move, end_in_a_message_that_is_discarded_is_closed_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, queued_and_discarded);
}

static void
dropped(pair *p)
{
    ends about[2] = {{.timeout = TR_FOREVER}, {.timeout = TR_FOREVER}};
    move m = {.post = &p->out};
    for (int i = 0; i < 2; i++) {
        m.about = &about[i];
        assert_ok(player_play(&p->sender, do_open, &about[i]));
        assert_ok(player_play(&p->sender, send_tx, &m)); // one of the two is dropped
    }
    for (int i = 0; i < 2; i++) {
        about[i].timeout = tr_ms(0);
        bool is_dropped = (p->in.opts.full == TR_DROP_OLDEST) == (i == 0);
        assert_err(player_play(&p->sender, do_recv, &about[i]),
                   is_dropped ? TR_ECLOSED : TR_ETIMEOUT);
        assert_ok(player_play(&p->sender, do_close_rx, &about[i]));
    }
    cr_assert(eq(u64, troupe_ledger(rt).dropped, 1));
}

Test(mpsc_move, end_in_a_message_that_is_dropped_is_closed)
{
    in_all_pairs(&(tr_mpsc_opts_t){.count = 1, .full = TR_DROP_NEWEST}, dropped);
    in_all_pairs(&(tr_mpsc_opts_t){.count = 1, .full = TR_DROP_OLDEST}, dropped);
}

// ---- not delivered

static void
refused(pair *p)
{
    ends about = {.timeout = TR_FOREVER};
    move m = {.post = &p->out, .about = &about};
    assert_ok(player_play(&p->sender, do_send, &p->out)); // which fills it
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_err(player_play(&p->sender, send_tx, &m), TR_EFULL);
    assert_err(player_play(&p->sender, send_rx, &m), TR_EFULL);
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_err(player_play(&p->sender, send_tx, &m), TR_ECLOSED);
    assert_err(player_play(&p->sender, send_rx, &m), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_send, &about)); // both are the sender's still
    assert_ok(player_play(&p->sender, do_recv, &about));
    assert_ok(player_play(&p->sender, do_close_tx, &about));
    assert_err(player_play(&p->sender, do_recv, &about), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_rx, &about));
}

Test(mpsc_move, end_in_a_message_that_is_not_delivered_is_the_senders_still)
{
    in_all_pairs(&(tr_mpsc_opts_t){.count = 1, .full = TR_REJECT}, refused);
}

static tr_err_t
send_tx_to_actor(tr_self *self, void *arg)
{
    ends *e = arg;
    return self != TR_OUTSIDE
               ? tr_send(self, e->ref, TR_MSG(tx_parcel, .tx = e->tx))
               : tr_runtime_send(rt, e->ref, TR_MSG(tx_parcel, .tx = e->tx), TR_FOREVER);
}

static void
to_the_dead(player *p)
{
    ends e = {.timeout = TR_FOREVER};
    assert_ok(player_play(p, do_open, &e));
    tr_ref_t dead = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, dead, fail_now, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, dead));
    e.ref = dead;
    assert_err(player_play(p, send_tx_to_actor, &e), TR_EDEAD);
    assert_ok(player_play(p, do_send, &e));
    assert_ok(player_play(p, do_recv, &e));
    assert_ok(player_play(p, do_close_tx, &e));
    assert_ok(player_play(p, do_close_rx, &e));
}

Test(mpsc_move, end_in_a_message_to_an_actor_that_has_ended_is_the_senders_still)
{
    by_both(to_the_dead);
}

// In its mailbox, not handled.
static tr_err_t
hold(tr_self *self, void *arg)
{
    cue *c = arg;
    (void)self;
    cue_give(&c[0]);
    (void)cue_take(&c[1]);
    return TR_EIO;
}

static void
to_the_dying(player *p)
{
    cue c[2];
    cue_init(&c[0]);
    cue_init(&c[1]);
    ends e = {.timeout = TR_FOREVER};
    assert_ok(player_play(p, do_open, &e));
    e.ref = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, e.ref, hold, c));
    CUE_AWAIT(&c[0]);
    assert_ok(player_play(p, send_tx_to_actor, &e));
    player_do(p, do_recv, &e);
    cue_give(&c[1]);
    assert_err(player_done(p), TR_ECLOSED);
    assert_ok(player_play(p, do_close_rx, &e));
}

Test(mpsc_move, end_in_the_mailbox_of_an_actor_that_ends_is_closed)
{
    by_both(to_the_dying);
}

// ---- in its own channel

static void
into_itself(player *p)
{
    ends e = {.timeout = TR_FOREVER};
    move m = {.post = &e, .about = &e};
    assert_ok(player_play(p, do_open, &e));
    tr_mpsc_tx *tx = e.tx;
    assert_ok(player_play(p, send_tx, &m));
    cr_assert(not(tr_mpsc_is_closed(tx))); // by nobody but the message
    assert_ok(player_play(p, take_tx, &m));
    cr_assert(e.tx == tx);
    assert_ok(player_play(p, send_tx, &m));
    e.value = 1;
    assert_ok(player_play(p, do_recv, &e)); // the message ends, and the sender with it
    assert_err(player_play(p, do_recv, &e), TR_ECLOSED);
    assert_ok(player_play(p, do_close_rx, &e));
}

Test(mpsc_move, sending_end_in_its_own_channel_keeps_it_open_until_it_is_received)
{
    by_both(into_itself);
}

static void
into_itself_and_closed(player *p)
{
    for (int policy = 0; policy <= TR_DROP_OLDEST; policy++) {
        ends e = {.opts = {.full = (tr_full_policy_t)policy}, .timeout = TR_FOREVER};
        move m = {.post = &e, .about = &e};
        assert_ok(player_play(p, do_open, &e));
        assert_ok(player_play(p, send_tx, &m));
        assert_ok(player_play(p, do_close_rx, &e));
        tr_mpsc_tx *late = NULL;
        assert_err(tr_runtime_mpsc_tx_open(rt, e.ref, &late), TR_ECLOSED);
    }
    cr_assert(eq(u64, troupe_ledger(rt).discarded, TR_DROP_OLDEST + 1));
}

Test(mpsc_move, sending_end_in_its_own_channel_ends_with_the_receiver)
{
    by_both(into_itself_and_closed);
}

// ---- kept

typedef struct keeper {
    ends *in;
    const tr_message *msg;
    tr_mpsc_tx *tx;
} keeper;

static tr_err_t
keep_it(tr_self *self, void *arg)
{
    keeper *k = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, k->in->rx, &msg, TR_FOREVER);
    if (err == TR_OK) {
        k->msg = tr_message_keep(self, msg);
        err = tr_take(self, msg, tx_parcel, tx) == NULL ? TR_OK : TR_EALREADY; // it moved too
    }
    return err;
}

static tr_err_t
take_kept(tr_self *self, void *arg)
{
    keeper *k = arg;
    k->tx = tr_take(self, k->msg, tx_parcel, tx);
    tr_release(self, k->msg);
    return TR_OK;
}

static tr_err_t
release_kept(tr_self *self, void *arg)
{
    keeper *k = arg;
    tr_release(self, k->msg);
    return TR_OK;
}

static void
keep_and(pair *p, bool takes)
{
    ends about = {.timeout = tr_ms(0)};
    move m = {.post = &p->out, .about = &about};
    keeper k = {.in = &p->in};
    assert_ok(player_play(&p->sender, do_open, &about));
    assert_ok(player_play(&p->sender, send_tx, &m));
    assert_ok(player_play(&p->receiver, keep_it, &k));
    assert_err(player_play(&p->sender, do_recv, &about), TR_ETIMEOUT); // it is open
    assert_ok(player_play(&p->receiver, takes ? take_kept : release_kept, &k));
    if (takes) {
        about.tx = k.tx;
        assert_ok(player_play(&p->receiver, do_send, &about));
        assert_ok(player_play(&p->sender, do_recv, &about));
        assert_ok(player_play(&p->receiver, do_close_tx, &about));
    }
    assert_err(player_play(&p->sender, do_recv, &about), TR_ECLOSED);
    assert_ok(player_play(&p->sender, do_close_rx, &about));
}

Test(mpsc_move, end_goes_with_a_message_that_is_kept)
{
    for (int way = 0; way < 4; way++) {
        pair p;
        rt = troupe_begin(2);
        pair_begin(&p, &of_any, way % 2 != 0, true);
        keep_and(&p, way < 2);
        pair_end(&p);
        troupe_end(rt);
    }
}

// ---- the end of the runtime

Test(mpsc_move, end_in_a_message_that_is_never_received_is_closed_with_the_runtime)
{
    rt = troupe_begin(2);
    player a;
    player_begin(&a, true);
    ends post = {.timeout = TR_FOREVER};
    ends about = {.timeout = TR_FOREVER};
    move m = {.post = &post, .about = &about};
    assert_ok(player_play(&a, do_open, &post));
    assert_ok(player_play(&a, do_open, &about));
    assert_ok(player_play(&a, do_send, &about));
    assert_ok(player_play(&a, send_rx, &m));
    assert_ok(player_play(&a, send_tx, &m));
    troupe_end(rt);
}
