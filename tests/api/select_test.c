// select_test.c: waiting for the first of several things, by actors and threads.
#include "ends.h"

TestSuite(select, .timeout = 60);

// What can be waited for, but for a connection: see tests/unit/io/readable_test.c.
typedef enum kind { MPSC, BROADCAST, WATCH, ONESHOT, UNWANTED, KINDS } kind;

static ends s;

// One of each: the ends that are waited at, and those that make them ready.
static bag near, far;

static void
open_line(kind k)
{
    tr_runtime *rt = s.p.rt;
    switch (k) {
    case MPSC:
        assert_ok(tr_runtime_mpsc_create(rt, NULL, &far.mpsc_tx, &near.mpsc_rx));
        break;
    case BROADCAST:
        assert_ok(tr_runtime_broadcast_create(rt, NULL, &far.broadcast_tx, &near.broadcast_rx));
        break;
    case WATCH:
        assert_ok(tr_runtime_watch_create(rt, TR_MSG(number), &far.watch_tx, &near.watch_rx));
        break;
    case ONESHOT:
        assert_ok(tr_runtime_oneshot_create(rt, &far.token, &near.oneshot));
        break;
    case UNWANTED:
        assert_ok(tr_runtime_oneshot_create(rt, &near.token, &far.oneshot));
        break;
    case KINDS:
        break;
    }
}

// In the order of `kind`; out has room for all.
static size_t
branches_of(const bag *b, tr_branch_t *out)
{
    size_t count = 0;
    if (b->mpsc_rx != NULL) {
        out[count++] = tr_when_mpsc(b->mpsc_rx);
    }
    if (b->broadcast_rx != NULL) {
        out[count++] = tr_when_broadcast(b->broadcast_rx);
    }
    if (b->watch_rx != NULL) {
        out[count++] = tr_when_watch(b->watch_rx);
    }
    if (b->oneshot != NULL) {
        out[count++] = tr_when_oneshot(b->oneshot);
    }
    if (b->token != NULL) {
        out[count++] = tr_when_unwanted(b->token);
    }
    return count;
}

// Something for the other end to receive.
static void
fire(kind k)
{
    switch (k) {
    case MPSC:
        assert_ok(tr_mpsc_send(TR_OUTSIDE, far.mpsc_tx, TR_MSG(number), tr_ms(0)));
        break;
    case BROADCAST:
        assert_ok(tr_broadcast_send(TR_OUTSIDE, far.broadcast_tx, TR_MSG(number), NULL));
        break;
    case WATCH:
        assert_ok(tr_watch_send(TR_OUTSIDE, far.watch_tx, TR_MSG(number)));
        break;
    case ONESHOT:
        assert_ok(tr_token_reply(TR_OUTSIDE, far.token, TR_MSG(number)));
        far.token = NULL;
        break;
    case UNWANTED:
        tr_oneshot_shut(far.oneshot);
        break;
    case KINDS:
        break;
    }
}

static void
close_ends(bag *b)
{
    tr_mpsc_tx_close(b->mpsc_tx);
    tr_mpsc_rx_close(b->mpsc_rx);
    tr_broadcast_tx_close(b->broadcast_tx);
    tr_broadcast_rx_close(b->broadcast_rx);
    tr_watch_tx_close(b->watch_tx);
    tr_watch_rx_close(b->watch_rx);
    tr_oneshot_close(b->oneshot);
    tr_token_reply_error(TR_OUTSIDE, b->token, TR_ENOREPLY);
    *b = (bag){.token = NULL};
}

typedef struct choice {
    player p;
    bag bag;
    tr_duration_t timeout;
    bool is_biased;
    tr_err_t err;
    size_t which;
    uint64_t chosen[KINDS];
} choice;

static tr_err_t
wait_for_one(tr_self *self, choice *c, tr_branch_t *branches, size_t count)
{
    c->err = self == NULL   ? tr_runtime_select(s.p.rt, branches, count, c->timeout, &c->which)
             : c->is_biased ? tr_select_biased(self, branches, count, c->timeout, &c->which)
                            : tr_select(self, branches, count, c->timeout, &c->which);
    return c->err;
}

