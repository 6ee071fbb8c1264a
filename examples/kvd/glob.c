#include "glob.h"

// True when `byte` is in the set whose first byte, behind the bracket, is at *at; leaves *at behind
// the set. One that is never closed ends with the pattern.
static bool
is_in_set(tr_str_t pattern, size_t *at, unsigned char byte)
{
    const unsigned char *set = (const unsigned char *)pattern.data;
    size_t i = *at;
    bool negated = i < pattern.size && set[i] == '^';
    bool found = false;
    for (i += negated; i < pattern.size && set[i] != ']'; i++) {
        if (set[i] == '\\' && i + 1 < pattern.size) {
            i++;
            found = found || set[i] == byte;
        } else if (i + 2 < pattern.size && set[i + 1] == '-') {
            unsigned char from = set[i] < set[i + 2] ? set[i] : set[i + 2];
            unsigned char to = set[i] < set[i + 2] ? set[i + 2] : set[i];
            found = found || (from <= byte && byte <= to);
            i += 2;
        } else {
            found = found || set[i] == byte;
        }
    }
    *at = i < pattern.size ? i + 1 : i;
    return found != negated;
}

// One byte of text against what stands at *at, which is no star; leaves *at behind it.
static bool
matches_one(tr_str_t pattern, size_t *at, char byte)
{
    char c = pattern.data[(*at)++];
    if (c == '?') {
        return true;
    }
    if (c == '[') {
        return is_in_set(pattern, at, (unsigned char)byte);
    }
    if (c == '\\' && *at < pattern.size) {
        c = pattern.data[(*at)++];
    }
    return c == byte;
}

// What a star takes is the only choice there is, and only that of the last one matters: when the
// rest does not match, it takes one byte more.
bool
glob_matches(tr_str_t pattern, tr_str_t text)
{
    size_t at = 0;
    size_t i = 0;
    size_t behind_star = 0; // 0: none yet
    size_t taken_to = 0;    // what the last star takes ends here
    while (i < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            behind_star = ++at;
            taken_to = i;
        } else if (at < pattern.size && matches_one(pattern, &at, text.data[i])) {
            i++;
        } else if (behind_star > 0) {
            at = behind_star;
            i = ++taken_to;
        } else {
            return false;
        }
    }
    while (at < pattern.size && pattern.data[at] == '*') {
        at++;
    }
    return at == pattern.size;
}
