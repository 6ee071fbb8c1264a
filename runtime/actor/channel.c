#include "actor/channel.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/monitor.h"
#include "actor/runtime.h"
#include "actor/window.h"
#include "base/memory.h"
#include "base/panic.h"

#define IDLE_TRIES 4 // idle channels that are looked at before a new one is made

// What observers see in the place of a behavior.
static const tr_behavior_t channel_behavior = {.name = "mpsc"};

// ---- opening

static tri_channel *
create(tr_runtime *rt)
{
    tri_channel *channel = tri_zalloc(sizeof *channel);
    if (channel == NULL) {
        return NULL;
    }
    channel->slot = tri_table_take_fresh(&rt->table, rt);
    if (channel->slot == NULL) {
        tri_free(channel);
        return NULL;
    }
    pthread_mutex_init(&channel->lock, NULL);
    tri_list_init(&channel->parked);
    tri_list_init(&channel->cold.rooms);
    tri_list_init(&channel->cold.watchers);
    channel->cold.self = channel->slot;
    channel->slot->state = channel;
    channel->slot->cold = &channel->cold;
    TRI_SHOW(&channel->slot->phase, TRI_PHASE_CHANNEL);
    // Nobody has its address, so nobody woke it: whoever does then sees to it, as at every look.
    bool is_asleep = tri_inbox_sleep(&channel->slot->inbox, true);
    TRI_ASSERT(is_asleep, "slot %u is fresh: nobody knows its address", channel->slot->slot);
    return channel;
}

// Nothing of its last use is on its way any more.
static bool
is_quiet(tri_channel *channel)
{
    uint64_t load = TRI_PEEK(&channel->slot->load);
    return tri_load_count(load) == 0 && tri_load_bytes(load) == 0;
}

static void
put_idle(tr_runtime *rt, tri_channel *channel)
{
    pthread_mutex_lock(&rt->lock);
    channel->next = NULL;
    *(rt->channels == NULL ? &rt->channels : &rt->last_channel->next) = channel;
    rt->last_channel = channel;
    pthread_mutex_unlock(&rt->lock);
}

static tri_channel *
take_idle(tr_runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    tri_channel *channel = rt->channels;
    if (channel != NULL) {
        rt->channels = channel->next;
    }
    pthread_mutex_unlock(&rt->lock);
    return channel;
}

static tri_channel *
obtain(tr_runtime *rt)
{
    for (int tries = 0; tries < IDLE_TRIES; tries++) {
        tri_channel *channel = take_idle(rt);
        if (channel == NULL) {
            break;
        }
        if (is_quiet(channel)) {
            return channel;
        }
        put_idle(rt, channel);
    }
    return create(rt);
}

static tr_err_t
check(tr_runtime *rt, const tri_channel_opts_t *opts)
{
    const char *wrong = NULL;
    if (opts->count > TRI_BOUND_COUNT_MAX) {
        wrong = "count is over 4194303";
    } else if (opts->bytes > TRI_BOUND_BYTES_MAX) {
        wrong = "bytes is over 512 GiB";
    } else if (opts->full > TR_DROP_OLDEST) {
        wrong = "full is none of its values";
    }
    if (wrong == NULL) {
        return TR_OK;
    }
    tri_log(rt, TR_LOG_ERROR, "cannot open channel %s: %s",
            opts->name != NULL ? opts->name : "mpsc", wrong);
    return TR_EINVAL;
}

static void
show(tr_runtime *rt, tri_actor *slot, const tr_behavior_t *behavior, const char *name)
{
    pthread_mutex_lock(&rt->lock); // an observer that finds the name finds it written
    TRI_SHOW(&slot->behavior, behavior);
    TRI_SHOW(&slot->name, name);
    pthread_mutex_unlock(&rt->lock);
}

