// reply.h: a response while it is being written: a growing buffer with an end, and a packer on it.
#ifndef TRI_INSPECT_REPLY_H
#define TRI_INSPECT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "troupe/trace.h"

#define TRI_REPLY_WHY 160 // bytes of the sentence in an error, terminator included

// A write that fails is remembered and the rest is ignored, so that one check at the end is enough.
typedef struct tri_reply {
    msgpack_packer packer; // writes here
    char *data;
    size_t size;
    size_t capacity;
    size_t limit; // bytes; no write passes it
    bool failed;  // no memory, or the limit: what is there is not whole
} tri_reply_t;

// The reply must stay where it is: its packer points to it.
void tri_reply_init(tri_reply_t *reply, size_t limit);
void tri_reply_fini(tri_reply_t *reply);

// Forget what was written behind `size`, and that it failed.
void tri_reply_rewind(tri_reply_t *reply, size_t size);

// Text of ours, and text of others: what is not UTF-8 in it becomes U+FFFD.
void tri_reply_text(tri_reply_t *reply, const char *text);
void tri_reply_key(tri_reply_t *reply, const char *key);
void tri_reply_uint(tri_reply_t *reply, const char *key, uint64_t value);
void tri_reply_pair(tri_reply_t *reply, const char *key, const char *text); // NULL: nil

// Bytes that are MessagePack already.
void tri_reply_raw(tri_reply_t *reply, const void *data, size_t size);

// An array whose length is known at its end. begin returns what end wants.
size_t tri_reply_array_begin(tri_reply_t *reply);
void tri_reply_array_end(tri_reply_t *reply, size_t begun, uint32_t count);

// [1, id, …: the error and the result follow. has_id false: nil, for an error without a request.
void tri_reply_head(tri_reply_t *reply, bool has_id, uint32_t id);

// {code, name, message}, nil. An empty sentence becomes the one of the table.
void tri_reply_error(tri_reply_t *reply, tr_trace_err_t code, const char *why);

#endif
