#include "internal.h"

#define DEFAULT_WITHIN_MS 5000
#define DEFAULT_MAX_MS    30000
#define DEFAULT_RESET_MS  60000
#define DEFAULT_JITTER    20u

// ---- how often

// One more restart now: is that more than the supervisor allows in its window?
static bool
is_too_often(tr_self *self, supervisor_t *s, int64_t within_ms)
{
    int64_t now = tr_now_ns(self);
    s->restarts_ns[s->next] = now;
    s->next = (s->next + 1) % s->ring;
    s->restarts++;
    // The ring is full: what is overwritten next is max_restarts ago.
    return s->restarts >= s->ring && (now - s->restarts_ns[s->next]) / 1000000 < within_ms;
}

// The fate of the mail that waits for children that are down is decided before anything else ends:
// who waits for an answer from one of them must not hold up the end of the others.
static TR_NORETURN void
give_up(tr_self *self, supervisor_t *s, const member_t *last, tr_err_t reason, int64_t within_ms)
{
    const char *id = last->spec->id;
    for (member_t *m = s->first; m != NULL; m = m->next) {
        if (m->state == TR_CHILD_DOWN && !m->is_starting) {
            tr_err_t err = tr_discard(self, m->ref);
            (void)err; // our end ends it as well
        }
    }
    tr_fail(self, TR_ERESTARTS, "more than %u restarts in %lld ms, the last of child %s, %s",
            s->ring - 1, (long long)within_ms, id, tr_errname(reason));
}

static void
count_restart(tr_self *self, supervisor_t *s, const member_t *m, tr_err_t reason)
{
    int64_t within_ms = s->spec->within_ms != 0 ? s->spec->within_ms : DEFAULT_WITHIN_MS;
    if (is_too_often(self, s, within_ms)) {
        give_up(self, s, m, reason, within_ms);
    }
}

// ---- how soon

static const tr_backoff_t *
backoff_of(const supervisor_t *s, const member_t *m)
{
    return m->spec->backoff.first_ms != 0 ? &m->spec->backoff : &s->spec->backoff;
}

// Zero: at once.
static int64_t
delay_ms(tr_self *self, const supervisor_t *s, const member_t *m)
{
    const tr_backoff_t *b = backoff_of(s, m);
    if (b->first_ms == 0) {
        return 0;
    }
    int64_t max_ms = b->max_ms;
    if (max_ms == 0) {
        max_ms = b->first_ms > DEFAULT_MAX_MS ? b->first_ms : DEFAULT_MAX_MS;
    }
    int64_t ms = b->first_ms;
    for (uint32_t i = 1; i < m->fails && ms < max_ms; i++) {
        ms *= 2;
    }
    ms = ms < max_ms ? ms : max_ms;
    uint32_t percent = b->jitter_percent != 0 ? b->jitter_percent : DEFAULT_JITTER;
    int64_t range_ms = percent != TR_NO_JITTER ? ms / 100 * percent + ms % 100 * percent / 100 : 0;
    ms += (int64_t)(tr_random(self) % (uint64_t)(2 * range_ms + 1)) - range_ms;
    return ms > 0 ? ms : 1;
}

void
tri_sup_note_life(const supervisor_t *s, member_t *m, int64_t alive_ns)
{
    int64_t reset_ms = backoff_of(s, m)->reset_ms;
    if (alive_ns / 1000000 >= (reset_ms != 0 ? reset_ms : DEFAULT_RESET_MS)) {
        m->fails = 0;
    }
}

// ---- the group

// Those that begin again with `m` are all from here to the last; with TR_ONE_FOR_ONE it alone.
static member_t *
first_of_group(const supervisor_t *s, member_t *m)
{
    return s->spec->strategy == TR_ONE_FOR_ALL ? s->first : m;
}

