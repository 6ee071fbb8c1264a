// monitor.c: a watch is one object that both ends share, with a parcel for each mail that it may
// cause, so that nothing about it can fail after it was made.
//
// Ends        The watcher's side holds it in cold.watches until it ends the watch or has taken the
//             DOWN. The target's side holds it in cold.watchers from WATCH to UNWATCH or its end.
// Freeing     UNWATCH finds it not yet down: no DOWN will ever be sent, the target's side frees.
//             DOWN finds it not ended: no UNWATCH will ever be sent, the watcher's side frees.
//             Both were sent and cross: the second of the two that arrives frees (`crossed`).
// Fields      is_ended and the link in watches: watcher's owner. is_down, reason and the link in
//             watchers: target's owner. crossed: both, atomic.
#include "actor/monitor.h"

#include "actor/runtime.h"
#include "actor/system.h"
#include "base/memory.h"

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
    bool is_ended;
    bool is_down;
    _Atomic bool crossed;
} tri_watch;

// True for the second to come.
static bool
is_second(tri_watch *watch)
{
    // acq_rel with itself, the other end's exchange: the second frees what the first was done with.
    return atomic_exchange_explicit(&watch->crossed, true, memory_order_acq_rel);
}

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

tr_err_t
tr_monitor(tr_self *self, tr_ref_t actor, tr_monitor_t *out)
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
    watch->id = ++self->cold->next_id;
    tri_list_push_back(&self->cold->watches, &watch->at_watcher);
    tri_actor_post(tri_actor_worker(self), tri_table_at(&self->rt->table, slot), &watch->watch,
                   true);
    out->raw = watch->id;
    return TR_OK;
}

void
tri_monitor_begin(tri_actor *target, tri_parcel *parcel)
{
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, watch);
    bool is_here =
        tri_actor_phase(target) != TRI_PHASE_DEAD && tri_actor_phase(target) != TRI_PHASE_FREE &&
        tri_actor_phase(target) != TRI_PHASE_PORT && tri_actor_ref(target).raw == watch->target.raw;
    if (is_here) {
        tri_list_push_back(&target->cold->watchers, &watch->at_target);
    } else {
        send_down(target, watch, TR_EDEAD);
    }
}

void
tri_monitor_end(tri_actor *target, tri_parcel *parcel)
{
    (void)target;
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, unwatch);
    if (!watch->is_down) {
        tri_list_remove(&watch->at_target);
        tri_free(watch);
    } else if (is_second(watch)) {
        tri_free(watch);
    }
}

static void
end(tri_actor *watcher, tri_watch *watch)
{
    watch->is_ended = true;
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
            end(self, watch);
            return;
        }
    }
}

void
tri_monitor_end_all(tri_actor *watcher)
{
    for (tri_list *link; (link = tri_list_first(&watcher->cold->watches)) != NULL;) {
        end(watcher, TRI_CONTAINER(link, tri_watch, at_watcher));
    }
}

bool
tri_monitor_is_wanted(tri_parcel *parcel)
{
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, down);
    if (!watch->is_ended) {
        return true;
    }
    if (is_second(watch)) {
        tri_free(watch);
    }
    return false;
}

bool
tri_monitor_take_down(tri_parcel *parcel, tr_down *out)
{
    if (!tri_monitor_is_wanted(parcel)) {
        return false;
    }
    tri_watch *watch = TRI_CONTAINER(parcel, tri_watch, down);
    *out = (tr_down){.monitor = watch->id, .actor = watch->target, .reason = watch->reason};
    tri_list_remove(&watch->at_watcher);
    tri_free(watch);
    return true;
}

void
tri_monitor_tell_watchers(tri_actor *actor)
{
    for (tri_list *link; (link = tri_list_pop_front(&actor->cold->watchers)) != NULL;) {
        send_down(actor, TRI_CONTAINER(link, tri_watch, at_target), actor->reason);
    }
}
