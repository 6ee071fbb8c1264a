// forward_test.c: requests that go on to another, and what their way back tells who stands between.
#include "underway.h"

TestSuite(forward, .timeout = 60);

// One that stands in front of another: it hands on whatever comes.
typedef struct front {
    tr_ref_t to;
    act_fn first;          // what it does before it forwards; may be NULL
    _Atomic(tr_err_t) err; // of the latest tr_forward
    _Atomic(tr_err_t) replied;
    _Atomic uint32_t begins, runs;
    _Atomic(tr_err_t) heard;
    bool has_answer;
    cue ran;
    tr_ref_t ref;
} front;

static tr_err_t
hear_end(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    front *f = arg;
    (void)self;
    (void)state;
    f->heard = err;
    f->has_answer = answer != NULL;
    f->runs++;
    cue_give(&f->ran);
    return TR_OK;
}

static tr_err_t
front_start(tr_self *self, void *state, const void *arg)
{
    front *f = *(front *const *)arg;
    *(front **)state = f;
    tr_err_t err = tr_forward(self, f->to, hear_end, f);
    cr_expect(err == TR_EINVAL, "there is nothing to forward in start: %s", tr_errname(err));
    return TR_OK;
}

static tr_err_t
front_receive(tr_self *self, void *state, const tr_message *msg)
{
    front *f = *(front **)state;
    (void)msg;
    if (f->first != NULL) {
        tr_err_t err = f->first(self, f);
        if (err != TR_OK) {
            return err;
        }
    }
    f->err = tr_forward(self, f->to, hear_end, f);
    // A refusal leaves the duty here; otherwise there is none.
    f->replied = f->err == TR_OK ? tr_reply(self, TR_MSG(acted)) : tr_reply_error(self, TR_EIO);
    f->begins++;
    return TR_OK;
}

static const tr_behavior_t front_behavior = {
    .name = "front",
    .state_size = sizeof(front *),
    .start = front_start,
    .receive = front_receive,
};

static tr_ref_t
front_of(front *f, tr_ref_t to)
{
    *f = (front){.to = to, .err = TR_EFAULT, .heard = TR_EFAULT};
    cue_init(&f->ran);
    f->ref = child_of(&s.p, &(tr_spawn_opts_t){.behavior = &front_behavior,
                                               .arg = &f,
                                               .arg_size = sizeof f,
                                               .place = TR_PLACE_AT,
                                               .worker = 0});
    return f->ref;
}

static void
expect_heard(front *f, tr_err_t err)
{
    CUE_AWAIT(&f->ran);
    assert_err(f->heard, err);
    cr_assert(eq(u32, f->runs, 1));
    cr_assert(f->has_answer == false);
}

// ---- what it refuses

static void
expect_refusal(front *f, tr_err_t expected)
{
    assert_err(troupe_act(s.p.rt, f->ref, do_nothing, NULL), TR_EIO);
    assert_err(f->err, expected);
    assert_ok(f->replied);
    cr_assert(eq(u32, f->runs, 0));
}

Test(forward, to_nobody_leaves_the_duty_here)
{
    scene_begin();
    front f;
    front_of(&f, TR_REF_NONE);
    expect_refusal(&f, TR_EDEAD);
    f.to = dead_actor();
    expect_refusal(&f, TR_EDEAD);
    f.to = f.ref;
    expect_refusal(&f, TR_EINVAL);
    scene_end();
}

static tr_err_t
forward_to_no_then(tr_self *self, void *arg)
{
    front *f = arg;
    expect_err(tr_forward(self, f->to, NULL, f), TR_EINVAL);
    return TR_OK;
}

Test(forward, needs_somebody_to_tell)
{
    scene_begin();
    front f;
    front_of(&f, actor_at(1));
    f.first = forward_to_no_then;
    play(f.ref, do_nothing, NULL); // and with one it works
    expect_heard(&f, TR_OK);
    scene_end();
}

static tr_err_t
reply_first(tr_self *self, void *arg)
{
    (void)arg;
    return tr_reply(self, TR_MSG(acted));
}

static tr_err_t
set_aside(tr_self *self, void *arg)
{
    (void)arg;
    return tr_stash(self);
}

static tr_err_t
take_up_again(tr_self *self, void *arg)
{
    front *f = arg;
    f->first = NULL;
    tr_unstash_all(self);
    return TR_OK;
}

