#include "msg/layout.h"

#include <stdalign.h>

#include "base/panic.h"
#include "msg/field.h"

static size_t
message_align(const tr_type_t *type)
{
    size_t most = 1;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const tr_field_t *f = &type->fields[i];
        size_t align =
            f->kind == TR_KIND_LIST ? alignof(tri_span_t) : tri_kind_align(f->kind, f->nested);
        most = align > most ? align : most;
    }
    return most;
}

size_t
tri_kind_size(tr_kind_t kind, const tr_type_t *nested)
{
    static const uint8_t sizes[] = {
        [TR_KIND_BOOL] = sizeof(bool),        [TR_KIND_I8] = sizeof(int8_t),
        [TR_KIND_I16] = sizeof(int16_t),      [TR_KIND_I32] = sizeof(int32_t),
        [TR_KIND_I64] = sizeof(int64_t),      [TR_KIND_U8] = sizeof(uint8_t),
        [TR_KIND_U16] = sizeof(uint16_t),     [TR_KIND_U32] = sizeof(uint32_t),
        [TR_KIND_U64] = sizeof(uint64_t),     [TR_KIND_F32] = sizeof(float),
        [TR_KIND_F64] = sizeof(double),       [TR_KIND_STR] = sizeof(tr_str_t),
        [TR_KIND_BYTES] = sizeof(tr_bytes_t), [TR_KIND_REF] = sizeof(tr_ref_t),
        [TR_KIND_ENUM] = sizeof(int32_t),     [TR_KIND_BUF] = sizeof(tr_buf *),
        [TR_KIND_LOCAL] = sizeof(void *),
    };
    if (kind == TR_KIND_NESTED) {
        // A type without fields says 0, but the compiler gives its structure a byte.
        return nested->size != 0 ? nested->size : 1;
    }
    TRI_ASSERT(kind < sizeof sizes && sizes[kind] != 0, "kind %d", (int)kind);
    return sizes[kind];
}

size_t
tri_kind_align(tr_kind_t kind, const tr_type_t *nested)
{
    switch (kind) {
    case TR_KIND_NESTED:
        return message_align(nested);
    case TR_KIND_STR:
    case TR_KIND_BYTES:
        return alignof(tri_span_t);
    case TR_KIND_BUF:
    case TR_KIND_LOCAL:
        return alignof(void *);
    case TR_KIND_I64:
    case TR_KIND_U64:
    case TR_KIND_REF:
        return alignof(uint64_t);
    case TR_KIND_F64:
        return alignof(double);
    default:
        // The small ones: none is larger than its alignment.
        return tri_kind_size(kind, nested);
    }
}

static bool
is_part(tr_kind_t kind)
{
    return kind == TR_KIND_STR || kind == TR_KIND_BYTES;
}

// ---- size: `at` counts the bytes so far, `levels` how much deeper one may still go ------------

static tr_err_t message_size(const tr_type_t *type, const char *value, unsigned levels, size_t *at);

static tr_err_t
span_size(tri_span_t span, size_t item_size, size_t align, size_t *at)
{
    if (span.count == 0) {
        return TR_OK;
    }
    if (span.data == NULL) {
        return TR_EINVAL;
    }
    size_t start;
    return tri_layout_place(at, PTRDIFF_MAX, span.count, item_size, align, &start) ? TR_OK
                                                                                   : TR_ETOOBIG;
}

static tr_err_t
nested_size(const tr_type_t *type, const char *value, unsigned levels, size_t *at)
{
    if (levels == 0) {
        return TR_ETOOBIG;
    }
    return (type->flags & TR_TYPE_VARIABLE) != 0 ? message_size(type, value, levels - 1, at)
                                                 : TR_OK;
}

