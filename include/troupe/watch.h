/**
 * @file watch.h
 * A channel that holds one value, the newest: configuration, a state that others follow. Readers
 * see what it is now and can wait until it changes; what it was in between is not kept.
 *
 *     err = tr_watch_create(self, TR_MSG(settings, .level = 3), &tx, &rx);
 *     …
 *     err = tr_watch_send(self, tx, TR_MSG(settings, .level = 4));        // elsewhere
 *     …
 *     while ((err = tr_watch_await_change(self, rx, TR_FOREVER)) == TR_OK) {
 *         err = tr_watch_get(self, rx, &msg);
 *         …
 *         tr_release(self, msg);
 *     }
 *
 * Ends are as those of broadcast.h: of a life, or in a message as local(tr_watch_tx) or
 * local(tr_watch_rx), with TR_OUTSIDE for threads.
 */
#ifndef TROUPE_WATCH_H
#define TROUPE_WATCH_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** A sending end. */
typedef struct tr_watch_tx tr_watch_tx;

/** A reader. */
typedef struct tr_watch_rx tr_watch_rx;

/** So that an end can be a field of a message: local(tr_watch_tx). */
extern TR_API const tr_local_t tr_watch_tx_local;

/** So that a reader can be a field of a message: local(tr_watch_rx). */
extern TR_API const tr_local_t tr_watch_rx_local;

/**
 * Make a watch with its first value, which its first reader has seen. Both ends belong to `self`.
 * @param type    the value: TR_MSG(name, .field = …). Copied. Later ones may be of another type.
 * @param value
 * @param out_tx  owned: tr_watch_tx_close
 * @param out_rx  owned: tr_watch_rx_close; NULL for none
 * @return TR_OK, TR_EINVAL when the value has a local object, TR_ETOOBIG when it is larger than any
 *         message may be, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_watch_create(tr_self *self, const tr_type_t *type,
                                              const void *value, tr_watch_tx **out_tx,
                                              tr_watch_rx **out_rx);

/** The same for a thread outside, which closes the ends before tr_runtime_destroy. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_watch_create(tr_runtime *rt, const tr_type_t *type,
                                                      const void *value, tr_watch_tx **out_tx,
                                                      tr_watch_rx **out_rx);

/** One more reader, for `self`; it has seen the value of now. TR_OK or TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_watch_subscribe(tr_self *self, tr_watch_tx *tx, tr_watch_rx **out);

/** The same beside a reader. */
TR_API TR_MUST_CHECK tr_err_t tr_watch_resubscribe(tr_self *self, tr_watch_rx *rx,
                                                   tr_watch_rx **out);

/** One more sending end, for `self`. TR_OK or TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_watch_tx_clone(tr_self *self, tr_watch_tx *tx, tr_watch_tx **out);

/** Give it a new value, whether anybody reads it or not. Never waits. TR_OK, TR_EINVAL, TR_ETOOBIG,
 *  TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_watch_send(tr_self *self, tr_watch_tx *tx, const tr_type_t *type,
                                            const void *value);

/**
 * The value of now, seen before or not; it has been seen then. Never waits, and works also when all
 * senders are gone.
 * @param out  a copy, borrowed until the handler in progress returns or tr_release; from a thread
 *             outside, owned: tr_runtime_release
 * @return TR_OK or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_watch_get(tr_self *self, tr_watch_rx *rx, const tr_message **out);

/** True when there is a value that this reader has not seen. */
TR_API bool tr_watch_has_changed(const tr_watch_rx *rx);

/**
 * Wait for a value that this reader has not seen.
 * @return TR_OK, TR_ECLOSED when there is none and all senders are gone, TR_ETIMEOUT, TR_ECANCELED,
 *         TR_ENOMEM.
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_watch_await_change(tr_self *self, tr_watch_rx *rx,
                                                    tr_duration_t timeout);

/** Wait until there is no reader. TR_OK, TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM. */
TR_API TR_MUST_CHECK tr_err_t tr_watch_await_unread(tr_self *self, tr_watch_tx *tx,
                                                    tr_duration_t timeout);

/** Close a sending end. NULL is allowed. */
TR_API void tr_watch_tx_close(tr_watch_tx *tx);

/** Close a reader. NULL is allowed. */
TR_API void tr_watch_rx_close(tr_watch_rx *rx);

TR_END_DECLS

#endif
