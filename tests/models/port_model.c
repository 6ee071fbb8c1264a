// port_model.c: runtime/actor/port.c, a thread outside the runtime that waits for an answer.
//
// port.c and actor.c themselves are compiled into this model; their locks and conditions are the
// checker's. Whoever answers posts to the port's inbox as an actor would (tri_actor_post), at any
// moment after the thread has asked: while it looks, while it sleeps, when it has given up, when
// the port lies idle, when it waits for something else already. The checks are those of a ledger:
// each message is handled by who wanted it or destroyed, once, and none is left behind.
#include "model.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/channel.h"
#include "actor/port.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "base/clock.h"
#include "base/memory.h"

#include <stdalign.h>
#include <string.h>

#define MESSAGES    3
#define PORT_BYTES  256
#define SOON        1000 // a deadline; the clock says 0 until a wait has come to it
#define IS_GONE     0xdeadu
#define VALUE_BYTES 64

// The scenario's own words.
enum { POSTED, DESTROYED, RETURNED, ASKED };

static tr_runtime rt;
static tri_actor slot;
static alignas(16) unsigned char port_memory[PORT_BYTES];
static alignas(16) unsigned char blocks[MESSAGES][sizeof(tr_message) + VALUE_BYTES];
static tr_err_t results[2];
static char asked; // where a question and who waits for it meet

static tr_message *
message(unsigned number)
{
    return (tr_message *)(void *)blocks[number];
}

// ---- what port.c stands on

int64_t
tri_clock_ns(void)
{
    return model_has_timed_out() ? SOON : 0;
}

void *
tri_zalloc(size_t size)
{
    MODEL_CHECK(size <= sizeof port_memory, "no memory");
    memset(port_memory, 0, sizeof port_memory);
    return port_memory;
}

void
tri_free(void *memory)
{
    (void)memory;
}

tri_actor *
tri_table_take_fresh(tri_table *table, tr_runtime *runtime)
{
    (void)table;
    slot.rt = runtime;
    return &slot;
}

void
tri_message_destroy(tri_pool *pool, tri_depot *depot, tr_message *msg)
{
    (void)pool;
    (void)depot;
    MODEL_CHECK(msg->meta != IS_GONE, "a message is destroyed twice");
    msg->meta = IS_GONE;
    model_set(DESTROYED, model_get(DESTROYED) + 1);
    model_note("destroys %s", msg->request == 1 ? "answer 1" : "another answer");
}

void
tri_mailbox_return_grant(tr_runtime *runtime, tri_worker *here, tr_message *grant)
{
    (void)runtime;
    (void)here;
    MODEL_CHECK(grant->meta != IS_GONE, "a grant is given back twice");
    grant->meta = IS_GONE;
    model_set(RETURNED, model_get(RETURNED) + 1);
    model_note("gives the grant back");
}

void
tri_channel_signal(tri_worker *here, tri_actor *channel)
{
    (void)here;
    (void)channel;
    model_fail("there is no channel");
}

void
tri_worker_schedule(tri_worker *here, tri_task *task)
{
    (void)here;
    (void)task;
    model_fail("a port is scheduled");
}

// ---- the threads

static const char *const inbox_flags[] = {"asleep", "deaf", "nudged"};
static const tr_type_t answer_type = {.name = "answer"};

static void
setup(void)
{
    static const char *const names[MESSAGES] = {"message 0", "message 1", "message 2"};
    rt.ports = NULL;
    memset(&slot, 0, sizeof slot);
    tri_inbox_init(&slot.inbox, false); // taken: it is owned
    atomic_init(&slot.generation, 1);
    slot.slot = 1;
    model_name(&rt, sizeof rt, "the runtime");
    model_counts(&rt.outside, sizeof rt.outside);
    model_name(port_memory, sizeof port_memory, "the port");
    model_name(&slot, sizeof slot, "the port's slot");
    model_name(&slot.inbox, sizeof slot.inbox, "the port's inbox");
    model_flags(&slot.inbox, inbox_flags);
    for (unsigned i = 0; i < MESSAGES; i++) {
        memset(blocks[i], 0, sizeof blocks[i]);
        model_name(blocks[i], sizeof blocks[i], names[i]);
    }
    results[0] = TR_EINVAL;
    results[1] = TR_EINVAL;
    tri_port_give(&rt, tri_port_take(&rt)); // it has been used before, and lies idle
}

// The port is at rest again: it sleeps, and nothing lies in it.
static void
check_ledger(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits, for ever");
    int handled = (results[0] == TR_OK) + (results[1] == TR_OK);
    MODEL_CHECK(model_get(POSTED) == handled + model_get(DESTROYED) + model_get(RETURNED),
                "%d posted, %d handled, %d destroyed, %d given back", model_get(POSTED), handled,
                model_get(DESTROYED), model_get(RETURNED));
    MODEL_CHECK(atomic_load_explicit(&slot.inbox.word, memory_order_relaxed) == TRI_INBOX_ASLEEP,
                "the idle port does not sleep, or mail is left in it");
}

static unsigned
is_asked(void *arg)
{
    return model_get(ASKED) >= *(const int *)arg;
}

