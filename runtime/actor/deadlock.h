// deadlock.h: finding the cycle of waits as it closes.
//
// Edges       A suspended handler whose wait cannot end without another actor has an edge to it:
//             tri_wait.edge. Most have one; a join has one for each call that is open. A select, a
//             wait for mail, a sleep have none, nor has a call whose answer was deferred: somebody
//             else may end those. That a third may cancel, stop or kill one does not count.
// Suspicion   Whoever begins such a wait publishes the edge in `blocked_on` and `blocked_in` and
//             then follows the edges that others have published. Of those that close a cycle
//             together at least one sees it whole, because each publishes before it looks.
// Proof       What was read is a guess: an answer may be under way. Where it is a cycle, proof.h
//             asks all who are in it; where one word does not tell whom one of them waits for,
//             because of a lock or a join, probe.h goes along the edges. Both ask by mail, and each
//             actor answers for itself, suspended, at the end of an intake.
// Several     Two that close a cycle at the same time may both fail.
// Pairs       blocked_on: a store and then loads of the others', all seq_cst, on all sides.
//             blocked_in: written before it and read after it, and of use where it is that of the
//             same wait; whoever is asked sees whether it is.
#ifndef TRI_ACTOR_DEADLOCK_H
#define TRI_ACTOR_DEADLOCK_H

#include "actor/wait.h"

// As far as edges are followed: a longer cycle ends by its deadlines.
#define TRI_DEADLOCK_HOPS 4096u

// Owner, suspended or about to be: look whether the wait closes a cycle, unless that was done for
// the edge that it has.
void tri_deadlock_look(tri_actor *actor);

// Owner: it waits no longer, or for another one.
void tri_deadlock_forget(tri_actor *actor);

// Owner, from the intake: a question has come, or the answer to one. Takes the message.
void tri_deadlock_take(tri_actor *actor, tr_message *msg);

// Owner, at the end of the intake, when there are any: take part in the proof. What came with a
// question is taken in before: whoever it says waits for this actor may have given up.
void tri_deadlock_answer(tri_actor *actor);

// Owner: it waits for itself, by way of `hops` edges, which `path` tells.
void tri_deadlock_found(tri_actor *actor, uint32_t hops, const char *path);

#endif
