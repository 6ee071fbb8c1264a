// intake.c: the owner empties its inbox and sorts what was in it: messages to the lane, answers to
// the request that waits for them, the runtime's own mail to what it is about.
#include "actor/call.h"
#include "actor/cancel.h"
#include "actor/channel.h"
#include "actor/deadlock.h"
#include "actor/life.h"
#include "actor/mailbox.h"
#include "actor/monitor.h"
#include "actor/notice.h"
#include "actor/runtime.h"
#include "actor/scope.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/panic.h"

static bool
is_gone(const tri_actor *actor, const tr_message *msg)
{
    tri_phase_t phase = tri_actor_phase(actor);
    return phase == TRI_PHASE_DEAD || phase == TRI_PHASE_FREE ||
           msg->generation != TRI_PEEK(&actor->generation);
}

static void
take_message(tri_actor *actor, tr_message *msg)
{
    if (TRI_LIKELY(!is_gone(actor, msg))) {
        TRI_BUMP(&actor->ledger[TRI_ACCEPTED], 1);
        tri_mailbox_append(actor, msg);
        return;
    }
    if ((msg->meta & TRI_MSG_CHARGED) != 0) {
        tri_mailbox_discharge(actor, tri_message_charge_of(msg));
    }
    tri_count_at(actor->rt, tri_actor_worker(actor), TRI_DEAD);
    if (tri_actor_phase(actor) == TRI_PHASE_CHANNEL) {
        tri_channel_bury(actor, msg);
        return;
    }
    tri_call_fail(actor->rt, tri_actor_worker(actor), msg, TR_EDEAD);
}

static void
take_answer(tri_actor *actor, tr_message *answer)
{
    if (!is_gone(actor, answer) && tri_request_answer(actor, answer)) {
        tri_actor_count(actor, TRI_HANDLED);
        return;
    }
    tri_actor_count(actor, TRI_RETURNED);
    tri_destroy_message(actor->rt, tri_actor_worker(actor), answer);
}

static void
take_grant(tri_actor *actor, tr_message *grant)
{
    if (is_gone(actor, grant) || !tri_request_answer(actor, grant)) {
        tri_mailbox_return_grant(actor->rt, tri_actor_worker(actor), grant);
    }
}

static void
take_back_room(tri_actor *actor, tr_message *msg)
{
    const tri_room *room = (const tri_room *)(const void *)msg->value;
    if (room->is_permit) {
        tri_mailbox_unreserve(actor, room->space);
    }
    tri_mailbox_give_back(actor, room->space);
    tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
}

static void
take_system(tri_actor *actor, tri_parcel *parcel)
{
    tr_message *msg = tri_message_from(parcel); // of those operations whose mail is a message
    switch (tri_system_op(parcel)) {
    case TRI_SYSTEM_HELD:
    case TRI_SYSTEM_ENDED:
        tri_notice_append(actor, parcel);
        break;
    case TRI_SYSTEM_DOWN:
        if (tri_monitor_is_wanted(actor, parcel)) {
            tri_notice_append(actor, parcel);
        }
        break;
    case TRI_SYSTEM_WATCH:
        tri_monitor_begin(actor, parcel);
        break;
    case TRI_SYSTEM_UNWATCH:
        tri_monitor_end(actor, parcel);
        break;
    case TRI_SYSTEM_ROOM:
        tri_mailbox_room_wanted(actor, msg);
        break;
    case TRI_SYSTEM_GRANT:
        take_grant(actor, msg);
        break;
    case TRI_SYSTEM_GIVE_BACK:
        take_back_room(actor, msg);
        break;
    case TRI_SYSTEM_CANCEL_ROOM:
        tri_mailbox_room_canceled(actor, parcel);
        break;
    case TRI_SYSTEM_ERROR:
        take_answer(actor, msg);
        break;
    case TRI_SYSTEM_CANCEL:
        tri_cancel_take(actor, msg);
        break;
    case TRI_SYSTEM_DELEGATED:
        tri_cancel_follow(actor, msg);
        break;
    case TRI_SYSTEM_PROBE:
    case TRI_SYSTEM_PROVE:
    case TRI_SYSTEM_CONFIRM:
        tri_deadlock_take(actor, msg);
        break;
    case TRI_SYSTEM_CANCEL_SCOPE:
        tri_scope_take_cancel(actor, msg);
        break;
    case TRI_SYSTEM_EXEC: {
        tri_exec *exec = TRI_CONTAINER(parcel, tri_exec, parcel);
        exec->fn(exec, actor);
        break;
    }
    case TRI_SYSTEM_THEN: // goes into the notices at once
    case TRI_SYSTEM_OPS:
        TRI_ASSERT(false, "slot %u", actor->slot);
    }
}

