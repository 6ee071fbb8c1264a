/**
 * @file set.h
 * Many calls or tasks with a limit on how many are under way at once, their results taken in the
 * order in which they are done.
 *
 *     tr_set *set;
 *     err = tr_set_create(self, 16, &set);
 *     for (size_t i = 0; err == TR_OK && i < count; i++) {
 *         err = tr_set_call(self, set, store, TR_MSG(stock_get, .sku = skus[i]), tr_ms(200));
 *     }
 *     tr_future *done;
 *     size_t i;
 *     while (err == TR_OK && (err = tr_set_next(self, set, &done, &i)) == TR_OK) {
 *         const amount *a;
 *         results[i] = tr_future_await(self, done, TR_REPLY(amount, &a));
 *     }
 *     tr_set_destroy(self, set);
 */
#ifndef TROUPE_SET_H
#define TROUPE_SET_H

#include "troupe/future.h"

TR_BEGIN_DECLS

/** Owned by the life that made it, and used by it alone. */
typedef struct tr_set tr_set;

/**
 * @param limit  how many may be under way at once; at least 1
 * @param out    owned: tr_set_destroy, or the end of this life
 * @return TR_OK, TR_EINVAL, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_set_create(tr_self *self, size_t limit, tr_set **out);

/**
 * Begin a call; its index is how many the set was given before. While `limit` are under way it
 * waits for one to be done, and it waits as tr_call_begin does.
 * @return TR_OK, and what goes wrong with the call is its result; or nothing was added:
 *         TR_ECANCELED, TR_ETIMEOUT at a deadline of self's own, TR_ENOMEM.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_set_call(tr_self *self, tr_set *set, tr_ref_t to,
                                          const tr_type_t *type, const void *value,
                                          tr_duration_t timeout);

/** The same for a task; see tr_task. */
TR_API TR_MUST_CHECK tr_err_t tr_set_task(tr_self *self, tr_set *set, tr_task_fn fn,
                                          const void *arg, size_t arg_size, tr_duration_t timeout);

/**
 * Wait for the next that is done.
 * @param out        done, and yours: tr_future_await, which does not wait, or tr_future_cancel
 * @param out_index  its index; may be NULL
 * @return TR_OK; TR_ENOTFOUND when the set is empty; TR_ECANCELED, TR_ETIMEOUT at a deadline of
 *         self's own, TR_ENOMEM.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_set_next(tr_self *self, tr_set *set, tr_future **out,
                                          size_t *out_index);

/** How many tr_set_next has still to give. */
TR_API size_t tr_set_count(const tr_set *set);

/** Cancel what is left. NULL is allowed. */
TR_API void tr_set_destroy(tr_self *self, tr_set *set);

TR_END_DECLS

#endif
