// reply_test.c: answering now, later or never, and keeping messages.
#include "ask.h"

// ---- answering

static tr_err_t
answer_twice(tr_self *self, void *arg)
{
    tr_token *token;
    tr_err_t *second = arg;
    expect_ok(tr_reply(self, TR_MSG(acted)));
    second[0] = tr_reply(self, TR_MSG(acted));
    second[1] = tr_reply_error(self, TR_EIO);
    second[2] = tr_defer(self, &token);
    return TR_OK;
}

Test(reply, by_a_token_that_is_null_is_einval)
{
    assert_err(tr_token_reply(TR_OUTSIDE, NULL, TR_MSG(acted)), TR_EINVAL);
    tr_token_reply_error(TR_OUTSIDE, NULL, TR_EIO);
}

Test(reply, is_given_once, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    tr_err_t second[3] = {TR_OK, TR_OK, TR_OK};
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, a, answer_twice, second));
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    for (int i = 0; i < 3; i++) {
        assert_err(second[i], TR_EALREADY);
    }
    troupe_end(rt);
}

static tr_err_t
answer_a_send(tr_self *self, void *arg)
{
    tr_err_t *err = arg;
    tr_token *token = NULL;
    err[0] = tr_defer(self, &token);
    err[1] = tr_reply(self, TR_MSG(number, .value = 1));
    err[2] = tr_reply(self, TR_MSG(number, .value = 1));
    return TR_OK;
}

Test(reply, to_a_send_goes_nowhere_and_is_no_failure, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    tr_err_t err[3] = {TR_EBUSY, TR_EBUSY, TR_EBUSY};
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, a, answer_a_send, err));
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    assert_err(err[0], TR_EINVAL);
    assert_ok(err[1]);
    assert_err(err[2], TR_EALREADY);
    troupe_end(rt);
}

static tr_err_t
answer_in_start(tr_self *self, void *arg)
{
    tr_err_t *err = arg;
    tr_token *token;
    err[0] = tr_reply(self, TR_MSG(acted));
    err[1] = tr_reply_error(self, TR_EIO);
    err[2] = tr_defer(self, &token);
    cr_expect(tr_message_keep(self, NULL) == NULL);
    return TR_OK;
}

Test(reply, outside_receive_is_einval, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    tr_err_t err[3] = {TR_OK, TR_OK, TR_OK};
    troupe_puppet(rt, &(part){.start = answer_in_start, .arg = err});
    for (int i = 0; i < 3; i++) {
        assert_err(err[i], TR_EINVAL);
    }
    troupe_end(rt);
}

static tr_err_t
answer_number(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const number *n = tr_as(number, msg);
    return n != NULL ? tr_reply(self, TR_MSG(number, .value = n->value + 1)) : TR_EUNHANDLED;
}

typedef struct sums {
    tr_ref_t to;
    const number *each[5];
    uint64_t sum;
    tr_err_t err;
} sums;

static tr_err_t
collect_answers(tr_self *self, void *arg)
{
    sums *s = arg;
    const tr_message *any = NULL;
    for (uint64_t i = 0; i < 5; i++) {
        s->err = tr_call(self, s->to, TR_MSG(number, .value = i), TR_REPLY(number, &s->each[i]),
                         tr_seconds(20));
        if (s->err != TR_OK) {
            return TR_OK;
        }
    }
    tr_release(self, s->each[2]);
    tr_release(self, s->each[0]);
    tr_release(self, s->each[4]);
    s->sum = s->each[1]->value * 100 + s->each[3]->value;
    s->err = tr_call(self, s->to, TR_MSG(number, .value = 9), TR_REPLY_ANY(&any), tr_seconds(20));
    if (s->err == TR_OK) {
        s->sum = s->sum * 100 + tr_as(number, any)->value;
        tr_release(self, any);
    }
    return TR_OK;
}

Test(reply, can_be_used_until_the_handler_returns_and_released_in_any_order, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    sums s = {.to = troupe_puppet(rt, &(part){.receive = answer_number})};
    assert_ok(troupe_act(rt, puppet_at(rt, 1, NULL), collect_answers, &s));
    assert_ok(s.err);
    cr_assert(eq(u64, s.sum, 20410));
    troupe_end(rt);
}

