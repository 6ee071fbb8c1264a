// receive_call_test.c: calls that were taken out of the mailbox, their answers, and the ledger.
#include "listener.h"

TestSuite(receive_call, .timeout = 60);

// A call from an actor, and how it went.
typedef struct question {
    tr_ref_t caller;
    tr_duration_t timeout;
    tr_err_t err;
    uint32_t answer;
} question;

static tr_err_t
call_with_mark(tr_self *self, void *arg)
{
    question *q = arg;
    const note *answer = NULL;
    q->err = tr_call(self, stage.listener, TR_MSG(mark, .number = 7), TR_REPLY(note, &answer),
                     q->timeout);
    q->answer = q->err == TR_OK ? answer->number : 0;
    return TR_OK;
}

// Its request is in the mailbox of the listener, which is held.
static void
call_it(question *q, uint32_t callers)
{
    q->err = TR_EBUSY;
    if (q->timeout.ns == 0) {
        q->timeout = tr_seconds(20);
    }
    assert_ok(tr_runtime_spawn(stage.p.rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT), &q->caller));
    assert_ok(troupe_prompt(stage.p.rt, q->caller, call_with_mark, q));
    TROUPE_EVENTUALLY(callers_wait(callers));
}

static void
await_answer(question *q)
{
    assert_ok(troupe_act(stage.p.rt, q->caller, do_nothing, NULL));
}

static tr_err_t
ask_listener(act_fn then)
{
    question q = {.err = TR_OK};
    stand_by(then);
    call_it(&q, 1);
    let_go();
    await_answer(&q);
    return q.err;
}

// What the caller gets from a handler that received its call; and how much of the listener's mail
// counts as failed.
static void
expect_outcome(act_fn then, tr_err_t answer, uint64_t failed)
{
    begin((tr_spawn_opts_t){0});
    assert_err(ask_listener(then), answer);
    // The rest of the ledger is exact by the balance.
    TROUPE_EVENTUALLY(troupe_ledger(stage.p.rt).queued == 0);
    tr_runtime_stop(stage.p.rt);
    assert_ok(tr_runtime_wait(stage.p.rt, tr_seconds(TROUPE_PATIENCE_S)));
    cr_expect(troupe_ledger(stage.p.rt).failed == failed, "%u failed",
              (unsigned)troupe_ledger(stage.p.rt).failed);
    end();
}

static const tr_message *
take_call(tr_self *self)
{
    const tr_message *msg = NULL;
    expect_ok(tr_receive(self, TR_TYPES(mark), &msg, tr_seconds(20)));
    cr_expect(tr_message_is_call(msg));
    return msg;
}

static tr_err_t
receive_and_answer(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg = take_call(self);
    stage.err = tr_reply_to(self, msg, TR_MSG(note, .number = number_of(msg) + 1));
    stage.second = tr_reply_to(self, msg, TR_MSG(note, .number = 100));
    expect_err(tr_reply_error_to(self, msg, TR_EIO), TR_EALREADY);
    return TR_OK;
}

Test(receive_call, a_call_is_answered_by_tr_reply_to_once)
{
    begin((tr_spawn_opts_t){0});
    question q = {.err = TR_OK};
    stand_by(receive_and_answer);
    call_it(&q, 1);
    let_go();
    await_answer(&q);
    assert_ok(q.err);
    cr_assert(q.answer == 8);
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    assert_err(stage.second, TR_EALREADY);
    end();
}

static tr_err_t
receive_and_answer_with_error(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg = take_call(self);
    expect_err(tr_reply_error_to(self, msg, TR_OK), TR_EINVAL);
    expect_ok(tr_reply_error_to(self, msg, TR_EBUSY));
    expect_err(tr_reply_error_to(self, msg, TR_EIO), TR_EALREADY);
    expect_err(tr_reply_to(self, msg, TR_MSG(note, .number = 1)), TR_EALREADY);
    return TR_OK;
}

Test(receive_call, a_call_is_answered_with_an_error_by_tr_reply_error_to)
{
    expect_outcome(receive_and_answer_with_error, TR_EBUSY, 0);
}

