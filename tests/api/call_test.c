// call_test.c: how a call can end, and what becomes of requests and answers nobody waits for.
#include "troupe_test.h"

TestSuite(call, .timeout = 60);

// A call made inside an actor: what to ask, and how it went.
typedef struct question {
    tr_ref_t to;
    act_fn fn; // NULL: a number, which a puppet without a part does not handle
    void *arg;
    tr_duration_t timeout;
    const tr_type_t *expect;
    tr_err_t err;
    cue *begun; // given just before the call
} question;

static tr_err_t
ask(tr_self *self, void *arg)
{
    question *q = arg;
    const void *answer = NULL;
    if (q->begun != NULL) {
        cue_give(q->begun);
    }
    if (q->fn == NULL) {
        q->err = tr_call(self, q->to, TR_MSG(number, .value = 7), q->expect,
                         q->expect != NULL ? &answer : NULL, q->timeout);
    } else {
        q->err = tr_call(self, q->to, ACT_MSG(q->fn, q->arg), q->expect,
                         q->expect != NULL ? &answer : NULL, q->timeout);
    }
    return TR_OK;
}

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
count(tr_self *self, void *arg)
{
    (void)self;
    atomic_fetch_add_explicit((_Atomic int *)arg, 1, memory_order_relaxed);
    return TR_OK;
}

static tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static tr_err_t
fail_with_text(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EIO, "on purpose");
}

static tr_err_t
do_not_handle(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EUNHANDLED;
}

static tr_err_t
sleep_forever(tr_self *self, void *arg)
{
    if (arg != NULL) {
        cue_give(arg);
    }
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
answer_with_error(tr_self *self, void *arg)
{
    (void)arg;
    expect_err(tr_reply_error(self, TR_OK), TR_EINVAL);
    return tr_reply_error(self, TR_EADDRINUSE);
}

// A puppet's receive for numbers: answers nothing.
static tr_err_t
stay_silent(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(number, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

// Block the worker's thread until the test allows it to go on.
typedef struct hold {
    cue is_held, go_on;
} hold;

static void
hold_init(hold *h)
{
    cue_init(&h->is_held);
    cue_init(&h->go_on);
}

static tr_err_t
hold_thread(tr_self *self, void *arg)
{
    (void)self;
    hold *h = arg;
    cue_give(&h->is_held);
    cr_expect(cue_take(&h->go_on));
    return TR_OK;
}

static tr_ref_t
puppet_at(tr_runtime *rt, uint32_t worker, const part *p)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(p, .place = TR_PLACE_AT, .worker = worker), &ref));
    return ref;
}

// Ask from a puppet of its own on worker 0, where the root is too. A test that holds a worker's
// thread holds the other one.
static tr_err_t
ask_from_puppet(tr_runtime *rt, question *q)
{
    if (q->timeout.ns == 0) {
        q->timeout = tr_seconds(20);
    }
    tr_ref_t caller = puppet_at(rt, 0, NULL);
    q->err = TR_EBUSY;
    assert_ok(troupe_act(rt, caller, ask, q));
    return q->err;
}

// ---- outcomes

Test(call, to_an_ended_actor_is_edead)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t dead = troupe_puppet(rt, NULL);
    assert_err(troupe_act(rt, dead, return_eio, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, dead));
    assert_err(ask_from_puppet(rt, &(question){.to = dead}), TR_EDEAD);
    assert_err(ask_from_puppet(rt, &(question){.to = TR_REF_NONE}), TR_EDEAD);
    assert_err(ask_from_puppet(rt, &(question){.to = {UINT64_C(0x500000003)}}), TR_EDEAD);
    assert_err(ask_from_puppet(rt, &(question){.to = {UINT64_MAX}}), TR_EDEAD);
    troupe_end(rt);
}

static tr_err_t
ask_myself(tr_self *self, void *arg)
{
    question *q = arg;
    q->err =
        tr_call(self, tr_self_ref(self), TR_MSG(number, .value = 1), TR_REPLY_NONE, TR_FOREVER);
    return TR_OK;
}

Test(call, to_oneself_is_edeadlk)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t a = troupe_puppet(rt, NULL);
    question q = {.err = TR_OK};
    assert_ok(troupe_act(rt, a, ask_myself, &q));
    assert_err(q.err, TR_EDEADLK);
    troupe_end(rt);
}

