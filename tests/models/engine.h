// engine.h: what the parts of the checker share: search.c decides, memory.c says what loads may
// read, race.c watches plain memory.
#ifndef TROUPE_TESTS_ENGINE_H
#define TROUPE_TESTS_ENGINE_H

#include "model.h"

#include "sched/fiber.h"

#include <stdarg.h>

#define THREADS_MAX   6
#define LOCATIONS_MAX 64
#define WRITES_MAX    128 // to one location in one execution
#define STEPS_MAX     300 // in one execution
#define TOUCHED_MAX   4   // objects, in one step
#define READS_MAX     8

// What happened before a point: of each thread how far, of each location the earliest write that
// may still be read.
typedef struct view {
    uint16_t clock[THREADS_MAX];
    uint8_t seen[LOCATIONS_MAX];
} view;

typedef struct write_record {
    uint64_t value;
    int step;      // of the execution; -1: setup
    view released; // what an acquire that reads this learns
} write_record;

// An atomic object. Kept from one execution to the next: who uses it is learned by exploring.
typedef struct location {
    const volatile void *object;
    size_t size;
    unsigned number;
    int user; // the first thread to use it; -1: none yet
    bool is_used_by_more;
    bool is_written;
    bool is_count;       // see model_counts
    unsigned generation; // of the execution that the writes below are of
    unsigned count;
    write_record *writes; // in modification order
} location;

typedef enum op_kind { OP_ATOMIC, OP_STEP } op_kind;

// What a thread is about to do.
typedef struct operation {
    op_kind kind;
    const char *site;
    // OP_ATOMIC
    model_access access;
    location *location;
    size_t size;
    model_rmw_t how;
    memory_order failure;
    bool is_weak;
    bool is_guess; // the load before a CAS loop: the CAS belongs to it
    // OP_STEP
    const void *object;
    model_ways_fn ways;
    void *arg;
} operation;

// How it may go on. For OP_ATOMIC: WAY_WRITE, or WAY_READ + the write that is read.
// For OP_STEP: the way's number.
#define WAY_WRITE 0u
#define WAY_READ  1u
#define WAYS_MAX  40

// What an operation did, for the account.
typedef struct outcome {
    uint64_t before, after;
    unsigned index; // of the write that was read
    bool is_written, is_stale, is_failed;
} outcome;

// ---- memory.c

// Forget all locations: another scenario. Begin another execution of the same.
void memory_forget(void);
void memory_begin(void);
location *memory_location(const volatile void *object, size_t size);
// The latest index of a location's writes.
unsigned memory_latest(const location *at);
// All ways an atomic operation may go on now, newest first; `may_retry`: its weak CAS may fail.
unsigned memory_ways(const operation *op, const view *now, bool may_retry, unsigned out[WAYS_MAX]);
// Do it.
outcome memory_perform(operation *op, view *now, unsigned thread, unsigned way);
void memory_join(view *into, const view *from);
bool memory_may_write(const operation *op);

// ---- race.c

void race_begin(void);
// Watch or not: setup and finish are nobody's.
void race_watch(bool on);

// ---- sync.c

void sync_begin(void);

// ---- account.c: what an execution did, kept where it is the shortest that fails

void account_begin(void);
void account_forget(void);
void account_operation(unsigned thread, const operation *op, outcome did);
void account_step(unsigned thread, const char *what, unsigned way);
// The execution fails. Keep it if it is the shortest.
void account_finding(unsigned steps);
bool account_has_finding(void);
// How many operations an execution may have, to be of interest.
unsigned account_longest(void);
// Print the finding that was kept.
void account_print(void);
// The sentence of model_fail.
TRI_PRINTF(1, 0) void account_reason(const char *format, va_list args);
TRI_PRINTF(1, 2) void account_fail(const char *format, ...);
// The name of memory, with what is beyond its beginning.
const char *account_name(const volatile void *object, char *out, size_t size);
const char *account_thread_name(unsigned thread);

// ---- run.c

// What one step did to what threads share.
typedef struct effects {
    uint64_t wrote, read;     // a bit for each location
    uint64_t might;           // and those that it would have written, had it found something else
    int read_from[READS_MAX]; // the steps that had written it
    unsigned read_count;
    const void *touched[TOUCHED_MAX];
    unsigned touched_count;
} effects;

typedef struct thread_state {
    tri_fiber fiber;
    view now;
    operation *pending; // what it does next; NULL: it has ended
    unsigned way;       // chosen for it
    bool has_ended;
    unsigned retries;
    const location *guessed; // by its last operation, a load
    bool is_guess_old;
    const location *last_read;
    bool is_pausing;
} thread_state;

// The execution.
extern struct run {
    const model_scenario *scenario;
    unsigned thread_count;
    thread_state threads[THREADS_MAX];
    thread_state *running; // NULL: none, this is the search, or setup or finish
    effects *did;          // of the running step
    int step;              // its number
    bool has_failed;
    bool is_cut;      // another execution is the same
    bool has_learned; // begin the search anew
} run;

void run_reset(const model_scenario *scenario, const model_mutant *mutant);
// Set up, and bring every thread to its first operation.
void run_begin(void);
// Let a thread do its operation, this way, and bring it to the next one.
void run_resume(unsigned thread, unsigned way, effects *did, int step);
// The ways in which a thread can do its operation now.
unsigned run_ways(unsigned thread, unsigned out[WAYS_MAX]);
// No thread can move: check.
void run_finish(void);
// The execution ends before its end.
bool run_is_over(void);
// The view of the running thread; NULL outside of threads.
view *run_view(void);
// The view that a thread ended with; NULL: it has not. *out_object is touched by its end.
const view *run_end_of(unsigned thread, const void **out_object);
// The running step did something to what others wait for.
void run_touched(const void *object);
// The mutant leaves this out.
bool run_skips(const char *what, const char *site);

// ---- search.c

typedef struct search_result {
    uint64_t executions; // complete ones, no two the same
    uint64_t cut;        // given up because another one is the same
    uint64_t steps;
} search_result;

typedef enum search_mode {
    SEARCH_RACES, // a node tries what a race asks for
    SEARCH_ALL,   // a node tries every thread: slower, and must come to the same executions
} search_mode_t;

// Explore a scenario, all of it or, once there is a finding, a little more for a shorter one.
search_result
search_run(const model_scenario *scenario, const model_mutant *mutant, search_mode_t mode);

#endif
