// mpsc_property_stress.c: random operations on a channel, and on the model of it.
//
// One thread does it all: as itself, or in the other property with a puppet that has half of the
// sending ends, at times the receiving one, and the permits. Each operation comes to rest before
// the next one, so nothing is left to chance. The receiving end moves through a second channel, the
// post, and sending ends through the channel itself.
#include <assert.h>

#include "mpsc_stage.h"
#include "property.h"

#ifndef MPSC_RUNS
#define MPSC_RUNS 6000
#endif

TestSuite(mpsc_property, .timeout = 280);

enum {
    OPEN,
    SEND,
    ADDRESS,
    HIGH,
    LATE,
    CRATE_SEND,
    RECV,
    CLOSE_TX,
    CLONE,
    SHUT,
    CLOSE_RX,
    MOVE_RX,
    FETCH_RX,
    DROP_RX,
    RESERVE,
    PERMIT_SEND,
    PERMIT_RELEASE,
};

static const property_kind kinds[] = {
    [OPEN] = {.name = "open (policy, count - 1, bytes)",
              .weight = 2,
              .args = 3,
              .below = {4, 6, 6}},
    [SEND] = {.name = "send (by, size, more)", .weight = 12, .args = 3, .below = {4, 16, 4}},
    [ADDRESS] = {.name = "send by address (size)", .weight = 4, .args = 1, .below = {16}},
    [HIGH] = {.name = "send high (size, more)", .weight = 4, .args = 2, .below = {8, 10}},
    [LATE] = {.name = "call in vain (size)", .weight = 2, .args = 1, .below = {4}},
    [CRATE_SEND] = {.name = "send an end (which, by)", .weight = 3, .args = 2, .below = {4, 4}},
    [RECV] = {.name = "receive (more, waits, takes)", .weight = 12, .args = 3, .below = {5, 2, 2}},
    [CLOSE_TX] = {.name = "close a sender (which)", .weight = 3, .args = 1, .below = {4}},
    [CLONE] = {.name = "open a sender (which)", .weight = 5, .args = 1, .below = {4}},
    [SHUT] = {.name = "shut", .weight = 1},
    [CLOSE_RX] = {.name = "close the receiver", .weight = 1},
    [MOVE_RX] = {.name = "send the receiver away", .weight = 2},
    [FETCH_RX] = {.name = "fetch the receiver (who)", .weight = 3, .args = 1, .below = {2}},
    [DROP_RX] = {.name = "drop the receiver on its way", .weight = 1},
    [RESERVE] = {.name = "reserve (places - 1)", .weight = 3, .args = 1, .below = {4}},
    [PERMIT_SEND] = {.name = "send with the permit", .weight = 4},
    [PERMIT_RELEASE] = {.name = "give the permit back", .weight = 2},
};

// ---- operations

static tr_err_t
as_end(tr_err_t err)
{
    return err == TR_EDEAD ? TR_ECLOSED : err;
}

// Where it fits, others that gave up a moment ago may be in the way, for a moment.
static tr_duration_t
time_for(int who, tr_err_t wanted)
{
    bool waits = expected.policy == TR_SUSPEND && wanted == TR_ETIMEOUT;
    return !waits ? TR_FOREVER : who == THREAD || !has_puppet ? tr_ms(0) : tr_us(1);
}

static model_msg
next_item(uint32_t size, bool is_high)
{
    return (model_msg){
        .number = ++stage.numbers, .charge = ITEM_CHARGE + size * 8, .is_high = is_high};
}

static bool
send_item(trouble t, uint32_t end, uint32_t size)
{
    if (stage.tx[end] == NULL) {
        return true;
    }
    model_msg msg = next_item(size, false);
    item value = {.number = msg.number, .data = tr_bytes(data, size * 8)};
    tr_err_t wanted = stage.is_old[end] ? TR_ECLOSED : as_end(model_send(&expected, msg));
    deed d = {.fn = deed_send,
              .tx = stage.tx[end],
              .type = &item_type,
              .value = &value,
              .timeout = time_for(owner_of(end), wanted)};
    return same_err(t, "send", by(owner_of(end), &d), wanted);
}

