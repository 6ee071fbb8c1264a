// overload_test.c: what a mailbox does not begin any more, because it would end too late.
#include "ask.h"

TestSuite(overload, .timeout = 60);

// A request keeps its worker for so long.
typedef struct labor {
    int64_t takes_ns;
    _Atomic int begun;
} labor;

static tr_err_t
toil(tr_self *self, void *arg)
{
    labor *l = arg;
    int64_t until = troupe_now_ns() + l->takes_ns;
    (void)self;
    l->begun++;
    while (troupe_now_ns() < until) {
    }
    return TR_OK;
}

typedef struct crew {
    tr_ref_t to;
    labor *labor;
    tr_err_t err;
} crew;

// So many at once: all but the first wait, and from those it learns what a request takes.
static tr_err_t
call_many(tr_self *self, void *arg)
{
    crew *c = arg;
    tr_future *calls[6];
    for (int i = 0; i < 6; i++) {
        calls[i] = tr_call_begin(self, c->to, ACT_MSG(toil, c->labor), tr_seconds(30));
    }
    c->err = tr_try_join(self, calls, 6);
    return TR_OK;
}

static tr_ref_t
begin_one_who_takes(tr_runtime *rt, labor *l)
{
    crew c = {.to = puppet_at(rt, 1, NULL), .labor = l};
    assert_ok(troupe_act(rt, puppet_at(rt, 0, NULL), call_many, &c));
    assert_ok(c.err);
    l->begun = 0;
    return c.to;
}

// Keeps the worker until a request of so long has only so much left.
typedef struct delay {
    cue is_held;
    atomic_llong until_ns;
} delay;

static tr_err_t
hold_until(tr_self *self, void *arg)
{
    delay *d = arg;
    (void)self;
    cue_give(&d->is_held);
    while (troupe_now_ns() < atomic_load(&d->until_ns)) {
    }
    return TR_OK;
}

Test(overload, does_not_begin_what_has_waited_nearly_all_its_time_and_cannot_end_in_it)
{
    tr_runtime *rt = troupe_begin(2);
    labor l = {.takes_ns = 20 * 1000000};
    delay d = {.until_ns = INT64_MAX};
    cue_init(&d.is_held);
    tr_ref_t callee = begin_one_who_takes(rt, &l);
    assert_ok(troupe_prompt(rt, callee, hold_until, &d));
    CUE_AWAIT(&d.is_held);
    question q = {.to = callee, .fn = toil, .arg = &l, .timeout = tr_ms(100)};
    d.until_ns = troupe_now_ns() + 95 * 1000000;
    assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    assert_ok(troupe_act(rt, callee, do_nothing, NULL));
    cr_assert(eq(int, l.begun, 0));
    cr_assert(eq(u64, troupe_ledger(rt).expired, 1));
    troupe_expect_balance(rt);
    troupe_end(rt);
}

Test(overload, begins_what_has_not_waited_however_short_its_time)
{
    tr_runtime *rt = troupe_begin(2);
    labor l = {.takes_ns = 150 * 1000000};
    tr_ref_t callee = begin_one_who_takes(rt, &l);
    // A machine that stands still for that long may cost a few of them all their time.
    for (int tries = 0; tries < 4 && l.begun == 0; tries++) {
        question q = {.to = callee, .fn = toil, .arg = &l, .timeout = tr_ms(140)};
        assert_err(ask_from_puppet(rt, &q), TR_ETIMEOUT);
    }
    assert_ok(troupe_act(rt, callee, do_nothing, NULL));
    cr_assert(gt(int, l.begun, 0));
    troupe_end(rt);
}
