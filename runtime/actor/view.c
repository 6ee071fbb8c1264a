#include "actor/view.h"

#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/window.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/memory.h"
#include "msg/layout.h"
#include "msg/parts.h"

#include <stdio.h>

// ---- actors

const char *
tri_view_state_name(tri_view_state_t state)
{
    static const char *const names[] = {
        [TRI_VIEW_STARTING] = "starting", [TRI_VIEW_IDLE] = "idle",
        [TRI_VIEW_READY] = "ready",       [TRI_VIEW_RUNNING] = "running",
        [TRI_VIEW_WAITING] = "waiting",   [TRI_VIEW_HELD] = "held",
        [TRI_VIEW_STOPPING] = "stopping",
    };
    return names[state];
}

static tri_view_state_t
state_of(const tri_actor *actor, const char *waits_for)
{
    switch (tri_actor_phase(actor)) {
    case TRI_PHASE_STARTING:
        return TRI_VIEW_STARTING;
    case TRI_PHASE_ENDING:
        return TRI_VIEW_STOPPING;
    case TRI_PHASE_HELD:
        return TRI_VIEW_HELD;
    default:
        break;
    }
    if (waits_for != NULL) {
        return TRI_VIEW_WAITING;
    }
    if (tri_actor_handler(actor) != TRI_HANDLER_NONE) {
        return TRI_VIEW_RUNNING;
    }
    return tri_inbox_is_asleep(&actor->inbox) ? TRI_VIEW_IDLE : TRI_VIEW_READY;
}

// Under the runtime's lock, which keeps the actor's own name alive.
static void
copy_names(const tri_actor *actor, const char **out_own, const char **out_behavior)
{
    const tr_behavior_t *behavior = TRI_PEEK(&actor->behavior);
    const char *own = TRI_PEEK(&actor->name);
    *out_behavior = behavior != NULL ? behavior->name : "?";
    *out_own = own != NULL ? own : *out_behavior;
}

static bool
is_actor(const tri_actor *actor)
{
    // A channel that is not open has no behavior.
    return tri_actor_is_open(actor) && TRI_PEEK(&actor->behavior) != NULL;
}

// Of a channel: the actor that receives from it; a thread that does is nobody here.
static tr_ref_t
parent_of(tr_runtime *rt, const tri_actor *actor)
{
    tr_ref_t ref = {TRI_PEEK(&actor->parent)};
    const tri_actor *parent = tri_table_find(&rt->table, ref);
    return parent != NULL && is_actor(parent) ? ref : TR_REF_NONE;
}

static bool
view_slot(tr_runtime *rt, const tri_actor *actor, tri_actor_view_t *out)
{
    if (!is_actor(actor)) {
        return false;
    }
    uint64_t load = tri_mailbox_queued(actor);
    const char *waits_for = TRI_PEEK(&actor->waits_for);
    const tri_worker *worker = tri_actor_worker(actor); // may be seen later than the phase
    *out = (tri_actor_view_t){
        .ref = tri_actor_ref(actor),
        .parent = parent_of(rt, actor),
        .state = state_of(actor, waits_for),
        .wait = waits_for,
        .worker = worker != NULL ? worker->index : 0,
        .incarnation = TRI_PEEK(&actor->incarnation),
        .queued = tri_load_count(load),
        .queued_bytes = tri_load_bytes(load),
        .mailbox_count = TRI_PEEK(&actor->bound_count),
        .mailbox_bytes = TRI_PEEK(&actor->bound_bytes),
        .received = TRI_PEEK(&actor->ledger[TRI_ACCEPTED]),
        .handled = TRI_PEEK(&actor->ledger[TRI_HANDLED]),
        .failed = TRI_PEEK(&actor->ledger[TRI_FAILED]),
        .expired = TRI_PEEK(&actor->ledger[TRI_EXPIRED]),
        .dropped = TRI_PEEK(&actor->ledger[TRI_DROPPED]),
        .discarded = TRI_PEEK(&actor->ledger[TRI_DISCARDED]),
    };
    const char *own;
    const char *behavior;
    pthread_mutex_lock(&rt->lock);
    copy_names(actor, &own, &behavior);
    snprintf(out->name, sizeof out->name, "%s", own);
    snprintf(out->behavior, sizeof out->behavior, "%s", behavior);
    pthread_mutex_unlock(&rt->lock);
    return true;
}

