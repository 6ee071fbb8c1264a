// reply_test.c: from requests to operations, and from results to replies, with shards that answer
// in small portions or not at all.
#include "command.h"
#include "plan.h"
#include "reply.h"
#include "resp.h"

#include "heap_malloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

enum { SHARDS = 3, CALLS = 100000 };

// What the shards do.
typedef struct shards {
    size_t portion; // operations they answer at a time
    tr_err_t error; // of the calls from `fail_from` on, to any shard
    size_t fail_from;
    size_t calls;
    store_results answers[SHARDS];
    store_result results[SHARDS][STORE_OPS];
} shards;

static shards s;
static heap_malloc memory;

static tr_bytes_t items[100000]; // of every list

// GET answers the key, except for those that begin with '-'; SET is done; a range has as many of
// the items as it ends with; to take gives nothing, to push what was pushed; all others say 1.
static store_result
execute(const store_op *op)
{
    switch (op->verb) {
    case STORE_GET:
        if (op->key.size > 0 && op->key.data[0] == '-') {
            return (store_result){.outcome = STORE_NOTHING};
        }
        return (store_result){.outcome = STORE_VALUE,
                              .value = tr_bytes(op->key.data, op->key.size)};
    case STORE_SET:
        return (store_result){.outcome = op->value.size > 0 ? STORE_DONE : STORE_NO_MEMORY};
    case STORE_RANGE:
        return (store_result){.outcome = STORE_ITEMS, .items = {items, (size_t)op->last}};
    case STORE_PUSH:
        return (store_result){.outcome = STORE_ITEMS, .items = {op->items.items, op->items.count}};
    case STORE_POP:
    case STORE_TAKE:
        return (store_result){.outcome = STORE_NOTHING};
    case STORE_LENGTH:
        return (store_result){.outcome = STORE_WRONG_KIND};
    case STORE_KIND:
        return (store_result){.outcome = STORE_WORD, .value = tr_bytes("list", 4)};
    default:
        return (store_result){.outcome = STORE_NUMBER, .number = 1};
    }
}

static void
ask(plan *p, uint32_t shard)
{
    plan_lane_t *lane = &p->lanes[shard];
    size_t window = plan_lane_window(lane);
    if (s.calls++ >= s.fail_from) {
        plan_lane_answered(lane, window, s.error, NULL);
        return;
    }
    size_t count = window < s.portion ? window : s.portion;
    for (size_t i = 0; i < count; i++) {
        s.results[shard][i] = execute(&lane->ops[lane->answered + i]);
    }
    s.answers[shard].results.items = s.results[shard];
    s.answers[shard].results.count = count;
    plan_lane_answered(lane, window, TR_OK, &s.answers[shard]);
}

// The replies to these inline requests; as the connection does it.
static char *
answer(const char *requests)
{
    heap_t heap = heap_of_malloc(&memory);
    cluster_t cluster = {.count = SHARDS, .seed = {1, 2}};
    char *bytes = strdup(requests);
    resp_parser parser;
    resp_parser_init(&parser, &heap);
    plan p;
    cr_assert(eq(int, plan_init(&p, &heap, &cluster), TR_OK));
    resp_request_t request;
    for (size_t at = 0;
         resp_parse(&parser, bytes + at, strlen(bytes + at), &request) == RESP_REQUEST;
         at += request.size) {
        command_plan(&p, &request);
    }
    buffer out = {.heap = &heap};
    reply_cursor_t cursor = {0};
    char *replies = calloc(1, 1 << 20);
    for (reply_status_t status = REPLY_WAITS; status != REPLY_DONE;) {
        status = reply_write(&p, &cursor, 2, &out);
        cr_assert(lt(sz, buffer_size(&out), 200000), "the buffer is not bounded");
        if (buffer_size(&out) > 0) {
            strncat(replies, buffer_bytes(&out), buffer_size(&out));
        }
        buffer_clear(&out);
        for (uint32_t i = 0; status == REPLY_WAITS && i < SHARDS; i++) {
            plan_lane_t *lane = &p.lanes[i];
            if (lane->taken == lane->answered && lane->answered < lane->count) {
                ask(&p, i);
            }
        }
        cr_assert(lt(sz, s.calls, CALLS), "it asks for ever");
    }
    free(bytes);
    return replies;
}

