// monitor.c: monitors and links. A link is a watch that works both ways, and ends the life at
// either end instead of telling it.
//
// A watch is one object that both ends share, with a parcel for each mail that it may
// cause, so that nothing about it can fail after it was made.
//
// Ends        The watcher's side holds it in cold.watches until it ends the watch or has taken the
//             DOWN. The target's side holds it in cold.watchers from WATCH to UNWATCH or its end.
// Freeing     UNWATCH finds it not yet down: no DOWN will ever be sent, the target's side frees.
//             DOWN finds it not ended: no UNWATCH will ever be sent, the watcher's side frees.
//             Both were sent and cross: the second of the two that arrives frees (`crossing`).
// Links       Belong to a life: a life that ends gives DOWN to those that linked to it, held or
// not, and
//             ends its own, with the reason, so that the other side learns it from the UNWATCH.
// Fields      is_ended and the link in watches: watcher's owner. is_down, reason and the link in
//             watchers: target's owner. crossing: both.
#include "actor/monitor.h"

#include "actor/runtime.h"
#include "actor/scope.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/crossing.h"
#include "base/memory.h"

#include <stdio.h>

typedef struct tri_watch {
    tri_parcel watch;
    tri_parcel unwatch;
    tri_parcel down;
    tri_list at_watcher;
    tri_list at_target;
    tr_ref_t watcher;
    tr_ref_t target;
    uint64_t id;
    tr_err_t reason;
    tr_err_t end_reason; // of the watcher's life, when that ended the watch; watcher's owner
    bool is_link;
    bool is_ended;
    bool is_down;
    tri_crossing crossing; // of UNWATCH and DOWN
} tri_watch;

static void
send_down(tri_actor *target, tri_watch *watch, tr_err_t reason)
{
    tri_worker *here = tri_actor_worker(target);
    watch->is_down = true;
    watch->reason = reason;
    // By slot: should the watcher have ended, whoever owns its slot now sorts it out.
    tri_actor *watcher = tri_table_at(&target->rt->table, (uint32_t)watch->watcher.raw);
    tri_actor_post(here, watcher, &watch->down, true);
}

static tr_err_t
begin(tr_self *self, tr_ref_t actor, bool is_link, tri_watch **out)
{
    uint32_t slot = (uint32_t)actor.raw;
    if (slot == 0 || slot >= tri_table_slots(&self->rt->table)) {
        return TR_EINVAL; // no actor ever had this address
    }
    tri_watch *watch = tri_zalloc(sizeof *watch);
    if (watch == NULL) {
        return TR_ENOMEM;
    }
    watch->watch.type = &tri_system_types[TRI_SYSTEM_WATCH];
    watch->unwatch.type = &tri_system_types[TRI_SYSTEM_UNWATCH];
    watch->down.type = &tri_system_types[TRI_SYSTEM_DOWN];
    watch->watcher = tri_actor_ref(self);
    watch->target = actor;
    watch->is_link = is_link;
    watch->id = ++self->cold->next_id;
    tri_list_push_back(&self->cold->watches, &watch->at_watcher);
    tri_actor_post(tri_actor_worker(self), tri_table_at(&self->rt->table, slot), &watch->watch,
                   true);
    *out = watch;
    return TR_OK;
}

tr_err_t
tr_monitor(tr_self *self, tr_ref_t actor, tr_monitor_t *out)
{
    tri_watch *watch = NULL;
    tr_err_t err = begin(self, actor, false, &watch);
    if (err == TR_OK) {
        out->raw = watch->id;
    }
    return err;
}

tr_err_t
tr_link(tr_self *self, tr_ref_t actor)
{
    tri_watch *watch = NULL;
    return tr_ref_equal(actor, tri_actor_ref(self)) ? TR_EINVAL : begin(self, actor, true, &watch);
}

// The other end of a link has ended for `reason`: unless that was in order, this life ends too.
static void
break_link(tri_actor *actor, tr_err_t reason)
{
    tri_phase_t phase = tri_actor_phase(actor);
    bool may_end = (phase == TRI_PHASE_STARTING || phase == TRI_PHASE_RUNNING) &&
                   !actor->is_stopping && !actor->is_killed;
    if (reason == TR_OK || !may_end) {
        return;
    }
    snprintf(actor->cold->text, sizeof actor->cold->text, "an actor linked to it ended with %s",
             tr_errname(reason));
    actor->is_stopping = true;
    actor->stop_reason = TR_ELINKED;
    tri_scope_interrupt(actor, TR_ECANCELED);
}

