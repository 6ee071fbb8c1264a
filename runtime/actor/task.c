// task.c: a function that runs as a child, and its result as a future.
#include "actor/call.h"
#include "actor/child.h"
#include "actor/future.h"
#include "actor/life.h"
#include "actor/runtime.h"
#include "base/memory.h"

static const tr_type_t run_type = {.name = "task_run"};

// What the child is given: copied with its spawn.
struct task {
    tr_task_fn fn;
    alignas(16) unsigned char arg[];
};

static tr_err_t
run(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (msg->parcel.type != &run_type) {
        return TR_EUNHANDLED;
    }
    struct task *task = (struct task *)self->cold->opts.arg;
    tr_exit(self);
    tr_err_t err = task->fn(self, task->arg);
    if (!self->owes_answer) {
        return TR_OK;
    }
    return err == TR_OK ? tr_reply(self, &tr_done_type, &(tr_done){0}) : tr_reply_error(self, err);
}

static const tr_behavior_t behavior = {.name = "task", .receive = run};

static tr_err_t
spawn(tr_self *self, struct task *task, size_t size, tr_ref_t *out)
{
    tri_actor *child;
    tr_spawn_opts_t opts = {.behavior = &behavior, .arg = task, .arg_size = size};
    tr_err_t err = tri_child_make(self, &opts, &child);
    if (err == TR_OK) {
        child->cold->is_task = true;
        *out = tri_actor_ref(child);
        tri_life_release_owner(tri_actor_worker(self), child);
    }
    return err;
}

static tr_err_t
spawn_for(tr_self *self, tr_task_fn fn, const void *arg, size_t arg_size, tr_ref_t *out)
{
    struct task *task =
        arg_size <= SIZE_MAX - sizeof *task ? tri_alloc(sizeof *task + arg_size) : NULL;
    if (task == NULL) {
        return TR_ENOMEM;
    }
    task->fn = fn;
    if (arg_size != 0) {
        memcpy(task->arg, arg, arg_size);
    }
    tr_err_t err = spawn(self, task, sizeof *task + arg_size, out);
    tri_free(task);
    return err;
}

void
tri_task_begin(tr_self *self, tr_future *future, tr_task_fn fn, const void *arg, size_t arg_size,
               tr_duration_t timeout, tri_done_fn on_done)
{
    bool is_none = fn == NULL || (arg == NULL && arg_size != 0);
    tr_err_t err = is_none ? TR_EINVAL : spawn_for(self, fn, arg, arg_size, &future->task);
    if (err != TR_OK) {
        tri_future_fail(self, future, err, on_done);
        return;
    }
    tri_future_begin(self, future, future->task, &run_type, "", timeout, on_done);
}

tr_future *
tr_task(tr_self *self, tr_task_fn fn, const void *arg, size_t arg_size, tr_duration_t timeout)
{
    tr_future *future = tri_future_create(self);
    if (future != NULL) {
        tri_task_begin(self, future, fn, arg, arg_size, timeout, NULL);
    }
    return future;
}
