// future_stress.c: actors that call each other by futures, sets, hedges, joins and continuations,
// give up at random, and answer late, by others, by crash or not at all, while some are stopped,
// killed and restarted. What must hold however it goes: an answer comes to who asked for it, in the
// life that asked; a set gives all that it was given; and at the end nothing is left and every
// message is accounted for. FUTURE_SEED=n runs one seed again.
#include <stdlib.h>

#include "troupe_test.h"

#ifndef FUTURE_SEEDS
#define FUTURE_SEEDS 20
#define FUTURE_MS    1500
#endif
#define PEOPLE 24
#define GROUP  4

#define JOB(F, T) F(T, u64, seq) F(T, u32, hops)
TR_MESSAGE(job, JOB);
TR_MESSAGE_EMPTY(tick);

static tr_runtime *rt;
static _Atomic uint64_t book[PEOPLE]; // addresses, dead ones too
static _Atomic uint64_t seeds, sequence;
static _Atomic bool is_over;

// What went wrong, and how often what should happen did.
static _Atomic unsigned wrong_outcome, wrong_answer, wrong_life, lost_result;
static _Atomic int which_outcome;
static _Atomic uint64_t answered, given_up, thens;

typedef struct person {
    uint64_t random;
    tr_token *tokens[3];
    uint32_t token_count;
} person;

static uint64_t
draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static uint64_t
below(uint64_t *random, uint64_t n)
{
    return (draw(random) >> 11) % n;
}

static uint64_t
new_seed(void)
{
    uint64_t n = atomic_fetch_add_explicit(&seeds, 1, memory_order_relaxed);
    return n * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static uint64_t
new_seq(void)
{
    return atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed);
}

static tr_ref_t
somebody(person *p)
{
    return (tr_ref_t){atomic_load_explicit(&book[below(&p->random, PEOPLE)], memory_order_relaxed)};
}

static tr_duration_t
some_time(person *p)
{
    return below(&p->random, 8) == 0 ? TR_FOREVER : tr_us((int64_t)below(&p->random, 4000));
}

static void
count(_Atomic uint64_t *what)
{
    atomic_fetch_add_explicit(what, 1, memory_order_relaxed);
}

static tr_err_t
check(tr_err_t err)
{
    switch (err) {
    case TR_OK:
        count(&answered);
        break;
    case TR_ETIMEOUT:
    case TR_ECANCELED:
    case TR_EDEAD:
    case TR_ECRASHED:
    case TR_ENOREPLY:
    case TR_EFULL:
    case TR_EDEADLK: // somebody() may be oneself
    case TR_EBUSY:   // what these actors give to tr_reply_error
        count(&given_up);
        break;
    default:
        atomic_store_explicit(&which_outcome, err, memory_order_relaxed);
        atomic_fetch_add_explicit(&wrong_outcome, 1, memory_order_relaxed);
    }
    return err;
}

static void
check_answer(uint64_t expected, uint64_t value)
{
    if (expected != value) {
        atomic_fetch_add_explicit(&wrong_answer, 1, memory_order_relaxed);
    }
}

// ---- callers

static tr_err_t
do_task(tr_self *self, void *arg)
{
    uint64_t seq = *(uint64_t *)arg;
    uint64_t random = seq << 1 | 1;
    draw(&random);
    switch (below(&random, 5)) {
    case 0:
        return TR_EBUSY;
    case 1:
        tr_fail(self, TR_EIO, "task %llu", (unsigned long long)seq);
    case 2: {
        tr_err_t err = tr_sleep(self, tr_us((int64_t)below(&random, 2000)));
        if (err != TR_OK) {
            return err;
        }
        break;
    }
    default:
        break;
    }
    return tr_reply(self, TR_MSG(number, .value = seq));
}

static tr_future *
begin(tr_self *self, person *p, uint64_t *seq, uint32_t hops)
{
    *seq = new_seq();
    return below(&p->random, 5) == 0
               ? tr_task(self, do_task, seq, sizeof *seq, some_time(p))
               : tr_call_begin(self, somebody(p), TR_MSG(job, .seq = *seq, .hops = hops),
                               some_time(p));
}

static void
await(tr_self *self, tr_future *future, uint64_t seq)
{
    const number *n;
    if (check(tr_future_await(self, future, TR_REPLY(number, &n))) == TR_OK) {
        check_answer(seq, n->value);
        tr_release(self, n);
    }
}

typedef struct group {
    tr_future *futures[GROUP];
    uint64_t seqs[GROUP];
} group;

