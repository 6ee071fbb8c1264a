// ends_move_test.c: ends of channels that travel in messages: taken, left in, never delivered,
// dropped; and duties to answer that somebody else fulfils.
#include "ends.h"

TestSuite(moves, .timeout = 60);

static ends s;
static hold h; // of the one that is held: it may still be on its way out when a test goes on

// ---- what becomes of an end that is sent to somebody

// How a message with ends in it goes astray, or not.
typedef enum fate {
    IS_TAKEN,      // and its taker ends in order later
    IS_LEFT_IN,    // the handler returns without it
    IS_UNHANDLED,  // no handler wants the message
    IS_UNREAD,     // the receiver ends before it comes to it
    IS_OVERTAKEN,  // dropped for a newer one, by policy
    IS_SUPERFLUOUS // dropped for older ones, by policy
} fate;

// Its handler leaves it all where it is.
static tr_err_t
leave_in(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(carry, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static tr_err_t
be_held(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    cue_give(&h.is_held);
    cr_expect(cue_take(&h.go_on));
    return TR_OK;
}

static void
hold_it(tr_ref_t who)
{
    cue_init(&h.is_held);
    cue_init(&h.go_on);
    assert_ok(troupe_prompt(s.p.rt, who, be_held, NULL));
    CUE_AWAIT(&h.is_held);
}

// Send it to one that is held and whose mailbox has room for one message.
static void
let_drop(const bag *b, tr_full_policy_t policy)
{
    tr_ref_t to = child_of(&s.p, PUPPET_WITH(NULL, .mailbox_count = 1, .full = policy,
                                             .place = TR_PLACE_AT, .worker = 1));
    hold_it(to);
    if (policy == TR_DROP_NEWEST) {
        assert_ok(tr_runtime_send(s.p.rt, to, TR_MSG(number), TR_FOREVER));
    }
    assert_ok(tr_runtime_send(s.p.rt, to, &carry_type, b, TR_FOREVER));
    if (policy == TR_DROP_OLDEST) {
        assert_ok(tr_runtime_send(s.p.rt, to, TR_MSG(number), TR_FOREVER));
    }
    cue_give(&h.go_on);
}

static void
let_go_unread(const bag *b)
{
    deed d = {.child = child_of(&s.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1))};
    hold_it(d.child);
    assert_ok(tr_runtime_send(s.p.rt, d.child, &carry_type, b, TR_FOREVER));
    assert_ok(deed_of(&s.p, do_kill, &d));
    cue_give(&h.go_on);
}

static void
send_to_fate(const bag *b, fate what)
{
    static bag taken;
    part leaves_in = {.receive = leave_in};
    switch (what) {
    case IS_TAKEN:
        taken = (bag){.token = NULL};
        hand_to(s.p.rt, actor_with(&s, 1, &taken), b);
        tr_runtime_stop(s.p.rt);
        break;
    case IS_LEFT_IN:
        hand_to(s.p.rt, troupe_puppet(s.p.rt, &leaves_in), b);
        break;
    case IS_UNHANDLED:
        hand_to(s.p.rt, troupe_puppet(s.p.rt, NULL), b);
        break;
    case IS_UNREAD:
        let_go_unread(b);
        break;
    case IS_OVERTAKEN:
        let_drop(b, TR_DROP_OLDEST);
        break;
    case IS_SUPERFLUOUS:
        let_drop(b, TR_DROP_NEWEST);
        break;
    }
}

#define FATES (IS_SUPERFLUOUS + 1)

Test(moves, token_that_does_not_arrive_answers_enoreply)
{
    for (fate what = 0; what < FATES; what++) {
        tr_token *tx;
        tr_oneshot *rx;
        ends_begin(&s);
        assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
        send_to_fate(&(bag){.token = tx}, what);
        assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, tr_seconds(20)), TR_ENOREPLY);
        tr_oneshot_close(rx);
        ends_end(&s);
    }
}

Test(moves, receiving_end_that_does_not_arrive_is_closed)
{
    for (fate what = 0; what < FATES; what++) {
        tr_token *tx;
        tr_oneshot *rx;
        ends_begin(&s);
        assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
        send_to_fate(&(bag){.oneshot = rx}, what);
        assert_ok(tr_token_await_unwanted(TR_OUTSIDE, tx, tr_seconds(20)));
        tr_token_reply_error(TR_OUTSIDE, tx, TR_EIO);
        ends_end(&s);
    }
}

Test(moves, message_in_a_receiving_end_that_does_not_arrive_is_freed)
{
    for (fate what = 0; what < FATES; what++) {
        tr_token *tx;
        tr_oneshot *rx;
        thing t = {.drops = 0};
        ends_begin(&s);
        assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
        assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t)));
        send_to_fate(&(bag){.oneshot = rx}, what);
        TROUPE_EVENTUALLY(t.drops == 1);
        ends_end(&s);
    }
}

