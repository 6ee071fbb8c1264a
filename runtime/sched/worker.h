// worker.h: a worker runs tasks, one at a time, in turns. It is a run queue, a timer wheel, a
// message pool, a pool of stacks and a poller to sleep in; a thread runs it.
//
// The worker's loop runs on a pooled stack itself. A task that has to wait keeps the stack it is on
// (tri_worker_suspend) and the loop begins anew on a fresh one; when the wait is over the loop
// gives its stack away and goes on where the task was (tri_worker_resume). So a task that never
// waits costs no stack and no switch, and no loop state survives on a stack: all of it is in here.
#ifndef TRI_SCHED_WORKER_H
#define TRI_SCHED_WORKER_H

#include "troupe/error.h"

#include "base/inbox.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "sched/held.h"
#include "sched/poller.h"
#include "sched/stack.h"
#include "trace/counters.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tri_worker tri_worker;
typedef struct tri_sched tri_sched;

// Something that runs in turns; embedded in an actor. It is in at most one queue: whoever makes it
// runnable must own it (see inbox.h).
typedef struct tri_task {
    tri_mail link;                // in a run queue, or among a worker's injected tasks
    _Atomic(tri_worker *) worker; // whose; written by the owner of the task
} tri_task;

// Take a turn. May suspend. The task is in no queue and stays out unless scheduled again.
typedef void (*tri_task_fn)(tri_worker *worker, tri_task *task);

// Write who a task is and what it does, for a person, without a terminator; returns the length.
// Async-signal-safe.
typedef size_t (*tri_describe_fn)(const tri_task *task, char *out, size_t capacity);

// Stacks come in sizes: the runtime's default, and doubled up to seven times for those who ask.
#define TRI_STACK_CLASSES 8

struct tri_worker {
    // Shared: tasks that other threads made runnable, and whether we sleep.
    alignas(TRI_CACHELINE) tri_inbox injected;
    _Atomic bool is_told_to_end;
    // Hot: the thread that runs the worker.
    alignas(TRI_CACHELINE) tri_mail *first; // the run queue, in order
    tri_mail *last;
    tri_task *current;  // whose turn it is
    tri_task *left;     // suspended or abandoned its stack just now; gets the rest of its turn
    tri_stack *stack;   // that the worker runs on
    tri_stack *retired; // that it has just left for good
    tri_task_fn run;
    int64_t now_ns;      // the clock, as read last
    int64_t polled_ns;   // when I/O and timers were served last
    uint32_t since_poll; // turns
    uint32_t index;
    tri_sched *sched;
    tri_poller *poller;
    tri_pool pool;
    tri_stack_pool stacks[TRI_STACK_CLASSES];
    bool is_warm;     // idle stacks may hold pages that the system could have back
    tri_stack *spare; // so that abandoning a stack cannot fail
    tri_wheel wheel;
    tri_rng rng;            // for choices where any is right
    tri_fiber thread_fiber; // of the thread itself, while it runs the worker
    pthread_t thread;
    void *signal_stack; // of the thread, for the fault handler
    bool has_thread;
    tri_counters counters;
#if TRI_CHECKED
    tri_held held;
#endif
};

struct tri_sched {
    tri_worker *workers;
    uint32_t count;
    tri_depot depot;
    tri_describe_fn describe;
    void *owner; // the runtime, for those above
};

// Prepare `count` workers; their threads are not started. stack_bytes as tri_stack_pool_init.
tr_err_t tri_sched_init(tri_sched *sched, uint32_t count, size_t stack_bytes, tri_task_fn take_turn,
                        tri_describe_fn describe, void *owner);

// Start the threads. On an error those started have ended again.
tr_err_t tri_sched_start(tri_sched *sched);

// Tell the workers to end as soon as they have nothing to run, and wait for their threads.
void tri_sched_stop(tri_sched *sched);

// Free everything; after tri_sched_stop. Zeroed memory is allowed.
void tri_sched_fini(tri_sched *sched);

// Put a runnable task in its worker's queue. `here` is the worker that the caller runs on, or NULL.
void tri_worker_schedule(tri_worker *here, tri_task *task);

// From inside a task: keep this stack and let the worker go on. Returns when tri_worker_resume gets
// `*kept`. TR_ENOMEM: no stack for the worker; nothing was suspended.
tr_err_t tri_worker_suspend(tri_worker *worker, tri_task *task, tri_stack **kept);

// From the loop, directly inside a turn: continue a suspended task on its stack.
TRI_NORETURN void tri_worker_resume(tri_worker *worker, tri_stack *kept);

// From inside a task: give this stack up, with all that is on it; the task gets the rest of its
// turn on another one.
TRI_NORETURN void tri_worker_abandon(tri_worker *worker, tri_task *task);

// From inside a turn, before anything that matters is on the stack: take the turn again on a stack
// of at least this size. Does not return where it succeeds. TR_ENOMEM; TR_EINVAL: over the largest
// class.
tr_err_t tri_worker_enlarge(tri_worker *worker, tri_task *task, size_t stack_bytes);

// A suspended task will never be resumed: its stack is free again.
void tri_worker_forget(tri_worker *worker, tri_stack *kept);

// Read the clock now and remember it.
int64_t tri_worker_clock(tri_worker *worker);

#endif
