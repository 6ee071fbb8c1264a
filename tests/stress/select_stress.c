// select_stress.c: selects over everything there is, on two workers, where all but one branch lose
// each time. A message or a byte that a loser lost would be a hole in a row of numbers; what a
// loser left behind would be found at the end.
#include "troupe_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SELECT_MS
#define SELECT_MS 10000
#endif
enum { CHOOSERS = 8, KINDS = 10 };

#define WANT(F, T) F(T, local(tr_token), done) F(T, u32, delay_us)
TR_MESSAGE(want, WANT);

static _Atomic bool is_over;
static _Atomic uint64_t wins[KINDS];
static _Atomic uint64_t holes; // in a row of numbers
static _Atomic int unexpected; // an error
static _Atomic uint64_t channels[CHOOSERS];
static uint16_t port;

static uint32_t
draw(uint32_t *random, uint32_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return *random % below;
}

// ---- who is asked

static tr_err_t
answer(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const want *w = tr_as(want, msg);
    if (w == NULL) {
        return TR_EUNHANDLED;
    }
    tr_token *token = tr_take(self, msg, want, done);
    tr_err_t err = w->delay_us != 0 ? tr_sleep(self, tr_us(w->delay_us)) : TR_OK;
    if (token != NULL) {
        tr_err_t sent = tr_token_reply(self, token, TR_MSG(number));
        if (sent != TR_OK && sent != TR_ECLOSED) {
            tr_token_reply_error(self, token, sent);
        }
    }
    return err == TR_OK ? tr_reply(self, TR_MSG(number)) : err; // which is the request's end
}

static const tr_behavior_t answerer = {.name = "answerer", .receive = answer};

// ---- who brings

typedef struct bringer {
    uint32_t index;
    tr_ref_t to;
} bringer;

static tr_err_t
bring(tr_self *self, void *arg)
{
    bringer *b = arg;
    tr_mpsc_tx *tx = NULL;
    tr_ref_t channel = {atomic_load(&channels[b->index])};
    tr_err_t err = tr_mpsc_tx_open(self, channel, &tx);
    for (uint64_t i = 0; err == TR_OK && !atomic_load(&is_over); i++) {
        err = tr_mpsc_send(self, tx, TR_MSG(number, .value = i), TR_FOREVER);
        err = err == TR_OK ? tr_send(self, b->to, TR_MSG(number, .value = i)) : err;
        err = err == TR_OK && i % 8 == 0 ? tr_sleep(self, tr_ms(1)) : err;
    }
    tr_mpsc_tx_close(tx);
    return err == TR_ECANCELED ? TR_OK : err;
}

// A server outside that sends each connection the same row of bytes, in pieces.
static void *
serve_bytes(void *arg)
{
    int listener = *(int *)arg;
    int fds[CHOOSERS];
    uint32_t at[CHOOSERS] = {0};
    uint32_t random = 7;
    for (int i = 0; i < CHOOSERS; i++) {
        fds[i] = accept(listener, NULL, NULL);
    }
    while (!atomic_load(&is_over)) {
        for (int i = 0; i < CHOOSERS; i++) {
            unsigned char piece[64];
            uint32_t size = 1 + draw(&random, sizeof piece);
            for (uint32_t k = 0; k < size; k++) {
                piece[k] = (unsigned char)(at[i] + k);
            }
            ssize_t sent = send(fds[i], piece, size, MSG_DONTWAIT | MSG_NOSIGNAL);
            at[i] += sent > 0 ? (uint32_t)sent : 0;
        }
        troupe_pause();
    }
    for (int i = 0; i < CHOOSERS; i++) {
        close(fds[i]);
    }
    return NULL;
}

// ---- who chooses

typedef struct chooser {
    uint32_t index, random;
    tr_ref_t answerer;
    tr_mpsc_rx *rx;
    tr_tcp *tcp;
    tr_oneshot *oneshot;
    tr_future *future;
    tr_set *set;
    tr_alarm *alarm;
    tr_interval *interval;
    uint64_t next_mpsc, next_mail;
    uint32_t next_byte;
} chooser;

// At the end whoever is asked may be gone before who asks.
static void
say(tr_err_t err)
{
    if (err != TR_OK && !atomic_load(&is_over)) {
        atomic_store(&unexpected, (int)err);
    }
}

static void
expect_next(const tr_message *msg, uint64_t *next)
{
    const number *n = tr_as(number, msg);
    if (n == NULL || n->value != (*next)++) {
        atomic_fetch_add(&holes, 1);
    }
}

