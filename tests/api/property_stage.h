// property_stage.h: who holds the ends of a channel that random operations are done with: a thread
// outside and two actors, on one worker, one operation after the other. Ends travel between them,
// get lost on the way, and end with the lives that have them. One runtime serves all runs; what a
// run has put into the ledger is compared at its end.
#ifndef TROUPE_TESTS_API_PROPERTY_STAGE_H
#define TROUPE_TESTS_API_PROPERTY_STAGE_H

#include "ends.h"
#include "property.h"

enum { OUTSIDE, ACTOR_A, ACTOR_B, HOLDERS };

// Where a move goes: to a holder; to one that leaves it in the message; to one that is dead.
enum { TO_BIN = HOLDERS, TO_DEAD, DESTINATIONS };

static struct {
    tr_runtime *rt;
    tr_ref_t actors[HOLDERS]; // [OUTSIDE] is none
    tr_ref_t bin, dead;
    bag moved; // what arrived last
    tr_ledger_t before;
} stage;

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define WRONG(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

// True when it is so; otherwise `why` says what was found.
#define SAME(t, what, got, expected)                                                               \
    ((uint64_t)(got) == (uint64_t)(expected) ||                                                    \
     WRONG(t, "%s: %llu, expected %llu", what, (unsigned long long)(got),                          \
           (unsigned long long)(expected)))
#define SAME_ERR(t, what, got, expected)                                                           \
    ((got) == (expected) ||                                                                        \
     WRONG(t, "%s: %s, expected %s", what, tr_errname(got), tr_errname(expected)))

// ---- acts by whoever holds an end

// Do it where the end is; what came of it is in `arg`.
static inline void
on(uint32_t holder, act_fn fn, void *arg)
{
    tr_err_t err = holder == OUTSIDE ? fn(TR_OUTSIDE, arg)
                                     : troupe_act(stage.rt, stage.actors[holder], fn, arg);
    cr_assert(err == TR_OK, "an act fails: %s", tr_errname(err));
}

static inline tr_err_t
leave_in(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(carry, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static inline uint64_t
actors_now(void)
{
    tr_stats_t stats;
    tr_runtime_stats(stage.rt, &stats);
    return stats.actors;
}

static inline tr_ref_t
new_actor(void)
{
    part role = {.receive = take_bag, .arg = &stage.moved};
    return troupe_puppet(stage.rt, &role);
}

// The life of an actor ends, with all that it holds; another takes its part.
static inline void
end_actor(uint32_t who, bool by_crash)
{
    uint64_t before = actors_now();
    tr_err_t err = troupe_act(stage.rt, stage.actors[who], by_crash ? return_eio : leave, NULL);
    cr_assert(err == (by_crash ? TR_ECRASHED : TR_OK));
    TROUPE_EVENTUALLY(actors_now() == before - 1);
    stage.actors[who] = new_actor();
}

// ---- moving an end

typedef struct sending {
    tr_ref_t to;
    bag bag;
    tr_err_t err;
} sending;

static inline tr_err_t
do_send(tr_self *self, void *arg)
{
    sending *s = arg;
    s->err = self != NULL ? tr_send(self, s->to, &carry_type, &s->bag)
                          : tr_runtime_send(stage.rt, s->to, &carry_type, &s->bag, TR_FOREVER);
    return TR_OK;
}

static inline tr_err_t
send_back(tr_self *self, void *arg)
{
    return tr_reply(self, &carry_type, arg);
}

static inline void
fetch(uint32_t from, bag b)
{
    const tr_message *msg;
    assert_ok(tr_runtime_call(stage.rt, stage.actors[from], ACT_MSG(send_back, &b),
                              TR_REPLY_ANY(&msg), tr_seconds(TROUPE_PATIENCE_S)));
    take_all(TR_OUTSIDE, msg, &stage.moved);
    tr_runtime_release(stage.rt, msg);
}

// True: it is with `to` now, in stage.moved. False: it is gone (TO_BIN), or where it was (TO_DEAD).
static inline bool
move(uint32_t from, uint32_t to, bag b)
{
    sending s = {.bag = b};
    stage.moved = b;
    if (to == OUTSIDE && from != OUTSIDE) {
        fetch(from, b);
    } else if (to != OUTSIDE) {
        s.to = to == TO_BIN ? stage.bin : to == TO_DEAD ? stage.dead : stage.actors[to];
        on(from, do_send, &s);
        cr_assert(s.err == (to == TO_DEAD ? TR_EDEAD : TR_OK));
    }
    if (to != OUTSIDE && to != TO_DEAD) {
        assert_ok(troupe_act(stage.rt, s.to, do_nothing, NULL)); // it has arrived
    }
    return to < HOLDERS;
}

// ---- the stage

static inline void
stage_open(void)
{
    part leaves_in = {.receive = leave_in};
    memset(&stage, 0, sizeof stage);
    stage.rt = troupe_begin(1);
    stage.actors[ACTOR_A] = new_actor();
    stage.actors[ACTOR_B] = new_actor();
    stage.bin = troupe_puppet(stage.rt, &leaves_in);
    stage.dead = troupe_puppet(stage.rt, NULL);
    assert_ok(troupe_act(stage.rt, stage.dead, leave, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(stage.rt, stage.dead));
}

static inline void
stage_close(void)
{
    troupe_end(stage.rt);
}

static inline void
stage_begin_run(void)
{
    troupe_expect_balance(stage.rt);
    stage.before = troupe_ledger(stage.rt);
}

// Every message is accounted for, and so many in these ways.
static inline bool
stage_end_run(trouble t, uint64_t dropped, uint64_t discarded, uint64_t returned)
{
    troupe_expect_balance(stage.rt);
    tr_ledger_t now = troupe_ledger(stage.rt);
    return SAME(t, "queued in the end", now.queued, 0) &&
           SAME(t, "dropped", now.dropped - stage.before.dropped, dropped) &&
           SAME(t, "discarded", now.discarded - stage.before.discarded, discarded) &&
           SAME(t, "returned", now.returned - stage.before.returned, returned);
}

#endif
