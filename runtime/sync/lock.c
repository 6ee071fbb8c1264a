#include "sync/lock.h"

#include "actor/resource.h"
#include "base/memory.h"
#include "base/panic.h"

static tri_caller
caller_of(tri_actor *self)
{
    return (tri_caller){.self = self, .thread = pthread_self()};
}

static bool
is_same(const tri_caller *a, const tri_caller *b)
{
    return a->self == b->self && (a->self != NULL || pthread_equal(a->thread, b->thread) != 0);
}

void
tri_lock_init(tri_lock *lock, tr_runtime *rt, const char *what, uint32_t permits, tri_hold *own)
{
    *lock =
        (tri_lock){.rt = rt, .what = what, .permits = permits, .own = own, .available = permits};
    if (own != NULL) {
        *own = (tri_hold){.lock = lock};
    }
    pthread_mutex_init(&lock->guard, NULL);
    tri_list_init(&lock->queue);
}

void
tri_lock_fini(tri_lock *lock)
{
    pthread_mutex_lock(&lock->guard);
    TRI_ASSERT(lock->queued + lock->leaving == 0, "a %s is destroyed while %u wait for it",
               lock->what, lock->queued + lock->leaving);
    TRI_ASSERT(lock->available == lock->permits, "a %s is destroyed while somebody holds it",
               lock->what);
    pthread_mutex_unlock(&lock->guard);
    pthread_mutex_destroy(&lock->guard);
}

// ---- under the guard

static void
serve(tri_lock *lock, tri_waiter *waiter)
{
    lock->available -= waiter->wants;
    lock->outside += waiter->caller.self == NULL ? waiter->wants : 0;
    if (lock->own != NULL && waiter->wants == lock->permits) {
        lock->has_owner = true;
        lock->owner = waiter->caller;
    }
    waiter->is_served = true;
}

// One that was served leaves the queue, and looks.
static void
dismiss(tri_lock *lock, tri_waiter *waiter, tri_worker *here)
{
    tri_list_remove(&waiter->parking.link);
    lock->queued--;
    lock->leaving++;
    tri_actor_nudge(here, waiter->parking.who);
}

static tri_waiter *
first_of(const tri_lock *lock)
{
    tri_list *link = tri_list_first(&lock->queue);
    return link != NULL ? TRI_CONTAINER(link, tri_waiter, parking.link) : NULL;
}

// As far as the permits go.
static void
serve_queue(tri_lock *lock, tri_worker *here)
{
    for (tri_waiter *first; (first = first_of(lock)) != NULL && first->wants <= lock->available;) {
        serve(lock, first);
        dismiss(lock, first, here);
    }
}

void
tri_lock_let_pass(tri_lock *lock, tri_worker *here)
{
    for (tri_waiter *first; (first = first_of(lock)) != NULL;) {
        first->wants = 0;
        first->hold = NULL;
        first->is_served = true;
        dismiss(lock, first, here);
    }
}

void
tri_lock_queue(tri_lock *lock, tri_waiter *waiter)
{
    tri_list_push_back(&lock->queue, &waiter->parking.link);
    lock->queued++;
}

static bool
is_owner(const tri_lock *lock, const tri_caller *caller)
{
    return lock->has_owner && is_same(&lock->owner, caller);
}

static void
give_back(tri_lock *lock, tri_actor *self, uint32_t count)
{
    if (self == NULL) {
        TRI_ASSERT(count <= lock->outside,
                   "a thread gives back %u of a %s, of which threads have %u", count, lock->what,
                   lock->outside);
        lock->outside -= count;
    }
    lock->has_owner = false; // or there was none
    lock->available += count;
    serve_queue(lock, tri_worker_of(self));
}

// ---- holds

// After this the lock, and the hold that is a part of it, may belong to another already.
static void
end_with_life(tri_resource *resource, tri_actor *owner)
{
    tri_hold *hold = TRI_CONTAINER(resource, tri_hold, resource);
    tri_lock *lock = hold->lock;
    uint32_t count = hold->count;
    bool is_block = hold->is_block;
    pthread_mutex_lock(&lock->guard);
    if (hold == lock->own && hold->is_known && count == lock->permits) {
        lock->is_abandoned = true;
    }
    hold->count = 0;
    hold->is_known = false;
    give_back(lock, owner, count);
    pthread_mutex_unlock(&lock->guard);
    if (is_block) {
        tri_free(hold);
    }
}

