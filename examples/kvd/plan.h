// plan.h: what a batch of commands needs from the shards, and the results as they come in.
// Commands are written down in order; each is text that is known already, or some operations, each
// on one shard. The operations of a shard form its lane: they are executed in order, so one
// client's commands on one key take effect in the order they were sent. Between shards there is no
// order.
#ifndef KVD_PLAN_H
#define KVD_PLAN_H

#include "arena.h"
#include "buffer.h"
#include "cluster.h"
#include "heap.h"
#include "resp.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How the results of a command become its reply.
typedef enum plan_shape {
    PLAN_TEXT,  // no operations: the next `size` bytes of `text`
    PLAN_ONE,   // the result of its one operation
    PLAN_LIST,  // the same; an array when there is something, so for nothing the array that is none
    PLAN_ARRAY, // an array of the results
    PLAN_SUM,   // the sum of the numbers
    PLAN_ALL,   // OK when all are done
    PLAN_INFO,  // a report; the numbers are keys
} plan_shape_t;

typedef struct plan_command {
    plan_shape_t shape;
    uint32_t size; // operations, or bytes of text
} plan_command_t;

// What the connection does when the replies are out. The last command of its plan: what is not for
// the shards to execute, the connection does, and replies.
typedef enum plan_end {
    PLAN_GO_ON,
    PLAN_CLOSE,
    PLAN_CRASH,        // crash the shard `shard`
    PLAN_CRASH_HUB,    // crash the hub
    PLAN_COUNT_TOPICS, // ask the hub how many it has
    PLAN_PUBLISH,      // `request`: a channel and a message
    PLAN_SUBSCRIBE,    // `request`: channels, or patterns
    PLAN_UNSUBSCRIBE,  // `request`: the same, or none for all
    PLAN_POP,          // `request`: keys of `shard`; wait for an item
} plan_end_t;

// Operations on one shard. Their states, from the front: taken ≤ answered ≤ count.
typedef struct plan_lane {
    store_op *ops; // keys, values and items are borrowed from the request
    size_t count;
    size_t capacity;
    size_t taken;    // results that are in the replies
    size_t answered; // operations that were asked; [first, answered) in the last call
    size_t first;
    const store_results *answer; // to the last call; NULL when it failed with `error`
    tr_err_t error;
} plan_lane_t;

typedef struct plan {
    const heap_t *heap;
    const cluster_t *cluster;
    plan_lane_t *lanes; // one for each shard
    plan_command_t *commands;
    size_t command_count;
    size_t command_capacity;
    uint8_t *shards; // of each operation, in the order of the commands
    size_t op_count;
    size_t op_capacity;
    buffer text;
    arena items; // of the operations that have some
    plan_end_t end;
    uint32_t shard;
    resp_request_t request; // good until the plan is reset
    bool are_patterns;      // not channels
    uint32_t flags;         // of a pop
    int64_t timeout_us;     // and for how long it waits; 0: for ever
    bool subscribed;        // the connection is; stays as it was set
    bool failed;            // no memory: the plan has a gap and must not be used
} plan;

// A result, or why there is none. Borrowed from the lane's answer.
typedef struct plan_result {
    tr_err_t error;
    const store_result *value; // when error is TR_OK
} plan_result_t;

// TR_OK or TR_ENOMEM. A plan ends with its heap: there is nothing to release.
tr_err_t plan_init(plan *p, const heap_t *heap, const cluster_t *cluster);

// An empty plan again. Answers must have been released by whoever called for them.
void plan_reset(plan *p);

// True when this is enough for one batch.
bool plan_is_full(const plan *p);

// Begin a command of this shape, then say its operations.
void plan_begin(plan *p, plan_shape_t shape);
void plan_op(plan *p, store_op op);
void plan_op_everywhere(plan *p, store_op op); // one on each shard; without a key

// Room for the items of an operation, until plan_reset. NULL when there is no memory, as `failed`
// remembers.
tr_bytes_t *plan_items(plan *p, size_t count);

// A command whose reply is the text appended since there were `before` bytes of it.
void plan_text(plan *p, size_t before);

// The operations to ask for next, at least one where any is left: up to STORE_OPS and STORE_BYTES.
size_t plan_lane_window(const plan_lane_t *lane);

// Note how the call for a window of `asked` operations went.
void
plan_lane_answered(plan_lane_t *lane, size_t asked, tr_err_t error, const store_results *answer);

// The result of the operation at `at` of its lane; false when it was not asked yet.
bool plan_lane_result(const plan_lane_t *lane, size_t at, plan_result_t *out);

#endif
