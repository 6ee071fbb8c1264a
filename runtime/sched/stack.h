// stack.h: stacks for fibers, reserved by the slab, committed as they are touched, and used again.
//
// Each has a guard below it, so that running over the end is a fault and not a mystery. A pool
// belongs to one worker; nothing in it is locked. Descriptors live in the slab's own heap block and
// not on the stacks: an overflow cannot reach them, an idle stack can give back all of its pages,
// and a walk over idle stacks touches none of them.
#ifndef TRI_SCHED_STACK_H
#define TRI_SCHED_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "sched/fiber.h"
#include "troupe/error.h"

#define TRI_STACK_DEFAULT_BYTES ((size_t)256 * 1024)
#define TRI_STACK_MIN_BYTES     ((size_t)16 * 1024)
#define TRI_STACK_MAX_BYTES     ((size_t)1024 * 1024 * 1024)

// What lies below each stack. A multiple of every page size in use, and wide, because a large local
// array is one step: 64 KiB of address space cost nothing, and a single page is stepped over.
#define TRI_STACK_GUARD_BYTES ((size_t)64 * 1024)

// How a gap is guarded; see stack.c for who gets which.
typedef enum tri_stack_guard {
    TRI_STACK_GUARD_CANARY, // overflow is found by tri_stack_check, or by a fault in the lowest of
                            // a slab
    TRI_STACK_GUARD_MPROTECT, // overflow faults; costs two memory maps per stack
    TRI_STACK_GUARD_MADVISE,  // overflow faults; costs no maps; Linux 6.13 and later
} tri_stack_guard;

typedef struct tri_stack_slab tri_stack_slab;

typedef struct tri_stack {
    tri_list link; // idle: in the pool. Taken: free for the holder, unlinked before giving it back.
    void *low;     // the lowest usable byte
    size_t bytes;  // usable
    tri_fiber fiber;      // the holder's; zeroed when taken
    tri_stack_slab *slab; // where it was cut from
    unsigned valgrind_id;
    bool is_taken;
} tri_stack;

typedef struct tri_stack_pool {
    size_t stack_bytes;
    tri_list warm; // idle with pages committed; the latest given comes first
    tri_list cold; // idle without: never used, or trimmed
    tri_list slabs;
    size_t warm_count; // length of `warm`, at most TRI_STACK_WARM_MAX
    size_t in_use;
} tri_stack_pool;

#define TRI_STACK_WARM_MAX 128

// 0 bytes: the default. Rounded up to whole pages. Reserves nothing yet.
// TR_EINVAL: more than TRI_STACK_MAX_BYTES.
tr_err_t tri_stack_pool_init(tri_stack_pool *pool, size_t stack_bytes);

// Unmaps everything, stacks still taken too: nothing may run or wait on one.
void tri_stack_pool_fini(tri_stack_pool *pool);

// NULL: no memory, or no more memory maps. Contents of the stack are unspecified.
tri_stack *tri_stack_take(tri_stack_pool *pool);

// Called on another stack, once nothing will continue on this one; ends stack->fiber if that has
// not been done. Panics when tri_stack_check is false.
void tri_stack_give(tri_stack_pool *pool, tri_stack *stack);

// Give the pages of all idle stacks back to the system; for a worker with nothing to do.
// Returns how many stacks had any.
size_t tri_stack_pool_trim(tri_stack_pool *pool);

size_t tri_stack_pool_in_use(const tri_stack_pool *pool);

// False: the stack has been overrun, and survived that only because its gap is unguarded.
bool tri_stack_check(const tri_stack *stack);

// Does the address lie in the gap below the stack? Async-signal-safe, for a SIGSEGV handler, which
// must run on an alternate signal stack.
bool tri_stack_guard_hit(const tri_stack *stack, const void *address);

// Which guard a stack has.
tri_stack_guard tri_stack_guard_kind(const tri_stack *stack);

// Tests: behave as on a system that has no better guard than this, in the whole process, for slabs
// mapped from now on.
void tri_stack_guard_at_most(tri_stack_guard kind);

#endif