// ---- deferring

typedef struct deferrals {
    tr_token *tokens[3];
    int count;
    tr_err_t again, reply_after;
    bool was_wanted, is_wanted;
    cue deferred;
} deferrals;

static tr_err_t
put_off(tr_self *self, void *arg)
{
    deferrals *d = arg;
    expect_ok(tr_defer(self, &d->tokens[d->count]));
    d->was_wanted = tr_token_is_wanted(self, d->tokens[d->count]);
    d->count++;
    tr_token *second = NULL;
    d->again = tr_defer(self, &second);
    d->reply_after = tr_reply(self, TR_MSG(acted));
    cue_give(&d->deferred);
    return TR_OK;
}

static tr_err_t
answer_tokens(tr_self *self, void *arg)
{
    deferrals *d = arg;
    d->is_wanted = tr_token_is_wanted(self, d->tokens[0]);
    for (int i = 0; i < d->count; i++) {
        if (i % 2 == 0) {
            expect_ok(tr_token_reply(self, d->tokens[i], TR_MSG(acted)));
        } else {
            tr_token_reply_error(self, d->tokens[i], TR_EBUSY);
        }
    }
    d->count = 0;
    return TR_OK;
}

Test(defer, keeps_the_duty_and_answers_later_with_a_value_or_an_error, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    deferrals d = {.again = TR_OK};
    cue_init(&d.deferred);
    tr_ref_t callee = puppet_at(rt, 0, NULL);
    question q[2];
    tr_ref_t callers[2];
    for (int i = 0; i < 2; i++) {
        q[i] = (question){.to = callee, .fn = put_off, .arg = &d, .timeout = TR_FOREVER};
        q[i].expect = &acted_type;
        callers[i] = puppet_at(rt, 1, NULL);
        assert_ok(troupe_prompt(rt, callers[i], ask, &q[i]));
        CUE_AWAIT(&d.deferred);
    }
    assert_err(d.again, TR_EALREADY);
    assert_err(d.reply_after, TR_EALREADY);
    cr_assert(d.was_wanted);
    assert_ok(troupe_act(rt, callee, answer_tokens, &d));
    for (int i = 0; i < 2; i++) {
        assert_ok(troupe_act(rt, callers[i], do_nothing, NULL));
    }
    assert_ok(q[0].err);
    assert_err(q[1].err, TR_EBUSY);
    troupe_end(rt);
}

Test(defer, tells_when_nobody_wants_the_answer_any_more, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    deferrals d = {.again = TR_OK};
    cue_init(&d.deferred);
    tr_ref_t callee = puppet_at(rt, 0, NULL);
    question q = {.to = callee, .fn = put_off, .arg = &d, .timeout = tr_ms(20)};
    assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    CUE_AWAIT(&d.deferred);
    assert_ok(troupe_act(rt, callee, answer_tokens, &d));
    cr_assert(not(d.is_wanted));
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == 1);
    troupe_end(rt);
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static void
end_with_open_token(act_fn how, tr_err_t expected)
{
    tr_runtime *rt = troupe_begin(2);
    deferrals d = {.again = TR_OK};
    cue_init(&d.deferred);
    tr_ref_t callee = puppet_at(rt, 0, NULL);
    tr_ref_t caller = puppet_at(rt, 1, NULL);
    question q = {.to = callee, .fn = put_off, .arg = &d, .timeout = TR_FOREVER};
    assert_ok(troupe_prompt(rt, caller, ask, &q));
    CUE_AWAIT(&d.deferred);
    assert_ok(troupe_prompt(rt, callee, how, NULL));
    assert_ok(troupe_act(rt, caller, do_nothing, NULL));
    assert_err(q.err, expected);
    troupe_end(rt);
}

Test(defer, with_a_life_that_fails_is_answered_ecrashed, .timeout = 30)
{
    end_with_open_token(return_eio, TR_ECRASHED);
}

Test(defer, with_a_life_that_fails_in_the_middle_is_answered_ecrashed, .timeout = 30)
{
    end_with_open_token(fail_with_text, TR_ECRASHED);
}

