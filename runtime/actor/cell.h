// cell.h: one message from one sender to one receiver, once, no locks; and each learns that the
// other has left.
//
// Roles       sender, receiver: one of each, on any threads; either may leave at any time.
// Words       state: bits that are only ever set
//               FULL  the sender has put the message in, and will never do so again
//               LEFT  the receiver has left, or wants nothing that is not there yet
//             message: plain. The sender's before FULL; after it the receiver's, or again the
//               sender's where LEFT came first.
//             receiver_waits, sender_waits: whom to nudge; NULL: nobody.
//             holders: 2 at first; the second to let go frees.
// Invariants  FULL and LEFT are set by read-modify-writes on one word, so one of them comes first,
//             and both sides agree which: the message has exactly one owner, and a value is
//             received, or its sender is told that it was not.
// Waiting     Who waits stores whom to nudge and then looks at the state with a
//             read-modify-write; who makes the change changes the state and then looks whom to
//             nudge. Of these two read-modify-writes one is first: either the waiter sees the
//             change, or the other sees the waiter.
// Pairs       cell.state: acq_rel, with itself. Carries the message, and whom to nudge.
//             cell.holders: acq_rel, with itself. All that the first did is done when the second
//             frees.
// Tested by   tests/models/cell_model.c, tests/api/oneshot_test.c, tests/api/oneshot_race_test.c
#ifndef TRI_ACTOR_CELL_H
#define TRI_ACTOR_CELL_H

#include "actor/actor.h"

#define TRI_CELL_FULL 1u
#define TRI_CELL_LEFT 2u

typedef struct tri_cell {
    _Atomic uint32_t state;
    _Atomic uint32_t holders;
    tr_message *message;
    _Atomic(tri_actor *) receiver_waits;
    _Atomic(tri_actor *) sender_waits;
} tri_cell;

static inline void
tri_cell_init(tri_cell *cell)
{
    atomic_init(&cell->state, 0);
    atomic_init(&cell->holders, 2);
    cell->message = NULL;
    atomic_init(&cell->receiver_waits, NULL);
    atomic_init(&cell->sender_waits, NULL);
}

static inline void
tri_cell_wake(_Atomic(tri_actor *) *waits, tri_worker *here)
{
    // relaxed: the read-modify-write on the state before this one orders it.
    tri_actor *who = atomic_load_explicit(waits, memory_order_relaxed);
    if (who != NULL) {
        tri_actor_nudge(here, who);
    }
}

// Either side, after it has said whom to nudge: the state, and all that came before it.
static inline uint32_t
tri_cell_look(tri_cell *cell)
{
    // pairs(cell.state) acq_rel, though nothing is set: a read-modify-write reads the last value,
    // and whoever comes after it sees whom to nudge.
    return atomic_fetch_or_explicit(&cell->state, 0, memory_order_acq_rel);
}

// Sender, once: put the message in. True: it is the receiver's. False: the receiver has left, and
// it is still the sender's.
static inline bool
tri_cell_put(tri_cell *cell, tri_worker *here, tr_message *msg)
{
    cell->message = msg;
    // pairs(cell.state) acq_rel. Release: the receiver sees the message.
    uint32_t old = atomic_fetch_or_explicit(&cell->state, TRI_CELL_FULL, memory_order_acq_rel);
    if ((old & TRI_CELL_LEFT) != 0) {
        return false;
    }
    tri_cell_wake(&cell->receiver_waits, here);
    return true;
}

// Receiver: from now on nothing is let in. True: there is a message, put in before.
static inline bool
tri_cell_shut(tri_cell *cell, tri_worker *here)
{
    // pairs(cell.state) acq_rel. Acquire: the message that was put in before.
    uint32_t old = atomic_fetch_or_explicit(&cell->state, TRI_CELL_LEFT, memory_order_acq_rel);
    if ((old & (TRI_CELL_LEFT | TRI_CELL_FULL)) == 0) {
        tri_cell_wake(&cell->sender_waits, here);
    }
    return (old & TRI_CELL_FULL) != 0 && (old & TRI_CELL_LEFT) == 0;
}

// Either side is done with the cell. True: the other was before, and the memory is the caller's.
static inline bool
tri_cell_let_go(tri_cell *cell)
{
    // pairs(cell.holders) release: all that the first did is done when the second frees, and
    // pairs(cell.holders) acquire: so the second comes after it.
    return atomic_fetch_sub_explicit(&cell->holders, 1, memory_order_acq_rel) == 1;
}

#endif
