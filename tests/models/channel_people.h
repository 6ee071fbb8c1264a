// channel_people.h: what channel_model.c stands on, and those who receive and send in it.
#ifndef MODEL_CHANNEL_PEOPLE_H
#define MODEL_CHANNEL_PEOPLE_H

#include "model.h"

#include "troupe/mpsc.h"

#include "actor/call.h"
#include "actor/cancel.h"
#include "actor/channel.h"
#include "actor/deadlock.h"
#include "actor/life.h"
#include "actor/mailbox.h"
#include "actor/monitor.h"
#include "actor/notice.h"
#include "actor/port.h"
#include "actor/resource.h"
#include "actor/scope.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "actor/window.h"
#include "base/clock.h"
#include "base/memory.h"

#include <stdalign.h>
#include <string.h>

#define PEOPLE      3            // threads, each with a slot: number 1 …
#define CHANNEL     (PEOPLE + 1) // the channel's slot; slot 0 is nobody
#define MESSAGES    2            // of each
#define CHARGE      (tri_message_charge(0))
#define VALUE_BYTES sizeof(tri_room)
#define IS_GONE     0xdeadu
#define BLOCKS      6
#define BLOCK_BYTES 1024

// The scenario's own words; from IS_AWAKE on, one for each of the people.
enum { SENT, RECEIVED, ENDED, REFUSED, ASKED, DESTROYED, HEARD_END, IS_AWAKE };
#define AWAKE(person)      (IS_AWAKE + (person))
#define WAITS(person)      (IS_AWAKE + PEOPLE + (person))
#define HAS_LOCKED(person) (IS_AWAKE + 2 * PEOPLE + (person))

static tr_runtime rt;
static tri_actor slots[CHANNEL + 1];
static tri_cold colds[PEOPLE];
static alignas(16) unsigned char memory[BLOCKS][BLOCK_BYTES];
static unsigned blocks_used;
static alignas(16) unsigned char letters[PEOPLE][MESSAGES][sizeof(tr_message) + VALUE_BYTES];
static alignas(16) unsigned char asks[PEOPLE][MESSAGES][sizeof(tr_message) + VALUE_BYTES];
static tri_exec baton; // who gets it adopts the channel
static tri_channel *channel;
static tr_mpsc_tx *tx;
static tr_mpsc_rx *rx;
static tr_mpsc_tx *next_tx;
static tr_mpsc_rx *next_rx;
static bool has_baton; // the heir's

static struct {
    bool is_waiting; // for room
    tr_err_t answer;
} people[PEOPLE];

static const tr_type_t letter_type = {.name = "letter"};

static tri_actor *
slot_of(unsigned person)
{
    return &slots[person + 1];
}

// ---- what they stand on

int64_t
tri_clock_ns(void)
{
    return 0;
}

void *
tri_zalloc(size_t size)
{
    MODEL_CHECK(size <= BLOCK_BYTES && blocks_used < BLOCKS, "no memory");
    return memset(memory[blocks_used++], 0, BLOCK_BYTES);
}

// Not used again: who looks at it still is seen, see tri_message_destroy.
void
tri_free(void *block)
{
    (void)block;
}

char *
tri_strdup(const char *text)
{
    (void)text;
    return NULL;
}

void
tri_log(tr_runtime *runtime, tr_log_level_t level, const char *format, ...)
{
    (void)runtime;
    (void)level;
    (void)format;
}

tri_actor *
tri_table_take_fresh(tri_table *table, tr_runtime *runtime)
{
    (void)table;
    slots[CHANNEL].rt = runtime;
    bool is_ours = tri_inbox_claim(&slots[CHANNEL].inbox);
    MODEL_CHECK(is_ours, "the slot is used twice");
    return &slots[CHANNEL];
}

uint32_t
tri_table_slots(const tri_table *table)
{
    (void)table;
    return CHANNEL + 1;
}

void
tri_message_destroy(tri_pool *pool, tri_depot *depot, tr_message *msg)
{
    (void)pool;
    (void)depot;
    MODEL_CHECK(msg->meta != IS_GONE, "a room is destroyed twice");
    // Written, so that somebody who looks at it still races with this.
    volatile unsigned char *byte = (volatile unsigned char *)msg;
    for (size_t i = 0; i < sizeof *msg + sizeof(tri_room); i++) {
        byte[i] = 0;
    }
    msg->meta = IS_GONE;
    model_set(DESTROYED, model_get(DESTROYED) + 1);
}

void
tri_call_fail(tr_runtime *runtime, tri_worker *here, tr_message *msg, tr_err_t error)
{
    (void)runtime;
    (void)here;
    (void)error;
    MODEL_CHECK(msg->meta != IS_GONE, "a message ends twice");
    msg->meta = IS_GONE;
    model_set(ENDED, model_get(ENDED) + 1);
}

