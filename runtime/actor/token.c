#include "actor/token.h"

#include "troupe/oneshot.h"

#include "actor/call.h"
#include "actor/future.h"
#include "actor/park.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "base/clock.h"
#include "base/memory.h"

// ---- who holds it

static tr_message *
room_of(tr_token *token)
{
    return tri_message_of(token);
}

static void
adopt(tr_self *self, void *object)
{
    tr_token *token = object;
    if (self != NULL) {
        tri_list_push_back(&self->cold->tokens, &token->link);
    }
}

static void
leave(void *object)
{
    tr_token *token = object;
    tri_list_remove(&token->link);
    if (token->errand != NULL) {
        token->errand->caller = NULL;
        token->errand = NULL;
    }
}

static void
drop(void *object)
{
    tr_token_reply_error(TR_OUTSIDE, object, TR_ENOREPLY);
}

const tr_local_t tr_token_local = {.name = "token", .drop = drop, .leave = leave, .adopt = adopt};

static tr_token *
create(tr_runtime *rt, tri_worker *here)
{
    tr_message *room =
        tri_message_alloc(tri_pool_of(here), &tri_system_types[TRI_SYSTEM_ERROR], sizeof(tr_token));
    if (room == NULL) {
        return NULL;
    }
    tr_token *token = (tr_token *)(void *)room->value;
    *token = (tr_token){.deadline_ns = INT64_MAX, .rt = rt};
    return token;
}

tr_token *
tri_token_create(tr_runtime *rt, tri_actor *self, tri_cell *cell)
{
    tr_token *token = create(rt, tri_worker_of(self));
    if (token != NULL) {
        token->cell = cell;
        adopt(self, token);
    }
    return token;
}

tr_token *
tri_token_for_hand(tr_self *self)
{
    tr_token *token = create(self->rt, tri_actor_worker(self));
    if (token != NULL) {
        room_of(token)->sender = self->in_hand->sender;
        room_of(token)->request = self->in_hand->request;
        token->deadline_ns = tri_message_deadline(self->in_hand);
        token->is_unwanted = self->is_unwanted;
        adopt(self, token);
    }
    return token;
}

void
tri_token_discard(tr_self *self, tr_token *token)
{
    if (token != NULL) {
        leave(token);
        tri_destroy_message(self->rt, tri_actor_worker(self), room_of(token));
    }
}

tr_err_t
tr_defer(tr_self *self, tr_token **out)
{
    tr_err_t err = tri_call_check_owed(self);
    if (err != TR_OK) {
        return err;
    }
    tr_token *token = tri_token_for_hand(self);
    if (token == NULL) {
        return TR_ENOMEM;
    }
    tri_call_mark_answered(self);
    *out = token;
    return TR_OK;
}

// ---- answering

// Put an answer into the cell; takes it, and lets go of the cell. The objects in an answer that is
// not wanted stay the sender's.
static tr_err_t
put(tr_runtime *rt, tr_self *self, tri_cell *cell, tr_message *answer)
{
    tri_worker *here = tri_worker_of(self);
    answer->meta = (answer->meta & TRI_MSG_CLASS) | TRI_MSG_REPLY;
    tri_message_own_parts(answer);
    tri_count_at(rt, here, TRI_ACCEPTED);
    bool is_wanted = tri_cell_put(cell, here, answer);
    if (!is_wanted) {
        tri_count_at(rt, here, TRI_RETURNED);
        tri_message_return_parts(answer, self);
        tri_destroy_message(rt, here, answer);
    }
    if (tri_cell_let_go(cell)) {
        tri_free(cell);
    }
    return is_wanted ? TR_OK : TR_ECLOSED;
}

tr_err_t
tr_token_reply(tr_self *self, tr_token *token, const tr_type_t *type, const void *value)
{
    if (token == NULL) {
        return TR_EINVAL;
    }
    tr_runtime *rt = token->rt;
    tri_worker *here = tri_worker_of(self);
    tr_message *room = room_of(token);
    if (token->cell != NULL && !tr_token_is_wanted(self, token)) {
        tr_token_reply_error(self, token, TR_ENOREPLY);
        return TR_ECLOSED;
    }
    tr_message *answer;
    tr_err_t err = tri_send_prepare(here, type, value, &answer);
    if (err != TR_OK) {
        return err;
    }
    answer->sender = tri_ref_of(self);
    if (token->cell != NULL) {
        err = put(rt, self, token->cell, answer);
    } else {
        tri_call_answer(rt, here, answer, room->sender, room->request);
    }
    leave(token);
    tri_destroy_message(rt, here, room);
    return err;
}

