// channel_model.c: runtime/actor/channel.c, a mailbox without an actor: who consumes it, who is
// woken, and how it closes.
//
// channel.c, mailbox.c, intake.c, actor.c and sync/mpsc.c themselves are compiled into this model.
// Receivers do what park.c and wait.c or port.c do (park_actor, tri_wait_for, rest; park_thread,
// tri_port_await_ready); senders what send.c does (tri_send_try, await_room, tri_send_deliver).
// Whoever wakes an actor or a port lets its own thread go on.
#include "channel_people.h"

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
    model_counts(&slot->task.worker, sizeof slot->task.worker);
}

static void
setup_bound(uint32_t count)
{
    static const char *const names[] = {"the first's slot", "the second's slot",
                                        "the third's slot"};
    static const char *const inboxes[] = {"the first's inbox", "the second's inbox",
                                          "the third's inbox"};
    blocks_used = 0;
    rt.channels = NULL;
    atomic_init(&rt.table.chunks[0], slots);
    model_name(&rt, sizeof rt, "the runtime");
    model_counts(&rt.outside, TRI_LEDGER * sizeof rt.outside.of[0]);
    for (unsigned i = 0; i < PEOPLE; i++) {
        setup_slot(i + 1, false, names[i], inboxes[i]);
        memset(&colds[i], 0, sizeof colds[i]);
        tri_list_init(&colds[i].channels);
        slots[i + 1].cold = &colds[i];
    }
    setup_slot(CHANNEL, true, "the channel's slot", "the channel's inbox");
    model_counts(&slots[CHANNEL].ledger, sizeof slots[CHANNEL].ledger);
    model_name(&slots[CHANNEL].load, sizeof slots[CHANNEL].load, "load");
    model_name(&slots[CHANNEL].parent, sizeof slots[CHANNEL].parent, "the consumer's name");
    memset(letters, 0, sizeof letters);
    memset(asks, 0, sizeof asks);
    memset(people, 0, sizeof people);
    memset(&baton, 0, sizeof baton);
    baton.parcel.type = &tri_system_types[TRI_SYSTEM_EXEC];
    baton.fn = take_baton;
    has_baton = false;
    tr_err_t err = tr_runtime_mpsc_create(&rt, &(tr_mpsc_opts_t){.count = count}, &tx, &rx);
    MODEL_CHECK(err == TR_OK, "no channel");
    channel = slots[CHANNEL].state;
    model_name(channel, sizeof *channel, "the channel");
    next_tx = NULL;
    next_rx = NULL;
}

// The first of them receives, in its turns.
static void
setup_owned(void)
{
    setup_bound(1);
    tri_channel_set_consumer(channel, slot_of(0));
}

static void
setup_wide(void)
{
    setup_bound(2);
    tri_channel_set_consumer(channel, slot_of(0));
}

static void
setup_outside(void)
{
    setup_bound(1);
    atomic_init(&slot_of(0)->phase, TRI_PHASE_PORT);
}

static void
setup_nobody(void)
{
    setup_bound(1);
    if (model_is_mutant("new-one-is-left-awake")) {
        (void)tri_inbox_take(&slots[CHANNEL].inbox);
    }
}

static uint64_t
load(void)
{
    return TRI_PEEK(&slots[CHANNEL].load);
}

static void
check_senders(void)
{
    for (unsigned i = 0; i < PEOPLE; i++) {
        MODEL_CHECK(!people[i].is_waiting, "person %u waits for room, for ever", i);
    }
    MODEL_CHECK(model_get(DESTROYED) == model_get(ASKED), "%d rooms asked for, %d destroyed",
                model_get(ASKED), model_get(DESTROYED));
    MODEL_CHECK((load() & TRI_LOAD_CROWDED) == 0, "it is crowded, and nobody waits");
}

static void
check_receivers(void)
{
    for (unsigned i = 0; i < PEOPLE; i++) {
        MODEL_CHECK(model_get(WAITS(i)) == 0, "person %u waits for a message, for ever", i);
    }
}

static void
check_settled(void)
{
    check_senders();
    check_receivers();
    MODEL_CHECK(model_get(SENT) == model_get(RECEIVED) + model_get(ENDED),
                "%d sent, %d received, %d ended", model_get(SENT), model_get(RECEIVED),
                model_get(ENDED));
    MODEL_CHECK(tri_load_count(load()) == 0 && tri_load_bytes(load()) == 0, "room for %u is lost",
                tri_load_count(load()));
    MODEL_CHECK(tri_inbox_is_asleep(&slots[CHANNEL].inbox), "the channel does not sleep");
}

// Two messages come through a bound of one.
static void
run_taking(unsigned thread)
{
    if (thread == 0) {
        receive(0);
        receive(0);
        idle(0);
    } else {
        send(1, 0);
        send(1, 1);
    }
}

static void
run_taking_from_two(unsigned thread)
{
    if (thread == 0) {
        receive(0);
        receive(0);
    } else {
        send(thread, 0);
    }
}

static void
run_taking_outside(unsigned thread)
{
    if (thread == 0) {
        receive_outside(0);
        receive_outside(0);
    } else {
        send(1, 0);
        send(1, 1);
    }
}

