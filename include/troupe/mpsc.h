/**
 * @file mpsc.h
 * A channel from many senders to one receiver: a mailbox that belongs to no actor. It has what a
 * mailbox has, bounds in messages and bytes, the policies of a full one, two lanes, an address, and
 * is received from by hand, in an actor's handler or in a thread of your own.
 *
 *     tr_mpsc_tx *tx;
 *     tr_mpsc_rx *rx;
 *     err = tr_mpsc_create(self, &(tr_mpsc_opts_t){.count = 64}, &tx, &rx);
 *     err = tr_send(self, worker, TR_MSG(start, .results = tx));      // the sending end moves
 * there while ((err = tr_mpsc_recv(self, rx, &msg, TR_FOREVER)) == TR_OK) { … tr_release(self,
 * msg); }                                                               // TR_ECLOSED: all ends are
 * gone
 *
 * Ends      A sending end (tr_mpsc_tx) keeps the channel open. An end that an actor has belongs to
 *           that life and is closed with it, so a crash closes what it held. It can be sent in a
 *           message, as a field of kind local(tr_mpsc_tx): it is the message's then, and its
 *           receiver's when that takes it with tr_take. The same holds for the receiving end; but
 *           one that is sent into its own channel can be received by nobody, and stays there.
 * Closing   When all sending ends are closed, or the receiver says tr_mpsc_shut, nothing is let in
 *           any more; what is queued is still received, then comes TR_ECLOSED. When the receiving
 *           end is closed, what is queued is discarded.
 * Address   tr_mpsc_ref is the channel's address: tr_send, tr_call, tr_reserve and their kin work
 *           with it. It does not keep the channel open: it is the weak sender, and
 *           tr_mpsc_tx_open makes a sending end of it as long as there is another.
 *
 * `self` is the calling actor; a thread outside the runtime says TR_OUTSIDE, and blocks where an
 * actor waits. An end is used by its owner alone, one call at a time.
 */
#ifndef TROUPE_MPSC_H
#define TROUPE_MPSC_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** A sending end. */
typedef struct tr_mpsc_tx tr_mpsc_tx;

/** The receiving end. */
typedef struct tr_mpsc_rx tr_mpsc_rx;

/** So that an end can be a field of a message: local(tr_mpsc_tx). */
extern TR_API const tr_local_t tr_mpsc_tx_local;

/** So that an end can be a field of a message: local(tr_mpsc_rx). */
extern TR_API const tr_local_t tr_mpsc_rx_local;

/** Zero is the default of every field. */
typedef struct tr_mpsc_opts {
    const char *name;      // shown by the tools; copied
    uint32_t count;        // bound in messages; 0 for 256
    size_t bytes;          // bound in bytes; 0 for 1 MiB
    tr_full_policy_t full; // when the bound is reached
} tr_mpsc_opts_t;

/**
 * Open a channel; both ends belong to `self`.
 * @param opts    NULL for all defaults. Borrowed.
 * @param out_tx  owned: tr_mpsc_tx_close
 * @param out_rx  owned: tr_mpsc_rx_close
 * @return TR_OK, TR_EINVAL when an option is outside its range, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_mpsc_create(tr_self *self, const tr_mpsc_opts_t *opts,
                                             tr_mpsc_tx **out_tx, tr_mpsc_rx **out_rx);

/** The same for a thread outside, which closes both ends before tr_runtime_destroy. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_mpsc_create(tr_runtime *rt, const tr_mpsc_opts_t *opts,
                                                     tr_mpsc_tx **out_tx, tr_mpsc_rx **out_rx);

/** The channel's address, which does not keep it open. */
TR_API tr_ref_t tr_mpsc_ref(const tr_mpsc_tx *tx);

/** The same from the receiving end. */
TR_API tr_ref_t tr_mpsc_rx_ref(const tr_mpsc_rx *rx);

/**
 * A sending end for the channel with this address.
 * @return TR_OK, TR_ECLOSED when nothing is let in there (any more), TR_EINVAL when this is not the
 *         address of a channel, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_mpsc_tx_open(tr_self *self, tr_ref_t ref, tr_mpsc_tx **out);

/** The same for a thread outside. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_mpsc_tx_open(tr_runtime *rt, tr_ref_t ref,
                                                      tr_mpsc_tx **out);

/** Close a sending end. The last one closes the channel. NULL is allowed. */
TR_API void tr_mpsc_tx_close(tr_mpsc_tx *tx);

/**
 * Send into the channel. As tr_send, with a timeout of its own.
 * @param timeout  how long to wait for room where the policy is TR_SUSPEND; zero: not at all
 * @return TR_OK, TR_ECLOSED, TR_EFULL by its policy, TR_ETOOBIG, TR_ETIMEOUT when there was no room
 * in time, TR_ECANCELED, TR_ENOMEM
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_mpsc_send(tr_self *self, tr_mpsc_tx *tx, const tr_type_t *type,
                                           const void *value, tr_duration_t timeout);

/** True when nothing is let in any more. */
TR_API bool tr_mpsc_is_closed(const tr_mpsc_tx *tx);

/** Wait until nothing is let in any more. TR_OK, TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_mpsc_await_closed(tr_self *self, tr_mpsc_tx *tx,
                                                   tr_duration_t timeout);

/**
 * Receive the next message, in the order of a mailbox: high ones first, at most eight in a row.
 * @param out      borrowed until the handler in progress returns or tr_release; from a thread
 *                 outside, owned: tr_runtime_release. A call is answered with tr_reply_to, or
 *                 tr_runtime_reply_to.
 * @param timeout  zero: only if there is one now
 * @return TR_OK, TR_ECLOSED when it is closed and everything was received, TR_ETIMEOUT,
 *         TR_ECANCELED when self is being stopped, TR_ENOMEM when there is none to wait with.
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_mpsc_recv(tr_self *self, tr_mpsc_rx *rx, const tr_message **out,
                                           tr_duration_t timeout);

/** Messages that are queued, or reserved by permits. */
TR_API uint32_t tr_mpsc_count(const tr_mpsc_rx *rx);

/** Let nothing in any more: what is queued, and what permits send, is still received. */
TR_API void tr_mpsc_shut(tr_mpsc_rx *rx);

/** Close the receiving end: what is queued is discarded, calls are answered TR_EDEAD. NULL is
 *  allowed. */
TR_API void tr_mpsc_rx_close(tr_mpsc_rx *rx);

TR_END_DECLS

#endif
