#include "actors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "troupe/trace.h"

#define SHOWN_MAX 10u // candidates that a message lists

static void
pack_text(msgpack_packer *packer, const char *key, const char *value)
{
    msgpack_pack_str_with_body(packer, key, strlen(key));
    msgpack_pack_str_with_body(packer, value, strlen(value));
}

static void
pack_uint(msgpack_packer *packer, const char *key, uint64_t value)
{
    msgpack_pack_str_with_body(packer, key, strlen(key));
    msgpack_pack_uint64(packer, value);
}

static tool_exit
fetch(client *c, const actors_query *query, uint64_t cursor, const msgpack_object **out)
{
    msgpack_sbuffer params;
    msgpack_packer packer;
    msgpack_sbuffer_init(&params);
    msgpack_packer_init(&packer, &params, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2u + (query->name != NULL) + (query->match != NULL));
    pack_uint(&packer, "cursor", cursor);
    pack_uint(&packer, "limit", query->page);
    if (query->name != NULL) {
        pack_text(&packer, "name", query->name);
    }
    if (query->match != NULL) {
        pack_text(&packer, "match", query->match);
    }
    tool_exit status = client_call(c, TR_TRACE_PS, &params, out);
    msgpack_sbuffer_destroy(&params);
    return status;
}

tool_exit
actors_each(client *c, const actors_query *query, actors_fn fn, void *arg)
{
    uint64_t cursor = 0;
    for (;;) {
        const msgpack_object *result;
        tool_exit status = fetch(c, query, cursor, &result);
        if (status != TOOL_OK) {
            return status;
        }
        const msgpack_object *rows = object_array(result, "actors");
        for (uint32_t i = 0; rows != NULL && i < rows->via.array.size; i++) {
            if (!fn(&rows->via.array.ptr[i], arg)) {
                return TOOL_OK;
            }
        }
        const msgpack_object *next = object_field(result, "next");
        if (next != NULL && next->type == MSGPACK_OBJECT_NIL) {
            return TOOL_OK;
        }
        uint64_t after = object_uint(result, "next", 0);
        if (rows == NULL || after <= cursor) { // it would never end
            text_clear(&c->why);
            text_add_z(&c->why, "the list of actors does not go on");
            return TOOL_PROTOCOL;
        }
        cursor = after;
    }
}

// One number of an address, all of it digits and within 32 bits.
static bool
read_part(const char **at, uint64_t *out)
{
    char *end;
    if (**at < '0' || **at > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0 && *out <= UINT32_MAX;
}

bool
actors_is_address(const char *word, uint64_t *out)
{
    uint64_t slot;
    uint64_t generation;
    const char *at = word + 1;
    if (word[0] != '#' || !read_part(&at, &slot) || *at++ != '.' || !read_part(&at, &generation) ||
        *at != '\0') {
        return false;
    }
    *out = generation << 32 | slot;
    return true;
}

bool
actors_is_pattern(const char *word)
{
    return strpbrk(word, "*?") != NULL;
}

// Those that were found so far.
typedef struct found {
    uint64_t id; // the first
    size_t count;
    text list;
} found;

static bool
on_found(const msgpack_object *actor, void *arg)
{
    found *f = arg;
    uint64_t id = object_uint(actor, "id", 0);
    f->id = f->count == 0 ? id : f->id;
    if (++f->count > SHOWN_MAX) {
        text_add_z(&f->list, "\n  and more");
        return false;
    }
    text_add_z(&f->list, "\n  ");
    object_ref(&f->list, id);
    text_add_z(&f->list, "  ");
    (void)object_text(&f->list, actor, "name");
    return true;
}

tool_exit
actors_find(client *c, const char *word, uint64_t *out)
{
    if (actors_is_address(word, out)) {
        return TOOL_OK;
    }
    found f = {0};
    actors_query query = {.page = TR_TRACE_ACTORS_MAX, .name = word};
    tool_exit status = actors_each(c, &query, on_found, &f);
    if (status == TOOL_OK && f.count == 0 && actors_is_pattern(word)) {
        query = (actors_query){.page = TR_TRACE_ACTORS_MAX, .match = word};
        status = actors_each(c, &query, on_found, &f);
    }
    if (status == TOOL_OK && f.count != 1) {
        text_clear(&c->why);
        text_add_z(&c->why, f.count == 0 ? "there is no actor '" : "several actors are called '");
        text_add_safe(&c->why, word, strlen(word));
        text_add_z(&c->why, f.count == 0 ? "'" : "'; say which by its address:");
        text_add_z(&c->why, text_z(&f.list));
        status = f.count == 0 ? TOOL_NONE : TOOL_USAGE;
    }
    *out = f.id;
    text_fini(&f.list);
    return status;
}

void
actors_state(text *t, const msgpack_object *actor)
{
    const msgpack_object *wait = object_field(actor, "wait");
    if (!object_text(t, actor, "state")) {
        text_add_z(t, "-");
    }
    if (wait != NULL && wait->type == MSGPACK_OBJECT_STR) {
        text_add_z(t, ": ");
        (void)object_text(t, actor, "wait");
    }
}

void
actors_fill(text *t, const msgpack_object *actor)
{
    text_printf(t, "%" PRIu64 "/%" PRIu64, object_uint(actor, "queued", 0),
                object_uint(actor, "mailbox_count", 0));
}

uint64_t
actors_restarts(const msgpack_object *actor)
{
    uint64_t incarnation = object_uint(actor, "incarnation", 0);
    return incarnation > 0 ? incarnation - 1 : 0;
}