static void
finish_taking(bool all_ended)
{
    (void)all_ended;
    check_settled();
    MODEL_CHECK(model_get(RECEIVED) == 2, "%d received", model_get(RECEIVED));
}

// Its owner takes one if there is one, and has other things to do then: it sleeps, and the channel
// is deaf to messages. Who asks for room is heard.
static void
run_deaf(unsigned thread)
{
    if (thread == 0) {
        (void)take_now();
        idle(0);
    } else {
        send(1, 0);
        send(1, 1);
    }
}

static void
finish_deaf(bool all_ended)
{
    (void)all_ended;
    bool is_full = tri_load_count(load()) == 1;
    MODEL_CHECK(is_full || !people[1].is_waiting, "there is room, and who waits has not got it");
    MODEL_CHECK(model_get(RECEIVED) == 1 || tri_load_count(load()) == 1, "a message is lost");
}

// Its owner gives it away while somebody sends; the heir takes all.
static void
run_handing_over(unsigned thread)
{
    switch (thread) {
    case 0:
        leave();
        tri_actor_post(NULL, slot_of(1), &baton.parcel, true);
        break;
    case 1:
        await_baton(1);
        tri_channel_set_consumer(channel, slot_of(1));
        receive(1);
        receive(1);
        break;
    default:
        send(2, 0);
        send(2, 1);
        break;
    }
}

// The heir has other things to do: it does not receive, but room is given back.
static void
run_inheriting(unsigned thread)
{
    switch (thread) {
    case 0:
        (void)take_now();
        leave();
        tri_actor_post(NULL, slot_of(1), &baton.parcel, true);
        break;
    case 1:
        await_baton(1);
        tri_channel_set_consumer(channel, slot_of(1));
        idle(1);
        break;
    default:
        send(2, 0);
        send(2, 1);
        break;
    }
}

// The owner leaves, and nobody comes: who asks for room that there is gets it all the same.
static void
run_leaving(unsigned thread)
{
    if (thread == 0) {
        (void)take_now();
        leave();
    } else {
        send(1, 0);
        send(1, 1);
    }
}

// The owner takes it back from nobody, and waits.
static void
run_adopting(unsigned thread)
{
    if (thread == 0) {
        tri_channel_set_consumer(channel, slot_of(0));
        receive(0);
        receive(0);
    } else {
        send(1, 0);
        send(1, 1);
    }
}

static void
finish_inheriting(bool all_ended)
{
    (void)all_ended;
    bool is_full = tri_load_count(load()) == 1;
    for (unsigned i = 0; i < PEOPLE; i++) {
        MODEL_CHECK(is_full || !people[i].is_waiting, "there is room, and who waits has none");
    }
    MODEL_CHECK(model_get(RECEIVED) + (int)tri_load_count(load()) == model_get(SENT),
                "%d sent, %d received, %u there", model_get(SENT), model_get(RECEIVED),
                tri_load_count(load()));
}

// The receiver goes while others send and ask for room.
static void
run_closing(unsigned thread)
{
    if (thread == 0) {
        tr_mpsc_rx_close(rx);
    } else {
        send(thread, 0);
        send(thread, 1);
    }
}

static void
run_closing_on_two(unsigned thread)
{
    if (thread == 0) {
        tr_mpsc_rx_close(rx);
    } else {
        send(thread, 0);
    }
}

static void
finish_closing(bool all_ended)
{
    MODEL_CHECK(all_ended, "somebody waits, for ever");
    check_settled();
    MODEL_CHECK(model_get(RECEIVED) == 0, "received by nobody");
}

// The last sender goes while its owner begins to wait.
static void
run_shutting(unsigned thread)
{
    if (thread == 0) {
        receive_until_closed(0);
        idle(0);
    } else {
        send(1, 0);
        if (model_is_mutant("shut-does-not-nudge")) {
            tri_mailbox_shut(&slots[CHANNEL]);
        } else {
            tr_mpsc_tx_close(tx);
        }
    }
}

static void
finish_shutting(bool all_ended)
{
    (void)all_ended; // an actor is never over
    check_settled();
    MODEL_CHECK(model_get(HEARD_END) == 1, "the end was not heard of");
    MODEL_CHECK(model_get(RECEIVED) == 1, "%d received", model_get(RECEIVED));
}

// A receiver that does not wait shuts it: who waits for room hears of that.
static void
run_refusing(unsigned thread)
{
    if (thread == 0) {
        tr_mpsc_shut(rx);
    } else {
        send(1, 0);
        send(1, 1);
    }
}

static void
finish_refusing(bool all_ended)
{
    MODEL_CHECK(all_ended, "somebody waits, for ever");
    check_senders();
    MODEL_CHECK(tri_load_count(load()) == (uint32_t)model_get(SENT), "a message is lost");
    MODEL_CHECK(model_get(SENT) + model_get(REFUSED) == 2, "not everybody was answered");
}

