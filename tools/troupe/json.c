#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "object.h"

void
json_string(text *t, const char *data, size_t size)
{
    uint32_t character;
    text_add_z(t, "\"");
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)data[i];
        size_t count = text_character(data + i, size - i, &character);
        if (count == 0) {
            text_add_z(t, "\\ufffd");
        } else if (c == '"' || c == '\\') {
            text_printf(t, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            text_printf(t, "\\u%04x", c);
        } else {
            text_add(t, data + i, count);
        }
        i += count != 0 ? count : 1;
    }
    text_add_z(t, "\"");
}

static void
list(text *t, const msgpack_object_array *array)
{
    text_add_z(t, "[");
    for (uint32_t i = 0; i < array->size; i++) {
        text_add_z(t, i > 0 ? "," : "");
        json_value(t, &array->ptr[i]);
    }
    text_add_z(t, "]");
}

static void
key(text *t, const msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_STR) {
        json_value(t, object);
        return;
    }
    text name = {0};
    object_print(&name, object);
    json_string(t, text_z(&name), name.size);
    text_fini(&name);
}

static bool
is_address(const msgpack_object_kv *pair)
{
    static const char *const names[] = {"id", "parent", "sender"};
    const msgpack_object_str *name = &pair->key.via.str;
    for (size_t i = 0; i < 3 && pair->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER; i++) {
        if (pair->key.type == MSGPACK_OBJECT_STR && name->size == strlen(names[i]) &&
            memcmp(name->ptr, names[i], name->size) == 0) {
            return true;
        }
    }
    return false;
}

static void
record(text *t, const msgpack_object_map *map, bool has_addresses)
{
    text_add_z(t, "{");
    for (uint32_t i = 0; i < map->size; i++) {
        text_add_z(t, i > 0 ? "," : "");
        key(t, &map->ptr[i].key);
        text_add_z(t, ":");
        if (has_addresses && is_address(&map->ptr[i])) {
            text_add_z(t, "\"");
            object_ref(t, map->ptr[i].val.via.u64);
            text_add_z(t, "\"");
        } else {
            json_value(t, &map->ptr[i].val);
        }
    }
    text_add_z(t, "}");
}

void
json_value(text *t, const msgpack_object *object)
{
    bool is_float =
        object->type == MSGPACK_OBJECT_FLOAT32 || object->type == MSGPACK_OBJECT_FLOAT64;
    switch (object->type) {
    case MSGPACK_OBJECT_STR:
        json_string(t, object->via.str.ptr, object->via.str.size);
        break;
    case MSGPACK_OBJECT_BIN:
        text_add_z(t, "\"");
        for (uint32_t i = 0; i < object->via.bin.size; i++) {
            text_printf(t, "%02x", (unsigned char)object->via.bin.ptr[i]);
        }
        text_add_z(t, "\"");
        break;
    case MSGPACK_OBJECT_ARRAY:
        list(t, &object->via.array);
        break;
    case MSGPACK_OBJECT_MAP:
        record(t, &object->via.map, false);
        break;
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        text_add_z(t, "null");
        break;
    default:
        if (is_float && !isfinite(object->via.f64)) {
            text_add_z(t, "null");
        } else if (is_float) {
            text_printf(t, "%.17g", object->via.f64);
        } else {
            object_print(t, object);
        }
        break;
    }
}

void
json_record(text *t, const msgpack_object *map)
{
    if (map->type == MSGPACK_OBJECT_MAP) {
        record(t, &map->via.map, true);
    } else {
        json_value(t, map);
    }
}
