// delegate_test.c: requests handed on, and what chases them: along one delegation or several, and
// down a chain of calls.
#include "underway.h"

TestSuite(delegate, .timeout = 60);

// ---- what it refuses

typedef struct handing {
    tr_ref_t to;
    tr_err_t err, again, replied;
    cue begun;
    _Atomic bool is_over;
} handing;

static tr_err_t
hand_over(tr_self *self, void *arg)
{
    handing *h = arg;
    if (h->is_over) {
        return tr_reply(self, TR_MSG(acted)); // it has come to the other one
    }
    cue_give(&h->begun);
    h->is_over = true;
    h->err = tr_delegate(self, h->to);
    if (h->err != TR_OK) {
        h->is_over = false;
        h->replied = tr_reply_error(self, TR_EBUSY); // the duty is still here
        return TR_OK;
    }
    h->again = tr_delegate(self, h->to);
    h->replied = tr_reply(self, TR_MSG(acted));
    return TR_OK;
}

static void
handing_init(handing *h, tr_ref_t to)
{
    *h = (handing){.to = to, .err = TR_EBUSY, .again = TR_EBUSY, .replied = TR_EBUSY};
    cue_init(&h->begun);
}

static void
expect_refusal(tr_ref_t who, tr_ref_t to, tr_err_t expected)
{
    handing h;
    handing_init(&h, to);
    assert_err(troupe_act(s.p.rt, who, hand_over, &h), TR_EBUSY);
    play(who, do_nothing, NULL);
    assert_err(h.err, expected);
    assert_ok(h.replied);
}

Test(delegate, to_nobody_leaves_the_duty_here)
{
    scene_begin();
    tr_ref_t who = actor_at(1);
    expect_refusal(who, TR_REF_NONE, TR_EDEAD);
    expect_refusal(who, dead_actor(), TR_EDEAD);
    expect_refusal(who, who, TR_EINVAL);
    scene_end();
}

static void
expect_refusal_when_full(tr_full_policy_t full)
{
    scene_begin();
    errand stalls;
    tr_ref_t to = stalled_actor(&stalls, narrow_actor(1, full));
    prompt(to, do_nothing, NULL);
    expect_refusal(actor_at(0), to, TR_EFULL);
    go_on(&stalls);
    scene_end();
}

Test(delegate, to_a_full_mailbox_that_takes_no_more_is_efull)
{
    expect_refusal_when_full(TR_REJECT);
    expect_refusal_when_full(TR_DROP_NEWEST);
}

