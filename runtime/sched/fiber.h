// fiber.h: leave one stack and continue on another.
//
// A tri_fiber is a place to keep a context that is not running. Switching is cooperative and knows
// nothing of actors. A suspended context may be continued by another thread, therefore:
//
//   Nothing thread-local is used across a switch, errno included. Compilers compute the address of
//   a thread-local once per function and would go on using the one of the thread that left.
//
// AddressSanitizer and ThreadSanitizer are told of every switch; builds with them are slower and
// otherwise the same. ThreadSanitizer allows about 8,000 fibers at a time.
#ifndef TRI_SCHED_FIBER_H
#define TRI_SCHED_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

// Machines without assembly use makecontext, which makes two system calls per switch.
// -DTRI_FIBER_PORTABLE selects it anywhere, for the whole program; a fiber begins with the
// floating-point modes of who made it then.
#if !defined(TRI_FIBER_PORTABLE) && !defined(__x86_64__) && !defined(__aarch64__)
#define TRI_FIBER_PORTABLE 1
#endif

#ifdef TRI_FIBER_PORTABLE
#include <ucontext.h>
#endif

typedef void (*tri_fiber_fn)(void *arg);

// Stays where it is while a context is in it. Zeroed: no context; only tri_fiber_fini accepts that.
typedef struct tri_fiber {
    void *sp; // while suspended: the saved registers, on the fiber's own stack. First: assembly.
#ifdef TRI_FIBER_PORTABLE
    ucontext_t context;
    tri_fiber_fn entry;
    void *arg;
#endif
#if TRI_ASAN
    void *asan_fake;      // its fake stack, while suspended
    const void *asan_low; // the stack's bounds
    size_t asan_bytes;
#endif
#if TRI_TSAN
    void *tsan_fiber;
#endif
#if TRI_ASAN || TRI_TSAN
    bool is_thread; // adopted: sanitizer state belongs to the thread
#endif
} tri_fiber;

// Make a context that will call entry(arg) on the given stack when it is first switched to, with
// the floating-point modes that a program starts with. `entry` never returns: its last act is a
// jump.
void tri_fiber_init(tri_fiber *fiber, void *stack_low, size_t stack_bytes, tri_fiber_fn entry,
                    void *arg);

// Stand for the calling thread on its own stack, so that it can be switched from and back to.
void tri_fiber_adopt_thread(tri_fiber *fiber);

// Keep the running context in `from` and continue `to`. Returns when somebody continues `from`,
// with the registers and floating-point modes that a call keeps; flags of past exceptions are not
// kept. `from` must be the one that runs, since sanitizers keep books by it.
void tri_fiber_switch(tri_fiber *from, tri_fiber *to);

// Give up the running context for good and continue `to`. The stack of `from` is in use until then:
// only code on another stack may end it with tri_fiber_fini and use the stack again.
TRI_NORETURN void tri_fiber_jump(tri_fiber *from, tri_fiber *to);

// Release what the sanitizers hold, called on another stack. The fiber is zeroed memory afterwards.
void tri_fiber_fini(tri_fiber *fiber);

#endif
