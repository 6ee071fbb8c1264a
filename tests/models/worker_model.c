// worker_model.c: runtime/sched/worker.c, all of its loop: the injected queue, parking in the
// poller, being woken and being told to end. The file itself is compiled into this model; what it
// stands on is below, as small as can be: a poller that is nothing but its sticky wake-up
// (uv_async_send) and an event of its own, stacks that are never changed, a clock that stands.
//
// Tasks are actors of one inbox each, which take what is there and sleep, as tri_actor_turn and
// rest do in turn.c. Whoever wakes one schedules it, as awaken does in actor.c.
#include "model.h"

#include "base/clock.h"
#include "base/memory.h"
#include "sched/fault.h"
#include "sched/worker.h"

#include <string.h>

#define WORKERS 2
#define ACTORS  2
#define LETTERS 3

typedef struct letter {
    tri_mail mail;
    unsigned text;
} letter;

typedef struct actor {
    tri_inbox inbox;
    tri_task task;
    unsigned handled;
    struct actor *next; // who gets what this one has handled
    tri_worker *sender_worker;
} actor;

struct tri_poller {
    unsigned number; // its three words are at WORDS_OF it
};

// The scenario's own words, then those of each poller.
enum { SENT, POLLERS };
enum { IS_WOKEN, HAS_EVENT, IS_ENTERED, POLLER_WORDS };

static tri_sched sched;
static tri_worker workers[WORKERS];
static tri_poller pollers[WORKERS];
static tri_stack stacks[WORKERS * 2];
static unsigned stacks_taken, pollers_made;
static actor actors[ACTORS];
static letter letters[LETTERS];
static unsigned before_stop;
static unsigned worker_count;

// ---- what worker.c stands on

int64_t
tri_clock_ns(void)
{
    return 0;
}

void *
tri_aligned_alloc(size_t alignment, size_t size)
{
    (void)alignment;
    MODEL_CHECK(size <= sizeof workers, "no memory");
    return workers;
}

void *
tri_alloc(size_t size)
{
    static max_align_t memory[WORKERS]; // a signal stack, never used
    (void)size;
    return memory;
}

void
tri_free(void *memory)
{
    (void)memory;
}

void
tri_depot_init(tri_depot *depot)
{
    (void)depot;
}

void
tri_depot_fini(tri_depot *depot)
{
    (void)depot;
}

void
tri_pool_init(tri_pool *pool, tri_depot *depot)
{
    pool->depot = depot;
}

void
tri_wheel_init(tri_wheel *wheel, int64_t now_ns)
{
    (void)wheel;
    (void)now_ns;
}

int64_t
tri_wheel_next_ns(const tri_wheel *wheel)
{
    (void)wheel;
    return INT64_MAX;
}

size_t
tri_wheel_advance(tri_wheel *wheel, int64_t now_ns, void *arg)
{
    (void)wheel;
    (void)now_ns;
    (void)arg;
    return 0;
}

tr_err_t
tri_stack_pool_init(tri_stack_pool *pool, size_t stack_bytes)
{
    pool->stack_bytes = stack_bytes;
    return TR_OK;
}

void
tri_stack_pool_fini(tri_stack_pool *pool)
{
    (void)pool;
}

size_t
tri_stack_pool_trim(tri_stack_pool *pool)
{
    (void)pool;
    return 0;
}

// In setup each worker takes its first stack, then, on its thread, its spare one.
tri_stack *
tri_stack_take(tri_stack_pool *pool)
{
    unsigned taken = stacks_taken < worker_count ? stacks_taken++ : worker_count + model_thread();
    stacks[taken].bytes = pool->stack_bytes;
    return &stacks[taken];
}

void
tri_stack_give(tri_stack_pool *pool, tri_stack *stack)
{
    (void)pool;
    (void)stack;
}

void
tri_fault_enter(struct tri_worker *worker)
{
    (void)worker;
}

void
tri_fault_leave(void)
{
}

// Fibers, under other names (meson.build): a worker stays on the stack of its model thread.
static struct {
    tri_fiber_fn entry;
    void *arg;
} begins;