static tr_err_t
hand_lump_over(tr_self *self, void *arg, const tr_message *msg)
{
    handing *h = arg;
    if (tr_as(lump, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    h->err = tr_delegate(self, h->to);
    return TR_OK;
}

Test(delegate, of_more_than_a_mailbox_takes_is_etoobig)
{
    static const char much[3000];
    scene_begin();
    handing h;
    part role = {.receive = hand_lump_over, .arg = &h};
    handing_init(&h, child_of(&s.p, PUPPET_WITH(NULL, .mailbox_bytes = 2000)));
    tr_ref_t who = child_of(&s.p, PUPPET(&role));
    assert_err(tr_runtime_call(s.p.rt, who, TR_MSG(lump, .data = tr_bytes(much, sizeof much)),
                               TR_REPLY_NONE, tr_seconds(20)),
               TR_ENOREPLY);
    assert_err(h.err, TR_ETOOBIG);
    scene_end();
}

static tr_err_t
delegate_in_vain(tr_self *self, void *arg)
{
    tr_err_t *errs = arg;
    tr_token *token;
    tr_ref_t above = tr_self_parent(self);
    errs[0] = tr_delegate(self, above);
    if (errs[0] == TR_EALREADY) {
        return TR_OK;
    }
    errs[1] = tr_defer(self, &token);
    return TR_OK;
}

static tr_err_t
reply_and_delegate(tr_self *self, void *arg)
{
    expect_ok(tr_reply(self, TR_MSG(acted)));
    return delegate_in_vain(self, arg);
}

Test(delegate, of_what_is_owed_to_nobody_is_einval_or_ealready)
{
    scene_begin();
    tr_err_t errs[2] = {TR_OK, TR_OK};
    part role = {.start = delegate_in_vain, .arg = errs};
    tr_ref_t who = child_of(&s.p, PUPPET(&role));
    assert_err(errs[0], TR_EINVAL);
    errs[0] = TR_OK;
    prompt(who, delegate_in_vain, errs);
    play(who, do_nothing, NULL);
    assert_err(errs[0], TR_EINVAL);
    play(who, reply_and_delegate, errs);
    play(who, do_nothing, NULL);
    assert_err(errs[0], TR_EALREADY);
    scene_end();
}

// ---- how it is answered

Test(delegate, lets_the_other_answer_and_nobody_else)
{
    scene_begin();
    handing h;
    tr_ref_t who = actor_at(0);
    handing_init(&h, actor_at(1));
    play(who, hand_over, &h); // a thread outside calls
    play(who, do_nothing, NULL);
    assert_ok(h.err);
    assert_err(h.again, TR_EALREADY);
    assert_err(h.replied, TR_EALREADY);
    scene_end();
}

static void
expect_outcome(act_fn fn, tr_err_t expected)
{
    errand e;
    errand_init(&e, actor_at(0), fn);
    e.way[0] = actor_at(1);
    e.way[1] = actor_at(0);
    e.way[2] = actor_at(1);
    play(actor_at(1), run_errand, &e);
    assert_err(e.err, expected);
    cr_assert(eq(u32, e.hops, 3));
}

Test(delegate, gives_the_caller_what_the_last_one_says)
{
    scene_begin();
    expect_outcome(do_nothing, TR_OK);
    expect_outcome(answer_with_ebusy, TR_EBUSY);
    expect_outcome(return_eio, TR_ECRASHED);
    expect_outcome(leave, TR_OK);
    scene_end();
}

static tr_err_t
delegate_thing(tr_self *self, void *arg, const tr_message *msg)
{
    handing *h = arg;
    if (tr_as(parcel, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    if (tr_ref_equal(tr_self_ref(self), h->to)) {
        thing *object = tr_take(self, msg, parcel, object);
        cr_expect(object != NULL);
        return tr_reply(self, TR_MSG(acted));
    }
    h->err = tr_delegate(self, h->to);
    return TR_OK;
}

Test(delegate, moves_objects_along)
{
    scene_begin();
    static thing object;
    handing h;
    part role = {.receive = delegate_thing, .arg = &h};
    handing_init(&h, TR_REF_NONE);
    h.to = child_of(&s.p, PUPPET(&role));
    tr_ref_t who = child_of(&s.p, PUPPET(&role));
    assert_ok(tr_runtime_call(s.p.rt, who, TR_MSG(parcel, .object = &object), TR_REPLY_NONE,
                              tr_seconds(20)));
    assert_ok(h.err);
    play(who, do_nothing, NULL);
    cr_assert(eq(int, object.drops, 0));
    cr_assert(eq(int, object.adopts, 1));
    h.to = dead_actor();
    assert_err(tr_runtime_call(s.p.rt, who, TR_MSG(parcel, .object = &object), TR_REPLY_NONE,
                               tr_seconds(20)),
               TR_ENOREPLY);
    assert_err(h.err, TR_EDEAD);
    play(who, do_nothing, NULL);
    cr_assert(eq(int, object.drops, 1)); // with the message, which nobody took it from
    scene_end();
}

// ---- while it waits for room

static void
end_while_it_waits(act_fn how, tr_err_t expected)
{
    scene_begin();
    errand e, stalls;
    tr_ref_t caller = actor_at(0), middle = actor_at(0);
    tr_ref_t full = stalled_actor(&stalls, narrow_actor(1, TR_SUSPEND));
    prompt(full, do_nothing, NULL);
    errand_init(&e, middle, stay);
    e.way[0] = full;
    play(caller, begin_errand, &e);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    if (how == cancel_errand) {
        play(caller, cancel_errand, &e);
        expect_alive(middle);
    } else {
        order(middle, how);
        play(caller, await_errand, &e);
        assert_err(e.err, expected);
    }
    go_on(&stalls);
    play(full, do_nothing, NULL); // it has room
    cr_assert(eq(u32, e.begins, 0));
    scene_end();
}

Test(delegate, that_waits_for_room_ends_with_its_actor)
{
    end_while_it_waits(do_stop, TR_EDEAD);
    end_while_it_waits(do_kill, TR_EDEAD);
}

Test(delegate, that_waits_for_room_ends_when_the_caller_gives_up)
{
    end_while_it_waits(cancel_errand, TR_OK);
}

Test(delegate, that_finds_no_room_in_time_is_over)
{
    scene_begin();
    errand stalls;
    handing h;
    tr_ref_t middle = actor_at(0);
    handing_init(&h, stalled_actor(&stalls, narrow_actor(1, TR_SUSPEND)));
    prompt(h.to, do_nothing, NULL);
    play_in_little_time(middle, hand_over, &h);
    assert_err(h.err, TR_ETIMEOUT);
    expect_alive(middle);
    go_on(&stalls);
    scene_end();
}

// ---- the cancel follows

// Handed on so often, and under way at the last one.
static tr_ref_t
hand_far(errand *e, uint32_t hops, tr_ref_t caller)
{
    tr_ref_t last = TR_REF_NONE;
    errand_init(e, actor_at(1), stay);
    for (uint32_t i = 0; i < hops; i++) {
        last = e->way[i] = actor_at(i);
    }
    play(caller, begin_errand, e);
    CUE_AWAIT(&e->begun);
    play(e->to, do_nothing, NULL);
    for (uint32_t i = 0; i + 1 < hops; i++) {
        play(e->way[i], do_nothing, NULL); // each has told the caller where it is
    }
    return last;
}

Test(delegate, is_followed_by_a_cancel)
{
    for (uint32_t hops = 1; hops < HOPS; hops++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        tr_ref_t last = hand_far(&e, hops, caller);
        play(caller, cancel_errand, &e);
        expect_canceled(&e, last);
        scene_end();
    }
}

Test(delegate, is_followed_by_the_end_of_its_caller)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        tr_ref_t last = hand_far(&e, 2, caller);
        end_life(&s, caller, how);
        CUE_AWAIT(&e.over);
        assert_err(e.first, TR_ECANCELED);
        play(last, do_nothing, NULL);
        scene_end();
    }
}

Test(delegate, is_followed_by_its_deadline)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0), last = actor_at(0);
    for (int64_t ms = 10;; ms *= 2) {
        errand_init(&e, actor_at(1), stay);
        e.way[0] = last;
        e.timeout = tr_ms(ms);
        play(caller, run_errand, &e);
        assert_err(e.err, TR_ETIMEOUT);
        play(last, do_nothing, NULL);
        if (e.begins != 0) {
            break;
        }
    }
    CUE_AWAIT(&e.over);
    assert_err(e.second, TR_ECANCELED);
    expect_alive(last);
    scene_end();
}

