#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool
number_add(int64_t a, int64_t b, int64_t *out)
{
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) {
        return false;
    }
    *out = a + b;
    return true;
}

bool
number_multiply(int64_t a, int64_t b, int64_t *out)
{
    // The factors in the quadrant where the division cannot overflow.
    bool fits = true;
    if (a > 0) {
        fits = b > 0 ? a <= INT64_MAX / b : b >= INT64_MIN / a;
    } else if (a < 0) {
        fits = b > 0 ? a >= INT64_MIN / b : b == 0 || a >= INT64_MAX / b;
    }
    if (fits) {
        *out = a * b;
    }
    return fits;
}

bool
number_parse(tr_str_t text, int64_t *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = negative;
    if (at == text.size || (text.data[at] == '0' && text.size != 1)) {
        return false; // nothing, or "-0", or "007"
    }
    int64_t number = 0;
    for (; at < text.size; at++) {
        int digit = text.data[at] - '0';
        if (digit < 0 || digit > 9 || !number_multiply(number, 10, &number) ||
            !number_add(number, negative ? -digit : digit, &number)) {
            return false;
        }
    }
    *out = number;
    return true;
}

tr_str_t
number_print(int64_t number, char room[NUMBER_TEXT_MAX])
{
    char *at = room + NUMBER_TEXT_MAX;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) {
        *--at = '-';
    }
    return tr_str_n(at, (size_t)(room + NUMBER_TEXT_MAX - at));
}

bool
number_parse_real(tr_str_t text, double *out)
{
    char copy[128];
    bool is_plain = text.size > 0 && text.size < sizeof copy;
    for (size_t i = 0; is_plain && i < text.size; i++) {
        is_plain = strchr("0123456789.eE+-", text.data[i]) != NULL && text.data[i] != '\0';
    }
    if (!is_plain) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end = NULL;
    double number = strtod(copy, &end);
    if (end != copy + text.size || !isfinite(number)) {
        return false;
    }
    *out = number;
    return true;
}
