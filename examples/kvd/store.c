#include "store.h"

#include "number.h"
#include "store_kit.h"

#include "troupe/call.h"

#include <string.h>

#define SWEEP_BUCKETS 1024u // looked at in one turn
#define SWEEP_IDLE_MS 100   // between two sweeps that find little
#define SWEEP_BUSY_MS 1     // while there is much to remove
#define CLEAR_BUCKETS 1024u

// A reminder to myself to look for expired keys; one is under way while there are keys with a time.
TR_MESSAGE_EMPTY(store_sweep);

static tr_err_t
store_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    store *s = state;
    s->heap = heap_of_life(self);
    table_init(&s->table, &s->heap, hash_seed_random());
    table_init(&s->queues, &s->heap, hash_seed_random());
    s->items.heap = &s->heap;
    s->results = tr_alloc(self, STORE_OPS * sizeof *s->results);
    return s->results != NULL ? TR_OK : TR_ENOMEM;
}

// ---- operations ---------------------------------------------------------------------------------

static int64_t
time_after(int64_t now_ms, int64_t delay_ms)
{
    int64_t at = 0;
    return number_add(now_ms, delay_ms, &at) ? at : INT64_MAX;
}

static store_result
get(store *s, const store_op *op, int64_t now_ms)
{
    store_result result = outcome_result(STORE_VALUE);
    switch (table_get(&s->table, op->key, now_ms, &result.value)) {
    case TABLE_STRING:
        return result;
    case TABLE_LIST:
        return outcome_result((op->flags & STORE_STRINGS_ONLY) != 0 ? STORE_NOTHING
                                                                    : STORE_WRONG_KIND);
    default:
        return outcome_result(STORE_NOTHING);
    }
}

static store_result
set(store *s, const store_op *op, int64_t now_ms)
{
    if ((op->flags & (STORE_IF_ABSENT | STORE_IF_PRESENT)) != 0) {
        bool wants_present = (op->flags & STORE_IF_PRESENT) != 0;
        if (table_has(&s->table, op->key, now_ms) != wants_present) {
            return outcome_result(STORE_NOTHING);
        }
    }
    int64_t expires_ms = op->number > 0 ? time_after(now_ms, op->number) : TABLE_NEVER;
    tr_err_t err = table_set(&s->table, op->key, op->value, expires_ms, now_ms);
    return outcome_result(err == TR_OK ? STORE_DONE : STORE_NO_MEMORY);
}

static store_result
add(store *s, const store_op *op, int64_t now_ms)
{
    int64_t number = 0;
    int64_t expires_ms = TABLE_NEVER;
    tr_bytes_t value = {0};
    table_kind_t kind = table_peek(&s->table, op->key, now_ms, &value);
    if (kind == TABLE_LIST) {
        return outcome_result(STORE_WRONG_KIND);
    }
    if (kind == TABLE_STRING) {
        if (!number_parse(tr_str_n(value.data, value.size), &number)) {
            return outcome_result(STORE_NOT_A_NUMBER);
        }
        (void)table_get_expiry(&s->table, op->key, now_ms, &expires_ms);
    }
    if (!number_add(number, op->number, &number)) {
        return outcome_result(STORE_OVERFLOW);
    }
    char room[NUMBER_TEXT_MAX];
    tr_str_t text = number_print(number, room);
    tr_err_t err =
        table_set(&s->table, op->key, tr_bytes(text.data, text.size), expires_ms, now_ms);
    return err == TR_OK ? number_result(number) : outcome_result(STORE_NO_MEMORY);
}

static store_result
expire(store *s, const store_op *op, int64_t now_ms)
{
    bool there = op->number <= 0
                     ? table_delete(&s->table, op->key, now_ms)
                     : table_set_expiry(&s->table, op->key, time_after(now_ms, op->number), now_ms);
    return number_result(there);
}

static store_result
time_to_live(store *s, const store_op *op, int64_t now_ms)
{
    int64_t expires_ms = TABLE_NEVER;
    if (!table_get_expiry(&s->table, op->key, now_ms, &expires_ms)) {
        return number_result(-2);
    }
    if (expires_ms == TABLE_NEVER) {
        return number_result(-1);
    }
    return number_result(time_after(expires_ms - now_ms, op->number / 2) / op->number);
}

static store_result
name_kind(store *s, const store_op *op, int64_t now_ms)
{
    static const char *const names[] = {
        [TABLE_NOTHING] = "none", [TABLE_STRING] = "string", [TABLE_LIST] = "list"};
    const char *name = names[table_kind(&s->table, op->key, now_ms)];
    return (store_result){.outcome = STORE_WORD, .value = tr_bytes(name, strlen(name))};
}

// Freeing millions of keys takes a while: others get their turns in between.
static store_result
clear(tr_self *self, store *s)
{
    while (table_clear_some(&s->table, CLEAR_BUCKETS)) {
        if (tr_yield(self) != TR_OK) {
            break; // being stopped: the end of this life frees the rest
        }
    }
    return outcome_result(STORE_DONE);
}

// ---- batches ------------------------------------------------------------------------------------

