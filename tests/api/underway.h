// underway.h: a request under way, seen from both ends. What the callee does with it is an act too,
// with the errand for its argument; the test looks at the errand from outside.
//
//     scene_begin();
//     errand e;
//     tr_ref_t caller = actor_at(0);
//     errand_init(&e, actor_at(1), stay);
//     play(caller, begin_errand, &e);            // the call is under way
//     CUE_AWAIT(&e.begun);                      // its callee sleeps
//     play(caller, cancel_errand, &e);
//     CUE_AWAIT(&e.over);                       // no more: e.first says why
//     scene_end();
#ifndef TROUPE_TESTS_API_UNDERWAY_H
#define TROUPE_TESTS_API_UNDERWAY_H

#include "ends.h"

#define HOPS 4

static ends s;

typedef struct errand {
    tr_ref_t to;
    act_fn fn; // what the callee does; the last one where it is delegated
    tr_duration_t timeout;
    tr_ref_t way[HOPS]; // of one that is handed on
    _Atomic uint32_t hops;
    // The caller's.
    tr_future *future;
    _Atomic(tr_err_t) err; // of the call
    // The callee's.
    cue begun, over, go_on;
    _Atomic uint32_t begins;
    _Atomic bool may_go_on;
    bool hands_on; // what its first wait gave is its verdict
    _Atomic(tr_err_t) first, second;
    tr_token *token;
    bool is_wanted;
} errand;

static inline void
errand_init(errand *e, tr_ref_t to, act_fn fn)
{
    *e = (errand){.to = to, .fn = fn, .timeout = tr_seconds(20), .err = TR_EBUSY};
    e->first = TR_EBUSY;
    e->second = TR_EBUSY;
    cue_init(&e->begun);
    cue_init(&e->over);
    cue_init(&e->go_on);
}

// ---- the scene: a parent on worker 0, its children on either

static inline void
scene_begin(void)
{
    ends_begin(&s);
}

static inline void
scene_end(void)
{
    ends_end(&s);
}

static inline tr_ref_t
actor_at(uint32_t worker)
{
    return child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = worker));
}

// With a mailbox for so few on worker 1.
static inline tr_ref_t
narrow_actor(uint32_t count, tr_full_policy_t full)
{
    return child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1,
                                      .mailbox_count = count, .full = full));
}

static inline void
play(tr_ref_t who, act_fn fn, void *arg)
{
    assert_ok(troupe_act(s.p.rt, who, fn, arg));
}

// Without waiting for it.
static inline void
prompt(tr_ref_t who, act_fn fn, void *arg)
{
    assert_ok(troupe_prompt(s.p.rt, who, fn, arg));
}

static inline tr_ledger_t
ledger(void)
{
    return troupe_ledger(s.p.rt);
}

static inline void
order(tr_ref_t child, act_fn what)
{
    deed d = {.child = child};
    assert_ok(deed_of(&s.p, what, &d));
}

// It lives, and in its first life; nobody's parent has heard of an end.
static inline void
expect_alive(tr_ref_t who)
{
    play(who, do_nothing, NULL);
    cr_assert(s.p.count == 0, "somebody has ended: %s",
              tr_errname(s.p.count != 0 ? last_news(&s.p)->reason : TR_OK));
}

static inline tr_ref_t
dead_actor(void)
{
    tr_ref_t ref = troupe_puppet(s.p.rt, NULL);
    assert_ok(troupe_prompt(s.p.rt, ref, leave, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, ref));
    return ref;
}

// Something that is to be done, and how often it was begun.
typedef struct hurry {
    act_fn fn;
    void *arg;
    _Atomic uint32_t begins;
} hurry;

static inline tr_err_t
do_hurried(tr_self *self, void *arg)
{
    hurry *h = arg;
    h->begins++;
    return h->fn(self, h->arg);
}

// An act that does not end before the deadline of the request that it is done for. One that came
// too late to be begun is tried again with more time.
static inline void
play_in_little_time(tr_ref_t who, act_fn fn, void *arg)
{
    hurry h = {.fn = fn, .arg = arg};
    for (int64_t ms = 5; h.begins == 0; ms *= 2) {
        assert_err(tr_runtime_call(s.p.rt, who, ACT_MSG(do_hurried, &h), TR_REPLY_NONE, tr_ms(ms)),
                   TR_ETIMEOUT);
        play(who, do_nothing, NULL); // it is over
    }
}

// ---- what a callee does

static inline void
arrive(errand *e)
{
    e->begins++;
    cue_give(&e->begun);
}

