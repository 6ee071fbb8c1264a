#include "actor/port.h"

#include "actor/call.h"
#include "actor/cancel.h"
#include "actor/life.h"
#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/memory.h"
#include "base/panic.h"

struct tri_port {
    tri_actor *slot;
    tri_port *next; // among the idle ones; under the runtime's lock
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_signalled; // under lock
    bool is_held;      // under lock: a thread talks through it
    bool is_sorted;    // under lock: it is idle, and a thread sorts what came too late
    bool has_more;     // under lock: more came since; that thread sees to it
};

static tri_port *
create(tr_runtime *rt)
{
    tri_port *port = tri_zalloc(sizeof *port);
    if (port == NULL) {
        return NULL;
    }
    // Mail to an ended actor goes to its slot and wants the actor's kind of care; a port gives
    // none.
    port->slot = tri_table_take_fresh(&rt->table, rt);
    if (port->slot == NULL) {
        tri_free(port);
        return NULL;
    }
    tri_cond_init(&port->woken);
    pthread_mutex_init(&port->lock, NULL);
    port->slot->state = port;
    TRI_SHOW(&port->slot->bound_count, 0); // nobody sends here: it gets answers only
    TRI_SHOW(&port->slot->policy, TR_REJECT);
    TRI_SHOW(&port->slot->phase, TRI_PHASE_PORT);
    return port;
}

tri_port *
tri_port_take(tr_runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    tri_port *port = rt->ports;
    if (port != NULL) {
        rt->ports = port->next;
    }
    pthread_mutex_unlock(&rt->lock);
    port = port != NULL ? port : create(rt);
    if (port != NULL) {
        pthread_mutex_lock(&port->lock);
        while (port->is_sorted) {
            pthread_cond_wait(&port->woken, &port->lock);
        }
        port->is_held = true;
        pthread_mutex_unlock(&port->lock);
    }
    return port;
}

tri_actor *
tri_port_slot(const tri_port *port)
{
    return port->slot;
}

tr_ref_t
tri_port_ref(const tri_port *port)
{
    return tri_actor_ref(port->slot);
}

uint32_t
tri_port_request(tri_port *port)
{
    return ++port->slot->next_request;
}

// Take what is there; the answer to `request` is returned, the rest has come too late. The owner of
// a port's inbox is the thread that holds it; of an idle one, whoever has its lock.
static tr_message *
sort_mail(tr_runtime *rt, tri_port *port, uint32_t request)
{
    tr_message *wanted = NULL;
    tri_mail *mail = tri_inbox_take(&port->slot->inbox);
    while (mail != NULL) {
        tri_mail *next = mail->next;
        tr_message *msg = TRI_CONTAINER(mail, tr_message, parcel.mail);
        bool is_grant =
            tri_is_system(&msg->parcel) && tri_system_op(&msg->parcel) == TRI_SYSTEM_GRANT;
        bool is_wanted = wanted == NULL && msg->request == request;
        if (is_wanted) {
            wanted = msg;
        } else if (is_grant) {
            tri_mailbox_return_grant(rt, NULL, msg);
        } else {
            tri_destroy_message(rt, NULL, msg);
        }
        if (!is_grant) {
            tri_count_shared(&rt->outside, is_wanted ? TRI_HANDLED : TRI_RETURNED, 1);
        }
        mail = next;
    }
    return wanted;
}

// Requests count from 1: all that is there is late. Under the port's lock, which is let go while
// mail is sorted: that may wake others, who have locks of their own.
static void
sort_late_mail(tr_runtime *rt, tri_port *port)
{
    port->is_sorted = true;
    do {
        port->has_more = false;
        pthread_mutex_unlock(&port->lock);
        do {
            (void)sort_mail(rt, port, 0);
        } while (!tri_inbox_sleep(&port->slot->inbox, false));
        pthread_mutex_lock(&port->lock);
    } while (port->has_more);
    port->is_sorted = false;
    pthread_cond_signal(&port->woken); // of the thread that takes it, if there is one
}

