// then_test.c: calls that nobody waits for, and what runs when they are over.
#include "underway.h"

TestSuite(then, .timeout = 60);

#define RUNS_MAX 8

// A call with a continuation, and what came of it.
typedef struct sequel {
    errand e;
    tr_then_fn then;
    _Atomic(tr_err_t) began;
    _Atomic uint32_t runs;
    tr_err_t err;
    bool has_answer;
    uint32_t incarnation;
    tr_err_t in_hand[4]; // what asking for the message in hand gives
    cue ran;
    struct sequel *next;
} sequel;

static tr_err_t
take_note(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    sequel *q = arg;
    cr_expect(state != NULL);
    q->err = err;
    q->has_answer = answer != NULL;
    q->incarnation = tr_self_incarnation(self);
    q->runs++;
    cue_give(&q->ran);
    return TR_OK;
}

static void
sequel_init(sequel *q, tr_ref_t to, act_fn fn)
{
    *q = (sequel){.then = take_note, .began = TR_EBUSY, .err = TR_EBUSY};
    errand_init(&q->e, to, fn);
    cue_init(&q->ran);
}

static tr_err_t
begin_sequel(tr_self *self, void *arg)
{
    sequel *q = arg;
    q->began = tr_call_then(self, q->e.to, ACT_MSG(q->e.fn, &q->e), q->e.timeout, q->then, q);
    return TR_OK;
}

static void
begin_it(sequel *q, tr_ref_t caller)
{
    play(caller, begin_sequel, q);
    assert_ok(q->began);
}

static void
expect_run(sequel *q, tr_err_t err)
{
    CUE_AWAIT(&q->ran);
    assert_err(q->err, err);
    cr_assert(q->has_answer == (err == TR_OK));
    cr_assert(eq(u32, q->runs, 1));
}

// ---- how the call ends

Test(then, that_is_null_is_einval_and_calls_nobody)
{
    scene_begin();
    sequel q;
    sequel_init(&q, actor_at(1), stay);
    q.then = NULL;
    play(actor_at(0), begin_sequel, &q);
    assert_err(q.began, TR_EINVAL);
    expect_alive(q.e.to);
    cr_assert(eq(u32, q.e.begins, 0));
    scene_end();
}

static void
expect_outcome(tr_ref_t to, act_fn fn, tr_err_t expected)
{
    sequel q;
    tr_ref_t caller = actor_at(0);
    sequel_init(&q, to, fn);
    begin_it(&q, caller);
    expect_run(&q, expected);
    play(caller, do_nothing, NULL); // the answer has been given back
}

Test(then, runs_once_however_the_call_ends)
{
    scene_begin();
    expect_outcome(dead_actor(), do_nothing, TR_EDEAD);
    expect_outcome(actor_at(1), return_eio, TR_ECRASHED);
    expect_outcome(actor_at(1), answer_with_ebusy, TR_EBUSY);
    expect_outcome(actor_at(1), do_nothing, TR_OK);
    scene_end();
}

Test(then, runs_when_the_deadline_passes)
{
    scene_begin();
    sequel q;
    tr_ref_t caller = actor_at(0);
    sequel_init(&q, actor_at(1), stay);
    q.e.timeout = tr_ms(5);
    begin_it(&q, caller);
    expect_run(&q, TR_ETIMEOUT);
    expect_alive(q.e.to);
    cr_assert(eq(u32, q.runs, 1));
    scene_end();
}

Test(then, runs_between_two_messages)
{
    scene_begin();
    sequel q;
    errand other;
    tr_ref_t caller = actor_at(0);
    sequel_init(&q, actor_at(1), do_nothing);
    errand_init(&other, TR_REF_NONE, NULL);
    begin_it(&q, caller);
    CUE_AWAIT(&q.ran);
    sequel_init(&q, q.e.to, dawdle);
    begin_it(&q, caller);
    CUE_AWAIT(&q.e.begun);
    prompt(caller, dawdle, &other); // a handler that is in progress comes first
    CUE_AWAIT(&other.begun);
    q.e.may_go_on = true;
    play(q.e.to, do_nothing, NULL);
    cr_assert(eq(u32, q.runs, 0));
    other.may_go_on = true;
    expect_run(&q, TR_OK);
    scene_end();
}