static tr_err_t
choose(tr_self *self, void *arg)
{
    choice *c = arg;
    tr_branch_t branches[KINDS];
    size_t count = branches_of(&c->bag, branches);
    return wait_for_one(self, c, branches, count);
}

static void
begin_choice(choice *c, place where)
{
    *c = (choice){.timeout = TR_FOREVER, .which = 99};
    c->p = player_of(&s, where, &c->bag);
    hand(&c->p, near);
    near = (bag){.token = NULL}; // of a thread: in c->bag
}

static void
end_choice(choice *c)
{
    close_ends(&far);
    if (c->p.place == A_THREAD) {
        close_ends(&c->bag);
    }
    ends_end(&s);
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

// ---- what a select answers

Test(select, of_nothing_is_einval)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        choice c;
        ends_begin(&s);
        begin_choice(&c, where);
        assert_err(do_act(&c.p, choose, &c), TR_EINVAL);
        c.is_biased = true;
        assert_err(do_act(&c.p, choose, &c), TR_EINVAL);
        cr_assert(eq(sz, c.which, 99));
        end_choice(&c);
    }
}

Test(select, where_nothing_is_ready_is_etimeout)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        choice c;
        ends_begin(&s);
        for (kind k = MPSC; k < KINDS; k++) {
            open_line(k);
        }
        begin_choice(&c, where);
        c.timeout = tr_ms(0);
        assert_err(do_act(&c.p, choose, &c), TR_ETIMEOUT);
        c.timeout = tr_ms(2);
        assert_err(do_act(&c.p, choose, &c), TR_ETIMEOUT);
        c.is_biased = true;
        assert_err(do_act(&c.p, choose, &c), TR_ETIMEOUT);
        cr_assert(eq(sz, c.which, 99));
        end_choice(&c);
    }
}

// Among all that are waited for, the one that becomes ready, by what it is sent or by its end.
static void
one_becomes_ready(place where, kind k, bool waits, bool by_end)
{
    choice c;
    ends_begin(&s);
    for (kind each = MPSC; each < KINDS; each++) {
        open_line(each);
    }
    begin_choice(&c, where);
    if (waits) {
        begin_act(&c.p, choose, &c);
        let_wait(&c.p);
    }
    if (by_end) {
        bag all = far, one = {.token = NULL};
        one.mpsc_tx = k == MPSC ? all.mpsc_tx : NULL;
        one.broadcast_tx = k == BROADCAST ? all.broadcast_tx : NULL;
        one.watch_tx = k == WATCH ? all.watch_tx : NULL;
        one.token = k == ONESHOT ? all.token : NULL;
        one.oneshot = k == UNWANTED ? all.oneshot : NULL;
        far.mpsc_tx = k == MPSC ? NULL : all.mpsc_tx;
        far.broadcast_tx = k == BROADCAST ? NULL : all.broadcast_tx;
        far.watch_tx = k == WATCH ? NULL : all.watch_tx;
        far.token = k == ONESHOT ? NULL : all.token;
        far.oneshot = k == UNWANTED ? NULL : all.oneshot;
        close_ends(&one);
    } else {
        fire(k);
    }
    c.timeout = waits ? c.timeout : tr_ms(0);
    assert_ok(waits ? await_act(&c.p) : do_act(&c.p, choose, &c));
    cr_assert(eq(sz, c.which, k));
    end_choice(&c);
}

static void
each_becomes_ready(bool waits, bool by_end)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        for (kind k = MPSC; k < KINDS; k++) {
            one_becomes_ready(where, k, waits, by_end);
        }
    }
}

Test(select, finds_what_is_ready_without_waiting)
{
    each_becomes_ready(false, false);
}

Test(select, wakes_for_the_one_that_becomes_ready)
{
    each_becomes_ready(true, false);
}

Test(select, finds_the_end_of_one)
{
    each_becomes_ready(false, true);
}

Test(select, wakes_for_the_end_of_one)
{
    each_becomes_ready(true, true);
}

// ---- losers

