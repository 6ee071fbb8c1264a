// deadlock_race_stress.c: many waits close cycles at the same time, on several workers.
//
// In each round everyone is in a handler before anybody asks, and answers only when its own wait
// is over. So who was asked by whom is known, and so is what may come of it: nobody hangs, each
// wait that failed is on a cycle, and without those that failed there is none left.
#include "ask.h"
#include "property.h"

#ifndef RACE_ROUNDS
#if defined(__SANITIZE_THREAD__)
#define RACE_ROUNDS 2000
#else
#define RACE_ROUNDS 8000
#endif
#endif
#define PEOPLE   10
#define BRANCHES 3

TestSuite(deadlock_race, .timeout = 280);

typedef struct racer {
    tr_ref_t ref;
    uint32_t targets[BRANCHES];
    uint32_t count; // 0: it asks nobody
    tr_duration_t timeout;
    bool hands_on;  // asks by a third that hands the request on
    bool joins_all; // one after the other
    tr_err_t err;
} racer;

// Written by the test's thread between rounds.
static struct race {
    tr_runtime *rt;
    racer racers[PEOPLE];
    tr_ref_t hand_on[PEOPLE]; // hands requests on to that racer
    uint32_t count;
    atomic_uint ready, over;
    cue all_over;
    uint64_t random;
} race;

static uint32_t
below(uint32_t n)
{
    return property_below(&race.random, n);
}

static uint64_t
deadlocks(void)
{
    tr_stats_t s;
    tr_runtime_stats(race.rt, &s);
    return s.deadlocks;
}

// ---- what they do

static tr_ref_t
address(const racer *r, uint32_t i)
{
    uint32_t target = r->targets[i];
    return r->hands_on ? race.hand_on[target] : race.racers[target].ref;
}

static tr_err_t
ask_one(tr_self *self, const racer *r)
{
    return tr_call(self, address(r, 0), TR_MSG(number), TR_REPLY_NONE, r->timeout);
}

static tr_err_t
ask_several(tr_self *self, const racer *r)
{
    tr_future *calls[BRANCHES];
    for (uint32_t i = 0; i < r->count; i++) {
        calls[i] = tr_call_begin(self, address(r, i), TR_MSG(number), r->timeout);
    }
    tr_err_t err =
        r->joins_all ? tr_join_all(self, calls, r->count) : tr_try_join(self, calls, r->count);
    tr_err_t result = err;
    for (uint32_t i = 0; i < r->count && err == TR_OK; i++) {
        tr_err_t one = tr_future_await(self, calls[i], TR_REPLY_NONE); // does not wait
        result = result == TR_OK ? one : result;
    }
    return result;
}

// Begin when everyone is ready: nobody answers before its own wait is over.
static tr_err_t
run_race(tr_self *self, void *arg)
{
    racer *r = arg;
    uint32_t count = race.count; // after the last is over it is another round's
    atomic_fetch_add(&race.ready, 1);
    tr_err_t err = TR_OK;
    while (atomic_load(&race.ready) < count && err == TR_OK) {
        err = tr_yield(self);
    }
    r->err = err != TR_OK    ? err
             : r->count == 0 ? TR_OK
             : r->count == 1 ? ask_one(self, r)
                             : ask_several(self, r);
    if (atomic_fetch_add(&race.over, 1) + 1 == count) {
        cue_give(&race.all_over);
    }
    return TR_OK;
}

static tr_err_t
answer(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    return tr_reply(self, TR_MSG(number));
}

static tr_err_t
hand_on_to(tr_self *self, void *arg, const tr_message *msg)
{
    (void)msg;
    return tr_delegate(self, ((const racer *)arg)->ref);
}

// ---- what may come of it

static void
mark(const bool *is_out, uint32_t from, bool *reached)
{
    const racer *r = &race.racers[from];
    for (uint32_t i = 0; i < r->count && !is_out[from]; i++) {
        uint32_t target = r->targets[i];
        if (!reached[target]) {
            reached[target] = true;
            mark(is_out, target, reached);
        }
    }
}

