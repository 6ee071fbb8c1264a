#include "base/wheel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/compat.h"
#include "base/rng.h"

#define MS INT64_C(1000000)

typedef struct note {
    tri_timer timer;
    int id;
    int fired;
} note;

// What fired, in order; `arg` of every advance below.
typedef struct record {
    int ids[64];
    int count;
    tri_wheel *wheel;
} record;

static void
write_down(tri_timer *timer, void *arg)
{
    note *self = TRI_CONTAINER(timer, note, timer);
    record *all = arg;
    self->fired++;
    all->ids[all->count++ % 64] = self->id;
}

static tri_wheel wheel;
static record rec = {.wheel = &wheel};

static note
note_of(int id)
{
    return (note){.timer.fire = write_down, .id = id};
}

Test(wheel, an_empty_one_has_no_next_time_and_fires_nothing)
{
    tri_wheel_init(&wheel, 5 * MS);
    cr_assert(eq(i64, tri_wheel_next_ns(&wheel), INT64_MAX));
    cr_assert(eq(sz, tri_wheel_advance(&wheel, INT64_MAX, NULL), 0));
    cr_assert(eq(sz, tri_wheel_count(&wheel), 0));
}

Test(wheel, a_zeroed_timer_is_unarmed_and_cancelling_it_does_nothing)
{
    tri_timer timer = {0};
    tri_wheel_init(&wheel, 0);
    cr_assert(not(tri_timer_is_armed(&timer)));
    tri_wheel_cancel(&wheel, &timer);
    cr_assert(eq(sz, tri_wheel_count(&wheel), 0));
}

Test(wheel, fires_at_the_first_tick_that_is_not_before_due)
{
    note a = note_of(1);
    tri_wheel_init(&wheel, 0);
    tri_wheel_arm(&wheel, &a.timer, 10 * MS + 1);
    cr_assert(tri_timer_is_armed(&a.timer));
    cr_assert(eq(i64, tri_wheel_next_ns(&wheel), 11 * MS));
    tri_wheel_advance(&wheel, 11 * MS - 1, &rec);
    cr_assert(eq(int, a.fired, 0));
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 11 * MS, &rec), 1));
    cr_assert(eq(int, a.fired, 1));
    cr_assert(not(tri_timer_is_armed(&a.timer)));
}

Test(wheel, due_in_the_past_fires_at_the_next_advance)
{
    note a = note_of(1);
    tri_wheel_init(&wheel, 100 * MS);
    tri_wheel_arm(&wheel, &a.timer, INT64_MIN);
    cr_assert(le(i64, tri_wheel_next_ns(&wheel), 100 * MS));
    // The same tick, and even a clock that went back.
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 99 * MS, &rec), 1));
    cr_assert(eq(i64, tri_wheel_next_ns(&wheel), INT64_MAX));
}

Test(wheel, arming_again_moves_a_timer)
{
    note a = note_of(1);
    tri_wheel_init(&wheel, 0);
    tri_wheel_arm(&wheel, &a.timer, 5 * MS);
    tri_wheel_arm(&wheel, &a.timer, 5000 * MS);
    cr_assert(eq(sz, tri_wheel_count(&wheel), 1));
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 4999 * MS, &rec), 0));
    tri_wheel_arm(&wheel, &a.timer, 4999 * MS);
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 4999 * MS, &rec), 1));
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 9999 * MS, &rec), 0));
}

Test(wheel, the_end_of_time_is_never_reached_and_can_be_cancelled)
{
    note a = note_of(1), b = note_of(2);
    tri_wheel_init(&wheel, 1);
    tri_wheel_arm(&wheel, &a.timer, INT64_MAX);
    tri_wheel_arm(&wheel, &b.timer, INT64_MAX - MS);
    cr_assert(eq(sz, tri_wheel_advance(&wheel, INT64_MAX - 3 * MS, &rec), 0));
    cr_assert(eq(sz, tri_wheel_advance(&wheel, INT64_MAX, &rec), 1));
    cr_assert(eq(int, a.fired, 0));
    tri_wheel_cancel(&wheel, &a.timer);
    cr_assert(eq(i64, tri_wheel_next_ns(&wheel), INT64_MAX));
}

Test(wheel, a_jump_of_a_century_fires_in_order)
{
    static note notes[50];
    tri_wheel_init(&wheel, 0);
    for (int i = 49; i >= 0; i--) {
        notes[i] = note_of(i);
        tri_wheel_arm(&wheel, &notes[i].timer, INT64_C(3) << i);
    }
    cr_assert(eq(sz, tri_wheel_advance(&wheel, INT64_C(3155760000) * 1000 * MS, &rec), 50));
    // Those within the first tick count as simultaneous.
    for (int i = 20; i < 50; i++) {
        cr_assert(eq(int, rec.ids[i], i));
    }
}

