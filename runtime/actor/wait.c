#include "actor/wait.h"

#include "actor/blame.h"
#include "actor/cancel.h"
#include "actor/deadlock.h"
#include "actor/life.h"
#include "actor/scope.h"
#include "base/clock.h"
#include "base/panic.h"
#include "sched/held.h"

#define WAITS_IN_A_ROW 64u // that are over before they begin, before others get their turn

int64_t
tri_wait_deadline(tri_actor *self, tr_duration_t timeout)
{
    int64_t deadline = INT64_MAX;
    if (timeout.ns != INT64_MAX) {
        deadline = tri_clock_after(tri_worker_clock(tri_actor_worker(self)), timeout.ns);
    }
    int64_t inherited = tri_scope_deadline(self);
    return inherited < deadline ? inherited : deadline;
}

void
tri_wait_settle(tri_wait *wait, tr_err_t result)
{
    if (!wait->is_done) {
        wait->is_done = true;
        wait->result = result;
    }
}

void
tri_wait_complete(tri_wait *wait, tr_err_t result)
{
    if (!wait->is_done) {
        tri_wait_settle(wait, result);
        tri_actor_nudge(tri_actor_worker(wait->actor), wait->actor);
    }
}

static void
forsake(tri_wait *wait)
{
    if (wait->forsake != NULL) {
        wait->forsake(wait, wait->actor);
    }
}

static void
on_deadline(tri_timer *timer, void *worker)
{
    (void)worker;
    tri_wait *wait = TRI_CONTAINER(timer, tri_wait, timer);
    if (!wait->is_done) {
        forsake(wait);
        tri_wait_complete(wait, TR_ETIMEOUT);
    }
}

void
tri_wait_arm(tri_actor *self, tri_wait *wait, int64_t deadline_ns)
{
    wait->actor = self;
    if (deadline_ns != INT64_MAX) {
        wait->timer.fire = on_deadline;
        tri_wheel_arm(&tri_actor_worker(self)->wheel, &wait->timer, deadline_ns);
    }
}

void
tri_wait_disarm(tri_wait *wait)
{
    tri_wheel_cancel(&tri_actor_worker(wait->actor)->wheel, &wait->timer);
}

void
tri_wait_interrupt(tri_actor *actor, tr_err_t result)
{
    tri_wait *wait = actor->wait;
    if (wait != NULL && !wait->is_done) {
        forsake(wait);
        tri_wait_settle(wait, result);
    }
}

void
tri_wait_abandon(tri_actor *actor)
{
    tri_wait_interrupt(actor, TR_EKILLED);
    tri_wait_disarm(actor->wait);
    actor->wait = NULL;
    TRI_SHOW(&actor->waits_for, NULL);
    tri_deadlock_forget(actor);
    tri_worker_forget(tri_actor_worker(actor), actor->kept);
    actor->kept = NULL;
}

bool
tri_wait_is_stopped(const tri_actor *self)
{
    return self->is_stopping && tri_actor_handler(self) != TRI_HANDLER_STOP;
}

tr_err_t
tri_wait_refusal(const tri_actor *self, int64_t deadline_ns)
{
    int64_t now_ns = tri_actor_worker(self)->now_ns;
    bool is_over = tri_wait_is_stopped(self) || tri_cancel_is_over(self, now_ns);
    if (tri_scope_is_canceled(self) || (is_over && !tri_scope_is_shielded(self))) {
        return TR_ECANCELED;
    }
    if (deadline_ns != INT64_MAX && deadline_ns <= now_ns) {
        return TR_ETIMEOUT;
    }
    return TR_OK;
}

static tr_err_t
suspend(tri_actor *self, tri_wait *wait, const char *what)
{
    tri_blame(self, what);
    const void *base = tri_held_base(tri_actor_worker(self));
    self->wait = wait;
    self->breath = 0;
    TRI_SHOW(&self->waits_for, what);
    if (wait->edge != NULL) {
        tri_deadlock_look(self);
    }
    tr_err_t err = tri_worker_suspend(tri_actor_worker(self), &self->task, &self->kept);
    TRI_SHOW(&self->waits_for, NULL);
    tri_deadlock_forget(self);
    self->wait = NULL;
    self->kept = NULL;
    tri_held_begin(tri_actor_worker(self), base);
    return err;
}

// A wait that must not begin lets others run all the same. A handler that takes no notice of the
// refusal and tries again would otherwise keep its worker: timers, I/O and the order to kill it
// would never come.
static void
refuse(tri_actor *self, tri_wait *wait)
{
    tri_wait yield = {.actor = self, .is_yield = true};
    forsake(wait);
    tr_err_t err = suspend(self, &yield, "yield");
    (void)err; // without a stack to go on with: another time
}

