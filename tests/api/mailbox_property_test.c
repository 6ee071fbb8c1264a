// mailbox_property_test.c: the mailbox and its model, short enough for every day; and those rules
// by name that have no test of their own in lanes_test.c, policy_test.c, stash_test.c and
// send_test.c.
#if defined(__SANITIZE_THREAD__)
#define MAILBOX_RUNS 60 // each begins and ends a runtime, which is slow there
#else
#define MAILBOX_RUNS 300
#endif
#include "mailbox_property_stress.c"

#define UNBOUNDED(policy)                                                                          \
    {                                                                                              \
        OPEN,                                                                                      \
        {                                                                                          \
            policy, 11, 0                                                                          \
        }                                                                                          \
    }
// A bound of 288 bytes: four messages without data. SMALL takes a quarter of it, HALF a half.
#define FOUR_SMALL(policy)                                                                         \
    {                                                                                              \
        OPEN,                                                                                      \
        {                                                                                          \
            policy, 11, 7                                                                          \
        }                                                                                          \
    }
#define SMALL 0
#define HALF  9
#define WHOLE 27

// Play this; the subject takes these, in this order, and all is as the model says.
static void
plays(const property_op *ops, size_t count, const uint32_t *numbers, size_t number_count)
{
    char why[PROPERTY_WHY] = "";
    bool is_same = play(ops, count, why, sizeof why);
    for (size_t i = 0; i < number_count && i < stage.log_count; i++) {
        cr_assert(stage.log[i] == numbers[i], "taken as number %zu: %u, not %u", i + 1,
                  stage.log[i], numbers[i]);
    }
    cr_assert(stage.log_count == number_count, "%u are taken, not %zu", stage.log_count,
              number_count);
    cr_assert(is_same, "%s", why);
}

#define PLAYS(...)                                                                                 \
    static const property_op ops[] = {__VA_ARGS__};                                                \
    plays(ops, sizeof ops / sizeof ops[0], taken, sizeof taken / sizeof taken[0])

static void
person_got(uint32_t person, tr_err_t err)
{
    cr_assert(stage.deeds[person].is_over);
    assert_err(stage.deeds[person].err, err);
}

// ---- bounds

Test(mailbox, takes_what_fills_its_bound_in_bytes_and_no_byte_more)
{
    static const uint32_t taken[] = {1, 2};
    PLAYS(FOUR_SMALL(TR_REJECT), {SEND, {0, SMALL, 0}}, {SEND, {0, WHOLE, 0}}, {RELEASE, {0}},
          {TRY, {1, WHOLE + 1}}, {SEND, {0, HALF, 1}}, {TRY, {2, SMALL}});
    person_got(1, TR_ETOOBIG);
    person_got(2, TR_EFULL);
    cr_assert(eq(u64, expected.ledger.discarded, 2));
}

Test(mailbox, has_room_again_when_a_message_is_taken_and_not_only_when_it_is_handled)
{
    static const uint32_t taken[] = {1, 2};
    PLAYS({OPEN, {TR_REJECT, 0, 0}}, {SEND, {0, SMALL, 0}}, {SEND, {0, SMALL, 0}},
          {TRY, {1, SMALL}}, {RELEASE, {0}}, {TRY, {2, SMALL}});
    person_got(1, TR_EFULL);
    person_got(2, TR_OK);
}

Test(mailbox, does_not_let_small_ones_in_before_a_large_one_that_waits)
{
    // 1 is in hand and 2 to 4 wait; 5 finds room for one small message, not for itself.
    static const uint32_t taken[] = {1, 2, 3, 4, 5, 7};
    PLAYS(FOUR_SMALL(TR_SUSPEND), {SEND, {0, SMALL, 3}}, {SEND, {0, HALF, 0}}, {TRY, {1, SMALL}},
          {RELEASE, {0}}, {SEND, {1, SMALL, 0}}, {RELEASE, {3}});
    person_got(0, TR_OK);
    person_got(1, TR_OK);
}

Test(mailbox, that_drops_the_newest_still_takes_a_smaller_one_that_fits)
{
    static const uint32_t taken[] = {1, 2, 3, 4, 6};
    PLAYS(FOUR_SMALL(TR_DROP_NEWEST), {SEND, {0, SMALL, 3}}, {SEND, {1, HALF, 0}},
          {SEND, {2, SMALL, 0}}, {RELEASE, {3}});
    person_got(1, TR_OK);
    cr_assert(eq(u64, expected.ledger.dropped, 1));
}

Test(mailbox, that_drops_the_oldest_drops_as_many_as_a_large_one_takes)
{
    static const uint32_t taken[] = {1, 4, 5, 6};
    PLAYS(FOUR_SMALL(TR_DROP_OLDEST), {SEND, {0, SMALL, 4}}, {SEND, {1, HALF, 0}}, {RELEASE, {5}});
    cr_assert(eq(u64, expected.ledger.dropped, 2));
}

Test(mailbox, keeps_those_who_wait_for_room_over_a_restart)
{
    static const uint32_t taken[] = {1, 2, 3, 4};
    PLAYS({OPEN, {TR_SUSPEND, 0, 0}}, {SEND, {0, SMALL, 1}}, {SEND, {0, SMALL, 0}},
          {CALL, {1, SMALL}}, {FAIL, {0}}, {RESTART, {0}}, {RELEASE, {3}});
    person_got(0, TR_OK);
    person_got(1, TR_OK);
}

// ---- order

