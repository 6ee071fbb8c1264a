// memory_test.c: the allocation that fails, at every place in turn. Whatever was asked for returns
// TR_ENOMEM, or goes without; nothing leaks (AddressSanitizer looks), the ledger balances and the
// runtime goes on.
#include "base/memory.h"

#include "troupe_test.h"

TestSuite(no_memory, .timeout = 60);

#define PLACES 24 // more allocations than any of these makes

typedef struct attempt {
    act_fn fn;
    uint64_t after; // how many allocations succeed first
    tr_ref_t other; // a puppet that is there already
    tr_err_t err;
    uint64_t failures;
    cue *over; // given when no fault is planned any more
} attempt;

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
spawn_puppet(tr_self *self, void *arg)
{
    (void)arg;
    tr_ref_t ref;
    part role = {.start = do_nothing};
    return tr_spawn(self, PUPPET_WITH(&role, .name = "named", .place = TR_PLACE_NEAR), &ref);
}

static tr_err_t
spawn_plain(tr_self *self, void *arg)
{
    (void)arg;
    tr_ref_t ref;
    return tr_spawn(self, &(tr_spawn_opts_t){.behavior = &plain_puppet}, &ref);
}

static tr_err_t
sleep_a_little(tr_self *self, void *arg)
{
    (void)arg;
    return tr_sleep(self, tr_us(100));
}

static tr_err_t
start_that_waits(tr_self *self, void *arg)
{
    (void)arg;
    tr_ref_t ref;
    part role = {.start = sleep_a_little};
    return tr_spawn(self, PUPPET(&role), &ref);
}

static const char much[6000];

static tr_err_t
send_one(tr_self *self, void *arg)
{
    attempt *a = arg;
    return tr_send(self, a->other, TR_MSG(lump, .data = tr_bytes(much, sizeof much)));
}

static tr_err_t
call_one(tr_self *self, void *arg)
{
    attempt *a = arg;
    return tr_call(self, a->other, ACT_MSG(sleep_a_little, NULL), TR_REPLY_NONE, tr_seconds(20));
}

static tr_err_t
watch_one(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_monitor_t monitor;
    return tr_monitor(self, a->other, &monitor);
}

static tr_err_t
arm_timer(tr_self *self, void *arg)
{
    (void)arg;
    tr_timer_t timer;
    tr_err_t err = tr_send_after(self, tr_seconds(100), TR_MSG(number, .value = 1), &timer);
    return err != TR_OK ? err : tr_send_after(self, tr_seconds(100), TR_MSG(acted), NULL);
}

static tr_err_t
wait_for_tick(tr_self *self, void *arg)
{
    (void)arg;
    tr_interval *interval = NULL;
    tr_err_t err = tr_interval_create(self, tr_us(100), TR_TICK_SKIP, &interval);
    cr_expect(err == TR_OK || interval == NULL);
    return err != TR_OK ? err : tr_interval_tick(self, interval, tr_seconds(20), NULL);
}

static tr_err_t
wait_for_alarm(tr_self *self, void *arg)
{
    (void)arg;
    tr_alarm *alarm = NULL;
    tr_err_t err = tr_alarm_create(self, tr_us(100), &alarm);
    cr_expect(err == TR_OK || alarm == NULL);
    return err != TR_OK ? err : tr_alarm_await(self, alarm, tr_seconds(20));
}

static _Atomic int drops;

static tr_err_t
count_up(void *arg)
{
    ++*(int *)arg;
    return TR_OK;
}

static void
count_drop(void *arg)
{
    drops += *(int *)arg >= 1;
}

// What does not come back is dropped, also where there was no memory for a copy.
static tr_err_t
block(tr_self *self, void *arg)
{
    int count = 1;
    (void)arg;
    drops = 0;
    tr_err_t err =
        tr_blocking(self, TR_LANE_CPU, &TR_JOB(count_up, &count, count_drop), TR_FOREVER);
    while (err != TR_OK && drops == 0) {
        expect_ok(tr_sleep(self, tr_ms(1)));
    }
    cr_expect(err == TR_OK ? count == 2 && drops == 0 : count == 1 && drops == 1);
    return err;
}

static tr_err_t
make_lane(tr_self *self, void *arg)
{
    char name[8];
    tr_lane_t lane = {0};
    snprintf(name, sizeof name, "%d", (int)((attempt *)arg)->after);
    tr_lane_opts_t opts = {.name = name, .threads = 1, .queue_bound = 1};
    tr_err_t err = tr_lane_create(self, &opts, &lane);
    cr_expect(err == TR_OK || lane.number == 0);
    return err;
}