// Both ends go, and the place is used again.
static void
run_reopening(unsigned thread)
{
    if (thread == 0) {
        tr_mpsc_rx_close(rx);
        tr_err_t err = tr_runtime_mpsc_create(&rt, NULL, &next_tx, &next_rx);
        MODEL_CHECK(err == TR_OK, "no channel");
    } else if (model_is_mutant("last-sender-shuts-late")) {
        pthread_mutex_lock(&channel->lock);
        bool is_last = tri_channel_ref(channel).raw == tr_mpsc_ref(tx).raw;
        channel->senders -= is_last;
        pthread_mutex_unlock(&channel->lock);
        if (is_last) {
            tri_channel_shut(channel, NULL);
        }
    } else {
        tr_mpsc_tx_close(tx);
    }
}

static void
finish_reopening(bool all_ended)
{
    MODEL_CHECK(all_ended, "somebody waits, for ever");
    MODEL_CHECK(!tr_mpsc_is_closed(next_tx), "the next channel is closed by the end of another");
}

static const char *const taking[] = {"owner", "sender", NULL};
static const char *const taking_from_two[] = {"owner", "sender a", "sender b", NULL};
static const char *const outside[] = {"thread", "sender", NULL};
static const char *const handing_over[] = {"owner", "heir", "sender", NULL};
static const char *const closing[] = {"receiver", "sender", NULL};
static const char *const closing_on_two[] = {"receiver", "sender a", "sender b", NULL};

static const model_scenario scenarios[] = {
    {"taking", taking, setup_owned, run_taking, finish_taking, NULL, 0},
    {"taking-from-two", taking_from_two, setup_owned, run_taking_from_two, finish_taking, NULL, 0},
    {"taking-outside", outside, setup_outside, run_taking_outside, finish_taking, NULL, 0},
    {"deaf", taking, setup_owned, run_deaf, finish_deaf, NULL, 0},
    {"handing-over", handing_over, setup_owned, run_handing_over, finish_taking, NULL, 0},
    {"inheriting", handing_over, setup_owned, run_inheriting, finish_inheriting, NULL, 0},
    {"leaving", taking, setup_owned, run_leaving, finish_inheriting, NULL, 0},
    {"adopting", taking, setup_nobody, run_adopting, finish_taking, NULL, 0},
    {"closing", closing, setup_owned, run_closing, finish_closing, NULL, 0},
    {"closing-on-two", closing_on_two, setup_owned, run_closing_on_two, finish_closing, NULL, 0},
    {"closing-outside", closing, setup_nobody, run_closing, finish_closing, NULL, 0},
    {"shutting", taking, setup_wide, run_shutting, finish_shutting, NULL, 0},
    {"refusing", closing, setup_nobody, run_refusing, finish_refusing, NULL, 0},
    {"reopening", closing, setup_nobody, run_reopening, finish_reopening, NULL, 0},
};

// ---- mutants

static bool
is_channels_sleep(const model_access *access)
{
    return access->kind == MODEL_CAS && strcmp(access->site, "tri_inbox_sleep") == 0 &&
           access->object == (const volatile void *)&slots[CHANNEL].inbox;
}

static void
sleeps_deaf(model_access *access)
{
    if (is_channels_sleep(access)) {
        access->operand |= TRI_INBOX_DEAF;
    }
}

static void
sleep_does_not_look(model_access *access)
{
    access->is_blind = is_channels_sleep(access);
}

static bool
note_lock(const char *what, const char *site)
{
    if (strcmp(what, "locks") == 0 && strcmp(site, "tri_channel_signal") == 0) {
        model_set(HAS_LOCKED(model_thread()), 1);
    }
    return false;
}

// Under the lock it takes the name that it has read before: nobody.
static void
signal_does_not_look_again(model_access *access)
{
    if (access->kind == MODEL_LOAD && strcmp(access->site, "tri_channel_signal") == 0 &&
        access->object == (const volatile void *)&slots[CHANNEL].parent &&
        model_get(HAS_LOCKED(access->thread)) != 0) {
        access->is_forged = true;
        access->operand = 0;
        model_set(HAS_LOCKED(access->thread), 0);
    }
}

static bool
signal_does_not_lock(const char *what, const char *site)
{
    return strcmp(what, "locks") == 0 && strcmp(site, "tri_channel_signal") == 0;
}

static bool
last_sender_does_not_lock(const char *what, const char *site)
{
    return strcmp(what, "locks") == 0 && strcmp(site, "tr_mpsc_tx_close") == 0;
}

static const model_mutant mutants[] = {
    {"sleeps-deaf-while-awaited", "taking", sleeps_deaf, NULL},
    {"sleep-does-not-look", "taking", sleep_does_not_look, NULL},
    {"leaving-does-not-look", "leaving", NULL, NULL},
    {"signal-does-not-look-again", "adopting", signal_does_not_look_again, note_lock},
    {"signal-does-not-lock", "leaving", NULL, signal_does_not_lock},
    {"close-stays-deaf", "closing", sleeps_deaf, NULL},
    {"shut-does-not-nudge", "shutting", NULL, NULL},
    {"new-one-is-left-awake", "refusing", NULL, NULL},
    {"last-sender-shuts-late", "reopening", NULL, NULL},
    {"last-sender-does-not-lock", "reopening", NULL, last_sender_does_not_lock},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
