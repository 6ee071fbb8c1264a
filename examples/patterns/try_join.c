// try_join.c: a hotel and a flight, or neither.
//
//     build/examples/patterns/try_join
//
// tr_try_join waits until both have succeeded, or one has failed. Then the other is canceled: the
// hotel, which was about to look for a room for a minute, gets TR_ECANCELED from the wait it is in,
// takes back what it has begun, and is free for the next guest.
//
// Prints:
//     the trip: TR_EFULL
//     the hotel: 0 rooms taken, 1 given back
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define TRIP(F, T)  F(T, ref, hotel) F(T, ref, airline)
#define ROOMS(F, T) F(T, u32, taken) F(T, u32, given_back)
TR_MESSAGE(trip, TRIP);
TR_MESSAGE(rooms, ROOMS);
TR_MESSAGE_EMPTY(room_get);
TR_MESSAGE_EMPTY(seat_get);
TR_MESSAGE_EMPTY(rooms_get);

static tr_err_t
hotel_receive(tr_self *self, void *state, const tr_message *msg)
{
    rooms *r = state;
    if (tr_as(room_get, msg) != NULL) {
        r->taken++;
        tr_err_t err = tr_sleep(self, tr_seconds(60)); // the key is made, the bed too
        if (err != TR_OK) {
            r->taken--;
            r->given_back++;
            return err; // TR_ECANCELED of a request is its caller's affair: the hotel lives on
        }
        return tr_reply(self, TR_MSG(tr_done));
    }
    if (tr_as(rooms_get, msg) != NULL) {
        return tr_reply(self, &rooms_type, r);
    }
    return TR_EUNHANDLED;
}

static tr_err_t
airline_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(seat_get, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_sleep(self, tr_ms(100));
    return err != TR_OK ? err : tr_reply_error(self, TR_EFULL);
}

static tr_err_t
agent_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const trip *t = tr_as(trip, msg);
    if (t == NULL) {
        return TR_EUNHANDLED;
    }
    tr_future *both[] = {
        tr_call_begin(self, t->hotel, TR_MSG(room_get), TR_FOREVER),
        tr_call_begin(self, t->airline, TR_MSG(seat_get), TR_FOREVER),
    };
    tr_err_t err = tr_try_join(self, both, 2);
    if (err != TR_OK) {
        return tr_reply_error(self, err); // both futures are gone
    }
    err = tr_future_await(self, both[0], TR_REPLY_NONE);
    if (err == TR_OK) {
        err = tr_future_await(self, both[1], TR_REPLY_NONE);
    }
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t behaviors[] = {
    {.name = "agent", .receive = agent_receive},
    {.name = "hotel", .state_size = sizeof(rooms), .receive = hotel_receive},
    {.name = "airline", .receive = airline_receive},
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t refs[3]; // agent, hotel, airline
    // One worker: the hotel has begun by the time the airline has slept.
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.workers = 1}, &rt);
    for (int i = 0; i < 3 && err == TR_OK; i++) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &behaviors[i]}, &refs[i]);
    }
    if (err == TR_OK) {
        tr_err_t booked =
            tr_runtime_call(rt, refs[0], TR_MSG(trip, .hotel = refs[1], .airline = refs[2]),
                            TR_REPLY_NONE, tr_seconds(10));
        printf("the trip: %s\n", tr_errname(booked));
        const rooms *r;
        err = tr_runtime_call(rt, refs[1], TR_MSG(rooms_get), TR_REPLY(rooms, &r), tr_seconds(10));
        if (err == TR_OK) {
            printf("the hotel: %" PRIu32 " rooms taken, %" PRIu32 " given back\n", r->taken,
                   r->given_back);
            tr_runtime_release(rt, r);
        }
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
