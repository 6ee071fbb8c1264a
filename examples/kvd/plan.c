#include "plan.h"

#define FULL_OPS      1024u
#define FULL_COMMANDS 1024u
#define FULL_TEXT     (64u * 1024)
#define KEPT_BYTES    2048u // of each array of an idle connection

tr_err_t
plan_init(plan *p, const heap_t *heap, const cluster_t *cluster)
{
    *p = (plan){.heap = heap, .cluster = cluster, .text = {.heap = heap}, .items = {.heap = heap}};
    p->lanes = heap_alloc(heap, cluster->count * sizeof *p->lanes);
    if (p->lanes == NULL) {
        return TR_ENOMEM;
    }
    for (uint32_t i = 0; i < cluster->count; i++) {
        p->lanes[i] = (plan_lane_t){0};
    }
    return TR_OK;
}

// Give an array back when it is larger than an idle connection should hold.
static void *
trim(const heap_t *heap, void *array, size_t *capacity, size_t item_size)
{
    if (*capacity * item_size <= KEPT_BYTES) {
        return array;
    }
    heap_free(heap, array);
    *capacity = 0;
    return NULL;
}

void
plan_reset(plan *p)
{
    for (uint32_t i = 0; i < p->cluster->count; i++) {
        plan_lane_t *lane = &p->lanes[i];
        size_t capacity = lane->capacity;
        store_op *ops = trim(p->heap, lane->ops, &capacity, sizeof *ops);
        *lane = (plan_lane_t){.ops = ops, .capacity = capacity};
    }
    p->commands = trim(p->heap, p->commands, &p->command_capacity, sizeof *p->commands);
    p->command_count = 0;
    p->shards = trim(p->heap, p->shards, &p->op_capacity, sizeof *p->shards);
    p->op_count = 0;
    buffer_clear(&p->text);
    buffer_trim(&p->text, KEPT_BYTES);
    arena_reset(&p->items);
    p->end = PLAN_GO_ON;
}

bool
plan_is_full(const plan *p)
{
    return p->failed || p->text.failed || p->end != PLAN_GO_ON || p->op_count >= FULL_OPS ||
           p->command_count >= FULL_COMMANDS || buffer_size(&p->text) >= FULL_TEXT;
}

static void
add_command(plan *p, plan_command_t command)
{
    plan_command_t *commands =
        heap_grow(p->heap, p->commands, &p->command_capacity, p->command_count, sizeof *commands);
    if (commands == NULL) {
        p->failed = true;
        return;
    }
    p->commands = commands;
    p->commands[p->command_count++] = command;
}

void
plan_begin(plan *p, plan_shape_t shape)
{
    add_command(p, (plan_command_t){shape, 0});
}

void
plan_text(plan *p, size_t before)
{
    add_command(p, (plan_command_t){PLAN_TEXT, (uint32_t)(buffer_size(&p->text) - before)});
}

static void
add_op(plan *p, uint32_t shard, store_op op)
{
    plan_lane_t *lane = &p->lanes[shard];
    store_op *ops = heap_grow(p->heap, lane->ops, &lane->capacity, lane->count, sizeof *ops);
    if (ops == NULL) {
        p->failed = true;
        return;
    }
    lane->ops = ops;
    uint8_t *shards = heap_grow(p->heap, p->shards, &p->op_capacity, p->op_count, sizeof *shards);
    if (shards == NULL) {
        p->failed = true;
        return;
    }
    p->shards = shards;
    if (!p->failed) {
        lane->ops[lane->count++] = op;
        p->shards[p->op_count++] = (uint8_t)shard;
        p->commands[p->command_count - 1].size++;
    }
}

void
plan_op(plan *p, store_op op)
{
    add_op(p, cluster_shard_of(p->cluster, op.key), op);
}

void
plan_op_everywhere(plan *p, store_op op)
{
    for (uint32_t i = 0; i < p->cluster->count; i++) {
        add_op(p, i, op);
    }
}

tr_bytes_t *
plan_items(plan *p, size_t count)
{
    tr_bytes_t *items = arena_alloc(&p->items, count * sizeof *items);
    p->failed = p->failed || items == NULL;
    return items;
}

static size_t
op_bytes(const store_op *op)
{
    size_t bytes = sizeof *op + op->key.size + op->value.size;
    for (size_t i = 0; i < op->items.count; i++) {
        bytes += sizeof op->items.items[i] + op->items.items[i].size;
    }
    return bytes;
}

size_t
plan_lane_window(const plan_lane_t *lane)
{
    size_t count = 0;
    size_t bytes = 0;
    while (lane->answered + count < lane->count && count < STORE_OPS && bytes < STORE_BYTES) {
        bytes += op_bytes(&lane->ops[lane->answered + count]);
        count++;
    }
    return count;
}

void
plan_lane_answered(plan_lane_t *lane, size_t asked, tr_err_t error, const store_results *answer)
{
    lane->first = lane->answered;
    lane->error = error;
    lane->answer = answer;
    // A shard answers one at least; the rest of the window is asked for again.
    lane->answered += error == TR_OK ? answer->results.count : asked;
}

bool
plan_lane_result(const plan_lane_t *lane, size_t at, plan_result_t *out)
{
    if (at >= lane->answered) {
        return false;
    }
    *out = (plan_result_t){.error = lane->error};
    if (lane->error == TR_OK) {
        out->value = &lane->answer->results.items[at - lane->first];
    }
    return true;
}