Test(call, of_one_that_returns_an_error_is_ecrashed)
{
    tr_runtime *rt = troupe_begin(2);
    question q = {.to = puppet_at(rt, 0, NULL), .fn = return_eio};
    assert_err(ask_from_puppet(rt, &q), TR_ECRASHED);
    troupe_end(rt);
}

Test(call, of_one_that_fails_in_the_middle_is_ecrashed)
{
    tr_runtime *rt = troupe_begin(2);
    question q = {.to = puppet_at(rt, 0, NULL), .fn = fail_with_text};
    assert_err(ask_from_puppet(rt, &q), TR_ECRASHED);
    troupe_end(rt);
}

Test(call, that_nobody_answers_is_enoreply)
{
    tr_runtime *rt = troupe_begin(2);
    question q = {.to = puppet_at(rt, 0, &(part){.receive = stay_silent})};
    assert_err(ask_from_puppet(rt, &q), TR_ENOREPLY);
    troupe_end(rt);
}

Test(call, of_an_unknown_type_is_eunhandled_and_the_callee_lives)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t callee = puppet_at(rt, 0, NULL);
    assert_err(ask_from_puppet(rt, &(question){.to = callee}), TR_EUNHANDLED);
    question q = {.to = callee, .fn = do_not_handle};
    assert_err(ask_from_puppet(rt, &q), TR_EUNHANDLED);
    assert_ok(ask_from_puppet(rt, &(question){.to = callee, .fn = do_nothing}));
    troupe_end(rt);
}

Test(call, answered_with_another_type_is_etype)
{
    tr_runtime *rt = troupe_begin(2);
    question q = {.to = puppet_at(rt, 0, NULL), .fn = do_nothing, .expect = &number_type};
    assert_err(ask_from_puppet(rt, &q), TR_ETYPE);
    q.expect = &acted_type;
    assert_ok(ask_from_puppet(rt, &q));
    troupe_end(rt);
}

Test(call, gives_on_the_error_that_the_callee_answered)
{
    tr_runtime *rt = troupe_begin(2);
    question q = {.to = puppet_at(rt, 0, NULL), .fn = answer_with_error};
    assert_err(ask_from_puppet(rt, &q), TR_EADDRINUSE);
    troupe_end(rt);
}

Test(call, into_a_full_mailbox_that_rejects_is_efull)
{
    tr_runtime *rt = troupe_begin(2);
    hold h;
    hold_init(&h);
    tr_ref_t callee;
    assert_ok(tr_runtime_spawn(
        rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .mailbox_count = 1, .full = TR_REJECT),
        &callee));
    tr_ref_t caller = puppet_at(rt, 1, NULL);
    assert_ok(troupe_prompt(rt, callee, hold_thread, &h));
    CUE_AWAIT(&h.is_held);
    assert_ok(troupe_prompt(rt, callee, do_nothing, NULL));
    question q = {.to = callee, .fn = do_nothing, .timeout = tr_seconds(20)};
    assert_ok(troupe_act(rt, caller, ask, &q));
    assert_err(q.err, TR_EFULL);
    cue_give(&h.go_on);
    troupe_end(rt);
}

typedef struct lump_size {
    tr_ref_t to;
    size_t bytes;
    tr_err_t sent, tried, called;
} lump_size;

static const char much[3000];

static tr_err_t
send_lump(tr_self *self, void *arg)
{
    lump_size *l = arg;
    const tr_bytes_t data = tr_bytes(much, l->bytes);
    l->sent = tr_send(self, l->to, TR_MSG(lump, .data = data));
    l->tried = tr_try_send(self, l->to, TR_MSG(lump, .data = data));
    l->called = tr_call(self, l->to, TR_MSG(lump, .data = data), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(call, larger_than_the_whole_mailbox_is_etoobig)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t callee;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .mailbox_bytes = 2000), &callee));
    lump_size l = {.to = callee, .bytes = 2500};
    assert_ok(troupe_act(rt, puppet_at(rt, 1, NULL), send_lump, &l));
    assert_err(l.sent, TR_ETOOBIG);
    assert_err(l.tried, TR_ETOOBIG);
    assert_err(l.called, TR_ETOOBIG);
    l.bytes = 1000;
    assert_ok(troupe_act(rt, puppet_at(rt, 1, NULL), send_lump, &l));
    assert_ok(l.sent);
    assert_err(l.called, TR_EUNHANDLED);
    troupe_end(rt);
}

