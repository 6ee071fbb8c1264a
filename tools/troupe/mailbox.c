// mailbox.c: the messages that wait for an actor.
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors.h"
#include "json.h"
#include "object.h"
#include "table.h"
#include "troupe/trace.h"

static const table_column columns[] = {
    {"", false, false},   {"LANE", false, false}, {"TYPE", false, true},  {"SENDER", false, true},
    {"AGE", true, false}, {"LEFT", true, false},  {"BYTES", true, false}, {"VALUE", false, true},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

// An actor for people: "store/3 #7.1".
static void
sender(text *t, const msgpack_object *message)
{
    uint64_t raw = object_uint(message, "sender", 0);
    if (raw == 0) {
        text_add_z(t, "outside");
        return;
    }
    if (object_text(t, message, "sender_name")) {
        text_add_z(t, " ");
    }
    object_ref(t, raw);
}

static void
value(text *t, const msgpack_object *message)
{
    const msgpack_object *field = object_field(message, "value");
    if (field != NULL && field->type != MSGPACK_OBJECT_NIL) {
        object_print(t, field);
    } else {
        text_add_z(t, object_bool(message, "value_omitted") ? "(too large to show)" : "-");
    }
}

static void
add_duration(table *t, const msgpack_object *message, const char *key)
{
    char cell[TEXT_UNIT] = "-";
    int64_t ns = object_int(message, key, INT64_MAX);
    if (ns != INT64_MAX) {
        text_duration(cell, ns);
    }
    table_cell(t, cell);
}

static void
add_row(table *t, text *cell, const msgpack_object *message)
{
    char bytes[TEXT_UNIT];
    bool in_hand = object_bool(message, "in_hand");
    bool is_call = object_bool(message, "call");
    table_cell(t, in_hand ? "in hand" : is_call ? "call" : "");
    text_clear(cell);
    table_cell(t, object_text(cell, message, "lane") ? text_z(cell) : "-");
    text_clear(cell);
    table_cell(t, object_text(cell, message, "type") ? text_z(cell) : "-");
    text_clear(cell);
    sender(cell, message);
    table_cell(t, text_z(cell));
    add_duration(t, message, "age_ns");
    add_duration(t, message, "deadline_left_ns");
    text_bytes(bytes, object_uint(message, "bytes", 0));
    table_cell(t, bytes);
    text_clear(cell);
    value(cell, message);
    table_cell(t, text_z(cell));
}

static void
print_head(const msgpack_object *result, text *head)
{
    const msgpack_object *actor = object_field(result, "actor");
    char bytes[TEXT_UNIT];
    char bound[TEXT_UNIT];
    text_bytes(bytes, object_uint(actor, "queued_bytes", 0));
    text_bytes(bound, object_uint(actor, "mailbox_bytes", 0));
    (void)object_text(head, actor, "name");
    text_add_z(head, " ");
    object_ref(head, object_uint(actor, "id", 0));
    text_add_z(head, ", ");
    actors_state(head, actor);
    printf("%s: %" PRIu64 " of %" PRIu64 " messages, %s of %s\n", text_z(head),
           object_uint(result, "total", 0), object_uint(actor, "mailbox_count", 0), bytes, bound);
}

static void
print_mailbox(const msgpack_object *result, const msgpack_object_array *messages)
{
    text cell = {0};
    table t;
    print_head(result, &cell);
    if (object_bool(result, "busy")) {
        printf("It is busy in a handler and shows its messages only between two.\n");
    }
    table_init(&t, columns, COLUMNS);
    size_t in_hand = 0;
    for (uint32_t i = 0; i < messages->size; i++) {
        add_row(&t, &cell, &messages->ptr[i]);
        in_hand += object_bool(&messages->ptr[i], "in_hand");
    }
    if (messages->size > 0) {
        table_flush(&t);
    }
    uint64_t queued = messages->size - in_hand;
    uint64_t total = object_uint(result, "total", 0);
    if (total > queued && !object_bool(result, "busy")) {
        printf("and %" PRIu64 " more\n", total - queued);
    }
    table_fini(&t);
    text_fini(&cell);
}

// As the process said it, with readable addresses in the actor and in each message.
static void
print_json(const msgpack_object *result, const msgpack_object_array *messages)
{
    text out = {0};
    text_add_z(&out, "{\"actor\":");
    const msgpack_object *actor = object_field(result, "actor");
    if (actor != NULL) {
        json_record(&out, actor);
    } else {
        text_add_z(&out, "null");
    }
    text_printf(&out, ",\"busy\":%s,\"total\":%" PRIu64 ",\"messages\":[",
                object_bool(result, "busy") ? "true" : "false", object_uint(result, "total", 0));
    for (uint32_t i = 0; i < messages->size; i++) {
        text_add_z(&out, i > 0 ? "," : "");
        json_record(&out, &messages->ptr[i]);
    }
    text_add_z(&out, "]}");
    command_json_line(&out);
    text_fini(&out);
}

static tool_exit
ask(client *c, uint64_t actor, uint64_t limit, const msgpack_object **out)
{
    msgpack_sbuffer params;
    msgpack_packer packer;
    msgpack_sbuffer_init(&params);
    msgpack_packer_init(&packer, &params, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str_with_body(&packer, "actor", 5);
    msgpack_pack_uint64(&packer, actor);
    msgpack_pack_str_with_body(&packer, "limit", 5);
    msgpack_pack_uint64(&packer, limit != 0 ? limit : TR_TRACE_MESSAGES_DEFAULT);
    tool_exit status = client_call(c, TR_TRACE_MAILBOX, &params, out);
    msgpack_sbuffer_destroy(&params);
    return status;
}

tool_exit
command_mailbox(client *c, const args *a)
{
    uint64_t actor;
    const msgpack_object *result;
    tool_exit status = actors_find(c, a->actor, &actor);
    if (status == TOOL_OK) {
        status = ask(c, actor, a->limit, &result);
    }
    if (status != TOOL_OK) {
        return command_failed(c, status);
    }
    const msgpack_object *messages = object_array(result, "messages");
    if (messages == NULL) {
        text_clear(&c->why);
        text_add_z(&c->why, "the answer has no messages in it");
        return command_failed(c, TOOL_PROTOCOL);
    }
    if (a->is_json) {
        print_json(result, &messages->via.array);
    } else {
        print_mailbox(result, &messages->via.array);
    }
    return TOOL_OK;
}
