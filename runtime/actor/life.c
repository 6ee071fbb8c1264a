// life.c: beginning, ending, beginning again.
//
// An end goes through steps, each of them taken in a turn of the actor itself: its children end,
// its stop handler runs, what it was given is taken back. Then the life is held for its parent's
// decision or the actor ends for good. The parent hears of either by a parcel that was made at the
// spawn, and the slot is free again only when the parent has taken the last one.
#include "actor/life.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/monitor.h"
#include "actor/resource.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT_COUNT       256u
#define DEFAULT_BYTES       ((uint64_t)1024 * 1024)
#define DEFAULT_START_MS    5000
#define DEFAULT_SHUTDOWN_MS 5000

// ---- options

tr_err_t
tri_spawn_opts_check(tr_runtime *rt, const tr_spawn_opts_t *opts)
{
    const char *wrong = NULL;
    if (opts->behavior == NULL) {
        wrong = "behavior is NULL";
    } else if (opts->behavior->name == NULL || opts->behavior->name[0] == '\0') {
        wrong = "the behavior has no name";
    } else if (opts->behavior->receive == NULL) {
        wrong = "the behavior has no receive handler";
    } else if (opts->behavior->stack_bytes >
               rt->sched.workers[0].stacks[TRI_STACK_CLASSES - 1].stack_bytes) {
        wrong = "the behavior's stack_bytes is over 128 times the runtime's";
    } else if (opts->arg == NULL && opts->arg_size != 0) {
        wrong = "arg_size without arg";
    } else if (opts->mailbox_count > TRI_BOUND_COUNT_MAX) {
        wrong = "mailbox_count is over 4194303";
    } else if (opts->mailbox_bytes > TRI_BOUND_BYTES_MAX) {
        wrong = "mailbox_bytes is over 512 GiB";
    } else if (opts->full > TR_REJECT || opts->place > TR_PLACE_AT ||
               opts->after_exit > TR_AFTER_EXIT_HOLD || opts->stop_order > TR_STOP_TOGETHER) {
        wrong = "full, place, after_exit or stop_order is none of its values";
    } else if (opts->start_timeout_ms < TR_START_INFINITE) {
        wrong = "start_timeout_ms is negative";
    } else if (opts->shutdown_ms < TR_SHUTDOWN_INFINITE) {
        wrong = "shutdown_ms is none of its values";
    }
    if (wrong == NULL) {
        return TR_OK;
    }
    const char *who =
        opts->behavior != NULL && opts->behavior->name != NULL ? opts->behavior->name : "an actor";
    tri_log(rt, TR_LOG_ERROR, "cannot spawn %s: %s", who, wrong);
    return TR_EINVAL;
}

static tri_worker *
place_of(tr_runtime *rt, tri_worker *near, const tr_spawn_opts_t *opts)
{
    uint32_t index = 0;
    switch (opts->place) {
    case TR_PLACE_NEAR:
        if (near != NULL) {
            return near;
        }
        break;
    case TR_PLACE_AT:
        index = opts->worker;
        break;
    case TR_PLACE_ANY:
        // relaxed, unpaired: any distribution is correct.
        index = atomic_fetch_add_explicit(&rt->next_place, 1, memory_order_relaxed);
        break;
    }
    return &rt->sched.workers[index % rt->sched.count];
}

// ---- creation

// cold, state, argument and name in one block.
static tri_cold *
create_cold(const tr_spawn_opts_t *opts, void **out_state)
{
    size_t state_at = TRI_ALIGN_UP(sizeof(tri_cold), 16);
    size_t arg_at = state_at + TRI_ALIGN_UP(opts->behavior->state_size, 16);
    size_t name_at = arg_at + TRI_ALIGN_UP(opts->arg_size, 16);
    size_t name_size = opts->name != NULL ? strlen(opts->name) + 1 : 0;
    char *block = tri_zalloc(name_at + name_size);
    if (block == NULL) {
        return NULL;
    }
    tri_cold *cold = (tri_cold *)(void *)block;
    cold->opts = *opts;
    cold->socket = opts->socket != NULL ? opts->socket->fd : -1;
    if (opts->arg != NULL) {
        cold->opts.arg = memcpy(block + arg_at, opts->arg, opts->arg_size);
    }
    if (opts->name != NULL) {
        cold->opts.name = memcpy(block + name_at, opts->name, name_size);
    }
    *out_state = opts->behavior->state_size != 0 ? block + state_at : NULL;
    return cold;
}