static tr_err_t
list_size(const tr_field_t *field, tri_span_t list, unsigned levels, size_t *at)
{
    if (levels == 0) {
        return TR_ETOOBIG;
    }
    size_t item_size = tri_kind_size(field->item, field->nested);
    tr_err_t err = span_size(list, item_size, tri_kind_align(field->item, field->nested), at);
    if (!is_part(field->item) && field->item != TR_KIND_NESTED) {
        return err;
    }
    const char *item = list.data;
    for (size_t i = 0; i < list.count && err == TR_OK; i++, item += item_size) {
        err = field->item == TR_KIND_NESTED ? nested_size(field->nested, item, levels - 1, at)
                                            : span_size(tri_span_load(item), 1, 1, at);
    }
    return err;
}

static tr_err_t
message_size(const tr_type_t *type, const char *value, unsigned levels, size_t *at)
{
    tr_err_t err = TR_OK;
    for (uint32_t i = 0; i < type->field_count && err == TR_OK; i++) {
        const tr_field_t *f = &type->fields[i];
        if (is_part(f->kind)) {
            err = span_size(tri_span_load(value + f->offset), 1, 1, at);
        } else if (f->kind == TR_KIND_LIST) {
            err = list_size(f, tri_span_load(value + f->offset), levels, at);
        } else if (f->kind == TR_KIND_NESTED) {
            err = nested_size(f->nested, value + f->offset, levels, at);
        }
    }
    return err;
}

tr_err_t
tri_layout_size_variable(const tr_type_t *type, const void *value, size_t *out)
{
    size_t at = type->size;
    tr_err_t err = message_size(type, value, TRI_MSG_DEPTH_MAX - 1, &at);
    if (err == TR_OK) {
        *out = at;
    }
    return err;
}

// ---- copy: the same walk over the copy itself, whose pointers still lead to the original ------

struct cursor {
    char *block;
    size_t at; // bytes of the block in use
};

static void message_gather(const tr_type_t *type, char *copy, struct cursor *to);

// Copy what the span at `place` points to behind all that is in the block, and point it there.
// Returns the first item of the copy.
static char *
span_gather(char *place, size_t item_size, size_t align, struct cursor *to)
{
    tri_span_t span = tri_span_load(place);
    if (span.count == 0) {
        tri_span_store(place, NULL, 0);
        return NULL;
    }
    char *copy = to->block + TRI_ALIGN_UP(to->at, align);
    size_t size = span.count * item_size;
    memcpy(copy, span.data, size);
    tri_span_store(place, copy, span.count);
    to->at = (size_t)(copy - to->block) + size;
    return copy;
}

static void
list_gather(const tr_field_t *field, char *place, struct cursor *to)
{
    size_t item_size = tri_kind_size(field->item, field->nested);
    size_t align = tri_kind_align(field->item, field->nested);
    char *item = span_gather(place, item_size, align, to);
    size_t count = tri_span_load(place).count;
    if (is_part(field->item)) {
        for (size_t i = 0; i < count; i++) {
            span_gather(item + i * item_size, 1, 1, to);
        }
    } else if (field->item == TR_KIND_NESTED && (field->nested->flags & TR_TYPE_VARIABLE) != 0) {
        for (size_t i = 0; i < count; i++) {
            message_gather(field->nested, item + i * item_size, to);
        }
    }
}

static void
message_gather(const tr_type_t *type, char *copy, struct cursor *to)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const tr_field_t *f = &type->fields[i];
        if (is_part(f->kind)) {
            span_gather(copy + f->offset, 1, 1, to);
        } else if (f->kind == TR_KIND_LIST) {
            list_gather(f, copy + f->offset, to);
        } else if (f->kind == TR_KIND_NESTED && (f->nested->flags & TR_TYPE_VARIABLE) != 0) {
            message_gather(f->nested, copy + f->offset, to);
        }
    }
}

void
tri_layout_copy_variable(const tr_type_t *type, const void *value, void *block)
{
    memcpy(block, value, type->size);
    struct cursor to = {block, type->size};
    message_gather(type, block, &to);
}
