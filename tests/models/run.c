// run.c: the threads of an execution, and what they call: each operation waits here until the
// search lets it happen.
//
// Threads are fibers; between two of its operations a thread runs alone. Operations that are no
// reason to choose are done at once:
//   Private objects. One that one thread alone uses, or that nobody writes. Which those are is
//     learned: when another thread comes to use one, the search begins anew.
//   Guesses. The load before a loop around a weak compare-exchange, and the exchange after it, are
//     one operation: a try that fails has changed nothing but the guess. Learned as well; a
//     scenario can ask for all retries of one function (retries_in).
//   The turns of a spin loop after the first (model_pause).
#include "engine.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES ((size_t)64 * 1024)
#define GUESSES_MAX 16

struct run run;

static struct {
    const model_mutant *mutant;
    tri_fiber home;
    jmp_buf outside; // of setup and finish
    view calm;       // of setup and finish
    struct {
        const char *site;
        const location *location;
    } guesses[GUESSES_MAX];
    unsigned guess_count;
    int words[MODEL_WORDS];
} own;

static unsigned char stacks[THREADS_MAX][STACK_BYTES];

// ---- from inside a thread

static void
go_home(void)
{
    thread_state *self = run.running;
    tri_fiber_switch(&self->fiber, &own.home);
}

// End this execution here.
TRI_NORETURN static void
give_up(void)
{
    if (run.running == NULL) {
        longjmp(own.outside, 1);
    }
    run.running->pending = NULL;
    go_home();
    abort(); // nobody goes on with it
}

static unsigned
offer(operation *op)
{
    thread_state *self = run.running;
    self->pending = op;
    go_home();
    self->pending = NULL;
    return self->way;
}

view *
run_view(void)
{
    return run.running != NULL ? &run.running->now : NULL;
}

const view *
run_end_of(unsigned thread, const void **out_object)
{
    *out_object = &run.threads[thread];
    return run.threads[thread].has_ended ? &run.threads[thread].now : NULL;
}

void
run_touched(const void *object)
{
    effects *did = run.did;
    if (did == NULL) {
        return;
    }
    if (did->touched_count == TOUCHED_MAX) {
        model_fail("more than %d objects touched in one step", TOUCHED_MAX);
    }
    did->touched[did->touched_count++] = object;
}

unsigned
model_thread(void)
{
    return run.running == NULL ? 0 : (unsigned)(run.running - run.threads);
}

void
model_exit(void)
{
    run.running->has_ended = true;
    run_touched(run.running);
    go_home();
    abort(); // it has ended
}

void
model_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    account_reason(format, args);
    va_end(args);
    run.has_failed = true;
    give_up();
}

// In place of the runtime's: an assertion that fails is a finding.
void tri_panic(const char *file, int line, const char *format, ...);

void
tri_panic(const char *file, int line, const char *format, ...)
{
    (void)file;
    (void)line;
    va_list args;
    va_start(args, format);
    account_reason(format, args);
    va_end(args);
    run.has_failed = true;
    give_up();
}

bool
model_is_mutant(const char *name)
{
    return own.mutant != NULL && strcmp(own.mutant->name, name) == 0;
}

bool
run_skips(const char *what, const char *site)
{
    return own.mutant != NULL && own.mutant->skips != NULL && own.mutant->skips(what, site);
}

int
model_get(unsigned word)
{
    return own.words[word];
}

void
model_set(unsigned word, int value)
{
    own.words[word] = value;
}

const void *
model_peek(const void *pointer)
{
    const void *value;
    memcpy(&value, pointer, sizeof value);
    return value;
}

unsigned
model_step(const void *object, const char *what, model_ways_fn ways, void *arg)
{
    if (run.running == NULL) {
        return 0;
    }
    run.running->is_pausing = false;
    operation op = {.kind = OP_STEP, .site = what, .object = object, .ways = ways, .arg = arg};
    unsigned way = offer(&op);
    run_touched(object);
    account_step(model_thread(), what, way);
    return way;
}

void
model_pause(void)
{
    run.running->is_pausing = true;
}

void
model_counts(const volatile void *object, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i += 8) {
        memory_location((const volatile char *)object + i, 8)->is_count = true;
    }
}

// ---- atomic operations

static bool
is_private(location *at, const operation *op)
{
    int self = (int)model_thread();
    bool was_shared = at->is_used_by_more && at->is_written;
    if (at->user < 0) {
        at->user = self;
    }
    at->is_used_by_more = at->is_used_by_more || at->user != self;
    at->is_written = at->is_written || op->access.kind != MODEL_LOAD;
    if (!was_shared && at->is_used_by_more && at->is_written) {
        run.has_learned = true;
        give_up();
    }
    return !was_shared;
}

