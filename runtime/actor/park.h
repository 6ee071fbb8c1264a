// park.h: waiting for a change that somebody else makes, for actors and for threads outside alike:
// for one, or for the first of several. Whoever makes the change nudges `who`; whoever waits looks
// for itself. So a nudge too many is harmless, and none is lost: it finds the waiting slot awake
// and marked, or asleep and wakes it. Nothing is taken while waiting: a wait that ends in another
// way, or for another of its objects, has lost nothing.
#ifndef TRI_ACTOR_PARK_H
#define TRI_ACTOR_PARK_H

#include "actor/wait.h"
#include "base/rng.h"

typedef struct tri_parking tri_parking;

typedef struct tri_parking_ops {
    const char *what; // is waited for: static text
    // Whether it is there. Asked again after every nudge.
    bool (*is_ready)(tri_parking *parking);
    // Make `who` known to those who make the change: called before the first look that counts. And
    // forget it: called once however the waiting ends, also when the actor is killed. NULL where
    // the change is made in the actor's own turn or wakes it anyway.
    void (*enter)(tri_parking *parking);
    void (*leave)(tri_parking *parking);
    bool takes_mail; // ordinary messages are what is waited for
    // As tri_wait.edge, for an actor that waits for this alone. NULL: others may end it as well.
    bool (*edge)(tri_parking *parking, tri_edge_t *out);
} tri_parking_ops;

// One object that is waited for; on the stack of who waits. Set `ops` and `object`.
struct tri_parking {
    const tri_parking_ops *ops;
    void *object;
    tri_list link;  // for `enter`: where those who wait are listed
    tri_actor *who; // the actor, or the port of the thread
};

// Wait for the first of `count`; where several are ready, `fair` chooses, and where it is NULL the
// first in order wins. `self` is NULL for a thread outside, which blocks. TR_OK: *out_index is
// ready; TR_ETIMEOUT; for an actor also what tri_wait_for says; for a thread TR_ENOMEM without a
// port. Does not return when the actor is killed.
tr_err_t tri_park(tr_runtime *rt, tri_actor *self, tri_parking *parkings, size_t count,
                  tri_rng *fair, int64_t deadline_ns, size_t *out_index);

// For one.
tr_err_t tri_park_for(tr_runtime *rt, tri_actor *self, const tri_parking_ops *ops, void *object,
                      int64_t deadline_ns);

// The deadline of a wait that begins now: as tri_wait_deadline, or for a thread.
int64_t tri_park_deadline(tri_actor *self, tr_duration_t timeout);

#endif
