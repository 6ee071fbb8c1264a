// model.h: explore every execution of a few threads that use atomic operations.
//
// The code under test is the runtime's own, compiled against shim/: each atomic operation, lock and
// wait is a point where the checker decides who goes on, and each load what it reads of what memory
// allows. See README.md for what the checker knows of memory, and for how to add a model.
#ifndef TROUPE_TESTS_MODEL_H
#define TROUPE_TESTS_MODEL_H

#include "base/compat.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An atomic operation about to be done, for a mutant to spoil.
typedef enum model_kind { MODEL_LOAD, MODEL_STORE, MODEL_RMW, MODEL_CAS } model_kind_t;
typedef struct model_access {
    const char *site; // the function it stands in
    model_kind_t kind;
    const volatile void *object;
    unsigned thread;
    memory_order order;
    uint64_t operand;  // of a store or RMW; what a CAS wants to write
    uint64_t expected; // of a CAS
    bool is_dropped;   // set: it writes nothing
    bool is_blind;     // set: a CAS that succeeds whatever it finds
    bool is_forged;    // set: a load that returns operand
} model_access;

// A small program. Every execution calls setup, all threads, and finish when no thread can move.
typedef struct model_scenario {
    const char *name;
    const char *const *threads;     // their names, then NULL
    void (*setup)(void);            // all state anew
    void (*run)(unsigned thread);   // what a thread does
    void (*finish)(bool all_ended); // false: some thread waits, for ever
    const char *retries_in; // a function whose CAS loop is explored retry by retry, `retries` times
    unsigned retries;       // by each thread; in others a try that fails is taken as not yet made
} model_scenario;

// A bug put in on purpose: the checker must find it in the named scenario. `spoil` changes atomic
// operations; `skips` leaves out what a function does to a lock ("locks") or a condition
// ("signals"); without either the scenario asks model_is_mutant and does the wrong thing itself.
typedef struct model_mutant {
    const char *name;
    const char *scenario;
    void (*spoil)(model_access *access);
    bool (*skips)(const char *what, const char *site);
} model_mutant;

// The program: `NAME` alone runs everything; `NAME list`; `NAME <scenario or mutant>` runs one;
// `NAME twice` runs every scenario without and with what saves executions, and compares.
int model_main(int argc, char **argv, const model_scenario *scenarios, size_t scenario_count,
               const model_mutant *mutants, size_t mutant_count);

// ---- for scenarios

// The property does not hold: the execution so far is a finding.
TRI_NORETURN TRI_PRINTF(1, 2) void model_fail(const char *format, ...);

#define MODEL_CHECK(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            model_fail(__VA_ARGS__);                                                               \
        }                                                                                          \
    } while (0)

// A line in the account of the execution.
TRI_PRINTF(1, 2) void model_note(const char *format, ...);

// The mutant that runs has this name.
bool model_is_mutant(const char *name);

// The running thread. End it here.
unsigned model_thread(void);
TRI_NORETURN void model_exit(void);

// From setup: what the account calls this memory. Strings are kept.
void model_name(const volatile void *object, size_t size, const char *name);
// The low bits of what is written there are these flags, and the rest is a pointer.
void model_flags(const volatile void *object, const char *const flags[3]);
// From setup: atomics there are counts that nobody concludes anything from: no choice is made.
void model_counts(const volatile void *object, size_t size);

// Words of the scenario's own that are no part of the program: no choice, no race, not seen by
// memory orders. Zeroed words, before every setup, `count` of them.
#define MODEL_WORDS 64
int model_get(unsigned word);
void model_set(unsigned word, int value);

// What a pointer is just now, whoever may be writing it: for checks that are no part of the
// program.
const void *model_peek(const void *pointer);

// Something that waits: goes on once `ways` returns a set of bits, one for each way to go on, and
// returns which it was. `ways` looks at the scenario's own words, which change only together with a
// step at the same object. NULL: always, way 0. A step orders no memory.
typedef unsigned (*model_ways_fn)(void *arg);
unsigned model_step(const void *object, const char *what, model_ways_fn ways, void *arg);

// In the body of a spin loop: the next load there reads the same again. What it could read besides
// is explored by its first turn.
void model_pause(void);

// The latest wait of this thread that had a deadline came to it.
bool model_has_timed_out(void);

// Be the thread that setup asked pthread_create for: thread 0 is the first one.
void model_run_created(void);

// Weaken: what a mutant of one order does.
static inline void
model_weaken(model_access *access, const char *site, model_kind_t kind, memory_order from,
             memory_order to)
{
    const char *at = access->site;
    while (*at != '\0' && *at == *site) {
        at++;
        site++;
    }
    if (*at == *site && access->kind == kind && access->order == from) {
        access->order = to;
    }
}

#endif