static tr_err_t
take_which(tr_self *self, choice *c)
{
    const tr_message *msg = NULL;
    tr_err_t err = TR_EFAULT;
    switch ((kind)c->which) {
    case MPSC:
        err = tr_mpsc_recv(self, c->bag.mpsc_rx, &msg, tr_ms(0));
        break;
    case BROADCAST:
        err = tr_broadcast_recv(self, c->bag.broadcast_rx, &msg, tr_ms(0));
        break;
    case WATCH:
        err = tr_watch_get(self, c->bag.watch_rx, &msg);
        break;
    case ONESHOT:
        err = tr_oneshot_recv(self, c->bag.oneshot, TR_REPLY_ANY(&msg), tr_ms(0));
        break;
    case UNWANTED:
    case KINDS:
        break;
    }
    if (err == TR_OK) {
        give_back(s.p.rt, self, msg);
    }
    return err;
}

// Take from each of those that are ready, until none is.
static tr_err_t
take_all_chosen(tr_self *self, void *arg)
{
    choice *c = arg;
    tr_err_t err;
    while ((err = choose(self, c)) == TR_OK) {
        c->chosen[c->which]++;
        err = take_which(self, c);
        if (err != TR_OK) {
            return err;
        }
        if (c->which == ONESHOT) {
            tr_oneshot_close(c->bag.oneshot); // received: it stays ready
            c->bag.oneshot = NULL;
        }
    }
    return err;
}

Test(select, leaves_to_the_losers_what_they_have)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        choice c;
        ends_begin(&s);
        for (kind k = MPSC; k < UNWANTED; k++) {
            open_line(k);
        }
        for (int i = 0; i < 3; i++) {
            for (kind k = MPSC; k < ONESHOT; k++) {
                fire(k);
            }
        }
        fire(ONESHOT);
        begin_choice(&c, where);
        c.timeout = tr_ms(0);
        assert_err(do_act(&c.p, take_all_chosen, &c), TR_ETIMEOUT);
        cr_assert(c.chosen[MPSC] == 3 && c.chosen[BROADCAST] == 3);
        cr_assert(c.chosen[WATCH] == 1 && c.chosen[ONESHOT] == 1);
        end_choice(&c);
    }
}

Test(select, that_is_given_up_leaves_to_all_what_comes_later)
{
    choice c;
    ends_begin(&s);
    for (kind k = MPSC; k < UNWANTED; k++) {
        open_line(k);
    }
    begin_choice(&c, AN_ACTOR);
    c.timeout = tr_ms(1);
    assert_err(do_act(&c.p, choose, &c), TR_ETIMEOUT);
    for (kind k = MPSC; k < UNWANTED; k++) {
        fire(k);
    }
    c.timeout = tr_ms(0);
    assert_err(do_act(&c.p, take_all_chosen, &c), TR_ETIMEOUT);
    for (kind k = MPSC; k < UNWANTED; k++) {
        cr_assert(eq(u64, c.chosen[k], 1));
    }
    end_choice(&c);
}

// ---- who wins where several are ready

#define TRIALS 4000
#define WIDE   8

typedef struct lottery {
    choice c;
    tr_watch_rx *rx[WIDE];
    uint64_t wins[WIDE];
} lottery;

// Nothing is taken, so the same ones are ready each time; the branches are good for all of it.
static tr_err_t
draw_often(tr_self *self, void *arg)
{
    lottery *l = arg;
    tr_branch_t branches[WIDE];
    for (int i = 0; i < WIDE; i++) {
        branches[i] = tr_when_watch(l->rx[i]);
    }
    for (int i = 0; i < TRIALS; i++) {
        tr_err_t err = wait_for_one(self, &l->c, branches, WIDE);
        if (err != TR_OK) {
            return err;
        }
        l->wins[l->c.which]++;
    }
    return TR_OK;
}

// A row of watches; those whose bit is set have changed.
static void
draw(lottery *l, place where, bool is_biased, unsigned ready)
{
    tr_watch_tx *tx[WIDE];
    memset(l, 0, sizeof *l);
    ends_begin(&s);
    l->c.p = player_of(&s, where, &l->c.bag);
    l->c.is_biased = is_biased;
    for (int i = 0; i < WIDE; i++) {
        assert_ok(tr_runtime_watch_create(s.p.rt, TR_MSG(number), &tx[i], &l->rx[i]));
        hand(&l->c.p, (bag){.watch_rx = l->rx[i]});
        if ((ready >> i & 1) != 0) {
            assert_ok(tr_watch_send(TR_OUTSIDE, tx[i], TR_MSG(number)));
        }
    }
    assert_ok(do_act(&l->c.p, draw_often, l));
    for (int i = 0; i < WIDE; i++) {
        tr_watch_tx_close(tx[i]);
        tr_watch_rx_close(where == A_THREAD ? l->rx[i] : NULL);
    }
    ends_end(&s);
}

