// barrier.c: a lock without permits. Those who wait are let pass when they are enough. Each of them
// is let pass by itself, so rounds need no number: who comes again stands in the next one.
#include "troupe/barrier.h"

#include "base/memory.h"
#include "sync/lock.h"

struct tr_barrier {
    tri_lock lock;
    uint32_t parties;
};

// One that has come.
struct party {
    tri_waiter waiter;
    bool is_leader;
};

tr_err_t
tr_barrier_create(tr_runtime *rt, uint32_t parties, tr_barrier **out)
{
    if (parties == 0) {
        return TR_EINVAL;
    }
    tr_barrier *b = tri_alloc(sizeof *b);
    if (b == NULL) {
        return TR_ENOMEM;
    }
    tri_lock_init(&b->lock, rt, "barrier", 0, NULL);
    b->parties = parties;
    *out = b;
    return TR_OK;
}

void
tr_barrier_destroy(tr_barrier *b)
{
    if (b != NULL) {
        tri_lock_fini(&b->lock);
        tri_free(b);
    }
}

// The one that completes the round leads it, and never waits.
static void
enter(tri_parking *parking)
{
    struct party *party = TRI_CONTAINER(parking, struct party, waiter.parking);
    tri_lock *lock = parking->object;
    tr_barrier *b = TRI_CONTAINER(lock, tr_barrier, lock);
    pthread_mutex_lock(&lock->guard);
    tri_lock_queue(lock, &party->waiter);
    if (lock->queued == b->parties) {
        party->is_leader = true;
        tri_lock_let_pass(lock, tri_worker_of(party->waiter.caller.self));
    }
    pthread_mutex_unlock(&lock->guard);
}

static const tri_parking_ops wait_ops = {
    .what = "barrier wait", .is_ready = tri_lock_is_ready, .enter = enter, .leave = tri_lock_leave};

tr_err_t
tr_barrier_wait(tr_self *self, tr_barrier *b, tr_duration_t timeout, bool *out_is_leader)
{
    struct party party = {.waiter = tri_waiter_of(self, &b->lock, NULL, 1, &wait_ops)};
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    if (err == TR_OK) {
        err = tri_lock_wait(&party.waiter, timeout);
    }
    if (err == TR_OK && out_is_leader != NULL) {
        *out_is_leader = party.is_leader;
    }
    return err;
}
