#include "actor/window.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "base/memory.h"

#include <pthread.h>

struct tri_window {
    pthread_mutex_t lock;
    // Under lock:
    tri_lane normal;
    tri_lane high;
    uint32_t count;
    uint64_t bytes;
    bool is_searched; // the owner found nothing that it wants: it is told of what comes
};

static tri_window *
window_of(const tri_actor *actor)
{
    // pairs(slot.window) acquire: the window was made before it was shown.
    return atomic_load_explicit(&actor->window, memory_order_acquire);
}

tr_err_t
tri_window_open(tri_actor *actor)
{
    if (window_of(actor) != NULL) {
        return TR_OK;
    }
    tri_window *window = tri_zalloc(sizeof *window);
    if (window == NULL) {
        return TR_ENOMEM;
    }
    pthread_mutex_init(&window->lock, NULL);
    // pairs(slot.window) release: whoever finds it finds it made.
    atomic_store_explicit(&actor->window, window, memory_order_release);
    return TR_OK;
}

void
tri_window_destroy(tri_window *window)
{
    if (window != NULL) {
        pthread_mutex_destroy(&window->lock);
        tri_free(window);
    }
}

// Under lock: a message has been taken out.
static tr_message *
uncount(tri_actor *actor, tri_window *window, tr_message *msg)
{
    uint64_t charge = tri_message_charge_of(msg);
    window->count--;
    window->bytes -= charge;
    tri_mailbox_discharge(actor, charge);
    return msg;
}

// Under lock: take one out; the oldest normal one before any high one when it is to be dropped.
static tr_message *
take(tri_actor *actor, tri_window *window, bool high_first)
{
    tri_lane *first = high_first ? &window->high : &window->normal;
    tri_lane *second = high_first ? &window->normal : &window->high;
    tr_message *msg = tri_lane_pop(first);
    if (msg == NULL) {
        msg = tri_lane_pop(second);
    }
    return msg == NULL ? NULL : uncount(actor, window, msg);
}

// Under lock: whether dropping all that can be dropped would make room. What its owner has set
// aside counts in the bound too, and is not here.
static bool
can_make_room(const tri_actor *target, const tri_window *window, uint64_t charge)
{
    uint64_t load = TRI_PEEK(&target->load);
    return tri_load_count(load) - window->count < TRI_PEEK(&target->bound_count) &&
           tri_load_bytes(load) - window->bytes + charge <= TRI_PEEK(&target->bound_bytes);
}

// Under lock: room for one message, at the cost of older ones, which go to `dropped`.
static tr_err_t
make_room(tri_actor *target, tri_window *window, uint64_t charge, bool may_drop, tri_lane *dropped)
{
    tr_err_t err = tri_mailbox_readmit(target, charge);
    if (err != TR_EFULL || !may_drop || !can_make_room(target, window, charge)) {
        return err;
    }
    while (err == TR_EFULL && window->count != 0) {
        tri_lane_append(dropped, take(target, window, false));
        err = tri_mailbox_readmit(target, charge);
    }
    return err;
}

// Under lock. Its owner counts the generation up before it empties the window for good, so what
// comes in with the old one is either found there or refused here.
static tr_err_t
push(tri_actor *target, tri_window *window, tr_ref_t to, tr_message *msg, bool may_drop,
     tri_lane *dropped)
{
    if (TRI_PEEK(&target->generation) != (uint32_t)(to.raw >> 32)) {
        return TR_EDEAD;
    }
    uint64_t charge = tri_message_charge_of(msg);
    tr_err_t err = make_room(target, window, charge, may_drop, dropped);
    if (err == TR_OK) {
        tri_message_own_parts(msg);
        tri_lane_append((msg->meta & TRI_MSG_HIGH) != 0 ? &window->high : &window->normal, msg);
        window->count++;
        window->bytes += charge;
    }
    return err;
}

tr_err_t
tri_window_push(tr_runtime *rt, tri_worker *here, tri_actor *target, tr_ref_t to, tr_message *msg,
                bool may_drop)
{
    tri_window *window = window_of(target);
    tri_lane dropped = {.first = NULL};
    if (window == NULL) {
        return TR_EDEAD;
    }
    pthread_mutex_lock(&window->lock);
    bool is_news = window->count == 0 || window->is_searched;
    tr_err_t err = push(target, window, to, msg, may_drop, &dropped);
    window->is_searched = window->is_searched && err != TR_OK;
    pthread_mutex_unlock(&window->lock);
    if (err == TR_OK) {
        tri_count_at(rt, here, TRI_ACCEPTED);
    }
    for (tr_message *old; (old = tri_lane_pop(&dropped)) != NULL;) {
        tri_settle_dropped(rt, here, target);
        tri_call_fail(rt, here, old, TR_EFULL);
    }
    if (err == TR_OK && is_news) {
        tri_actor_nudge(here, target); // it looks for itself as long as it finds something
    }
    return err;
}

tr_message *
tri_window_pop(tri_actor *actor, bool has_own)
{
    tri_window *window = window_of(actor);
    pthread_mutex_lock(&window->lock);
    bool high = tri_mailbox_high_is_next(actor, window->high.first != NULL,
                                         has_own || window->normal.first != NULL);
    tr_message *msg = high || !has_own ? take(actor, window, high) : NULL;
    pthread_mutex_unlock(&window->lock);
    if (msg != NULL) {
        TRI_BUMP(&actor->ledger[TRI_ACCEPTED], 1);
    }
    return msg;
}

tr_message *
tri_window_take(tri_actor *actor, bool (*is_wanted)(const tr_message *msg, void *arg), void *arg)
{
    tri_window *window = window_of(actor);
    pthread_mutex_lock(&window->lock);
    tr_message *msg = tri_lane_take(&window->high, is_wanted, arg);
    if (msg == NULL) {
        msg = tri_lane_take(&window->normal, is_wanted, arg);
    }
    if (msg != NULL) {
        msg = uncount(actor, window, msg);
        TRI_BUMP(&actor->ledger[TRI_ACCEPTED], 1);
    }
    window->is_searched = msg == NULL;
    pthread_mutex_unlock(&window->lock);
    return msg;
}

bool
tri_window_is_empty(const tri_actor *actor)
{
    tri_window *window = window_of(actor);
    pthread_mutex_lock(&window->lock);
    bool is_empty = window->count == 0;
    pthread_mutex_unlock(&window->lock);
    return is_empty;
}

const tri_lane *
tri_window_lock(tri_actor *actor, bool high)
{
    tri_window *window = window_of(actor);
    pthread_mutex_lock(&window->lock);
    return high ? &window->high : &window->normal;
}

void
tri_window_unlock(tri_actor *actor)
{
    pthread_mutex_unlock(&window_of(actor)->lock);
}
