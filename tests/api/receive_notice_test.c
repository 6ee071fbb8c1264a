// receive_notice_test.c: taking what the runtime tells an actor in the middle of a handler.
#include "troupe_test.h"

TestSuite(receive_notice, .timeout = 60);

static tr_err_t
fail_at_once(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    tr_fail(self, TR_EIO, "as it was told");
}

static tr_err_t
end_at_once(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    tr_exit(self);
    return TR_OK;
}

// `later` is written by a handler that the test does not wait for.
struct seen {
    tr_err_t err;
    tr_ref_t child;
    tr_ref_t told;
    int32_t reason;
    bool text_is_right;
    bool in_hand_is_right;
    uint64_t order[3];
    _Atomic uint64_t later;
};

static tr_err_t
spawn_and_await(tr_self *self, void *arg)
{
    struct seen *seen = arg;
    const tr_message *msg;
    part p = {.receive = fail_at_once};
    tr_err_t err = tr_spawn(self, PUPPET(&p), &seen->child);
    if (err == TR_OK) {
        err = tr_send(self, seen->child, TR_MSG(number, .value = 1));
    }
    if (err == TR_OK) {
        err = tr_receive(self, TR_TYPES(tr_child_exit), &msg, tr_seconds(20));
    }
    const tr_child_exit *exit = err == TR_OK ? tr_as(tr_child_exit, msg) : NULL;
    if (exit != NULL) {
        seen->told = exit->child;
        seen->reason = exit->reason;
        seen->text_is_right = tr_str_equal(exit->text, TR_STR("as it was told"));
        seen->in_hand_is_right = tr_str_equal(exit->in_hand, TR_STR("number"));
        tr_release(self, msg);
    }
    seen->err = err;
    return TR_OK;
}

Test(receive_notice, the_failure_of_a_child_that_is_received_is_handled)
{
    tr_runtime *rt = troupe_begin(2);
    struct seen seen = {0};
    tr_ref_t parent = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, parent, spawn_and_await, &seen));
    assert_ok(seen.err);
    cr_assert(tr_ref_equal(seen.told, seen.child));
    cr_assert(seen.reason == TR_EIO);
    cr_assert(seen.text_is_right);
    cr_assert(seen.in_hand_is_right);
    assert_ok(troupe_act(rt, parent, spawn_and_await, &seen)); // it lives on
    troupe_end(rt);
}

static tr_err_t
monitor_and_await(tr_self *self, void *arg)
{
    struct seen *seen = arg;
    const tr_message *msg;
    tr_monitor_t monitor;
    tr_err_t err = tr_monitor(self, seen->child, &monitor);
    if (err == TR_OK) {
        err = tr_send(self, seen->child, TR_MSG(number, .value = 1));
    }
    if (err == TR_OK) {
        err = tr_receive(self, TR_TYPES(number, tr_down), &msg, tr_seconds(20));
    }
    const tr_down *down = err == TR_OK ? tr_as(tr_down, msg) : NULL;
    if (down != NULL) {
        seen->told = down->actor;
        seen->reason = down->reason;
        cr_expect(down->monitor == monitor.raw);
    }
    seen->err = err;
    return TR_OK;
}

Test(receive_notice, the_end_of_a_watched_actor_is_received)
{
    tr_runtime *rt = troupe_begin(2);
    struct seen seen = {.reason = -1};
    seen.child = troupe_puppet(rt, &(part){.receive = end_at_once});
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), monitor_and_await, &seen));
    assert_ok(seen.err);
    cr_assert(tr_ref_equal(seen.told, seen.child));
    cr_assert(seen.reason == TR_OK);
    troupe_end(rt);
}

static tr_err_t
await_any(tr_self *self, void *arg)
{
    struct seen *seen = arg;
    const tr_message *msg;
    tr_monitor_t monitor;
    tr_err_t err = tr_monitor(self, seen->child, &monitor);
    if (err == TR_OK) {
        seen->err = tr_receive(self, TR_ANY_TYPE, &msg, tr_ms(50));
    }
    return err;
}

static tr_err_t
note_down(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    struct seen *seen = arg;
    const tr_down *down = tr_as(tr_down, msg);
    if (down != NULL) {
        seen->later = down->actor.raw;
    }
    return TR_OK;
}

Test(receive_notice, stays_for_the_handler_where_any_message_will_do)
{
    tr_runtime *rt = troupe_begin(2);
    struct seen seen = {0};
    part p = {.receive = note_down, .arg = &seen};
    tr_ref_t watcher = troupe_puppet(rt, &p);
    seen.child = troupe_puppet(rt, &(part){.receive = end_at_once});
    assert_ok(tr_runtime_send(rt, seen.child, TR_MSG(number, .value = 1), tr_seconds(1)));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, seen.child));
    assert_ok(troupe_act(rt, watcher, await_any, &seen));
    assert_err(seen.err, TR_ETIMEOUT);
    TROUPE_EVENTUALLY(seen.later == seen.child.raw);
    troupe_end(rt);
}

static tr_err_t
await_down_ahead_of_mail(tr_self *self, void *arg)
{
    struct seen *seen = arg;
    const tr_message *msg;
    tr_monitor_t monitor;
    tr_err_t err = tr_send(self, tr_self_ref(self), TR_MSG(number, .value = 5));
    if (err == TR_OK) {
        err = tr_monitor(self, seen->child, &monitor); // it has ended: the answer is at once
    }
    if (err == TR_OK) {
        err = tr_sleep(self, tr_ms(20));
    }
    for (int i = 0; i < 2 && err == TR_OK; i++) {
        err = tr_receive(self, TR_TYPES(number, tr_down), &msg, tr_seconds(20));
        seen->order[i] = err != TR_OK ? 0 : tr_as(tr_down, msg) != NULL ? 1 : 2;
    }
    seen->err = err;
    return TR_OK;
}

Test(receive_notice, comes_ahead_of_mail)
{
    tr_runtime *rt = troupe_begin(2);
    struct seen seen = {0};
    seen.child = troupe_puppet(rt, &(part){.receive = end_at_once});
    assert_ok(tr_runtime_send(rt, seen.child, TR_MSG(number, .value = 1), tr_seconds(1)));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, seen.child));
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), await_down_ahead_of_mail, &seen));
    assert_ok(seen.err);
    cr_assert(seen.order[0] == 1);
    cr_assert(seen.order[1] == 2);
    troupe_end(rt);
}
