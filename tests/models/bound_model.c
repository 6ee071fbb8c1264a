// bound_model.c: runtime/actor/mailbox.c, a bound that is strict and senders that wait for room.
//
// mailbox.c and actor.c themselves are compiled into this model. Senders do what send.c and wait.c
// do (tri_send_admit, await_room, on_deadline): they take room or ask for it, wait deaf for the
// grant in their own inbox, and may give up; what their slots do afterwards is take_grant of
// intake.c. The target does what intake.c and turn.c do with a mailbox; whoever wakes it runs it,
// at once. A slot's turns are on its own thread, as an actor's are on its worker.
#include "model.h"

#include "actor/mailbox.h"
#include "actor/channel.h"
#include "actor/port.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/window.h"
#include "base/clock.h"

#include <stdalign.h>
#include <string.h>

#define SENDERS     3
#define MESSAGES    2             // of each
#define TARGET      (SENDERS + 1) // slot 0 is nobody
#define CHARGE      (tri_message_charge(0))
#define VALUE_BYTES sizeof(tri_room)
#define IS_GONE     0xdeadu

// The scenario's own words; the last two of each sender.
enum { HELD, WAITS, SENT, REFUSED, GAVE_UP, HANDLED, ASKED, DESTROYED, IN_ROOM_WANTED, IS_AWAKE };
#define AWAKE(sender)     (IS_AWAKE + (sender))
#define HAS_ASKED(sender) (IS_AWAKE + SENDERS + (sender))

static tr_runtime rt;
static tri_actor slots[SENDERS + 2]; // of the senders, from 1, and of the target
static tri_cold cold;
static uint32_t bound;
static unsigned impatient; // senders that may give up, a bit for each
static bool may_end;       // and end then
static bool target_dies;
static alignas(16) unsigned char blocks[SENDERS][MESSAGES][sizeof(tr_message) + VALUE_BYTES];
static alignas(16) unsigned char asks[SENDERS][MESSAGES][sizeof(tr_message) + VALUE_BYTES];

// A sender's own, of the owner of its slot.
static struct {
    bool is_waiting;
    uint32_t request;
    tr_err_t answer;
    tr_message *ask;
} senders[SENDERS];

static const tr_type_t letter_type = {.name = "letter"};

static tri_actor *
slot_of(unsigned sender)
{
    return &slots[sender + 1];
}

// ---- what mailbox.c stands on

int64_t
tri_clock_ns(void)
{
    return 0;
}

void
tri_message_destroy(tri_pool *pool, tri_depot *depot, tr_message *msg)
{
    (void)pool;
    (void)depot;
    MODEL_CHECK(msg->meta != IS_GONE, "a room is destroyed twice");
    // All of it is written: nobody may be looking at it any more. Volatile, or it becomes a memset,
    // which race.c does not see.
    volatile unsigned char *byte = (volatile unsigned char *)msg;
    for (size_t i = 0; i < sizeof *msg + sizeof(tri_room); i++) {
        byte[i] = 0;
    }
    msg->meta = IS_GONE;
    model_set(DESTROYED, model_get(DESTROYED) + 1);
}

void
tri_port_signal(tri_actor *slot)
{
    (void)slot;
    model_fail("there is no port");
}

uint64_t
tri_parts_bytes_walk(const tr_type_t *type, const void *value)
{
    (void)type;
    (void)value;
    return 0;
}

void
tri_channel_signal(tri_worker *here, tri_actor *slot)
{
    (void)here;
    (void)slot;
    model_fail("there is no channel");
}

tr_message *
tri_window_pop(tri_actor *actor, bool has_own)
{
    (void)actor;
    (void)has_own;
    model_fail("there is no window");
}

static void take_target_turn(void);

// Whoever woke an actor sees to it that it runs.
void
tri_worker_schedule(tri_worker *here, tri_task *task)
{
    (void)here;
    tri_actor *actor = TRI_CONTAINER(task, tri_actor, task);
    if (actor == &slots[TARGET]) {
        take_target_turn();
    } else {
        model_step(actor, "wakes a sender", NULL, NULL);
        model_set(AWAKE((unsigned)(actor - slots) - 1), 1);
    }
}

// ---- the target