Test(forward, of_what_was_answered_or_stashed_is_ealready)
{
    scene_begin();
    front f;
    errand e;
    tr_ref_t caller = actor_at(1);
    front_of(&f, actor_at(1));
    f.first = reply_first;
    play(f.ref, do_nothing, NULL);
    TROUPE_EVENTUALLY(f.begins == 1);
    assert_err(f.err, TR_EALREADY);
    f.err = TR_OK;
    f.first = set_aside;
    errand_init(&e, f.ref, do_nothing);
    play(caller, begin_errand, &e);
    TROUPE_EVENTUALLY(f.begins == 2);
    assert_err(f.err, TR_EALREADY);
    cr_assert(eq(u32, f.runs, 0));
    f.first = take_up_again;
    assert_ok(tr_runtime_send(s.p.rt, f.ref, TR_MSG(lump), tr_seconds(20)));
    play(caller, await_errand, &e);
    assert_ok(e.err);
    expect_heard(&f, TR_OK);
    scene_end();
}

static void
expect_refusal_when_full(tr_full_policy_t full)
{
    scene_begin();
    errand stalls;
    front f;
    tr_ref_t to = narrow_actor(1, full);
    errand_init(&stalls, to, stall);
    prompt(to, stall, &stalls);
    CUE_AWAIT(&stalls.begun);
    front_of(&f, to);
    prompt(to, do_nothing, NULL);
    expect_refusal(&f, TR_EFULL);
    go_on(&stalls);
    scene_end();
}

Test(forward, to_a_full_mailbox_is_efull_and_does_not_wait)
{
    expect_refusal_when_full(TR_REJECT);
    expect_refusal_when_full(TR_DROP_NEWEST);
    expect_refusal_when_full(TR_SUSPEND);
}

Test(forward, of_more_than_a_mailbox_takes_is_etoobig)
{
    static const char much[3000];
    scene_begin();
    front f;
    front_of(&f, child_of(&s.p, PUPPET_WITH(NULL, .mailbox_bytes = 2000)));
    assert_err(tr_runtime_call(s.p.rt, f.ref, TR_MSG(lump, .data = tr_bytes(much, sizeof much)),
                               TR_REPLY_NONE, tr_seconds(20)),
               TR_EIO);
    assert_err(f.err, TR_ETOOBIG);
    scene_end();
}

// ---- how it ends

static tr_err_t
be_silent(tr_self *self, const tr_message *msg, void *arg)
{
    (void)self;
    (void)msg;
    (void)arg;
    return TR_OK;
}

static tr_err_t
answer_twice_as_much(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const number *n = tr_as(number, msg);
    if (n != NULL && n->value == 0) {
        return be_silent(self, msg, arg);
    }
    return n != NULL ? tr_reply(self, TR_MSG(number, .value = 2 * n->value)) : TR_EUNHANDLED;
}

Test(forward, gives_the_caller_what_the_other_says_and_hears_it)
{
    static const struct {
        act_fn fn;
        tr_err_t err;
    } ways[] = {{answer_with_ebusy, TR_EBUSY}, {return_eio, TR_ECRASHED}, {do_nothing, TR_OK}};
    for (int i = 0; i < 3; i++) {
        scene_begin();
        front f;
        errand e;
        errand_init(&e, front_of(&f, actor_at(1)), ways[i].fn);
        play(actor_at(1), run_errand, &e);
        assert_err(e.err, ways[i].err);
        expect_heard(&f, ways[i].err);
        assert_err(f.replied, TR_EALREADY);
        scene_end();
    }
}

Test(forward, hands_the_answer_to_a_thread_outside)
{
    scene_begin();
    front f;
    part role = {.receive = answer_twice_as_much};
    const number *n;
    front_of(&f, child_of(&s.p, PUPPET(&role)));
    assert_err(tr_runtime_call(s.p.rt, f.ref, TR_MSG(lump), TR_REPLY(number, &n), tr_seconds(20)),
               TR_EUNHANDLED);
    expect_heard(&f, TR_EUNHANDLED);
    assert_err(tr_runtime_call(s.p.rt, f.ref, TR_MSG(number), TR_REPLY(number, &n), tr_seconds(20)),
               TR_ENOREPLY);
    assert_ok(tr_runtime_call(s.p.rt, f.ref, TR_MSG(number, .value = 21), TR_REPLY(number, &n),
                              tr_seconds(20)));
    cr_assert(eq(u64, n->value, 42));
    tr_runtime_release(s.p.rt, n);
    scene_end();
}

Test(forward, through_several_reaches_the_last_and_comes_back)
{
    scene_begin();
    front f[3];
    errand e;
    tr_ref_t to = actor_at(1);
    for (int i = 0; i < 3; i++) {
        to = front_of(&f[i], to);
    }
    errand_init(&e, to, do_nothing);
    play(actor_at(1), run_errand, &e);
    assert_ok(e.err);
    for (int i = 0; i < 3; i++) {
        expect_heard(&f[i], TR_OK);
    }
    scene_end();
}

