// stack.c: slabs of stacks, and three ways to guard them.
//
// A slab is one private anonymous mapping, never committed ahead (MAP_NORESERVE, no huge pages: the
// first touch of a stack would commit several of its neighbors). From below: gap, stack, gap,
// stack…
//
// The gap is guarded as well as the system allows. Memory maps are the scarce thing: Linux gives a
// process 65,530 of them, for everything, and a protected range among others costs two.
//   MADVISE    MADV_GUARD_INSTALL marks the gap in the page table, without a map. Linux 6.13.
//   MPROTECT   for the first stacks of a process, GUARDS_MAX of them.
//   CANARY     for the rest. The lowest gap of a slab is protected, which separates slabs; the
//   others
//              are plain memory that nobody writes. Nothing has to be written there for the check
//              either: an untouched page reads as zeros and costs no memory. An overrun that stays
//              within the gap harms nothing and is found when the stack is given back.
//
// Idle stacks are used again in the order last in, first out, while their pages are in the cache.
// Beyond TRI_STACK_WARM_MAX of them a stack gives its pages back before it joins the cold ones.
#include "sched/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/panic.h"

#if TRI_ASAN
#include <sanitizer/asan_interface.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define SLAB_STACKS    64
#define SLAB_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define GUARDS_MAX     8000
#define CANARY_BYTES   ((size_t)4096)

struct tri_stack_slab {
    tri_list link; // in the pool's slabs
    char *map;
    size_t map_bytes;
    size_t count;
    tri_stack_guard guard; // of all its stacks
    tri_stack stacks[];
};

// Guards made by mprotect, in all pools.
static _Atomic size_t protected_gaps;

// The best guard that has not been refused yet. Falls, and never rises but for tests.
static _Atomic int best_guard = TRI_STACK_GUARD_MADVISE;

static tri_stack_guard
guard_allowed(void)
{
    // pairs(stack.best_guard) relaxed: a hint, no other data hangs on it. Who reads an old value
    // asks the system for a guard that it has not and is refused, as the first one was.
    return (tri_stack_guard)atomic_load_explicit(&best_guard, memory_order_relaxed);
}

void
tri_stack_guard_at_most(tri_stack_guard kind)
{
    // pairs(stack.best_guard) relaxed: see guard_allowed.
    atomic_store_explicit(&best_guard, (int)kind, memory_order_relaxed);
}

#if TRI_VALGRIND
static unsigned
valgrind_register(char *low, size_t bytes)
{
    return VALGRIND_STACK_REGISTER(low, low + bytes - 1);
}

static void
valgrind_deregister(unsigned id)
{
    VALGRIND_STACK_DEREGISTER(id);
}
#else
static unsigned
valgrind_register(char *low, size_t bytes)
{
    (void)low;
    (void)bytes;
    return 0;
}

static void
valgrind_deregister(unsigned id)
{
    (void)id;
}
#endif

static char *
gap_of(const tri_stack *stack)
{
    return (char *)stack->low - TRI_STACK_GUARD_BYTES;
}

// The word of the system is not enough: emulators answer success to advice that they do not know.
// A system call that is to write there must fail.
static bool
refuses_writes(char *gap)
{
    return mincore(gap, 1, (unsigned char *)gap) != 0 && errno == EFAULT;
}

static bool
guard_by_madvise(tri_stack_slab *slab)
{
    for (size_t i = 0; i < slab->count; i++) {
        if (madvise(gap_of(&slab->stacks[i]), TRI_STACK_GUARD_BYTES, MADV_GUARD_INSTALL) != 0) {
            if (errno == EINVAL) {
                tri_stack_guard_at_most(TRI_STACK_GUARD_MPROTECT);
            }
            return false;
        }
    }
    if (!refuses_writes(slab->map)) {
        tri_stack_guard_at_most(TRI_STACK_GUARD_MPROTECT);
        return false;
    }
    return true;
}

static bool
reserve_protected(size_t count)
{
    // pairs(stack.protected_gaps) relaxed: a counter that guards no other data; everyone adds
    // before looking, so the sum of what was allowed cannot pass the limit.
    size_t before = atomic_fetch_add_explicit(&protected_gaps, count, memory_order_relaxed);
    return before + count <= GUARDS_MAX;
}

static void
unreserve_protected(size_t count)
{
    // pairs(stack.protected_gaps) relaxed: as in reserve_protected.
    atomic_fetch_sub_explicit(&protected_gaps, count, memory_order_relaxed);
}

