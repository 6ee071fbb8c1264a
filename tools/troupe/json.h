// json.h: a decoded response as JSON. What JSON cannot say: bytes become text of hexadecimal
// digits, what is not UTF-8 in a text becomes U+FFFD, infinite numbers and extensions become null.
#ifndef TROUPE_TOOL_JSON_H
#define TROUPE_TOOL_JSON_H

#include <stddef.h>

#include <msgpack.h>

#include "text.h"

void json_string(text *t, const char *data, size_t size);
void json_value(text *t, const msgpack_object *object);

// A map of the protocol itself: addresses under the keys id, parent and sender become "#7.1".
void json_record(text *t, const msgpack_object *map);

#endif
