// blame.h: a handler that is about to wait must hold no pthread lock. In checked builds the log
// says who does, where the lock was taken and where the wait began; in others nobody looks.
#ifndef TRI_ACTOR_BLAME_H
#define TRI_ACTOR_BLAME_H

#include "actor/actor.h"

#if TRI_CHECKED

// Report what the handler holds, once for each pair of places, and forget it: it is the others'
// turn now, and a lock that is released later is none of theirs. `what` is waited for.
void tri_blame(tri_actor *self, const char *what);

#else

static inline void
tri_blame(tri_actor *self, const char *what)
{
    (void)self;
    (void)what;
}

#endif

#endif
