// reply.h: from a plan and its results to replies, in the order of the commands.
// It stops where a result is missing or where there is enough to write, and goes on from there:
// an answer of any size passes through a buffer of bounded size.
#ifndef KVD_REPLY_H
#define KVD_REPLY_H

#include "buffer.h"
#include "plan.h"

#include "troupe/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum reply_status {
    REPLY_DONE,  // all replies are in the buffer
    REPLY_WAITS, // the next result is not there: ask the shards
    REPLY_FULL,  // write the buffer out first
} reply_status_t;

// Where in the plan we are. Zero is the beginning.
typedef struct reply_cursor {
    size_t command;
    size_t op;   // of the plan
    size_t text; // bytes of the plan's text
    // Inside the command:
    uint32_t done; // operations
    size_t items;  // of the result in hand
    int64_t sum;
    bool begun;            // the head of an array, or the error in its place, is out
    bool failed;           // its reply is an error:
    tr_err_t error;        // the shard did not answer, or
    store_outcome outcome; // this is what it answered
} reply_cursor_t;

// Append what can be said now. `workers` is for the report of INFO.
reply_status_t reply_write(plan *p, reply_cursor_t *cursor, uint32_t workers, buffer *out);

// What a client hears of a shard that did not answer or, when it did, of the outcome.
void reply_failure(tr_err_t error, store_outcome outcome, buffer *out);

#endif
