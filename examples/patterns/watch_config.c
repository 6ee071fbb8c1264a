// watch_config.c: settings that change while those who follow them are at work.
//
//     build/examples/patterns/watch_config
//
// A watch holds one value, the newest. Each gate has a reader and looks at it when it needs to: no
// question and no answer, and nobody to wait for. What the value was in between is not kept, and a
// gate that was not looking sees the latest. One that has nothing else to do would sleep in
// tr_watch_await_change, or have the change as one of its branches in a select.
//
// Prints:
//     north: a ticket costs 10
//     north: a ticket costs 12 (changed)
//     south: a ticket costs 12 (changed)
//     south: a ticket costs 12
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define SETTINGS(F, T) F(T, u32, price)
#define FOLLOW(F, T)   F(T, local(tr_watch_rx), settings)
TR_MESSAGE(settings, SETTINGS);
TR_MESSAGE(follow, FOLLOW);
TR_MESSAGE_EMPTY(sell);
TR_MESSAGE_EMPTY(open_park);

struct gate {
    const char *name;
    tr_watch_rx *settings;
};

static tr_err_t
gate_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(struct gate *)state = (struct gate){.name = arg};
    return TR_OK;
}

static tr_err_t
gate_sell(tr_self *self, const struct gate *g)
{
    const tr_message *now;
    bool has_changed = tr_watch_has_changed(g->settings);
    tr_err_t err = tr_watch_get(self, g->settings, &now); // never waits; a copy for this handler
    if (err != TR_OK) {
        return err;
    }
    printf("%s: a ticket costs %" PRIu32 "%s\n", g->name, tr_as(settings, now)->price,
           has_changed ? " (changed)" : "");
    return tr_reply(self, TR_MSG(tr_done));
}

static tr_err_t
gate_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct gate *g = state;
    if (tr_as(follow, msg) != NULL) {
        g->settings = tr_take(self, msg, follow, settings);
        return TR_OK;
    }
    return tr_as(sell, msg) != NULL ? gate_sell(self, g) : TR_EUNHANDLED;
}

static const tr_behavior_t gate = {
    .name = "gate",
    .state_size = sizeof(struct gate),
    .start = gate_start,
    .receive = gate_receive,
};

static tr_err_t
open_gate(tr_self *self, tr_watch_tx *office, const char *name, tr_ref_t *out)
{
    tr_watch_rx *reader;
    tr_spawn_opts_t opts = {.behavior = &gate, .arg = name, .arg_size = strlen(name) + 1};
    tr_err_t err = tr_spawn(self, &opts, out);
    if (err == TR_OK) {
        err = tr_watch_subscribe(self, office, &reader);
    }
    return err == TR_OK ? tr_send(self, *out, TR_MSG(follow, .settings = reader)) : err; // it moves
}

static tr_err_t
sell_at(tr_self *self, tr_ref_t to)
{
    return tr_call(self, to, TR_MSG(sell), TR_REPLY_NONE, tr_seconds(5));
}

static tr_err_t
office_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_ref_t north, south;
    tr_watch_tx *office;
    if (tr_as(open_park, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_watch_create(self, TR_MSG(settings, .price = 10), &office, NULL);
    err = err == TR_OK ? open_gate(self, office, "north", &north) : err;
    err = err == TR_OK ? open_gate(self, office, "south", &south) : err;
    err = err == TR_OK ? sell_at(self, north) : err;
    err = err == TR_OK ? tr_watch_send(self, office, TR_MSG(settings, .price = 11)) : err;
    err = err == TR_OK ? tr_watch_send(self, office, TR_MSG(settings, .price = 12)) : err;
    err = err == TR_OK ? sell_at(self, north) : err;
    err = err == TR_OK ? sell_at(self, south) : err;
    err = err == TR_OK ? sell_at(self, south) : err;
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : err;
}

static const tr_behavior_t office = {.name = "office", .receive = office_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &office}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(open_park), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
