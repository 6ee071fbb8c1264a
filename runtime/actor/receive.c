// receive.c: taking a message out of the mailbox in the middle of a handler, and answering what was
// taken by hand, from there or from a channel.
#include "actor/receive.h"

#include "troupe/mailbox.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/notice.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "actor/window.h"

// A wait for a message of some types. While the handler waits messages only come in at the back of
// the lanes, so what was looked at need not be looked at again.
struct receive_wait {
    tri_wait wait;
    const tr_type_t *const *types;
    size_t count;
    tr_message *seen_high; // the last one looked at; NULL: none yet
    tr_message *seen_normal;
    tr_message *found;
    tr_err_t error;
    bool is_notice;
};

static bool
is_wanted(const tr_message *msg, void *arg)
{
    const struct receive_wait *receive = arg;
    for (size_t i = 0; i < receive->count; i++) {
        if (msg->parcel.type == receive->types[i]) {
            return true;
        }
    }
    return receive->count == 0;
}

static tr_message *
find_in_lane(tri_lane *lane, tr_message **seen, struct receive_wait *receive)
{
    for (;;) {
        tr_message *msg = *seen == NULL ? lane->first : tri_lane_next(*seen);
        if (msg == NULL) {
            return NULL;
        }
        if (is_wanted(msg, receive)) {
            tri_lane_take_after(lane, *seen);
            return msg;
        }
        *seen = msg;
    }
}

static tr_message *
find(tri_actor *actor, struct receive_wait *receive)
{
    tr_message *msg = find_in_lane(&actor->high, &receive->seen_high, receive);
    if (msg == NULL) {
        msg = find_in_lane(&actor->normal, &receive->seen_normal, receive);
    }
    if (msg == NULL) {
        return actor->has_window ? tri_window_take(actor, is_wanted, receive) : NULL;
    }
    tri_mailbox_taken_out(actor, msg);
    return msg;
}

// A notice is read once, and then is nowhere else: there must be a block for it before. Without
// memory for more than that its texts are left out.
static tr_message *
copy_notice(tri_actor *actor, const tri_notice_t *notice, tr_message *bare)
{
    size_t size;
    tri_worker *here = tri_actor_worker(actor);
    tr_err_t err = tri_message_measure(notice->type, &notice->value, &size);
    tr_message *msg =
        err != TR_OK ? NULL : tri_message_create(&here->pool, notice->type, &notice->value, size);
    if (msg != NULL) {
        tri_destroy_message(actor->rt, here, bare);
        return msg;
    }
    bare->parcel.type = notice->type;
    bare->size = (uint32_t)notice->size;
    memcpy(bare->value, &notice->value, notice->size);
    if (notice->type == &tr_child_exit_type) {
        tr_child_exit *exit = (tr_child_exit *)(void *)bare->value;
        exit->text = tr_str(NULL);
        exit->in_hand = tr_str(NULL);
    }
    return bare;
}

static void
find_notice_of(tri_actor *actor, const tr_type_t *type, struct receive_wait *receive)
{
    tri_notice_t notice;
    while (receive->found == NULL && receive->error == TR_OK) {
        tr_message *bare =
            tri_message_alloc(&tri_actor_worker(actor)->pool, type, sizeof notice.value);
        tri_parcel *parcel = bare != NULL ? tri_notice_pop_type(actor, type) : NULL;
        if (bare == NULL) {
            receive->error = TR_ENOMEM;
        } else if (parcel == NULL) {
            tri_destroy_message(actor->rt, tri_actor_worker(actor), bare);
            return;
        } else if (tri_notice_read(actor, parcel, &notice)) {
            receive->found = copy_notice(actor, &notice, bare);
        } else {
            tri_destroy_message(actor->rt, tri_actor_worker(actor), bare);
        }
    }
}

static void
find_notice(tri_actor *actor, struct receive_wait *receive)
{
    for (size_t i = 0; i < receive->count && actor->first_notice != NULL; i++) {
        const tr_type_t *type = receive->types[i];
        if (type == &tr_down_type || type == &tr_child_exit_type) {
            find_notice_of(actor, type, receive);
        }
    }
    receive->is_notice = receive->found != NULL;
}

static bool
has_found(tri_wait *wait, tri_actor *actor)
{
    struct receive_wait *receive = TRI_CONTAINER(wait, struct receive_wait, wait);
    if (TRI_UNLIKELY(actor->first_notice != NULL)) {
        find_notice(actor, receive);
    }
    if (receive->is_notice || receive->error != TR_OK) {
        return true;
    }
    do {
        receive->found = find(actor, receive);
    } while (receive->found != NULL && tri_mailbox_shed(actor, receive->found));
    return receive->found != NULL;
}

void
tri_receive_forget(tri_actor *actor, const tr_message *msg, tr_message *before)
{
    tri_wait *wait = actor->wait;
    if (wait == NULL || wait->is_ready != has_found) {
        return;
    }
    struct receive_wait *receive = TRI_CONTAINER(wait, struct receive_wait, wait);
    if (receive->seen_high == msg) {
        receive->seen_high = before;
    }
    if (receive->seen_normal == msg) {
        receive->seen_normal = before;
    }
}

