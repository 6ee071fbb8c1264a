// permit_test.c: room in a mailbox that is reserved before there is anything to send.
#include "booking.h"

TestSuite(permit, .timeout = 60);

// ---- what goes wrong

Test(permit, for_one_that_has_ended_is_edead)
{
    begin((tr_spawn_opts_t){0});
    deed d = {.child = stage.target};
    assert_ok(deed_of(&stage.p, do_stop, &d));
    CUE_AWAIT(&stage.p.told);
    booking b = booking_of(1, TR_FOREVER);
    assert_err(try_to_book(&b), TR_EDEAD);
    b.to = TR_REF_NONE;
    assert_err(try_to_book(&b), TR_EDEAD);
    end();
}

Test(permit, for_no_message_is_einval)
{
    begin((tr_spawn_opts_t){0});
    booking b = booking_of(0, TR_FOREVER);
    assert_err(try_to_book(&b), TR_EINVAL);
    end();
}

Test(permit, where_the_oldest_are_dropped_is_einval)
{
    begin((tr_spawn_opts_t){.full = TR_DROP_OLDEST});
    booking b = booking_of(1, TR_FOREVER);
    assert_err(try_to_book(&b), TR_EINVAL);
    end();
}

Test(permit, for_what_never_fits_is_etoobig)
{
    begin((tr_spawn_opts_t){.mailbox_count = 4, .mailbox_bytes = 1024});
    booking b = booking_of(5, TR_FOREVER);
    assert_err(try_to_book(&b), TR_ETOOBIG);
    b.places = 1;
    b.size = 1024;
    assert_err(try_to_book(&b), TR_ETOOBIG);
    b.size = 1024 - 48 + 1;
    assert_err(try_to_book(&b), TR_ETOOBIG);
    b.places = 2;
    b.size = 512 - 48 + 1;
    assert_err(try_to_book(&b), TR_ETOOBIG);
    b.places = UINT32_MAX;
    b.size = 0;
    assert_err(try_to_book(&b), TR_ETOOBIG);
    b.places = 1;
    b.size = 1024 - 48;
    assert_ok(try_to_book(&b));
    end();
}

Test(permit, for_a_size_near_the_end_of_its_type_is_etoobig)
{
    begin((tr_spawn_opts_t){0});
    booking b = booking_of(1, TR_FOREVER);
    size_t sizes[] = {SIZE_MAX, SIZE_MAX - 40, SIZE_MAX - 47, SIZE_MAX - 48, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        b.size = sizes[i];
        assert_err(try_to_book(&b), TR_ETOOBIG);
    }
    end();
}

static void
expect_efull(tr_full_policy_t policy)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 2, .full = policy});
    booking fits = booked(2);
    booking b = booking_of(1, TR_FOREVER);
    assert_err(try_to_book(&b), TR_EFULL);
    act_on(&fits, give_up);
    TROUPE_EVENTUALLY(try_to_book(&b) == TR_OK);
    end();
}

Test(permit, where_others_are_rejected_is_efull)
{
    expect_efull(TR_REJECT);
}

Test(permit, where_the_newest_are_dropped_is_efull)
{
    expect_efull(TR_DROP_NEWEST);
}

static tr_err_t
book_from_myself(tr_self *self, void *arg)
{
    booking *b = arg;
    expect_ok(tr_send(self, tr_self_ref(self), TR_MSG(mark, .number = 1)));
    b->to = tr_self_ref(self);
    expect_ok(tr_reserve(self, b->to, sizeof(mark), TR_FOREVER, &b->permit));
    tr_permit *another = NULL;
    b->err = tr_reserve(self, b->to, sizeof(mark), TR_FOREVER, &another);
    cr_expect(another == NULL);
    expect_err(tr_send(self, b->to, TR_MSG(mark, .number = 3)), TR_EDEADLK);
    expect_ok(tr_permit_send(self, b->permit, TR_MSG(mark, .number = 2)));
    return TR_OK;
}