void
tri_fiber_init(tri_fiber *fiber, void *stack_low, size_t stack_bytes, tri_fiber_fn entry, void *arg)
{
    (void)stack_low;
    (void)stack_bytes;
    (void)arg;
    begins.entry = entry;
    fiber->sp = arg;
}

void
tri_fiber_adopt_thread(tri_fiber *fiber)
{
    (void)fiber;
}

void
tri_fiber_switch(tri_fiber *from, tri_fiber *to)
{
    (void)from;
    begins.entry(to->sp);
}

// The loop leaves for the thread's own stack: the worker has been told to end.
void
tri_fiber_jump(tri_fiber *from, tri_fiber *to)
{
    (void)from;
    (void)to;
    MODEL_CHECK(before_stop == 1, "the worker ends and does not see what came before");
    model_note("ends");
    model_exit();
}

void
tri_fiber_fini(tri_fiber *fiber)
{
    (void)fiber;
}

// ---- the poller

static unsigned
word_of(const tri_poller *poller, unsigned word)
{
    return POLLERS + poller->number * POLLER_WORDS + word;
}

tr_err_t
tri_poller_create(tri_poller **out)
{
    *out = &pollers[pollers_made];
    (*out)->number = pollers_made++;
    return TR_OK;
}

void
tri_poller_destroy(tri_poller *poller)
{
    (void)poller;
}

static unsigned
has_reason_to_return(void *arg)
{
    const tri_poller *poller = arg;
    return model_get(word_of(poller, IS_WOKEN)) != 0 || model_get(word_of(poller, HAS_EVENT)) != 0;
}

// A run takes all that is there.
void
tri_poller_run(tri_poller *poller, int64_t now_ns, int64_t until_ns)
{
    bool may_wait = until_ns > now_ns;
    model_step(poller, may_wait ? "goes into the poller" : "looks into the poller", NULL, NULL);
    if (may_wait) {
        model_set(word_of(poller, IS_ENTERED), 1);
        model_step(poller, "returns from the poller", has_reason_to_return, poller);
        model_set(word_of(poller, IS_ENTERED), 0);
    }
    model_set(word_of(poller, IS_WOKEN), 0);
    model_set(word_of(poller, HAS_EVENT), 0);
}

void
tri_poller_wake(tri_poller *poller)
{
    bool is_stopping = model_get(SENT) == 0;
    if (model_is_mutant("stop-does-not-wake") && is_stopping) {
        return;
    }
    model_step(poller, "wakes the poller", NULL, NULL);
    bool is_lost =
        model_is_mutant("wake-is-not-sticky") && model_get(word_of(poller, IS_ENTERED)) == 0;
    model_set(word_of(poller, IS_WOKEN), !is_lost);
}

static void
event(unsigned poller)
{
    model_step(&pollers[poller], "has an event for the poller", NULL, NULL);
    model_set(word_of(&pollers[poller], HAS_EVENT), 1);
}

// ---- actors

static void
send(tri_worker *here, actor *to, letter *it)
{
    if (tri_inbox_push(&to->inbox, &it->mail)) {
        tri_worker_schedule(here, &to->task);
    }
}

static void
turn(tri_worker *worker, tri_task *task)
{
    actor *self = TRI_CONTAINER(task, actor, task);
    for (tri_mail *mail = tri_inbox_take(&self->inbox); mail != NULL;) {
        letter *it = TRI_CONTAINER(mail, letter, mail);
        mail = mail->next;
        MODEL_CHECK(it->text == 1, "a letter is there before its text");
        self->handled++;
        if (self->next != NULL) {
            send(worker, self->next, it);
        }
    }
    if (!tri_inbox_sleep(&self->inbox, false)) {
        tri_worker_schedule(worker, task);
    }
}

static void
write_and_send(unsigned number, unsigned to)
{
    model_set(SENT, model_get(SENT) + 1);
    letters[number].text = 1;
    send(NULL, &actors[to], &letters[number]);
}

// ---- scenarios

static const char *const inbox_flags[] = {"asleep", "deaf", "nudged"};