Test(delegate, of_a_request_that_is_queued_there_is_followed_by_a_cancel)
{
    scene_begin();
    errand e, stalls;
    tr_ref_t caller = actor_at(0);
    tr_ref_t last = stalled_actor(&stalls, actor_at(1));
    errand_init(&e, actor_at(0), stay);
    e.way[0] = last;
    play(caller, begin_errand, &e);
    play(e.to, do_nothing, NULL);
    play(caller, cancel_errand, &e);
    go_on(&stalls);
    expect_alive(last);
    cr_assert(eq(u32, e.begins, 0));
    cr_assert(eq(u64, ledger().expired, 1));
    scene_end();
}

static tr_err_t
stall_and_hand_on(tr_self *self, void *arg)
{
    errand *e = arg;
    if (e->begins != 0) {
        return stay(self, e);
    }
    tr_err_t err = stall(self, e);
    return err == TR_OK ? tr_delegate(self, e->way[0]) : err;
}

static tr_err_t
begin_crossing(tr_self *self, void *arg)
{
    errand *e = arg;
    e->future = tr_call_begin(self, e->to, ACT_MSG(stall_and_hand_on, e), e->timeout);
    return TR_OK;
}

// The last one was told: before it began, or while it stayed.
static void
expect_chased(errand *e, tr_ref_t last)
{
    go_on(e);
    CUE_AWAIT(&e->over);
    play(e->to, do_nothing, NULL); // it has handed the request on
    play(last, do_nothing, NULL);
    cr_assert(e->begins == 1 || e->first == TR_ECANCELED, "%s", tr_errname(e->first));
}

// The cancel comes to the one that had the request, and has handed it on in the meantime.
Test(delegate, that_crosses_the_cancel_is_told_of_it)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0), last = actor_at(0);
    errand_init(&e, actor_at(1), NULL);
    e.way[0] = last;
    play(caller, begin_crossing, &e);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    expect_chased(&e, last);
    scene_end();
}

Test(delegate, that_crosses_the_end_of_its_caller_is_told_of_it)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0), last = actor_at(0);
        errand_init(&e, actor_at(1), NULL);
        e.way[0] = last;
        play(caller, begin_crossing, &e);
        CUE_AWAIT(&e.begun);
        end_life(&s, caller, how);
        expect_chased(&e, last);
        scene_end();
    }
}

// ---- a chain of calls

#define LINKS 3

// A calls B, B calls C, C calls D, and D stays.
typedef struct chain {
    tr_ref_t actors[LINKS];
    tr_duration_t timeout;
    tr_future *future;
    _Atomic uint32_t begins;
    _Atomic(tr_err_t) first[LINKS], second[LINKS];
    tr_duration_t left[LINKS];
    cue reached, over;
    _Atomic(tr_err_t) err;
} chain;

