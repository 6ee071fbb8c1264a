// text.h: text for people: a growing buffer, what is safe to print, how wide it is, units.
#ifndef TROUPE_TOOL_TEXT_H
#define TROUPE_TOOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "troupe/export.h"

// A growing text, terminated once there is anything in it. Zero is empty.
typedef struct text {
    char *data;
    size_t size;
    size_t capacity;
} text;

// Memory that is there: without it the tool says so and exits.
void *text_memory(void *old, size_t size);

void text_fini(text *t);
void text_clear(text *t);
void text_add(text *t, const char *data, size_t size);
void text_add_z(text *t, const char *string);
TR_PRINTF(2, 3) void text_printf(text *t, const char *format, ...);

// The content as a C string, "" when empty.
const char *text_z(const text *t);

// Whether the terminal takes UTF-8: set once, at the start.
extern bool text_utf8;

// Read the character at `data` (size > 0). Returns its bytes, 0 when it is not UTF-8.
size_t text_character(const char *data, size_t size, uint32_t *out);

// Append what came from outside, with everything that a terminal would obey written as \n, \x1b and
// so on: a name may have been chosen by somebody who wants to paint over the screen.
void text_add_safe(text *t, const char *data, size_t size);

// Columns that text takes on a terminal.
size_t text_width(const char *string);

// Append at most `columns` of it, the last one a mark when it was cut.
void text_add_cut(text *t, const char *string, size_t columns);

// "340ms", "1.2s", "2h05m"; "2.3 KiB". Both end within 16 bytes.
#define TEXT_UNIT 24
void text_duration(char out[TEXT_UNIT], int64_t ns);
void text_bytes(char out[TEXT_UNIT], uint64_t bytes);

// The candidate that `word` was most likely meant to be, or NULL when none is near.
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

#endif
