// The two lanes of a mailbox that senders choose between.
#include "recorder.h"

// Normal ones are 100 and up, high ones below; all are in the mailbox before the first is taken.
struct plan {
    tr_ref_t to;
    uint32_t normal;
    uint32_t high;
    tr_err_t err;
};

static tr_err_t
send_plan(tr_self *self, void *arg)
{
    struct plan *p = arg;
    for (uint32_t i = 0; i < p->normal && p->err == TR_OK; i++) {
        p->err = tr_try_send(self, p->to, TR_MSG(mark, .number = 100 + i));
    }
    for (uint32_t i = 0; i < p->high && p->err == TR_OK; i++) {
        p->err = tr_send_high(self, p->to, TR_MSG(mark, .number = i));
    }
    return TR_OK;
}

static void
play(uint32_t normal, uint32_t high)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan plan = {.normal = normal, .high = high};
    plan.to = hold_recorder(rt, normal + high, (tr_spawn_opts_t){.mailbox_count = MARKS_MAX});
    tr_ref_t sender = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, sender, send_plan, &plan));
    assert_ok(plan.err);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    troupe_end(rt);
}

Test(lanes, a_high_message_to_the_dead_is_edead)
{
    tr_runtime *rt = troupe_begin(1);
    tr_ref_t sender = troupe_puppet(rt, NULL);
    struct plan plan = {.to = TR_REF_NONE, .high = 1};
    assert_ok(troupe_act(rt, sender, send_plan, &plan));
    assert_err(plan.err, TR_EDEAD);
    troupe_end(rt);
}

Test(lanes, both_lanes_share_one_bound)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan plan = {.normal = 2, .high = 1};
    plan.to = hold_recorder(rt, 2, (tr_spawn_opts_t){.mailbox_count = 2, .full = TR_REJECT});
    tr_ref_t sender = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, sender, send_plan, &plan));
    assert_err(plan.err, TR_EFULL);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    troupe_end(rt);
}

Test(lanes, high_goes_first_and_keeps_its_order)
{
    play(3, 4);
    static const uint32_t expected[] = {0, 1, 2, 3, 100, 101, 102};
    cr_assert(memcmp(record.numbers, expected, sizeof expected) == 0);
}

Test(lanes, after_eight_high_in_a_row_a_normal_one_has_its_turn)
{
    play(3, 20);
    static const uint32_t expected[] = {0,  1,  2,  3,  4,  5,   6,  7,  100, 8,  9,  10,
                                        11, 12, 13, 14, 15, 101, 16, 17, 18,  19, 102};
    for (uint32_t i = 0; i < record.count; i++) {
        cr_expect(record.numbers[i] == expected[i], "at %u: %u, not %u", i, record.numbers[i],
                  expected[i]);
    }
}
