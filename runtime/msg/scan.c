#include "msg/scan.h"

#include "msg/token.h"

struct scan {
    const tri_scan_limits_t *limits;
    uint64_t at;       // bytes read
    uint64_t pending;  // objects that were announced and are still to come, on all levels
    uint64_t elements; // of arrays and maps, so far
    uint32_t depth;    // arrays and maps that are open
    uint64_t left[TRI_SCAN_DEPTH_MAX]; // in each of them, the objects still to come
};

// Numbers announced are below 2^33 and add up on 32 levels: no sum here comes near 2^64.
static tr_err_t
enter(struct scan *s, const tri_token_t *token)
{
    bool holds_others = token->kind == TRI_TOKEN_ARRAY || token->kind == TRI_TOKEN_MAP;
    if (holds_others && (s->depth >= s->limits->depth || s->depth >= TRI_SCAN_DEPTH_MAX)) {
        return TR_ETOOBIG;
    }
    s->at += token->header + token->body;
    s->pending += token->children;
    s->elements += token->children;
    // Whatever is still to come takes a byte at least.
    if (s->elements > s->limits->elements || s->at + s->pending > s->limits->bytes) {
        return TR_ETOOBIG;
    }
    if (token->children > 0) {
        s->left[s->depth++] = token->children;
        return TR_OK;
    }
    // An object has ended, and with it every array and map that it was the last one of.
    while (s->depth > 0 && --s->left[s->depth - 1] == 0) {
        s->depth--;
    }
    return TR_OK;
}

tr_err_t
tri_scan(const void *data, size_t size, const tri_scan_limits_t *limits, size_t *out_size)
{
    struct scan s = {.limits = limits, .pending = 1};
    while (s.pending > 0) {
        tri_token_t token;
        tr_err_t err = s.at < size
                           ? tri_token_read((const uint8_t *)data + s.at, size - s.at, &token)
                           : TR_EBUSY;
        if (err != TR_OK) {
            return err == TR_EBUSY && size >= limits->bytes ? TR_ETOOBIG : err;
        }
        s.pending--;
        err = enter(&s, &token);
        if (err != TR_OK) {
            return err;
        }
    }
    if (s.at > size) {
        return TR_EBUSY; // the object ends with a str, bin or ext that is not whole
    }
    *out_size = s.at;
    return TR_OK;
}
