// child.c: what a parent does with its children: spawn, stop, reap. For restart see restart.c.
#include "actor/child.h"

#include "actor/life.h"
#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/clock.h"
#include "base/memory.h"

#define DEFAULT_START_MS    5000
#define DEFAULT_SHUTDOWN_MS 5000

// ---- spawning

tr_err_t
tri_child_prepare_start(tri_actor *self, tri_cold *child, tri_request *request)
{
    tri_worker *here = tri_actor_worker(self);
    tr_message *reply = tri_message_alloc(&here->pool, &tri_system_types[TRI_SYSTEM_ERROR], 0);
    if (reply == NULL) {
        return TR_ENOMEM;
    }
    tri_request_open(self, request, TRI_EDGE_START, child->ref, NULL);
    reply->sender = tri_actor_ref(self);
    reply->request = request->id;
    child->start_reply = reply;
    return TR_OK;
}

tr_err_t
tri_child_await_start(tri_actor *self, tri_actor *child, tri_request *request,
                      tr_err_t *out_verdict)
{
    int64_t timeout_ms = child->cold->opts.start_timeout_ms;
    tr_duration_t timeout = timeout_ms == TR_START_INFINITE
                                ? TR_FOREVER
                                : tr_ms(timeout_ms != 0 ? timeout_ms : DEFAULT_START_MS);
    int64_t deadline = tri_wait_deadline(self, timeout);
    tr_err_t err = tri_request_wait(self, request, "start", deadline);
    if (err == TR_OK) {
        *out_verdict = tri_message_error(request->answer);
        tri_destroy_message(self->rt, tri_actor_worker(self), request->answer);
    }
    return err;
}

bool
tri_child_may_begin(const tri_actor *self)
{
    return !self->is_stopping && !self->is_killed && tri_actor_phase(self) != TRI_PHASE_ENDING;
}

// The child that a new one is to come before, or NULL. The list keeps who has ended until it is
// reaped, which we do.
static tr_err_t
find_younger(tr_self *self, const tr_spawn_opts_t *opts, tri_actor **out)
{
    tr_err_t err = TR_OK;
    *out =
        tr_ref_equal(opts->before, TR_REF_NONE) ? NULL : tri_child_find(self, opts->before, &err);
    return err == TR_EDEAD ? TR_OK : err;
}

tr_err_t
tri_child_make(tr_self *self, const tr_spawn_opts_t *opts, tri_actor **out)
{
    tri_actor *younger = NULL;
    tr_err_t err = tri_spawn_opts_check(self->rt, opts);
    if (err == TR_OK) {
        err = find_younger(self, opts, &younger);
    }
    if (err == TR_OK) {
        err = tri_child_may_begin(self)
                  ? tri_life_create(self->rt, self, tri_actor_worker(self), opts, out)
                  : TR_ECANCELED;
    }
    if (err == TR_OK && younger != NULL) {
        tri_list *sibling = &(*out)->cold->sibling;
        tri_list_remove(sibling);
        tri_list_push_back(&younger->cold->sibling, sibling); // ahead of that one
    }
    if (err != TR_OK && opts->socket != NULL) {
        tr_socket_close(*opts->socket);
    }
    return err;
}

tr_err_t
tr_spawn(tr_self *self, const tr_spawn_opts_t *opts, tr_ref_t *out)
{
    tri_worker *here = tri_actor_worker(self);
    tri_actor *child = NULL;
    tr_err_t err = tri_child_make(self, opts, &child);
    if (err != TR_OK) {
        return err;
    }
    tr_ref_t ref = tri_actor_ref(child);
    if (opts->behavior->start == NULL) {
        tri_life_release_owner(here, child);
        *out = ref;
        return TR_OK;
    }
    tri_request request;
    err = tri_child_prepare_start(self, child->cold, &request);
    if (err != TR_OK) {
        child->cold->is_unborn = true;
        tri_life_release_owner(here, child);
        tri_child_stop(self, child, true);
        return err;
    }
    tri_worker_schedule(here, &child->task);
    tr_err_t verdict = TR_OK;
    err = tri_child_await_start(self, child, &request, &verdict);
    if (err != TR_OK) {
        // Who is being stopped stops what it has begun in good order.
        child->cold->is_unborn = true;
        tri_child_stop(self, child, err != TR_ECANCELED);
        return err;
    }
    if (verdict == TR_OK) {
        *out = ref;
    }
    return verdict;
}

// ---- stopping children