static void
setup_workers(unsigned count)
{
    static const char *const worker_names[] = {"worker 0", "worker 1"};
    static const char *const inbox_names[] = {"actor A's inbox", "actor B's inbox"};
    static const char *const actor_names[] = {"actor A", "actor B"};
    static const char *const task_names[] = {"task A", "task B"};
    static const char *const letter_names[] = {"letter 1", "letter 2", "letter 3"};
    stacks_taken = 0;
    pollers_made = 0;
    before_stop = 1;
    worker_count = count;
    memset(&sched, 0, sizeof sched);
    tr_err_t err = tri_sched_init(&sched, count, 4096, turn, NULL, NULL);
    MODEL_CHECK(err == TR_OK, "no scheduler");
    for (unsigned i = 0; i < count; i++) {
        model_name(&workers[i], sizeof workers[i], worker_names[i]);
        model_flags(&workers[i], inbox_flags);
    }
    for (unsigned i = 0; i < ACTORS; i++) {
        memset(&actors[i], 0, sizeof actors[i]);
        tri_inbox_init(&actors[i].inbox, true);
        atomic_init(&actors[i].task.worker, &workers[i % count]);
        model_name(&actors[i], sizeof actors[i], actor_names[i]);
        model_name(&actors[i].inbox, sizeof actors[i].inbox, inbox_names[i]);
        model_flags(&actors[i].inbox, inbox_flags);
        model_name(&actors[i].task, sizeof actors[i].task, task_names[i]);
    }
    for (unsigned i = 0; i < LETTERS; i++) {
        letters[i] = (letter){.text = 0};
        model_name(&letters[i], sizeof letters[i], letter_names[i]);
    }
    model_name(&before_stop, sizeof before_stop, "what came before the stop");
    err = tri_sched_start(&sched);
    MODEL_CHECK(err == TR_OK, "no threads");
}

static void
setup_one(void)
{
    setup_workers(1);
}

static void
setup_stop(void)
{
    setup_workers(1);
    before_stop = 0;
}

static void
setup_two(void)
{
    setup_workers(2);
    actors[0].next = &actors[1];
}

static void
setup_two_stop(void)
{
    setup_two();
    before_stop = 0;
}

// Two senders to one actor, and an event.
static void
run_one_actor(unsigned thread)
{
    switch (thread) {
    case 0:
        model_run_created();
        break;
    case 1:
    case 2:
        write_and_send(thread - 1, 0);
        break;
    default:
        event(0);
        break;
    }
}

static void
run_two_actors(unsigned thread)
{
    switch (thread) {
    case 0:
        model_run_created();
        break;
    case 1:
        write_and_send(0, 0);
        write_and_send(1, 0);
        break;
    default:
        write_and_send(2, 1);
        break;
    }
}

static void
run_two_workers(unsigned thread)
{
    switch (thread) {
    case 0:
    case 1:
        model_run_created();
        break;
    case 2:
        write_and_send(0, 0);
        break;
    default:
        write_and_send(1, 1);
        break;
    }
}

static void
stop(void)
{
    before_stop = 1;
    tri_sched_stop(&sched);
}

static void
run_stop(unsigned thread)
{
    switch (thread) {
    case 0:
        model_run_created();
        break;
    case 1:
        stop();
        break;
    default:
        event(0);
        break;
    }
}

// A worker is told to end when it has nothing to run: what was sent before that is run.
static void
run_send_stop(unsigned thread)
{
    switch (thread) {
    case 0:
        model_run_created();
        break;
    case 1:
        write_and_send(0, 0);
        stop();
        break;
    default:
        event(0);
        break;
    }
}

static void
run_two_stop(unsigned thread)
{
    switch (thread) {
    case 0:
    case 1:
        model_run_created();
        break;
    default:
        stop();
        break;
    }
}

static void
check_all_handled(unsigned handled)
{
    MODEL_CHECK(handled == (unsigned)model_get(SENT), "%u letters handled of %d", handled,
                model_get(SENT));
    for (unsigned i = 0; i < worker_count; i++) {
        MODEL_CHECK(tri_inbox_is_asleep(&workers[i].injected), "worker %u does not sleep", i);
    }
}

