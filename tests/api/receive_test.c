// receive_test.c: a message taken out of the mailbox in the middle of a handler.
#include <pthread.h>

#include "family.h"

TestSuite(receive, .timeout = 60);

#define MARK(F, T) F(T, u32, number)
TR_MESSAGE(mark, MARK);
TR_MESSAGE(note, MARK);
TR_MESSAGE_EMPTY(third);
TR_MESSAGE_EMPTY(fourth);
TR_MESSAGE_EMPTY(fifth);
TR_MESSAGE_EMPTY(sixth);
TR_MESSAGE_EMPTY(seventh);
TR_MESSAGE_EMPTY(eighth);

#define GOT_MAX 64

// One listener: its handler is held until the test has filled the mailbox, then runs `then`.
static struct stage {
    parent p;
    tr_ref_t listener;
    act_fn then;
    cue holds, go_on, over;
    tr_err_t err, second;  // of what `then` did
    uint32_t got[GOT_MAX]; // taken by tr_receive
    _Atomic uint32_t got_count;
    uint32_t left[GOT_MAX]; // that came to the handler
    _Atomic uint32_t left_count;
    _Atomic uint32_t exits, downs; // that came to the handler
} stage;

static tr_err_t
record_rest(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    const mark *m = tr_as(mark, msg);
    m = m != NULL ? m : (const mark *)tr_as(note, msg);
    if (m != NULL) {
        stage.left[stage.left_count] = m->number;
        stage.left_count++;
        return TR_OK;
    }
    stage.exits += tr_as(tr_child_exit, msg) != NULL;
    stage.downs += tr_as(tr_down, msg) != NULL;
    return tr_as(tr_child_exit, msg) != NULL || tr_as(tr_down, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static void
begin_with(tr_spawn_opts_t opts, const part *role)
{
    parent_begin(&stage.p);
    cue_init(&stage.holds);
    cue_init(&stage.go_on);
    cue_init(&stage.over);
    opts.behavior = &puppet;
    opts.place = TR_PLACE_AT;
    opts.worker = 1; // that may be held
    opts.arg = role;
    opts.arg_size = sizeof *role;
    stage.listener = child_of(&stage.p, &opts);
}

static const part recording = {.receive = record_rest};

static void
begin(tr_spawn_opts_t opts)
{
    begin_with(opts, &recording);
}

static void
end(void)
{
    troupe_end(stage.p.rt);
}

static tr_err_t
be_held(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&stage.holds);
    cr_expect(cue_take(&stage.go_on));
    tr_err_t verdict = stage.then(self, NULL);
    cue_give(&stage.over);
    return verdict;
}

static void
stand_by(act_fn then)
{
    stage.then = then;
    assert_ok(troupe_prompt(stage.p.rt, stage.listener, be_held, NULL));
    CUE_AWAIT(&stage.holds);
}

static void
let_go(void)
{
    cue_give(&stage.go_on);
}

// All that was in the mailbox has been received.
static void
settle(void)
{
    assert_ok(troupe_act(stage.p.rt, stage.listener, do_nothing, NULL));
}

static void
send_mark(uint32_t n)
{
    assert_ok(tr_runtime_send(stage.p.rt, stage.listener, TR_MSG(mark, .number = n), TR_FOREVER));
}

static void
send_note(uint32_t n)
{
    assert_ok(tr_runtime_send(stage.p.rt, stage.listener, TR_MSG(note, .number = n), TR_FOREVER));
}

static bool
is_row(const uint32_t *row, uint32_t count, const uint32_t *expected, uint32_t expected_count)
{
    return count == expected_count && memcmp(row, expected, count * sizeof *row) == 0;
}

#define EXPECT_GOT(...)                                                                            \
    cr_expect(is_row(stage.got, stage.got_count, (uint32_t[]){__VA_ARGS__},                        \
                     sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)),                        \
              "got %u: %u %u %u …", stage.got_count, stage.got[0], stage.got[1], stage.got[2])
#define EXPECT_LEFT(...)                                                                           \
    cr_expect(is_row(stage.left, stage.left_count, (uint32_t[]){__VA_ARGS__},                      \
                     sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)),                        \
              "left %u: %u %u %u …", stage.left_count, stage.left[0], stage.left[1],               \
              stage.left[2])

static uint32_t
number_of(const tr_message *msg)
{
    return ((const mark *)tr_message_value(msg))->number;
}

static void
write_down(const tr_message *msg)
{
    stage.got[stage.got_count] = number_of(msg);
    stage.got_count++;
}

// All marks that are there.
static tr_err_t
take_marks(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    while ((stage.err = tr_receive(self, TR_TYPES(mark), &msg, tr_ms(0))) == TR_OK) {
        write_down(msg);
    }
    return TR_OK;
}

// One mark, waiting for it.
static tr_err_t
await_mark(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    stage.err = tr_receive(self, TR_TYPES(mark), &msg, TR_FOREVER);
    if (stage.err == TR_OK) {
        write_down(msg);
    }
    return TR_OK;
}

