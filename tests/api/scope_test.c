#include "ask.h"

// ---- deadlines

typedef struct spell {
    tr_duration_t outer, inner;
    tr_ref_t to;
    tr_err_t first, second, ended, after;
    int64_t left_ns;
    tr_cancel_t cancel;
    cue begun, deferred;
    tr_token *token;
} spell;

static tr_err_t
sleep_in_two(tr_self *self, void *arg)
{
    spell *s = arg;
    tr_scope *outer;
    tr_scope *inner;
    tr_err_t err = tr_scope_begin(self, s->outer, &outer);
    err = err == TR_OK ? tr_scope_begin(self, s->inner, &inner) : err;
    if (err != TR_OK) {
        return err;
    }
    s->left_ns = tr_deadline_left(self).ns;
    s->first = tr_sleep(self, tr_seconds(20));
    s->ended = tr_scope_end(self, inner, s->first);
    s->second = tr_sleep(self, tr_ms(1));
    err = tr_scope_end(self, outer, TR_OK);
    s->after = tr_sleep(self, tr_ms(1));
    return err;
}

Test(scope, ends_its_waits_at_its_deadline_and_no_others)
{
    tr_runtime *rt = troupe_begin(1);
    spell s = {.outer = tr_seconds(20), .inner = tr_ms(5)};
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), sleep_in_two, &s));
    assert_err(s.first, TR_ETIMEOUT);
    assert_err(s.ended, TR_ETIMEOUT);
    assert_ok(s.second);
    assert_ok(s.after);
    cr_assert(le(i64, s.left_ns, 5000000));
    troupe_end(rt);
}

Test(scope, is_never_longer_than_the_one_around_it)
{
    tr_runtime *rt = troupe_begin(1);
    spell s = {.outer = tr_ms(5), .inner = tr_seconds(20)};
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), sleep_in_two, &s));
    assert_err(s.first, TR_ETIMEOUT);
    assert_err(s.second, TR_ETIMEOUT);
    assert_ok(s.after);
    cr_assert(le(i64, s.left_ns, 5000000));
    troupe_end(rt);
}

static tr_err_t
look_for_deadline(tr_self *self, void *arg)
{
    spell *s = arg;
    s->left_ns = tr_deadline_ns(self);
    return tr_deadline_left(self).ns == TR_FOREVER.ns ? TR_OK : TR_EFAULT;
}

static tr_err_t
prompt_next(tr_self *self, void *arg)
{
    spell *s = arg;
    return tr_send(self, s->to, ACT_MSG(look_for_deadline, s));
}

Test(scope, there_is_no_deadline_where_nobody_gave_one)
{
    tr_runtime *rt = troupe_begin(1);
    spell s = {.to = troupe_puppet(rt, NULL)};
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), prompt_next, &s));
    assert_ok(troupe_act(rt, s.to, do_nothing, NULL));
    cr_assert(eq(i64, s.left_ns, INT64_MAX));
    troupe_end(rt);
}

// ---- cancellation

static tr_err_t
sleep_canceled(tr_self *self, void *arg)
{
    spell *s = arg;
    tr_scope *outer;
    tr_scope *inner;
    tr_err_t err = tr_scope_begin(self, TR_FOREVER, &outer);
    err = err == TR_OK ? tr_scope_begin(self, TR_FOREVER, &inner) : err;
    if (err != TR_OK) {
        return err;
    }
    s->cancel = tr_scope_cancel_of(self, outer);
    cue_give(&s->begun);
    s->first = tr_sleep(self, tr_seconds(20));
    s->second = tr_sleep(self, tr_seconds(20));
    s->ended = tr_scope_end(self, outer, s->second);
    s->after = tr_sleep(self, tr_ms(1));
    return TR_OK;
}

Test(scope, that_is_canceled_from_outside_cancels_all_waits_in_it_and_none_after_it)
{
    tr_runtime *rt = troupe_begin(2);
    spell s = {.first = TR_OK};
    cue_init(&s.begun);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, a, sleep_canceled, &s));
    CUE_AWAIT(&s.begun);
    assert_ok(tr_runtime_cancel(rt, s.cancel));
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    assert_err(s.first, TR_ECANCELED);
    assert_err(s.second, TR_ECANCELED);
    assert_err(s.ended, TR_ECANCELED);
    assert_ok(s.after);
    assert_ok(tr_runtime_cancel(rt, s.cancel)); // it has ended: nothing happens
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    troupe_end(rt);
}

static tr_err_t
defer(tr_self *self, void *arg, const tr_message *msg)
{
    spell *s = arg;
    (void)msg;
    tr_err_t err = tr_defer(self, &s->token);
    cue_give(&s->deferred);
    return err;
}

