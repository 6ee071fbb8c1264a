#include "resp.h"

#include "number.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// ---- requests -----------------------------------------------------------------------------------

#define ARGS_KEPT 64u // arguments whose memory stays with an idle connection

void
resp_parser_init(resp_parser *p, const heap_t *heap)
{
    *p = (resp_parser){.heap = heap, .bulk = -1};
}

void
resp_parser_fini(resp_parser *p)
{
    if (p->args != NULL) {
        heap_free(p->heap, p->args);
    }
    p->args = NULL;
    p->capacity = 0;
}

void
resp_parser_trim(resp_parser *p)
{
    if (p->count == 0 && p->args_left == 0 && p->capacity > ARGS_KEPT) {
        resp_parser_fini(p);
    }
}

static resp_status_t
refuse(resp_parser *p, const char *why)
{
    snprintf(p->error, sizeof p->error, "%s", why);
    return RESP_ERROR;
}

// Look for the byte that ends the line at p->at; true with its place in *out. A line longer than
// RESP_LINE_MAX has no end, however its bytes come: the answer must not depend on the pieces.
static bool
find_end(resp_parser *p, const char *data, size_t size, char end, size_t *out)
{
    size_t limit = p->at + RESP_LINE_MAX + 1;
    size_t until = size < limit ? size : limit;
    size_t from = p->searched > p->at ? p->searched : p->at;
    const char *found = from < until ? memchr(data + from, end, until - from) : NULL;
    if (found == NULL) {
        p->searched = until;
        return false;
    }
    *out = (size_t)(found - data);
    p->searched = *out;
    return true;
}

static bool
line_is_too_long(const resp_parser *p, size_t size)
{
    return size - p->at > RESP_LINE_MAX;
}

static resp_status_t
add_argument(resp_parser *p, size_t offset, size_t size)
{
    resp_span_t *args = heap_grow(p->heap, p->args, &p->capacity, p->count, sizeof *args);
    if (args == NULL) {
        return RESP_NO_MEMORY;
    }
    p->args = args;
    p->args[p->count++] = (resp_span_t){(uint32_t)offset, (uint32_t)size};
    return RESP_REQUEST;
}

// The number behind '*' or '$' at p->at. RESP_REQUEST when it is there; then p->at is behind it.
// Like Redis this takes any byte after '\r' for the '\n'.
static resp_status_t
parse_count(resp_parser *p, const char *data, size_t size, const char *too_long, bool *out_valid,
            int64_t *out)
{
    size_t end = 0;
    if (!find_end(p, data, size, '\r', &end)) {
        return line_is_too_long(p, size) ? refuse(p, too_long) : RESP_MORE;
    }
    if (end + 1 >= size) {
        return RESP_MORE;
    }
    *out_valid = number_parse(tr_str_n(data + p->at + 1, end - p->at - 1), out);
    p->at = end + 2;
    return RESP_REQUEST;
}

static resp_status_t
parse_multibulk(resp_parser *p, const char *data, size_t size)
{
    bool valid = false;
    int64_t count = 0;
    resp_status_t status = parse_count(p, data, size, "too big mbulk count string", &valid, &count);
    if (status != RESP_REQUEST) {
        return status;
    }
    if (!valid || count > RESP_ARGS_MAX) {
        return refuse(p, "invalid multibulk length");
    }
    p->args_left = count > 0 ? count : 0;
    return RESP_REQUEST;
}

static resp_status_t
parse_bulk(resp_parser *p, const char *data, size_t size)
{
    if (p->bulk < 0) {
        if (p->at >= size) {
            return RESP_MORE;
        }
        if (data[p->at] != '$') {
            snprintf(p->error, sizeof p->error, "expected '$', got '%c'", data[p->at]);
            return RESP_ERROR;
        }
        bool valid = false;
        int64_t bulk = -1;
        resp_status_t status =
            parse_count(p, data, size, "too big bulk count string", &valid, &bulk);
        if (status != RESP_REQUEST) {
            return status;
        }
        if (!valid || bulk < 0 || bulk > RESP_BULK_MAX) {
            return refuse(p, "invalid bulk length");
        }
        // What is declared is refused before it is received, and never allocated in advance.
        if (p->at + (size_t)bulk + 2 > RESP_REQUEST_MAX) {
            return refuse(p, "too big request");
        }
        p->bulk = bulk;
    }
    size_t bulk_size = (size_t)p->bulk;
    if (size - p->at < bulk_size + 2) {
        return RESP_MORE;
    }
    resp_status_t status = add_argument(p, p->at, bulk_size);
    if (status == RESP_REQUEST) {
        p->at += bulk_size + 2;
        p->bulk = -1;
        p->args_left--;
    }
    return status;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// One escape of a double-quoted text, at the backslash; what it stands for. *at moves behind it.
static char
unescape(const char *line, size_t size, size_t *at)
{
    if (size - *at >= 4 && line[*at + 1] == 'x') {
        int high = hex_digit(line[*at + 2]);
        int low = hex_digit(line[*at + 3]);
        if (high >= 0 && low >= 0) {
            *at += 4;
            return (char)(high * 16 + low);
        }
    }
    char c = line[*at + 1];
    *at += 2;
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return c;
    }
}

