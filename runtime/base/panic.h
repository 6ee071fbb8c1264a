// panic.h: a mistake of ours, found. The checks are on in every build: they print and abort.
#ifndef TRI_BASE_PANIC_H
#define TRI_BASE_PANIC_H

#include "base/compat.h"

// Print one line to standard error, without buffers or locks, and abort.
TRI_NORETURN
TRI_COLD TRI_PRINTF(3, 4) void tri_panic(const char *file, int line, const char *format, ...);

// TRI_ASSERT(x == y, "x %d, y %d", x, y): the values are what one needs to see.
#define TRI_ASSERT(condition, ...)                                                                 \
    do {                                                                                           \
        if (TRI_UNLIKELY(!(condition))) {                                                          \
            tri_panic(__FILE__, __LINE__, #condition ": " __VA_ARGS__);                            \
        }                                                                                          \
    } while (0)

// For checks that walk a structure.
#ifdef TRI_DEBUG
#define TRI_DEBUG_ASSERT(condition, ...) TRI_ASSERT(condition, __VA_ARGS__)
#else
#define TRI_DEBUG_ASSERT(condition, ...) ((void)0)
#endif

#endif
