// codec.h: values to MessagePack and back, driven by the field table. A value is a map keyed by
// field name: unknown fields are skipped, absent ones are zero, so both ends may be of any age.
//
//     kind            written as                          also read from
//     bool            true, false
//     i8 … u64, ref   integer                             any encoding of an integer in range
//     f32, f64        float                               an integer; an f64 that an f32 can hold
//     str             str
//     bytes           bin                                 str
//     enum            str, its name; integer without one  an integer of 32 bits
//     nested          map
//     list            array
//     buf             bin; nil where there is none        nil
//     local           nil                                 anything, as NULL
#ifndef TRI_MSG_CODEC_H
#define TRI_MSG_CODEC_H

#include "troupe/error.h"
#include "troupe/message.h"

#include <stddef.h>
#include <stdint.h>

struct msgpack_packer;

#define TRI_ENCODE_MASK_SECRETS 1u // secret fields are written as the text "***"

// The codec takes types of at most this many fields: it remembers which of them it has seen.
#define TRI_MSG_FIELDS_MAX 256

// Append `value` to a packer. TR_ENOMEM when its buffer cannot grow, TR_ETOOBIG when it nests
// deeper than TRI_MSG_DEPTH_MAX or a part has more than UINT32_MAX bytes or items, TR_EINVAL when a
// part has a size and no data or a type more than TRI_MSG_FIELDS_MAX fields. On an error the packer
// has taken a part of the value. Its type is spelled as in msgpack.h so that only those who pack
// include it.
tr_err_t
tri_encode(struct msgpack_packer *packer, const tr_type_t *type, const void *value, unsigned flags);

// Encode into a fresh buffer; *out_data is owned, tri_free. Errors as above.
tr_err_t tri_encode_alloc(const tr_type_t *type, const void *value, unsigned flags, void **out_data,
                          size_t *out_size);

// Decode one value that takes the whole of `data`. The result is one flat block as tri_layout_copy
// would make it, but its parts stand in the order of the bytes; owned, tri_free. Each buf in it is
// a new one, and the only reference is the block's: where the type may have any (TR_TYPE_PARTS),
// tri_parts_release comes before tri_free. Nobody writes to `data` meanwhile.
// Hostile input is safe: everything is checked, and the size of the block and of all bufs known,
// before the block and then the bufs are allocated, and nothing else is. On an error none is left.
// TR_EFORMAT: not msgpack, truncated, trailing bytes, a field of another type or out of range, a
// duplicate field, a key that is not a str; TR_ETOOBIG: nesting over TRI_MSG_DEPTH_MAX, or a block
// and bufs over `limit` bytes together; TR_EINVAL: a type of more than TRI_MSG_FIELDS_MAX fields;
// TR_ENOMEM.
tr_err_t tri_decode(const tr_type_t *type, const void *data, size_t size, size_t limit, void **out,
                    size_t *out_size);

#endif
