// select_with_fallback.c: the first of two sources, or else what was known before.
//
//     build/examples/patterns/select_with_fallback
//
// Both stations are asked at once. tr_select waits for the first that has answered; the other is
// canceled, and a station that is canceled does not go on for nobody. When neither has answered in
// time, the desk says what it knows. A call that failed is done too: tr_first_ok passes over those.
//
// Prints:
//     near or far: 9 degrees
//     far or farther: 9 degrees, as of the last time (TR_ETIMEOUT)
#include <stdio.h>
#include <troupe/troupe.h>

#define STATION(F, T) F(T, i32, degrees) F(T, i64, takes_ms)
#define WEATHER(F, T) F(T, ref, one) F(T, ref, other)
#define READING(F, T) F(T, i32, degrees) F(T, i32, error)
TR_MESSAGE(station_opts, STATION); // the argument of its spawn
TR_MESSAGE(weather, WEATHER);
TR_MESSAGE(reading, READING); // `error`: why it is an old one
TR_MESSAGE_EMPTY(measure);

static tr_err_t
station_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(station_opts *)state = *(const station_opts *)arg;
    return TR_OK;
}

static tr_err_t
station_receive(tr_self *self, void *state, const tr_message *msg)
{
    const station_opts *s = state;
    if (tr_as(measure, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_sleep(self, tr_ms(s->takes_ms)); // TR_ECANCELED: nobody waits any more
    return err != TR_OK ? err : tr_reply(self, TR_MSG(reading, .degrees = s->degrees));
}

static const tr_behavior_t station = {
    .name = "station",
    .state_size = sizeof(station_opts),
    .start = station_start,
    .receive = station_receive,
};

static tr_err_t
ask_both(tr_self *self, const weather *w, const reading **out)
{
    tr_future *one = tr_call_begin(self, w->one, TR_MSG(measure), TR_FOREVER);
    tr_future *other = tr_call_begin(self, w->other, TR_MSG(measure), TR_FOREVER);
    tr_branch_t branches[] = {tr_when_done(one), tr_when_done(other)};
    size_t which;
    tr_err_t err = tr_select(self, branches, 2, tr_ms(500), &which);
    if (err != TR_OK) {
        tr_future_cancel(self, one);
        tr_future_cancel(self, other);
        return err;
    }
    tr_future_cancel(self, which == 0 ? other : one);
    return tr_future_await(self, which == 0 ? one : other, TR_REPLY(reading, out));
}

static tr_err_t
desk_receive(tr_self *self, void *state, const tr_message *msg)
{
    int32_t *last = state;
    const weather *w = tr_as(weather, msg);
    if (w == NULL) {
        return TR_EUNHANDLED;
    }
    const reading *r;
    tr_err_t err = ask_both(self, w, &r);
    if (err == TR_OK) {
        *last = r->degrees;
    }
    return tr_reply(self, TR_MSG(reading, .degrees = *last, .error = err));
}

static const tr_behavior_t desk = {
    .name = "desk",
    .state_size = sizeof(int32_t),
    .receive = desk_receive,
};

static tr_err_t
ask(tr_runtime *rt, tr_ref_t to, const char *what, tr_ref_t one, tr_ref_t other)
{
    const reading *r;
    tr_err_t err = tr_runtime_call(rt, to, TR_MSG(weather, .one = one, .other = other),
                                   TR_REPLY(reading, &r), tr_seconds(10));
    if (err == TR_OK) {
        printf("%s: %d degrees", what, (int)r->degrees);
        if (r->error != TR_OK) {
            printf(", as of the last time (%s)", tr_errname((tr_err_t)r->error));
        }
        puts("");
        tr_runtime_release(rt, r);
    }
    return err;
}

int
main(void)
{
    static const station_opts opts[] = {{9, 0}, {7, 60000}, {5, 60000}};
    tr_runtime *rt = NULL;
    tr_ref_t ref, stations[3]; // near, far, farther
    tr_err_t err = tr_runtime_create(NULL, &rt);
    for (int i = 0; i < 3 && err == TR_OK; i++) {
        tr_spawn_opts_t spawn = {.behavior = &station, .arg = &opts[i], .arg_size = sizeof opts[i]};
        err = tr_runtime_spawn(rt, &spawn, &stations[i]);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &desk}, &ref);
    }
    if (err == TR_OK) {
        err = ask(rt, ref, "near or far", stations[0], stations[1]);
    }
    if (err == TR_OK) {
        err = ask(rt, ref, "far or farther", stations[1], stations[2]);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