static void
begin_group(tr_self *self, person *p, group *g, uint32_t hops)
{
    for (int i = 0; i < GROUP; i++) {
        g->futures[i] = begin(self, p, &g->seqs[i], hops);
    }
}

static void
await_or_cancel(tr_self *self, person *p, group *g)
{
    for (int i = 0; i < GROUP; i++) {
        switch (below(&p->random, 4)) {
        case 0:
            tr_future_cancel(self, g->futures[i]);
            break;
        case 1:
            break; // left to the life
        default:
            await(self, g->futures[i], g->seqs[i]);
        }
    }
}

static void
choose(tr_self *self, person *p, uint32_t hops)
{
    group g;
    tr_branch_t branches[GROUP];
    size_t which;
    begin_group(self, p, &g, hops);
    for (int i = 0; i < GROUP; i++) {
        branches[i] = tr_when_done(g.futures[i]);
    }
    tr_err_t err = tr_select(self, branches, GROUP, some_time(p), &which);
    if (err == TR_OK && !tr_future_is_done(g.futures[which])) {
        atomic_fetch_add_explicit(&lost_result, 1, memory_order_relaxed);
    }
    await_or_cancel(self, p, &g);
}

static void
join(tr_self *self, person *p, uint32_t hops)
{
    group g;
    begin_group(self, p, &g, hops);
    tr_err_t err = below(&p->random, 2) == 0 ? tr_join_all(self, g.futures, GROUP)
                                             : tr_try_join(self, g.futures, GROUP);
    if (err == TR_OK) {
        await_or_cancel(self, p, &g);
    } else {
        check(err);
    }
}

static void
take_first(tr_self *self, person *p, uint32_t hops)
{
    group g;
    const number *n;
    size_t which;
    begin_group(self, p, &g, hops);
    if (check(tr_first_ok(self, g.futures, GROUP, TR_REPLY(number, &n), &which)) == TR_OK) {
        check_answer(g.seqs[which], n->value);
        tr_release(self, n);
    }
}

static void
hedge(tr_self *self, person *p, uint32_t hops)
{
    const number *n;
    uint64_t seq = new_seq();
    tr_err_t err =
        tr_hedge(self, somebody(p), somebody(p), TR_MSG(job, .seq = seq, .hops = hops),
                 tr_us((int64_t)below(&p->random, 1000)), TR_REPLY(number, &n), some_time(p));
    if (check(err) == TR_OK) {
        check_answer(seq, n->value);
        tr_release(self, n);
    }
}

// Those of a set: `given` of them, the n-th with the index n.
#define SET_MAX 8

static void
drain_set(tr_self *self, tr_set *set, const uint64_t *seqs, size_t given)
{
    size_t taken = 0;
    tr_future *done;
    size_t i;
    tr_err_t err;
    while ((err = tr_set_next(self, set, &done, &i)) == TR_OK) {
        taken++;
        await(self, done, seqs[i]);
    }
    if (err == TR_ENOTFOUND && taken != given) {
        atomic_fetch_add_explicit(&lost_result, 1, memory_order_relaxed);
    }
}

static void
use_set(tr_self *self, person *p, uint32_t hops)
{
    tr_set *set;
    uint64_t seqs[SET_MAX];
    size_t given = 0;
    if (tr_set_create(self, 1 + below(&p->random, 3), &set) != TR_OK) {
        return;
    }
    for (int i = 0; i < SET_MAX; i++) {
        uint64_t seq = seqs[given] = new_seq();
        tr_err_t err = below(&p->random, 4) == 0
                           ? tr_set_task(self, set, do_task, &seq, sizeof seq, some_time(p))
                           : tr_set_call(self, set, somebody(p),
                                         TR_MSG(job, .seq = seq, .hops = hops), some_time(p));
        given += err == TR_OK;
    }
    if (below(&p->random, 3) != 0) {
        drain_set(self, set, seqs, given);
    }
    if (below(&p->random, 4) != 0) {
        tr_set_destroy(self, set);
    }
}

static tr_err_t
go_on(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    person *p = state;
    uint64_t expected = (uint64_t)(uintptr_t)arg;
    const number *n = check(err) == TR_OK ? tr_as(number, answer) : NULL;
    count(&thens);
    if ((expected & 0xff) != (tr_self_incarnation(self) & 0xff)) {
        atomic_fetch_add_explicit(&wrong_life, 1, memory_order_relaxed);
    }
    if (n != NULL) {
        check_answer(expected >> 8, n->value);
    }
    switch (below(&p->random, 12)) {
    case 0:
        return TR_EIO;
    case 1:
        return tr_sleep(self, tr_us((int64_t)below(&p->random, 1000)));
    default:
        return TR_OK;
    }
}