Test(forward, ends_with_the_deadline_that_the_request_has)
{
    scene_begin();
    front f;
    errand e;
    tr_ref_t caller = actor_at(1);
    tr_ref_t to = actor_at(1);
    front_of(&f, to);
    errand_init(&e, f.ref, overstay);
    for (int64_t ms = 20; e.begins == 0; ms *= 2) { // one that came too late is tried again
        cue_init(&f.ran);
        e.timeout = tr_ms(ms);
        play(caller, begin_errand, &e);
        play(caller, await_errand, &e);
        assert_err(e.err, TR_ETIMEOUT);
        CUE_AWAIT(&f.ran);
        assert_err(f.heard, TR_ETIMEOUT);
    }
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ETIMEOUT);
    go_on(&e);
    expect_alive(to);
    expect_alive(caller);
    scene_end();
}

Test(forward, is_canceled_when_the_caller_gives_up)
{
    scene_begin();
    front f;
    errand e;
    tr_ref_t caller = actor_at(1);
    tr_ref_t to = actor_at(1);
    errand_init(&e, front_of(&f, to), stay);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_errand, &e);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    expect_heard(&f, TR_ECANCELED);
    expect_alive(to);
    scene_end();
}

Test(forward, is_canceled_when_the_caller_ends)
{
    scene_begin();
    front f;
    errand e;
    tr_ref_t caller = actor_at(1);
    errand_init(&e, front_of(&f, actor_at(1)), stay);
    play(caller, begin_errand, &e);
    CUE_AWAIT(&e.begun);
    order(caller, do_kill);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    expect_heard(&f, TR_ECANCELED);
    scene_end();
}

static tr_err_t
wait_to_be_given_up(tr_self *self, void *arg)
{
    front *f = arg;
    cue_give(&f->ran);
    tr_err_t err = tr_sleep(self, TR_FOREVER);
    cr_expect(err == TR_ECANCELED, "%s", tr_errname(err));
    return TR_OK;
}

Test(forward, of_what_was_given_up_before_is_canceled)
{
    scene_begin();
    front f;
    errand e;
    tr_ref_t caller = actor_at(1);
    errand_init(&e, front_of(&f, actor_at(1)), do_nothing);
    f.first = wait_to_be_given_up;
    play(caller, begin_errand, &e);
    CUE_AWAIT(&f.ran);
    play(caller, cancel_errand, &e);
    expect_heard(&f, TR_ECANCELED);
    scene_end();
}

Test(forward, tells_the_caller_when_the_one_between_ends)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        front f;
        errand e;
        tr_ref_t caller = actor_at(1);
        errand_init(&e, front_of(&f, actor_at(1)), stay);
        play(caller, begin_errand, &e);
        CUE_AWAIT(&e.begun);
        order(f.ref, how == BY_KILL ? do_kill : do_stop);
        CUE_AWAIT(&e.over);
        assert_err(e.first, TR_ECANCELED);
        play(caller, await_errand, &e);
        assert_err(e.err, how == BY_KILL ? TR_ECRASHED : TR_ENOREPLY);
        cr_assert(eq(u32, f.runs, 0));
        scene_end();
    }
}

// ---- what goes along

static tr_err_t
swap_things(tr_self *self, void *arg, const tr_message *msg)
{
    thing *object = tr_take(self, msg, parcel, object);
    cr_expect(object != NULL);
    return tr_reply(self, TR_MSG(parcel, .object = arg));
}

Test(forward, moves_objects_there_and_back)
{
    scene_begin();
    static thing there, back;
    front f;
    part role = {.receive = swap_things, .arg = &back};
    const tr_message *msg;
    front_of(&f, child_of(&s.p, PUPPET(&role)));
    assert_ok(tr_runtime_call(s.p.rt, f.ref, TR_MSG(parcel, .object = &there), TR_REPLY_ANY(&msg),
                              tr_seconds(20)));
    thing *object = tr_take(TR_OUTSIDE, msg, parcel, object);
    cr_assert(object == &back);
    tr_runtime_release(s.p.rt, msg);
    expect_heard(&f, TR_OK);
    cr_assert(eq(int, there.drops, 0));
    cr_assert(eq(int, there.adopts, 1));
    cr_assert(eq(int, back.drops, 0));
    cr_assert(eq(int, back.adopts, 1));
    scene_end();
}