Test(moves, sender_that_does_not_arrive_is_closed)
{
    for (fate what = 0; what < FATES; what++) {
        const tr_message *msg;
        tr_broadcast_tx *tx;
        tr_broadcast_rx *rx;
        tr_watch_tx *watch_tx;
        tr_watch_rx *watch_rx;
        ends_begin(&s);
        assert_ok(tr_runtime_broadcast_create(s.p.rt, NULL, &tx, &rx));
        assert_ok(tr_runtime_watch_create(s.p.rt, TR_MSG(number), &watch_tx, &watch_rx));
        send_to_fate(&(bag){.broadcast_tx = tx, .watch_tx = watch_tx}, what);
        assert_err(tr_broadcast_recv(TR_OUTSIDE, rx, &msg, tr_seconds(20)), TR_ECLOSED);
        assert_err(tr_watch_await_change(TR_OUTSIDE, watch_rx, tr_seconds(20)), TR_ECLOSED);
        tr_broadcast_rx_close(rx);
        tr_watch_rx_close(watch_rx);
        ends_end(&s);
    }
}

// What it has not read is discarded, and counted: ends_end looks.
Test(moves, reader_that_does_not_arrive_is_closed)
{
    for (fate what = 0; what < FATES; what++) {
        tr_broadcast_tx *tx;
        tr_broadcast_rx *rx;
        tr_watch_tx *watch_tx;
        tr_watch_rx *watch_rx;
        ends_begin(&s);
        assert_ok(tr_runtime_broadcast_create(s.p.rt, NULL, &tx, &rx));
        assert_ok(tr_runtime_watch_create(s.p.rt, TR_MSG(number), &watch_tx, &watch_rx));
        assert_ok(tr_broadcast_send(TR_OUTSIDE, tx, TR_MSG(number), NULL));
        send_to_fate(&(bag){.broadcast_rx = rx, .watch_rx = watch_rx}, what);
        assert_ok(tr_broadcast_await_unread(TR_OUTSIDE, tx, tr_seconds(20)));
        assert_ok(tr_watch_await_unread(TR_OUTSIDE, watch_tx, tr_seconds(20)));
        tr_broadcast_tx_close(tx);
        tr_watch_tx_close(watch_tx);
        ends_end(&s);
    }
}

// ---- a message that was not delivered: what is in it is still the sender's

typedef struct attempt {
    tr_ref_t to;
    tr_err_t expected;
    bag ends;
} attempt;

static tr_err_t
make_ends(tr_self *self, tr_runtime *rt, attempt *a)
{
    tr_err_t err;
    bag *b = &a->ends;
    if (self == NULL) {
        err = tr_runtime_oneshot_create(rt, &b->token, &b->oneshot);
        return err != TR_OK
                   ? err
                   : tr_runtime_broadcast_create(rt, NULL, &b->broadcast_tx, &b->broadcast_rx);
    }
    err = tr_oneshot_create(self, &b->token, &b->oneshot);
    return err != TR_OK ? err : tr_broadcast_create(self, NULL, &b->broadcast_tx, &b->broadcast_rx);
}

// All four still work, in the hands of who has tried to send them.
static tr_err_t
use_ends(tr_self *self, tr_runtime *rt, const bag *b)
{
    const tr_message *msg;
    tr_err_t err = tr_token_reply(self, b->token, TR_MSG(number, .value = 3));
    err = err != TR_OK ? err : tr_oneshot_recv(self, b->oneshot, TR_REPLY_NONE, tr_ms(0));
    err = err != TR_OK ? err : tr_broadcast_send(self, b->broadcast_tx, TR_MSG(number), NULL);
    err = err != TR_OK ? err : tr_broadcast_recv(self, b->broadcast_rx, &msg, tr_ms(0));
    if (err == TR_OK) {
        give_back(rt, self, msg);
    }
    return err;
}

static tr_err_t
send_in_vain(tr_self *self, void *arg)
{
    attempt *a = arg;
    tr_err_t err = make_ends(self, s.p.rt, a);
    if (err != TR_OK) {
        return err;
    }
    tr_err_t sent = self != NULL ? tr_send(self, a->to, &carry_type, &a->ends)
                                 : tr_runtime_send(s.p.rt, a->to, &carry_type, &a->ends, tr_ms(0));
    return sent != a->expected ? TR_EFAULT : use_ends(self, s.p.rt, &a->ends);
}