// Nobody waits at an idle port, so whoever brings mail there sorts it: what is late is accounted
// for when it comes, and not when the port is used next.
void
tri_port_signal(tri_actor *slot)
{
    tri_port *port = slot->state;
    pthread_mutex_lock(&port->lock);
    if (port->is_sorted) {
        port->has_more = true;
    } else if (port->is_held) {
        port->is_signalled = true;
        pthread_cond_signal(&port->woken);
    } else {
        sort_late_mail(slot->rt, port);
    }
    pthread_mutex_unlock(&port->lock);
}

void
tri_port_give(tr_runtime *rt, tri_port *port)
{
    pthread_mutex_lock(&port->lock);
    port->is_held = false;
    port->is_signalled = false;
    sort_late_mail(rt, port);
    pthread_mutex_unlock(&port->lock);
    pthread_mutex_lock(&rt->lock);
    port->next = rt->ports;
    rt->ports = port;
    pthread_mutex_unlock(&rt->lock);
}

// Sleep until woken or the deadline. The inbox may stay asleep: the next take wakes it. A signal
// may be left over from mail that was taken already.
static bool
wait_for_signal(tri_port *port, int64_t deadline_ns)
{
    bool in_time = true;
    pthread_mutex_lock(&port->lock);
    while (!port->is_signalled && in_time) {
        in_time = tri_cond_wait_until(&port->woken, &port->lock, deadline_ns);
    }
    bool signalled = port->is_signalled;
    port->is_signalled = false;
    pthread_mutex_unlock(&port->lock);
    return signalled;
}

tr_err_t
tri_port_await(tr_runtime *rt, tri_port *port, uint32_t request, int64_t deadline_ns,
               tr_message **out)
{
    for (;;) {
        tr_message *answer = sort_mail(rt, port, request);
        if (answer != NULL) {
            *out = answer;
            return TR_OK;
        }
        if (deadline_ns != INT64_MAX && tri_clock_ns() >= deadline_ns) {
            return TR_ETIMEOUT;
        }
        if (tri_inbox_sleep(&port->slot->inbox, false)) {
            (void)wait_for_signal(port, deadline_ns);
        }
    }
}

tr_err_t
tri_port_await_ready(tr_runtime *rt, tri_port *port, bool (*is_ready)(void *arg), void *arg,
                     int64_t deadline_ns)
{
    for (;;) {
        (void)sort_mail(rt, port, 0); // late, all of it; and the nudges are forgotten
        if (is_ready(arg)) {
            return TR_OK;
        }
        if (deadline_ns != INT64_MAX && tri_clock_ns() >= deadline_ns) {
            return TR_ETIMEOUT;
        }
        if (tri_inbox_sleep(&port->slot->inbox, false)) {
            (void)wait_for_signal(port, deadline_ns);
        }
    }
}

void
tri_ports_destroy(tr_runtime *rt)
{
    while (rt->lent != NULL) {
        tri_call_give_back(rt, NULL, tri_call_take_back(&rt->lent, rt->lent), TR_ENOREPLY);
    }
    while (rt->ports != NULL) {
        tri_port *port = rt->ports;
        rt->ports = port->next;
        (void)sort_mail(rt, port, 0);
        pthread_cond_destroy(&port->woken);
        pthread_mutex_destroy(&port->lock);
        tri_free(port);
    }
}

// ---- what threads outside do with it

static int64_t
deadline_after(tr_duration_t timeout)
{
    return tri_clock_after(tri_clock_ns(), timeout.ns);
}

static tr_err_t
await_room(tr_runtime *rt, tri_port *port, tri_actor *target, tr_ref_t to, tri_space_t space,
           int64_t deadline_ns)
{
    tr_message *ask = tri_send_ask_room(NULL, tri_port_ref(port), to, space, sizeof(tri_room));
    if (ask == NULL) {
        return TR_ENOMEM;
    }
    uint32_t request = tri_port_request(port);
    ask->request = request;
    tri_actor_post(NULL, target, &ask->parcel, true);
    tr_message *grant;
    tr_err_t err = tri_port_await(rt, port, request, deadline_ns, &grant);
    if (err != TR_OK) {
        tri_mailbox_cancel_room(rt, NULL, ask);
        return err;
    }
    err = ((const tri_room *)(const void *)grant->value)->error;
    tri_destroy_message(rt, NULL, grant);
    return err;
}

