#include "hub.h"

#include "glob.h"
#include "heap.h"
#include "table.h"

#include "troupe/call.h"
#include "troupe/topic.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TOPIC_TIMEOUT_S     5
#define TOPIC_MAILBOX_COUNT 8 // the hub calls, so there is one at a time
#define TOPIC_MAILBOX_BYTES (2u * 1024 * 1024)
#define SHOWN_NAME          48

typedef struct hub_topic hub_topic;

struct hub_topic {
    tr_ref_t actor;
    uint32_t seats;
    bool is_pattern;
    bool is_lost;         // its actor has ended by itself: it is in no table, and in no list
    hub_topic *next;      // of the patterns
    hub_topic **previous; // where the pointer to it is
    size_t name_size;
    char name[];
};

// A subscription of one guest.
typedef struct hub_seat hub_seat;

struct hub_seat {
    hub_topic *topic;
    hub_seat *next; // of the same guest
};

// A connection that has subscribed some time. We watch it: its seats end with it, however it ends.
typedef struct hub_guest {
    tr_ref_t actor;
    hub_seat *seats;
} hub_guest;

typedef struct hub {
    heap_t heap;     // good during the handler in progress, so each one renews it
    table topics[2]; // by name, to a pointer: channels, patterns
    table guests;    // by address, to a pointer
    hub_topic *patterns;
} hub;

static tr_err_t
hub_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    hub *h = state;
    h->heap = heap_of_life(self);
    table_init(&h->topics[0], &h->heap, hash_seed_random());
    table_init(&h->topics[1], &h->heap, hash_seed_random());
    table_init(&h->guests, &h->heap, hash_seed_random());
    return TR_OK;
}

// ---- tables of pointers -------------------------------------------------------------------------

static void *
find(table *t, tr_str_t key)
{
    tr_bytes_t bytes = {0};
    void *pointer = NULL;
    if (table_peek(t, key, 0, &bytes) == TABLE_STRING) {
        memcpy(&pointer, bytes.data, sizeof pointer);
    }
    return pointer;
}

static tr_err_t
enter(table *t, tr_str_t key, void *pointer)
{
    return table_set(t, key, tr_bytes(&pointer, sizeof(void *)), TABLE_NEVER, 0);
}

// ---- topics -------------------------------------------------------------------------------------

static tr_str_t
name_of(const hub_topic *topic)
{
    return tr_str_n(topic->name, topic->name_size);
}

// Nobody finds it any more.
static void
unlist(hub *h, hub_topic *topic)
{
    (void)table_delete(&h->topics[topic->is_pattern], name_of(topic), 0);
    if (topic->is_pattern) {
        *topic->previous = topic->next;
        if (topic->next != NULL) {
            topic->next->previous = topic->previous;
        }
    }
}

// Its actor has ended, which is nobody's doing: those who have a seat hear of it from their
// readers, the next who comes gets a new one.
static void
lose(hub *h, hub_topic *topic)
{
    unlist(h, topic);
    topic->is_lost = true;
}

static void
end_if_empty(tr_self *self, hub *h, hub_topic *topic)
{
    if (topic->seats > 0) {
        return;
    }
    if (!topic->is_lost) {
        unlist(h, topic);
        (void)!tr_stop(self, topic->actor);
    }
    heap_free(&h->heap, topic);
}

static tr_err_t
spawn_topic(tr_self *self, hub_topic *topic)
{
    // For people to read: bytes of any kind are in the name itself.
    char name[SHOWN_NAME + 16];
    int size = snprintf(name, sizeof name, topic->is_pattern ? "pattern:" : "channel:");
    for (size_t i = 0; i < topic->name_size && i < SHOWN_NAME; i++) {
        unsigned char c = (unsigned char)topic->name[i];
        name[size++] = c < 0x80 && isprint(c) ? (char)c : '?';
    }
    name[size] = '\0';
    tr_broadcast_opts_t kept = {.count = HUB_KEPT_COUNT, .bytes = HUB_KEPT_BYTES};
    return tr_spawn(self,
                    &(tr_spawn_opts_t){
                        .behavior = &tr_topic_behavior,
                        .name = name,
                        .arg = &kept,
                        .arg_size = sizeof kept,
                        .mailbox_count = TOPIC_MAILBOX_COUNT,
                        .mailbox_bytes = TOPIC_MAILBOX_BYTES,
                        .place = TR_PLACE_NEAR, // we wait for it at each message
                    },
                    &topic->actor);
}

