// property.h: properties that hold for every sequence of operations, tried with random ones.
//
//     static const property_kind kinds[] = {
//         {.name = "push", .weight = 3, .args = 1, .below = {100}},
//         {.name = "pop", .weight = 1},
//     };
//     static const property stack = {
//         .name = "stack", .kinds = kinds, .kind_count = 2, .ops_max = 30, .runs = 200, .run =
//         run};
//     PROPERTY_HOLDS(&stack);
//
// `run` plays a sequence against the real thing and against a small model of it, both fresh, and
// says what went wrong. A sequence that fails is made smaller for as long as it still fails: whole
// chunks go, then single operations, then the arguments become smaller. What is left is printed
// with the seed. TR_SEED=n plays one seed again; TR_PROPERTY_RUNS=n plays so many of them.
#ifndef TROUPE_TESTS_PROPERTY_H
#define TROUPE_TESTS_PROPERTY_H

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define PROPERTY_ARGS    3
#define PROPERTY_WHY     256
#define PROPERTY_TRIES   2000 // runs that making a failure smaller may take
#define PROPERTY_OPS_MAX 4096

typedef struct property_op {
    uint32_t code; // which kind
    uint32_t args[PROPERTY_ARGS];
} property_op;

// What an operation is called, and what its arguments may be.
typedef struct property_kind {
    const char *name;
    uint32_t weight; // how often it comes, compared to the others; 0: only as the opening
    uint32_t args;
    uint32_t below[PROPERTY_ARGS]; // each argument is one of 0 … below - 1; smaller is simpler
} property_kind;

// True: it went as it should. Otherwise `why` says what did not. The same sequence has to give the
// same answer, and what it does has to end whatever the sequence is.
typedef bool (*property_fn)(const property_op *ops, size_t count, char *why, size_t why_size);

typedef struct property {
    const char *name;
    const property_kind *kinds;
    uint32_t kind_count;
    bool has_opening; // kind 0 begins every sequence, and is never left out
    size_t ops_max;   // of a sequence
    uint64_t runs;    // seeds, unless the environment says otherwise
    property_fn run;
} property;

typedef struct property_failure {
    uint64_t seed;
    property_op *ops; // the smallest that was found; property_failure_fini
    size_t count;
    size_t first_count;     // of the sequence as it was drawn
    size_t tries;           // what making it smaller took
    char why[PROPERTY_WHY]; // of the smallest
} property_failure;

// ---- from a seed to a sequence ------------------------------------------------------------------

// splitmix64: any seed will do, and neighbours are nothing alike.
static inline uint64_t
property_draw(uint64_t *random)
{
    uint64_t x = *random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint32_t
property_below(uint64_t *random, uint32_t n)
{
    return n == 0 ? 0 : (uint32_t)((property_draw(random) >> 32) * n >> 32);
}

static inline property_op
property_draw_op(const property *p, uint32_t code, uint64_t *random)
{
    property_op op = {.code = code};
    for (uint32_t i = 0; i < p->kinds[code].args; i++) {
        op.args[i] = property_below(random, p->kinds[code].below[i]);
    }
    return op;
}

static inline uint32_t
property_draw_code(const property *p, uint64_t *random)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < p->kind_count; i++) {
        total += p->kinds[i].weight;
    }
    uint32_t at = property_below(random, total);
    uint32_t code = 0;
    while (at >= p->kinds[code].weight) {
        at -= p->kinds[code++].weight;
    }
    return code;
}

// The sequence of a seed; `out` has room for ops_max. How long it is comes from the seed as well.
static inline size_t
property_sequence(const property *p, uint64_t seed, property_op *out)
{
    uint64_t random = seed;
    size_t count = 1 + property_below(&random, (uint32_t)p->ops_max);
    for (size_t i = 0; i < count; i++) {
        uint32_t code = p->has_opening && i == 0 ? 0 : property_draw_code(p, &random);
        out[i] = property_draw_op(p, code, &random);
    }
    return count;
}

// ---- making a failure smaller -------------------------------------------------------------------

// True, and it takes the place of what was there, when this one fails as well.
static inline bool
property_is_smaller(const property *p, property_failure *f, const property_op *ops, size_t count)
{
    char why[PROPERTY_WHY] = "";
    if (f->tries == PROPERTY_TRIES) {
        return false;
    }
    f->tries++;
    if (p->run(ops, count, why, sizeof why)) {
        return false;
    }
    memcpy(f->ops, ops, count * sizeof *ops);
    memcpy(f->why, why, sizeof why);
    f->count = count;
    return true;
}

// Leave out chunks of this size, the last ones first: later operations rest on earlier ones. Pairs
// are tried wherever they stand, because one may be there to undo the other.
static inline bool
property_drop_chunks(const property *p, property_failure *f, property_op *room, size_t size)
{
    size_t first = p->has_opening ? 1 : 0;
    size_t end = f->count;
    bool got_smaller = false;
    while (end > first) {
        size_t begin = end - first > size ? end - size : first;
        size_t left = f->count - end;
        memcpy(room, f->ops, begin * sizeof *room);
        memcpy(room + begin, f->ops + end, left * sizeof *room);
        bool is_smaller = property_is_smaller(p, f, room, begin + left);
        end = is_smaller || size > 2 ? begin : end - 1;
        got_smaller |= is_smaller;
    }
    return got_smaller;
}