// The workers sleep in their pollers now, if no thread can move.
static void
finish_one(bool all_ended)
{
    MODEL_CHECK(!all_ended, "the worker has ended");
    check_all_handled(actors[0].handled + actors[1].handled);
}

static void
finish_two(bool all_ended)
{
    MODEL_CHECK(!all_ended, "the workers have ended");
    // What A has handled it passed on to B.
    check_all_handled(actors[1].handled);
}

static void
finish_stop(bool all_ended)
{
    MODEL_CHECK(all_ended, "a worker was told to end and sleeps on");
}

static void
finish_send_stop(bool all_ended)
{
    finish_stop(all_ended);
    MODEL_CHECK(actors[0].handled == 1, "what was sent before the stop was not handled");
}

static const char *const one_actor[] = {"worker", "sender a", "sender b", "event", NULL};
static const char *const two_actors[] = {"worker", "sender a", "sender b", NULL};
static const char *const two_workers[] = {"worker 0", "worker 1", "sender a", "sender b", NULL};
static const char *const stopping[] = {"worker", "stopper", "event", NULL};
static const char *const two_stopping[] = {"worker 0", "worker 1", "stopper", NULL};

static const model_scenario scenarios[] = {
    {"one-actor", one_actor, setup_one, run_one_actor, finish_one, NULL, 0},
    {"two-actors", two_actors, setup_one, run_two_actors, finish_one, NULL, 0},
    {"two-workers", two_workers, setup_two, run_two_workers, finish_two, NULL, 0},
    {"stop", stopping, setup_stop, run_stop, finish_stop, NULL, 0},
    {"send-then-stop", stopping, setup_stop, run_send_stop, finish_send_stop, NULL, 0},
    {"stop-two", two_stopping, setup_two_stop, run_two_stop, finish_stop, NULL, 0},
};

// ---- mutants

static bool
is_at(const model_access *access, const char *site)
{
    return strcmp(access->site, site) == 0;
}

static void
sleep_does_not_look(model_access *access)
{
    access->is_blind = access->is_blind || is_at(access, "tri_inbox_sleep");
}

// Only park nudges on the worker's own thread; it pushes nothing in this scenario.
static void
park_does_not_nudge(model_access *access)
{
    if (access->thread == 0 && access->kind == MODEL_CAS && is_at(access, "tri_inbox_publish")) {
        access->is_dropped = true;
    }
}

static void
stop_does_not_release(model_access *access)
{
    model_weaken(access, "tri_sched_stop", MODEL_STORE, memory_order_release, memory_order_relaxed);
}

static void
end_does_not_acquire(model_access *access)
{
    model_weaken(access, "is_told_to_end", MODEL_LOAD, memory_order_acquire, memory_order_relaxed);
}

static void
stop_does_not_nudge(model_access *access)
{
    if (access->thread == 1 && access->kind == MODEL_CAS && is_at(access, "tri_inbox_publish")) {
        access->is_dropped = true;
    }
}

static void
schedule_does_not_release(model_access *access)
{
    if (access->object == (const volatile void *)&workers[0].injected.word) {
        model_weaken(access, "tri_inbox_publish", MODEL_CAS, memory_order_acq_rel,
                     memory_order_acquire);
    }
}

static const model_mutant mutants[] = {
    {"wake-is-not-sticky", "one-actor", NULL, NULL},
    {"sleep-does-not-look", "one-actor", sleep_does_not_look, NULL},
    {"park-does-not-nudge", "one-actor", park_does_not_nudge, NULL},
    {"schedule-does-not-release", "two-actors", schedule_does_not_release, NULL},
    {"stop-does-not-wake", "stop", NULL, NULL},
    {"stop-does-not-nudge", "stop", stop_does_not_nudge, NULL},
    {"stop-does-not-release", "stop", stop_does_not_release, NULL},
    {"end-does-not-acquire", "stop", end_does_not_acquire, NULL},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