Test(defer, with_a_life_that_ends_in_order_is_answered_enoreply, .timeout = 30)
{
    end_with_open_token(leave, TR_ENOREPLY);
}

static tr_err_t
defer_and_leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_token *token;
    expect_ok(tr_defer(self, &token));
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
defer_and_fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_token *token;
    expect_ok(tr_defer(self, &token));
    tr_fail(self, TR_EIO, "deferred and failed");
}

Test(defer, and_the_end_in_one_handler_answer_once, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    question q = {.to = troupe_puppet(rt, NULL), .fn = defer_and_leave};
    assert_err(ask_from_puppet(rt, &q), TR_ENOREPLY);
    q = (question){.to = troupe_puppet(rt, NULL), .fn = defer_and_fail};
    assert_err(ask_from_puppet(rt, &q), TR_ECRASHED);
    troupe_end(rt);
}

// ---- keeping

typedef struct keeper {
    const tr_message *kept;
    tr_ref_t child;
    cue heard;
} keeper;

static tr_err_t
keep_it(tr_self *self, void *arg, const tr_message *msg)
{
    keeper *k = arg;
    tr_release(self, k->kept);
    k->kept = tr_message_keep(self, msg);
    cue_give(&k->heard);
    return TR_OK;
}

typedef struct reading {
    keeper *keeper;
    char text[64];
    tr_err_t reason;
    bool is_call;
} reading;

static tr_err_t
read_kept_lump(tr_self *self, void *arg)
{
    reading *r = arg;
    const lump *l = tr_as(lump, r->keeper->kept);
    if (l != NULL) {
        snprintf(r->text, sizeof r->text, "%.*s", (int)l->data.size, (const char *)l->data.data);
    }
    r->is_call = tr_message_is_call(r->keeper->kept);
    tr_release(self, r->keeper->kept);
    r->keeper->kept = NULL;
    return TR_OK;
}

Test(keep, holds_a_message_beyond_its_handler, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    keeper k = {0};
    cue_init(&k.heard);
    reading r = {.keeper = &k};
    tr_ref_t a = troupe_puppet(rt, &(part){.receive = keep_it, .arg = &k});
    tr_bytes_t data = tr_bytes("a long text that lies behind", 28);
    assert_err(tr_runtime_call(rt, a, TR_MSG(lump, .data = data), TR_REPLY_NONE, tr_seconds(20)),
               TR_ENOREPLY);
    assert_ok(troupe_act(rt, a, read_kept_lump, &r));
    cr_assert(eq(str, r.text, (char *)"a long text that lies behind"));
    cr_assert(not(r.is_call));
    // One that is never released ends with the life.
    assert_ok(tr_runtime_send(rt, a, TR_MSG(lump, .data = data), TR_FOREVER));
    troupe_end(rt);
}

static tr_err_t
have_keepers_child(tr_self *self, void *arg)
{
    return tr_spawn(self, PUPPET(NULL), &((keeper *)arg)->child);
}

static tr_err_t
read_kept_exit(tr_self *self, void *arg)
{
    (void)self;
    reading *r = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, r->keeper->kept);
    if (exit != NULL) {
        r->reason = (tr_err_t)exit->reason;
        snprintf(r->text, sizeof r->text, "%.*s|%.*s", (int)exit->text.size, exit->text.data,
                 (int)exit->in_hand.size, exit->in_hand.data);
    }
    return TR_OK;
}

Test(keep, holds_the_news_of_a_childs_end_with_its_texts, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(2);
    keeper k = {0};
    cue_init(&k.heard);
    reading r = {.keeper = &k};
    tr_ref_t a = troupe_puppet(rt, &(part){.receive = keep_it, .arg = &k});
    assert_ok(troupe_act(rt, a, have_keepers_child, &k));
    assert_ok(troupe_prompt(rt, k.child, fail_with_text, NULL));
    CUE_AWAIT(&k.heard);
    assert_ok(troupe_act(rt, a, read_kept_exit, &r));
    assert_err(r.reason, TR_EIO);
    cr_assert(eq(str, r.text, (char *)"on purpose|act"));
    troupe_end(rt);
}