static void
rearm_in_the_past(tri_timer *timer, void *arg)
{
    record *all = arg;
    all->count++;
    tri_wheel_arm(all->wheel, timer, timer->due_ns);
}

Test(wheel, a_timer_rearming_itself_in_the_past_does_not_hold_the_wheel, .timeout = 5)
{
    tri_timer timer = {.fire = rearm_in_the_past};
    tri_wheel_init(&wheel, 0);
    tri_wheel_arm(&wheel, &timer, 3 * MS);
    for (int i = 1; i <= 3; i++) {
        cr_assert(eq(sz, tri_wheel_advance(&wheel, 10 * MS, &rec), 1));
        cr_assert(le(i64, tri_wheel_next_ns(&wheel), 10 * MS));
    }
    cr_assert(eq(int, rec.count, 3));
}

static void
every_tick(tri_timer *timer, void *arg)
{
    record *all = arg;
    all->count++;
    tri_wheel_arm(all->wheel, timer, timer->due_ns + MS);
}

Test(wheel, what_a_callback_arms_within_the_advance_fires_in_it)
{
    tri_timer timer = {.fire = every_tick};
    tri_wheel_init(&wheel, 0);
    tri_wheel_arm(&wheel, &timer, 1 * MS);
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 5000 * MS, &rec), 5000));
}

static note pair[2];

static void
cancel_the_other(tri_timer *timer, void *arg)
{
    record *all = arg;
    all->count++;
    tri_wheel_cancel(all->wheel, &pair[timer == &pair[0].timer ? 1 : 0].timer);
}

Test(wheel, a_callback_may_cancel_its_neighbor_of_the_same_tick)
{
    pair[0].timer.fire = pair[1].timer.fire = cancel_the_other;
    tri_wheel_init(&wheel, 0);
    tri_wheel_arm(&wheel, &pair[0].timer, 2 * MS);
    tri_wheel_arm(&wheel, &pair[1].timer, 2 * MS);
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 2 * MS, &rec), 1));
    cr_assert(eq(int, rec.count, 1));
    cr_assert(eq(sz, tri_wheel_count(&wheel), 0));
}

static void
release(tri_timer *timer, void *arg)
{
    (void)arg;
    free(timer);
}

Test(wheel, a_callback_may_free_its_timer)
{
    tri_wheel_init(&wheel, 0);
    for (int i = 0; i < 3; i++) {
        tri_timer *timer = calloc(1, sizeof *timer);
        timer->fire = release;
        tri_wheel_arm(&wheel, timer, 7 * MS);
    }
    cr_assert(eq(sz, tri_wheel_advance(&wheel, 7 * MS, NULL), 3));
}

// The reference: every timer's tick in a table, looked through from end to end.

#define MODEL_TIMERS 200

typedef struct model_timer {
    tri_timer timer;
    bool is_armed;
    bool is_late;  // due already when armed
    uint64_t tick; // when it must fire; for a late one, where the wheel was
    int round;     // the advance it was armed in or after
} model_timer;

typedef struct model {
    tri_wheel wheel;
    tri_rng rng;
    int seed; // printed with every failure: the run can be had again
    model_timer timers[MODEL_TIMERS];
    int64_t now_ns; // the latest that the wheel was told
    uint64_t tick;  // where the wheel must be
    size_t armed, fired;
    int round;
    const char *mistake; // the first one seen in a callback
} model;

static uint64_t
ceil_tick(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)(ns / MS) + (ns % MS != 0);
}

// All magnitudes alike: nanoseconds as likely as years.
static int64_t
some_span(tri_rng *rng, unsigned bits)
{
    return (int64_t)(tri_rng_next(rng) >> (64 - 1 - tri_rng_below(rng, bits)));
}

static void
model_arm(model *m, model_timer *t)
{
    int64_t due = m->now_ns + some_span(&m->rng, 56) - 3 * MS;
    m->armed += t->is_armed ? 0 : 1;
    t->is_armed = true;
    t->is_late = ceil_tick(due) <= m->tick;
    t->tick = t->is_late ? m->tick : ceil_tick(due);
    t->round = m->round;
    tri_wheel_arm(&m->wheel, &t->timer, due);
}

static void
model_cancel(model *m, model_timer *t)
{
    m->armed -= t->is_armed ? 1 : 0;
    t->is_armed = false;
    tri_wheel_cancel(&m->wheel, &t->timer);
}

static model_timer *
any_timer(model *m)
{
    return &m->timers[tri_rng_below(&m->rng, MODEL_TIMERS)];
}

