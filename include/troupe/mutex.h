/**
 * @file mutex.h
 * One at a time, for actors on any worker and for threads outside. Unlike a lock of the C library
 * it may be held while its owner waits: who wants it meanwhile is suspended, and its worker runs
 * others. It goes to those who wait in the order in which they came, and nobody gets ahead of them.
 *
 *     err = tr_mutex_lock(self, m, tr_seconds(1));
 *     if (err == TR_EOWNERDEAD) {
 *         repair(shared);              // whoever had it before ended in the midst of it
 *         err = TR_OK;
 *     }
 *     if (err == TR_OK) {
 *         err = tr_call(self, store, TR_MSG(put, .key = shared->key), TR_REPLY_NONE, tr_ms(200));
 *         tr_mutex_unlock(self, m);
 *     }
 *
 * A mutex is made by one and used by all who were given the pointer, with the argument of their
 * spawn for instance. It is held by a life, and goes to the next when that life ends, however it
 * ends. `self` is the calling actor; a thread outside says TR_OUTSIDE, and has to unlock before it
 * ends.
 */
#ifndef TROUPE_MUTEX_H
#define TROUPE_MUTEX_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** A mutex. Shared by pointer; owned by whoever created it. */
typedef struct tr_mutex tr_mutex;

/**
 * Make a mutex that nobody holds.
 * @param out  owned: tr_mutex_destroy, after all who use it and before the runtime
 * @return TR_OK or TR_ENOMEM.
 * @threads any, also a handler
 */
TR_API TR_MUST_CHECK tr_err_t tr_mutex_create(tr_runtime *rt, tr_mutex **out);

/** Free a mutex. NULL is allowed. That somebody holds it or waits for it ends the process.
 *  @threads any, also a handler */
TR_API void tr_mutex_destroy(tr_mutex *m);

/**
 * Take the mutex, after all who have waited longer.
 * @param timeout  from now; an inherited deadline counts as well
 * @return TR_OK, or
 *         TR_EOWNERDEAD  it is yours; but the life that had it before ended with it, and what it
 *                        guards may be half done. Only the next owner is told
 *         TR_EDEADLK     it was yours already, and still is: unlock it once
 *         TR_ETIMEOUT    it was not free in time
 *         TR_ECANCELED   self is being stopped
 *         TR_ENOMEM      to wait with; to take a free one needs none
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_mutex_lock(tr_self *self, tr_mutex *m, tr_duration_t timeout);

/** Take the mutex if it is free; never waits. TR_OK, TR_EOWNERDEAD or TR_EDEADLK as tr_mutex_lock;
 *  TR_EBUSY when another holds it. */
TR_API TR_MUST_CHECK tr_err_t tr_mutex_try_lock(tr_self *self, tr_mutex *m);

/** Give the mutex to who has waited longest, or to nobody. Never waits. To unlock what another
 *  holds ends the process. */
TR_API void tr_mutex_unlock(tr_self *self, tr_mutex *m);

TR_END_DECLS

#endif
