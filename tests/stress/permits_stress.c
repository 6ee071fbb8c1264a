// permits_stress.c: senders on four workers that send, reserve, give up, hold on and are killed at
// random, and receivers with small mailboxes that take what they get in one way or the other. What
// must hold: nothing that was sent is lost, nothing comes twice, what one sender sends with one
// permit keeps its order, no bound is passed, and in the end all room is back.
// PERMITS_SEED=n runs one seed again.
#include <stdlib.h>

#include "troupe_test.h"

#ifndef PERMITS_SEEDS
#define PERMITS_SEEDS 20
#define PERMITS_MS    1000
#endif
#define WORKERS   4
#define SENDERS   4
#define RECEIVERS 2
#define BOUND     5
#define MARK_MAX  400 // bytes of a value, its variable part

#define MARK(F, T) F(T, u32, sender) F(T, u64, number) F(T, bytes, ballast)
TR_MESSAGE(mark, MARK);
TR_MESSAGE(note, MARK);

static struct trial {
    tr_ref_t receivers[RECEIVERS];
    _Atomic uint64_t sent;     // that returned TR_OK
    _Atomic uint64_t received; // marks and notes
    _Atomic uint32_t wrong;    // outcomes that must not be
    _Atomic int which;
    _Atomic uint32_t disorder;
    _Atomic uint32_t lives; // of senders, killed ones too
    _Atomic bool is_over;
} trial;

