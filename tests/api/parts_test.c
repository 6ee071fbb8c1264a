// parts_test.c: what a message carries without copying, on every way that a message can go: a
// buffer is given back exactly once by each message that shared it, an object is dropped exactly
// once unless a handler took it, and stays the sender's when the message was not sent.
#include "troupe_test.h"

#include <string.h>

TestSuite(parts, .timeout = 60);

// An object that knows what was done to it.
typedef struct toy {
    _Atomic int dropped;
    _Atomic int left;
    _Atomic int adopted;
} toy;

static void
toy_drop(void *object)
{
    ((toy *)object)->dropped++;
}

static void
toy_leave(void *object)
{
    ((toy *)object)->left++;
}

static void
toy_adopt(tr_self *self, void *object)
{
    (void)self;
    ((toy *)object)->adopted++;
}

static const tr_local_t toy_local = {
    .name = "toy", .drop = toy_drop, .leave = toy_leave, .adopt = toy_adopt};

#define PRESENT(F, T) F(T, local(toy), toy) F(T, buf, wrapping)
TR_MESSAGE(present, PRESENT);

static struct {
    tr_runtime *rt;
    toy toy;
    tr_buf *buf;
    _Atomic int freed;
    cue held;
    cue go;
    tr_err_t err;
} stage;

static void
on_freed(void *data, size_t size, void *arg)
{
    (void)data;
    (void)size;
    (void)arg;
    stage.freed++;
}

static void
begin(void)
{
    static const char paper[1000];
    memset(&stage.toy, 0, sizeof stage.toy);
    stage.freed = 0;
    cue_init(&stage.held);
    cue_init(&stage.go);
    stage.rt = troupe_begin(2);
    assert_ok(tr_buf_wrap(paper, sizeof paper, on_freed, NULL, &stage.buf));
}

// Nobody has the buffer any more, and the object was dropped so often and left its sender so often.
static void
end(int dropped, int left)
{
    tr_buf_unref(stage.buf);
    troupe_end(stage.rt);
    cr_expect(stage.freed == 1, "%d", (int)stage.freed);
    cr_expect(stage.toy.dropped == dropped, "%d", (int)stage.toy.dropped);
    cr_expect(stage.toy.left == left, "%d", (int)stage.toy.left);
}

#define PRESENT_MSG TR_MSG(present, .toy = &stage.toy, .wrapping = stage.buf)

static tr_err_t
unpack(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    toy *taken = tr_take(self, msg, present, toy);
    cr_expect(taken == &stage.toy);
    taken = tr_take(self, msg, present, toy);
    cr_expect(taken == NULL);
    cr_expect(tr_buf_bytes(tr_as(present, msg)->wrapping).size == 1000);
    return TR_OK;
}

static tr_err_t
ignore(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    (void)msg;
    return TR_OK;
}

static tr_err_t
fail(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    (void)msg;
    return TR_EIO;
}

static tr_err_t
hold(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    cue_give(&stage.held);
    (void)cue_take(&stage.go);
    return TR_OK;
}

static tr_ref_t
spawn(const part *p, tr_full_policy_t full, uint32_t count, size_t bytes)
{
    tr_ref_t ref;
    tr_spawn_opts_t *opts =
        PUPPET_WITH(p, .full = full, .mailbox_count = count, .mailbox_bytes = bytes,
                    .place = TR_PLACE_AT, .worker = 1); // the root is on 0
    assert_ok(tr_runtime_spawn(stage.rt, opts, &ref));
    return ref;
}

// One whose handler is busy until the cue, so that mail stays in its mailbox.
static tr_ref_t
spawn_held(const part *p, tr_full_policy_t full, uint32_t count, size_t bytes)
{
    tr_ref_t ref = spawn(p, full, count, bytes);
    assert_ok(troupe_prompt(stage.rt, ref, hold, NULL));
    CUE_AWAIT(&stage.held);
    return ref;
}

static tr_err_t
send_present(tr_ref_t to)
{
    return tr_runtime_send(stage.rt, to, PRESENT_MSG, tr_ms(0));
}

Test(parts, stay_the_senders_when_the_receiver_is_gone)
{
    begin();
    tr_ref_t gone = troupe_puppet(stage.rt, NULL);
    tr_runtime_stop(stage.rt);
    assert_ok(tr_runtime_wait(stage.rt, tr_seconds(10)));
    assert_err(send_present(gone), TR_EDEAD);
    end(0, 0);
}