static tr_err_t
pass_down(tr_self *self, void *arg)
{
    chain *c = arg;
    uint32_t at = c->begins++;
    c->left[at] = tr_deadline_left(self);
    if (at + 1 < LINKS) {
        c->first[at] =
            tr_call(self, c->actors[at + 1], ACT_MSG(pass_down, c), TR_REPLY_NONE, tr_seconds(20));
    } else {
        cue_give(&c->reached);
        c->first[at] = tr_sleep(self, TR_FOREVER);
    }
    c->second[at] = tr_sleep(self, TR_FOREVER);
    cue_give(&c->over);
    return c->first[at];
}

static tr_err_t
begin_chain(tr_self *self, void *arg)
{
    chain *c = arg;
    c->future = tr_call_begin(self, c->actors[0], ACT_MSG(pass_down, c), c->timeout);
    return TR_OK;
}

static tr_err_t
await_chain(tr_self *self, void *arg)
{
    chain *c = arg;
    c->err = tr_future_await(self, c->future, TR_REPLY_NONE);
    return TR_OK;
}

static tr_err_t
cancel_chain(tr_self *self, void *arg)
{
    chain *c = arg;
    tr_future_cancel(self, c->future);
    return TR_OK;
}

static void
chain_init(chain *c, tr_duration_t timeout)
{
    *c = (chain){.timeout = timeout, .err = TR_EBUSY};
    cue_init(&c->reached);
    cue_init(&c->over);
    for (uint32_t i = 0; i < LINKS; i++) {
        c->actors[i] = actor_at(i + 1);
    }
}

// None of them failed, and their next waits were for nobody.
static void
expect_chain_over(chain *c, tr_err_t first)
{
    for (uint32_t i = 0; i < LINKS; i++) {
        CUE_AWAIT(&c->over);
    }
    for (uint32_t i = 0; i < LINKS; i++) {
        assert_err(c->first[i], first);
        assert_err(c->second[i], TR_ECANCELED);
        expect_alive(c->actors[i]);
    }
}

Test(chain, of_calls_that_is_canceled_ends_all_the_way_down, .timeout = 60)
{
    scene_begin();
    chain c;
    tr_ref_t caller = actor_at(0);
    chain_init(&c, tr_seconds(20));
    play(caller, begin_chain, &c);
    CUE_AWAIT(&c.reached);
    play(caller, cancel_chain, &c);
    expect_chain_over(&c, TR_ECANCELED);
    scene_end();
}

Test(chain, of_calls_hands_down_what_is_left_of_the_time_and_ends_with_it, .timeout = 60)
{
    scene_begin();
    chain c;
    tr_ref_t caller = actor_at(0);
    for (int64_t ms = 50;; ms *= 2) {
        chain_init(&c, tr_ms(ms));
        play(caller, begin_chain, &c);
        play(caller, await_chain, &c);
        assert_err(c.err, TR_ETIMEOUT);
        for (int i = 0; i < LINKS; i++) {
            play(c.actors[i], do_nothing, NULL);
        }
        if (c.begins == LINKS) {
            break; // it was enough to come so far
        }
    }
    expect_chain_over(&c, TR_ETIMEOUT);
    cr_assert(le(i64, c.left[0].ns, c.timeout.ns + 1024)); // a deadline is rounded up by so little
    for (int i = 1; i < LINKS; i++) {
        cr_assert(gt(i64, c.left[i].ns, 0));
        cr_assert(le(i64, c.left[i].ns, c.left[i - 1].ns + 1024));
    }
    scene_end();
}

// The second of them stands still: what is behind it is never begun.
static void
give_up_early(act_fn how, tr_duration_t timeout)
{
    scene_begin();
    chain c;
    errand stalls;
    tr_ref_t caller = actor_at(0);
    chain_init(&c, timeout);
    c.actors[0] = actor_at(0);
    c.actors[1] = stalled_actor(&stalls, actor_at(1));
    play(caller, begin_chain, &c);
    if (how == cancel_chain) {
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    }
    play(caller, how, &c);
    play(c.actors[0], do_nothing, NULL);
    uint32_t begun = c.begins;
    go_on(&stalls);
    for (int i = 0; i < LINKS; i++) {
        play(c.actors[i], do_nothing, NULL);
    }
    cr_assert(eq(u32, c.begins, begun));
    cr_assert(le(u32, c.begins, 1));
    cr_assert(eq(u64, ledger().expired, 1)); // the one that waited for C, or for B
    scene_end();
}

Test(chain, of_calls_that_is_over_begins_nothing_more, .timeout = 60)
{
    give_up_early(cancel_chain, tr_seconds(20));
    give_up_early(await_chain, tr_ms(20));
}
