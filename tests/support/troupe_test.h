// troupe_test.h: a runtime for a test, puppets to play in it, and what has to be true at its end.
//
//     tr_runtime *rt = troupe_begin(2);
//     tr_ref_t a = troupe_puppet(rt, NULL);
//     assert_ok(troupe_act(rt, a, say_hello, &record));   // say_hello(self, &record) runs inside a
//     troupe_end(rt);                                     // ends in order; the ledger is balanced
//
// A puppet does what it is told: a test says in one place what happens inside an actor, and asserts
// on the record afterwards, on its own thread.
#ifndef TROUPE_TESTS_TROUPE_TEST_H
#define TROUPE_TESTS_TROUPE_TEST_H

#include "troupe/troupe.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "check.h"

#define TROUPE_PATIENCE_S 30 // how long a test waits for what must happen

// ---- waiting for events -------------------------------------------------------------------------

static inline int64_t
troupe_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void
troupe_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

// Look again until it is true, or for so long that it never will be.
#define TROUPE_EVENTUALLY(condition)                                                               \
    do {                                                                                           \
        int64_t until_ = troupe_now_ns() + TROUPE_PATIENCE_S * INT64_C(1000000000);                \
        while (!(condition)) {                                                                     \
            if (troupe_now_ns() > until_) {                                                        \
                cr_fatal("never true: %s", #condition);                                            \
            }                                                                                      \
            troupe_pause();                                                                        \
        }                                                                                          \
    } while (0)

// Something that handlers and threads say, and the test hears.
typedef struct cue {
    sem_t sem;
} cue;

static inline void
cue_init(cue *c)
{
    sem_init(&c->sem, 0, 0);
}

static inline void
cue_give(cue *c)
{
    sem_post(&c->sem);
}

// False: it was not given in all that time.
static inline bool
cue_take(cue *c)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TROUPE_PATIENCE_S;
    int status;
    do {
        status = sem_timedwait(&c->sem, &until);
    } while (status != 0 && errno == EINTR);
    return status == 0;
}

#define CUE_AWAIT(c) cr_assert(cue_take(c), "nobody gave the cue %s", #c)

// ---- the runtime --------------------------------------------------------------------------------

static inline void
troupe_no_log(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

// A runtime that keeps quiet about failures, which are what tests are about.
static inline tr_runtime *
troupe_begin(uint32_t workers)
{
    tr_runtime *rt = NULL;
    tr_runtime_opts_t opts = {.name = "test", .workers = workers, .log = troupe_no_log};
    assert_ok(tr_runtime_create(&opts, &rt));
    return rt;
}

static inline uint64_t
troupe_ledger_sum(const tr_ledger_t *l)
{
    return l->handled + l->failed + l->expired + l->dropped + l->dead + l->returned + l->discarded +
           l->queued;
}

// Mail may still be on its way when the last actor has ended, so the balance is awaited: it must
// come to be exact, and nothing may be left in a mailbox or on a stack.
static inline void
troupe_expect_balance(tr_runtime *rt)
{
    int64_t until = troupe_now_ns() + 5 * INT64_C(1000000000);
    tr_stats_t s;
    const tr_ledger_t *l = &s.ledger;
    // What is judged is what was found balanced: a later look may catch mail on its way again.
    tr_runtime_stats(rt, &s);
    while (l->accepted != troupe_ledger_sum(l) && troupe_now_ns() < until) {
        troupe_pause();
        tr_runtime_stats(rt, &s);
    }
    cr_expect(l->accepted == troupe_ledger_sum(l),
              "accepted %" PRIu64 " = handled %" PRIu64 " + failed %" PRIu64 " + expired %" PRIu64
              " + dropped %" PRIu64 " + dead %" PRIu64 " + returned %" PRIu64
              " + discarded %" PRIu64 " + queued %" PRIu64 " is off by %" PRId64,
              l->accepted, l->handled, l->failed, l->expired, l->dropped, l->dead, l->returned,
              l->discarded, l->queued, (int64_t)(l->accepted - troupe_ledger_sum(l)));
}

// After the end of all actors: nothing is left of them, once the last mail has arrived.
static inline void
troupe_expect_empty(tr_runtime *rt)
{
    tr_stats_t s;
    int64_t until = troupe_now_ns() + 5 * INT64_C(1000000000);
    do {
        troupe_expect_balance(rt);
        tr_runtime_stats(rt, &s);
    } while (s.actors + s.ledger.queued + s.stacks != 0 && troupe_now_ns() < until);
    cr_expect(s.actors == 0, "%" PRIu64 " actors are left", s.actors);
    cr_expect(s.ledger.queued == 0, "%" PRIu64 " messages are left", s.ledger.queued);
    cr_expect(s.stacks == 0, "%" PRIu64 " stacks are left", s.stacks);
}

static inline void
troupe_end(tr_runtime *rt)
{
    tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(TROUPE_PATIENCE_S)));
    troupe_expect_empty(rt);
    tr_runtime_destroy(rt);
}

