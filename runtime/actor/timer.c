// timer.c: sleeping, and messages to oneself in the future.
#include "actor/mailbox.h"
#include "actor/resource.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/wait.h"
#include "base/clock.h"
#include "base/memory.h"

// A message that waits for its time. Once it has fired it is in the lane like any other, marked.
struct delayed {
    tri_list link; // in cold.timers
    tri_timer timer;
    tri_actor *actor;
    tr_message *msg; // `request` is the timer's number
};

tr_err_t
tr_sleep(tr_self *self, tr_duration_t duration)
{
    tri_wait wait = {0};
    int64_t inherited = tri_wait_deadline(self, TR_FOREVER);
    int64_t due = tri_wait_deadline(self, duration);
    tr_err_t err = tri_wait_for(self, &wait, "sleep", due);
    if (err != TR_ETIMEOUT) {
        return err;
    }
    return inherited != INT64_MAX && due == inherited ? TR_ETIMEOUT : TR_OK;
}

static void
free_delayed(struct delayed *delayed)
{
    tri_list_remove(&delayed->link);
    tri_free(delayed);
}

static void
fire(tri_timer *timer, void *worker)
{
    struct delayed *delayed = TRI_CONTAINER(timer, struct delayed, timer);
    tri_actor *actor = delayed->actor;
    TRI_BUMP(&actor->ledger[TRI_ACCEPTED], 1);
    delayed->msg->sent_tick = (uint32_t)(((tri_worker *)worker)->now_ns >> 20);
    tri_mailbox_append(actor, delayed->msg);
    free_delayed(delayed);
    tri_actor_nudge(worker, actor);
}

tr_err_t
tr_send_after(tr_self *self, tr_duration_t delay, const tr_type_t *type, const void *value,
              tr_timer_t *out)
{
    tri_worker *here = tri_actor_worker(self);
    tr_message *msg;
    tr_err_t err = tri_send_prepare(here, type, value, &msg);
    if (err != TR_OK) {
        return err;
    }
    struct delayed *delayed = tri_zalloc(sizeof *delayed);
    if (delayed == NULL) {
        tri_destroy_message(self->rt, here, msg);
        return TR_ENOMEM;
    }
    uint32_t id = (uint32_t)++self->cold->next_id;
    msg->sender = tri_actor_ref(self);
    msg->generation = TRI_PEEK(&self->generation);
    msg->request = id;
    msg->meta |= TRI_MSG_TIMER;
    tri_message_own_parts(msg);
    delayed->actor = self;
    delayed->msg = msg;
    delayed->timer.fire = fire;
    tri_list_push_back(&self->cold->timers, &delayed->link);
    tri_wheel_arm(&here->wheel, &delayed->timer, tri_clock_after(tri_worker_clock(here), delay.ns));
    if (out != NULL) {
        out->raw = id;
    }
    return TR_OK;
}

static void
drop_delayed(tri_actor *actor, struct delayed *delayed)
{
    tri_worker *here = tri_actor_worker(actor);
    tri_wheel_cancel(&here->wheel, &delayed->timer);
    tri_destroy_message(actor->rt, here, delayed->msg);
    free_delayed(delayed);
}

// One that waits in the lane has not been accepted yet, unless it was received and set aside.
static void
drop_one(tri_actor *actor, tr_message *msg)
{
    if ((msg->meta & TRI_MSG_CHARGED) != 0) {
        tri_mailbox_discharge(actor, tri_message_charge_of(msg));
    }
    if ((msg->meta & TRI_MSG_ACCEPTED) != 0) {
        tri_settle(actor, TRI_DISCARDED);
    } else {
        TRI_BUMP(&actor->ledger[TRI_ACCEPTED], (uint64_t)-1); // as if it had not come
    }
    tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
}

// Remove fired timers from the lane: one, or with id 0 all.
static void
drop_fired(tri_actor *actor, uint32_t id)
{
    tri_lane all = actor->normal;
    actor->normal = (tri_lane){.first = NULL};
    for (tr_message *msg; (msg = tri_lane_pop(&all)) != NULL;) {
        if ((msg->meta & TRI_MSG_TIMER) != 0 && (id == 0 || msg->request == id)) {
            drop_one(actor, msg);
        } else {
            tri_lane_append(&actor->normal, msg); // where it was, a high one from the stash too
        }
    }
}

void
tr_timer_cancel(tr_self *self, tr_timer_t timer)
{
    if (timer.raw == 0) {
        return;
    }
    TRI_LIST_EACH (link, &self->cold->timers) {
        struct delayed *delayed = TRI_CONTAINER(link, struct delayed, link);
        if (delayed->msg->request == timer.raw) {
            drop_delayed(self, delayed);
            return;
        }
    }
    drop_fired(self, (uint32_t)timer.raw);
}

void
tri_timers_release(tri_actor *actor)
{
    for (tri_list *link; (link = tri_list_first(&actor->cold->timers)) != NULL;) {
        drop_delayed(actor, TRI_CONTAINER(link, struct delayed, link));
    }
    drop_fired(actor, 0);
}
