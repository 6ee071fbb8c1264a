// restart.c: what a parent does with a child whose address and mail outlive its life: end that
// life, let it turn callers away, give it the next one, or give it up.
#include "actor/child.h"
#include "actor/notice.h"
#include "actor/runtime.h"

static tri_actor *
find_held(tri_actor *self, tr_ref_t ref, tr_err_t *out_err)
{
    tri_actor *child = tri_child_find(self, ref, out_err);
    if (child != NULL && child->cold->is_told_to_stop) {
        *out_err = TR_EDEAD;
        return NULL;
    }
    if (child != NULL && !child->cold->is_known_held) {
        *out_err = TR_EALREADY;
        return NULL;
    }
    return child;
}

// ---- the next life

// Take the order to begin back, if the child has not taken it: it is held as before, and the answer
// is ours again. With both orders before it, it could not tell to which life the second belongs.
static bool
withdraw(tri_actor *self, tri_actor *child)
{
    // pairs(actor.orders) acquire: what we laid out for the order is as we left it.
    uint32_t orders = atomic_fetch_and_explicit(&child->orders, ~(uint32_t)TRI_ORDER_RESTART,
                                                memory_order_acquire);
    if ((orders & TRI_ORDER_RESTART) == 0) {
        return false;
    }
    tri_destroy_message(self->rt, tri_actor_worker(self), child->cold->start_reply);
    child->cold->start_reply = NULL;
    child->cold->is_known_held = true;
    return true;
}

// Its start goes on, and nobody waits for it any more. It is held again when it is over.
static void
give_up(tri_actor *self, tri_actor *child)
{
    if (self->is_stopping) {
        tri_child_stop(self, child, false); // who is being stopped stops what it has begun
    } else if (!withdraw(self, child)) {
        tri_actor_order(tri_actor_worker(self), child, TRI_ORDER_DIE | TRI_ORDER_REPORT);
    }
}

tr_err_t
tr_restart(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    tri_actor *child = find_held(self, ref, &err);
    if (child == NULL) {
        return err;
    }
    if (!tri_child_may_begin(self)) {
        return TR_ECANCELED;
    }
    tri_request request;
    err = tri_child_prepare_start(self, child->cold, &request);
    if (err != TR_OK) {
        return err;
    }
    child->cold->is_known_held = false;
    tri_actor_order(tri_actor_worker(self), child, TRI_ORDER_RESTART);
    tr_err_t verdict = TR_OK;
    err = tri_child_await_start(self, child, &request, &verdict);
    if (err != TR_OK) {
        give_up(self, child);
        return err;
    }
    if (verdict != TR_OK && !child->cold->is_told_to_stop) {
        child->cold->is_known_held = true; // its start has failed: held again
    }
    return verdict;
}

// ---- the end of a life

static void
on_hold_timer(tri_timer *timer, void *worker)
{
    tri_cold *child = TRI_CONTAINER(timer, tri_cold, stop_timer);
    tri_actor_order(worker, child->self, TRI_ORDER_DIE);
}

struct hold_wait {
    tri_wait wait;
    tri_cold *child;
};

// What the notice says is what tr_hold returns: no handler hears it.
static bool
is_held(tri_wait *wait, tri_actor *self)
{
    tri_cold *child = TRI_CONTAINER(wait, struct hold_wait, wait)->child;
    if (tri_notice_remove(self, &child->held_parcel)) {
        child->is_known_held = true;
        return true;
    }
    return tri_notice_has(self, &child->ended_parcel);
}

tr_err_t
tr_hold(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    tri_worker *here = tri_actor_worker(self);
    tri_actor *child = tri_child_find(self, ref, &err);
    if (child == NULL) {
        return err;
    }
    tri_cold *cold = child->cold;
    if (cold->opts.after_exit != TR_AFTER_EXIT_HOLD) {
        return TR_EINVAL;
    }
    if (cold->is_told_to_stop || cold->is_known_held) {
        return cold->is_told_to_stop ? TR_EDEAD : TR_OK;
    }
    bool is_kill = cold->opts.shutdown_ms == TR_SHUTDOWN_KILL;
    if (!is_kill) {
        tri_child_arm_stop(here, child, on_hold_timer);
    }
    tri_actor_order(here, child, is_kill ? TRI_ORDER_DIE : TRI_ORDER_LEAVE);
    struct hold_wait hold = {.wait = {.is_ready = is_held}, .child = cold};
    err = tri_wait_for(self, &hold.wait, "the end of a child", tri_wait_deadline(self, TR_FOREVER));
    if (err != TR_OK) {
        return err;
    }
    tri_wheel_cancel(&tri_actor_worker(self)->wheel, &cold->stop_timer);
    return cold->is_known_held ? TR_OK : TR_EDEAD;
}

// ---- held

bool
tr_is_held(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    return find_held(self, ref, &err) != NULL;
}

tr_err_t
tr_refuse(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    tri_actor *child = find_held(self, ref, &err);
    if (child != NULL) {
        tri_actor_order(tri_actor_worker(self), child, TRI_ORDER_REFUSE);
    }
    return err;
}

tr_err_t
tr_discard(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    tri_actor *child = find_held(self, ref, &err);
    if (child == NULL) {
        return err;
    }
    child->cold->is_known_held = false;
    child->cold->is_told_to_stop = true;
    tri_actor_order(tri_actor_worker(self), child, TRI_ORDER_DISCARD);
    return TR_OK;
}
