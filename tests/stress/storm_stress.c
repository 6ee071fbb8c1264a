// storm_stress.c: actors that spawn, send, call, stop, kill, restart, watch, fail and leave at
// random, from inside and outside, on four workers. What must hold however it goes: calls end with
// one of their outcomes, an end is reported once, a watch fires once, and at the end nothing is
// left and every message is accounted for. STORM_SEED=n runs one seed again.
#include <pthread.h>
#include <stdlib.h>

#include "troupe_test.h"

#ifndef STORM_SEEDS
#define STORM_SEEDS 20
#define STORM_MS    1500
#endif
#define WORKERS   4
#define NURSERIES 16
#define LIVE_MAX  400
#define BOOK      512
#define OUTSIDERS 4

#define SHAKE(F, T) F(T, u64, seed) F(T, u32, hops) F(T, bytes, ballast)
TR_MESSAGE(shake, SHAKE);
#define SHAKEN(F, T) F(T, u64, sum) F(T, bytes, ballast)
TR_MESSAGE(shaken, SHAKEN);
TR_MESSAGE_EMPTY(tick);

static tr_runtime *rt;
static _Atomic uint64_t book[BOOK]; // addresses, dead ones too
static _Atomic uint64_t seeds;
static _Atomic uint64_t live; // actors, as counted a moment ago
static _Atomic bool is_over;
static const char ballast[20000];

// What went wrong: the first of each kind is enough.
static _Atomic unsigned wrong_outcome, second_exit, second_down, lost_down, wrong_child;
static _Atomic int which_outcome;

typedef struct child_note {
    tr_ref_t ref;
    uint32_t ended_life; // the last incarnation whose end was reported
    bool is_held;
} child_note;

typedef struct leaf {
    uint64_t random;
    child_note children[8];
    uint32_t child_count;
    struct {
        uint64_t monitor;
        bool was_down;
    } watches[8];
    uint32_t watch_count;
    tr_token *tokens[4];
    uint32_t token_count;
    tr_timer_t timer;
    void *memory;
    const tr_message *kept;
} leaf;

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

static tr_ref_t
somebody(uint64_t *random)
{
    return (tr_ref_t){atomic_load_explicit(&book[below(random, BOOK)], memory_order_relaxed)};
}

static void
check_call(tr_err_t err)
{
    switch (err) {
    case TR_OK:
    case TR_ETIMEOUT:
    case TR_EDEAD:
    case TR_ECRASHED:
    case TR_ENOREPLY:
    case TR_EFULL:
    case TR_ETOOBIG:
    case TR_EDEADLK:
    case TR_ECANCELED:
    case TR_EBUSY: // what these actors give to tr_reply_error
        return;
    default:
        atomic_store_explicit(&which_outcome, err, memory_order_relaxed);
        atomic_fetch_add_explicit(&wrong_outcome, 1, memory_order_relaxed);
    }
}

static const tr_behavior_t leaf_behavior;

static tr_spawn_opts_t
random_opts(uint64_t *random)
{
    static const int64_t shutdowns[] = {TR_SHUTDOWN_KILL, 1, 3, 1000, 0};
    return (tr_spawn_opts_t){
        .behavior = &leaf_behavior,
        .name = below(random, 2) ? "leaf" : NULL,
        .mailbox_count = (uint32_t)below(random, 6),
        .mailbox_bytes = below(random, 4) == 0 ? 30000 : 0,
        .full = below(random, 2) == 0 ? TR_SUSPEND : (tr_full_policy_t)below(random, 4),
        .place = (tr_place_t)below(random, 3),
        .worker = (uint32_t)below(random, WORKERS),
        .after_exit = (tr_after_exit_t)below(random, 2),
        .stop_order = (tr_stop_order_t)below(random, 2),
        .start_timeout_ms = below(random, 8) == 0 ? 1 : 0,
        .shutdown_ms = shutdowns[below(random, 5)],
    };
}

