#include "msg/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "troupe/buf.h"

#include "base/panic.h"
#include "msg/field.h"
#include "msg/layout.h"

static const char ellipsis[] = "…";
#define ELLIPSIS_SIZE (sizeof ellipsis - 1)

struct printer {
    char *buffer;
    size_t room; // bytes for text: without the terminator
    size_t used;
    size_t fallback; // the last end of a piece that leaves room for the ellipsis
    bool cut;        // a piece did not fit; nothing is taken any more
};

static void print_message(struct printer *p, const tr_type_t *type, const char *value);

// Write all of a piece or, from the first one that does not fit, nothing.
static void
put(struct printer *p, const char *piece, size_t size)
{
    if (p->cut) {
        return;
    }
    if (p->room - p->used >= ELLIPSIS_SIZE) {
        p->fallback = p->used;
    }
    if (size > p->room - p->used) {
        p->cut = true;
        return;
    }
    memcpy(p->buffer + p->used, piece, size);
    p->used += size;
}

static void
put_text(struct printer *p, const char *text)
{
    put(p, text, strlen(text));
}

static TRI_PRINTF(2, 3) void put_format(struct printer *p, const char *format, ...)
{
    char piece[64];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    TRI_ASSERT(size >= 0 && (size_t)size < sizeof piece, "%s gives %d bytes", format, size);
    put(p, piece, (size_t)size);
}

// The length of the UTF-8 character at `text`, 0 when it is none: cut, overlong, a surrogate or
// beyond U+10FFFF.
static size_t
utf8_length(const unsigned char *text, size_t size)
{
    if (text[0] < 0x80) {
        return 1;
    }
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length == 0 || text[0] > 0xf4 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] >= 0xa0;
    bool beyond = text[0] == 0xf4 && text[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

// Both blocks of control characters; a terminal would obey the second one, U+0080 to U+009F, too.
static bool
is_control(const unsigned char *text, size_t length)
{
    return length == 1 ? text[0] < 0x20 || text[0] == 0x7f
                       : length == 2 && text[0] == 0xc2 && text[1] < 0xa0;
}

// Write one character, and return how many bytes of the text it was.
static size_t
print_character(struct printer *p, const unsigned char *text, size_t size)
{
    static const char short_escapes[][2] = {
        {'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'},
    };
    for (size_t i = 0; i < sizeof short_escapes / sizeof short_escapes[0]; i++) {
        if (text[0] == (unsigned char)short_escapes[i][0]) {
            put_format(p, "\\%c", short_escapes[i][1]);
            return 1;
        }
    }
    size_t length = utf8_length(text, size);
    if (length == 0 || (length == 1 && is_control(text, length))) {
        put_format(p, "\\x%02x", text[0]);
        return 1;
    }
    if (is_control(text, length)) {
        put_format(p, "\\x%02x\\x%02x", text[0], text[1]);
    } else {
        put(p, (const char *)text, length);
    }
    return length;
}

static void
print_str(struct printer *p, tri_span_t str)
{
    const unsigned char *text = str.data;
    put_text(p, "\"");
    for (size_t i = 0; i < str.count && !p->cut;) {
        i += print_character(p, text + i, str.count - i);
    }
    put_text(p, "\"");
}

static void
print_bytes(struct printer *p, tri_span_t bytes)
{
    const unsigned char *data = bytes.data;
    put_text(p, "0x");
    for (size_t i = 0; i < bytes.count && !p->cut; i++) {
        put_format(p, "%02x", data[i]);
    }
}

// The fewest digits that read back as the same number: a float shows as 0.1, not 0.100000001.
static void
print_f32(struct printer *p, float f)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)f);
        if (strtof(text, NULL) == f) {
            break;
        }
    }
    put_text(p, text);
}

static void
print_f64(struct printer *p, double d)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d) {
            break;
        }
    }
    put_text(p, text);
}

static void
print_ref(struct printer *p, tr_ref_t ref)
{
    if (tr_ref_is_none(ref)) {
        put_text(p, "none");
    } else {
        put_format(p, "@%" PRIu32 ".%" PRIu32, (uint32_t)ref.raw, (uint32_t)(ref.raw >> 32));
    }
}

static void
print_buf(struct printer *p, const tr_buf *buf)
{
    if (buf == NULL) {
        put_text(p, "null");
    } else {
        tr_bytes_t bytes = tr_buf_bytes(buf);
        print_bytes(p, (tri_span_t){bytes.data, bytes.size});
    }
}

