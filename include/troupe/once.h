/**
 * @file once.h
 * Something that has to be done once, by whoever needs it first: a table to be loaded, a connection
 * to be opened. One does it, the others wait until it is done. If it fails the next one tries, and
 * if the life of the one that does it ends in the midst of it, the next one does it again.
 *
 *     err = tr_once_run(self, shared->once, load_table, shared);
 *     if (err == TR_OK) {
 *         look_up(shared->table);          // as load_table has written it
 *     }
 *
 * As a mutex it is used by all who were given the pointer. `self` is the calling actor; a thread
 * outside says TR_OUTSIDE, and has to come back from what it does.
 */
#ifndef TROUPE_ONCE_H
#define TROUPE_ONCE_H

#include "troupe/actor.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** Something to be done once. Shared by pointer; owned by whoever created it. */
typedef struct tr_once tr_once;

/** What is to be done, by `self`, which may be TR_OUTSIDE. May wait. TR_OK: it is done for good. */
typedef tr_err_t (*tr_once_fn)(tr_self *self, void *arg);

/**
 * Make one that is not done.
 * @param out  owned: tr_once_destroy, after all who use it and before the runtime
 * @return TR_OK or TR_ENOMEM.
 * @threads any, also a handler
 */
TR_API TR_MUST_CHECK tr_err_t tr_once_create(tr_runtime *rt, tr_once **out);

/** Free it, done or not. NULL is allowed. That somebody does it or waits for it ends the process.
 *  @threads any, also a handler */
TR_API void tr_once_destroy(tr_once *once);

/**
 * Do it, or wait until another has done it. Where it is done already this is one load.
 * @param fn   the same for all who use this one; runs in the caller, one at a time
 * @param arg  for fn. Borrowed.
 * @return TR_OK when it is done; the error of fn, where fn was run by this call; or
 *         TR_EDEADLK    called from fn
 *         TR_ETIMEOUT   the deadline of the message in hand has passed
 *         TR_ECANCELED  self is being stopped
 *         TR_ENOMEM     to wait with
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_once_run(tr_self *self, tr_once *once, tr_once_fn fn, void *arg);

TR_END_DECLS

#endif
