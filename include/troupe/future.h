/**
 * @file future.h
 * Something under way whose result is awaited later: a call that was begun, or a task. So several
 * can be under way at once.
 *
 *     tr_future *stock = tr_call_begin(self, store, TR_MSG(stock_get, .sku = 42), tr_ms(200));
 *     tr_future *price = tr_call_begin(self, shop, TR_MSG(price_get, .sku = 42), tr_ms(200));
 *     err = tr_try_join(self, (tr_future *[]){stock, price}, 2);
 *     if (err == TR_OK) {
 *         err = tr_future_await(self, stock, TR_REPLY(amount, &amount));
 *         ...
 *
 * Beginning needs no check of its own: what went wrong, want of memory included (NULL), is what
 * awaiting it says.
 *
 * A future belongs to the life that began it. It is over when it is awaited or canceled, one of
 * which is due; the end of the life cancels what is left. Canceling tells the other side: a request
 * that is queued is not begun, a handler that runs sees TR_ECANCELED at its next wait, and so does
 * whatever it waits for in turn.
 */
#ifndef TROUPE_FUTURE_H
#define TROUPE_FUTURE_H

#include "troupe/actor.h"
#include "troupe/call.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"

TR_BEGIN_DECLS

typedef struct tr_future tr_future;

/**
 * Begin a call: as tr_call, without waiting for the answer. It may wait for room in the mailbox of
 * `to`.
 * @param timeout  for the answer, from now; as for tr_call
 * @return owned until it is awaited or canceled; NULL without memory, which all functions here take
 *         for a future that has failed with TR_ENOMEM.
 * @blocks the actor while the mailbox of `to` is full, never the worker
 */
TR_API tr_future *tr_call_begin(tr_self *self, tr_ref_t to, const tr_type_t *type,
                                const void *value, tr_duration_t timeout);

/** What tr_task runs: `arg` is a copy of its own. It is an actor like any other, and may wait,
 * spawn and call. It gives its result with tr_reply, or none; or an error, which it returns. */
typedef tr_err_t (*tr_task_fn)(tr_self *self, void *arg);

/**
 * Run a function as a child, on any worker. It ends with the future: one that is canceled is told
 * to stop.
 * @param arg       copied; aligned for any type
 * @param arg_size  bytes
 * @param timeout   for the result, from now
 * @return owned, as for tr_call_begin. Awaiting it says what `fn` returned, or TR_ECRASHED;
 *         TR_EINVAL for a function that is NULL, or an argument that is NULL and has a size.
 */
TR_API tr_future *
tr_task(tr_self *self, tr_task_fn fn, const void *arg, size_t arg_size, tr_duration_t timeout);

/** The result of a task that gives none. */
TR_MESSAGE_EMPTY(tr_done);

/** True when awaiting it would not wait. */
TR_API bool tr_future_is_done(const tr_future *future);

/**
 * Wait for the result. The future is gone afterwards, whatever this returns.
 * @param expect  TR_REPLY(name, &pointer), TR_REPLY_ANY or TR_REPLY_NONE, as for tr_call
 * @param out     borrowed until the handler in progress returns, or until tr_release
 * @return as tr_call does; TR_ECANCELED when self is being stopped or its own caller has given up:
 *         then the future was canceled.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_future_await(tr_self *self, tr_future *future,
                                              const tr_type_t *expect, void *out);

/** Want no result any more. The future is gone. NULL is allowed. */
TR_API void tr_future_cancel(tr_self *self, tr_future *future);

/**
 * Wait until all are done. They are still to be awaited, each, which then does not wait.
 * @return TR_OK whatever their results are; TR_ECANCELED as above, TR_ETIMEOUT at a deadline of
 *         self's own, TR_ENOMEM: all were canceled and are gone.
 */
TR_API TR_MUST_CHECK tr_err_t tr_join_all(tr_self *self, tr_future *const *futures, size_t count);

/**
 * Wait until all have succeeded, or the first has failed.
 * @return TR_OK, and they are still to be awaited, each, which then does not wait; or the error of
 *         the first that failed, or as for tr_join_all: then all others were canceled and all are
 *         gone.
 */
TR_API TR_MUST_CHECK tr_err_t tr_try_join(tr_self *self, tr_future *const *futures, size_t count);

/**
 * Wait for the first that succeeds; the others are canceled. All are gone afterwards.
 * @param out_index  which; may be NULL
 * @return TR_OK; when all have failed, the error of the last one to do so; TR_EINVAL when `count`
 *         is 0; TR_ETYPE; TR_ECANCELED, TR_ETIMEOUT, TR_ENOMEM as for tr_join_all.
 */
TR_API TR_MUST_CHECK tr_err_t tr_first_ok(tr_self *self, tr_future *const *futures, size_t count,
                                          const tr_type_t *expect, void *out, size_t *out_index);

/**
 * Call `first`; when it has not answered after `delay`, or has failed before, call `second` too,
 * with the same message. The first good answer is taken, and the other call is canceled. For
 * requests that may be done twice (Dean and Barroso, "The Tail at Scale", 2013).
 * @param timeout  for both together
 * @return as tr_call; when both fail, the error of the last one to do so
 */
TR_API TR_MUST_CHECK tr_err_t tr_hedge(tr_self *self, tr_ref_t first, tr_ref_t second,
                                       const tr_type_t *type, const void *value,
                                       tr_duration_t delay, const tr_type_t *expect, void *out,
                                       tr_duration_t timeout);

/**
 * What runs when a call of tr_call_then is over. It is a handler like receive, with no message in
 * hand, and runs between two messages.
 * @param err     as tr_call returns it
 * @param answer  NULL unless `err` is TR_OK; borrowed until it returns
 * @return its verdict, as for receive
 */
typedef tr_err_t (*tr_then_fn)(tr_self *self, void *state, tr_err_t err, const tr_message *answer,
                               void *arg);

/**
 * Call without waiting, for handlers that stay open to other messages: `then` runs once, when the
 * call is over. It belongs to this life, which may end before.
 * @param then, arg  `arg` must stay valid until then
 * @return TR_OK: `then` will run, also for an error such as TR_EDEAD. TR_ENOMEM, and TR_EINVAL for
 *         a `then` that is NULL: it will not.
 * @blocks the actor while the mailbox of `to` is full, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_call_then(tr_self *self, tr_ref_t to, const tr_type_t *type,
                                           const void *value, tr_duration_t timeout,
                                           tr_then_fn then, void *arg);

/**
 * Hand the message in hand on and hear how that ends: for an actor that stands in front of another.
 * A request goes on with its deadline; its answer, or its error, comes back by way of self, which
 * hands it to the caller unseen, and then `then` runs. When the caller gives up, the request is
 * canceled and `then` runs with TR_ECANCELED. A message that was sent goes on as it is, and nothing
 * follows. Objects in local fields move along. Never waits, whatever the policy of a full mailbox.
 *
 * It belongs to this life: when that ends first, the request is canceled and its caller told, as
 * for the tokens of tr_defer.
 * @param then, arg  as for tr_call_then, but `answer` is always NULL
 * @return TR_OK, and nothing is left to answer here. Otherwise `then` will not run, and the duty is
 *         still yours: TR_EINVAL outside receive, for a message of the runtime (tr_child_exit,
 *         tr_down), when `to` is self or `then` is NULL; TR_EALREADY when it was answered, deferred
 *         or stashed before; TR_EDEAD, TR_EFULL, TR_ETOOBIG, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_forward(tr_self *self, tr_ref_t to, tr_then_fn then, void *arg);

TR_END_DECLS

#endif
