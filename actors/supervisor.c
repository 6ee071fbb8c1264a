// supervisor.c: policy over what the runtime offers: children that are held after their end,
// restart in place, and an end that stops children in reverse order.
#include "troupe/supervisor.h"

#include <string.h>

#define DEFAULT_MAX_RESTARTS 3u
#define DEFAULT_WITHIN_MS    5000
#define DEFAULT_START_MS     5000
#define MAX_RESTARTS_MAX     1000000u // each is remembered

// A child as the supervisor knows it; the order of the table is the order of starting.
typedef struct member {
    const tr_child_t *spec;
    tr_ref_t ref;
    uint64_t restarts;
} member;

typedef struct supervisor {
    const tr_supervisor_t *spec;
    member *members;
    int64_t *restarts_ns; // when the latest restarts were, a ring of max_restarts + 1
    uint32_t ring;        // its size
    uint32_t next;        // where the next one goes
    uint64_t count;       // of restarts ever
} supervisor;

// ---- starting

static const char *
name_of(const tr_supervisor_t *spec)
{
    return spec->name != NULL ? spec->name : tr_supervisor_behavior.name;
}

static void
check_child(tr_self *self, const tr_supervisor_t *spec, uint32_t index)
{
    const tr_child_t *child = &spec->children[index];
    if (child->id == NULL || child->id[0] == '\0') {
        tr_fail(self, TR_EINVAL, "child %u of supervisor %s has no id", index, name_of(spec));
    }
    if (child->behavior == NULL) {
        tr_fail(self, TR_EINVAL, "child %s of supervisor %s has no behavior", child->id,
                name_of(spec));
    }
    if (child->restart > TR_TEMPORARY) {
        tr_fail(self, TR_EINVAL, "child %s of supervisor %s has an unknown restart type %d",
                child->id, name_of(spec), (int)child->restart);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(child->id, spec->children[i].id) == 0) {
            tr_fail(self, TR_EINVAL, "supervisor %s has two children with the id %s", name_of(spec),
                    child->id);
        }
    }
}

// Does not return when the table is wrong.
static void
check(tr_self *self, const tr_supervisor_t *spec)
{
    if (spec->children == NULL && spec->child_count != 0) {
        tr_fail(self, TR_EINVAL, "supervisor %s has child_count %u and no children", name_of(spec),
                spec->child_count);
    }
    if (spec->strategy != TR_ONE_FOR_ONE) {
        tr_fail(self, TR_EINVAL, "supervisor %s has an unknown strategy %d", name_of(spec),
                (int)spec->strategy);
    }
    if (spec->max_restarts > MAX_RESTARTS_MAX) {
        tr_fail(self, TR_EINVAL, "supervisor %s has max_restarts %u, over %u", name_of(spec),
                spec->max_restarts, MAX_RESTARTS_MAX);
    }
    if (spec->within_ms < 0) {
        tr_fail(self, TR_EINVAL, "supervisor %s has within_ms %lld, below zero", name_of(spec),
                (long long)spec->within_ms);
    }
    for (uint32_t i = 0; i < spec->child_count; i++) {
        check_child(self, spec, i);
    }
}

static tr_err_t
start_child(tr_self *self, member *m)
{
    const tr_child_t *child = m->spec;
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
        .after_exit = child->restart == TR_TEMPORARY ? TR_AFTER_EXIT_END : TR_AFTER_EXIT_HOLD,
        .stop_order = child->stop_order,
        .start_timeout_ms = child->start_timeout_ms,
        .shutdown_ms = child->shutdown_ms,
    };
    return tr_spawn(self, &opts, &m->ref);
}

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    supervisor *s = state;
    const tr_supervisor_t *spec = arg;
    if (spec == NULL) {
        tr_fail(self, TR_EINVAL, "a supervisor needs a tr_supervisor_t as its argument");
    }
    check(self, spec);
    s->spec = spec;
    s->ring = (spec->max_restarts != 0 ? spec->max_restarts : DEFAULT_MAX_RESTARTS) + 1;
    s->members = tr_alloc(self, (spec->child_count + 1) * sizeof *s->members);
    s->restarts_ns = tr_alloc(self, s->ring * sizeof *s->restarts_ns);
    if (s->members == NULL || s->restarts_ns == NULL) {
        return TR_ENOMEM;
    }
    for (uint32_t i = 0; i < spec->child_count; i++) {
        s->members[i] = (member){.spec = &spec->children[i]};
        tr_err_t err = start_child(self, &s->members[i]);
        if (err != TR_OK) {
            // The end of this life stops those that are there, in reverse order.
            tr_fail(self, err, "child %s did not start", spec->children[i].id);
        }
    }
    return TR_OK;
}

// ---- restarting