// ---- what it may do

static tr_err_t
look_for_message(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    sequel *q = arg;
    tr_token *token;
    q->in_hand[0] = tr_reply(self, TR_MSG(acted));
    q->in_hand[1] = tr_defer(self, &token);
    q->in_hand[2] = tr_delegate(self, q->e.to);
    q->in_hand[3] = tr_stash(self);
    cr_expect(eq(i64, tr_deadline_left(self).ns, INT64_MAX));
    return take_note(self, state, err, answer, arg);
}

Test(then, has_no_message_in_hand)
{
    scene_begin();
    sequel q;
    sequel_init(&q, actor_at(1), do_nothing);
    q.then = look_for_message;
    begin_it(&q, actor_at(0));
    expect_run(&q, TR_OK);
    for (int i = 0; i < 4; i++) {
        assert_err(q.in_hand[i], TR_EINVAL);
    }
    scene_end();
}

static tr_err_t
return_error(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    take_note(self, state, err, answer, arg);
    return TR_EIO;
}

static tr_err_t
fail_there(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    take_note(self, state, err, answer, arg);
    tr_fail(self, TR_EIO, "after all");
}

// No caller has given up here: that a wait was canceled is a failure like another.
static tr_err_t
hand_on_ecanceled(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    take_note(self, state, err, answer, arg);
    return TR_ECANCELED;
}

Test(then, that_fails_ends_the_life)
{
    static const tr_then_fn thens[] = {return_error, fail_there, hand_on_ecanceled};
    for (int i = 0; i < 3; i++) {
        scene_begin();
        sequel q, open;
        tr_ref_t caller = actor_at(0);
        sequel_init(&q, actor_at(1), dawdle);
        sequel_init(&open, actor_at(1), stay);
        q.then = thens[i];
        begin_it(&open, caller);
        begin_it(&q, caller);
        CUE_AWAIT(&open.e.begun);
        q.e.may_go_on = true;
        expect_run(&q, TR_OK);
        CUE_AWAIT(&s.p.told);
        assert_err(last_news(&s.p)->reason, i == 2 ? TR_ECANCELED : TR_EIO);
        CUE_AWAIT(&open.e.over);
        assert_err(open.e.first, TR_ECANCELED);
        cr_assert(eq(u32, open.runs, 0));
        scene_end();
    }
}

static tr_err_t
wait_there(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    sequel *q = arg;
    tr_err_t slept = tr_sleep(self, tr_ms(1));
    errand more;
    errand_init(&more, q->e.to, do_nothing);
    run_errand(self, &more);
    q->in_hand[0] = slept;
    q->in_hand[1] = more.err;
    bool is_there = tr_message_type(answer) == &acted_type; // it is lent for as long as this takes
    cr_expect(is_there);
    return take_note(self, state, err, answer, arg);
}

Test(then, may_wait)
{
    scene_begin();
    sequel q;
    sequel_init(&q, actor_at(1), do_nothing);
    q.then = wait_there;
    begin_it(&q, actor_at(0));
    expect_run(&q, TR_OK);
    assert_ok(q.in_hand[0]);
    assert_ok(q.in_hand[1]);
    scene_end();
}

static tr_err_t
begin_another(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    sequel *q = arg;
    if (q->next != NULL) {
        begin_sequel(self, q->next);
    }
    return take_note(self, state, err, answer, arg);
}

Test(then, may_begin_another)
{
    scene_begin();
    sequel q[RUNS_MAX];
    tr_ref_t dead = dead_actor();
    for (uint32_t i = 0; i < RUNS_MAX; i++) {
        sequel_init(&q[i], i % 3 == 2 ? dead : actor_at(i), do_nothing);
        q[i].then = begin_another;
        q[i].next = i + 1 < RUNS_MAX ? &q[i + 1] : NULL;
    }
    begin_it(&q[0], actor_at(0));
    for (int i = 0; i < RUNS_MAX; i++) {
        expect_run(&q[i], i % 3 == 2 ? TR_EDEAD : TR_OK);
    }
    scene_end();
}

static tr_err_t
leave_there(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    tr_exit(self);
    return take_note(self, state, err, answer, arg);
}

