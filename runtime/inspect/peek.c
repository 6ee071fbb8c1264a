// peek.c: the method `mailbox`: the messages that wait for an actor, decoded, secrets masked.
#include "inspect/method.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "msg/codec.h"
#include "msg/scan.h"

#define MESSAGE_ROOM 1024u // bytes of a message's map at most, its value aside

// The value as a map, or nil and false where it is too large for a tool. A value is encoded apart
// from the response: it must fit the bounds that every client was promised, in depth as well.
static bool
pack_value(tri_reply_t *reply, const tri_message_view_t *message)
{
    tri_reply_t value;
    size_t size = 0;
    static const tri_scan_limits_t limits = {
        .bytes = TR_TRACE_VALUE_MAX,
        .elements = TR_TRACE_VALUE_ELEMENTS,
        .depth = TR_TRACE_VALUE_DEPTH,
    };
    tri_reply_init(&value, TR_TRACE_VALUE_MAX);
    bool fits = message->value != NULL &&
                tri_encode(&value.packer, message->type, message->value, TRI_ENCODE_MASK_SECRETS) ==
                    TR_OK &&
                !value.failed && tri_scan(value.data, value.size, &limits, &size) == TR_OK &&
                size == value.size && reply->limit - reply->size > value.size + MESSAGE_ROOM;
    if (fits) {
        tri_reply_raw(reply, value.data, value.size);
    } else {
        msgpack_pack_nil(&reply->packer);
    }
    tri_reply_fini(&value);
    return fits;
}

static void
pack_message(tri_reply_t *reply, const tri_message_view_t *message)
{
    msgpack_packer *packer = &reply->packer;
    msgpack_pack_map(packer, 11);
    tri_reply_pair(reply, "type", message->type->name);
    tri_reply_pair(reply, "lane", message->lane);
    tri_reply_key(reply, "in_hand");
    message->in_hand ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    tri_reply_key(reply, "call");
    message->is_call ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    tri_reply_key(reply, "sender");
    if (tr_ref_is_none(message->sender)) {
        msgpack_pack_nil(packer);
    } else {
        msgpack_pack_uint64(packer, message->sender.raw);
    }
    tri_reply_pair(reply, "sender_name",
                   tr_ref_is_none(message->sender) ? NULL : message->sender_name);
    tri_reply_uint(reply, "bytes", message->bytes);
    tri_reply_key(reply, "age_ns");
    msgpack_pack_int64(packer, message->age_ns);
    tri_reply_key(reply, "deadline_left_ns");
    if (message->deadline_left_ns == INT64_MAX) {
        msgpack_pack_nil(packer);
    } else {
        msgpack_pack_int64(packer, message->deadline_left_ns);
    }
    tri_reply_key(reply, "value");
    bool fits = pack_value(reply, message);
    tri_reply_key(reply, "value_omitted");
    fits ? msgpack_pack_false(packer) : msgpack_pack_true(packer);
}

static void
pack_mailbox(tri_reply_t *reply, const tri_mailbox_view_t *view, bool is_busy)
{
    msgpack_pack_nil(&reply->packer);
    msgpack_pack_map(&reply->packer, 4);
    tri_reply_key(reply, "actor");
    tri_method_pack_actor(reply, &view->actor);
    tri_reply_key(reply, "busy");
    is_busy ? msgpack_pack_true(&reply->packer) : msgpack_pack_false(&reply->packer);
    tri_reply_uint(reply, "total", is_busy ? view->actor.queued : view->total);
    tri_reply_key(reply, "messages");
    size_t rows = tri_reply_array_begin(reply);
    uint32_t count = 0;
    while (count < view->count && reply->limit - reply->size > 2 * MESSAGE_ROOM) {
        pack_message(reply, &view->messages[count]);
        count++;
    }
    tri_reply_array_end(reply, rows, count);
}

tr_trace_err_t
tri_method_mailbox(tri_method_call_t *call)
{
    tri_param_t params[] = {
        {.name = "actor", .kind = TRI_PARAM_UINT, .is_required = true, .max = UINT64_MAX},
        {.name = "limit",
         .kind = TRI_PARAM_UINT,
         .min = 1,
         .max = TR_TRACE_MESSAGES_MAX,
         .number = TR_TRACE_MESSAGES_DEFAULT},
    };
    tr_trace_err_t code = tri_request_params(call->request, params, 2, call->why);
    if (code != TR_TRACE_OK) {
        return code;
    }
    tri_mailbox_view_t view;
    tr_ref_t actor = {params[0].number};
    tr_err_t err =
        tri_view_mailbox(call->rt, actor, (size_t)params[1].number, tr_ms(TR_TRACE_PEEK_MS), &view);
    switch (err) {
    case TR_OK:
    case TR_ETIMEOUT:
        pack_mailbox(call->reply, &view, err == TR_ETIMEOUT);
        tri_mailbox_view_fini(&view);
        return TR_TRACE_OK;
    case TR_EDEAD:
        snprintf(call->why, TRI_REPLY_WHY, "there is no actor #%" PRIu64 ".%" PRIu64,
                 actor.raw & UINT32_MAX, actor.raw >> 32);
        return TR_TRACE_ENOACTOR;
    case TR_ENOMEM:
        return TR_TRACE_ENOMEM;
    default:
        snprintf(call->why, TRI_REPLY_WHY, "%s: %s", tr_errname(err), tr_strerror(err));
        return TR_TRACE_EINTERNAL;
    }
}
