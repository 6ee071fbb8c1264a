/**
 * @file oneshot.h
 * A channel for one message. Its sending end is a tr_token, the same that tr_defer gives: who has
 * one need not know whether a call or a oneshot waits at the other end. Make the oneshot where the
 * message is awaited, and hand the token out.
 *
 *     tr_token *tx;
 *     tr_oneshot *rx;
 *     err = tr_oneshot_create(self, &tx, &rx);
 *     err = tr_send(self, worker, TR_MSG(job, .done = tx));       // local(tr_token): it moves
 * there const result *r; err = tr_oneshot_recv(self, rx, TR_REPLY(result, &r), tr_seconds(1));
 *     tr_oneshot_close(rx);
 *
 * The sender answers with tr_token_reply or tr_token_reply_error; a token that is dropped answers
 * TR_ENOREPLY, one whose holder crashes TR_ECRASHED. When the receiving end is closed, the token's
 * holder learns it from tr_token_is_wanted, from tr_token_await_unwanted, and from TR_ECLOSED
 * instead of TR_OK: what it wanted to send was not received.
 *
 * `self` is the calling actor; a thread outside says TR_OUTSIDE. An end belongs to the life that
 * has it, and may be sent in a message: local(tr_token), local(tr_oneshot). An end is waited for by
 * one at a time; a receiving end that is sent through its own token can be received by nobody.
 */
#ifndef TROUPE_ONESHOT_H
#define TROUPE_ONESHOT_H

#include "troupe/actor.h"
#include "troupe/call.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** The receiving end. */
typedef struct tr_oneshot tr_oneshot;

/** So that the receiving end can be a field of a message: local(tr_oneshot). */
extern TR_API const tr_local_t tr_oneshot_local;

/**
 * Make a oneshot; both ends belong to `self`.
 * @param out_tx  owned until it has answered: see call.h
 * @param out_rx  owned: tr_oneshot_close
 * @return TR_OK or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_oneshot_create(tr_self *self, tr_token **out_tx,
                                                tr_oneshot **out_rx);

/** The same for a thread outside, which ends both before tr_runtime_destroy. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_oneshot_create(tr_runtime *rt, tr_token **out_tx,
                                                        tr_oneshot **out_rx);

/**
 * Wait for the message.
 * @param expect   TR_REPLY(name, &pointer), TR_REPLY_ANY or TR_REPLY_NONE, as for tr_call
 * @param out      borrowed until the handler in progress returns or tr_release; from a thread
 *                 outside, owned: tr_runtime_release
 * @param timeout  zero: only if it is there
 * @return TR_OK, or
 *         TR_ETIMEOUT  it has not come; it may be awaited again
 *         TR_ENOREPLY  the token was dropped; TR_ECRASHED: its holder has failed
 *         TR_ECLOSED   tr_oneshot_shut was said, and nothing had been sent before
 *         TR_EALREADY  it was received before
 *         TR_ETYPE     it is of another type than expected, and was released
 *         TR_ECANCELED, TR_ENOMEM, and any error that was given to tr_token_reply_error
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_oneshot_recv(tr_self *self, tr_oneshot *rx,
                                              const tr_type_t *expect, void *out,
                                              tr_duration_t timeout);

/** Want nothing that has not been sent yet. What has been is still received: so one that gives up
 *  waiting knows for certain whether the message was sent. */
TR_API void tr_oneshot_shut(tr_oneshot *rx);

/** Close the receiving end. NULL is allowed. */
TR_API void tr_oneshot_close(tr_oneshot *rx);

TR_END_DECLS

#endif