static void
send_in_vain_to(tr_ref_t to, tr_err_t expected)
{
    attempt outside = {.to = to, .expected = expected};
    attempt inside = {.to = to, .expected = expected};
    assert_ok(send_in_vain(TR_OUTSIDE, &outside));
    tr_oneshot_close(outside.ends.oneshot);
    tr_broadcast_tx_close(outside.ends.broadcast_tx);
    tr_broadcast_rx_close(outside.ends.broadcast_rx);
    assert_ok(troupe_act(s.p.rt, troupe_puppet(s.p.rt, NULL), send_in_vain, &inside));
}

Test(moves, ends_in_a_message_to_the_dead_are_still_the_senders)
{
    ends_begin(&s);
    tr_ref_t dead = child_of(&s.p, PUPPET(NULL));
    end_life(&s, dead, BY_RETURN);
    send_in_vain_to(dead, TR_EDEAD);
    ends_end(&s);
}

Test(moves, ends_in_a_message_that_is_rejected_are_still_the_senders)
{
    ends_begin(&s);
    tr_ref_t full = child_of(&s.p, PUPPET_WITH(NULL, .mailbox_count = 1, .full = TR_REJECT,
                                               .place = TR_PLACE_AT, .worker = 1));
    hold_it(full);
    assert_ok(tr_runtime_send(s.p.rt, full, TR_MSG(number), TR_FOREVER));
    send_in_vain_to(full, TR_EFULL);
    cue_give(&h.go_on);
    ends_end(&s);
}

// ---- an end that moves on, and on

#define HOPS 20

static tr_err_t
send_on(tr_self *self, void *arg)
{
    attempt *a = arg;
    return tr_send(self, a->to, &carry_type, &a->ends);
}

static tr_err_t
use_oneshot(tr_self *self, void *arg)
{
    const bag *b = arg;
    tr_err_t err = tr_token_reply(self, b->token, TR_MSG(number, .value = 3));
    return err != TR_OK ? err : tr_oneshot_recv(self, b->oneshot, TR_REPLY_NONE, tr_ms(0));
}

Test(moves, ends_that_were_handed_on_many_times_work_where_they_are)
{
    bag bags[2] = {{.token = NULL}, {.token = NULL}};
    tr_token *tx;
    tr_oneshot *rx;
    ends_begin(&s);
    assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
    tr_ref_t two[] = {actor_with(&s, 0, &bags[0]), actor_with(&s, 1, &bags[1])};
    hand_to(s.p.rt, two[0], &(bag){.token = tx, .oneshot = rx});
    for (int i = 0; i < HOPS; i++) {
        attempt a = {.to = two[(i + 1) % 2], .ends = bags[i % 2]};
        assert_ok(troupe_act(s.p.rt, two[i % 2], send_on, &a));
        assert_ok(troupe_act(s.p.rt, two[(i + 1) % 2], do_nothing, NULL));
    }
    end_life(&s, two[1], BY_CRASH); // it has nothing any more
    assert_ok(troupe_act(s.p.rt, two[0], use_oneshot, &bags[0]));
    ends_end(&s);
}

// ---- a duty to answer that another fulfils

typedef struct substitute {
    tr_ref_t ref;
    bag bag;
} substitute;

// Puts every call off and hands the duty on.
static tr_err_t
pass_on(tr_self *self, void *arg, const tr_message *msg)
{
    substitute *other = arg;
    tr_token *token;
    if (tr_as(number, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_defer(self, &token);
    return err != TR_OK ? err : tr_send(self, other->ref, TR_MSG(carry, .token = token));
}

static tr_err_t
answer_nine(tr_self *self, void *arg)
{
    return tr_token_reply(self, ((substitute *)arg)->bag.token, TR_MSG(number, .value = 9));
}

static tr_err_t
answer_ebusy(tr_self *self, void *arg)
{
    tr_token_reply_error(self, ((substitute *)arg)->bag.token, TR_EBUSY);
    return TR_OK;
}

typedef struct question {
    tr_ref_t to;
    tr_duration_t timeout;
    tr_err_t err;
    uint64_t value;
} question;

static tr_err_t
ask(tr_self *self, void *arg)
{
    question *q = arg;
    const number *n;
    q->err = self != NULL
                 ? tr_call(self, q->to, TR_MSG(number), TR_REPLY(number, &n), q->timeout)
                 : tr_runtime_call(s.p.rt, q->to, TR_MSG(number), TR_REPLY(number, &n), q->timeout);
    if (q->err == TR_OK) {
        q->value = n->value;
        give_back(s.p.rt, self, n);
    }
    return q->err;
}

static tr_err_t
look_for_token(tr_self *self, void *arg)
{
    (void)self;
    return ((substitute *)arg)->bag.token != NULL ? TR_OK : tr_reply_error(self, TR_EBUSY);
}

static bool
has_token(substitute *sub)
{
    return troupe_act(s.p.rt, sub->ref, look_for_token, sub) == TR_OK;
}

// Ask one who passes it on; returns when the substitute has the token.
static void
begin_asking(player *caller, question *q, substitute *sub)
{
    sub->bag = (bag){.token = NULL};
    sub->ref = actor_with(&s, 1, &sub->bag);
    part role = {.receive = pass_on, .arg = sub};
    q->to = child_of(&s.p, PUPPET(&role));
    begin_act(caller, ask, q);
    TROUPE_EVENTUALLY(has_token(sub));
}

typedef struct errand {
    player caller;
    bag none;
    question q;
    substitute sub;
} errand;

static void
begin_errand(errand *e, place caller)
{
    ends_begin(&s);
    *e = (errand){.q.timeout = tr_seconds(20)};
    e->caller = player_of(&s, caller, &e->none);
    begin_asking(&e->caller, &e->q, &e->sub);
}

Test(moves, deferred_duty_is_answered_by_its_new_holder)
{
    for (place caller = A_THREAD; caller < PLACES; caller++) {
        errand e;
        begin_errand(&e, caller);
        assert_ok(troupe_act(s.p.rt, e.sub.ref, answer_nine, &e.sub));
        assert_ok(await_act(&e.caller));
        cr_assert(eq(u64, e.q.value, 9));
        ends_end(&s);
    }
}

Test(moves, deferred_duty_is_answered_after_who_deferred_it_has_ended)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        errand e;
        begin_errand(&e, AN_ACTOR);
        end_life(&s, e.q.to, how);
        assert_ok(troupe_act(s.p.rt, e.sub.ref, answer_ebusy, &e.sub));
        assert_err(await_act(&e.caller), TR_EBUSY);
        ends_end(&s);
    }
}

