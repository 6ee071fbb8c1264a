/**
 * @file barrier.h
 * A place where a number of parties wait for each other: when the last one is there all go on, and
 * the next round begins. One of each round is its leader, to do what has to be done once.
 *
 *     bool is_leader;
 *     err = tr_barrier_wait(self, all_parsed, tr_seconds(10), &is_leader);
 *     if (err == TR_OK && is_leader) {
 *         err = link_together(parts);
 *     }
 *
 * As a mutex it is used by all who were given the pointer. A party that gives up, or whose life
 * ends, before the round is complete is as one that never came. `self` is the calling actor; a
 * thread outside says TR_OUTSIDE.
 */
#ifndef TROUPE_BARRIER_H
#define TROUPE_BARRIER_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"

#include <stdbool.h>
#include <stdint.h>

TR_BEGIN_DECLS

/** A barrier. Shared by pointer; owned by whoever created it. */
typedef struct tr_barrier tr_barrier;

/**
 * Make a barrier.
 * @param parties  that make a round complete, at least 1
 * @param out      owned: tr_barrier_destroy, after all who use it and before the runtime
 * @return TR_OK, TR_EINVAL when `parties` is 0, TR_ENOMEM.
 * @threads any, also a handler
 */
TR_API TR_MUST_CHECK tr_err_t tr_barrier_create(tr_runtime *rt, uint32_t parties, tr_barrier **out);

/** Free a barrier. NULL is allowed. That somebody waits there, or has not come back from a round
 *  that is complete, ends the process. @threads any, also a handler */
TR_API void tr_barrier_destroy(tr_barrier *b);

/**
 * Wait until the round is complete, or complete it.
 * @param timeout        from now; an inherited deadline counts as well
 * @param out_is_leader  true for one of the round, the one that completed it. NULL is allowed.
 * @return TR_OK when the round is complete; otherwise it goes on without this party:
 *         TR_ETIMEOUT, TR_ECANCELED when self is being stopped, TR_ENOMEM.
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_barrier_wait(tr_self *self, tr_barrier *b, tr_duration_t timeout,
                                              bool *out_is_leader);

TR_END_DECLS

#endif