// ---- one branch of several

static bool
has_notice(tri_parking *parking)
{
    return tri_notice_is_there(parking->object);
}

static bool
has_mail(tri_parking *parking)
{
    const tri_actor *actor = parking->object;
    return actor->high.first != NULL || actor->normal.first != NULL ||
           (actor->has_window && !tri_window_is_empty(actor));
}

// What comes in wakes it by itself.
const tri_parking_ops tri_mail_ops = {.what = "mail", .is_ready = has_mail, .takes_mail = true};
const tri_parking_ops tri_notice_ops = {.what = "exit", .is_ready = has_notice};

// ---- receiving

tr_err_t
tr_receive(tr_self *self, const tr_type_t *const *types, size_t count, const tr_message **out,
           tr_duration_t timeout)
{
    struct receive_wait receive = {
        .wait = {.is_ready = has_found, .takes_mail = true},
        .types = types,
        .count = count,
    };
    if (types == NULL && count != 0) {
        return TR_EINVAL;
    }
    tr_err_t err = tri_wait_breathe(self);
    if (err != TR_OK) {
        return err;
    }
    tri_actor_intake(self); // what has come since this handler began
    err = tri_wait_for(self, &receive.wait, "receive", tri_wait_deadline(self, timeout));
    err = err == TR_OK ? receive.error : err;
    if (err != TR_OK) {
        return err;
    }
    *out = receive.found;
    if (receive.is_notice) {
        tri_call_lend(&self->answers, receive.found); // no mail: the ledger does not know it
        return TR_OK;
    }
    receive.found->meta |= TRI_MSG_MINE;
    tri_call_lend_taken(&self->answers, receive.found);
    return TR_OK;
}

// ---- answering what was taken

// Whether it may be answered, `out_nobody` when nobody waits for it: its state is in the message.
static tr_err_t
check_taken(const tr_message *msg, bool *out_nobody)
{
    *out_nobody = (msg->meta & TRI_MSG_CALL) == 0;
    if ((msg->meta & TRI_MSG_TAKEN) == 0) {
        return TR_EINVAL;
    }
    return (msg->meta & TRI_MSG_REPLY) != 0 ? TR_EALREADY : TR_OK;
}

static void
mark_answered(const tr_message *msg)
{
    tr_message *taken = tri_message_of(msg->value);
    taken->meta = (taken->meta & ~(uint64_t)TRI_MSG_CALL) | TRI_MSG_REPLY;
}

static tr_err_t
reply_to(tr_runtime *rt, tr_self *self, const tr_message *msg, const tr_type_t *type,
         const void *value)
{
    bool nobody;
    tr_message *answer;
    tr_err_t err = check_taken(msg, &nobody);
    if (err == TR_OK && !nobody) {
        err = tri_send_prepare(tri_worker_of(self), type, value, &answer);
    }
    if (err != TR_OK) {
        return err;
    }
    if (!nobody) {
        answer->sender = tri_ref_of(self);
        tri_call_answer(rt, tri_worker_of(self), answer, msg->sender, msg->request);
    }
    mark_answered(msg);
    return TR_OK;
}

static tr_err_t
reply_error_to(tr_runtime *rt, tr_self *self, const tr_message *msg, tr_err_t error)
{
    bool nobody;
    tr_err_t err = error == TR_OK ? TR_EINVAL : check_taken(msg, &nobody);
    if (err != TR_OK) {
        return err;
    }
    if (!nobody) {
        tr_message *answer = tri_message_alloc(tri_pool_of(tri_worker_of(self)),
                                               &tri_system_types[TRI_SYSTEM_ERROR], 0);
        if (answer == NULL) {
            return TR_ENOMEM;
        }
        tri_message_become_error(answer, error);
        tri_call_answer(rt, tri_worker_of(self), answer, msg->sender, msg->request);
    }
    mark_answered(msg);
    return TR_OK;
}

tr_err_t
tr_reply_to(tr_self *self, const tr_message *msg, const tr_type_t *type, const void *value)
{
    return msg == self->in_hand ? tr_reply(self, type, value)
                                : reply_to(self->rt, self, msg, type, value);
}

tr_err_t
tr_reply_error_to(tr_self *self, const tr_message *msg, tr_err_t error)
{
    return msg == self->in_hand ? tr_reply_error(self, error)
                                : reply_error_to(self->rt, self, msg, error);
}

tr_err_t
tr_runtime_reply_to(tr_runtime *rt, const tr_message *msg, const tr_type_t *type, const void *value)
{
    return reply_to(rt, NULL, msg, type, value);
}

tr_err_t
tr_runtime_reply_error_to(tr_runtime *rt, const tr_message *msg, tr_err_t error)
{
    return reply_error_to(rt, NULL, msg, error);
}