static tr_err_t
receive_and_answer_nothing(tr_self *self, void *arg)
{
    (void)arg;
    (void)take_call(self);
    return TR_OK;
}

Test(receive_call, a_call_without_an_answer_is_enoreply_when_the_handler_returns)
{
    expect_outcome(receive_and_answer_nothing, TR_ENOREPLY, 0);
}

static tr_err_t
receive_and_return_eio(tr_self *self, void *arg)
{
    (void)arg;
    (void)take_call(self);
    return TR_EIO;
}

Test(receive_call, a_call_without_an_answer_is_ecrashed_when_the_handler_returns_an_error)
{
    expect_outcome(receive_and_return_eio, TR_ECRASHED, 2);
}

static tr_err_t
receive_and_fail(tr_self *self, void *arg)
{
    (void)arg;
    (void)take_call(self);
    tr_fail(self, TR_EIO, "on purpose");
}

Test(receive_call, a_call_without_an_answer_is_ecrashed_when_the_handler_calls_tr_fail)
{
    expect_outcome(receive_and_fail, TR_ECRASHED, 2);
}

static tr_err_t
answer_and_fail(tr_self *self, void *arg)
{
    (void)arg;
    expect_ok(tr_reply_to(self, take_call(self), TR_MSG(note, .number = 1)));
    tr_fail(self, TR_EIO, "on purpose");
}

Test(receive_call, a_call_that_was_answered_keeps_its_answer_when_the_handler_fails)
{
    expect_outcome(answer_and_fail, TR_OK, 2);
}

static tr_err_t
answer_after_release(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg = take_call(self);
    tr_release(self, msg);
    cue_give(&stage.holds);
    return tr_sleep(self, tr_seconds(20)); // the caller does not wait for this
}

Test(receive_call, a_call_that_is_released_without_an_answer_is_enoreply_at_once)
{
    begin((tr_spawn_opts_t){0});
    assert_err(ask_listener(answer_after_release), TR_ENOREPLY);
    CUE_AWAIT(&stage.holds);
    end();
}

static tr_err_t
answer_release_and_fail(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg = take_call(self);
    expect_ok(tr_reply_to(self, msg, TR_MSG(note, .number = 1)));
    tr_release(self, msg);
    return TR_EIO;
}

Test(receive_call, what_was_released_is_handled_though_the_handler_fails)
{
    expect_outcome(answer_release_and_fail, TR_OK, 1);
}

static tr_err_t
release_by_value(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *first = take_call(self);
    const mark *value = tr_as(mark, first);
    expect_ok(tr_reply_to(self, first, TR_MSG(note, .number = 1)));
    tr_release(self, value);
    tr_release(self, NULL);
    return TR_OK;
}

Test(receive_call, is_released_by_the_value_too)
{
    expect_outcome(release_by_value, TR_OK, 0);
}

static tr_err_t
receive_and_sleep(tr_self *self, void *arg)
{
    (void)arg;
    (void)take_call(self);
    cue_give(&stage.over);
    return tr_sleep(self, TR_FOREVER);
}

Test(receive_call, a_call_without_an_answer_is_edead_when_the_receiver_is_killed)
{
    begin((tr_spawn_opts_t){0});
    question q = {.err = TR_OK};
    stand_by(receive_and_sleep);
    call_it(&q, 1);
    let_go();
    CUE_AWAIT(&stage.over);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    await_answer(&q);
    assert_err(q.err, TR_EDEAD); // as for a call in hand
    end();
}

static tr_err_t
receive_unhandled(tr_self *self, void *arg)
{
    (void)arg;
    (void)take_call(self);
    return TR_EUNHANDLED;
}

Test(receive_call, a_call_is_eunhandled_when_the_handler_says_so)
{
    expect_outcome(receive_unhandled, TR_EUNHANDLED, 0);
}