size_t
tri_view_actors(tr_runtime *rt, uint32_t *cursor, tri_actor_view_t *out, size_t capacity)
{
    uint32_t slots = tri_table_slots(&rt->table);
    size_t count = 0;
    uint32_t slot = *cursor == 0 ? 1 : *cursor;
    for (; slot < slots && count < capacity; slot++) {
        const tri_actor *actor = tri_table_at(&rt->table, slot);
        if (actor != NULL && view_slot(rt, actor, &out[count])) {
            count++;
        }
    }
    *cursor = slot < slots ? slot : UINT32_MAX;
    return count;
}

const char *
tri_view_runtime_name(const tr_runtime *rt)
{
    return rt->name;
}

// ---- mailboxes

#define COPY_MAX (64u * 1024) // bytes of one value; a larger one is shown by its size

// Shared by the observer and the owner; the last of the two frees it. So an owner that is busy for
// long may find that nobody waits any more.
struct job {
    tri_exec exec;
    tr_ref_t ref;
    size_t limit;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;      // under lock
    bool has_observer; // under lock
    tr_err_t result;
    tri_mailbox_view_t view;
};

static void
free_job(struct job *job)
{
    tri_mailbox_view_fini(&job->view);
    pthread_cond_destroy(&job->done);
    pthread_mutex_destroy(&job->lock);
    tri_free(job);
}

void
tri_mailbox_view_fini(tri_mailbox_view_t *view)
{
    for (size_t i = 0; i < view->count; i++) {
        tri_message_view_t *message = &view->messages[i];
        if (message->value != NULL) {
            tri_parts_release(message->type, message->value, false);
            tri_free(message->value);
        }
    }
    tri_free(view->messages);
    *view = (tri_mailbox_view_t){.messages = NULL};
}

static void
name_sender(tr_runtime *rt, tr_ref_t sender, char name[TRI_VIEW_NAME])
{
    const tri_actor *actor = tri_table_find(&rt->table, sender);
    if (actor == NULL || !is_actor(actor)) {
        snprintf(name, TRI_VIEW_NAME, "%s", tr_ref_is_none(sender) ? "outside" : "ended");
        return;
    }
    const char *own;
    const char *behavior;
    pthread_mutex_lock(&rt->lock);
    copy_names(actor, &own, &behavior);
    snprintf(name, TRI_VIEW_NAME, "%s", own);
    pthread_mutex_unlock(&rt->lock);
}

static const char *
lane_of(const tr_message *msg)
{
    if ((msg->meta & TRI_MSG_LOCAL) != 0) {
        return "system";
    }
    return (msg->meta & TRI_MSG_HIGH) != 0 ? "high" : "normal";
}

// The copy is read later and on another thread: it holds its bufs, and does not have the locals,
// which go their own way.
static void
copy_value(const tr_message *msg, tri_message_view_t *out)
{
    const tr_type_t *type = msg->parcel.type;
    out->value = tri_alloc(msg->size != 0 ? msg->size : 1);
    if (out->value != NULL) {
        tri_layout_copy(type, msg->value, out->value);
        tri_parts_blank(type, out->value);
        tri_parts_share(type, out->value);
    }
}

static void
copy_message(tri_actor *actor, const tr_message *msg, tri_message_view_t *out)
{
    int64_t now = tri_clock_ns();
    int64_t deadline = tri_message_deadline(msg);
    uint32_t age = (uint32_t)(now >> 20) - msg->sent_tick;
    *out = (tri_message_view_t){
        .type = msg->parcel.type,
        .sender = tr_message_sender(msg),
        .bytes = tri_message_charge_of(msg),
        .age_ns = (int64_t)age << 20,
        .deadline_left_ns = deadline == INT64_MAX ? INT64_MAX : deadline - now,
        .is_call = tr_message_is_call(msg),
        .in_hand = msg == actor->in_hand,
        .lane = lane_of(msg),
    };
    name_sender(actor->rt, out->sender, out->sender_name);
    if (msg->size <= COPY_MAX) {
        copy_value(msg, out);
    }
}

static size_t
count_lane(const tri_lane *lane)
{
    size_t count = 0;
    for (const tr_message *msg = lane->first; msg != NULL; msg = tri_lane_next(msg)) {
        count++;
    }
    return count;
}

static void
copy_lane(tri_actor *actor, const tri_lane *lane, size_t wanted, tri_mailbox_view_t *view)
{
    for (const tr_message *msg = lane->first; msg != NULL && view->count < wanted;
         msg = tri_lane_next(msg)) {
        copy_message(actor, msg, &view->messages[view->count++]);
    }
}

