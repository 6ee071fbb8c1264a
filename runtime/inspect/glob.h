// glob.h: patterns for names: `*` is any text, `?` is any one byte, all else is itself.
#ifndef TRI_INSPECT_GLOB_H
#define TRI_INSPECT_GLOB_H

#include <stdbool.h>
#include <stddef.h>

// Takes at most pattern_size * strlen(text) steps, whatever the pattern: it may come from outside.
bool tri_glob_match(const char *pattern, size_t pattern_size, const char *text);

#endif