static tr_err_t
take_memory(tr_self *self, void *arg)
{
    (void)arg;
    char *memory = tr_alloc(self, 100);
    if (memory == NULL) {
        return TR_ENOMEM;
    }
    memory[99] = 1;
    char *more = tr_realloc(self, memory, 10000);
    if (more == NULL) {
        memory[99] = 2; // still there
        tr_free(self, memory);
        return TR_ENOMEM;
    }
    more[9999] = 1;
    return TR_OK;
}

static tr_err_t
put_off_and_answer(tr_self *self, void *arg)
{
    (void)arg;
    tr_token *token;
    tr_err_t err = tr_defer(self, &token);
    if (err != TR_OK) {
        return err;
    }
    err = tr_token_reply(self, token, TR_MSG(acted));
    if (err != TR_OK) {
        tr_token_reply_error(self, token, err); // needs no memory
    }
    return err;
}

static tr_err_t
answer_with_error(tr_self *self, void *arg)
{
    (void)arg;
    return tr_reply_error(self, TR_EBUSY);
}

static tr_err_t
fail_and_go_on(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

// Try, with a fault planned. Answers first, so that the fault is not in the answer.
static tr_err_t
try_it(tr_self *self, void *arg)
{
    attempt *a = arg;
    tri_memory_fail_after(a->after);
    a->err = a->fn(self, a);
    tri_memory_fail_after(UINT64_MAX);
    return TR_OK;
}

static void
at_every_place(act_fn fn)
{
    tr_runtime *rt = troupe_begin(1);
    attempt a = {.fn = fn};
    for (a.after = 0; a.after < PLACES; a.after++) {
        a.other = troupe_puppet(rt, NULL);
        tr_ref_t actor = troupe_puppet(rt, NULL);
        assert_ok(troupe_act(rt, actor, try_it, &a));
        cr_assert(a.err == TR_OK || a.err == TR_ENOMEM || a.err == TR_ECRASHED, "place %d: %s",
                  (int)a.after, tr_errname(a.err));
        a.failures += a.err != TR_OK;
        assert_ok(troupe_act(rt, actor, fail_and_go_on, NULL));
    }
    cr_assert(gt(u64, a.failures, 0));
    assert_ok(a.err); // the last fault lay beyond it
    troupe_end(rt);
}

Test(no_memory, for_a_spawn)
{
    at_every_place(spawn_puppet);
}

Test(no_memory, for_a_spawn_without_start)
{
    at_every_place(spawn_plain);
}

Test(no_memory, for_a_spawn_whose_start_waits)
{
    at_every_place(start_that_waits);
}

Test(no_memory, for_a_send)
{
    at_every_place(send_one);
}

Test(no_memory, for_a_call)
{
    at_every_place(call_one);
}

Test(no_memory, for_a_monitor)
{
    at_every_place(watch_one);
}

Test(no_memory, for_a_timer)
{
    at_every_place(arm_timer);
}

Test(no_memory, for_an_interval)
{
    at_every_place(wait_for_tick);
}

Test(no_memory, for_an_alarm)
{
    at_every_place(wait_for_alarm);
}

Test(no_memory, for_blocking_work)
{
    at_every_place(block);
}

Test(no_memory, for_a_lane)
{
    at_every_place(make_lane);
}

Test(no_memory, for_memory)
{
    at_every_place(take_memory);
}

// The fault lies in the callee's answer. Who asks is on the same worker, and goes on only when the
// fault is over.
typedef struct answering {
    act_fn fn;
    uint64_t after;
    tr_ref_t callee;
    tr_err_t err;
} answering;

static tr_err_t
answer_without_memory(tr_self *self, void *arg)
{
    answering *a = arg;
    tri_memory_fail_after(a->after);
    tr_err_t err = a->fn(self, NULL);
    tri_memory_fail_after(UINT64_MAX);
    return err;
}

static tr_err_t
ask_for_answer(tr_self *self, void *arg)
{
    answering *a = arg;
    a->err =
        tr_call(self, a->callee, ACT_MSG(answer_without_memory, a), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(no_memory, for_an_answer)
{
    tr_runtime *rt = troupe_begin(1);
    act_fn ways[] = {put_off_and_answer, answer_with_error};
    tr_err_t fine[] = {TR_OK, TR_EBUSY};
    for (int way = 0; way < 2; way++) {
        for (uint64_t after = 0; after < 4; after++) {
            answering a = {.fn = ways[way], .after = after, .callee = troupe_puppet(rt, NULL)};
            assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), ask_for_answer, &a));
            cr_assert(a.err == fine[way] || a.err == TR_ENOMEM || a.err == TR_ECRASHED, "%s",
                      tr_errname(a.err));
            if (after == 3) {
                assert_err(a.err, fine[way]);
            }
        }
    }
    troupe_end(rt);
}

static tr_err_t
hold_worker(tr_self *self, void *arg)
{
    (void)self;
    cue *c = arg;
    cue_give(&c[0]);
    cr_expect(cue_take(&c[1]));
    return TR_OK;
}