Test(parts, stay_the_senders_when_the_mailbox_is_full)
{
    begin();
    tr_ref_t full = spawn_held(NULL, TR_REJECT, 1, 0);
    assert_ok(tr_runtime_send(stage.rt, full, TR_MSG(acted), tr_ms(0)));
    assert_err(send_present(full), TR_EFULL);
    cue_give(&stage.go);
    end(0, 0);
}

Test(parts, stay_the_senders_when_the_wait_for_room_is_given_up)
{
    begin();
    tr_ref_t full = spawn_held(NULL, TR_SUSPEND, 1, 0);
    assert_ok(tr_runtime_send(stage.rt, full, TR_MSG(acted), tr_ms(0)));
    assert_err(tr_runtime_send(stage.rt, full, PRESENT_MSG, tr_ms(2)), TR_ETIMEOUT);
    cue_give(&stage.go);
    end(0, 0);
}

Test(parts, of_a_buffer_count_in_the_bound_in_bytes)
{
    begin();
    tr_ref_t small = spawn(NULL, TR_REJECT, 100, 900);
    assert_err(send_present(small), TR_ETOOBIG);
    tr_ref_t two = spawn_held(&(part){.receive = ignore}, TR_REJECT, 100, 2500);
    assert_ok(send_present(two));
    assert_ok(send_present(two));
    assert_err(send_present(two), TR_EFULL);
    cue_give(&stage.go);
    end(2, 2);
}

Test(parts, that_the_handler_took_are_not_dropped)
{
    begin();
    assert_ok(send_present(spawn(&(part){.receive = unpack}, TR_REJECT, 0, 0)));
    TROUPE_EVENTUALLY(troupe_ledger(stage.rt).queued == 0 && stage.toy.adopted == 1);
    end(0, 1);
}

Test(parts, that_the_handler_left_in_the_message_are_dropped_with_it)
{
    begin();
    assert_ok(send_present(spawn(&(part){.receive = ignore}, TR_REJECT, 0, 0)));
    TROUPE_EVENTUALLY(stage.toy.dropped == 1);
    end(1, 1);
}

Test(parts, are_dropped_with_the_message_that_failed)
{
    begin();
    assert_ok(send_present(spawn(&(part){.receive = fail}, TR_REJECT, 0, 0)));
    TROUPE_EVENTUALLY(stage.toy.dropped == 1);
    end(1, 1);
}

Test(parts, are_dropped_with_a_request_that_is_answered_with_an_error)
{
    begin();
    tr_ref_t failing = spawn(&(part){.receive = fail}, TR_REJECT, 0, 0);
    assert_err(tr_runtime_call(stage.rt, failing, PRESENT_MSG, TR_REPLY_NONE, tr_seconds(10)),
               TR_ECRASHED);
    end(1, 1);
}

Test(parts, are_dropped_with_a_request_that_came_too_late)
{
    begin();
    tr_ref_t held = spawn_held(&(part){.receive = unpack}, TR_REJECT, 0, 0);
    assert_err(tr_runtime_call(stage.rt, held, PRESENT_MSG, TR_REPLY_NONE, tr_ms(2)), TR_ETIMEOUT);
    cue_give(&stage.go);
    TROUPE_EVENTUALLY(stage.toy.dropped == 1);
    end(1, 1);
}

Test(parts, are_dropped_with_the_newest)
{
    begin();
    tr_ref_t full = spawn_held(NULL, TR_DROP_NEWEST, 1, 0);
    assert_ok(tr_runtime_send(stage.rt, full, TR_MSG(acted), tr_ms(0)));
    assert_ok(send_present(full));
    cr_assert(stage.toy.dropped == 1, "%d", (int)stage.toy.dropped);
    cue_give(&stage.go);
    end(1, 1);
}

Test(parts, are_dropped_with_the_oldest)
{
    begin();
    tr_ref_t full = spawn_held(NULL, TR_DROP_OLDEST, 1, 0);
    assert_ok(send_present(full));
    assert_ok(tr_runtime_send(stage.rt, full, TR_MSG(acted), tr_ms(0)));
    cr_assert(stage.toy.dropped == 1, "%d", (int)stage.toy.dropped);
    cue_give(&stage.go);
    end(1, 1);
}

Test(parts, are_dropped_with_what_is_discarded_at_the_end)
{
    begin();
    tr_ref_t held = spawn_held(&(part){.receive = unpack}, TR_REJECT, 0, 0);
    assert_ok(send_present(held));
    tr_runtime_stop(stage.rt);
    cue_give(&stage.go);
    assert_ok(tr_runtime_wait(stage.rt, tr_seconds(10)));
    TROUPE_EVENTUALLY(stage.toy.dropped + stage.toy.adopted == 1);
    end(stage.toy.dropped, 1);
}

