#include "inspect/method.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct method {
    const char *name;
    tr_trace_err_t (*answer)(tri_method_call_t *call);
    bool is_slow;
} methods[] = {
    {TR_TRACE_HELLO, tri_method_hello, false},
    {TR_TRACE_PS, tri_method_ps, false},
    {TR_TRACE_MAILBOX, tri_method_mailbox, true},
    {TR_TRACE_STATS, tri_method_stats, false},
};
#define METHODS (sizeof methods / sizeof methods[0])

static const struct method *
find(const tri_request_t *request)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (strlen(methods[i].name) == request->method.size &&
            memcmp(methods[i].name, request->method.ptr, request->method.size) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

bool
tri_method_is_slow(const tri_request_t *request)
{
    const struct method *method = find(request);
    return method != NULL && method->is_slow;
}

static tr_trace_err_t
unknown(const tri_request_t *request, char *why)
{
    char name[48];
    tri_request_quote(name, sizeof name, request->method.ptr, request->method.size);
    snprintf(why, TRI_REPLY_WHY, "there is no method '%s'; hello lists those there are", name);
    return TR_TRACE_EMETHOD;
}

bool
tri_method_answer(tr_runtime *rt, const tri_request_t *request, tri_reply_t *reply)
{
    char why[TRI_REPLY_WHY] = "";
    tri_method_call_t call = {.rt = rt, .request = request, .reply = reply, .why = why};
    const struct method *method = find(request);
    tri_reply_head(reply, request->has_id, request->id);
    size_t head = reply->size;
    tr_trace_err_t err = method != NULL ? method->answer(&call) : unknown(request, why);
    if (err == TR_TRACE_OK && reply->failed) {
        err = TR_TRACE_ENOMEM;
    }
    if (err != TR_TRACE_OK) {
        tri_reply_rewind(reply, head);
        tri_reply_error(reply, err, why);
    }
    return !reply->failed;
}

tr_trace_err_t
tri_method_hello(tri_method_call_t *call)
{
    tri_param_t params[] = {
        {.name = "version", .kind = TRI_PARAM_UINT, .max = UINT32_MAX, .number = TR_TRACE_VERSION},
        {.name = "client", .kind = TRI_PARAM_TEXT, .max = TR_TRACE_PATTERN_MAX},
    };
    tr_trace_err_t err = tri_request_params(call->request, params, 2, call->why);
    if (err != TR_TRACE_OK) {
        return err;
    }
    if (params[0].number != TR_TRACE_VERSION) {
        snprintf(call->why, TRI_REPLY_WHY, "version %llu of the protocol is not spoken here, %d is",
                 (unsigned long long)params[0].number, TR_TRACE_VERSION);
        return TR_TRACE_EVERSION;
    }
    tri_reply_t *reply = call->reply;
    msgpack_pack_nil(&reply->packer);
    msgpack_pack_map(&reply->packer, 5);
    tri_reply_uint(reply, "protocol", TR_TRACE_VERSION);
    tri_reply_pair(reply, "name", tri_view_runtime_name(call->rt));
    tri_reply_uint(reply, "pid", (uint64_t)getpid());
    tri_reply_pair(reply, "version", TRI_VERSION);
    tri_reply_key(reply, "methods");
    msgpack_pack_array(&reply->packer, METHODS);
    for (size_t i = 0; i < METHODS; i++) {
        tri_reply_key(reply, methods[i].name);
    }
    return TR_TRACE_OK;
}

static void
pack_ledger(tri_reply_t *reply, const tr_ledger_t *ledger)
{
    msgpack_pack_map(&reply->packer, 9);
    tri_reply_uint(reply, "accepted", ledger->accepted);
    tri_reply_uint(reply, "handled", ledger->handled);
    tri_reply_uint(reply, "failed", ledger->failed);
    tri_reply_uint(reply, "expired", ledger->expired);
    tri_reply_uint(reply, "dropped", ledger->dropped);
    tri_reply_uint(reply, "dead", ledger->dead);
    tri_reply_uint(reply, "returned", ledger->returned);
    tri_reply_uint(reply, "discarded", ledger->discarded);
    tri_reply_uint(reply, "queued", ledger->queued);
}

tr_trace_err_t
tri_method_stats(tri_method_call_t *call)
{
    tr_trace_err_t err = tri_request_params(call->request, NULL, 0, call->why);
    if (err != TR_TRACE_OK) {
        return err;
    }
    tr_stats_t stats;
    tr_runtime_stats(call->rt, &stats);
    tri_reply_t *reply = call->reply;
    msgpack_pack_nil(&reply->packer);
    msgpack_pack_map(&reply->packer, 10);
    tri_reply_uint(reply, "workers", stats.workers);
    tri_reply_uint(reply, "actors", stats.actors);
    tri_reply_uint(reply, "spawned", stats.spawned);
    tri_reply_uint(reply, "restarts", stats.restarts);
    tri_reply_uint(reply, "failures", stats.failures);
    tri_reply_uint(reply, "deadlocks", stats.deadlocks);
    tri_reply_uint(reply, "stacks", stats.stacks);
    tri_reply_uint(reply, "turns", stats.turns);
    tri_reply_uint(reply, "wakeups", stats.wakeups);
    tri_reply_key(reply, "ledger");
    pack_ledger(reply, &stats.ledger);
    return TR_TRACE_OK;
}