Test(moves, deferred_duty_whose_new_holder_ends_tells_how)
{
    for (place caller = A_THREAD; caller < PLACES; caller++) {
        for (ending how = BY_RETURN; how < ENDINGS; how++) {
            errand e;
            begin_errand(&e, caller);
            end_life(&s, e.sub.ref, how);
            assert_err(await_act(&e.caller), left_open(how));
            ends_end(&s);
        }
    }
}

static tr_err_t
throw_away(tr_self *self, void *arg)
{
    substitute *sub = arg;
    return tr_send(self, tr_self_ref(self), TR_MSG(carry, .token = sub->bag.token));
}

// Taken out once, sent to itself, and not taken out again.
static tr_err_t
take_once(tr_self *self, void *arg, const tr_message *msg)
{
    bag *b = arg;
    if (b->token == NULL && tr_as(carry, msg) != NULL) {
        take_all(self, msg, b);
    }
    return TR_OK;
}

Test(moves, deferred_duty_that_is_dropped_answers_enoreply)
{
    errand e = {.q.timeout = tr_seconds(20)};
    ends_begin(&s);
    e.caller = player_of(&s, AN_ACTOR, &e.none);
    part once = {.receive = take_once, .arg = &e.sub.bag};
    e.sub.ref = troupe_puppet(s.p.rt, &once);
    part role = {.receive = pass_on, .arg = &e.sub};
    e.q.to = troupe_puppet(s.p.rt, &role);
    begin_act(&e.caller, ask, &e.q);
    TROUPE_EVENTUALLY(has_token(&e.sub));
    assert_ok(troupe_act(s.p.rt, e.sub.ref, throw_away, &e.sub));
    assert_err(await_act(&e.caller), TR_ENOREPLY);
    ends_end(&s);
}

static tr_err_t
await_its_end(tr_self *self, void *arg)
{
    substitute *sub = arg;
    tr_err_t err = tr_token_await_unwanted(self, sub->bag.token, TR_FOREVER);
    return err == TR_OK && tr_token_is_wanted(self, sub->bag.token) ? TR_EFAULT : err;
}

static tr_err_t
answer_late(tr_self *self, void *arg)
{
    substitute *sub = arg;
    return tr_token_reply(self, sub->bag.token, TR_MSG(number));
}

// The late answer waits until the caller has given up: one that comes at the very deadline may
// still find it there.
Test(moves, deferred_duty_is_unwanted_from_its_deadline_on)
{
    errand e;
    ends_begin(&s);
    e = (errand){.q.timeout = tr_ms(300)};
    e.caller = player_of(&s, A_THREAD, &e.none);
    begin_asking(&e.caller, &e.q, &e.sub);
    cr_assert(tr_token_is_wanted(TR_OUTSIDE, e.sub.bag.token));
    assert_ok(troupe_act(s.p.rt, e.sub.ref, await_its_end, &e.sub));
    assert_err(await_act(&e.caller), TR_ETIMEOUT);
    assert_ok(troupe_act(s.p.rt, e.sub.ref, answer_late, &e.sub));
    ends_end(&s);
}
