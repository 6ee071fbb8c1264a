#include "inspect/reply.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

#define CAPACITY_FIRST 512u

static bool
reserve(tri_reply_t *reply, size_t more)
{
    if (more > reply->limit - reply->size) {
        return false;
    }
    size_t need = reply->size + more;
    if (need <= reply->capacity) {
        return true;
    }
    size_t capacity = reply->capacity == 0 ? CAPACITY_FIRST : reply->capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    char *data = tri_realloc(reply->data, capacity);
    if (data == NULL) {
        return false;
    }
    reply->data = data;
    reply->capacity = capacity;
    return true;
}

// The packer's way out: 0, or -1 when it could not be written.
static int
write_bytes(void *arg, const char *bytes, size_t size)
{
    tri_reply_t *reply = arg;
    if (reply->failed || !reserve(reply, size)) {
        reply->failed = true;
        return -1;
    }
    if (size > 0) {
        memcpy(reply->data + reply->size, bytes, size);
        reply->size += size;
    }
    return 0;
}

void
tri_reply_init(tri_reply_t *reply, size_t limit)
{
    *reply = (tri_reply_t){.limit = limit};
    msgpack_packer_init(&reply->packer, reply, write_bytes);
}

void
tri_reply_fini(tri_reply_t *reply)
{
    if (reply == NULL) {
        return;
    }
    tri_free(reply->data);
    reply->data = NULL;
    reply->size = 0;
    reply->capacity = 0;
}

void
tri_reply_rewind(tri_reply_t *reply, size_t size)
{
    reply->size = size;
    reply->failed = false;
}

// Bytes of the UTF-8 character at `text`; 0 when it is none. The terminator ends any sequence.
static size_t
utf8_size(const unsigned char *text)
{
    unsigned char c = text[0];
    size_t size = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c == 0xe0 && text[1] < 0xa0) || (c == 0xf0 && text[1] < 0x90);
    bool surrogate = c == 0xed && text[1] > 0x9f;
    bool beyond = c == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : size;
}

void
tri_reply_text(tri_reply_t *reply, const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const unsigned char *at = (const unsigned char *)text;
    size_t total = 0;
    for (size_t i = 0; at[i] != 0;) {
        size_t size = utf8_size(at + i);
        total += size != 0 ? size : sizeof replacement - 1;
        i += size != 0 ? size : 1;
    }
    msgpack_pack_str(&reply->packer, total);
    for (size_t i = 0; at[i] != 0;) {
        size_t size = utf8_size(at + i);
        if (size != 0) {
            msgpack_pack_str_body(&reply->packer, text + i, size);
            i += size;
        } else {
            msgpack_pack_str_body(&reply->packer, replacement, sizeof replacement - 1);
            i++;
        }
    }
}

void
tri_reply_key(tri_reply_t *reply, const char *key)
{
    size_t size = strlen(key);
    msgpack_pack_str(&reply->packer, size);
    msgpack_pack_str_body(&reply->packer, key, size);
}

void
tri_reply_uint(tri_reply_t *reply, const char *key, uint64_t value)
{
    tri_reply_key(reply, key);
    msgpack_pack_uint64(&reply->packer, value);
}

void
tri_reply_pair(tri_reply_t *reply, const char *key, const char *text)
{
    tri_reply_key(reply, key);
    if (text == NULL) {
        msgpack_pack_nil(&reply->packer);
    } else {
        tri_reply_text(reply, text);
    }
}

void
tri_reply_raw(tri_reply_t *reply, const void *data, size_t size)
{
    (void)write_bytes(reply, data, size);
}

size_t
tri_reply_array_begin(tri_reply_t *reply)
{
    static const char array32[5] = {'\xdd', 0, 0, 0, 0};
    size_t begun = reply->size;
    tri_reply_raw(reply, array32, sizeof array32);
    return begun;
}

void
tri_reply_array_end(tri_reply_t *reply, size_t begun, uint32_t count)
{
    if (reply->failed) { // the header may not be there
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        reply->data[begun + 1 + i] = (char)(unsigned char)(count >> (24 - 8 * i));
    }
}

void
tri_reply_head(tri_reply_t *reply, bool has_id, uint32_t id)
{
    msgpack_pack_array(&reply->packer, 4);
    msgpack_pack_uint8(&reply->packer, TR_TRACE_RESPONSE);
    if (has_id) {
        msgpack_pack_uint32(&reply->packer, id);
    } else {
        msgpack_pack_nil(&reply->packer);
    }
}

static const char *
err_name(tr_trace_err_t code)
{
    switch (code) {
#define X(name, number, text)                                                                      \
    case TR_TRACE_##name:                                                                          \
        return #name;
        TR_TRACE_ERR_MAP(X)
#undef X
    }
    return "EINTERNAL";
}

static const char *
err_text(tr_trace_err_t code)
{
    switch (code) {
#define X(name, number, text)                                                                      \
    case TR_TRACE_##name:                                                                          \
        return text;
        TR_TRACE_ERR_MAP(X)
#undef X
    }
    return "";
}

void
tri_reply_error(tri_reply_t *reply, tr_trace_err_t code, const char *why)
{
    msgpack_pack_map(&reply->packer, 3);
    tri_reply_uint(reply, "code", (uint64_t)code);
    tri_reply_pair(reply, "name", err_name(code));
    tri_reply_pair(reply, "message", why[0] != '\0' ? why : err_text(code));
    msgpack_pack_nil(&reply->packer);
}
