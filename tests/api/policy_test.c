// What becomes of a message that finds the mailbox full.
#include "recorder.h"

struct plan {
    tr_ref_t to;
    uint32_t count;
    bool only_try;
    tr_err_t err;
};

static tr_err_t
send_marks(tr_self *self, void *arg)
{
    struct plan *p = arg;
    for (uint32_t i = 0; i < p->count && p->err == TR_OK; i++) {
        p->err = p->only_try ? tr_try_send(self, p->to, TR_MSG(mark, .number = i))
                             : tr_send(self, p->to, TR_MSG(mark, .number = i));
    }
    return TR_OK;
}

static tr_err_t
send_high_mark(tr_self *self, void *arg)
{
    struct plan *p = arg;
    p->err = tr_send_high(self, p->to, TR_MSG(mark, .number = 77));
    return TR_OK;
}

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

// The caller waits for its answer, so its request is in the mailbox.
static bool
caller_waits(tr_runtime *rt)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.stacks == 1 && stats.ledger.queued == 1;
}

static tr_err_t
call_mark(tr_self *self, void *arg)
{
    struct plan *p = arg;
    p->err = tr_call(self, p->to, TR_MSG(mark, .number = 99), TR_REPLY_NONE, TR_FOREVER);
    return TR_OK;
}

// Fill a mailbox of two with five; what it got is in the record.
static uint64_t
overfill(tr_full_policy_t policy)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan plan = {.count = 5};
    plan.to = hold_recorder(rt, 2, (tr_spawn_opts_t){.mailbox_count = 2, .full = policy});
    tr_ref_t sender = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, sender, send_marks, &plan));
    assert_ok(plan.err);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    troupe_end(rt);
    return stats.ledger.dropped;
}

static void
try_when_full(tr_full_policy_t policy)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan plan = {.count = 3, .only_try = true};
    plan.to = hold_recorder(rt, 2, (tr_spawn_opts_t){.mailbox_count = 2, .full = policy});
    tr_ref_t sender = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, sender, send_marks, &plan));
    assert_err(plan.err, TR_EFULL);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    cr_assert(record.numbers[0] == 0 && record.numbers[1] == 1);
    troupe_end(rt);
}

Test(policy, try_send_is_efull_where_the_newest_would_be_dropped)
{
    try_when_full(TR_DROP_NEWEST);
}

Test(policy, try_send_is_efull_where_the_oldest_would_be_dropped)
{
    try_when_full(TR_DROP_OLDEST);
}

Test(policy, drop_oldest_refuses_what_never_fits_and_drops_nothing_for_it)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref =
        hold_recorder(rt, 1, (tr_spawn_opts_t){.mailbox_bytes = 256, .full = TR_DROP_OLDEST});
    static char large[1024];
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(mark, .number = 7), TR_FOREVER));
    assert_err(
        tr_runtime_send(rt, ref, TR_MSG(lump, .data = tr_bytes(large, sizeof large)), TR_FOREVER),
        TR_ETOOBIG);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    cr_assert(record.numbers[0] == 7);
    troupe_end(rt);
}

Test(policy, drop_newest_keeps_the_first_and_counts_the_rest)
{
    cr_assert(overfill(TR_DROP_NEWEST) == 3);
    cr_assert(record.numbers[0] == 0 && record.numbers[1] == 1);
}

Test(policy, drop_oldest_keeps_the_last_and_counts_the_rest)
{
    cr_assert(overfill(TR_DROP_OLDEST) == 3);
    cr_assert(record.numbers[0] == 3 && record.numbers[1] == 4);
}

Test(policy, a_call_that_is_dropped_as_the_newest_is_answered_efull)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan plan = {.count = 2};
    plan.to = hold_recorder(rt, 2, (tr_spawn_opts_t){.mailbox_count = 2, .full = TR_DROP_NEWEST});
    tr_ref_t sender = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, sender, send_marks, &plan));
    assert_ok(troupe_act(rt, sender, call_mark, &plan));
    assert_err(plan.err, TR_EFULL);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    troupe_end(rt);
}

Test(policy, a_call_that_is_dropped_as_the_oldest_is_answered_efull)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan call = {.err = TR_OK};
    call.to = hold_recorder(rt, 2, (tr_spawn_opts_t){.mailbox_count = 2, .full = TR_DROP_OLDEST});
    struct plan marks = {.to = call.to, .count = 2};
    tr_ref_t caller = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, caller, call_mark, &call));
    TROUPE_EVENTUALLY(caller_waits(rt));
    for (uint32_t i = 0; i < marks.count; i++) {
        assert_ok(tr_runtime_send(rt, marks.to, TR_MSG(mark, .number = i), TR_FOREVER));
    }
    assert_ok(troupe_act(rt, caller, do_nothing, NULL)); // the call before it is over
    assert_err(call.err, TR_EFULL);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    troupe_end(rt);
}

Test(policy, drop_oldest_drops_normal_before_high)
{
    tr_runtime *rt = troupe_begin(2);
    struct plan plan = {.count = 5};
    plan.to = hold_recorder(rt, 3, (tr_spawn_opts_t){.mailbox_count = 3, .full = TR_DROP_OLDEST});
    tr_ref_t sender = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, sender, send_high_mark, &plan));
    assert_ok(troupe_act(rt, sender, send_marks, &plan));
    assert_ok(plan.err);
    cue_give(&record.go_on);
    CUE_AWAIT(&record.got_all);
    cr_assert(record.numbers[0] == 77 && record.numbers[1] == 3 && record.numbers[2] == 4);
    troupe_end(rt);
}