static void
spawn_child(tr_self *self, leaf *l)
{
    if (l->child_count == 8 || atomic_load_explicit(&live, memory_order_relaxed) > LIVE_MAX) {
        return;
    }
    tr_spawn_opts_t opts = random_opts(&l->random);
    tr_ref_t ref;
    if (tr_spawn(self, &opts, &ref) == TR_OK) {
        l->children[l->child_count++] = (child_note){.ref = ref};
    }
}

static void
forget_child(leaf *l, uint32_t i)
{
    l->children[i] = l->children[--l->child_count];
}

static void
end_child(tr_self *self, leaf *l)
{
    if (l->child_count == 0) {
        return;
    }
    tr_ref_t ref = l->children[below(&l->random, l->child_count)].ref;
    tr_err_t err = below(&l->random, 2) ? tr_stop(self, ref) : tr_kill(self, ref);
    (void)err;
}

static void
watch(tr_self *self, leaf *l)
{
    tr_ref_t ref = somebody(&l->random);
    tr_monitor_t monitor;
    if (l->watch_count < 8) {
        if (ref.raw != 0 && tr_monitor(self, ref, &monitor) == TR_OK) {
            l->watches[l->watch_count].monitor = monitor.raw;
            l->watches[l->watch_count++].was_down = false;
        }
    } else {
        uint32_t i = (uint32_t)below(&l->random, l->watch_count);
        tr_demonitor(self, (tr_monitor_t){l->watches[i].monitor});
        l->watches[i] = l->watches[--l->watch_count];
    }
}

static void
take_down(leaf *l, const tr_down *down)
{
    for (uint32_t i = 0; i < l->watch_count; i++) {
        if (l->watches[i].monitor == down->monitor) {
            if (l->watches[i].was_down) {
                atomic_fetch_add_explicit(&second_down, 1, memory_order_relaxed);
            }
            l->watches[i].was_down = true;
            return;
        }
    }
    // One that was ended by tr_demonitor.
    atomic_fetch_add_explicit(&lost_down, 1, memory_order_relaxed);
}

static void
answer_token(tr_self *self, leaf *l)
{
    if (l->token_count == 0) {
        return;
    }
    tr_token *token = l->tokens[--l->token_count];
    if (below(&l->random, 2) != 0) {
        tr_token_reply_error(self, token, TR_EBUSY);
    } else if (tr_token_reply(self, token, TR_MSG(shaken, .sum = 1)) != TR_OK) {
        tr_token_reply_error(self, token, TR_EBUSY);
    }
}

static void
call_somebody(tr_self *self, leaf *l, uint32_t hops)
{
    const shaken *answer = NULL;
    tr_err_t err = tr_call(
        self, somebody(&l->random),
        TR_MSG(shake, .seed = draw(&l->random), .hops = hops,
               .ballast = tr_bytes(ballast, below(&l->random, 5) == 0 ? sizeof ballast : 8)),
        TR_REPLY(shaken, &answer), tr_us((int64_t)below(&l->random, 3000)));
    check_call(err);
    if (err == TR_OK && below(&l->random, 2) != 0) {
        tr_release(self, answer);
    }
}

static void
arm(tr_self *self, leaf *l)
{
    tr_timer_cancel(self, l->timer);
    tr_err_t err =
        tr_send_after(self, tr_us((int64_t)below(&l->random, 2000)), TR_MSG(tick), &l->timer);
    (void)err;
}