static bool
explores_retries(const char *site)
{
    return run.scenario->retries_in != NULL && strcmp(run.scenario->retries_in, site) == 0;
}

static bool
is_known_guess(const operation *op)
{
    for (unsigned i = 0; i < own.guess_count; i++) {
        if (own.guesses[i].site == op->site && own.guesses[i].location == op->location) {
            return true;
        }
    }
    return false;
}

static void
learn_guess(const operation *op)
{
    if (explores_retries(op->site) || is_known_guess(op)) {
        return;
    }
    if (own.guess_count == GUESSES_MAX) {
        model_fail("more than %d loops around a compare-exchange", GUESSES_MAX);
    }
    own.guesses[own.guess_count].site = op->site;
    own.guesses[own.guess_count++].location = op->location;
    run.has_learned = true;
    give_up();
}

// The way of an operation that is no choice.
static unsigned
only_way(const operation *op)
{
    unsigned last = WAY_READ + memory_latest(op->location);
    switch (op->access.kind) {
    case MODEL_LOAD:
        return last;
    case MODEL_CAS:
        return op->location->writes[last - WAY_READ].value == op->access.expected ? WAY_WRITE
                                                                                  : last;
    case MODEL_STORE:
    case MODEL_RMW:
        break;
    }
    return WAY_WRITE;
}

static unsigned
choose_way(operation *op)
{
    thread_state *self = run.running;
    location *at = op->location;
    if (is_private(at, op)) {
        return only_way(op);
    }
    const location *guessed = self->guessed;
    self->guessed = NULL;
    if (op->access.kind == MODEL_LOAD && self->is_pausing && at == self->last_read) {
        return WAY_READ + self->now.seen[at->number];
    }
    if (op->is_weak) {
        learn_guess(op);
        if (guessed == at && self->is_guess_old) {
            run.is_cut = true;
            give_up();
        }
        if (guessed == at) {
            return WAY_WRITE;
        }
    }
    op->is_guess = op->access.kind == MODEL_LOAD && is_known_guess(op);
    unsigned way = offer(op);
    if (op->is_guess) {
        self->guessed = at;
        self->is_guess_old = way != WAY_WRITE;
    }
    return way;
}

static void
record_effects(const operation *op, const outcome *did)
{
    effects *step = run.did;
    location *at = op->location;
    if (step == NULL || at->is_count) {
        return;
    }
    uint64_t bit = (uint64_t)1 << at->number;
    step->might |= memory_may_write(op) ? bit : 0;
    if (op->access.kind != MODEL_STORE) {
        step->read |= bit;
        int from = at->writes[did->index].step;
        if (from >= 0 && step->read_count < READS_MAX) {
            step->read_from[step->read_count++] = from;
        }
    }
    if (did->is_written) {
        step->wrote |= bit;
        at->writes[memory_latest(at)].step = run.step;
    }
}

static uint64_t
perform(operation *op)
{
    thread_state *self = run.running;
    op->kind = OP_ATOMIC;
    op->location = memory_location(op->access.object, op->size);
    if (self == NULL) {
        return memory_perform(op, &own.calm, 0, only_way(op)).before;
    }
    op->access.site = op->site;
    op->access.thread = model_thread();
    if (own.mutant != NULL && own.mutant->spoil != NULL) {
        race_watch(false);
        own.mutant->spoil(&op->access);
        race_watch(true);
    }
    unsigned way = op->location->is_count ? WAY_WRITE : choose_way(op);
    if (op->access.kind != MODEL_LOAD) {
        self->is_pausing = false;
    }
    outcome did = memory_perform(op, &self->now, model_thread(), way);
    if (op->access.kind == MODEL_LOAD) {
        self->last_read = op->location;
    }
    record_effects(op, &did);
    if (op->access.kind == MODEL_CAS && did.is_failed && op->is_weak) {
        self->retries++;
    }
    if (!op->location->is_count && op->location->is_used_by_more && op->location->is_written &&
        !(op->access.kind == MODEL_LOAD && self->is_pausing)) {
        account_operation(model_thread(), op, did);
    }
    return op->access.is_forged ? op->access.operand : did.before;
}

uint64_t
model_atomic_load(const volatile void *object, size_t size, memory_order order, const char *site)
{
    operation op = {.site = site,
                    .size = size,
                    .access = {.kind = MODEL_LOAD, .object = object, .order = order}};
    return perform(&op);
}

