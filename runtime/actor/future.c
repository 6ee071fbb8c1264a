#include "actor/future.h"

#include "actor/call.h"
#include "actor/cancel.h"
#include "actor/child.h"
#include "actor/notice.h"
#include "actor/runtime.h"
#include "actor/scope.h"
#include "actor/system.h"
#include "actor/token.h"
#include "base/memory.h"

// ---- its life

static tr_future *
future_of(tri_request *request)
{
    return TRI_CONTAINER(request, tr_future, request);
}

// Its memory goes. What it may still be waiting for must have been told.
static void
destroy(tri_actor *actor, tr_future *future)
{
    tri_worker *here = tri_actor_worker(actor);
    tri_request_cancel(actor, &future->request);
    tri_wheel_cancel(&here->wheel, &future->request.wait.timer);
    tri_set_leave(future);
    tri_list_remove(&future->in_scope);
    if (future->caller != NULL) {
        future->caller->errand = NULL;
    }
    if (future->is_noticed) {
        tri_notice_remove(actor, &future->notice);
    }
    tri_destroy_message(actor->rt, here, future->request.answer);
    tri_actor *task = tri_table_find(&actor->rt->table, future->task);
    if (task != NULL && !task->cold->is_told_to_stop) {
        tri_child_stop(actor, task, false);
    }
    tri_resource_detach(&future->resource);
    tri_free(future);
}

static void
cancel(tri_actor *actor, tr_future *future)
{
    if (!future->request.wait.is_done) {
        tri_request_forsake(&future->request, actor);
    }
    destroy(actor, future);
}

static void
release(tri_resource *resource, tri_actor *owner)
{
    cancel(owner, TRI_CONTAINER(resource, tr_future, resource));
}

tr_future *
tri_future_create(tr_self *self)
{
    tr_future *future = tri_zalloc(sizeof *future);
    if (future != NULL) {
        future->notice.type = &tri_system_types[TRI_SYSTEM_THEN];
        tri_resource_attach(self, &future->resource, release);
        if (self->scope != NULL) {
            tri_list_push_back(&self->scope->futures, &future->in_scope);
        }
    }
    return future;
}

// ---- beginning

// Nobody waits for the answer any more; `error` is the result.
static void
give_up(tri_actor *actor, tr_future *future, tr_err_t error)
{
    tri_request *request = &future->request;
    tri_request_forsake(request, actor);
    tri_wait_settle(&request->wait, error);
    request->order = ++actor->cold->next_id;
    if (request->on_done != NULL) {
        request->on_done(request, actor);
    }
}

static void
on_deadline(tri_wait *wait, tri_actor *actor)
{
    give_up(actor, future_of(TRI_CONTAINER(wait, tri_request, wait)), TR_ETIMEOUT);
    tri_actor_nudge(tri_actor_worker(actor), actor);
}

void
tri_future_abort(tri_actor *actor, tr_future *future, tr_err_t error)
{
    // One that is being begun waits for room, and that wait is canceled like any other.
    if (future->request.is_lasting && !future->request.wait.is_done) {
        tri_wait_disarm(&future->request.wait);
        give_up(actor, future, error);
    }
}

void
tri_future_fail(tr_self *self, tr_future *future, tr_err_t error, tri_done_fn on_done)
{
    tri_wait_settle(&future->request.wait, error);
    future->request.order = ++self->cold->next_id;
    if (on_done != NULL) {
        on_done(&future->request, self);
    }
}

static void
expect_answer(tr_self *self, tr_future *future, int64_t deadline, tri_done_fn on_done)
{
    tri_request *request = &future->request;
    request->is_lasting = true;
    request->on_done = on_done;
    request->wait.forsake = on_deadline;
    tri_wait_arm(self, &request->wait, deadline);
}

void
tri_future_begin(tr_self *self, tr_future *future, tr_ref_t to, const tr_type_t *type,
                 const void *value, tr_duration_t timeout, tri_done_fn on_done)
{
    int64_t deadline = tri_wait_deadline(self, timeout);
    tr_err_t err = tri_wait_breathe(self);
    err = err == TR_OK ? tri_call_post(self, to, type, value, &future->request, deadline) : err;
    if (err != TR_OK) {
        tri_future_fail(self, future, err, on_done);
        return;
    }
    expect_answer(self, future, deadline, on_done);
}