static tr_err_t
do_something(tr_self *self, leaf *l, const tr_message *msg, uint32_t hops)
{
    switch (below(&l->random, 26)) {
    case 0:
    case 1:
    case 2:
        spawn_child(self, l);
        return TR_OK;
    case 3:
        end_child(self, l);
        return TR_OK;
    case 4:
        watch(self, l);
        return TR_OK;
    case 5: {
        tr_err_t err = below(&l->random, 4) == 0 ? tr_link(self, somebody(&l->random)) : TR_OK;
        (void)err;
        watch(self, l);
        return TR_OK;
    }
    case 6:
        return tr_sleep(self, tr_us((int64_t)below(&l->random, 2000)));
    case 7:
        return tr_yield(self);
    case 8:
        return below(&l->random, 3) == 0 ? TR_EFAULT : TR_OK;
    case 9:
        if (below(&l->random, 3) == 0) {
            tr_fail(self, TR_EIO, "seed %llu", (unsigned long long)l->random);
        }
        return TR_OK;
    case 10:
        if (below(&l->random, 4) == 0) {
            tr_exit(self);
        }
        return TR_OK;
    case 11:
        arm(self, l);
        return TR_OK;
    case 12:
        l->memory = tr_realloc(self, l->memory, below(&l->random, 5000));
        return TR_OK;
    case 13:
        tr_release(self, l->kept);
        l->kept = tr_message_keep(self, msg);
        return TR_OK;
    case 14:
        answer_token(self, l);
        return TR_OK;
    case 15:
        if (l->token_count < 4 && tr_defer(self, &l->tokens[l->token_count]) == TR_OK) {
            l->token_count++;
        }
        return TR_OK;
    case 16:
        return tr_message_is_call(msg) ? tr_reply_error(self, TR_EBUSY) : TR_OK;
    case 17:
    case 18:
    case 19: {
        tr_err_t err = tr_send(self, somebody(&l->random),
                               TR_MSG(shake, .seed = draw(&l->random), .hops = hops));
        (void)err;
        return TR_OK;
    }
    case 20: {
        tr_err_t err = tr_try_send(self, somebody(&l->random),
                                   TR_MSG(shake, .seed = draw(&l->random), .hops = hops));
        (void)err;
        return TR_OK;
    }
    case 21:
        if (below(&l->random, 8) == 0) {
            return tr_stop(self, tr_self_ref(self));
        }
        return TR_OK;
    case 22:
        if (below(&l->random, 8) == 0) {
            return tr_kill(self, tr_self_ref(self));
        }
        return TR_OK;
    default:
        call_somebody(self, l, hops);
        return TR_OK;
    }
}

static tr_err_t
leaf_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    leaf *l = state;
    l->random = new_seed();
    atomic_store_explicit(&book[below(&l->random, BOOK)], tr_self_ref(self).raw,
                          memory_order_relaxed);
    arm(self, l);
    switch (below(&l->random, 12)) {
    case 0:
        return TR_EIO;
    case 1:
        tr_fail(self, TR_EIO, "no start");
    case 2:
        return tr_sleep(self, tr_us((int64_t)below(&l->random, 3000)));
    case 3:
        spawn_child(self, l);
        spawn_child(self, l);
        return TR_EIO;
    case 4:
        spawn_child(self, l);
        return TR_OK;
    case 5:
        call_somebody(self, l, 1);
        return TR_OK;
    case 6:
        watch(self, l);
        tr_exit(self);
        return TR_OK;
    default:
        return TR_OK;
    }
}

static void
leaf_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)reason;
    leaf *l = state;
    switch (below(&l->random, 6)) {
    case 0: {
        tr_err_t err = tr_sleep(self, tr_us((int64_t)below(&l->random, 3000)));
        (void)err;
        break;
    }
    case 1:
        call_somebody(self, l, 0);
        break;
    case 2:
        tr_fail(self, TR_EIO, "in stop");
    default:
        break;
    }
}