// The smallest value of one argument that still fails, if smaller values fail like greater ones;
// some smaller one otherwise.
static inline bool
property_lower(const property *p, property_failure *f, property_op *room, size_t at, uint32_t arg)
{
    bool got_smaller = false;
    uint32_t low = 0; // what is below it does not fail
    while (low < f->ops[at].args[arg]) {
        memcpy(room, f->ops, f->count * sizeof *room);
        room[at].args[arg] = got_smaller || low > 0 ? low + (room[at].args[arg] - low) / 2 : 0;
        if (property_is_smaller(p, f, room, f->count)) {
            got_smaller = true;
        } else {
            low = room[at].args[arg] + 1;
        }
    }
    return got_smaller;
}

static inline bool
property_lower_all(const property *p, property_failure *f, property_op *room)
{
    bool got_smaller = false;
    for (size_t at = 0; at < f->count; at++) {
        for (uint32_t arg = 0; arg < p->kinds[f->ops[at].code].args; arg++) {
            got_smaller |= property_lower(p, f, room, at, arg);
        }
    }
    return got_smaller;
}

static inline void
property_shrink(const property *p, property_failure *f)
{
    property_op *room = calloc(f->count + 1, sizeof *room);
    bool got_smaller = true;
    while (got_smaller && f->tries < PROPERTY_TRIES) {
        got_smaller = false;
        for (size_t size = (f->count + 1) / 2; size > 0; size = size == 3 ? 2 : size / 2) {
            got_smaller |= property_drop_chunks(p, f, room, size);
        }
        got_smaller |= property_lower_all(p, f, room);
    }
    free(room);
}

// ---- looking for one ----------------------------------------------------------------------------

static inline uint64_t
property_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

// A run that ends the process leaves nobody to print its seed.
static volatile sig_atomic_t property_last_words_size;
static char property_last_words[96];

static inline void
property_on_abort(int signal_number)
{
    ssize_t written = write(STDERR_FILENO, property_last_words, (size_t)property_last_words_size);
    (void)written;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static inline void
property_begin_run(const property *p, uint64_t seed)
{
    int size = snprintf(property_last_words, sizeof property_last_words,
                        "%s: aborted with TR_SEED=%" PRIu64 "\n", p->name, seed);
    property_last_words_size =
        size < (int)sizeof property_last_words ? size : (int)sizeof property_last_words - 1;
}

// Play `runs` seeds, from `first` on. True: one of them failed, and `out` has it as small as it
// gets.
static inline bool
property_find(const property *p, uint64_t first, uint64_t runs, property_failure *out)
{
    *out = (property_failure){.ops = calloc(p->ops_max, sizeof *out->ops)};
    for (uint64_t i = 0; i < runs; i++) {
        out->seed = first + i;
        out->count = property_sequence(p, out->seed, out->ops);
        property_begin_run(p, out->seed);
        if (!p->run(out->ops, out->count, out->why, sizeof out->why)) {
            out->first_count = out->count;
            property_shrink(p, out);
            return true;
        }
    }
    return false;
}

static inline void
property_failure_fini(property_failure *f)
{
    free(f->ops);
    f->ops = NULL;
}

static inline void
property_print(const property *p, const property_failure *f, FILE *to)
{
    fprintf(to,
            "%s fails with TR_SEED=%" PRIu64 ": %zu operations, of which these %zu are enough\n",
            p->name, f->seed, f->first_count, f->count);
    for (size_t i = 0; i < f->count; i++) {
        const property_kind *kind = &p->kinds[f->ops[i].code];
        fprintf(to, "  %2zu. %s", i + 1, kind->name);
        for (uint32_t arg = 0; arg < kind->args; arg++) {
            fprintf(to, "%s%" PRIu32, arg == 0 ? " " : ", ", f->ops[i].args[arg]);
        }
        fprintf(to, "\n");
    }
    fprintf(to, "  %s\n", f->why);
}

// The seeds are others each time, so that the quick run gets to know more of them every day.
static inline void
property_holds(const property *p, const char *file, int line)
{
    cr_assert(p->ops_max > 0 && p->ops_max <= PROPERTY_OPS_MAX);
    bool is_replay = getenv("TR_SEED") != NULL;
    uint64_t first = property_number("TR_SEED", (uint64_t)time(NULL) * 1000003 % 1000000000);
    uint64_t runs = is_replay ? 1 : property_number("TR_PROPERTY_RUNS", p->runs);
    property_failure failure;
    signal(SIGABRT, property_on_abort);
    if (property_find(p, first, runs, &failure)) {
        fflush(stdout);
        property_print(p, &failure, stderr);
        cr_fatal("%s:%d: %s fails with TR_SEED=%" PRIu64 ": %s", file, line, p->name, failure.seed,
                 failure.why);
    }
    property_failure_fini(&failure);
}

#define PROPERTY_HOLDS(p) property_holds(p, __FILE__, __LINE__)

#endif
