// proof.h: the proof of a deadlock of which the whole cycle is known, a guess of each edge.
//
// The one whose wait closed it asks all the others at once: are you in that wait still, and is it
// up to you still to end the wait of the one before you? Each was so when it was looked at, as the
// words that it published say, and in between, as they name the wait and not only whom it is for.
// If all confirm, then at the time of the question nobody in the cycle could go on: that wait
// fails. It takes two messages for each of them, however long the cycle, and two wake-ups in a row.
#ifndef TRI_ACTOR_PROOF_H
#define TRI_ACTOR_PROOF_H

#include "actor/wait.h"

// Where what others have published leads to.
typedef enum tri_trail {
    TRI_TRAIL_ENDS,    // to somebody who does not wait
    TRI_TRAIL_RETURNS, // to who follows it
    TRI_TRAIL_IS_LOST, // to a wait of which one word does not tell enough
} tri_trail_t;

// Owner: follow the edges from its own, which is published. *out_hops: of a trail that returns.
tri_trail_t tri_proof_follow(const tri_actor *self, tri_blocked_t first, uint32_t *out_hops);

// Owner, about to be suspended with one edge, whose trail returns after so many hops. False: it
// does not any more, or there is no memory.
bool tri_proof_begin(tri_actor *self, tri_blocked_t first, uint32_t hops);

// Owner: the wait is over, or another one.
void tri_proof_end(tri_actor *actor);

// Owner, suspended in a wait with edges: a question has come, or the answer yes to one. Takes the
// message.
void tri_proof_answer(tri_actor *actor, tr_message *msg);
void tri_proof_confirm(tri_actor *actor, tr_message *msg);

#endif
