// values.h: message types that use every kind, values of them at random, and deep comparison.
#ifndef TROUPE_TESTS_MSG_VALUES_H
#define TROUPE_TESTS_MSG_VALUES_H

#include "troupe/buf.h"
#include "troupe/message.h"

#include <stdint.h>
#include <stdlib.h>

#include "msg/field.h"
#include "msg/layout.h"

#define COLOR(V) V(RED, 0) V(GREEN, 7) V(BLUE, -2)
TR_ENUM(color, COLOR);

TR_MESSAGE_EMPTY(ping);

#define POINT(F, T) F(T, i32, x) F(T, i32, y)
TR_MESSAGE(point, POINT);

#define LABEL(F, T) F(T, u8, size) F(T, str, text)
TR_MESSAGE(label, LABEL);

#define NUMBERS(F, T)                                                                              \
    F(T, bool, yes)                                                                                \
    F(T, i8, i8)                                                                                   \
    F(T, i16, i16)                                                                                 \
    F(T, i32, i32)                                                                                 \
    F(T, i64, i64)                                                                                 \
    F(T, u8, u8)                                                                                   \
    F(T, u16, u16)                                                                                 \
    F(T, u32, u32)                                                                                 \
    F(T, u64, u64)                                                                                 \
    F(T, f32, f32)                                                                                 \
    F(T, f64, f64)                                                                                 \
    F(T, ref, who)                                                                                 \
    F(T, enum(color), paint)
TR_MESSAGE(numbers, NUMBERS);

#define LISTS(F, T)                                                                                \
    F(T, u8, odd)                                                                                  \
    F(T, list(bool), bools)                                                                        \
    F(T, list(i8), i8s)                                                                            \
    F(T, list(i16), i16s)                                                                          \
    F(T, list(i32), i32s)                                                                          \
    F(T, list(i64), i64s)                                                                          \
    F(T, list(u8), u8s)                                                                            \
    F(T, list(u16), u16s)                                                                          \
    F(T, list(u32), u32s)                                                                          \
    F(T, list(u64), u64s)                                                                          \
    F(T, list(f32), f32s)                                                                          \
    F(T, list(f64), f64s)                                                                          \
    F(T, list(ref), refs)                                                                          \
    F(T, list(enum(color)), paints)
TR_MESSAGE(lists, LISTS);

#define EVERYTHING(F, T)                                                                           \
    F(T, nested(numbers), numbers)                                                                 \
    F(T, str, text)                                                                                \
    F(T, bytes, blob)                                                                              \
    F(T, nested(lists), lists)                                                                     \
    F(T, nested(label), label)                                                                     \
    F(T, nested(ping), nothing)                                                                    \
    F(T, list(str), texts)                                                                         \
    F(T, list(bytes), blobs)                                                                       \
    F(T, list(nested(point)), points)                                                              \
    F(T, list(nested(label)), labels)                                                              \
    F(T, list(nested(ping)), pings)                                                                \
    F(T, secret(str), password)                                                                    \
    F(T, secret(list(u16)), pins)
TR_MESSAGE(everything, EVERYTHING);

// A type that contains itself, which only a list allows: values of any depth.
typedef struct tree tree;
extern const tr_type_t tree_type;
#define TREE(F, T) F(T, u8, id) F(T, list(nested(tree)), children)
TR_MESSAGE(tree, TREE);

// A tree one level deeper, so that it is a list that passes the depth, and no message.
#define FOREST(F, T) F(T, nested(tree), root)
TR_MESSAGE(forest, FOREST);

// What a message carries without copying it. The table is the test's, who sees what it is asked.
typedef struct toy toy;
extern const tr_local_t toy_local;

#define CRATE(F, T) F(T, u8, id) F(T, buf, data) F(T, local(toy), play) F(T, str, text)
TR_MESSAGE(crate, CRATE);

#define SHIPMENT(F, T)                                                                             \
    F(T, nested(point), place)                                                                     \
    F(T, nested(crate), first)                                                                     \
    F(T, list(nested(crate)), rest)                                                                \
    F(T, list(nested(point)), stops)                                                               \
    F(T, list(str), notes)                                                                         \
    F(T, buf, papers)                                                                              \
    F(T, secret(buf), key)                                                                         \
    F(T, secret(local(toy)), hidden)
