// compat.h: everything that a second compiler or machine would have to provide.
#ifndef TRI_BASE_COMPAT_H
#define TRI_BASE_COMPAT_H

#include <stddef.h>
#include <stdint.h>

#define TRI_CACHELINE 64

#define TRI_LIKELY(x)       __builtin_expect(!!(x), 1)
#define TRI_UNLIKELY(x)     __builtin_expect(!!(x), 0)
#define TRI_NOINLINE        __attribute__((noinline))
#define TRI_ALWAYS_INLINE   inline __attribute__((always_inline))
#define TRI_NORETURN        __attribute__((noreturn))
#define TRI_UNUSED          __attribute__((unused))
#define TRI_COLD            __attribute__((cold))
#define TRI_PRINTF(fmt, at) __attribute__((format(printf, fmt, at)))
#define TRI_CONSTRUCTOR     __attribute__((constructor))

// The frame of the function that asks. Its first two words are, on the machines that we have
// assembly for, the frame of whoever called it and the address that it returns to.
#define TRI_FRAME() __builtin_frame_address(0)

#if defined(__SANITIZE_ADDRESS__)
#define TRI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRI_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define TRI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRI_TSAN 1
#endif
#endif
#ifndef TRI_ASAN
#define TRI_ASAN 0
#endif
#ifndef TRI_TSAN
#define TRI_TSAN 0
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define TRI_VALGRIND 1
#endif
#endif
#ifndef TRI_VALGRIND
#define TRI_VALGRIND        0
#define RUNNING_ON_VALGRIND 0
#endif

// The structure around a member. Only for a pointer that is known to point to that member.
#define TRI_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

// As above where the member was reached through a pointer to const.
#define TRI_CONTAINER_CONST(pointer, type, member)                                                 \
    ((const type *)((const char *)(pointer)-offsetof(type, member)))

#define TRI_ALIGN_UP(n, to) (((n) + ((to)-1)) & ~(size_t)((to)-1))

// The number of the lowest and of the highest bit that is set; `bits` is not zero.
static TRI_ALWAYS_INLINE unsigned
tri_lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

static TRI_ALWAYS_INLINE unsigned
tri_highest_bit(uint64_t bits)
{
    return 63u - (unsigned)__builtin_clzll(bits);
}

// A hint to the processor that this is a spin.
static TRI_ALWAYS_INLINE void
tri_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
