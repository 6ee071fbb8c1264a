#include "sched/stack.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "base/memory.h"

static tri_stack_pool pool;

#define CAUGHT_IN_GUARD 42
#define CAUGHT_OUTSIDE  43

static const tri_stack *watched;

static void
on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    _exit(tri_stack_guard_hit(watched, info->si_addr) ? CAUGHT_IN_GUARD : CAUGHT_OUTSIDE);
}

static void
watch_for_faults(const tri_stack *stack)
{
    static char alternate[64 * 1024];
    stack_t signal_stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    watched = stack;
    sigaltstack(&signal_stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

// What becomes of a child process that does this: its exit status, or 1000 and the signal.
static int
fate_of(void (*act)(tri_stack *stack), tri_stack *stack)
{
    pid_t child = fork();
    if (child == 0) {
        act(stack);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void
write_below(tri_stack *stack)
{
    watch_for_faults(stack);
    *((volatile char *)stack->low - 1) = 1;
}

static void
write_at_low(tri_stack *stack)
{
    watch_for_faults(stack);
    *(volatile char *)stack->low = 1;
}

static volatile bool has_end; // never set, which the compiler does not know

static TRI_NOINLINE int
recurse(volatile char *above)
{
    volatile char room[256];
    room[0] = above[0];
    return has_end ? 0 : recurse(room) + room[0];
}

static tri_fiber home;

static void
recurse_without_end(void *arg)
{
    tri_stack *stack = arg;
    volatile char start[1] = {0};
    recurse(start);
    tri_fiber_jump(&stack->fiber, &home);
}

static void
overflow(tri_stack *stack)
{
    watch_for_faults(stack);
    tri_fiber_adopt_thread(&home);
    tri_fiber_init(&stack->fiber, stack->low, stack->bytes, recurse_without_end, stack);
    tri_fiber_switch(&home, &stack->fiber);
}

// The best guard of this machine comes first.
static const tri_stack_guard guards[] = {TRI_STACK_GUARD_MADVISE, TRI_STACK_GUARD_MPROTECT};

static tri_stack *
take_guarded(tri_stack_guard at_most)
{
    tri_stack_guard_at_most(at_most);
    assert_ok(tri_stack_pool_init(&pool, 64 * 1024));
    tri_stack *below = tri_stack_take(&pool);
    tri_stack *stack = tri_stack_take(&pool);
    cr_assert(below != NULL && stack != NULL);
    return stack;
}

Test(stack, fini_accepts_null_and_zeroed_memory)
{
    tri_stack_pool zeroed = {0};
    tri_stack_pool_fini(NULL);
    tri_stack_pool_fini(&zeroed);
}

Test(stack, an_absurd_size_is_refused)
{
    assert_err(tri_stack_pool_init(&pool, TRI_STACK_MAX_BYTES + 1), TR_EINVAL);
    assert_err(tri_stack_pool_init(&pool, SIZE_MAX), TR_EINVAL);
}

Test(stack, take_is_null_without_memory_and_works_again_after)
{
    assert_ok(tri_stack_pool_init(&pool, 0));
    tri_memory_fail_after(0);
    cr_assert(tri_stack_take(&pool) == NULL);
    cr_assert(eq(sz, tri_stack_pool_in_use(&pool), 0));
    tri_stack *stack = tri_stack_take(&pool);
    cr_assert(stack != NULL);
    cr_assert(eq(sz, tri_stack_pool_in_use(&pool), 1));
    tri_stack_give(&pool, stack);
    tri_stack_pool_fini(&pool);
}

#if !TRI_ASAN && !TRI_TSAN // they need address space themselves
Test(stack, take_is_null_without_address_space)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)1 << 28, .rlim_max = (rlim_t)1 << 28};
    assert_ok(tri_stack_pool_init(&pool, 4 * 1024 * 1024));
    if (RUNNING_ON_VALGRIND || setrlimit(RLIMIT_AS, &limit) != 0) {
        cr_skip("no limit on address space here");
    }
    size_t taken = 0;
    while (taken < 64 && tri_stack_take(&pool) != NULL) {
        taken++;
    }
    cr_assert(gt(sz, taken, 0));
    cr_assert(lt(sz, taken, 64));
    tri_stack_pool_fini(&pool);
}
#endif

Test(stack, sizes_are_whole_pages_of_at_least_what_was_asked)
{
    static const size_t asked[] = {0, 1, 100000, 3 * 1024 * 1024, 100 * 1024 * 1024};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        assert_ok(tri_stack_pool_init(&pool, asked[i]));
        tri_stack *stack = tri_stack_take(&pool);
        cr_assert(ge(sz, stack->bytes, asked[i] == 0 ? TRI_STACK_DEFAULT_BYTES : asked[i]));
        cr_assert(zero(sz, stack->bytes % (size_t)sysconf(_SC_PAGESIZE)));
        ((volatile char *)stack->low)[0] = 1;
        ((volatile char *)stack->low)[stack->bytes - 1] = 1;
        tri_stack_give(&pool, stack);
        tri_stack_pool_fini(&pool);
    }
}

