// permit_end_test.c: permits whose owner or target ends, permits in the ledger, and the gap between
// room and message.
#include "booking.h"

TestSuite(permit_end, .timeout = 60);

// ---- the end of who reserved

static void
expect_back_after(act_fn how)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT});
    booking b = booked(3);
    assert_ok(act_on(&b, spend));
    assert_ok(troupe_prompt(stage.p.rt, b.owner, how, NULL));
    CUE_AWAIT(&stage.p.told);
    expect_room_for(3);
    end();
}

Test(permit_end, is_given_back_when_its_owner_leaves)
{
    expect_back_after(leave);
}

Test(permit_end, is_given_back_when_its_owner_returns_an_error)
{
    expect_back_after(return_eio);
}

Test(permit_end, is_given_back_when_its_owner_calls_tr_fail)
{
    expect_back_after(fail_with_text);
}

static void
expect_back_after_deed(act_fn how)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4});
    booking b = booked(3);
    booking waits = booking_of(2, TR_FOREVER);
    book_and_wait(&waits, 1);
    deed d = {.child = b.owner};
    assert_ok(deed_of(&stage.p, how, &d));
    CUE_AWAIT(&stage.p.told);
    await_booking(&waits);
    assert_ok(waits.err);
    expect_room_for(2);
    end();
}

Test(permit_end, is_given_back_when_its_owner_is_stopped)
{
    expect_back_after_deed(do_stop);
}

Test(permit_end, is_given_back_when_its_owner_is_killed)
{
    expect_back_after_deed(do_kill);
}

Test(permit_end, room_of_one_that_is_killed_while_it_waits_is_not_lost)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4});
    booking held = booked(4);
    booking b = booking_of(3, TR_FOREVER);
    book_and_wait(&b, 1);
    deed d = {.child = b.owner};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    CUE_AWAIT(&stage.p.told);
    act_on(&held, give_up);
    expect_room_for(4);
    end();
}

Test(permit_end, room_that_is_granted_to_one_as_it_is_killed_is_not_lost)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4});
    for (int i = 0; i < 100; i++) {
        booking held = booking_of(4, tr_seconds(20));
        assert_ok(try_to_book(&held));
        booking b = booking_of(3, TR_FOREVER);
        book_and_wait(&b, 1);
        assert_ok(troupe_prompt(stage.p.rt, held.owner, give_up, &held));
        deed d = {.child = b.owner};
        assert_ok(deed_of(&stage.p, do_kill, &d)); // the grant may be on its way, or there
        CUE_AWAIT(&stage.p.told);
        assert_ok(troupe_act(stage.p.rt, held.owner, leave, NULL));
        CUE_AWAIT(&stage.p.told);
    }
    expect_room_for(4);
    end();
}

Test(permit_end, belongs_to_the_life_and_not_to_the_next_one)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT});
    booking b = booking_of(3, tr_ms(0));
    b.owner = child_of(&stage.p, PUPPET_WITH(NULL, .after_exit = TR_AFTER_EXIT_HOLD));
    assert_ok(try_to_book(&b));
    assert_ok(troupe_prompt(stage.p.rt, b.owner, return_eio, NULL));
    CUE_AWAIT(&stage.p.told);
    cr_assert(last_news(&stage.p)->held);
    expect_room_for(4); // before it is decided whether there is a next one
    deed d = {.child = b.owner};
    assert_ok(deed_of(&stage.p, do_restart, &d));
    end();
}

// ---- the end of the target

