// store.h: a shard: an actor that owns a part of the keys and answers batches of operations.
// A connection sends what it has for this shard in one call and gets the results in one answer, in
// the same order. The answer may cover only the first of them: then the rest is asked for again,
// and so neither side ever holds more than about STORE_BYTES beyond the one value in hand.
#ifndef KVD_STORE_H
#define KVD_STORE_H

#include "troupe/actor.h"
#include "troupe/call.h"
#include "troupe/message.h"

#include <stdbool.h>

#define STORE_OPS   4096u          // of one batch; more are not looked at
#define STORE_BYTES (1024u * 1024) // after which a batch, and an answer, is full

// The most items that one result has, in bytes with a tr_bytes_t for each: as much as the largest
// single value, and one item always. What would be more is refused, and nothing happens.
#define STORE_ITEMS_BYTES (64u * 1024 * 1024)

// The largest batch is STORE_BYTES and one operation, whose key and values are one request: at most
// 128 MiB, and 16 MiB for where each of its arguments is. The default of 1 MiB would refuse every
// large value. A shard's memory in queued requests is bounded by this as well: senders wait.
#define STORE_MAILBOX_BYTES (192u * 1024 * 1024)
#define STORE_MAILBOX_COUNT 1024u

#define STORE_VERBS(V)                                                                             \
    V(STORE_GET, 0)    /* the value; flags */                                                      \
    V(STORE_SET, 1)    /* value; number: milliseconds to live, 0 for ever; flags */                \
    V(STORE_DELETE, 2) /* 1 when it was there */                                                   \
    V(STORE_EXISTS, 3)                                                                             \
    V(STORE_ADD, 4)    /* number; the sum */                                                       \
    V(STORE_EXPIRE, 5) /* number: milliseconds to live; 1 when it is there */                      \
    V(STORE_TTL, 6)    /* number: the unit in milliseconds; -2 no such key, -1 never */            \
    V(STORE_COUNT, 7)  /* keys */                                                                  \
    V(STORE_CLEAR, 8)                                                                              \
    V(STORE_KIND, 9)   /* what the key holds */                                                    \
    V(STORE_PUSH, 10)  /* items, all or none; flags; how many there are then */                    \
    V(STORE_POP, 11)   /* flags; the value of an item */                                           \
    V(STORE_TAKE, 12)  /* number: how many to pop; flags; items, the outermost first */            \
    V(STORE_RANGE, 13) /* number, last: both included, negative from the back; items */            \
    V(STORE_LENGTH, 14)                                                                            \
    V(STORE_WAITING, 15) /* how many wait for items, those who gave up not long ago included */
TR_ENUM(store_verb, STORE_VERBS);

#define STORE_IF_ABSENT    1u // of a set
#define STORE_IF_PRESENT   2u
#define STORE_AT_BACK      4u // of a push, a pop, a take and an await: not at the front
#define STORE_STRINGS_ONLY 8u // of a get: for a list, as if there were nothing

#define STORE_OP(F, T)                                                                             \
    F(T, enum(store_verb), verb)                                                                   \
    F(T, u32, flags)                                                                               \
    F(T, str, key)                                                                                 \
    F(T, bytes, value)                                                                             \
    F(T, list(bytes), items)                                                                       \
    F(T, i64, number)                                                                              \
    F(T, i64, last)
TR_MESSAGE(store_op, STORE_OP);

#define STORE_BATCH(F, T) F(T, list(nested(store_op)), ops)
TR_MESSAGE(store_batch, STORE_BATCH);

#define STORE_OUTCOMES(V)                                                                          \
    V(STORE_DONE, 0)                                                                               \
    V(STORE_NOTHING, 1) /* no such key, or the condition of a set did not hold */                  \
    V(STORE_NUMBER, 2)                                                                             \
    V(STORE_VALUE, 3)                                                                              \
    V(STORE_ITEMS, 4)                                                                              \
    V(STORE_WORD, 5) /* value: a name, such as that of a kind */                                   \
    /* Failures, from here on: */                                                                  \
    V(STORE_NOT_A_NUMBER, 6)                                                                       \
    V(STORE_OVERFLOW, 7)                                                                           \
    V(STORE_NO_MEMORY, 8)                                                                          \
    V(STORE_WRONG_KIND, 9)                                                                         \
    V(STORE_TOO_LARGE, 10)
TR_ENUM(store_outcome, STORE_OUTCOMES);

static inline bool
store_is_failure(store_outcome outcome)
{
    return outcome >= STORE_NOT_A_NUMBER;
}

#define STORE_RESULT(F, T)                                                                         \
    F(T, enum(store_outcome), outcome)                                                             \
    F(T, i64, number)                                                                              \
    F(T, bytes, value)                                                                             \
    F(T, list(bytes), items)
TR_MESSAGE(store_result, STORE_RESULT);

#define STORE_RESULTS(F, T) F(T, list(nested(store_result)), results)
TR_MESSAGE(store_results, STORE_RESULTS);

// A request for the outermost item of the first of these keys that holds one, now or as soon as one
// is pushed, answered with a store_item through the token. Who comes first is served first. Whoever
// wants it no more shuts the oneshot and says nothing: then the item stays.
#define STORE_AWAIT(F, T)                                                                          \
    F(T, u32, flags)                                                                               \
    F(T, list(bytes), keys)                                                                        \
    F(T, local(tr_token), token)
TR_MESSAGE(store_await, STORE_AWAIT);

// The outcome is STORE_VALUE, or STORE_WRONG_KIND without key and value.
#define STORE_ITEM(F, T) F(T, enum(store_outcome), outcome) F(T, bytes, key) F(T, bytes, value)
TR_MESSAGE(store_item, STORE_ITEM);

// A call that the shard does not survive; the caller gets TR_ECRASHED.
TR_MESSAGE_EMPTY(store_crash);

// The behavior of a shard. It takes no argument; its keys end with its life.
extern const tr_behavior_t store_behavior;

#endif
