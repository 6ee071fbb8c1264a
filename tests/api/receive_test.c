// receive_test.c: a message taken out of the mailbox in the middle of a handler: which one, and
// what ends the wait for it.
#include <pthread.h>

#include "listener.h"

TestSuite(receive, .timeout = 60);

TR_MESSAGE_EMPTY(third);
TR_MESSAGE_EMPTY(fourth);
TR_MESSAGE_EMPTY(fifth);
TR_MESSAGE_EMPTY(sixth);
TR_MESSAGE_EMPTY(seventh);
TR_MESSAGE_EMPTY(eighth);

// ---- what goes wrong

static tr_err_t
receive_wrongly(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    stage.err = tr_receive(self, NULL, 1, &msg, TR_FOREVER);
    return TR_OK;
}

Test(receive, of_a_count_without_types_is_einval)
{
    begin((tr_spawn_opts_t){0});
    assert_ok(troupe_act(stage.p.rt, stage.listener, receive_wrongly, NULL));
    assert_err(stage.err, TR_EINVAL);
    end();
}

static tr_err_t
poll_for_mark(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg = (const tr_message *)&stage;
    int64_t before = tr_now_ns(self);
    stage.err = tr_receive(self, TR_TYPES(mark), &msg, tr_ms(0));
    cr_expect(tr_now_ns(self) - before < INT64_C(20000000000));
    cr_expect(msg == (const tr_message *)&stage, "written on an error");
    return TR_OK;
}

Test(receive, with_a_zero_timeout_of_nothing_is_etimeout_at_once_and_writes_nothing)
{
    begin((tr_spawn_opts_t){0});
    stand_by(poll_for_mark);
    send_note(1);
    let_go();
    CUE_AWAIT(&stage.over);
    assert_err(stage.err, TR_ETIMEOUT);
    settle();
    EXPECT_LEFT(1);
    end();
}

static tr_err_t
await_mark_a_little(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    int64_t before = tr_now_ns(self);
    stage.err = tr_receive(self, TR_TYPES(mark), &msg, tr_ms(20));
    cr_expect(tr_now_ns(self) - before >= 20000000);
    return TR_OK;
}

Test(receive, of_nothing_is_etimeout_when_the_time_is_over)
{
    begin((tr_spawn_opts_t){0});
    assert_ok(troupe_act(stage.p.rt, stage.listener, await_mark_a_little, NULL));
    assert_err(stage.err, TR_ETIMEOUT);
    // A mark that comes later is for the handler.
    send_mark(1);
    settle();
    EXPECT_LEFT(1);
    end();
}

static tr_err_t
await_mark_and_give_cue(tr_self *self, void *arg)
{
    tr_err_t err = await_mark(self, arg);
    cue_give(&stage.over);
    return err;
}

Test(receive, ends_at_the_deadline_of_the_message_in_hand)
{
    begin((tr_spawn_opts_t){0});
    // Both ends have this deadline: the answer may still be in time.
    tr_err_t err =
        tr_runtime_call(stage.p.rt, stage.listener, ACT_MSG(await_mark_and_give_cue, NULL),
                        TR_REPLY_NONE, tr_ms(20));
    cr_assert(err == TR_ETIMEOUT || err == TR_OK, "%s", tr_errname(err));
    CUE_AWAIT(&stage.over);
    assert_err(stage.err, TR_ETIMEOUT);
    end();
}

Test(receive, that_waits_is_ecanceled_by_a_stop)
{
    begin((tr_spawn_opts_t){0});
    stand_by_until_it_waits(await_mark);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_stop, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(stage.err, TR_ECANCELED);
    assert_ok(last_news(&stage.p)->reason);
    end();
}

static tr_err_t
stop_and_receive(tr_self *self, void *arg)
{
    const tr_message *msg;
    expect_ok(tr_stop(self, tr_self_ref(self)));
    stage.second = tr_receive(self, TR_TYPES(mark), &msg, tr_seconds(20));
    return await_mark(self, arg);
}

