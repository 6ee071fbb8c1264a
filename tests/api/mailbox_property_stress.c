// mailbox_property_stress.c: random operations on one mailbox, and on the model of it.
//
// One worker runs it all: the subject whose mailbox it is, a gate that holds the subject in each of
// its handlers, people who send, its keeper, and a clerk who tells when everything has come to
// rest. Every operation goes to rest before the next one, so nothing is left to chance.
#include <assert.h>

#include "mailbox_model.h"
#include "property.h"
#include "troupe_test.h"

#ifndef MAILBOX_RUNS
#define MAILBOX_RUNS 6000
#endif

TestSuite(mailbox, .timeout = 280);

#define ITEM(F, T) F(T, u32, number) F(T, bytes, data)
TR_MESSAGE(item, ITEM);
#define ITEM_CHARGE 72 // what one without data takes of a bound in bytes
#define SIZE_UNIT   8

typedef enum deed_kind { DEED_SEND, DEED_HIGH, DEED_TRY, DEED_CALL, DEED_LATE } deed_kind;

// What one of the people is told to do.
typedef struct deed {
    deed_kind kind;
    uint32_t number;
    uint32_t size;
    tr_err_t err;
    bool is_over;
} deed;

// Written by the one worker, and read here when all is at rest.
static struct stage {
    tr_runtime *rt;
    tr_ref_t subject, gate, keeper, clerk;
    tr_ref_t people[MODEL_PEOPLE], watched[MODEL_WATCHED];
    deed deeds[MODEL_PEOPLE];
    uint32_t downs_sent;
    tr_token *token; // the gate's, while it holds the subject
    uint32_t log[MODEL_LOG];
    uint32_t log_count;
    tr_err_t stash_err;
    uint32_t numbers; // given to messages so far
    tr_ledger_t before, overhead;
    tr_spawn_opts_t opts;
} stage;

static model expected;
static const char data[MODEL_LOG];

// ---- the subject and its gate -------------------------------------------------------------------

static tr_err_t
subject_start(tr_self *self, void *state, const void *arg)
{
    (void)state;
    (void)arg;
    tr_err_t err = TR_OK;
    for (uint32_t i = stage.downs_sent; i < MODEL_WATCHED && err == TR_OK; i++) {
        tr_monitor_t monitor;
        err = tr_monitor(self, stage.watched[i], &monitor);
    }
    return err;
}

static uint32_t
number_of(const tr_message *msg)
{
    const item *i = tr_as(item, msg);
    const tr_down *down = tr_as(tr_down, msg);
    for (uint32_t w = 0; down != NULL && w < MODEL_WATCHED; w++) {
        if (tr_ref_equal(down->actor, stage.watched[w])) {
            return MODEL_DOWN + w;
        }
    }
    return i != NULL ? i->number : 0;
}

static tr_err_t
subject_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const number *told;
    stage.log[stage.log_count++ % MODEL_LOG] = number_of(msg);
    tr_err_t err =
        tr_call(self, stage.gate, TR_MSG(number, .value = 0), TR_REPLY(number, &told), TR_FOREVER);
    if (err != TR_OK) {
        return err;
    }
    switch ((model_how)told->value) {
    case MODEL_STASH:
        stage.stash_err = tr_stash(self);
        return TR_OK;
    case MODEL_UNHANDLED:
        return TR_EUNHANDLED;
    case MODEL_FAIL:
        return TR_EIO;
    case MODEL_UNSTASH:
        tr_unstash_all(self);
        break;
    case MODEL_OK:
        break;
    }
    return tr_reply(self, TR_MSG(number, .value = number_of(msg)));
}

static const tr_behavior_t subject_behavior = {
    .name = "subject", .start = subject_start, .receive = subject_receive};

static tr_err_t
gate_receive(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    return tr_as(number, msg) != NULL ? tr_defer(self, &stage.token) : TR_EUNHANDLED;
}

