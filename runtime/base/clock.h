// clock.h: the time that only goes forward.
#ifndef TRI_BASE_CLOCK_H
#define TRI_BASE_CLOCK_H

#include <stdint.h>

// Nanoseconds since a moment that does not change while the machine is up (CLOCK_MONOTONIC).
int64_t tri_clock_ns(void);

#endif
