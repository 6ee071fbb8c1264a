// field.h: what a field holds, read from memory, for the walks over a field table.
#ifndef TRI_MSG_FIELD_H
#define TRI_MSG_FIELD_H

#include "troupe/message.h"

#include <string.h>

// A str, a bytes and every list have this shape. It is loaded and stored with memcpy, because the
// pointer in memory is of another type than the one here.
typedef struct tri_span {
    const void *data;
    size_t count;
} tri_span_t;

static inline tri_span_t
tri_span_load(const void *at)
{
    tri_span_t span;
    memcpy(&span, at, sizeof span);
    return span;
}

static inline void
tri_span_store(void *at, const void *data, size_t count)
{
    tri_span_t span = {data, count};
    memcpy(at, &span, sizeof span);
}

// A buf and a local are pointers of types that are unknown here.
static inline void *
tri_pointer_load(const void *at)
{
    void *pointer;
    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static inline void
tri_pointer_store(void *at, void *pointer)
{
    memcpy(at, &pointer, sizeof pointer);
}

// An enum is stored as four bytes, signed or not by the compiler's choice.
static inline int32_t
tri_enum_load(const void *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

// The name of a value, NULL when it has none; the first one where several share it.
const char *tri_enum_name(const tr_enum_t *enumeration, int32_t value);

#endif