static tr_err_t
add_topic(tr_self *self, hub *h, const hub_join *join, hub_topic **out)
{
    hub_topic *topic = heap_alloc(&h->heap, sizeof *topic + join->name.size);
    if (topic == NULL) {
        return TR_ENOMEM;
    }
    *topic = (hub_topic){.is_pattern = join->is_pattern, .name_size = join->name.size};
    if (join->name.size > 0) {
        memcpy(topic->name, join->name.data, join->name.size);
    }
    tr_err_t err = enter(&h->topics[topic->is_pattern], name_of(topic), topic);
    if (err == TR_OK) {
        err = spawn_topic(self, topic);
        if (err != TR_OK) {
            (void)table_delete(&h->topics[topic->is_pattern], name_of(topic), 0);
        }
    }
    if (err != TR_OK) {
        heap_free(&h->heap, topic);
        return err;
    }
    if (topic->is_pattern) {
        topic->next = h->patterns;
        topic->previous = &h->patterns;
        if (topic->next != NULL) {
            topic->next->previous = &topic->next;
        }
        h->patterns = topic;
    }
    *out = topic;
    return TR_OK;
}

// ---- guests -------------------------------------------------------------------------------------

static tr_str_t
key_of(const tr_ref_t *actor)
{
    return tr_str_n((const char *)actor, sizeof *actor);
}

static tr_err_t
greet(tr_self *self, hub *h, tr_ref_t actor, hub_guest **out)
{
    hub_guest *guest = find(&h->guests, key_of(&actor));
    if (guest != NULL) {
        *out = guest;
        return TR_OK;
    }
    guest = heap_alloc(&h->heap, sizeof *guest);
    if (guest == NULL) {
        return TR_ENOMEM;
    }
    *guest = (hub_guest){.actor = actor};
    tr_monitor_t monitor;
    tr_err_t err = enter(&h->guests, key_of(&actor), guest);
    if (err == TR_OK) {
        err = tr_monitor(self, actor, &monitor);
        if (err != TR_OK) {
            (void)table_delete(&h->guests, key_of(&actor), 0);
        }
    }
    if (err != TR_OK) {
        heap_free(&h->heap, guest);
        return err;
    }
    *out = guest;
    return TR_OK;
}

static void
free_seat(tr_self *self, hub *h, hub_seat **at)
{
    hub_seat *seat = *at;
    hub_topic *topic = seat->topic;
    *at = seat->next;
    heap_free(&h->heap, seat);
    topic->seats--;
    end_if_empty(self, h, topic);
}

// The last message from a guest.
static void
say_goodbye(tr_self *self, hub *h, tr_ref_t actor)
{
    hub_guest *guest = find(&h->guests, key_of(&actor));
    if (guest == NULL) {
        return;
    }
    while (guest->seats != NULL) {
        free_seat(self, h, &guest->seats);
    }
    (void)table_delete(&h->guests, key_of(&actor), 0);
    heap_free(&h->heap, guest);
}

static void
leave(tr_self *self, hub *h, tr_ref_t actor, const hub_leave *leaving)
{
    hub_guest *guest = find(&h->guests, key_of(&actor));
    if (guest == NULL) {
        return; // it joined in an earlier life of ours
    }
    for (hub_seat **at = &guest->seats; *at != NULL; at = &(*at)->next) {
        const hub_topic *topic = (*at)->topic;
        if (topic->is_pattern == leaving->is_pattern &&
            tr_str_equal(name_of(topic), leaving->name)) {
            free_seat(self, h, at);
            return;
        }
    }
}

// ---- subscribing --------------------------------------------------------------------------------

// A reader at the topic of this name, a new one if need be. One whose actor has ended is met here.
static tr_err_t
subscribe(tr_self *self, hub *h, const hub_join *join, hub_topic **out_topic,
          tr_broadcast_rx **out_rx)
{
    hub_topic *topic = find(&h->topics[join->is_pattern], join->name);
    if (topic != NULL) {
        *out_topic = topic;
        tr_err_t err = tr_topic_subscribe(self, topic->actor, tr_seconds(TOPIC_TIMEOUT_S), out_rx);
        if (err != TR_EDEAD) {
            return err;
        }
        lose(h, topic);
    }
    tr_err_t err = add_topic(self, h, join, &topic);
    if (err != TR_OK) {
        return err;
    }
    err = tr_topic_subscribe(self, topic->actor, tr_seconds(TOPIC_TIMEOUT_S), out_rx);
    if (err != TR_OK) {
        end_if_empty(self, h, topic);
        return err;
    }
    *out_topic = topic;
    return TR_OK;
}