// Wait until that is ended by others, and try once more.
static inline tr_err_t
stay(tr_self *self, void *arg)
{
    errand *e = arg;
    arrive(e);
    e->first = tr_sleep(self, TR_FOREVER);
    e->second = tr_sleep(self, tr_us(1));
    bool hands_on = e->hands_on;
    tr_err_t first = e->first;
    cue_give(&e->over);
    return hands_on ? first : TR_OK;
}

// Wait until the test says that it may go on, and answer.
static inline tr_err_t
dawdle(tr_self *self, void *arg)
{
    errand *e = arg;
    arrive(e);
    tr_err_t err = TR_OK;
    while (!e->may_go_on && err == TR_OK) {
        err = tr_sleep(self, tr_us(200));
    }
    e->first = err;
    cue_give(&e->over);
    return err;
}

// The same, and hold the worker's thread meanwhile.
static inline tr_err_t
stall(tr_self *self, void *arg)
{
    (void)self;
    errand *e = arg;
    arrive(e);
    cr_expect(cue_take(&e->go_on));
    cue_give(&e->over);
    return TR_OK;
}

static inline tr_err_t
put_off(tr_self *self, void *arg)
{
    errand *e = arg;
    tr_err_t err = tr_defer(self, &e->token);
    arrive(e);
    return err;
}

// Hand it on as far as its way goes; the last one does what is to be done.
static inline tr_err_t
hand_on(tr_self *self, void *arg)
{
    errand *e = arg;
    tr_ref_t next = e->way[e->hops];
    if (next.raw == 0) {
        return e->fn(self, e);
    }
    e->hops++;
    return tr_delegate(self, next);
}

static inline tr_err_t
answer_with_ebusy(tr_self *self, void *arg)
{
    arrive(arg);
    return tr_reply_error(self, TR_EBUSY);
}

// ---- what a caller does

static inline tr_err_t
begin_errand(tr_self *self, void *arg)
{
    errand *e = arg;
    act_fn fn = e->way[0].raw != 0 ? hand_on : e->fn;
    e->future = tr_call_begin(self, e->to, ACT_MSG(fn, e), e->timeout);
    cr_expect(e->future != NULL);
    return TR_OK;
}

static inline tr_err_t
await_errand(tr_self *self, void *arg)
{
    errand *e = arg;
    e->err = tr_future_await(self, e->future, TR_REPLY_NONE);
    return TR_OK;
}

static inline tr_err_t
cancel_errand(tr_self *self, void *arg)
{
    errand *e = arg;
    tr_future_cancel(self, e->future);
    return TR_OK;
}

static inline tr_err_t
run_errand(tr_self *self, void *arg)
{
    tr_err_t err = begin_errand(self, arg);
    return err == TR_OK ? await_errand(self, arg) : err;
}

static inline tr_err_t
call_errand(tr_self *self, void *arg)
{
    errand *e = arg;
    e->err = tr_call(self, e->to, ACT_MSG(e->fn, e), TR_REPLY_NONE, e->timeout);
    return TR_OK;
}

// Begin a call whose deadline passes while its callee has it; is_done(caller, e) in the end.
static inline tr_err_t
look(tr_self *self, void *arg)
{
    (void)self;
    errand *e = arg;
    e->is_wanted = !tr_future_is_done(e->future);
    return TR_OK;
}

static inline bool
is_done(tr_ref_t caller, errand *e)
{
    play(caller, look, e);
    return !e->is_wanted;
}

static inline void
begin_with_little_time(errand *e, tr_ref_t caller)
{
    for (int64_t ms = 10;; ms *= 2) {
        e->timeout = tr_ms(ms);
        play(caller, begin_errand, e);
        TROUPE_EVENTUALLY(is_done(caller, e));
        play(e->to, do_nothing, NULL);
        if (e->begins != 0) {
            return;
        }
        play(caller, cancel_errand, e);
    }
}

// The callee's waits have been canceled, and it lives on.
static inline void
expect_canceled(errand *e, tr_ref_t callee)
{
    CUE_AWAIT(&e->over);
    assert_err(e->first, TR_ECANCELED);
    assert_err(e->second, TR_ECANCELED);
    expect_alive(callee);
}

// A callee whose thread stands still, on worker 1.
static inline tr_ref_t
stalled_actor(errand *e, tr_ref_t who)
{
    errand_init(e, who, stall);
    assert_ok(troupe_prompt(s.p.rt, who, stall, e));
    CUE_AWAIT(&e->begun);
    return who;
}

static inline void
go_on(errand *e)
{
    cue_give(&e->go_on);
}

#endif
