#include "msg/codec.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdalign.h>

#include <msgpack.h>

#include "base/memory.h"
#include "base/panic.h"
#include "msg/buf.h"
#include "msg/field.h"
#include "msg/layout.h"
#include "msg/parts.h"
#include "msg/scan.h"
#include "msg/token.h"

static_assert(alignof(max_align_t) >= TRI_LAYOUT_ALIGN, "a block comes from tri_zalloc");
static_assert(TRI_SCAN_DEPTH_MAX >= TRI_MSG_DEPTH_MAX, "what is encoded can be decoded");

// ---- encode: `levels` is how much deeper one may still go -------------------------------------

struct encoder {
    msgpack_packer *packer;
    unsigned flags; // TRI_ENCODE_…
};

static tr_err_t
encode_message(const struct encoder *e, const tr_type_t *type, const char *value, unsigned levels);

// The packer fails when its buffer does, and for no other reason.
static tr_err_t
packed(int result)
{
    return result == 0 ? TR_OK : TR_ENOMEM;
}

static tr_err_t
encode_text(const struct encoder *e, const char *text)
{
    return packed(msgpack_pack_str_with_body(e->packer, text, strlen(text)));
}

static tr_err_t
check_span(tri_span_t span)
{
    if (span.count > UINT32_MAX) {
        return TR_ETOOBIG;
    }
    return span.data == NULL && span.count > 0 ? TR_EINVAL : TR_OK;
}

static tr_err_t
encode_part(const struct encoder *e, tr_kind_t kind, tri_span_t part)
{
    tr_err_t err = check_span(part);
    if (err != TR_OK) {
        return err;
    }
    const void *data = part.count > 0 ? part.data : "";
    return packed(kind == TR_KIND_STR ? msgpack_pack_str_with_body(e->packer, data, part.count)
                                      : msgpack_pack_bin_with_body(e->packer, data, part.count));
}

static tr_err_t
encode_buf(const struct encoder *e, const tr_buf *buf)
{
    tr_bytes_t bytes = tr_buf_bytes(buf);
    return buf == NULL ? packed(msgpack_pack_nil(e->packer))
                       : encode_part(e, TR_KIND_BYTES, (tri_span_t){bytes.data, bytes.size});
}

static tr_err_t
encode_enum(const struct encoder *e, const tr_enum_t *enumeration, int32_t value)
{
    const char *name = tri_enum_name(enumeration, value);
    return name != NULL ? encode_text(e, name) : packed(msgpack_pack_int32(e->packer, value));
}

// One field that is not a list, or one item of a list; `kind` says which.
static tr_err_t
encode_one(const struct encoder *e, const tr_field_t *field, tr_kind_t kind, const void *at,
           unsigned levels)
{
    switch (kind) {
    case TR_KIND_BOOL:
        return packed(*(const bool *)at ? msgpack_pack_true(e->packer)
                                        : msgpack_pack_false(e->packer));
    case TR_KIND_I8:
        return packed(msgpack_pack_int8(e->packer, *(const int8_t *)at));
    case TR_KIND_I16:
        return packed(msgpack_pack_int16(e->packer, *(const int16_t *)at));
    case TR_KIND_I32:
        return packed(msgpack_pack_int32(e->packer, *(const int32_t *)at));
    case TR_KIND_I64:
        return packed(msgpack_pack_int64(e->packer, *(const int64_t *)at));
    case TR_KIND_U8:
        return packed(msgpack_pack_uint8(e->packer, *(const uint8_t *)at));
    case TR_KIND_U16:
        return packed(msgpack_pack_uint16(e->packer, *(const uint16_t *)at));
    case TR_KIND_U32:
        return packed(msgpack_pack_uint32(e->packer, *(const uint32_t *)at));
    case TR_KIND_U64:
        return packed(msgpack_pack_uint64(e->packer, *(const uint64_t *)at));
    case TR_KIND_F32:
        return packed(msgpack_pack_float(e->packer, *(const float *)at));
    case TR_KIND_F64:
        return packed(msgpack_pack_double(e->packer, *(const double *)at));
    case TR_KIND_STR:
    case TR_KIND_BYTES:
        return encode_part(e, kind, tri_span_load(at));
    case TR_KIND_REF:
        return packed(msgpack_pack_uint64(e->packer, ((const tr_ref_t *)at)->raw));
    case TR_KIND_ENUM:
        return encode_enum(e, field->enumeration, tri_enum_load(at));
    case TR_KIND_NESTED:
        return levels > 0 ? encode_message(e, field->nested, at, levels - 1) : TR_ETOOBIG;
    case TR_KIND_BUF:
        return encode_buf(e, tri_pointer_load(at));
    case TR_KIND_LOCAL:
        return packed(msgpack_pack_nil(e->packer));
    case TR_KIND_NONE:
    case TR_KIND_LIST:
        break;
    }
    tri_panic(__FILE__, __LINE__, "field %s is of kind %d", field->name, (int)kind);
}

