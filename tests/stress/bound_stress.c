// bound_stress.c: sixteen senders race at one mailbox, and its bound is never exceeded.
//
// In gated rounds the receiver is held while all of them send until they are refused: exactly as
// many as fit have been accepted, not one more. Flowing, the receiver takes what comes while they
// wait for room: nothing is lost and nobody's order is broken. All the while somebody looks at the
// mailbox, which never holds more than its bound.
#include <pthread.h>
#include <sched.h>

#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "base/compat.h"
#include "troupe_test.h"

#ifndef BOUND_MS
#define BOUND_MS 10000 // for each bound
#define SINGLE   (TRI_TSAN || TRI_ASAN ? 500000 : 10000000)
#endif
#define RACERS 16
#define WAYS   8 // to race

TestSuite(bound, .timeout = 280);

#define ENTRY(F, T) F(T, u32, who) F(T, u64, number) F(T, bytes, data)
TR_MESSAGE(entry, ENTRY);
TR_MESSAGE_EMPTY(halt);

typedef struct race race;

typedef struct racer {
    race *race;
    tr_ref_t ref; // where it is an actor
    uint32_t who;
    uint64_t number; // of its next message: so many were accepted
    tr_err_t refusal;
    cue over;
} racer;

struct race {
    tr_runtime *rt;
    tr_ref_t to;
    tri_actor *target;
    tr_full_policy_t full;
    uint32_t bound;       // so many messages fit
    uint64_t bound_bytes; // what they take
    uint64_t quota;       // how many each sends in a round where nobody is refused
    racer racers[RACERS];
    pthread_barrier_t start, finish;
    _Atomic bool is_over;
    // The receiver's.
    cue is_halted, go_on, drained;
    _Atomic uint64_t wanted; // when so many are taken, it gives `drained`
    uint64_t next[RACERS];
    uint64_t wrong;
    _Atomic uint64_t taken;
    uint64_t halts;
    // The observer's.
    uint32_t most;
    uint64_t most_bytes;
};

static const char filler[64];

static entry
entry_of(const racer *r)
{
    return (entry){.who = r->who, .number = r->number, .data = tr_bytes(filler, sizeof filler)};
}

// ---- the receiver and the observer --------------------------------------------------------------

static tr_err_t
take_entry(tr_self *self, void *arg, const tr_message *msg)
{
    race *r = arg;
    if (tr_as(halt, msg) != NULL) {
        cue_give(&r->is_halted);
        return cue_take(&r->go_on) ? TR_OK : TR_ETIMEOUT;
    }
    const entry *e = tr_as(entry, msg);
    bool drops = r->full == TR_DROP_NEWEST || r->full == TR_DROP_OLDEST;
    r->wrong += drops ? e->number < r->next[e->who] : e->number != r->next[e->who];
    r->next[e->who] = e->number + 1;
    uint64_t taken = r->taken + 1;
    r->taken = taken; // last: whoever sees it sees the rest
    if (taken == r->wanted) {
        cue_give(&r->drained);
    }
    return taken % 61 == 0 ? tr_yield(self) : TR_OK;
}

static void *
observe(void *arg)
{
    race *r = arg;
    while (!r->is_over) {
        for (int i = 0; i < 64; i++) {
            uint64_t load = TRI_PEEK(&r->target->load);
            r->most = tri_load_count(load) > r->most ? tri_load_count(load) : r->most;
            r->most_bytes =
                tri_load_bytes(load) > r->most_bytes ? tri_load_bytes(load) : r->most_bytes;
        }
        sched_yield();
    }
    return NULL;
}

// ---- one race -----------------------------------------------------------------------------------

// `by_bytes`: the bound in bytes is the tight one, with a rest that is a byte short of another one.
static void
race_begin(race *r, uint32_t workers, tr_full_policy_t full, uint32_t bound, bool by_bytes)
{
    *r = (race){.rt = troupe_begin(workers), .full = full, .bound = bound};
    cue_init(&r->is_halted);
    cue_init(&r->go_on);
    cue_init(&r->drained);
    pthread_barrier_init(&r->start, NULL, RACERS + 1);
    pthread_barrier_init(&r->finish, NULL, RACERS + 1);
    for (uint32_t i = 0; i < RACERS; i++) {
        r->racers[i] = (racer){.race = r, .who = i};
        cue_init(&r->racers[i].over);
    }
    size_t size;
    entry sample = entry_of(&r->racers[0]);
    assert_ok(tri_message_measure(&entry_type, &sample, &size));
    uint64_t charge = tri_message_charge(size);
    r->bound_bytes = bound * charge + charge - 1;
    r->quota = bound / RACERS + 3;
    part role = {.receive = take_entry, .arg = r};
    assert_ok(
        tr_runtime_spawn(r->rt,
                         PUPPET_WITH(&role, .mailbox_count = by_bytes ? TRI_BOUND_COUNT_MAX : bound,
                                     .mailbox_bytes = by_bytes ? r->bound_bytes : (uint64_t)1 << 30,
                                     .full = full, .place = TR_PLACE_AT, .worker = workers - 1),
                         &r->to));
    r->target = tri_table_find(&r->rt->table, r->to);
    cr_assert(r->target != NULL);
}