Test(receive, of_nothing_does_not_wait_once_there_is_a_stop)
{
    begin((tr_spawn_opts_t){0});
    stand_by(stop_and_receive);
    let_go();
    CUE_AWAIT(&stage.p.told);
    assert_err(stage.second, TR_ECANCELED);
    assert_err(stage.err, TR_ECANCELED);
    end();
}

Test(receive, that_waits_never_returns_from_a_kill)
{
    begin((tr_spawn_opts_t){0});
    stage.err = TR_EBUSY;
    stand_by_until_it_waits(await_mark);
    send_note(1);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(last_news(&stage.p)->reason, TR_EKILLED);
    assert_err(stage.err, TR_EBUSY);
    cr_assert(stage.got_count == 0 && stage.left_count == 0);
    end(); // the note is discarded, and the ledger knows
}

// ---- which message

Test(receive, leaves_the_other_types_where_they_are_in_their_order)
{
    begin((tr_spawn_opts_t){0});
    stand_by(take_marks);
    send_note(101);
    send_mark(1);
    send_note(102);
    send_note(103);
    send_mark(2);
    send_mark(3);
    send_note(104);
    send_mark(4);
    let_go();
    CUE_AWAIT(&stage.over);
    settle();
    EXPECT_GOT(1, 2, 3, 4);
    EXPECT_LEFT(101, 102, 103, 104);
    end();
}

Test(receive, of_the_last_one_leaves_a_lane_that_takes_more)
{
    begin((tr_spawn_opts_t){0});
    stand_by(await_mark);
    send_note(101);
    send_mark(1);
    let_go();
    CUE_AWAIT(&stage.over);
    send_note(102);
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101, 102);
    end();
}

static tr_err_t
take_backwards(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    while ((stage.err = tr_receive(self, TR_TYPES(note), &msg, tr_ms(0))) == TR_OK) {
        write_down(msg);
    }
    return take_marks(self, arg);
}

Test(receive, finds_what_an_earlier_receive_passed_over)
{
    begin((tr_spawn_opts_t){0});
    stand_by(take_backwards);
    send_mark(1);
    send_note(101);
    send_mark(2);
    send_note(102);
    let_go();
    CUE_AWAIT(&stage.over);
    EXPECT_GOT(101, 102, 1, 2);
    end();
}

static tr_err_t
take_any(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    while ((stage.err = tr_receive(self, TR_ANY_TYPE, &msg, tr_ms(0))) == TR_OK) {
        write_down(msg);
    }
    return TR_OK;
}

Test(receive, of_any_type_takes_what_comes_first)
{
    begin((tr_spawn_opts_t){0});
    stand_by(take_any);
    send_note(101);
    send_mark(1);
    send_note(102);
    let_go();
    CUE_AWAIT(&stage.over);
    EXPECT_GOT(101, 1, 102);
    end();
}

static tr_err_t
send_three_and_one_high(tr_self *self, void *arg)
{
    (void)arg;
    expect_ok(tr_send(self, stage.listener, TR_MSG(mark, .number = 1)));
    expect_ok(tr_send(self, stage.listener, TR_MSG(mark, .number = 2)));
    expect_ok(tr_send_high(self, stage.listener, TR_MSG(note, .number = 101)));
    expect_ok(tr_send_high(self, stage.listener, TR_MSG(mark, .number = 3)));
    return TR_OK;
}

Test(receive, looks_at_high_messages_first)
{
    begin((tr_spawn_opts_t){0});
    stand_by(take_marks);
    assert_ok(troupe_act(stage.p.rt, stage.p.ref, send_three_and_one_high, NULL));
    let_go();
    CUE_AWAIT(&stage.over);
    settle();
    EXPECT_GOT(3, 1, 2);
    EXPECT_LEFT(101);
    end();
}

static tr_err_t
take_all_eight(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    uint32_t taken = 0;
    while ((stage.err =
                tr_receive(self, TR_TYPES(mark, note, third, fourth, fifth, sixth, seventh, eighth),
                           &msg, tr_ms(0))) == TR_OK) {
        taken++;
    }
    stage.got[0] = taken;
    stage.got_count = 1;
    return TR_OK;
}