Test(forward, drops_an_object_that_nobody_takes_once)
{
    scene_begin();
    static thing refused, unread;
    front f;
    front_of(&f, TR_REF_NONE);
    assert_err(tr_runtime_call(s.p.rt, f.ref, TR_MSG(parcel, .object = &refused), TR_REPLY_NONE,
                               tr_seconds(20)),
               TR_EIO);
    f.to = actor_at(1); // which does not know parcels
    assert_err(tr_runtime_call(s.p.rt, f.ref, TR_MSG(parcel, .object = &unread), TR_REPLY_NONE,
                               tr_seconds(20)),
               TR_EUNHANDLED);
    scene_end();
    cr_assert(eq(int, refused.drops, 1));
    cr_assert(eq(int, unread.drops, 1));
}

typedef struct letter {
    tr_ref_t sender;
    uint64_t value;
    cue read;
} letter;

static tr_err_t
read_letter(tr_self *self, void *arg, const tr_message *msg)
{
    letter *l = arg;
    (void)self;
    l->sender = tr_message_sender(msg);
    l->value = l->value * 10 + tr_as(number, msg)->value;
    cue_give(&l->read);
    return TR_OK;
}

static tr_err_t
send_letter(tr_self *self, void *arg)
{
    front *f = arg;
    return tr_send(self, f->ref, TR_MSG(number, .value = 7));
}

Test(forward, hands_on_what_was_sent_in_the_name_of_its_sender)
{
    scene_begin();
    front f;
    letter l = {.value = 0};
    part role = {.receive = read_letter, .arg = &l};
    tr_ref_t sender = actor_at(1);
    cue_init(&l.read);
    front_of(&f, child_of(&s.p, PUPPET(&role)));
    play(sender, send_letter, &f);
    CUE_AWAIT(&l.read);
    cr_assert(eq(u64, l.value, 7));
    cr_assert(tr_ref_equal(l.sender, sender));
    assert_ok(tr_runtime_send(s.p.rt, f.ref, TR_MSG(number, .value = 8), tr_seconds(20)));
    CUE_AWAIT(&l.read);
    cr_assert(eq(u64, l.value, 78));
    cr_assert(tr_ref_is_none(l.sender));
    scene_end();
    assert_ok(f.err);
    cr_assert(eq(u32, f.runs, 0));
}

static tr_err_t
send_high_letter(tr_self *self, void *arg)
{
    front *f = arg;
    return tr_send_high(self, f->ref, TR_MSG(number, .value = 2));
}

Test(forward, keeps_what_goes_ahead_ahead)
{
    scene_begin();
    front f;
    errand stalls;
    letter l = {.value = 0};
    part role = {.receive = read_letter, .arg = &l};
    tr_ref_t to = child_of(&s.p, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1));
    cue_init(&l.read);
    errand_init(&stalls, to, stall);
    prompt(to, stall, &stalls);
    CUE_AWAIT(&stalls.begun);
    front_of(&f, to);
    play(actor_at(0), send_letter, &f);
    TROUPE_EVENTUALLY(f.begins == 1);
    play(actor_at(0), send_high_letter, &f);
    TROUPE_EVENTUALLY(f.begins == 2);
    go_on(&stalls);
    CUE_AWAIT(&l.read);
    CUE_AWAIT(&l.read);
    cr_assert(eq(u64, l.value, 27));
    scene_end();
}

// ---- a crowd, some of which give up at any time

#define CROWD 8
#define CALLS 200

typedef struct member {
    tr_ref_t to;
    uint32_t number;
    cue over;
} member;

static tr_err_t
call_and_give_up(tr_self *self, void *arg)
{
    member *m = arg;
    for (uint64_t i = 1; i <= CALLS; i++) {
        tr_future *call = tr_call_begin(self, m->to, TR_MSG(number, .value = i), TR_FOREVER);
        if ((i + m->number) % 3 == 0) {
            tr_future_cancel(self, call);
            continue;
        }
        const number *n;
        tr_err_t err = tr_future_await(self, call, TR_REPLY(number, &n));
        // A mailbox that is full is full: the front does not wait.
        cr_expect(err == TR_EIO || (err == TR_OK && n->value == 2 * i), "%s", tr_errname(err));
    }
    cue_give(&m->over);
    return TR_OK;
}

Test(forward, serves_a_crowd_of_which_some_give_up)
{
    scene_begin();
    front f;
    static member crowd[CROWD];
    part role = {.receive = answer_twice_as_much};
    front_of(&f, child_of(&s.p, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1)));
    for (uint32_t i = 0; i < CROWD; i++) {
        crowd[i] = (member){.to = f.ref, .number = i};
        cue_init(&crowd[i].over);
        prompt(actor_at(i), call_and_give_up, &crowd[i]);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        CUE_AWAIT(&crowd[i].over);
    }
    scene_end();
    cr_assert(ge(u32, f.runs, CROWD * CALLS / 2));
}
