// locks.h: who uses a lock in a test: a thread outside, or an actor on one of two workers. Each
// does one thing at a time, an act, and keeps what it got when the act is over.
//
//     locks_begin();
//     user_begin(&u, AN_ACTOR);
//     user_waits(&u, take);                    // take(self, &u), and is waiting now
//     …
//     assert_ok(await_act(&u.p));
//     locks_end();
#ifndef TROUPE_TESTS_API_LOCKS_H
#define TROUPE_TESTS_API_LOCKS_H

#include "ends.h"

static ends s;

typedef struct user {
    player p;
    bag bag; // of nothing
    tr_duration_t timeout;
    uint32_t count; // of permits
    uint32_t place; // in the order in which they got it
    bool is_leader;
} user;

// Who gets it says so here, while it has it.
static _Atomic uint32_t turns;

static inline void
locks_begin(void)
{
    turns = 0;
    ends_begin(&s);
}

static inline void
user_begin(user *u, place where)
{
    *u = (user){.timeout = TR_FOREVER, .count = 1};
    u->p = player_of(&s, where, &u->bag);
}

static inline uint64_t
handlers_that_wait(void)
{
    tr_stats_t stats;
    tr_runtime_stats(s.p.rt, &stats);
    return stats.stacks;
}

// It is an actor, and the only one that begins to wait now.
static inline void
user_waits(user *u, act_fn fn)
{
    uint64_t before = handlers_that_wait();
    begin_act(&u->p, fn, u);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, before + 1));
}

static inline tr_err_t
user_does(user *u, act_fn fn)
{
    return do_act(&u->p, fn, u);
}

// An actor: its life is over when this returns.
static inline void
user_dies(user *u, ending how)
{
    end_life(&s, u->p.ref, how);
}

// ---- a worker that takes nothing in for a while

static hold held;

static inline tr_err_t
hold_worker(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    cue_give(&held.is_held);
    cr_expect(cue_take(&held.go_on));
    return TR_OK;
}

// The worker of ANOTHER_ACTOR.
static inline void
worker_is_held(void)
{
    tr_spawn_opts_t opts = {.behavior = &puppet, .place = TR_PLACE_AT, .worker = 1};
    cue_init(&held.is_held);
    cue_init(&held.go_on);
    assert_ok(troupe_prompt(s.p.rt, child_of(&s.p, &opts), hold_worker, NULL));
    CUE_AWAIT(&held.is_held);
}

static inline void
worker_goes_on(void)
{
    cue_give(&held.go_on);
}

// An order to an actor whose worker is held: it is there when the worker goes on.
static inline void
order(user *u, act_fn stop_or_kill)
{
    deed d = {.child = u->p.ref};
    assert_ok(deed_of(&s.p, stop_or_kill, &d));
}

static inline void
until_passed(int64_t deadline_ns)
{
    while (troupe_now_ns() <= deadline_ns) {
        troupe_pause();
    }
}

// ---- chance, the same for the same seed

static inline uint32_t
chance(uint64_t *random, uint32_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33) % below;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OFTEN(n) ((n) / 10)
#else
#define OFTEN(n) (n)
#endif

#endif
