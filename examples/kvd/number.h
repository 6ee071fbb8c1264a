// number.h: integers as Redis writes them: decimal, no plus sign, no leading zero, no space.
#ifndef KVD_NUMBER_H
#define KVD_NUMBER_H

#include "troupe/message.h"

#include <stdbool.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 24 // the longest is "-9223372036854775808"

// False when the text is anything but one integer that fits.
bool number_parse(tr_str_t text, int64_t *out);

// A decimal number, perhaps with a point or an exponent. False when it is none, or not finite.
bool number_parse_real(tr_str_t text, double *out);

// The exact sum or product. False when it does not fit.
bool number_add(int64_t a, int64_t b, int64_t *out);
bool number_multiply(int64_t a, int64_t b, int64_t *out);

// The text lies in `room`.
tr_str_t number_print(int64_t number, char room[NUMBER_TEXT_MAX]);

#endif
