// channel.h: a mailbox without an actor. It is a slot of the address table like any other, so the
// bounds, the lanes, the policies, senders that wait for room, permits, calls and the ledger are
// those of an actor's mailbox; what is missing is a handler. Somebody takes its messages by hand.
//
// Consumer    Who may take from the inbox and touch what is the owner's in the slot:
//               the actor named by slot.parent, in its turns: the receiving end is that life's;
//               the thread behind the port named there, which waits for a message just now;
//               where nobody is named, whoever holds `lock`.
//             slot.parent changes under `lock`, and a new consumer looks into the inbox first.
// Ends        What a message carries may be an end of this or another channel, and ending that
// takes
//             a lock: so no message ends under `lock`. The dead are buried when it was let go.
// Waking      The inbox is put to sleep behind every look; whoever wakes it nudges the consumer or,
//             where there is none, looks itself: senders that ask for room are always heard. It
//             sleeps deaf unless the consumer waits for messages.
// Slots       A slot that a channel has had is never given to an actor: a late waker finds a
//             channel there, nudges, and no harm is done.
// Closed      The bit CLOSED of slot.load: no room is given any more, so what the load still counts
//             is all that will ever come.
#ifndef TRI_ACTOR_CHANNEL_H
#define TRI_ACTOR_CHANNEL_H

#include "actor/actor.h"

#include <pthread.h>

typedef struct tri_channel tri_channel;

struct tri_channel {
    tri_actor *slot;
    tri_cold cold;     // of the slot
    tri_list at_owner; // in cold.channels of the actor that receives
    tri_lane dead;     // came too late, accounted for, to be ended; the consumer's
    bool is_awaited; // every mail wakes: the consumer waits for messages, or there is none for good
    tri_channel *next; // among the idle ones; under the runtime's lock
    pthread_mutex_t lock;
    // Under lock:
    uint32_t senders; // ends that keep it open; see sync/mpsc.c
    tri_list parked;  // who waits for its being closed
};

// What a channel is opened with; zeros are the defaults of tr_spawn_opts_t.
typedef struct tri_channel_opts {
    const char *name; // copied
    uint32_t count;
    size_t bytes;
    tr_full_policy_t full;
} tri_channel_opts_t;

// An open channel without a consumer. TR_EINVAL, TR_ENOMEM.
tr_err_t tri_channel_open(tr_runtime *rt, const tri_channel_opts_t *opts, tri_channel **out);

static inline tr_ref_t
tri_channel_ref(const tri_channel *channel)
{
    return tri_actor_ref(channel->slot);
}

// From now on `who`, an actor or a port, is the consumer; NULL: nobody.
void tri_channel_set_consumer(tri_channel *channel, tri_actor *who);

// Nobody is from now on; for one who holds locks of others: the dead are left to who comes next.
void tri_channel_leave(tri_channel *channel);

// The calling thread is, for a moment, until tri_channel_set_consumer.
void tri_channel_hold(tri_channel *channel);

// Consumer, on worker `here`: take the next message out; NULL: there is none yet.
tr_message *tri_channel_take(tri_channel *channel, tri_worker *here);

// Consumer: whether there is a message to take out, perhaps one that has expired.
bool tri_channel_has_mail(tri_channel *channel, tri_worker *here);

// Consumer: see to what has come in, and rest.
void tri_channel_attend(tri_channel *channel, tri_worker *here);

// Any: no more is let in. Who waits for room is refused when the consumer looks.
void tri_channel_shut(tri_channel *channel, tri_worker *here);

// It is shut, and nothing is left of what was let in.
bool tri_channel_is_drained(const tri_channel *channel);

// Consumer: the end. What is queued is discarded; the address ends.
void tri_channel_close(tri_channel *channel, tri_worker *here);

// Consumer, from the intake: a message has come too late, and was counted.
void tri_channel_bury(tri_actor *slot, tr_message *msg);

// Its inbox has woken: from tri_actor_post.
void tri_channel_signal(tri_worker *here, tri_actor *slot);

// Owner of an actor, from its intake: see to the channels that it receives from.
void tri_channels_attend(tri_actor *owner);

// Free all; no thread has an end, no worker runs.
void tri_channels_destroy(tr_runtime *rt);

#endif