// The lanes in the order of taking: the owner's own, and those of its window.
static void
copy_lanes(tri_actor *actor, size_t wanted, tri_mailbox_view_t *view)
{
    copy_lane(actor, &actor->high, wanted, view);
    copy_lane(actor, &actor->normal, wanted, view);
    size_t before = view->count;
    copy_lane(actor, &actor->cold->stash, wanted, view);
    for (size_t i = before; i < view->count; i++) {
        view->messages[i].lane = "stash";
    }
    for (int normal = 0; actor->has_window && normal < 2; normal++) {
        copy_lane(actor, tri_window_lock(actor, normal == 0), wanted, view);
        tri_window_unlock(actor);
    }
}

static size_t
count_lanes(tri_actor *actor)
{
    size_t count =
        count_lane(&actor->high) + count_lane(&actor->normal) + count_lane(&actor->cold->stash);
    for (int normal = 0; actor->has_window && normal < 2; normal++) {
        count += count_lane(tri_window_lock(actor, normal == 0));
        tri_window_unlock(actor);
    }
    return count;
}

static tr_err_t
copy_mailbox(tri_actor *actor, size_t limit, tri_mailbox_view_t *view)
{
    size_t total = count_lanes(actor);
    view->total = total;
    size_t wanted = (total < limit ? total : limit) + (actor->in_hand != NULL);
    view->messages = tri_zalloc((wanted != 0 ? wanted : 1) * sizeof *view->messages);
    if (view->messages == NULL) {
        return TR_ENOMEM;
    }
    if (actor->in_hand != NULL) {
        copy_message(actor, actor->in_hand, &view->messages[view->count++]);
    }
    copy_lanes(actor, wanted, view);
    return TR_OK;
}

// Runs as the owner, between two messages or while its handler waits.
static void
run_job(tri_exec *exec, tri_actor *actor)
{
    struct job *job = TRI_CONTAINER(exec, struct job, exec);
    tr_err_t result = TR_EDEAD;
    if (is_actor(actor) && tri_actor_ref(actor).raw == job->ref.raw) {
        result = copy_mailbox(actor, job->limit, &job->view);
    }
    pthread_mutex_lock(&job->lock);
    job->result = result;
    job->is_done = true;
    bool has_observer = job->has_observer;
    pthread_cond_signal(&job->done);
    pthread_mutex_unlock(&job->lock);
    if (!has_observer) {
        free_job(job);
    }
}

static struct job *
create_job(tr_ref_t ref, size_t limit)
{
    struct job *job = tri_zalloc(sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    tri_cond_init(&job->done);
    pthread_mutex_init(&job->lock, NULL);
    job->exec.parcel.type = &tri_system_types[TRI_SYSTEM_EXEC];
    job->exec.fn = run_job;
    job->ref = ref;
    job->limit = limit;
    job->has_observer = true;
    return job;
}

static bool
await_job(struct job *job, tr_duration_t timeout)
{
    int64_t deadline = tri_clock_after(tri_clock_ns(), timeout.ns);
    bool in_time = true;
    pthread_mutex_lock(&job->lock);
    while (!job->is_done && in_time) {
        in_time = tri_cond_wait_until(&job->done, &job->lock, deadline);
    }
    bool is_done = job->is_done;
    job->has_observer = is_done;
    pthread_mutex_unlock(&job->lock);
    return is_done;
}

tr_err_t
tri_view_mailbox(tr_runtime *rt, tr_ref_t ref, size_t limit, tr_duration_t timeout,
                 tri_mailbox_view_t *out)
{
    tri_actor *actor = tri_table_find(&rt->table, ref);
    tri_actor_view_t seen;
    if (actor == NULL || !view_slot(rt, actor, &seen)) {
        return TR_EDEAD;
    }
    struct job *job = create_job(ref, limit);
    if (job == NULL) {
        return TR_ENOMEM;
    }
    tri_actor_post(NULL, actor, &job->exec.parcel, true);
    *out = (tri_mailbox_view_t){.actor = seen};
    if (!await_job(job, timeout)) {
        out->total = seen.queued;
        return TR_ETIMEOUT; // the owner frees the job
    }
    tr_err_t result = job->result;
    if (result == TR_OK) {
        *out = job->view;
        out->actor = seen;
        out->actor.queued = (uint32_t)out->total; // what was there when its owner looked
        job->view = (tri_mailbox_view_t){.messages = NULL};
    }
    free_job(job);
    return result;
}
