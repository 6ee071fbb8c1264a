// lock.h: what mutex, rwlock, semaphore, once and barrier have in common: a number of permits, and
// one queue of those who want some. A mutex has one permit. A writer takes all permits of a rwlock,
// a reader one of them. A barrier has none, and those who wait there are let pass. Only the first
// in the queue is ever served, so who comes later gets nothing ahead of it; and whoever gives
// permits back serves the queue at once, so nobody comes between.
//
// A caller that was served may learn so only later, and its deadline, a stop or a kill may come
// first. So what is served is had from then on, and when the wait ends, in whatever way, it goes to
// the life of the caller, on the caller's own thread. A deadline that comes too late is none; who
// is stopped gives it back; of who is killed the end of its life does.
#ifndef TRI_SYNC_LOCK_H
#define TRI_SYNC_LOCK_H

#include "actor/park.h"

#include <pthread.h>

typedef struct tri_lock tri_lock;

// Permits of a lock that a life has. Touched by nobody but who has them.
typedef struct tri_hold {
    tri_resource resource; // of that life; attached while `count` is not 0
    tri_lock *lock;
    uint32_t count;
    bool is_known; // the caller was told: from now on it may have begun something
    bool is_block; // memory of its own, freed with the last permit; otherwise a part of the lock
} tri_hold;

// Who asks: an actor, or a thread outside.
typedef struct tri_caller {
    tri_actor *self; // NULL: a thread
    pthread_t thread;
} tri_caller;

struct tri_lock {
    tr_runtime *rt;
    const char *what; // for panics; static text
    uint32_t permits; // there are; constant
    tri_hold *own;    // where all permits are when a life has them; constant; NULL: a lock that
                      // has no owner, whoever has its permits
    pthread_mutex_t guard;
    // Under the guard.
    tri_list queue;     // tri_waiter.parking.link, in the order in which they came
    uint32_t queued;    // that are in it
    uint32_t leaving;   // that were in it, were served, and may not know
    uint32_t available; // permits that nobody has
    uint32_t outside;   // that threads have
    bool has_owner;     // one has all permits:
    tri_caller owner;   // this one
    // Of those who have permits; written by the owner alone.
    bool is_abandoned; // the life of an owner has ended, and no owner since was told
};

// Someone who wants permits; on the stack of who asks.
typedef struct tri_waiter {
    tri_parking parking; // object: the lock
    tri_caller caller;
    tri_hold *hold; // where the permits go; NULL: to threads, or nowhere
    uint32_t wants;
    bool is_served; // under the guard: it has them, or was let pass
} tri_waiter;

// `own`: a part of the lock, for who asks for all permits, for only one can have them; or NULL.
void
tri_lock_init(tri_lock *lock, tr_runtime *rt, const char *what, uint32_t permits, tri_hold *own);

// Nobody has permits or waits: otherwise a panic.
void tri_lock_fini(tri_lock *lock);

// The permits that this life has; NULL: none. Of threads it is not known.
tri_hold *tri_hold_find(const tri_actor *self, const tri_lock *lock);

// One who wants `wants` of the permits. `hold`: the lock's own or one that was found; NULL: it is
// made. `ops`: TRI_LOCK_PARKING(text).
tri_waiter tri_waiter_of(tri_actor *self, tri_lock *lock, tri_hold *hold, uint32_t wants,
                         const tri_parking_ops *ops);

// Get them. TR_OK; TR_EOWNERDEAD, which is the same, but `is_abandoned` was set; TR_EDEADLK when
// the caller is the owner; TR_ENOMEM; else what tri_park says. Who was let pass has got none, and
// its `wants` is 0.
tr_err_t tri_lock_take(tri_waiter *waiter, tr_duration_t timeout);

// Get them if nobody else waits and they are there; TR_EBUSY otherwise.
tr_err_t tri_lock_try(tri_waiter *waiter);

// The part of tri_lock_take that waits, for one whose hold is there or is not needed.
tr_err_t tri_lock_wait(tri_waiter *waiter, tr_duration_t timeout);

// Give back `count` permits. `hold` is where they are, NULL for a thread. All of a lock that has an
// owner: a panic where that is another.
void tri_lock_release(tri_lock *lock, tri_actor *self, tri_hold *hold, uint32_t count);

bool tri_lock_is_owner(tri_lock *lock, tri_actor *self);

// None where it is a thread.
tr_ref_t tri_lock_owner(tri_lock *lock);

// ---- under the guard

// All who wait go on, without permits.
void tri_lock_let_pass(tri_lock *lock, tri_worker *here);

// Append to the queue.
void tri_lock_queue(tri_lock *lock, tri_waiter *waiter);

// ---- how a lock is waited for

bool tri_lock_is_ready(tri_parking *parking);
void tri_lock_enter(tri_parking *parking);
void tri_lock_leave(tri_parking *parking);
bool tri_lock_edge(tri_parking *parking, tri_edge_t *out);

#define TRI_LOCK_PARKING(text)                                                                     \
    {                                                                                              \
        .what = (text), .is_ready = tri_lock_is_ready, .enter = tri_lock_enter,                    \
        .leave = tri_lock_leave, .edge = tri_lock_edge                                             \
    }

#endif
