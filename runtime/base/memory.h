// memory.h: the one door to the allocator, so that a test can make the n-th allocation fail.
#ifndef TRI_BASE_MEMORY_H
#define TRI_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// As malloc, calloc(1), realloc, free; NULL when there is none or the fault plan says so.
void *tri_alloc(size_t size);
void *tri_zalloc(size_t size);
void *tri_realloc(void *memory, size_t size);
void tri_free(void *memory);

// As aligned_alloc; freed with tri_free. `alignment` is a power of two.
void *tri_aligned_alloc(size_t alignment, size_t size);

// A copy of a C string; NULL for NULL, and when there is no memory.
char *tri_strdup(const char *text);

// Tests: let the allocation after the next `n` fail, once, in the whole process; UINT64_MAX: none.
void tri_memory_fail_after(uint64_t n);

#endif