static bool
guard_by_mprotect(tri_stack_slab *slab)
{
    bool is_guarded = reserve_protected(slab->count);
    for (size_t i = 0; is_guarded && i < slab->count; i++) {
        is_guarded = mprotect(gap_of(&slab->stacks[i]), TRI_STACK_GUARD_BYTES, PROT_NONE) == 0;
    }
    if (!is_guarded) {
        unreserve_protected(slab->count);
    }
    return is_guarded;
}

static bool
guard(tri_stack_slab *slab, tri_stack_guard kind)
{
    slab->guard = kind;
    switch (kind) {
    case TRI_STACK_GUARD_MADVISE:
        return guard_by_madvise(slab);
    case TRI_STACK_GUARD_MPROTECT:
        return guard_by_mprotect(slab);
    case TRI_STACK_GUARD_CANARY:
        return mprotect(slab->map, TRI_STACK_GUARD_BYTES, PROT_NONE) == 0;
    }
    return false;
}

static void
cut(tri_stack_slab *slab, size_t stack_bytes)
{
    char *low = slab->map + TRI_STACK_GUARD_BYTES;
    for (size_t i = 0; i < slab->count; i++) {
        slab->stacks[i] = (tri_stack){.low = low, .bytes = stack_bytes, .slab = slab};
        low += stack_bytes + TRI_STACK_GUARD_BYTES;
    }
}

