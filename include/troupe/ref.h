/**
 * @file ref.h
 * The address of an actor: a value of 64 bits. Copy it, store it, send it in a message, compare it.
 * It never dangles: when the actor has ended for good the address answers TR_EDEAD, and it is not
 * given to another actor. A restart keeps it.
 */
#ifndef TROUPE_REF_H
#define TROUPE_REF_H

#include "troupe/export.h"

#include <stdbool.h>
#include <stdint.h>

TR_BEGIN_DECLS

typedef struct tr_ref {
    uint64_t raw; // slot in the low 32 bits, generation above; zero is no actor
} tr_ref_t;

/** Nobody: the sender of a message from outside the runtime, the zero of a fresh structure. */
static inline tr_ref_t
tr_ref_none(void)
{
    tr_ref_t none = {0};
    return none;
}
#define TR_REF_NONE tr_ref_none()

/** True for TR_REF_NONE, and for no address that an actor ever had. */
static inline bool
tr_ref_is_none(tr_ref_t ref)
{
    return ref.raw == 0;
}

/** True when both are the same address: the same actor, whatever life it is in. */
static inline bool
tr_ref_equal(tr_ref_t a, tr_ref_t b)
{
    return a.raw == b.raw;
}

TR_END_DECLS

#endif
