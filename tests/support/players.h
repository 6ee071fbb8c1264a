// players.h: the same play by actors and by threads outside. What a player does is a function of
// `self`, which is TR_OUTSIDE where a thread plays it; a test says once what has to hold for both.
//
//     player p;
//     player_begin(&p, true);                  // an actor; false: a thread
//     player_do(&p, send_five, &e);            // send_five(self, &e), and returns at once
//     player_done(&p);                         // until it is over
#ifndef TROUPE_TESTS_PLAYERS_H
#define TROUPE_TESTS_PLAYERS_H

#include "troupe_test.h"

#include <pthread.h>

static tr_runtime *rt; // of the test

typedef struct player {
    bool is_actor;
    tr_ref_t actor; // one life for all that it does
    pthread_t thread;
    act_fn fn;
    void *arg;
    tr_err_t err; // of the latest
    cue over;
} player;

static inline void
player_begin(player *p, bool is_actor)
{
    *p = (player){.is_actor = is_actor};
    cue_init(&p->over);
    if (is_actor) {
        p->actor = troupe_puppet(rt, NULL);
    }
}

// What fails ends no actor: the test looks at the error.
static inline tr_err_t
player_act(tr_self *self, void *arg)
{
    player *p = arg;
    p->err = p->fn(self, p->arg);
    cue_give(&p->over);
    return TR_OK;
}

static inline void *
player_thread(void *arg)
{
    (void)player_act(TR_OUTSIDE, arg);
    return NULL;
}

static inline void
player_do(player *p, act_fn fn, void *arg)
{
    p->fn = fn;
    p->arg = arg;
    if (p->is_actor) {
        assert_ok(troupe_prompt(rt, p->actor, player_act, p));
    } else {
        cr_assert(pthread_create(&p->thread, NULL, player_thread, p) == 0);
    }
}

static inline tr_err_t
player_done(player *p)
{
    CUE_AWAIT(&p->over);
    if (!p->is_actor) {
        pthread_join(p->thread, NULL);
    }
    return p->err;
}

static inline tr_err_t
player_play(player *p, act_fn fn, void *arg)
{
    player_do(p, fn, arg);
    return player_done(p);
}

// ---- what has two names

static inline tr_err_t
open_channel(tr_self *self, const tr_mpsc_opts_t *opts, tr_mpsc_tx **tx, tr_mpsc_rx **rx)
{
    return self != TR_OUTSIDE ? tr_mpsc_create(self, opts, tx, rx)
                              : tr_runtime_mpsc_create(rt, opts, tx, rx);
}

static inline tr_err_t
open_sender(tr_self *self, tr_ref_t ref, tr_mpsc_tx **tx)
{
    return self != TR_OUTSIDE ? tr_mpsc_tx_open(self, ref, tx)
                              : tr_runtime_mpsc_tx_open(rt, ref, tx);
}

static inline void
give_back(tr_self *self, const tr_message *msg)
{
    if (self != TR_OUTSIDE) {
        tr_release(self, msg);
    } else {
        tr_runtime_release(rt, msg);
    }
}

// ---- a channel and what players do with it

// One end or both. What was received last is in `value`.
typedef struct ends {
    tr_mpsc_opts_t opts;
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    tr_ref_t ref;
    tr_duration_t timeout;
    uint64_t value;
    uint64_t count;
    tr_err_t err;
    cue ready;
} ends;

static inline uint64_t
value_of(const tr_message *msg)
{
    const number *n = tr_as(number, msg);
    return n != NULL ? n->value : UINT64_MAX;
}

static inline tr_err_t
do_open(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err = open_channel(self, &e->opts, &e->tx, &e->rx);
    e->ref = err == TR_OK ? tr_mpsc_ref(e->tx) : TR_REF_NONE;
    return err;
}

static inline tr_err_t
do_join(tr_self *self, void *arg)
{
    ends *e = arg;
    return open_sender(self, e->ref, &e->tx);
}

