#include "value.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

// A unit and how much one of it is.
typedef struct unit_t {
    const char *name;
    uint64_t worth;
} unit_t;

static const unit_t durations[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", UINT64_C(60) * 1000000000},
    {"h", UINT64_C(3600) * 1000000000},
    {"d", UINT64_C(86400) * 1000000000},
    {NULL, 0},
};
static const unit_t sizes[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

// What a kind takes where the key sets no bound.
typedef struct kind_t {
    const char *noun;
    uint64_t max;
    const char *min_text; // NULL: not worth a word
    const char *max_text;
} kind_t;

static const kind_t kinds[] = {
    [TR_CONFIG_KIND_BOOL] = {"true or false", 1, NULL, NULL},
    [TR_CONFIG_KIND_U16] = {"a whole number", UINT16_MAX, "0", "65535"},
    [TR_CONFIG_KIND_U32] = {"a whole number", UINT32_MAX, "0", "4294967295"},
    [TR_CONFIG_KIND_U64] = {"a whole number", UINT64_MAX, "0", "18446744073709551615"},
    [TR_CONFIG_KIND_I64] = {"a whole number", 0, "-9223372036854775808", "9223372036854775807"},
    [TR_CONFIG_KIND_F64] = {"a number", 0, NULL, NULL},
    [TR_CONFIG_KIND_STR] = {"UTF-8 text", SIZE_MAX, NULL, NULL},
    // INT64_MAX ns would be TR_FOREVER.
    [TR_CONFIG_KIND_DURATION] = {"a duration such as 200ms or 5s", INT64_MAX - 1, NULL, NULL},
    [TR_CONFIG_KIND_SIZE] = {"a size such as 64KiB", SIZE_MAX, NULL, NULL},
    [TR_CONFIG_KIND_ENUM] = {"one of", 0, NULL, NULL},
};

// ---- reading

// The digits at the start. NULL: there are none, or their number is greater than `max`, which is
// at least 9.
static const char *
read_digits(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (max - digit) / 10) {
            return NULL;
        }
        number = number * 10 + digit;
    }
    *out = number;
    return at != text ? at : NULL;
}

static bool
read_natural(const char *text, uint64_t max, uint64_t *out)
{
    const char *end = read_digits(text, max, out);
    return end != NULL && *end == '\0';
}

static bool
read_whole(const char *text, int64_t *out)
{
    uint64_t number;
    bool is_negative = *text == '-';
    if (!read_natural(text + is_negative, (uint64_t)INT64_MAX + is_negative, &number)) {
        return false;
    }
    // The smallest one has no positive counterpart.
    *out = is_negative ? (int64_t)(UINT64_C(0) - number) : (int64_t)number;
    return true;
}

static bool
read_units(const char *text, const unit_t *units, uint64_t max, uint64_t *out)
{
    uint64_t number;
    const char *unit = read_digits(text, UINT64_MAX, &number);
    if (unit == NULL) {
        return false;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(unit, units->name) == 0) {
            *out = number * units->worth;
            return number <= max / units->worth;
        }
    }
    return false;
}

static size_t
count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

// -1.5e-3: what strtod takes beyond that, such as hex and nan, is nothing for a file.
static bool
looks_real(const char *text)
{
    text += *text == '-';
    size_t digits = count_digits(text);
    text += digits;
    if (digits > 0 && *text == '.') {
        digits = count_digits(++text);
        text += digits;
    }
    if (digits > 0 && (*text == 'e' || *text == 'E')) {
        text++;
        text += *text == '-' || *text == '+';
        digits = count_digits(text);
        text += digits;
    }
    return digits > 0 && *text == '\0';
}

// With a point, whatever the locale of the program writes there.
static bool
read_real(const char *text, double *out)
{
    if (!looks_real(text)) {
        return false;
    }
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    char *end;
    double real = strtod(text, &end);
    if (plain != (locale_t)0) {
        uselocale(before);
        freelocale(plain);
    }
    if (*end != '\0' || !isfinite(real)) {
        return false;
    }
    *out = real;
    return true;
}

static bool
read_bool(const char *text, uint64_t *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (uint64_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2;
            return true;
        }
    }
    return false;
}

