// system.h: the mail that actors of the runtime send each other and no handler sees. It is told
// from messages by its type. What must not fail to arrive has its parcel reserved when its cause is
// made.
#ifndef TRI_ACTOR_SYSTEM_H
#define TRI_ACTOR_SYSTEM_H

#include "actor/actor.h"

typedef enum tri_system_op {
    TRI_SYSTEM_HELD,         // parcel cold.held_parcel: a child's life ended, it is held
    TRI_SYSTEM_ENDED,        // parcel cold.ended_parcel: a child has ended for good
    TRI_SYSTEM_WATCH,        // parcel tri_watch.watch: begin to watch me
    TRI_SYSTEM_UNWATCH,      // parcel tri_watch.unwatch: no more
    TRI_SYSTEM_DOWN,         // parcel tri_watch.down: whom I watch has ended
    TRI_SYSTEM_ROOM,         // message tri_room: let me know when there is room for my message
    TRI_SYSTEM_GRANT,        // message tri_room: there is, it is yours
    TRI_SYSTEM_GIVE_BACK,    // message tri_room: I have given up, take the room back
    TRI_SYSTEM_CANCEL_ROOM,  // parcel tri_room.cancel: I do not wait for room any more
    TRI_SYSTEM_ERROR,        // message: the answer to a request is an error
    TRI_SYSTEM_CANCEL,       // message: its sender does not wait for the answer any more
    TRI_SYSTEM_DELEGATED,    // message, a tr_ref_t: your request is with another one now
    TRI_SYSTEM_PROBE,        // message tri_probe: are we all waiting for each other?
    TRI_SYSTEM_PROVE,        // message: are you and I, in this wait and that one? See proof.c
    TRI_SYSTEM_CONFIRM,      // message: yes
    TRI_SYSTEM_CANCEL_SCOPE, // message, a scope's id: cancel it
    TRI_SYSTEM_THEN,         // parcel tr_future.then: what is to run when it is done may run
    TRI_SYSTEM_EXEC,         // parcel tri_exec: run a function as the owner, between two messages
    TRI_SYSTEM_OPS
} tri_system_op_t;

extern const tr_type_t tri_system_types[TRI_SYSTEM_OPS];

static inline bool
tri_is_system(const tri_parcel *parcel)
{
    return (parcel->type->flags & TR_TYPE_SYSTEM) != 0;
}

static inline tri_system_op_t
tri_system_op(const tri_parcel *parcel)
{
    return (tri_system_op_t)(parcel->type - tri_system_types);
}

// Run `fn` as the owner of an actor: nothing else of the actor runs meanwhile.
typedef struct tri_exec {
    tri_parcel parcel;
    void (*fn)(struct tri_exec *exec, tri_actor *actor);
} tri_exec;

// Turn any message into the error answer to the request it carries, in its own block: an answer of
// this kind needs no memory and cannot fail.
void tri_message_become_error(tr_message *msg, tr_err_t error);
tr_err_t tri_message_error(const tr_message *msg);

#endif