static tr_err_t
make_what_is_missing(tr_self *self, chooser *c)
{
    tr_err_t err = TR_OK;
    if (c->oneshot == NULL) {
        tr_token *token;
        err = tr_oneshot_create(self, &token, &c->oneshot);
        err = err == TR_OK
                  ? tr_send(self, c->answerer,
                            TR_MSG(want, .done = token, .delay_us = draw(&c->random, 2) * 300))
                  : err;
    }
    if (c->future == NULL) {
        c->future =
            tr_call_begin(self, c->answerer, TR_MSG(want, .delay_us = draw(&c->random, 3) * 400),
                          tr_us(200 + draw(&c->random, 3000)));
    }
    while (err == TR_OK && tr_set_count(c->set) < 3) {
        err = tr_set_call(self, c->set, c->answerer, TR_MSG(want), tr_ms(5));
    }
    return err;
}

static void
take(tr_self *self, chooser *c, size_t kind)
{
    const tr_message *msg = NULL;
    unsigned char bytes[256];
    size_t size = 0;
    uint64_t missed;
    tr_err_t err = TR_OK;
    switch (kind) {
    case 0:
        err = tr_mpsc_recv(self, c->rx, &msg, tr_ms(0));
        expect_next(msg, &c->next_mpsc);
        break;
    case 1:
        err = tr_receive(self, TR_TYPES(number), &msg, tr_ms(0));
        expect_next(msg, &c->next_mail);
        break;
    case 2:
        err = tr_tcp_read(self, c->tcp, bytes, 1 + draw(&c->random, sizeof bytes), tr_ms(0), &size);
        for (size_t i = 0; i < size; i++) {
            atomic_fetch_add(&holes, bytes[i] != (unsigned char)c->next_byte++);
        }
        break;
    case 3:
        err = tr_oneshot_recv(self, c->oneshot, TR_REPLY_NONE, tr_ms(0));
        tr_oneshot_close(c->oneshot);
        c->oneshot = NULL;
        break;
    case 4:
        err = tr_future_await(self, c->future, TR_REPLY_NONE);
        err = err == TR_ETIMEOUT ? TR_OK : err;
        c->future = NULL;
        break;
    case 5: {
        tr_future *done;
        err = tr_set_next(self, c->set, &done, NULL);
        if (err == TR_OK) {
            err = tr_future_await(self, done, TR_REPLY_NONE);
            err = err == TR_ETIMEOUT ? TR_OK : err;
        }
        break;
    }
    case 6:
        tr_alarm_reset(self, c->alarm, tr_us(draw(&c->random, 2000)));
        break;
    case 7:
        err = tr_interval_tick(self, c->interval, tr_ms(0), &missed);
        break;
    case 8:
        err = tr_receive(self, TR_TYPES(tr_child_exit), &msg, tr_ms(0));
        break;
    default:
        break;
    }
    if (msg != NULL) {
        tr_release(self, msg);
    }
    say(err);
    atomic_fetch_add(&wins[kind], 1);
}

static tr_err_t
end_at_once(tr_self *self, void *state, const void *arg)
{
    (void)state;
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
ignore(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    return TR_OK;
}

static const tr_behavior_t mayfly = {.name = "mayfly", .start = end_at_once, .receive = ignore};

// A few branches of all, in any order, sometimes with no time to wait; and now and then a loser is
// given up.
static tr_err_t
choose(tr_self *self, chooser *c)
{
    tr_branch_t all[] = {
        tr_when_mpsc(c->rx),         tr_when_mail(self),        tr_when_readable(c->tcp),
        tr_when_oneshot(c->oneshot), tr_when_done(c->future),   tr_when_next(c->set),
        tr_when_alarm(c->alarm),     tr_when_tick(c->interval), tr_when_exit(self)};
    enum { ALL = sizeof all / sizeof all[0] };
    tr_branch_t some[ALL];
    size_t kinds[ALL];
    size_t count = 0;
    size_t first = draw(&c->random, ALL);
    for (size_t i = 0; i < ALL; i++) {
        size_t kind = (first + i) % ALL;
        if (count == 0 || draw(&c->random, 2) == 0) {
            kinds[count] = kind;
            some[count++] = all[kind];
        }
    }
    size_t which;
    tr_duration_t timeout = tr_us(draw(&c->random, 4) * 400);
    tr_err_t err = draw(&c->random, 2) == 0 ? tr_select(self, some, count, timeout, &which)
                                            : tr_select_biased(self, some, count, timeout, &which);
    if (err == TR_OK) {
        take(self, c, kinds[which]);
    } else if (err == TR_ETIMEOUT) {
        atomic_fetch_add(&wins[KINDS - 1], 1);
    } else {
        return err;
    }
    if (draw(&c->random, 8) == 0) {
        tr_future_cancel(self, c->future);
        c->future = NULL;
        tr_oneshot_close(c->oneshot);
        c->oneshot = NULL;
    }
    return TR_OK;
}

static tr_err_t
go(tr_self *self, void *arg)
{
    chooser *c = arg;
    tr_err_t err = TR_OK;
    for (uint32_t i = 0; err == TR_OK && !atomic_load(&is_over); i++) {
        err = make_what_is_missing(self, c);
        if (err == TR_OK && i % 64 == 0) {
            tr_ref_t child;
            err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &mayfly}, &child);
        }
        err = err == TR_OK ? choose(self, c) : err;
    }
    say(err);
    return TR_OK;
}

