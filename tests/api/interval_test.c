// interval_test.c: ticks, early, in time and late.
#include "ends.h"

TestSuite(interval, .timeout = 60);

#define PERIOD_MS 20
#define HALF_NS   (PERIOD_MS * INT64_C(500000))
#define ROW       4
#define REPLAYS   100

static ends s;

// One handler's interval, and what came of it. Times are in half periods, from before it was made.
typedef struct beat {
    tr_tick_policy_t policy;
    tr_interval *interval;
    int64_t began_ns;
    int64_t halves[ROW];
    uint64_t missed[ROW];
    tr_err_t err;
    bool is_ready; // says another actor of the same worker
} beat;

static tr_ref_t
begin(beat *b, tr_tick_policy_t policy)
{
    *b = (beat){.policy = policy};
    ends_begin(&s);
    return child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
}

static tr_err_t
open_interval(tr_self *self, beat *b)
{
    b->began_ns = tr_now_ns(self);
    return tr_interval_create(self, tr_ms(PERIOD_MS), b->policy, &b->interval);
}

static int64_t
halves_since(tr_self *self, const beat *b)
{
    return (tr_now_ns(self) - b->began_ns) / HALF_NS;
}

// The handler keeps its thread.
static void
be_busy_until(tr_self *self, const beat *b, int64_t halves)
{
    while (halves_since(self, b) < halves) {
    }
}

static tr_err_t
tick(tr_self *self, beat *b, int at)
{
    b->err = tr_interval_tick(self, b->interval, TR_FOREVER, &b->missed[at]);
    b->halves[at] = halves_since(self, b);
    return b->err;
}

// ---- what cannot be

static tr_err_t
create_wrong(tr_self *self, void *arg)
{
    tr_interval *none = arg;
    expect_err(tr_interval_create(self, tr_ms(0), TR_TICK_SKIP, &none), TR_EINVAL);
    expect_err(tr_interval_create(self, (tr_duration_t){-1}, TR_TICK_SKIP, &none), TR_EINVAL);
    expect_err(tr_interval_create(self, TR_FOREVER, TR_TICK_SKIP, &none), TR_EINVAL);
    expect_err(tr_interval_create(self, tr_ms(1), (tr_tick_policy_t)3, &none), TR_EINVAL);
    cr_expect(none == arg);
    tr_interval_destroy(self, NULL);
    return TR_OK;
}

Test(interval, without_a_period_or_with_no_policy_is_einval)
{
    beat b;
    tr_ref_t actor = begin(&b, TR_TICK_SKIP);
    assert_ok(troupe_act(s.p.rt, actor, create_wrong, &b));
    ends_end(&s);
}

static tr_err_t
only_open(tr_self *self, void *arg)
{
    return open_interval(self, arg);
}

static tr_err_t
only_tick(tr_self *self, void *arg)
{
    beat *b = arg;
    b->missed[0] = 99;
    b->err = tr_interval_tick(self, b->interval, tr_seconds(5), &b->missed[0]);
    return TR_OK;
}

Test(interval, of_another_actor_is_einval)
{
    beat b;
    tr_ref_t actor = begin(&b, TR_TICK_SKIP);
    tr_ref_t other = child_of(&s.p, PUPPET(NULL));
    assert_ok(troupe_act(s.p.rt, actor, only_open, &b));
    assert_ok(troupe_act(s.p.rt, other, only_tick, &b));
    assert_err(b.err, TR_EINVAL);
    cr_assert(eq(u64, b.missed[0], 99));
    ends_end(&s);
}

// ---- in time

static bool
is_late(const beat *b, const int64_t *halves)
{
    for (int i = 0; i < ROW; i++) {
        if (b->halves[i] > halves[i]) {
            return true;
        }
    }
    return false;
}

// A row of ticks as planned. One that the machine held up is played again: late it may be, and
// early it may not.
static void
expect_row(tr_tick_policy_t policy, act_fn fn, const int64_t *halves, const uint64_t *missed)
{
    beat b;
    tr_ref_t actor = begin(&b, policy);
    for (int i = 0; i < REPLAYS; i++) {
        assert_ok(troupe_act(s.p.rt, actor, fn, &b));
        if (!is_late(&b, halves)) {
            break;
        }
    }
    for (int i = 0; i < ROW; i++) {
        cr_expect(b.halves[i] == halves[i] && b.missed[i] == missed[i],
                  "tick %d at %lld halves, missed %llu; expected %lld, %llu", i,
                  (long long)b.halves[i], (unsigned long long)b.missed[i], (long long)halves[i],
                  (unsigned long long)missed[i]);
    }
    ends_end(&s);
}

