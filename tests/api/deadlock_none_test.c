// deadlock_none_test.c: waits that look like a cycle to who follows them, and are none: something
// that ends one of them is under way, or may come from elsewhere.
#include "ask.h"
#include "property.h"

TestSuite(deadlock, .timeout = 60);

static tr_runtime *rt;

static tr_stats_t
stats(void)
{
    tr_stats_t s;
    tr_runtime_stats(rt, &s);
    return s;
}

static void
expect_none(void)
{
    uint64_t found = stats().deadlocks;
    troupe_end(rt);
    cr_assert(eq(u64, found, 0));
}

// ---- an answer is on its way, in each way that there is

// One baton goes from hand to hand: whoever gets it sees to it that its caller is answered and
// passes it on, mostly back to the caller, who may not have heard yet.
#define BATON(F, T) F(T, u32, left) F(T, u64, random) F(T, ref, from)
TR_MESSAGE(baton, BATON);
#define DUTY(F, T) F(T, local(tr_token), token)
TR_MESSAGE(duty, DUTY);

#define HANDS 4

typedef struct team {
    tr_ref_t hands[HANDS];
    tr_ref_t helper; // answers everything
    tr_err_t err;    // the first that was none of the expected
    cue over;
} team;

static tr_err_t
help(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    if (tr_as(duty, msg) != NULL) {
        return tr_token_reply(self, tr_take(self, msg, duty, token), TR_MSG(number));
    }
    return tr_reply(self, TR_MSG(number));
}

static tr_err_t
defer_to(tr_self *self, tr_ref_t helper)
{
    tr_token *token = NULL;
    tr_err_t err = tr_defer(self, &token);
    return err == TR_OK ? tr_send(self, helper, TR_MSG(duty, .token = token)) : err;
}

static tr_err_t
see_to_answer(tr_self *self, const team *t, uint32_t way)
{
    return way == 0   ? tr_delegate(self, t->helper)
           : way == 1 ? defer_to(self, t->helper)
                      : tr_reply(self, TR_MSG(number));
}

static tr_err_t
pass_on(tr_self *self, const team *t, tr_ref_t to, baton next, bool joins)
{
    if (!joins) {
        return tr_call(self, to, &baton_type, &next, TR_REPLY_NONE, tr_seconds(20));
    }
    tr_future *calls[] = {tr_call_begin(self, to, &baton_type, &next, tr_seconds(20)),
                          tr_call_begin(self, t->helper, TR_MSG(number), tr_seconds(20))};
    tr_err_t err = tr_try_join(self, calls, 2);
    for (int i = 0; i < 2 && err == TR_OK; i++) {
        tr_future_cancel(self, calls[i]);
    }
    return err;
}

static tr_err_t
take_baton(tr_self *self, void *arg, const tr_message *msg)
{
    team *t = arg;
    const baton *b = tr_as(baton, msg);
    baton next = {.left = b->left - 1, .random = b->random, .from = tr_self_ref(self)};
    uint32_t way = property_below(&next.random, 4);
    bool joins = property_below(&next.random, 2) == 0;
    tr_ref_t to = b->from;
    uint32_t other = property_below(&next.random, HANDS * 3);
    if (other < HANDS && !tr_ref_equal(t->hands[other], next.from)) {
        to = t->hands[other];
    }
    bool is_last = b->left == 0;
    tr_err_t err = see_to_answer(self, t, way);
    if (err == TR_OK && !is_last) {
        err = pass_on(self, t, to, next, joins);
    }
    if (err != TR_OK) {
        t->err = err;
    }
    if (err != TR_OK || is_last) {
        cue_give(&t->over);
    }
    return TR_OK;
}

typedef struct throw_in {
    team *team;
    uint32_t hops;
    uint64_t random;
} throw_in;

static tr_err_t
throw_baton(tr_self *self, void *arg)
{
    const throw_in *in = arg;
    baton first = {.left = in->hops, .random = in->random, .from = in->team->hands[1]};
    return tr_call(self, in->team->hands[0], &baton_type, &first, TR_REPLY_NONE, tr_seconds(20));
}

