// text.h: text that grows, and the words of others made fit to print.
#ifndef TRI_CONFIG_TEXT_H
#define TRI_CONFIG_TEXT_H

#include "troupe/export.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tri_text {
    char *bytes; // terminated, once there are any; owned
    size_t size;
    size_t capacity;
    bool is_cut; // memory was short: something is missing at the end, and nothing follows
} tri_text;

void tri_text_add(tri_text *text, const char *format, ...) TR_PRINTF(2, 3);
void tri_text_clear(tri_text *text);
void tri_text_fini(tri_text *text);

#define TRI_SHOWN 256

// What a terminal may see of these bytes: what is no text is written \xNN, and long ones are cut.
// Returns `out`.
const char *tri_show(char out[TRI_SHOWN], const char *bytes);

// How many bytes the UTF-8 character at `bytes` has; 0: it is none, or a control character.
size_t tri_printable(const char *bytes, size_t size);

// All of it is UTF-8. Control characters are.
bool tri_is_utf8(const char *bytes, size_t size);

#endif