void
tri_monitor_begin(tri_actor *target, tri_parcel *parcel)
{
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, watch);
    bool is_here = tri_actor_is_open(target) && tri_actor_ref(target).raw == watch->target.raw;
    if (is_here) {
        tri_list_push_back(&target->cold->watchers, &watch->at_target);
    } else {
        send_down(target, watch, TR_EDEAD);
    }
}

void
tri_monitor_end(tri_actor *target, tri_parcel *parcel)
{
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, unwatch);
    if (!watch->is_down) {
        tr_err_t reason = watch->is_link ? watch->end_reason : TR_OK;
        tri_list_remove(&watch->at_target);
        tri_free(watch);
        break_link(target, reason);
    } else if (tri_is_second(&watch->crossing)) {
        tri_free(watch);
    }
}

static void
end(tri_actor *watcher, tri_watch *watch, tr_err_t reason)
{
    watch->is_ended = true;
    watch->end_reason = reason;
    tri_list_remove(&watch->at_watcher);
    tri_actor *target = tri_table_at(&watcher->rt->table, (uint32_t)watch->target.raw);
    tri_actor_post(tri_actor_worker(watcher), target, &watch->unwatch, true);
}

void
tr_demonitor(tr_self *self, tr_monitor_t monitor)
{
    TRI_LIST_EACH (link, &self->cold->watches) {
        tri_watch *watch = TRI_CONTAINER(link, tri_watch, at_watcher);
        if (watch->id == monitor.raw) {
            end(self, watch, TR_OK);
            return;
        }
    }
}

void
tr_unlink(tr_self *self, tr_ref_t actor)
{
    TRI_LIST_EACH_SAFE (link, following, &self->cold->watches) {
        tri_watch *watch = TRI_CONTAINER(link, tri_watch, at_watcher);
        if (watch->is_link && tr_ref_equal(watch->target, actor)) {
            end(self, watch, TR_OK);
        }
    }
}

// Those that linked to this life hear of its end now; those that watch the actor do not yet.
static void
tell_linked(tri_actor *actor)
{
    TRI_LIST_EACH_SAFE (link, following, &actor->cold->watchers) {
        tri_watch *watch = TRI_CONTAINER(link, tri_watch, at_target);
        if (watch->is_link) {
            tri_list_remove(link);
            send_down(actor, watch, actor->reason);
        }
    }
}

void
tri_monitor_end_all(tri_actor *watcher)
{
    tell_linked(watcher);
    for (tri_list *link; (link = tri_list_first(&watcher->cold->watches)) != NULL;) {
        end(watcher, TRI_CONTAINER(link, tri_watch, at_watcher), watcher->reason);
    }
}

// The watcher's side is done with a watch that is down and not ended.
static void
finish(tri_watch *watch)
{
    tri_list_remove(&watch->at_watcher);
    tri_free(watch);
}

bool
tri_monitor_is_wanted(tri_actor *watcher, tri_parcel *parcel)
{
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, down);
    if (watch->is_ended) {
        if (tri_is_second(&watch->crossing)) {
            tri_free(watch);
        }
        return false;
    }
    if (watch->is_link) {
        tr_err_t reason = watch->reason;
        finish(watch);
        break_link(watcher, reason);
        return false;
    }
    return true;
}

bool
tri_monitor_take_down(tri_actor *watcher, tri_parcel *parcel, tr_down *out)
{
    if (!tri_monitor_is_wanted(watcher, parcel)) {
        return false;
    }
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, down);
    *out = (tr_down){.monitor = watch->id, .actor = watch->target, .reason = watch->reason};
    finish(watch);
    return true;
}

void
tri_monitor_tell_watchers(tri_actor *actor)
{
    for (tri_list *link; (link = tri_list_pop_front(&actor->cold->watchers)) != NULL;) {
        send_down(actor, TRI_CONTAINER(link, tri_watch, at_target), actor->reason);
    }
}
