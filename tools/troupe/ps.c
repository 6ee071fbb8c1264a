// ps.c: the actors that live, one a line.
#include "command.h"

#include <inttypes.h>
#include <stdio.h>

#include "actors.h"
#include "json.h"
#include "object.h"
#include "table.h"

#define PAGE 1000u

static const table_column columns[] = {
    {"ID", false, false},   {"NAME", false, true},     {"BEHAVIOR", false, true},
    {"STATE", false, true}, {"WORKER", true, false},   {"MAILBOX", true, false},
    {"BYTES", true, false}, {"RESTARTS", true, false}, {"HANDLED", true, false},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

typedef struct listing {
    table table;
    text cell;
    uint64_t limit; // 0: none
    uint64_t count;
    bool is_json;
    bool is_cut;
} listing;

static const char *
cell_text(text *cell, const msgpack_object *actor, const char *key)
{
    text_clear(cell);
    return object_text(cell, actor, key) ? text_z(cell) : "-";
}

static void
add_row(listing *l, const msgpack_object *actor)
{
    char bytes[TEXT_UNIT];
    text_clear(&l->cell);
    object_ref(&l->cell, object_uint(actor, "id", 0));
    table_cell(&l->table, text_z(&l->cell));
    table_cell(&l->table, cell_text(&l->cell, actor, "name"));
    table_cell(&l->table, cell_text(&l->cell, actor, "behavior"));
    text_clear(&l->cell);
    actors_state(&l->cell, actor);
    table_cell(&l->table, text_z(&l->cell));
    table_cellf(&l->table, "%" PRIu64, object_uint(actor, "worker", 0));
    text_clear(&l->cell);
    actors_fill(&l->cell, actor);
    table_cell(&l->table, text_z(&l->cell));
    text_bytes(bytes, object_uint(actor, "queued_bytes", 0));
    table_cell(&l->table, bytes);
    table_cellf(&l->table, "%" PRIu64, actors_restarts(actor));
    table_cellf(&l->table, "%" PRIu64, object_uint(actor, "handled", 0));
}

static bool
on_actor(const msgpack_object *actor, void *arg)
{
    listing *l = arg;
    if (l->limit != 0 && l->count == l->limit) {
        l->is_cut = true;
        return false;
    }
    l->count++;
    if (l->is_json) {
        json_record(&l->cell, actor);
        command_json_line(&l->cell);
        return true;
    }
    add_row(l, actor);
    if (l->count % PAGE == 0) {
        table_flush(&l->table);
    }
    return true;
}

tool_exit
command_ps(client *c, const args *a)
{
    listing l = {.limit = a->limit, .is_json = a->is_json};
    actors_query query = {.page = PAGE};
    uint64_t wanted;
    if (a->limit != 0 && a->limit < PAGE) {
        query.page = (uint32_t)a->limit + 1; // one more tells whether there are more
    }
    if (a->actor != NULL && actors_is_address(a->actor, &wanted)) {
        text_add_z(&c->why, "ps takes a name or a pattern; for one address there is mailbox");
        return command_failed(c, TOOL_USAGE);
    }
    if (a->actor != NULL && actors_is_pattern(a->actor)) {
        query.match = a->actor;
    } else {
        query.name = a->actor;
    }
    table_init(&l.table, columns, COLUMNS);
    tool_exit status = actors_each(c, &query, on_actor, &l);
    if (!l.is_json && (l.count > 0 || status == TOOL_OK)) {
        table_flush(&l.table);
    }
    if (status == TOOL_OK && l.is_cut) {
        fprintf(stderr, "troupe: there are more than these %" PRIu64 "\n", l.count);
    }
    if (status == TOOL_OK && a->actor != NULL && l.count == 0) {
        text_clear(&c->why);
        text_printf(&c->why, "there is no such actor");
        status = TOOL_NONE;
    }
    table_fini(&l.table);
    text_fini(&l.cell);
    return status == TOOL_OK ? TOOL_OK : command_failed(c, status);
}
