// glob.h: patterns as Redis has them: * any bytes, ? one byte, [a-z] and [^a-z] one byte of a set,
// \x the byte x.
#ifndef KVD_GLOB_H
#define KVD_GLOB_H

#include "troupe/message.h"

#include <stdbool.h>

// True when the pattern is about the whole text. Takes at most the product of both sizes in steps.
bool glob_matches(tr_str_t pattern, tr_str_t text);

#endif