static void
call_then(tr_self *self, person *p, uint32_t hops)
{
    uint64_t seq = new_seq();
    uint64_t expected = seq << 8 | (tr_self_incarnation(self) & 0xff);
    tr_err_t err = tr_call_then(self, somebody(p), TR_MSG(job, .seq = seq, .hops = hops),
                                some_time(p), go_on, (void *)(uintptr_t)expected);
    (void)err;
}

static void
ask_around(tr_self *self, person *p, uint32_t hops)
{
    static void (*const ways[])(tr_self * self, person * p, uint32_t hops) = {
        choose, join, take_first, hedge, use_set, call_then, call_then};
    ways[below(&p->random, sizeof ways / sizeof *ways)](self, p, hops);
}

// ---- callees

static void
answer_token(tr_self *self, person *p)
{
    if (p->token_count == 0) {
        return;
    }
    tr_token *token = p->tokens[--p->token_count];
    if (below(&p->random, 3) == 0 && tr_token_await_unwanted(self, token, tr_ms(1)) == TR_OK &&
        tr_token_is_wanted(self, token)) {
        atomic_fetch_add_explicit(&lost_result, 1, memory_order_relaxed);
    }
    tr_token_reply_error(self, token, TR_EBUSY);
}

static tr_err_t
put_off(tr_self *self, person *p)
{
    if (p->token_count == 3) {
        answer_token(self, p);
    }
    tr_token *token;
    tr_err_t err = tr_defer(self, &token);
    if (err == TR_OK) {
        p->tokens[p->token_count++] = token;
    }
    return err;
}

static tr_err_t
answer_another_too(tr_self *self)
{
    const tr_message *msg;
    tr_err_t err = tr_receive(self, TR_TYPES(job), &msg, tr_us(300));
    return err == TR_OK ? tr_reply_error_to(self, msg, TR_EBUSY) : err == TR_ETIMEOUT ? TR_OK : err;
}

static tr_err_t
do_job(tr_self *self, person *p, const job *j)
{
    tr_err_t err = TR_OK;
    switch (below(&p->random, 20)) {
    case 0:
        return below(&p->random, 3) == 0 ? TR_EIO : TR_OK;
    case 1:
        if (below(&p->random, 3) == 0) {
            tr_fail(self, TR_EIO, "job %llu", (unsigned long long)j->seq);
        }
        return TR_OK; // and no answer
    case 2:
    case 3:
        return put_off(self, p);
    case 4:
    case 5:
    case 6:
        if (j->hops > 0) {
            err = tr_delegate(self, somebody(p));
            return err == TR_OK ? TR_OK : tr_reply_error(self, TR_EBUSY);
        }
        break;
    case 7:
        err = tr_stash(self);
        return err == TR_EFULL ? tr_reply_error(self, TR_EBUSY) : err;
    case 8:
        tr_unstash_all(self);
        break;
    case 9:
    case 10:
        err = tr_sleep(self, tr_us((int64_t)below(&p->random, 3000)));
        break;
    case 11:
        err = answer_another_too(self);
        break;
    case 12:
    case 13:
    case 14:
        if (j->hops > 0) {
            ask_around(self, p, j->hops - 1);
        }
        break;
    default:
        break;
    }
    return err == TR_OK ? tr_reply(self, TR_MSG(number, .value = j->seq)) : err;
}

static tr_err_t
arm(tr_self *self, person *p)
{
    return tr_send_after(self, tr_us((int64_t)below(&p->random, 1000)), TR_MSG(tick), NULL);
}

static tr_err_t
person_start(tr_self *self, void *state, const void *arg)
{
    person *p = state;
    p->random = new_seed();
    atomic_store_explicit(&book[*(const uint32_t *)arg], tr_self_ref(self).raw,
                          memory_order_relaxed);
    return arm(self, p);
}

static tr_err_t
person_receive(tr_self *self, void *state, const tr_message *msg)
{
    person *p = state;
    const job *j = tr_as(job, msg);
    if (j != NULL) {
        return do_job(self, p, j);
    }
    if (tr_as(tick, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    answer_token(self, p);
    if (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        ask_around(self, p, 3);
    }
    return tr_self_is_stopping(self) ? TR_OK : arm(self, p);
}

static void
person_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)reason;
    ask_around(self, state, 1);
}

static const tr_behavior_t person_behavior = {
    .name = "person",
    .state_size = sizeof(person),
    .start = person_start,
    .receive = person_receive,
    .stop = person_stop,
};

// ---- who has them: it restarts them, replaces them, and ends some at random

