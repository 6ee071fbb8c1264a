// tree_command.c: the actors drawn as a tree.
#include "command.h"

#include <inttypes.h>
#include <string.h>

#include "actors.h"
#include "json.h"
#include "object.h"
#include "table.h"
#include "tree.h"
#include "troupe/trace.h"

#define DRAWN_MAX 48u   // levels that are indented; deeper ones stay below each other
#define ROW_SHOWN 8u    // of a folded row of similar children
#define ROW_MAX   12u   // a row up to this long is not folded
#define PART      1000u // rows printed at one time

static const table_column columns[] = {
    {"ACTOR", false, true},    {"STATE", false, true}, {"MAILBOX", true, false},
    {"RESTARTS", true, false}, {"ID", false, false},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

typedef struct drawing {
    const tree *tree;
    table table;
    text cell;
    size_t rows;
    bool has_more[DRAWN_MAX]; // by level: the node drawn last there has siblings to come
} drawing;

static void
draw_branch(drawing *d, uint32_t depth, bool is_last)
{
    uint32_t shown = depth < DRAWN_MAX ? depth : DRAWN_MAX - 1;
    text_clear(&d->cell);
    for (uint32_t i = 1; i < shown; i++) {
        text_add_z(&d->cell, !d->has_more[i] ? "   " : text_utf8 ? "│  " : "|  ");
    }
    if (shown > 0) {
        d->has_more[shown] = !is_last;
        text_add_z(&d->cell, text_utf8 ? (is_last ? "└─ " : "├─ ") : is_last ? "`- " : "|- ");
    }
}

static void
end_row(drawing *d)
{
    if (++d->rows % PART == 0) {
        table_flush(&d->table);
    }
}

static void
draw_node(drawing *d, const tree_node *node, uint32_t depth)
{
    const char *name = tree_word(d->tree, node->name);
    const char *behavior = tree_word(d->tree, node->behavior);
    draw_branch(d, depth, node->next == TREE_NONE);
    text_add_z(&d->cell, name[0] != '\0' ? name : "-");
    if (strcmp(name, behavior) != 0) {
        text_printf(&d->cell, " (%s)", behavior);
    }
    table_cell(&d->table, text_z(&d->cell));
    table_cell(&d->table, tree_word(d->tree, node->state));
    table_cellf(&d->table, "%" PRIu64 "/%" PRIu64, node->queued, node->capacity);
    table_cellf(&d->table, "%" PRIu64, node->restarts);
    text_clear(&d->cell);
    object_ref(&d->cell, node->id);
    table_cell(&d->table, text_z(&d->cell));
    end_row(d);
}

// The rest of a row of similar children, in one line.
static void
draw_folded(drawing *d, uint32_t from, uint32_t count, uint32_t depth, bool is_last)
{
    uint64_t queued = 0;
    uint64_t capacity = 0;
    uint64_t restarts = 0;
    uint32_t at = from;
    for (uint32_t i = 0; i < count; i++, at = d->tree->nodes[at].next) {
        queued += d->tree->nodes[at].queued;
        capacity += d->tree->nodes[at].capacity;
        restarts += d->tree->nodes[at].restarts;
    }
    draw_branch(d, depth, is_last);
    text_printf(&d->cell, "%s %" PRIu32 " more %s", text_utf8 ? "…" : "...", count,
                tree_word(d->tree, d->tree->nodes[from].behavior));
    table_cell(&d->table, text_z(&d->cell));
    table_cell(&d->table, "");
    table_cellf(&d->table, "%" PRIu64 "/%" PRIu64, queued, capacity);
    table_cellf(&d->table, "%" PRIu64, restarts);
    table_cell(&d->table, "");
    end_row(d);
}

// Children without children of their own and of one behavior, from `at` on: how many in a row.
static uint32_t
row_length(const tree *t, uint32_t at)
{
    uint32_t length = 0;
    const char *behavior = tree_word(t, t->nodes[at].behavior);
    while (at != TREE_NONE && t->nodes[at].first == TREE_NONE &&
           strcmp(tree_word(t, t->nodes[at].behavior), behavior) == 0) {
        length++;
        at = t->nodes[at].next;
    }
    return length;
}

static void
draw(drawing *d, bool is_all)
{
    const tree *t = d->tree;
    uint32_t depth = 0;
    uint32_t row = 0; // what is left of the row that `at` is in, once its length is known
    uint32_t shown = 0;
    for (uint32_t at = t->first_root; at != TREE_NONE;) {
        if (row == 0) {
            row = is_all ? 0 : row_length(t, at);
            shown = row > ROW_MAX ? ROW_SHOWN : row;
        }
        if (row > 0 && shown == 0) {
            uint32_t last = at;
            for (uint32_t i = 1; i < row; i++) {
                last = t->nodes[last].next;
            }
            draw_folded(d, at, row, depth, t->nodes[last].next == TREE_NONE);
            at = tree_next(t, last, false, &depth);
            row = 0;
            continue;
        }
        draw_node(d, &t->nodes[at], depth);
        row -= row > 0;
        shown -= shown > 0;
        at = tree_next(t, at, true, &depth);
    }
}

static void
json_word(text *out, const tree *t, const char *key, size_t word)
{
    const char *data = tree_word(t, word);
    text_printf(out, "\"%s\":", key);
    json_string(out, data, strlen(data));
    text_add_z(out, ",");
}

static void
print_json(const tree *t)
{
    text out = {0};
    uint32_t depth = 0;
    for (uint32_t at = t->first_root; at != TREE_NONE; at = tree_next(t, at, true, &depth)) {
        const tree_node *node = &t->nodes[at];
        text_printf(&out, "{\"depth\":%" PRIu32 ",\"id\":\"", depth);
        object_ref(&out, node->id);
        text_add_z(&out, "\",\"parent\":");
        if (node->parent_id != 0) {
            text_add_z(&out, "\"");
            object_ref(&out, node->parent_id);
            text_add_z(&out, "\",");
        } else {
            text_add_z(&out, "null,");
        }
        json_word(&out, t, "name", node->name);
        json_word(&out, t, "behavior", node->behavior);
        json_word(&out, t, "state", node->state);
        text_printf(
            &out, "\"queued\":%" PRIu64 ",\"mailbox_count\":%" PRIu64 ",\"restarts\":%" PRIu64 "}",
            node->queued, node->capacity, node->restarts);
        command_json_line(&out);
    }
    text_fini(&out);
}

static bool
on_actor(const msgpack_object *actor, void *arg)
{
    return tree_add(arg, actor);
}

tool_exit
command_tree(client *c, const args *a)
{
    tree t = {0};
    actors_query query = {.page = TR_TRACE_ACTORS_MAX};
    tool_exit status = actors_each(c, &query, on_actor, &t);
    if (status == TOOL_OK) {
        tree_link(&t);
        if (a->is_json) {
            print_json(&t);
        } else {
            drawing d = {.tree = &t};
            table_init(&d.table, columns, COLUMNS);
            draw(&d, a->is_all);
            table_flush(&d.table);
            table_fini(&d.table);
            text_fini(&d.cell);
        }
    }
    tree_fini(&t);
    return status == TOOL_OK ? TOOL_OK : command_failed(c, status);
}
