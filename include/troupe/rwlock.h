/**
 * @file rwlock.h
 * Many readers or one writer, for actors on any worker and for threads outside. It may be held
 * while its holder waits. Those who want it get it in the order in which they came: readers next to
 * each other get in together, and no reader gets in ahead of a writer that waits.
 *
 *     err = tr_rwlock_read(self, rw, TR_FOREVER);
 *     if (err == TR_OK) {
 *         look_at(shared);
 *         tr_rwlock_unlock(self, rw);
 *     }
 *
 * As a mutex it is used by all who were given the pointer, and held by a life: what a life holds is
 * given back when it ends, however it ends. Where the life of a writer ends, each reader is told
 * TR_EOWNERDEAD, for it cannot repair anything, up to and including the next writer, which can.
 * `self` is the calling actor; a thread outside says TR_OUTSIDE, and has to unlock before it ends.
 */
#ifndef TROUPE_RWLOCK_H
#define TROUPE_RWLOCK_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** A lock for readers and writers. Shared by pointer; owned by whoever created it. */
typedef struct tr_rwlock tr_rwlock;

/**
 * Make a lock that nobody holds.
 * @param out  owned: tr_rwlock_destroy, after all who use it and before the runtime
 * @return TR_OK or TR_ENOMEM.
 * @threads any, also a handler
 */
TR_API TR_MUST_CHECK tr_err_t tr_rwlock_create(tr_runtime *rt, tr_rwlock **out);

/** Free a lock. NULL is allowed. That somebody holds it or waits for it ends the process.
 *  @threads any, also a handler */
TR_API void tr_rwlock_destroy(tr_rwlock *rw);

/**
 * Get in beside other readers, after all who have waited longer.
 * @param timeout  from now; an inherited deadline counts as well
 * @return TR_OK, or
 *         TR_EOWNERDEAD  you are in; but a writer's life ended in the midst of it, and no writer
 *                        has had the lock since
 *         TR_EDEADLK     you hold it already, for reading or writing, and still do. Of a thread
 *                        outside that reads nobody knows it: it would wait
 *         TR_ETIMEOUT    there was a writer, or one that waited, all the time
 *         TR_ECANCELED   self is being stopped
 *         TR_ENOMEM
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_rwlock_read(tr_self *self, tr_rwlock *rw, tr_duration_t timeout);

/** Get in as a reader if that needs no wait. As tr_rwlock_read; TR_EBUSY when it would wait. */
TR_API TR_MUST_CHECK tr_err_t tr_rwlock_try_read(tr_self *self, tr_rwlock *rw);

/**
 * Take the lock alone, after all who have waited longer.
 * @param timeout  from now; an inherited deadline counts as well
 * @return as tr_rwlock_read. After TR_EOWNERDEAD nobody is told again; to take a free lock needs
 *         no memory.
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_rwlock_write(tr_self *self, tr_rwlock *rw, tr_duration_t timeout);

/** Take the lock alone if it is free. As tr_rwlock_write; TR_EBUSY when it is not. */
TR_API TR_MUST_CHECK tr_err_t tr_rwlock_try_write(tr_self *self, tr_rwlock *rw);

/** Go on as a reader what was begun as the writer: nobody writes in between, and the readers that
 *  wait next get in. Never waits, needs no memory. To do this without writing ends the process. */
TR_API void tr_rwlock_downgrade(tr_self *self, tr_rwlock *rw);

/** Give back what `self` holds, for reading or writing. Never waits. To unlock what one does not
 *  hold ends the process. */
TR_API void tr_rwlock_unlock(tr_self *self, tr_rwlock *rw);

TR_END_DECLS

#endif
