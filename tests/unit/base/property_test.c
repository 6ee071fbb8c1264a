// property_test.c: the harness of support/property.h, shown systems with bugs that are known.
#include "property.h"

TestSuite(property, .timeout = 60);

enum { PUSH, POP, CLEAR };

static const property_kind kinds[] = {
    [PUSH] = {.name = "push", .weight = 4, .args = 1, .below = {1000}},
    [POP] = {.name = "pop", .weight = 2},
    [CLEAR] = {.name = "clear", .weight = 1, .args = 2, .below = {10, 10}},
};

// How often a property was run, and with what at last.
static struct played {
    uint64_t runs;
    property_op ops[64];
    size_t count;
} played;

static bool
play(const property_op *ops, size_t count)
{
    played.runs++;
    played.count = count;
    memcpy(played.ops, ops, count * sizeof *ops);
    return true;
}

static bool
always_holds(const property_op *ops, size_t count, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return play(ops, count);
}

// A stack, and the depth that it should have: the fourth push since it was empty is lost when its
// value is 500 or more.
static bool
forgets_a_push(const property_op *ops, size_t count, char *why, size_t why_size)
{
    uint32_t depth = 0, expected = 0;
    play(ops, count);
    for (size_t i = 0; i < count; i++) {
        switch (ops[i].code) {
        case PUSH:
            depth += depth != 3 || ops[i].args[0] < 500;
            expected++;
            break;
        case POP:
            depth -= depth > 0;
            expected -= expected > 0;
            break;
        default:
            depth = 0;
            expected = 0;
        }
        if (depth != expected) {
            snprintf(why, why_size, "at %zu: %" PRIu32 " deep, not %" PRIu32, i + 1, depth,
                     expected);
            return false;
        }
    }
    return true;
}

static property
stack_with(property_fn run)
{
    return (property){
        .name = "stack", .kinds = kinds, .kind_count = 3, .ops_max = 60, .runs = 200, .run = run};
}

Test(property, that_fails_is_shrunk_to_the_smallest_sequence)
{
    property p = stack_with(forgets_a_push);
    property_failure f;
    for (uint64_t seed = 1; seed < 20; seed++) {
        cr_assert(property_find(&p, seed * 1000, 200, &f));
        cr_assert(eq(sz, f.count, 4));
        for (size_t i = 0; i < 4; i++) {
            cr_assert(eq(u32, f.ops[i].code, PUSH));
            cr_assert(eq(u32, f.ops[i].args[0], i == 3 ? 500 : 0));
        }
        cr_assert(eq(str, f.why, (char *)"at 4: 3 deep, not 4"));
        cr_assert(le(sz, f.count, f.first_count));
        property_failure_fini(&f);
    }
}

Test(property, that_fails_keeps_its_opening)
{
    property p = stack_with(forgets_a_push);
    property_failure f;
    p.has_opening = true;
    cr_assert(property_find(&p, 1, 500, &f));
    cr_assert(eq(u32, f.ops[0].code, PUSH)); // kind 0: one of the four
    cr_assert(eq(sz, f.count, 4));
    property_failure_fini(&f);
}

static bool
never_holds(const property_op *ops, size_t count, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return !play(ops, count);
}

// Hard to make smaller: every other sequence of it passes.
static bool
flickers(const property_op *ops, size_t count, char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    play(ops, count);
    return played.runs % 2 == 0;
}

Test(property, that_always_fails_is_shrunk_to_nothing)
{
    property p = stack_with(never_holds);
    property_failure f;
    cr_assert(property_find(&p, 7, 1, &f));
    cr_assert(eq(sz, f.count, 0));
    property_failure_fini(&f);
}

Test(property, shrinking_has_an_end)
{
    property p = stack_with(flickers);
    property_failure f;
    cr_assert(property_find(&p, 7, 2, &f));
    cr_assert(le(sz, f.tries, PROPERTY_TRIES));
    cr_assert(le(u64, played.runs, PROPERTY_TRIES + 2));
    property_failure_fini(&f);
}

Test(property, that_holds_passes_after_all_its_runs)
{
    property p = stack_with(always_holds);
    unsetenv("TR_SEED");
    unsetenv("TR_PROPERTY_RUNS");
    PROPERTY_HOLDS(&p);
    cr_assert(eq(u64, played.runs, 200));
    setenv("TR_PROPERTY_RUNS", "17", 1);
    PROPERTY_HOLDS(&p);
    cr_assert(eq(u64, played.runs, 217));
}

Test(property, one_seed_gives_one_sequence_and_is_played_once)
{
    property p = stack_with(always_holds);
    property_op ops[60];
    setenv("TR_SEED", "7341", 1);
    PROPERTY_HOLDS(&p);
    cr_assert(eq(u64, played.runs, 1));
    size_t count = property_sequence(&p, 7341, ops);
    cr_assert(eq(sz, played.count, count));
    cr_assert(memcmp(played.ops, ops, count * sizeof *ops) == 0);
    size_t other = property_sequence(&p, 7342, ops);
    cr_assert(other != count || memcmp(played.ops, ops, count * sizeof *ops) != 0);
}

Test(property, draws_every_kind_and_every_argument_within_its_range)
{
    property p = stack_with(always_holds);
    property_op ops[60];
    uint32_t seen[3] = {0};
    uint32_t most[3] = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        size_t count = property_sequence(&p, seed, ops);
        cr_assert(count >= 1 && count <= 60);
        for (size_t i = 0; i < count; i++) {
            cr_assert(lt(u32, ops[i].code, 3));
            uint32_t arg = ops[i].args[0];
            cr_assert(arg == 0 || arg < kinds[ops[i].code].below[0]);
            seen[ops[i].code]++;
            most[ops[i].code] = arg > most[ops[i].code] ? arg : most[ops[i].code];
        }
    }
    cr_assert(seen[PUSH] > seen[POP] && seen[POP] > seen[CLEAR] && seen[CLEAR] > 0);
    cr_assert(most[PUSH] > 990 && most[POP] == 0 && most[CLEAR] == 9);
}

Test(property, failure_is_printed_with_seed_and_names)
{
    property p = stack_with(forgets_a_push);
    property_failure f;
    char text[1024] = "";
    cr_assert(property_find(&p, 1, 500, &f));
    FILE *file = fmemopen(text, sizeof text, "w");
    property_print(&p, &f, file);
    fclose(file);
    char seed[64];
    snprintf(seed, sizeof seed, "TR_SEED=%" PRIu64 ":", f.seed);
    cr_assert(strstr(text, seed) != NULL, "%s", text);
    cr_assert(strstr(text, "  1. push 0\n") != NULL, "%s", text);
    cr_assert(strstr(text, "  4. push 500\n  at 4: 3 deep, not 4\n") != NULL, "%s", text);
    property_failure_fini(&f);
}

Test(property, that_aborts_says_its_seed, .signal = SIGABRT)
{
    property_begin_run(&(property){.name = "stack"}, 7341);
    cr_assert(strcmp(property_last_words, "stack: aborted with TR_SEED=7341\n") == 0);
    signal(SIGABRT, property_on_abort);
    abort();
}
