// future.h: a call under way that nobody need wait for: a request that is not on the stack.
#ifndef TRI_ACTOR_FUTURE_H
#define TRI_ACTOR_FUTURE_H

#include "troupe/future.h"
#include "troupe/set.h"

#include "actor/park.h"
#include "actor/resource.h"

struct tr_future {
    tri_resource resource; // of the life that began it
    tri_request request;   // its wait says whether it is done, and how
    tri_list in_scope;     // that it was begun in
    tr_ref_t task;         // the child that runs it; none: it is a plain call
    // Of a set; else NULL.
    tr_set *set;
    tri_list link;
    size_t index;
    // Of tr_call_then; else NULL.
    tr_then_fn then;
    void *arg;
    tr_token *caller;  // of tr_forward: who gets the result; else NULL
    tri_parcel notice; // among the actor's notices when it is done
    bool is_noticed;
};

// A future that nothing has been begun for; NULL: no memory.
tr_future *tri_future_create(tr_self *self);

// Begin a call for it. What goes wrong is its result. `on_done` as tri_request.on_done, called for
// this too; may be NULL.
void tri_future_begin(tr_self *self, tr_future *future, tr_ref_t to, const tr_type_t *type,
                      const void *value, tr_duration_t timeout, tri_done_fn on_done);

// It failed before anything was begun; `on_done` as above.
void tri_future_fail(tr_self *self, tr_future *future, tr_err_t error, tri_done_fn on_done);

// Begin a task for it; as tr_task, and `on_done` as above.
void tri_task_begin(tr_self *self, tr_future *future, tr_task_fn fn, const void *arg,
                    size_t arg_size, tr_duration_t timeout, tri_done_fn on_done);

// It goes, or is the caller's: it is in no set any more.
void tri_set_leave(tr_future *future);

// TR_OK, or why it has failed. It is done.
tr_err_t tri_future_error(const tr_future *future);

// It will never be done: it is, with `error`; the other side is told.
void tri_future_abort(tri_actor *actor, tr_future *future, tr_err_t error);

// Take the result of one that is done, as tr_future_await; the future is gone.
tr_err_t tri_future_take(tr_self *self, tr_future *future, const tr_type_t *expect, void *out);

// A future for tr_call_then and its like, in no scope; NULL: no memory.
tr_future *tri_future_create_then(tr_self *self, tr_then_fn then, void *arg);

// Its request is delivered: from now on it is done by an answer, or by the deadline.
void tri_future_expect_then(tr_self *self, tr_future *future, int64_t deadline_ns);

extern const tri_parking_ops tri_future_ops;
extern const tri_parking_ops tri_set_next_ops;

// Owner: such a notice was taken, and `then` is not to run.
void tri_future_forget_then(tri_actor *actor, tri_parcel *notice);

// Owner: run what tr_call_then has given; returns its verdict. The future is gone.
tr_err_t tri_future_run_then(tri_actor *actor, tri_parcel *notice);

#endif