static void
init_cold(tri_cold *cold, tri_actor *actor)
{
    cold->self = actor;
    cold->ref = tri_actor_ref(actor);
    tri_list_init(&cold->children);
    tri_list_init(&cold->memory);
    tri_list_init(&cold->resources);
    tri_list_init(&cold->timers);
    tri_list_init(&cold->tokens);
    tri_list_init(&cold->watches);
    tri_list_init(&cold->watchers);
    tri_list_init(&cold->rooms);
    cold->held_parcel.type = &tri_system_types[TRI_SYSTEM_HELD];
    cold->ended_parcel.type = &tri_system_types[TRI_SYSTEM_ENDED];
    cold->born_ns = tri_clock_ns();
}

static void
init_life(tri_actor *actor)
{
    actor->reason = TR_OK;
    actor->ending = TRI_ENDING_CHILDREN;
    actor->cold->told_children = 0;
    actor->owes_answer = false;
    actor->is_stopping = false;
    actor->wants_exit = false;
    actor->is_killed = false;
    actor->is_aborted = false;
    actor->is_started = false;
    TRI_SHOW(&actor->incarnation, TRI_PEEK(&actor->incarnation) + 1);
    bool has_start = TRI_PEEK(&actor->behavior)->start != NULL;
    actor->is_started = !has_start;
    TRI_SHOW(&actor->phase, has_start ? TRI_PHASE_STARTING : TRI_PHASE_RUNNING);
}

tr_err_t
tri_life_create(tr_runtime *rt, tri_actor *parent, tri_worker *near, const tr_spawn_opts_t *opts,
                tri_actor **out)
{
    void *state;
    tri_cold *cold = create_cold(opts, &state);
    if (cold == NULL) {
        return TR_ENOMEM;
    }
    tri_actor *actor = tri_table_take(&rt->table, rt);
    if (actor == NULL) {
        tri_free(cold);
        return TR_ENOMEM;
    }
    init_cold(cold, actor);
    actor->cold = cold;
    actor->state = state;
    TRI_SHOW(&actor->behavior, opts->behavior);
    actor->wants_stack = opts->behavior->stack_bytes != 0;
    if (cold->opts.name != NULL) {
        pthread_mutex_lock(&rt->lock); // an observer that finds the name finds it written
        TRI_SHOW(&actor->name, cold->opts.name);
        pthread_mutex_unlock(&rt->lock);
    }
    TRI_SHOW(&actor->parent, parent != NULL ? tri_actor_ref(parent).raw : 0);
    TRI_SHOW(&actor->bound_count, opts->mailbox_count != 0 ? opts->mailbox_count : DEFAULT_COUNT);
    TRI_SHOW(&actor->bound_bytes, opts->mailbox_bytes != 0 ? opts->mailbox_bytes : DEFAULT_BYTES);
    TRI_SHOW(&actor->policy, (uint32_t)opts->full);
    TRI_SHOW(&actor->task.worker, place_of(rt, near, opts));
    TRI_SHOW(&actor->incarnation, 0);
    TRI_SHOW(&actor->received, 0);
    TRI_SHOW(&actor->handled, 0);
    TRI_SHOW(&actor->orders, 0);
    init_life(actor);
    if (parent != NULL) {
        tri_list_push_back(&parent->cold->children, &cold->sibling);
    }
    tri_count_at(rt, parent != NULL ? tri_actor_worker(parent) : NULL, TRI_SPAWNED);
    *out = actor;
    return TR_OK;
}

void
tri_life_release_owner(tri_worker *here, tri_actor *actor)
{
    if (!tri_inbox_sleep(&actor->inbox, false)) {
        tri_worker_schedule(here, &actor->task);
    }
}

// Ask for a start and wait for its end. `reply` is the room for its answer.
static tr_err_t
await_start(tri_actor *self, tri_actor *child, tri_request *request)
{
    int64_t timeout_ms = child->cold->opts.start_timeout_ms;
    tr_duration_t timeout = timeout_ms == TR_START_INFINITE
                                ? TR_FOREVER
                                : tr_ms(timeout_ms != 0 ? timeout_ms : DEFAULT_START_MS);
    int64_t deadline = tri_wait_deadline(self, timeout);
    tr_err_t err = tri_request_wait(self, request, "start", deadline);
    if (err != TR_OK) {
        child->cold->is_unborn = true;
        tri_life_stop_child(self, child, true);
        return err;
    }
    err = tri_message_error(request->answer);
    tri_destroy_message(self->rt, tri_actor_worker(self), request->answer);
    return err;
}

