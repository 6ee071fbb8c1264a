// worker.c: the loop of a worker, and how it parks.
//
// Parking     The injected queue is an inbox (base/inbox.h) whose owner is this worker: it sleeps
// by
//             the same word that senders push to. A push before the sleep makes the sleep fail; a
//             push after it clears ASLEEP, and whoever clears it wakes the poller. uv_async_send is
//             sticky, so a wake between the sleep and uv_run ends that uv_run at once.
// Polling     I/O and timers are served at least every 64 turns or 200 us, also under full load.
#include "sched/worker.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/panic.h"
#include "sched/fault.h"
#include "sched/held.h"

#include <signal.h>

#define TURNS_PER_POLL  64u
#define TURNS_PER_CLOCK 8u
#define POLL_NS         200000
#define TRIM_NS         1000000000
#define SPINS           100u // about 3 us: less than a wake-up from another core costs

// ---- the run queue

static void
queue_push(tri_worker *worker, tri_mail *link)
{
    link->next = NULL;
    if (worker->first == NULL) {
        worker->first = link;
    } else {
        worker->last->next = link;
    }
    worker->last = link;
}

static void
take_injected(tri_worker *worker)
{
    tri_mail *mail = tri_inbox_take(&worker->injected);
    while (mail != NULL) {
        tri_mail *next = mail->next;
        queue_push(worker, mail);
        mail = next;
    }
}

void
tri_worker_schedule(tri_worker *here, tri_task *task)
{
    // relaxed: the caller owns the task, and so sees what its last owner wrote here.
    tri_worker *home = atomic_load_explicit(&task->worker, memory_order_relaxed);
    if (home == here) {
        queue_push(home, &task->link);
        return;
    }
    if (tri_inbox_push(&home->injected, &task->link)) {
        if (here != NULL) {
            tri_count(&here->counters, TRI_WAKEUPS);
        }
        tri_poller_wake(home->poller);
    }
}

// ---- stacks

static void loop(void *arg);

// The smallest class that has `bytes`; TRI_STACK_CLASSES when none has.
static unsigned
stack_class(const tri_worker *worker, size_t bytes)
{
    unsigned class = 0;
    while (class < TRI_STACK_CLASSES && worker->stacks[class].stack_bytes < bytes) {
        class ++;
    }
    return class;
}

static void
give_stack(tri_worker *worker, tri_stack *stack)
{
    tri_stack_give(&worker->stacks[stack_class(worker, stack->bytes)], stack);
    worker->is_warm = true;
}

// The first thing after every arrival on a stack: what we came from may be free now.
static void
arrive(tri_worker *worker)
{
    if (worker->retired != NULL) {
        give_stack(worker, worker->retired);
        worker->retired = NULL;
    }
}

static tri_stack *
take_loop_stack(tri_worker *worker, unsigned class)
{
    tri_stack *stack = tri_stack_take(&worker->stacks[class]);
    if (stack != NULL) {
        tri_fiber_init(&stack->fiber, stack->low, stack->bytes, loop, worker);
    }
    return stack;
}

tr_err_t
tri_worker_suspend(tri_worker *worker, tri_task *task, tri_stack **kept)
{
    tri_stack *mine = worker->stack;
    tri_stack *fresh = take_loop_stack(worker, 0);
    if (fresh == NULL) {
        return TR_ENOMEM;
    }
    *kept = mine;
    worker->left = task;
    worker->stack = fresh;
    tri_count(&worker->counters, TRI_STACKS_TAKEN);
    tri_fiber_switch(&mine->fiber, &fresh->fiber);
    arrive(worker);
    return TR_OK;
}

void
tri_worker_resume(tri_worker *worker, tri_stack *kept)
{
    worker->retired = worker->stack;
    worker->stack = kept;
    tri_count(&worker->counters, TRI_STACKS_GIVEN);
    tri_fiber_jump(&worker->retired->fiber, &kept->fiber);
}

void
tri_worker_abandon(tri_worker *worker, tri_task *task)
{
    tri_stack *fresh = take_loop_stack(worker, 0);
    if (fresh == NULL) {
        fresh = worker->spare;
        worker->spare = NULL;
        TRI_ASSERT(fresh != NULL, "worker %u", worker->index);
        tri_fiber_init(&fresh->fiber, fresh->low, fresh->bytes, loop, worker);
    }
    worker->retired = worker->stack;
    worker->stack = fresh;
    worker->left = task;
    tri_fiber_jump(&worker->retired->fiber, &fresh->fiber);
}

void
tri_worker_forget(tri_worker *worker, tri_stack *kept)
{
    tri_count(&worker->counters, TRI_STACKS_GIVEN);
    give_stack(worker, kept);
}