static void
model_fire(tri_timer *timer, void *arg)
{
    model *m = arg;
    model_timer *t = TRI_CONTAINER(timer, model_timer, timer);
    m->mistake = !t->is_armed                         ? "fired unarmed"
                 : t->timer.due_ns > m->now_ns        ? "fired early"
                 : t->tick < m->tick && !t->is_late   ? "fired out of order"
                 : t->is_late && t->round == m->round ? "late one fired in the same advance"
                 : tri_timer_is_armed(timer)          ? "armed while it fires"
                                                      : m->mistake;
    m->tick = t->is_late ? m->tick : t->tick;
    t->is_armed = false;
    m->armed--;
    m->fired++;
    switch (tri_rng_below(&m->rng, 6)) {
    case 0:
        model_arm(m, t);
        break;
    case 1:
        model_arm(m, any_timer(m));
        break;
    case 2:
        model_cancel(m, any_timer(m));
        break;
    }
}

static uint64_t
earliest(const model *m)
{
    uint64_t tick = UINT64_MAX;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        const model_timer *t = &m->timers[i];
        uint64_t own = t->is_late ? m->tick : t->tick; // a late one is due at once
        tick = t->is_armed && own < tick ? own : tick;
    }
    return tick;
}

static void
model_advance(model *m, int64_t to_ns)
{
    m->now_ns = m->now_ns < to_ns ? to_ns : m->now_ns;
    m->round++;
    m->fired = 0;
    size_t fired = tri_wheel_advance(&m->wheel, to_ns, m);
    cr_assert(m->mistake == NULL, "seed %d, round %d: %s", m->seed, m->round, m->mistake);
    cr_assert(eq(sz, fired, m->fired), "seed %d", m->seed);
    uint64_t reached = (uint64_t)(m->now_ns / MS);
    m->tick = m->tick < reached ? reached : m->tick;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        const model_timer *t = &m->timers[i];
        bool is_overdue = t->is_armed && t->tick <= reached && !t->is_late;
        cr_assert(not(is_overdue), "seed %d, round %d: timer %d is overdue", m->seed, m->round, i);
        bool was_left = t->is_armed && t->is_late && t->round < m->round;
        cr_assert(not(was_left), "seed %d, round %d: late timer %d was left", m->seed, m->round, i);
        cr_assert(eq(int, tri_timer_is_armed(&t->timer), t->is_armed), "seed %d", m->seed);
    }
}

static void
model_check_next(const model *m)
{
    int64_t next = tri_wheel_next_ns(&m->wheel);
    if (m->armed == 0) {
        cr_assert(eq(i64, next, INT64_MAX));
    } else {
        cr_assert(le(u64, (uint64_t)(next / MS), earliest(m)), "seed %d", m->seed);
    }
    cr_assert(eq(sz, tri_wheel_count(&m->wheel), m->armed), "seed %d", m->seed);
}

static void
run_model(int seed)
{
    static model m;
    memset(&m, 0, sizeof m);
    tri_rng_init(&m.rng, (uint64_t)seed);
    m.seed = seed;
    m.now_ns = some_span(&m.rng, 50);
    m.tick = (uint64_t)(m.now_ns / MS);
    m.round = 1;
    tri_wheel_init(&m.wheel, m.now_ns);
    for (int i = 0; i < MODEL_TIMERS; i++) {
        m.timers[i].timer.fire = model_fire;
    }
    for (int step = 0; step < 2000; step++) {
        uint32_t what = tri_rng_below(&m.rng, 10);
        if (what < 6) {
            model_arm(&m, any_timer(&m));
        } else if (what < 8) {
            model_cancel(&m, any_timer(&m));
        } else {
            int64_t next = tri_wheel_next_ns(&m.wheel);
            bool can_sleep = what == 9 && next > m.now_ns && next < INT64_MAX;
            int64_t back = tri_rng_below(&m.rng, 4) == 0 ? some_span(&m.rng, 40) : 0;
            int64_t to = m.now_ns - back + some_span(&m.rng, 48);
            model_advance(&m, can_sleep ? next : to);
        }
        model_check_next(&m);
    }
}

Test(wheel, agrees_with_a_table_for_any_seed, .timeout = 50)
{
    for (int seed = 0; seed < 100; seed++) {
        run_model(seed);
    }
}

Test(wheel, sleeping_until_next_reaches_every_timer_in_eight_naps_at_most)
{
    tri_rng rng;
    tri_rng_init(&rng, 11);
    for (int i = 0; i < 1000; i++) {
        note a = note_of(1);
        int64_t now = some_span(&rng, 60);
        tri_wheel_init(&wheel, now);
        tri_wheel_arm(&wheel, &a.timer, now + some_span(&rng, 60));
        for (int naps = 0; a.fired == 0; naps++) {
            cr_assert(lt(int, naps, TRI_WHEEL_LEVELS));
            now = tri_wheel_next_ns(&wheel);
            tri_wheel_advance(&wheel, now, &rec);
        }
        cr_assert(le(i64, a.timer.due_ns, now));
        cr_assert(lt(i64, now - a.timer.due_ns, 2 * MS)); // late ones fire at the wheel's own tick
    }
}
