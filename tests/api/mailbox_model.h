// mailbox_model.h: what a mailbox does, said in a few lists. It follows one actor, the subject,
// that is held in each of its handlers until it is told how to end it; between two operations
// everything has come to rest. So the model has no time in it, and predicts every error, the order
// in which messages are taken, and the ledger.
#ifndef TROUPE_TESTS_API_MAILBOX_MODEL_H
#define TROUPE_TESTS_API_MAILBOX_MODEL_H

#include "troupe/troupe.h"

#include <string.h>

#define MODEL_PEOPLE  3
#define MODEL_OUTSIDE MODEL_PEOPLE // a thread, not an actor
#define MODEL_LIST    64
#define MODEL_LOG     1024
#define MODEL_WATCHED 3
#define MODEL_DOWN    1000000 // numbers of the runtime's own messages begin here
#define MODEL_RUN     8

#define MODEL_WAITS TR_EBUSY // what an operation gives that is not over yet

typedef struct model_msg {
    uint32_t number;
    uint32_t charge;
    uint32_t from;
    bool is_high, is_call;
    bool is_late; // a call whose deadline has passed as soon as it is in the mailbox
    bool is_down; // the runtime's own
} model_msg;

typedef struct model_list {
    model_msg at[MODEL_LIST];
    uint32_t count;
} model_list;

typedef enum model_phase { MODEL_RUNNING, MODEL_HELD, MODEL_GONE } model_phase;
typedef enum model_how {
    MODEL_OK,
    MODEL_STASH,
    MODEL_UNSTASH,
    MODEL_UNHANDLED,
    MODEL_FAIL
} model_how;

typedef struct model {
    tr_full_policy_t policy;
    uint32_t bound_count;
    uint64_t bound_bytes;
    model_phase phase;
    model_list downs, high, normal; // what waits, each in order
    model_list unstashed;           // what is back in a mailbox that drops the oldest
    model_list stash;
    model_list rooms;   // messages of senders that wait for room, in order
    model_list granted; // those that got it, before they are in a lane
    model_msg in_hand;
    bool has_in_hand;
    uint32_t high_run;
    tr_err_t stash_err; // of the last stash
    uint32_t downs_sent;
    struct {
        bool is_busy; // waits for room or an answer
        tr_err_t err; // of the last operation, when it is over
    } people[MODEL_PEOPLE];
    uint32_t log[MODEL_LOG]; // numbers, in the order in which they were taken
    uint32_t log_count;
    tr_ledger_t ledger;
} model;

static inline model_msg
model_pop(model_list *list)
{
    model_msg first = list->at[0];
    list->count--;
    memmove(list->at, list->at + 1, list->count * sizeof first);
    return first;
}

static inline void
model_append(model_list *list, model_msg msg)
{
    list->at[list->count++] = msg;
}

static inline void
model_append_all(model_list *list, model_list *from)
{
    while (from->count > 0) {
        model_append(list, model_pop(from));
    }
}

// ---- room ---------------------------------------------------------------------------------------

static inline uint64_t
model_bytes(const model_list *list)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        bytes += list->at[i].charge;
    }
    return bytes;
}

// What is queued, and what room is promised for: the message in hand takes none.
static inline uint32_t
model_queued(const model *m)
{
    return m->high.count + m->normal.count + m->unstashed.count + m->stash.count + m->granted.count;
}

static inline uint64_t
model_queued_bytes(const model *m)
{
    return model_bytes(&m->high) + model_bytes(&m->normal) + model_bytes(&m->unstashed) +
           model_bytes(&m->stash) + model_bytes(&m->granted);
}

static inline bool
model_fits(const model *m, uint32_t charge)
{
    return model_queued(m) < m->bound_count && model_queued_bytes(m) + charge <= m->bound_bytes;
}

// A message waits whose deadline has passed. Calls without time are never high or taken in hand.
static inline bool
model_has_late(const model *m)
{
    bool has_late = false;
    for (uint32_t i = 0; i < m->normal.count; i++) {
        has_late |= m->normal.at[i].is_late;
    }
    return has_late;
}