Test(lanes, the_runtimes_own_messages_go_before_high_ones)
{
    static const uint32_t taken[] = {1, MODEL_DOWN, MODEL_DOWN + 1, 3, 2};
    PLAYS(UNBOUNDED(TR_SUSPEND), {SEND, {0, SMALL, 1}}, {HIGH, {0, SMALL, 0}}, {DOWN, {0}},
          {DOWN, {0}}, {RELEASE, {5}});
}

Test(lanes, the_runtimes_own_messages_take_no_room)
{
    static const uint32_t taken[] = {1, MODEL_DOWN, 2};
    PLAYS({OPEN, {TR_REJECT, 0, 0}}, {SEND, {0, SMALL, 1}}, {DOWN, {0}}, {TRY, {1, SMALL}},
          {RELEASE, {2}});
    person_got(1, TR_EFULL);
}

Test(lanes, high_ones_that_come_one_after_the_other_let_a_normal_one_have_its_turn)
{
    // Never more than two high ones wait at once, and still 2 comes after eight of them.
    static const uint32_t taken[] = {1, 3, 4, 5, 6, 7, 8, 9, 10, 2, 11, 12};
    PLAYS(UNBOUNDED(TR_SUSPEND), {SEND, {0, SMALL, 1}}, {HIGH, {0, SMALL, 1}}, {RELEASE, {1}},
          {HIGH, {0, SMALL, 1}}, {RELEASE, {1}}, {HIGH, {0, SMALL, 1}}, {RELEASE, {1}},
          {HIGH, {0, SMALL, 1}}, {RELEASE, {1}}, {HIGH, {0, SMALL, 1}}, {RELEASE, {2}});
}

// The run of high messages is one count, though there are two places to take from.
Test(lanes, after_eight_high_a_normal_one_has_its_turn_where_the_oldest_are_dropped)
{
    static const uint32_t taken[] = {1, 3, 4, 5, 6, 7, 8, 9, 10, 2, 11, 12};
    PLAYS(UNBOUNDED(TR_DROP_OLDEST), {SEND, {0, SMALL, 1}}, {HIGH, {0, SMALL, 8}},
          {HIGH, {0, SMALL, 0}}, {RELEASE, {5}}, {RELEASE, {4}});
}

// ---- the stash

Test(stash, of_the_runtimes_own_message_is_einval)
{
    static const uint32_t taken[] = {MODEL_DOWN};
    PLAYS(UNBOUNDED(TR_SUSPEND), {DOWN, {0}}, {STASH, {0}});
    assert_err(stage.stash_err, TR_EINVAL);
}

Test(stash, whose_room_another_message_has_got_is_efull)
{
    static const uint32_t taken[] = {1, 2};
    PLAYS({OPEN, {TR_REJECT, 0, 0}}, {CALL, {0, SMALL}}, {SEND, {1, SMALL, 0}}, {STASH, {0}});
    assert_err(stage.stash_err, TR_EFULL);
    person_got(0, TR_ENOREPLY);
}

Test(stash, whose_room_one_that_waited_has_got_is_efull)
{
    static const uint32_t taken[] = {1, 2, 3};
    PLAYS({OPEN, {TR_SUSPEND, 0, 0}}, {SEND, {0, SMALL, 1}}, {SEND, {0, SMALL, 0}}, {RELEASE, {0}},
          {STASH, {0}});
    assert_err(stage.stash_err, TR_EFULL);
}

Test(stash, of_calls_is_answered_edead_when_the_actor_ends)
{
    static const uint32_t taken[] = {1, 2};
    PLAYS(UNBOUNDED(TR_SUSPEND), {CALL, {0, SMALL}}, {STASH, {0}}, {CALL, {1, SMALL}}, {STASH, {0}},
          {STOP, {0}});
    person_got(0, TR_EDEAD);
    person_got(1, TR_EDEAD);
    cr_assert(eq(u64, expected.ledger.discarded, 2));
}

Test(stash, comes_back_in_its_order_each_time)
{
    static const uint32_t taken[] = {1, 2, 3, 1, 2, 4, 2, 5};
    PLAYS(UNBOUNDED(TR_SUSPEND), {SEND, {0, SMALL, 4}}, {STASH, {0}}, {STASH, {0}}, {UNSTASH, {0}},
          {RELEASE, {0}}, {STASH, {0}}, {UNSTASH, {0}}, {RELEASE, {1}});
}

Test(stash, counts_in_the_bound_where_the_oldest_are_dropped)
{
    property_op open = {OPEN, {TR_DROP_OLDEST, 1, 0}};
    trouble t = {.why = (char[PROPERTY_WHY]){""}, .size = PROPERTY_WHY};
    begin(&open);
    for (int i = 0; i < 2; i++) {
        cr_assert(post(t, DEED_SEND, 0, SMALL) && finish(t, MODEL_STASH));
    }
    for (int i = 0; i < 3; i++) {
        (void)post(t, DEED_SEND, 0, SMALL); // the first is taken in hand
    }
    cr_assert(le(u64, troupe_ledger(stage.rt).queued, 2));
    end();
}

// The end of a life looks for fired timers in the normal lane, and leaves the others where they
// are.
Test(stash, of_a_high_message_keeps_its_place_over_a_restart)
{
    static const uint32_t taken[] = {1, 2, 3, 1, 2};
    PLAYS(UNBOUNDED(TR_SUSPEND), {SEND, {0, SMALL, 0}}, {HIGH, {0, SMALL, 1}}, {STASH, {0}},
          {STASH, {0}}, {FAIL, {0}}, {RESTART, {0}}, {RELEASE, {1}});
}