static tr_err_t
child_ended(tr_self *self, leaf *l, const tr_child_exit *exit)
{
    for (uint32_t i = 0; i < l->child_count; i++) {
        child_note *c = &l->children[i];
        if (!tr_ref_equal(c->ref, exit->child)) {
            continue;
        }
        bool is_known = exit->incarnation <= c->ended_life;
        // A held life whose child is stopped then is reported again, as not held any more.
        if (is_known && !(c->is_held && !exit->held)) {
            atomic_fetch_add_explicit(&second_exit, 1, memory_order_relaxed);
        }
        c->ended_life = exit->incarnation;
        c->is_held = exit->held;
        if (!exit->held) {
            forget_child(l, i);
            return TR_OK;
        }
        uint64_t choice = below(&l->random, 4);
        if (choice == 0) {
            tr_err_t err = tr_discard(self, exit->child);
            if (err == TR_OK) {
                forget_child(l, i);
            }
            return TR_OK;
        }
        if (choice == 1) {
            return TR_OK; // it stays held
        }
        c->is_held = false;
        tr_err_t err = tr_restart(self, exit->child);
        if (err != TR_OK && tr_is_held(self, exit->child)) {
            c->is_held = true; // otherwise it is being killed, and another exit tells of that
            c->ended_life++;
        }
        return TR_OK;
    }
    atomic_fetch_add_explicit(&wrong_child, 1, memory_order_relaxed);
    return TR_OK;
}

static tr_err_t
leaf_receive(tr_self *self, void *state, const tr_message *msg)
{
    leaf *l = state;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit != NULL) {
        if (below(&l->random, 16) == 0) {
            l->kept = l->kept == NULL ? tr_message_keep(self, msg) : l->kept;
        }
        return below(&l->random, 40) == 0 ? TR_EUNHANDLED : child_ended(self, l, exit);
    }
    const tr_down *down = tr_as(tr_down, msg);
    if (down != NULL) {
        take_down(l, down);
        return TR_OK;
    }
    const shake *s = tr_as(shake, msg);
    uint32_t hops = s != NULL ? s->hops : 3;
    if (s == NULL && below(&l->random, 8) != 0) {
        arm(self, l);
    }
    if (hops == 0 || atomic_load_explicit(&is_over, memory_order_relaxed)) {
        return s != NULL ? tr_reply(self, TR_MSG(shaken, .sum = 1)) : TR_OK;
    }
    if (s != NULL) {
        l->random ^= s->seed | 1;
        l->random |= 1;
    }
    for (uint64_t n = 1 + below(&l->random, 3); n > 0; n--) {
        tr_err_t err = do_something(self, l, msg, hops - 1);
        if (err != TR_OK && err != TR_ETIMEOUT && err != TR_EALREADY) {
            return err;
        }
    }
    if (below(&l->random, 10) == 0) {
        return TR_OK;
    }
    tr_err_t err =
        tr_reply(self, TR_MSG(shaken, .sum = 2,
                              .ballast = tr_bytes(ballast, below(&l->random, 6) == 0 ? 9000 : 3)));
    return err == TR_EALREADY ? TR_OK : err;
}

static const tr_behavior_t leaf_behavior = {
    .name = "leaf",
    .state_size = sizeof(leaf),
    .start = leaf_start,
    .receive = leaf_receive,
    .stop = leaf_stop,
};

// A nursery does not fail: it keeps the storm fed.
typedef struct nursery {
    uint64_t random;
    uint32_t children;
} nursery;

static tr_err_t
nursery_receive(tr_self *self, void *state, const tr_message *msg)
{
    nursery *n = state;
    n->random |= 1;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit != NULL && exit->held) {
        if (below(&n->random, 3) != 0 && tr_restart(self, exit->child) == TR_OK) {
            return TR_OK;
        }
        n->children--;
        tr_err_t err = tr_discard(self, exit->child);
        (void)err; // one whose start took too long has ended already
        return TR_OK;
    }
    n->children -= exit != NULL && n->children > 0;
    while (n->children < 32 && atomic_load_explicit(&live, memory_order_relaxed) < LIVE_MAX) {
        n->random += new_seed() << 1;
        tr_spawn_opts_t opts = random_opts(&n->random);
        tr_ref_t ref;
        if (tr_spawn(self, &opts, &ref) != TR_OK) {
            break;
        }
        n->children++;
    }
    return exit != NULL ? TR_OK : tr_send_after(self, tr_us(500), TR_MSG(tick), NULL);
}

static const tr_behavior_t nursery_behavior = {
    .name = "nursery",
    .state_size = sizeof(nursery),
    .receive = nursery_receive,
};

