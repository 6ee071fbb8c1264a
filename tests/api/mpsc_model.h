// mpsc_model.h: what a channel does, said in two lists and a few numbers. Between two operations
// nothing moves, so the model has no time in it: it predicts every error, what is received, and
// the ledger.
#ifndef TROUPE_TESTS_API_MPSC_MODEL_H
#define TROUPE_TESTS_API_MPSC_MODEL_H

#include "troupe/troupe.h"

#include <string.h>

#define MODEL_ENDS 4
#define MODEL_LIST 256
#define MODEL_RUN  8

typedef struct model_msg {
    uint32_t number;
    uint32_t charge;
    bool is_high;
    bool is_late; // a call whose deadline has passed
    bool has_end; // it carries a sending end of this channel
} model_msg;

typedef struct model_list {
    model_msg at[MODEL_LIST];
    uint32_t count;
} model_list;

typedef struct model {
    tr_full_policy_t policy;
    uint32_t bound_count;
    uint64_t bound_bytes;
    model_list high, normal;
    uint32_t high_run;
    uint32_t places; // that a permit holds
    uint64_t place_bytes;
    uint32_t senders; // ends, those in messages too
    bool is_shut;
    bool is_gone; // its receiving end is closed
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

static inline uint64_t
model_bytes(const model_list *list)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        bytes += list->at[i].charge;
    }
    return bytes;
}

static inline uint32_t
model_count(const model *m)
{
    return m->high.count + m->normal.count + m->places;
}

static inline bool
model_fits(const model *m, uint32_t count, uint64_t bytes)
{
    uint64_t there = model_bytes(&m->high) + model_bytes(&m->normal) + m->places * m->place_bytes;
    return model_count(m) + count <= m->bound_count && there + bytes <= m->bound_bytes;
}

static inline bool
model_is_closed(const model *m)
{
    return m->is_shut || m->is_gone;
}

// A sending end is closed, wherever it was.
static inline void
model_leave(model *m)
{
    m->senders--;
    m->is_shut |= m->senders == 0;
}

// A message is over and was not received: its caller has given up long ago.
static inline void
model_end(model *m, const model_msg *msg)
{
    if (msg->is_late) {
        m->ledger.accepted++;
        m->ledger.returned++;
    }
    if (msg->has_end) {
        model_leave(m);
    }
}

static inline void
model_enter(model *m, model_msg msg)
{
    model_list *lane = msg.is_high ? &m->high : &m->normal;
    m->ledger.accepted++;
    lane->at[lane->count++] = msg;
}

static inline tr_err_t
model_drop_oldest(model *m, model_msg msg)
{
    model_list dropped = {.count = 0};
    while (!model_fits(m, 1, msg.charge)) {
        dropped.at[dropped.count++] = model_pop(m->normal.count > 0 ? &m->normal : &m->high);
    }
    model_enter(m, msg);
    for (uint32_t i = 0; i < dropped.count; i++) {
        m->ledger.dropped++;
        model_end(m, &dropped.at[i]);
    }
    return TR_OK;
}

// By an end or the address, without time to wait.
static inline tr_err_t
model_send(model *m, model_msg msg)
{
    if (m->is_gone) {
        return TR_EDEAD;
    }
    if (msg.charge > m->bound_bytes) {
        return TR_ETOOBIG;
    }
    if (m->is_shut) {
        return TR_EDEAD;
    }
    if (m->policy == TR_DROP_OLDEST) {
        return model_drop_oldest(m, msg);
    }
    if (model_fits(m, 1, msg.charge)) {
        model_enter(m, msg);
        return TR_OK;
    }
    if (m->policy != TR_DROP_NEWEST) {
        return m->policy == TR_SUSPEND ? TR_ETIMEOUT : TR_EFULL;
    }
    m->ledger.accepted++;
    m->ledger.dropped++;
    if (msg.is_late) {
        return TR_EFULL; // a caller is told at once
    }
    model_end(m, &msg);
    return TR_OK;
}

static inline tr_err_t
model_reserve(model *m, uint32_t places, uint64_t each)
{
    if (m->is_gone) {
        return TR_EDEAD;
    }
    if (m->policy == TR_DROP_OLDEST) {
        return TR_EINVAL;
    }
    if (places > m->bound_count || places * each > m->bound_bytes) {
        return TR_ETOOBIG;
    }
    if (m->is_shut) {
        return TR_EDEAD;
    }
    if (!model_fits(m, places, places * each)) {
        return m->policy == TR_SUSPEND ? TR_ETIMEOUT : TR_EFULL;
    }
    m->places = places;
    m->place_bytes = each;
    return TR_OK;
}

static inline bool
model_take(model *m, model_msg *out)
{
    bool pick = m->high.count > 0 && (m->high_run < MODEL_RUN || m->normal.count == 0);
    m->high_run = !pick ? 0 : m->high_run < MODEL_RUN ? m->high_run + 1 : MODEL_RUN;
    model_list *lane = pick ? &m->high : &m->normal;
    if (lane->count == 0) {
        return false;
    }
    *out = model_pop(lane);
    return true;
}

// What is received; it is handled when it is released.
static inline tr_err_t
model_recv(model *m, model_msg *out)
{
    while (model_take(m, out)) {
        if (!out->is_late) {
            m->ledger.handled++;
            return TR_OK;
        }
        m->ledger.expired++;
        model_end(m, out);
    }
    return m->is_shut && m->places == 0 ? TR_ECLOSED : TR_ETIMEOUT;
}

static inline void
model_close_rx(model *m)
{
    model_list *lanes[] = {&m->high, &m->normal};
    m->is_gone = true;
    for (int i = 0; i < 2; i++) {
        while (lanes[i]->count > 0) {
            model_msg msg = model_pop(lanes[i]);
            m->ledger.discarded++;
            model_end(m, &msg);
        }
    }
}

#endif