static void
take_orders(tri_actor *actor)
{
    // pairs(actor.orders) acquire: what the parent laid out for the order.
    uint32_t orders = atomic_exchange_explicit(&actor->orders, 0, memory_order_acquire);
    tri_phase_t phase = tri_actor_phase(actor);
    if (phase == TRI_PHASE_DEAD || phase == TRI_PHASE_FREE) {
        return; // it ended while the order was on its way
    }
    if (phase == TRI_PHASE_HELD) {
        orders &= ~(TRI_ORDER_LEAVE | TRI_ORDER_DIE); // that life is over
    }
    if ((orders & (TRI_ORDER_KILL | TRI_ORDER_STOP)) != 0) {
        actor->is_dismissed = true;
    }
    if ((orders & (TRI_ORDER_KILL | TRI_ORDER_DIE)) != 0) {
        actor->is_killed = true;
    }
    if ((orders & TRI_ORDER_ENDING) != 0) {
        actor->is_stopping = true;
        actor->stop_reason = TR_OK;
        // The handler of one to be killed is not told: the turn abandons it.
        if (!actor->is_killed && tri_actor_handler(actor) != TRI_HANDLER_STOP) {
            tri_scope_interrupt(actor, TR_ECANCELED);
        }
    }
    actor->cold->is_to_report |= (orders & TRI_ORDER_REPORT) != 0;
    if (phase != TRI_PHASE_HELD) {
        return;
    }
    if (actor->cold->is_to_report) {
        tri_life_report_held(actor);
    }
    actor->is_down |= (orders & TRI_ORDER_REFUSE) != 0;
    if ((orders & TRI_ORDER_RESTART) != 0 && !actor->is_dismissed) {
        tri_life_begin_again(actor);
    } else if ((orders & (TRI_ORDER_DISCARD | TRI_ORDER_KILL | TRI_ORDER_STOP)) != 0) {
        actor->cold->is_silent = (orders & TRI_ORDER_DISCARD) != 0;
        tri_life_finish(actor);
    }
}

void
tri_actor_intake(tri_actor *actor)
{
    tri_mail *mail = tri_inbox_take(&actor->inbox);
    while (mail != NULL) {
        tri_mail *next = mail->next;
        tri_parcel *parcel = TRI_CONTAINER(mail, tri_parcel, mail);
        if (tri_is_system(parcel)) {
            take_system(actor, parcel);
        } else if ((tri_message_from(parcel)->meta & TRI_MSG_REPLY) != 0) {
            take_answer(actor, tri_message_from(parcel));
        } else {
            take_message(actor, tri_message_from(parcel));
        }
        mail = next;
    }
    if (TRI_UNLIKELY(actor->has_probes)) {
        tri_deadlock_answer(actor);
    }
    // relaxed: whoever gave an order nudged the inbox after it, and the take above saw the nudge.
    if (TRI_UNLIKELY(TRI_PEEK(&actor->orders) != 0)) {
        take_orders(actor);
    }
    if (TRI_UNLIKELY(actor->is_down)) {
        tri_mailbox_turn_away(actor);
    }
    if (TRI_UNLIKELY(actor->has_channels)) {
        tri_channels_attend(actor);
    }
}