// Unquote the word at *at in place; it never gets longer. False: its quotes do not match.
static bool
parse_word(char *line, size_t size, size_t *at, size_t *out_size)
{
    size_t read = *at;
    size_t write = *at;
    char quote = 0;
    for (;;) {
        if (read == size) {
            break;
        }
        char c = line[read];
        if (quote == 0 && is_space(c)) {
            break;
        }
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
            read++;
        } else if (quote != 0 && c == quote) {
            // A closing quote ends the word: a space must follow.
            read++;
            quote = 0;
            if (read < size && !is_space(line[read])) {
                return false;
            }
            break;
        } else if (quote == '"' && c == '\\' && read + 1 < size) {
            line[write++] = unescape(line, size, &read);
        } else if (quote == '\'' && c == '\\' && read + 1 < size && line[read + 1] == '\'') {
            line[write++] = '\'';
            read += 2;
        } else {
            line[write++] = c;
            read++;
        }
    }
    *out_size = write - *at;
    *at = read;
    return quote == 0;
}

static resp_status_t
parse_inline(resp_parser *p, char *data, size_t size)
{
    size_t newline = 0;
    if (!find_end(p, data, size, '\n', &newline)) {
        return line_is_too_long(p, size) ? refuse(p, "too big inline request") : RESP_MORE;
    }
    size_t end = newline > 0 && data[newline - 1] == '\r' ? newline - 1 : newline;
    size_t at = 0;
    for (;;) {
        while (at < end && is_space(data[at])) {
            at++;
        }
        if (at == end) {
            break;
        }
        size_t start = at;
        size_t word_size = 0;
        if (!parse_word(data, end, &at, &word_size)) {
            return refuse(p, "unbalanced quotes in request");
        }
        if (add_argument(p, start, word_size) != RESP_REQUEST) {
            return RESP_NO_MEMORY;
        }
    }
    p->at = newline + 1;
    return RESP_REQUEST;
}

resp_status_t
resp_parse(resp_parser *p, char *data, size_t size, resp_request_t *out)
{
    if (p->args_left == 0) {
        if (size == 0) {
            return RESP_MORE;
        }
        resp_status_t status =
            data[0] == '*' ? parse_multibulk(p, data, size) : parse_inline(p, data, size);
        if (status != RESP_REQUEST) {
            return status;
        }
    }
    while (p->args_left > 0) {
        resp_status_t status = parse_bulk(p, data, size);
        if (status != RESP_REQUEST) {
            return status;
        }
    }
    *out = (resp_request_t){.data = data, .args = p->args, .count = p->count, .size = p->at};
    p->count = 0;
    p->at = 0;
    p->searched = 0;
    return RESP_REQUEST;
}

// ---- replies ------------------------------------------------------------------------------------

static void
write_line(buffer *out, char kind, int64_t number)
{
    char room[NUMBER_TEXT_MAX];
    tr_str_t text = number_print(number, room);
    char line[NUMBER_TEXT_MAX + 3];
    line[0] = kind;
    memcpy(line + 1, text.data, text.size);
    line[1 + text.size] = '\r';
    line[2 + text.size] = '\n';
    buffer_append(out, line, text.size + 3);
}

void
resp_write_status(buffer *out, const char *text)
{
    resp_write_word(out, text, strlen(text));
}

void
resp_write_word(buffer *out, const void *bytes, size_t size)
{
    buffer_append(out, "+", 1);
    buffer_append(out, bytes, size);
    buffer_append(out, "\r\n", 2);
}

void
resp_write_integer(buffer *out, int64_t number)
{
    write_line(out, ':', number);
}

void
resp_write_bulk(buffer *out, const void *bytes, size_t size)
{
    write_line(out, '$', (int64_t)size);
    buffer_append(out, bytes, size);
    buffer_append(out, "\r\n", 2);
}

void
resp_write_text(buffer *out, const char *text)
{
    resp_write_bulk(out, text, strlen(text));
}

void
resp_write_null(buffer *out)
{
    buffer_append(out, "$-1\r\n", 5);
}

void
resp_write_array(buffer *out, size_t count)
{
    write_line(out, '*', (int64_t)count);
}

void
resp_write_null_array(buffer *out)
{
    buffer_append(out, "*-1\r\n", 5);
}

void
resp_write_error(buffer *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '\r' || *c == '\n') {
            *c = ' ';
        }
    }
    buffer_append(out, "-", 1);
    buffer_append(out, text, strlen(text));
    buffer_append(out, "\r\n", 2);
}