static void
print_local(struct printer *p, const tr_local_t *local, const void *object)
{
    if (object == NULL) {
        put_text(p, "null");
    } else {
        put_text(p, "<");
        put_text(p, local->name);
        put_text(p, ">");
    }
}

static void
print_enum(struct printer *p, const tr_enum_t *enumeration, int32_t value)
{
    const char *name = tri_enum_name(enumeration, value);
    if (name != NULL) {
        put_text(p, name);
    } else {
        put_format(p, "%" PRId32, value);
    }
}

// One field that is not a list, or one item of a list; `kind` says which.
static void
print_one(struct printer *p, const tr_field_t *field, tr_kind_t kind, const void *at)
{
    switch (kind) {
    case TR_KIND_BOOL:
        put_text(p, *(const bool *)at ? "true" : "false");
        return;
    case TR_KIND_I8:
        put_format(p, "%" PRId8, *(const int8_t *)at);
        return;
    case TR_KIND_I16:
        put_format(p, "%" PRId16, *(const int16_t *)at);
        return;
    case TR_KIND_I32:
        put_format(p, "%" PRId32, *(const int32_t *)at);
        return;
    case TR_KIND_I64:
        put_format(p, "%" PRId64, *(const int64_t *)at);
        return;
    case TR_KIND_U8:
        put_format(p, "%" PRIu8, *(const uint8_t *)at);
        return;
    case TR_KIND_U16:
        put_format(p, "%" PRIu16, *(const uint16_t *)at);
        return;
    case TR_KIND_U32:
        put_format(p, "%" PRIu32, *(const uint32_t *)at);
        return;
    case TR_KIND_U64:
        put_format(p, "%" PRIu64, *(const uint64_t *)at);
        return;
    case TR_KIND_F32:
        print_f32(p, *(const float *)at);
        return;
    case TR_KIND_F64:
        print_f64(p, *(const double *)at);
        return;
    case TR_KIND_STR:
        print_str(p, tri_span_load(at));
        return;
    case TR_KIND_BYTES:
        print_bytes(p, tri_span_load(at));
        return;
    case TR_KIND_REF:
        print_ref(p, *(const tr_ref_t *)at);
        return;
    case TR_KIND_ENUM:
        print_enum(p, field->enumeration, tri_enum_load(at));
        return;
    case TR_KIND_NESTED:
        print_message(p, field->nested, at);
        return;
    case TR_KIND_BUF:
        print_buf(p, tri_pointer_load(at));
        return;
    case TR_KIND_LOCAL:
        print_local(p, field->local, tri_pointer_load(at));
        return;
    case TR_KIND_NONE:
    case TR_KIND_LIST:
        break;
    }
    tri_panic(__FILE__, __LINE__, "field %s is of kind %d", field->name, (int)kind);
}

static void
print_list(struct printer *p, const tr_field_t *field, tri_span_t list)
{
    size_t item_size = tri_kind_size(field->item, field->nested);
    const char *items = list.data;
    put_text(p, "[");
    for (size_t i = 0; i < list.count && !p->cut; i++) {
        if (i > 0) {
            put_text(p, ", ");
        }
        print_one(p, field, field->item, items + i * item_size);
    }
    put_text(p, "]");
}

static void
print_field(struct printer *p, const tr_field_t *field, const char *at)
{
    put_text(p, field->name);
    put_text(p, ": ");
    if ((field->flags & TR_FIELD_SECRET) != 0) {
        put_text(p, "***");
    } else if (field->kind == TR_KIND_LIST) {
        print_list(p, field, tri_span_load(at));
    } else {
        print_one(p, field, field->kind, at);
    }
}

static void
print_message(struct printer *p, const tr_type_t *type, const char *value)
{
    put_text(p, type->name);
    put_text(p, "{");
    for (uint32_t i = 0; i < type->field_count && !p->cut; i++) {
        if (i > 0) {
            put_text(p, ", ");
        }
        print_field(p, &type->fields[i], value + type->fields[i].offset);
    }
    put_text(p, "}");
}

size_t
tri_print(char *buffer, size_t capacity, const tr_type_t *type, const void *value)
{
    if (capacity == 0) {
        return 0;
    }
    struct printer p = {.buffer = buffer, .room = capacity - 1};
    print_message(&p, type, value);
    if (p.cut) {
        p.used = p.fallback;
        if (p.room >= ELLIPSIS_SIZE) {
            memcpy(buffer + p.used, ellipsis, ELLIPSIS_SIZE);
            p.used += ELLIPSIS_SIZE;
        }
    }
    buffer[p.used] = '\0';
    return p.used;
}
