// resp.h: RESP2 on the wire: requests out of bytes, replies into bytes. Pure: no actor, no socket.
// The parser remembers how far it got, so that a request may come in any pieces, down to single
// bytes, and each byte is looked at once.
#ifndef KVD_RESP_H
#define KVD_RESP_H

#include "buffer.h"
#include "heap.h"

#include "troupe/export.h"
#include "troupe/message.h"

#include <stddef.h>
#include <stdint.h>

#define RESP_BULK_MAX    (64u * 1024 * 1024)  // one argument
#define RESP_REQUEST_MAX (128u * 1024 * 1024) // all of one request, as sent
#define RESP_ARGS_MAX    (1024 * 1024)
#define RESP_LINE_MAX    (64u * 1024) // an inline request, or the line of a count

// Where an argument lies, from the first byte of its request: the bytes may move while more come.
typedef struct resp_span {
    uint32_t offset;
    uint32_t size;
} resp_span_t;

typedef struct resp_parser {
    const heap_t *heap;
    resp_span_t *args;
    size_t count;
    size_t capacity;
    size_t at;         // parsed so far of the request under way
    size_t searched;   // no end of line before here
    int64_t args_left; // arguments still to come; 0 between requests
    int64_t bulk;      // size of the argument under way, -1 before its header
    char error[64];    // after RESP_ERROR
} resp_parser;

// A request: its arguments, the name of the command first. Empty lines are requests of none.
typedef struct resp_request {
    const char *data;        // borrowed from the bytes given to resp_parse
    const resp_span_t *args; // borrowed from the parser until the next resp_parse
    size_t count;
    size_t size; // bytes it took
} resp_request_t;

static inline tr_str_t
resp_arg(const resp_request_t *request, size_t i)
{
    return tr_str_n(request->data + request->args[i].offset, request->args[i].size);
}

typedef enum resp_status {
    RESP_MORE,     // not all there yet: call again with the same bytes and more behind them
    RESP_REQUEST,  // written to out; call again with the bytes behind it
    RESP_ERROR,    // not RESP; parser->error says why, in Redis' words. The connection is over.
    RESP_NO_MEMORY // for the arguments
} resp_status_t;

void resp_parser_init(resp_parser *p, const heap_t *heap);
void resp_parser_fini(resp_parser *p);

// Between requests: give back what an unusually long one needed.
void resp_parser_trim(resp_parser *p);

// `data` starts with the first byte of a request. An inline request is unquoted in place.
resp_status_t resp_parse(resp_parser *p, char *data, size_t size, resp_request_t *out);

// Replies, appended to a buffer; see buffer.failed.
void resp_write_status(buffer *out, const char *text);
void resp_write_word(buffer *out, const void *bytes, size_t size); // a status
void resp_write_integer(buffer *out, int64_t number);
void resp_write_bulk(buffer *out, const void *bytes, size_t size);
void resp_write_text(buffer *out, const char *text); // a bulk
void resp_write_null(buffer *out);
void resp_write_array(buffer *out, size_t count); // that many replies follow
void resp_write_null_array(buffer *out);

// An error of at most 511 bytes; ends of lines in it become spaces.
void resp_write_error(buffer *out, const char *format, ...) TR_PRINTF(2, 3);

#endif
