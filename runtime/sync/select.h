// select.h: a public branch is a parking.
#ifndef TRI_SYNC_SELECT_H
#define TRI_SYNC_SELECT_H

#include "troupe/select.h"

#include "actor/park.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(tr_branch_t) == sizeof(tri_parking), "a branch is a parking");

static inline tr_branch_t
tri_branch(const tri_parking_ops *ops, void *object)
{
    tri_parking parking = {.ops = ops, .object = object};
    tr_branch_t branch;
    memcpy(&branch, &parking, sizeof branch);
    return branch;
}

#endif