static void
expect(const char *requests, const char *expected)
{
    s.calls = 0;
    char *replies = answer(requests);
    cr_expect(eq(str, replies, (char *)expected), "%s", requests);
    free(replies);
}

static void
all_is_well(void)
{
    s = (shards){.portion = STORE_OPS, .fail_from = SIZE_MAX};
}

TestSuite(reply, .init = all_is_well, .timeout = 60);

#define MIXED                                                                                      \
    "GET a\r\nPING\r\nMGET b -c d e\r\nDEL a b c\r\nMSET a 1 b 2 c 3\r\nSET x y\r\nDBSIZE\r\n"
#define MIXED_REPLIES                                                                              \
    "$1\r\na\r\n+PONG\r\n*4\r\n$1\r\nb\r\n$-1\r\n$1\r\nd\r\n$1\r\ne\r\n:3\r\n+OK\r\n+OK\r\n:3\r\n"

Test(reply, comes_in_the_order_of_the_commands)
{
    expect(MIXED, MIXED_REPLIES);
    cr_expect(eq(sz, s.calls, SHARDS));
}

Test(reply, is_the_same_when_shards_answer_one_at_a_time)
{
    s.portion = 1;
    expect(MIXED, MIXED_REPLIES);
    cr_expect(gt(sz, s.calls, SHARDS));
}

Test(reply, names_the_reason_when_a_shard_fails)
{
    s.fail_from = 0;
    s.error = TR_ECRASHED;
#define CRASHED                                                                                    \
    "-ERR shard restarting: TR_ECRASHED the actor failed while it handled the request\r\n"
    expect("GET a\r\nPING\r\nMGET a b\r\nDEL a b\r\nMSET a 1 b 2\r\n",
           CRASHED "+PONG\r\n" CRASHED CRASHED CRASHED);
    s.error = TR_ETIMEOUT;
    expect("GET a\r\n", "-ERR shard unavailable: TR_ETIMEOUT the deadline passed first\r\n");
}

Test(reply, of_one_failure_among_many_is_an_error)
{
    expect("MSET a 1 b \"\" c 3\r\nPING\r\n", "-ERR out of memory\r\n+PONG\r\n");
}

Test(reply, to_an_array_fails_item_by_item_once_it_has_begun)
{
    s.portion = 1;
    s.fail_from = SHARDS;
    s.error = TR_EDEAD;
    char *replies = answer("MGET a b c d e f g h i j\r\nPING\r\n");
    cr_expect(zero(int, strncmp(replies, "*10\r\n$1\r\n", 9)));
    size_t failed = 0;
    for (char *at = replies; (at = strstr(at, "-ERR shard unavailable: TR_EDEAD")) != NULL; at++) {
        failed++;
    }
    size_t answered = 0;
    for (char *at = replies; (at = strstr(at, "$1\r\n")) != NULL; at++) {
        answered++;
    }
    cr_expect(eq(sz, failed + answered, 10));
    cr_expect(gt(sz, failed, 0));
    cr_expect(eq(str, replies + strlen(replies) - 7, (char *)"+PONG\r\n"));
    free(replies);
}

// Many operations, few at a time, each with its reply.
Test(reply, to_a_long_pipeline_is_complete)
{
    s.portion = 7;
    static char requests[200000];
    static char expected[200000];
    size_t request_size = 0;
    size_t expected_size = 0;
    for (int i = 0; i < 5000; i++) {
        request_size += (size_t)sprintf(requests + request_size, "GET key-%04d\r\n", i);
        expected_size += (size_t)sprintf(expected + expected_size, "$8\r\nkey-%04d\r\n", i);
    }
    expect(requests, expected);
}

Test(reply, has_the_items_of_a_list)
{
    items[0] = tr_bytes("a", 1);
    items[1] = tr_bytes("", 0);
    expect("LRANGE l 0 2\r\nLRANGE l 0 0\r\nPING\r\n",
           "*2\r\n$1\r\na\r\n$0\r\n\r\n*0\r\n+PONG\r\n");
    expect("RPUSH l x y z\r\nTYPE l\r\n", "*3\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\nz\r\n+list\r\n");
}

