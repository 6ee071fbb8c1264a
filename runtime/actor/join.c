// join.c: waiting for several futures.
#include "actor/future.h"
#include "actor/runtime.h"

static void
cancel_all(tr_self *self, tr_future *const *futures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tr_future_cancel(self, futures[i]);
    }
}

// ---- a wait for several

struct join {
    tri_wait wait;
    tr_future *const *futures;
    size_t count;
    bool ends_with_success; // one that succeeds is enough; else one that fails is
    size_t decisive;        // which that was; `count`: none, all are done
    size_t last;            // the last one to be done
};

// When it was done, among the others. One that is NULL never began: before all.
static uint64_t
order_of(const tr_future *future)
{
    return future != NULL ? future->request.order : 0;
}

// Over when one decides, the first that did so, or all are done.
static bool
is_over(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    struct join *join = TRI_CONTAINER(wait, struct join, wait);
    tr_future *const *futures = join->futures;
    bool are_all_done = true;
    join->decisive = join->count;
    for (size_t i = 0; i < join->count; i++) {
        if (!tr_future_is_done(futures[i])) {
            are_all_done = false;
            continue;
        }
        if (order_of(futures[i]) >= order_of(futures[join->last])) {
            join->last = i;
        }
        bool decides = (tri_future_error(futures[i]) == TR_OK) == join->ends_with_success;
        bool is_first = join->decisive == join->count ||
                        order_of(futures[i]) < order_of(futures[join->decisive]);
        if (decides && is_first) {
            join->decisive = i;
        }
    }
    return are_all_done || join->decisive != join->count;
}

// Each that is open must come. Where one success is enough, so may any other that is open.
static bool
edge(tri_wait *wait, size_t index, tri_edge_t *out)
{
    struct join *join = TRI_CONTAINER(wait, struct join, wait);
    size_t open = 0;
    for (size_t i = 0; i < join->count; i++) {
        if (tr_future_is_done(join->futures[i])) {
            continue;
        }
        if (open++ == index) {
            *out = tri_request_edge(&join->futures[i]->request);
        } else if (join->ends_with_success) {
            return false;
        }
    }
    return index < open;
}

static tr_err_t
wait_for(tr_self *self, struct join *join)
{
    join->wait.is_ready = is_over;
    join->wait.edge = edge;
    return tri_wait_for(self, &join->wait, "join", tri_wait_deadline(self, TR_FOREVER));
}

// ---- what is made of it

// One after the other: the last to be done is waited for at some time.
tr_err_t
tr_join_all(tr_self *self, tr_future *const *futures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tr_future_is_done(futures[i])) {
            continue;
        }
        tr_err_t err = tri_park_for(self->rt, self, &tri_future_ops, futures[i],
                                    tri_wait_deadline(self, TR_FOREVER));
        if (err != TR_OK) {
            cancel_all(self, futures, count);
            return err;
        }
    }
    return TR_OK;
}

tr_err_t
tr_try_join(tr_self *self, tr_future *const *futures, size_t count)
{
    struct join join = {.futures = futures, .count = count};
    tr_err_t err = wait_for(self, &join);
    if (err == TR_OK && join.decisive < count) {
        err = tri_future_error(futures[join.decisive]);
    }
    if (err != TR_OK) {
        cancel_all(self, futures, count);
    }
    return err;
}

tr_err_t
tr_first_ok(tr_self *self, tr_future *const *futures, size_t count, const tr_type_t *expect,
            void *out, size_t *out_index)
{
    if (count == 0) {
        return TR_EINVAL;
    }
    struct join join = {.futures = futures, .count = count, .ends_with_success = true};
    tr_err_t err = wait_for(self, &join);
    if (err == TR_OK && join.decisive == count) {
        err = tri_future_error(futures[join.last]);
    }
    if (err != TR_OK) {
        cancel_all(self, futures, count);
        return err;
    }
    cancel_all(self, futures, join.decisive);
    cancel_all(self, futures + join.decisive + 1, count - join.decisive - 1);
    if (out_index != NULL) {
        *out_index = join.decisive;
    }
    return tri_future_take(self, futures[join.decisive], expect, out);
}

tr_err_t
tr_hedge(tr_self *self, tr_ref_t first, tr_ref_t second, const tr_type_t *type, const void *value,
         tr_duration_t delay, const tr_type_t *expect, void *out, tr_duration_t timeout)
{
    int64_t overall = tri_wait_deadline(self, timeout); // waiting for room counts
    int64_t hedge_at = tri_wait_deadline(self, delay);
    tr_future *futures[2] = {tr_call_begin(self, first, type, value, timeout), NULL};
    tr_err_t err = TR_OK;
    if (!tr_future_is_done(futures[0])) {
        err = tri_park_for(self->rt, self, &tri_future_ops, futures[0], hedge_at);
    }
    tr_duration_t left = {overall == INT64_MAX ? INT64_MAX : overall - tr_now_ns(self)};
    if (err == TR_OK && (left.ns <= 0 || tri_future_error(futures[0]) == TR_OK)) {
        return tri_future_take(self, futures[0], expect, out);
    }
    if (err != TR_OK && (err != TR_ETIMEOUT || left.ns <= 0)) {
        tr_future_cancel(self, futures[0]);
        return err;
    }
    futures[1] = tr_call_begin(self, second, type, value, left);
    return tr_first_ok(self, futures, 2, expect, out, NULL);
}
