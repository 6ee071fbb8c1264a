#include "actor/wait.h"

#include "actor/life.h"
#include "base/clock.h"
#include "base/panic.h"

#define WAITS_IN_A_ROW 64u // that are over before they begin, before others get their turn

int64_t
tri_wait_deadline(tri_actor *self, tr_duration_t timeout)
{
    int64_t deadline = INT64_MAX;
    if (timeout.ns != INT64_MAX) {
        deadline = tri_clock_after(tri_worker_clock(tri_actor_worker(self)), timeout.ns);
    }
    if (self->in_hand != NULL) {
        int64_t inherited = tri_message_deadline(self->in_hand);
        deadline = inherited < deadline ? inherited : deadline;
    }
    return deadline;
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
    tri_worker *worker = tri_actor_worker(actor);
    tri_wait_interrupt(actor, TR_EKILLED);
    tri_wheel_cancel(&worker->wheel, &actor->wait->timer);
    actor->wait = NULL;
    TRI_SHOW(&actor->waits_for, NULL);
    tri_worker_forget(worker, actor->kept);
    actor->kept = NULL;
}

tr_err_t
tri_wait_refusal(const tri_actor *self, int64_t deadline_ns)
{
    if (self->is_stopping && tri_actor_handler(self) != TRI_HANDLER_STOP) {
        return TR_ECANCELED;
    }
    if (deadline_ns != INT64_MAX && deadline_ns <= tri_actor_worker(self)->now_ns) {
        return TR_ETIMEOUT;
    }
    return TR_OK;
}

static tr_err_t
suspend(tri_actor *self, tri_wait *wait, const char *what)
{
    self->wait = wait;
    self->breath = 0;
    TRI_SHOW(&self->waits_for, what);
    tr_err_t err = tri_worker_suspend(tri_actor_worker(self), &self->task, &self->kept);
    TRI_SHOW(&self->waits_for, NULL);
    self->wait = NULL;
    self->kept = NULL;
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
    if (deadline_ns != INT64_MAX) {
        wait->timer.fire = on_deadline;
        tri_wheel_arm(&tri_actor_worker(self)->wheel, &wait->timer, deadline_ns);
    }
    err = suspend(self, wait, what);
    tri_wheel_cancel(&tri_actor_worker(self)->wheel, &wait->timer);
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

static void
forsake_request(tri_wait *wait, tri_actor *actor)
{
    unlink_request(actor, TRI_CONTAINER(wait, tri_request, wait));
}

void
tri_request_open(tri_actor *self, tri_request *request)
{
    *request = (tri_request){.next = self->requests, .id = ++self->next_request};
    request->wait.forsake = forsake_request;
    self->requests = request;
}

void
tri_request_cancel(tri_actor *self, tri_request *request)
{
    unlink_request(self, request);
}

tr_err_t
tri_request_wait(tri_actor *self, tri_request *request, const char *what, int64_t deadline_ns)
{
    return tri_wait_for(self, &request->wait, what, deadline_ns);
}

bool
tri_request_answer(tri_actor *actor, tr_message *answer)
{
    for (tri_request *request = actor->requests; request != NULL; request = request->next) {
        if (request->id == answer->request) {
            unlink_request(actor, request);
            request->answer = answer;
            tri_wait_settle(&request->wait, TR_OK);
            return true;
        }
    }
    return false;
}