Test(permit, for_my_own_full_mailbox_is_edeadlk_and_for_my_own_room_it_is_one_as_any)
{
    begin((tr_spawn_opts_t){.mailbox_count = 2});
    booking b = {.err = TR_EBUSY};
    assert_ok(troupe_act(stage.p.rt, stage.target, book_from_myself, &b));
    assert_err(b.err, TR_EDEADLK);
    TROUPE_EVENTUALLY(stage.count == 2);
    cr_assert(stage.got[0] == 1 && stage.got[1] == 2);
    end();
}

Test(permit, with_a_zero_timeout_does_not_wait_for_room)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 2});
    booking fits = booked(2);
    booking b = booking_of(1, tr_ms(0));
    assert_err(try_to_book(&b), TR_ETIMEOUT);
    act_on(&fits, give_up);
    expect_room_for(2); // nothing of it stayed behind
    end();
}

Test(permit, that_waits_is_etimeout_when_the_time_is_over)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 2});
    booking fits = booked(2);
    booking b = booking_of(1, tr_ms(10));
    assert_err(try_to_book(&b), TR_ETIMEOUT);
    act_on(&fits, give_up);
    expect_room_for(2);
    end();
}

Test(permit, that_waits_is_etimeout_at_the_deadline_of_the_message_in_hand)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 2});
    booking fits = booked(2);
    booking b = booking_of(1, TR_FOREVER);
    cue_init(&b.over);
    // Both ends have this deadline: the answer may still be in time.
    tr_err_t err =
        tr_runtime_call(stage.p.rt, b.owner, ACT_MSG(book, &b), TR_REPLY_NONE, tr_ms(20));
    cr_assert(err == TR_ETIMEOUT || err == TR_OK, "%s", tr_errname(err));
    await_booking(&b);
    assert_err(b.err, TR_ETIMEOUT);
    act_on(&fits, give_up);
    end();
}

Test(permit, that_waits_is_ecanceled_by_a_stop)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 2});
    booking fits = booked(2);
    booking b = booking_of(1, TR_FOREVER);
    book_and_wait(&b, 1);
    deed d = {.child = b.owner};
    assert_ok(deed_of(&stage.p, do_stop, &d));
    CUE_AWAIT(&stage.p.told);
    assert_err(b.err, TR_ECANCELED);
    act_on(&fits, give_up);
    expect_room_for(2);
    end();
}

Test(permit, that_waits_is_edead_when_the_target_ends)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 2});
    booking fits = booked(2);
    booking b = booking_of(1, TR_FOREVER);
    book_and_wait(&b, 1);
    deed d = {.child = stage.target};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    await_booking(&b);
    assert_err(b.err, TR_EDEAD);
    assert_err(act_on(&fits, spend), TR_EDEAD);
    end();
}

Test(permit, does_not_take_what_is_larger_than_was_reserved_and_stays_as_it_was)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4});
    booking b = booking_of(2, tr_ms(0));
    b.size = sizeof(lump) + 100;
    assert_ok(try_to_book(&b));
    b.lump = 101;
    assert_err(act_on(&b, spend_lump), TR_ETOOBIG);
    cr_assert(b.places == 2);
    b.lump = 100;
    assert_ok(act_on(&b, spend_lump));
    b.lump = 8000;
    assert_err(act_on(&b, spend_lump), TR_ETOOBIG);
    b.lump = 0;
    assert_ok(act_on(&b, spend_lump));
    go_on();
    TROUPE_EVENTUALLY(stage.count == 2);
    end();
}

// ---- the room

Test(permit, holds_messages_of_the_bound_that_nobody_else_gets)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 5, .full = TR_REJECT});
    booking b = booked(3);
    cr_assert(fill_mailbox(stage.target) == 2);
    for (uint32_t i = 0; i < 3; i++) {
        assert_ok(act_on(&b, spend)); // in a mailbox that is full for others
    }
    cr_assert(fill_mailbox(stage.target) == 0);
    go_on();
    TROUPE_EVENTUALLY(stage.count == 5);
    end();
}