Test(then, may_end_its_actor_in_order)
{
    scene_begin();
    sequel q;
    tr_ref_t caller = actor_at(0);
    sequel_init(&q, actor_at(1), do_nothing);
    q.then = leave_there;
    begin_it(&q, caller);
    expect_run(&q, TR_OK);
    CUE_AWAIT(&s.p.told);
    assert_ok(last_news(&s.p)->reason);
    scene_end();
}

// ---- its life ends first

// Both are over while a handler is in progress, so their continuations are due when the end comes.
static tr_err_t
begin_two_and_stay(tr_self *self, void *arg)
{
    sequel *q = arg;
    begin_sequel(self, &q[0]);
    begin_sequel(self, &q[1]);
    cue_give(&q->ran);
    return sleep_forever(self, NULL);
}

static void
end_with_some_due(act_fn how)
{
    scene_begin();
    sequel q[2];
    tr_ref_t caller = actor_at(0);
    sequel_init(&q[0], dead_actor(), do_nothing);
    sequel_init(&q[1], actor_at(1), do_nothing);
    prompt(caller, begin_two_and_stay, q);
    CUE_AWAIT(&q->ran);
    play(q[1].e.to, do_nothing, NULL); // after its answer
    order(caller, how);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    cr_assert(eq(u32, q[0].runs, 0));
    cr_assert(eq(u32, q[1].runs, 0));
    scene_end();
}

Test(then, that_is_due_when_its_life_ends_does_not_run)
{
    end_with_some_due(do_stop);
    end_with_some_due(do_kill);
}

Test(then, that_is_under_way_when_its_life_ends_cancels_the_call)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        sequel q;
        tr_ref_t caller = actor_at(0);
        sequel_init(&q, actor_at(1), stay);
        begin_it(&q, caller);
        CUE_AWAIT(&q.e.begun);
        end_life(&s, caller, how);
        CUE_AWAIT(&q.e.over);
        assert_err(q.e.first, TR_ECANCELED);
        cr_assert(eq(u32, q.runs, 0));
        scene_end();
    }
}

Test(then, of_an_old_life_does_not_run_in_the_new_one)
{
    scene_begin();
    sequel q, fresh;
    tr_ref_t caller = child_of(&s.p, PUPPET_WITH(NULL, .after_exit = TR_AFTER_EXIT_HOLD));
    sequel_init(&q, actor_at(1), stall);
    begin_it(&q, caller);
    CUE_AWAIT(&q.e.begun);
    prompt(caller, return_eio, NULL);
    CUE_AWAIT(&s.p.told);
    order(caller, do_restart);
    uint64_t returned = ledger().returned;
    go_on(&q.e);
    TROUPE_EVENTUALLY(ledger().returned == returned + 1);
    sequel_init(&fresh, actor_at(0), do_nothing);
    begin_it(&fresh, caller);
    expect_run(&fresh, TR_OK);
    cr_assert(eq(u32, fresh.incarnation, 2));
    cr_assert(eq(u32, q.runs, 0));
    scene_end();
}

static void
begin_in_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)reason;
    begin_sequel(self, arg);
    expect_ok(tr_sleep(self, tr_ms(1)));
}

Test(then, begun_by_the_stop_handler_does_not_run)
{
    scene_begin();
    sequel q;
    part role = {.stop = begin_in_stop, .arg = &q};
    tr_ref_t caller = child_of(&s.p, PUPPET(&role));
    sequel_init(&q, actor_at(1), do_nothing);
    order(caller, do_stop);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    assert_ok(q.began);
    cr_assert(eq(u32, q.runs, 0));
    scene_end();
}

static tr_err_t
begin_in_start(tr_self *self, void *arg)
{
    sequel *q = arg;
    begin_sequel(self, q);
    tr_err_t err = tr_sleep(self, tr_ms(1));
    cr_expect(eq(u32, q->runs, 0), "it runs in the middle of start");
    return err;
}

Test(then, begun_by_the_start_handler_runs_after_it)
{
    scene_begin();
    sequel q;
    part role = {.start = begin_in_start, .arg = &q};
    sequel_init(&q, actor_at(1), do_nothing);
    child_of(&s.p, PUPPET(&role));
    expect_run(&q, TR_OK);
    scene_end();
}