// Somebody's room was given back: those who wait get it in order, and none before the first.
static inline void
model_grant(model *m)
{
    while (m->rooms.count > 0 && model_fits(m, m->rooms.at[0].charge)) {
        model_append(&m->granted, model_pop(&m->rooms));
    }
}

// ---- answers ------------------------------------------------------------------------------------

static inline void
model_over(model *m, uint32_t person, tr_err_t err)
{
    m->people[person].is_busy = false;
    m->people[person].err = err;
}

// What comes of a call that was in the mailbox; a message that is no call has nobody to tell.
static inline void
model_answer(model *m, const model_msg *msg, tr_err_t err)
{
    if (!msg->is_call) {
        return;
    }
    m->ledger.accepted++;
    if (msg->is_late) {
        m->ledger.returned++; // nobody waits for it any more
    } else {
        m->ledger.handled++;
        model_over(m, msg->from, err);
    }
}

// ---- sending ------------------------------------------------------------------------------------

static inline void
model_enter(model *m, model_msg msg)
{
    m->ledger.accepted++;
    model_append(msg.is_high ? &m->high : &m->normal, msg);
}

// TR_DROP_OLDEST: the oldest normal ones go first, then the oldest high ones. What was set aside is
// not dropped, and nothing is where that would not make room.
static inline tr_err_t
model_offer_to_window(model *m, model_msg msg, bool may_drop)
{
    uint32_t kept = m->stash.count + m->unstashed.count;
    uint64_t kept_bytes = model_bytes(&m->stash) + model_bytes(&m->unstashed);
    bool would_help = kept < m->bound_count && kept_bytes + msg.charge <= m->bound_bytes;
    while (model_queued(m) >= m->bound_count ||
           model_queued_bytes(m) + msg.charge > m->bound_bytes) {
        model_list *oldest = m->normal.count > 0 ? &m->normal : &m->high;
        if (!may_drop || !would_help) {
            return TR_EFULL;
        }
        model_msg dropped = model_pop(oldest);
        m->ledger.dropped++;
        model_answer(m, &dropped, TR_EFULL);
    }
    model_enter(m, msg);
    return TR_OK;
}

static inline tr_err_t
model_offer(model *m, model_msg msg, bool may_drop, bool may_wait)
{
    if (m->phase == MODEL_GONE) {
        return TR_EDEAD;
    }
    if (msg.charge > m->bound_bytes) {
        return TR_ETOOBIG;
    }
    if (m->policy == TR_DROP_OLDEST) {
        return model_offer_to_window(m, msg, may_drop);
    }
    // Who comes later does not slip in before those who wait.
    if (m->rooms.count == 0 && model_fits(m, msg.charge)) {
        model_enter(m, msg);
        return TR_OK;
    }
    if (m->policy == TR_SUSPEND && may_wait) {
        model_append(&m->rooms, msg);
        return MODEL_WAITS;
    }
    if (m->policy == TR_DROP_NEWEST && may_drop) {
        m->ledger.accepted++;
        m->ledger.dropped++;
        return msg.is_call ? TR_EFULL : TR_OK;
    }
    return m->policy == TR_SUSPEND && may_drop ? TR_ETIMEOUT : TR_EFULL;
}

// ---- taking -------------------------------------------------------------------------------------

static inline bool
model_pick_high(model *m)
{
    bool has_normal = m->normal.count + m->unstashed.count > 0;
    bool pick = m->high.count > 0 && (m->high_run < MODEL_RUN || !has_normal);
    m->high_run = !pick ? 0 : m->high_run < MODEL_RUN ? m->high_run + 1 : MODEL_RUN;
    return pick;
}

// The next message of the lanes. False: there is none.
static inline bool
model_take(model *m, model_msg *out)
{
    model_list *normal = m->unstashed.count > 0 ? &m->unstashed : &m->normal;
    model_list *lane = model_pick_high(m) ? &m->high : normal;
    if (lane->count == 0) {
        return false;
    }
    *out = model_pop(lane);
    model_grant(m);
    return true;
}

