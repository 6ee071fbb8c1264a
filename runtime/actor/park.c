#include "actor/park.h"

#include "actor/port.h"
#include "base/clock.h"

static bool
is_ready(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    tri_parking *parking = TRI_CONTAINER(wait, tri_parking, wait);
    return parking->is_ready(parking);
}

static void
forsake(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    tri_parking *parking = TRI_CONTAINER(wait, tri_parking, wait);
    parking->leave(parking);
}

static tr_err_t
park_actor(tri_actor *self, tri_parking *parking, const char *what, tr_duration_t timeout)
{
    parking->wait.is_ready = is_ready;
    parking->wait.forsake = forsake;
    parking->who = self;
    parking->enter(parking);
    tr_err_t err = tri_wait_for(self, &parking->wait, what, tri_wait_deadline(self, timeout));
    if (err == TR_OK) {
        parking->leave(parking);
    }
    return err;
}

static bool
is_thread_ready(void *arg)
{
    tri_parking *parking = arg;
    return parking->is_ready(parking);
}

static tr_err_t
park_thread(tr_runtime *rt, tri_parking *parking, tr_duration_t timeout)
{
    tri_port *port = tri_port_take(rt);
    if (port == NULL) {
        return TR_ENOMEM;
    }
    parking->who = tri_port_slot(port);
    parking->enter(parking);
    tr_err_t err = tri_port_await_ready(rt, port, is_thread_ready, parking,
                                        tri_clock_after(tri_clock_ns(), timeout.ns));
    parking->leave(parking);
    tri_port_give(rt, port);
    return err;
}

tr_err_t
tri_park(tr_runtime *rt, tri_actor *self, tri_parking *parking, const char *what,
         tr_duration_t timeout)
{
    return self != NULL ? park_actor(self, parking, what, timeout)
                        : park_thread(rt, parking, timeout);
}