typedef struct house {
    uint64_t random;
    tr_ref_t people[PEOPLE];
} house;

static tr_err_t
settle(tr_self *self, house *h, uint32_t i)
{
    static const int64_t shutdowns[] = {TR_SHUTDOWN_KILL, 1, 3, 1000};
    tr_spawn_opts_t opts = {
        .behavior = &person_behavior,
        .arg = &i,
        .arg_size = sizeof i,
        .mailbox_count = 1 + (uint32_t)below(&h->random, 6),
        .full = below(&h->random, 2) == 0 ? TR_SUSPEND : (tr_full_policy_t)below(&h->random, 4),
        .after_exit = (tr_after_exit_t)below(&h->random, 2),
        .stop_order = (tr_stop_order_t)below(&h->random, 2),
        .shutdown_ms = shutdowns[below(&h->random, 4)],
    };
    return tr_spawn(self, &opts, &h->people[i]);
}

static tr_err_t
replace(tr_self *self, house *h, const tr_child_exit *exit)
{
    if (exit->held) {
        if (below(&h->random, 4) != 0 && tr_restart(self, exit->child) == TR_OK) {
            return TR_OK;
        }
        tr_err_t err = tr_discard(self, exit->child);
        (void)err; // it may have ended already
    }
    for (uint32_t i = 0; i < PEOPLE; i++) {
        if (tr_ref_equal(h->people[i], exit->child)) {
            return settle(self, h, i);
        }
    }
    return TR_OK;
}

static tr_err_t
house_receive(tr_self *self, void *state, const tr_message *msg)
{
    house *h = state;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit != NULL) {
        return replace(self, h, exit);
    }
    tr_ref_t who = h->people[below(&h->random, PEOPLE)];
    tr_err_t err = below(&h->random, 2) == 0 ? tr_kill(self, who) : tr_stop(self, who);
    (void)err; // it may have ended already
    return tr_send_after(self, tr_ms(2), TR_MSG(tick), NULL);
}

static tr_err_t
house_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    house *h = state;
    h->random = new_seed();
    tr_err_t err = TR_OK;
    for (uint32_t i = 0; i < PEOPLE && err == TR_OK; i++) {
        err = settle(self, h, i);
    }
    return err == TR_OK ? tr_send_after(self, tr_ms(1), TR_MSG(tick), NULL) : err;
}

static const tr_behavior_t house_behavior = {
    .name = "house",
    .state_size = sizeof(house),
    .start = house_start,
    .receive = house_receive,
};

// ---- the run

static void
run(uint64_t seed, int64_t ms)
{
    uint32_t workers = 2 + (uint32_t)(seed % 3);
    fprintf(stderr, "future: seed %llu, %u workers\n", (unsigned long long)seed, workers);
    atomic_store(&seeds, seed * 1000003);
    atomic_store(&is_over, false);
    atomic_store(&answered, 0);
    atomic_store(&given_up, 0);
    atomic_store(&thens, 0);
    rt = troupe_begin(workers);
    tr_ref_t ref;
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &house_behavior}, &ref));
    int64_t until = troupe_now_ns() + ms * 1000000;
    while (troupe_now_ns() < until) {
        troupe_pause();
    }
    uint64_t random = new_seed();
    switch (below(&random, 3)) {
    case 0:
        tr_runtime_kill(rt); // in the middle of it
        break;
    case 1:
        tr_runtime_stop(rt);
        break;
    default:
        atomic_store(&is_over, true);
    }
    fprintf(stderr, "future: %llu answered, %llu given up, %llu thens\n",
            (unsigned long long)atomic_load(&answered), (unsigned long long)atomic_load(&given_up),
            (unsigned long long)atomic_load(&thens));
    troupe_end(rt);
    cr_assert(eq(u32, wrong_outcome, 0), "a call ended with %s",
              tr_errname((tr_err_t)which_outcome));
    cr_assert(eq(u32, wrong_answer, 0));
    cr_assert(eq(u32, wrong_life, 0));
    cr_assert(eq(u32, lost_result, 0));
    cr_assert(gt(u64, answered, 0));
    cr_assert(gt(u64, given_up, 0));
}

Test(future_stress, leaves_nothing_behind_and_loses_nothing, .timeout = 240)
{
    const char *chosen = getenv("FUTURE_SEED");
    if (chosen != NULL) {
        run(strtoull(chosen, NULL, 10), FUTURE_MS);
        return;
    }
    uint64_t first = (uint64_t)troupe_now_ns() % 1000000;
    for (uint64_t i = 0; i < FUTURE_SEEDS; i++) {
        run(first + i, FUTURE_MS);
    }
}