static void
is_let_in(void)
{
    model_set(HELD, model_get(HELD) + 1);
    MODEL_CHECK(model_get(HELD) <= (int)bound, "%d messages under a bound of %u", model_get(HELD),
                bound);
}

static bool
nobody_waits(void)
{
    return model_peek(&cold.rooms.next) == &cold.rooms;
}

static void
room_wanted(tr_message *ask)
{
    if (nobody_waits()) {
        model_set(WAITS, 0);
    }
    model_set(IN_ROOM_WANTED, 1);
    tri_mailbox_room_wanted(&slots[TARGET], ask);
    model_set(IN_ROOM_WANTED, 0);
    model_set(WAITS, !nobody_waits());
}

static bool
is_dead(const tr_message *msg)
{
    return tri_actor_phase(&slots[TARGET]) == TRI_PHASE_DEAD ||
           msg->generation != TRI_PEEK(&slots[TARGET].generation);
}

static void
take_in(tri_parcel *parcel)
{
    tri_actor *target = &slots[TARGET];
    tr_message *msg = tri_message_from(parcel); // but for a cancel
    if (parcel->type == &tri_system_types[TRI_SYSTEM_CANCEL_ROOM]) {
        tri_mailbox_room_canceled(target, parcel);
    } else if (msg->parcel.type == &tri_system_types[TRI_SYSTEM_ROOM]) {
        room_wanted(msg);
    } else if (msg->parcel.type == &tri_system_types[TRI_SYSTEM_GIVE_BACK]) {
        if (!model_is_mutant("give-back-is-forgotten")) {
            tri_mailbox_discharge(target, CHARGE);
        }
        tri_message_destroy(NULL, NULL, msg);
    } else if (is_dead(msg)) {
        model_set(HELD, model_get(HELD) - 1);
        tri_mailbox_discharge(target, CHARGE);
        model_set(HANDLED, model_get(HANDLED) + 1);
    } else {
        tri_mailbox_append(target, msg);
    }
}

static void
take_in_all(void)
{
    tri_mail *mail = tri_inbox_take(&slots[TARGET].inbox);
    while (mail != NULL) {
        tri_mail *next = mail->next;
        take_in(TRI_CONTAINER(mail, tri_parcel, mail));
        mail = next;
    }
}

static bool
handle_next(void)
{
    tri_actor *target = &slots[TARGET];
    if (target->normal.first == NULL) {
        return false;
    }
    model_set(HELD, model_get(HELD) - 1); // before its room is given back
    tr_message *msg = tri_mailbox_pop(target);
    MODEL_CHECK(msg != NULL && msg->size == 0, "the message is there, its contents are not");
    model_set(HANDLED, model_get(HANDLED) + 1);
    return true;
}

// As tri_life_finish does with the mailbox.
static void
die(void)
{
    tri_actor *target = &slots[TARGET];
    TRI_SHOW(&target->generation, TRI_PEEK(&target->generation) + 1);
    tri_mailbox_refuse_rooms(target, TR_EDEAD);
    TRI_SHOW(&target->phase, TRI_PHASE_DEAD);
    while (handle_next()) {
    }
}

static void
take_target_turn(void)
{
    tri_actor *target = &slots[TARGET];
    model_note("runs the target");
    do {
        take_in_all();
        while (handle_next()) {
            if (target_dies && tri_actor_phase(target) != TRI_PHASE_DEAD) {
                die();
            }
        }
    } while (!tri_inbox_sleep(&target->inbox, false));
}

// ---- the senders

// The owner of a sender's slot takes what is there.
static void
take_grants(unsigned self)
{
    tri_mail *mail = tri_inbox_take(&slot_of(self)->inbox);
    while (mail != NULL) {
        tri_mail *next = mail->next;
        tr_message *grant = TRI_CONTAINER(mail, tr_message, parcel.mail);
        const tri_room *room = (const tri_room *)(const void *)grant->value;
        if (senders[self].is_waiting && grant->request == senders[self].request) {
            senders[self].is_waiting = false;
            senders[self].answer = room->error;
            if (room->error == TR_OK) {
                is_let_in();
            }
            tri_message_destroy(NULL, NULL, grant);
        } else if (model_is_mutant("late-grant-is-destroyed")) {
            tri_message_destroy(NULL, NULL, grant);
        } else {
            tri_mailbox_return_grant(&rt, NULL, grant);
        }
        mail = next;
    }
}

