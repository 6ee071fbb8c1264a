// call_test.c: how a call can end, and what becomes of requests nobody waits for.
#include "ask.h"

TestSuite(call, .timeout = 60);

static tr_err_t
count(tr_self *self, void *arg)
{
    (void)self;
    atomic_fetch_add_explicit((_Atomic int *)arg, 1, memory_order_relaxed);
    return TR_OK;
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
    assert_err(c.slept, TR_ECANCELED); // what begins after the deadline is for nobody
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

static tr_err_t
tell_left(tr_self *self, void *arg)
{
    *(tr_duration_t *)arg = tr_deadline_left(self);
    return TR_OK;
}

static tr_err_t
tell_left_in_the_end(tr_self *self, void *arg)
{
    expect_err(tr_sleep(self, TR_FOREVER), TR_ETIMEOUT);
    return tell_left(self, arg);
}

Test(call, tells_its_callee_how_much_time_is_left)
{
    tr_runtime *rt = troupe_begin(2);
    tr_duration_t left = {-1};
    part role = {.start = tell_left, .arg = &left};
    tr_ref_t callee = puppet_at(rt, 0, &role);
    cr_assert(eq(i64, left.ns, INT64_MAX)); // no message, no deadline
    question q = {.to = callee, .fn = tell_left, .arg = &left, .timeout = tr_seconds(10)};
    assert_ok(ask_from_puppet(rt, &q));
    cr_assert(gt(i64, left.ns, 0));
    cr_assert(le(i64, left.ns, INT64_C(10000001024))); // a deadline is rounded up by so little
    assert_ok(troupe_prompt(rt, callee, tell_left, &left));
    assert_ok(troupe_act(rt, callee, do_nothing, NULL));
    cr_assert(eq(i64, left.ns, INT64_MAX));
    question late = {.to = callee, .fn = tell_left_in_the_end, .arg = &left, .timeout = tr_ms(3)};
    assert_err(ask_from_puppet(rt, &late), TR_ETIMEOUT);
    assert_ok(troupe_act(rt, callee, do_nothing, NULL));
    cr_assert(eq(i64, left.ns, 0));
    troupe_end(rt);
}
