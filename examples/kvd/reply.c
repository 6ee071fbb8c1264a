#include "reply.h"

#include "resp.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define FULL_BYTES (64u * 1024)

static bool
is_failure(const plan_result_t *result)
{
    return result->error != TR_OK || store_is_failure(result->value->outcome);
}

static void
note_failure(reply_cursor_t *at, const plan_result_t *result)
{
    if (!at->failed) {
        at->failed = true;
        at->error = result->error;
        at->outcome = result->error == TR_OK ? result->value->outcome : STORE_DONE;
    }
}

void
reply_failure(tr_err_t error, store_outcome outcome, buffer *out)
{
    if (error != TR_OK) {
        const char *what = error == TR_ECRASHED || error == TR_EDOWN ? "restarting" : "unavailable";
        resp_write_error(out, "ERR shard %s: %s %s", what, tr_errname(error), tr_strerror(error));
    } else if (outcome == STORE_NOT_A_NUMBER) {
        resp_write_error(out, "ERR value is not an integer or out of range");
    } else if (outcome == STORE_OVERFLOW) {
        resp_write_error(out, "ERR increment or decrement would overflow");
    } else if (outcome == STORE_WRONG_KIND) {
        resp_write_error(out, "WRONGTYPE Operation against a key holding the wrong kind of value");
    } else if (outcome == STORE_TOO_LARGE) {
        resp_write_error(out, "ERR the reply would be larger than %u MiB: ask for fewer items",
                         STORE_ITEMS_BYTES / (1024 * 1024));
    } else {
        resp_write_error(out, "ERR out of memory");
    }
}

// The items from at->items on. False when the buffer is full before the last one.
static bool
write_items(reply_cursor_t *at, const store_result *result, buffer *out)
{
    size_t count = result->items.count;
    if (at->items == 0) {
        resp_write_array(out, count);
    }
    while (at->items < count) {
        const tr_bytes_t *item = &result->items.items[at->items++];
        resp_write_bulk(out, item->data, item->size);
        if (buffer_size(out) >= FULL_BYTES && at->items < count) {
            return false;
        }
    }
    return true;
}

// False when there is more of it to write.
static bool
write_result(reply_cursor_t *at, plan_shape_t shape, const plan_result_t *result, buffer *out)
{
    if (is_failure(result)) {
        reply_failure(result->error, result->error == TR_OK ? result->value->outcome : STORE_DONE,
                      out);
        return true;
    }
    const store_result *r = result->value;
    switch (r->outcome) {
    case STORE_NOTHING:
        shape == PLAN_LIST ? resp_write_null_array(out) : resp_write_null(out);
        break;
    case STORE_NUMBER:
        resp_write_integer(out, r->number);
        break;
    case STORE_VALUE:
        resp_write_bulk(out, r->value.data, r->value.size);
        break;
    case STORE_ITEMS:
        return write_items(at, r, out);
    case STORE_WORD:
        resp_write_word(out, r->value.data, r->value.size);
        break;
    default:
        resp_write_status(out, "OK");
        break;
    }
    return true;
}

static void
write_info(const plan *p, int64_t keys, uint32_t workers, buffer *out)
{
    char text[512];
    int size = snprintf(text, sizeof text,
                        "# Server\r\nkvd_version:0.1.0\r\nprocess_id:%ld\r\nworkers:%" PRIu32 "\r\n"
                        "shards:%" PRIu32 "\r\n\r\n# Keyspace\r\n",
                        (long)getpid(), workers, p->cluster->count);
    if (keys > 0) {
        size += snprintf(text + size, sizeof text - (size_t)size, "db0:keys=%" PRId64 "\r\n", keys);
    }
    resp_write_bulk(out, text, (size_t)size);
}

// An array with a failure in it fails as a whole, as far as is known before its head is out. The
// results that come later than that, in arrays of more than STORE_BYTES, fail one by one.
static void
begin_array(const plan *p, reply_cursor_t *at, uint32_t size, buffer *out)
{
    size_t taken[CLUSTER_SHARDS_MAX];
    for (uint32_t i = 0; i < p->cluster->count; i++) {
        taken[i] = p->lanes[i].taken;
    }
    for (uint32_t i = 0; i < size && !at->failed; i++) {
        uint8_t shard = p->shards[at->op + i];
        plan_result_t result;
        if (plan_lane_result(&p->lanes[shard], taken[shard]++, &result) && is_failure(&result)) {
            note_failure(at, &result);
        }
    }
    if (at->failed) {
        reply_failure(at->error, at->outcome, out);
    } else {
        resp_write_array(out, size);
    }
    at->begun = true;
}

// False when there is more of it to take.
static bool
take_result(const plan *p, reply_cursor_t *at, const plan_command_t *command,
            const plan_result_t *result, buffer *out)
{
    switch (command->shape) {
    case PLAN_ARRAY:
        if (!at->begun) {
            begin_array(p, at, command->size, out);
        }
        return at->failed || write_result(at, command->shape, result, out);
    case PLAN_ONE:
    case PLAN_LIST:
        return write_result(at, command->shape, result, out);
    default:
        if (is_failure(result)) {
            note_failure(at, result);
        } else {
            at->sum += result->value->number;
        }
        return true;
    }
}

static void
finish(const plan *p, const reply_cursor_t *at, plan_shape_t shape, uint32_t workers, buffer *out)
{
    if (shape == PLAN_ONE || shape == PLAN_LIST || shape == PLAN_ARRAY) {
        return;
    }
    if (at->failed) {
        reply_failure(at->error, at->outcome, out);
    } else if (shape == PLAN_SUM) {
        resp_write_integer(out, at->sum);
    } else if (shape == PLAN_INFO) {
        write_info(p, at->sum, workers, out);
    } else {
        resp_write_status(out, "OK");
    }
}

reply_status_t
reply_write(plan *p, reply_cursor_t *at, uint32_t workers, buffer *out)
{
    while (at->command < p->command_count) {
        const plan_command_t *command = &p->commands[at->command];
        if (command->shape == PLAN_TEXT) {
            buffer_append(out, buffer_bytes(&p->text) + at->text, command->size);
            at->text += command->size;
        } else {
            while (at->done < command->size) {
                if (buffer_size(out) >= FULL_BYTES) {
                    return REPLY_FULL;
                }
                plan_lane_t *lane = &p->lanes[p->shards[at->op]];
                plan_result_t result;
                if (!plan_lane_result(lane, lane->taken, &result)) {
                    return REPLY_WAITS;
                }
                if (!take_result(p, at, command, &result, out)) {
                    return REPLY_FULL;
                }
                at->items = 0;
                lane->taken++;
                at->op++;
                at->done++;
            }
            finish(p, at, command->shape, workers, out);
        }
        *at = (reply_cursor_t){.command = at->command + 1, .op = at->op, .text = at->text};
        if (buffer_size(out) >= FULL_BYTES) {
            return REPLY_FULL;
        }
    }
    return REPLY_DONE;
}
