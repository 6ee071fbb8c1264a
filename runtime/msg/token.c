#include "msg/token.h"

#include <string.h>

// What a tag from 0xc0 to 0xdf announces: the kind, and the bytes of the number behind it.
struct tag {
    enum { NEVER, NIL, FALSE, TRUE, UINT, INT, REAL, STR, BIN, EXT, FIXEXT, ARRAY, MAP } means;
    uint8_t width;
};

static const struct tag tags[32] = {
    {NIL, 0},    {NEVER, 0},  {FALSE, 0},  {TRUE, 0},   {BIN, 1},  {BIN, 2},  {BIN, 4},
    {EXT, 1},    {EXT, 2},    {EXT, 4},    {REAL, 4},   {REAL, 8}, {UINT, 1}, {UINT, 2},
    {UINT, 4},   {UINT, 8},   {INT, 1},    {INT, 2},    {INT, 4},  {INT, 8},  {FIXEXT, 0},
    {FIXEXT, 0}, {FIXEXT, 0}, {FIXEXT, 0}, {FIXEXT, 0}, {STR, 1},  {STR, 2},  {STR, 4},
    {ARRAY, 2},  {ARRAY, 4},  {MAP, 2},    {MAP, 4},
};

static uint64_t
big_endian(const uint8_t *data, unsigned width)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < width; i++) {
        n = n << 8 | data[i];
    }
    return n;
}

static void
set_integer(tri_token_t *token, int64_t n)
{
    if (n < 0) {
        token->kind = TRI_TOKEN_NEGATIVE;
        token->as.negative = n;
    } else {
        token->kind = TRI_TOKEN_UINT;
        token->as.uint = (uint64_t)n;
    }
}

static int64_t
sign_extend(uint64_t n, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    return (int64_t)((n ^ sign) - sign);
}

static double
real(uint64_t bits, unsigned width)
{
    if (width == 8) {
        double d;
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, sizeof f);
    return (double)f;
}

// The tags that carry their number in themselves: below 0xc0, and from 0xe0 on.
static tri_token_t
read_fix(uint8_t tag)
{
    tri_token_t token = {.header = 1};
    if (tag < 0x80 || tag >= 0xe0) {
        set_integer(&token, (int8_t)tag);
    } else if (tag < 0x90) {
        token.kind = TRI_TOKEN_MAP;
        token.children = 2 * (tag & 0x0fU);
    } else if (tag < 0xa0) {
        token.kind = TRI_TOKEN_ARRAY;
        token.children = tag & 0x0fU;
    } else {
        token.kind = TRI_TOKEN_STR;
        token.body = tag & 0x1fU;
    }
    return token;
}

static tri_token_t
read_wide(uint8_t tag, struct tag row, uint64_t n)
{
    tri_token_t token = {.header = 1U + row.width};
    switch (row.means) {
    case NEVER:
    case NIL:
        break;
    case FALSE:
    case TRUE:
        token.kind = TRI_TOKEN_BOOL;
        token.as.truth = row.means == TRUE;
        break;
    case UINT:
        token.kind = TRI_TOKEN_UINT;
        token.as.uint = n;
        break;
    case INT:
        set_integer(&token, sign_extend(n, row.width));
        break;
    case REAL:
        token.kind = TRI_TOKEN_REAL;
        token.as.real = real(n, row.width);
        break;
    case STR:
    case BIN:
        token.kind = row.means == STR ? TRI_TOKEN_STR : TRI_TOKEN_BIN;
        token.body = n;
        break;
    case EXT:
    case FIXEXT: // 0xd4 to 0xd8 hold 1, 2, 4, 8, 16 bytes; the byte of the type stands before them
        token.kind = TRI_TOKEN_EXT;
        token.body = 1 + (row.means == EXT ? n : UINT64_C(1) << (tag - 0xd4));
        break;
    case ARRAY:
    case MAP:
        token.kind = row.means == ARRAY ? TRI_TOKEN_ARRAY : TRI_TOKEN_MAP;
        token.children = row.means == ARRAY ? n : 2 * n;
        break;
    }
    return token;
}

tr_err_t
tri_token_read(const uint8_t *data, size_t size, tri_token_t *out)
{
    if (size == 0) {
        return TR_EBUSY;
    }
    uint8_t tag = data[0];
    if (tag < 0xc0 || tag >= 0xe0) {
        *out = read_fix(tag);
        return TR_OK;
    }
    struct tag row = tags[tag - 0xc0];
    if (row.means == NEVER) {
        return TR_EFORMAT;
    }
    if (size - 1 < row.width) {
        return TR_EBUSY;
    }
    *out = read_wide(tag, row, big_endian(data + 1, row.width));
    return TR_OK;
}
