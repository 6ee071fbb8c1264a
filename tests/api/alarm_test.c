// alarm_test.c: a point in time, alone and among other things that are waited for.
#include "ends.h"

TestSuite(alarm, .timeout = 60);

#define ALARMS 4
#define MS     INT64_C(1000000)

static ends s;

// One handler's alarms, and what came of them.
typedef struct clocks {
    tr_alarm *alarms[ALARMS];
    tr_interval *interval;
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    size_t which[ALARMS];
    uint64_t chosen[ALARMS];
    tr_err_t err;
    bool is_ready; // says another actor of the same worker
} clocks;

static tr_ref_t
begin(clocks *c)
{
    *c = (clocks){.err = TR_EBUSY};
    ends_begin(&s);
    return child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
}

static void
play(act_fn fn)
{
    clocks c;
    tr_ref_t actor = begin(&c);
    assert_ok(troupe_act(s.p.rt, actor, fn, &c));
    ends_end(&s);
}

// ---- alone

static tr_err_t
wait_in_vain(tr_self *self, void *arg)
{
    (void)arg;
    tr_alarm *alarm;
    expect_ok(tr_alarm_create(self, tr_seconds(1000), &alarm));
    for (int i = 0; i < 2; i++) {
        expect_err(tr_alarm_await(self, alarm, tr_ms(0)), TR_ETIMEOUT);
        expect_err(tr_alarm_await(self, alarm, tr_ms(2)), TR_ETIMEOUT);
        tr_alarm_reset(self, alarm, TR_FOREVER);
    }
    tr_alarm_destroy(self, alarm);
    tr_alarm_destroy(self, NULL);
    return TR_OK;
}

Test(alarm, whose_time_is_far_or_never_times_out)
{
    play(wait_in_vain);
}

static tr_err_t
only_open(tr_self *self, void *arg)
{
    return tr_alarm_create(self, tr_ms(0), &((clocks *)arg)->alarms[0]);
}

static tr_err_t
only_await(tr_self *self, void *arg)
{
    clocks *c = arg;
    c->err = tr_alarm_await(self, c->alarms[0], tr_seconds(5));
    return TR_OK;
}

Test(alarm, of_another_actor_is_einval)
{
    clocks c;
    tr_ref_t actor = begin(&c);
    tr_ref_t other = child_of(&s.p, PUPPET(NULL));
    assert_ok(troupe_act(s.p.rt, actor, only_open, &c));
    assert_ok(troupe_act(s.p.rt, other, only_await, &c));
    assert_err(c.err, TR_EINVAL);
    assert_ok(troupe_act(s.p.rt, actor, only_await, &c));
    assert_ok(c.err);
    ends_end(&s);
}

static tr_err_t
wait_for_its_time(tr_self *self, void *arg)
{
    (void)arg;
    tr_alarm *alarm;
    int64_t began_ns = tr_now_ns(self);
    expect_ok(tr_alarm_create(self, tr_ms(10), &alarm));
    expect_ok(tr_alarm_await(self, alarm, TR_FOREVER));
    cr_expect(tr_now_ns(self) - began_ns >= 10 * MS);
    expect_ok(tr_alarm_await(self, alarm, tr_ms(0))); // that it has come stays true
    tr_alarm_reset(self, alarm, TR_FOREVER);
    expect_err(tr_alarm_await(self, alarm, tr_ms(0)), TR_ETIMEOUT);
    return TR_OK;
}

Test(alarm, comes_at_its_time_and_stays_until_it_is_reset)
{
    play(wait_for_its_time);
}

// The handler keeps its thread: no timer fires.
static tr_err_t
let_it_pass(tr_self *self, void *arg)
{
    (void)arg;
    tr_alarm *alarm;
    expect_ok(tr_alarm_create(self, tr_ms(5), &alarm));
    int64_t until_ns = tr_now_ns(self) + 5 * MS;
    while (tr_now_ns(self) < until_ns) {
    }
    expect_ok(tr_alarm_await(self, alarm, tr_ms(0)));
    return TR_OK;
}

Test(alarm, whose_time_came_while_the_handler_was_busy_is_found)
{
    play(let_it_pass);
}

