#include "troupe/set.h"

#include "actor/future.h"
#include "actor/runtime.h"
#include "base/memory.h"

struct tr_set {
    tri_resource resource;
    tri_list begun; // tr_future, by `link`
    tri_list done;
    size_t limit;
    size_t begun_count;
    size_t count; // begun and done
    size_t next_index;
};

// ---- its members

void
tri_set_leave(tr_future *future)
{
    tr_set *set = future->set;
    if (set == NULL) {
        return;
    }
    set->begun_count -= future->request.wait.is_done ? 0 : 1;
    set->count--;
    tri_list_remove(&future->link);
    future->set = NULL;
}

static void
on_done(tri_request *request, tri_actor *actor)
{
    (void)actor;
    tr_future *future = TRI_CONTAINER(request, tr_future, request);
    tr_set *set = future->set;
    set->begun_count--;
    tri_list_remove(&future->link);
    tri_list_push_back(&set->done, &future->link);
}

static bool
has_room(tri_parking *parking)
{
    const tr_set *set = parking->object;
    return set->begun_count < set->limit;
}

static bool
has_next(tri_parking *parking)
{
    const tr_set *set = parking->object;
    return set->count == 0 || !tri_list_is_empty(&set->done);
}

// Its members are done in its actor's own turn, or by its worker's timers, which wake it: nobody
// else need know who waits.
static const tri_parking_ops room_ops = {.what = "set's room", .is_ready = has_room};
const tri_parking_ops tri_set_next_ops = {.what = "set", .is_ready = has_next};

// Room in the set, and a future in it.
static tr_err_t
add(tr_self *self, tr_set *set, tr_future **out)
{
    tr_err_t err = tri_wait_breathe(self);
    if (err == TR_OK) {
        err = tri_park_for(self->rt, self, &room_ops, set, tri_wait_deadline(self, TR_FOREVER));
    }
    tr_future *future = err == TR_OK ? tri_future_create(self) : NULL;
    if (future == NULL) {
        return err == TR_OK ? TR_ENOMEM : err;
    }
    future->set = set;
    future->index = set->next_index++;
    tri_list_push_back(&set->begun, &future->link);
    set->begun_count++;
    set->count++;
    *out = future;
    return TR_OK;
}

// ---- the set

static void
cancel_list(tr_self *self, tri_list *list)
{
    for (tri_list *link; (link = tri_list_first(list)) != NULL;) {
        tr_future_cancel(self, TRI_CONTAINER(link, tr_future, link));
    }
}

static void
release(tri_resource *resource, tri_actor *owner)
{
    tr_set *set = TRI_CONTAINER(resource, tr_set, resource);
    cancel_list(owner, &set->begun);
    cancel_list(owner, &set->done);
    tri_free(set);
}

tr_err_t
tr_set_create(tr_self *self, size_t limit, tr_set **out)
{
    tr_set *set = limit != 0 ? tri_zalloc(sizeof *set) : NULL;
    if (set == NULL) {
        return limit != 0 ? TR_ENOMEM : TR_EINVAL;
    }
    tri_list_init(&set->begun);
    tri_list_init(&set->done);
    set->limit = limit;
    tri_resource_attach(self, &set->resource, release);
    *out = set;
    return TR_OK;
}

tr_err_t
tr_set_call(tr_self *self, tr_set *set, tr_ref_t to, const tr_type_t *type, const void *value,
            tr_duration_t timeout)
{
    tr_future *future;
    tr_err_t err = add(self, set, &future);
    if (err == TR_OK) {
        tri_future_begin(self, future, to, type, value, timeout, on_done);
    }
    return err;
}

tr_err_t
tr_set_task(tr_self *self, tr_set *set, tr_task_fn fn, const void *arg, size_t arg_size,
            tr_duration_t timeout)
{
    tr_future *future;
    tr_err_t err = add(self, set, &future);
    if (err == TR_OK) {
        tri_task_begin(self, future, fn, arg, arg_size, timeout, on_done);
    }
    return err;
}

tr_err_t
tr_set_next(tr_self *self, tr_set *set, tr_future **out, size_t *out_index)
{
    tr_err_t err = tri_wait_breathe(self);
    if (err == TR_OK) {
        err = tri_park_for(self->rt, self, &tri_set_next_ops, set,
                           tri_wait_deadline(self, TR_FOREVER));
    }
    tri_list *link = err == TR_OK ? tri_list_first(&set->done) : NULL;
    if (link == NULL) {
        return err == TR_OK ? TR_ENOTFOUND : err;
    }
    tr_future *future = TRI_CONTAINER(link, tr_future, link);
    tri_set_leave(future);
    *out = future;
    if (out_index != NULL) {
        *out_index = future->index;
    }
    return TR_OK;
}

size_t
tr_set_count(const tr_set *set)
{
    return set->count;
}

void
tr_set_destroy(tr_self *self, tr_set *set)
{
    if (set != NULL) {
        tri_resource_detach(&set->resource);
        release(&set->resource, self);
    }
}
