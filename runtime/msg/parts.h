// parts.h: what a flat value holds besides its own bytes: references to bufs, and local objects.
// Copying a value copies only pointers to them; who makes or ends a value calls these.
//
// The value is one that tri_layout_size accepted or tri_decode made. A type without TR_TYPE_PARTS
// has none: everything here returns at once, and the value is not read.
#ifndef TRI_MSG_PARTS_H
#define TRI_MSG_PARTS_H

#include "troupe/message.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/compat.h"

// The sizes of its bufs, together; one that stands there twice counts twice.
static inline uint64_t tri_parts_bytes(const tr_type_t *type, const void *value);

// Take a reference to each buf: of a copy just made, it makes an owner.
static inline void tri_parts_share(const tr_type_t *type, const void *value);

// Tell each local object that it is about to go: `leave`, in the sender, before the delivery.
static inline void tri_parts_leave(const tr_type_t *type, const void *value);

// Tell each local object that it is back, as tr_take does: the delivery came to nothing.
static inline void tri_parts_adopt(const tr_type_t *type, const void *value, struct tr_self *self);

// Give back the reference to each buf and, where they are the value's own, drop the local objects.
// NULLs are left in their place: doing it twice is as doing it once. Calls into the program.
static inline void tri_parts_release(const tr_type_t *type, void *value, bool owns_locals);

// Forget the local objects: of a copy that is only looked at, perhaps when they are gone. The bufs
// stay; such a copy shares them.
static inline void tri_parts_blank(const tr_type_t *type, void *value);

// Whether there is a local object in it.
bool tri_parts_has_local(const tr_type_t *type, const void *value);

// ---- below: the way of the types without parts, which is worth a call saved --------------------

uint64_t tri_parts_bytes_walk(const tr_type_t *type, const void *value);
void tri_parts_share_walk(const tr_type_t *type, const void *value);
void tri_parts_leave_walk(const tr_type_t *type, const void *value);
void tri_parts_adopt_walk(const tr_type_t *type, const void *value, struct tr_self *self);
void tri_parts_release_walk(const tr_type_t *type, void *value, bool owns_locals);
void tri_parts_blank_walk(const tr_type_t *type, void *value);

static inline bool
tri_parts_may_be(const tr_type_t *type)
{
    return TRI_UNLIKELY((type->flags & TR_TYPE_PARTS) != 0);
}

static inline uint64_t
tri_parts_bytes(const tr_type_t *type, const void *value)
{
    return tri_parts_may_be(type) ? tri_parts_bytes_walk(type, value) : 0;
}

static inline void
tri_parts_share(const tr_type_t *type, const void *value)
{
    if (tri_parts_may_be(type)) {
        tri_parts_share_walk(type, value);
    }
}

static inline void
tri_parts_leave(const tr_type_t *type, const void *value)
{
    if (tri_parts_may_be(type)) {
        tri_parts_leave_walk(type, value);
    }
}

static inline void
tri_parts_adopt(const tr_type_t *type, const void *value, struct tr_self *self)
{
    if (tri_parts_may_be(type)) {
        tri_parts_adopt_walk(type, value, self);
    }
}

static inline void
tri_parts_release(const tr_type_t *type, void *value, bool owns_locals)
{
    if (tri_parts_may_be(type)) {
        tri_parts_release_walk(type, value, owns_locals);
    }
}

static inline void
tri_parts_blank(const tr_type_t *type, void *value)
{
    if (tri_parts_may_be(type)) {
        tri_parts_blank_walk(type, value);
    }
}

#endif
