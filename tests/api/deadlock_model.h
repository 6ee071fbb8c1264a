// deadlock_model.h: who waits for whom, and what becomes of it, in plain arrays: what the detection
// of deadlocks is compared with.
//
// An actor that waits is blocked on all requests that it needs; a new wait is a deadlock exactly
// when following these edges from it leads back to it. It then fails, and what it asked for is
// canceled, which ends the waits of those who were at work for it.
#ifndef TROUPE_TESTS_DEADLOCK_MODEL_H
#define TROUPE_TESTS_DEADLOCK_MODEL_H

#include "troupe/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MODEL_PEOPLE   10
#define MODEL_BRANCHES 3
#define MODEL_ASKS     512 // of one graph
#define MODEL_LIST     64
#define MODEL_NONE     UINT32_MAX

typedef enum model_wait {
    MODEL_FREE,
    MODEL_CALL,
    MODEL_TRY,    // tr_try_join
    MODEL_ALL,    // tr_join_all, which waits for one after the other
    MODEL_FIRST,  // tr_first_ok: an edge only when one is left
    MODEL_SELECT, // never an edge
} model_wait;

// Where a request is.
typedef enum model_where {
    MODEL_QUEUED,
    MODEL_IN_HAND,
    MODEL_HELD,  // taken by tr_receive
    MODEL_TOKEN, // deferred: anybody may answer
    MODEL_OVER,
} model_where;

typedef struct model_ask {
    uint32_t caller, callee;
    model_where where;
    tr_err_t err;
    uint32_t ended; // which of all, when it is over
    bool is_orphan; // nobody waits for it any more
} model_ask;

typedef struct model_list {
    uint32_t items[MODEL_LIST];
    uint32_t count;
} model_list;

typedef struct model_person {
    model_wait wait;
    uint32_t asks[MODEL_BRANCHES]; // that it waits for
    uint32_t ask_count;
    uint32_t in_hand; // MODEL_NONE: it is not serving
    model_list queue, held, tokens;
    tr_err_t err; // of its latest wait
} model_person;

typedef struct model {
    model_person people[MODEL_PEOPLE];
    uint32_t count;
    model_ask asks[MODEL_ASKS];
    uint32_t ask_count;
    uint32_t ended; // of the asks
    uint64_t deadlocks;
    // Of the operation in progress.
    uint32_t changed;       // whose edge has become another; MODEL_NONE: nobody's
    bool has_cancel;        // more than the one request was ended: by whom it was for,
    bool has_dropped;       // by whom it was with
    bool is_left_to_chance; // what comes of it depends on who runs first
} model;

// ---- lists

static inline void
model_push(model_list *list, uint32_t item)
{
    list->items[list->count++] = item;
}

static inline void
model_remove(model_list *list, uint32_t item)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i] == item) {
            list->count--;
            memmove(&list->items[i], &list->items[i + 1],
                    (list->count - i) * sizeof list->items[0]);
            return;
        }
    }
}

static inline uint32_t
model_pop(model_list *list)
{
    uint32_t first = list->items[0];
    model_remove(list, first);
    return first;
}

// ---- edges

// Those it needs; `out` has room for all.
static inline uint32_t
model_edges(const model *m, uint32_t who, uint32_t *out)
{
    const model_person *p = &m->people[who];
    uint32_t open = 0;
    for (uint32_t i = 0; i < p->ask_count; i++) {
        const model_ask *ask = &m->asks[p->asks[i]];
        if (ask->where != MODEL_OVER) {
            out[open++] = p->asks[i];
        }
    }
    bool has_none =
        p->wait == MODEL_FREE || p->wait == MODEL_SELECT || (p->wait == MODEL_FIRST && open > 1);
    if (p->wait == MODEL_ALL && open > 1) {
        open = 1;
    }
    return has_none ? 0 : open;
}

static inline bool
model_leads_to(const model *m, uint32_t from, uint32_t to, bool *seen)
{
    uint32_t edges[MODEL_BRANCHES];
    uint32_t count = model_edges(m, from, edges);
    for (uint32_t i = 0; i < count; i++) {
        const model_ask *ask = &m->asks[edges[i]];
        if (ask->where == MODEL_TOKEN) {
            continue;
        }
        if (ask->callee == to) {
            return true;
        }
        if (!seen[ask->callee]) {
            seen[ask->callee] = true;
            if (model_leads_to(m, ask->callee, to, seen)) {
                return true;
            }
        }
    }
    return false;
}