static void
open_nursery(void)
{
    tr_ref_t ref;
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &nursery_behavior}, &ref));
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(tick), TR_FOREVER));
}

static void
spawn_root_leaf(uint64_t *random)
{
    tr_spawn_opts_t opts = random_opts(random);
    opts.after_exit = TR_AFTER_EXIT_END;
    tr_ref_t ref;
    if (atomic_load_explicit(&live, memory_order_relaxed) < LIVE_MAX) {
        tr_err_t err = tr_runtime_spawn(rt, &opts, &ref);
        (void)err;
    }
}

static void *
outsider(void *arg)
{
    (void)arg;
    uint64_t random = new_seed();
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        const shaken *answer;
        tr_ref_t to = somebody(&random);
        switch (below(&random, 8)) {
        case 0:
            spawn_root_leaf(&random);
            break;
        case 1:
        case 2: {
            tr_err_t err = tr_runtime_send(rt, to, TR_MSG(shake, .seed = draw(&random), .hops = 3),
                                           tr_us((int64_t)below(&random, 1000)));
            (void)err;
            break;
        }
        default: {
            tr_err_t err =
                tr_runtime_call(rt, to,
                                TR_MSG(shake, .seed = draw(&random), .hops = 3,
                                       .ballast = tr_bytes(ballast, below(&random, 3000))),
                                TR_REPLY(shaken, &answer), tr_us((int64_t)below(&random, 3000)));
            check_call(err);
            if (err == TR_OK) {
                tr_runtime_release(rt, answer);
            }
        }
        }
    }
    return NULL;
}

static void
storm(uint64_t seed, int64_t ms)
{
    fprintf(stderr, "storm: seed %llu\n", (unsigned long long)seed);
    atomic_store(&seeds, seed * 1000003);
    atomic_store(&live, 0);
    atomic_store(&is_over, false);
    for (int i = 0; i < BOOK; i++) {
        atomic_store(&book[i], 0);
    }
    rt = troupe_begin(WORKERS);
    uint64_t random = new_seed();
    for (int i = 0; i < NURSERIES; i++) {
        open_nursery();
    }
    pthread_t threads[OUTSIDERS];
    for (int i = 0; i < OUTSIDERS; i++) {
        pthread_create(&threads[i], NULL, outsider, NULL);
    }
    int64_t until = troupe_now_ns() + ms * 1000000;
    tr_stats_t s;
    while (troupe_now_ns() < until) {
        tr_runtime_stats(rt, &s);
        atomic_store_explicit(&live, s.actors, memory_order_relaxed);
        troupe_pause();
    }
    bool stop_first = below(&random, 2) != 0;
    if (stop_first) {
        // The end comes while everything is still going on.
        below(&random, 2) != 0 ? tr_runtime_stop(rt) : tr_runtime_kill(rt);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < OUTSIDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    tr_runtime_stats(rt, &s);
    fprintf(stderr,
            "storm: %llu accepted, %llu spawned, %llu restarts, %llu failures, %llu alive\n",
            (unsigned long long)s.ledger.accepted, (unsigned long long)s.spawned,
            (unsigned long long)s.restarts, (unsigned long long)s.failures,
            (unsigned long long)s.actors);
    troupe_end(rt);
    cr_assert(eq(u32, wrong_outcome, 0), "a call ended with %s",
              tr_errname((tr_err_t)which_outcome));
    cr_assert(eq(u32, second_exit, 0));
    cr_assert(eq(u32, wrong_child, 0));
    cr_assert(eq(u32, second_down, 0));
    cr_assert(eq(u32, lost_down, 0));
}

Test(storm, leaves_nothing_behind_and_loses_nothing, .timeout = 240)
{
    const char *chosen = getenv("STORM_SEED");
    if (chosen != NULL) {
        storm(strtoull(chosen, NULL, 10), STORM_MS);
        return;
    }
    uint64_t first = (uint64_t)troupe_now_ns() % 1000000;
    for (uint64_t i = 0; i < STORM_SEEDS; i++) {
        storm(first + i, STORM_MS);
    }
}
