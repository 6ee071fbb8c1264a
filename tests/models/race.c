// race.c: plain memory of the code under test. The models are compiled with the compiler's own
// marks for ThreadSanitizer, -fsanitize=thread, but are not linked with it: the marks call what is
// below. Two accesses to one byte, one of them a write, by two threads, are a race unless the views
// of memory.c say that one came before the other. The order in which an execution happened to do
// them does not matter, so plain accesses need no choices of their own. What memcpy and memset
// touch is seen only where the compiler marks or inlines them.
#include "engine.h"

#include <string.h>

#define GRANULES    8192u // of 8 bytes; a power of two
#define RECORDS_MAX 32

// The latest accesses of each thread to 8 bytes.
typedef struct granule {
    uintptr_t address;
    unsigned generation;
    unsigned count;
    struct {
        uint16_t clock;
        uint8_t thread;
        uint8_t bytes; // one bit for each
        bool is_write;
    } records[RECORDS_MAX];
} granule;

static granule granules[GRANULES];
static unsigned generation;
static bool is_watching;

void
race_begin(void)
{
    generation++;
}

void
race_watch(bool on)
{
    is_watching = on;
}

static granule *
find(uintptr_t address)
{
    size_t at = (size_t)((address * 0x9e3779b97f4a7c15u) >> 40) % GRANULES;
    for (unsigned tries = 0; tries < GRANULES; tries++, at = (at + 1) % GRANULES) {
        granule *found = &granules[at];
        if (found->generation != generation) {
            found->address = address; // not the records: that would be most of the work
            found->generation = generation;
            found->count = 0;
            return found;
        }
        if (found->address == address) {
            return found;
        }
    }
    model_fail("too much plain memory");
}

static void
touch(uintptr_t address, uint8_t bytes, bool is_write, view *now)
{
    granule *at = find(address);
    unsigned self = model_thread();
    if (at->count > 0) {
        unsigned last = at->count - 1;
        bool is_known =
            at->records[last].thread == self && at->records[last].clock == now->clock[self] &&
            (bytes & ~at->records[last].bytes) == 0 && (at->records[last].is_write || !is_write);
        if (is_known) {
            return; // and nobody was here since
        }
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < at->count; i++) {
        unsigned other = at->records[i].thread;
        uint8_t theirs = at->records[i].bytes;
        bool overlaps = (theirs & bytes) != 0;
        if (other != self && overlaps && (is_write || at->records[i].is_write) &&
            at->records[i].clock > now->clock[other]) {
            char name[80];
            is_watching = false;
            model_fail(
                "data race: %s %s by %s, unordered with its %s by %s",
                account_name((void *)(address + tri_lowest_bit(bytes & theirs)), name, sizeof name),
                is_write ? "written" : "read", account_thread_name(self),
                at->records[i].is_write ? "being written" : "being read",
                account_thread_name(other));
        }
        bool is_covered =
            other == self && (theirs & ~bytes) == 0 && (is_write || !at->records[i].is_write);
        if (!is_covered) {
            at->records[kept++] = at->records[i];
        }
    }
    at->count = kept;
    if (at->count == RECORDS_MAX) {
        model_fail("too many accesses to one word");
    }
    at->records[at->count].clock = now->clock[self];
    at->records[at->count].thread = (uint8_t)self;
    at->records[at->count].bytes = bytes;
    at->records[at->count].is_write = is_write;
    at->count++;
}

static void
watch(const void *memory, size_t size, bool is_write)
{
    view *now = is_watching ? run_view() : NULL;
    if (now == NULL) {
        return;
    }
    uintptr_t address = (uintptr_t)memory;
    while (size > 0) {
        size_t offset = address % 8;
        size_t part = 8 - offset < size ? 8 - offset : size;
        uint8_t bytes = (uint8_t)(((1u << part) - 1) << offset);
        touch(address - offset, bytes, is_write, now);
        address += part;
        size -= part;
    }
}

// ---- what the compilers call

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(void *memory, unsigned long size);
void __tsan_write_range(void *memory, unsigned long size);
void *__tsan_memcpy(void *to, const void *from, unsigned long size);
void *__tsan_memmove(void *to, const void *from, unsigned long size);
void *__tsan_memset(void *to, int byte, unsigned long size);

void
__tsan_init(void)
{
}

void
__tsan_func_entry(void *caller)
{
    (void)caller;
}

void
__tsan_func_exit(void)
{
}

void
__tsan_read_range(void *memory, unsigned long size)
{
    watch(memory, size, false);
}

void
__tsan_write_range(void *memory, unsigned long size)
{
    watch(memory, size, true);
}

void *
__tsan_memcpy(void *to, const void *from, unsigned long size)
{
    watch(from, size, false);
    watch(to, size, true);
    return memcpy(to, from, size);
}

void *
__tsan_memmove(void *to, const void *from, unsigned long size)
{
    watch(from, size, false);
    watch(to, size, true);
    return memmove(to, from, size);
}

void *
__tsan_memset(void *to, int byte, unsigned long size)
{
    watch(to, size, true);
    return memset(to, byte, size);
}

#define MARK(name, size, is_write)                                                                 \
    void __tsan_##name(void *memory);                                                              \
    void __tsan_##name(void *memory)                                                               \
    {                                                                                              \
        watch(memory, (size), (is_write));                                                         \
    }

MARK(read1, 1, false)
MARK(read2, 2, false)
MARK(read4, 4, false)
MARK(read8, 8, false)
MARK(read16, 16, false)
MARK(write1, 1, true)
MARK(write2, 2, true)
MARK(write4, 4, true)
MARK(write8, 8, true)
MARK(write16, 16, true)
MARK(unaligned_read2, 2, false)
MARK(unaligned_read4, 4, false)
MARK(unaligned_read8, 8, false)
MARK(unaligned_read16, 16, false)
MARK(unaligned_write2, 2, true)
MARK(unaligned_write4, 4, true)
MARK(unaligned_write8, 8, true)
MARK(unaligned_write16, 16, true)
