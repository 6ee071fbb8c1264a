/**
 * @file broadcast.h
 * A channel on which every reader gets every message. Senders never wait: the newest messages are
 * kept, as many as the bounds allow, and a reader that falls behind is told how many it missed and
 * goes on with the oldest that is left.
 *
 *     tr_broadcast_tx *tx;
 *     tr_broadcast_rx *rx;
 *     err = tr_broadcast_create(self, &(tr_broadcast_opts_t){.count = 1024}, &tx, &rx);
 *     …
 *     while ((err = tr_broadcast_recv(self, rx, &msg, TR_FOREVER)) != TR_ECLOSED) {
 *         if (err == TR_ELAGGED) {
 *             note_a_gap(tr_broadcast_missed(rx));
 *         } else if (err == TR_OK) {
 *             …
 *             tr_release(self, msg);
 *         } else {
 *             return err;
 *         }
 *     }
 *
 * A reader begins with the first message that is sent after it was made. When the last sending end
 * is closed, readers get what is left for them and then TR_ECLOSED. An end belongs to the life that
 * has it, and may be sent in a message: local(tr_broadcast_tx), local(tr_broadcast_rx). Each reader
 * gets a copy; large data is shared as a tr_buf. `self` is the calling actor; a thread outside says
 * TR_OUTSIDE, and blocks where an actor waits. Senders may be used by several threads; a reader by
 * its owner alone.
 */
#ifndef TROUPE_BROADCAST_H
#define TROUPE_BROADCAST_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** A sending end. */
typedef struct tr_broadcast_tx tr_broadcast_tx;

/** A reader. */
typedef struct tr_broadcast_rx tr_broadcast_rx;

/** So that an end can be a field of a message: local(tr_broadcast_tx). */
extern TR_API const tr_local_t tr_broadcast_tx_local;

/** So that a reader can be a field of a message: local(tr_broadcast_rx). */
extern TR_API const tr_local_t tr_broadcast_rx_local;

/** Zero is the default of both fields. */
typedef struct tr_broadcast_opts {
    uint32_t count; // messages that are kept for slow readers; 0 for 256
    size_t bytes;   // and how many bytes of them; 0 for 1 MiB
} tr_broadcast_opts_t;

/**
 * Make a broadcast channel; both ends belong to `self`.
 * @param opts    NULL for all defaults
 * @param out_tx  owned: tr_broadcast_tx_close
 * @param out_rx  a first reader, owned: tr_broadcast_rx_close; NULL for none
 * @return TR_OK, TR_EINVAL when a bound is over 4194303 messages or is 512 GiB and more,
 *         TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_create(tr_self *self, const tr_broadcast_opts_t *opts,
                                                  tr_broadcast_tx **out_tx,
                                                  tr_broadcast_rx **out_rx);

/** The same for a thread outside, which closes the ends before tr_runtime_destroy. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_broadcast_create(tr_runtime *rt,
                                                          const tr_broadcast_opts_t *opts,
                                                          tr_broadcast_tx **out_tx,
                                                          tr_broadcast_rx **out_rx);

/** One more reader, for `self`. TR_OK or TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_subscribe(tr_self *self, tr_broadcast_tx *tx,
                                                     tr_broadcast_rx **out);

/** The same beside a reader; it begins with what is sent next. */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_resubscribe(tr_self *self, tr_broadcast_rx *rx,
                                                       tr_broadcast_rx **out);

/** One more sending end, for `self`. TR_OK or TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_tx_clone(tr_self *self, tr_broadcast_tx *tx,
                                                    tr_broadcast_tx **out);

/**
 * Send to all readers. Never waits.
 * @param out_readers  how many there are; may be NULL
 * @return TR_OK, TR_ECLOSED when there is no reader, TR_ETOOBIG when it is larger than the bound,
 *         TR_EINVAL when it has a local object, which cannot be given to many, or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_send(tr_self *self, tr_broadcast_tx *tx,
                                                const tr_type_t *type, const void *value,
                                                uint32_t *out_readers);

/**
 * Receive the next message.
 * @param out      borrowed until the handler in progress returns or tr_release; from a thread
 *                 outside, owned: tr_runtime_release
 * @param timeout  zero: only if there is one now
 * @return TR_OK; TR_ELAGGED when messages were overwritten before they were read: see
 *         tr_broadcast_missed, and the next call goes on behind the gap; TR_ECLOSED when the last
 *         sender is gone and everything was read; TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM.
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_recv(tr_self *self, tr_broadcast_rx *rx,
                                                const tr_message **out, tr_duration_t timeout);

/** How many messages the last TR_ELAGGED was about. */
TR_API uint64_t tr_broadcast_missed(const tr_broadcast_rx *rx);

/** Wait until there is no reader. TR_OK, TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_broadcast_await_unread(tr_self *self, tr_broadcast_tx *tx,
                                                        tr_duration_t timeout);

/** Close a sending end. NULL is allowed. */
TR_API void tr_broadcast_tx_close(tr_broadcast_tx *tx);

/** Close a reader. NULL is allowed. */
TR_API void tr_broadcast_rx_close(tr_broadcast_rx *rx);

TR_END_DECLS

#endif