// A full mailbox: the message and the question for room need memory.
static tr_err_t
send_and_wait_for_room(tr_self *self, void *arg)
{
    attempt *a = arg;
    tri_memory_fail_after(a->after);
    a->err = tr_send(self, a->other, TR_MSG(number, .value = 1));
    tri_memory_fail_after(UINT64_MAX);
    cue_give(a->over);
    return TR_OK;
}

Test(no_memory, for_a_wait_for_room)
{
    for (uint64_t after = 0; after < 6; after++) {
        tr_runtime *rt = troupe_begin(2);
        cue c[2];
        cue over;
        cue_init(&c[0]);
        cue_init(&c[1]);
        cue_init(&over);
        attempt a = {.after = after, .err = TR_EBUSY, .over = &over};
        tr_ref_t sender;
        assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT), &sender));
        assert_ok(tr_runtime_spawn(
            rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1, .mailbox_count = 1),
            &a.other));
        assert_ok(troupe_prompt(rt, a.other, hold_worker, c));
        cr_assert(cue_take(&c[0]));
        assert_ok(troupe_prompt(rt, a.other, do_nothing, NULL));
        assert_ok(troupe_prompt(rt, sender, send_and_wait_for_room, &a));
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.stacks == 1 || s.ledger.handled >= 3));
        cue_give(&c[1]);
        CUE_AWAIT(&over);
        cr_assert(a.err == TR_OK || a.err == TR_ENOMEM, "%s", tr_errname(a.err));
        troupe_end(rt);
    }
}

// ---- selective receive, and permits

static tr_err_t
receive_from_timer(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    tr_err_t err = tr_send_after(self, tr_us(100), TR_MSG(number, .value = 1), NULL);
    return err != TR_OK ? err : tr_receive(self, TR_TYPES(number), &msg, tr_seconds(20));
}

Test(no_memory, for_a_receive_that_waits)
{
    at_every_place(receive_from_timer);
}

// The permit is as it was when a send in it fails.
static tr_err_t
reserve_and_send(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_permit *permit;
    tr_err_t err =
        tr_reserve_many(self, a->other, 2, sizeof(lump) + sizeof much, tr_ms(0), &permit);
    for (uint32_t left = 2; left > 0 && err == TR_OK; left--) {
        cr_expect(tr_permit_count(permit) == left);
        err = tr_permit_send(self, permit, TR_MSG(lump, .data = tr_bytes(much, sizeof much)));
        if (err != TR_OK) {
            cr_expect(tr_permit_count(permit) == left);
            tr_permit_release(self, permit); // needs no memory
        }
    }
    return err;
}

Test(no_memory, for_a_permit)
{
    at_every_place(reserve_and_send);
}

static tr_err_t
reserve_and_fail(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_permit *permit;
    tr_err_t err = tr_reserve(self, a->other, 10, tr_ms(0), &permit);
    a->err = err;
    cue_give(a->over);
    tri_memory_fail_after(0); // the end of a life gives it back without memory
    return TR_EIO;
}

Test(no_memory, for_the_end_of_a_life_with_a_permit)
{
    tr_runtime *rt = troupe_begin(1);
    cue over;
    cue_init(&over);
    attempt a = {.err = TR_EBUSY, .over = &over};
    assert_ok(
        tr_runtime_spawn(rt, PUPPET_WITH(NULL, .mailbox_count = 2, .full = TR_REJECT), &a.other));
    tr_ref_t actor = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, actor, reserve_and_fail, &a));
    CUE_AWAIT(&over);
    tr_stats_t s;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.failures == 1));
    tri_memory_fail_after(UINT64_MAX);
    assert_ok(a.err);
    assert_ok(troupe_act(rt, a.other, do_nothing, NULL));
    troupe_end(rt);
}

// A full mailbox: the question for room and the stack to wait on need memory.
static tr_err_t
reserve_and_wait_for_room(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_permit *permit;
    tri_memory_fail_after(a->after);
    a->err = tr_reserve_many(self, a->other, 2, 10, TR_FOREVER, &permit);
    tri_memory_fail_after(UINT64_MAX);
    cue_give(a->over);
    return TR_OK;
}