static inline tr_ledger_t
troupe_ledger(const tr_runtime *rt)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.ledger;
}

// ---- puppets ------------------------------------------------------------------------------------

typedef tr_err_t (*act_fn)(tr_self *self, void *arg);

// "Do this." Answered with `acted`, unless the act answered by itself or deferred.
#define ACT(F, T) F(T, u64, fn) F(T, u64, arg)
TR_MESSAGE(act, ACT);
TR_MESSAGE_EMPTY(acted);

// What else a puppet does; the argument of its spawn, all of it optional.
typedef struct part {
    act_fn start;
    tr_err_t (*receive)(tr_self *self, void *arg, const tr_message *msg); // what is no act
    void (*stop)(tr_self *self, void *arg, tr_err_t reason);
    void *arg;
} part;

static inline tr_err_t
puppet_start(tr_self *self, void *state, const void *arg)
{
    part *p = state;
    if (arg != NULL) {
        *p = *(const part *)arg;
    }
    return p->start != NULL ? p->start(self, p->arg) : TR_OK;
}

static inline tr_err_t
puppet_receive(tr_self *self, void *state, const tr_message *msg)
{
    part *p = state;
    const act *todo = tr_as(act, msg);
    if (todo == NULL) {
        return p->receive != NULL ? p->receive(self, p->arg, msg) : TR_EUNHANDLED;
    }
    tr_err_t err = ((act_fn)(uintptr_t)todo->fn)(self, (void *)(uintptr_t)todo->arg);
    if (err == TR_OK) {
        tr_err_t answered = tr_reply(self, TR_MSG(acted));
        return answered == TR_EALREADY ? TR_OK : answered;
    }
    return err;
}

static inline void
puppet_stop(tr_self *self, void *state, tr_err_t reason)
{
    part *p = state;
    if (p->stop != NULL) {
        p->stop(self, p->arg, reason);
    }
}

static const tr_behavior_t puppet = {
    .name = "puppet",
    .state_size = sizeof(part),
    .start = puppet_start,
    .receive = puppet_receive,
    .stop = puppet_stop,
};

// One without a start handler: its spawn never waits.
static const tr_behavior_t plain_puppet = {
    .name = "plain",
    .state_size = sizeof(part),
    .receive = puppet_receive,
};

// A message type for whatever a test needs to number.
#define NUMBER(F, T) F(T, u64, value)
TR_MESSAGE(number, NUMBER);
#define LUMP(F, T) F(T, bytes, data)
TR_MESSAGE(lump, LUMP);

#define ACT_MSG(f, a)                                                                              \
    TR_MSG(act, .fn = (uint64_t)(uintptr_t)(act_fn)(f), .arg = (uint64_t)(uintptr_t)(a))

// Spawn options of a puppet, from the part that it plays (NULL for none) and other fields.
#define PUPPET(p) PUPPET_WITH(p, .name = NULL)
#define PUPPET_WITH(p, ...)                                                                        \
    (&(tr_spawn_opts_t){.behavior = &puppet,                                                       \
                        .arg = (p),                                                                \
                        .arg_size = (const part *)(p) != NULL ? sizeof(part) : 0,                  \
                        __VA_ARGS__})

static inline tr_ref_t
troupe_puppet(tr_runtime *rt, const part *p)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, PUPPET(p), &ref));
    return ref;
}

// Run fn(self, arg) inside a puppet and wait until it has; the error of the call otherwise.
static inline tr_err_t
troupe_act(tr_runtime *rt, tr_ref_t who, act_fn fn, void *arg)
{
    return tr_runtime_call(rt, who, ACT_MSG(fn, arg), TR_REPLY_NONE, tr_seconds(TROUPE_PATIENCE_S));
}

// The same without waiting.
static inline tr_err_t
troupe_prompt(tr_runtime *rt, tr_ref_t who, act_fn fn, void *arg)
{
    return tr_runtime_send(rt, who, ACT_MSG(fn, arg), tr_seconds(TROUPE_PATIENCE_S));
}

// Its address has ended.
static inline bool
troupe_is_gone(tr_runtime *rt, tr_ref_t who)
{
    return tr_runtime_send(rt, who, TR_MSG(acted), tr_ms(0)) == TR_EDEAD;
}

#endif
