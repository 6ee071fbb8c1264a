#include "actor/mailbox.h"

#include "actor/call.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/window.h"
#include "base/clock.h"
#include "base/panic.h"

// Every order on `load` and `reserved` is relaxed, and its accesses pair with nothing: it is a
// count, and its atomicity alone makes the bounds strict. Messages are published by the inbox, and
// the meeting of a sender that found no room with an owner that makes room goes through the inbox
// too.

#define HIGH_RUN 8

static const uint64_t one = (uint64_t)1 << TRI_LOAD_COUNT_SHIFT;

static uint64_t
word_of(tri_space_t space)
{
    return space.count * one + space.bytes;
}

// `closed`: the bits that keep this kind of sender out.
static tr_err_t
take_room(tri_actor *target, tri_space_t space, uint64_t closed)
{
    uint64_t bytes = TRI_PEEK(&target->bound_bytes);
    uint32_t count = TRI_PEEK(&target->bound_count);
    if (space.bytes > bytes || space.count > count) {
        return TR_ETOOBIG;
    }
    uint64_t load = TRI_PEEK(&target->load);
    do {
        if (TRI_UNLIKELY((load & (closed | TRI_LOAD_CLOSED)) != 0)) {
            return (load & TRI_LOAD_CLOSED) != 0 ? TR_EDEAD : TR_EFULL;
        }
        if (tri_load_count(load) + space.count > count ||
            tri_load_bytes(load) + space.bytes > bytes) {
            return TR_EFULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&target->load, &load, load + word_of(space),
                                                    memory_order_relaxed, memory_order_relaxed));
    return TR_OK;
}

tr_err_t
tri_mailbox_admit(tri_actor *target, tri_space_t space)
{
    return take_room(target, space, TRI_LOAD_CROWDED);
}

tr_err_t
tri_mailbox_readmit(tri_actor *actor, uint64_t charge)
{
    return take_room(actor, tri_space_for(charge), 0);
}

// Give room back, without a look at who waits for it. What the load was before.
static uint64_t
give_room(tri_actor *actor, tri_space_t space)
{
    uint64_t old = atomic_fetch_sub_explicit(&actor->load, word_of(space), memory_order_relaxed);
    TRI_ASSERT(tri_load_count(old) >= space.count && tri_load_bytes(old) >= space.bytes,
               "slot %u, %u messages, %llu bytes, less %u and %llu", actor->slot,
               tri_load_count(old), (unsigned long long)tri_load_bytes(old), space.count,
               (unsigned long long)space.bytes);
    return old;
}

void
tri_mailbox_give_back(tri_actor *actor, tri_space_t space)
{
    if (TRI_UNLIKELY((give_room(actor, space) & TRI_LOAD_CROWDED) != 0)) {
        tri_mailbox_grant(actor);
    }
}

void
tri_mailbox_discharge(tri_actor *actor, uint64_t charge)
{
    tri_mailbox_give_back(actor, tri_space_for(charge));
}

void
tri_mailbox_reserve(tri_actor *actor, tri_space_t space)
{
    atomic_fetch_add_explicit(&actor->reserved, word_of(space), memory_order_relaxed);
}

void
tri_mailbox_unreserve(tri_actor *actor, tri_space_t space)
{
    atomic_fetch_sub_explicit(&actor->reserved, word_of(space), memory_order_relaxed);
}

void
tri_mailbox_shrink(tri_actor *actor, uint64_t bytes)
{
    (void)give_room(actor, (tri_space_t){0, bytes});
}

void
tri_mailbox_shut(tri_actor *actor)
{
    atomic_fetch_or_explicit(&actor->load, TRI_LOAD_CLOSED, memory_order_relaxed);
}

void
tri_mailbox_append(tri_actor *actor, tr_message *msg)
{
    tri_lane_append((msg->meta & TRI_MSG_HIGH) != 0 ? &actor->high : &actor->normal, msg);
}

// High before normal, but after HIGH_RUN of them in a row a normal one that waits has its turn.
bool
tri_mailbox_high_is_next(tri_actor *actor, bool has_high, bool has_normal)
{
    bool is_next = has_high && (actor->high_run < HIGH_RUN || !has_normal);
    actor->high_run = !is_next ? 0 : actor->high_run < HIGH_RUN ? actor->high_run + 1 : HIGH_RUN;
    return is_next;
}

void
tri_mailbox_taken_out(tri_actor *actor, tr_message *msg)
{
    if ((msg->meta & TRI_MSG_CHARGED) != 0) {
        msg->meta &= ~(uint64_t)TRI_MSG_CHARGED;
        tri_mailbox_discharge(actor, tri_message_charge_of(msg));
    }
    // A timer's message takes no room and waits uncounted: it is accepted when it is taken.
    if (TRI_UNLIKELY((msg->meta & (TRI_MSG_TIMER | TRI_MSG_ACCEPTED)) == TRI_MSG_TIMER)) {
        msg->meta |= TRI_MSG_ACCEPTED;
        tri_actor_count(actor, TRI_ACCEPTED);
    }
}