// Reserve the slab's memory with guards of this kind; all or nothing.
static bool
map(tri_stack_slab *slab, size_t stack_bytes, tri_stack_guard kind)
{
    void *memory = mmap(NULL, slab->map_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    // Advice: where huge pages do not exist it is refused, and not needed.
    (void)madvise(memory, slab->map_bytes, MADV_NOHUGEPAGE);
    slab->map = memory;
    cut(slab, stack_bytes);
    if (!guard(slab, kind)) {
        munmap(memory, slab->map_bytes);
        slab->map = NULL;
        return false;
    }
    return true;
}

static bool
map_with_best_guard(tri_stack_slab *slab, size_t stack_bytes)
{
    for (int kind = (int)guard_allowed(); kind >= TRI_STACK_GUARD_CANARY; kind--) {
        if (map(slab, stack_bytes, (tri_stack_guard)kind)) {
            return true;
        }
    }
    return false;
}

// Tools that watch memory: what was known of this address range is void.
static void
announce(tri_stack_slab *slab)
{
#if TRI_ASAN
    __asan_unpoison_memory_region(slab->map, slab->map_bytes);
#endif
    for (size_t i = 0; RUNNING_ON_VALGRIND && i < slab->count; i++) {
        tri_stack *stack = &slab->stacks[i];
        stack->valgrind_id = valgrind_register(stack->low, stack->bytes);
    }
}

static void
withdraw(tri_stack_slab *slab)
{
#if TRI_ASAN
    __asan_unpoison_memory_region(slab->map, slab->map_bytes);
#endif
    for (size_t i = 0; RUNNING_ON_VALGRIND && i < slab->count; i++) {
        valgrind_deregister(slab->stacks[i].valgrind_id);
    }
}

static void
slab_destroy(tri_stack_slab *slab)
{
    if (slab->map != NULL) {
        for (size_t i = 0; i < slab->count; i++) {
            tri_fiber_fini(&slab->stacks[i].fiber);
        }
        withdraw(slab);
        munmap(slab->map, slab->map_bytes);
        if (slab->guard == TRI_STACK_GUARD_MPROTECT) {
            unreserve_protected(slab->count);
        }
    }
    tri_free(slab);
}

static tri_stack_slab *
slab_create(size_t stack_bytes)
{
    size_t stride = stack_bytes + TRI_STACK_GUARD_BYTES;
    size_t fitting = SLAB_BYTES_MAX / stride;
    size_t count = fitting == 0 ? 1 : fitting > SLAB_STACKS ? SLAB_STACKS : fitting;
    tri_stack_slab *slab = tri_zalloc(sizeof *slab + count * sizeof slab->stacks[0]);
    if (slab == NULL) {
        return NULL;
    }
    slab->count = count;
    slab->map_bytes = count * stride;
    if (!map_with_best_guard(slab, stack_bytes)) {
        slab_destroy(slab);
        return NULL;
    }
    announce(slab);
    return slab;
}

static bool
grow(tri_stack_pool *pool)
{
    tri_stack_slab *slab = slab_create(pool->stack_bytes);
    if (slab == NULL) {
        return false;
    }
    tri_list_push_back(&pool->slabs, &slab->link);
    for (size_t i = 0; i < slab->count; i++) {
        tri_list_push_back(&pool->cold, &slab->stacks[i].link);
    }
    return true;
}

tr_err_t
tri_stack_pool_init(tri_stack_pool *pool, size_t stack_bytes)
{
    if (stack_bytes > TRI_STACK_MAX_BYTES) {
        return TR_EINVAL;
    }
    size_t bytes = stack_bytes == 0 ? TRI_STACK_DEFAULT_BYTES : stack_bytes;
    bytes = bytes < TRI_STACK_MIN_BYTES ? TRI_STACK_MIN_BYTES : bytes;
    *pool = (tri_stack_pool){.stack_bytes = TRI_ALIGN_UP(bytes, (size_t)sysconf(_SC_PAGESIZE))};
    tri_list_init(&pool->warm);
    tri_list_init(&pool->cold);
    tri_list_init(&pool->slabs);
    return TR_OK;
}

void
tri_stack_pool_fini(tri_stack_pool *pool)
{
    if (pool == NULL || pool->stack_bytes == 0) {
        return;
    }
    for (tri_list *node; (node = tri_list_pop_front(&pool->slabs)) != NULL;) {
        slab_destroy(TRI_CONTAINER(node, tri_stack_slab, link));
    }
    *pool = (tri_stack_pool){0};
}

tri_stack *
tri_stack_take(tri_stack_pool *pool)
{
    tri_list *node = tri_list_pop_front(&pool->warm);
    if (node != NULL) {
        pool->warm_count--;
    } else {
        if (tri_list_is_empty(&pool->cold) && !grow(pool)) {
            return NULL;
        }
        node = tri_list_pop_front(&pool->cold);
    }
    tri_stack *stack = TRI_CONTAINER(node, tri_stack, link);
    stack->is_taken = true;
    pool->in_use++;
    return stack;
}

static void
give_pages_back(tri_stack *stack)
{
    // Fails only where memory is locked; then the stack is merely not cold.
    (void)madvise(stack->low, stack->bytes, MADV_DONTNEED);
}

void
tri_stack_give(tri_stack_pool *pool, tri_stack *stack)
{
    TRI_ASSERT(stack->is_taken, "stack %p given twice", stack->low);
    TRI_ASSERT(!tri_list_is_linked(&stack->link), "stack %p is still on a list", stack->low);
    TRI_ASSERT(tri_stack_check(stack), "stack %p was overrun", stack->low);
    tri_fiber_fini(&stack->fiber);
    stack->is_taken = false;
    pool->in_use--;
    if (pool->warm_count < TRI_STACK_WARM_MAX) {
        tri_list_push_front(&pool->warm, &stack->link);
        pool->warm_count++;
    } else {
        give_pages_back(stack);
        tri_list_push_front(&pool->cold, &stack->link);
    }
}

size_t
tri_stack_pool_trim(tri_stack_pool *pool)
{
    size_t trimmed = pool->warm_count;
    for (tri_list *node; (node = tri_list_pop_front(&pool->warm)) != NULL;) {
        give_pages_back(TRI_CONTAINER(node, tri_stack, link));
        tri_list_push_front(&pool->cold, node);
    }
    pool->warm_count = 0;
    return trimmed;
}

size_t
tri_stack_pool_in_use(const tri_stack_pool *pool)
{
    return pool->in_use;
}

bool
tri_stack_check(const tri_stack *stack)
{
    if (stack->slab->guard != TRI_STACK_GUARD_CANARY || gap_of(stack) == stack->slab->map) {
        return true;
    }
    // The end of the gap, which a stack growing downwards enters first. Untouched, it reads as
    // zeros.
    const uint64_t *gap = (const uint64_t *)((const char *)stack->low - CANARY_BYTES);
    uint64_t written = 0;
    for (size_t i = 0; i < CANARY_BYTES / sizeof *gap; i++) {
        written |= gap[i];
    }
    return written == 0;
}

bool
tri_stack_guard_hit(const tri_stack *stack, const void *address)
{
    uintptr_t low = (uintptr_t)stack->low;
    uintptr_t at = (uintptr_t)address;
    return at < low && low - at <= TRI_STACK_GUARD_BYTES;
}

tri_stack_guard
tri_stack_guard_kind(const tri_stack *stack)
{
    return stack->slab->guard;
}
