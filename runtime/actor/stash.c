#include "actor/stash.h"

#include "actor/mailbox.h"

tr_err_t
tr_stash(tr_self *self)
{
    tr_message *msg = self->in_hand;
    bool is_mail = tri_actor_handler(self) == TRI_HANDLER_RECEIVE && msg != NULL &&
                   (msg->meta & TRI_MSG_LOCAL) == 0;
    if (!is_mail) {
        return TR_EINVAL;
    }
    if (self->has_answered || self->is_stashing) {
        return TR_EALREADY;
    }
    // It gave its room back when it was taken into hand.
    tr_err_t err = tri_mailbox_readmit(self, tri_message_charge_of(msg));
    if (err == TR_OK) {
        msg->meta |= TRI_MSG_CHARGED;
        self->is_stashing = true;
    }
    return err;
}

bool
tri_stash_take(tri_actor *actor, bool is_handled)
{
    tr_message *msg = actor->in_hand;
    if (TRI_LIKELY(!actor->is_stashing)) {
        return false;
    }
    actor->is_stashing = false;
    // A request that nobody wants any more waits for no later handler.
    if (!is_handled || actor->is_unwanted) {
        msg->meta &= ~(uint64_t)TRI_MSG_CHARGED;
        tri_mailbox_discharge(actor, tri_message_charge_of(msg));
        return false;
    }
    tri_lane_append(&actor->cold->stash, msg);
    actor->in_hand = NULL;
    actor->owes_answer = false; // until it is received again
    return true;
}

void
tr_unstash_all(tr_self *self)
{
    tri_lane_prepend_all(&self->normal, &self->cold->stash);
}