static tr_err_t
receive_sent_and_answer(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    expect_ok(tr_receive(self, TR_TYPES(mark), &msg, tr_seconds(20)));
    cr_expect(tr_message_is_call(msg) == false);
    stage.err = tr_reply_to(self, msg, TR_MSG(note, .number = 1));
    stage.second = tr_reply_to(self, msg, TR_MSG(note, .number = 1));
    expect_err(tr_reply_error_to(self, msg, TR_EIO), TR_EALREADY);
    return TR_OK;
}

Test(receive_call, a_sent_message_takes_one_answer_that_nobody_waits_for_as_the_one_in_hand_does)
{
    begin((tr_spawn_opts_t){0});
    stand_by(receive_sent_and_answer);
    send_mark(1);
    let_go();
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    assert_err(stage.second, TR_EALREADY);
    end();
}

static tr_err_t
answer_to_in_hand(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    stage.err = tr_reply_to(self, msg, TR_MSG(note, .number = 11));
    stage.second = tr_reply_error_to(self, msg, TR_EIO);
    return TR_OK;
}

Test(receive_call, tr_reply_to_answers_the_message_in_hand_as_tr_reply_does)
{
    static const part role = {.receive = answer_to_in_hand};
    begin_with((tr_spawn_opts_t){0}, &role);
    question q = {.timeout = tr_seconds(20)};
    assert_ok(troupe_act(stage.p.rt, stage.p.ref, call_with_mark, &q));
    settle();
    assert_ok(q.err);
    cr_assert(q.answer == 11);
    assert_ok(stage.err);
    assert_err(stage.second, TR_EALREADY);
    end();
}

static tr_err_t
answer_in_reverse(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msgs[4];
    for (int i = 0; i < 4; i++) {
        msgs[i] = take_call(self);
    }
    expect_err(tr_sleep(self, tr_ms(1)), TR_OK);
    for (int i = 3; i >= 0; i--) {
        cr_expect(number_of(msgs[i]) == 7, "a borrowed one has changed");
        if (i != 2) {
            expect_ok(tr_reply_to(self, msgs[i], TR_MSG(note, .number = (uint32_t)i)));
        }
        if (i == 1) {
            tr_release(self, msgs[1]);
        }
    }
    return TR_OK;
}

Test(receive_call, several_calls_are_borrowed_at_once_and_answered_in_any_order)
{
    begin((tr_spawn_opts_t){0});
    question q[4] = {{.err = TR_OK}};
    stand_by(answer_in_reverse);
    for (uint32_t i = 0; i < 4; i++) {
        call_it(&q[i], i + 1);
    }
    let_go();
    for (uint32_t i = 0; i < 4; i++) {
        await_answer(&q[i]);
        assert_err(q[i].err, i == 2 ? TR_ENOREPLY : TR_OK);
        cr_expect(i == 2 || q[i].answer == i);
    }
    end();
}

static tr_err_t
answer_late(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg = take_call(self);
    cue_give(&stage.holds);
    cr_expect(cue_take(&stage.go_on));
    stage.err = tr_reply_to(self, msg, TR_MSG(note, .number = 1));
    return TR_OK;
}

Test(receive_call, an_answer_to_a_caller_that_has_given_up_is_ok_and_counted_as_returned)
{
    begin((tr_spawn_opts_t){0});
    question q = {.timeout = tr_ms(500)};
    stand_by(answer_late);
    call_it(&q, 1);
    let_go();
    CUE_AWAIT(&stage.holds);
    await_answer(&q);
    assert_err(q.err, TR_ETIMEOUT);
    let_go();
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    TROUPE_EVENTUALLY(troupe_ledger(stage.p.rt).returned == 1);
    end();
}

Test(receive_call, sheds_a_call_whose_deadline_has_passed)
{
    begin((tr_spawn_opts_t){0});
    question q = {.timeout = tr_ms(500)};
    stand_by(take_marks);
    call_it(&q, 1);
    send_mark(1);
    await_answer(&q); // it has given up
    assert_err(q.err, TR_ETIMEOUT);
    let_go();
    CUE_AWAIT(&stage.over);
    EXPECT_GOT(1);
    cr_assert(troupe_ledger(stage.p.rt).expired == 1);
    end();
}
