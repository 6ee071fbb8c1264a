// semaphore.c: a lock with as many permits as one likes. What a life has of them is in one hold.
#include "troupe/semaphore.h"

#include "base/memory.h"
#include "base/panic.h"
#include "sync/lock.h"

struct tr_semaphore {
    tri_lock lock;
};

static const tri_parking_ops acquire_ops = TRI_LOCK_PARKING("semaphore acquire");

tr_err_t
tr_semaphore_create(tr_runtime *rt, uint32_t permits, tr_semaphore **out)
{
    if (permits == 0) {
        return TR_EINVAL;
    }
    tr_semaphore *s = tri_alloc(sizeof *s);
    if (s == NULL) {
        return TR_ENOMEM;
    }
    tri_lock_init(&s->lock, rt, "semaphore", permits, NULL);
    *out = s;
    return TR_OK;
}

void
tr_semaphore_destroy(tr_semaphore *s)
{
    if (s != NULL) {
        tri_lock_fini(&s->lock);
        tri_free(s);
    }
}

// Whether one that has what is in `hold` can ever get so many more.
static tr_err_t
check(const tr_semaphore *s, const tri_hold *hold, uint32_t permits)
{
    if (permits == 0 || permits > s->lock.permits) {
        return TR_EINVAL;
    }
    return hold != NULL && permits > s->lock.permits - hold->count ? TR_EDEADLK : TR_OK;
}

tr_err_t
tr_semaphore_acquire(tr_self *self, tr_semaphore *s, uint32_t permits, tr_duration_t timeout)
{
    tri_hold *hold = tri_hold_find(self, &s->lock);
    tri_waiter waiter = tri_waiter_of(self, &s->lock, hold, permits, &acquire_ops);
    tr_err_t err = check(s, hold, permits);
    return err != TR_OK ? err : tri_lock_take(&waiter, timeout);
}

tr_err_t
tr_semaphore_try_acquire(tr_self *self, tr_semaphore *s, uint32_t permits)
{
    tri_hold *hold = tri_hold_find(self, &s->lock);
    tri_waiter waiter = tri_waiter_of(self, &s->lock, hold, permits, &acquire_ops);
    tr_err_t err = check(s, hold, permits);
    return err != TR_OK ? err : tri_lock_try(&waiter);
}

void
tr_semaphore_release(tr_self *self, tr_semaphore *s, uint32_t permits)
{
    tri_hold *hold = tri_hold_find(self, &s->lock);
    TRI_ASSERT(self == NULL || (hold != NULL && permits <= hold->count),
               "%#llx releases %u permits and has %u", (unsigned long long)tri_ref_of(self).raw,
               permits, hold != NULL ? hold->count : 0);
    tri_lock_release(&s->lock, self, hold, permits);
}

uint32_t
tr_semaphore_available(tr_semaphore *s)
{
    pthread_mutex_lock(&s->lock.guard);
    uint32_t available = s->lock.available;
    pthread_mutex_unlock(&s->lock.guard);
    return available;
}
