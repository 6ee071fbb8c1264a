// monitor.h: watching for another actor's end.
#ifndef TRI_ACTOR_MONITOR_H
#define TRI_ACTOR_MONITOR_H

#include "actor/actor.h"

// Owner of the target, from the intake.
void tri_monitor_begin(tri_actor *target, tri_parcel *watch);
void tri_monitor_end(tri_actor *target, tri_parcel *unwatch);

// Owner of the watcher, from the intake: is this DOWN for its handler? False: it was taken care of,
// being that of a link, or of a watch that was ended meanwhile.
bool tri_monitor_is_wanted(tri_actor *watcher, tri_parcel *down);

// Owner of the watcher: take a DOWN from its notices; false: the watch was ended meanwhile.
bool tri_monitor_take_down(tri_actor *watcher, tri_parcel *down, tr_down *out);

// Owner: the life ends, and with it its watches and all links.
void tri_monitor_end_all(tri_actor *watcher);

// Owner: the actor has ended; its watchers get their DOWN.
void tri_monitor_tell_watchers(tri_actor *actor);

#endif