tri_actor *
tri_child_find(tri_actor *self, tr_ref_t ref, tr_err_t *out_err)
{
    tri_actor *child = tri_table_find(&self->rt->table, ref);
    if (child == NULL) {
        *out_err = TR_EDEAD;
        return NULL;
    }
    bool is_child = TRI_PEEK(&child->parent) == tri_actor_ref(self).raw &&
                    tri_actor_phase(child) != TRI_PHASE_CHANNEL;
    if (!is_child) {
        *out_err = TR_EINVAL;
        return NULL;
    }
    return child;
}

static void
on_stop_timer(tri_timer *timer, void *worker)
{
    tri_cold *child = TRI_CONTAINER(timer, tri_cold, stop_timer);
    tri_actor_order(worker, child->self, TRI_ORDER_KILL);
}

int64_t
tri_child_shutdown_deadline(const tri_actor *child, tri_worker *here)
{
    int64_t ms = child->cold->opts.shutdown_ms;
    if (ms == TR_SHUTDOWN_INFINITE) {
        return INT64_MAX;
    }
    if (ms == TR_SHUTDOWN_DEFAULT || ms == TR_SHUTDOWN_KILL) {
        ms = DEFAULT_SHUTDOWN_MS;
    }
    return tri_clock_after(tri_worker_clock(here), tr_ms(ms).ns);
}

void
tri_child_arm_stop(tri_worker *here, tri_actor *child, tri_timer_fn fire)
{
    int64_t deadline = tri_child_shutdown_deadline(child, here);
    bool is_armed = tri_timer_is_armed(&child->cold->stop_timer);
    child->cold->stop_timer.fire = fire; // the time that it had already counts
    if (deadline != INT64_MAX && !is_armed) {
        tri_wheel_arm(&here->wheel, &child->cold->stop_timer, deadline);
    }
}

void
tri_child_stop(tri_actor *parent, tri_actor *child, bool kill)
{
    tri_worker *here = tri_actor_worker(parent);
    tri_cold *cold = child->cold;
    cold->is_told_to_stop = true;
    if (kill || cold->opts.shutdown_ms == TR_SHUTDOWN_KILL) {
        tri_wheel_cancel(&here->wheel, &cold->stop_timer);
        tri_actor_order(here, child, TRI_ORDER_KILL);
        return;
    }
    tri_child_arm_stop(here, child, on_stop_timer);
    tri_actor_order(here, child, TRI_ORDER_STOP);
}

static tr_err_t
stop_one(tri_actor *self, tr_ref_t ref, bool kill)
{
    if (tr_ref_equal(tri_actor_ref(self), ref)) {
        tri_actor_order(tri_actor_worker(self), self, kill ? TRI_ORDER_DIE : TRI_ORDER_LEAVE);
        return TR_OK;
    }
    tr_err_t err = TR_OK;
    tri_actor *child = tri_child_find(self, ref, &err);
    if (child != NULL) {
        tri_child_stop(self, child, kill);
    }
    return err;
}

tr_err_t
tr_stop(tr_self *self, tr_ref_t actor)
{
    return stop_one(self, actor, false);
}

tr_err_t
tr_kill(tr_self *self, tr_ref_t actor)
{
    return stop_one(self, actor, true);
}

// All at once, or the youngest that is left; those that were told before are left to their timer.
void
tri_children_stop(tri_actor *actor)
{
    tri_list *children = &actor->cold->children;
    bool together = actor->is_killed || actor->cold->opts.stop_order == TR_STOP_TOGETHER;
    uint8_t how = actor->is_killed ? TRI_ORDER_KILL : TRI_ORDER_STOP;
    if (together && actor->cold->told_children >= how) {
        return; // each end of a child leads here
    }
    actor->cold->told_children = together ? how : 0;
    for (tri_list *link = children->prev; link != children; link = link->prev) {
        tri_cold *child = TRI_CONTAINER(link, tri_cold, sibling);
        if (actor->is_killed || !child->is_told_to_stop) {
            tri_child_stop(actor, child->self, actor->is_killed);
        }
        if (!together) {
            return;
        }
    }
}

void
tri_child_reap(tri_worker *here, tri_actor *child)
{
    tri_cold *cold = child->cold;
    tr_runtime *rt = child->rt;
    tri_wheel_cancel(&here->wheel, &cold->stop_timer);
    tri_list_remove(&cold->sibling);
    tri_free(cold);
    tri_table_give(&rt->table, child);
}