// The subject takes the next message in hand, when it has none: the runtime's own first.
static inline void
model_next(model *m)
{
    while (m->phase == MODEL_RUNNING && !m->has_in_hand) {
        if (m->downs.count > 0) {
            m->in_hand = model_pop(&m->downs);
        } else if (!model_take(m, &m->in_hand)) {
            return;
        }
        if (m->in_hand.is_late) {
            m->ledger.expired++;
            model_answer(m, &m->in_hand, TR_ETIMEOUT);
            continue;
        }
        m->has_in_hand = true;
        m->log[m->log_count++] = m->in_hand.number;
        m->ledger.accepted++; // it asks the gate
        m->ledger.handled++;
    }
}

// Until nothing moves.
static inline void
model_rest(model *m)
{
    do {
        model_next(m);
        while (m->granted.count > 0) {
            model_msg msg = model_pop(&m->granted);
            model_enter(m, msg);
            if (!msg.is_call) {
                model_over(m, msg.from, TR_OK);
            }
        }
    } while (m->phase == MODEL_RUNNING && !m->has_in_hand &&
             m->downs.count + m->high.count + m->normal.count + m->unstashed.count > 0);
}

// ---- what the subject does with the message in hand ---------------------------------------------

static inline void
model_unstash(model *m)
{
    model_list *lane = m->policy == TR_DROP_OLDEST ? &m->unstashed : &m->normal;
    model_append_all(&m->stash, lane);
    model_append_all(lane, &m->stash);
}

// Handled, and a call gets this for an answer.
static inline void
model_handled(model *m, tr_err_t answer)
{
    m->ledger.handled += !m->in_hand.is_down;
    model_answer(m, &m->in_hand, answer);
}

static inline void
model_stash_in_hand(model *m)
{
    m->stash_err = m->in_hand.is_down                  ? TR_EINVAL
                   : !model_fits(m, m->in_hand.charge) ? TR_EFULL
                                                       : TR_OK;
    if (m->stash_err == TR_OK) {
        model_append(&m->stash, m->in_hand);
    } else {
        model_handled(m, TR_ENOREPLY);
    }
}

static inline void
model_finish(model *m, model_how how)
{
    m->ledger.accepted++; // the gate's answer
    m->ledger.handled++;
    m->has_in_hand = false;
    switch (how) {
    case MODEL_OK:
        model_handled(m, TR_OK);
        break;
    case MODEL_UNHANDLED:
        model_handled(m, TR_EUNHANDLED);
        break;
    case MODEL_STASH:
        model_stash_in_hand(m);
        break;
    case MODEL_UNSTASH:
        model_unstash(m);
        model_handled(m, TR_OK);
        break;
    case MODEL_FAIL:
        m->ledger.failed += !m->in_hand.is_down;
        model_answer(m, &m->in_hand, TR_ECRASHED);
        model_unstash(m);
        m->downs.count = 0; // its watches end with the life
        m->phase = MODEL_HELD;
        break;
    }
    model_rest(m);
}

static inline void
model_restart(model *m)
{
    m->ledger.accepted++; // the answer of its start
    m->ledger.handled++;
    m->phase = MODEL_RUNNING;
    model_rest(m);
}

// One of those that the subject watches has ended.
static inline void
model_down(model *m)
{
    model_msg down = {.number = MODEL_DOWN + m->downs_sent++, .is_down = true};
    if (m->phase == MODEL_RUNNING) {
        model_append(&m->downs, down);
        model_rest(m);
    }
}

static inline void
model_discard(model *m, model_list *list)
{
    while (list->count > 0) {
        model_msg msg = model_pop(list);
        m->ledger.discarded++;
        model_answer(m, &msg, TR_EDEAD);
    }
}

static inline void
model_stop(model *m)
{
    if (m->has_in_hand) {
        m->has_in_hand = false;
        m->ledger.failed += !m->in_hand.is_down;
        model_answer(m, &m->in_hand, TR_EDEAD);
    }
    m->phase = MODEL_GONE;
    while (m->rooms.count > 0) {
        model_over(m, model_pop(&m->rooms).from, TR_EDEAD);
    }
    model_list *lists[] = {&m->stash, &m->unstashed, &m->normal, &m->high};
    for (int i = 0; i < 4; i++) {
        model_discard(m, lists[i]);
    }
}

#endif