static unsigned
is_awake(void *arg)
{
    return model_get(AWAKE(*(unsigned *)arg)) != 0;
}

static unsigned
is_awake_or_tired(void *arg)
{
    return is_awake(arg) | ((impatient >> *(unsigned *)arg & 1u) << 1);
}

// The handler is suspended until its request is answered; TR_ETIMEOUT: it has given up.
static tr_err_t
wait_for_room(unsigned self)
{
    tri_actor *slot = slot_of(self);
    for (;;) {
        take_grants(self);
        if (!senders[self].is_waiting) {
            return senders[self].answer;
        }
        if (!tri_inbox_sleep(&slot->inbox, true)) {
            continue;
        }
        unsigned way = model_step(slot, "waits for room", is_awake_or_tired, &self);
        if (way == 1) {
            // The deadline, on this thread too: the request is gone, and the actor will look.
            model_note("gives up");
            senders[self].is_waiting = false;
            senders[self].answer = TR_ETIMEOUT;
            if (!model_is_mutant("cancel-is-forgotten")) {
                tri_mailbox_cancel_room(&rt, NULL, senders[self].ask);
            }
            tri_actor_nudge(NULL, slot);
            model_step(slot, "goes on", is_awake, &self);
        }
        model_set(AWAKE(self), 0);
    }
}

