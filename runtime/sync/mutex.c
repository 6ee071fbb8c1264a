// mutex.c: a lock with one permit.
#include "sync/mutex.h"

#include "base/memory.h"
#include "sync/lock.h"

struct tr_mutex {
    tri_lock lock;
    tri_hold hold;
};

static const tri_parking_ops lock_ops = TRI_LOCK_PARKING("mutex lock");

tr_err_t
tr_mutex_create(tr_runtime *rt, tr_mutex **out)
{
    tr_mutex *m = tri_alloc(sizeof *m);
    if (m == NULL) {
        return TR_ENOMEM;
    }
    tri_lock_init(&m->lock, rt, "mutex", 1, &m->hold);
    *out = m;
    return TR_OK;
}

void
tr_mutex_destroy(tr_mutex *m)
{
    if (m != NULL) {
        tri_lock_fini(&m->lock);
        tri_free(m);
    }
}

tr_err_t
tr_mutex_lock(tr_self *self, tr_mutex *m, tr_duration_t timeout)
{
    tri_waiter waiter = tri_waiter_of(self, &m->lock, &m->hold, 1, &lock_ops);
    return tri_lock_take(&waiter, timeout);
}

tr_err_t
tr_mutex_try_lock(tr_self *self, tr_mutex *m)
{
    tri_waiter waiter = tri_waiter_of(self, &m->lock, &m->hold, 1, &lock_ops);
    return tri_lock_try(&waiter);
}

void
tr_mutex_unlock(tr_self *self, tr_mutex *m)
{
    tri_lock_release(&m->lock, self, self != NULL ? &m->hold : NULL, 1);
}

tr_ref_t
tri_mutex_owner(tr_mutex *m)
{
    return tri_lock_owner(&m->lock);
}
