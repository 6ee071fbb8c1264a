// receive_room_test.c: what a receive does to the bound of the mailbox, under each policy, and to
// others on the same worker.
#include "listener.h"

TestSuite(receive_room, .timeout = 60);

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

Test(receive_room, gives_room_back_where_others_are_rejected)
{
    expect_room_after_receive(TR_REJECT, TR_EFULL);
}

Test(receive_room, gives_room_back_where_the_newest_are_dropped)
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

Test(receive_room, gives_room_back_to_a_sender_that_waits_for_it)
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

Test(receive_room, from_a_mailbox_that_drops_the_oldest_finds_the_newest_and_high_ones_first)
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

Test(receive_room, that_waits_hears_of_a_message_where_the_oldest_are_dropped)
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

static uint64_t
turns(void)
{
    tr_stats_t stats;
    tr_runtime_stats(stage.p.rt, &stats);
    return stats.turns;
}

// Nobody takes a turn while we look.
static bool
all_are_idle(void)
{
    uint64_t before = turns();
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return turns() == before;
}

Test(receive_room, that_waits_where_the_oldest_are_dropped_hears_of_what_comes_behind_another)
{
    begin((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_DROP_OLDEST});
    stand_by_until_it_waits(await_mark);
    for (uint32_t i = 101; i < 104; i++) {
        send_note(i);
        TROUPE_EVENTUALLY(all_are_idle()); // it has looked, and waits on
    }
    send_mark(1);
    CUE_AWAIT(&stage.over);
    assert_ok(stage.err);
    settle();
    EXPECT_GOT(1);
    EXPECT_LEFT(101, 102, 103);
    end();
}

Test(receive_room, gives_room_back_where_the_oldest_are_dropped)
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

Test(receive_room, hears_of_a_timer_where_the_oldest_are_dropped)
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

Test(receive_room, in_a_loop_that_never_waits_lets_others_on_its_worker_run)
{
    tr_ref_t neighbour;
    begin_endless(&neighbour);
    for (int i = 0; i < 20; i++) {
        assert_ok(troupe_act(stage.p.rt, neighbour, do_nothing, NULL));
    }
    end();
}

Test(receive_room, in_a_loop_that_never_waits_hears_of_a_stop)
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

Test(receive_room, in_a_loop_that_never_waits_hears_of_a_kill)
{
    tr_ref_t neighbour;
    begin_endless(&neighbour);
    deed d = {.child = stage.listener};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(last_news(&stage.p)->reason, TR_EKILLED);
    end();
}