static tr_err_t
open_gate(tr_self *self, void *how)
{
    tr_token *token = stage.token;
    stage.token = NULL;
    return tr_token_reply(self, token, TR_MSG(number, .value = *(model_how *)how));
}

// ---- the others ---------------------------------------------------------------------------------

static tr_err_t
do_deed(tr_self *self, void *arg)
{
    deed *d = arg;
    const number *answer = NULL;
    const item value = {.number = d->number, .data = tr_bytes(data, d->size)};
    switch (d->kind) {
    case DEED_SEND:
        d->err = tr_send(self, stage.subject, &item_type, &value);
        break;
    case DEED_HIGH:
        d->err = tr_send_high(self, stage.subject, &item_type, &value);
        break;
    case DEED_TRY:
        d->err = tr_try_send(self, stage.subject, &item_type, &value);
        break;
    case DEED_CALL:
    case DEED_LATE:
        d->err = tr_call(self, stage.subject, &item_type, &value, TR_REPLY(number, &answer),
                         d->kind == DEED_LATE ? tr_ms(0) : TR_FOREVER);
        if (d->err == TR_OK && answer->value != d->number) {
            d->err = TR_EFAULT;
        }
    }
    d->is_over = true;
    return TR_OK;
}

// Yield until nobody else had a turn meanwhile, twice: who was woken from outside while this turn
// began stands in the queue only after the first yield.
static tr_err_t
come_to_rest(tr_self *self, void *arg)
{
    tr_stats_t before, after;
    (void)arg;
    for (int quiet = 0; quiet < 2;) {
        tr_runtime_stats(stage.rt, &before);
        tr_err_t err = tr_yield(self);
        if (err != TR_OK) {
            return err;
        }
        tr_runtime_stats(stage.rt, &after);
        quiet = after.turns == before.turns + 1 ? quiet + 1 : 0;
    }
    return TR_OK;
}

static tr_err_t
raise_subject(tr_self *self, void *arg)
{
    (void)arg;
    return tr_spawn(self, &stage.opts, &stage.subject);
}

static tr_err_t
restart_subject(tr_self *self, void *arg)
{
    (void)arg;
    return tr_restart(self, stage.subject);
}

static tr_err_t
stop_subject(tr_self *self, void *arg)
{
    (void)arg;
    return tr_stop(self, stage.subject);
}