void
tr_token_reply_error(tr_self *self, tr_token *token, tr_err_t error)
{
    if (token == NULL) {
        return;
    }
    tr_runtime *rt = token->rt;
    tri_worker *here = tri_worker_of(self);
    tr_message *room = room_of(token);
    tri_cell *cell = token->cell;
    leave(token);
    error = error == TR_OK ? TR_ENOREPLY : error;
    if (cell == NULL) {
        tri_call_fail(rt, here, room, error);
        return;
    }
    tri_message_become_error(room, error);
    tr_err_t err = put(rt, self, cell, room);
    (void)err; // nobody is left who would want to know
}

void
tri_token_pass(tr_self *self, tr_token *token, tr_err_t error, const tr_message *answer)
{
    if (error != TR_OK) {
        tr_token_reply_error(self, token, error);
        return;
    }
    tr_message *room = room_of(token);
    tr_message *msg = tri_call_take_back(&self->answers, answer);
    tri_call_answer(self->rt, tri_actor_worker(self), msg, room->sender, room->request);
    tri_token_discard(self, token);
}

bool
tr_token_is_wanted(const tr_self *self, const tr_token *token)
{
    if (token->cell != NULL) {
        return (tri_cell_look(token->cell) & TRI_CELL_LEFT) == 0;
    }
    return !token->is_unwanted &&
           (token->deadline_ns == INT64_MAX ||
            token->deadline_ns > (self != NULL ? tr_now_ns(self) : tri_clock_ns()));
}

bool
tri_tokens_cancel(tri_actor *actor, tr_ref_t caller, uint32_t request, tr_err_t reason)
{
    TRI_LIST_EACH (link, &actor->cold->tokens) {
        tr_token *token = TRI_CONTAINER(link, tr_token, link);
        const tr_message *room = room_of(token);
        if (token->cell == NULL && room->request == request && room->sender.raw == caller.raw) {
            token->is_unwanted = true;
            if (token->errand != NULL) {
                tri_future_abort(actor, token->errand, reason);
            }
            return true;
        }
    }
    return false;
}

void
tri_tokens_fail(tri_actor *actor, tr_err_t error)
{
    for (tri_list *link; (link = tri_list_first(&actor->cold->tokens)) != NULL;) {
        tr_token_reply_error(actor, TRI_CONTAINER(link, tr_token, link), error);
    }
}

// ---- waiting for the receiver to leave

static bool
is_unwanted(tri_parking *parking)
{
    return !tr_token_is_wanted(NULL, parking->object);
}

static void
enter(tri_parking *parking)
{
    tr_token *token = parking->object;
    if (token->cell != NULL) {
        // relaxed: tri_cell_look, which comes next, orders it.
        atomic_store_explicit(&token->cell->sender_waits, parking->who, memory_order_relaxed);
    }
}

static void
forget(tri_parking *parking)
{
    tr_token *token = parking->object;
    if (token->cell != NULL) {
        // relaxed: a nudge too many does no harm.
        atomic_store_explicit(&token->cell->sender_waits, NULL, memory_order_relaxed);
    }
}

const tri_parking_ops tri_token_unwanted_ops = {
    .what = "token unwanted", .is_ready = is_unwanted, .enter = enter, .leave = forget};

tr_err_t
tr_token_await_unwanted(tr_self *self, tr_token *token, tr_duration_t timeout)
{
    int64_t now = tri_clock_ns();
    if (token->deadline_ns - now < timeout.ns) {
        timeout.ns = token->deadline_ns > now ? token->deadline_ns - now : 0;
    }
    tr_err_t err = tri_park_for(token->rt, self, &tri_token_unwanted_ops, token,
                                tri_park_deadline(self, timeout));
    return err == TR_ETIMEOUT && !tr_token_is_wanted(self, token) ? TR_OK : err;
}