static bool
read_choice(const char *const *choices, const char *text, uint64_t *out)
{
    for (uint64_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool
read_text(const char *text, uint64_t *out)
{
    *out = strlen(text);
    return tri_is_utf8(text, strlen(text));
}

static bool
read_kind(const tr_config_key_t *key, const char *text, tri_value *out)
{
    switch (key->kind) {
    case TR_CONFIG_KIND_BOOL:
        return read_bool(text, &out->natural);
    case TR_CONFIG_KIND_U16:
    case TR_CONFIG_KIND_U32:
    case TR_CONFIG_KIND_U64:
        return read_natural(text, kinds[key->kind].max, &out->natural);
    case TR_CONFIG_KIND_I64:
        return read_whole(text, &out->whole);
    case TR_CONFIG_KIND_F64:
        return read_real(text, &out->real);
    case TR_CONFIG_KIND_STR:
        return read_text(text, &out->natural);
    case TR_CONFIG_KIND_DURATION:
        return read_units(text, durations, kinds[key->kind].max, &out->natural);
    case TR_CONFIG_KIND_SIZE:
        return read_units(text, sizes, kinds[key->kind].max, &out->natural);
    case TR_CONFIG_KIND_ENUM:
        return read_choice(key->choices, text, &out->natural);
    }
    return false;
}

// ---- bounds

static bool
is_less(tr_config_kind_t kind, tri_value a, tri_value b)
{
    switch (kind) {
    case TR_CONFIG_KIND_I64:
        return a.whole < b.whole;
    case TR_CONFIG_KIND_F64:
        return a.real < b.real;
    default:
        return a.natural < b.natural;
    }
}

static bool
read_bound(const tr_config_key_t *key, const char *text, tri_value *out)
{
    if (key->kind == TR_CONFIG_KIND_STR) {
        return read_natural(text, SIZE_MAX, &out->natural);
    }
    return read_kind(key, text, out);
}

bool
tri_value_read(const tr_config_key_t *key, const char *text, tri_value *out)
{
    tri_value value;
    tri_value bound;
    if (!read_kind(key, text, &value) ||
        (key->min != NULL && read_bound(key, key->min, &bound) &&
         is_less(key->kind, value, bound)) ||
        (key->max != NULL && read_bound(key, key->max, &bound) &&
         is_less(key->kind, bound, value))) {
        return false;
    }
    *out = value;
    return true;
}

bool
tri_value_has_bounds(const tr_config_key_t *key)
{
    tri_value min;
    tri_value max;
    bool has_any = key->min != NULL || key->max != NULL;
    if (has_any && (key->kind == TR_CONFIG_KIND_BOOL || key->kind == TR_CONFIG_KIND_ENUM)) {
        return false;
    }
    return (key->min == NULL || read_bound(key, key->min, &min)) &&
           (key->max == NULL || read_bound(key, key->max, &max)) &&
           (key->min == NULL || key->max == NULL || !is_less(key->kind, max, min));
}

// ---- words

// "one of debug, info or error"
static void
list_choices(const char *const *choices, char out[TRI_EXPECTED])
{
    int at = snprintf(out, TRI_EXPECTED, "%s", kinds[TR_CONFIG_KIND_ENUM].noun);
    for (size_t i = 0; choices[i] != NULL && at < TRI_EXPECTED; i++) {
        const char *before = i == 0 ? " " : choices[i + 1] != NULL ? ", " : " or ";
        at += snprintf(out + at, (size_t)(TRI_EXPECTED - at), "%s%s", before, choices[i]);
    }
}

const char *
tri_value_expected(const tr_config_key_t *key, char out[TRI_EXPECTED])
{
    const kind_t *kind = &kinds[key->kind];
    const char *min = key->min != NULL ? key->min : kind->min_text;
    const char *max = key->max != NULL ? key->max : kind->max_text;
    const char *length = key->kind == TR_CONFIG_KIND_STR ? " bytes" : "";
    if (key->kind == TR_CONFIG_KIND_ENUM) {
        list_choices(key->choices, out);
    } else if (min != NULL && max != NULL) {
        snprintf(out, TRI_EXPECTED, "%s, %s to %s%s", kind->noun, min, max, length);
    } else if (min != NULL && length[0] != '\0' && strcmp(min, "1") == 0) {
        snprintf(out, TRI_EXPECTED, "%s that is not empty", kind->noun);
    } else if (min != NULL) {
        snprintf(out, TRI_EXPECTED, "%s, %s%s or more", kind->noun, min, length);
    } else if (max != NULL) {
        snprintf(out, TRI_EXPECTED, "%s, %s%s or less", kind->noun, max, length);
    } else {
        snprintf(out, TRI_EXPECTED, "%s", kind->noun);
    }
    return out;
}

// ---- into the struct

void
tri_value_store(tr_config_kind_t kind, tri_value value, const char *text, void *field)
{
    switch (kind) {
    case TR_CONFIG_KIND_BOOL:
        *(bool *)field = value.natural != 0;
        break;
    case TR_CONFIG_KIND_U16:
        *(uint16_t *)field = (uint16_t)value.natural;
        break;
    case TR_CONFIG_KIND_U32:
    case TR_CONFIG_KIND_ENUM:
        *(uint32_t *)field = (uint32_t)value.natural;
        break;
    case TR_CONFIG_KIND_U64:
        *(uint64_t *)field = value.natural;
        break;
    case TR_CONFIG_KIND_I64:
        *(int64_t *)field = value.whole;
        break;
    case TR_CONFIG_KIND_F64:
        *(double *)field = value.real;
        break;
    case TR_CONFIG_KIND_STR:
        *(const char **)field = text;
        break;
    case TR_CONFIG_KIND_DURATION:
        ((tr_duration_t *)field)->ns = (int64_t)value.natural;
        break;
    case TR_CONFIG_KIND_SIZE:
        *(size_t *)field = (size_t)value.natural;
        break;
    }
}
