// message.h: a message as it travels: a header of 48 bytes and the value, flat, in one pooled
// block. A message has exactly one owner at every instant: its sender, the inbox that it is in, the
// actor that took it, the handler's keep list.
#ifndef TRI_MSG_MESSAGE_H
#define TRI_MSG_MESSAGE_H

#include "troupe/error.h"
#include "troupe/message.h"

#include "base/inbox.h"
#include "base/pool.h"
#include "msg/parts.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What every inbox of an actor holds: enough to tell the runtime's own mail from messages.
typedef struct tri_parcel {
    tri_mail mail;
    const tr_type_t *type;
} tri_parcel;

struct tr_message {
    tri_parcel parcel;
    tr_ref_t sender; // none: from outside, or the runtime itself
    uint64_t meta;   // deadline << 16 | TRI_MSG_… flags; see tri_message_deadline
    uint32_t
        generation;     // of the target slot when it was sent: another one means the target is gone
    uint32_t request;   // calls and their answers: number among the caller's requests
    uint32_t size;      // bytes of the value
    uint32_t sent_tick; // the sender's clock >> 20, for its age; wraps after 52 days
    alignas(16) unsigned char value[];
};
static_assert(sizeof(struct tr_message) == 48, "header and 16 bytes of payload share a cache line");

#define TRI_MSG_CLASS    0x000fu // of the pool
#define TRI_MSG_CALL     0x0010u // the sender waits for an answer
#define TRI_MSG_REPLY    0x0020u // an answer
#define TRI_MSG_CHARGED  0x0040u // its size counts in its target's bound
#define TRI_MSG_TIMER    0x0080u // came from tr_send_after; `request` is the timer
#define TRI_MSG_LOCAL    0x0100u // lives on the stack of the handler that reads it
#define TRI_MSG_OUTSIDE  0x0200u // its sender is the port of a thread outside
#define TRI_MSG_HIGH     0x0400u // goes ahead of those without; see mailbox.c
#define TRI_MSG_ACCEPTED 0x0800u // of a timer: the ledger has it
#define TRI_MSG_TAKEN    0x1000u // out of a mailbox in the middle of a handler; not settled yet
#define TRI_MSG_OWNS     0x2000u // its locals are its own
#define TRI_MSG_MINE     0x4000u // of a TAKEN one: the mailbox was that of who took it
#define TRI_MSG_FLAGS    0xffffu

// What a message takes of a bound in bytes.
static inline uint64_t
tri_message_charge(size_t value_size)
{
    return sizeof(tr_message) + value_size;
}

// The same of a message, with the bufs that it shares. Until its parts are released it stays the
// same: an object that is taken out counts nothing.
static inline uint64_t
tri_message_charge_of(const tr_message *msg)
{
    return tri_message_charge(msg->size) + tri_parts_bytes(msg->parcel.type, msg->value);
}

// The deadline in nanoseconds of tri_clock_ns, rounded up to 1024; INT64_MAX when it has none.
static inline int64_t
tri_message_deadline(const tr_message *msg)
{
    uint64_t ticks = msg->meta >> 16;
    return ticks == 0 ? INT64_MAX : (int64_t)(ticks << 10);
}

static inline void
tri_message_set_deadline(tr_message *msg, int64_t deadline_ns)
{
    // 48 bits of 1024 ns are nine years; a deadline beyond that is none.
    uint64_t ticks = ((uint64_t)deadline_ns + 1023) >> 10;
    if (deadline_ns == INT64_MAX || ticks >= (uint64_t)1 << 48) {
        ticks = 0;
    }
    msg->meta = ticks << 16 | (msg->meta & TRI_MSG_FLAGS);
}

// The message around a value that a handler holds.
static inline tr_message *
tri_message_of(const void *value)
{
    return TRI_CONTAINER(value, tr_message, value);
}

static inline tr_message *
tri_message_from(tri_parcel *parcel)
{
    return TRI_CONTAINER(parcel, tr_message, parcel);
}

// A message with room for `size` bytes of value, which is not written; NULL: no memory.
tr_message *tri_message_alloc(tri_pool *pool, const tr_type_t *type, size_t size);

// A message with a flat copy of `value`, whose tri_layout_size is `size`; NULL: no memory. It has
// references of its own to the bufs. The locals are in it and still the caller's, until the message
// is delivered: TRI_MSG_OWNS.
tr_message *
tri_message_create(tri_pool *pool, const tr_type_t *type, const void *value, size_t size);

// The message is about to be delivered: the local objects in it leave the sender and are its own.
static inline void
tri_message_own_parts(tr_message *msg)
{
    if (tri_parts_may_be(msg->parcel.type)) {
        tri_parts_leave(msg->parcel.type, msg->value);
        msg->meta |= TRI_MSG_OWNS;
    }
}

// It was not delivered after all: they are the sender's again.
static inline void
tri_message_return_parts(tr_message *msg, struct tr_self *sender)
{
    if ((msg->meta & TRI_MSG_OWNS) != 0) {
        msg->meta &= ~(uint64_t)TRI_MSG_OWNS;
        tri_parts_adopt(msg->parcel.type, msg->value, sender);
    }
}

// Give the references to its bufs back and, with TRI_MSG_OWNS, drop its locals, ahead of its end.
// The value is not to be read any more. May be done twice.
void tri_message_release_parts(tr_message *msg);

// Release the parts, and give the block back. NULL is allowed.
void tri_message_destroy(tri_pool *pool, tri_depot *depot, tr_message *msg);

// Bytes of a message's value when sent, checked; TR_ETOOBIG over what a header can say.
tr_err_t tri_message_measure(const tr_type_t *type, const void *value, size_t *out);

#endif
