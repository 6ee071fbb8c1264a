#include "internal.h"

#include "troupe/buf.h"

#include <string.h>

#define JOBS_MAX 1024u

// An order that is carried out in a turn of its own. In the turn of the request the deadline of
// whoever asked would end the waits for a start or an end halfway.
struct job_t {
    struct job_t *next;
    const tr_message *order;
    tr_token *token; // NULL: nobody waits
};

TR_MESSAGE_EMPTY(tr_supervisor_job_is_next);

// ---- asking

static tr_supervisor_child
describe(const member_t *m)
{
    return (tr_supervisor_child){
        .id = tr_str(m->spec->id),
        .child = m->ref,
        .state = m->state,
        .restarts = m->restarts,
        .behavior = tr_str(m->spec->behavior->name),
        .is_supervisor = m->spec->behavior == &tr_supervisor_behavior,
    };
}

static tr_err_t
answer_which(tr_self *self, const supervisor_t *s, tr_str_t id)
{
    const member_t *m = tri_member_by_id(s, id);
    if (m == NULL) {
        return tr_reply_error(self, TR_ENOTFOUND);
    }
    tr_supervisor_child child = describe(m);
    return tr_reply(self, &tr_supervisor_child_type, &child);
}

static tr_err_t
answer_list(tr_self *self, const supervisor_t *s, tr_str_t after)
{
    const member_t *m = s->first;
    if (after.size != 0) {
        const member_t *before = tri_member_by_id(s, after);
        if (before == NULL) {
            return tr_reply_error(self, TR_ENOTFOUND);
        }
        m = before->next;
    }
    // Not on the stack, which may be as small as the whole page.
    tr_supervisor_child *children = tr_alloc(self, TR_SUPERVISOR_PAGE * sizeof *children);
    if (children == NULL) {
        return tr_reply_error(self, TR_ENOMEM);
    }
    tr_supervisor_children page = {.count = s->count, .children.items = children};
    for (; m != NULL && page.children.count < TR_SUPERVISOR_PAGE; m = m->next) {
        children[page.children.count++] = describe(m);
    }
    for (m = s->first; m != NULL; m = m->next) {
        page.up += m->state == TR_CHILD_UP;
    }
    tr_err_t err = tr_reply(self, &tr_supervisor_children_type, &page);
    tr_free(self, children);
    return err;
}

// ---- orders

static tr_err_t
stop(tr_self *self, supervisor_t *s, member_t *m)
{
    tri_sup_cancel_due(self, m);
    tr_err_t err = tri_sup_hold(self, s, m);
    if (err == TR_OK) {
        tri_sup_drop(self, s, m);
    }
    return err;
}

// What an order has led to could not be seen to.
static void
expect_seen_to(tr_self *self, tr_err_t err)
{
    if (err != TR_OK && !tr_self_is_stopping(self)) {
        tr_fail(self, err, "the children cannot be restarted");
    }
}

// TR_OK: *out tells about the child, which may be gone.
static tr_err_t
stop_one(tr_self *self, supervisor_t *s, tr_str_t id, bool forget, tr_supervisor_child *out)
{
    member_t *m = tri_member_by_id(s, id);
    if (m == NULL) {
        return TR_ENOTFOUND;
    }
    bool is_temporary = m->spec->restart == TR_TEMPORARY;
    bool led = tri_sup_leads(m);
    *out = (tr_supervisor_child){.id = id, .state = TR_CHILD_STOPPED, .restarts = m->restarts};
    tr_err_t err = stop(self, s, m);
    if (err == TR_OK && forget && !is_temporary) {
        tri_member_destroy(self, s, m);
    }
    if (err == TR_OK && led) {
        expect_seen_to(self, tri_sup_go_on(self, s));
    }
    return err;
}

static tr_err_t
restart_one(tr_self *self, supervisor_t *s, tr_str_t id, tr_supervisor_child *out)
{
    member_t *m = tri_member_by_id(s, id);
    if (m == NULL) {
        return TR_ENOTFOUND;
    }
    bool led = tri_sup_leads(m);
    tr_err_t err = tri_sup_hold(self, s, m);
    if (err != TR_OK) {
        return err;
    }
    if (led) {
        expect_seen_to(self, tri_sup_begin_group(self, s, m, &err));
    } else {
        err = tri_sup_begin(self, s, m);
        if (err != TR_OK && m->state == TR_CHILD_DOWN) {
            expect_seen_to(self, tri_sup_start_failed(self, s, m, err));
        }
    }
    if (err == TR_OK) {
        *out = describe(m);
    }
    return err;
}

// ---- adding