static inline bool
model_is_deadlock(const model *m, uint32_t who)
{
    bool seen[MODEL_PEOPLE] = {false};
    return model_leads_to(m, who, who, seen);
}

// Whether what it waits for will come, as far as those that are known to go on can tell.
static inline bool
model_will_go_on(const model *m, uint32_t who, const bool *goes_on)
{
    const model_person *p = &m->people[who];
    uint32_t open = 0;
    uint32_t coming = 0;
    for (uint32_t i = 0; i < p->ask_count; i++) {
        const model_ask *ask = &m->asks[p->asks[i]];
        bool is_open = ask->where != MODEL_OVER;
        bool is_coming = is_open && (ask->where == MODEL_TOKEN || goes_on[ask->callee]);
        if (is_open && open == 0 && p->wait == MODEL_ALL) {
            return is_coming; // the first of them alone: it may fail for the next
        }
        open += is_open;
        coming += is_coming;
    }
    bool is_one_enough = p->wait == MODEL_FIRST;
    return p->wait == MODEL_FREE || p->wait == MODEL_SELECT ||
           (is_one_enough ? coming > 0 : coming == open);
}

// Somebody can never go on, though no wait is a deadlock: of several answers of which one would be
// enough none can come. That is not looked for.
static inline bool
model_is_stuck(const model *m)
{
    bool goes_on[MODEL_PEOPLE] = {false};
    uint32_t known = 0;
    for (uint32_t round = 0; round < m->count; round++) {
        for (uint32_t i = 0; i < m->count; i++) {
            if (!goes_on[i] && model_will_go_on(m, i, goes_on)) {
                goes_on[i] = true;
                known++;
            }
        }
    }
    return known < m->count;
}

// ---- what happens by itself

static inline void model_end_wait(model *m, uint32_t who, tr_err_t err);

// One that serves nobody and does not wait takes the next request.
static inline void
model_go_on(model *m, uint32_t who)
{
    model_person *p = &m->people[who];
    if (p->in_hand == MODEL_NONE && p->wait == MODEL_FREE && p->queue.count > 0) {
        p->in_hand = model_pop(&p->queue);
        m->asks[p->in_hand].where = MODEL_IN_HAND;
    }
}

static inline void
model_edge_changes(model *m, uint32_t who)
{
    m->is_left_to_chance |= m->changed != MODEL_NONE;
    m->changed = who;
}

// One of the requests that it waits for is over: what of the wait?
static inline void
model_look(model *m, uint32_t who)
{
    model_person *p = &m->people[who];
    uint32_t open = 0, good = 0, latest = 0;
    tr_err_t bad = TR_OK; // of the last that failed
    for (uint32_t i = 0; i < p->ask_count; i++) {
        const model_ask *ask = &m->asks[p->asks[i]];
        open += ask->where != MODEL_OVER;
        good += ask->where == MODEL_OVER && ask->err == TR_OK;
        if (ask->where == MODEL_OVER && ask->err != TR_OK && ask->ended > latest) {
            bad = ask->err;
            latest = ask->ended;
        }
    }
    switch (p->wait) {
    case MODEL_FREE:
        return;
    case MODEL_CALL:
    case MODEL_TRY:
        if (open == 0 || bad != TR_OK) {
            model_end_wait(m, who, bad);
        }
        return;
    case MODEL_ALL:
        if (open == 0) {
            model_end_wait(m, who, TR_OK);
        } else {
            model_edge_changes(m, who);
        }
        return;
    case MODEL_FIRST:
        if (good > 0) {
            model_end_wait(m, who, TR_OK);
        } else if (open == 0) {
            model_end_wait(m, who, bad);
        } else if (open == 1) {
            model_edge_changes(m, who);
        }
        return;
    case MODEL_SELECT:
        if (open < p->ask_count) {
            model_end_wait(m, who, TR_OK);
        }
        return;
    }
}

