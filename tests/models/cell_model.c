// cell_model.c: runtime/actor/cell.h, where the two ends of a oneshot meet.
//
// The cell is the runtime's own. Who waits does what park.c does with it: says whom to nudge,
// looks, sleeps, looks again after every nudge, and forgets. A nudge is a step that orders no
// memory, which is less than the runtime's: the cell has to bring all order that it needs. The
// checks: a message has one owner and both sides agree who, nobody sleeps through what he waits
// for, and the cell is freed once, when both are done with it.
#include "model.h"

#include "actor/cell.h"

#include <string.h>

#define CONTENTS 42u
#define IS_GONE  0xdeadu

// The scenario's own words. NUDGED and one more: of the receiver, of the sender.
enum { NUDGED, NUDGED_SENDER, RECEIVED, KEPT, FREED };
enum { SENDER, RECEIVER };

static tri_cell cell;
static tri_actor receiver, sender;
static tr_message message;

// ---- what cell.h stands on

void
tri_actor_nudge(tri_worker *here, tri_actor *to)
{
    (void)here;
    model_step(to, "nudges", NULL, NULL);
    model_set(to == &receiver ? NUDGED : NUDGED_SENDER, 1);
}

// ---- the threads

static void
setup(void)
{
    static const char *const state_flags[] = {"full", "left", "?"};
    tri_cell_init(&cell);
    memset(&message, 0, sizeof message);
    model_name(&cell, sizeof cell, "the cell");
    model_name(&cell.state, sizeof cell.state, "the state");
    model_flags(&cell.state, state_flags);
    model_name(&cell.holders, sizeof cell.holders, "the holders");
    model_name(&cell.message, sizeof cell.message, "the cell's message");
    model_name(&cell.receiver_waits, sizeof cell.receiver_waits, "whom to nudge when full");
    model_name(&cell.sender_waits, sizeof cell.sender_waits, "whom to nudge when left");
    model_name(&message, sizeof message, "the message");
    model_name(&receiver, sizeof receiver, "the receiver");
    model_name(&sender, sizeof sender, "the sender");
}

static uint32_t
look(void)
{
    if (model_is_mutant("look-only-loads")) {
        return atomic_load_explicit(&cell.state, memory_order_acquire);
    }
    return tri_cell_look(&cell);
}

typedef struct sleeper {
    unsigned nudged; // which word
    bool may_give_up;
} sleeper;

// Way 0: nudged. Way 1: the deadline.
static unsigned
wakes(void *arg)
{
    const sleeper *s = arg;
    return (model_get(s->nudged) != 0 ? 1u : 0u) | (s->may_give_up ? 2u : 0u);
}

// As tri_park: true once the state has this bit, false when given up.
static bool
await(_Atomic(tri_actor *) *waits, tri_actor *who, uint32_t bit, bool may_give_up)
{
    sleeper s = {who == &receiver ? NUDGED : NUDGED_SENDER, may_give_up};
    uint32_t early = model_is_mutant("look-before-saying-whom") ? look() : 0;
    atomic_store_explicit(waits, who, memory_order_relaxed);
    bool is_first = model_is_mutant("look-before-saying-whom");
    bool is_there = ((is_first ? early : look()) & bit) != 0;
    while (!is_there && model_step(who, "sleeps", wakes, &s) == 0) {
        model_set(s.nudged, 0);
        is_there = (look() & bit) != 0;
    }
    atomic_store_explicit(waits, NULL, memory_order_relaxed);
    return is_there;
}

// The second to let go writes where the first has read and written.
static void
let_go(void)
{
    if (tri_cell_let_go(&cell)) {
        cell.message = NULL;
        model_set(FREED, model_get(FREED) + 1);
        model_note("frees the cell");
    }
}

static void
own(const tr_message *msg, unsigned word)
{
    MODEL_CHECK(msg == &message && msg->meta == CONTENTS, "another message than was sent");
    message.meta = IS_GONE; // a second owner would race, or find this
    model_set(word, model_get(word) + 1);
    model_note(word == RECEIVED ? "receives it" : "has it back");
}

static bool
put(void)
{
    message.meta = CONTENTS;
    bool is_taken = tri_cell_put(&cell, NULL, &message);
    if (!is_taken) {
        own(&message, KEPT);
    }
    let_go();
    return is_taken;
}

// As tr_oneshot_close, of one that has not received.
static void
leave(void)
{
    if (tri_cell_shut(&cell, NULL)) {
        own(cell.message, RECEIVED);
    }
    let_go();
}

// Wait for the message, and leave with it; or without, when the deadline comes first.
static void
receive(bool may_give_up)
{
    bool is_there = await(&cell.receiver_waits, &receiver, TRI_CELL_FULL, may_give_up);
    if (is_there) {
        own(cell.message, RECEIVED);
        (void)tri_cell_shut(&cell, NULL);
        let_go();
    } else {
        leave();
    }
}

static void
check(bool all_ended)
{
    MODEL_CHECK(all_ended, "somebody waits, for ever");
    MODEL_CHECK(model_get(FREED) == 1, "freed %d times", model_get(FREED));
    MODEL_CHECK(model_get(RECEIVED) + model_get(KEPT) == 1, "received %d times, kept %d times",
                model_get(RECEIVED), model_get(KEPT));
}