// How long handlers take of late: from one request that was begun to the next that had waited for
// it. Weighted, the newest a quarter.
static void
note_service(tri_cold *cold, const tr_message *msg, int64_t now_ns)
{
    bool has_waited = msg->sent_tick < (uint32_t)(cold->served_ns >> 20);
    if (cold->served_ns != 0 && has_waited) {
        cold->service_ns += (now_ns - cold->served_ns - cold->service_ns) / 4;
    }
    cold->served_ns = now_ns;
}

// In the mailbox of one that is asked for more than it can do, every request has waited for nearly
// all the time it had when its turn comes, and what is begun then ends too late: work in vain, at
// the cost of the next. Only one that has waited for nine tenths of its time is judged so, and what
// it is judged by fades, so that a wrong guess passes.
static bool
is_hopeless(tri_cold *cold, const tr_message *msg, int64_t left_ns, int64_t now_ns)
{
    int64_t waited_ns = (int64_t)((uint32_t)(now_ns >> 20) - msg->sent_tick) << 20;
    if (left_ns >= cold->service_ns + cold->service_ns / 2 || waited_ns < 9 * left_ns + 2000000) {
        return false;
    }
    cold->service_ns -= cold->service_ns / 64;
    return true;
}

bool
tri_mailbox_shed(tri_actor *actor, tr_message *msg)
{
    int64_t deadline = tri_message_deadline(msg);
    tri_worker *here = tri_actor_worker(actor);
    if (TRI_LIKELY(deadline == INT64_MAX)) {
        return false;
    }
    // The clock as a worker read it last may be older than the handlers that ran since.
    int64_t now_ns = here != NULL ? tri_worker_clock(here) : tri_clock_ns();
    bool is_in_time = deadline >= now_ns;
    bool is_handled = tri_actor_phase(actor) == TRI_PHASE_RUNNING;
    if (is_in_time && !(is_handled && is_hopeless(actor->cold, msg, deadline - now_ns, now_ns))) {
        if (is_handled) {
            note_service(actor->cold, msg, now_ns);
        }
        return false;
    }
    tri_settle(actor, TRI_EXPIRED);
    tri_call_fail(actor->rt, here, msg, TR_ETIMEOUT);
    return true;
}

tr_message *
tri_mailbox_pop(tri_actor *actor)
{
    bool has_high = actor->high.first != NULL;
    bool has_normal = actor->normal.first != NULL;
    bool high;
    if (TRI_UNLIKELY(actor->has_window)) {
        tr_message *msg = tri_window_pop(actor, has_normal);
        if (msg != NULL || !has_normal) {
            return msg;
        }
        high = false;
    } else {
        high = tri_mailbox_high_is_next(actor, has_high, has_normal);
    }
    tr_message *msg = tri_lane_pop(high ? &actor->high : &actor->normal);
    if (msg == NULL) {
        return NULL;
    }
    tri_mailbox_taken_out(actor, msg);
    return msg;
}

// ---- senders that wait for room

static tri_room *
room_of(tr_message *msg)
{
    return (tri_room *)(void *)msg->value;
}

static void
send_grant(tri_actor *actor, tr_message *msg, tr_err_t error)
{
    tri_worker *here = tri_actor_worker(actor);
    tri_room *room = room_of(msg);
    tri_actor *sender = tri_table_find(&actor->rt->table, msg->sender);
    room->is_granted = true;
    room->error = error;
    if (sender != NULL) {
        if (error == TR_OK && room->is_permit) {
            tri_mailbox_reserve(actor, room->space);
        }
        msg->parcel.type = &tri_system_types[TRI_SYSTEM_GRANT];
        tri_actor_post(here, sender, &msg->parcel, true);
        return;
    }
    // It has ended, and so its cancel is on the way or here: the grant has arrived nowhere.
    if (error == TR_OK) {
        room->error = TR_EDEAD;
        give_room(actor, room->space); // for the next in line: granting goes on
    }
    if (tri_is_second(&room->crossing)) {
        tri_destroy_message(actor->rt, here, msg);
    }
}

void
tri_mailbox_room_wanted(tri_actor *actor, tr_message *msg)
{
    tri_room *room = room_of(msg);
    bool is_here = tri_actor_is_open(actor) && tri_actor_ref(actor).raw == room->target.raw;
    if (!is_here || actor->is_down) {
        send_grant(actor, msg, is_here ? TR_EDOWN : TR_EDEAD);
        return;
    }
    room->link = (tri_list){NULL, NULL};
    tri_list_push_back(&actor->cold->rooms, &room->link);
    atomic_fetch_or_explicit(&actor->load, TRI_LOAD_CROWDED, memory_order_relaxed);
    tri_mailbox_grant(actor);
}

