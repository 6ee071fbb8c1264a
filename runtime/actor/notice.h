// notice.h: what the runtime itself tells an actor: that a child's life has ended, that an actor it
// watches has. Each is a parcel that was reserved when its cause was made; only when it is read
// does it become a message.
#ifndef TRI_ACTOR_NOTICE_H
#define TRI_ACTOR_NOTICE_H

#include "actor/actor.h"

// One, as it is read. What `exit` points to is in here, or constant.
typedef struct tri_notice {
    const tr_type_t *type;
    size_t size; // of the value
    union {
        tr_down down;
        tr_child_exit exit;
    } value;
    char text[TRI_EXIT_TEXT];
} tri_notice_t;

// Owner, from the intake: one has come.
void tri_notice_append(tri_actor *actor, tri_parcel *parcel);

// Owner: take the first out; NULL: there is none. It must be read next.
tri_parcel *tri_notice_pop(tri_actor *actor);

// Owner: the same for the first that will be of this type.
tri_parcel *tri_notice_pop_type(tri_actor *actor, const tr_type_t *type);

// Owner: whether there is one that a handler can receive.
bool tri_notice_is_there(const tri_actor *actor);

// Owner: whether one is there; and take it out if it is.
bool tri_notice_has(const tri_actor *actor, const tri_parcel *notice);
bool tri_notice_remove(tri_actor *actor, tri_parcel *notice);

// Owner: read one that was taken out; whoever it is about may be gone for good then. False: there
// is nothing to tell.
bool tri_notice_read(tri_actor *actor, tri_parcel *parcel, tri_notice_t *out);

// Owner, at the end: nobody will read them. Watches of its own may have ended in the meantime.
void tri_notices_discard(tri_actor *actor);

#endif