tr_future *
tr_call_begin(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value,
              tr_duration_t timeout)
{
    tr_future *future = tri_future_create(self);
    if (future != NULL) {
        tri_future_begin(self, future, to, type, value, timeout, NULL);
    }
    return future;
}

// ---- its result

bool
tr_future_is_done(const tr_future *future)
{
    return future == NULL || future->request.wait.is_done;
}

tr_err_t
tri_future_error(const tr_future *future)
{
    if (future == NULL) {
        return TR_ENOMEM;
    }
    const tri_request *request = &future->request;
    return request->wait.result != TR_OK ? request->wait.result
                                         : tri_call_verdict(request->answer, NULL);
}

tr_err_t
tri_future_take(tr_self *self, tr_future *future, const tr_type_t *expect, void *out)
{
    tr_err_t err = tri_future_error(future);
    if (future == NULL) {
        return err;
    }
    tr_message *answer = future->request.answer;
    future->request.answer = NULL;
    destroy(self, future);
    return answer != NULL ? tri_call_accept(self, answer, expect, out) : err;
}

static bool
is_done(tri_parking *parking)
{
    return tr_future_is_done(parking->object);
}

static bool
edge(tri_parking *parking, tri_edge_t *out)
{
    const tr_future *future = parking->object;
    *out = tri_request_edge(&future->request);
    return true;
}

// Its actor, which alone can wait for it, completes it in its own turn or its worker's.
const tri_parking_ops tri_future_ops = {.what = "answer", .is_ready = is_done, .edge = edge};

tr_err_t
tr_future_await(tr_self *self, tr_future *future, const tr_type_t *expect, void *out)
{
    if (!tr_future_is_done(future)) {
        tr_err_t err = tri_park_for(self->rt, self, &tri_future_ops, future,
                                    tri_wait_deadline(self, TR_FOREVER));
        if (err != TR_OK) {
            cancel(self, future);
            return err;
        }
    }
    return tri_future_take(self, future, expect, out);
}

void
tr_future_cancel(tr_self *self, tr_future *future)
{
    if (future != NULL) {
        cancel(self, future);
    }
}

// ---- then

static void
append_notice(tri_request *request, tri_actor *actor)
{
    tr_future *future = future_of(request);
    future->is_noticed = true;
    tri_notice_append(actor, &future->notice);
}

tr_future *
tri_future_create_then(tr_self *self, tr_then_fn then, void *arg)
{
    tr_future *future = tri_future_create(self);
    if (future != NULL) {
        tri_list_remove(&future->in_scope); // it outlives the handler
        future->then = then;
        future->arg = arg;
    }
    return future;
}

void
tri_future_expect_then(tr_self *self, tr_future *future, int64_t deadline_ns)
{
    expect_answer(self, future, deadline_ns, append_notice);
}

tr_err_t
tr_call_then(tr_self *self, tr_ref_t to, const tr_type_t *type, const void *value,
             tr_duration_t timeout, tr_then_fn then, void *arg)
{
    tr_future *future = then != NULL ? tri_future_create_then(self, then, arg) : NULL;
    if (future == NULL) {
        return then != NULL ? TR_ENOMEM : TR_EINVAL;
    }
    tri_future_begin(self, future, to, type, value, timeout, append_notice);
    return TR_OK;
}

void
tri_future_forget_then(tri_actor *actor, tri_parcel *notice)
{
    tr_future *future = TRI_CONTAINER(notice, tr_future, notice);
    future->is_noticed = false;
    destroy(actor, future);
}

tr_err_t
tri_future_run_then(tri_actor *actor, tri_parcel *notice)
{
    tr_future *future = TRI_CONTAINER(notice, tr_future, notice);
    tr_then_fn then = future->then;
    void *arg = future->arg;
    tr_token *caller = future->caller;
    const tr_message *answer = NULL;
    future->is_noticed = false; // it was taken out
    tr_err_t err = tri_future_take(actor, future, NULL, &answer);
    if (caller != NULL) {
        tri_token_pass(actor, caller, err, answer);
        answer = NULL;
    }
    return then(actor, actor->state, err, answer, arg);
}