static bool
send_by_address(trouble t, uint32_t size)
{
    model_msg msg = next_item(size, false);
    item value = {.number = msg.number, .data = tr_bytes(data, size * 8)};
    tr_err_t wanted = model_send(&expected, msg);
    tr_err_t err =
        tr_runtime_send(stage.rt, stage.ref, &item_type, &value, time_for(THREAD, wanted));
    return same_err(t, "send by address", err, wanted);
}

static bool
send_high(trouble t, uint32_t size)
{
    model_msg msg = next_item(size, true);
    bool would_wait = expected.policy == TR_SUSPEND && !model_is_closed(&expected) &&
                      !model_fits(&expected, 1, msg.charge) && msg.charge <= expected.bound_bytes;
    if (!has_puppet || would_wait) {
        return true;
    }
    item value = {.number = msg.number, .data = tr_bytes(data, size * 8)};
    tr_err_t wanted = model_send(&expected, msg);
    deed d = {.fn = deed_high, .type = &item_type, .value = &value};
    return same_err(t, "send high", by(ACTOR, &d), wanted);
}

// A call without time is queued, and late as soon as its deadline, rounded up, has passed.
static bool
call_in_vain(trouble t, uint32_t size)
{
    model_msg msg = next_item(size, false);
    msg.is_late = true;
    bool would_wait = expected.policy == TR_SUSPEND && !model_fits(&expected, 1, msg.charge);
    if (would_wait) {
        return true;
    }
    item value = {.number = msg.number, .data = tr_bytes(data, size * 8)};
    tr_err_t wanted = model_send(&expected, msg);
    tr_err_t err =
        tr_runtime_call(stage.rt, stage.ref, &item_type, &value, TR_REPLY_NONE, tr_ms(0));
    for (int64_t until = troupe_now_ns() + 4096; troupe_now_ns() < until;) {
    }
    return same_err(t, "call", err, wanted == TR_OK ? TR_ETIMEOUT : wanted);
}

// An end goes into its own channel, sent by that end or another of the same owner.
static bool
send_end(trouble t, uint32_t which, uint32_t sender)
{
    bool may = stage.tx[which] != NULL && stage.tx[sender] != NULL && !stage.is_old[which] &&
               !stage.is_old[sender] && owner_of(which) == owner_of(sender);
    if (!may) {
        return true;
    }
    model_msg msg = {.number = ++stage.numbers, .charge = CRATE_CHARGE, .has_end = true};
    crate value = {.number = msg.number, .tx = stage.tx[which]};
    tr_err_t wanted = as_end(model_send(&expected, msg));
    deed d = {.fn = deed_send,
              .tx = stage.tx[sender],
              .type = &crate_type,
              .value = &value,
              .timeout = time_for(owner_of(sender), wanted)};
    tr_err_t err = by(owner_of(sender), &d);
    if (err == TR_OK) {
        stage.tx[which] = NULL;
    }
    return same_err(t, "send an end", err, wanted);
}

