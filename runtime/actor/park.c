#include "actor/park.h"

#include "actor/port.h"
#include "base/clock.h"

struct park {
    tri_wait wait;
    tri_parking *parkings;
    size_t count;
    tri_rng *fair; // decides where several are ready; NULL: the first of them
    size_t index;  // that is ready
};

// Of those that are ready each has the same chance: the n-th takes the place of the one chosen so
// far in one of n cases.
static bool
is_one_ready(struct park *park)
{
    uint32_t ready = 0;
    for (size_t i = 0; i < park->count; i++) {
        tri_parking *parking = &park->parkings[i];
        if (!parking->ops->is_ready(parking)) {
            continue;
        }
        ready++;
        if (ready == 1 || tri_rng_below(park->fair, ready) == 0) {
            park->index = i;
        }
        if (park->fair == NULL) {
            break;
        }
    }
    return ready != 0;
}

static void
enter_all(struct park *park, tri_actor *who)
{
    for (size_t i = 0; i < park->count; i++) {
        park->parkings[i].who = who;
        if (park->parkings[i].ops->enter != NULL) {
            park->parkings[i].ops->enter(&park->parkings[i]);
        }
    }
}

static void
leave_all(struct park *park)
{
    for (size_t i = 0; i < park->count; i++) {
        if (park->parkings[i].ops->leave != NULL) {
            park->parkings[i].ops->leave(&park->parkings[i]);
        }
    }
}

static bool
is_ready(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    return is_one_ready(TRI_CONTAINER(wait, struct park, wait));
}

static void
forsake(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    leave_all(TRI_CONTAINER(wait, struct park, wait));
}

static bool
edge(tri_wait *wait, size_t index, tri_edge_t *out)
{
    tri_parking *parking = TRI_CONTAINER(wait, struct park, wait)->parkings;
    return index == 0 && parking->ops->edge(parking, out);
}

static tr_err_t
park_actor(tri_actor *self, struct park *park, int64_t deadline_ns)
{
    park->wait.is_ready = is_ready;
    park->wait.forsake = forsake;
    for (size_t i = 0; i < park->count; i++) {
        park->wait.takes_mail = park->wait.takes_mail || park->parkings[i].ops->takes_mail;
    }
    if (park->count == 1 && park->parkings[0].ops->edge != NULL) {
        park->wait.edge = edge;
    }
    enter_all(park, self);
    const char *what = park->count == 1 ? park->parkings[0].ops->what : "select";
    tr_err_t err = tri_wait_for(self, &park->wait, what, deadline_ns);
    if (err == TR_OK) {
        leave_all(park);
    }
    return err;
}

static bool
is_thread_ready(void *park)
{
    return is_one_ready(park);
}

static tr_err_t
park_thread(tr_runtime *rt, struct park *park, int64_t deadline_ns)
{
    tri_port *port = tri_port_take(rt);
    if (port == NULL) {
        return TR_ENOMEM;
    }
    enter_all(park, tri_port_slot(port));
    tr_err_t err = tri_port_await_ready(rt, port, is_thread_ready, park, deadline_ns);
    leave_all(park);
    tri_port_give(rt, port);
    return err;
}

int64_t
tri_park_deadline(tri_actor *self, tr_duration_t timeout)
{
    return self != NULL ? tri_wait_deadline(self, timeout)
                        : tri_clock_after(tri_clock_ns(), timeout.ns);
}

tr_err_t
tri_park(tr_runtime *rt, tri_actor *self, tri_parking *parkings, size_t count, tri_rng *fair,
         int64_t deadline_ns, size_t *out_index)
{
    struct park park = {.parkings = parkings, .count = count, .fair = fair};
    tr_err_t err =
        self != NULL ? park_actor(self, &park, deadline_ns) : park_thread(rt, &park, deadline_ns);
    if (err == TR_OK) {
        *out_index = park.index;
    }
    return err;
}

tr_err_t
tri_park_for(tr_runtime *rt, tri_actor *self, const tri_parking_ops *ops, void *object,
             int64_t deadline_ns)
{
    size_t index;
    tri_parking parking = {.ops = ops, .object = object};
    return tri_park(rt, self, &parking, 1, NULL, deadline_ns, &index);
}