// Room for the answer, made by the parent, so that the child's side cannot fail.
static tr_err_t
prepare_start(tri_actor *self, tri_cold *child, tri_request *request)
{
    tri_worker *here = tri_actor_worker(self);
    tr_message *reply = tri_message_alloc(&here->pool, &tri_system_types[TRI_SYSTEM_ERROR], 0);
    if (reply == NULL) {
        return TR_ENOMEM;
    }
    tri_request_open(self, request);
    reply->sender = tri_actor_ref(self);
    reply->request = request->id;
    child->start_reply = reply;
    return TR_OK;
}

static bool
may_spawn(const tri_actor *self)
{
    return !self->is_stopping && !self->is_killed && tri_actor_phase(self) != TRI_PHASE_ENDING;
}

// A child, made and not started. From TR_OK on it owns the socket; until then we close it.
static tr_err_t
make_child(tr_self *self, const tr_spawn_opts_t *opts, tri_actor **out)
{
    tr_err_t err = tri_spawn_opts_check(self->rt, opts);
    if (err == TR_OK) {
        err = may_spawn(self) ? tri_life_create(self->rt, self, tri_actor_worker(self), opts, out)
                              : TR_ECANCELED;
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
    tr_err_t err = make_child(self, opts, &child);
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
    err = prepare_start(self, child->cold, &request);
    if (err != TR_OK) {
        child->cold->is_unborn = true;
        tri_life_release_owner(here, child);
        tri_life_stop_child(self, child, true);
        return err;
    }
    tri_worker_schedule(here, &child->task);
    err = await_start(self, child, &request);
    if (err == TR_OK) {
        *out = ref;
    }
    return err;
}

// ---- restart

static tri_actor *
find_child(tri_actor *self, tr_ref_t ref, tr_err_t *out_err)
{
    tri_actor *child = tri_table_find(&self->rt->table, ref);
    if (child == NULL) {
        *out_err = TR_EDEAD;
        return NULL;
    }
    if (TRI_PEEK(&child->parent) != tri_actor_ref(self).raw) {
        *out_err = TR_EINVAL;
        return NULL;
    }
    return child;
}

static tri_actor *
find_held_child(tri_actor *self, tr_ref_t ref, tr_err_t *out_err)
{
    tri_actor *child = find_child(self, ref, out_err);
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

tr_err_t
tr_restart(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    tri_actor *child = find_held_child(self, ref, &err);
    if (child == NULL) {
        return err;
    }
    if (!may_spawn(self)) {
        return TR_ECANCELED;
    }
    tri_request request;
    err = prepare_start(self, child->cold, &request);
    if (err != TR_OK) {
        return err;
    }
    child->cold->is_known_held = false;
    tri_actor_order(tri_actor_worker(self), child, TRI_ORDER_RESTART);
    err = await_start(self, child, &request);
    if (err != TR_OK && !child->cold->is_told_to_stop) {
        child->cold->is_known_held = true; // its start has failed: held again
    }
    return err;
}

tr_err_t
tr_discard(tr_self *self, tr_ref_t ref)
{
    tr_err_t err = TR_OK;
    tri_actor *child = find_held_child(self, ref, &err);
    if (child == NULL) {
        return err;
    }
    child->cold->is_known_held = false;
    child->cold->is_told_to_stop = true;
    tri_actor_order(tri_actor_worker(self), child, TRI_ORDER_DISCARD);
    return TR_OK;
}

void
tri_life_begin_again(tri_actor *actor)
{
    tri_cold *cold = actor->cold;
    if (actor->state != NULL) {
        memset(actor->state, 0, TRI_PEEK(&actor->behavior)->state_size);
    }
    cold->text[0] = '\0';
    cold->in_hand = NULL;
    cold->is_silent = false;
    cold->born_ns = tri_clock_ns();
    init_life(actor);
    tri_actor_count(actor, TRI_RESTARTS);
    if (TRI_PEEK(&actor->behavior)->start == NULL) {
        tri_life_answer_start(actor, TR_OK);
    }
}

void
tri_life_answer_start(tri_actor *actor, tr_err_t error)
{
    tr_message *reply = actor->cold->start_reply;
    if (reply != NULL) {
        actor->cold->start_reply = NULL;
        tri_call_fail(actor->rt, tri_actor_worker(actor), reply, error);
    }
}

// ---- stopping children

static void
on_stop_timer(tri_timer *timer, void *worker)
{
    tri_cold *child = TRI_CONTAINER(timer, tri_cold, stop_timer);
    tri_actor_order(worker, child->self, TRI_ORDER_KILL);
}

void
tri_life_stop_child(tri_actor *parent, tri_actor *child, bool kill)
{
    tri_worker *here = tri_actor_worker(parent);
    tri_cold *cold = child->cold;
    int64_t shutdown_ms = cold->opts.shutdown_ms;
    cold->is_told_to_stop = true;
    if (kill || shutdown_ms == TR_SHUTDOWN_KILL) {
        tri_wheel_cancel(&here->wheel, &cold->stop_timer);
        tri_actor_order(here, child, TRI_ORDER_KILL);
        return;
    }
    if (shutdown_ms != TR_SHUTDOWN_INFINITE && !tri_timer_is_armed(&cold->stop_timer)) {
        int64_t ms = shutdown_ms != TR_SHUTDOWN_DEFAULT ? shutdown_ms : DEFAULT_SHUTDOWN_MS;
        cold->stop_timer.fire = on_stop_timer;
        tri_wheel_arm(&here->wheel, &cold->stop_timer,
                      tri_worker_clock(here) +
                          (ms < INT64_MAX / 2000000 ? ms * 1000000 : INT64_MAX / 2));
    }
    tri_actor_order(here, child, TRI_ORDER_STOP);
}

static tr_err_t
stop_one(tri_actor *self, tr_ref_t ref, bool kill)
{
    if (tr_ref_equal(tri_actor_ref(self), ref)) {
        tri_actor_order(tri_actor_worker(self), self, kill ? TRI_ORDER_KILL : TRI_ORDER_STOP);
        return TR_OK;
    }
    tr_err_t err = TR_OK;
    tri_actor *child = find_child(self, ref, &err);
    if (child != NULL) {
        tri_life_stop_child(self, child, kill);
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
static void
stop_children(tri_actor *actor)
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
            tri_life_stop_child(actor, child->self, actor->is_killed);
        }
        if (!together) {
            return;
        }
    }
}

void
tri_life_reap(tri_worker *here, tri_actor *child)
{
    tri_cold *cold = child->cold;
    tr_runtime *rt = child->rt;
    tri_wheel_cancel(&here->wheel, &cold->stop_timer);
    tri_list_remove(&cold->sibling);
    tri_free(cold);
    tri_table_give(&rt->table, child);
}

// ---- the end of a life

void
tri_life_begin_end(tri_actor *actor, tr_err_t reason)
{
    tri_cold *cold = actor->cold;
    actor->reason = reason;
    actor->ending = TRI_ENDING_CHILDREN;
    cold->alive_ns = tri_worker_clock(tri_actor_worker(actor)) - cold->born_ns;
    cold->queued = tri_load_count(TRI_PEEK(&actor->load));
    TRI_SHOW(&actor->phase, TRI_PHASE_ENDING);
}

static void
report_end(tri_actor *actor)
{
    tri_cold *cold = actor->cold;
    if (actor->reason == TR_OK || (actor->is_killed && actor->reason == TR_EKILLED)) {
        return;
    }
    tri_actor_count(actor, TRI_FAILURES);
    tri_log(actor->rt, TR_LOG_WARN,
            "%s (%u) failed: %s%s%s%s%s%s, life %u, %u queued, alive %.3f s", tri_actor_name(actor),
            actor->slot, tr_errname(actor->reason), cold->text[0] != '\0' ? " \"" : "", cold->text,
            cold->text[0] != '\0' ? "\"" : "", cold->in_hand != NULL ? " while handling " : "",
            cold->in_hand != NULL ? cold->in_hand->name : "", TRI_PEEK(&actor->incarnation),
            cold->queued, (double)cold->alive_ns / 1e9);
}

bool
tri_life_wants_stop_handler(const tri_actor *actor)
{
    return actor->is_started && !actor->is_killed && TRI_PEEK(&actor->behavior)->stop != NULL;
}

// A first life whose start failed is not held: its spawn has failed.
static bool
is_to_be_held(const tri_actor *actor)
{
    bool was_born = actor->is_started || TRI_PEEK(&actor->incarnation) > 1;
    return actor->cold->opts.after_exit == TR_AFTER_EXIT_HOLD && was_born && !actor->is_stopping &&
           !actor->is_killed;
}

// It is there: a parent ends after its children.
static tri_actor *
parent_of(const tri_actor *actor)
{
    tri_actor *parent = tri_table_find(&actor->rt->table, (tr_ref_t){TRI_PEEK(&actor->parent)});
    TRI_ASSERT(parent != NULL, "slot %u, parent %#llx", actor->slot,
               (unsigned long long)TRI_PEEK(&actor->parent));
    return parent;
}

static void
hold(tri_actor *actor)
{
    tri_cold *cold = actor->cold;
    TRI_SHOW(&actor->phase, TRI_PHASE_HELD);
    if (cold->start_reply != NULL) {
        tri_life_answer_start(actor, actor->reason); // tr_restart hears of it
        return;
    }
    tri_actor_post(tri_actor_worker(actor), parent_of(actor), &cold->held_parcel, true);
}

bool
tri_life_end_step(tri_actor *actor)
{
    switch ((tri_ending_t)actor->ending) {
    case TRI_ENDING_CHILDREN:
        if (tri_list_is_empty(&actor->cold->children)) {
            actor->ending = TRI_ENDING_STOP;
            return true;
        }
        stop_children(actor);
        return false;
    case TRI_ENDING_STOP:
    case TRI_ENDING_RELEASE:
        break;
    }
    if (actor->is_killed && actor->reason == TR_OK) {
        actor->reason = TR_EKILLED; // it was on its way out, and not fast enough
    }
    tri_resources_release(actor);
    report_end(actor);
    if (is_to_be_held(actor)) {
        hold(actor);
    } else {
        tri_life_finish(actor);
    }
    return true;
}

static void
discard_mail(tri_actor *actor)
{
    for (tr_message *msg; (msg = tri_mailbox_pop(actor)) != NULL;) {
        tri_actor_count(actor, TRI_DISCARDED);
        tri_call_fail(actor->rt, tri_actor_worker(actor), msg, TR_EDEAD);
    }
}

// Watches of mine may have ended in the meantime; nobody will read it.
static void
discard_notices(tri_actor *actor)
{
    while (actor->first_notice != NULL) {
        tri_parcel *parcel = actor->first_notice;
        tri_mail *next = parcel->mail.next;
        actor->first_notice = next == NULL ? NULL : TRI_CONTAINER(next, tri_parcel, mail);
        tr_down unread;
        if (tri_system_op(parcel) == TRI_SYSTEM_DOWN) {
            (void)tri_monitor_take_down(parcel, &unread);
        }
    }
}

void
tri_life_finish(tri_actor *actor)
{
    tr_runtime *rt = actor->rt;
    tri_worker *here = tri_actor_worker(actor);
    tri_cold *cold = actor->cold;
    // From here on nobody finds the address; what is on its way already is returned as dead.
    TRI_SHOW(&actor->generation, TRI_PEEK(&actor->generation) + 1);
    tri_mailbox_refuse_rooms(actor, TR_EDEAD);
    TRI_SHOW(&actor->phase, TRI_PHASE_DEAD);
    discard_mail(actor);
    discard_notices(actor);
    tri_monitor_tell_watchers(actor);
    if (TRI_PEEK(&actor->name) != NULL) {
        pthread_mutex_lock(&rt->lock); // an observer may be reading it
        TRI_SHOW(&actor->name, NULL);
        pthread_mutex_unlock(&rt->lock);
    }
    tri_count(&here->counters, TRI_ENDED);
    tr_socket_close((tr_socket_t){cold->socket});
    if (cold->start_reply != NULL) {
        cold->is_silent = true;
        tri_life_answer_start(actor, actor->reason != TR_OK ? actor->reason : TR_ECANCELED);
    }
    if (actor == rt->root) {
        tri_runtime_ended(rt);
    } else {
        tri_actor_post(here, parent_of(actor), &cold->ended_parcel, true);
    }
    // The cold part, and soon the slot, are the parent's now.
}

// ---- failing

void
tri_life_leave_stack(tri_actor *actor)
{
    tr_message *msg = actor->in_hand;
    if (msg != NULL) {
        actor->cold->in_hand = msg->parcel.type;
        if ((msg->meta & TRI_MSG_LOCAL) != 0) {
            actor->in_hand = NULL; // it is on the stack that goes
        }
    }
}

void
tri_life_abort(tri_actor *self, tr_err_t reason)
{
    tri_life_leave_stack(self);
    self->requests = NULL; // they are on the stack that goes
    self->is_aborted = true;
    self->verdict = reason;
    tri_worker_abandon(tri_actor_worker(self), &self->task);
}

void
tr_fail(tr_self *self, tr_err_t reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->cold->text, sizeof self->cold->text, format, args);
    va_end(args);
    tri_life_abort(self, reason == TR_OK || reason == TR_EUNHANDLED ? TR_EFAULT : reason);
}

void
tr_socket_close(tr_socket_t socket)
{
    if (socket.fd >= 0) {
        close(socket.fd);
    }
}

void
tr_exit(tr_self *self)
{
    self->wants_exit = true;
}