// An order to add carries a tr_child_t, with its argument and its id behind it.
#define ADD_CHILD(F, T) F(T, buf, child)
TR_MESSAGE(tr_supervisor_add_child, ADD_CHILD);

static tr_err_t
copy_child(const tr_child_t *child, tr_buf **out)
{
    size_t arg_at = (sizeof *child + 15) & ~(size_t)15;
    size_t id_size = child->id != NULL ? strlen(child->id) + 1 : 0;
    void *data;
    tr_err_t err = tr_buf_alloc(arg_at + child->arg_size + id_size, &data, out);
    if (err != TR_OK) {
        return err;
    }
    char *block = data;
    tr_child_t *copy = data;
    *copy = *child;
    if (child->arg != NULL && child->arg_size != 0) {
        copy->arg = memcpy(block + arg_at, child->arg, child->arg_size);
    }
    if (child->id != NULL) {
        copy->id = memcpy(block + arg_at + child->arg_size, child->id, id_size);
    }
    return TR_OK;
}

static tr_err_t
add(tr_self *self, supervisor_t *s, const tr_child_t *child, tr_supervisor_child *out)
{
    char text[160];
    if (tri_sup_check_child(s->spec, child, text, sizeof text) != TR_OK) {
        tr_log(self, TR_LOG_ERROR, "cannot add: %s", text);
        return TR_EINVAL;
    }
    if (child->id != NULL && tri_member_by_id(s, tr_str(child->id)) != NULL) {
        return TR_EALREADY;
    }
    if (s->count >= s->max_children) {
        return TR_ELIMIT;
    }
    member_t *m = tri_member_create(self, s, child, true);
    if (m == NULL) {
        return TR_ENOMEM;
    }
    tr_err_t err = tri_sup_spawn(self, s, m);
    if (err == TR_OK) {
        *out = describe(m);
    } else {
        tri_member_destroy(self, s, m);
    }
    return err;
}

// ---- one order after the other

static tr_err_t
carry_out(tr_self *self, supervisor_t *s, const tr_message *order, tr_supervisor_child *out)
{
    const tr_supervisor_stop_child *stops = tr_as(tr_supervisor_stop_child, order);
    const tr_supervisor_remove_child *removes = tr_as(tr_supervisor_remove_child, order);
    const tr_supervisor_restart_child *restarts = tr_as(tr_supervisor_restart_child, order);
    const tr_supervisor_add_child *adds = tr_as(tr_supervisor_add_child, order);
    if (adds != NULL) {
        return add(self, s, (const tr_child_t *)(const void *)tr_buf_bytes(adds->child).data, out);
    }
    return stops != NULL     ? stop_one(self, s, stops->id, false, out)
           : removes != NULL ? stop_one(self, s, removes->id, true, out)
                             : restart_one(self, s, restarts->id, out);
}

static bool
is_order(const tr_message *msg)
{
    return tr_as(tr_supervisor_stop_child, msg) != NULL ||
           tr_as(tr_supervisor_remove_child, msg) != NULL ||
           tr_as(tr_supervisor_restart_child, msg) != NULL ||
           tr_as(tr_supervisor_add_child, msg) != NULL;
}

static tr_err_t
put_off(tr_self *self, supervisor_t *s, const tr_message *msg)
{
    if (s->job_count >= JOBS_MAX) {
        return tr_message_is_call(msg) ? tr_reply_error(self, TR_EFULL) : TR_OK;
    }
    job_t *job = tr_alloc(self, sizeof *job);
    if (job == NULL) {
        return tr_reply_error(self, TR_ENOMEM);
    }
    *job = (job_t){.next = NULL};
    tr_err_t err = tr_message_is_call(msg) ? tr_defer(self, &job->token) : TR_OK;
    job->order = err == TR_OK ? tr_message_keep(self, msg) : NULL;
    if (job->order != NULL) {
        err = tr_send_after(self, tr_ms(0), TR_MSG(tr_supervisor_job_is_next), NULL);
    } else {
        err = TR_ENOMEM;
    }
    if (err != TR_OK) {
        bool is_deferred = job->token != NULL;
        tr_token_reply_error(self, job->token, err);
        tr_release(self, job->order);
        tr_free(self, job);
        return is_deferred ? TR_OK : tr_reply_error(self, err);
    }
    *(s->last_job != NULL ? &s->last_job->next : &s->first_job) = job;
    s->last_job = job;
    s->job_count++;
    return TR_OK;
}

