// ps.c: the method `ps`: the live actors, a page at a time.
#include "inspect/method.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "inspect/glob.h"

#define BATCH      128u          // actors copied at one time
#define BATCH_ROOM (128u * 1024) // bytes that a batch takes at most when written

static void
pack_ref(tri_reply_t *reply, const char *key, tr_ref_t ref)
{
    tri_reply_key(reply, key);
    if (tr_ref_is_none(ref)) {
        msgpack_pack_nil(&reply->packer);
    } else {
        msgpack_pack_uint64(&reply->packer, ref.raw);
    }
}

void
tri_method_pack_actor(tri_reply_t *reply, const tri_actor_view_t *view)
{
    msgpack_pack_map(&reply->packer, 18);
    pack_ref(reply, "id", view->ref);
    pack_ref(reply, "parent", view->parent);
    tri_reply_pair(reply, "name", view->name);
    tri_reply_pair(reply, "behavior", view->behavior);
    tri_reply_pair(reply, "state", tri_view_state_name(view->state));
    tri_reply_pair(reply, "wait", view->wait);
    tri_reply_uint(reply, "worker", view->worker);
    tri_reply_uint(reply, "incarnation", view->incarnation);
    tri_reply_uint(reply, "queued", view->queued);
    tri_reply_uint(reply, "queued_bytes", view->queued_bytes);
    tri_reply_uint(reply, "mailbox_count", view->mailbox_count);
    tri_reply_uint(reply, "mailbox_bytes", view->mailbox_bytes);
    tri_reply_uint(reply, "received", view->received);
    tri_reply_uint(reply, "handled", view->handled);
    tri_reply_uint(reply, "failed", view->failed);
    tri_reply_uint(reply, "expired", view->expired);
    tri_reply_uint(reply, "dropped", view->dropped);
    tri_reply_uint(reply, "discarded", view->discarded);
}

// Which actors are asked for: those of this name, or whose name is like this; both empty: all.
typedef struct filter {
    const tri_param_t *name;
    const tri_param_t *match;
} filter;

static bool
is_wanted(const filter *wanted, const char *name)
{
    const msgpack_object_str *exact = &wanted->name->text;
    const msgpack_object_str *pattern = &wanted->match->text;
    if (wanted->name->is_given &&
        (strlen(name) != exact->size || memcmp(name, exact->ptr, exact->size) != 0)) {
        return false;
    }
    return !wanted->match->is_given || tri_glob_match(pattern->ptr, pattern->size, name);
}

// Write up to `limit` rows from *cursor on. Ends earlier where the response is full or enough
// actors were looked at, so that neither a page nor the time it takes depends on how many there
// are.
static uint32_t
pack_page(tri_method_call_t *call, const filter *wanted, uint32_t *cursor, uint32_t limit,
          tri_actor_view_t *batch)
{
    uint32_t rows = 0;
    size_t scanned = 0;
    tri_reply_t *reply = call->reply;
    while (*cursor != UINT32_MAX && rows < limit && scanned < TR_TRACE_SCANNED_MAX &&
           reply->limit - reply->size > BATCH_ROOM && !reply->failed) {
        size_t room = limit - rows < BATCH ? limit - rows : BATCH;
        size_t count = tri_view_actors(call->rt, cursor, batch, room);
        scanned += count;
        for (size_t i = 0; i < count; i++) {
            if (is_wanted(wanted, batch[i].name)) {
                tri_method_pack_actor(reply, &batch[i]);
                rows++;
            }
        }
    }
    return rows;
}

tr_trace_err_t
tri_method_ps(tri_method_call_t *call)
{
    enum { CURSOR, LIMIT, NAME, MATCH, PARAMS };
    tri_param_t params[PARAMS] = {
        [CURSOR] = {.name = "cursor", .kind = TRI_PARAM_UINT, .max = UINT32_MAX - 1},
        [LIMIT] = {.name = "limit",
                   .kind = TRI_PARAM_UINT,
                   .min = 1,
                   .max = TR_TRACE_ACTORS_MAX,
                   .number = TR_TRACE_ACTORS_DEFAULT},
        [NAME] = {.name = "name", .kind = TRI_PARAM_TEXT, .max = TR_TRACE_PATTERN_MAX},
        [MATCH] = {.name = "match", .kind = TRI_PARAM_TEXT, .max = TR_TRACE_PATTERN_MAX},
    };
    tr_trace_err_t err = tri_request_params(call->request, params, PARAMS, call->why);
    if (err != TR_TRACE_OK) {
        return err;
    }
    tri_actor_view_t *batch = tri_alloc(BATCH * sizeof *batch);
    if (batch == NULL) {
        return TR_TRACE_ENOMEM;
    }
    tri_reply_t *reply = call->reply;
    msgpack_pack_nil(&reply->packer);
    msgpack_pack_map(&reply->packer, 2);
    tri_reply_key(reply, "actors");
    filter wanted = {.name = &params[NAME], .match = &params[MATCH]};
    uint32_t cursor = (uint32_t)params[CURSOR].number;
    size_t rows = tri_reply_array_begin(reply);
    uint32_t count = pack_page(call, &wanted, &cursor, (uint32_t)params[LIMIT].number, batch);
    tri_reply_array_end(reply, rows, count);
    tri_free(batch);
    tri_reply_key(reply, "next");
    if (cursor == UINT32_MAX) {
        msgpack_pack_nil(&reply->packer);
    } else {
        msgpack_pack_uint32(&reply->packer, cursor);
    }
    return TR_TRACE_OK;
}