Test(select, biased_always_chooses_the_first_that_is_ready)
{
    lottery l;
    draw(&l, AN_ACTOR, true, 0xac);
    cr_assert(eq(u64, l.wins[2], TRIALS));
}

Test(select, gives_all_that_are_ready_the_same_chance)
{
    static const unsigned rows[] = {0x03, 0x81, 0xff, 0x07};
    for (place where = A_THREAD; where < ANOTHER_ACTOR; where++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            lottery l;
            draw(&l, where, false, rows[i]);
            uint64_t fair = TRIALS / (uint64_t)__builtin_popcount(rows[i]);
            for (int b = 0; b < WIDE; b++) {
                bool is_ready = (rows[i] >> b & 1) != 0;
                cr_expect(is_ready ? l.wins[b] > fair * 3 / 4 && l.wins[b] < fair * 5 / 4
                                   : l.wins[b] == 0,
                          "place %d, ready %x: branch %d wins %d of %d", where, rows[i], b,
                          (int)l.wins[b], TRIALS);
            }
        }
    }
}

// ---- stop and kill, and others that want to run

Test(select, of_an_actor_that_is_stopped_is_ecanceled)
{
    choice c;
    ends_begin(&s);
    for (kind k = MPSC; k < KINDS; k++) {
        open_line(k);
    }
    begin_choice(&c, AN_ACTOR);
    begin_act(&c.p, choose, &c);
    let_wait(&c.p);
    end_life(&s, c.p.ref, BY_STOP);
    assert_err(await_act(&c.p), TR_ECANCELED);
    cr_assert(eq(sz, c.which, 99));
    end_choice(&c);
}

Test(select, of_an_actor_that_is_killed_leaves_nothing)
{
    choice c;
    ends_begin(&s);
    for (kind k = MPSC; k < KINDS; k++) {
        open_line(k);
    }
    begin_choice(&c, ANOTHER_ACTOR);
    begin_act(&c.p, choose, &c);
    let_wait(&c.p);
    end_life(&s, c.p.ref, BY_KILL);
    assert_err(tr_mpsc_send(TR_OUTSIDE, far.mpsc_tx, TR_MSG(number), tr_ms(0)), TR_ECLOSED);
    assert_err(tr_broadcast_send(TR_OUTSIDE, far.broadcast_tx, TR_MSG(number), NULL), TR_ECLOSED);
    assert_ok(tr_watch_await_unread(TR_OUTSIDE, far.watch_tx, tr_ms(0)));
    assert_err(tr_oneshot_recv(TR_OUTSIDE, far.oneshot, TR_REPLY_NONE, tr_ms(0)), TR_ECRASHED);
    assert_ok(tr_token_await_unwanted(TR_OUTSIDE, far.token, tr_ms(0)));
    end_choice(&c);
}

// It always finds one ready, and never waits.
static tr_err_t
choose_without_end(tr_self *self, void *arg)
{
    choice *c = arg;
    while (choose(self, c) == TR_OK) {
        c->chosen[c->which]++;
    }
    return c->err;
}

Test(select, that_never_waits_lets_others_run_and_hears_of_a_stop)
{
    for (int is_biased = 0; is_biased < 2; is_biased++) {
        choice c;
        ends_begin(&s);
        open_line(WATCH);
        fire(WATCH);
        begin_choice(&c, AN_ACTOR);
        c.is_biased = is_biased != 0;
        begin_act(&c.p, choose_without_end, &c);
        for (int i = 0; i < 10; i++) { // on the same worker
            assert_ok(troupe_act(s.p.rt, s.p.ref, do_nothing, NULL));
        }
        end_life(&s, c.p.ref, BY_STOP);
        assert_err(await_act(&c.p), TR_ECANCELED);
        end_choice(&c);
    }
}