#if defined(__SANITIZE_THREAD__)
#define HOPS 1000
#else
#define HOPS 30000
#endif

static void
pass_batons(uint32_t workers)
{
    static team teams[2];
    static part roles[2];
    throw_in in[2];
    part helps = {.receive = help};
    rt = troupe_begin(workers);
    for (uint32_t i = 0; i < 2; i++) {
        teams[i] = (team){.helper = puppet_at(rt, i + 1, &helps)};
        cue_init(&teams[i].over);
        roles[i] = (part){.receive = take_baton, .arg = &teams[i]};
        for (uint32_t hand = 0; hand < HANDS; hand++) {
            teams[i].hands[hand] = puppet_at(rt, hand, &roles[i]);
        }
        in[i] = (throw_in){&teams[i], HOPS, (uint64_t)troupe_now_ns() + i};
        assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), throw_baton, &in[i]));
    }
    for (uint32_t i = 0; i < 2; i++) {
        CUE_AWAIT(&teams[i].over);
        cr_expect(teams[i].err == TR_OK, "%s with random %" PRIu64, tr_errname(teams[i].err),
                  in[i].random);
    }
    expect_none();
}

Test(deadlock, is_none_while_one_of_many_answers_is_on_its_way)
{
    pass_batons(1);
    pass_batons(2);
    pass_batons(3);
}

// ---- room may come from elsewhere

typedef struct place_taker {
    tr_ref_t of;
    tr_permit *permit;
} place_taker;

static tr_err_t
take_place(tr_self *self, void *arg)
{
    place_taker *p = arg;
    return tr_reserve(self, p->of, sizeof(number), tr_seconds(20), &p->permit);
}

static tr_err_t
give_place_back(tr_self *self, void *arg)
{
    tr_permit_release(self, ((place_taker *)arg)->permit);
    return TR_OK;
}

typedef struct sender {
    tr_ref_t self, to;
    tr_err_t sent[2], called;
} sender;

static tr_err_t
send_two(tr_self *self, void *arg)
{
    sender *s = arg;
    for (int i = 0; i < 2; i++) {
        s->sent[i] = tr_send(self, s->to, TR_MSG(number));
    }
    return TR_OK;
}

