#include "msg/field.h"

#include <assert.h>

static_assert(sizeof(tri_span_t) == sizeof(tr_str_t) && sizeof(tri_span_t) == sizeof(tr_bytes_t) &&
                  offsetof(tri_span_t, count) == offsetof(tr_str_t, size) &&
                  offsetof(tri_span_t, count) == offsetof(tr_bytes_t, size),
              "a str and a bytes are read as spans");
static_assert(sizeof(tr_kind_t) == sizeof(int32_t), "an enum is read as an int32_t");

const char *
tri_enum_name(const tr_enum_t *enumeration, int32_t value)
{
    for (uint32_t i = 0; i < enumeration->count; i++) {
        if (enumeration->values[i].value == value) {
            return enumeration->values[i].name;
        }
    }
    return NULL;
}
