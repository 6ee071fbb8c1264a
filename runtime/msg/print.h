// print.h: a value as text for people, driven by the field table.
//
//     numbers  1250, -3, 0.25, nan       str      "EUR", with \" \\ \n \r \t, and \xNN for the rest
//     bool     true, false               bytes    0x0a1b2c, in hexadecimal
//     enum     its name, or its number   list     [1, 2, 3]
//     ref      @slot.generation, none    nested   point{x: 1, y: 2}
//     buf      as bytes, or null         local    <name> of its table, or null
//     secret   ***
#ifndef TRI_MSG_PRINT_H
#define TRI_MSG_PRINT_H

#include "troupe/message.h"

#include <stddef.h>

// Write e.g. `price{cents: 1250, currency: "EUR", sku: …}` to `buffer`, always terminated, cut with
// "…" when it does not fit: never within a number, an escape or a character, and without the "…"
// where not even that fits. Secrets print as ***, control characters escaped, invalid UTF-8 as
// \xNN. The value is one that tri_layout_size accepts. Takes no longer than to fill the buffer.
// Returns the bytes written without the terminator, as many as fit; 0 and nothing written for a
// capacity of 0.
size_t tri_print(char *buffer, size_t capacity, const tr_type_t *type, const void *value);

#endif
