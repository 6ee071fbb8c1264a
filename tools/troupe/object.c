#include "object.h"

#include <inttypes.h>
#include <string.h>

const msgpack_object *
object_field(const msgpack_object *map, const char *key)
{
    if (map == NULL || map->type != MSGPACK_OBJECT_MAP) {
        return NULL;
    }
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == strlen(key) &&
            memcmp(pair->key.via.str.ptr, key, pair->key.via.str.size) == 0) {
            return &pair->val;
        }
    }
    return NULL;
}

const msgpack_object *
object_array(const msgpack_object *map, const char *key)
{
    const msgpack_object *field = object_field(map, key);
    return field != NULL && field->type == MSGPACK_OBJECT_ARRAY ? field : NULL;
}

uint64_t
object_uint(const msgpack_object *map, const char *key, uint64_t otherwise)
{
    const msgpack_object *field = object_field(map, key);
    bool there = field != NULL && field->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    return there ? field->via.u64 : otherwise;
}

int64_t
object_int(const msgpack_object *map, const char *key, int64_t otherwise)
{
    const msgpack_object *field = object_field(map, key);
    if (field != NULL && field->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        return field->via.i64;
    }
    if (field != NULL && field->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
        field->via.u64 <= INT64_MAX) {
        return (int64_t)field->via.u64;
    }
    return otherwise;
}

bool
object_bool(const msgpack_object *map, const char *key)
{
    const msgpack_object *field = object_field(map, key);
    return field != NULL && field->type == MSGPACK_OBJECT_BOOLEAN && field->via.boolean;
}

bool
object_text(text *t, const msgpack_object *map, const char *key)
{
    const msgpack_object *field = object_field(map, key);
    if (field == NULL || field->type != MSGPACK_OBJECT_STR) {
        return false;
    }
    text_add_safe(t, field->via.str.ptr, field->via.str.size);
    return true;
}

void
object_ref(text *t, uint64_t raw)
{
    text_printf(t, "#%" PRIu64 ".%" PRIu64, raw & UINT32_MAX, raw >> 32);
}

static void
print_list(text *t, const msgpack_object_array *list)
{
    text_add_z(t, "[");
    for (uint32_t i = 0; i < list->size; i++) {
        text_add_z(t, i > 0 ? ", " : "");
        object_print(t, &list->ptr[i]);
    }
    text_add_z(t, "]");
}

static void
print_map(text *t, const msgpack_object_map *map)
{
    text_add_z(t, "{");
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key;
        text_add_z(t, i > 0 ? ", " : "");
        if (key->type == MSGPACK_OBJECT_STR) { // a field's name, and not quoted
            text_add_safe(t, key->via.str.ptr, key->via.str.size);
        } else {
            object_print(t, key);
        }
        text_add_z(t, ": ");
        object_print(t, &map->ptr[i].val);
    }
    text_add_z(t, "}");
}

// Recursion is bounded: the library refuses what is nested deeper than 32.
void
object_print(text *t, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        text_add_z(t, object->via.boolean ? "true" : "false");
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        text_printf(t, "%" PRIu64, object->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        text_printf(t, "%" PRId64, object->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        text_printf(t, "%.15g", object->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        text_add_z(t, "\"");
        text_add_safe(t, object->via.str.ptr, object->via.str.size);
        text_add_z(t, "\"");
        break;
    case MSGPACK_OBJECT_BIN:
        text_add_z(t, "0x");
        for (uint32_t i = 0; i < object->via.bin.size; i++) {
            text_printf(t, "%02x", (unsigned char)object->via.bin.ptr[i]);
        }
        break;
    case MSGPACK_OBJECT_ARRAY:
        print_list(t, &object->via.array);
        break;
    case MSGPACK_OBJECT_MAP:
        print_map(t, &object->via.map);
        break;
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        text_add_z(t, "nil");
        break;
    }
}
