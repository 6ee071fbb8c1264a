// rwlock.c: a lock with more permits than there will ever be readers. A reader takes one of them, a
// writer all.
#include "troupe/rwlock.h"

#include "base/memory.h"
#include "base/panic.h"
#include "sync/lock.h"

#define ALL UINT32_MAX

struct tr_rwlock {
    tri_lock lock;
    tri_hold writer; // also after it has become a reader: till then there is no other writer
};

static const tri_parking_ops read_ops = TRI_LOCK_PARKING("rwlock read");
static const tri_parking_ops write_ops = TRI_LOCK_PARKING("rwlock write");

tr_err_t
tr_rwlock_create(tr_runtime *rt, tr_rwlock **out)
{
    tr_rwlock *rw = tri_alloc(sizeof *rw);
    if (rw == NULL) {
        return TR_ENOMEM;
    }
    tri_lock_init(&rw->lock, rt, "rwlock", ALL, &rw->writer);
    *out = rw;
    return TR_OK;
}

void
tr_rwlock_destroy(tr_rwlock *rw)
{
    if (rw != NULL) {
        tri_lock_fini(&rw->lock);
        tri_free(rw);
    }
}

static bool
has_it(const tr_self *self, const tr_rwlock *rw)
{
    return tri_hold_find(self, &rw->lock) != NULL;
}

static tri_waiter
reader_of(tr_self *self, tr_rwlock *rw)
{
    return tri_waiter_of(self, &rw->lock, NULL, 1, &read_ops);
}

static tri_waiter
writer_of(tr_self *self, tr_rwlock *rw)
{
    return tri_waiter_of(self, &rw->lock, &rw->writer, ALL, &write_ops);
}

tr_err_t
tr_rwlock_read(tr_self *self, tr_rwlock *rw, tr_duration_t timeout)
{
    tri_waiter waiter = reader_of(self, rw);
    return has_it(self, rw) ? TR_EDEADLK : tri_lock_take(&waiter, timeout);
}

tr_err_t
tr_rwlock_try_read(tr_self *self, tr_rwlock *rw)
{
    tri_waiter waiter = reader_of(self, rw);
    return has_it(self, rw) ? TR_EDEADLK : tri_lock_try(&waiter);
}

tr_err_t
tr_rwlock_write(tr_self *self, tr_rwlock *rw, tr_duration_t timeout)
{
    tri_waiter waiter = writer_of(self, rw);
    return has_it(self, rw) ? TR_EDEADLK : tri_lock_take(&waiter, timeout);
}

tr_err_t
tr_rwlock_try_write(tr_self *self, tr_rwlock *rw)
{
    tri_waiter waiter = writer_of(self, rw);
    return has_it(self, rw) ? TR_EDEADLK : tri_lock_try(&waiter);
}

void
tr_rwlock_downgrade(tr_self *self, tr_rwlock *rw)
{
    TRI_ASSERT(tri_lock_is_owner(&rw->lock, self), "%#llx does not hold the rwlock for writing",
               (unsigned long long)tri_ref_of(self).raw);
    tri_lock_release(&rw->lock, self, self != NULL ? &rw->writer : NULL, ALL - 1);
}

void
tr_rwlock_unlock(tr_self *self, tr_rwlock *rw)
{
    tri_hold *hold = tri_hold_find(self, &rw->lock);
    TRI_ASSERT(self == NULL || hold != NULL, "%#llx does not hold the rwlock",
               (unsigned long long)tri_ref_of(self).raw);
    bool writes = hold != NULL ? hold->count == ALL : tri_lock_is_owner(&rw->lock, NULL);
    tri_lock_release(&rw->lock, self, hold, writes ? ALL : 1);
}
