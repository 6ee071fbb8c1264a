/**
 * @file call.h
 * A call is a message that waits for its answer. Every call has a deadline: the smallest of its
 * own timeout, the one of the message that the caller is handling, and the scopes around it
 * (scope.h). Work whose deadline has passed is not begun, nor, in an overloaded mailbox, work that
 * has waited for nine tenths of its time and takes longer than what is left; an answer that comes
 * too late is counted and dropped.
 *
 * A caller that gives up, because it is stopped or killed or cancels a future, tells whoever has
 * the request. While it is queued it is taken out; the handler that has it in hand sees
 * TR_ECANCELED from its waits, and may return that: it is no failure then. No more does it fail by
 * returning TR_ETIMEOUT once the deadline of the request has passed.
 *
 *     const price *answer;
 *     tr_err_t err = tr_call(self, pricing, TR_MSG(price_get, .sku = 42),
 *                            TR_REPLY(price, &answer), tr_ms(200));
 */
#ifndef TROUPE_CALL_H
#define TROUPE_CALL_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"

TR_BEGIN_DECLS

/** The expected type of an answer and where a `const name *` to its value goes: two arguments. */
#define TR_REPLY(name, out) &name##_type, TR_REPLY_OUT_(const name *, out)

/** Any type will do; a `const tr_message *` goes to `out`. */
#define TR_REPLY_ANY(out) NULL, TR_REPLY_OUT_(const tr_message *, out)

/** The answer matters only as success or failure: whatever comes is released at once. */
#define TR_REPLY_NONE NULL, NULL

// A pointer of another type than the named one is a compile error, not a cast.
#ifdef __cplusplus
#define TR_REPLY_OUT_(type, out) static_cast<void *>(true ? (out) : static_cast<type *>(nullptr))
#else
#define TR_REPLY_OUT_(type, out) ((void *)(1 ? (out) : (type *)NULL))
#endif

/**
 * Send a request and wait for its answer.
 *
 * @param to       whom to ask
 * @param type     the request: TR_MSG(name, .field = …). Copied.
 * @param value
 * @param expect   the answer's type and where it goes: TR_REPLY, TR_REPLY_ANY or TR_REPLY_NONE.
 * @param out      Borrowed until the handler in progress returns, or until tr_release.
 * @param timeout  from now; TR_FOREVER for none of its own, an inherited deadline still counts
 * @return TR_OK, or
 *         TR_ETIMEOUT    no answer before the deadline; a late one is dropped and counted
 *         TR_EDEAD       the callee has ended
 *         TR_ECRASHED    the callee failed while it handled this request
 *         TR_ENOREPLY    its handler returned without answering
 *         TR_EUNHANDLED  it does not handle requests of this type
 *         TR_ETYPE       it answered with another type than expected; the answer is dropped
 *         TR_EFULL       its mailbox is at its bound and its policy is TR_REJECT
 *         TR_ETOOBIG     the request alone is larger than the mailbox's bound in bytes
 *         TR_EDEADLK     the callee waits for self, perhaps through others; the log has the path
 *         TR_ECANCELED   self is being stopped, its own caller has given up, or the deadline of the
 *                        message in hand has passed before
 *         TR_ENOMEM      and any error that the callee gave to tr_reply_error
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_call(tr_self *self, tr_ref_t to, const tr_type_t *type,
                                      const void *value, const tr_type_t *expect, void *out,
                                      tr_duration_t timeout);

/**
 * Answer the message in hand. When it was sent and not called, or the caller is gone or has given
 * up, nobody waits: the answer is dropped and this is still TR_OK, because it is not the callee's
 * failure.
 * @return TR_OK, TR_EALREADY when it was answered or deferred before, TR_EINVAL outside receive,
 *         or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_reply(tr_self *self, const tr_type_t *type, const void *value);

/** Answer the message in hand with an error, any but TR_OK: the caller's tr_call returns it. */
TR_API TR_MUST_CHECK tr_err_t tr_reply_error(tr_self *self, tr_err_t error);

/**
 * Hand the request in hand on: `to` gets it as if the caller had called there, with the same
 * deadline, and its answer goes straight to the caller. Objects in local fields of the message move
 * along. May wait for room in the mailbox of `to`. When the caller gives up, `to` is told.
 * @return TR_OK, and nothing is left to answer here; otherwise the duty is still yours: TR_EINVAL
 *         when the message in hand is not a call or `to` is self, TR_EALREADY, TR_EDEAD, TR_EFULL,
 *         TR_ETOOBIG, TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_delegate(tr_self *self, tr_ref_t to);

/** The duty to answer one request, kept for later: the sending end of a oneshot (oneshot.h). Owned
 *  by the life that has it; it may be sent to another in a message. */
typedef struct tr_token tr_token;

/** So that a token can be a field of a message: local(tr_token). */
extern TR_API const tr_local_t tr_token_local;

/**
 * Keep the duty to answer beyond the handler. Answer it once, with tr_token_reply or
 * tr_token_reply_error, in any later handler of whoever has it; either releases it. A life that
 * ends with open tokens answers them: TR_ECRASHED after a failure, TR_ENOREPLY after an orderly
 * end. So does a message that ends with a token in it: TR_ENOREPLY.
 * @param out  owned until it is answered
 * @return TR_OK, TR_EINVAL when the message in hand is not a call, TR_EALREADY, or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_defer(tr_self *self, tr_token **out);

/**
 * Answer. `self` is the actor that has the token, or TR_OUTSIDE.
 * @return TR_OK; TR_ECLOSED when the other end of a oneshot was closed, so that nobody received
 *         it; TR_ENOMEM, TR_EINVAL, also for a token that is NULL, TR_ETOOBIG. After TR_OK and
 *         TR_ECLOSED the token is gone, after the others it is still yours.
 */
TR_API TR_MUST_CHECK tr_err_t tr_token_reply(tr_self *self, tr_token *token, const tr_type_t *type,
                                             const void *value);

/** Answer with an error. The token is gone. NULL is allowed. */
TR_API void tr_token_reply_error(tr_self *self, tr_token *token, tr_err_t error);

/** True when an answer may still be of use: the request's deadline has not passed, the other end of
 *  a oneshot is not closed. */
TR_API bool tr_token_is_wanted(const tr_self *self, const tr_token *token);

/** Wait until an answer is of no use any more. TR_OK, TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_token_await_unwanted(tr_self *self, tr_token *token,
                                                      tr_duration_t timeout);

/**
 * Keep the message in hand beyond the handler that got it. Objects in its local fields move to what
 * is kept.
 * @return the message, owned until tr_release or the end of this life; NULL outside receive.
 */
TR_API const tr_message *tr_message_keep(tr_self *self, const tr_message *msg);

/**
 * Give an answer of tr_call, or a kept message, back before the handler (or the life) ends. A
 * handler that loops, such as the one of a connection, does this for each answer.
 * @param value  what TR_REPLY or TR_REPLY_ANY or tr_message_keep gave. NULL is allowed.
 */
TR_API void tr_release(tr_self *self, const void *value);

TR_END_DECLS

#endif