// End the others, in reverse order. TR_OK, or why we could not wait for that.
static tr_err_t
stop_others(tr_self *self, supervisor_t *s, member_t *m)
{
    if (s->spec->strategy == TR_ONE_FOR_ONE) {
        return TR_OK;
    }
    const member_t *first = first_of_group(s, m);
    member_t *at = s->last;
    for (bool is_over = false; !is_over;) {
        member_t *other = at;
        at = other->prev;
        is_over = other == first;
        if (other == m) {
            continue;
        }
        tri_sup_cancel_due(self, other);
        tr_err_t err = tri_sup_hold(self, s, other);
        if (err != TR_OK) {
            return err;
        }
        if (other->spec->restart == TR_TEMPORARY) {
            tri_sup_drop(self, s, other);
        }
    }
    return TR_OK;
}

// Begin all of the group that do not live, in order. *out is the one whose start has failed.
static tr_err_t
begin_group(tr_self *self, supervisor_t *s, member_t *m, member_t **out)
{
    bool is_alone = s->spec->strategy == TR_ONE_FOR_ONE;
    for (*out = first_of_group(s, m); *out != NULL; *out = is_alone ? NULL : (*out)->next) {
        if ((*out)->is_starting) {
            return TR_OK; // when it is held again all follows from that
        }
        tr_err_t err = (*out)->state != TR_CHILD_UP ? tri_sup_begin(self, s, *out) : TR_OK;
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

// ---- the end of one

// Whether that of a significant child is the end of all.
static bool
is_the_end(const supervisor_t *s)
{
    for (const member_t *m = s->first; m != NULL; m = m->next) {
        bool is_over = m->state == TR_CHILD_STOPPED && m->due == 0;
        bool is_there = m->spec->significant && !is_over;
        if (is_there && s->spec->auto_shutdown == TR_AUTO_SHUTDOWN_ALL) {
            return false;
        }
    }
    return true;
}

// It is not to begin again.
static void
come_to_end(tr_self *self, supervisor_t *s, member_t *m)
{
    bool is_significant = m->spec->significant;
    tri_sup_drop(self, s, m);
    if (is_significant && is_the_end(s)) {
        tr_exit(self);
    }
}

// ---- restarting

static tr_err_t
schedule(tr_self *self, supervisor_t *s, member_t *m, int64_t ms)
{
    tri_sup_cancel_due(self, m);
    m->due = ++s->next_number;
    return tr_send_after(
        self, tr_ms(ms),
        TR_MSG(tr_supervisor_restart_due, .id = tr_str(m->spec->id), .number = m->due), &m->timer);
}

static void
refuse_callers(tr_self *self, const supervisor_t *s, member_t *m)
{
    bool is_alone = s->spec->strategy == TR_ONE_FOR_ONE;
    for (member_t *at = first_of_group(s, m); at != NULL; at = is_alone ? NULL : at->next) {
        bool refuses = at->spec->down == TR_DOWN_REFUSE && at->state == TR_CHILD_DOWN;
        // One whose start is being killed is not held yet: then it turns nobody away.
        tr_err_t err = refuses ? tr_refuse(self, at->ref) : TR_OK;
        (void)err;
    }
}

// Count a failure, end the group, and say how long to wait.
static tr_err_t
prepare(tr_self *self, supervisor_t *s, member_t *m, tr_err_t reason, int64_t *out_ms)
{
    count_restart(self, s, m, reason);
    m->fails++;
    *out_ms = delay_ms(self, s, m);
    if (*out_ms > 0) {
        tr_log(self, TR_LOG_INFO, "child %s failed %u times in a row, %s: restart in %lld ms",
               m->spec->id, m->fails, tr_errname(reason), (long long)*out_ms);
    }
    return stop_others(self, s, m);
}

tr_err_t
tri_sup_start_failed(tr_self *self, supervisor_t *s, member_t *m, tr_err_t reason)
{
    if (tr_self_is_stopping(self)) {
        return TR_ECANCELED;
    }
    if (m->state == TR_CHILD_DOWN && !tr_is_held(self, m->ref)) {
        m->is_starting = true;
        return TR_OK;
    }
    if (m->spec->restart == TR_TEMPORARY) {
        come_to_end(self, s, m);
        return tri_sup_go_on(self, s);
    }
    // Others have a turn in between, also where there is no backoff.
    int64_t ms;
    tr_err_t err = prepare(self, s, m, reason, &ms);
    if (err != TR_OK) {
        return err;
    }
    refuse_callers(self, s, m);
    return schedule(self, s, m, ms);
}

tr_err_t
tri_sup_begin_group(tr_self *self, supervisor_t *s, member_t *m, tr_err_t *out_reason)
{
    member_t *failed;
    *out_reason = begin_group(self, s, m, &failed);
    return *out_reason != TR_OK ? tri_sup_start_failed(self, s, failed, *out_reason) : TR_OK;
}

static tr_err_t
begin_now(tr_self *self, supervisor_t *s, member_t *m)
{
    tr_err_t reason;
    return tri_sup_begin_group(self, s, m, &reason);
}

tr_err_t
tri_sup_go_on(tr_self *self, supervisor_t *s)
{
    bool is_one_group = s->spec->strategy == TR_ONE_FOR_ALL;
    for (member_t *m = s->first; m != NULL && is_one_group; m = m->next) {
        if (tri_sup_leads(m)) {
            return TR_OK;
        }
    }
    for (member_t *m = s->first; m != NULL && s->spec->strategy != TR_ONE_FOR_ONE; m = m->next) {
        if (tri_sup_leads(m)) {
            return TR_OK; // the others follow that one
        }
        tr_err_t err = m->state == TR_CHILD_DOWN ? tri_sup_begin(self, s, m) : TR_OK;
        if (err != TR_OK) {
            return tri_sup_start_failed(self, s, m, err);
        }
    }
    return TR_OK;
}

tr_err_t
tri_sup_failed(tr_self *self, supervisor_t *s, member_t *m, tr_err_t reason)
{
    int64_t ms;
    tr_err_t err = prepare(self, s, m, reason, &ms);
    if (err != TR_OK || ms == 0) {
        return err != TR_OK ? err : begin_now(self, s, m);
    }
    refuse_callers(self, s, m);
    return schedule(self, s, m, ms);
}

tr_err_t
tri_sup_restart_is_due(tr_self *self, supervisor_t *s, const tr_supervisor_restart_due *due)
{
    member_t *m = tri_member_by_id(s, due->id);
    if (m == NULL || m->due != due->number) {
        return TR_OK;
    }
    m->due = 0;
    return begin_now(self, s, m);
}

// ---- the end of a life

tr_err_t
tri_sup_ended(tr_self *self, supervisor_t *s, const tr_child_exit *exit)
{
    member_t *m = tri_member_by_ref(s, exit->child);
    if (m == NULL) {
        return TR_OK; // it is over, and that is all
    }
    tr_err_t reason = (tr_err_t)exit->reason;
    if (!exit->held) {
        // Its address is gone, and with it what others know of it: the failure is ours.
        tr_fail(self, reason != TR_OK ? reason : TR_ECHILD, "child %s has ended for good",
                m->spec->id);
    }
    if (m->is_starting && m->spec->restart == TR_TEMPORARY) {
        m->is_starting = false;
        come_to_end(self, s, m);
        return tri_sup_go_on(self, s);
    }
    if (m->is_starting) {
        m->is_starting = false;
        return tri_sup_failed(self, s, m, TR_ETIMEOUT);
    }
    m->state = TR_CHILD_DOWN;
    bool is_failure = reason != TR_OK;
    if (m->spec->restart == TR_PERMANENT || (m->spec->restart == TR_TRANSIENT && is_failure)) {
        tri_sup_note_life(s, m, exit->alive_ns);
        return tri_sup_failed(self, s, m, reason);
    }
    come_to_end(self, s, m);
    return TR_OK;
}