static uint64_t
draw(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

// ---- receivers

typedef struct receiver {
    uint64_t random;
    uint64_t last[1 << 16]; // of each life of a sender: its latest number
} receiver;

// Marks go with permits and notes without: each kind keeps its order.
static void
check(receiver *r, const tr_message *msg)
{
    const mark *m = tr_message_value(msg);
    if (tr_as(mark, msg) != NULL) {
        uint64_t *last = &r->last[m->sender & 0xffff];
        trial.disorder += m->number <= *last;
        *last = m->number;
    }
    trial.received++;
}

static tr_err_t
receiver_receive(tr_self *self, void *state, const tr_message *msg)
{
    receiver *r = state;
    const tr_message *more;
    if (tr_as(mark, msg) == NULL && tr_as(note, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    check(r, msg);
    uint64_t what = draw(&r->random) % 8;
    tr_err_t err = TR_OK;
    if (what == 0) {
        err = tr_sleep(self, tr_us(100));
    }
    while (what == 1 && err == TR_OK) {
        err = tr_receive(self, TR_TYPES(note), &more, tr_us(50)); // marks stay behind in order
        if (err == TR_OK) {
            check(r, more);
        }
    }
    return TR_OK;
}

static const tr_behavior_t receiver_behavior = {
    .name = "receiver", .state_size = sizeof(receiver), .receive = receiver_receive};

// ---- senders

static void
expect_one_of(tr_err_t err, bool may_time_out)
{
    if (err != TR_OK && err != TR_ECANCELED && !(may_time_out && err == TR_ETIMEOUT)) {
        trial.wrong++;
        trial.which = err;
    }
}

static const char ballast[MARK_MAX];

// Reserve some; use some of it, with other things between; leave the rest to chance.
static tr_err_t
use_permit(tr_self *self, uint64_t *random, uint32_t life, uint64_t *numbers)
{
    uint32_t at = (uint32_t)(draw(random) % RECEIVERS);
    uint32_t places = 1 + (uint32_t)(draw(random) % BOUND);
    tr_duration_t timeouts[] = {tr_ms(0), tr_us(30), tr_ms(1), TR_FOREVER};
    tr_duration_t timeout = timeouts[draw(random) % 4];
    tr_permit *permit;
    tr_err_t err = tr_reserve_many(self, trial.receivers[at], places, sizeof(mark) + MARK_MAX,
                                   timeout, &permit);
    expect_one_of(err, timeout.ns != INT64_MAX);
    if (err != TR_OK) {
        return err;
    }
    uint32_t used = (uint32_t)(draw(random) % (places + 1));
    for (uint32_t i = 0; i < used && err == TR_OK; i++) {
        trial.sent++; // it never waits: nobody is killed in between
        err = tr_permit_send(self, permit,
                             TR_MSG(mark, .sender = life, .number = ++numbers[at],
                                    .ballast = tr_bytes(ballast, draw(random) % MARK_MAX)));
        expect_one_of(err, false);
        if (err == TR_OK && draw(random) % 8 == 0) {
            err = tr_yield(self);
        }
    }
    if (used < places) {
        tr_permit_release(self, permit);
    }
    return err;
}

static tr_err_t
send_note(tr_self *self, uint64_t *random, uint32_t life)
{
    uint32_t at = (uint32_t)(draw(random) % RECEIVERS);
    bool is_high = draw(random) % 4 == 0;
    tr_err_t err =
        is_high ? tr_send_high(self, trial.receivers[at], TR_MSG(note, .sender = life, .number = 1))
                : tr_send(self, trial.receivers[at], TR_MSG(note, .sender = life, .number = 1));
    expect_one_of(err, false);
    trial.sent += err == TR_OK;
    return err;
}

static tr_err_t
send_at_random(tr_self *self, void *arg)
{
    uint32_t life = ++trial.lives;
    uint64_t random = (uint64_t)(uintptr_t)arg + life * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t numbers[RECEIVERS] = {0};
    tr_err_t err = TR_OK;
    while (!trial.is_over && !tr_self_is_stopping(self)) {
        uint64_t what = draw(&random) % 16;
        if (what == 0) {
            return TR_EIO; // with whatever it holds
        }
        if (what == 1) { // to hold room to the end of this life
            tr_permit *permit;
            err = tr_reserve(self, trial.receivers[0], 1, tr_us(100), &permit);
            expect_one_of(err, true);
        } else if (what < 8) {
            err = use_permit(self, &random, life, numbers);
        } else {
            err = send_note(self, &random, life);
        }
        if (err == TR_ECANCELED) {
            break;
        }
    }
    return TR_OK;
}

// It has one sender at a time, and kills it after a while.
static tr_err_t
keep_sender(tr_self *self, void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg;
    tr_err_t err = TR_OK;
    while (!trial.is_over && err == TR_OK) {
        tr_ref_t sender;
        err = tr_spawn(self, PUPPET(NULL), &sender);
        if (err == TR_OK) {
            err = tr_send(self, sender, ACT_MSG(send_at_random, (uintptr_t)draw(&random)));
        }
        if (err == TR_OK) {
            err = tr_sleep(self, tr_us((int64_t)(draw(&random) % 3000)));
        }
        if (err == TR_OK) {
            err = draw(&random) % 2 == 0 ? tr_kill(self, sender) : tr_stop(self, sender);
            err = err == TR_EDEAD ? TR_OK : err;
        }
    }
    expect_one_of(err, false);
    return TR_OK;
}

static tr_err_t
take_note_of_ends(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static bool
all_has_arrived(tr_runtime *rt)
{
    tr_stats_t s;
    tr_runtime_stats(rt, &s);
    return s.actors == 1 + RECEIVERS + SENDERS && trial.received >= trial.sent &&
           s.ledger.queued == 0;
}

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

// The whole of each bound, in messages and in bytes, and not a bit more.
static tr_err_t
reserve_everything(tr_self *self, void *arg)
{
    tr_err_t *err = arg;
    for (int i = 0; i < RECEIVERS && *err == TR_OK; i++) {
        tr_permit *permit;
        tr_ref_t to = trial.receivers[i];
        *err = tr_reserve_many(self, to, BOUND, sizeof(mark) + MARK_MAX, tr_seconds(20), &permit);
        if (*err == TR_OK && tr_reserve(self, to, 0, tr_ms(0), &permit) != TR_ETIMEOUT) {
            *err = TR_EFAULT;
        }
    }
    return TR_OK;
}

static void
one_trial(uint64_t seed)
{
    tr_runtime *rt = troupe_begin(WORKERS);
    trial = (struct trial){.sent = 0};
    uint64_t random = seed;
    for (int i = 0; i < RECEIVERS; i++) {
        tr_spawn_opts_t opts = {.behavior = &receiver_behavior,
                                .mailbox_count = BOUND,
                                .mailbox_bytes = BOUND * (48 + sizeof(mark) + MARK_MAX)};
        assert_ok(tr_runtime_spawn(rt, &opts, &trial.receivers[i]));
    }
    tr_ref_t keepers[SENDERS];
    part role = {.receive = take_note_of_ends};
    for (int i = 0; i < SENDERS; i++) {
        keepers[i] = troupe_puppet(rt, &role);
        uint64_t start = draw(&random) | 1;
        assert_ok(troupe_prompt(rt, keepers[i], keep_sender, (void *)(uintptr_t)start));
    }
    int64_t until = troupe_now_ns() + PERMITS_MS * INT64_C(1000000);
    while (troupe_now_ns() < until) {
        troupe_pause();
    }
    trial.is_over = true;
    for (int i = 0; i < SENDERS; i++) {
        assert_ok(troupe_act(rt, keepers[i], do_nothing, NULL)); // the last sender is on its way
    }
    TROUPE_EVENTUALLY(all_has_arrived(rt));
    tr_err_t err = TR_OK;
    assert_ok(troupe_act(rt, keepers[0], reserve_everything, &err));
    const char *which = tr_errname((tr_err_t)trial.which);
    uint64_t sent = trial.sent;
    uint64_t received = trial.received;
    cr_assert(err == TR_OK, "seed %" PRIu64 ": room is missing: %s", seed, tr_errname(err));
    cr_assert(sent == received, "seed %" PRIu64 ": %" PRIu64 " sent, %" PRIu64 " received", seed,
              sent, received);
    cr_assert(trial.disorder == 0, "seed %" PRIu64 ": out of order", seed);
    cr_assert(trial.wrong == 0, "seed %" PRIu64 ": an outcome of %s", seed, which);
    cr_assert(sent > 0 && trial.lives > SENDERS);
    troupe_end(rt);
}

Test(permits, at_random_lose_nothing_and_give_all_room_back, .timeout = 300)
{
    const char *one = getenv("PERMITS_SEED");
    if (one != NULL) {
        one_trial(strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= PERMITS_SEEDS; seed++) {
        one_trial(seed);
    }
}
