// receive.c: taking a message out of the mailbox in the middle of a handler.
#include "troupe/mailbox.h"

#include "actor/call.h"
#include "actor/mailbox.h"
#include "actor/runtime.h"
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

static bool
has_found(tri_wait *wait, tri_actor *actor)
{
    struct receive_wait *receive = TRI_CONTAINER(wait, struct receive_wait, wait);
    do {
        receive->found = find(actor, receive);
    } while (receive->found != NULL && tri_mailbox_shed(actor, receive->found));
    return receive->found != NULL;
}

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
    if (err != TR_OK) {
        return err;
    }
    receive.found->meta |= TRI_MSG_MINE;
    tri_call_lend_taken(&self->answers, receive.found);
    *out = receive.found;
    return TR_OK;
}
