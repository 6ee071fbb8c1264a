// stats.c: the runtime in numbers, and where its messages went.
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "object.h"
#include "troupe/trace.h"

typedef struct line {
    const char *key;
    const char *meaning;
} line;

static const line counters[] = {
    {"workers", "threads that run handlers"},     {"actors", "alive, the root included"},
    {"spawned", "actors ever spawned"},           {"restarts", "lives begun after the first"},
    {"failures", "lives ended by a failure"},     {"stacks", "in use by handlers that wait"},
    {"turns", "times a worker took up an actor"}, {"wakeups", "times a sleeping worker was woken"},
};

// The first is the sum of the others when the runtime is at rest.
static const line ledger[] = {
    {"accepted", "entered a mailbox, or were answers"},
    {"handled", "were handled, or reached the caller"},
    {"failed", "their handler failed"},
    {"expired", "their deadline passed in the queue"},
    {"dropped", "by the policy of a full mailbox"},
    {"dead", "reached an actor that had ended"},
    {"returned", "answers that nobody waited for"},
    {"discarded", "still queued when their actor ended"},
    {"queued", "in mailboxes now"},
};
#define LEDGER (sizeof ledger / sizeof ledger[0])

static void
print_lines(const msgpack_object *map, const line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("  %-10s %15" PRIu64 "  %s\n", lines[i].key, object_uint(map, lines[i].key, 0),
               lines[i].meaning);
    }
}

static void
print_balance(const msgpack_object *map)
{
    uint64_t sum = 0;
    for (size_t i = 1; i < LEDGER; i++) {
        sum += object_uint(map, ledger[i].key, 0);
    }
    int64_t open = (int64_t)(object_uint(map, "accepted", 0) - sum);
    if (open == 0) {
        printf("  balanced: every message is accounted for\n");
    } else {
        printf("  %" PRId64 " on their way: the ledger is exact at rest\n", open);
    }
}

tool_exit
command_stats(client *c, const args *a)
{
    const msgpack_object *result;
    tool_exit status = client_call(c, TR_TRACE_STATS, NULL, &result);
    if (status != TOOL_OK) {
        return command_failed(c, status);
    }
    if (a->is_json) {
        text out = {0};
        json_record(&out, result);
        command_json_line(&out);
        text_fini(&out);
        return TOOL_OK;
    }
    const msgpack_object *messages = object_field(result, "ledger");
    printf("%s, process %" PRIu64 "\n", text_z(&c->name), c->pid);
    print_lines(result, counters, sizeof counters / sizeof counters[0]);
    printf("messages\n");
    print_lines(messages, ledger, LEDGER);
    print_balance(messages);
    return TOOL_OK;
}
