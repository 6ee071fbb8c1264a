#include "sched/fiber.h"

#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

// An assertion that fails jumps to the test's own stack: inside a fiber things are only written
// down.

#define STACK_BYTES ((size_t)256 * 1024)

// Not from sched/stack, so that these tests stand on nothing but fibers.
static char *
stacks_create(size_t count)
{
    char *low = mmap(NULL, count * STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert(ne(ptr, low, MAP_FAILED));
#if TRI_VALGRIND
    for (size_t i = 0; i < count; i++) {
        (void)VALGRIND_STACK_REGISTER(low + i * STACK_BYTES, low + (i + 1) * STACK_BYTES - 1);
    }
#endif
    return low;
}

static void
stacks_destroy(char *low, size_t count)
{
    munmap(low, count * STACK_BYTES);
}

typedef struct trip {
    tri_fiber home, fiber;
    char *stack;
    long turns;
    double sum;
    void *seen;
} trip;

static void
depart(trip *t, tri_fiber_fn entry)
{
    t->stack = t->stack == NULL ? stacks_create(1) : t->stack;
    tri_fiber_adopt_thread(&t->home);
    tri_fiber_init(&t->fiber, t->stack, STACK_BYTES, entry, t);
}

static void
end(trip *t)
{
    tri_fiber_fini(&t->fiber);
    tri_fiber_fini(&t->home);
    stacks_destroy(t->stack, 1);
    t->stack = NULL;
}

static void
ping(void *arg)
{
    trip *t = arg;
    for (;;) {
        t->turns++;
        tri_fiber_switch(&t->fiber, &t->home);
    }
}

Test(fiber, fini_accepts_null_and_zeroed_memory)
{
    tri_fiber zeroed = {0};
    tri_fiber_fini(NULL);
    tri_fiber_fini(&zeroed);
}

Test(fiber, two_take_turns)
{
    trip t = {0};
    depart(&t, ping);
    for (long i = 1; i <= 10000; i++) {
        tri_fiber_switch(&t.home, &t.fiber);
        cr_assert(eq(long, t.turns, i));
    }
    end(&t);
}

static void
look_around(void *arg)
{
    trip *t = arg;
    _Alignas(16) char local[16] = {0};
    void *frames[64];
    char text[32];
    t->seen = local;
    snprintf(text, sizeof text, "%.3f",
             t->sum); // saves vector registers where they must be aligned
    t->sum = atof(text);
    t->turns = backtrace(frames, 64);
    tri_fiber_jump(&t->fiber, &t->home);
}

Test(fiber, starts_with_its_argument_on_its_own_aligned_stack)
{
    trip t = {.sum = 2.5};
    depart(&t, look_around);
    char *low = t.stack;
    tri_fiber_switch(&t.home, &t.fiber);
    cr_assert(eq(dbl, t.sum, 2.5));
    cr_assert(zero(sz, (uintptr_t)t.seen % 16));
#if !TRI_ASAN // which may keep locals elsewhere
    cr_assert(gt(ptr, t.seen, (void *)low));
    cr_assert(lt(ptr, t.seen, (void *)(low + STACK_BYTES)));
#endif
    (void)low;
    end(&t);
}

Test(fiber, unwinding_ends_at_its_first_function)
{
    trip t = {0};
    depart(&t, look_around);
    tri_fiber_switch(&t.home, &t.fiber);
    cr_assert(gt(long, t.turns, 1));
    cr_assert(lt(long, t.turns, 8));
    end(&t);
}

// So many values at once that every register which a callee must keep holds one over each switch.
static uint64_t
churn(uint64_t seed, tri_fiber *from, tri_fiber *to)
{
    uint64_t a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 9, f = seed * 11;
    uint64_t g = seed * 13, h = seed * 15, k = seed * 17, l = seed * 19, m = seed * 21;
    double p = (double)seed, q = p + 1, r = p + 2, s = p + 3, u = p + 4, v = p + 5, w = p + 6;
    for (int i = 0; i < 1000; i++) {
        if (from != NULL) {
            tri_fiber_switch(from, to);
        }
        a += b ^ m, b += c ^ a, c += d ^ b, d += e ^ c, e += f ^ d, f += g ^ e;
        g += h ^ f, h += k ^ g, k += l ^ h, l += m ^ k, m += a ^ l;
        p += q / 2, q += r / 3, r += s / 4, s -= u / 5, u += v / 6, v -= w / 7, w -= p / 8;
    }
    double sum = p + q + r + s + u + v + w;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ k ^ l ^ m ^ bits;
}

static uint64_t churned;

static void
churn_in_fiber(void *arg)
{
    trip *t = arg;
    churned = churn(12345, &t->fiber, &t->home);
    tri_fiber_jump(&t->fiber, &t->home);
}

Test(fiber, registers_survive_switches_on_both_sides)
{
    trip t = {0};
    depart(&t, churn_in_fiber);
    tri_fiber_switch(&t.home, &t.fiber);
    uint64_t here = churn(777, &t.home, &t.fiber);
    cr_assert(eq(u64, here, churn(777, NULL, NULL)));
    cr_assert(eq(u64, churned, churn(12345, NULL, NULL)));
    end(&t);
}

// Which way the processor rounds, by each of its units.
static int
rounding(void)
{
    volatile double one = 1, three = 3;
    volatile long double long_one = 1, long_three = 3;
    double third = one / three;
    long double long_third = long_one / long_three;
    int up = (third > 0x1.5555555555555p-2) + 2 * (long_third * long_three > 1);
    return fegetround() == FE_UPWARD ? 4 + up : up;
}

static int rounding_seen[3];

static void
round_upward(void *arg)
{
    trip *t = arg;
    rounding_seen[0] = rounding();
    fesetround(FE_UPWARD);
    rounding_seen[1] = rounding();
    tri_fiber_switch(&t->fiber, &t->home);
    rounding_seen[2] = rounding();
    tri_fiber_jump(&t->fiber, &t->home);
}

Test(fiber, each_has_its_own_floating_point_modes)
{
    trip t = {0};
    int nearest = rounding();
#ifndef TRI_FIBER_PORTABLE // there a fiber starts with the modes of who made it
    fesetround(FE_UPWARD);
#endif
    depart(&t, round_upward);
    tri_fiber_switch(&t.home, &t.fiber);
    fesetround(FE_TONEAREST);
    cr_assert(eq(int, rounding(), nearest));
    tri_fiber_switch(&t.home, &t.fiber);
    cr_assert(eq(int, rounding(), nearest));
    cr_assert(eq(int, rounding_seen[0], nearest));
    cr_assert(ne(int, rounding_seen[1], nearest));
    cr_assert(eq(int, rounding_seen[2], rounding_seen[1]));
    end(&t);
}

static long
dive(trip *t, long depth)
{
    volatile char room[512];
    room[depth % 512] = (char)depth;
    if (depth == 0) {
        tri_fiber_switch(&t->fiber, &t->home);
        return 0;
    }
    long below = dive(t, depth - 1);
    return below + (room[depth % 512] == (char)depth);
}

static void
dive_and_come_up(void *arg)
{
    trip *t = arg;
    t->turns = dive(t, 200);
    tri_fiber_jump(&t->fiber, &t->home);
}

Test(fiber, can_be_left_deep_down_a_chain_of_calls)
{
    trip t = {0};
    depart(&t, dive_and_come_up);
    tri_fiber_switch(&t.home, &t.fiber);
    cr_assert(eq(long, t.turns, 0));
    tri_fiber_switch(&t.home, &t.fiber);
    cr_assert(eq(long, t.turns, 200));
    end(&t);
}

static volatile bool is_bottomless; // never set, which the compiler does not know

// Leaves for good below frames with arrays, whose red zones stay in the shadow of the stack.
static TRI_NOINLINE void
sink(trip *t, long depth)
{
    volatile char room[64];
    room[depth] = (char)depth;
    if (depth > 0) {
        sink(t, depth - 1);
        t->turns += room[depth]; // not reached, but keeps the call from being the last act
    }
    t->turns++;
    if (!is_bottomless) {
        tri_fiber_jump(&t->fiber, &t->home);
    }
}

static void
sink_at_random(void *arg)
{
    trip *t = arg;
    sink(t, 5 + t->turns % 50);
}

Test(fiber, a_stack_serves_thousands_of_abandoned_ones)
{
    trip t = {0};
    for (long i = 0; i < 5000; i++) {
        depart(&t, sink_at_random);
        tri_fiber_switch(&t.home, &t.fiber);
        tri_fiber_fini(&t.fiber);
    }
    cr_assert(eq(long, t.turns, 5000));
    end(&t);
}

#define RING 200

static tri_fiber ring_home, ring[RING];
static long ring_hops;

static void
pass_on(void *arg)
{
    int self = (int)(intptr_t)arg;
    for (;;) {
        ring_hops++;
        bool last = ring_hops >= RING * 100L;
        tri_fiber_switch(&ring[self], last ? &ring_home : &ring[(self + 1) % RING]);
    }
}

Test(fiber, many_pass_control_among_themselves)
{
    char *stacks = stacks_create(RING);
    tri_fiber_adopt_thread(&ring_home);
    for (int i = 0; i < RING; i++) {
        tri_fiber_init(&ring[i], stacks + (size_t)i * STACK_BYTES, STACK_BYTES, pass_on,
                       (void *)(intptr_t)i);
    }
    tri_fiber_switch(&ring_home, &ring[0]);
    cr_assert(eq(long, ring_hops, RING * 100L));
    for (int i = 0; i < RING; i++) {
        tri_fiber_fini(&ring[i]);
    }
    stacks_destroy(stacks, RING);
}

static void *
continue_elsewhere(void *arg)
{
    trip *t = arg;
    tri_fiber_adopt_thread(&t->home);
    tri_fiber_switch(&t->home, &t->fiber);
    tri_fiber_fini(&t->home);
    return NULL;
}

Test(fiber, can_be_continued_by_another_thread)
{
    trip t = {0};
    depart(&t, dive_and_come_up);
    tri_fiber_switch(&t.home, &t.fiber);
    pthread_t other;
    cr_assert(zero(int, pthread_create(&other, NULL, continue_elsewhere, &t)));
    pthread_join(other, NULL);
    cr_assert(eq(long, t.turns, 200));
    end(&t);
}

static void
simply_return(void *arg)
{
    (void)arg;
}

Test(fiber, returning_from_its_function_panics)
{
    trip t = {0};
    depart(&t, simply_return);
    pid_t child = fork();
    if (child == 0) {
        tri_fiber_switch(&t.home, &t.fiber);
        _exit(0);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    bool was_killed = WIFSIGNALED(status);
    cr_assert(was_killed, "status %x", status);
    cr_assert(eq(int, WTERMSIG(status), SIGABRT));
    end(&t);
}
