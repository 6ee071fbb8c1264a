// store.h: a shard: an actor that owns a part of the keys and answers batches of operations.
// A connection sends what it has for this shard in one call and gets the results in one answer, in
// the same order. The answer may cover only the first of them: then the rest is asked for again,
// and so neither side ever holds more than about STORE_BYTES beyond the one value in hand.
#ifndef KVD_STORE_H
#define KVD_STORE_H

#include "troupe/actor.h"
#include "troupe/message.h"

#define STORE_OPS   4096u          // of one batch; more are not looked at
#define STORE_BYTES (1024u * 1024) // after which a batch, and an answer, is full

// The largest batch is STORE_BYTES and one operation, whose key and value are one request of at
// most 128 MiB; the default of 1 MiB would refuse every large value. A shard's memory in queued
// requests is bounded by this as well: senders wait.
#define STORE_MAILBOX_BYTES (192u * 1024 * 1024)
#define STORE_MAILBOX_COUNT 1024u

#define STORE_VERBS(V)                                                                             \
    V(STORE_GET, 0)    /* the value */                                                             \
    V(STORE_SET, 1)    /* value; number: milliseconds to live, 0 for ever; flags */                \
    V(STORE_DELETE, 2) /* 1 when it was there */                                                   \
    V(STORE_EXISTS, 3)                                                                             \
    V(STORE_ADD, 4)    /* number; the sum */                                                       \
    V(STORE_EXPIRE, 5) /* number: milliseconds to live; 1 when it is there */                      \
    V(STORE_TTL, 6)    /* number: the unit in milliseconds; -2 no such key, -1 never */            \
    V(STORE_COUNT, 7)  /* keys */                                                                  \
    V(STORE_CLEAR, 8)
TR_ENUM(store_verb, STORE_VERBS);

#define STORE_IF_ABSENT  1u
#define STORE_IF_PRESENT 2u

#define STORE_OP(F, T)                                                                             \
    F(T, enum(store_verb), verb)                                                                   \
    F(T, u32, flags)                                                                               \
    F(T, str, key)                                                                                 \
    F(T, bytes, value)                                                                             \
    F(T, i64, number)
TR_MESSAGE(store_op, STORE_OP);

#define STORE_BATCH(F, T) F(T, list(nested(store_op)), ops)
TR_MESSAGE(store_batch, STORE_BATCH);

#define STORE_OUTCOMES(V)                                                                          \
    V(STORE_DONE, 0)                                                                               \
    V(STORE_NOTHING, 1) /* no such key, or the condition of a set did not hold */                  \
    V(STORE_NUMBER, 2)                                                                             \
    V(STORE_VALUE, 3)                                                                              \
    V(STORE_NOT_A_NUMBER, 4)                                                                       \
    V(STORE_OVERFLOW, 5)                                                                           \
    V(STORE_NO_MEMORY, 6)
TR_ENUM(store_outcome, STORE_OUTCOMES);

#define STORE_RESULT(F, T)                                                                         \
    F(T, enum(store_outcome), outcome)                                                             \
    F(T, i64, number)                                                                              \
    F(T, bytes, value)
TR_MESSAGE(store_result, STORE_RESULT);

#define STORE_RESULTS(F, T) F(T, list(nested(store_result)), results)
TR_MESSAGE(store_results, STORE_RESULTS);

// A call that the shard does not survive; the caller gets TR_ECRASHED.
TR_MESSAGE_EMPTY(store_crash);

// The behavior of a shard. It takes no argument; its keys end with its life.
extern const tr_behavior_t store_behavior;

#endif