// Its reply counts what is given away at once, as Redis has it.
static store_result
push(tr_self *self, store *s, const store_op *op, int64_t now_ms)
{
    store_result result = store_push(s, op, now_ms);
    store_serve(self, s, op->key, now_ms);
    return result;
}

static store_result
execute(tr_self *self, store *s, const store_op *op, int64_t now_ms)
{
    switch (op->verb) {
    case STORE_GET:
        return get(s, op, now_ms);
    case STORE_SET:
        return set(s, op, now_ms);
    case STORE_DELETE:
        return number_result(table_delete(&s->table, op->key, now_ms));
    case STORE_EXISTS:
        return number_result(table_has(&s->table, op->key, now_ms));
    case STORE_ADD:
        return add(s, op, now_ms);
    case STORE_EXPIRE:
        return expire(s, op, now_ms);
    case STORE_TTL:
        return time_to_live(s, op, now_ms);
    case STORE_COUNT:
        return number_result((int64_t)s->table.count);
    case STORE_CLEAR:
        return clear(self, s);
    case STORE_KIND:
        return name_kind(s, op, now_ms);
    case STORE_PUSH:
        return push(self, s, op, now_ms);
    case STORE_POP:
    case STORE_TAKE:
        return store_pop(s, op, now_ms);
    case STORE_RANGE:
        return store_range(s, op, now_ms);
    case STORE_LENGTH:
        return store_length(s, op, now_ms);
    case STORE_WAITING:
        return number_result((int64_t)s->waiter_count);
    }
    return outcome_result(STORE_NOTHING);
}

// ---- messages -----------------------------------------------------------------------------------

static tr_err_t
sweep_later(tr_self *self, store *s, int64_t delay_ms)
{
    if (s->sweeping || s->table.expiring == 0) {
        return TR_OK;
    }
    tr_err_t err = tr_send_after(self, tr_ms(delay_ms), TR_MSG(store_sweep), NULL);
    s->sweeping = err == TR_OK;
    return err;
}

static int64_t
now_in_ms(const tr_self *self)
{
    return tr_now_ns(self) / 1000000;
}

static size_t
result_bytes(const store_result *result)
{
    size_t bytes = sizeof *result + result->value.size;
    for (size_t i = 0; i < result->items.count; i++) {
        bytes += sizeof result->items.items[i] + result->items.items[i].size;
    }
    return bytes;
}

// Execute as many operations as make an answer, at least one. Returns how many.
static size_t
execute_some(tr_self *self, store *s, const store_batch *batch, int64_t now_ms)
{
    size_t count = 0;
    size_t bytes = 0;
    while (count < batch->ops.count && count < STORE_OPS && bytes < STORE_BYTES) {
        const store_op *op = &batch->ops.items[count];
        if (!store_may_follow(s, op)) {
            break;
        }
        s->results[count] = execute(self, s, op, now_ms);
        bytes += result_bytes(&s->results[count]);
        count++;
    }
    return count;
}

static tr_err_t
handle_batch(tr_self *self, store *s, const store_batch *batch)
{
    int64_t now_ms = now_in_ms(self);
    size_t count = execute_some(self, s, batch, now_ms);
    tr_err_t err = tr_reply(self, TR_MSG(store_results, .results = {s->results, count}));
    if (err == TR_OK) {
        store_let_go(s, now_ms);
    }
    s->popped = (store_popped_t){0};
    arena_reset(&s->items);
    table_reclaim(&s->table);
    if (err == TR_ENOMEM) {
        // The answer finds no memory: that is this caller's loss and no reason to lose all keys.
        err = tr_reply_error(self, err);
    }
    return err == TR_OK ? sweep_later(self, s, SWEEP_IDLE_MS) : err;
}

static tr_err_t
handle_await(tr_self *self, store *s, const store_await *request, tr_token *token)
{
    if (token != NULL) {
        store_await_item(self, s, request, token, now_in_ms(self));
    }
    table_reclaim(&s->table);
    return TR_OK;
}

static tr_err_t
handle_sweep(tr_self *self, store *s)
{
    s->sweeping = false;
    size_t removed = table_sweep(&s->table, SWEEP_BUCKETS, now_in_ms(self));
    return sweep_later(self, s, removed > SWEEP_BUCKETS / 4 ? SWEEP_BUSY_MS : SWEEP_IDLE_MS);
}

static tr_err_t
store_receive(tr_self *self, void *state, const tr_message *msg)
{
    store *s = state;
    s->heap = heap_of_life(self);

    const store_batch *batch = tr_as(store_batch, msg);
    if (batch != NULL) {
        return handle_batch(self, s, batch);
    }
    const store_await *request = tr_as(store_await, msg);
    if (request != NULL) {
        return handle_await(self, s, request, tr_take(self, msg, store_await, token));
    }
    if (tr_as(store_sweep, msg) != NULL) {
        return handle_sweep(self, s);
    }
    if (tr_as(store_crash, msg) != NULL) {
        tr_fail(self, TR_EFAULT, "asked to crash, holding %zu keys", s->table.count);
    }
    return TR_EUNHANDLED;
}

const tr_behavior_t store_behavior = {
    .name = "store",
    .state_size = sizeof(struct store),
    .start = store_start,
    .receive = store_receive,
};
