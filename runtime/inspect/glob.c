#include "inspect/glob.h"

bool
tri_glob_match(const char *pattern, size_t pattern_size, const char *text)
{
    const char *end = pattern + pattern_size;
    const char *star = NULL;  // the last `*` seen, and
    const char *retry = text; // where the text that it takes ends so far
    while (*text != '\0') {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star != NULL) {
            // An earlier `*` need not take more: whatever it could reach, this one reaches too.
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*') {
        pattern++;
    }
    return pattern == end;
}