TR_MESSAGE(shipment, SHIPMENT);

// As tree and forest, with something to carry at every level.
typedef struct nest nest;
extern const tr_type_t nest_type;
#define NEST(F, T)                                                                                 \
    F(T, buf, data)                                                                                \
    F(T, list(nested(nest)), inside)                                                               \
    F(T, list(nested(crate)), load)                                                                \
    F(T, local(toy), play)
TR_MESSAGE(nest, NEST);

// One level deeper: a crate in its innermost nest stands on the last level that is allowed.
#define COOP(F, T) F(T, nested(nest), nest)
TR_MESSAGE(coop, COOP);

// ---- values at random ---------------------------------------------------------------------------

typedef struct maker {
    uint64_t state;
    void *made[4096];
    size_t count;
    tr_buf *bufs[1024];
    size_t buf_count;
} maker;

static inline uint64_t
maker_next(maker *m)
{
    uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

// Memory of exactly this size, so that a sanitizer sees a step over its end.
static inline void *
maker_memory(maker *m, size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL || m->count == sizeof m->made / sizeof m->made[0]) {
        abort();
    }
    m->made[m->count++] = memory;
    return memory;
}

static inline void
maker_fini(maker *m)
{
    while (m->count > 0) {
        free(m->made[--m->count]);
    }
    while (m->buf_count > 0) {
        tr_buf_unref(m->bufs[--m->buf_count]);
    }
}

// One in four is NULL, one in four is empty. The reference is the maker's.
static inline tr_buf *
maker_buf(maker *m, uint64_t n)
{
    unsigned char bytes[50];
    tr_buf *buf = NULL;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)maker_next(m);
    }
    if (n % 4 == 0) {
        return NULL;
    }
    if (m->buf_count == sizeof m->bufs / sizeof m->bufs[0] ||
        tr_buf_create(bytes, n % 4 == 1 ? 0 : n % sizeof bytes, &buf) != TR_OK) {
        abort();
    }
    m->bufs[m->buf_count++] = buf;
    return buf;
}

// Any width is as likely as another, so that the borders of encodings are met.
static inline uint64_t
maker_number(maker *m)
{
    uint64_t n = maker_next(m) >> (maker_next(m) % 64);
    return maker_next(m) % 2 == 0 ? n : ~n;
}

static inline void maker_message(maker *m, const tr_type_t *type, void *value);

static inline void
maker_one(maker *m, const tr_field_t *field, tr_kind_t kind, void *at)
{
    uint64_t n = maker_number(m);
    switch (kind) {
    case TR_KIND_BOOL:
        *(bool *)at = n % 2 != 0;
        break;
    case TR_KIND_F32:
        *(float *)at = (float)(int64_t)n / 3.0f;
        break;
    case TR_KIND_F64:
        *(double *)at = (double)(int64_t)n / 7.0;
        break;
    case TR_KIND_STR:
    case TR_KIND_BYTES: {
        size_t size = n % 4 == 0 ? 0 : n % 50;
        unsigned char *bytes = size > 0 ? maker_memory(m, size) : NULL;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (unsigned char)maker_next(m);
        }
        tri_span_store(at, bytes, size);
        break;
    }
    case TR_KIND_ENUM: {
        const tr_enum_t *e = field->enumeration;
        int32_t value = n % 8 == 0 ? (int32_t)n : e->values[n % e->count].value;
        memcpy(at, &value, sizeof value);
        break;
    }
    case TR_KIND_NESTED:
        maker_message(m, field->nested, at);
        break;
    case TR_KIND_BUF:
        tri_pointer_store(at, maker_buf(m, n));
        break;
    case TR_KIND_LOCAL:
        tri_pointer_store(at, NULL); // there is none behind a codec
        break;
    default:
        memcpy(at, &n, tri_kind_size(kind, NULL)); // the low bytes on this machine, any elsewhere
        break;
    }
}

static inline void
maker_message(maker *m, const tr_type_t *type, void *value)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const tr_field_t *f = &type->fields[i];
        char *at = (char *)value + f->offset;
        if (f->kind != TR_KIND_LIST) {
            maker_one(m, f, f->kind, at);
            continue;
        }
        size_t count = maker_next(m) % 20 == 0 ? 17 : maker_next(m) % 4;
        size_t item_size = tri_kind_size(f->item, f->nested);
        char *items = count > 0 ? maker_memory(m, count * item_size) : NULL;
        for (size_t k = 0; k < count; k++) {
            maker_one(m, f, f->item, items + k * item_size);
        }
        tri_span_store(at, items, count);
    }
}

