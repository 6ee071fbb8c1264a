// park.h: waiting for a change that somebody else makes, for actors and for threads outside alike.
// Whoever makes the change nudges `who`; whoever waits looks for itself. So a nudge too many is
// harmless, and none is lost: it finds the waiting slot awake and marked, or asleep and wakes it.
#ifndef TRI_ACTOR_PARK_H
#define TRI_ACTOR_PARK_H

#include "actor/wait.h"

typedef struct tri_parking tri_parking;

// One such waiting, on the stack of who waits. Zero it and set the functions.
struct tri_parking {
    // Whether it is over. Asked again after every nudge; may take what is waited for.
    bool (*is_ready)(tri_parking *parking);
    // Make `who` known to those who make the change: called before the first look that counts. And
    // forget it: called once however the waiting ends, also when the actor is killed.
    void (*enter)(tri_parking *parking);
    void (*leave)(tri_parking *parking);
    tri_list link;  // for `enter`: where those who wait are listed
    tri_actor *who; // the actor, or the port of the thread; set by tri_park
    tri_wait wait;
};

// Wait until it is over. `self` is NULL for a thread outside, which blocks. TR_OK; TR_ETIMEOUT; for
// an actor also what tri_wait_for says; for a thread TR_ENOMEM without a port. Does not return when
// the actor is killed.
tr_err_t tri_park(tr_runtime *rt, tri_actor *self, tri_parking *parking, const char *what,
                  tr_duration_t timeout);

#endif