// A wait that timed out has not taken the tick, nor moved it.
static tr_err_t
time_out_between(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(open_interval(self, b));
    for (int i = 0; i < ROW; i++) {
        tr_err_t err = tr_interval_tick(self, b->interval, tr_ms(PERIOD_MS / 4), &b->missed[i]);
        cr_expect(err == TR_ETIMEOUT || err == TR_OK);
        b->halves[i] = halves_since(self, b);
        if (err == TR_ETIMEOUT) {
            expect_ok(tick(self, b, i));
        }
    }
    tr_interval_destroy(self, b->interval);
    return TR_OK;
}

Test(interval, ticks_once_each_period_from_the_first_on)
{
    static const tr_tick_policy_t all[] = {TR_TICK_SKIP, TR_TICK_BURST, TR_TICK_DELAY};
    for (int i = 0; i < 3; i++) {
        expect_row(all[i], time_out_between, (int64_t[]){2, 4, 6, 8}, (uint64_t[]){0, 0, 0, 0});
    }
}

static tr_err_t
look_too_early(tr_self *self, void *arg)
{
    beat *b = arg;
    uint64_t missed = 99;
    expect_ok(tr_interval_create(self, tr_seconds(1000), b->policy, &b->interval));
    expect_err(tr_interval_tick(self, b->interval, tr_ms(0), &missed), TR_ETIMEOUT);
    expect_err(tr_interval_tick(self, b->interval, tr_ms(2), &missed), TR_ETIMEOUT);
    cr_expect(missed == 99);
    return TR_OK;
}

Test(interval, is_not_due_before_its_time)
{
    beat b;
    tr_ref_t actor = begin(&b, TR_TICK_BURST);
    assert_ok(troupe_act(s.p.rt, actor, look_too_early, &b));
    ends_end(&s);
}

// ---- late

// The first tick is taken five halves after it was due.
static tr_err_t
come_late(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(open_interval(self, b));
    be_busy_until(self, b, 7);
    for (int i = 0; i < ROW; i++) {
        expect_ok(tick(self, b, i));
    }
    tr_interval_destroy(self, b->interval);
    return TR_OK;
}

Test(interval, that_skips_leaves_out_what_was_missed_and_keeps_the_rhythm)
{
    expect_row(TR_TICK_SKIP, come_late, (int64_t[]){7, 8, 10, 12}, (uint64_t[]){2, 0, 0, 0});
}

Test(interval, that_bursts_makes_up_for_what_was_missed_at_once)
{
    expect_row(TR_TICK_BURST, come_late, (int64_t[]){7, 7, 7, 8}, (uint64_t[]){2, 1, 0, 0});
}

Test(interval, that_delays_goes_on_a_period_after_the_late_tick)
{
    expect_row(TR_TICK_DELAY, come_late, (int64_t[]){7, 9, 11, 13}, (uint64_t[]){2, 0, 0, 0});
}

// Taken one half after it was due.
static tr_err_t
come_half_late(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(open_interval(self, b));
    be_busy_until(self, b, 3);
    for (int i = 0; i < ROW; i++) {
        expect_ok(tick(self, b, i));
    }
    tr_interval_destroy(self, b->interval);
    return TR_OK;
}

Test(interval, that_is_late_by_less_than_a_period_misses_nothing)
{
    expect_row(TR_TICK_SKIP, come_half_late, (int64_t[]){3, 4, 6, 8}, (uint64_t[]){0, 0, 0, 0});
    expect_row(TR_TICK_BURST, come_half_late, (int64_t[]){3, 4, 6, 8}, (uint64_t[]){0, 0, 0, 0});
    expect_row(TR_TICK_DELAY, come_half_late, (int64_t[]){3, 5, 7, 9}, (uint64_t[]){0, 0, 0, 0});
}

// ---- moved

static tr_err_t
reset_between(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(open_interval(self, b));
    be_busy_until(self, b, 1);
    tr_interval_reset(self, b->interval); // due at 3 and not at 2
    expect_ok(tick(self, b, 0));
    be_busy_until(self, b, 9);            // due since 5
    tr_interval_reset(self, b->interval); // what was missed is forgotten
    expect_ok(tick(self, b, 1));
    expect_ok(tick(self, b, 2));
    expect_ok(tick(self, b, 3));
    tr_interval_destroy(self, b->interval);
    return TR_OK;
}