static tr_err_t
do_job(tr_self *self, supervisor_t *s)
{
    job_t *job = s->first_job;
    s->first_job = job->next;
    s->last_job = s->first_job != NULL ? s->last_job : NULL;
    s->job_count--;
    tr_supervisor_child child = {.id = tr_str("")};
    tr_err_t err = TR_ETIMEOUT;
    if (job->token == NULL || tr_token_is_wanted(self, job->token)) {
        err = carry_out(self, s, job->order, &child);
    }
    if (job->token != NULL && err == TR_OK) {
        err = tr_token_reply(self, job->token, &tr_supervisor_child_type, &child);
        job->token = err == TR_OK ? NULL : job->token;
    }
    tr_token_reply_error(self, job->token, err);
    tr_release(self, job->order);
    tr_free(self, job);
    return TR_OK;
}

static tr_err_t
answer(tr_self *self, supervisor_t *s, const tr_message *msg)
{
    const tr_supervisor_which *which = tr_as(tr_supervisor_which, msg);
    if (which != NULL) {
        return answer_which(self, s, which->id);
    }
    const tr_supervisor_list *list = tr_as(tr_supervisor_list, msg);
    if (list != NULL) {
        return answer_list(self, s, list->after);
    }
    if (tr_as(tr_supervisor_job_is_next, msg) != NULL) {
        return do_job(self, s);
    }
    return is_order(msg) ? put_off(self, s, msg) : TR_EUNHANDLED;
}

// Without memory for an answer the caller hears that there is none; the supervisor goes on.
tr_err_t
tri_sup_answer(tr_self *self, supervisor_t *s, const tr_message *msg)
{
    tr_err_t err = answer(self, s, msg);
    return err == TR_ENOMEM ? TR_OK : err;
}

// ---- for others

tr_err_t
tr_supervisor_add(tr_self *self, tr_ref_t supervisor, const tr_child_t *child,
                  tr_duration_t timeout, tr_ref_t *out)
{
    const tr_supervisor_child *answer;
    tr_buf *copy;
    tr_err_t err = copy_child(child, &copy);
    if (err != TR_OK) {
        return err;
    }
    err = tr_call(self, supervisor, TR_MSG(tr_supervisor_add_child, .child = copy),
                  TR_REPLY(tr_supervisor_child, &answer), timeout);
    tr_buf_unref(copy);
    if (err == TR_OK && out != NULL) {
        *out = answer->child;
    }
    if (err == TR_OK) {
        tr_release(self, answer);
    }
    return err;
}

tr_err_t
tr_runtime_supervisor_add(tr_runtime *rt, tr_ref_t supervisor, const tr_child_t *child,
                          tr_duration_t timeout, tr_ref_t *out)
{
    const tr_supervisor_child *answer;
    tr_buf *copy;
    tr_err_t err = copy_child(child, &copy);
    if (err != TR_OK) {
        return err;
    }
    err = tr_runtime_call(rt, supervisor, TR_MSG(tr_supervisor_add_child, .child = copy),
                          TR_REPLY(tr_supervisor_child, &answer), timeout);
    tr_buf_unref(copy);
    if (err == TR_OK && out != NULL) {
        *out = answer->child;
    }
    if (err == TR_OK) {
        tr_runtime_release(rt, answer);
    }
    return err;
}

static tr_err_t
ask(tr_self *self, tr_ref_t supervisor, const tr_type_t *type, const void *value,
    tr_duration_t timeout, tr_ref_t *out)
{
    const tr_supervisor_child *answer;
    tr_err_t err =
        tr_call(self, supervisor, type, value, TR_REPLY(tr_supervisor_child, &answer), timeout);
    if (err == TR_OK) {
        *out = answer->child;
        tr_release(self, answer);
    }
    return err;
}

tr_err_t
tr_supervisor_stop(tr_self *self, tr_ref_t supervisor, tr_str_t id, tr_duration_t timeout)
{
    tr_ref_t unused;
    return ask(self, supervisor, TR_MSG(tr_supervisor_stop_child, .id = id), timeout, &unused);
}

tr_err_t
tr_supervisor_restart(tr_self *self, tr_ref_t supervisor, tr_str_t id, tr_duration_t timeout)
{
    tr_ref_t unused;
    return ask(self, supervisor, TR_MSG(tr_supervisor_restart_child, .id = id), timeout, &unused);
}

tr_err_t
tr_supervisor_remove(tr_self *self, tr_ref_t supervisor, tr_str_t id, tr_duration_t timeout)
{
    tr_ref_t unused;
    return ask(self, supervisor, TR_MSG(tr_supervisor_remove_child, .id = id), timeout, &unused);
}

tr_err_t
tr_supervisor_find(tr_self *self, tr_ref_t supervisor, tr_str_t id, tr_duration_t timeout,
                   tr_ref_t *out)
{
    return ask(self, supervisor, TR_MSG(tr_supervisor_which, .id = id), timeout, out);
}