Test(permit_end, of_a_target_that_has_ended_is_edead_and_stays_as_it_was)
{
    begin((tr_spawn_opts_t){.mailbox_count = 4});
    booking b = booked(3);
    assert_ok(act_on(&b, spend));
    TROUPE_EVENTUALLY(stage.count == 1);
    deed d = {.child = stage.target};
    assert_ok(deed_of(&stage.p, do_stop, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(act_on(&b, spend), TR_EDEAD);
    assert_err(act_on(&b, spend), TR_EDEAD);
    cr_assert(b.places == 2);
    act_on(&b, give_up);
    end();
}

static void
expect_whole_bounds(uint32_t actors)
{
    for (uint32_t i = 0; i < actors; i++) {
        tr_ref_t ref = writer_with((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT});
        stop_it_at(ref);
        cr_assert(fill_mailbox(ref) == 4, "the slot of %llx", (unsigned long long)ref.raw);
    }
}

Test(permit_end, of_a_target_that_has_ended_takes_nothing_of_whom_comes_after_it)
{
    begin((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT});
    booking b = booked(3);
    deed d = {.child = stage.target};
    assert_ok(deed_of(&stage.p, do_stop, &d));
    CUE_AWAIT(&stage.p.told);
    expect_whole_bounds(8);
    act_on(&b, give_up);
    assert_ok(troupe_act(stage.p.rt, b.owner, do_nothing, NULL));
    expect_whole_bounds(8);
    end();
}

Test(permit_end, of_many_targets_that_have_ended_keeps_their_places_and_no_others)
{
    begin((tr_spawn_opts_t){0});
    booking b[10];
    for (int i = 0; i < 10; i++) {
        stage.target = writer_with((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT});
        b[i] = booked(2);
        deed d = {.child = stage.target};
        assert_ok(deed_of(&stage.p, do_kill, &d));
        CUE_AWAIT(&stage.p.told);
    }
    expect_whole_bounds(12);
    for (int i = 0; i < 10; i++) {
        act_on(&b[i], give_up);
    }
    expect_whole_bounds(12);
    end();
}

Test(permit_end, is_still_good_when_the_target_begins_again)
{
    begin(
        (tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT, .after_exit = TR_AFTER_EXIT_HOLD});
    booking b = booked(3);
    assert_ok(troupe_prompt(stage.p.rt, stage.target, return_eio, NULL));
    CUE_AWAIT(&stage.p.told);
    cr_assert(last_news(&stage.p)->held);
    assert_ok(act_on(&b, spend)); // its mailbox is there between two lives
    deed d = {.child = stage.target};
    assert_ok(deed_of(&stage.p, do_restart, &d));
    assert_ok(act_on(&b, spend));
    TROUPE_EVENTUALLY(stage.count == 2);
    stop_it_at(stage.target);
    cr_assert(fill_mailbox(stage.target) == 3);
    assert_ok(act_on(&b, spend));
    go_on();
    TROUPE_EVENTUALLY(stage.count == 6);
    end();
}

Test(permit_end, is_given_back_by_a_runtime_that_ends)
{
    begin((tr_spawn_opts_t){.mailbox_count = 8});
    booking b = booked(3);
    booking own = booking_of(2, tr_ms(0));
    own.to = own.owner;
    assert_ok(try_to_book(&own));
    assert_ok(act_on(&b, spend));
    end();
}

// ---- the ledger

static uint64_t
queued(void)
{
    return troupe_ledger(stage.p.rt).queued;
}

Test(permit_end, is_not_a_message_for_the_ledger_until_there_is_one)
{
    begin((tr_spawn_opts_t){.mailbox_count = 8});
    booking b = booked(3);
    cr_assert(queued() == 0);
    troupe_expect_balance(stage.p.rt);
    stop_it_at(stage.target);
    assert_ok(tr_runtime_send(stage.p.rt, stage.target, TR_MSG(mark, .number = 1), tr_ms(0)));
    cr_assert(queued() == 1);
    assert_ok(act_on(&b, spend));
    TROUPE_EVENTUALLY(queued() == 2);
    go_on();
    TROUPE_EVENTUALLY(stage.count == 2 && queued() == 0);
    troupe_expect_balance(stage.p.rt);
    act_on(&b, give_up);
    TROUPE_EVENTUALLY(queued() == 0);
    troupe_expect_balance(stage.p.rt);
    end();
}

Test(permit_end, that_was_granted_late_is_not_a_message_for_the_ledger_either)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 3});
    booking held = booked(3);
    booking b = booking_of(2, TR_FOREVER);
    book_and_wait(&b, 1);
    act_on(&held, give_up);
    await_booking(&b);
    assert_ok(b.err);
    TROUPE_EVENTUALLY(queued() == 0);
    go_on();
    troupe_expect_balance(stage.p.rt);
    end();
}

Test(permit_end, of_a_target_that_has_ended_is_no_message_for_the_ledger)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 8});
    booking b = booked(3);
    assert_ok(act_on(&b, spend));
    deed d = {.child = stage.target};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    CUE_AWAIT(&stage.p.told);
    TROUPE_EVENTUALLY(queued() == 0 && troupe_ledger(stage.p.rt).discarded == 1);
    troupe_expect_balance(stage.p.rt);
    act_on(&b, give_up);
    TROUPE_EVENTUALLY(queued() == 0);
    troupe_expect_balance(stage.p.rt);
    end();
}

// ---- the gap

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

Test(permit_end, a_sender_stalled_between_its_room_and_its_push_holds_up_nobody)
{
    begin((tr_spawn_opts_t){.mailbox_count = 3});
    booking stalled = booked(1); // room taken, no message
    TROUPE_EVENTUALLY(all_are_idle());
    booking other = booking_of(1, TR_FOREVER);
    for (uint32_t i = 0; i < 20; i++) { // more than there is room for at a time
        other.number = 100 + i;
        assert_ok(act_on(&other, send_one_mark));
        assert_ok(tr_runtime_send(stage.p.rt, stage.target, TR_MSG(mark, .number = 200 + i),
                                  tr_seconds(20)));
    }
    TROUPE_EVENTUALLY(stage.count == 40);
    TROUPE_EVENTUALLY(all_are_idle());
    stalled.number = 7;
    assert_ok(act_on(&stalled, spend));
    TROUPE_EVENTUALLY(stage.count == 41);
    cr_assert(stage.got[40] == 7);
    end();
}

Test(permit_end, is_no_message_in_the_mailbox_of_one_whose_life_ends)
{
    begin((tr_spawn_opts_t){.mailbox_count = 8});
    booking b = booked(3);
    assert_ok(troupe_prompt(stage.p.rt, stage.target, return_eio, NULL));
    CUE_AWAIT(&stage.p.told);
    cr_assert(last_news(&stage.p)->queued == 0, "%u queued", last_news(&stage.p)->queued);
    act_on(&b, give_up);
    end();
}