Test(permit, holds_bytes_of_the_bound_that_nobody_else_gets)
{
    begin_still((tr_spawn_opts_t){.mailbox_bytes = 20 * MARK_BYTES, .full = TR_REJECT});
    booking b = booking_of(1, tr_ms(0));
    b.size = 10 * MARK_BYTES - 48;
    assert_ok(try_to_book(&b));
    cr_assert(fill_mailbox(stage.target) == 10);
    end();
}

Test(permit, gives_bytes_back_that_a_smaller_value_does_not_need)
{
    begin_still((tr_spawn_opts_t){.mailbox_bytes = 20 * MARK_BYTES, .full = TR_REJECT});
    booking b = booking_of(2, tr_ms(0));
    b.size = 5 * MARK_BYTES - 48;
    assert_ok(try_to_book(&b));
    assert_ok(act_on(&b, spend)); // one instead of five
    cr_assert(fill_mailbox(stage.target) == 14);
    assert_ok(act_on(&b, spend));
    cr_assert(fill_mailbox(stage.target) == 4);
    go_on();
    TROUPE_EVENTUALLY(stage.count == 20);
    stop_it_at(stage.target);
    cr_assert(fill_mailbox(stage.target) == 20); // and none of it for good
    end();
}

Test(permit, gives_surplus_bytes_to_who_waits_when_its_message_leaves_at_the_latest)
{
    begin_still((tr_spawn_opts_t){.mailbox_bytes = 20 * MARK_BYTES});
    booking b = booking_of(1, tr_ms(0));
    b.size = 20 * MARK_BYTES - 48;
    assert_ok(try_to_book(&b));
    booking waits = booking_of(1, TR_FOREVER);
    book_and_wait(&waits, 1);
    assert_ok(act_on(&b, spend));
    go_on();
    await_booking(&waits);
    assert_ok(waits.err);
    end();
}

Test(permit, keeps_the_order_of_what_is_sent_with_it)
{
    begin_still((tr_spawn_opts_t){0});
    booking b = booked(50);
    for (uint32_t i = 0; i < 50; i++) {
        assert_ok(act_on(&b, spend)); // in another handler each
    }
    go_on();
    TROUPE_EVENTUALLY(stage.count == 50);
    for (uint32_t i = 0; i < 50; i++) {
        cr_expect(stage.got[i] == i);
    }
    end();
}

static tr_err_t
reserve_send_and_name_sender(tr_self *self, void *arg)
{
    booking *b = arg;
    expect_ok(tr_reserve(self, b->to, sizeof(mark), tr_ms(0), &b->permit));
    cr_expect(tr_permit_count(b->permit) == 1);
    b->err = tr_permit_send(self, b->permit, TR_MSG(mark, .number = 5));
    return TR_OK;
}

static tr_err_t
note_sender(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    *(tr_ref_t *)arg = tr_message_sender(msg);
    stage.count++;
    return tr_message_is_call(msg) ? TR_EIO : TR_OK;
}

Test(permit, sends_a_message_like_any_other)
{
    begin((tr_spawn_opts_t){0});
    tr_ref_t sender = TR_REF_NONE;
    booking b = booking_of(1, tr_ms(0));
    b.to = child_of(&stage.p, PUPPET(&((part){.receive = note_sender, .arg = &sender})));
    assert_ok(act_on(&b, reserve_send_and_name_sender));
    TROUPE_EVENTUALLY(stage.count == 1);
    cr_assert(sender.raw == b.owner.raw);
    end();
}

Test(permit, released_in_part_gives_the_rest_back)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 6, .full = TR_REJECT});
    booking b = booked(5);
    assert_ok(act_on(&b, spend));
    assert_ok(act_on(&b, spend));
    act_on(&b, give_up);
    expect_room_for(4);
    act_on(&b, give_up); // NULL now
    end();
}

