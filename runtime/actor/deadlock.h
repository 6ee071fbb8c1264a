// deadlock.h: finding the cycle of waits as it closes.
//
// Edges       A suspended handler whose wait cannot end without another actor has an edge to it:
//             tri_wait.edge. Most have one; a join has one for each call that is open. A select, a
//             wait for mail, a sleep have none, nor has a call whose answer was deferred: somebody
//             else may end those. That a third may cancel, stop or kill one does not count.
// Suspicion   Whoever begins such a wait publishes the edge in `blocked_on` and then follows the
//             edges that others have published. Of those that close a cycle together at least one
//             sees it whole, because each publishes before it looks.
// Proof       What was read is a guess: an answer may be under way. So a probe is sent along the
//             edges, as mail (Chandy, Misra, Haas: "Distributed Deadlock Detection", 1983). Each
//             actor on the way, which is suspended and looks at its own state, sends it on if it
//             still owes what it is waited for and still waits itself. An answer given before that
//             is in the inbox of who waits for it before the probe can come there. A probe that
//             arrives where it began has proved the cycle, and that wait fails.
// Pairs       blocked_on: a store and then loads of the others', all seq_cst, on all sides.
#ifndef TRI_ACTOR_DEADLOCK_H
#define TRI_ACTOR_DEADLOCK_H

#include "actor/wait.h"

// Owner, suspended or about to be: look whether the wait closes a cycle, unless that was done for
// the edge that it has.
void tri_deadlock_look(tri_actor *actor);

// Owner: it waits no longer.
void tri_deadlock_forget(tri_actor *actor);

// Owner, from the intake: take part in the proof. Takes the message.
void tri_deadlock_take_probe(tri_actor *actor, tr_message *probe);

#endif
