#include "actor/notice.h"

#include "actor/child.h"
#include "actor/monitor.h"
#include "actor/system.h"

void
tri_notice_append(tri_actor *actor, tri_parcel *parcel)
{
    parcel->mail.next = NULL;
    if (actor->first_notice == NULL) {
        actor->first_notice = parcel;
    } else {
        actor->last_notice->mail.next = &parcel->mail;
    }
    actor->last_notice = parcel;
}

static tri_parcel *
following(const tri_parcel *parcel)
{
    tri_mail *next = parcel->mail.next;
    return next == NULL ? NULL : TRI_CONTAINER(next, tri_parcel, mail);
}

static const tr_type_t *
type_of(const tri_parcel *parcel)
{
    switch (tri_system_op(parcel)) {
    case TRI_SYSTEM_DOWN:
        return &tr_down_type;
    case TRI_SYSTEM_THEN:
        return NULL;
    default:
        return &tr_child_exit_type;
    }
}

tri_parcel *
tri_notice_pop(tri_actor *actor)
{
    tri_parcel *parcel = actor->first_notice;
    if (parcel != NULL) {
        actor->first_notice = following(parcel);
    }
    return parcel;
}

static void
take_after(tri_actor *actor, tri_parcel *before, tri_parcel *parcel)
{
    if (before == NULL) {
        actor->first_notice = following(parcel);
        return;
    }
    before->mail.next = parcel->mail.next;
    if (actor->last_notice == parcel) {
        actor->last_notice = before;
    }
}

bool
tri_notice_is_there(const tri_actor *actor)
{
    const tri_parcel *parcel = actor->first_notice;
    while (parcel != NULL && type_of(parcel) == NULL) {
        parcel = following(parcel);
    }
    return parcel != NULL;
}

tri_parcel *
tri_notice_pop_type(tri_actor *actor, const tr_type_t *type)
{
    tri_parcel *before = NULL;
    tri_parcel *parcel = actor->first_notice;
    while (parcel != NULL && type_of(parcel) != type) {
        before = parcel;
        parcel = following(parcel);
    }
    if (parcel != NULL) {
        take_after(actor, before, parcel);
    }
    return parcel;
}

bool
tri_notice_has(const tri_actor *actor, const tri_parcel *notice)
{
    const tri_parcel *parcel = actor->first_notice;
    while (parcel != NULL && parcel != notice) {
        parcel = following(parcel);
    }
    return parcel != NULL;
}

bool
tri_notice_remove(tri_actor *actor, tri_parcel *notice)
{
    tri_parcel *before = NULL;
    tri_parcel *parcel = actor->first_notice;
    while (parcel != NULL && parcel != notice) {
        before = parcel;
        parcel = following(parcel);
    }
    if (parcel != NULL) {
        take_after(actor, before, parcel);
    }
    return parcel != NULL;
}

static bool
read_child_exit(tri_actor *actor, tri_cold *child, bool held, tri_notice_t *out)
{
    // Told to end before its being held was heard of: its end is on the way, and is all there is to
    // say. It may be writing to its cold part now.
    if (held && child->is_told_to_stop) {
        return false;
    }
    memcpy(out->text, child->text, sizeof out->text);
    out->type = &tr_child_exit_type;
    out->size = sizeof out->value.exit;
    out->value.exit = (tr_child_exit){
        .child = child->ref,
        .reason = (int32_t)child->self->reason,
        .text = tr_str(out->text),
        .incarnation = TRI_PEEK(&child->self->incarnation),
        .held = held,
        .queued = child->queued,
        .alive_ns = child->alive_ns,
        .in_hand = child->in_hand != NULL ? tr_str(child->in_hand->name) : tr_str(NULL),
    };
    child->is_known_held = held;
    bool is_silent = child->is_silent || child->is_unborn || child->is_task;
    if (!held) {
        tri_child_reap(tri_actor_worker(actor), child->self);
    }
    return !is_silent;
}

bool
tri_notice_read(tri_actor *actor, tri_parcel *parcel, tri_notice_t *out)
{
    switch (tri_system_op(parcel)) {
    case TRI_SYSTEM_DOWN:
        out->type = &tr_down_type;
        out->size = sizeof out->value.down;
        return tri_monitor_take_down(actor, parcel, &out->value.down);
    case TRI_SYSTEM_HELD:
        return read_child_exit(actor, TRI_CONTAINER(parcel, tri_cold, held_parcel), true, out);
    default:
        return read_child_exit(actor, TRI_CONTAINER(parcel, tri_cold, ended_parcel), false, out);
    }
}

void
tri_notices_discard(tri_actor *actor)
{
    for (tri_parcel *parcel; (parcel = tri_notice_pop(actor)) != NULL;) {
        tr_down unread;
        if (tri_system_op(parcel) == TRI_SYSTEM_DOWN) {
            (void)tri_monitor_take_down(actor, parcel, &unread);
        }
    }
}
