#include "base/memory.h"

#include "base/compat.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// How many allocations are still to succeed before one fails; UINT64_MAX when no fault is planned.
static _Atomic uint64_t countdown = UINT64_MAX;

static bool
fault_due(void)
{
    // relaxed, unpaired: a counter of its own. Only a test changes it, before the code under test.
    if (TRI_LIKELY(atomic_load_explicit(&countdown, memory_order_relaxed) == UINT64_MAX)) {
        return false;
    }
    if (atomic_fetch_sub_explicit(&countdown, 1, memory_order_relaxed) != 0) {
        return false;
    }
    atomic_store_explicit(&countdown, UINT64_MAX, memory_order_relaxed);
    return true;
}

void
tri_memory_fail_after(uint64_t n)
{
    atomic_store_explicit(&countdown, n, memory_order_relaxed);
}

void *
tri_alloc(size_t size)
{
    return fault_due() ? NULL : malloc(size);
}

void *
tri_zalloc(size_t size)
{
    return fault_due() ? NULL : calloc(1, size);
}

void *
tri_realloc(void *memory, size_t size)
{
    return fault_due() ? NULL : realloc(memory, size);
}

void *
tri_aligned_alloc(size_t alignment, size_t size)
{
    return fault_due() ? NULL : aligned_alloc(alignment, TRI_ALIGN_UP(size, alignment));
}

void
tri_free(void *memory)
{
    free(memory);
}

char *
tri_strdup(const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = tri_alloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}