static uint64_t
sent_by_all(const race *r)
{
    uint64_t sent = 0;
    for (int i = 0; i < RACERS; i++) {
        sent += r->racers[i].number;
    }
    return sent;
}

// `before`: the ledger when only the racing began; `others`: messages that were sent besides.
static void
race_end(race *r, const tr_ledger_t *before, uint64_t others)
{
    uint64_t sent = sent_by_all(r);
    uint64_t taken = r->taken;
    troupe_expect_balance(r->rt);
    tr_ledger_t l = troupe_ledger(r->rt);
    cr_expect(r->wrong == 0, "%" PRIu64 " came out of order", r->wrong);
    cr_expect(r->most <= r->bound, "%u were in a mailbox of %u", r->most, r->bound);
    cr_expect(r->most_bytes <= r->bound_bytes, "%" PRIu64 " bytes were in a mailbox of %" PRIu64,
              r->most_bytes, r->bound_bytes);
    others += r->halts;
    cr_expect(eq(u64, l.accepted - before->accepted, sent + others));
    cr_expect(eq(u64, l.handled - before->handled, taken + others));
    cr_expect(eq(u64, l.dropped - before->dropped, sent - taken));
    cr_expect(eq(u64, l.queued, 0));
    troupe_end(r->rt);
    pthread_barrier_destroy(&r->start);
    pthread_barrier_destroy(&r->finish);
}

static tr_ledger_t
ledger_at_rest(const race *r)
{
    troupe_expect_balance(r->rt);
    return troupe_ledger(r->rt);
}

// ---- gated rounds -------------------------------------------------------------------------------

// Until it is refused, or for one that drops until its quota is sent.
static void *
send_in_rounds(void *arg)
{
    racer *me = arg;
    race *r = me->race;
    bool drops = r->full == TR_DROP_NEWEST || r->full == TR_DROP_OLDEST;
    for (;;) {
        pthread_barrier_wait(&r->start);
        if (r->is_over) {
            return NULL;
        }
        me->refusal = TR_OK;
        for (uint64_t i = 0; me->refusal == TR_OK && (!drops || i < r->quota); i++) {
            entry e = entry_of(me);
            me->refusal = tr_runtime_send(r->rt, r->to, &entry_type, &e, tr_ms(0));
            me->number += me->refusal == TR_OK;
        }
        pthread_barrier_wait(&r->finish);
    }
}

static tr_err_t
send_one_round(tr_self *self, void *arg)
{
    racer *me = arg;
    race *r = me->race;
    me->refusal = TR_OK;
    while (me->refusal == TR_OK) {
        entry e = entry_of(me);
        // Half of them send, half of them try: both are refused at once.
        me->refusal = me->who % 2 == 0 ? tr_send(self, r->to, &entry_type, &e)
                                       : tr_try_send(self, r->to, &entry_type, &e);
        me->number += me->refusal == TR_OK;
    }
    cue_give(&me->over);
    return TR_OK;
}

static void
race_in_round(race *r, bool by_actors)
{
    if (!by_actors) {
        pthread_barrier_wait(&r->start);
        pthread_barrier_wait(&r->finish);
        return;
    }
    for (int i = 0; i < RACERS; i++) {
        assert_ok(troupe_prompt(r->rt, r->racers[i].ref, send_one_round, &r->racers[i]));
    }
    for (int i = 0; i < RACERS; i++) {
        CUE_AWAIT(&r->racers[i].over);
    }
}

// The receiver is held: so many are in its mailbox as fit, and so many were accepted.
static void
judge_round(const race *r, uint64_t accepted)
{
    bool drops = r->full == TR_DROP_NEWEST || r->full == TR_DROP_OLDEST;
    tr_err_t refusal = drops ? TR_OK : r->full == TR_SUSPEND ? TR_ETIMEOUT : TR_EFULL;
    uint32_t queued = tri_load_count(TRI_PEEK(&r->target->load));
    cr_assert(queued == r->bound, "%u are queued, not %u", queued, r->bound);
    if (!drops) {
        cr_assert(accepted == r->bound, "%" PRIu64 " were accepted, not %u", accepted, r->bound);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_err(r->racers[i].refusal, refusal);
    }
}