static tr_err_t
call_sender(tr_self *self, void *arg)
{
    sender *s = arg;
    s->called = tr_call(self, s->self, ACT_MSG(send_two, s), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, is_none_while_a_permit_may_be_given_back)
{
    for (uint32_t worker = 0; worker < 2; worker++) {
        rt = troupe_begin(2);
        part role = {.receive = help};
        place_taker p = {.permit = NULL};
        sender s = {.self = puppet_at(rt, 0, NULL), .called = TR_EBUSY};
        assert_ok(tr_runtime_spawn(
            rt, PUPPET_WITH(&role, .mailbox_count = 2, .place = TR_PLACE_AT, .worker = worker),
            &s.to));
        tr_ref_t taker = puppet_at(rt, 1, NULL);
        p.of = s.to;
        assert_ok(troupe_act(rt, taker, take_place, &p));
        assert_ok(troupe_prompt(rt, s.to, call_sender, &s));
        TROUPE_EVENTUALLY(stats().stacks == 2); // each waits for the other
        assert_ok(troupe_act(rt, taker, give_place_back, &p));
        assert_ok(troupe_act(rt, s.to, do_nothing, NULL));
        assert_ok(s.sent[0]);
        assert_ok(s.sent[1]);
        assert_ok(s.called);
        expect_none();
    }
}

typedef struct dropped_call {
    tr_ref_t a, b;
    tr_err_t there, back;
} dropped_call;

static tr_err_t
call_b(tr_self *self, void *arg)
{
    dropped_call *d = arg;
    d->back = tr_call(self, d->b, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
call_a(tr_self *self, void *arg)
{
    dropped_call *d = arg;
    d->there = tr_call(self, d->a, ACT_MSG(call_b, d), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, is_none_while_the_request_may_be_dropped_for_a_newer_message)
{
    rt = troupe_begin(2);
    part role = {.receive = help};
    dropped_call d = {.a = puppet_at(rt, 0, NULL), .there = TR_EBUSY};
    assert_ok(
        tr_runtime_spawn(rt, PUPPET_WITH(&role, .mailbox_count = 1, .full = TR_DROP_OLDEST), &d.b));
    assert_ok(troupe_prompt(rt, d.b, call_a, &d));
    TROUPE_EVENTUALLY(stats().stacks == 2);
    assert_ok(tr_runtime_send(rt, d.b, TR_MSG(number), tr_seconds(20)));
    assert_ok(troupe_act(rt, d.b, do_nothing, NULL));
    assert_err(d.back, TR_EFULL);
    assert_ok(d.there);
    expect_none();
}

// ---- what a proof goes by was given up, or given away, behind its back

// B waits for C and D, and A for B. A's look finds that and asks along the way, and the question
// lies in C's inbox, ahead of the news that B has given C up, when C comes to call A.
typedef struct behind {
    tr_ref_t a, b, c, d;
    cue is_asked, has_failed;
    atomic_bool may_go_on;
    tr_token *token; // D's
    tr_err_t a_to_b, joined, c_to_a;
} behind;

static tr_err_t
hold_and_call_a(tr_self *self, void *arg, const tr_message *msg)
{
    behind *b = arg;
    (void)msg;
    cue_give(&b->is_asked);
    while (!atomic_load(&b->may_go_on)) {
    }
    b->c_to_a = tr_call(self, b->a, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
keep_duty(tr_self *self, void *arg, const tr_message *msg)
{
    (void)msg;
    return tr_defer(self, &((behind *)arg)->token);
}

static tr_err_t
refuse_duty(tr_self *self, void *arg)
{
    tr_token_reply_error(self, ((behind *)arg)->token, TR_EIO);
    return TR_OK;
}

static tr_err_t
join_c_and_d(tr_self *self, void *arg)
{
    behind *b = arg;
    const tr_message *msg;
    tr_future *calls[] = {tr_call_begin(self, b->c, TR_MSG(number), tr_seconds(20)),
                          tr_call_begin(self, b->d, TR_MSG(number), tr_seconds(20))};
    b->joined = tr_try_join(self, calls, 2);
    cue_give(&b->has_failed);
    return tr_receive(self, TR_TYPES(number), &msg, tr_seconds(20));
}

static tr_err_t
call_the_joiner(tr_self *self, void *arg)
{
    behind *b = arg;
    b->a_to_b = tr_call(self, b->b, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, is_none_when_the_news_that_one_gave_up_come_after_the_question)
{
    static behind b;
    rt = troupe_begin(2);
    cue_init(&b.is_asked);
    cue_init(&b.has_failed);
    part calls_a = {.receive = hold_and_call_a, .arg = &b};
    part keeps = {.receive = keep_duty, .arg = &b};
    b.a = puppet_at(rt, 0, NULL);
    b.b = puppet_at(rt, 0, NULL);
    b.c = puppet_at(rt, 1, &calls_a);
    b.d = puppet_at(rt, 0, &keeps);
    tr_ref_t last = puppet_at(rt, 0, NULL);
    assert_ok(troupe_prompt(rt, b.b, join_c_and_d, &b));
    CUE_AWAIT(&b.is_asked);
    TROUPE_EVENTUALLY(stats().stacks == 1);
    assert_ok(troupe_prompt(rt, b.a, call_the_joiner, &b));
    TROUPE_EVENTUALLY(stats().stacks == 2);
    assert_ok(troupe_act(rt, last, do_nothing, NULL)); // behind B, which has sent the question on
    assert_ok(troupe_act(rt, b.d, refuse_duty, &b));
    CUE_AWAIT(&b.has_failed);
    atomic_store(&b.may_go_on, true);
    assert_ok(troupe_act(rt, b.c, do_nothing, NULL));
    assert_ok(tr_runtime_send(rt, b.b, TR_MSG(number), tr_seconds(20)));
    assert_ok(troupe_act(rt, b.a, do_nothing, NULL));
    assert_err(b.joined, TR_EIO);
    assert_ok(b.a_to_b);
    assert_err(b.c_to_a, TR_ECANCELED); // nobody wants what it does
    expect_none();
}

// B has made room, which was granted to P's permit; P, held up, does not know yet. So X, which
// waits for room in B as well, may have it from P.
typedef struct grant {
    tr_ref_t b, x;
    cue spins;
    atomic_int step;
    tr_permit *permit;
    tr_err_t reserved, sent, called;
} grant;

static tr_err_t
spin_until_last_step(tr_self *self, void *arg)
{
    grant *g = arg;
    (void)self;
    cue_give(&g->spins);
    while (atomic_load(&g->step) < 2) {
    }
    return TR_OK;
}

static tr_err_t
reserve_and_release(tr_self *self, void *arg)
{
    grant *g = arg;
    g->reserved = tr_reserve(self, g->b, sizeof(number), tr_seconds(20), &g->permit);
    if (g->reserved == TR_OK) {
        tr_permit_release(self, g->permit);
    }
    return TR_OK;
}

static tr_err_t
send_to_b(tr_self *self, void *arg)
{
    grant *g = arg;
    g->sent = tr_send(self, g->b, TR_MSG(number));
    return TR_OK;
}

static tr_err_t
make_room_and_call(tr_self *self, void *arg)
{
    grant *g = arg;
    const tr_message *msg;
    tr_err_t err = TR_OK;
    for (int yields = 0; yields < 3 && err == TR_OK; yields += atomic_load(&g->step) > 0) {
        err = tr_yield(self); // who asks for room meanwhile is taken in
    }
    err = err == TR_OK ? tr_receive(self, TR_TYPES(number), &msg, tr_ms(0)) : err;
    g->called = tr_call(self, g->x, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return err;
}

Test(deadlock, is_none_while_room_that_was_granted_may_be_given_back)
{
    static grant g;
    rt = troupe_begin(2);
    cue_init(&g.spins);
    part helps = {.receive = help};
    g.x = puppet_at(rt, 0, &helps);
    assert_ok(tr_runtime_spawn(
        rt, PUPPET_WITH(&helps, .mailbox_count = 1, .place = TR_PLACE_AT, .worker = 0), &g.b));
    tr_ref_t p = puppet_at(rt, 1, NULL);
    tr_ref_t spinner = puppet_at(rt, 1, NULL);
    tr_ref_t last = puppet_at(rt, 0, NULL);
    assert_ok(troupe_prompt(rt, g.b, make_room_and_call, &g));
    TROUPE_EVENTUALLY(stats().stacks == 1);
    assert_ok(tr_runtime_send(rt, g.b, TR_MSG(number), tr_seconds(20)));
    assert_ok(troupe_prompt(rt, p, reserve_and_release, &g));
    TROUPE_EVENTUALLY(stats().stacks == 2);
    assert_ok(troupe_prompt(rt, g.x, send_to_b, &g));
    TROUPE_EVENTUALLY(stats().stacks == 3);
    assert_ok(troupe_prompt(rt, spinner, spin_until_last_step, &g));
    CUE_AWAIT(&g.spins);
    atomic_store(&g.step, 1);
    TROUPE_EVENTUALLY(stats().ledger.queued == 1); // B's call to X, and no longer B's own mail
    assert_ok(troupe_act(rt, last, do_nothing, NULL));
    assert_ok(troupe_act(rt, last, do_nothing, NULL)); // behind B and X, and what they asked
    atomic_store(&g.step, 2);
    assert_ok(troupe_act(rt, g.b, do_nothing, NULL));
    assert_ok(troupe_act(rt, g.x, do_nothing, NULL));
    assert_ok(troupe_act(rt, p, do_nothing, NULL));
    assert_ok(g.reserved);
    assert_ok(g.sent);
    assert_ok(g.called);
    expect_none();
}

// ---- the callee crashes, is restarted, is killed

// A calls B, which fails; its next life calls A as it starts.
typedef struct crash {
    tr_ref_t a, b;
    tr_err_t called, restarted, from_start;
    cue over;
} crash;

static tr_err_t
start_again(tr_self *self, void *arg)
{
    crash *c = arg;
    if (tr_self_incarnation(self) > 1) {
        c->from_start =
            tr_call(self, c->a, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    }
    return TR_OK;
}

static tr_err_t
crash_now(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    (void)msg;
    return TR_EIO;
}

static tr_err_t
raise_b(tr_self *self, void *arg)
{
    crash *c = arg;
    part role = {.start = start_again, .receive = crash_now, .arg = c};
    return tr_spawn(
        self,
        PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD, .place = TR_PLACE_AT, .worker = 1),
        &c->b);
}

static tr_err_t
restart_b(tr_self *self, void *arg, const tr_message *msg)
{
    crash *c = arg;
    if (tr_as(tr_child_exit, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    c->restarted = tr_restart(self, c->b);
    cue_give(&c->over);
    return TR_OK;
}

static tr_err_t
call_crashing(tr_self *self, void *arg)
{
    crash *c = arg;
    c->called = tr_call(self, c->b, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, is_none_when_the_next_life_calls_who_waited_for_the_last)
{
    rt = troupe_begin(2);
    crash c = {.called = TR_EBUSY};
    cue_init(&c.over);
    part role = {.receive = restart_b, .arg = &c};
    tr_ref_t keeper = puppet_at(rt, 1, &role);
    c.a = puppet_at(rt, 0, NULL);
    assert_ok(troupe_act(rt, keeper, raise_b, &c));
    for (int i = 0; i < 500; i++) {
        assert_ok(troupe_act(rt, c.a, call_crashing, &c));
        CUE_AWAIT(&c.over);
        assert_err(c.called, TR_ECRASHED);
        assert_ok(c.restarted);
        assert_ok(c.from_start);
    }
    expect_none();
}

// A calls B, which calls C, which calls A; and B is killed meanwhile. It may be a deadlock for a
// moment, but nobody waits on.
typedef struct chain {
    tr_ref_t a, b, c;
    tr_err_t called, back;
} chain;

static tr_err_t
call_back_a(tr_self *self, void *arg, const tr_message *msg)
{
    chain *c = arg;
    (void)msg;
    c->back = tr_call(self, c->a, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
call_c(tr_self *self, void *arg, const tr_message *msg)
{
    (void)msg;
    return tr_call(self, ((chain *)arg)->c, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
}

static tr_err_t
call_the_killed(tr_self *self, void *arg)
{
    chain *c = arg;
    c->called = tr_call(self, c->b, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
hear_of_end(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static tr_err_t
raise_middle(tr_self *self, void *arg)
{
    chain *c = arg;
    part role = {.receive = call_c, .arg = c};
    return tr_spawn(self, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1), &c->b);
}

static tr_err_t
kill_middle(tr_self *self, void *arg)
{
    tr_err_t err = tr_kill(self, ((chain *)arg)->b);
    return err == TR_EDEAD ? TR_OK : err; // its handler may have failed before
}

Test(deadlock, and_a_kill_at_the_same_time_leave_nobody_waiting)
{
    static chain c;
    rt = troupe_begin(2);
    part keeps = {.receive = hear_of_end};
    part calls_a = {.receive = call_back_a, .arg = &c};
    tr_ref_t keeper = puppet_at(rt, 0, &keeps);
    c.a = puppet_at(rt, 0, NULL);
    c.c = puppet_at(rt, 1, &calls_a);
    for (int i = 0; i < 500; i++) {
        assert_ok(troupe_act(rt, keeper, raise_middle, &c));
        assert_ok(troupe_prompt(rt, c.a, call_the_killed, &c));
        int64_t until = troupe_now_ns() + (i % 50) * 2000;
        while (troupe_now_ns() < until) {
        }
        assert_ok(troupe_act(rt, keeper, kill_middle, &c));
        assert_ok(troupe_act(rt, c.a, do_nothing, NULL));
        assert_ok(troupe_act(rt, c.c, do_nothing, NULL));
        cr_expect(c.called == TR_EDEAD || c.called == TR_ECRASHED || c.called == TR_EDEADLK ||
                      c.called == TR_ENOREPLY,
                  "%s", tr_errname(c.called));
    }
    troupe_end(rt);
}