static inline tr_err_t
do_close_tx(tr_self *self, void *arg)
{
    ends *e = arg;
    (void)self;
    tr_mpsc_tx_close(e->tx);
    e->tx = NULL;
    return TR_OK;
}

static inline tr_err_t
do_close_rx(tr_self *self, void *arg)
{
    ends *e = arg;
    (void)self;
    tr_mpsc_rx_close(e->rx);
    e->rx = NULL;
    return TR_OK;
}

static inline tr_err_t
do_shut(tr_self *self, void *arg)
{
    ends *e = arg;
    (void)self;
    tr_mpsc_shut(e->rx);
    return TR_OK;
}

static inline tr_err_t
do_send(tr_self *self, void *arg)
{
    ends *e = arg;
    return tr_mpsc_send(self, e->tx, TR_MSG(number, .value = e->value), e->timeout);
}

// The values from 0 up to count.
static inline tr_err_t
do_send_all(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err = TR_OK;
    for (uint64_t i = 0; i < e->count && err == TR_OK; i++) {
        err = tr_mpsc_send(self, e->tx, TR_MSG(number, .value = i), e->timeout);
    }
    return err;
}

static inline tr_err_t
do_recv(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &msg, e->timeout);
    if (err == TR_OK) {
        e->value = value_of(msg);
        give_back(self, msg);
    }
    return err;
}

// Until it is closed: each value is one more than the last; `count` is how many there were.
static inline tr_err_t
do_recv_all(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err;
    for (e->count = 0; (err = do_recv(self, e)) == TR_OK; e->count++) {
        if (e->value != e->count) {
            return TR_EFORMAT;
        }
    }
    return err;
}

static inline tr_err_t
do_await_closed(tr_self *self, void *arg)
{
    ends *e = arg;
    return tr_mpsc_await_closed(self, e->tx, e->timeout);
}

// ---- who plays with whom

// A receiver that has both ends of a channel, and a sender that has an end of its own. The test's
// thread touches none of them while they play.
typedef struct pair {
    player sender, receiver;
    ends out, in;
} pair;

static inline void
pair_begin(pair *p, const tr_mpsc_opts_t *opts, bool sender_is_actor, bool receiver_is_actor)
{
    *p = (pair){.in = {.opts = *opts, .timeout = TR_FOREVER}, .out = {.timeout = TR_FOREVER}};
    player_begin(&p->receiver, receiver_is_actor);
    player_begin(&p->sender, sender_is_actor);
    assert_ok(player_play(&p->receiver, do_open, &p->in));
    p->out.ref = p->in.ref;
    assert_ok(player_play(&p->sender, do_join, &p->out));
    assert_ok(player_play(&p->receiver, do_close_tx, &p->in)); // the sender's is the only one
}

static inline void
pair_end(pair *p)
{
    (void)player_play(&p->sender, do_close_tx, &p->out);
    (void)player_play(&p->receiver, do_close_rx, &p->in);
}

// The scene with actors and threads in all four ways, each in a runtime of its own.
static inline void
in_all_pairs(const tr_mpsc_opts_t *opts, void (*scene)(pair *p))
{
    for (int way = 0; way < 4; way++) {
        pair p;
        rt = troupe_begin(2);
        pair_begin(&p, opts, (way & 1) != 0, (way & 2) != 0);
        scene(&p);
        pair_end(&p);
        troupe_end(rt);
    }
}

// And where only one end plays.
static inline void
by_both(void (*scene)(player *p))
{
    for (int way = 0; way < 2; way++) {
        player p;
        rt = troupe_begin(2);
        player_begin(&p, way != 0);
        scene(&p);
        troupe_end(rt);
    }
}

// How many handlers are suspended.
static inline uint64_t
waiting(void)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.stacks;
}

// A player who is an actor waits for sure; of a thread nobody can say, so it gets some time.
static inline void
player_until_it_waits(const player *p)
{
    if (p->is_actor) {
        TROUPE_EVENTUALLY(waiting() > 0);
    } else {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    }
}

#endif