tr_err_t
tri_worker_enlarge(tri_worker *worker, tri_task *task, size_t stack_bytes)
{
    unsigned class = stack_class(worker, stack_bytes);
    if (class == TRI_STACK_CLASSES) {
        return TR_EINVAL;
    }
    tri_stack *larger = take_loop_stack(worker, class);
    if (larger == NULL) {
        return TR_ENOMEM;
    }
    worker->retired = worker->stack;
    worker->stack = larger;
    worker->left = task;
    tri_fiber_jump(&worker->retired->fiber, &larger->fiber);
}

// ---- the loop

int64_t
tri_worker_clock(tri_worker *worker)
{
    worker->now_ns = tri_clock_ns();
    return worker->now_ns;
}

// Serve I/O and timers; sleep until `until_ns` when nothing is ready.
static void
poll(tri_worker *worker, int64_t until_ns)
{
    tri_poller_run(worker->poller, worker->now_ns, until_ns);
    worker->since_poll = 0;
    worker->polled_ns = tri_worker_clock(worker);
    tri_wheel_advance(&worker->wheel, worker->polled_ns, worker);
}

static bool
poll_is_due(tri_worker *worker)
{
    worker->since_poll++;
    if (worker->since_poll >= TURNS_PER_POLL) {
        return true;
    }
    if (worker->since_poll % TURNS_PER_CLOCK != 0) {
        return false;
    }
    return tri_worker_clock(worker) - worker->polled_ns >= POLL_NS;
}

// A whole second without work: the pages of idle stacks go back to the system.
static void
trim(tri_worker *worker)
{
    for (unsigned class = 0; class < TRI_STACK_CLASSES; class ++) {
        tri_stack_pool_trim(&worker->stacks[class]);
    }
    worker->is_warm = false;
}

// Nothing to run: look again for a moment, then sleep until there is.
static void
park(tri_worker *worker)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if (tri_inbox_has_mail(&worker->injected)) {
            return;
        }
        tri_pause();
    }
    tri_worker_clock(worker);
    if (!tri_inbox_sleep(&worker->injected, false)) {
        return;
    }
    int64_t next_ns = tri_wheel_next_ns(&worker->wheel);
    int64_t trim_ns = worker->is_warm ? worker->now_ns + TRIM_NS : INT64_MAX;
    poll(worker, next_ns < trim_ns ? next_ns : trim_ns);
    // Whoever woke us has cleared ASLEEP; a timer or I/O has not.
    tri_inbox_nudge(&worker->injected);
    if (worker->now_ns >= trim_ns) {
        trim(worker);
    }
}

static bool
is_told_to_end(tri_worker *worker)
{
    // pairs(worker.end) acquire: all that happened before the runtime decided to end.
    return atomic_load_explicit(&worker->is_told_to_end, memory_order_acquire);
}

static void
keep_a_spare(tri_worker *worker)
{
    if (TRI_UNLIKELY(worker->spare == NULL)) {
        worker->spare = tri_stack_take(&worker->stacks[0]); // NULL: the next abandoning tries again
    }
}

static void
run(tri_worker *worker, tri_task *task)
{
    worker->current = task;
    worker->run(worker, task);
    worker->current = NULL;
}

static void
run_one(tri_worker *worker)
{
    tri_mail *link = worker->first;
    worker->first = link->next;
    tri_count(&worker->counters, TRI_TURNS);
    run(worker, TRI_CONTAINER(link, tri_task, link));
}

// A large stack is for the turn that asked for it: the next one must not get used to it.
static void
leave_large_stack(tri_worker *worker)
{
    if (TRI_LIKELY(worker->stack->bytes == worker->stacks[0].stack_bytes)) {
        return;
    }
    tri_stack *usual = take_loop_stack(worker, 0);
    if (usual != NULL) {
        worker->retired = worker->stack;
        worker->stack = usual;
        tri_fiber_jump(&worker->retired->fiber, &usual->fiber);
    }
}

// Runs on a pooled stack and is abandoned there at any call of run(): nothing that matters may be
// in its locals across one.
static void
loop(void *arg)
{
    tri_worker *worker = arg;
    arrive(worker);
    keep_a_spare(worker);
    if (worker->left != NULL) {
        tri_task *left = worker->left;
        worker->left = NULL;
        run(worker, left);
        leave_large_stack(worker);
    }
    for (;;) {
        if (tri_inbox_has_mail(&worker->injected)) {
            take_injected(worker);
        }
        if (worker->first != NULL) {
            // Before the turn and not after it: a turn that suspends does not come back here.
            if (poll_is_due(worker)) {
                poll(worker, 0);
            }
            run_one(worker);
            leave_large_stack(worker);
        } else if (!is_told_to_end(worker)) {
            park(worker);
        } else if (!tri_inbox_has_mail(&worker->injected)) {
            // Looked at again, after the order: what was scheduled before it is run before the end.
            worker->retired = worker->stack;
            worker->stack = NULL;
            tri_fiber_jump(&worker->retired->fiber, &worker->thread_fiber);
        }
    }
}