static tr_err_t
await_in_scope(tr_self *self, void *arg)
{
    spell *s = arg;
    tr_scope *scope;
    tr_err_t err = tr_scope_begin(self, TR_FOREVER, &scope);
    if (err != TR_OK) {
        return err;
    }
    s->cancel = tr_scope_cancel_of(self, scope);
    tr_future *calls[2];
    for (int i = 0; i < 2; i++) {
        calls[i] = tr_call_begin(self, s->to, TR_MSG(number), TR_FOREVER);
    }
    cue_give(&s->begun);
    s->first = tr_join_all(self, calls, 2); // releases both where it fails
    s->ended = tr_scope_end(self, scope, s->first);
    return TR_OK;
}

Test(scope, cancels_the_calls_that_were_begun_in_it)
{
    tr_runtime *rt = troupe_begin(2);
    spell s = {.first = TR_OK};
    cue_init(&s.begun);
    cue_init(&s.deferred);
    part role = {.receive = defer, .arg = &s};
    s.to = troupe_puppet(rt, &role);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, a, await_in_scope, &s));
    CUE_AWAIT(&s.begun);
    CUE_AWAIT(&s.deferred);
    CUE_AWAIT(&s.deferred);
    assert_ok(tr_runtime_cancel(rt, s.cancel));
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    assert_err(s.first, TR_ECANCELED);
    assert_err(s.ended, TR_ECANCELED);
    assert_ok(troupe_act(rt, s.to, do_nothing, NULL));
    cr_assert(tr_token_is_wanted(TR_OUTSIDE, s.token) == false);
    troupe_end(rt);
}

static tr_err_t
leave_open(tr_self *self, void *arg)
{
    spell *s = arg;
    tr_scope *scope;
    tr_err_t err = tr_scope_begin(self, tr_ms(0), &scope);
    if (err == TR_OK) {
        (void)tr_call_begin(self, s->to, TR_MSG(number), TR_FOREVER);
        s->first = tr_sleep(self, tr_seconds(20));
    }
    return err;
}

Test(scope, that_is_left_open_ends_with_the_handler)
{
    tr_runtime *rt = troupe_begin(2);
    spell s = {.first = TR_OK};
    cue_init(&s.deferred);
    part role = {.receive = defer, .arg = &s};
    s.to = troupe_puppet(rt, &role);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, a, leave_open, &s));
    assert_err(s.first, TR_ETIMEOUT);
    s.inner = s.outer = tr_ms(1);
    assert_ok(troupe_act(rt, a, sleep_in_two, &s));
    assert_ok(s.after);
    troupe_end(rt);
}

// ---- shields

static tr_err_t
clean_up(tr_self *self, void *arg)
{
    spell *s = arg;
    tr_scope *shield;
    cue_give(&s->begun);
    s->first = tr_sleep(self, tr_seconds(20));
    tr_err_t err = tr_scope_begin_shielded(self, tr_seconds(20), &shield);
    if (err != TR_OK) {
        return err;
    }
    s->second = tr_call(self, s->to, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    s->ended = tr_scope_end(self, shield, s->second);
    s->after = tr_sleep(self, tr_ms(1));
    return s->first;
}

Test(scope, that_is_shielded_may_wait_when_its_actor_is_told_to_stop)
{
    tr_runtime *rt = troupe_begin(2);
    spell s = {.first = TR_OK};
    cue_init(&s.begun);
    s.to = troupe_puppet(rt, NULL);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, a, clean_up, &s));
    CUE_AWAIT(&s.begun);
    tr_runtime_stop(rt); // the youngest first: whom it calls is still there
    assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
    assert_err(s.first, TR_ECANCELED);
    assert_ok(s.second);
    assert_ok(s.ended);
    assert_err(s.after, TR_ECANCELED);
    troupe_end(rt);
}

Test(scope, that_is_shielded_may_wait_when_the_caller_has_given_up)
{
    tr_runtime *rt = troupe_begin(2);
    spell s = {.first = TR_OK};
    cue_init(&s.begun);
    s.to = troupe_puppet(rt, NULL);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_err(tr_runtime_call(rt, a, ACT_MSG(clean_up, &s), TR_REPLY_NONE, tr_ms(20)),
               TR_ETIMEOUT);
    assert_ok(troupe_act(rt, a, do_nothing, NULL)); // it has not failed
    assert_err(s.first, TR_ETIMEOUT);
    assert_ok(s.second);
    assert_ok(s.ended);
    assert_err(s.after, TR_ECANCELED);
    troupe_end(rt);
}

static tr_err_t
shield_forever(tr_self *self, void *arg)
{
    tr_scope *shield;
    (void)arg;
    return tr_scope_begin_shielded(self, TR_FOREVER, &shield);
}

Test(scope, that_is_shielded_has_a_timeout)
{
    tr_runtime *rt = troupe_begin(1);
    assert_err(troupe_act(rt, troupe_puppet(rt, NULL), shield_forever, NULL), TR_ECRASHED);
    troupe_end(rt);
}