Test(reply, tells_no_item_from_no_items)
{
    expect("LPOP l\r\nLPOP l 5\r\n", "$-1\r\n*-1\r\n");
}

Test(reply, names_the_wrong_kind)
{
    expect("LLEN l\r\n", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

// Through a buffer that is bounded, as answer() checks.
Test(reply, of_many_items_is_written_in_portions)
{
    enum { ITEMS = sizeof items / sizeof items[0] };
    static char expected[1 << 20];
    size_t size = (size_t)sprintf(expected, "*%d\r\n", ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = tr_bytes("x", i % 2);
        size += (size_t)sprintf(expected + size, "$%zu\r\n%.*s\r\n", i % 2, (int)(i % 2), "x");
    }
    strcat(expected, "+PONG\r\n");
    expect("LRANGE l 0 100000\r\nPING\r\n", expected);
}

Test(plan, sends_all_operations_on_a_key_to_one_shard)
{
    heap_t heap = heap_of_malloc(&memory);
    cluster_t cluster = {.count = SHARDS, .seed = {1, 2}};
    plan p;
    cr_assert(eq(int, plan_init(&p, &heap, &cluster), TR_OK));
    plan_begin(&p, PLAN_SUM);
    for (int i = 0; i < 10; i++) {
        plan_op(&p, (store_op){.verb = STORE_EXISTS, .key = TR_STR("a"), .number = i});
    }
    const plan_lane_t *lane = &p.lanes[cluster_shard_of(&cluster, TR_STR("a"))];
    cr_expect(eq(sz, lane->count, 10));
    for (int i = 0; i < 10; i++) {
        cr_expect(eq(i64, lane->ops[i].number, i));
    }
    plan_reset(&p);
    cr_expect(eq(sz, p.op_count, 0));
    cr_expect(eq(sz, lane->count, 0));
}

Test(plan, notes_every_failing_allocation)
{
    for (size_t n = 0; n < 4; n++) {
        heap_t heap = heap_of_malloc(&memory);
        cluster_t cluster = {.count = SHARDS, .seed = {1, 2}};
        memory.fail_after = n;
        plan p;
        if (plan_init(&p, &heap, &cluster) == TR_OK) {
            plan_begin(&p, PLAN_ONE);
            plan_op(&p, (store_op){.verb = STORE_GET, .key = TR_STR("a")});
            cr_expect(p.failed, "%zu", n);
            cr_expect(plan_is_full(&p));
        }
    }
}

Test(plan, counts_the_items_of_an_operation)
{
    tr_bytes_t pushed[2] = {{NULL, STORE_BYTES / 2}, {NULL, STORE_BYTES / 2}};
    store_op ops[2] = {{.items = {pushed, 2}}, {.items = {pushed, 1}}};
    plan_lane_t lane = {.ops = ops, .count = 2};
    cr_expect(eq(sz, plan_lane_window(&lane), 1));
    lane.answered = 1;
    cr_expect(eq(sz, plan_lane_window(&lane), 1));
}

Test(plan, fails_when_there_is_no_memory_for_items)
{
    heap_t heap = heap_of_malloc(&memory);
    cluster_t cluster = {.count = SHARDS, .seed = {1, 2}};
    plan p;
    cr_assert(eq(int, plan_init(&p, &heap, &cluster), TR_OK));
    memory.fail_after = 0;
    cr_expect(eq(ptr, plan_items(&p, 3), NULL));
    memory.fail_after = SIZE_MAX;
    cr_expect(p.failed);
    cr_expect(plan_is_full(&p));
}

Test(plan, limits_a_window_in_bytes_but_lets_one_operation_pass)
{
    store_op ops[3] = {{.value = {NULL, 3 * STORE_BYTES}}, {.value = {NULL, STORE_BYTES - 1}}, {0}};
    plan_lane_t lane = {.ops = ops, .count = 3};
    cr_expect(eq(sz, plan_lane_window(&lane), 1));
    lane.answered = 1;
    cr_expect(eq(sz, plan_lane_window(&lane), 1));
    lane.answered = 2;
    cr_expect(eq(sz, plan_lane_window(&lane), 1));
}