// A worker's thread takes no signal but those that are its own fault: the rest are for the threads
// that the program made. SIGPIPE among them: a write to a closed socket returns an error instead.
static void
block_signals(void)
{
    sigset_t blocked;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGABRT);
    sigdelset(&blocked, SIGTRAP);
    sigdelset(&blocked, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

static void *
thread_main(void *arg)
{
    tri_worker *worker = arg;
    block_signals();
    tri_fault_enter(worker);
    tri_held_enter(worker);
    tri_fiber_adopt_thread(&worker->thread_fiber);
    tri_worker_clock(worker);
    tri_fiber_switch(&worker->thread_fiber, &worker->stack->fiber);
    arrive(worker);
    tri_fiber_fini(&worker->thread_fiber);
    tri_held_leave();
    tri_fault_leave();
    return NULL;
}

// ---- beginnings and endings

static tr_err_t
worker_init(tri_worker *worker, tri_sched *sched, uint32_t index, size_t stack_bytes,
            tri_task_fn take_turn)
{
    worker->index = index;
    worker->sched = sched;
    worker->run = take_turn;
    tri_inbox_init(&worker->injected, false);
    tri_pool_init(&worker->pool, &sched->depot);
    tri_wheel_init(&worker->wheel, tri_clock_ns());
    tri_rng_init(&worker->rng, (uint64_t)tri_clock_ns() + worker->index);
    for (unsigned class = 0; class < TRI_STACK_CLASSES; class ++) {
        size_t smallest = class == 0 ? stack_bytes : worker->stacks[0].stack_bytes;
        tr_err_t err = tri_stack_pool_init(&worker->stacks[class], smallest << class);
        if (err != TR_OK) {
            return err;
        }
    }
    tr_err_t err = tri_poller_create(&worker->poller);
    if (err != TR_OK) {
        return err;
    }
    worker->signal_stack = tri_alloc(TRI_FAULT_STACK_BYTES);
    worker->stack = take_loop_stack(worker, 0);
    return worker->signal_stack != NULL && worker->stack != NULL ? TR_OK : TR_ENOMEM;
}

tr_err_t
tri_sched_init(tri_sched *sched, uint32_t count, size_t stack_bytes, tri_task_fn take_turn,
               tri_describe_fn describe, void *owner)
{
    tri_depot_init(&sched->depot);
    sched->describe = describe;
    sched->owner = owner;
    size_t bytes = count * sizeof *sched->workers;
    sched->workers = tri_aligned_alloc(TRI_CACHELINE, bytes);
    if (sched->workers == NULL) {
        return TR_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        sched->workers[i] = (tri_worker){.index = i};
    }
    sched->count = count;
    for (uint32_t i = 0; i < count; i++) {
        tr_err_t err = worker_init(&sched->workers[i], sched, i, stack_bytes, take_turn);
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

tr_err_t
tri_sched_start(tri_sched *sched)
{
    for (uint32_t i = 0; i < sched->count; i++) {
        tri_worker *worker = &sched->workers[i];
        if (pthread_create(&worker->thread, NULL, thread_main, worker) != 0) {
            tri_sched_stop(sched);
            return TR_ELIMIT;
        }
        worker->has_thread = true;
    }
    return TR_OK;
}

void
tri_sched_stop(tri_sched *sched)
{
    for (uint32_t i = 0; i < sched->count; i++) {
        tri_worker *worker = &sched->workers[i];
        if (worker->has_thread) {
            // pairs(worker.end) release: the worker that ends has seen what we did before.
            atomic_store_explicit(&worker->is_told_to_end, true, memory_order_release);
            if (tri_inbox_nudge(&worker->injected)) {
                tri_poller_wake(worker->poller);
            }
        }
    }
    for (uint32_t i = 0; i < sched->count; i++) {
        tri_worker *worker = &sched->workers[i];
        if (worker->has_thread) {
            pthread_join(worker->thread, NULL);
            worker->has_thread = false;
        }
    }
}

void
tri_sched_fini(tri_sched *sched)
{
    if (sched->workers == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sched->count; i++) {
        tri_poller_destroy(sched->workers[i].poller);
        tri_free(sched->workers[i].signal_stack);
        for (unsigned class = 0; class < TRI_STACK_CLASSES; class ++) {
            if (sched->workers[i].stacks[class].stack_bytes != 0) {
                tri_stack_pool_fini(&sched->workers[i].stacks[class]);
            }
        }
    }
    tri_depot_fini(&sched->depot);
    tri_free(sched->workers);
    *sched = (tri_sched){.workers = NULL};
}
