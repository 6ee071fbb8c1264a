#include "internal.h"

static bool
is_supervisor(const tr_child_t *child)
{
    return child->behavior == &tr_supervisor_behavior;
}

// Who comes after it and has an actor: ours are stopped in reverse order.
static tr_ref_t
next_of(const member_t *m)
{
    do {
        m = m->next;
    } while (m != NULL && tr_ref_equal(m->ref, TR_REF_NONE));
    return m != NULL ? m->ref : TR_REF_NONE;
}

// All are held when their lives end, temporary ones too: so that a group can end in order.
tr_err_t
tri_sup_spawn(tr_self *self, supervisor_t *s, member_t *m)
{
    const tr_child_t *child = m->spec;
    bool is_tree = is_supervisor(child);
    tr_spawn_opts_t opts = {
        .behavior = child->behavior,
        .name = child->id,
        .arg = child->arg,
        .arg_size = child->arg_size,
        .mailbox_count = child->mailbox_count,
        .mailbox_bytes = child->mailbox_bytes,
        .full = child->full,
        .place = child->place,
        .worker = child->worker,
        .after_exit = TR_AFTER_EXIT_HOLD,
        .before = next_of(m),
        .stop_order = child->stop_order,
        .start_timeout_ms =
            child->start_timeout_ms == 0 && is_tree ? TR_START_INFINITE : child->start_timeout_ms,
        .shutdown_ms =
            child->shutdown_ms == 0 && is_tree ? TR_SHUTDOWN_INFINITE : child->shutdown_ms,
    };
    tr_ref_t ref;
    tr_err_t err = tr_spawn(self, &opts, &ref);
    if (err == TR_OK) {
        tri_member_set_ref(s, m, ref);
        m->state = TR_CHILD_UP;
        m->begun_ns = tr_now_ns(self);
    }
    return err;
}

tr_err_t
tri_sup_begin(tr_self *self, supervisor_t *s, member_t *m)
{
    tri_sup_cancel_due(self, m);
    if (m->state == TR_CHILD_STOPPED) {
        return tri_sup_spawn(self, s, m);
    }
    tr_err_t err = tr_restart(self, m->ref);
    if (err == TR_OK) {
        m->state = TR_CHILD_UP;
        m->begun_ns = tr_now_ns(self);
        m->restarts++;
    }
    return err;
}

tr_err_t
tri_sup_hold(tr_self *self, const supervisor_t *s, member_t *m)
{
    if (m->state == TR_CHILD_UP) {
        tri_sup_note_life(s, m, tr_now_ns(self) - m->begun_ns);
    }
    tr_err_t err = m->state == TR_CHILD_UP || m->is_starting ? tr_hold(self, m->ref) : TR_OK;
    if (err == TR_OK) {
        m->is_starting = false;
        m->state = m->state == TR_CHILD_UP ? TR_CHILD_DOWN : m->state;
    }
    return err;
}

void
tri_sup_cancel_due(tr_self *self, member_t *m)
{
    if (m->due != 0) {
        tr_timer_cancel(self, m->timer);
        m->due = 0;
    }
}

void
tri_sup_drop(tr_self *self, supervisor_t *s, member_t *m)
{
    tri_sup_cancel_due(self, m);
    if (m->state != TR_CHILD_STOPPED) {
        tr_err_t err = tr_discard(self, m->ref);
        if (err != TR_OK && err != TR_EDEAD) {
            tr_fail(self, err, "child %s cannot be given up", m->spec->id);
        }
        tri_member_set_ref(s, m, TR_REF_NONE);
        m->state = TR_CHILD_STOPPED;
        m->fails = 0;
    }
    if (m->spec->restart == TR_TEMPORARY) {
        tri_member_destroy(self, s, m);
    }
}
