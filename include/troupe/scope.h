/**
 * @file scope.h
 * A part of a handler with a deadline of its own, that can be canceled as a whole. Scopes nest; the
 * deadline of an inner one is never later than that of an outer one, and canceling an outer one
 * cancels the inner ones first.
 *
 *     tr_scope *scope;
 *     err = tr_scope_begin(self, tr_ms(500), &scope);
 *     if (err == TR_OK) {
 *         err = gather(self, &report);             // any number of waits, 500 ms for all of them
 *         err = tr_scope_end(self, scope, err);
 *     }
 *
 * Every wait in a scope ends by its deadline with TR_ETIMEOUT, and once it is canceled with
 * TR_ECANCELED. Futures and tasks that are begun in it belong to it: what is left of them at its
 * end is canceled. The handler's end ends the scopes that it has begun.
 */
#ifndef TROUPE_SCOPE_H
#define TROUPE_SCOPE_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/ref.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

typedef struct tr_scope tr_scope;

/**
 * Begin a scope in the handler in progress.
 * @param timeout  from now; TR_FOREVER for no deadline of its own
 * @param out      until tr_scope_end or the end of the handler
 * @return TR_OK or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_scope_begin(tr_self *self, tr_duration_t timeout, tr_scope **out);

/**
 * Begin a scope that the cancellation of what is around it does not reach: neither the request in
 * hand being given up, nor its deadline, nor an outer scope, nor an order to stop. For the few
 * waits that undo or finish something. Its own timeout holds, and so does a kill, which follows an
 * order to stop when that takes longer than the actor's shutdown time.
 * @param timeout  from now; not TR_FOREVER: TR_EINVAL
 */
TR_API TR_MUST_CHECK tr_err_t tr_scope_begin_shielded(tr_self *self, tr_duration_t timeout,
                                                      tr_scope **out);

/**
 * End a scope, and all that were begun in it and not ended: what is left of their futures and tasks
 * is canceled.
 * @param err  how what was done in it went
 * @return `err`; but where that is TR_ETIMEOUT or TR_ECANCELED because of this scope, what it tells
 *         about this scope: TR_ETIMEOUT when its deadline has passed, TR_ECANCELED when it was
 *         canceled.
 */
TR_API tr_err_t tr_scope_end(tr_self *self, tr_scope *scope, tr_err_t err);

/** When the waits of the handler in progress end at the latest, in nanoseconds of tr_now_ns: the
 *  deadline of the request in hand or of a scope. INT64_MAX: there is none. */
TR_API int64_t tr_deadline_ns(const tr_self *self);

/** How long that is from now; zero when it has passed, TR_FOREVER when there is none. */
TR_API tr_duration_t tr_deadline_left(const tr_self *self);

/** A name for a scope that others may have, to cancel it. A value, like an address: it may be
 *  stored and sent, and one whose scope has ended does nothing. */
typedef struct tr_cancel {
    tr_ref_t actor;
    uint64_t scope;
} tr_cancel_t;

/** What cancels a scope. */
TR_API tr_cancel_t tr_scope_cancel_of(tr_self *self, const tr_scope *scope);

/** Cancel a scope, soon: its actor does so between two steps. TR_OK, also when it has ended;
 *  TR_ENOMEM: it was not told. */
TR_API TR_MUST_CHECK tr_err_t tr_cancel(tr_self *self, tr_cancel_t what);

/** The same for a thread outside. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_cancel(tr_runtime *rt, tr_cancel_t what);

TR_END_DECLS

#endif
