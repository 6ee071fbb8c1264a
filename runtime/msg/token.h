// token.h: the header of one MessagePack object, as the scanner and the decoder both read it.
#ifndef TRI_MSG_TOKEN_H
#define TRI_MSG_TOKEN_H

#include "troupe/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tri_token_kind {
    TRI_TOKEN_NIL,
    TRI_TOKEN_BOOL,
    TRI_TOKEN_UINT,     // zero or more, whatever its encoding
    TRI_TOKEN_NEGATIVE, // less than zero
    TRI_TOKEN_REAL,
    TRI_TOKEN_STR,
    TRI_TOKEN_BIN,
    TRI_TOKEN_EXT,
    TRI_TOKEN_ARRAY,
    TRI_TOKEN_MAP,
} tri_token_kind_t;

typedef struct tri_token {
    tri_token_kind_t kind;
    size_t header;     // bytes of the tag and the number behind it
    uint64_t body;     // str, bin, ext: the bytes that follow, else 0
    uint64_t children; // array, map: the objects that follow, two for each pair of a map, else 0
    union {
        bool truth;
        uint64_t uint;
        int64_t negative;
        double real;
    } as;
} tri_token_t;

// Read the header at `data`. Neither its body nor its children need to be there.
// TR_EBUSY: `size` bytes are not the whole header. TR_EFORMAT: the tag is none of MessagePack.
tr_err_t tri_token_read(const uint8_t *data, size_t size, tri_token_t *out);

#endif