// Send from a port; `request` is 0 for a plain message.
static tr_err_t
send(tr_runtime *rt, tri_port *port, tr_ref_t to, const tr_type_t *type, const void *value,
     uint32_t request, int64_t deadline_ns)
{
    tri_actor *target = tri_table_find(&rt->table, to);
    if (target == NULL) {
        return TR_EDEAD;
    }
    tr_message *msg;
    tr_err_t err = tri_send_prepare(NULL, type, value, &msg);
    if (err != TR_OK) {
        return err;
    }
    msg->sender = tri_port_ref(port);
    msg->meta |= TRI_MSG_OUTSIDE;
    if (request != 0) {
        msg->request = request;
        msg->meta |= TRI_MSG_CALL;
        tri_message_set_deadline(msg, deadline_ns);
    }
    err = tri_send_try(rt, NULL, target, to, msg, tri_clock_ns(), true);
    if (err == TR_EFULL && TRI_PEEK(&target->policy) == TR_SUSPEND) {
        err = await_room(rt, port, target, to, tri_space_for(tri_message_charge_of(msg)),
                         deadline_ns);
        if (err == TR_OK) {
            tri_send_deliver(rt, NULL, target, to, msg, tri_clock_ns());
        }
    }
    if (err != TR_OK) {
        tri_destroy_message(rt, NULL, msg);
    }
    return err;
}

tr_err_t
tr_runtime_send(tr_runtime *rt, tr_ref_t to, const tr_type_t *type, const void *value,
                tr_duration_t timeout)
{
    tri_port *port = tri_port_take(rt);
    if (port == NULL) {
        return TR_ENOMEM;
    }
    tr_err_t err = send(rt, port, to, type, value, 0, deadline_after(timeout));
    tri_port_give(rt, port);
    return err;
}

static tr_err_t
call(tr_runtime *rt, tri_port *port, tr_ref_t to, const tr_type_t *type, const void *value,
     int64_t deadline_ns, tr_message **out)
{
    uint32_t request = tri_port_request(port);
    tr_err_t err = send(rt, port, to, type, value, request, deadline_ns);
    if (err != TR_OK) {
        return err;
    }
    err = tri_port_await(rt, port, request, deadline_ns, out);
    if (err != TR_OK) {
        tri_cancel_chase(rt, NULL, tri_port_ref(port), request, to, true);
    }
    return err;
}

tr_err_t
tr_runtime_call(tr_runtime *rt, tr_ref_t to, const tr_type_t *type, const void *value,
                const tr_type_t *expect, void *out, tr_duration_t timeout)
{
    tri_port *port = tri_port_take(rt);
    if (port == NULL) {
        return TR_ENOMEM;
    }
    tr_message *answer;
    tr_err_t err = call(rt, port, to, type, value, deadline_after(timeout), &answer);
    tri_port_give(rt, port);
    if (err != TR_OK) {
        return err;
    }
    err = tri_call_verdict(answer, expect);
    if (err != TR_OK || out == NULL) {
        tri_destroy_message(rt, NULL, answer);
        return err;
    }
    pthread_mutex_lock(&rt->lock);
    tri_call_lend(&rt->lent, answer);
    pthread_mutex_unlock(&rt->lock);
    const void *given = expect != NULL ? (const void *)answer->value : answer;
    memcpy(out, &given, sizeof given);
    return TR_OK;
}

void
tr_runtime_release(tr_runtime *rt, const void *value)
{
    if (value == NULL) {
        return;
    }
    // The value is the message itself where any type was asked for: only the list can tell.
    pthread_mutex_lock(&rt->lock);
    tr_message *msg = tri_call_take_back(&rt->lent, value);
    pthread_mutex_unlock(&rt->lock);
    TRI_ASSERT(msg != NULL, "%p was not lent to a thread outside", value);
    tri_call_give_back(rt, NULL, msg, TR_ENOREPLY);
}