static tr_err_t
move_it(tr_self *self, void *arg)
{
    (void)arg;
    tr_alarm *alarm;
    int64_t began_ns = tr_now_ns(self);
    expect_ok(tr_alarm_create(self, tr_ms(5), &alarm));
    expect_err(tr_alarm_await(self, alarm, tr_ms(1)), TR_ETIMEOUT);
    tr_alarm_reset(self, alarm, tr_ms(30)); // later
    expect_ok(tr_alarm_await(self, alarm, TR_FOREVER));
    cr_expect(tr_now_ns(self) - began_ns >= 30 * MS);
    tr_alarm_reset(self, alarm, tr_seconds(1000));
    expect_err(tr_alarm_await(self, alarm, tr_ms(1)), TR_ETIMEOUT);
    tr_alarm_reset(self, alarm, tr_ms(2)); // earlier
    expect_ok(tr_alarm_await(self, alarm, tr_seconds(100)));
    return TR_OK;
}

Test(alarm, that_is_moved_comes_at_its_new_time_only)
{
    play(move_it);
}

static tr_err_t
say_ready(tr_self *self, void *arg)
{
    (void)self;
    ((clocks *)arg)->is_ready = true;
    return TR_OK;
}

static tr_err_t
find_it_passed_again_and_again(tr_self *self, void *arg)
{
    clocks *c = arg;
    expect_ok(tr_alarm_create(self, tr_ms(0), &c->alarms[0]));
    int64_t until_ns = tr_now_ns(self) + 10000 * MS;
    while (!c->is_ready && tr_now_ns(self) < until_ns) {
        expect_ok(tr_alarm_await(self, c->alarms[0], TR_FOREVER));
    }
    return c->is_ready ? TR_OK : TR_EFAULT;
}

Test(alarm, that_has_passed_and_is_asked_without_end_lets_others_run)
{
    clocks c;
    tr_ref_t actor = begin(&c);
    tr_ref_t other = child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1));
    assert_ok(troupe_prompt(s.p.rt, actor, find_it_passed_again_and_again, &c));
    assert_ok(troupe_act(s.p.rt, other, say_ready, &c));
    assert_ok(troupe_act(s.p.rt, actor, do_nothing, NULL)); // it is still there
    ends_end(&s);
}

// ---- in a select

static void
open_alarms(tr_self *self, clocks *c, const int64_t *after_ms, tr_branch_t *branches)
{
    for (int i = 0; i < ALARMS; i++) {
        tr_duration_t after = after_ms[i] < 0 ? TR_FOREVER : tr_ms(after_ms[i]);
        expect_ok(tr_alarm_create(self, after, &c->alarms[i]));
        branches[i] = tr_when_alarm(c->alarms[i]);
    }
}

// In the order of their times, and one that is disarmed never.
static tr_err_t
choose_in_order(tr_self *self, void *arg)
{
    clocks *c = arg;
    tr_branch_t branches[ALARMS];
    open_alarms(self, c, (int64_t[]){60, -1, 30, 90}, branches);
    size_t which = 99;
    expect_err(tr_select(self, branches, ALARMS, tr_ms(1), &which), TR_ETIMEOUT);
    cr_expect(which == 99);
    for (int i = 0; i < ALARMS - 1; i++) {
        expect_ok(tr_select(self, branches, ALARMS, TR_FOREVER, &c->which[i]));
        expect_ok(tr_alarm_await(self, c->alarms[c->which[i]], tr_ms(0)));
        tr_alarm_reset(self, c->alarms[c->which[i]], TR_FOREVER);
    }
    expect_err(tr_select(self, branches, ALARMS, tr_ms(1), &which), TR_ETIMEOUT);
    return TR_OK;
}

#define REPLAYS 100

// A machine that holds the handler up for 30 ms may have two be ready at once.
Test(alarm, among_several_is_chosen_when_its_time_comes)
{
    static const size_t order[] = {2, 0, 3};
    clocks c;
    tr_ref_t actor = begin(&c);
    bool is_in_order = false;
    for (int i = 0; i < REPLAYS && !is_in_order; i++) {
        assert_ok(troupe_act(s.p.rt, actor, choose_in_order, &c));
        is_in_order = memcmp(c.which, order, sizeof order) == 0;
    }
    cr_assert(is_in_order);
    ends_end(&s);
}

#define CHOICES 400

static tr_err_t
choose_among_passed(tr_self *self, void *arg)
{
    clocks *c = arg;
    tr_branch_t branches[ALARMS];
    open_alarms(self, c, (int64_t[]){-1, 0, 0, 0}, branches);
    for (int i = 0; i < CHOICES; i++) {
        size_t which = 0;
        expect_ok(tr_select(self, branches, ALARMS, tr_ms(0), &which));
        c->chosen[which]++;
        expect_ok(tr_select_biased(self, branches, ALARMS, tr_ms(0), &which));
        cr_expect(which == 1);
    }
    return TR_OK;
}