void
tri_mailbox_grant(tri_actor *actor)
{
    // A dead actor's load is settled by what is still on its way; nobody waits there.
    if (!tri_actor_is_open(actor)) {
        return;
    }
    tri_list *rooms = &actor->cold->rooms;
    for (tri_list *link = tri_list_first(rooms); link != NULL; link = tri_list_first(rooms)) {
        tri_room *room = TRI_CONTAINER(link, tri_room, link);
        tr_err_t err = take_room(actor, room->space, 0);
        if (err == TR_EFULL) {
            return;
        }
        tri_list_remove(link);
        send_grant(actor, tri_message_of(room), err);
    }
    atomic_fetch_and_explicit(&actor->load, ~TRI_LOAD_CROWDED, memory_order_relaxed);
}

void
tri_mailbox_refuse_rooms(tri_actor *actor, tr_err_t error)
{
    for (tri_list *link; (link = tri_list_pop_front(&actor->cold->rooms)) != NULL;) {
        send_grant(actor, tri_message_of(TRI_CONTAINER(link, tri_room, link)), error);
    }
    atomic_fetch_and_explicit(&actor->load, ~TRI_LOAD_CROWDED, memory_order_relaxed);
}

static bool
is_call(const tr_message *msg, void *arg)
{
    (void)arg;
    return (msg->meta & TRI_MSG_CALL) != 0;
}

static tr_message *
take_call(tri_actor *actor)
{
    tr_message *msg = tri_lane_take(&actor->high, is_call, NULL);
    if (msg == NULL) {
        msg = tri_lane_take(&actor->normal, is_call, NULL);
    }
    if (msg == NULL) {
        return actor->has_window ? tri_window_take(actor, is_call, NULL) : NULL;
    }
    tri_mailbox_taken_out(actor, msg);
    return msg;
}

void
tri_mailbox_turn_away(tri_actor *actor)
{
    tr_unstash_all(actor);
    tri_mailbox_refuse_rooms(actor, TR_EDOWN);
    for (tr_message *msg; (msg = take_call(actor)) != NULL;) {
        tri_settle(actor, TRI_DISCARDED);
        tri_call_fail(actor->rt, tri_actor_worker(actor), msg, TR_EDOWN);
    }
}

void
tri_mailbox_cancel_room(tr_runtime *rt, tri_worker *here, tr_message *msg)
{
    tri_room *room = room_of(msg);
    // By slot and not by address: whoever owns the slot now sorts it out.
    tri_actor *target = tri_table_at(&rt->table, (uint32_t)room->target.raw);
    tri_actor_post(here, target, &room->cancel, true);
}

void
tri_mailbox_room_canceled(tri_actor *actor, tri_parcel *cancel)
{
    tri_room *room = TRI_CONTAINER(cancel, tri_room, cancel);
    bool was_granted = room->is_granted;
    if (was_granted && !tri_is_second(&room->crossing)) {
        return; // the grant that is on its way ends it
    }
    if (was_granted && room->error == TR_OK) {
        if (room->is_permit) {
            tri_mailbox_unreserve(actor, room->space);
        }
        tri_mailbox_give_back(actor, room->space);
    }
    tri_list_remove(&room->link);
    tri_destroy_message(actor->rt, tri_actor_worker(actor), tri_message_of(room));
    if (!was_granted) {
        tri_mailbox_grant(actor); // those behind it may fit
    }
}

void
tri_mailbox_return_grant(tr_runtime *rt, tri_worker *here, tr_message *grant)
{
    tri_room *room = room_of(grant);
    if (!tri_is_second(&room->crossing)) {
        return; // the cancel that is on its way ends it
    }
    if (room->error != TR_OK) {
        tri_destroy_message(rt, here, grant);
        return;
    }
    // By slot and not by address: the room was taken from the slot, whoever lives there now.
    tri_actor *target = tri_table_at(&rt->table, (uint32_t)room->target.raw);
    grant->parcel.type = &tri_system_types[TRI_SYSTEM_GIVE_BACK];
    tri_actor_post(here, target, &grant->parcel, true);
}

// ---- the ledger of one mailbox

void
tri_ledger_clear(tri_actor *actor)
{
    for (int i = 0; i < TRI_LEDGER; i++) {
        TRI_SHOW(&actor->ledger[i], 0);
    }
}

void
tri_ledger_check(const tri_actor *actor)
{
    uint64_t received = TRI_PEEK(&actor->ledger[TRI_ACCEPTED]);
    uint64_t handled = TRI_PEEK(&actor->ledger[TRI_HANDLED]);
    uint64_t failed = TRI_PEEK(&actor->ledger[TRI_FAILED]);
    uint64_t expired = TRI_PEEK(&actor->ledger[TRI_EXPIRED]);
    uint64_t discarded = TRI_PEEK(&actor->ledger[TRI_DISCARDED]);
    TRI_ASSERT(received == handled + failed + expired + discarded,
               "slot %u, %llu received, %llu handled, %llu failed, %llu expired, %llu discarded",
               actor->slot, (unsigned long long)received, (unsigned long long)handled,
               (unsigned long long)failed, (unsigned long long)expired,
               (unsigned long long)discarded);
}