// ---- scenarios

// The receiver waits until the message is there.
static void
run_receive(unsigned thread)
{
    if (thread == SENDER) {
        put();
    } else {
        receive(false);
    }
}

static void
finish_receive(bool all_ended)
{
    check(all_ended);
    MODEL_CHECK(model_get(RECEIVED) == 1, "it was not received");
}

// It leaves while the message comes.
static void
run_shut(unsigned thread)
{
    if (thread == SENDER) {
        bool is_taken = put();
        model_note(is_taken ? "is told: taken" : "is told: not taken");
    } else {
        leave();
    }
}

// It waits, and leaves when it has had enough.
static void
run_give_up(unsigned thread)
{
    if (thread == SENDER) {
        put();
    } else {
        receive(true);
    }
}

// It gives a wait up, and waits again.
static void
run_again(unsigned thread)
{
    if (thread == SENDER) {
        put();
        return;
    }
    (void)await(&cell.receiver_waits, &receiver, TRI_CELL_FULL, true);
    receive(false);
}

// The sender waits until the receiver has left, and sends in vain.
static void
run_unwanted(unsigned thread)
{
    if (thread == SENDER) {
        await(&cell.sender_waits, &sender, TRI_CELL_LEFT, false);
        MODEL_CHECK(!put(), "it is taken by one who has left");
    } else {
        leave();
    }
}

// Both wait for the other, until they have had enough.
static void
run_both(unsigned thread)
{
    if (thread == SENDER) {
        bool is_unwanted = await(&cell.sender_waits, &sender, TRI_CELL_LEFT, true);
        bool is_taken = put();
        MODEL_CHECK(!is_unwanted || !is_taken, "it is taken by one who has left");
    } else {
        receive(true);
    }
}

static const char *const threads[] = {"sender", "receiver", NULL};

static const model_scenario scenarios[] = {
    {"receive", threads, setup, run_receive, finish_receive, NULL, 0},
    {"shut", threads, setup, run_shut, check, NULL, 0},
    {"give-up", threads, setup, run_give_up, check, NULL, 0},
    {"again", threads, setup, run_again, finish_receive, NULL, 0},
    {"unwanted", threads, setup, run_unwanted, check, NULL, 0},
    {"both", threads, setup, run_both, check, NULL, 0},
};

// ---- mutants

static void
put_is_relaxed(model_access *access)
{
    model_weaken(access, "tri_cell_put", MODEL_RMW, memory_order_acq_rel, memory_order_relaxed);
}

static void
put_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_cell_put", MODEL_RMW, memory_order_acq_rel, memory_order_release);
}

static void
look_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_cell_look", MODEL_RMW, memory_order_acq_rel, memory_order_release);
}

static void
look_does_not_release(model_access *access)
{
    model_weaken(access, "tri_cell_look", MODEL_RMW, memory_order_acq_rel, memory_order_acquire);
}

static void
shut_is_relaxed(model_access *access)
{
    model_weaken(access, "tri_cell_shut", MODEL_RMW, memory_order_acq_rel, memory_order_relaxed);
}

static void
shut_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_cell_shut", MODEL_RMW, memory_order_acq_rel, memory_order_release);
}

static void
let_go_is_relaxed(model_access *access)
{
    model_weaken(access, "tri_cell_let_go", MODEL_RMW, memory_order_acq_rel, memory_order_relaxed);
}

static void
let_go_does_not_release(model_access *access)
{
    model_weaken(access, "tri_cell_let_go", MODEL_RMW, memory_order_acq_rel, memory_order_acquire);
}

static void
let_go_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_cell_let_go", MODEL_RMW, memory_order_acq_rel, memory_order_release);
}

// It finds nobody to nudge.
static void
wake_is_left_out(model_access *access)
{
    if (strcmp(access->site, "tri_cell_wake") == 0) {
        access->is_forged = true;
        access->operand = 0;
    }
}

static const model_mutant mutants[] = {
    {"put-is-relaxed", "receive", put_is_relaxed, NULL},
    {"put-does-not-acquire", "receive", put_does_not_acquire, NULL},
    {"look-does-not-acquire", "receive", look_does_not_acquire, NULL},
    {"look-does-not-release", "receive", look_does_not_release, NULL},
    {"look-only-loads", "receive", NULL, NULL},
    {"look-before-saying-whom", "receive", NULL, NULL},
    {"wake-is-left-out-of-put", "receive", wake_is_left_out, NULL},
    {"wake-is-left-out-of-shut", "unwanted", wake_is_left_out, NULL},
    {"shut-is-relaxed", "shut", shut_is_relaxed, NULL},
    {"shut-does-not-acquire", "shut", shut_does_not_acquire, NULL},
    {"shut-does-not-hear-who-waits", "unwanted", shut_is_relaxed, NULL},
    {"let-go-is-relaxed", "shut", let_go_is_relaxed, NULL},
    {"let-go-does-not-release", "shut", let_go_does_not_release, NULL},
    {"let-go-does-not-acquire", "shut", let_go_does_not_acquire, NULL},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