Test(select, that_only_looks_lets_others_run)
{
    choice c;
    ends_begin(&s);
    open_line(WATCH);
    begin_choice(&c, AN_ACTOR);
    c.timeout = tr_ms(0);
    for (int i = 0; i < 10; i++) {
        assert_err(do_act(&c.p, choose, &c), TR_ETIMEOUT);
    }
    fire(WATCH);
    assert_ok(do_act(&c.p, choose, &c));
    end_choice(&c);
}

// ---- duties that nobody waits for

static tr_err_t
defer_and_choose(tr_self *self, void *arg, const tr_message *msg)
{
    choice *c = arg;
    tr_token *token;
    if (tr_as(number, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_defer(self, &token);
    if (err == TR_OK) {
        tr_branch_t branch = tr_when_unwanted(token);
        err = tr_select(self, &branch, 1, tr_ms(5), &c->which);
        c->err = err;
        err = tr_token_reply(self, token, TR_MSG(number));
    }
    cue_give(&c->p.over);
    return err;
}

Test(select, does_not_wait_for_the_deadline_of_a_request)
{
    choice c = {.which = 99};
    ends_begin(&s);
    cue_init(&c.p.over);
    part role = {.receive = defer_and_choose, .arg = &c};
    tr_ref_t callee = troupe_puppet(s.p.rt, &role);
    assert_ok(tr_runtime_call(s.p.rt, callee, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20)));
    CUE_AWAIT(&c.p.over);
    assert_err(c.err, TR_ETIMEOUT);
    ends_end(&s);
}

// ---- many at once

#define SOURCES 64
#define EACH    200

typedef struct sources {
    tr_mpsc_tx *tx[SOURCES];
    tr_mpsc_rx *rx[SOURCES];
    uint64_t got[SOURCES];
    size_t open;
} sources;

static tr_err_t
drain_all(tr_self *self, void *arg)
{
    sources *all = arg;
    tr_branch_t branches[SOURCES];
    size_t number_of[SOURCES];
    const tr_message *msg;
    size_t which;
    for (size_t i = 0; i < SOURCES; i++) {
        branches[i] = tr_when_mpsc(all->rx[i]);
        number_of[i] = i;
    }
    for (all->open = SOURCES; all->open > 0;) {
        tr_err_t err = self != NULL
                           ? tr_select(self, branches, all->open, TR_FOREVER, &which)
                           : tr_runtime_select(s.p.rt, branches, all->open, TR_FOREVER, &which);
        if (err != TR_OK) {
            return err;
        }
        size_t i = number_of[which];
        err = tr_mpsc_recv(self, all->rx[i], &msg, tr_ms(0));
        if (err == TR_OK) {
            all->got[i]++;
            give_back(s.p.rt, self, msg);
        } else if (err == TR_ECLOSED) {
            tr_mpsc_rx_close(all->rx[i]);
            all->open--;
            branches[which] = branches[all->open];
            number_of[which] = number_of[all->open];
        } else {
            return err;
        }
    }
    return TR_OK;
}

static void *
feed_all(void *arg)
{
    sources *all = arg;
    for (int n = 0; n < EACH; n++) {
        for (size_t i = 0; i < SOURCES; i++) {
            tr_err_t err = tr_mpsc_send(TR_OUTSIDE, all->tx[i], TR_MSG(number), TR_FOREVER);
            cr_expect(err == TR_OK);
        }
    }
    for (size_t i = 0; i < SOURCES; i++) {
        tr_mpsc_tx_close(all->tx[i]);
    }
    return NULL;
}

Test(select, over_many_channels_gets_everything_of_each)
{
    static sources all;
    for (place where = A_THREAD; where < PLACES; where++) {
        bag holds;
        pthread_t feeder;
        all = (sources){.open = 0};
        ends_begin(&s);
        player p = player_of(&s, where, &holds);
        for (size_t i = 0; i < SOURCES; i++) {
            assert_ok(tr_runtime_mpsc_create(s.p.rt, NULL, &all.tx[i], &all.rx[i]));
            hand(&p, (bag){.mpsc_rx = all.rx[i]});
        }
        begin_act(&p, drain_all, &all);
        pthread_create(&feeder, NULL, feed_all, &all);
        assert_ok(await_act(&p));
        pthread_join(feeder, NULL);
        for (size_t i = 0; i < SOURCES; i++) {
            cr_assert(eq(u64, all.got[i], EACH));
        }
        ends_end(&s);
    }
}