// The reader exists before anything else is handled, so no message is published in between and the
// topic cannot end.
static tr_err_t
handle_join(tr_self *self, hub *h, tr_ref_t actor, const hub_join *join)
{
    hub_guest *guest = NULL;
    hub_topic *topic = NULL;
    tr_broadcast_rx *rx = NULL;
    hub_seat *seat = heap_alloc(&h->heap, sizeof *seat);
    tr_err_t err = seat != NULL ? greet(self, h, actor, &guest) : TR_ENOMEM;
    if (err == TR_OK) {
        err = subscribe(self, h, join, &topic, &rx);
    }
    if (err != TR_OK) {
        heap_free(&h->heap, seat);
        return tr_reply_error(self, err);
    }
    *seat = (hub_seat){.topic = topic, .next = guest->seats};
    guest->seats = seat;
    topic->seats++;
    err = tr_reply(self, TR_MSG(tr_topic_reader, .rx = rx));
    if (err != TR_OK) {
        tr_broadcast_rx_close(rx);
        free_seat(self, h, &guest->seats);
        return tr_reply_error(self, err);
    }
    return TR_OK;
}

// ---- publishing ---------------------------------------------------------------------------------

static tr_err_t
publish_at(tr_self *self, hub *h, hub_topic *topic, const tr_message *msg, uint32_t *readers)
{
    const tr_topic_published *answer = NULL;
    tr_err_t err = tr_call(self, topic->actor, tr_message_type(msg), tr_message_value(msg),
                           TR_REPLY(tr_topic_published, &answer), tr_seconds(TOPIC_TIMEOUT_S));
    if (err == TR_EDEAD) {
        lose(h, topic);
        return TR_OK;
    }
    if (err == TR_OK) {
        *readers += answer->readers;
        tr_release(self, answer);
    }
    return err;
}

static tr_err_t
handle_news(tr_self *self, hub *h, const hub_news *news, const tr_message *msg)
{
    uint32_t readers = 0;
    tr_err_t err = TR_OK;
    hub_topic *topic = find(&h->topics[0], news->channel);
    if (topic != NULL) {
        err = publish_at(self, h, topic, msg, &readers);
    }
    for (hub_topic *next = h->patterns; err == TR_OK && next != NULL;) {
        topic = next;
        next = topic->next;
        if (glob_matches(name_of(topic), news->channel)) {
            err = publish_at(self, h, topic, msg, &readers);
        }
    }
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_topic_published, .readers = readers))
                        : tr_reply_error(self, err);
}

// ---- messages -----------------------------------------------------------------------------------

static tr_err_t
handle(tr_self *self, hub *h, const tr_message *msg)
{
    const hub_news *news = tr_as(hub_news, msg);
    if (news != NULL) {
        return handle_news(self, h, news, msg);
    }
    const hub_join *join = tr_as(hub_join, msg);
    if (join != NULL) {
        return handle_join(self, h, tr_message_sender(msg), join);
    }
    const hub_leave *leaving = tr_as(hub_leave, msg);
    if (leaving != NULL) {
        leave(self, h, tr_message_sender(msg), leaving);
        return TR_OK;
    }
    const tr_down *down = tr_as(tr_down, msg);
    if (down != NULL) {
        say_goodbye(self, h, down->actor);
        return TR_OK;
    }
    if (tr_as(tr_child_exit, msg) != NULL) {
        return TR_OK; // one that we have not stopped answers TR_EDEAD when we need it next
    }
    if (tr_as(hub_count, msg) != NULL) {
        size_t topics = h->topics[0].count + h->topics[1].count;
        return tr_reply(self, TR_MSG(hub_counted, .topics = (uint32_t)topics));
    }
    if (tr_as(hub_crash, msg) != NULL) {
        tr_fail(self, TR_EFAULT, "asked to crash");
    }
    return TR_EUNHANDLED;
}

static tr_err_t
hub_receive(tr_self *self, void *state, const tr_message *msg)
{
    hub *h = state;
    h->heap = heap_of_life(self);
    tr_err_t err = handle(self, h, msg);
    // Without memory for an answer its caller hears that there is none; everyone else goes on.
    return err == TR_ENOMEM ? tr_reply_error(self, err) : err;
}

const tr_behavior_t hub_behavior = {
    .name = "hub",
    .state_size = sizeof(struct hub),
    .start = hub_start,
    .receive = hub_receive,
};
