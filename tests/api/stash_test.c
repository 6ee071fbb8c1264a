// stash_test.c: messages set aside until their time has come.
#include "troupe_test.h"

TestSuite(stash, .timeout = 60);

#define ASK(F, T) F(T, u32, number)
TR_MESSAGE(ask, ASK);
TR_MESSAGE_EMPTY(open_up);   // from now on asks are answered
TR_MESSAGE_EMPTY(fail_now);  // after setting itself aside
TR_MESSAGE_EMPTY(crash_now); // without

// A door that is closed at first: who asks waits.
static struct door {
    uint32_t order[16];
    _Atomic uint32_t count;
    tr_err_t stash_err;
    tr_err_t after_err; // of a reply after the stash
    cue seen;           // given for each ask that is set aside
    _Atomic uint32_t lives;
} door;

static tr_err_t
door_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    (void)state;
    (void)arg;
    door.lives++;
    return TR_OK;
}

static tr_err_t
door_receive(tr_self *self, void *state, const tr_message *msg)
{
    bool *is_open = state;
    const ask *a = tr_as(ask, msg);
    if (tr_as(open_up, msg) != NULL) {
        *is_open = true;
        tr_unstash_all(self);
        return TR_OK;
    }
    if (tr_as(crash_now, msg) != NULL) {
        return TR_EIO;
    }
    if (tr_as(fail_now, msg) != NULL) {
        expect_ok(tr_stash(self));
        return TR_EIO;
    }
    if (a == NULL) {
        return TR_EUNHANDLED;
    }
    if (*is_open) {
        door.order[door.count++] = a->number;
        return tr_reply(self, TR_MSG(ask, .number = a->number));
    }
    door.stash_err = tr_stash(self);
    door.after_err = tr_reply(self, TR_MSG(ask, .number = 0));
    cue_give(&door.seen);
    return door.stash_err == TR_OK ? TR_OK : tr_reply_error(self, door.stash_err);
}

static const tr_behavior_t door_behavior = {
    .name = "door",
    .state_size = sizeof(bool),
    .start = door_start,
    .receive = door_receive,
};

static const tr_child_t children[] = {
    {.id = "door", .behavior = &door_behavior, .mailbox_count = 4, .full = TR_REJECT}};
static const tr_supervisor_t house = {.name = "house", .children = children, .child_count = 1};

static tr_ref_t
begin(tr_runtime *rt)
{
    tr_ref_t supervisor = TR_REF_NONE;
    door.count = 0;
    door.lives = 0;
    cue_init(&door.seen);
    tr_spawn_opts_t opts = {
        .behavior = &tr_supervisor_behavior, .arg = &house, .arg_size = sizeof house};
    assert_ok(tr_runtime_spawn(rt, &opts, &supervisor));
    const tr_supervisor_child *child;
    assert_ok(tr_runtime_call(rt, supervisor, TR_MSG(tr_supervisor_which, .id = TR_STR("door")),
                              TR_REPLY(tr_supervisor_child, &child), tr_seconds(5)));
    tr_ref_t ref = child->child;
    tr_runtime_release(rt, child);
    return ref;
}

static void
put_aside(tr_runtime *rt, tr_ref_t ref, uint32_t n)
{
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(ask, .number = n), tr_seconds(5)));
    CUE_AWAIT(&door.seen);
    assert_ok(door.stash_err);
}

static tr_err_t
ask_door(tr_runtime *rt, tr_ref_t ref, uint32_t n)
{
    return tr_runtime_call(rt, ref, TR_MSG(ask, .number = n), TR_REPLY_NONE, tr_seconds(5));
}

static tr_err_t
stash_outside_receive(tr_self *self, void *arg)
{
    *(tr_err_t *)arg = tr_stash(self);
    return TR_OK;
}

Test(stash, in_start_is_einval)
{
    tr_runtime *rt = troupe_begin(1);
    tr_err_t err = TR_OK;
    part role = {.start = stash_outside_receive, .arg = &err};
    tr_ref_t ref;
    assert_ok(tr_runtime_spawn(rt, PUPPET(&role), &ref));
    assert_err(err, TR_EINVAL);
    troupe_end(rt);
}

Test(stash, counts_in_the_bound)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin(rt);
    for (uint32_t i = 1; i <= 4; i++) {
        put_aside(rt, ref, i);
    }
    assert_err(tr_runtime_send(rt, ref, TR_MSG(ask, .number = 5), tr_seconds(5)), TR_EFULL);
    troupe_end(rt); // four are discarded, and the ledger knows it
}

Test(stash, after_it_an_answer_is_ealready)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin(rt);
    put_aside(rt, ref, 1);
    assert_err(door.after_err, TR_EALREADY);
    troupe_end(rt);
}

Test(stash, a_handler_that_fails_has_set_nothing_aside)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin(rt);
    assert_err(tr_runtime_call(rt, ref, TR_MSG(fail_now), TR_REPLY_NONE, tr_seconds(5)),
               TR_ECRASHED);
    TROUPE_EVENTUALLY(door.lives == 2);
    tr_ledger_t ledger = troupe_ledger(rt);
    cr_assert(ledger.failed == 1 && ledger.queued == 0);
    troupe_end(rt);
}

Test(stash, comes_back_in_order_ahead_of_what_came_later)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin(rt);
    for (uint32_t i = 1; i <= 2; i++) {
        put_aside(rt, ref, i);
    }
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(open_up), tr_seconds(5)));
    assert_ok(ask_door(rt, ref, 3));
    cr_assert(door.count == 3);
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect(door.order[i] == i + 1, "at %u: %u", i, door.order[i]);
    }
    troupe_end(rt);
}

Test(stash, survives_a_restart)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin(rt);
    put_aside(rt, ref, 1);
    put_aside(rt, ref, 2);
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(crash_now), tr_seconds(5)));
    CUE_AWAIT(&door.seen); // the next life sets both aside again
    CUE_AWAIT(&door.seen);
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(open_up), tr_seconds(5)));
    assert_ok(ask_door(rt, ref, 3));
    cr_assert(door.lives == 2 && door.count == 3 && door.order[0] == 1 && door.order[2] == 3);
    troupe_end(rt);
}

static tr_err_t
ask_from_inside(tr_self *self, void *arg)
{
    tr_ref_t ref = *(tr_ref_t *)arg;
    const ask *answer;
    tr_err_t err =
        tr_call(self, ref, TR_MSG(ask, .number = 9), TR_REPLY(ask, &answer), tr_seconds(30));
    return err != TR_OK ? err : tr_reply(self, TR_MSG(acted));
}

Test(stash, a_caller_waits_on_and_is_answered_later)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin(rt);
    tr_ref_t caller = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, caller, ask_from_inside, &ref));
    CUE_AWAIT(&door.seen);
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(open_up), tr_seconds(5)));
    TROUPE_EVENTUALLY(door.count == 1);
    troupe_end(rt);
}