uint64_t
tri_parts_bytes_walk(const tr_type_t *type, const void *value)
{
    (void)type;
    (void)value;
    return 0;
}

static void
wake(tri_actor *slot)
{
    model_step(slot, "wakes", NULL, NULL);
    model_set(AWAKE((unsigned)(slot - slots) - 1), 1);
}

void
tri_worker_schedule(tri_worker *here, tri_task *task)
{
    (void)here;
    wake(TRI_CONTAINER(task, tri_actor, task));
}

void
tri_port_signal(tri_actor *slot)
{
    wake(slot);
}

// What the intake hands on, of which there is nothing here.

bool
tri_request_answer(tri_actor *actor, tr_message *answer)
{
    (void)actor;
    (void)answer;
    model_fail("nobody asked");
}

void
tri_monitor_begin(tri_actor *target, tri_parcel *parcel)
{
    (void)target;
    (void)parcel;
}

void
tri_cancel_take(tri_actor *actor, tr_message *cancel)
{
    (void)actor;
    (void)cancel;
    model_fail("nobody asked");
}

void
tri_cancel_follow(tri_actor *actor, tr_message *delegated)
{
    (void)actor;
    (void)delegated;
    model_fail("nobody asked");
}

void
tri_life_report_held(tri_actor *actor)
{
    (void)actor;
    model_fail("nobody asked");
}

void
tr_unstash_all(tr_self *self)
{
    (void)self;
    model_fail("nobody asked");
}

tr_message *
tri_window_take(tri_actor *actor, bool (*is_wanted)(const tr_message *msg, void *arg), void *arg)
{
    (void)actor;
    (void)is_wanted;
    (void)arg;
    model_fail("nobody asked");
}

void
tri_deadlock_answer(tri_actor *actor)
{
    (void)actor;
    model_fail("nobody asked");
}

void
tri_deadlock_take(tri_actor *actor, tr_message *msg)
{
    (void)actor;
    (void)msg;
    model_fail("nobody asked");
}

void
tri_scope_take_cancel(tri_actor *actor, tr_message *cancel)
{
    (void)actor;
    (void)cancel;
    model_fail("nobody asked");
}

void
tri_notice_append(tri_actor *actor, tri_parcel *parcel)
{
    (void)actor;
    (void)parcel;
    model_fail("there is no notice");
}

void
tri_monitor_end(tri_actor *target, tri_parcel *parcel)
{
    (void)target;
    (void)parcel;
}

bool
tri_monitor_is_wanted(tri_actor *watcher, tri_parcel *parcel)
{
    (void)watcher;
    (void)parcel;
    return false;
}

void
tri_monitor_tell_watchers(tri_actor *actor)
{
    (void)actor;
}

void
tri_scope_interrupt(tri_actor *actor, tr_err_t result)
{
    (void)actor;
    (void)result;
}

void
tri_life_begin_again(tri_actor *actor)
{
    (void)actor;
}

void
tri_life_finish(tri_actor *actor)
{
    (void)actor;
}

void
tri_resource_attach(tri_actor *actor, tri_resource *resource,
                    void (*release)(tri_resource *resource, tri_actor *owner))
{
    (void)actor;
    (void)resource;
    (void)release;
}

void
tri_resource_detach(tri_resource *resource)
{
    (void)resource;
}

tr_err_t
tri_window_open(tri_actor *actor)
{
    (void)actor;
    model_fail("there is no window");
}

tr_message *
tri_window_pop(tri_actor *actor, bool has_own)
{
    (void)actor;
    (void)has_own;
    model_fail("there is no window");
}

bool
tri_window_is_empty(const tri_actor *actor)
{
    (void)actor;
    model_fail("there is no window");
}

int64_t
tri_worker_clock(tri_worker *worker)
{
    (void)worker;
    return 0;
}

// ---- receivers

static unsigned
is_awake(void *arg)
{
    return model_get(AWAKE(*(unsigned *)arg)) != 0;
}

static void
sleep_on(unsigned self, bool is_deaf)
{
    if (tri_inbox_sleep(&slot_of(self)->inbox, is_deaf)) {
        model_step(slot_of(self), "sleeps", is_awake, &self);
        model_set(AWAKE(self), 0);
    }
}

// A message, or the end.
static bool
take_now(void)
{
    tr_message *msg = tri_channel_take(channel, NULL);
    if (msg != NULL) {
        MODEL_CHECK(msg->meta != IS_GONE && msg->size == 0, "the message is there, and ended");
        msg->meta = IS_GONE;
        model_set(RECEIVED, model_get(RECEIVED) + 1);
        return true;
    }
    if (tri_channel_is_drained(channel)) {
        model_set(HEARD_END, 1);
        return true;
    }
    return false;
}

