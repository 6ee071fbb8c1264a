// request.h: a request as it came in, checked before a library touches it, and its parameters.
#ifndef TRI_INSPECT_REQUEST_H
#define TRI_INSPECT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "inspect/reply.h"
#include "troupe/error.h"
#include "troupe/trace.h"

// One request. Its texts point into the frame that it was parsed from.
typedef struct tri_request {
    msgpack_unpacked unpacked; // owns what the rest points to, the bytes of texts aside
    msgpack_object_str method;
    msgpack_object_map params; // empty when there are none
    uint32_t id;
    bool has_id; // an answer can be told from others
} tri_request_t;

// How long the frame is that `data` begins with: as tri_scan, with the limits of the protocol.
tr_err_t tri_request_scan(const void *data, size_t size, size_t *out_size);

// Parse a frame that tri_request_scan found whole. What it borrows is the frame. On an error `out`
// is as well to be given to tri_request_fini, and its id tells whom to answer; `why` (TRI_REPLY_WHY
// bytes) says what was wrong.
tr_trace_err_t tri_request_parse(const void *frame, size_t size, tri_request_t *out, char *why);
void tri_request_fini(tri_request_t *request);

// A parameter that a method takes.
typedef enum tri_param_kind {
    TRI_PARAM_UINT, // a number from `min` to `max`
    TRI_PARAM_TEXT, // a text of up to `max` bytes
} tri_param_kind_t;

typedef struct tri_param {
    const char *name;
    tri_param_kind_t kind;
    bool is_required;
    bool is_given; // an explicit nil counts as not given
    uint64_t min;
    uint64_t max;
    uint64_t number;         // what was given, or the default that stood here
    msgpack_object_str text; // borrowed from the frame
} tri_param_t;

// Fill `params` in. What is unknown, twice there, missing or out of range is TR_TRACE_EPARAM.
tr_trace_err_t
tri_request_params(const tri_request_t *request, tri_param_t *params, size_t count, char *why);

// A text from outside, as it may stand in a sentence: cut, and nothing but printable ASCII.
void tri_request_quote(char *out, size_t capacity, const char *text, size_t size);

#endif
