#include "ask.h"

// ---- a select over the mailbox and what else may happen

typedef struct picker {
    cue waits;
    tr_ref_t child;
    size_t first, second;
    tr_err_t err, received;
    uint64_t value;
    int thens;
} picker;

static tr_err_t
pick(tr_self *self, void *arg)
{
    picker *p = arg;
    tr_alarm *alarm = NULL;
    tr_err_t err = tr_alarm_create(self, tr_seconds(20), &alarm);
    if (err != TR_OK) {
        return err;
    }
    tr_branch_t branches[] = {tr_when_alarm(alarm), tr_when_exit(self), tr_when_mail(self)};
    cue_give(&p->waits);
    p->err = tr_select(self, branches, 3, tr_seconds(20), &p->first);
    const tr_message *msg = NULL;
    if (p->err == TR_OK && p->first == 2) {
        p->received = tr_receive(self, TR_ANY_TYPE, &msg, tr_ms(0));
        p->value = p->received == TR_OK ? tr_as(number, msg)->value : 0;
    } else if (p->err == TR_OK && p->first == 1) {
        p->received = tr_receive(self, TR_TYPES(tr_child_exit), &msg, tr_ms(0));
        p->child = p->received == TR_OK ? tr_as(tr_child_exit, msg)->child : TR_REF_NONE;
    }
    tr_alarm_destroy(self, alarm);
    return TR_OK;
}

Test(select_mail, gets_a_message_that_comes_while_it_waits)
{
    tr_runtime *rt = troupe_begin(2);
    for (uint32_t at = 0; at < 2; at++) {
        picker p = {.err = TR_EBUSY};
        cue_init(&p.waits);
        tr_ref_t who = puppet_at(rt, at, NULL);
        assert_ok(troupe_prompt(rt, who, pick, &p));
        CUE_AWAIT(&p.waits);
        assert_ok(tr_runtime_send(rt, who, TR_MSG(number, .value = 7), tr_seconds(20)));
        assert_ok(troupe_act(rt, who, do_nothing, NULL));
        assert_ok(p.err);
        cr_assert(eq(sz, p.first, 2));
        assert_ok(p.received);
        cr_assert(eq(u64, p.value, 7));
    }
    troupe_end(rt);
}

static tr_err_t
spawn_and_pick(tr_self *self, void *arg)
{
    tr_ref_t child;
    tr_err_t err = tr_spawn(self, PUPPET(NULL), &child);
    err = err == TR_OK ? tr_stop(self, child) : err;
    return err == TR_OK ? pick(self, arg) : err;
}

Test(select_mail, gets_the_exit_of_a_child)
{
    tr_runtime *rt = troupe_begin(2);
    picker p = {.err = TR_EBUSY};
    cue_init(&p.waits);
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), spawn_and_pick, &p));
    assert_ok(p.err);
    cr_assert(eq(sz, p.first, 1));
    assert_ok(p.received);
    cr_assert(p.child.raw != 0);
    troupe_end(rt);
}

static tr_err_t
count_then(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    (void)self;
    (void)state;
    (void)err;
    (void)answer;
    ((picker *)arg)->thens++;
    return TR_OK;
}

// A call of tr_call_then that is over is no message: it runs when the handler is over.
static tr_err_t
select_beside_then(tr_self *self, void *arg)
{
    picker *p = arg;
    tr_err_t err = tr_call_then(self, p->child, TR_MSG(number), tr_seconds(20), count_then, p);
    if (err != TR_OK) {
        return err;
    }
    tr_branch_t branches[] = {tr_when_exit(self)};
    p->err = tr_select(self, branches, 1, tr_ms(20), &p->first);
    p->second = (size_t)p->thens;
    return TR_OK;
}

Test(select_mail, does_not_take_what_runs_later_for_a_message)
{
    tr_runtime *rt = troupe_begin(2);
    picker p = {.err = TR_EBUSY, .child = TR_REF_NONE}; // nobody: the call has failed at once
    tr_ref_t who = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, who, select_beside_then, &p));
    assert_ok(troupe_act(rt, who, do_nothing, NULL));
    assert_err(p.err, TR_ETIMEOUT);
    cr_assert(eq(sz, p.second, 0));
    cr_assert(eq(int, p.thens, 1));
    troupe_end(rt);
}