Test(interval, that_is_reset_begins_anew)
{
    static const tr_tick_policy_t all[] = {TR_TICK_SKIP, TR_TICK_BURST, TR_TICK_DELAY};
    for (int i = 0; i < 3; i++) {
        expect_row(all[i], reset_between, (int64_t[]){3, 11, 13, 15}, (uint64_t[]){0, 0, 0, 0});
    }
}

// ---- others

#define AT_ONCE 1000 // more than a handler takes in a row

static tr_err_t
tick_all_missed(tr_self *self, void *arg)
{
    beat *b = arg;
    b->began_ns = tr_now_ns(self);
    expect_ok(tr_interval_create(self, tr_us(10), TR_TICK_BURST, &b->interval));
    be_busy_until(self, b, 2); // 2000 ticks
    for (int i = 0; i < AT_ONCE && b->err == TR_OK; i++) {
        b->err = tr_interval_tick(self, b->interval, tr_ms(0), NULL);
    }
    return TR_OK;
}

static tr_err_t
say_ready(tr_self *self, void *arg)
{
    (void)self;
    ((beat *)arg)->is_ready = true;
    return TR_OK;
}

static tr_err_t
tick_until_other_ran(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(tr_interval_create(self, tr_us(1), TR_TICK_BURST, &b->interval));
    int64_t until_ns = tr_now_ns(self) + 10 * INT64_C(1000000000);
    while (!b->is_ready && tr_now_ns(self) < until_ns) {
        expect_ok(tr_interval_tick(self, b->interval, TR_FOREVER, NULL)); // always late
    }
    return b->is_ready ? TR_OK : TR_EFAULT;
}

Test(interval, that_never_catches_up_lets_others_run)
{
    beat b;
    tr_ref_t actor = begin(&b, TR_TICK_BURST);
    tr_ref_t other = child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
    assert_ok(troupe_prompt(s.p.rt, actor, tick_until_other_ran, &b));
    assert_ok(troupe_act(s.p.rt, other, say_ready, &b));
    assert_ok(troupe_act(s.p.rt, actor, do_nothing, NULL)); // it is still there
    ends_end(&s);
}

Test(interval, that_bursts_gives_all_that_were_missed)
{
    beat b;
    tr_ref_t actor = begin(&b, TR_TICK_BURST);
    assert_ok(troupe_act(s.p.rt, actor, tick_all_missed, &b));
    assert_ok(b.err);
    ends_end(&s);
}

// ---- the end of a life

static tr_err_t
wait_long(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(tr_interval_create(self, tr_seconds(1000), b->policy, &b->interval));
    b->err = tr_interval_tick(self, b->interval, TR_FOREVER, NULL);
    return b->err;
}

// Its memory and its timer are gone too, or AddressSanitizer would say so.
Test(interval, ends_with_its_life_also_while_it_is_waited_for)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        beat b;
        tr_ref_t actor = begin(&b, TR_TICK_SKIP);
        b.err = TR_EBUSY;
        assert_ok(troupe_prompt(s.p.rt, actor, wait_long, &b));
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
        end_life(&s, actor, how);
        ends_end(&s);
        assert_err(b.err, how == BY_STOP ? TR_ECANCELED : TR_EBUSY);
    }
}

Test(interval, ends_with_its_life_however_that_ends)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        beat b;
        tr_ref_t actor = begin(&b, TR_TICK_SKIP);
        assert_ok(troupe_act(s.p.rt, actor, only_open, &b));
        end_life(&s, actor, how);
        ends_end(&s);
    }
}

static tr_err_t
tick_within_request(tr_self *self, void *arg)
{
    beat *b = arg;
    expect_ok(tr_interval_create(self, tr_seconds(1000), b->policy, &b->interval));
    b->err = tr_interval_tick(self, b->interval, TR_FOREVER, NULL);
    return TR_OK;
}

Test(interval, is_waited_for_no_longer_than_the_request_in_hand_allows)
{
    beat b;
    tr_ref_t actor = begin(&b, TR_TICK_SKIP);
    tr_err_t err =
        tr_runtime_call(s.p.rt, actor, ACT_MSG(tick_within_request, &b), TR_REPLY_NONE, tr_ms(50));
    cr_assert(err == TR_ETIMEOUT || err == TR_OK); // the handler gives up at the same instant
    assert_ok(troupe_act(s.p.rt, actor, do_nothing, NULL));
    assert_err(b.err, TR_ETIMEOUT);
    ends_end(&s);
}