static tr_err_t
encode_list(const struct encoder *e, const tr_field_t *field, tri_span_t list, unsigned levels)
{
    if (levels == 0) {
        return TR_ETOOBIG;
    }
    tr_err_t err = check_span(list);
    if (err != TR_OK) {
        return err;
    }
    size_t item_size = tri_kind_size(field->item, field->nested);
    const char *item = list.data;
    err = packed(msgpack_pack_array(e->packer, list.count));
    for (size_t i = 0; i < list.count && err == TR_OK; i++, item += item_size) {
        err = encode_one(e, field, field->item, item, levels - 1);
    }
    return err;
}

static tr_err_t
encode_field(const struct encoder *e, const tr_field_t *field, const char *at, unsigned levels)
{
    tr_err_t err = encode_text(e, field->name);
    if (err != TR_OK) {
        return err;
    }
    if ((field->flags & TR_FIELD_SECRET) != 0 && (e->flags & TRI_ENCODE_MASK_SECRETS) != 0) {
        return encode_text(e, "***");
    }
    return field->kind == TR_KIND_LIST ? encode_list(e, field, tri_span_load(at), levels)
                                       : encode_one(e, field, field->kind, at, levels);
}

static tr_err_t
encode_message(const struct encoder *e, const tr_type_t *type, const char *value, unsigned levels)
{
    if (type->field_count > TRI_MSG_FIELDS_MAX) {
        return TR_EINVAL;
    }
    tr_err_t err = packed(msgpack_pack_map(e->packer, type->field_count));
    for (uint32_t i = 0; i < type->field_count && err == TR_OK; i++) {
        const tr_field_t *f = &type->fields[i];
        err = encode_field(e, f, value + f->offset, levels);
    }
    return err;
}

tr_err_t
tri_encode(struct msgpack_packer *packer, const tr_type_t *type, const void *value, unsigned flags)
{
    struct encoder e = {packer, flags};
    return encode_message(&e, type, value, TRI_MSG_DEPTH_MAX - 1);
}

// A buffer that grows; msgpack's own would not go through tri_alloc.
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
};

static int
buffer_write(void *arg, const char *data, size_t size)
{
    struct buffer *b = arg;
    if (size > b->capacity - b->size) {
        size_t capacity = b->capacity == 0 ? 128 : b->capacity;
        while (capacity - b->size < size) {
            if (capacity > PTRDIFF_MAX / 2) {
                return -1;
            }
            capacity *= 2;
        }
        char *grown = tri_realloc(b->data, capacity);
        if (grown == NULL) {
            return -1;
        }
        b->data = grown;
        b->capacity = capacity;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return 0;
}

tr_err_t
tri_encode_alloc(const tr_type_t *type, const void *value, unsigned flags, void **out_data,
                 size_t *out_size)
{
    struct buffer buffer = {NULL, 0, 0};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, buffer_write);
    tr_err_t err = tri_encode(&packer, type, value, flags);
    if (err != TR_OK) {
        tri_free(buffer.data);
        return err;
    }
    *out_data = buffer.data;
    *out_size = buffer.size;
    return TR_OK;
}

// ---- decode: one walk, made twice: first to check and to measure, then to fill the block -------