// Once asked for the n-th time, post an answer to that, or to what nobody asks any more.
static void
answer(int after, unsigned number, uint32_t request, const tr_type_t *type)
{
    model_step(&asked, "is asked", is_asked, &after);
    tr_message *msg = message(number);
    msg->parcel.type = type;
    msg->request = request;
    model_set(POSTED, model_get(POSTED) + 1);
    tri_actor_post(NULL, &slot, &msg->parcel, true);
}

static void
ask(void)
{
    model_step(&asked, "asks", NULL, NULL);
    model_set(ASKED, model_get(ASKED) + 1);
}

// As tr_runtime_call does it.
static tr_err_t
call(int64_t deadline_ns)
{
    tri_port *port = tri_port_take(&rt);
    uint32_t request = tri_port_request(port);
    ask();
    tr_message *got;
    tr_err_t err = tri_port_await(&rt, port, request, deadline_ns, &got);
    if (err == TR_OK) {
        MODEL_CHECK(got->request == request, "the answer is to something else");
        got->meta = IS_GONE;
    }
    model_note(err == TR_OK ? "has its answer" : "gives up");
    tri_port_give(&rt, port);
    return err;
}

// ---- scenarios

// One asks and waits; the answer comes, and one that is late from long ago.
static void
run_answer(unsigned thread)
{
    switch (thread) {
    case 0:
        results[0] = call(INT64_MAX);
        break;
    case 1:
        answer(1, 0, 1, &answer_type);
        break;
    default:
        answer(0, 1, 99, &answer_type);
        break;
    }
}

static void
finish_answer(bool all_ended)
{
    check_ledger(all_ended);
    MODEL_CHECK(results[0] == TR_OK, "the call without a deadline has no answer");
}

// The deadline may come first.
static void
run_deadline(unsigned thread)
{
    switch (thread) {
    case 0:
        results[0] = call(SOON);
        break;
    case 1:
        answer(1, 0, 1, &answer_type);
        break;
    default:
        answer(0, 1, 99, &answer_type);
        break;
    }
}

// Two calls, the first with a deadline: its answer may come to the second.
static void
run_again(unsigned thread)
{
    switch (thread) {
    case 0:
        results[0] = call(SOON);
        results[1] = call(INT64_MAX);
        break;
    case 1:
        answer(1, 0, 1, &answer_type);
        break;
    default:
        answer(2, 1, 2, &answer_type);
        break;
    }
}

static void
finish_again(bool all_ended)
{
    check_ledger(all_ended);
    MODEL_CHECK(results[1] == TR_OK, "the call without a deadline has no answer");
}

// Waiting for room: the grant that comes too late goes back where it came from.
static void
run_grant(unsigned thread)
{
    if (thread == 0) {
        results[0] = call(SOON);
    } else {
        answer(1, 0, 1, &tri_system_types[TRI_SYSTEM_GRANT]);
    }
}

static void
finish_grant(bool all_ended)
{
    check_ledger(all_ended);
    MODEL_CHECK(model_get(DESTROYED) == 0, "a grant is destroyed, its room lost");
}

static const char *const answering[] = {"caller", "answerer", "late", NULL};
static const char *const again[] = {"caller", "answerer 1", "answerer 2", NULL};
static const char *const granting[] = {"caller", "granter", NULL};

static const model_scenario scenarios[] = {
    {"answer", answering, setup, run_answer, finish_answer, NULL, 0},
    {"deadline", answering, setup, run_deadline, check_ledger, NULL, 0},
    {"again", again, setup, run_again, finish_again, NULL, 0},
    {"grant", granting, setup, run_grant, finish_grant, NULL, 0},
};

// ---- mutants

static void
post_does_not_release(model_access *access)
{
    model_weaken(access, "tri_inbox_publish", MODEL_CAS, memory_order_acq_rel,
                 memory_order_acquire);
}

static void
take_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_inbox_take", MODEL_RMW, memory_order_acquire, memory_order_relaxed);
}

static void
sleep_does_not_look(model_access *access)
{
    access->is_blind = access->is_blind || strcmp(access->site, "tri_inbox_sleep") == 0;
}

static bool
signal_does_not_lock(const char *what, const char *site)
{
    return strcmp(what, "locks") == 0 && strcmp(site, "tri_port_signal") == 0;
}

static bool
signal_is_left_out(const char *what, const char *site)
{
    return strcmp(what, "signals") == 0 && strcmp(site, "tri_port_signal") == 0;
}

static bool
give_does_not_lock(const char *what, const char *site)
{
    return strcmp(what, "locks") == 0 && strcmp(site, "tri_port_give") == 0;
}

static const model_mutant mutants[] = {
    {"post-does-not-release", "answer", post_does_not_release, NULL},
    {"take-does-not-acquire", "answer", take_does_not_acquire, NULL},
    {"sleep-does-not-look", "answer", sleep_does_not_look, NULL},
    {"signal-is-left-out", "answer", NULL, signal_is_left_out},
    {"signal-does-not-lock", "answer", NULL, signal_does_not_lock},
    {"give-does-not-lock", "grant", NULL, give_does_not_lock},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