// The listener's handler is suspended.
static bool
listener_waits(void)
{
    tr_stats_t stats;
    tr_runtime_stats(stage.p.rt, &stats);
    return stats.stacks == 1;
}

static void
stand_by_until_it_waits(act_fn then)
{
    stand_by(then);
    let_go();
    TROUPE_EVENTUALLY(listener_waits());
}

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
    assert_err(tr_runtime_call(stage.p.rt, stage.listener, ACT_MSG(await_mark_and_give_cue, NULL),
                               TR_REPLY_NONE, tr_ms(20)),
               TR_ETIMEOUT);
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
    stage.second = tr_receive(self, TR_TYPES(tr_child_exit, tr_down), &msg, tr_ms(30));
    return TR_OK;
}

Test(receive, does_not_find_messages_of_the_runtime_which_are_for_the_handler)
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

static tr_err_t
await_own_timer(tr_self *self, void *arg)
{
    expect_ok(tr_send_after(self, tr_ms(5), TR_MSG(note, .number = 101), NULL));
    expect_ok(tr_send_after(self, tr_ms(10), TR_MSG(mark, .number = 1), NULL));
    return await_mark(self, arg);
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

// ---- calls

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

static bool
callers_wait(uint32_t count)
{
    tr_stats_t stats;
    tr_runtime_stats(stage.p.rt, &stats);
    return stats.stacks == count && stats.ledger.queued == count;
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

Test(receive, a_call_is_answered_by_tr_reply_to_once)
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

Test(receive, a_call_is_answered_with_an_error_by_tr_reply_error_to)
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

Test(receive, a_call_without_an_answer_is_enoreply_when_the_handler_returns)
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

Test(receive, a_call_without_an_answer_is_ecrashed_when_the_handler_returns_an_error)
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

Test(receive, a_call_without_an_answer_is_ecrashed_when_the_handler_calls_tr_fail)
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

Test(receive, a_call_that_was_answered_keeps_its_answer_when_the_handler_fails)
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

Test(receive, a_call_that_is_released_without_an_answer_is_enoreply_at_once)
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

Test(receive, what_was_released_is_handled_though_the_handler_fails)
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

Test(receive, is_released_by_the_value_too)
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

Test(receive, a_call_without_an_answer_is_edead_when_the_receiver_is_killed)
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

Test(receive, a_call_is_eunhandled_when_the_handler_says_so)
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

Test(receive, a_sent_message_takes_one_answer_that_nobody_waits_for_as_the_one_in_hand_does)
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

Test(receive, tr_reply_to_answers_the_message_in_hand_as_tr_reply_does)
{
    static const part role = {.receive = answer_to_in_hand};
    begin_with((tr_spawn_opts_t){0}, &role);
    question q = {.timeout = tr_seconds(20)};
    assert_ok(troupe_act(stage.p.rt, stage.p.ref, call_with_mark, &q));
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

Test(receive, several_calls_are_borrowed_at_once_and_answered_in_any_order)
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

Test(receive, an_answer_to_a_caller_that_has_given_up_is_ok_and_counted_as_returned)
{
    begin((tr_spawn_opts_t){0});
    question q = {.timeout = tr_ms(50)};
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

Test(receive, sheds_a_call_whose_deadline_has_passed)
{
    begin((tr_spawn_opts_t){0});
    question q = {.timeout = tr_ms(50)};
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

// ---- the mailbox's bound

static tr_err_t
take_one_and_hold(tr_self *self, void *arg)
{
    tr_err_t err = await_mark(self, arg);
    cue_give(&stage.holds);
    cr_expect(cue_take(&stage.go_on));
    return err;
}

static void
expect_room_after_receive(tr_full_policy_t policy, tr_err_t when_full)
{
    begin((tr_spawn_opts_t){.mailbox_count = 2, .full = policy});
    tr_runtime *rt = stage.p.rt;
    stand_by(take_one_and_hold);
    send_mark(1);
    send_mark(2);
    assert_err(tr_runtime_send(rt, stage.listener, TR_MSG(mark, .number = 9), tr_ms(0)), when_full);
    let_go();
    CUE_AWAIT(&stage.holds);
    send_mark(3); // in the handler still: the room came back with the receive
    assert_err(tr_runtime_send(rt, stage.listener, TR_MSG(mark, .number = 9), tr_ms(0)), when_full);
    let_go();
    CUE_AWAIT(&stage.over);
    TROUPE_EVENTUALLY(stage.left_count == 2);
    EXPECT_GOT(1);
    EXPECT_LEFT(2, 3);
    end();
}

Test(receive, gives_room_back_where_others_are_rejected)
{
    expect_room_after_receive(TR_REJECT, TR_EFULL);
}

Test(receive, gives_room_back_where_the_newest_are_dropped)
{
    expect_room_after_receive(TR_DROP_NEWEST, TR_OK);
}

static tr_err_t
send_eight_marks(tr_self *self, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 8; i++) {
        expect_ok(tr_send(self, stage.listener, TR_MSG(mark, .number = i)));
    }
    return TR_OK;
}

static tr_err_t
await_eight_marks(tr_self *self, void *arg)
{
    for (int i = 0; i < 8; i++) {
        expect_ok(await_mark(self, arg));
    }
    return TR_OK;
}

Test(receive, gives_room_back_to_a_sender_that_waits_for_it)
{
    begin((tr_spawn_opts_t){.mailbox_count = 2});
    stand_by(await_eight_marks);
    assert_ok(troupe_prompt(stage.p.rt, stage.p.ref, send_eight_marks, NULL));
    TROUPE_EVENTUALLY(callers_wait(1) || troupe_ledger(stage.p.rt).queued == 2);
    let_go();
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    EXPECT_GOT(0, 1, 2, 3, 4, 5, 6, 7);
    end();
}

static tr_err_t
fill_window(tr_self *self, void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 3; i++) {
        expect_ok(tr_send(self, stage.listener, TR_MSG(mark, .number = i)));
        expect_ok(tr_send(self, stage.listener, TR_MSG(note, .number = 100 + i)));
    }
    expect_ok(tr_send_high(self, stage.listener, TR_MSG(mark, .number = 50)));
    return TR_OK;
}

Test(receive, from_a_mailbox_that_drops_the_oldest_finds_the_newest_and_high_ones_first)
{
    begin((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_DROP_OLDEST});
    stand_by(take_marks);
    assert_ok(troupe_act(stage.p.rt, stage.p.ref, fill_window, NULL));
    let_go();
    CUE_AWAIT(&stage.over);
    settle();
    EXPECT_GOT(50, 2);
    EXPECT_LEFT(101, 102);
    cr_assert(troupe_ledger(stage.p.rt).dropped == 3);
    end();
}

Test(receive, that_waits_hears_of_a_message_where_the_oldest_are_dropped)
{
    begin((tr_spawn_opts_t){.mailbox_count = 2, .full = TR_DROP_OLDEST});
    stand_by_until_it_waits(await_mark);
    for (uint32_t i = 101; i < 106; i++) {
        send_note(i);
    }
    send_mark(1);
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    settle();
    EXPECT_GOT(1);
    // The last one before the mark is there, and what has room beside it.
    cr_assert(stage.left_count == 1 && stage.left[0] == 105);
    end();
}

Test(receive, gives_room_back_where_the_oldest_are_dropped)
{
    begin((tr_spawn_opts_t){.mailbox_count = 2, .full = TR_DROP_OLDEST});
    stand_by(take_one_and_hold);
    send_note(101);
    send_mark(1);
    let_go();
    CUE_AWAIT(&stage.holds);
    send_note(102);
    let_go();
    CUE_AWAIT(&stage.over);
    TROUPE_EVENTUALLY(stage.left_count == 2);
    EXPECT_GOT(1);
    EXPECT_LEFT(101, 102);
    cr_assert(troupe_ledger(stage.p.rt).dropped == 0);
    end();
}

Test(receive, hears_of_a_timer_where_the_oldest_are_dropped)
{
    begin((tr_spawn_opts_t){.mailbox_count = 2, .full = TR_DROP_OLDEST});
    assert_ok(troupe_act(stage.p.rt, stage.listener, await_own_timer, NULL));
    assert_ok(stage.err);
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101);
    end();
}

// ---- with others

// It always has something to receive, because it sends it to itself.
static tr_err_t
never_run_out(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    cue_give(&stage.holds);
    do {
        expect_ok(tr_send(self, tr_self_ref(self), TR_MSG(mark, .number = 1)));
        stage.err = tr_receive(self, TR_TYPES(mark), &msg, TR_FOREVER);
        if (stage.err == TR_OK) {
            tr_release(self, msg);
        }
    } while (stage.err == TR_OK);
    return TR_OK;
}

static void
begin_endless(tr_ref_t *neighbour)
{
    begin((tr_spawn_opts_t){0});
    *neighbour = child_of(&stage.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
    stand_by(never_run_out);
    let_go();
    CUE_AWAIT(&stage.holds);
}

Test(receive, in_a_loop_that_never_waits_lets_others_on_its_worker_run)
{
    tr_ref_t neighbour;
    begin_endless(&neighbour);
    for (int i = 0; i < 20; i++) {
        assert_ok(troupe_act(stage.p.rt, neighbour, do_nothing, NULL));
    }
    end();
}

Test(receive, in_a_loop_that_never_waits_hears_of_a_stop)
{
    tr_ref_t neighbour;
    begin_endless(&neighbour);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_stop, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(stage.err, TR_ECANCELED);
    assert_ok(last_news(&stage.p)->reason);
    end();
}

Test(receive, in_a_loop_that_never_waits_hears_of_a_kill)
{
    tr_ref_t neighbour;
    begin_endless(&neighbour);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(last_news(&stage.p)->reason, TR_EKILLED);
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
