// object.h: reading a decoded response without trusting it: what is absent or of another kind is
// the default, so that a tool and a process of different age understand each other.
#ifndef TROUPE_TOOL_OBJECT_H
#define TROUPE_TOOL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "text.h"

// The value of a key in a map; NULL when it is no map or has no such key.
const msgpack_object *object_field(const msgpack_object *map, const char *key);

const msgpack_object *object_array(const msgpack_object *map, const char *key); // NULL: no array
uint64_t object_uint(const msgpack_object *map, const char *key, uint64_t otherwise);
int64_t object_int(const msgpack_object *map, const char *key, int64_t otherwise);
bool object_bool(const msgpack_object *map, const char *key);

// Append the text of a field, made safe to print; nothing when it is not there. True: it was.
bool object_text(text *t, const msgpack_object *map, const char *key);

// "#7.1": slot and generation of an address.
void object_ref(text *t, uint64_t raw);

// Append a value as people read it: {key: "text", list: [1, 2]}.
void object_print(text *t, const msgpack_object *object);

#endif