Test(stack, the_latest_given_is_taken_first)
{
    assert_ok(tri_stack_pool_init(&pool, 0));
    tri_stack *a = tri_stack_take(&pool), *b = tri_stack_take(&pool);
    cr_assert(a != b);
    tri_stack_give(&pool, a);
    tri_stack_give(&pool, b);
    cr_assert(tri_stack_take(&pool) == b);
    cr_assert(tri_stack_take(&pool) == a);
    tri_stack_pool_fini(&pool);
}

Test(stack, many_at_once_do_not_overlap)
{
    static tri_stack *all[300];
    assert_ok(tri_stack_pool_init(&pool, 32 * 1024));
    for (int i = 0; i < 300; i++) {
        all[i] = tri_stack_take(&pool);
        memset(all[i]->low, i, all[i]->bytes);
    }
    for (int i = 0; i < 300; i++) {
        const unsigned char *low = all[i]->low;
        cr_assert(eq(int, low[0], (unsigned char)i));
        cr_assert(zero(int, memcmp(low, low + 1, all[i]->bytes - 1)));
        tri_stack_give(&pool, all[i]);
    }
    cr_assert(eq(sz, tri_stack_pool_in_use(&pool), 0));
    tri_stack_pool_fini(&pool);
}

static bool
has_pages(const tri_stack *stack)
{
    unsigned char page = 0;
    char *last = (char *)stack->low + stack->bytes - sysconf(_SC_PAGESIZE);
    return mincore(last, 1, &page) == 0 && (page & 1) != 0;
}

#define TOO_MANY (TRI_STACK_WARM_MAX + 20)

static tri_stack *many[TOO_MANY];

static size_t
give_many_and_count_pages(void)
{
    assert_ok(tri_stack_pool_init(&pool, 0));
    for (int i = 0; i < TOO_MANY; i++) {
        many[i] = tri_stack_take(&pool);
        ((volatile char *)many[i]->low)[many[i]->bytes - 1] = 1;
    }
    size_t warm = 0;
    for (int i = 0; i < TOO_MANY; i++) {
        tri_stack_give(&pool, many[i]);
        warm += has_pages(many[i]) ? 1 : 0;
    }
    return warm;
}

Test(stack, idle_ones_beyond_the_limit_give_their_pages_back)
{
    cr_assert(eq(sz, give_many_and_count_pages(), TRI_STACK_WARM_MAX));
    tri_stack_pool_fini(&pool);
}

Test(stack, trimming_gives_back_the_pages_of_all)
{
    give_many_and_count_pages();
    cr_assert(eq(sz, tri_stack_pool_trim(&pool), TRI_STACK_WARM_MAX));
    for (int i = 0; i < TOO_MANY; i++) {
        cr_assert(not(has_pages(many[i])));
    }
    cr_assert(eq(sz, tri_stack_pool_trim(&pool), 0));
    cr_assert(tri_stack_take(&pool) != NULL);
    tri_stack_pool_fini(&pool);
}

Test(stack, fini_takes_those_in_use_along)
{
    take_guarded(TRI_STACK_GUARD_MADVISE);
    tri_stack_pool_fini(&pool);
    cr_assert(eq(sz, tri_stack_pool_in_use(&pool), 0));
}