static bool
is_ready(void)
{
    return tri_channel_has_mail(channel, NULL) || tri_channel_is_drained(channel);
}

// tr_mpsc_recv of an actor.
static void
receive(unsigned self)
{
    model_set(WAITS(self), 1);
    while (!take_now()) {
        channel->is_awaited = true;
        while (!is_ready()) {
            sleep_on(self, true);
            tri_actor_intake(slot_of(self));
        }
        channel->is_awaited = false;
    }
    model_set(WAITS(self), 0);
}

static bool
take_now_outside(void)
{
    tri_channel_hold(channel);
    bool is_over = take_now();
    tri_channel_set_consumer(channel, NULL);
    return is_over;
}

// The same of a thread outside.
static void
receive_outside(unsigned self)
{
    model_set(WAITS(self), 1);
    while (!take_now_outside()) {
        tri_channel_set_consumer(channel, slot_of(self));
        channel->is_awaited = true;
        for (;;) {
            (void)tri_inbox_take(&slot_of(self)->inbox); // nudges only
            if (is_ready()) {
                break;
            }
            sleep_on(self, false);
        }
        channel->is_awaited = false;
        tri_channel_set_consumer(channel, NULL);
    }
    model_set(WAITS(self), 0);
}

static void
receive_until_closed(unsigned self)
{
    while (model_get(HEARD_END) == 0) {
        receive(self);
    }
}

// An actor without work: it sees to its channels when it is woken.
static void
idle(unsigned self)
{
    for (;;) {
        tri_actor_intake(slot_of(self));
        sleep_on(self, false);
    }
}

static void
take_baton(tri_exec *exec, tri_actor *actor)
{
    (void)exec;
    (void)actor;
    has_baton = true;
}

// What tri_channel_set_consumer does but for that.
static void
leave_without_a_look(void)
{
    pthread_mutex_lock(&channel->lock);
    tri_list_remove(&channel->at_owner);
    TRI_SHOW(&channel->slot->parent, 0);
    channel->is_awaited = false;
    pthread_mutex_unlock(&channel->lock);
}

static void
leave(void)
{
    if (model_is_mutant("leaving-does-not-look")) {
        leave_without_a_look();
    } else {
        tri_channel_set_consumer(channel, NULL);
    }
}

static void
await_baton(unsigned self)
{
    while (!has_baton) {
        tri_actor_intake(slot_of(self));
        if (!has_baton) {
            sleep_on(self, false);
        }
    }
}

// ---- senders

static tr_err_t
wait_for_room(unsigned self)
{
    for (;;) {
        tri_mail *mail = tri_inbox_take(&slot_of(self)->inbox);
        if (mail != NULL) {
            tr_message *grant = TRI_CONTAINER(mail, tr_message, parcel.mail);
            people[self].is_waiting = false;
            people[self].answer = ((const tri_room *)(const void *)grant->value)->error;
            tri_message_destroy(NULL, NULL, grant);
            return people[self].answer;
        }
        sleep_on(self, true);
    }
}

static tr_err_t
ask_for_room(unsigned self, unsigned number)
{
    tr_message *ask = (tr_message *)(void *)asks[self][number];
    ask->parcel.type = &tri_system_types[TRI_SYSTEM_ROOM];
    ask->sender = tri_actor_ref(slot_of(self));
    *(tri_room *)(void *)ask->value =
        (tri_room){.target = {(uint64_t)1 << 32 | CHANNEL},
                   .space = {1, CHARGE},
                   .cancel.type = &tri_system_types[TRI_SYSTEM_CANCEL_ROOM]};
    model_set(ASKED, model_get(ASKED) + 1);
    people[self].is_waiting = true;
    tri_actor_post(NULL, &slots[CHANNEL], &ask->parcel, true);
    return wait_for_room(self);
}

static void
send(unsigned self, unsigned number)
{
    tri_actor *slot = &slots[CHANNEL];
    tr_message *msg = (tr_message *)(void *)letters[self][number];
    msg->parcel.type = &letter_type;
    msg->generation = 1;
    tr_err_t err = TR_EDEAD;
    if (TRI_PEEK(&slot->generation) == 1) { // tri_table_find
        err = tri_mailbox_admit(slot, tri_space_for(CHARGE));
    }
    if (err == TR_EFULL) {
        err = ask_for_room(self, number);
    }
    if (err != TR_OK) {
        model_set(REFUSED, model_get(REFUSED) + 1);
        return;
    }
    msg->meta |= TRI_MSG_CHARGED;
    model_set(SENT, model_get(SENT) + 1);
    tri_actor_post(NULL, slot, &msg->parcel, false);
}

#endif
