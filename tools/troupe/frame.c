#include "frame.h"

#include "troupe/trace.h"

// One header: how long it is, what bytes and how many objects follow.
typedef struct header {
    size_t size;
    uint64_t bytes;
    uint64_t objects;
} header;

void
frame_init(frame *f)
{
    *f = (frame){.pending = 1};
}

static uint64_t
big_endian(const uint8_t *at, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n = n << 8 | at[i];
    }
    return n;
}

// From 0xc0 on: what the first byte says: kind, and the width of the number behind it.
static const struct {
    char kind; // 0 alone, b bytes, x ext, v a fixed value, a array, m map, ! never used
    uint8_t width;
} wide[32] = {
    {0, 0},    {'!', 0}, {0, 0},   {0, 0},   {'b', 1}, {'b', 2}, {'b', 4}, {'x', 1},
    {'x', 2},  {'x', 4}, {'v', 4}, {'v', 8}, {'v', 1}, {'v', 2}, {'v', 4}, {'v', 8},
    {'v', 1},  {'v', 2}, {'v', 4}, {'v', 8}, {'v', 2}, {'v', 3}, {'v', 5}, {'v', 9},
    {'v', 17}, {'b', 1}, {'b', 2}, {'b', 4}, {'a', 2}, {'a', 4}, {'m', 2}, {'m', 4},
};

static frame_state
header_wide(const uint8_t *at, size_t left, header *out)
{
    char kind = wide[at[0] - 0xc0].kind;
    size_t width = wide[at[0] - 0xc0].width;
    if (kind == '!') {
        return FRAME_BAD;
    }
    if (kind == 'v') {
        *out = (header){1, width, 0};
        return FRAME_WHOLE;
    }
    if (left < 1 + width) {
        return FRAME_MORE;
    }
    uint64_t n = big_endian(at + 1, width);
    *out = (header){.size = 1 + width};
    if (kind == 'a' || kind == 'm') {
        out->objects = kind == 'm' ? 2 * n : n;
    } else if (kind != 0) {
        out->bytes = kind == 'x' ? n + 1 : n;
    }
    return FRAME_WHOLE;
}

// `left` is one at least.
static frame_state
header_read(const uint8_t *at, size_t left, header *out)
{
    *out = (header){.size = 1};
    if (at[0] < 0x80 || at[0] >= 0xe0) { // a small number
        return FRAME_WHOLE;
    }
    if (at[0] < 0x90) {
        out->objects = 2 * (at[0] & 0x0fu);
    } else if (at[0] < 0xa0) {
        out->objects = at[0] & 0x0fu;
    } else if (at[0] < 0xc0) {
        out->bytes = at[0] & 0x1fu;
    } else {
        return header_wide(at, left, out);
    }
    return FRAME_WHOLE;
}

frame_state
frame_walk(frame *f, const uint8_t *data, size_t size)
{
    while (f->pending > 0) {
        header h;
        frame_state state = f->at < size ? header_read(data + f->at, size - f->at, &h) : FRAME_MORE;
        if (state != FRAME_WHOLE) {
            return state;
        }
        f->pending += h.objects;
        f->elements += h.objects;
        if (h.bytes > TR_TRACE_RESPONSE_MAX || f->elements > TR_TRACE_RESPONSE_ELEMENTS) {
            return FRAME_BAD;
        }
        f->pending--;
        f->at += h.size + (size_t)h.bytes;
        if (f->at + f->pending > TR_TRACE_RESPONSE_MAX) { // each takes a byte at least
            return FRAME_BAD;
        }
    }
    return f->at <= size ? FRAME_WHOLE : FRAME_MORE;
}
