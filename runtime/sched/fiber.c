// fiber.c: what surrounds the switch: making a first frame, and telling the sanitizers.
//
// The order around a switch is the sanitizers' and not ours to choose:
//   AddressSanitizer   start_switch with the bounds of the stack to come; the switch; finish_switch
//   as
//                      the first thing on the stack arrived at. Start stores the fake stack of the
//                      fiber that leaves; a NULL there says that it leaves for good.
//   ThreadSanitizer    switch_to_fiber right before the switch and in the same function, because
//   the
//                      function's exit is booked on the fiber current at that time.
// Hence the always-inline halves. A switch also orders memory between the two fibers, which is
// right: they take turns.
#include "sched/fiber.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/panic.h"

#if TRI_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if TRI_TSAN
#include <sanitizer/tsan_interface.h>
#endif

// Keep the callee's registers in from->sp's stack, take them from to->sp's. In assembly, or below.
void tri_fiber_swap(tri_fiber *from, tri_fiber *to);

static TRI_ALWAYS_INLINE void
leave(tri_fiber *from, tri_fiber *to, bool for_good)
{
    (void)from;
    (void)to;
    (void)for_good;
#if TRI_ASAN
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->asan_fake, to->asan_low,
                                   to->asan_bytes);
#endif
#if TRI_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
}

// `fiber` is the one that runs again; NULL: it runs for the first time.
static TRI_ALWAYS_INLINE void
arrive(tri_fiber *fiber)
{
    (void)fiber;
#if TRI_ASAN
    __sanitizer_finish_switch_fiber(fiber == NULL ? NULL : fiber->asan_fake, NULL, NULL);
#endif
}

// The first function on every fiber. No locals in memory: they would be on a stack not yet
// announced.
TRI_NORETURN static void
begin(tri_fiber_fn entry, void *arg)
{
    arrive(NULL);
    entry(arg);
    tri_panic(__FILE__, __LINE__, "a fiber's function returned");
}

#if defined(TRI_FIBER_PORTABLE)

// makecontext passes only ints; a pointer is two of them.
static void
begin_portable(unsigned high, unsigned low)
{
    tri_fiber *fiber = (tri_fiber *)(((uintptr_t)high << 16 << 16) | low);
    begin(fiber->entry, fiber->arg);
}

static void
prepare(tri_fiber *fiber, void *stack_low, size_t stack_bytes, tri_fiber_fn entry, void *arg)
{
    TRI_ASSERT(getcontext(&fiber->context) == 0, "getcontext");
    fiber->context.uc_stack.ss_sp = stack_low;
    fiber->context.uc_stack.ss_size = stack_bytes;
    fiber->context.uc_link = NULL;
    fiber->entry = entry;
    fiber->arg = arg;
    uintptr_t self = (uintptr_t)fiber;
    makecontext(&fiber->context, (void (*)(void))begin_portable, 2, (unsigned)(self >> 16 >> 16),
                (unsigned)self);
}

void
tri_fiber_swap(tri_fiber *from, tri_fiber *to)
{
    TRI_ASSERT(swapcontext(&from->context, &to->context) == 0, "swapcontext");
}

#else

void tri_fiber_start(void);

#if defined(__x86_64__)

// As tri_fiber_swap leaves a stack, see fiber_x86_64.S.
struct frame {
    uint32_t mxcsr;
    uint16_t x87_control, unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t rip;
};
static_assert(sizeof(struct frame) == 64, "eight words, as the assembly pops them");

static struct frame
first_frame(tri_fiber_fn entry, void *arg)
{
    return (struct frame){
        .mxcsr = 0x1f80,      // all exceptions masked, round to nearest: what execve gives
        .x87_control = 0x37f, // the same, extended precision
        .rbx = (uint64_t)(uintptr_t)begin,
        .r12 = (uint64_t)(uintptr_t)entry,
        .r13 = (uint64_t)(uintptr_t)arg,
        .rip = (uint64_t)(uintptr_t)tri_fiber_start,
    };
}

#elif defined(__aarch64__)