Test(permit, that_is_released_gives_its_room_to_who_waits)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 3});
    booking b = booked(3);
    booking first = booking_of(1, TR_FOREVER);
    booking second = booking_of(2, TR_FOREVER);
    book_and_wait(&first, 1);
    book_and_wait(&second, 2);
    act_on(&b, give_up); // the target stands still all the time
    await_booking(&first);
    await_booking(&second);
    assert_ok(first.err);
    assert_ok(second.err);
    cr_assert(fill_mailbox(stage.target) == 0);
    end();
}

// ---- many

Test(permit, for_many_takes_all_or_nothing)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4, .full = TR_REJECT});
    booking held = booked(2);
    booking b = booking_of(3, TR_FOREVER);
    assert_err(try_to_book(&b), TR_EFULL);
    cr_assert(fill_mailbox(stage.target) == 2);
    act_on(&held, give_up);
    expect_room_for(2);
    end();
}

Test(permit, for_many_that_waits_in_vain_has_taken_nothing)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4});
    booking held = booked(2);
    booking b = booking_of(3, tr_ms(5));
    assert_err(try_to_book(&b), TR_ETIMEOUT);
    expect_room_for(2);
    act_on(&held, give_up);
    end();
}

// Four places, three and one of them reserved; `large` waits for three, `small` sends behind it.
static void
queue_up(booking *one, booking *three, booking *large, booking *small, tr_duration_t timeout)
{
    begin_still((tr_spawn_opts_t){.mailbox_count = 4});
    *one = booked(1);
    *three = booked(3);
    *large = booking_of(3, timeout);
    *small = booking_of(1, TR_FOREVER);
    small->number = 99;
    cue_init(&small->over);
    book_and_wait(large, 1);
    assert_ok(troupe_prompt(stage.p.rt, small->owner, send_one_mark, small));
    TROUPE_EVENTUALLY(so_many_wait(2));
}

Test(permit, for_many_in_front_is_not_overtaken_by_what_would_fit)
{
    booking one, three, large, small;
    queue_up(&one, &three, &large, &small, TR_FOREVER);
    act_on(&one, give_up);
    for (int i = 0; i < 10; i++) { // each of these asks the target
        assert_err(tr_runtime_send(stage.p.rt, stage.target, TR_MSG(mark, .number = 9), tr_us(100)),
                   TR_ETIMEOUT);
    }
    assert_err(large.err, TR_EBUSY);
    assert_err(small.err, TR_EBUSY);
    act_on(&three, give_up);
    await_booking(&large);
    await_booking(&small);
    assert_ok(large.err);
    assert_ok(small.err);
    assert_ok(act_on(&large, spend));
    go_on();
    TROUPE_EVENTUALLY(stage.count == 2);
    cr_assert(stage.got[0] == 99 && stage.got[1] == 0);
    end();
}

Test(permit, for_many_that_gives_up_lets_go_on_who_was_behind_it)
{
    booking one, three, large, small;
    queue_up(&one, &three, &large, &small, tr_seconds(1));
    act_on(&one, give_up);
    await_booking(&large);
    assert_err(large.err, TR_ETIMEOUT);
    await_booking(&small);
    assert_ok(small.err);
    end();
}

Test(permit, for_many_of_one_that_is_killed_lets_go_on_who_was_behind_it)
{
    booking one, three, large, small;
    queue_up(&one, &three, &large, &small, TR_FOREVER);
    act_on(&one, give_up);
    deed d = {.child = large.owner};
    assert_ok(deed_of(&stage.p, do_kill, &d));
    await_booking(&small);
    assert_ok(small.err);
    assert_err(large.err, TR_EBUSY);
    act_on(&three, give_up);
    expect_room_for(3);
    end();
}