static tr_err_t
keeper_receive(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

// ---- directing them -----------------------------------------------------------------------------

static tr_err_t
direct(tr_ref_t who, act_fn fn, void *arg)
{
    stage.overhead.accepted += 2;
    stage.overhead.handled += 2;
    return troupe_act(stage.rt, who, fn, arg);
}

static tr_err_t
rest(void)
{
    return direct(stage.clerk, come_to_rest, NULL);
}

// Every size is a multiple of eight: some bounds are filled exactly, some are a byte too small.
static uint64_t
bytes_of(uint32_t arg)
{
    return arg == 0 ? 1u << 20 : 64 + 32 * arg - (arg % 2 == 0);
}

static void
begin(const property_op *open)
{
    stage = (struct stage){.rt = troupe_begin(1)};
    expected = (model){.policy = (tr_full_policy_t)open->args[0],
                       .bound_count = 1 + open->args[1],
                       .bound_bytes = bytes_of(open->args[2])};
    stage.opts = (tr_spawn_opts_t){.behavior = &subject_behavior,
                                   .mailbox_count = expected.bound_count,
                                   .mailbox_bytes = (size_t)expected.bound_bytes,
                                   .full = expected.policy,
                                   .after_exit = TR_AFTER_EXIT_HOLD};
    stage.clerk = troupe_puppet(stage.rt, NULL);
    stage.gate = troupe_puppet(stage.rt, &(part){.receive = gate_receive});
    stage.keeper = troupe_puppet(stage.rt, &(part){.receive = keeper_receive});
    for (int i = 0; i < MODEL_PEOPLE; i++) {
        stage.people[i] = troupe_puppet(stage.rt, NULL);
        stage.deeds[i].is_over = true;
    }
    for (int i = 0; i < MODEL_WATCHED; i++) {
        stage.watched[i] = troupe_puppet(stage.rt, NULL);
    }
    assert_ok(troupe_act(stage.rt, stage.keeper, raise_subject, NULL));
    assert_ok(rest());
    troupe_expect_balance(stage.rt);
    stage.before = troupe_ledger(stage.rt);
    stage.overhead = (tr_ledger_t){.accepted = 0};
}

static void
end(void)
{
    tr_runtime_kill(stage.rt);
    tr_runtime_destroy(stage.rt);
}

// ---- the operations -----------------------------------------------------------------------------

enum {
    OPEN,
    SEND,
    HIGH,
    TRY,
    CALL,
    LATE,
    RELEASE,
    STASH,
    UNSTASH,
    UNHANDLED,
    FAIL,
    RESTART,
    DOWN,
    STOP
};

// Who, how much data, how often less one.
#define SIZES 60
static const property_kind kinds[] = {
    [OPEN] = {.name = "open policy, count - 1, bytes", .args = 3, .below = {4, 12, 20}},
    [SEND] = {.name = "send", .weight = 12, .args = 3, .below = {MODEL_PEOPLE + 1, SIZES, 6}},
    [HIGH] = {.name = "send_high", .weight = 10, .args = 3, .below = {MODEL_PEOPLE, SIZES, 9}},
    [TRY] = {.name = "try_send", .weight = 5, .args = 2, .below = {MODEL_PEOPLE, SIZES}},
    [CALL] = {.name = "call", .weight = 8, .args = 2, .below = {MODEL_PEOPLE, SIZES}},
    [LATE] = {.name = "call without time",
              .weight = 2,
              .args = 2,
              .below = {MODEL_PEOPLE + 1, SIZES}},
    [RELEASE] = {.name = "release, less one", .weight = 15, .args = 1, .below = {6}},
    [STASH] = {.name = "stash", .weight = 10},
    [UNSTASH] = {.name = "unstash all", .weight = 4},
    [UNHANDLED] = {.name = "do not handle", .weight = 2},
    [FAIL] = {.name = "fail", .weight = 3},
    [RESTART] = {.name = "restart", .weight = 8},
    [DOWN] = {.name = "end one that is watched", .weight = 3},
    [STOP] = {.name = "stop", .weight = 1},
};

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define DIFFERS(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

static bool
same_err(trouble t, const char *what, tr_err_t got, tr_err_t wanted)
{
    return got == wanted || DIFFERS(t, "%s: %s, not %s", what, tr_errname(got), tr_errname(wanted));
}

// What the model says is what is there.
static bool
same(trouble t)
{
    if (!same_err(t, "coming to rest", rest(), TR_OK)) {
        return false;
    }
    for (uint32_t i = 0; i < stage.log_count && i < expected.log_count; i++) {
        if (stage.log[i] != expected.log[i]) {
            return DIFFERS(t, "taken as number %u: %u, not %u", i + 1, stage.log[i],
                           expected.log[i]);
        }
    }
    if (stage.log_count != expected.log_count) {
        return DIFFERS(t, "%u are taken, not %u", stage.log_count, expected.log_count);
    }
    for (uint32_t i = 0; i < MODEL_PEOPLE; i++) {
        const deed *d = &stage.deeds[i];
        if (d->is_over == expected.people[i].is_busy) {
            return DIFFERS(t, "person %u, message %u: %s", i, d->number,
                           d->is_over ? tr_errname(d->err) : "waits");
        }
        if (d->is_over && !same_err(t, "a person", d->err, expected.people[i].err)) {
            return false;
        }
    }
    uint64_t queued = troupe_ledger(stage.rt).queued;
    if (queued != model_queued(&expected)) {
        return DIFFERS(t, "%" PRIu64 " are queued, not %u", queued, model_queued(&expected));
    }
    return same_err(t, "stash", stage.stash_err, expected.stash_err);
}

static bool
would_wait(const model_msg *msg)
{
    return expected.policy == TR_SUSPEND && expected.phase != MODEL_GONE &&
           msg->charge <= expected.bound_bytes &&
           (expected.rooms.count > 0 || !model_fits(&expected, msg->charge));
}

// One message whose deadline has passed may be in the mailbox, and only when nobody waits: a turn
// that takes several messages could be interrupted, and then who waits might be served earlier.
static bool
is_left_to_chance(const model_msg *msg, deed_kind kind)
{
    if (kind != DEED_LATE) {
        return model_has_late(&expected) && kind != DEED_TRY && would_wait(msg);
    }
    bool is_idle = expected.phase == MODEL_RUNNING && !expected.has_in_hand;
    return model_has_late(&expected) || is_idle;
}

static tr_err_t
from_outside(const model_msg *msg, uint32_t size, deed_kind kind)
{
    const item value = {.number = msg->number, .data = tr_bytes(data, size)};
    return kind == DEED_LATE
               ? tr_runtime_call(stage.rt, stage.subject, &item_type, &value, TR_REPLY_NONE,
                                 tr_ms(0))
               : tr_runtime_send(stage.rt, stage.subject, &item_type, &value, tr_ms(0));
}

// Until the deadline of a call without time has passed: it is rounded up to 1024 ns.
static void
let_deadline_pass(void)
{
    int64_t until = troupe_now_ns() + 4096;
    while (troupe_now_ns() < until) {
    }
}

static bool
post(trouble t, deed_kind kind, uint32_t who, uint32_t size)
{
    size *= SIZE_UNIT;
    model_msg msg = {.number = stage.numbers + 1,
                     .charge = ITEM_CHARGE + size,
                     .from = who,
                     .is_high = kind == DEED_HIGH,
                     .is_call = kind == DEED_CALL || kind == DEED_LATE,
                     .is_late = kind == DEED_LATE};
    bool is_busy = who != MODEL_OUTSIDE && expected.people[who].is_busy;
    if (is_busy || is_left_to_chance(&msg, kind)) {
        return true;
    }
    stage.numbers++;
    bool may_wait = who != MODEL_OUTSIDE && kind != DEED_TRY && kind != DEED_LATE;
    tr_err_t err = model_offer(&expected, msg, kind != DEED_TRY, may_wait);
    if (err == TR_OK && kind == DEED_LATE) {
        err = TR_ETIMEOUT;
    }
    if (who == MODEL_OUTSIDE) {
        if (!same_err(t, "a thread", from_outside(&msg, size, kind), err)) {
            return false;
        }
    } else {
        bool waits = err == MODEL_WAITS || (err == TR_OK && kind == DEED_CALL);
        model_over(&expected, who, err);
        expected.people[who].is_busy = waits;
        stage.deeds[who] = (deed){.kind = kind, .number = msg.number, .size = size};
        stage.overhead.accepted++;
        stage.overhead.handled++;
        assert_ok(troupe_prompt(stage.rt, stage.people[who], do_deed, &stage.deeds[who]));
    }
    if (kind == DEED_LATE) {
        let_deadline_pass();
    }
    model_rest(&expected);
    return same(t);
}

static bool
finish(trouble t, model_how how)
{
    if (!expected.has_in_hand) {
        return true;
    }
    tr_err_t err = direct(stage.gate, open_gate, &how);
    model_finish(&expected, how);
    return same_err(t, "the gate", err, TR_OK) && same(t);
}

static bool
stop(trouble t)
{
    if (expected.phase == MODEL_GONE) {
        return true;
    }
    tr_err_t err = direct(stage.keeper, stop_subject, NULL);
    model_stop(&expected);
    return same_err(t, "a stop", err, TR_OK) && same(t);
}

static bool
end_watched(trouble t)
{
    uint32_t which = stage.downs_sent;
    if (which == MODEL_WATCHED) {
        return true;
    }
    stage.downs_sent++;
    tr_err_t err = direct(stage.watched[which], leave, NULL);
    model_down(&expected);
    return same_err(t, "leaving", err, TR_OK) && same(t);
}

static bool
restart(trouble t)
{
    if (expected.phase != MODEL_HELD) {
        return true;
    }
    tr_err_t err = direct(stage.keeper, restart_subject, NULL);
    model_restart(&expected);
    return same_err(t, "a restart", err, TR_OK) && same(t);
}

static bool
post_often(trouble t, deed_kind kind, const property_op *op)
{
    for (uint32_t i = 0; i <= op->args[2]; i++) {
        if (!post(t, kind, op->args[0], op->args[1])) {
            return false;
        }
    }
    return true;
}

static bool
release(trouble t, uint32_t count)
{
    while (count-- > 0) {
        if (!finish(t, MODEL_OK)) {
            return false;
        }
    }
    return true;
}

static bool
operate(trouble t, const property_op *op)
{
    switch (op->code) {
    case SEND:
        return post_often(t, DEED_SEND, op);
    case HIGH:
        return post_often(t, DEED_HIGH, op);
    case TRY:
        return post(t, DEED_TRY, op->args[0], op->args[1]);
    case CALL:
        return post(t, DEED_CALL, op->args[0], op->args[1]);
    case LATE:
        return post(t, DEED_LATE, op->args[0], op->args[1]);
    case RELEASE:
        return release(t, 1 + op->args[0]);
    case STASH:
        return finish(t, MODEL_STASH);
    case UNSTASH:
        return finish(t, MODEL_UNSTASH);
    case UNHANDLED:
        return finish(t, MODEL_UNHANDLED);
    case FAIL:
        return finish(t, MODEL_FAIL);
    case RESTART:
        return restart(t);
    case DOWN:
        return end_watched(t);
    case STOP:
        return stop(t);
    default:
        return true;
    }
}

// The whole ledger, to the last message: what the model predicts and what directing it took.
static bool
same_ledger(trouble t)
{
    static const char *const names[] = {"accepted", "handled",  "failed",    "expired", "dropped",
                                        "dead",     "returned", "discarded", "queued"};
    tr_ledger_t got = {.accepted = 0};
    uint64_t now[9], before[9], overhead[9], wanted[9];
    memcpy(before, &stage.before, sizeof before);
    memcpy(overhead, &stage.overhead, sizeof overhead);
    memcpy(wanted, &expected.ledger, sizeof wanted);
    troupe_expect_balance(stage.rt); // the last answer may be under way
    got = troupe_ledger(stage.rt);
    memcpy(now, &got, sizeof now);
    for (int i = 0; i < 9; i++) {
        if (now[i] - before[i] != overhead[i] + wanted[i]) {
            return DIFFERS(t, "the ledger: %" PRIu64 " %s, not %" PRIu64,
                           now[i] - before[i] - overhead[i], names[i], wanted[i]);
        }
    }
    return true;
}
static_assert(sizeof(tr_ledger_t) == 9 * sizeof(uint64_t), "every number of it has a name");

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    trouble t = {.why = why, .size = why_size};
    bool is_same = true;
    begin(&ops[0]);
    for (size_t i = 1; i < count && is_same; i++) {
        is_same = operate(t, &ops[i]);
    }
    is_same = is_same && stop(t) && same_ledger(t);
    end();
    return is_same;
}

static const property mailbox_property = {
    .name = "mailbox",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .has_opening = true,
    .ops_max = 40,
    .runs = MAILBOX_RUNS,
    .run = play,
};

Test(mailbox, does_what_the_model_says_whatever_is_done_to_it)
{
    PROPERTY_HOLDS(&mailbox_property);
}
