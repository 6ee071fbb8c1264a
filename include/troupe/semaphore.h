/**
 * @file semaphore.h
 * A number of permits that many share: so many requests to a database at once, so many bytes of
 * buffers. Who wants some waits until they are there, after all who have waited longer, however few
 * they want: so one that wants many is not passed by for ever.
 *
 *     err = tr_semaphore_acquire(self, slots, 1, tr_seconds(1));
 *     if (err == TR_OK) {
 *         err = tr_call(self, database, TR_MSG(query, .text = text), …);
 *         tr_semaphore_release(self, slots, 1);
 *     }
 *
 * As a mutex it is used by all who were given the pointer. Permits belong to the life that acquired
 * them, may be kept while it waits, and return by themselves when it ends, however it ends. `self`
 * is the calling actor; a thread outside says TR_OUTSIDE. Threads have theirs together: one may
 * release what another acquired, and what none releases is lost.
 */
#ifndef TROUPE_SEMAPHORE_H
#define TROUPE_SEMAPHORE_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"

#include <stdint.h>

TR_BEGIN_DECLS

/** A semaphore. Shared by pointer; owned by whoever created it. */
typedef struct tr_semaphore tr_semaphore;

/**
 * Make a semaphore.
 * @param permits  how many there are, at least 1; all of them available
 * @param out      owned: tr_semaphore_destroy, after all who use it and before the runtime
 * @return TR_OK, TR_EINVAL when `permits` is 0, TR_ENOMEM.
 * @threads any, also a handler
 */
TR_API TR_MUST_CHECK tr_err_t tr_semaphore_create(tr_runtime *rt, uint32_t permits,
                                                  tr_semaphore **out);

/** Free a semaphore. NULL is allowed. That somebody has permits or waits for some ends the process.
 *  @threads any, also a handler */
TR_API void tr_semaphore_destroy(tr_semaphore *s);

/**
 * Get permits, all of them at once, after all who have waited longer.
 * @param permits  how many; may be more of what one has
 * @param timeout  from now; an inherited deadline counts as well
 * @return TR_OK, or
 *         TR_EINVAL     0, or more than there are
 *         TR_EDEADLK    more than there are beside those that I have, which would never come. Of
 *                       threads outside that have only some of them nobody knows it: they wait
 *         TR_ETIMEOUT   they were not available in time
 *         TR_ECANCELED  self is being stopped
 *         TR_ENOMEM
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_semaphore_acquire(tr_self *self, tr_semaphore *s, uint32_t permits,
                                                   tr_duration_t timeout);

/** Get permits if that needs no wait. As tr_semaphore_acquire; TR_EBUSY when it would wait, also
 *  where they are there and others wait for more. */
TR_API TR_MUST_CHECK tr_err_t tr_semaphore_try_acquire(tr_self *self, tr_semaphore *s,
                                                       uint32_t permits);

/** Give permits back, some or all that `self` has. Never waits. To release more ends the process.
 */
TR_API void tr_semaphore_release(tr_self *self, tr_semaphore *s, uint32_t permits);

/** How many permits nobody has now. @threads any, also a handler */
TR_API uint32_t tr_semaphore_available(tr_semaphore *s);

TR_END_DECLS

#endif