tr_err_t
tri_channel_open(tr_runtime *rt, const tri_channel_opts_t *opts, tri_channel **out)
{
    tr_err_t err = check(rt, opts);
    if (err != TR_OK) {
        return err;
    }
    char *name = tri_strdup(opts->name);
    tri_channel *channel = name == NULL && opts->name != NULL ? NULL : obtain(rt);
    if (channel == NULL) {
        tri_free(name);
        return TR_ENOMEM;
    }
    tri_actor *slot = channel->slot;
    slot->has_window = opts->full == TR_DROP_OLDEST;
    if (slot->has_window && tri_window_open(slot) != TR_OK) {
        put_idle(rt, channel);
        tri_free(name);
        return TR_ENOMEM;
    }
    pthread_mutex_lock(&channel->lock);
    channel->cold.opts.name = name;
    channel->cold.ref = tri_actor_ref(slot);
    channel->is_awaited = false;
    channel->senders = 0;
    TRI_SHOW(&slot->bound_count, opts->count != 0 ? opts->count : TRI_BOUND_COUNT_DEFAULT);
    TRI_SHOW(&slot->bound_bytes, opts->bytes != 0 ? opts->bytes : TRI_BOUND_BYTES_DEFAULT);
    TRI_SHOW(&slot->policy, (uint32_t)opts->full);
    tri_ledger_clear(slot);
    TRI_SHOW(&slot->load, 0); // nobody has the address yet, and nothing was on its way
    pthread_mutex_unlock(&channel->lock);
    show(rt, slot, &channel_behavior, name);
    *out = channel;
    return TR_OK;
}

// ---- its consumer

void
tri_channel_bury(tri_actor *slot, tr_message *msg)
{
    tri_channel *channel = slot->state;
    tri_lane_append(&channel->dead, msg);
}

// Not under the lock.
static void
end_dead(tr_runtime *rt, tri_worker *here, tri_lane *dead)
{
    for (tr_message *msg; (msg = tri_lane_pop(dead)) != NULL;) {
        tri_call_fail(rt, here, msg, TR_EDEAD);
    }
}

static tri_lane
take_dead(tri_channel *channel)
{
    tri_lane dead = channel->dead;
    channel->dead.first = NULL;
    return dead;
}

// Perhaps under the lock.
static void
attend(tri_channel *channel, tri_worker *here)
{
    tri_actor *slot = channel->slot;
    TRI_SHOW(&slot->task.worker, here);
    do {
        tri_actor_intake(slot);
        if ((TRI_PEEK(&slot->load) & TRI_LOAD_CLOSED) != 0) {
            tri_mailbox_refuse_rooms(slot, TR_EDEAD);
        }
    } while (!tri_inbox_sleep(&slot->inbox, !channel->is_awaited));
}

void
tri_channel_attend(tri_channel *channel, tri_worker *here)
{
    attend(channel, here);
    tri_lane dead = take_dead(channel);
    end_dead(channel->slot->rt, here, &dead);
}

tr_message *
tri_channel_take(tri_channel *channel, tri_worker *here)
{
    tri_actor *slot = channel->slot;
    TRI_SHOW(&slot->task.worker, here);
    bool has_looked = false;
    for (;;) {
        if (tri_inbox_has_mail(&slot->inbox)) { // a high one may have come
            tri_channel_attend(channel, here);
            has_looked = true;
        }
        tr_message *msg = tri_mailbox_pop(slot);
        if (msg != NULL && !tri_mailbox_shed(slot, msg)) {
            TRI_BUMP(&slot->ledger[TRI_HANDLED], 1); // the runtime's, when it is given back
            return msg;
        }
        if (msg == NULL && has_looked) {
            return NULL;
        }
        if (msg == NULL) {
            tri_channel_attend(channel, here);
            has_looked = true;
        }
    }
}

// No actor has this address: the consumer is a thread that is awake.
#define HELD UINT64_MAX

static void
set_consumer(tri_channel *channel, uint64_t consumer, tri_lane *dead)
{
    pthread_mutex_lock(&channel->lock);
    tri_list_remove(&channel->at_owner);
    TRI_SHOW(&channel->slot->parent, consumer);
    if (consumer == 0) {
        // What woke the inbox and nudges the one that leaves is seen to here, by who leaves.
        channel->is_awaited = false;
        attend(channel, NULL);
    }
    if (dead != NULL) {
        *dead = take_dead(channel);
    }
    pthread_mutex_unlock(&channel->lock);
}

void
tri_channel_set_consumer(tri_channel *channel, tri_actor *who)
{
    tri_lane dead;
    set_consumer(channel, tri_ref_of(who).raw, &dead);
    end_dead(channel->slot->rt, NULL, &dead);
    if (who != NULL && tri_actor_phase(who) != TRI_PHASE_PORT) {
        tri_list_push_back(&who->cold->channels, &channel->at_owner);
        who->has_channels = true;
        tri_channel_attend(channel, tri_actor_worker(who));
    }
}

