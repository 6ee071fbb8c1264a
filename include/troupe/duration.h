/**
 * @file duration.h
 * A span of time. It is a type of its own, so that a bare 200 cannot be taken for seconds by one
 * reader and for milliseconds by another. Structures that are written as constant tables carry
 * plain integers instead and name the unit: `shutdown_ms`.
 *
 *     tr_call(self, store, TR_MSG(get, .key = key), TR_REPLY(value, &answer), tr_ms(200));
 */
#ifndef TROUPE_DURATION_H
#define TROUPE_DURATION_H

#include "troupe/export.h"

#include <stdint.h>

TR_BEGIN_DECLS

typedef struct tr_duration {
    int64_t ns; // never negative in a valid duration; INT64_MAX means: no deadline of its own
} tr_duration_t;

/** Microseconds. What does not fit saturates to TR_FOREVER; a negative number is zero. */
static inline tr_duration_t
tr_us(int64_t us)
{
    tr_duration_t d = {us < 0 ? 0 : us > INT64_MAX / 1000 ? INT64_MAX : us * 1000};
    return d;
}

/** Milliseconds. */
static inline tr_duration_t
tr_ms(int64_t ms)
{
    return tr_us(ms > INT64_MAX / 1000 ? INT64_MAX : ms * 1000);
}

/** Seconds. */
static inline tr_duration_t
tr_seconds(int64_t seconds)
{
    return tr_ms(seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000);
}

/** No deadline of its own. An inherited deadline still counts. */
static inline tr_duration_t
tr_forever(void)
{
    tr_duration_t d = {INT64_MAX};
    return d;
}
#define TR_FOREVER tr_forever()

TR_END_DECLS

#endif
