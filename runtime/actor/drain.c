#include "actor/drain.h"

#include "actor/call.h"
#include "actor/future.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/token.h"
#include "base/memory.h"

// One request on its way to the children. It is answered when none is left to be asked, and those
// that were asked have answered.
struct drain {
    tri_resource resource;
    tr_token *token;
    uint32_t number; // of this one among the actor's: a child that has it was asked
    uint32_t open;   // that have not answered
    tr_drain value;
    int64_t deadline_ns;
    bool is_together;
};

static void
release(tri_resource *resource, tri_actor *owner)
{
    (void)owner; // the token is answered as all are
    tri_free(TRI_CONTAINER(resource, struct drain, resource));
}

// The youngest that is to be asked; NULL: there is none. One that ends, is held or runs a task of
// a handler of ours has nothing to finish for us.
static tri_actor *
next_child(tri_actor *actor, uint32_t number)
{
    tri_list *children = &actor->cold->children;
    for (tri_list *link = children->prev; link != children; link = link->prev) {
        tri_cold *child = TRI_CONTAINER(link, tri_cold, sibling);
        bool is_there = !child->is_told_to_stop && !child->is_known_held && !child->is_unborn &&
                        !child->is_task;
        if (is_there && child->drained != number) {
            child->drained = number;
            return child->self;
        }
    }
    return NULL;
}

static tr_err_t
on_answer(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg);

// False: it need not be waited for.
static bool
ask(tri_actor *actor, struct drain *drain, tri_actor *child)
{
    tri_worker *here = tri_actor_worker(actor);
    tr_message *msg =
        tri_message_create(&here->pool, &tr_drain_type, &drain->value, sizeof drain->value);
    tr_future *future = msg != NULL ? tri_future_create_then(actor, on_answer, drain) : NULL;
    if (future == NULL) {
        tri_destroy_message(actor->rt, here, msg);
        return false;
    }
    tri_request *request = &future->request;
    tri_request_open(actor, request, TRI_EDGE_CALL, child->cold->ref, &tr_drain_type);
    msg->sender = tri_actor_ref(actor);
    msg->request = request->id;
    msg->meta |= TRI_MSG_CALL;
    tri_message_set_deadline(msg, drain->deadline_ns);
    tri_send_deliver_free(actor->rt, here, child, child->cold->ref, msg, here->now_ns);
    request->is_delivered = true;
    request->deadline_ns = drain->deadline_ns;
    tri_future_expect_then(actor, future, drain->deadline_ns);
    return true;
}

static void
finish(tri_actor *actor, struct drain *drain)
{
    tr_err_t err = tr_token_reply(actor, drain->token, TR_MSG(tr_drained));
    if (err != TR_OK && err != TR_ECLOSED) {
        tr_token_reply_error(actor, drain->token, err);
    }
    tri_resource_detach(&drain->resource);
    tri_free(drain);
}

static void
go_on(tri_actor *actor, struct drain *drain)
{
    while (drain->open == 0 || drain->is_together) {
        tri_actor *child = next_child(actor, drain->number);
        if (child == NULL) {
            break;
        }
        drain->open += ask(actor, drain, child) ? 1 : 0;
    }
    if (drain->open == 0) {
        finish(actor, drain);
    }
}

static tr_err_t
on_answer(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    struct drain *drain = arg;
    (void)state;
    (void)err; // one that has failed is done as well
    (void)answer;
    drain->open--;
    go_on(self, drain);
    return TR_OK;
}

bool
tri_drain_begin(tri_actor *actor)
{
    const tr_message *msg = actor->in_hand;
    const tr_drain *value = tr_as(tr_drain, msg);
    struct drain *drain = tri_alloc(sizeof *drain);
    tr_token *token = drain != NULL ? tri_token_for_hand(actor) : NULL;
    if (token == NULL) {
        tri_free(drain);
        return false;
    }
    bool is_together =
        value->phase == TR_DRAIN_CLOSE || actor->cold->opts.stop_order == TR_STOP_TOGETHER;
    *drain = (struct drain){
        .token = token,
        .number = ++actor->cold->drains,
        .value = *value,
        .deadline_ns = tri_message_deadline(msg),
        .is_together = is_together,
    };
    tri_resource_attach(actor, &drain->resource, release);
    go_on(actor, drain);
    return true;
}