tr_err_t
tri_wait_for(tri_actor *self, tri_wait *wait, const char *what, int64_t deadline_ns)
{
    wait->actor = self;
    if (self->is_killed) {
        forsake(wait);
        tri_life_abort(self, TR_EKILLED);
    }
    if (!wait->is_done && wait->is_ready != NULL && wait->is_ready(wait, self)) {
        tri_wait_settle(wait, TR_OK);
    }
    tr_err_t err = wait->is_done ? TR_OK : tri_wait_refusal(self, deadline_ns);
    if (err != TR_OK) {
        refuse(self, wait);
        return err;
    }
    if (wait->is_done) {
        return wait->result;
    }
    tri_wait_arm(self, wait, deadline_ns);
    err = suspend(self, wait, what);
    tri_wait_disarm(wait);
    if (err != TR_OK) {
        forsake(wait);
        return err;
    }
    return wait->result;
}

tr_err_t
tr_yield(tr_self *self)
{
    tri_wait wait = {.is_yield = true};
    return tri_wait_for(self, &wait, "yield", INT64_MAX);
}

tr_err_t
tri_wait_breathe(tri_actor *self)
{
    if (TRI_LIKELY(++self->breath < WAITS_IN_A_ROW)) {
        return TR_OK;
    }
    tr_err_t err = tr_yield(self);
    return err == TR_ENOMEM ? TR_OK : err; // without a stack to go on with: another time
}

// ---- requests

static void
unlink_request(tri_actor *self, const tri_request *request)
{
    for (tri_request **at = &self->requests; *at != NULL; at = &(*at)->next) {
        if (*at == request) {
            *at = request->next;
            return;
        }
    }
}

void
tri_request_forsake(tri_request *request, tri_actor *actor)
{
    unlink_request(actor, request);
    if (request->is_delivered) {
        tri_worker *here = tri_actor_worker(actor);
        tri_cancel_chase(actor->rt, here, tri_actor_ref(actor), request->id, request->callee,
                         request->deadline_ns <= here->now_ns);
    }
}

static void
forsake_request(tri_wait *wait, tri_actor *actor)
{
    tri_request_forsake(TRI_CONTAINER(wait, tri_request, wait), actor);
}

tri_edge_t
tri_request_edge(const tri_request *request)
{
    return (tri_edge_t){.to = request->callee,
                        .kind = request->kind,
                        .request = request->id,
                        .type = request->type};
}

static bool
edge_of_request(tri_wait *wait, size_t index, tri_edge_t *out)
{
    *out = tri_request_edge(TRI_CONTAINER(wait, tri_request, wait));
    return index == 0;
}

void
tri_request_open(tri_actor *self, tri_request *request, tri_edge_kind_t kind, tr_ref_t to,
                 const tr_type_t *type)
{
    *request = (tri_request){
        .next = self->requests,
        .id = ++self->next_request,
        .kind = kind,
        .callee = to,
        .type = type,
        .wait = {.forsake = forsake_request, .edge = edge_of_request},
    };
    self->requests = request;
}

void
tri_request_cancel(tri_actor *self, tri_request *request)
{
    unlink_request(self, request);
}

static tri_request *
find_request(const tri_actor *actor, uint32_t id)
{
    tri_request *request = actor->requests;
    while (request != NULL && request->id != id) {
        request = request->next;
    }
    return request;
}

// Whoever hands a call on tells of it afterwards, so the next one may do so, and tell, before.
bool
tri_request_follow(tri_actor *actor, uint32_t id, tr_ref_t from, tr_ref_t to)
{
    tri_request *request = find_request(actor, id);
    if (request == NULL) {
        return false;
    }
    if (request->callee.raw != from.raw) {
        request->early_from = from;
        request->early_to = to;
        return true;
    }
    bool is_known = request->early_from.raw == to.raw;
    request->callee = is_known ? request->early_to : to;
    tri_deadlock_forget(actor); // of several edges one is another: it is to be looked at again
    return true;
}

void
tri_requests_leave_stack(tri_actor *actor)
{
    for (tri_request **at = &actor->requests; *at != NULL;) {
        if ((*at)->is_lasting) {
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
        }
    }
}

tr_err_t
tri_request_wait(tri_actor *self, tri_request *request, const char *what, int64_t deadline_ns)
{
    return tri_wait_for(self, &request->wait, what, deadline_ns);
}

bool
tri_request_answer(tri_actor *actor, tr_message *answer)
{
    tri_request *request = find_request(actor, answer->request);
    if (request == NULL) {
        return false;
    }
    unlink_request(actor, request);
    request->answer = answer;
    tri_wait_settle(&request->wait, TR_OK);
    if (request->is_lasting) {
        request->order = ++actor->cold->next_id;
    }
    if (request->on_done != NULL) {
        request->on_done(request, actor);
    }
    return true;
}
