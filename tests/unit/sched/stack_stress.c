// stack_stress.c: a hundred thousand fibers suspended at the same time.
#include "sched/stack.h"

#include <stdint.h>

#include "check.h"

#if TRI_TSAN
#define FIBERS 500 // it allows no more than some thousands
#elif TRI_ASAN
#define FIBERS 5000 // each costs 32 KiB of shadow
#else
#define FIBERS 100000
#endif

static tri_stack_pool pool;
static tri_stack *stacks[FIBERS];
static tri_fiber home;
static long started, finished, wrong;

static void
touch_and_wait(void *arg)
{
    tri_stack *stack = arg;
    volatile unsigned char room[3000];
    unsigned char mark = (unsigned char)((uintptr_t)stack->low >> 16);
    for (size_t i = 0; i < sizeof room; i += 100) {
        room[i] = mark;
    }
    started++;
    tri_fiber_switch(&stack->fiber, &home);
    for (size_t i = 0; i < sizeof room; i += 100) {
        wrong += room[i] != mark;
    }
    finished++;
    tri_fiber_jump(&stack->fiber, &home);
}

static void
all_wait_and_go_on(tri_stack_guard guard)
{
    tri_stack_guard_at_most(guard);
    started = finished = 0;
    assert_ok(tri_stack_pool_init(&pool, 0));
    tri_fiber_adopt_thread(&home);
    for (int i = 0; i < FIBERS; i++) {
        tri_stack *stack = stacks[i] = tri_stack_take(&pool);
        cr_assert(stack != NULL, "only %d stacks", i);
        tri_fiber_init(&stack->fiber, stack->low, stack->bytes, touch_and_wait, stack);
        tri_fiber_switch(&home, &stack->fiber);
    }
    cr_assert(eq(long, started, FIBERS));
    cr_assert(eq(sz, tri_stack_pool_in_use(&pool), FIBERS));
    for (int i = 0; i < FIBERS; i++) {
        tri_fiber_switch(&home, &stacks[i]->fiber);
        tri_stack_give(&pool, stacks[i]);
    }
    cr_assert(eq(long, finished, FIBERS));
    cr_assert(eq(long, wrong, 0));
    tri_stack_pool_fini(&pool);
}

Test(stack_stress, a_hundred_thousand_wait_behind_the_best_guards, .timeout = 200)
{
    all_wait_and_go_on(TRI_STACK_GUARD_MADVISE);
}

Test(stack_stress, a_hundred_thousand_wait_on_a_system_without_cheap_guards, .timeout = 200)
{
    all_wait_and_go_on(TRI_STACK_GUARD_MPROTECT);
}