struct decoder {
    const uint8_t *at; // the next object; the scan has promised that all announced ones are whole
    const uint8_t *end;
    char *block;  // NULL while measuring
    size_t used;  // bytes of the block given out; places in it are offsets, as it may not be there
    size_t limit; // of `used` and `bufs` together
    size_t bufs;  // bytes that bufs take beside the block
};

static tr_err_t decode_message(struct decoder *d, const tr_type_t *type, size_t to);

// Read the next header and step over it, and over its body, which then ends at d->at.
static tri_token_t
next(struct decoder *d)
{
    tri_token_t token;
    tr_err_t err = tri_token_read(d->at, (size_t)(d->end - d->at), &token);
    TRI_ASSERT(err == TR_OK, "the scan has let it pass, %s", tr_errname(err));
    d->at += token.header + token.body;
    return token;
}

static void
skip(struct decoder *d)
{
    for (uint64_t pending = 1; pending > 0; pending--) {
        pending += next(d).children;
    }
}

static void
store(struct decoder *d, size_t to, const void *value, size_t size)
{
    if (d->block != NULL) {
        memcpy(d->block + to, value, size);
    }
}

// Find a place for a part, and let the span at `to` point there.
static tr_err_t
place_span(struct decoder *d, size_t to, size_t count, size_t item_size, size_t align,
           size_t *out_start)
{
    if (!tri_layout_place(&d->used, d->limit - d->bufs, count, item_size, align, out_start)) {
        return TR_ETOOBIG;
    }
    if (d->block != NULL) {
        tri_span_store(d->block + to, d->block + *out_start, count);
    }
    return TR_OK;
}

static tr_err_t
decode_part(struct decoder *d, const tri_token_t *token, tr_kind_t kind, size_t to)
{
    if (token->kind != TRI_TOKEN_STR && (token->kind != TRI_TOKEN_BIN || kind == TR_KIND_STR)) {
        return TR_EFORMAT;
    }
    if (token->body == 0) {
        return TR_OK;
    }
    size_t start;
    tr_err_t err = place_span(d, to, token->body, 1, 1, &start);
    if (err == TR_OK) {
        store(d, start, d->at - token->body, token->body);
    }
    return err;
}

// While filling, the one thing that can fail: there may be no memory for a buf.
static tr_err_t
decode_buf(struct decoder *d, const tri_token_t *token, size_t to)
{
    if (token->kind == TRI_TOKEN_NIL) {
        return TR_OK;
    }
    if (token->kind != TRI_TOKEN_BIN) {
        return TR_EFORMAT;
    }
    size_t cost = TRI_BUF_COST(token->body);
    if (cost > d->limit - d->bufs - d->used) {
        return TR_ETOOBIG;
    }
    d->bufs += cost;
    if (d->block == NULL) {
        return TR_OK;
    }
    tr_buf *buf;
    tr_err_t err = tr_buf_create(d->at - token->body, token->body, &buf);
    if (err == TR_OK) {
        tri_pointer_store(d->block + to, buf);
    }
    return err;
}

static tr_err_t
decode_bool(struct decoder *d, const tri_token_t *token, size_t to)
{
    if (token->kind != TRI_TOKEN_BOOL) {
        return TR_EFORMAT;
    }
    store(d, to, &token->as.truth, sizeof(bool));
    return TR_OK;
}

