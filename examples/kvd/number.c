#include "number.h"

bool
number_parse(tr_str_t text, int64_t *out)
{
    size_t at = 0;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative) {
        at++;
    }
    if (at == text.size) {
        return false;
    }
    if (text.data[at] == '0') {
        if (text.size != 1) {
            return false; // "-0" and "007" are text
        }
        *out = 0;
        return true;
    }
    // Downwards from zero, because the negative half is the larger one.
    int64_t number = 0;
    for (; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9' ||
            __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, text.data[at] - '0', &number)) {
            return false;
        }
    }
    if (!negative) {
        if (number == INT64_MIN) {
            return false;
        }
        number = -number;
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