static inline void
model_finish(model *m, uint32_t which, tr_err_t err)
{
    model_ask *ask = &m->asks[which];
    ask->where = MODEL_OVER;
    ask->err = err;
    ask->ended = ++m->ended;
    if (!ask->is_orphan) {
        model_look(m, ask->caller);
    }
}

// Its handler returns: what it has taken and not answered is answered for it.
static inline void
model_end_serving(model *m, uint32_t who)
{
    model_person *p = &m->people[who];
    while (p->held.count > 0) {
        m->has_dropped = true;
        model_finish(m, model_pop(&p->held), TR_ENOREPLY);
    }
    p->in_hand = MODEL_NONE;
    model_go_on(m, who);
}

static inline void
model_cancel(model *m, uint32_t which)
{
    model_ask *ask = &m->asks[which];
    uint32_t callee = ask->callee;
    ask->is_orphan = true;
    if (ask->where == MODEL_QUEUED) {
        m->has_cancel = true;
        model_remove(&m->people[callee].queue, which);
        ask->where = MODEL_OVER;
    } else if (ask->where == MODEL_IN_HAND) {
        m->has_cancel = true;
        ask->where = MODEL_OVER;
        model_end_wait(m, callee, TR_ECANCELED);
        model_end_serving(m, callee);
    }
}

static inline void
model_end_wait(model *m, uint32_t who, tr_err_t err)
{
    model_person *p = &m->people[who];
    if (p->wait == MODEL_FREE) {
        return;
    }
    p->wait = MODEL_FREE;
    p->err = err;
    for (uint32_t i = 0; i < p->ask_count; i++) {
        if (m->asks[p->asks[i]].where != MODEL_OVER) {
            model_cancel(m, p->asks[i]);
        }
    }
    model_go_on(m, who);
}

// ---- operations

static inline void
model_begin(model *m, uint32_t count)
{
    *m = (model){.count = count, .changed = MODEL_NONE};
    for (uint32_t i = 0; i < count; i++) {
        m->people[i].in_hand = MODEL_NONE;
    }
}

static inline void
model_deliver(model *m, uint32_t which, uint32_t to)
{
    m->asks[which].callee = to;
    m->asks[which].where = MODEL_QUEUED;
    model_push(&m->people[to].queue, which);
    model_go_on(m, to);
}

static inline void
model_wait_for(model *m, uint32_t who, model_wait kind, const uint32_t *targets, uint32_t count)
{
    model_person *p = &m->people[who];
    p->wait = kind; // before it is asked: it takes nothing itself
    p->ask_count = count;
    for (uint32_t i = 0; i < count; i++) {
        p->asks[i] = m->ask_count++;
        m->asks[p->asks[i]] = (model_ask){.caller = who};
        model_deliver(m, p->asks[i], targets[i]);
    }
    model_edge_changes(m, who);
}

static inline void
model_answer(model *m, uint32_t who, tr_err_t err)
{
    model_finish(m, m->people[who].in_hand, err);
    model_end_serving(m, who);
}

static inline void
model_delegate(model *m, uint32_t who, uint32_t to)
{
    uint32_t which = m->people[who].in_hand;
    uint32_t caller = m->asks[which].caller;
    model_deliver(m, which, to);
    if (m->people[caller].wait != MODEL_FREE) {
        model_edge_changes(m, caller);
    }
    model_end_serving(m, who);
}

static inline void
model_defer(model *m, uint32_t who)
{
    model_person *p = &m->people[who];
    m->asks[p->in_hand].where = MODEL_TOKEN;
    model_push(&p->tokens, p->in_hand);
    model_end_serving(m, who);
}

// What follows of the operation, if a wait has changed by it. Where others end meanwhile, the
// detection may come before or after them.
static inline void
model_settle(model *m)
{
    uint32_t who = m->changed;
    if (who != MODEL_NONE) {
        m->is_left_to_chance |= m->has_cancel || m->has_dropped;
        if (model_is_deadlock(m, who)) {
            m->deadlocks++;
            model_end_wait(m, who, TR_EDEADLK);
        }
        m->is_left_to_chance |= m->changed != who;
    }
    m->is_left_to_chance |= m->has_cancel && m->has_dropped; // one may be ended by both
    m->changed = MODEL_NONE;
    m->has_cancel = false;
    m->has_dropped = false;
}

#endif
