// probe.h: the proof of a deadlock where nobody knows all of it beforehand (Chandy, Misra, Haas:
// "Distributed Deadlock Detection", 1983).
//
// A probe goes as mail along the edges. Each actor on the way, which is suspended and looks at its
// own state, sends it on along all of its own if the one that it came from waits for it indeed. An
// answer given before that is in the inbox of who waits for it before the probe can come there. A
// probe that arrives where it began has proved the cycle, and that wait fails.
#ifndef TRI_ACTOR_PROBE_H
#define TRI_ACTOR_PROBE_H

#include "actor/wait.h"

// Owner, about to be suspended. Without memory the wait ends by its deadline.
void tri_probe_begin(tri_actor *actor);

// Owner, suspended in a wait with edges: a probe has come. Takes it.
void tri_probe_answer(tri_actor *actor, tr_message *msg);

#endif