// ---- comparison ---------------------------------------------------------------------------------

static inline bool value_equal(const tr_type_t *type, const void *a, const void *b);

static inline bool
one_equal(const tr_field_t *field, tr_kind_t kind, const char *a, const char *b)
{
    if (kind == TR_KIND_STR || kind == TR_KIND_BYTES) {
        tri_span_t x = tri_span_load(a), y = tri_span_load(b);
        return x.count == y.count && (x.count == 0 || memcmp(x.data, y.data, x.count) == 0);
    }
    if (kind == TR_KIND_NESTED) {
        return value_equal(field->nested, a, b);
    }
    if (kind == TR_KIND_BUF) {
        tr_buf *p = tri_pointer_load(a), *q = tri_pointer_load(b);
        tr_bytes_t x = tr_buf_bytes(p), y = tr_buf_bytes(q);
        return (p == NULL) == (q == NULL) && x.size == y.size &&
               (x.size == 0 || memcmp(x.data, y.data, x.size) == 0);
    }
    return memcmp(a, b, tri_kind_size(kind, NULL)) == 0;
}

static inline bool
value_equal(const tr_type_t *type, const void *a, const void *b)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const tr_field_t *f = &type->fields[i];
        const char *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
        if (f->kind != TR_KIND_LIST) {
            if (!one_equal(f, f->kind, x, y)) {
                return false;
            }
            continue;
        }
        tri_span_t xs = tri_span_load(x), ys = tri_span_load(y);
        if (xs.count != ys.count) {
            return false;
        }
        size_t step = tri_kind_size(f->item, f->nested);
        for (size_t k = 0; k < xs.count; k++) {
            if (!one_equal(f, f->item, (const char *)xs.data + k * step,
                           (const char *)ys.data + k * step)) {
                return false;
            }
        }
    }
    return true;
}

// ---- where a copy points
// --------------------------------------------------------------------------

static inline bool
value_inside(const tr_type_t *type, const void *value, const char *block, size_t size);

// The span lies in the block, aligned; one without items is {NULL, 0}.
static inline bool
span_inside(const void *at, size_t item_size, size_t align, const char *block, size_t size)
{
    tri_span_t span = tri_span_load(at);
    const char *data = span.data;
    if (span.count == 0) {
        return data == NULL;
    }
    return data >= block && data + span.count * item_size <= block + size &&
           (uintptr_t)data % align == 0;
}

static inline bool
one_inside(const tr_field_t *field, tr_kind_t kind, const char *at, const char *block, size_t size)
{
    if (kind == TR_KIND_STR || kind == TR_KIND_BYTES) {
        return span_inside(at, 1, 1, block, size);
    }
    return kind != TR_KIND_NESTED || value_inside(field->nested, at, block, size);
}

static inline bool
value_inside(const tr_type_t *type, const void *value, const char *block, size_t size)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const tr_field_t *f = &type->fields[i];
        const char *at = (const char *)value + f->offset;
        if (f->kind != TR_KIND_LIST) {
            if (!one_inside(f, f->kind, at, block, size)) {
                return false;
            }
            continue;
        }
        size_t step = tri_kind_size(f->item, f->nested);
        if (!span_inside(at, step, tri_kind_align(f->item, f->nested), block, size)) {
            return false;
        }
        tri_span_t items = tri_span_load(at);
        for (size_t k = 0; k < items.count; k++) {
            if (!one_inside(f, f->item, (const char *)items.data + k * step, block, size)) {
                return false;
            }
        }
    }
    return true;
}

// A chain of `levels` trees, in `storage` of as many; the innermost has an empty list.
static inline tree *
chain(tree *storage, size_t levels)
{
    for (size_t i = 0; i < levels; i++) {
        storage[i] = (tree){.id = (uint8_t)i};
        if (i + 1 < levels) {
            storage[i].children.items = &storage[i + 1];
            storage[i].children.count = 1;
        }
    }
    return storage;
}

#endif
