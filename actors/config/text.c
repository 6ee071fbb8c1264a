#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- growing

static bool
reserve(tri_text *text, size_t more)
{
    size_t needed = text->size + more + 1;
    if (needed <= text->capacity) {
        return true;
    }
    size_t capacity = needed < 512 ? 512 : needed * 2;
    char *bytes = realloc(text->bytes, capacity);
    if (bytes == NULL) {
        text->is_cut = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void
tri_text_add(tri_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0 || text->is_cut || !reserve(text, (size_t)size)) {
        return;
    }
    va_start(args, format);
    vsnprintf(text->bytes + text->size, (size_t)size + 1, format, args);
    va_end(args);
    text->size += (size_t)size;
}

void
tri_text_clear(tri_text *text)
{
    text->size = 0;
    if (text->bytes != NULL) {
        text->bytes[0] = '\0';
    }
}

void
tri_text_fini(tri_text *text)
{
    free(text->bytes);
    *text = (tri_text){.bytes = NULL};
}

// ---- the words of others

// The length of the UTF-8 character at `at`, 0 when it is none: cut, overlong, a surrogate or
// beyond U+10FFFF.
static size_t
utf8_length(const unsigned char *at, size_t size)
{
    if (at[0] < 0x80) {
        return 1;
    }
    size_t length = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length == 0 || at[0] > 0xf4 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xed && at[1] >= 0xa0;
    bool beyond = at[0] == 0xf4 && at[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

size_t
tri_printable(const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t length = utf8_length(at, size);
    // A terminal would obey U+0080 to U+009F, too.
    bool is_control =
        length == 1 ? at[0] < 0x20 || at[0] == 0x7f : length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    return is_control ? 0 : length;
}

bool
tri_is_utf8(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t length = utf8_length((const unsigned char *)bytes + i, size - i);
        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
}

const char *
tri_show(char out[TRI_SHOWN], const char *bytes)
{
    size_t left = strlen(bytes);
    size_t at = 0;
    while (left > 0) {
        size_t length = tri_printable(bytes, left);
        if (at + 4 + sizeof "..." > TRI_SHOWN) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        if (length == 0) {
            snprintf(out + at, 5, "\\x%02x", (unsigned)(unsigned char)bytes[0]);
            at += 4;
            length = 1;
        } else {
            memcpy(out + at, bytes, length);
            at += length;
        }
        bytes += length;
        left -= length;
    }
    out[at] = '\0';
    return out;
}
