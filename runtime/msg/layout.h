// layout.h: a value and everything it points to, laid out flat in one block.
#ifndef TRI_MSG_LAYOUT_H
#define TRI_MSG_LAYOUT_H

#include "troupe/error.h"
#include "troupe/message.h"

#include <stddef.h>
#include <string.h>

#include "base/compat.h"

// The alignment that a block must have. Every part within it is aligned to its own kind.
#define TRI_LAYOUT_ALIGN 16

// Messages and lists stand inside one another this deep at most, the outermost message counting
// one, on every path, in and out. It is also how deep their MessagePack nests.
#define TRI_MSG_DEPTH_MAX 32

// Bytes that `value` takes when laid out flat: the structure, then its variable parts.
// TR_ETOOBIG when no object can be that large or it nests deeper than TRI_MSG_DEPTH_MAX; TR_EINVAL
// when a part has a size and no data. `value` is not read when the type has no fields.
static inline tr_err_t tri_layout_size(const tr_type_t *type, const void *value, size_t *out);

// Copy `value` into `block` of the size that tri_layout_size gave. All pointers of the copy lead
// into the block, except those of a buf or a local, which are copied as they are: see parts.h. An
// empty str, bytes or list becomes {NULL, 0}.
static inline void tri_layout_copy(const tr_type_t *type, const void *value, void *block);

// Size and alignment in memory of one item of a kind (not NONE, not LIST). `nested` is read for
// NESTED only.
size_t tri_kind_size(tr_kind_t kind, const tr_type_t *nested);
size_t tri_kind_align(tr_kind_t kind, const tr_type_t *nested);

// Find the place for `count` items behind the first *at bytes of a block: *start is aligned, and
// *at moves behind the last item. False when that would pass `limit`. *at and `limit` are at most
// PTRDIFF_MAX, `align` is a power of two.
static inline bool
tri_layout_place(size_t *at, size_t limit, size_t count, size_t item_size, size_t align,
                 size_t *start)
{
    size_t first = TRI_ALIGN_UP(*at, align);
    if (first > limit || count > (limit - first) / item_size) {
        return false;
    }
    *start = first;
    *at = first + count * item_size;
    return true;
}

// ---- below: the way of the types without variable parts, which is worth a call saved ----------

tr_err_t tri_layout_size_variable(const tr_type_t *type, const void *value, size_t *out);
void tri_layout_copy_variable(const tr_type_t *type, const void *value, void *block);

static inline tr_err_t
tri_layout_size(const tr_type_t *type, const void *value, size_t *out)
{
    if (TRI_UNLIKELY((type->flags & TR_TYPE_VARIABLE) != 0)) {
        return tri_layout_size_variable(type, value, out);
    }
    *out = type->size;
    return TR_OK;
}

static inline void
tri_layout_copy(const tr_type_t *type, const void *value, void *block)
{
    if (TRI_UNLIKELY((type->flags & TR_TYPE_VARIABLE) != 0)) {
        tri_layout_copy_variable(type, value, block);
    } else if (type->size != 0) {
        memcpy(block, value, type->size);
    }
}

#endif