static tr_err_t
arm_and_cancel(tr_self *self, void *arg)
{
    (void)arg;
    tr_timer_t timer;
    tr_err_t err = tr_send_after(self, tr_seconds(100), PRESENT_MSG, &timer);
    if (err == TR_OK) {
        tr_timer_cancel(self, timer);
    }
    return err;
}

Test(parts, are_dropped_with_a_timer_that_is_cancelled)
{
    begin();
    assert_ok(troupe_act(stage.rt, troupe_puppet(stage.rt, NULL), arm_and_cancel, NULL));
    cr_assert(stage.toy.dropped == 1, "%d", (int)stage.toy.dropped);
    end(1, 1);
}

static tr_err_t
keep(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const tr_message *kept = tr_message_keep(self, msg);
    cr_expect(kept != NULL);
    toy *taken = tr_take(self, msg, present, toy); // it has moved
    cr_expect(taken == NULL);
    cr_expect(tr_buf_bytes(tr_as(present, kept)->wrapping).size == 1000);
    return TR_OK;
}

Test(parts, move_to_the_message_that_is_kept)
{
    begin();
    tr_ref_t keeper = spawn(&(part){.receive = keep}, TR_REJECT, 0, 0);
    assert_ok(tr_runtime_call(stage.rt, keeper, PRESENT_MSG, TR_REPLY_NONE, tr_seconds(10)) ==
                      TR_ENOREPLY
                  ? TR_OK
                  : TR_EIO);
    cr_assert(stage.toy.dropped == 0, "%d", (int)stage.toy.dropped);
    end(1, 1); // with the life that kept it
}

static tr_err_t
answer_with_present(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    return tr_as(number, msg) != NULL ? tr_reply(self, PRESENT_MSG) : TR_EUNHANDLED;
}

Test(parts, of_an_answer_go_to_who_asked)
{
    begin();
    tr_ref_t giver = spawn(&(part){.receive = answer_with_present}, TR_REJECT, 0, 0);
    const tr_message *answer;
    assert_ok(tr_runtime_call(stage.rt, giver, TR_MSG(number, .value = 1), TR_REPLY_ANY(&answer),
                              tr_seconds(10)));
    toy *taken = tr_take(TR_OUTSIDE, answer, present, toy);
    cr_assert(taken == &stage.toy);
    tr_runtime_release(stage.rt, answer);
    end(0, 1);
}

Test(parts, of_an_answer_that_nobody_waits_for_are_dropped)
{
    begin();
    tr_ref_t giver = spawn_held(&(part){.receive = answer_with_present}, TR_REJECT, 0, 0);
    assert_ok(tr_runtime_send(stage.rt, giver, TR_MSG(number, .value = 1), tr_ms(0)));
    cue_give(&stage.go);
    TROUPE_EVENTUALLY(troupe_ledger(stage.rt).queued == 0);
    end(0, 0); // it was sent and not called: nothing was given away
}

static tr_err_t
send_and_look(tr_self *self, void *arg)
{
    tr_ref_t to = *(const tr_ref_t *)arg;
    stage.err = tr_send(self, to, PRESENT_MSG);
    return TR_OK;
}

Test(parts, leave_an_actor_that_sends_them)
{
    begin();
    tr_ref_t to = spawn(&(part){.receive = unpack}, TR_SUSPEND, 0, 0);
    assert_ok(troupe_act(stage.rt, troupe_puppet(stage.rt, NULL), send_and_look, &to));
    assert_ok(stage.err);
    TROUPE_EVENTUALLY(stage.toy.adopted == 1);
    end(0, 1);
}

Test(parts, stay_with_an_actor_that_is_killed_while_it_waits_for_room)
{
    begin();
    tr_ref_t full = spawn_held(NULL, TR_SUSPEND, 1, 0);
    assert_ok(tr_runtime_send(stage.rt, full, TR_MSG(acted), tr_ms(0)));
    tr_ref_t sender;
    assert_ok(
        tr_runtime_spawn(stage.rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 0), &sender));
    assert_ok(troupe_prompt(stage.rt, sender, send_and_look, &full));
    tr_stats_t stats;
    TROUPE_EVENTUALLY((tr_runtime_stats(stage.rt, &stats), stats.stacks > 0));
    tr_runtime_kill(stage.rt);
    cue_give(&stage.go);
    assert_ok(tr_runtime_wait(stage.rt, tr_seconds(10)));
    end(stage.toy.dropped, stage.toy.left); // granted at the last moment, or not
    cr_expect(stage.toy.dropped == stage.toy.left, "%d", (int)stage.toy.dropped);
}
