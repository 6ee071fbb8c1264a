// supervisor.c: policy over what the runtime offers: children that are held after their end,
// restart in place, and an end that stops children in reverse order.
#include "internal.h"

#define DEFAULT_MAX_RESTARTS 3u

static void
start_children(tr_self *self, supervisor_t *s)
{
    const tr_supervisor_t *spec = s->spec;
    for (uint32_t i = 0; i < spec->child_count; i++) {
        const tr_child_t *child = &spec->children[i];
        if (tri_member_by_id(s, tr_str(child->id)) != NULL) {
            tr_fail(self, TR_EINVAL, "supervisor %s has two children with the id %s",
                    tri_sup_name(spec), child->id);
        }
        if (tri_member_create(self, s, child, false) == NULL) {
            tr_fail(self, TR_ENOMEM, "no memory for child %s", child->id);
        }
    }
    for (member_t *m = s->first; m != NULL; m = m->next) {
        tr_err_t err = tri_sup_spawn(self, s, m);
        if (err != TR_OK) {
            // The end of this life stops those that are there, in reverse order.
            tr_fail(self, err, "child %s did not start", m->spec->id);
        }
    }
}

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    supervisor_t *s = state;
    const tr_supervisor_t *spec = arg;
    if (spec == NULL) {
        tr_fail(self, TR_EINVAL, "a supervisor needs a tr_supervisor_t as its argument");
    }
    tri_sup_check(self, spec);
    s->spec = spec;
    s->ring = (spec->max_restarts != 0 ? spec->max_restarts : DEFAULT_MAX_RESTARTS) + 1;
    s->restarts_ns = tr_alloc(self, s->ring * sizeof *s->restarts_ns);
    if (s->restarts_ns == NULL) {
        return TR_ENOMEM;
    }
    tr_err_t err = tri_members_init(self, s);
    if (err == TR_OK) {
        start_children(self, s);
    }
    return err;
}

static tr_err_t
receive(tr_self *self, void *state, const tr_message *msg)
{
    supervisor_t *s = state;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit != NULL) {
        return tri_sup_ended(self, s, exit);
    }
    const tr_supervisor_restart_due *due = tr_as(tr_supervisor_restart_due, msg);
    return due != NULL ? tri_sup_restart_is_due(self, s, due) : tri_sup_answer(self, s, msg);
}

const tr_behavior_t tr_supervisor_behavior = {
    .name = "supervisor",
    .state_size = sizeof(supervisor_t),
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