Test(no_memory, for_a_wait_for_reserved_room)
{
    uint64_t failures = 0;
    for (uint64_t after = 0; after < 6; after++) {
        tr_runtime *rt = troupe_begin(2);
        cue c[2];
        cue over;
        cue_init(&c[0]);
        cue_init(&c[1]);
        cue_init(&over);
        attempt a = {.after = after, .err = TR_EBUSY, .over = &over};
        tr_ref_t sender;
        assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT), &sender));
        assert_ok(tr_runtime_spawn(
            rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1, .mailbox_count = 2),
            &a.other));
        assert_ok(troupe_prompt(rt, a.other, hold_worker, c));
        CUE_AWAIT(&c[0]);
        assert_ok(troupe_prompt(rt, a.other, do_nothing, NULL));
        assert_ok(troupe_prompt(rt, sender, reserve_and_wait_for_room, &a));
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.stacks == 1 || s.ledger.handled >= 5));
        cue_give(&c[1]);
        CUE_AWAIT(&over);
        cr_assert(a.err == TR_OK || a.err == TR_ENOMEM, "%s", tr_errname(a.err));
        failures += a.err != TR_OK;
        troupe_end(rt);
    }
    cr_assert(gt(u64, failures, 0));
}

// The answer to a call that was received lacks memory: it may be tried again, or left out.
typedef struct late_answer {
    uint64_t after;
    tr_ref_t callee;
    bool is_error;
    tr_err_t reply_err;
    tr_err_t call_err;
} late_answer;

static tr_err_t
receive_and_answer(tr_self *self, void *arg)
{
    late_answer *a = arg;
    const tr_message *msg;
    tr_err_t err = tr_receive(self, TR_TYPES(number), &msg, tr_seconds(20));
    if (err != TR_OK) {
        return err;
    }
    tri_memory_fail_after(a->after);
    a->reply_err = a->is_error
                       ? tr_reply_error_to(self, msg, TR_EBUSY)
                       : tr_reply_to(self, msg, TR_MSG(lump, .data = tr_bytes(much, sizeof much)));
    tri_memory_fail_after(UINT64_MAX);
    if (a->reply_err == TR_ENOMEM && a->after == 0) {
        return TR_OK; // left out
    }
    return a->reply_err == TR_ENOMEM ? tr_reply_to(self, msg, TR_MSG(acted)) : TR_OK;
}

static tr_err_t
call_late(tr_self *self, void *arg)
{
    late_answer *a = arg;
    a->call_err =
        tr_call(self, a->callee, TR_MSG(number, .value = 1), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(no_memory, for_an_answer_to_a_received_call)
{
    tr_runtime *rt = troupe_begin(1);
    for (int i = 0; i < 6; i++) {
        late_answer a = {.after = (uint64_t)i / 2, .is_error = i % 2 != 0};
        a.callee = troupe_puppet(rt, NULL);
        assert_ok(troupe_prompt(rt, a.callee, receive_and_answer, &a));
        assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), call_late, &a));
        tr_err_t fine = a.is_error ? TR_EBUSY : TR_OK;
        if (a.reply_err == TR_OK) {
            assert_err(a.call_err, fine);
        } else {
            assert_err(a.reply_err, TR_ENOMEM);
            assert_err(a.call_err, a.after == 0 ? TR_ENOREPLY : TR_OK);
        }
    }
    troupe_end(rt);
}

Test(no_memory, for_a_thread_outside)
{
    tr_runtime *rt = troupe_begin(1);
    uint64_t failures = 0;
    for (uint64_t after = 0; after < PLACES; after++) {
        tr_ref_t to = troupe_puppet(rt, NULL);
        tr_ref_t ref;
        tri_memory_fail_after(after);
        tr_err_t err[3];
        err[0] = tr_runtime_send(rt, to, TR_MSG(number, .value = 1), tr_seconds(20));
        tri_memory_fail_after(after);
        err[1] = tr_runtime_call(rt, to, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
        tri_memory_fail_after(after);
        err[2] = tr_runtime_spawn(rt, PUPPET(NULL), &ref);
        tri_memory_fail_after(UINT64_MAX);
        for (int i = 0; i < 3; i++) {
            failures += err[i] != TR_OK;
            cr_assert(err[i] == TR_OK || err[i] == TR_ENOMEM || err[i] == TR_ECRASHED,
                      "place %d of %d: %s", (int)after, i, tr_errname(err[i]));
        }
    }
    cr_assert(gt(u64, failures, 0));
    troupe_end(rt);
}

Test(no_memory, for_a_runtime)
{
    bool was_made = false;
    for (uint64_t after = 0; after < 200 && !was_made; after++) {
        tr_runtime *rt = NULL;
        tr_runtime_opts_t opts = {.workers = 2, .log = troupe_no_log};
        tri_memory_fail_after(after);
        tr_err_t err = tr_runtime_create(&opts, &rt);
        tri_memory_fail_after(UINT64_MAX);
        if (err == TR_OK) {
            // A fault that a worker got over, or none.
            tr_ref_t ref;
            assert_ok(tr_runtime_spawn(rt, PUPPET(NULL), &ref));
            was_made = after > 30;
            tr_runtime_destroy(rt);
        } else {
            assert_err(err, TR_ENOMEM);
            cr_assert(rt == NULL);
        }
    }
    cr_assert(was_made);
}
