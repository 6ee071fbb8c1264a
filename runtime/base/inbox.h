// inbox.h: many senders, one owner, no locks, and the owner's sleep in the same word.
//
// An inbox is a stack that the owner always takes whole (Treiber 1986, push and take-all only),
// then turns around, so that senders' order is kept. One word holds the newest mail and whether the
// owner sleeps, so "is anything there" and "I sleep" are one decision: no wake-up can be lost
// between them.
//
// Roles       sender: any thread.  owner: whoever was given the inbox, see Ownership.
// Words       word: pointer to the newest mail, or NULL, and in its low bits
//               ASLEEP  the owner sleeps; there is no owner until someone clears the bit
//               DEAF    only with ASLEEP: ordinary mail does not wake, urgent mail does
//               NUDGED  only without ASLEEP: something other than mail wants the owner's look
//             mail.next: plain; written by the sender before the mail is published.
// Ownership   clearing ASLEEP makes the one who cleared it owner on behalf of the inbox: it must
// run
//             the owner (or hand it to a queue that will). Setting ASLEEP gives it up.
// Invariants  a mail is in at most one inbox; sleep succeeds only on a word that is exactly zero,
// so
//             mail or a nudge that came before it makes it fail, and what comes after it sees
//             ASLEEP.
// Pairs       inbox.mail: release in push, acquire in take; carries the contents of the mail.
//             inbox.owner: release in sleep, acquire in whoever clears ASLEEP; carries everything
//             that the last owner wrote.
// Progress    push is lock-free, take and sleep are wait-free. There is no gap between two stores
// of
//             a push, so the owner never meets a mail that is announced and not there yet.
// Reclaiming  only the owner frees, only what it took whole: no ABA.
// Tested by   tests/unit/base/inbox_test.c, inbox_stress.c
#ifndef TRI_BASE_INBOX_H
#define TRI_BASE_INBOX_H

#include "base/compat.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a sender links in; embedded as the first member of everything that travels.
typedef struct tri_mail {
    struct tri_mail *next;
} tri_mail;

typedef struct tri_inbox {
    _Atomic uintptr_t word;
} tri_inbox;

#define TRI_INBOX_ASLEEP ((uintptr_t)1)
#define TRI_INBOX_DEAF   ((uintptr_t)2)
#define TRI_INBOX_NUDGED ((uintptr_t)4)
#define TRI_INBOX_BITS   ((uintptr_t)7)

// A fresh inbox, its owner asleep or not.
static inline void
tri_inbox_init(tri_inbox *inbox, bool asleep)
{
    atomic_init(&inbox->word, asleep ? TRI_INBOX_ASLEEP : 0);
}

// Shared by the three that may wake: replace the word; true when this cleared ASLEEP.
static TRI_ALWAYS_INLINE bool
tri_inbox_publish(tri_inbox *inbox, tri_mail *mail, bool urgent, bool nudge)
{
    // relaxed: a first guess, the exchange below decides.
    uintptr_t old = atomic_load_explicit(&inbox->word, memory_order_relaxed);
    uintptr_t new;
    bool wakes;
    do {
        wakes = (old & TRI_INBOX_ASLEEP) != 0 && (urgent || (old & TRI_INBOX_DEAF) == 0);
        uintptr_t bits = wakes ? 0 : old & TRI_INBOX_BITS;
        uintptr_t top = old & ~TRI_INBOX_BITS;
        if (mail != NULL) {
            mail->next = (tri_mail *)top;
            top = (uintptr_t)mail;
        }
        new = top | bits | (nudge && !wakes ? TRI_INBOX_NUDGED : 0);
        // pairs(inbox.mail) release: the owner that takes the mail sees its contents.
        // pairs(inbox.owner) acquire: if it slept, we own what its last owner wrote.
    } while (!atomic_compare_exchange_weak_explicit(&inbox->word, &old, new, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return wakes;
}

// Put mail in. True: the owner slept and is awake now; the caller must see to it that it runs.
static inline bool
tri_inbox_push(tri_inbox *inbox, tri_mail *mail)
{
    return tri_inbox_publish(inbox, mail, false, false);
}

// As push, and wakes a deaf sleeper too.
static inline bool
tri_inbox_push_urgent(tri_inbox *inbox, tri_mail *mail)
{
    return tri_inbox_publish(inbox, mail, true, false);
}

// No mail, but something to look at: wakes like urgent mail; an awake owner cannot fall asleep
// before its next take.
static inline bool
tri_inbox_nudge(tri_inbox *inbox)
{
    return tri_inbox_publish(inbox, NULL, true, true);
}

// Owner: something may be there. A hint; take decides.
static inline bool
tri_inbox_has_mail(const tri_inbox *inbox)
{
    // relaxed: a hint, no contents are read through it.
    return (atomic_load_explicit(&inbox->word, memory_order_relaxed) &
            ~(TRI_INBOX_ASLEEP | TRI_INBOX_DEAF)) != 0;
}

// Owner: take everything, oldest first; NULL when there is nothing.
static inline tri_mail *
tri_inbox_take(tri_inbox *inbox)
{
    // pairs(inbox.mail) acquire: the senders' contents.
    uintptr_t word = atomic_exchange_explicit(&inbox->word, 0, memory_order_acquire);
    tri_mail *newest = (tri_mail *)(word & ~TRI_INBOX_BITS);
    tri_mail *oldest = NULL;
    while (newest != NULL) {
        tri_mail *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

// Owner: give up ownership until someone wakes us. False when there is mail or a nudge: take first.
static inline bool
tri_inbox_sleep(tri_inbox *inbox, bool deaf)
{
    uintptr_t empty = 0;
    // pairs(inbox.owner) release: the next owner sees all that this one wrote.
    return atomic_compare_exchange_strong_explicit(&inbox->word, &empty,
                                                   TRI_INBOX_ASLEEP | (deaf ? TRI_INBOX_DEAF : 0),
                                                   memory_order_release, memory_order_relaxed);
}

// Become the owner of an inbox that sleeps and is empty. False when it is not.
static inline bool
tri_inbox_claim(tri_inbox *inbox)
{
    uintptr_t asleep = TRI_INBOX_ASLEEP;
    // pairs(inbox.owner) acquire: all that the last owner wrote.
    return atomic_compare_exchange_strong_explicit(&inbox->word, &asleep, 0, memory_order_acquire,
                                                   memory_order_relaxed);
}

// Observers: the owner sleeps just now.
static inline bool
tri_inbox_is_asleep(const tri_inbox *inbox)
{
    // relaxed: an observation, stale as soon as it is made.
    return (atomic_load_explicit(&inbox->word, memory_order_relaxed) & TRI_INBOX_ASLEEP) != 0;
}

#endif