tri_hold *
tri_hold_find(const tri_actor *self, const tri_lock *lock)
{
    if (self == NULL) {
        return NULL;
    }
    TRI_LIST_EACH (link, &self->cold->resources) {
        tri_resource *resource = TRI_CONTAINER(link, tri_resource, link);
        if (resource->release == end_with_life &&
            TRI_CONTAINER(resource, tri_hold, resource)->lock == lock) {
            return TRI_CONTAINER(resource, tri_hold, resource);
        }
    }
    return NULL;
}

// A block that was made for a wait in vain.
static void
drop_unused(tri_hold *hold)
{
    if (hold != NULL && hold->is_block && hold->count == 0) {
        tri_free(hold);
    }
}

// On the caller's thread: what it was served belongs to its life.
static void
keep(tri_waiter *waiter)
{
    tri_hold *hold = waiter->hold;
    if (hold == NULL) {
        return;
    }
    if (hold->count == 0) {
        tri_resource_attach(waiter->caller.self, &hold->resource, end_with_life);
    }
    hold->count += waiter->wants;
}

// ---- taking

tri_waiter
tri_waiter_of(tri_actor *self, tri_lock *lock, tri_hold *hold, uint32_t wants,
              const tri_parking_ops *ops)
{
    return (tri_waiter){
        .parking = {.ops = ops, .object = lock},
        .caller = caller_of(self),
        .hold = self != NULL ? hold : NULL,
        .wants = wants,
    };
}

// The caller is told that it has what it wanted.
static tr_err_t
tell(const tri_waiter *waiter)
{
    tri_lock *lock = waiter->parking.object;
    if (waiter->wants == 0) {
        return TR_OK; // it has nothing
    }
    if (waiter->hold != NULL) {
        waiter->hold->is_known = true;
    }
    if (!lock->is_abandoned) {
        return TR_OK;
    }
    if (waiter->wants == lock->permits) {
        lock->is_abandoned = false;
    }
    return TR_EOWNERDEAD;
}

static tr_err_t
take_now(tri_waiter *waiter)
{
    tri_lock *lock = waiter->parking.object;
    pthread_mutex_lock(&lock->guard);
    bool is_mine = is_owner(lock, &waiter->caller);
    if (tri_list_is_empty(&lock->queue) && waiter->wants <= lock->available) {
        serve(lock, waiter);
    }
    pthread_mutex_unlock(&lock->guard);
    if (!waiter->is_served) {
        return is_mine ? TR_EDEADLK : TR_EBUSY;
    }
    keep(waiter);
    return tell(waiter);
}

// Room for the permits, unless it is there.
static tr_err_t
make_hold(tri_waiter *waiter)
{
    if (waiter->caller.self == NULL || waiter->hold != NULL) {
        return TR_OK;
    }
    waiter->hold = tri_alloc(sizeof *waiter->hold);
    if (waiter->hold == NULL) {
        return TR_ENOMEM;
    }
    *waiter->hold = (tri_hold){.lock = waiter->parking.object, .is_block = true};
    return TR_OK;
}

tr_err_t
tri_lock_try(tri_waiter *waiter)
{
    tr_err_t err = make_hold(waiter);
    if (err != TR_OK) {
        return err;
    }
    err = take_now(waiter);
    if (!waiter->is_served) {
        drop_unused(waiter->hold);
    }
    return err;
}

tr_err_t
tri_lock_wait(tri_waiter *waiter, tr_duration_t timeout)
{
    tri_lock *lock = waiter->parking.object;
    tri_actor *self = waiter->caller.self;
    size_t index;
    tr_err_t err = tri_park(lock->rt, self, &waiter->parking, 1, NULL,
                            tri_park_deadline(self, timeout), &index);
    if (!waiter->is_served) {
        return err;
    }
    if (err == TR_ECANCELED && waiter->wants != 0) {
        tri_lock_release(lock, self, waiter->hold, waiter->wants);
        return err;
    }
    return tell(waiter);
}

tr_err_t
tri_lock_take(tri_waiter *waiter, tr_duration_t timeout)
{
    tri_actor *self = waiter->caller.self;
    tr_err_t err = self != NULL ? tri_wait_breathe(self) : TR_OK;
    if (err == TR_OK) {
        err = make_hold(waiter);
    }
    if (err != TR_OK) {
        return err;
    }
    err = take_now(waiter); // TR_EDEADLK comes to owners only: their hold was not made here
    return err == TR_EBUSY ? tri_lock_wait(waiter, timeout) : err;
}