Test(call, not_answered_in_time_is_etimeout_and_its_late_answer_is_counted_as_returned)
{
    tr_runtime *rt = troupe_begin(2);
    hold h;
    hold_init(&h);
    question q = {.to = puppet_at(rt, 1, NULL), .fn = hold_thread, .arg = &h, .timeout = tr_ms(5)};
    assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    CUE_AWAIT(&h.is_held);
    cue_give(&h.go_on);
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == 1);
    cr_assert(eq(u64, troupe_ledger(rt).expired, 0));
    troupe_expect_balance(rt);
    troupe_end(rt);
}

Test(call, without_any_time_is_etimeout)
{
    tr_runtime *rt = troupe_begin(2);
    hold h;
    hold_init(&h);
    tr_ref_t callee = puppet_at(rt, 1, NULL);
    assert_ok(troupe_prompt(rt, callee, hold_thread, &h));
    CUE_AWAIT(&h.is_held);
    question q = {.to = callee, .fn = do_nothing, .timeout = tr_us(1)};
    assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    cue_give(&h.go_on);
    troupe_end(rt);
}

Test(call, that_expired_in_the_queue_is_not_begun)
{
    tr_runtime *rt = troupe_begin(2);
    hold h;
    hold_init(&h);
    _Atomic int begun = 0;
    tr_ref_t callee = puppet_at(rt, 1, NULL);
    assert_ok(troupe_prompt(rt, callee, hold_thread, &h));
    CUE_AWAIT(&h.is_held);
    for (int i = 0; i < 3; i++) {
        question q = {.to = callee, .fn = count, .arg = &begun, .timeout = tr_ms(3)};
        assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    }
    // The callee's worker has read no clock since: that must not make it begin what is over.
    cue_give(&h.go_on);
    assert_ok(troupe_act(rt, callee, do_nothing, NULL));
    cr_assert(eq(int, begun, 0));
    cr_assert(eq(u64, troupe_ledger(rt).expired, 3));
    troupe_end(rt);
}

static tr_err_t
stop_child(tr_self *self, void *arg)
{
    return tr_stop(self, *(tr_ref_t *)arg);
}

static tr_err_t
kill_child(tr_self *self, void *arg)
{
    return tr_kill(self, *(tr_ref_t *)arg);
}

// A parent that has one child and takes note of its end.
typedef struct family {
    tr_ref_t child;
    const tr_spawn_opts_t *opts;
    tr_err_t spawned;
    tr_err_t reason;
    int exits;
    cue ended;
} family;

static tr_err_t
hear_of_end(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    family *f = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    f->reason = (tr_err_t)exit->reason;
    f->exits++;
    cue_give(&f->ended);
    return TR_OK;
}

static tr_err_t
have_child(tr_self *self, void *arg)
{
    family *f = arg;
    f->spawned = tr_spawn(self, f->opts, &f->child);
    return TR_OK;
}

static tr_ref_t
make_family(tr_runtime *rt, family *f, const tr_spawn_opts_t *child)
{
    cue_init(&f->ended);
    f->opts = child;
    tr_ref_t parent = puppet_at(rt, 1, &(part){.receive = hear_of_end, .arg = f});
    assert_ok(troupe_act(rt, parent, have_child, f));
    assert_ok(f->spawned);
    return parent;
}

Test(call, of_one_that_is_stopped_meanwhile_is_ecanceled)
{
    tr_runtime *rt = troupe_begin(2);
    cue waits;
    cue_init(&waits);
    tr_ref_t callee = puppet_at(rt, 0, NULL);
    question q = {.to = callee, .fn = sleep_forever, .arg = &waits, .timeout = TR_FOREVER};
    family f = {0};
    tr_ref_t parent = make_family(rt, &f, PUPPET(NULL));
    assert_ok(troupe_prompt(rt, f.child, ask, &q));
    CUE_AWAIT(&waits);
    assert_ok(troupe_act(rt, parent, stop_child, &f.child));
    CUE_AWAIT(&f.ended);
    assert_err(q.err, TR_ECANCELED);
    assert_ok(f.reason);
    troupe_end(rt);
}