Test(alarm, that_has_passed_wins_as_often_as_others_that_have)
{
    clocks c;
    tr_ref_t actor = begin(&c);
    assert_ok(troupe_act(s.p.rt, actor, choose_among_passed, &c));
    cr_assert(eq(u64, c.chosen[0], 0));
    for (int i = 1; i < ALARMS; i++) {
        cr_assert(gt(u64, c.chosen[i], CHOICES / 6)); // a third of them, or so
    }
    ends_end(&s);
}

// An interval, an alarm and a channel: each comes when it is its turn, and loses nothing meanwhile.
static tr_err_t
choose_among_kinds(tr_self *self, void *arg)
{
    clocks *c = arg;
    expect_ok(tr_mpsc_create(self, NULL, &c->tx, &c->rx));
    expect_ok(tr_interval_create(self, tr_ms(5), TR_TICK_BURST, &c->interval));
    expect_ok(tr_alarm_create(self, tr_ms(22), &c->alarms[0]));
    tr_branch_t branches[] = {tr_when_tick(c->interval), tr_when_alarm(c->alarms[0]),
                              tr_when_mpsc(c->rx)};
    int64_t began_ns = tr_now_ns(self);
    while (c->chosen[1] == 0) {
        size_t which = 99;
        const tr_message *msg;
        expect_ok(tr_select(self, branches, 3, TR_FOREVER, &which));
        c->chosen[which]++;
        if (which == 0) {
            expect_ok(tr_interval_tick(self, c->interval, tr_ms(0), NULL));
            expect_ok(tr_mpsc_send(self, c->tx, TR_MSG(number), tr_ms(0)));
        } else if (which == 2) {
            expect_ok(tr_mpsc_recv(self, c->rx, &msg, tr_ms(0)));
        }
    }
    int64_t took_ns = tr_now_ns(self) - began_ns;
    cr_expect(took_ns >= 21 * MS); // the alarm was made a little earlier
    while (tr_interval_tick(self, c->interval, tr_ms(0), NULL) == TR_OK) {
        c->chosen[0]++; // that were due, and lost
    }
    cr_expect(c->chosen[0] >= 4 &&
              c->chosen[0] <= (uint64_t)(tr_now_ns(self) - began_ns) / (5 * MS) + 1);
    cr_expect(c->chosen[2] <= c->chosen[0]);
    return TR_OK;
}

Test(alarm, and_interval_and_channel_are_waited_for_together)
{
    play(choose_among_kinds);
}

// ---- the end of a life

static tr_err_t
wait_for_several(tr_self *self, void *arg)
{
    clocks *c = arg;
    tr_branch_t branches[ALARMS];
    open_alarms(self, c, (int64_t[]){500000, -1, 1000000, 700000}, branches);
    c->err = tr_select(self, branches, ALARMS, TR_FOREVER, &c->which[0]);
    return c->err;
}

// Their memory and their timers are gone too, or AddressSanitizer would say so.
Test(alarm, ends_with_its_life_also_while_it_is_waited_for)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        clocks c;
        tr_ref_t actor = begin(&c);
        assert_ok(troupe_prompt(s.p.rt, actor, wait_for_several, &c));
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
        end_life(&s, actor, how);
        ends_end(&s);
        assert_err(c.err, how == BY_STOP ? TR_ECANCELED : TR_EBUSY);
    }
}

// The actor goes on: its old wait must not have left a timer behind that strikes into the new one.
static tr_err_t
give_up_often(tr_self *self, void *arg)
{
    clocks *c = arg;
    tr_branch_t branches[ALARMS];
    open_alarms(self, c, (int64_t[]){40, 41, 42, 43}, branches);
    for (int i = 0; i < 10; i++) {
        tr_err_t err = tr_select(self, branches, ALARMS, tr_ms(1), &c->which[0]);
        cr_expect(err == TR_ETIMEOUT || err == TR_OK);
    }
    for (int i = 0; i < ALARMS; i++) {
        tr_alarm_destroy(self, c->alarms[i]);
    }
    int64_t began_ns = tr_now_ns(self);
    expect_ok(tr_sleep(self, tr_ms(60)));
    cr_expect(tr_now_ns(self) - began_ns >= 60 * MS);
    return TR_OK;
}

Test(alarm, that_was_destroyed_after_waits_in_vain_wakes_nobody)
{
    play(give_up_often);
}