static tr_err_t
decode_integer(struct decoder *d, const tri_token_t *token, tr_kind_t kind, size_t to)
{
    static const struct {
        int64_t min;
        uint64_t max;
    } range[] = {
        [TR_KIND_I8] = {INT8_MIN, INT8_MAX},    [TR_KIND_I16] = {INT16_MIN, INT16_MAX},
        [TR_KIND_I32] = {INT32_MIN, INT32_MAX}, [TR_KIND_I64] = {INT64_MIN, INT64_MAX},
        [TR_KIND_U8] = {0, UINT8_MAX},          [TR_KIND_U16] = {0, UINT16_MAX},
        [TR_KIND_U32] = {0, UINT32_MAX},        [TR_KIND_U64] = {0, UINT64_MAX},
        [TR_KIND_REF] = {0, UINT64_MAX},        [TR_KIND_ENUM] = {INT32_MIN, INT32_MAX},
    };
    uint64_t n; // signed or not, it is the low bytes that count
    if (token->kind == TRI_TOKEN_UINT && token->as.uint <= range[kind].max) {
        n = token->as.uint;
    } else if (token->kind == TRI_TOKEN_NEGATIVE && token->as.negative >= range[kind].min) {
        n = (uint64_t)token->as.negative;
    } else {
        return TR_EFORMAT;
    }
    uint8_t n8 = (uint8_t)n;
    uint16_t n16 = (uint16_t)n;
    uint32_t n32 = (uint32_t)n;
    const void *by_size[] = {[1] = &n8, [2] = &n16, [4] = &n32, [8] = &n};
    size_t size = tri_kind_size(kind, NULL);
    store(d, to, by_size[size], size);
    return TR_OK;
}

static tr_err_t
decode_real(struct decoder *d, const tri_token_t *token, tr_kind_t kind, size_t to)
{
    double real;
    switch (token->kind) {
    case TRI_TOKEN_REAL:
        real = token->as.real;
        break;
    case TRI_TOKEN_UINT:
        real = (double)token->as.uint;
        break;
    case TRI_TOKEN_NEGATIVE:
        real = (double)token->as.negative;
        break;
    default:
        return TR_EFORMAT;
    }
    if (kind == TR_KIND_F64) {
        store(d, to, &real, sizeof real);
        return TR_OK;
    }
    if (isfinite(real) && fabs(real) > (double)FLT_MAX) {
        return TR_EFORMAT;
    }
    float single = (float)real;
    store(d, to, &single, sizeof single);
    return TR_OK;
}

static bool
is_name(const char *name, const uint8_t *text, size_t size)
{
    return strlen(name) == size && memcmp(name, text, size) == 0;
}

static tr_err_t
decode_enum(struct decoder *d, const tri_token_t *token, const tr_enum_t *enumeration, size_t to)
{
    if (token->kind != TRI_TOKEN_STR) {
        return decode_integer(d, token, TR_KIND_ENUM, to);
    }
    for (uint32_t i = 0; i < enumeration->count; i++) {
        const tr_enumerator_t *e = &enumeration->values[i];
        if (is_name(e->name, d->at - token->body, token->body)) {
            store(d, to, &e->value, sizeof e->value);
            return TR_OK;
        }
    }
    return TR_EFORMAT;
}

// One field that is not a list, or one item of a list; `kind` says which.
static tr_err_t
decode_one(struct decoder *d, const tr_field_t *field, tr_kind_t kind, size_t to)
{
    if (kind == TR_KIND_NESTED) {
        return decode_message(d, field->nested, to);
    }
    if (kind == TR_KIND_LOCAL) {
        skip(d);
        return TR_OK;
    }
    tri_token_t token = next(d);
    switch (kind) {
    case TR_KIND_BOOL:
        return decode_bool(d, &token, to);
    case TR_KIND_F32:
    case TR_KIND_F64:
        return decode_real(d, &token, kind, to);
    case TR_KIND_STR:
    case TR_KIND_BYTES:
        return decode_part(d, &token, kind, to);
    case TR_KIND_BUF:
        return decode_buf(d, &token, to);
    case TR_KIND_ENUM:
        return decode_enum(d, &token, field->enumeration, to);
    default:
        return decode_integer(d, &token, kind, to);
    }
}

static tr_err_t
decode_list(struct decoder *d, const tr_field_t *field, size_t to)
{
    tri_token_t token = next(d);
    if (token.kind != TRI_TOKEN_ARRAY) {
        return TR_EFORMAT;
    }
    if (token.children == 0) {
        return TR_OK;
    }
    size_t item_size = tri_kind_size(field->item, field->nested);
    size_t item;
    tr_err_t err = place_span(d, to, token.children, item_size,
                              tri_kind_align(field->item, field->nested), &item);
    for (uint64_t i = 0; i < token.children && err == TR_OK; i++, item += item_size) {
        err = decode_one(d, field, field->item, item);
    }
    return err;
}