Test(call, of_a_callee_that_is_killed_while_it_waits_is_edead)
{
    tr_runtime *rt = troupe_begin(2);
    cue waits;
    cue_init(&waits);
    family f = {0};
    tr_ref_t parent = make_family(rt, &f, PUPPET(NULL));
    tr_ref_t caller = puppet_at(rt, 0, NULL);
    question q = {.to = f.child, .fn = sleep_forever, .arg = &waits, .timeout = TR_FOREVER};
    cue called;
    cue_init(&called);
    q.begun = &called;
    q.err = TR_EBUSY;
    assert_ok(troupe_prompt(rt, caller, ask, &q));
    CUE_AWAIT(&waits);
    assert_ok(troupe_act(rt, parent, kill_child, &f.child));
    assert_ok(troupe_act(rt, caller, do_nothing, NULL)); // its call has returned
    assert_err(q.err, TR_EDEAD);
    CUE_AWAIT(&f.ended);
    assert_err(f.reason, TR_EKILLED);
    troupe_end(rt);
}

Test(call, of_one_still_queued_when_the_callee_ends_is_edead)
{
    tr_runtime *rt = troupe_begin(2);
    hold h;
    hold_init(&h);
    tr_ref_t callee = puppet_at(rt, 0, NULL);
    tr_ref_t caller = puppet_at(rt, 1, NULL);
    cue called;
    cue_init(&called);
    question q = {.to = callee, .fn = do_nothing, .timeout = TR_FOREVER, .err = TR_EBUSY};
    q.begun = &called;
    assert_ok(troupe_prompt(rt, callee, hold_thread, &h));
    assert_ok(troupe_prompt(rt, callee, return_eio, NULL));
    CUE_AWAIT(&h.is_held);
    assert_ok(troupe_prompt(rt, caller, ask, &q));
    CUE_AWAIT(&called);
    TROUPE_EVENTUALLY(troupe_ledger(rt).queued >= 2);
    cue_give(&h.go_on);
    assert_ok(troupe_act(rt, caller, do_nothing, NULL));
    assert_err(q.err, TR_EDEAD);
    troupe_end(rt);
}

// ---- deadlines

typedef struct chain {
    tr_ref_t silent; // never answers
    tr_err_t called, slept;
    int64_t took_ns;
    tr_duration_t own;
} chain;

static tr_err_t
call_on(tr_self *self, void *arg)
{
    chain *c = arg;
    int64_t begin = tr_now_ns(self);
    c->called = tr_call(self, c->silent, ACT_MSG(sleep_forever, NULL), TR_REPLY_NONE, c->own);
    c->took_ns = tr_now_ns(self) - begin;
    c->slept = tr_sleep(self, tr_seconds(20));
    return TR_OK;
}

Test(call, ends_with_the_deadline_of_the_request_in_hand)
{
    tr_runtime *rt = troupe_begin(2);
    chain c = {.silent = puppet_at(rt, 0, NULL), .own = TR_FOREVER};
    tr_ref_t middle = puppet_at(rt, 0, NULL);
    question q = {.to = middle, .fn = call_on, .arg = &c, .timeout = tr_ms(30)};
    assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    assert_ok(troupe_act(rt, middle, do_nothing, NULL));
    assert_err(c.called, TR_ETIMEOUT);
    assert_err(c.slept, TR_ETIMEOUT);
    cr_assert(lt(i64, c.took_ns, INT64_C(15) * 1000000000));
    troupe_end(rt);
}

Test(call, ends_with_its_own_timeout_when_that_is_earlier)
{
    tr_runtime *rt = troupe_begin(2);
    chain c = {.silent = puppet_at(rt, 0, NULL), .own = tr_ms(5)};
    tr_ref_t middle = puppet_at(rt, 0, NULL);
    question q = {.to = middle, .fn = call_on, .arg = &c, .timeout = tr_ms(200)};
    assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    assert_ok(troupe_act(rt, middle, do_nothing, NULL));
    assert_err(c.called, TR_ETIMEOUT);
    assert_err(c.slept, TR_ETIMEOUT);
    cr_assert(ge(i64, c.took_ns, 4000000));
    troupe_end(rt);
}

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
