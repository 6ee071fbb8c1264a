// life.c: beginning, ending, beginning again.
//
// An end goes through steps, each of them taken in a turn of the actor itself: its children end,
// its stop handler runs, what it was given is taken back. Then the life is held for its parent's
// decision or the actor ends for good. The parent hears of either by a parcel that was made at the
// spawn, and the slot is free again only when the parent has taken the last one.
#include "actor/life.h"

#include "actor/call.h"
#include "actor/child.h"
#include "actor/mailbox.h"
#include "actor/monitor.h"
#include "actor/notice.h"
#include "actor/resource.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "actor/window.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

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
    } else if (opts->full > TR_DROP_OLDEST || opts->place > TR_PLACE_AT ||
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
    tri_list_init(&cold->channels);
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
    actor->stop_reason = TR_OK;
    actor->wants_exit = false;
    actor->is_killed = false;
    actor->is_down = false;
    actor->is_dismissed = false;
    actor->is_aborted = false;
    actor->is_started = false;
    TRI_SHOW(&actor->incarnation, TRI_PEEK(&actor->incarnation) + 1);
    bool has_start = TRI_PEEK(&actor->behavior)->start != NULL;
    actor->is_started = !has_start;
    TRI_SHOW(&actor->phase, has_start ? TRI_PHASE_STARTING : TRI_PHASE_RUNNING);
}

// A slot, with a window where the policy needs one.
static tri_actor *
take_slot(tr_runtime *rt, const tr_spawn_opts_t *opts)
{
    tri_actor *actor = tri_table_take(&rt->table, rt);
    if (actor != NULL && opts->full == TR_DROP_OLDEST && tri_window_open(actor) != TR_OK) {
        tri_life_release_owner(NULL, actor); // free it is: asleep, and nobody has its address
        tri_table_give(&rt->table, actor);
        return NULL;
    }
    return actor;
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
    tri_actor *actor = take_slot(rt, opts);
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
    TRI_SHOW(&actor->parent, tri_ref_of(parent).raw);
    TRI_SHOW(&actor->bound_count,
             opts->mailbox_count != 0 ? opts->mailbox_count : TRI_BOUND_COUNT_DEFAULT);
    TRI_SHOW(&actor->bound_bytes,
             opts->mailbox_bytes != 0 ? opts->mailbox_bytes : TRI_BOUND_BYTES_DEFAULT);
    TRI_SHOW(&actor->policy, (uint32_t)opts->full);
    actor->has_window = opts->full == TR_DROP_OLDEST;
    TRI_SHOW(&actor->task.worker, place_of(rt, near, opts));
    TRI_SHOW(&actor->incarnation, 0);
    tri_ledger_clear(actor);
    TRI_SHOW(&actor->orders, 0);
    init_life(actor);
    if (parent != NULL) {
        tri_list_push_back(&parent->cold->children, &cold->sibling);
    }
    tri_count_at(rt, tri_worker_of(parent), TRI_SPAWNED);
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

// ---- beginning again

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
    cold->is_to_report = false;
    cold->is_reported = false;
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
// ---- the end of a life

void
tri_life_begin_end(tri_actor *actor, tr_err_t reason)
{
    tri_cold *cold = actor->cold;
    actor->reason = reason;
    actor->ending = TRI_ENDING_CHILDREN;
    cold->alive_ns = tri_worker_clock(tri_actor_worker(actor)) - cold->born_ns;
    cold->queued = tri_load_count(tri_mailbox_queued(actor));
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
    return actor->cold->opts.after_exit == TR_AFTER_EXIT_HOLD && was_born && !actor->is_dismissed;
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

void
tri_life_report_held(tri_actor *actor)
{
    tri_cold *cold = actor->cold;
    if (!cold->is_reported) {
        cold->is_reported = true;
        tri_actor_post(tri_actor_worker(actor), parent_of(actor), &cold->held_parcel, true);
    }
}

static void
hold(tri_actor *actor)
{
    tri_cold *cold = actor->cold;
    actor->is_stopping = false; // a broken link may have set it; orders are for the next life
    TRI_SHOW(&actor->phase, TRI_PHASE_HELD);
    bool is_awaited = cold->start_reply != NULL;
    tri_life_answer_start(actor, actor->reason); // tr_restart hears of it, if it has not given up
    if (!is_awaited || cold->is_to_report) {
        tri_life_report_held(actor);
    }
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
        tri_children_stop(actor);
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
        tri_settle(actor, TRI_DISCARDED);
        tri_call_fail(actor->rt, tri_actor_worker(actor), msg, TR_EDEAD);
    }
}

void
tri_life_finish(tri_actor *actor)
{
    tr_runtime *rt = actor->rt;
    tri_worker *here = tri_actor_worker(actor);
    tri_cold *cold = actor->cold;
    actor->is_down = false; // nobody is turned away any more: the cold part goes
    // From here on nobody finds the address; what is on its way already is returned as dead.
    TRI_SHOW(&actor->generation, TRI_PEEK(&actor->generation) + 1);
    tri_mailbox_refuse_rooms(actor, TR_EDEAD);
    TRI_SHOW(&actor->phase, TRI_PHASE_DEAD);
    discard_mail(actor);
    tri_ledger_check(actor);
    tri_notices_discard(actor);
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
    // The one that waits, and any that are only open: a call whose request waits for room.
    tri_requests_leave_stack(actor);
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
