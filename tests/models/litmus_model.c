// litmus_model.c: the checker checked. What C11 forbids must never be seen, and what it allows must
// be found: the allowed outcomes stand below as mutants.
#include "model.h"

static _Atomic int x, y;
static int data;

// The scenario's own words: what the loads of each thread have read.
enum { FIRST, SECOND, THIRD, FOURTH };

static void
setup(void)
{
    atomic_init(&x, 0);
    atomic_init(&y, 0);
    data = 0;
    model_name(&x, sizeof x, "x");
    model_name(&y, sizeof y, "y");
    model_name(&data, sizeof data, "data");
}

static void
store(_Atomic int *to, int value)
{
    atomic_store_explicit(to, value, memory_order_release);
}

static int
load(_Atomic int *from)
{
    return atomic_load_explicit(from, memory_order_acquire);
}

// ---- message passing: who sees the flag sees the data

static void
run_passing(unsigned thread)
{
    if (thread == 0) {
        data = 1;
        atomic_store_explicit(&x, 1, memory_order_relaxed);
        store(&y, 1);
    } else {
        model_set(FIRST, load(&y));
        model_set(SECOND, atomic_load_explicit(&x, memory_order_relaxed));
        MODEL_CHECK(model_get(FIRST) == 0 || data == 1, "plain data is old");
    }
}

static void
finish_passing(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits");
    MODEL_CHECK(model_get(FIRST) == 0 || model_get(SECOND) == 1, "the flag is new, the data old");
}

static void
store_is_relaxed(model_access *access)
{
    model_weaken(access, "store", MODEL_STORE, memory_order_release, memory_order_relaxed);
}

static void
load_is_relaxed(model_access *access)
{
    model_weaken(access, "load", MODEL_LOAD, memory_order_acquire, memory_order_relaxed);
}

// ---- store buffering: each may miss the store of the other

static void
run_buffering(unsigned thread)
{
    store(thread == 0 ? &x : &y, 1);
    model_set(thread, load(thread == 0 ? &y : &x));
}

static void
finish_buffering(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits");
    MODEL_CHECK(!model_is_mutant("both-miss") || model_get(0) + model_get(1) > 0, "both miss it");
    MODEL_CHECK(!model_is_mutant("both-see") || model_get(0) + model_get(1) < 2, "both see it");
}

// ---- load buffering: nobody reads from the future

static void
run_future(unsigned thread)
{
    model_set(thread, atomic_load_explicit(thread == 0 ? &x : &y, memory_order_relaxed));
    atomic_store_explicit(thread == 0 ? &y : &x, 1, memory_order_relaxed);
}

static void
finish_future(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits");
    MODEL_CHECK(model_get(0) + model_get(1) < 2, "both read what came later");
}

// ---- coherence: one location never goes back

static void
run_coherence(unsigned thread)
{
    if (thread == 0) {
        atomic_store_explicit(&x, 1, memory_order_relaxed);
        atomic_store_explicit(&x, 2, memory_order_relaxed);
        return;
    }
    int first = atomic_load_explicit(&x, memory_order_relaxed);
    int second = atomic_load_explicit(&x, memory_order_relaxed);
    MODEL_CHECK(second >= first, "%d after %d", second, first);
    MODEL_CHECK(!model_is_mutant("reads-one-then-two") || first != 1 || second != 2, "it does");
}

static void
finish_ended(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits");
}

// ---- a release sequence goes through the read-modify-write of another thread, not a store

static void
run_sequence(unsigned thread)
{
    if (thread == 0) {
        data = 1;
        store(&x, 1);
    } else if (thread == 1) {
        if (model_is_mutant("sequence-is-broken")) {
            if (atomic_load_explicit(&x, memory_order_relaxed) == 1) {
                atomic_store_explicit(&x, 11, memory_order_relaxed);
            }
        } else {
            int one = 1;
            atomic_compare_exchange_strong_explicit(&x, &one, 11, memory_order_relaxed,
                                                    memory_order_relaxed);
        }
    } else if (load(&x) == 11) {
        MODEL_CHECK(data == 1, "the data is old");
    }
}

// ---- two readers need not agree on the order of independent writes

static void
run_independent(unsigned thread)
{
    if (thread < 2) {
        store(thread == 0 ? &x : &y, 1);
    } else {
        model_set(FIRST + 2 * (thread - 2), load(thread == 2 ? &x : &y));
        model_set(SECOND + 2 * (thread - 2), load(thread == 2 ? &y : &x));
    }
}

static void
finish_independent(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits");
    bool disagree = model_get(FIRST) == 1 && model_get(SECOND) == 0 && model_get(THIRD) == 1 &&
                    model_get(FOURTH) == 0;
    MODEL_CHECK(!model_is_mutant("readers-disagree") || !disagree, "they do");
}

// ---- read-modify-writes never lose one another; compare-exchange is tried again

static void
run_counting(unsigned thread)
{
    if (thread < 2) {
        atomic_fetch_add_explicit(&x, 1, memory_order_relaxed);
    } else {
        int seen = atomic_load_explicit(&x, memory_order_relaxed);
        while (!atomic_compare_exchange_weak_explicit(&x, &seen, seen + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
        }
    }
}

static void
finish_counting(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits");
    int count = atomic_load_explicit(&x, memory_order_relaxed);
    MODEL_CHECK(count == 3, "3 threads have counted to %d", count);
}

static void
does_not_look_again(model_access *access)
{
    access->is_blind = access->kind == MODEL_CAS;
}

static const char *const two[] = {"a", "b", NULL};
static const char *const three[] = {"a", "b", "c", NULL};
static const char *const four[] = {"a", "b", "c", "d", NULL};

static const model_scenario scenarios[] = {
    {"message-passing", two, setup, run_passing, finish_passing, NULL, 0},
    {"store-buffering", two, setup, run_buffering, finish_buffering, NULL, 0},
    {"load-buffering", two, setup, run_future, finish_future, NULL, 0},
    {"coherence", two, setup, run_coherence, finish_ended, NULL, 0},
    {"release-sequence", three, setup, run_sequence, finish_ended, NULL, 0},
    {"independent-writes", four, setup, run_independent, finish_independent, NULL, 0},
    {"counting", three, setup, run_counting, finish_counting, "run_counting", 2},
};

static const model_mutant mutants[] = {
    {"store-is-relaxed", "message-passing", store_is_relaxed, NULL},
    {"load-is-relaxed", "message-passing", load_is_relaxed, NULL},
    {"both-miss", "store-buffering", NULL, NULL},
    {"both-see", "store-buffering", NULL, NULL},
    {"reads-one-then-two", "coherence", NULL, NULL},
    {"sequence-is-broken", "release-sequence", NULL, NULL},
    {"readers-disagree", "independent-writes", NULL, NULL},
    {"does-not-look-again", "counting", does_not_look_again, NULL},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