void
tri_lock_release(tri_lock *lock, tri_actor *self, tri_hold *hold, uint32_t count)
{
    bool is_spent = false;
    tri_caller caller = caller_of(self);
    pthread_mutex_lock(&lock->guard);
    TRI_ASSERT(lock->own == NULL || count != lock->permits || is_owner(lock, &caller),
               "a %s is given back by %#llx, who does not hold it", lock->what,
               (unsigned long long)tri_ref_of(self).raw);
    if (hold != NULL) {
        hold->count -= count;
        is_spent = hold->is_block && hold->count == 0;
        if (hold->count == 0) {
            hold->is_known = false;
            tri_resource_detach(&hold->resource);
        }
    }
    give_back(lock, self, count);
    pthread_mutex_unlock(&lock->guard);
    if (is_spent) {
        tri_free(hold);
    }
}

bool
tri_lock_is_owner(tri_lock *lock, tri_actor *self)
{
    tri_caller caller = caller_of(self);
    pthread_mutex_lock(&lock->guard);
    bool is_mine = is_owner(lock, &caller);
    pthread_mutex_unlock(&lock->guard);
    return is_mine;
}

tr_ref_t
tri_lock_owner(tri_lock *lock)
{
    pthread_mutex_lock(&lock->guard);
    tr_ref_t owner = lock->has_owner ? tri_ref_of(lock->owner.self) : TR_REF_NONE;
    pthread_mutex_unlock(&lock->guard);
    return owner;
}

// ---- how a lock is waited for

bool
tri_lock_is_ready(tri_parking *parking)
{
    tri_waiter *waiter = TRI_CONTAINER(parking, tri_waiter, parking);
    tri_lock *lock = parking->object;
    pthread_mutex_lock(&lock->guard);
    bool is_served = waiter->is_served;
    pthread_mutex_unlock(&lock->guard);
    return is_served;
}

void
tri_lock_enter(tri_parking *parking)
{
    tri_lock *lock = parking->object;
    tri_waiter *waiter = TRI_CONTAINER(parking, tri_waiter, parking);
    pthread_mutex_lock(&lock->guard);
    tri_lock_queue(lock, waiter);
    serve_queue(lock, tri_worker_of(waiter->caller.self)); // permits may have come back meanwhile
    pthread_mutex_unlock(&lock->guard);
}

// Who leaves the queue in vain may have stood before others that want less.
void
tri_lock_leave(tri_parking *parking)
{
    tri_lock *lock = parking->object;
    tri_waiter *waiter = TRI_CONTAINER(parking, tri_waiter, parking);
    pthread_mutex_lock(&lock->guard);
    if (waiter->is_served) {
        lock->leaving--;
    } else {
        tri_list_remove(&parking->link);
        lock->queued--;
        serve_queue(lock, tri_worker_of(waiter->caller.self));
    }
    pthread_mutex_unlock(&lock->guard);
    if (waiter->is_served) {
        keep(waiter);
    } else {
        drop_unused(waiter->hold);
    }
}

// ---- for who looks for deadlocks

// On the holder's thread; the lock may be gone where it does not hold it.
static bool
keeps_waiting(tri_actor *actor, const void *hold, tr_ref_t waiter)
{
    const tri_hold *own = hold;
    if (!tri_resource_holds(actor, &own->resource)) {
        return false;
    }
    tri_lock *lock = own->lock;
    bool is_waiting = false;
    pthread_mutex_lock(&lock->guard);
    TRI_LIST_EACH (link, &lock->queue) {
        const tri_waiter *at = TRI_CONTAINER(link, tri_waiter, parking.link);
        is_waiting = is_waiting ||
                     (at->caller.self != NULL && tri_actor_ref(at->caller.self).raw == waiter.raw);
    }
    pthread_mutex_unlock(&lock->guard);
    return is_waiting;
}

// Of several holders any may let go: only one who has all permits is waited for alone.
bool
tri_lock_edge(tri_parking *parking, tri_edge_t *out)
{
    tri_lock *lock = parking->object;
    *out = (tri_edge_t){.kind = TRI_EDGE_LOCK,
                        .lock = lock->own,
                        .keeps_waiting = keeps_waiting,
                        .to = tri_lock_owner(lock)};
    return out->to.raw != 0;
}
