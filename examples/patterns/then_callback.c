// then_callback.c: a dashboard that shows what it knows while it asks for more.
//
//     build/examples/patterns/then_callback
//
// A handler that waits takes no other message. One that says tr_call_then does not wait: it
// returns, the actor is open to the next message, and a function runs between two of them when the
// answer is there, or the error. Several may be under way, so what the function needs to know of
// its own call is in `arg`; here that is the room asked for, which is part of the state and lives
// as long.
//
// Prints:
//     kitchen: asking; cellar: TR_EDEAD
//     kitchen: 21 degrees; cellar: TR_EDEAD
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define DEGREES(F, T) F(T, i32, degrees)
TR_MESSAGE(reading, DEGREES);
TR_MESSAGE_EMPTY(measure);
TR_MESSAGE_EMPTY(warm_up); // a sensor measures nothing before
TR_MESSAGE_EMPTY(refresh);
TR_MESSAGE_EMPTY(show);

// ---- the dashboard

struct room {
    const char *name;
    tr_ref_t sensor;
    bool is_asking;
    tr_err_t err;
    int32_t degrees;
};

static tr_err_t
on_measured(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    (void)self;
    (void)state;
    struct room *r = arg;
    const reading *now = err == TR_OK ? tr_as(reading, answer) : NULL;
    r->is_asking = false;
    r->err = err == TR_OK && now == NULL ? TR_ETYPE : err;
    r->degrees = now != NULL ? now->degrees : 0;
    return TR_OK;
}

static tr_err_t
dashboard_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    struct room *rooms = state;
    rooms[0] = (struct room){.name = "kitchen", .sensor = *(const tr_ref_t *)arg};
    rooms[1] = (struct room){.name = "cellar", .sensor = TR_REF_NONE}; // was never built in
    return TR_OK;
}

static tr_err_t
dashboard_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct room *rooms = state;
    if (tr_as(refresh, msg) != NULL) {
        tr_err_t err = TR_OK;
        for (int i = 0; i < 2 && err == TR_OK; i++) {
            err = tr_call_then(self, rooms[i].sensor, TR_MSG(measure), tr_seconds(5), on_measured,
                               &rooms[i]);
            rooms[i].is_asking = err == TR_OK; // on_measured runs later, never in the call
        }
        return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
    }
    if (tr_as(show, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    for (int i = 0; i < 2; i++) {
        printf("%s: ", rooms[i].name);
        if (rooms[i].is_asking || rooms[i].err != TR_OK) {
            fputs(rooms[i].is_asking ? "asking" : tr_errname(rooms[i].err), stdout);
        } else {
            printf("%" PRId32 " degrees", rooms[i].degrees);
        }
        fputs(i == 0 ? "; " : "\n", stdout);
    }
    return tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t dashboard = {
    .name = "dashboard",
    .state_size = 2 * sizeof(struct room),
    .start = dashboard_start,
    .receive = dashboard_receive,
};

// ---- a sensor

static tr_err_t
sensor_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const tr_message *warm;
    if (tr_as(measure, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_receive(self, TR_TYPES(warm_up), &warm, TR_FOREVER);
    err = err == TR_OK ? tr_reply(self, TR_MSG(reading, .degrees = 21)) : err;
    return err == TR_OK ? tr_reply_to(self, warm, TR_MSG(tr_done)) : err;
}

static const tr_behavior_t sensor = {.name = "sensor", .receive = sensor_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref, kitchen;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &sensor}, &kitchen);
    }
    if (err == TR_OK) {
        tr_spawn_opts_t opts = {
            .behavior = &dashboard, .arg = &kitchen, .arg_size = sizeof kitchen};
        err = tr_runtime_spawn(rt, &opts, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(refresh), TR_REPLY_NONE, tr_seconds(5));
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(show), TR_REPLY_NONE, tr_seconds(5));
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, kitchen, TR_MSG(warm_up), TR_REPLY_NONE, tr_seconds(5));
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(show), TR_REPLY_NONE, tr_seconds(5));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