static tr_err_t
prepare(tr_self *self, void *arg)
{
    chooser *c = arg;
    tr_mpsc_tx *tx = NULL;
    tr_err_t err = tr_mpsc_create(self, NULL, &tx, &c->rx);
    if (err == TR_OK) {
        atomic_store(&channels[c->index], tr_mpsc_ref(tx).raw);
        c->next_mpsc = 0;
        err = tr_tcp_connect(self, "127.0.0.1", port, tr_seconds(20), &c->tcp);
    }
    err = err == TR_OK ? tr_set_create(self, 2, &c->set) : err;
    err = err == TR_OK ? tr_alarm_create(self, tr_ms(1), &c->alarm) : err;
    err = err == TR_OK ? tr_interval_create(self, tr_ms(2), TR_TICK_SKIP, &c->interval) : err;
    return err; // its own sending end stays open: the channel has no end
}

static int
listen_somewhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    cr_assert(bind(fd, (struct sockaddr *)&address, size) == 0);
    cr_assert(listen(fd, CHOOSERS) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    port = ntohs(address.sin_port);
    return fd;
}

static tr_ref_t
spawn_at(tr_runtime *rt, const tr_behavior_t *behavior, uint32_t worker)
{
    tr_ref_t ref = TR_REF_NONE;
    tr_spawn_opts_t opts = {.behavior = behavior, .place = TR_PLACE_AT, .worker = worker};
    assert_ok(tr_runtime_spawn(rt, &opts, &ref));
    return ref;
}

Test(select, loses_nothing_to_a_branch_that_lost, .timeout = 300)
{
    tr_runtime *rt = troupe_begin(2);
    static chooser c[CHOOSERS];
    static bringer b[CHOOSERS];
    tr_ref_t who[CHOOSERS];
    int listener = listen_somewhere();
    pthread_t server;
    cr_assert(pthread_create(&server, NULL, serve_bytes, &listener) == 0);
    for (uint32_t i = 0; i < CHOOSERS; i++) {
        c[i] = (chooser){.index = i, .random = (uint32_t)troupe_now_ns() | 1};
        c[i].answerer = spawn_at(rt, &answerer, i / 2);
        who[i] = spawn_at(rt, &plain_puppet, i);
        assert_ok(troupe_act(rt, who[i], prepare, &c[i]));
        b[i] = (bringer){.index = i, .to = who[i]};
        assert_ok(troupe_prompt(rt, who[i], go, &c[i]));
        assert_ok(troupe_prompt(rt, spawn_at(rt, &plain_puppet, i + 1), bring, &b[i]));
    }
    int64_t until = troupe_now_ns() + SELECT_MS * INT64_C(1000000);
    while (troupe_now_ns() < until) {
        troupe_pause();
    }
    atomic_store(&is_over, true);
    pthread_join(server, NULL);
    close(listener);
    troupe_end(rt);
    cr_assert(eq(u64, holes, 0));
    cr_assert(unexpected == 0, "%s", tr_errname((tr_err_t)unexpected));
    for (size_t i = 0; i < KINDS; i++) {
        cr_expect(gt(u64, wins[i], 0), "branch %zu never won", i);
    }
    cr_log_info("mpsc %llu, mail %llu, bytes %llu, oneshot %llu, call %llu, set %llu, alarm %llu, "
                "tick %llu, exit %llu, timeout %llu",
                (unsigned long long)wins[0], (unsigned long long)wins[1],
                (unsigned long long)wins[2], (unsigned long long)wins[3],
                (unsigned long long)wins[4], (unsigned long long)wins[5],
                (unsigned long long)wins[6], (unsigned long long)wins[7],
                (unsigned long long)wins[8], (unsigned long long)wins[9]);
}