Test(receive, of_eight_types_takes_each_of_them_and_no_ninth)
{
    begin((tr_spawn_opts_t){0});
    stand_by(take_all_eight);
    tr_runtime *rt = stage.p.rt;
    send_mark(1);
    send_note(1);
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(third), TR_FOREVER));
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(fourth), TR_FOREVER));
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(fifth), TR_FOREVER));
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(sixth), TR_FOREVER));
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(seventh), TR_FOREVER));
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(eighth), TR_FOREVER));
    assert_ok(tr_runtime_send(rt, stage.listener, TR_MSG(number, .value = 9), TR_FOREVER));
    let_go();
    CUE_AWAIT(&stage.over);
    settle();
    EXPECT_GOT(8);
    end();
}

static size_t
count_of(const tr_type_t *const *types, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_expect(types[i] != NULL);
    }
    return types[0] == &mark_type ? count : 0;
}

Test(receive, types_are_counted_from_one_to_eight)
{
    cr_expect(count_of(TR_TYPES(mark)) == 1);
    cr_expect(count_of(TR_TYPES(mark, note)) == 2);
    cr_expect(count_of(TR_TYPES(mark, note, third)) == 3);
    cr_expect(count_of(TR_TYPES(mark, note, third, fourth)) == 4);
    cr_expect(count_of(TR_TYPES(mark, note, third, fourth, fifth)) == 5);
    cr_expect(count_of(TR_TYPES(mark, note, third, fourth, fifth, sixth)) == 6);
    cr_expect(count_of(TR_TYPES(mark, note, third, fourth, fifth, sixth, seventh)) == 7);
    cr_expect(count_of(TR_TYPES(mark, note, third, fourth, fifth, sixth, seventh, eighth)) == 8);
}

static tr_err_t
have_child_and_receive_anything(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    tr_ref_t child;
    tr_monitor_t watch;
    expect_ok(tr_spawn(self, &(tr_spawn_opts_t){.behavior = &plain_puppet}, &child));
    expect_ok(tr_monitor(self, child, &watch));
    expect_ok(tr_send(self, child, ACT_MSG(return_eio, NULL)));
    stage.err = tr_receive(self, TR_ANY_TYPE, &msg, tr_ms(30));
    stage.second = tr_receive(self, TR_TYPES(mark), &msg, tr_ms(30));
    return TR_OK;
}

Test(receive, leaves_notices_that_are_not_named_to_the_handler)
{
    begin((tr_spawn_opts_t){0});
    assert_ok(troupe_act(stage.p.rt, stage.listener, have_child_and_receive_anything, NULL));
    assert_err(stage.err, TR_ETIMEOUT);
    assert_err(stage.second, TR_ETIMEOUT);
    TROUPE_EVENTUALLY(stage.exits == 1 && stage.downs == 1);
    end();
}

// ---- while it waits

Test(receive, hears_of_a_message_from_outside)
{
    begin((tr_spawn_opts_t){0});
    stand_by_until_it_waits(await_mark);
    send_note(101);
    send_mark(1);
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101);
    end();
}

Test(receive, hears_of_a_message_from_another_actor_and_prefers_the_high_one)
{
    begin((tr_spawn_opts_t){0});
    stand_by_until_it_waits(await_mark);
    assert_ok(troupe_act(stage.p.rt, stage.p.ref, send_three_and_one_high, NULL));
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    settle();
    cr_assert(stage.got_count == 1 && stage.left_count == 3);
    // It may be awake before the others are there, but it never takes the second before the first.
    cr_assert(stage.got[0] == 1 || stage.got[0] == 3);
    end();
}

Test(receive, hears_of_a_timer_of_its_own)
{
    begin((tr_spawn_opts_t){0});
    assert_ok(troupe_act(stage.p.rt, stage.listener, await_own_timer, NULL));
    assert_ok(stage.err);
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101);
    end();
}

