/**
 * @file mailbox.h
 * Two more ways to deal with mailboxes: take a chosen message out of one's own in the middle of a
 * handler, and reserve room in another's before there is anything to send.
 *
 *     const tr_message *msg;
 *     err = tr_receive(self, TR_TYPES(approved, refused), &msg, tr_seconds(10));
 *     if (err == TR_OK && tr_as(approved, msg) != NULL) { … }
 *
 *     tr_permit *permit;
 *     err = tr_reserve(self, log, sizeof(entry), tr_ms(50), &permit);   // there is room
 *     e = tr_permit_send(self, permit, TR_MSG(entry, .id = take()));    // so nothing taken is lost
 */
#ifndef TROUPE_MAILBOX_H
#define TROUPE_MAILBOX_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"

TR_BEGIN_DECLS

/** The types to wait for, one to eight: two arguments. */
#define TR_TYPES(...)                                                                              \
    TR_TYPES_LIST_(TR_TYPES_EACH_(__VA_ARGS__)), TR_TYPES_COUNT_(TR_TYPES_EACH_(__VA_ARGS__))

/** Whatever message comes first; notices of the runtime stay for the handler. */
#define TR_ANY_TYPE NULL, 0

/**
 * Take the first message of the chosen types out of my mailbox, waiting for one if there is none.
 * The others stay where they are, in their order. High messages are looked at first. Notices of the
 * runtime (tr_child_exit, tr_down) are found where their type is named, ahead of all others; a
 * child's failure that is received here is handled.
 *
 * The message is handled when this handler returns TR_OK or tr_release gives it back. A call is
 * answered with tr_reply_to; one that was not is answered with TR_ENOREPLY then, with TR_ECRASHED
 * when the handler fails, with TR_EDEAD when the actor is killed.
 *
 * @param types    TR_TYPES(a, b, …) or TR_ANY_TYPE
 * @param count
 * @param out      borrowed until the handler in progress returns, or until tr_release
 * @param timeout  from now; TR_FOREVER for none of its own, the deadline of the message in hand
 *                 still counts
 * @return TR_OK, TR_ETIMEOUT, TR_ECANCELED when self is being stopped (what is there already may be
 *         received first), TR_EINVAL when `types` is NULL and `count` is not 0, TR_ENOMEM.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_receive(tr_self *self, const tr_type_t *const *types, size_t count,
                                         const tr_message **out, tr_duration_t timeout);

/**
 * Answer a message that tr_receive or a channel gave. As tr_reply for the message in hand.
 * @param msg  received by this handler; borrowed
 * @return TR_OK, TR_EALREADY when it was answered before, TR_EINVAL when it was not received by
 * this handler, or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_reply_to(tr_self *self, const tr_message *msg,
                                          const tr_type_t *type, const void *value);

/** The same with an error, any but TR_OK. */
TR_API TR_MUST_CHECK tr_err_t tr_reply_error_to(tr_self *self, const tr_message *msg,
                                                tr_err_t error);

/** Room in a mailbox that nobody else can take. Belongs to the life that reserved it. */
typedef struct tr_permit tr_permit;

/**
 * Reserve room for one message, waiting for it as tr_send would. What is sent with a permit later
 * finds its room and does not wait; it is not in the mailbox before, and keeps no order with
 * messages sent without.
 *
 * @param to          whose mailbox
 * @param size_bytes  the largest value that will be sent, as it is laid out flat: the structure,
 * then its text, bytes and lists, each part aligned; and the bytes of its buffers
 * @param timeout     from now; zero: only if there is room now. An inherited deadline counts too
 * @param out         owned until its last place is used or tr_permit_release; given back when this
 *                    life ends
 * @return TR_OK, or
 *         TR_EDEAD      the receiver has ended
 *         TR_EFULL      the mailbox is at its bound and its policy is not TR_SUSPEND
 *         TR_ETOOBIG    there can never be so much room in this mailbox
 *         TR_EINVAL     its policy is TR_DROP_OLDEST: room there is taken from others, not reserved
 *         TR_EDEADLK    the mailbox is full and it is my own
 *         TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_reserve(tr_self *self, tr_ref_t to, size_t size_bytes,
                                         tr_duration_t timeout, tr_permit **out);

/** As tr_reserve, for `count` messages at once: all of the room or none. `count` is at least 1. */
TR_API TR_MUST_CHECK tr_err_t tr_reserve_many(tr_self *self, tr_ref_t to, uint32_t count,
                                              size_t size_bytes, tr_duration_t timeout,
                                              tr_permit **out);

/**
 * Send in reserved room. Never waits. On TR_OK one place of the permit is used; with the last one
 * the permit is gone. On an error it is as it was.
 * @return TR_OK, TR_EDEAD when the receiver has ended, TR_ETOOBIG when the value is larger than
 *         what was reserved, or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_permit_send(tr_self *self, tr_permit *permit,
                                             const tr_type_t *type, const void *value);

/** Places of a permit that are left. */
TR_API uint32_t tr_permit_count(const tr_permit *permit);

/** Give back what is left of a permit. NULL is allowed. */
TR_API void tr_permit_release(tr_self *self, tr_permit *permit);

TR_END_DECLS

// ---- below: what TR_TYPES is made of ----------------------------------------------------------

#define TR_TYPES_EACH_(...)                                                                        \
    TR_TYPES_PICK_(__VA_ARGS__, TR_TYPES_8_, TR_TYPES_7_, TR_TYPES_6_, TR_TYPES_5_, TR_TYPES_4_,   \
                   TR_TYPES_3_, TR_TYPES_2_, TR_TYPES_1_, TR_TYPES_0_)                             \
    (__VA_ARGS__)
#define TR_TYPES_PICK_(a, b, c, d, e, f, g, h, pick, ...) pick
#define TR_TYPES_1_(a)                                    &a##_type
#define TR_TYPES_2_(a, ...)                               &a##_type, TR_TYPES_1_(__VA_ARGS__)
#define TR_TYPES_3_(a, ...)                               &a##_type, TR_TYPES_2_(__VA_ARGS__)
#define TR_TYPES_4_(a, ...)                               &a##_type, TR_TYPES_3_(__VA_ARGS__)
#define TR_TYPES_5_(a, ...)                               &a##_type, TR_TYPES_4_(__VA_ARGS__)
#define TR_TYPES_6_(a, ...)                               &a##_type, TR_TYPES_5_(__VA_ARGS__)
#define TR_TYPES_7_(a, ...)                               &a##_type, TR_TYPES_6_(__VA_ARGS__)
#define TR_TYPES_8_(a, ...)                               &a##_type, TR_TYPES_7_(__VA_ARGS__)

#ifdef __cplusplus
template <class... T> struct tr_cpp_types {
    const tr_type_t *items[sizeof...(T)];
    tr_cpp_types(T... types) : items{types...}
    {
    }
};
template <class... T>
tr_cpp_types<T...>
tr_cpp_types_of(T... types)
{
    return tr_cpp_types<T...>(types...);
}
#define TR_TYPES_LIST_(...) (tr_cpp_types_of(__VA_ARGS__).items)
#define TR_TYPES_COUNT_(...)                                                                       \
    (sizeof(tr_cpp_types_of(__VA_ARGS__).items) / sizeof(const tr_type_t *))
#else
#define TR_TYPES_LIST_(...)                                                                        \
    (const tr_type_t *const[])                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define TR_TYPES_COUNT_(...)                                                                       \
    (sizeof((const tr_type_t *const[]){__VA_ARGS__}) / sizeof(const tr_type_t *))
#endif

#endif
