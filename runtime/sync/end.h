// end.h: an end of a channel that somebody holds: a life, which closes it when it ends; a message
// that carries it; or a thread outside, for which it is memory like any other.
#ifndef TRI_SYNC_END_H
#define TRI_SYNC_END_H

#include "actor/resource.h"

typedef struct tri_end {
    tri_resource resource;
    tri_actor *holder; // NULL: a message or a thread
    tr_runtime *rt;
} tri_end;

// `self` holds it from now on; NULL: nobody that ends by itself. `close` is called with the life.
static inline void
tri_end_adopt(tri_end *end, tri_actor *self,
              void (*close)(tri_resource *resource, tri_actor *owner))
{
    end->holder = self;
    if (self != NULL) {
        tri_resource_attach(self, &end->resource, close);
    }
}

// On the holder's thread: it is nobody's.
static inline void
tri_end_leave(tri_end *end)
{
    if (end->holder != NULL) {
        tri_resource_detach(&end->resource);
        end->holder = NULL;
    }
}

// The worker that whoever holds it runs on.
static inline tri_worker *
tri_end_worker(const tri_end *end)
{
    return tri_worker_of(end->holder);
}

#endif
