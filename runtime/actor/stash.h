// stash.h: messages set aside by their receiver, see tr_stash.
#ifndef TRI_ACTOR_STASH_H
#define TRI_ACTOR_STASH_H

#include "actor/actor.h"

// Owner: the handler is over: put the message in hand into the stash if that was asked for and it
// did not fail. True: it is there, and not in hand any more.
bool tri_stash_take(tri_actor *actor, bool is_handled);

#endif