static bool
is_on_cycle(const bool *is_out, uint32_t who)
{
    bool reached[PEOPLE] = {false};
    mark(is_out, who, reached);
    return reached[who];
}

static void
print_round(uint64_t seed)
{
    fprintf(stderr, "the round of seed %" PRIu64 "\n", seed);
    for (uint32_t i = 0; i < race.count; i++) {
        const racer *r = &race.racers[i];
        fprintf(stderr, "  %u %s%s:", i, r->joins_all ? "joins all" : "asks",
                r->hands_on ? " by a third" : "");
        for (uint32_t k = 0; k < r->count; k++) {
            fprintf(stderr, " %u", r->targets[k]);
        }
        fprintf(stderr, ": %s\n", tr_errname(r->err));
    }
}

static const char *
judge(uint64_t found, bool are_sure)
{
    bool nobody[PEOPLE] = {false};
    bool lost[PEOPLE];
    uint64_t count = 0;
    for (uint32_t i = 0; i < race.count; i++) {
        tr_err_t err = race.racers[i].err;
        lost[i] = err == TR_EDEADLK;
        count += lost[i];
        if (err != TR_OK && !lost[i] && (are_sure || err != TR_ETIMEOUT)) {
            return "a wait ended in another way";
        }
        if (lost[i] && !is_on_cycle(nobody, i)) {
            return "one that is on no cycle has failed";
        }
        lost[i] |= err == TR_ETIMEOUT;
    }
    for (uint32_t i = 0; i < race.count; i++) {
        if (is_on_cycle(lost, i)) {
            return "a cycle is left in which nobody has failed";
        }
    }
    return found == count ? NULL : "the counter says something else";
}

// ---- rounds

typedef struct style {
    uint32_t workers;
    uint32_t branches_max;
    uint32_t hands_on_of_ten; // so many of ten ask by a third
    bool gives_up;            // some have little time
} style;

static void
draw_round(const style *s)
{
    race.count = 2 + below(PEOPLE - 1);
    for (uint32_t i = 0; i < race.count; i++) {
        racer *r = &race.racers[i];
        r->count = below(5) == 0 ? 0 : 1 + below(s->branches_max);
        r->joins_all = below(3) == 0;
        r->hands_on = below(10) < s->hands_on_of_ten;
        r->timeout = s->gives_up && below(2) == 0 ? tr_us(below(300)) : tr_seconds(60);
        r->err = TR_EBUSY;
        for (uint32_t k = 0; k < r->count; k++) {
            r->targets[k] = (i + 1 + below(race.count - 1)) % race.count;
        }
    }
}

static void
play_round(const style *s, uint64_t seed)
{
    uint64_t before = deadlocks();
    race.random = seed;
    atomic_store(&race.ready, 0);
    atomic_store(&race.over, 0);
    draw_round(s);
    for (uint32_t i = 0; i < race.count; i++) {
        assert_ok(troupe_prompt(race.rt, race.racers[i].ref, run_race, &race.racers[i]));
    }
    bool is_over = cue_take(&race.all_over);
    const char *why = is_over ? judge(deadlocks() - before, !s->gives_up) : "somebody hangs";
    if (why != NULL) {
        print_round(seed);
        cr_fatal("%s", why);
    }
}

static void
play_rounds(const style *s, uint32_t rounds)
{
    static part roles[PEOPLE];
    race.rt = troupe_begin(s->workers);
    cue_init(&race.all_over);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        part role = {.receive = answer};
        roles[i] = (part){.receive = hand_on_to, .arg = &race.racers[i]};
        race.racers[i].ref = puppet_at(race.rt, i, &role);
        race.hand_on[i] = puppet_at(race.rt, i + 1, &roles[i]);
    }
    uint64_t first = property_number("TR_SEED", (uint64_t)troupe_now_ns());
    uint64_t found = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        play_round(s, first + i);
    }
    found = deadlocks();
    cr_expect(found > 0);
    troupe_end(race.rt);
    fprintf(stderr, "%u rounds, %" PRIu64 " deadlocks\n", rounds, found);
}