// The index of the field of this name, field_count when there is none. `from` is where to look
// first: the fields mostly come in their order.
static uint32_t
find_field(const tr_type_t *type, const uint8_t *name, size_t size, uint32_t from)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        uint32_t at = (from + i) % type->field_count;
        if (is_name(type->fields[at].name, name, size)) {
            return at;
        }
    }
    return type->field_count;
}

// Which fields of a message have been read, and the index of the one that should be next.
struct progress {
    uint64_t seen[TRI_MSG_FIELDS_MAX / 64];
    uint32_t expected;
};

// Read a key. *out_field is the field it names, NULL when the type has none of this name.
static tr_err_t
decode_key(struct decoder *d, const tr_type_t *type, struct progress *p,
           const tr_field_t **out_field)
{
    tri_token_t key = next(d);
    if (key.kind != TRI_TOKEN_STR) {
        return TR_EFORMAT;
    }
    uint32_t found = find_field(type, d->at - key.body, key.body, p->expected);
    if (found == type->field_count) {
        *out_field = NULL;
        return TR_OK;
    }
    uint64_t bit = UINT64_C(1) << found % 64;
    if ((p->seen[found / 64] & bit) != 0) {
        return TR_EFORMAT;
    }
    p->seen[found / 64] |= bit;
    p->expected = found + 1;
    *out_field = &type->fields[found];
    return TR_OK;
}

static tr_err_t
decode_message(struct decoder *d, const tr_type_t *type, size_t to)
{
    tri_token_t map = next(d);
    if (map.kind != TRI_TOKEN_MAP) {
        return TR_EFORMAT;
    }
    if (type->field_count > TRI_MSG_FIELDS_MAX) {
        return TR_EINVAL;
    }
    struct progress progress = {.expected = 0};
    for (uint64_t pairs = map.children / 2; pairs > 0; pairs--) {
        const tr_field_t *f;
        tr_err_t err = decode_key(d, type, &progress, &f);
        if (err == TR_OK && f == NULL) {
            skip(d);
        } else if (err == TR_OK) {
            err = f->kind == TR_KIND_LIST ? decode_list(d, f, to + f->offset)
                                          : decode_one(d, f, f->kind, to + f->offset);
        }
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

static tr_err_t
check_whole(const void *data, size_t size)
{
    static const tri_scan_limits_t limits = {SIZE_MAX, SIZE_MAX, TRI_MSG_DEPTH_MAX};
    size_t whole;
    tr_err_t err = tri_scan(data, size, &limits, &whole);
    if (err == TR_EBUSY || (err == TR_OK && whole != size)) {
        return TR_EFORMAT; // cut, or followed by something
    }
    return err;
}

tr_err_t
tri_decode(const tr_type_t *type, const void *data, size_t size, size_t limit, void **out,
           size_t *out_size)
{
    tr_err_t err = check_whole(data, size);
    if (err != TR_OK) {
        return err;
    }
    struct decoder d = {
        .at = data,
        .end = (const uint8_t *)data + size,
        .used = type->size,
        .limit = limit < PTRDIFF_MAX ? limit : PTRDIFF_MAX,
    };
    if (d.used > d.limit) {
        return TR_ETOOBIG;
    }
    err = decode_message(&d, type, 0);
    if (err != TR_OK) {
        return err;
    }
    size_t block_size = d.used;
    // A type without fields has a block of no bytes; a byte keeps its address from being NULL.
    d.block = tri_zalloc(block_size > 0 ? block_size : 1);
    if (d.block == NULL) {
        return TR_ENOMEM;
    }
    d.at = data;
    d.used = type->size;
    d.bufs = 0;
    err = decode_message(&d, type, 0);
    if (err == TR_ENOMEM) {
        tri_parts_release(type, d.block, false); // those that were made; the rest is still zero
        tri_free(d.block);
        return err;
    }
    TRI_ASSERT(err == TR_OK && d.used == block_size, "%s, %zu bytes of %zu", tr_errname(err),
               d.used, block_size);
    *out = d.block;
    *out_size = block_size;
    return TR_OK;
}
