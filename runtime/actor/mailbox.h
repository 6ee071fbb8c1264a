// mailbox.h: how much may wait in an actor's mailbox, and who is next when it is full.
//
// Words       actor.load: what is queued and charged, in one word so that both bounds are checked
//             and taken in one exchange and are strict under any number of senders:
//               bit 63      CROWDED: senders wait for room; others may not slip in before them
//               bit 62      CLOSED: a channel's that takes no more; see sync/mpsc.c
//               bits 61…40  messages
//               bits 39…0   bytes
// Fairness    A sender that finds no room sends a tri_room, which the owner keeps in order of
//             arrival. Whenever a message leaves, the owner takes room for those at the front that
//             fit and sends each its tri_room back as a grant; the sender then pushes its message
//             with that room. So a message is in the mailbox only after its tr_send has succeeded.
// Giving up   A sender that waits no longer sends the parcel `cancel` of its tri_room. If the room
//             is still with the target, the cancel ends it there. If it is on its way back, grant
//             and cancel cross; the second of the two to arrive gives back what was granted, and
//             ends it. So nothing of a sender that has given up stays behind.
// Pairs       room.crossing: acq_rel between the two ends, with itself; see base/crossing.h.
// Lost rooms  None: a tri_room is urgent mail, which wakes the owner even when its mailbox drained
//             in the meantime; it is granted then and there.
#ifndef TRI_ACTOR_MAILBOX_H
#define TRI_ACTOR_MAILBOX_H

#include "actor/actor.h"
#include "base/crossing.h"

#define TRI_LOAD_CROWDED        ((uint64_t)1 << 63)
#define TRI_LOAD_CLOSED         ((uint64_t)1 << 62)
#define TRI_LOAD_COUNT_SHIFT    40
#define TRI_LOAD_BYTES_MASK     (((uint64_t)1 << TRI_LOAD_COUNT_SHIFT) - 1)
#define TRI_BOUND_COUNT_MAX     ((1u << 22) - 1)
#define TRI_BOUND_COUNT_DEFAULT 256u
#define TRI_BOUND_BYTES_DEFAULT ((uint64_t)1024 * 1024)
#define TRI_BOUND_BYTES_MAX     (((uint64_t)1 << 39) - 1)

// Room in a mailbox: for one message, or what a permit reserves.
typedef struct tri_space {
    uint32_t count;
    uint64_t bytes;
} tri_space_t;

// The value of the messages ROOM, GRANT and GIVE_BACK; `request` of the message is the sender's.
typedef struct tri_room {
    tri_list link;         // in cold.rooms of the target, while it waits there
    tr_ref_t target;       // whose mailbox
    tri_space_t space;     // that is asked for
    tri_parcel cancel;     // from a sender that has given up
    tri_crossing crossing; // of grant and cancel
    bool is_granted;       // it is not with the target any more; the target's owner's
    bool is_permit;        // it will be, or was, a permit's: once granted, it is reserved
    tr_err_t error;        // of a grant: TR_OK, or why there will never be room
} tri_room;

static inline uint32_t
tri_load_count(uint64_t load)
{
    return (uint32_t)((load & ~(TRI_LOAD_CROWDED | TRI_LOAD_CLOSED)) >> TRI_LOAD_COUNT_SHIFT);
}

static inline uint64_t
tri_load_bytes(uint64_t load)
{
    return load & TRI_LOAD_BYTES_MASK;
}

// Messages that are queued: what is charged and not held by permits. Any thread; an observation.
static inline uint64_t
tri_mailbox_queued(const tri_actor *actor)
{
    uint64_t reserved = TRI_PEEK(&actor->reserved);
    uint64_t load = TRI_PEEK(&actor->load) & ~(TRI_LOAD_CROWDED | TRI_LOAD_CLOSED);
    bool is_torn = tri_load_count(load) < tri_load_count(reserved) ||
                   tri_load_bytes(load) < tri_load_bytes(reserved);
    return is_torn ? 0 : load - reserved; // they were not read at one moment
}

// Room of a mailbox becomes a permit's, or is one's no more.
void tri_mailbox_reserve(tri_actor *actor, tri_space_t space);
void tri_mailbox_unreserve(tri_actor *actor, tri_space_t space);

static inline tri_space_t
tri_space_for(uint64_t charge)
{
    return (tri_space_t){1, charge};
}

// Take room. TR_OK; TR_EFULL; TR_ETOOBIG when it never fits; TR_EDEAD when it is closed. Any
// thread.
tr_err_t tri_mailbox_admit(tri_actor *target, tri_space_t space);

// The same without regard to those that wait for room: for a message that was in the mailbox
// before, and for one that others are dropped for.
tr_err_t tri_mailbox_readmit(tri_actor *actor, uint64_t charge);

// Owner: give room back, and grant it to who is next.
void tri_mailbox_give_back(tri_actor *actor, tri_space_t space);

// The same for the room of one message.
void tri_mailbox_discharge(tri_actor *actor, uint64_t charge);

// Whoever holds room: give some of its bytes back. Who waits for them is granted them when the
// message, whose room it is, leaves.
void tri_mailbox_shrink(tri_actor *actor, uint64_t bytes);

// Any: no more room is given, for good.
void tri_mailbox_shut(tri_actor *actor);

// Owner: the ledger of one mailbox begins at nothing; and with nothing left in it, every message
// that it ever took in has come to one end.
void tri_ledger_clear(tri_actor *actor);
void tri_ledger_check(const tri_actor *actor);

// Owner: append to the lane that the message is for.
void tri_mailbox_append(tri_actor *actor, tr_message *msg);

// Owner: a message has left the lanes: its room is given back, and the ledger told where that is
// due.
void tri_mailbox_taken_out(tri_actor *actor, tr_message *msg);

// Owner: take the next message of the lanes and give its room back; NULL when there is none.
tr_message *tri_mailbox_pop(tri_actor *actor);

// Owner: whether a message that was taken out comes too late to be handled. True: it is gone, its
// caller has the answer.
bool tri_mailbox_shed(tri_actor *actor, tr_message *msg);

// Owner: whether the next message is one of the high lane; called once for each message taken.
bool tri_mailbox_high_is_next(tri_actor *actor, bool has_high, bool has_normal);

// Owner of a held actor that is down: whoever waits for an answer, or for room, gets TR_EDOWN.
void tri_mailbox_turn_away(tri_actor *actor);

// Owner: a sender asks for room; takes the message.
void tri_mailbox_room_wanted(tri_actor *actor, tr_message *room);

// Owner: grant what fits.
void tri_mailbox_grant(tri_actor *actor);

// Owner: tell all who wait for room that there will be none.
void tri_mailbox_refuse_rooms(tri_actor *actor, tr_err_t error);

// The sender of a tri_room waits no longer. `room` is not the sender's any more.
void tri_mailbox_cancel_room(tr_runtime *rt, tri_worker *here, tr_message *room);

// Owner: a sender has given up.
void tri_mailbox_room_canceled(tri_actor *actor, tri_parcel *cancel);

// A grant nobody waits for: give the room back to where it came from. Takes the message.
void tri_mailbox_return_grant(tr_runtime *rt, tri_worker *here, tr_message *grant);

#endif