Test(stack, guard_hit_means_the_gap_below_and_nothing_else)
{
    tri_stack *stack = take_guarded(TRI_STACK_GUARD_MADVISE);
    char *low = stack->low;
    cr_assert(tri_stack_guard_hit(stack, low - 1));
    cr_assert(tri_stack_guard_hit(stack, low - TRI_STACK_GUARD_BYTES));
    cr_assert(not(tri_stack_guard_hit(stack, low)));
    cr_assert(not(tri_stack_guard_hit(stack, low - TRI_STACK_GUARD_BYTES - 1)));
    cr_assert(not(tri_stack_guard_hit(stack, low + stack->bytes)));
    cr_assert(not(tri_stack_guard_hit(stack, NULL)));
    tri_stack_pool_fini(&pool);
}

Test(stack, writing_below_faults_in_the_guard)
{
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        tri_stack *stack = take_guarded(guards[i]);
        cr_assert(eq(int, fate_of(write_at_low, stack), 0));
        cr_assert(eq(int, fate_of(write_below, stack), CAUGHT_IN_GUARD));
        cr_assert(tri_stack_check(stack));
        tri_stack_pool_fini(&pool);
    }
}

Test(stack, a_fiber_that_overflows_faults_in_the_guard)
{
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        tri_stack *stack = take_guarded(guards[i]);
        cr_assert(eq(int, fate_of(overflow, stack), CAUGHT_IN_GUARD));
        tri_stack_pool_fini(&pool);
    }
}

#if !TRI_ASAN && !TRI_TSAN // they have handlers of their own
static void
write_below_unwatched(tri_stack *stack)
{
    signal(SIGSEGV, SIG_DFL);
    *((volatile char *)stack->low - 1) = 1;
}

Test(stack, without_a_handler_an_overflow_kills_the_process)
{
    tri_stack *stack = take_guarded(TRI_STACK_GUARD_MADVISE);
    cr_assert(eq(int, fate_of(write_below_unwatched, stack), 1000 + SIGSEGV));
    tri_stack_pool_fini(&pool);
}
#endif

static void
give(tri_stack *stack)
{
    tri_stack_give(&pool, stack);
}

Test(stack, an_overrun_without_a_guard_is_found_when_given_back)
{
    tri_stack *stack = take_guarded(TRI_STACK_GUARD_CANARY);
    cr_assert(eq(int, tri_stack_guard_kind(stack), TRI_STACK_GUARD_CANARY));
    cr_assert(tri_stack_check(stack));
    *((volatile char *)stack->low - 1) = 1;
    cr_assert(not(tri_stack_check(stack)));
    cr_assert(eq(int, fate_of(give, stack), 1000 + SIGABRT));
    tri_stack_pool_fini(&pool);
}

Test(stack, the_lowest_of_a_slab_is_guarded_in_any_case)
{
    tri_stack_guard_at_most(TRI_STACK_GUARD_CANARY);
    assert_ok(tri_stack_pool_init(&pool, 0));
    tri_stack *stack = tri_stack_take(&pool);
    cr_assert(eq(int, fate_of(write_below, stack), CAUGHT_IN_GUARD));
    cr_assert(tri_stack_check(stack));
    tri_stack_pool_fini(&pool);
}

Test(stack, giving_twice_panics)
{
    tri_stack *stack = take_guarded(TRI_STACK_GUARD_MADVISE);
    tri_stack_give(&pool, stack);
    cr_assert(eq(int, fate_of(give, stack), 1000 + SIGABRT));
    tri_stack_pool_fini(&pool);
}

Test(stack, protected_guards_run_out_and_come_back_with_fini, .timeout = 30)
{
    for (int round = 0; round < 2; round++) {
        tri_stack *stack = take_guarded(TRI_STACK_GUARD_MPROTECT);
        size_t taken = 2;
        while (tri_stack_guard_kind(stack) == TRI_STACK_GUARD_MPROTECT) {
            stack = tri_stack_take(&pool);
            cr_assert(stack != NULL);
            taken++;
        }
        cr_assert(eq(sz, taken, 8001));
        tri_stack_pool_fini(&pool);
    }
}
