/**
 * @file buf.h
 * A buf is a run of bytes that does not change any more and counts who holds it. Messages carry it
 * without copying: a field of kind buf costs a pointer, however large the bytes are and however
 * many messages share them. It ends when the last reference is given back.
 *
 *     #define CHUNK(F, T) F(T, u64, offset) F(T, buf, data)
 *     TR_MESSAGE(chunk, CHUNK);
 *
 *     tr_buf *buf;
 *     err = tr_buf_create(bytes, size, &buf);
 *     err = tr_send(self, one, TR_MSG(chunk, .data = buf));    // the message takes a reference
 *     err = tr_send(self, other, TR_MSG(chunk, .data = buf));  // and so does this one
 *     tr_buf_unref(buf);                                       // the sender's own
 *
 * A handler borrows the buf of its message, as it borrows the message; tr_buf_ref keeps it longer.
 */
#ifndef TROUPE_BUF_H
#define TROUPE_BUF_H

#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"

#include <stddef.h>

TR_BEGIN_DECLS

/**
 * Ends the memory that tr_buf_wrap adopted: `data` and `size` are what it was given, and nobody
 * else has them any more. Called once, on whichever thread gives the last reference back, a worker
 * or any other, and so it must not wait and knows no `self`.
 */
typedef void (*tr_buf_free_fn)(void *data, size_t size, void *arg);

/**
 * Make a buf with a copy of these bytes.
 * @param data  borrowed during the call; may be NULL when `size` is 0
 * @param out   one reference, owned; tr_buf_unref
 * @return TR_OK, TR_EINVAL when there is a size and no data, TR_ENOMEM
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_buf_create(const void *data, size_t size, tr_buf **out);

/**
 * Make a buf whose bytes are still to be written. Whoever makes it fills it before it is first
 * shared, by a send or by handing the pointer to another thread; from then on they do not change.
 * @param size      may be 0
 * @param out_data  where to write `size` bytes, aligned for any type; not initialised. Borrowed,
 *                  for as long as the reference is held.
 * @param out       one reference, owned; tr_buf_unref
 * @return TR_OK, TR_ENOMEM
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_buf_alloc(size_t size, void **out_data, tr_buf **out);

/**
 * Make a buf of memory that is there already.
 * @param data     given: on TR_OK it belongs to the buf and must not change; on an error it is
 *                 still the caller's, and free_fn is not called. May be NULL when `size` is 0.
 * @param free_fn  called once when the last reference is given back, also for a size of 0; NULL for
 *                 memory that outlives every buf, as a constant does
 * @param arg      handed to free_fn
 * @param out      one reference, owned; tr_buf_unref
 * @return TR_OK, TR_EINVAL when there is a size and no data, TR_ENOMEM
 * @threads any
 */
TR_API TR_MUST_CHECK tr_err_t tr_buf_wrap(const void *data, size_t size, tr_buf_free_fn free_fn,
                                          void *arg, tr_buf **out);

/**
 * One more reference, owned; tr_buf_unref. The caller holds one already, or borrows one that stays
 * for the time of the call. NULL is allowed.
 * @return buf
 * @threads any
 */
TR_API tr_buf *tr_buf_ref(tr_buf *buf);

/**
 * Give a reference back. The last one ends the buf, on this thread, before this returns. NULL is
 * allowed.
 * @threads any
 */
TR_API void tr_buf_unref(tr_buf *buf);

/**
 * The bytes of a buf; NULL has none. Borrowed for as long as a reference is held.
 * @threads any
 */
TR_API tr_bytes_t tr_buf_bytes(const tr_buf *buf);

TR_END_DECLS

#endif