Test(deadlock_race, of_calls_leaves_no_cycle_and_fails_nobody_else)
{
    play_rounds(&(style){.workers = 2, .branches_max = 1}, RACE_ROUNDS);
}

Test(deadlock_race, of_joins_leaves_no_cycle_and_fails_nobody_else)
{
    play_rounds(&(style){.workers = 2, .branches_max = BRANCHES}, RACE_ROUNDS);
    play_rounds(&(style){.workers = 3, .branches_max = 2}, RACE_ROUNDS / 2);
}

Test(deadlock_race, of_calls_that_are_handed_on_leaves_no_cycle_and_fails_nobody_else)
{
    play_rounds(&(style){.workers = 2, .branches_max = 2, .hands_on_of_ten = 5}, RACE_ROUNDS);
}

Test(deadlock_race, with_callers_that_give_up_leaves_nobody_waiting)
{
    play_rounds(&(style){.workers = 2, .branches_max = 2, .hands_on_of_ten = 2, .gives_up = true},
                RACE_ROUNDS);
}

// ---- two at the very same moment

typedef struct duelist {
    tr_ref_t ref;
    struct duelist *other;
    atomic_uint ready, done; // rounds
    tr_err_t errs[2];        // of even and odd rounds
    tr_err_t err;
    cue over;
} duelist;

// Answer the other's call, if it has not failed, until the other is through with this round.
static tr_err_t
end_round(tr_self *self, duelist *d, uint32_t round)
{
    tr_err_t err = TR_OK;
    const tr_message *msg;
    while (atomic_load(&d->other->done) < round && err == TR_OK) {
        if (tr_receive(self, TR_TYPES(number), &msg, tr_ms(0)) == TR_OK) {
            expect_ok(tr_reply_to(self, msg, TR_MSG(number)));
            tr_release(self, msg);
        }
        err = tr_yield(self);
    }
    return err;
}

static bool
is_right(const duelist *d, uint32_t round)
{
    tr_err_t mine = d->errs[round % 2];
    tr_err_t others = d->other->errs[round % 2];
    return (mine == TR_EDEADLK || others == TR_EDEADLK) && (mine == TR_EDEADLK || mine == TR_OK) &&
           (others == TR_EDEADLK || others == TR_OK);
}

static tr_err_t
fight(tr_self *self, void *arg)
{
    duelist *d = arg;
    for (uint32_t round = 1; round <= RACE_ROUNDS && d->err == TR_OK; round++) {
        atomic_store(&d->ready, round);
        while (atomic_load(&d->other->ready) < round) {
        }
        d->errs[round % 2] =
            tr_call(self, d->other->ref, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
        atomic_store(&d->done, round);
        d->err = end_round(self, d, round);
        if (d->err == TR_OK && !is_right(d, round)) {
            d->err = TR_EFAULT;
        }
    }
    atomic_store(&d->ready, UINT32_MAX); // the other need not wait for one that has given up
    atomic_store(&d->done, UINT32_MAX);
    cue_give(&d->over);
    return TR_OK;
}

Test(deadlock_race, of_two_that_begin_at_once_fails_at_least_one_each_time)
{
    static duelist d[2];
    race.rt = troupe_begin(2);
    for (uint32_t i = 0; i < 2; i++) {
        d[i].other = &d[1 - i];
        d[i].ref = puppet_at(race.rt, i, NULL);
        cue_init(&d[i].over);
    }
    for (uint32_t i = 0; i < 2; i++) {
        assert_ok(troupe_prompt(race.rt, d[i].ref, fight, &d[i]));
    }
    for (uint32_t i = 0; i < 2; i++) {
        while (!cue_take(&d[i].over)) {
        }
        assert_ok(d[i].err);
    }
    troupe_end(race.rt);
}
