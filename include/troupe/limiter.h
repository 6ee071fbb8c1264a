/**
 * @file limiter.h
 * A limiter is an actor with a bucket of tokens: so many come in each period, and the bucket holds
 * so many at most. Who wants to do something takes tokens for it and waits until they are there,
 * after all who have waited longer: so a service is asked no more often than it allows, however
 * many ask. Spawn it like any actor, under a supervisor if it is to be there always.
 *
 *     tr_limiter_opts_t ten_a_second = {.tokens = 10, .burst = 20};
 *     err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &tr_limiter_behavior,
 *                                             .arg = &ten_a_second,
 *                                             .arg_size = sizeof ten_a_second}, &limiter);
 *     …
 *     err = tr_limiter_acquire(self, limiter, 1, tr_seconds(1));
 *     if (err == TR_OK) {
 *         err = tr_call(self, service, …);
 *     }
 *
 * Tokens are computed from the clock in whole numbers: none is lost and none comes too early. While
 * nobody waits, the limiter does nothing. The bucket is full at first; a limiter that is restarted
 * begins with an empty one, so that a restart lets nobody through who would not have been.
 */
#ifndef TROUPE_LIMITER_H
#define TROUPE_LIMITER_H

#include "troupe/actor.h"
#include "troupe/call.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"
#include "troupe/runtime.h"

#include <stdint.h>

TR_BEGIN_DECLS

/** The argument of a limiter at its spawn. Zero is the default of everything but `tokens`. */
typedef struct tr_limiter_opts {
    uint32_t tokens;      // so many come in each period, evenly spread; required
    int64_t period_ms;    // 0 for 1000
    uint32_t burst;       // how many the bucket holds, and one may take at once; 0 for `tokens`
    uint32_t max_waiting; // how many may wait at once; 0 for 256
} tr_limiter_opts_t;

/** burst * period_ms is at most this: any burst in a second, 1.2 million in an hour. */
#define TR_LIMITER_MAX INT64_C(4611686018427)

/** The behavior. Its argument is a tr_limiter_opts_t; one out of its range fails the start with
 *  TR_EINVAL, and the log says what is wrong. */
extern TR_API const tr_behavior_t tr_limiter_behavior;

/**
 * Take tokens, after all who have waited longer. Who gives up takes none and holds nobody up; only
 * in the moment of being served it may have taken them all the same.
 * @param tokens   how many, all at once
 * @param timeout  from now; an inherited deadline counts as well
 * @return TR_OK, or
 *         TR_EINVAL     0 tokens, or more than the bucket holds
 *         TR_EFULL      so many wait already as may
 *         TR_ETIMEOUT   they did not come in time
 *         TR_EDEAD      the limiter has ended; otherwise what tr_call returns
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_limiter_acquire(tr_self *self, tr_ref_t limiter, uint32_t tokens,
                                                 tr_duration_t timeout);

/**
 * Take tokens if they are there now. As tr_limiter_acquire, but TR_EBUSY where it would wait for
 * tokens, also where they are there and others wait for more.
 * @param timeout  for the limiter's answer, which waits for no token
 * @blocks the actor until the limiter has answered, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_limiter_try(tr_self *self, tr_ref_t limiter, uint32_t tokens,
                                             tr_duration_t timeout);

/** tr_limiter_acquire for a thread outside, which it blocks. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_limiter_acquire(tr_runtime *rt, tr_ref_t limiter,
                                                         uint32_t tokens, tr_duration_t timeout);

/** tr_limiter_try for a thread outside. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_limiter_try(tr_runtime *rt, tr_ref_t limiter,
                                                     uint32_t tokens, tr_duration_t timeout);

/**
 * What the functions above ask with; for those who call in other ways, with tr_call_begin or
 * tr_set_call. Answered with tr_limiter_granted, or an error as above.
 *   tokens  how many
 *   waits   false: as tr_limiter_try
 */
#define TR_LIMITER_TAKE(F, T) F(T, u32, tokens) F(T, bool, waits)
TR_MESSAGE(tr_limiter_take, TR_LIMITER_TAKE);
TR_MESSAGE_EMPTY(tr_limiter_granted);

/**
 * Change the rate from now on: what is in the bucket stays, and so do those who wait. It lasts
 * until the next change or restart. Answered with tr_limiter_status; a rate out of its range with
 * TR_EINVAL, which changes nothing, and the log says what is wrong. It may be sent, too.
 *   tokens     so many in each period
 *   period_ms  0 for 1000
 */
#define TR_LIMITER_SET(F, T) F(T, u32, tokens) F(T, i64, period_ms)
TR_MESSAGE(tr_limiter_set, TR_LIMITER_SET);

/** Ask a limiter how it is; answered with tr_limiter_status. */
TR_MESSAGE_EMPTY(tr_limiter_query);

/**
 * How a limiter is, now.
 *   available  whole tokens in the bucket
 *   waiting    how many wait and still want their tokens
 *   burst, rate_tokens, rate_period_ms, max_waiting  as they are now
 *   granted    tokens taken in this life
 *   refused    who got TR_EBUSY or TR_EFULL in this life
 */
#define TR_LIMITER_STATUS(F, T)                                                                    \
    F(T, u32, available)                                                                           \
    F(T, u32, waiting)                                                                             \
    F(T, u32, burst)                                                                               \
    F(T, u32, rate_tokens)                                                                         \
    F(T, i64, rate_period_ms)                                                                      \
    F(T, u32, max_waiting)                                                                         \
    F(T, u64, granted)                                                                             \
    F(T, u64, refused)
TR_MESSAGE(tr_limiter_status, TR_LIMITER_STATUS);

TR_END_DECLS

#endif