// As tri_fiber_swap leaves a stack, see fiber_aarch64.S. fpcr 0: round to nearest, nothing trapped.
struct frame {
    uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30;
    uint64_t d8_to_d15[8];
    uint64_t fpcr, unused;
};
static_assert(sizeof(struct frame) == 176, "the size that the assembly takes off sp");

static struct frame
first_frame(tri_fiber_fn entry, void *arg)
{
    return (struct frame){
        .x19 = (uint64_t)(uintptr_t)begin,
        .x20 = (uint64_t)(uintptr_t)entry,
        .x21 = (uint64_t)(uintptr_t)arg,
        .x30 = (uint64_t)(uintptr_t)tri_fiber_start,
    };
}

#endif

static_assert(offsetof(tri_fiber, sp) == 0, "the assembly finds sp at the fiber's own address");

// Stacks lie whole pages apart, and so do the lines that every switch touches: all of them want the
// same few sets of the first-level cache. Starting each up to seven steps lower spreads them: a
// ring of 16 to 64 fibers takes 7.6 ns per switch instead of 10.8, one of 1,024 11.4 instead of 18.
static size_t
shift_of(const void *stack_low)
{
    return ((uintptr_t)stack_low >> 16) % 8 * 128;
}

static void
prepare(tri_fiber *fiber, void *stack_low, size_t stack_bytes, tri_fiber_fn entry, void *arg)
{
    // Above the frame two zero words stay: a return address and a frame pointer for those who
    // unwind by looking at memory. Both ABIs want what remains to be aligned to 16.
    uintptr_t top = (uintptr_t)stack_low + stack_bytes - shift_of(stack_low);
    top = (top & ~(uintptr_t)15) - 16;
    struct frame frame = first_frame(entry, arg);
    memset((void *)top, 0, 16);
    fiber->sp = (void *)(top - sizeof frame);
    memcpy(fiber->sp, &frame, sizeof frame);
}

#endif

void
tri_fiber_init(tri_fiber *fiber, void *stack_low, size_t stack_bytes, tri_fiber_fn entry, void *arg)
{
    memset(fiber, 0, sizeof *fiber);
    prepare(fiber, stack_low, stack_bytes, entry, arg);
#if TRI_ASAN
    fiber->asan_low = stack_low;
    fiber->asan_bytes = stack_bytes;
#endif
#if TRI_TSAN
    fiber->tsan_fiber = __tsan_create_fiber(0);
#endif
}

void
tri_fiber_adopt_thread(tri_fiber *fiber)
{
    memset(fiber, 0, sizeof *fiber);
#if TRI_ASAN
    pthread_attr_t attributes;
    void *low;
    TRI_ASSERT(pthread_getattr_np(pthread_self(), &attributes) == 0, "pthread_getattr_np");
    pthread_attr_getstack(&attributes, &low, &fiber->asan_bytes);
    pthread_attr_destroy(&attributes);
    fiber->asan_low = low;
#endif
#if TRI_TSAN
    fiber->tsan_fiber = __tsan_get_current_fiber();
#endif
#if TRI_ASAN || TRI_TSAN
    fiber->is_thread = true;
#endif
}

void
tri_fiber_switch(tri_fiber *from, tri_fiber *to)
{
    leave(from, to, false);
    tri_fiber_swap(from, to);
    arrive(from);
}

void
tri_fiber_jump(tri_fiber *from, tri_fiber *to)
{
    leave(from, to, true);
    tri_fiber_swap(from, to); // saves into `from` what nobody will read
    tri_panic(__FILE__, __LINE__, "an abandoned fiber was continued");
}

void
tri_fiber_fini(tri_fiber *fiber)
{
    if (fiber == NULL) {
        return;
    }
#if TRI_ASAN
    // The frames that never returned have left their red zones.
    if (!fiber->is_thread && fiber->asan_low != NULL) {
        __asan_unpoison_memory_region(fiber->asan_low, fiber->asan_bytes);
    }
#endif
#if TRI_TSAN
    if (!fiber->is_thread && fiber->tsan_fiber != NULL) {
        __tsan_destroy_fiber(fiber->tsan_fiber);
    }
#endif
    memset(fiber, 0, sizeof *fiber);
}