// One more restart now: is that more than the supervisor allows in its window?
static bool
is_too_often(tr_self *self, supervisor *s)
{
    int64_t now = tr_now_ns(self);
    int64_t within_ms = s->spec->within_ms != 0 ? s->spec->within_ms : DEFAULT_WITHIN_MS;
    s->restarts_ns[s->next] = now;
    s->next = (s->next + 1) % s->ring;
    s->count++;
    // The ring is full: what is overwritten next is max_restarts ago.
    return s->count >= s->ring && (now - s->restarts_ns[s->next]) / 1000000 < within_ms;
}

static void
count_restart(tr_self *self, supervisor *s, const member *m, tr_err_t reason)
{
    if (is_too_often(self, s)) {
        tr_fail(self, TR_ERESTARTS, "more than %u restarts in %lld ms, the last of child %s, %s",
                s->ring - 1,
                (long long)(s->spec->within_ms != 0 ? s->spec->within_ms : DEFAULT_WITHIN_MS),
                m->spec->id, tr_errname(reason));
    }
}

// A start that took too long has cost the child its life; one that returned TR_ETIMEOUT, because
// somebody it called did, has not.
static bool
has_outlasted_its_start(tr_self *self, const member *m, int64_t began_ns)
{
    int64_t timeout_ms = m->spec->start_timeout_ms;
    if (timeout_ms == TR_START_INFINITE) {
        return false;
    }
    timeout_ms = timeout_ms != 0 ? timeout_ms : DEFAULT_START_MS;
    return (tr_now_ns(self) - began_ns) / 1000000 >= timeout_ms;
}

static tr_err_t
restart(tr_self *self, supervisor *s, member *m, tr_err_t reason)
{
    bool may_be_gone = false;
    for (;;) {
        count_restart(self, s, m, reason);
        int64_t began_ns = tr_now_ns(self);
        tr_err_t err = tr_restart(self, m->ref);
        if (err == TR_OK) {
            m->restarts++;
            return TR_OK;
        }
        if (tr_self_is_stopping(self)) {
            return TR_ECANCELED;
        }
        if ((err == TR_ETIMEOUT && has_outlasted_its_start(self, m, began_ns)) ||
            (err == TR_EDEAD && may_be_gone)) {
            // Nothing is left to restart: the failure is ours.
            tr_fail(self, err, "child %s did not survive its restart", m->spec->id);
        }
        may_be_gone = err == TR_EKILLED || err == TR_ECANCELED; // or somebody told it so
        reason = err; // its start has failed: that counts as a restart, and is tried again
    }
}

static member *
find_ref(supervisor *s, tr_ref_t ref)
{
    for (uint32_t i = 0; i < s->spec->child_count; i++) {
        if (tr_ref_equal(s->members[i].ref, ref)) {
            return &s->members[i];
        }
    }
    return NULL;
}

static tr_err_t
child_ended(tr_self *self, supervisor *s, const tr_child_exit *exit)
{
    member *m = find_ref(s, exit->child);
    if (m == NULL || m->spec->restart == TR_TEMPORARY) {
        return TR_OK; // it is over, and that is all
    }
    if (m->spec->restart == TR_TRANSIENT && exit->reason == TR_OK) {
        return exit->held ? tr_discard(self, m->ref) : TR_OK;
    }
    if (!exit->held) {
        // Its address is gone, and with it what others know of it: the failure is ours.
        tr_fail(self, exit->reason != TR_OK ? (tr_err_t)exit->reason : TR_ECHILD,
                "child %s has ended for good", m->spec->id);
    }
    return restart(self, s, m, (tr_err_t)exit->reason);
}

// ---- questions

static tr_err_t
answer_which(tr_self *self, const supervisor *s, const tr_supervisor_which *which)
{
    for (uint32_t i = 0; i < s->spec->child_count; i++) {
        if (tr_str_equal(which->id, tr_str(s->members[i].spec->id))) {
            return tr_reply(self, TR_MSG(tr_supervisor_child, .child = s->members[i].ref,
                                         .restarts = s->members[i].restarts));
        }
    }
    return tr_reply_error(self, TR_ENOTFOUND);
}

static tr_err_t
receive(tr_self *self, void *state, const tr_message *msg)
{
    supervisor *s = state;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit != NULL) {
        return child_ended(self, s, exit);
    }
    const tr_supervisor_which *which = tr_as(tr_supervisor_which, msg);
    if (which != NULL) {
        return answer_which(self, s, which);
    }
    return TR_EUNHANDLED;
}

const tr_behavior_t tr_supervisor_behavior = {
    .name = "supervisor",
    .state_size = sizeof(supervisor),
    .start = start,
    .receive = receive,
};

tr_err_t
tr_supervisor_spawn(tr_self *self, const tr_supervisor_t *spec, tr_ref_t *out)
{
    tr_spawn_opts_t opts = {
        .behavior = &tr_supervisor_behavior,
        .name = spec->name,
        .arg = spec,
        .arg_size = sizeof *spec,
        .start_timeout_ms = TR_START_INFINITE,
        .shutdown_ms = TR_SHUTDOWN_INFINITE,
    };
    return tr_spawn(self, &opts, out);
}
