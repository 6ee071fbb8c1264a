#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

bool text_utf8;

void *
text_memory(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (memory == NULL) {
        fputs("troupe: there is no memory\n", stderr);
        exit(1);
    }
    return memory;
}

void
text_fini(text *t)
{
    free(t->data);
    *t = (text){0};
}

void
text_clear(text *t)
{
    t->size = 0;
    if (t->data != NULL) {
        t->data[0] = '\0';
    }
}

void
text_add(text *t, const char *data, size_t size)
{
    if (t->size + size + 1 > t->capacity) {
        t->capacity = (t->size + size + 1) * 2;
        t->data = text_memory(t->data, t->capacity);
    }
    if (size > 0) {
        memcpy(t->data + t->size, data, size);
        t->size += size;
    }
    t->data[t->size] = '\0';
}

void
text_add_z(text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void
text_printf(text *t, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof small) {
        text_add(t, small, (size_t)size);
        return;
    }
    char *large = text_memory(NULL, (size_t)size + 1);
    va_start(args, format);
    vsnprintf(large, (size_t)size + 1, format, args);
    va_end(args);
    text_add(t, large, (size_t)size);
    free(large);
}

const char *
text_z(const text *t)
{
    return t->data != NULL ? t->data : "";
}

size_t
text_character(const char *data, size_t size, uint32_t *out)
{
    const unsigned char *at = (const unsigned char *)data;
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (count == 0 || count > size || at[0] > 0xf4) {
        return 0;
    }
    uint32_t c = count == 1 ? at[0] : at[0] & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (at[i] & 0x3fu);
    }
    *out = c;
    return c < smallest[count] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : count;
}

// What is drawn and does nothing else: no control, no change of the writing direction.
static bool
is_drawn(uint32_t c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool direction = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
                     (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
    return !control && !direction && (c < 0x80 || text_utf8);
}

void
text_add_safe(text *t, const char *data, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint32_t c = 0;
        size_t count = text_character(data + i, size - i, &c);
        if (count == 0) {
            text_printf(t, "\\x%02x", (unsigned char)data[i++]);
            continue;
        }
        if (c == '\n' || c == '\t' || c == '\r') {
            text_add_z(t, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else if (is_drawn(c)) {
            text_add(t, data + i, count);
        } else {
            text_printf(t, c < 0x80 ? "\\x%02x" : "\\u{%x}", c);
        }
        i += count;
    }
}

static size_t
columns_of(uint32_t c)
{
    int width = c < 0x80 ? 1 : wcwidth((wchar_t)c);
    return width < 0 ? 1 : (size_t)width;
}

size_t
text_width(const char *string)
{
    size_t size = strlen(string);
    size_t columns = 0;
    for (size_t i = 0; i < size;) {
        uint32_t c = '?';
        size_t count = text_character(string + i, size - i, &c);
        columns += columns_of(c);
        i += count != 0 ? count : 1;
    }
    return columns;
}

void
text_add_cut(text *t, const char *string, size_t columns)
{
    if (text_width(string) <= columns) {
        text_add_z(t, string);
        return;
    }
    const char *mark = text_utf8 ? "…" : "~";
    size_t size = strlen(string);
    size_t used = 0;
    size_t kept = 0;
    while (kept < size) {
        uint32_t c = '?';
        size_t count = text_character(string + kept, size - kept, &c);
        size_t width = columns_of(c);
        if (used + width + 1 > columns) {
            break;
        }
        used += width;
        kept += count != 0 ? count : 1;
    }
    text_add(t, string, kept);
    if (columns > 0) {
        text_add_z(t, mark);
    }
    for (used++; used < columns; used++) { // a wide character that did not fit leaves a column
        text_add_z(t, " ");
    }
}

void
text_duration(char out[TEXT_UNIT], int64_t ns)
{
    const char *sign = ns < 0 ? "-" : "";
    uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t s = n / 1000000000u;
    if (n < 1000) {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 "ns", sign, n);
    } else if (n < 1000000) {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 "us", sign, n / 1000);
    } else if (n < 1000000000u) {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 "ms", sign, n / 1000000);
    } else if (s < 60) {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 ".%" PRIu64 "s", sign, s, n / 100000000u % 10);
    } else if (s < 3600) {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 "m%02" PRIu64 "s", sign, s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 "h%02" PRIu64 "m", sign, s / 3600, s / 60 % 60);
    } else {
        snprintf(out, TEXT_UNIT, "%s%" PRIu64 "d%02" PRIu64 "h", sign, s / 86400, s / 3600 % 24);
    }
}

void
text_bytes(char out[TEXT_UNIT], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    uint64_t whole = bytes;
    uint64_t rest = 0;
    while (whole >= 1024) {
        rest = whole % 1024;
        whole /= 1024;
        unit++;
    }
    if (unit == 0 || whole >= 100) {
        snprintf(out, TEXT_UNIT, "%" PRIu64 " %s", whole, units[unit]);
    } else {
        snprintf(out, TEXT_UNIT, "%" PRIu64 ".%" PRIu64 " %s", whole, rest * 10 / 1024,
                 units[unit]);
    }
}

// Insertions, deletions and replacements that make one word the other. Long words are cut.
static size_t
distance(const char *a, const char *b)
{
    enum { WORD = 24 };
    size_t row[WORD + 1];
    size_t na = strlen(a) < WORD ? strlen(a) : WORD;
    size_t nb = strlen(b) < WORD ? strlen(b) : WORD;
    for (size_t j = 0; j <= nb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb];
}

const char *
text_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = 0;
    size_t allowed = strlen(word) < 4 ? 1 : strlen(word) < 8 ? 2 : 3; // slips of the finger
    for (size_t i = 0; i < count; i++) {
        size_t d =
            strncmp(word, candidates[i], strlen(word)) == 0 ? 0 : distance(word, candidates[i]);
        if (d <= allowed && (nearest == NULL || d < least)) {
            nearest = candidates[i];
            least = d;
        }
    }
    return nearest;
}
