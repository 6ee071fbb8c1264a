// channels_stress.c: channels between actors on four workers and threads outside. In the first test
// the receiving end of one channel goes around while many send: nothing is lost, each sender's
// order is kept. In the second, ends of hundreds of channels are given, used, closed and lost in
// crashes at random: the ledger is exact, and nothing is left. CHANNELS_SEED=n runs one seed again.
#include <stdlib.h>

#include "players.h"

#ifndef CHANNELS_SEEDS
#define CHANNELS_SEEDS 20
#define CHANNELS_SENT  5000 // by each sender
#define CHANNELS_MS    1000
#endif

TestSuite(channels, .timeout = 290);

#define WORKERS 4
#define SENDERS 6
#define HOLDERS 4

#define MARK(F, T) F(T, u32, who) F(T, u64, number)
TR_MESSAGE(mark, MARK);
#define BATON(F, T) F(T, local(tr_mpsc_rx), rx)
TR_MESSAGE(baton, BATON);
#define GIFT(F, T) F(T, local(tr_mpsc_tx), tx) F(T, local(tr_mpsc_rx), rx)
TR_MESSAGE(gift, GIFT);

static uint64_t
draw(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

static void
each_seed(void (*trial)(uint64_t seed))
{
    const char *one = getenv("CHANNELS_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (one != NULL ? 1 : CHANNELS_SEEDS); seed++) {
        trial(seed);
    }
}

static tr_err_t
pass_time(tr_self *self)
{
    if (self != TR_OUTSIDE) {
        return tr_yield(self);
    }
    sched_yield();
    return TR_OK;
}

// ---- the receiving end goes around

static struct relay {
    tr_ref_t channel;
    tr_ref_t posts[HOLDERS]; // where each holder waits for the baton
    uint64_t next[SENDERS];  // of who has the baton
    uint64_t received;
    bool drops;
    _Atomic uint64_t sent;
    _Atomic uint32_t disorder;
    _Atomic uint32_t wrong;
    _Atomic int which;
    _Atomic uint32_t hands; // in which it was
} relay;

typedef struct runner {
    player player;
    ends ends; // a sender's end; a holder's post
    uint32_t who;
    uint64_t random;
} runner;

static void
note_wrong(tr_err_t err)
{
    if (err != TR_OK) {
        relay.wrong++;
        relay.which = err;
    }
}

static tr_err_t
send_marks(tr_self *self, void *arg)
{
    runner *r = arg;
    tr_err_t err = open_sender(self, relay.channel, &r->ends.tx);
    cue_give(&r->ends.ready);
    for (uint64_t i = 0; i < CHANNELS_SENT && err == TR_OK;) {
        tr_duration_t timeout = draw(&r->random) % 4 == 0 ? tr_us(20) : TR_FOREVER;
        err = tr_mpsc_send(self, r->ends.tx, TR_MSG(mark, .who = r->who, .number = i), timeout);
        relay.sent += err == TR_OK;
        i += err == TR_OK;
        if (err == TR_ETIMEOUT || err == TR_EFULL) {
            err = pass_time(self);
        }
    }
    tr_mpsc_tx_close(r->ends.tx);
    return err;
}

static void
check_mark(const tr_message *msg)
{
    const mark *m = tr_as(mark, msg);
    bool is_next = relay.drops ? m->number >= relay.next[m->who] : m->number == relay.next[m->who];
    relay.disorder += !is_next;
    relay.next[m->who] = m->number + 1;
    relay.received++;
}

// Receive some. TR_ECLOSED: that was the last of all.
static tr_err_t
run_with_baton(tr_self *self, runner *r, tr_mpsc_rx *rx)
{
    tr_err_t err = TR_OK;
    uint64_t count = 1 + draw(&r->random) % 40;
    relay.hands++;
    for (uint64_t i = 0; i < count && err == TR_OK; i++) {
        const tr_message *msg;
        uint64_t patience = draw(&r->random) % 3;
        err = tr_mpsc_recv(self, rx, &msg, patience == 0 ? tr_ms(0) : tr_us(30));
        if (err == TR_OK) {
            check_mark(msg);
            give_back(self, msg);
        } else if (err == TR_ETIMEOUT) {
            err = TR_OK;
        }
    }
    return err;
}

static tr_err_t
give_baton(tr_self *self, runner *r, tr_mpsc_rx *rx)
{
    tr_ref_t to = relay.posts[draw(&r->random) % HOLDERS];
    return self != TR_OUTSIDE ? tr_send(self, to, TR_MSG(baton, .rx = rx))
                              : tr_runtime_send(rt, to, TR_MSG(baton, .rx = rx), TR_FOREVER);
}

static tr_err_t
tell_all(tr_self *self)
{
    tr_err_t err = TR_OK;
    for (int i = 0; i < HOLDERS && err == TR_OK; i++) {
        err = self != TR_OUTSIDE ? tr_send(self, relay.posts[i], TR_MSG(number))
                                 : tr_runtime_send(rt, relay.posts[i], TR_MSG(number), TR_FOREVER);
    }
    return err;
}

static tr_err_t
hold_baton(tr_self *self, void *arg)
{
    runner *r = arg;
    tr_err_t err;
    for (;;) {
        const tr_message *msg;
        err = tr_mpsc_recv(self, r->ends.rx, &msg, TR_FOREVER);
        if (err != TR_OK) {
            return err;
        }
        bool is_over = tr_as(number, msg) != NULL;
        tr_mpsc_rx *rx = tr_take(self, msg, baton, rx);
        give_back(self, msg);
        if (is_over) {
            return TR_OK;
        }
        err = run_with_baton(self, r, rx);
        err = err == TR_OK ? give_baton(self, r, rx) : err;
        if (err == TR_ECLOSED) {
            tr_mpsc_rx_close(rx);
            err = tell_all(self);
        }
        if (err != TR_OK) {
            return err;
        }
    }
}

static void
begin_runner(runner *r, uint32_t who, uint64_t *random)
{
    *r = (runner){.who = who, .random = draw(random), .ends = {.timeout = TR_FOREVER}};
    cue_init(&r->ends.ready);
    player_begin(&r->player, who % 2 == 0);
}

static void
run_relay(uint64_t seed)
{
    static const tr_full_policy_t policies[] = {TR_SUSPEND, TR_DROP_OLDEST, TR_REJECT};
    runner senders[SENDERS], holders[HOLDERS];
    uint64_t random = seed;
    tr_mpsc_opts_t opts = {.count = 4, .full = policies[seed % 3]};
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    rt = troupe_begin(WORKERS);
    relay = (struct relay){.drops = opts.full == TR_DROP_OLDEST};
    assert_ok(tr_runtime_mpsc_create(rt, &opts, &tx, &rx));
    relay.channel = tr_mpsc_ref(tx);
    for (uint32_t i = 0; i < HOLDERS; i++) {
        begin_runner(&holders[i], i, &random);
        assert_ok(player_play(&holders[i].player, do_open, &holders[i].ends));
        relay.posts[i] = holders[i].ends.ref;
        player_do(&holders[i].player, hold_baton, &holders[i]);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        begin_runner(&senders[i], i, &random);
        player_do(&senders[i].player, send_marks, &senders[i]);
        CUE_AWAIT(&senders[i].ends.ready);
    }
    tr_mpsc_tx_close(tx);
    assert_ok(tr_runtime_send(rt, relay.posts[0], TR_MSG(baton, .rx = rx), TR_FOREVER));
    for (uint32_t i = 0; i < SENDERS; i++) {
        note_wrong(player_done(&senders[i].player));
    }
    for (uint32_t i = 0; i < HOLDERS; i++) {
        note_wrong(player_done(&holders[i].player));
        assert_ok(player_play(&holders[i].player, do_close_tx, &holders[i].ends));
        assert_ok(player_play(&holders[i].player, do_close_rx, &holders[i].ends));
    }
    uint64_t dropped = troupe_ledger(rt).dropped;
    uint64_t sent = relay.sent;
    cr_assert(relay.wrong == 0, "seed %" PRIu64 ": somebody failed with %s", seed,
              tr_errname((tr_err_t)relay.which));
    cr_assert(relay.disorder == 0, "seed %" PRIu64 ": out of order", seed);
    cr_assert(relay.received + dropped == sent,
              "seed %" PRIu64 ": %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64 " dropped", seed,
              sent, relay.received, dropped);
    cr_assert(relay.drops || relay.hands > HOLDERS); // it did go around
    troupe_end(rt);
}

Test(channels, lose_nothing_while_their_receiving_end_goes_around)
{
    each_seed(run_relay);
}

// ---- everything at random

#define PEERS   8 // actors
#define OUTSIDE 3 // threads
#define PURSE   6 // ends of each kind that one holds

static struct fair {
    _Atomic uint64_t peers[PEERS + OUTSIDE]; // addresses: of actors, of channels of threads
    _Atomic uint32_t lives;
    _Atomic uint32_t opened;
    _Atomic uint32_t wrong;
    _Atomic int which;
    _Atomic bool is_over;
} fair;

typedef struct purse {
    tr_mpsc_tx *tx[PURSE];
    tr_mpsc_rx *rx[PURSE];
    uint64_t random;
} purse;

static void
expect_one_of(tr_err_t err, bool may_end)
{
    bool is_fine = err == TR_OK || err == TR_ETIMEOUT || err == TR_EFULL || err == TR_ECLOSED ||
                   err == TR_ECANCELED || (may_end && err == TR_EDEAD);
    if (!is_fine) {
        fair.wrong++;
        fair.which = err;
    }
}

static void
put_tx(purse *p, tr_mpsc_tx *tx)
{
    uint64_t at = draw(&p->random) % PURSE;
    tr_mpsc_tx_close(p->tx[at]);
    p->tx[at] = tx;
}

static void
put_rx(purse *p, tr_mpsc_rx *rx)
{
    uint64_t at = draw(&p->random) % PURSE;
    tr_mpsc_rx_close(p->rx[at]);
    p->rx[at] = rx;
}

// What a message brings is taken, or left to it.
static void
look_at(tr_self *self, purse *p, const tr_message *msg)
{
    if (tr_as(gift, msg) == NULL || draw(&p->random) % 4 == 0) {
        return;
    }
    tr_mpsc_tx *tx = tr_take(self, msg, gift, tx);
    tr_mpsc_rx *rx = tr_take(self, msg, gift, rx);
    if (tx != NULL) {
        put_tx(p, tx);
    }
    if (rx != NULL) {
        put_rx(p, rx);
    }
}

static void
open_one(tr_self *self, purse *p)
{
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    tr_mpsc_opts_t opts = {.count = 1 + (uint32_t)(draw(&p->random) % 4),
                           .full = (tr_full_policy_t)(draw(&p->random) % (TR_DROP_OLDEST + 1))};
    if (open_channel(self, &opts, &tx, &rx) == TR_OK) {
        fair.opened++;
        put_tx(p, tx);
        put_rx(p, rx);
    }
}

static tr_err_t
send_to(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value)
{
    return self != TR_OUTSIDE ? tr_try_send(self, to, type, value)
                              : tr_runtime_send(rt, to, type, value, tr_ms(0));
}

// Only where somebody takes it out: a receiver in a channel that nobody receives from would stay.
static void
give_one(tr_self *self, purse *p)
{
    uint64_t at = draw(&p->random) % PURSE;
    bool with_rx = draw(&p->random) % 2 == 0;
    gift value = {.tx = with_rx ? NULL : p->tx[at], .rx = with_rx ? p->rx[at] : NULL};
    tr_ref_t to = {fair.peers[draw(&p->random) % (PEERS + OUTSIDE)]};
    tr_err_t err = send_to(self, to, &gift_type, &value);
    if (err == TR_OK) {
        *(with_rx ? (void **)&p->rx[at] : (void **)&p->tx[at]) = NULL;
    }
    expect_one_of(err, true);
}

static void
use_tx(tr_self *self, purse *p)
{
    static const int64_t times[] = {0, 20, 200};
    tr_mpsc_tx *tx = p->tx[draw(&p->random) % PURSE];
    if (tx == NULL) {
        return;
    }
    tr_duration_t timeout = tr_us(times[draw(&p->random) % 3]);
    tr_mpsc_tx *other;
    switch (draw(&p->random) % 8) {
    case 0:
        expect_one_of(tr_mpsc_await_closed(self, tx, timeout), false);
        break;
    case 1:
        if (open_sender(self, tr_mpsc_ref(tx), &other) == TR_OK) {
            put_tx(p, other);
        }
        break;
    case 2:
        expect_one_of(send_to(self, tr_mpsc_ref(tx), TR_MSG(number)), true);
        break;
    default:
        expect_one_of(tr_mpsc_send(self, tx, TR_MSG(number), timeout), false);
        break;
    }
}

static void
use_rx(tr_self *self, purse *p)
{
    const tr_message *msg;
    uint64_t at = draw(&p->random) % PURSE;
    if (p->rx[at] == NULL) {
        return;
    }
    if (draw(&p->random) % 16 == 0) {
        tr_mpsc_shut(p->rx[at]);
    }
    tr_duration_t timeout = tr_us((int64_t)(draw(&p->random) % 2) * 30);
    tr_err_t err = tr_mpsc_recv(self, p->rx[at], &msg, timeout);
    if (err == TR_OK) {
        look_at(self, p, msg);
        give_back(self, msg);
    } else if (err == TR_ECLOSED) {
        tr_mpsc_rx_close(p->rx[at]);
        p->rx[at] = NULL;
    }
    expect_one_of(err, false);
}

static void
do_something(tr_self *self, purse *p)
{
    switch (draw(&p->random) % 8) {
    case 0:
        open_one(self, p);
        break;
    case 1:
        give_one(self, p);
        break;
    case 2:
        put_tx(p, NULL);
        break;
    case 3:
        put_rx(p, NULL);
        break;
    case 4:
    case 5:
        use_tx(self, p);
        break;
    default:
        use_rx(self, p);
        break;
    }
}

static tr_err_t
peer_start(tr_self *self, void *state, const void *arg)
{
    purse *p = state;
    p->random = *(const uint64_t *)arg + fair.lives++;
    return tr_send(self, tr_self_ref(self), TR_MSG(number));
}

static tr_err_t
peer_receive(tr_self *self, void *state, const tr_message *msg)
{
    purse *p = state;
    look_at(self, p, msg);
    for (int i = 0; i < 10; i++) {
        do_something(self, p);
    }
    if (draw(&p->random) % 64 == 0) {
        return TR_EIO; // with all that it has
    }
    if (tr_as(number, msg) == NULL || fair.is_over) {
        return TR_OK;
    }
    tr_err_t err = tr_yield(self);
    err = err == TR_OK ? tr_try_send(self, tr_self_ref(self), TR_MSG(number)) : err;
    return err == TR_EFULL ? TR_EIO : err;
}

static const tr_behavior_t peer_behavior = {
    .name = "peer", .state_size = sizeof(purse), .start = peer_start, .receive = peer_receive};

// Each has one peer at a time, which it kills now and then.
static tr_err_t
keep_peer(tr_self *self, void *arg)
{
    runner *r = arg;
    tr_err_t err = TR_OK;
    while (!fair.is_over && err == TR_OK) {
        tr_ref_t peer = {fair.peers[r->who]};
        uint64_t seed = draw(&r->random);
        tr_spawn_opts_t opts = {.behavior = &peer_behavior,
                                .arg = &seed,
                                .arg_size = sizeof seed,
                                .place = TR_PLACE_ANY};
        err = tr_kill(self, peer);
        err = err == TR_EDEAD ? TR_OK : err;
        err = err == TR_OK ? tr_spawn(self, &opts, &peer) : err;
        if (err == TR_OK) {
            fair.peers[r->who] = peer.raw;
            err = tr_sleep(self, tr_us((int64_t)(draw(&r->random) % 4000)));
        }
    }
    expect_one_of(err, false);
    return TR_OK;
}

static tr_err_t
told_of_ends(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

// A thread gets its gifts from a channel of its own.
static void *
play_outside(void *arg)
{
    runner *r = arg;
    purse p = {.random = r->random};
    while (!fair.is_over) {
        const tr_message *msg;
        if (tr_mpsc_recv(TR_OUTSIDE, r->ends.rx, &msg, tr_ms(0)) == TR_OK) {
            look_at(TR_OUTSIDE, &p, msg);
            tr_runtime_release(rt, msg);
        }
        do_something(TR_OUTSIDE, &p);
    }
    tr_mpsc_rx_close(r->ends.rx);
    for (int i = 0; i < PURSE; i++) {
        tr_mpsc_tx_close(p.tx[i]);
        tr_mpsc_rx_close(p.rx[i]);
    }
    tr_mpsc_tx_close(r->ends.tx);
    return NULL;
}

static void
hold_fair(uint64_t seed)
{
    runner outside[OUTSIDE], keepers[PEERS];
    uint64_t random = seed;
    rt = troupe_begin(WORKERS);
    fair = (struct fair){.lives = 0};
    for (uint32_t i = 0; i < OUTSIDE; i++) {
        outside[i] = (runner){.random = draw(&random)};
        assert_ok(do_open(TR_OUTSIDE, &outside[i].ends));
        fair.peers[PEERS + i] = outside[i].ends.ref.raw;
    }
    part role = {.receive = told_of_ends};
    for (uint32_t i = 0; i < PEERS; i++) {
        keepers[i] = (runner){.who = i, .random = draw(&random)};
        keepers[i].player.actor = troupe_puppet(rt, &role);
        assert_ok(troupe_prompt(rt, keepers[i].player.actor, keep_peer, &keepers[i]));
    }
    for (uint32_t i = 0; i < OUTSIDE; i++) {
        pthread_create(&outside[i].player.thread, NULL, play_outside, &outside[i]);
    }
    nanosleep(&(struct timespec){.tv_sec = CHANNELS_MS / 1000,
                                 .tv_nsec = CHANNELS_MS % 1000 * INT64_C(1000000)},
              NULL);
    fair.is_over = true;
    for (uint32_t i = 0; i < OUTSIDE; i++) {
        pthread_join(outside[i].player.thread, NULL);
    }
    cr_expect(fair.wrong == 0, "seed %" PRIu64 ": an outcome of %s", seed,
              tr_errname((tr_err_t)fair.which));
    cr_expect(fair.opened > 0 && fair.lives > PEERS);
    troupe_end(rt);
}

Test(channels, at_random_come_to_an_end_with_an_exact_ledger)
{
    each_seed(hold_fair);
}