static uint64_t
play_rounds(race *r, int64_t ms, bool by_actors)
{
    uint64_t rounds = 0;
    int64_t until = troupe_now_ns() + ms * 1000000;
    do {
        uint64_t sent = sent_by_all(r);
        assert_ok(tr_runtime_send(r->rt, r->to, TR_MSG(halt), TR_FOREVER));
        CUE_AWAIT(&r->is_halted);
        r->halts++;
        race_in_round(r, by_actors);
        judge_round(r, sent_by_all(r) - sent);
        r->wanted = r->taken + r->bound;
        cue_give(&r->go_on);
        CUE_AWAIT(&r->drained);
        rounds++;
    } while (troupe_now_ns() < until);
    return rounds;
}

static uint64_t
race_gated(tr_full_policy_t full, uint32_t bound, bool by_bytes, bool by_actors, int64_t ms)
{
    static race r;
    pthread_t threads[RACERS + 1];
    race_begin(&r, by_actors ? 3 : 1, full, bound, by_bytes);
    for (uint32_t i = 0; i < RACERS && by_actors; i++) {
        tr_spawn_opts_t *opts = PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = i % 2);
        assert_ok(tr_runtime_spawn(r.rt, opts, &r.racers[i].ref));
    }
    tr_ledger_t before = ledger_at_rest(&r);
    pthread_create(&threads[RACERS], NULL, observe, &r);
    for (int i = 0; i < RACERS && !by_actors; i++) {
        pthread_create(&threads[i], NULL, send_in_rounds, &r.racers[i]);
    }
    uint64_t rounds = play_rounds(&r, ms, by_actors);
    r.is_over = true;
    if (!by_actors) {
        pthread_barrier_wait(&r.start);
    }
    for (int i = by_actors ? RACERS : 0; i <= RACERS; i++) {
        pthread_join(threads[i], NULL);
    }
    race_end(&r, &before, by_actors ? rounds * RACERS : 0);
    return rounds;
}

// ---- flowing ------------------------------------------------------------------------------------

static void *
send_while_it_lasts(void *arg)
{
    racer *me = arg;
    race *r = me->race;
    while (!r->is_over && me->refusal == TR_OK) {
        entry e = entry_of(me);
        me->refusal = tr_runtime_send(r->rt, r->to, &entry_type, &e, TR_FOREVER);
        me->number += me->refusal == TR_OK;
    }
    cue_give(&me->over);
    return NULL;
}

static tr_err_t
act_while_it_lasts(tr_self *self, void *arg)
{
    racer *me = arg;
    race *r = me->race;
    while (!r->is_over && me->refusal == TR_OK) {
        entry e = entry_of(me);
        me->refusal = tr_send(self, r->to, &entry_type, &e);
        me->number += me->refusal == TR_OK;
        // A mailbox that is never full suspends nobody.
        if (me->number % 32 == 0 && me->refusal == TR_OK) {
            me->refusal = tr_yield(self);
        }
    }
    cue_give(&me->over);
    return TR_OK;
}

static uint64_t
race_flowing(uint32_t bound, bool by_bytes, bool by_actors, int64_t ms)
{
    static race r;
    pthread_t threads[RACERS + 1];
    race_begin(&r, by_actors ? 2 : 1, TR_SUSPEND, bound, by_bytes);
    for (uint32_t i = 0; i < RACERS && by_actors; i++) {
        tr_spawn_opts_t *opts = PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = i);
        assert_ok(tr_runtime_spawn(r.rt, opts, &r.racers[i].ref));
    }
    tr_ledger_t before = ledger_at_rest(&r);
    pthread_create(&threads[RACERS], NULL, observe, &r);
    for (int i = 0; i < RACERS; i++) {
        if (by_actors) {
            assert_ok(troupe_prompt(r.rt, r.racers[i].ref, act_while_it_lasts, &r.racers[i]));
        } else {
            pthread_create(&threads[i], NULL, send_while_it_lasts, &r.racers[i]);
        }
    }
    int64_t until = troupe_now_ns() + ms * 1000000;
    while (troupe_now_ns() < until) {
        troupe_pause();
    }
    r.is_over = true;
    for (int i = 0; i < RACERS; i++) {
        CUE_AWAIT(&r.racers[i].over);
        assert_ok(r.racers[i].refusal);
    }
    for (int i = by_actors ? RACERS : 0; i <= RACERS; i++) {
        pthread_join(threads[i], NULL);
    }
    TROUPE_EVENTUALLY(r.taken == sent_by_all(&r));
    uint64_t sent = r.taken;
    race_end(&r, &before, by_actors ? RACERS : 0);
    return sent;
}

