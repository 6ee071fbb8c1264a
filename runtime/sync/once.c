// once.c: a lock with one permit, for whoever does it, and a word that says that it is done. Those
// who wait when it is done are let pass.
#include "troupe/once.h"

#include "base/memory.h"
#include "sync/lock.h"

#include <stdatomic.h>

struct tr_once {
    _Atomic bool is_done;
    tri_lock lock;
    tri_hold hold;
};

static const tri_parking_ops run_ops = TRI_LOCK_PARKING("once run");

tr_err_t
tr_once_create(tr_runtime *rt, tr_once **out)
{
    tr_once *once = tri_zalloc(sizeof *once);
    if (once == NULL) {
        return TR_ENOMEM;
    }
    tri_lock_init(&once->lock, rt, "once", 1, &once->hold);
    *out = once;
    return TR_OK;
}

void
tr_once_destroy(tr_once *once)
{
    if (once != NULL) {
        tri_lock_fini(&once->lock);
        tri_free(once);
    }
}

static bool
is_done(const tr_once *once)
{
    // pairs(once.done) acquire: what fn has written.
    return atomic_load_explicit(&once->is_done, memory_order_acquire);
}

static void
finish(tr_self *self, tr_once *once)
{
    // pairs(once.done) release: whoever finds it done finds what fn has written.
    atomic_store_explicit(&once->is_done, true, memory_order_release);
    pthread_mutex_lock(&once->lock.guard);
    tri_lock_let_pass(&once->lock, tri_worker_of(self));
    pthread_mutex_unlock(&once->lock.guard);
}

// With the permit. It may be done already: by who had the permit while this one came to the queue.
static tr_err_t
run(tr_self *self, tr_once *once, tr_once_fn fn, void *arg)
{
    if (is_done(once)) {
        return TR_OK;
    }
    tr_err_t err = fn(self, arg);
    if (err == TR_OK) {
        finish(self, once);
    }
    return err;
}

tr_err_t
tr_once_run(tr_self *self, tr_once *once, tr_once_fn fn, void *arg)
{
    if (is_done(once)) {
        return TR_OK;
    }
    tri_waiter waiter = tri_waiter_of(self, &once->lock, &once->hold, 1, &run_ops);
    tr_err_t err = tri_lock_take(&waiter, TR_FOREVER);
    // What a dead one has left half done is done again.
    if ((err != TR_OK && err != TR_EOWNERDEAD) || waiter.wants == 0) {
        return err;
    }
    err = run(self, once, fn, arg);
    tri_lock_release(&once->lock, self, waiter.hold, 1);
    return err;
}