void
model_atomic_store(volatile void *object, size_t size, uint64_t value, memory_order order,
                   const char *site)
{
    operation op = {
        .site = site,
        .size = size,
        .access = {.kind = MODEL_STORE, .object = object, .order = order, .operand = value}};
    perform(&op);
}

uint64_t
model_atomic_rmw(volatile void *object, size_t size, model_rmw_t how, uint64_t operand,
                 memory_order order, const char *site)
{
    operation op = {
        .site = site,
        .size = size,
        .how = how,
        .access = {.kind = MODEL_RMW, .object = object, .order = order, .operand = operand}};
    return perform(&op);
}

bool
model_atomic_cas(volatile void *object, size_t size, void *expected, uint64_t desired, bool is_weak,
                 memory_order success, memory_order failure, const char *site)
{
    operation op = {
        .site = site,
        .size = size,
        .failure = failure,
        .is_weak = is_weak,
        .access = {.kind = MODEL_CAS, .object = object, .order = success, .operand = desired}};
    memcpy(&op.access.expected, expected, size);
    uint64_t wanted = op.access.expected;
    uint64_t found = perform(&op);
    if (found == wanted || op.access.is_blind) {
        return true;
    }
    memcpy(expected, &found, size);
    return false;
}

// ---- one execution

static void
thread_main(void *arg)
{
    (void)arg;
    run.scenario->run(model_thread());
    model_exit();
}

static void
resume(thread_state *it)
{
    run.running = it;
    tri_fiber_switch(&own.home, &it->fiber);
    run.running = NULL;
    run.did = NULL;
}

void
run_resume(unsigned thread, unsigned way, effects *did, int step)
{
    *did = (effects){.wrote = 0};
    run.did = did;
    run.step = step;
    run.threads[thread].way = way;
    resume(&run.threads[thread]);
}

static void
call_outside(void (*fn)(bool), bool arg)
{
    race_watch(false);
    if (setjmp(own.outside) == 0) {
        fn(arg);
    }
    race_watch(true);
}

static void
call_setup(bool unused)
{
    (void)unused;
    run.scenario->setup();
}

void
run_begin(void)
{
    memory_begin();
    race_begin();
    sync_begin();
    account_begin();
    run.has_failed = false;
    run.is_cut = false;
    memset(own.words, 0, sizeof own.words);
    memset(&own.calm, 0, sizeof own.calm);
    call_outside(call_setup, true);
    for (unsigned i = 0; i < run.thread_count && !run_is_over(); i++) {
        thread_state *it = &run.threads[i];
        memset(it, 0, sizeof *it);
        it->now = own.calm;
        it->now.clock[i] = 1;
        tri_fiber_init(&it->fiber, stacks[i], STACK_BYTES, thread_main, NULL);
        resume(it);
    }
}

void
run_finish(void)
{
    bool all_ended = true;
    for (unsigned i = 0; i < run.thread_count; i++) {
        const thread_state *it = &run.threads[i];
        all_ended = all_ended && it->has_ended;
        // A try that could not succeed any more was to be made later.
        if (!it->has_ended && it->pending->kind == OP_ATOMIC) {
            run.is_cut = true;
            return;
        }
    }
    for (unsigned i = 0; i < run.thread_count; i++) {
        memory_join(&own.calm, &run.threads[i].now);
    }
    call_outside(run.scenario->finish, all_ended);
}

bool
run_is_over(void)
{
    return run.has_failed || run.is_cut || run.has_learned;
}

unsigned
run_ways(unsigned thread, unsigned out[WAYS_MAX])
{
    const thread_state *it = &run.threads[thread];
    const operation *op = it->pending;
    if (it->has_ended || op == NULL) {
        return 0;
    }
    if (op->kind == OP_ATOMIC) {
        bool may_retry = explores_retries(op->site) && it->retries < run.scenario->retries;
        return memory_ways(op, &it->now, may_retry, out);
    }
    unsigned ways = op->ways == NULL ? 1u : op->ways(op->arg);
    unsigned count = 0;
    for (unsigned i = 0; ways >> i != 0; i++) {
        if ((ways >> i & 1u) != 0) {
            out[count++] = i;
        }
    }
    return count;
}

void
run_reset(const model_scenario *scenario, const model_mutant *mutant)
{
    memset(&run, 0, sizeof run);
    memset(&own, 0, sizeof own);
    run.scenario = scenario;
    own.mutant = mutant;
    while (scenario->threads[run.thread_count] != NULL) {
        run.thread_count++;
    }
    tri_fiber_adopt_thread(&own.home);
}
