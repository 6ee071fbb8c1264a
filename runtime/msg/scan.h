// scan.h: read MessagePack headers without building anything, to learn whether a library may be
// trusted with the bytes: msgpack-c allocates by the declared number of elements.
#ifndef TRI_MSG_SCAN_H
#define TRI_MSG_SCAN_H

#include "troupe/error.h"

#include <stddef.h>
#include <stdint.h>

// The scanner itself goes no deeper than this; msgpack-c stops at the same depth.
#define TRI_SCAN_DEPTH_MAX 32

typedef struct tri_scan_limits {
    size_t bytes;    // of one object, its header included
    size_t elements; // arrays and maps, all levels together; a pair of a map is two
    uint32_t depth; // of arrays and maps in one another, also empty ones; cut to TRI_SCAN_DEPTH_MAX
} tri_scan_limits_t;

// Find the end of the first object in `data`. TR_OK: it is whole, and *out_size bytes long.
// TR_EBUSY: so far it is good, but more bytes are needed. TR_EFORMAT: not MessagePack.
// TR_ETOOBIG: over a limit; known as early as its headers tell, and at the latest when the limit of
// bytes is there, so that who reads more on TR_EBUSY never waits with a full buffer.
// An element takes a byte at least: where the object is whole there are no more elements than
// bytes.
tr_err_t tri_scan(const void *data, size_t size, const tri_scan_limits_t *limits, size_t *out_size);

#endif
