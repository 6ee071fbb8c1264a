// value.h: a value from its text, exactly, and what such a text has to look like.
#ifndef TRI_CONFIG_VALUE_H
#define TRI_CONFIG_VALUE_H

#include "troupe/config.h"

// What a text says. Of a str it is the length; of an enum, which one.
typedef union tri_value {
    uint64_t natural; // everything but the two below; a duration in ns
    int64_t whole;    // TR_CONFIG_KIND_I64
    double real;      // TR_CONFIG_KIND_F64
} tri_value;

// True: the text is a value of this key, within its bounds. `out` is written then only.
bool tri_value_read(const tr_config_key_t *key, const char *text, tri_value *out);

// The bounds of a key can be read, and the lower one is not the higher one.
bool tri_value_has_bounds(const tr_config_key_t *key);

#define TRI_EXPECTED 320

// "a whole number, 1 to 32". Returns `out`.
const char *tri_value_expected(const tr_config_key_t *key, char out[TRI_EXPECTED]);

// Put the value where the program wants it. `text` is what it was read from, and outlives it.
void tri_value_store(tr_config_kind_t kind, tri_value value, const char *text, void *field);

#endif