void
tri_channel_leave(tri_channel *channel)
{
    set_consumer(channel, 0, NULL);
}

static bool
has_mail(const tri_channel *channel)
{
    const tri_actor *slot = channel->slot;
    return slot->high.first != NULL || slot->normal.first != NULL ||
           (slot->has_window && !tri_window_is_empty(slot));
}

bool
tri_channel_has_mail(tri_channel *channel, tri_worker *here)
{
    tri_channel_attend(channel, here);
    return has_mail(channel);
}

void
tri_channel_hold(tri_channel *channel)
{
    set_consumer(channel, HELD, NULL);
}

void
tri_channel_signal(tri_worker *here, tri_actor *slot)
{
    tri_channel *channel = slot->state;
    tri_lane dead = {.first = NULL};
    // Whoever was given the channel before our wake-up is seen; who gets it later looks for itself.
    tr_ref_t consumer = {TRI_PEEK(&slot->parent)};
    if (tr_ref_is_none(consumer)) {
        pthread_mutex_lock(&channel->lock);
        consumer.raw = TRI_PEEK(&slot->parent);
        if (tr_ref_is_none(consumer)) {
            attend(channel, here);
            dead = take_dead(channel);
        }
        pthread_mutex_unlock(&channel->lock);
    }
    end_dead(slot->rt, here, &dead);
    tri_actor *who = tri_table_find(&slot->rt->table, consumer);
    if (who != NULL) {
        tri_actor_nudge(here, who);
    }
}

void
tri_channels_attend(tri_actor *owner)
{
    TRI_LIST_EACH (link, &owner->cold->channels) {
        tri_channel *channel = TRI_CONTAINER(link, tri_channel, at_owner);
        if (!tri_inbox_is_asleep(&channel->slot->inbox)) {
            tri_channel_attend(channel, tri_actor_worker(owner));
        }
    }
    owner->has_channels = !tri_list_is_empty(&owner->cold->channels);
}

// ---- closing

void
tri_channel_shut(tri_channel *channel, tri_worker *here)
{
    tri_mailbox_shut(channel->slot);
    tri_actor_nudge(here, channel->slot);
}

bool
tri_channel_is_drained(const tri_channel *channel)
{
    uint64_t load = TRI_PEEK(&channel->slot->load);
    return (load & TRI_LOAD_CLOSED) != 0 && tri_load_count(load) == 0;
}

static void
discard_mail(tri_channel *channel)
{
    for (tr_message *msg; (msg = tri_mailbox_pop(channel->slot)) != NULL;) {
        tri_settle(channel->slot, TRI_DISCARDED);
        tri_lane_append(&channel->dead, msg);
    }
}

void
tri_channel_close(tri_channel *channel, tri_worker *here)
{
    tri_actor *slot = channel->slot;
    tr_runtime *rt = slot->rt;
    tri_mailbox_shut(slot);
    pthread_mutex_lock(&channel->lock);
    TRI_SHOW(&slot->task.worker, here);
    tri_actor_intake(slot); // from here on it is awake, and ours
    tri_list_remove(&channel->at_owner);
    TRI_SHOW(&slot->parent, 0);
    TRI_SHOW(&slot->generation, TRI_PEEK(&slot->generation) + 1);
    tri_mailbox_refuse_rooms(slot, TR_EDEAD);
    discard_mail(channel);
    tri_ledger_check(slot);
    tri_monitor_tell_watchers(slot);
    // What is on its way still is dead from now on; nobody comes to look, so all of it wakes.
    channel->is_awaited = true;
    attend(channel, here);
    tri_lane dead = take_dead(channel);
    char *name = (char *)(uintptr_t)channel->cold.opts.name;
    channel->cold.opts.name = NULL;
    pthread_mutex_unlock(&channel->lock);
    end_dead(rt, here, &dead);
    show(rt, slot, NULL, NULL);
    tri_free(name);
    put_idle(rt, channel);
}

void
tri_channels_destroy(tr_runtime *rt)
{
    for (tri_channel *channel; (channel = take_idle(rt)) != NULL;) {
        pthread_mutex_destroy(&channel->lock);
        tri_free(channel);
    }
}