// ---- the room itself ----------------------------------------------------------------------------

// A send takes long, compared to the instant in which two of them could take the same room. So here
// they take and give back nothing but room, at a mailbox without messages.
typedef struct hammer {
    tri_actor *target;
    uint32_t bound;
    uint64_t charge;
    _Atomic bool is_over;
    _Atomic uint64_t taken, excess;
} hammer;

static void *
take_and_give_back(void *arg)
{
    hammer *h = arg;
    uint64_t taken = 0, excess = 0;
    while (!h->is_over) {
        for (int i = 0; i < 64; i++) {
            if (tri_mailbox_admit(h->target, tri_space_for(h->charge)) == TR_OK) {
                uint64_t load = TRI_PEEK(&h->target->load);
                excess += tri_load_count(load) > h->bound;
                taken++;
                tri_mailbox_discharge(h->target, h->charge);
            }
        }
    }
    h->taken += taken;
    h->excess += excess;
    return NULL;
}

static void
hammer_at(uint32_t bound, bool by_bytes, int64_t ms)
{
    static race r;
    static hammer h;
    pthread_t threads[RACERS];
    race_begin(&r, 1, TR_SUSPEND, bound, by_bytes);
    h = (hammer){.target = r.target, .bound = bound, .charge = r.bound_bytes / (bound + 1) + 1};
    tr_ledger_t before = ledger_at_rest(&r);
    for (int i = 0; i < RACERS; i++) {
        pthread_create(&threads[i], NULL, take_and_give_back, &h);
    }
    int64_t until = troupe_now_ns() + ms * 1000000;
    while (troupe_now_ns() < until) {
        troupe_pause();
    }
    h.is_over = true;
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_expect(h.excess == 0, "%" PRIu64 " of %" PRIu64 " were over the bound of %u", h.excess,
              h.taken, bound);
    cr_expect(gt(u64, h.taken, 0));
    cr_expect(eq(u64, TRI_PEEK(&h.target->load), 0));
    race_end(&r, &before, 0);
}

// ---- the tests ----------------------------------------------------------------------------------

static void
race_all_ways(uint32_t bound)
{
    const int64_t ms = BOUND_MS / WAYS;
    uint64_t threads = race_gated(TR_REJECT, bound, false, false, ms);
    uint64_t bytes = race_gated(TR_SUSPEND, bound, true, false, ms);
    uint64_t newest = race_gated(TR_DROP_NEWEST, bound, false, false, ms);
    uint64_t oldest = race_gated(TR_DROP_OLDEST, bound, false, false, ms);
    uint64_t actors = race_gated(TR_REJECT, bound, false, true, ms);
    uint64_t flow = race_flowing(bound, false, false, ms);
    uint64_t flow_bytes = race_flowing(bound, true, false, ms);
    uint64_t flow_actors = race_flowing(bound, false, true, ms);
    fprintf(stderr,
            "bound %u: %" PRIu64 " rounds, by bytes %" PRIu64 ", dropping the newest %" PRIu64
            ", the oldest %" PRIu64 ", by actors %" PRIu64 "; %" PRIu64
            " messages, by bytes %" PRIu64 ", by actors %" PRIu64 "\n",
            bound, threads, bytes, newest, oldest, actors, flow, flow_bytes, flow_actors);
}

Test(bound, of_one_is_strict_whoever_races)
{
    race_all_ways(1);
}

Test(bound, of_seven_is_strict_whoever_races)
{
    race_all_ways(7);
}

Test(bound, of_a_thousand_is_strict_whoever_races)
{
    race_all_ways(1024);
}

Test(bound, holds_in_the_instant_in_which_two_take_room)
{
    for (uint32_t bound = 1; bound <= 3; bound++) {
        hammer_at(bound, false, BOUND_MS / WAYS);
        hammer_at(bound, true, BOUND_MS / WAYS);
    }
}

Test(bound, of_sixty_four_loses_nothing_of_a_thread_that_waits_again_and_again)
{
    static race r;
    race_begin(&r, 1, TR_SUSPEND, 64, false);
    tr_ledger_t before = ledger_at_rest(&r);
    racer *me = &r.racers[0];
    int64_t begin = troupe_now_ns();
    while (me->number < SINGLE) {
        entry e = entry_of(me);
        assert_ok(tr_runtime_send(r.rt, r.to, &entry_type, &e, TR_FOREVER));
        me->number++;
    }
    TROUPE_EVENTUALLY(r.taken == SINGLE);
    double ms = (double)(troupe_now_ns() - begin) / 1e6;
    fprintf(stderr, "%d messages through a mailbox of 64 in %.0f ms\n", SINGLE, ms);
    race_end(&r, &before, 0);
}
