// clock.h: the time that only goes forward.
#ifndef TRI_BASE_CLOCK_H
#define TRI_BASE_CLOCK_H

#include <stdint.h>

// Nanoseconds since a moment that does not change while the machine is up (CLOCK_MONOTONIC).
int64_t tri_clock_ns(void);

// A span later; INT64_MAX, which is never, where that is beyond the clock. A span is not negative.
static inline int64_t
tri_clock_after(int64_t now_ns, int64_t span_ns)
{
    return span_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + span_ns;
}

#endif