static tr_err_t
cancel_fired_timer(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    tr_timer_t timer;
    expect_ok(tr_send_after(self, tr_ms(1), TR_MSG(mark, .number = 1), &timer));
    expect_err(tr_receive(self, TR_TYPES(note), &msg, tr_ms(20)), TR_ETIMEOUT);
    tr_timer_cancel(self, timer);
    return take_marks(self, NULL);
}

Test(receive, does_not_find_a_timer_that_was_canceled_after_it_fired)
{
    begin((tr_spawn_opts_t){0});
    assert_ok(troupe_act(stage.p.rt, stage.listener, cancel_fired_timer, NULL));
    assert_err(stage.err, TR_ETIMEOUT);
    cr_assert(stage.got_count == 0);
    end();
}

static tr_err_t
await_many_marks(tr_self *self, void *arg)
{
    for (int i = 0; i < 32 && stage.err == TR_OK; i++) {
        tr_err_t err = await_mark(self, arg);
        (void)err;
    }
    return TR_OK;
}

Test(receive, of_one_after_another_keeps_the_order_of_their_sender)
{
    begin((tr_spawn_opts_t){.mailbox_count = 4});
    stand_by_until_it_waits(await_many_marks);
    for (uint32_t i = 0; i < 32; i++) {
        send_mark(i);
    }
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    cr_assert(stage.got_count == 32);
    for (uint32_t i = 0; i < 32; i++) {
        cr_expect(stage.got[i] == i);
    }
    end();
}

static tr_err_t
receive_in_vain_then_sleep(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    stage.err = tr_receive(self, TR_TYPES(mark), &msg, tr_us(200));
    stage.second = tr_sleep(self, tr_ms(5));
    return TR_OK;
}

Test(receive, that_has_ended_does_not_disturb_the_next_wait)
{
    begin((tr_spawn_opts_t){0});
    stand_by(receive_in_vain_then_sleep);
    let_go();
    for (uint32_t i = 0; i < 20; i++) {
        send_note(i);
    }
    CUE_AWAIT(&stage.over);
    assert_err(stage.err, TR_ETIMEOUT);
    assert_ok(stage.second);
    settle();
    cr_assert(stage.left_count == 20);
    end();
}

// ---- in other handlers

static tr_err_t
send_to_self_and_receive(tr_self *self, void *arg)
{
    expect_ok(tr_send(self, tr_self_ref(self), TR_MSG(note, .number = 101)));
    expect_ok(tr_send(self, tr_self_ref(self), TR_MSG(mark, .number = 1)));
    return await_mark(self, arg);
}

static void
receive_once_more(tr_self *self, void *arg, tr_err_t reason)
{
    (void)arg;
    (void)reason;
    const tr_message *msg;
    stage.second = tr_receive(self, TR_TYPES(mark), &msg, tr_ms(10));
    stage.err = tr_receive(self, TR_TYPES(note), &msg, tr_ms(10));
}

Test(receive, works_in_start)
{
    static const part role = {.start = send_to_self_and_receive, .receive = record_rest};
    begin_with((tr_spawn_opts_t){0}, &role);
    assert_ok(stage.err);
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101);
    end();
}

static tr_err_t
stop_myself(tr_self *self, void *arg)
{
    (void)arg;
    return tr_stop(self, tr_self_ref(self));
}

Test(receive, works_in_stop_and_waits_there)
{
    static const part role = {.stop = receive_once_more, .receive = record_rest};
    begin_with((tr_spawn_opts_t){0}, &role);
    stand_by(stop_myself);
    send_note(101);
    let_go();
    CUE_AWAIT(&stage.p.told);
    assert_err(stage.second, TR_ETIMEOUT);
    assert_ok(stage.err);
    end(); // the note is handled, not discarded: the ledger balances
}

// ---- the stash