// The mutant's: without a look at who waits.
static tr_err_t
admit_anyone(tri_actor *target)
{
    uint64_t load = atomic_load_explicit(&target->load, memory_order_relaxed);
    do {
        if (tri_load_count(load) >= bound) {
            return TR_EFULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(
        &target->load, &load, load + ((uint64_t)1 << TRI_LOAD_COUNT_SHIFT) + CHARGE,
        memory_order_relaxed, memory_order_relaxed));
    return TR_OK;
}

static tr_err_t
ask_for_room(unsigned self, unsigned number)
{
    tr_message *ask = (tr_message *)(void *)asks[self][number];
    ask->parcel.type = &tri_system_types[TRI_SYSTEM_ROOM];
    ask->sender = tri_actor_ref(slot_of(self));
    ask->request = ++senders[self].request;
    *(tri_room *)(void *)ask->value =
        (tri_room){.target = {(uint64_t)1 << 32 | TARGET},
                   .space = {1, CHARGE},
                   .cancel.type = &tri_system_types[TRI_SYSTEM_CANCEL_ROOM]};
    senders[self].ask = ask;
    model_set(ASKED, model_get(ASKED) + 1);
    model_set(HAS_ASKED(self), 1);
    senders[self].is_waiting = true;
    tri_actor_post(NULL, &slots[TARGET], &ask->parcel, true);
    return wait_for_room(self);
}

static void
send(unsigned self, unsigned number)
{
    tri_actor *target = &slots[TARGET];
    tr_message *msg = (tr_message *)(void *)blocks[self][number];
    msg->parcel.type = &letter_type;
    msg->generation = 1;
    msg->size = 0;
    tr_err_t err = model_is_mutant("admit-ignores-who-waits")
                       ? admit_anyone(target)
                       : tri_mailbox_admit(target, tri_space_for(CHARGE));
    if (err == TR_OK) {
        MODEL_CHECK(nobody_waits() || model_get(WAITS) == 0, "slips in before who waits");
        is_let_in();
    } else {
        MODEL_CHECK(err == TR_EFULL, "a small message is too large");
        err = ask_for_room(self, number);
    }
    if (err != TR_OK) {
        model_set(err == TR_EDEAD ? REFUSED : GAVE_UP, 1);
        if (may_end) {
            model_note("ends");
            TRI_SHOW(&slot_of(self)->generation, 2); // nobody finds it any more
        }
        return;
    }
    msg->meta |= TRI_MSG_CHARGED;
    model_set(SENT, model_get(SENT) + 1);
    tri_actor_post(NULL, target, &msg->parcel, false);
}

// The handler is over: the slot rests, and takes what comes late.
static void
rest(unsigned self)
{
    if (model_get(HAS_ASKED(self)) == 0) {
        return; // nobody knows it
    }
    for (;;) {
        take_grants(self);
        if (tri_inbox_sleep(&slot_of(self)->inbox, false)) {
            model_step(slot_of(self), "is woken again", is_awake, &self);
            model_set(AWAKE(self), 0);
        }
    }
}

// ---- scenarios

static const char *const inbox_flags[] = {"asleep", "deaf", "nudged"};

static void
setup_slot(unsigned number, bool asleep, const char *name, const char *inbox_name)
{
    tri_actor *slot = &slots[number];
    memset(slot, 0, sizeof *slot);
    tri_inbox_init(&slot->inbox, asleep);
    atomic_init(&slot->generation, 1);
    atomic_init(&slot->phase, TRI_PHASE_RUNNING);
    slot->slot = number;
    slot->rt = &rt;
    model_name(slot, sizeof *slot, name);
    model_name(&slot->inbox, sizeof slot->inbox, inbox_name);
    model_flags(&slot->inbox, inbox_flags);
}

static void
setup_bound(uint32_t count)
{
    static const char *const slot_names[] = {"a's slot", "b's slot", "c's slot"};
    static const char *const inbox_names[] = {"a's inbox", "b's inbox", "c's inbox"};
    static const char *const message_names[] = {"a's message", "b's message", "c's message"};
    static const char *const ask_names[] = {"a's room", "b's room", "c's room"};
    atomic_init(&rt.table.chunks[0], slots);
    model_name(&rt, sizeof rt, "the runtime");
    for (unsigned i = 0; i < SENDERS; i++) {
        setup_slot(i + 1, false, slot_names[i], inbox_names[i]);
    }
    setup_slot(TARGET, true, "the target", "the target's inbox");
    tri_actor *target = &slots[TARGET];
    tri_list_init(&cold.rooms);
    target->cold = &cold;
    atomic_init(&target->bound_count, count);
    atomic_init(&target->bound_bytes, 1000 * CHARGE);
    model_name(&target->load, sizeof target->load, "load");
    model_name(&cold, sizeof cold, "the list of rooms");
    memset(blocks, 0, sizeof blocks);
    memset(asks, 0, sizeof asks);
    memset(senders, 0, sizeof senders);
    for (unsigned i = 0; i < SENDERS; i++) {
        model_name(blocks[i], sizeof blocks[i], message_names[i]);
        model_name(asks[i], sizeof asks[i], ask_names[i]);
    }
    bound = count;
    impatient = 0;
    may_end = false;
    target_dies = false;
}

static void
setup_one(void)
{
    setup_bound(1);
}

static void
setup_two(void)
{
    setup_bound(2);
}

static void
setup_giving_up(void)
{
    setup_bound(1);
    impatient = 1; // sender a
}

static void
setup_dying(void)
{
    setup_bound(1);
    target_dies = true;
}

static void
run_one_each(unsigned thread)
{
    send(thread, 0);
    rest(thread);
}

static void
run_two_each(unsigned thread)
{
    send(thread, 0);
    send(thread, 1);
    rest(thread);
}

// The first sends once and the second twice.
static void
run_one_and_two(unsigned thread)
{
    send(thread, 0);
    if (thread == 1) {
        send(thread, 1);
    }
    rest(thread);
}

// Nobody moves: the senders have got through, were refused or gave up, and all slots rest.
static void
finish(bool all_ended)
{
    const tri_actor *target = &slots[TARGET];
    (void)all_ended; // a slot that rests waits for ever
    for (unsigned i = 0; i < SENDERS; i++) {
        MODEL_CHECK(!senders[i].is_waiting, "sender %u waits for room, for ever", i);
    }
    uint64_t load = TRI_PEEK(&target->load);
    MODEL_CHECK(model_get(HANDLED) == model_get(SENT), "%d messages handled of %d",
                model_get(HANDLED), model_get(SENT));
    MODEL_CHECK(tri_load_count(load) == 0 && tri_load_bytes(load) == 0, "room for %u is lost",
                tri_load_count(load));
    MODEL_CHECK(model_get(DESTROYED) == model_get(ASKED), "%d rooms asked for, %d destroyed",
                model_get(ASKED), model_get(DESTROYED));
    MODEL_CHECK((load & TRI_LOAD_CROWDED) == 0, "it is crowded, and nobody waits");
    MODEL_CHECK(tri_inbox_is_asleep(&target->inbox), "the target does not sleep");
    MODEL_CHECK(impatient != 0 || model_get(GAVE_UP) == 0, "a sender gave up");
    MODEL_CHECK(target_dies || model_get(REFUSED) == 0, "a sender was refused");
}

static void
setup_two_giving_up(void)
{
    setup_bound(1);
    impatient = 3;
}

static void
setup_ending(void)
{
    setup_giving_up();
    may_end = true;
}

static const char *const two[] = {"sender a", "sender b", NULL};
static const char *const three[] = {"sender a", "sender b", "sender c", NULL};

static const model_scenario scenarios[] = {
    {"racing", two, setup_one, run_one_each, finish, "take_room", 1},
    {"two-under-one", two, setup_one, run_two_each, finish, NULL, 0},
    {"three-under-one", three, setup_one, run_one_each, finish, NULL, 0},
    {"three-under-two", three, setup_two, run_one_each, finish, NULL, 0},
    {"one-gives-up", two, setup_giving_up, run_one_and_two, finish, NULL, 0},
    {"giving-up", three, setup_giving_up, run_one_each, finish, NULL, 0},
    {"both-giving-up", two, setup_two_giving_up, run_one_each, finish, NULL, 0},
    {"ending", two, setup_ending, run_one_and_two, finish, NULL, 0},
    {"dying", three, setup_dying, run_one_each, finish, NULL, 0},
};

// ---- mutants

static bool
is_at(const model_access *access, const char *site, model_kind_t kind)
{
    return access->kind == kind && strcmp(access->site, site) == 0;
}

static void
room_wanted_is_not_marked(model_access *access)
{
    access->is_dropped = is_at(access, "tri_mailbox_room_wanted", MODEL_RMW);
}

static bool
is_load(const model_access *access)
{
    return access->object == (const volatile void *)&slots[TARGET].load;
}

// The asker finds nobody who looks whether there is room already.
static void
room_wanted_does_not_look(model_access *access)
{
    if (is_load(access) && is_at(access, "take_room", MODEL_LOAD) &&
        model_get(IN_ROOM_WANTED) != 0) {
        access->is_forged = true;
        access->operand = (uint64_t)bound << TRI_LOAD_COUNT_SHIFT;
    }
}

static void
grant_is_not_charged(model_access *access)
{
    if (is_at(access, "take_room", MODEL_CAS) && (access->expected & TRI_LOAD_CROWDED) != 0) {
        access->operand = access->expected;
    }
}

static void
admit_does_not_look_again(model_access *access)
{
    access->is_blind = is_at(access, "take_room", MODEL_CAS);
}

static void
crowded_is_never_over(model_access *access)
{
    access->is_dropped = is_at(access, "tri_mailbox_grant", MODEL_RMW);
}

static void
crossing_does_not_order(model_access *access)
{
    model_weaken(access, "tri_is_second", MODEL_RMW, memory_order_acq_rel, memory_order_relaxed);
}

static void
post_does_not_release(model_access *access)
{
    model_weaken(access, "tri_inbox_publish", MODEL_CAS, memory_order_acq_rel,
                 memory_order_acquire);
}

static const model_mutant mutants[] = {
    {"admit-ignores-who-waits", "three-under-one", NULL, NULL},
    {"admit-does-not-look-again", "racing", admit_does_not_look_again, NULL},
    {"grant-is-not-charged", "three-under-one", grant_is_not_charged, NULL},
    {"room-wanted-is-not-marked", "three-under-one", room_wanted_is_not_marked, NULL},
    {"room-wanted-does-not-look", "two-under-one", room_wanted_does_not_look, NULL},
    {"crowded-is-never-over", "two-under-one", crowded_is_never_over, NULL},
    {"late-grant-is-destroyed", "one-gives-up", NULL, NULL},
    {"give-back-is-forgotten", "one-gives-up", NULL, NULL},
    {"cancel-is-forgotten", "one-gives-up", NULL, NULL},
    {"crossing-does-not-order", "one-gives-up", crossing_does_not_order, NULL},
    {"post-does-not-release", "two-under-one", post_does_not_release, NULL},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
