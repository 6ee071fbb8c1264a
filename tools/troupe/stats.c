// stats.c: the runtime in numbers, and where its messages went: all of them, or those of some
// actors.
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors.h"
#include "json.h"
#include "object.h"
#include "table.h"
#include "troupe/trace.h"

typedef struct line {
    const char *key;
    const char *meaning;
} line;

static const line counters[] = {
    {"workers", "threads that run handlers"},
    {"actors", "alive, the root included"},
    {"spawned", "actors ever spawned"},
    {"restarts", "lives begun after the first"},
    {"failures", "lives ended by a failure"},
    {"stacks", "in use by handlers that wait"},
    {"turns", "times a worker took up an actor"},
    {"wakeups", "times a sleeping worker was woken"},
    {"deadlocks", "waits that would never have ended"},
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

// ---- of some actors

static const table_column columns[] = {
    {"ID", false, false},     {"NAME", false, true},      {"RECEIVED", true, false},
    {"HANDLED", true, false}, {"FAILED", true, false},    {"EXPIRED", true, false},
    {"DROPPED", true, false}, {"DISCARDED", true, false}, {"QUEUED", true, false},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

typedef struct listing {
    table table;
    text cell;
    uint64_t id; // the one that is meant; 0: all that are found
    uint64_t count;
    bool is_json;
} listing;

static void
add_row(listing *l, const msgpack_object *actor)
{
    static const char *const numbers[] = {"received", "handled",   "failed", "expired",
                                          "dropped",  "discarded", "queued"};
    text_clear(&l->cell);
    object_ref(&l->cell, object_uint(actor, "id", 0));
    table_cell(&l->table, text_z(&l->cell));
    text_clear(&l->cell);
    table_cell(&l->table, object_text(&l->cell, actor, "name") ? text_z(&l->cell) : "-");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        table_cellf(&l->table, "%" PRIu64, object_uint(actor, numbers[i], 0));
    }
}

static bool
on_actor(const msgpack_object *actor, void *arg)
{
    listing *l = arg;
    if (l->id != 0 && object_uint(actor, "id", 0) != l->id) {
        return true;
    }
    l->count++;
    if (l->is_json) {
        json_record(&l->cell, actor);
        command_json_line(&l->cell);
    } else {
        add_row(l, actor);
    }
    return l->id == 0;
}

static tool_exit
stats_of_actors(client *c, const args *a)
{
    listing l = {.is_json = a->is_json};
    actors_query query = {.page = TR_TRACE_ACTORS_MAX};
    if (!actors_is_address(a->actor, &l.id)) {
        *(actors_is_pattern(a->actor) ? &query.match : &query.name) = a->actor;
    }
    table_init(&l.table, columns, COLUMNS);
    tool_exit status = actors_each(c, &query, on_actor, &l);
    if (status == TOOL_OK && l.count == 0) {
        text_clear(&c->why);
        text_add_z(&c->why, "there is no such actor");
        status = TOOL_NONE;
    } else if (!l.is_json) {
        table_flush(&l.table);
    }
    table_fini(&l.table);
    text_fini(&l.cell);
    return status == TOOL_OK ? TOOL_OK : command_failed(c, status);
}

tool_exit
command_stats(client *c, const args *a)
{
    const msgpack_object *result;
    if (a->actor != NULL) {
        return stats_of_actors(c, a);
    }
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