static tr_err_t
stash_and_look(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const tr_message *found;
    if (tr_as(mark, msg) == NULL) {
        return record_rest(self, NULL, msg);
    }
    expect_ok(tr_stash(self));
    expect_err(tr_receive(self, TR_TYPES(mark), &found, tr_ms(0)), TR_ETIMEOUT);
    return TR_OK;
}

static tr_err_t
unstash_and_take(tr_self *self, void *arg)
{
    expect_err(take_marks(self, arg), TR_OK);
    cr_expect(stage.got_count == 0, "a stashed one was found");
    tr_unstash_all(self);
    return take_marks(self, arg);
}

Test(receive, does_not_find_what_was_set_aside_until_it_is_back)
{
    static const part role = {.receive = stash_and_look};
    begin_with((tr_spawn_opts_t){0}, &role);
    for (uint32_t i = 1; i <= 3; i++) {
        send_mark(i);
        settle();
    }
    assert_ok(troupe_act(stage.p.rt, stage.listener, unstash_and_take, NULL));
    EXPECT_GOT(1, 2, 3);
    end();
}

// ---- across lives

static tr_err_t
take_one_and_crash(tr_self *self, void *arg)
{
    expect_ok(await_mark(self, arg));
    cue_give(&stage.over);
    return TR_EIO;
}

Test(receive, of_a_life_that_fails_is_gone_and_what_it_passed_over_waits_for_the_next)
{
    begin((tr_spawn_opts_t){.after_exit = TR_AFTER_EXIT_HOLD});
    stand_by(take_one_and_crash);
    send_note(101);
    send_mark(1);
    send_note(102);
    let_go();
    CUE_AWAIT(&stage.p.told);
    cr_assert(last_news(&stage.p)->held && last_news(&stage.p)->queued == 2);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_restart, &d));
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101, 102);
    cr_assert(troupe_ledger(stage.p.rt).failed == 2);
    end();
}

// ---- threads

#define CROWD 4
#define EACH  500

static void *
send_many_from_outside(void *arg)
{
    uint32_t who = (uint32_t)(uintptr_t)arg;
    for (uint32_t i = 0; i < EACH; i++) {
        tr_err_t err = tr_runtime_send(stage.p.rt, stage.listener,
                                       TR_MSG(mark, .number = who << 16 | i), TR_FOREVER);
        expect_ok(err);
        if (i % 3 == 0) {
            err = tr_runtime_send(stage.p.rt, stage.listener, TR_MSG(note, .number = who << 16 | i),
                                  TR_FOREVER);
            expect_ok(err);
        }
    }
    return NULL;
}

static tr_err_t
check_crowd(tr_self *self, const tr_type_t *const *types, size_t count, uint32_t wanted,
            uint32_t step)
{
    uint32_t next[CROWD] = {0};
    const tr_message *msg;
    for (uint32_t i = 0; i < wanted; i++) {
        tr_err_t err = tr_receive(self, types, count, &msg, tr_seconds(20));
        if (err != TR_OK) {
            return err;
        }
        uint32_t n = number_of(msg);
        if ((n & 0xffff) != next[n >> 16]) {
            return TR_EFAULT;
        }
        next[n >> 16] += step;
        tr_release(self, msg);
    }
    return TR_OK;
}

static tr_err_t
receive_crowd(tr_self *self, void *arg)
{
    (void)arg;
    stage.err = check_crowd(self, TR_TYPES(mark), CROWD * EACH, 1);
    stage.second = check_crowd(self, TR_TYPES(note), CROWD * ((EACH + 2) / 3), 3);
    return TR_OK;
}

Test(receive, of_what_four_threads_send_finds_all_of_each_type_in_their_orders)
{
    begin((tr_spawn_opts_t){.mailbox_count = 1000}); // the notes stay while marks are taken
    pthread_t threads[CROWD];
    stand_by(receive_crowd);
    for (uintptr_t i = 0; i < CROWD; i++) {
        pthread_create(&threads[i], NULL, send_many_from_outside, (void *)i);
    }
    let_go();
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
    }
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    assert_ok(stage.second);
    end();
}
