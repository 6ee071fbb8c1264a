#include "actor/scope.h"

#include "actor/future.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/panic.h"

// ---- what a scope says about waits

int64_t
tri_scope_deadline(const tri_actor *actor)
{
    if (actor->scope != NULL) {
        return actor->scope->deadline_ns;
    }
    return actor->in_hand != NULL ? tri_message_deadline(actor->in_hand) : INT64_MAX;
}

bool
tri_scope_is_shielded(const tri_actor *actor)
{
    const tr_scope *scope = actor->scope;
    while (scope != NULL && !scope->is_shield) {
        scope = scope->outer;
    }
    return scope != NULL;
}

void
tri_scope_interrupt(tri_actor *actor, tr_err_t result)
{
    if (!tri_scope_is_shielded(actor)) {
        tri_wait_interrupt(actor, result);
    }
}

int64_t
tr_deadline_ns(const tr_self *self)
{
    return tri_scope_deadline(self);
}

tr_duration_t
tr_deadline_left(const tr_self *self)
{
    int64_t deadline_ns = tri_scope_deadline(self);
    if (deadline_ns == INT64_MAX) {
        return TR_FOREVER;
    }
    int64_t left_ns = deadline_ns - tr_now_ns(self);
    return (tr_duration_t){left_ns > 0 ? left_ns : 0};
}

// ---- its life

static tr_err_t
begin(tr_self *self, tr_duration_t timeout, bool is_shield, tr_scope **out)
{
    tr_scope *scope = tri_zalloc(sizeof *scope);
    if (scope == NULL) {
        return TR_ENOMEM;
    }
    int64_t around_ns = is_shield ? INT64_MAX : tri_scope_deadline(self);
    int64_t own_ns = timeout.ns == INT64_MAX
                         ? INT64_MAX
                         : tri_clock_after(tri_worker_clock(tri_actor_worker(self)), timeout.ns);
    scope->outer = self->scope;
    scope->id = ++self->cold->next_id;
    scope->deadline_ns = own_ns < around_ns ? own_ns : around_ns;
    scope->is_shield = is_shield;
    scope->is_canceled = !is_shield && tri_scope_is_canceled(self);
    tri_list_init(&scope->futures);
    self->scope = scope;
    *out = scope;
    return TR_OK;
}

tr_err_t
tr_scope_begin(tr_self *self, tr_duration_t timeout, tr_scope **out)
{
    return begin(self, timeout, false, out);
}

tr_err_t
tr_scope_begin_shielded(tr_self *self, tr_duration_t timeout, tr_scope **out)
{
    return timeout.ns == INT64_MAX ? TR_EINVAL : begin(self, timeout, true, out);
}

static void
cancel_futures(tri_actor *actor, tr_scope *scope)
{
    for (tri_list *link; (link = tri_list_first(&scope->futures)) != NULL;) {
        tr_future_cancel(actor, TRI_CONTAINER(link, tr_future, in_scope));
    }
}

static void
end_innermost(tri_actor *actor)
{
    tr_scope *scope = actor->scope;
    cancel_futures(actor, scope);
    actor->scope = scope->outer;
    tri_free(scope);
}

void
tri_scopes_end(tri_actor *actor)
{
    while (actor->scope != NULL) {
        end_innermost(actor);
    }
}

static bool
is_open(const tri_actor *actor, const tr_scope *scope)
{
    const tr_scope *at = actor->scope;
    while (at != NULL && at != scope) {
        at = at->outer;
    }
    return at != NULL;
}

tr_err_t
tr_scope_end(tr_self *self, tr_scope *scope, tr_err_t err)
{
    TRI_ASSERT(is_open(self, scope), "%s ends a scope that is not open", tri_actor_name(self));
    bool was_canceled = scope->is_canceled;
    bool is_late = scope->deadline_ns <= tr_now_ns(self);
    while (self->scope != scope) {
        end_innermost(self);
    }
    end_innermost(self);
    if (err == TR_ETIMEOUT || err == TR_ECANCELED) {
        return was_canceled ? TR_ECANCELED : is_late ? TR_ETIMEOUT : err;
    }
    return err;
}

// ---- canceling

tr_cancel_t
tr_scope_cancel_of(tr_self *self, const tr_scope *scope)
{
    return (tr_cancel_t){.actor = tri_actor_ref(self), .scope = scope->id};
}

static tr_err_t
cancel(tr_runtime *rt, tri_worker *here, tr_cancel_t what)
{
    tr_message *msg = tri_message_alloc(
        tri_pool_of(here), &tri_system_types[TRI_SYSTEM_CANCEL_SCOPE], sizeof what.scope);
    if (msg == NULL) {
        return tri_table_find(&rt->table, what.actor) == NULL ? TR_OK : TR_ENOMEM;
    }
    memcpy(msg->value, &what.scope, sizeof what.scope);
    (void)tri_send_system(rt, here, msg, what.actor); // nobody there: the scope has ended
    return TR_OK;
}

tr_err_t
tr_cancel(tr_self *self, tr_cancel_t what)
{
    return cancel(self->rt, tri_actor_worker(self), what);
}

tr_err_t
tr_runtime_cancel(tr_runtime *rt, tr_cancel_t what)
{
    return cancel(rt, NULL, what);
}

// Inner ones first. A shield keeps what is inside it.
static void
cancel_chain(tri_actor *actor, tr_scope *scope)
{
    tr_scope *from = actor->scope;
    for (tr_scope *at = actor->scope; at != scope; at = at->outer) {
        from = at->is_shield ? at->outer : from;
    }
    for (tr_scope *at = from;; at = at->outer) {
        at->is_canceled = true;
        TRI_LIST_EACH (link, &at->futures) {
            tri_future_abort(actor, TRI_CONTAINER(link, tr_future, in_scope), TR_ECANCELED);
        }
        if (at == scope) {
            break;
        }
    }
    if (tri_scope_is_canceled(actor)) {
        tri_wait_interrupt(actor, TR_ECANCELED);
    }
}

void
tri_scope_take_cancel(tri_actor *actor, tr_message *cancel)
{
    uint64_t id;
    memcpy(&id, cancel->value, sizeof id);
    bool is_here = tri_actor_is_open(actor) && cancel->generation == TRI_PEEK(&actor->generation);
    for (tr_scope *scope = is_here ? actor->scope : NULL; scope != NULL; scope = scope->outer) {
        if (scope->id == id) {
            cancel_chain(actor, scope);
            break;
        }
    }
    tri_destroy_message(actor->rt, tri_actor_worker(actor), cancel);
}
