#include "inspect/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "msg/scan.h"

#define QUOTE_MAX 48

tr_err_t
tri_request_scan(const void *data, size_t size, size_t *out_size)
{
    // The bound on elements also bounds the work that a frame costs which comes byte by byte: it is
    // scanned from its start each time.
    static const tri_scan_limits_t limits = {
        .bytes = TR_TRACE_REQUEST_MAX,
        .elements = TR_TRACE_REQUEST_ELEMENTS,
        .depth = TR_TRACE_DEPTH_MAX,
    };
    return tri_scan(data, size, &limits, out_size);
}

// Parameters are a map, or, as generic clients send them, an array with at most one map in it.
static bool
params_map(const msgpack_object *params, msgpack_object_map *out)
{
    if (params->type == MSGPACK_OBJECT_ARRAY && params->via.array.size == 0) {
        return true;
    }
    if (params->type == MSGPACK_OBJECT_ARRAY && params->via.array.size == 1) {
        params = params->via.array.ptr;
    }
    if (params->type != MSGPACK_OBJECT_MAP) {
        return false;
    }
    *out = params->via.map;
    return true;
}

tr_trace_err_t
tri_request_parse(const void *frame, size_t size, tri_request_t *out, char *why)
{
    size_t used = 0;
    *out = (tri_request_t){0};
    msgpack_unpacked_init(&out->unpacked);
    if (msgpack_unpack_next(&out->unpacked, frame, size, &used) != MSGPACK_UNPACK_SUCCESS ||
        used != size) {
        snprintf(why, TRI_REPLY_WHY, "the bytes are not MessagePack, or nested too deep");
        return TR_TRACE_EFORMAT;
    }
    const msgpack_object *root = &out->unpacked.data;
    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size != 4) {
        snprintf(why, TRI_REPLY_WHY, "a request is [0, msgid, method, params]");
        return TR_TRACE_EFORMAT;
    }
    const msgpack_object *part = root->via.array.ptr;
    if (part[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || part[0].via.u64 != TR_TRACE_REQUEST) {
        snprintf(why, TRI_REPLY_WHY, "the first element of a request is 0");
        return TR_TRACE_EFORMAT;
    }
    if (part[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER || part[1].via.u64 > UINT32_MAX) {
        snprintf(why, TRI_REPLY_WHY, "the msgid is not a number of 32 bits");
        return TR_TRACE_EFORMAT;
    }
    out->id = (uint32_t)part[1].via.u64;
    out->has_id = true;
    if (part[2].type != MSGPACK_OBJECT_STR) {
        snprintf(why, TRI_REPLY_WHY, "the method is not a text");
        return TR_TRACE_EFORMAT;
    }
    out->method = part[2].via.str;
    if (!params_map(&part[3], &out->params)) {
        snprintf(why, TRI_REPLY_WHY, "the parameters are not a map");
        return TR_TRACE_EFORMAT;
    }
    return TR_TRACE_OK;
}

void
tri_request_fini(tri_request_t *request)
{
    if (request != NULL && request->unpacked.zone != NULL) {
        msgpack_unpacked_destroy(&request->unpacked);
    }
}

void
tri_request_quote(char *out, size_t capacity, const char *text, size_t size)
{
    size_t kept = size < capacity - 1 ? size : capacity - 1;
    for (size_t i = 0; i < kept; i++) {
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    out[kept] = '\0';
}

static tri_param_t *
param_find(tri_param_t *params, size_t count, const msgpack_object *key)
{
    for (size_t i = 0; i < count && key->type == MSGPACK_OBJECT_STR; i++) {
        if (strlen(params[i].name) == key->via.str.size &&
            memcmp(params[i].name, key->via.str.ptr, key->via.str.size) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

static tr_trace_err_t
param_set(tri_param_t *param, const msgpack_object *value, char *why)
{
    if (param->is_given) {
        snprintf(why, TRI_REPLY_WHY, "parameter '%s' is there twice", param->name);
        return TR_TRACE_EPARAM;
    }
    if (value->type == MSGPACK_OBJECT_NIL) {
        return TR_TRACE_OK;
    }
    if (param->kind == TRI_PARAM_TEXT) {
        if (value->type != MSGPACK_OBJECT_STR || value->via.str.size > param->max) {
            snprintf(why, TRI_REPLY_WHY,
                     "parameter '%s' is not a text of at most %" PRIu64 " bytes", param->name,
                     param->max);
            return TR_TRACE_EPARAM;
        }
        param->text = value->via.str;
    } else {
        if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 < param->min ||
            value->via.u64 > param->max) {
            snprintf(why, TRI_REPLY_WHY,
                     "parameter '%s' is not a number from %" PRIu64 " to %" PRIu64, param->name,
                     param->min, param->max);
            return TR_TRACE_EPARAM;
        }
        param->number = value->via.u64;
    }
    param->is_given = true;
    return TR_TRACE_OK;
}

tr_trace_err_t
tri_request_params(const tri_request_t *request, tri_param_t *params, size_t count, char *why)
{
    for (uint32_t i = 0; i < request->params.size; i++) {
        const msgpack_object_kv *pair = &request->params.ptr[i];
        tri_param_t *param = param_find(params, count, &pair->key);
        if (param == NULL) {
            char name[QUOTE_MAX] = "that is not a text";
            if (pair->key.type == MSGPACK_OBJECT_STR) {
                tri_request_quote(name, sizeof name, pair->key.via.str.ptr, pair->key.via.str.size);
            }
            snprintf(why, TRI_REPLY_WHY, "there is no parameter '%s'", name);
            return TR_TRACE_EPARAM;
        }
        tr_trace_err_t err = param_set(param, &pair->val, why);
        if (err != TR_TRACE_OK) {
            return err;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (params[i].is_required && !params[i].is_given) {
            snprintf(why, TRI_REPLY_WHY, "parameter '%s' is missing", params[i].name);
            return TR_TRACE_EPARAM;
        }
    }
    return TR_TRACE_OK;
}