static bool
free_end(int owner, uint32_t *out)
{
    for (uint32_t i = 0; i < MODEL_ENDS; i++) {
        if (stage.tx[i] == NULL && owner_of(i) == owner) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool
recv_one(trouble t, bool waits, bool takes)
{
    if (stage.rx == NULL) {
        return true;
    }
    uint32_t end = 0;
    takes = takes && free_end(stage.holder, &end);
    model_msg msg = {.number = 0};
    tr_err_t wanted = model_recv(&expected, &msg);
    deed d = {.fn = deed_recv, .timeout = waits ? tr_us(20) : tr_ms(0), .takes = takes};
    tr_err_t err = by(stage.holder, &d);
    if (!same_err(t, "receive", err, wanted) || err != TR_OK) {
        return err == wanted;
    }
    if (d.number != msg.number) {
        return DIFFERS(t, "received number %" PRIu32 ", not %" PRIu32, d.number, msg.number);
    }
    if (d.had_end && takes) {
        stage.tx[end] = d.tx;
        stage.is_old[end] = false;
    } else if (d.had_end) {
        model_leave(&expected);
    }
    return true;
}

static bool
recv_some(trouble t, const property_op *op)
{
    for (uint32_t i = 0; i <= op->args[0]; i++) {
        if (!recv_one(t, op->args[1] != 0 && i == 0, op->args[2] != 0)) {
            return false;
        }
    }
    return true;
}

static bool
close_tx(uint32_t end)
{
    if (stage.tx[end] != NULL) {
        (void)by(owner_of(end), &(deed){.fn = deed_close_tx, .tx = stage.tx[end]});
        stage.tx[end] = NULL;
        if (!stage.is_old[end]) {
            model_leave(&expected);
        }
    }
    return true;
}

static bool
clone(trouble t, uint32_t end)
{
    if (stage.tx[end] != NULL) {
        return true;
    }
    bool is_open = !model_is_closed(&expected) && expected.senders > 0;
    deed d = {.fn = deed_join};
    tr_err_t err = by(owner_of(end), &d);
    if (err == TR_OK) {
        stage.tx[end] = d.tx;
        stage.is_old[end] = false;
        expected.senders++;
    }
    return same_err(t, "open a sender", err, is_open ? TR_OK : TR_ECLOSED);
}

static void
close_rx(void)
{
    if (stage.rx != NULL) {
        (void)by(stage.holder, &(deed){.fn = deed_close_rx});
        stage.rx = NULL;
        stage.holder = THREAD;
        model_close_rx(&expected);
    }
}

static bool
move_rx(trouble t)
{
    if (stage.rx == NULL) {
        return true;
    }
    tr_err_t err = by(stage.holder, &(deed){.fn = deed_move_rx});
    stage.overhead.accepted++;
    stage.is_on_its_way = true;
    stage.rx = NULL;
    stage.holder = THREAD;
    return same_err(t, "send the receiver", err, TR_OK);
}

static tr_err_t
deed_fetch(tr_self *self, deed *d)
{
    stage.rx = tr_take(self, d->msg, letter, rx);
    return TR_OK;
}

// The puppet takes it out of a message that the thread has in hand and does not touch meanwhile.
static bool
fetch_rx(trouble t, int who, bool takes)
{
    if (!stage.is_on_its_way) {
        return true;
    }
    deed d = {.fn = deed_fetch};
    tr_err_t err = tr_mpsc_recv(TR_OUTSIDE, stage.post_rx, &d.msg, tr_ms(0));
    if (err != TR_OK) {
        return same_err(t, "fetch the receiver", err, TR_OK);
    }
    stage.is_on_its_way = false;
    if (takes) {
        (void)by(who, &d);
        stage.holder = has_puppet ? who : THREAD;
    }
    tr_runtime_release(stage.rt, d.msg);
    stage.overhead.handled++;
    if (!takes) {
        model_close_rx(&expected);
    }
    return true;
}

static bool
reserve(trouble t, uint32_t places)
{
    if (!has_puppet || stage.permit != NULL) {
        return true;
    }
    tr_err_t wanted = model_reserve(&expected, places, ITEM_CHARGE);
    deed d = {.fn = deed_reserve,
              .which = places,
              .timeout = wanted == TR_ETIMEOUT ? tr_ms(0) : TR_FOREVER};
    tr_err_t err = by(ACTOR, &d);
    stage.places = places;
    stage.is_permit_old = false;
    return same_err(t, "reserve", err, wanted);
}

static bool
permit_send(trouble t)
{
    if (stage.permit == NULL) {
        return true;
    }
    model_msg msg = next_item(0, false);
    item value = {.number = msg.number};
    bool is_dead = stage.is_permit_old || expected.is_gone;
    deed d = {.fn = deed_permit_send, .type = &item_type, .value = &value};
    tr_err_t err = by(ACTOR, &d);
    if (!same_err(t, "send with a permit", err, is_dead ? TR_EDEAD : TR_OK)) {
        return false;
    }
    if (!is_dead) {
        expected.places--;
        model_enter(&expected, msg);
        stage.permit = --stage.places == 0 ? NULL : stage.permit;
    }
    return true;
}

static void
permit_release(void)
{
    if (stage.permit != NULL) {
        (void)by(ACTOR, &(deed){.fn = deed_permit_release});
        stage.permit = NULL;
        if (!stage.is_permit_old) {
            expected.places = 0;
        }
    }
}

// ---- one channel after the other

static void
add_ledger(tr_ledger_t *to, const tr_ledger_t *what)
{
    uint64_t sum[9], add[9];
    memcpy(sum, to, sizeof sum);
    memcpy(add, what, sizeof add);
    for (int i = 0; i < 9; i++) {
        sum[i] += add[i];
    }
    memcpy(to, sum, sizeof sum);
}
static_assert(sizeof(tr_ledger_t) == 9 * sizeof(uint64_t), "nine numbers");

// What is left of the channel before stays open, but for its receiver.
static void
leave_channel(void)
{
    if (stage.is_on_its_way) {
        (void)fetch_rx((trouble){.why = NULL}, THREAD, false);
    }
    close_rx();
    add_ledger(&stage.earlier, &expected.ledger);
    stage.is_permit_old = true;
    for (int i = 0; i < MODEL_ENDS; i++) {
        stage.is_old[i] = true;
    }
}

static bool
open_channel(trouble t, const property_op *op)
{
    static const size_t bytes[] = {0, 100, 150, 300, 500, 1000};
    leave_channel();
    (void)close_tx(0);
    expected = (model){.policy = (tr_full_policy_t)op->args[0],
                       .bound_count = op->args[1] + 1,
                       .bound_bytes = op->args[2] == 0 ? 1024 * 1024 : bytes[op->args[2]],
                       .senders = 1};
    tr_mpsc_opts_t opts = {
        .count = expected.bound_count, .bytes = bytes[op->args[2]], .full = expected.policy};
    tr_err_t err = tr_runtime_mpsc_create(stage.rt, &opts, &stage.tx[0], &stage.rx);
    stage.is_old[0] = false;
    stage.holder = THREAD;
    stage.ref = err == TR_OK ? tr_mpsc_ref(stage.tx[0]) : TR_REF_NONE;
    return same_err(t, "open", err, TR_OK);
}

static bool
operate(trouble t, const property_op *op)
{
    bool is_same = true;
    switch (op->code) {
    case OPEN:
        return open_channel(t, op);
    case SEND:
        for (uint32_t i = 0; i <= op->args[2] && is_same; i++) {
            is_same = send_item(t, op->args[0], op->args[1]);
        }
        return is_same;
    case ADDRESS:
        return send_by_address(t, op->args[0]);
    case HIGH:
        for (uint32_t i = 0; i <= op->args[1] && is_same; i++) {
            is_same = send_high(t, op->args[0]);
        }
        return is_same;
    case LATE:
        return call_in_vain(t, op->args[0]);
    case CRATE_SEND:
        return send_end(t, op->args[0], op->args[1]);
    case RECV:
        return recv_some(t, op);
    case CLOSE_TX:
        return close_tx(op->args[0]);
    case CLONE:
        return clone(t, op->args[0]);
    case SHUT:
        if (stage.rx != NULL) {
            (void)by(stage.holder, &(deed){.fn = deed_shut});
            expected.is_shut = true;
        }
        return true;
    case CLOSE_RX:
        close_rx();
        return true;
    case MOVE_RX:
        return move_rx(t);
    case FETCH_RX:
        return fetch_rx(t, (int)op->args[0], true);
    case DROP_RX:
        return fetch_rx(t, THREAD, false);
    case RESERVE:
        return reserve(t, op->args[0] + 1);
    case PERMIT_SEND:
        return permit_send(t);
    case PERMIT_RELEASE:
        permit_release();
        return true;
    default:
        return true;
    }
}

// ---- what is the same after each

static bool
same_state(trouble t)
{
    settle();
    if (stage.rx != NULL && tr_mpsc_count(stage.rx) != model_count(&expected)) {
        return DIFFERS(t, "%" PRIu32 " are there, not %" PRIu32, tr_mpsc_count(stage.rx),
                       model_count(&expected));
    }
    for (int i = 0; i < MODEL_ENDS; i++) {
        bool is_closed = stage.is_old[i] || model_is_closed(&expected);
        if (stage.tx[i] != NULL && tr_mpsc_is_closed(stage.tx[i]) != is_closed) {
            return DIFFERS(t, "sender %d sees it %s", i, is_closed ? "open" : "closed");
        }
    }
    return true;
}

static bool
same_ledger(trouble t)
{
    static const char *const names[] = {"accepted", "handled",  "failed",    "expired", "dropped",
                                        "dead",     "returned", "discarded", "queued"};
    uint64_t now[9], before[9], overhead[9], wanted[9];
    troupe_expect_balance(stage.rt);
    tr_ledger_t got = troupe_ledger(stage.rt);
    memcpy(now, &got, sizeof now);
    memcpy(before, &stage.before, sizeof before);
    memcpy(overhead, &stage.overhead, sizeof overhead);
    memcpy(wanted, &stage.earlier, sizeof wanted);
    for (int i = 0; i < 9; i++) {
        if (now[i] != before[i] + overhead[i] + wanted[i]) {
            return DIFFERS(t, "the ledger: %" PRIu64 " %s, not %" PRIu64,
                           now[i] - before[i] - overhead[i], names[i], wanted[i]);
        }
    }
    return true;
}

static void
begin(void)
{
    stage = (struct stage){.rt = troupe_begin(1)};
    expected = (model){.is_gone = true};
    if (has_puppet) {
        stage.puppet = troupe_puppet(stage.rt, NULL);
    }
    assert_ok(tr_runtime_mpsc_create(stage.rt, &(tr_mpsc_opts_t){.name = "post"}, &stage.post_tx,
                                     &stage.post_rx));
    troupe_expect_balance(stage.rt); // the spawn is over for its parent too
    stage.before = troupe_ledger(stage.rt);
}

static void
end(void)
{
    for (uint32_t i = 0; i < MODEL_ENDS; i++) {
        (void)close_tx(i);
    }
    permit_release();
    tr_mpsc_tx_close(stage.post_tx);
    tr_mpsc_rx_close(stage.post_rx);
    troupe_end(stage.rt);
}

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    trouble t = {.why = why, .size = why_size};
    bool is_same = true;
    begin();
    for (size_t i = 0; i < count && is_same; i++) {
        is_same = operate(t, &ops[i]) && same_state(t);
    }
    leave_channel();
    is_same = is_same && same_ledger(t);
    end();
    return is_same;
}

static const property by_a_thread = {
    .name = "mpsc of a thread",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .has_opening = true,
    .ops_max = 50,
    .runs = MPSC_RUNS,
    .run = play,
};

static const property with_a_puppet = {
    .name = "mpsc with a puppet",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .has_opening = true,
    .ops_max = 50,
    .runs = MPSC_RUNS,
    .run = play,
};

Test(mpsc_property, is_as_the_model_says_whatever_a_thread_does_to_it)
{
    has_puppet = false;
    PROPERTY_HOLDS(&by_a_thread);
}

Test(mpsc_property, is_as_the_model_says_whatever_a_thread_and_an_actor_do_to_it)
{
    has_puppet = true;
    PROPERTY_HOLDS(&with_a_puppet);
}
