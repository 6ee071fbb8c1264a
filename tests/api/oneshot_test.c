// oneshot_test.c: one message, whoever has the ends of the channel, and however those end.
#include "ends.h"

TestSuite(oneshot, .timeout = 60);

// One receive, or one answer, as an act.
typedef struct turn {
    player *p;
    const tr_type_t *expect;
    tr_duration_t timeout;
    tr_err_t err;
    uint64_t value; // received, or to send
} turn;

static ends s;
static tr_token *tx;
static tr_oneshot *rx;

static void
open_ends(void)
{
    ends_begin(&s);
    assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
}

static tr_err_t
answer(uint64_t value)
{
    return tr_token_reply(TR_OUTSIDE, tx, TR_MSG(number, .value = value));
}

static tr_err_t
receive_now(void)
{
    const tr_message *msg;
    tr_err_t err = tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_ANY(&msg), tr_ms(0));
    if (err == TR_OK) {
        tr_runtime_release(s.p.rt, msg);
    }
    return err;
}

// ---- what a receive answers

Test(oneshot, that_has_not_come_is_etimeout_and_may_be_awaited_again)
{
    const number *n = NULL;
    open_ends();
    assert_err(receive_now(), TR_ETIMEOUT);
    assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY(number, &n), tr_ms(2)), TR_ETIMEOUT);
    cr_assert(n == NULL);
    assert_ok(answer(7));
    assert_ok(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY(number, &n), tr_ms(0)));
    cr_assert(eq(u64, n->value, 7));
    tr_runtime_release(s.p.rt, n);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, received_before_is_ealready_also_when_it_was_an_error)
{
    for (int is_error = 0; is_error < 2; is_error++) {
        open_ends();
        if (is_error) {
            tr_token_reply_error(TR_OUTSIDE, tx, TR_EIO);
        } else {
            assert_ok(answer(1));
        }
        assert_err(receive_now(), is_error ? TR_EIO : TR_OK);
        assert_err(receive_now(), TR_EALREADY);
        tr_oneshot_shut(rx);
        assert_err(receive_now(), TR_EALREADY);
        tr_oneshot_close(rx);
        ends_end(&s);
    }
}

Test(oneshot, that_is_shut_before_anything_was_sent_is_eclosed)
{
    open_ends();
    tr_oneshot_shut(rx);
    assert_err(receive_now(), TR_ECLOSED);
    assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, TR_FOREVER), TR_ECLOSED);
    assert_err(answer(1), TR_ECLOSED);
    assert_err(receive_now(), TR_ECLOSED);
    tr_oneshot_shut(rx);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, that_is_shut_after_it_was_sent_is_received)
{
    open_ends();
    assert_ok(answer(1));
    tr_oneshot_shut(rx);
    tr_oneshot_shut(rx);
    assert_ok(receive_now());
    assert_err(receive_now(), TR_EALREADY);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, of_another_type_is_etype_and_was_released)
{
    const number *n = NULL;
    _Atomic int freed = 0;
    open_ends();
    tr_buf *data = blob_of(100, &freed);
    assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(blob, .data = data)));
    tr_buf_unref(data);
    cr_assert(eq(int, freed, 0));
    assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY(number, &n), tr_ms(0)), TR_ETYPE);
    cr_assert(n == NULL && freed == 1);
    assert_err(receive_now(), TR_EALREADY);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, answered_with_an_error_gives_that_error)
{
    open_ends();
    tr_token_reply_error(TR_OUTSIDE, tx, TR_EADDR);
    assert_err(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, TR_FOREVER), TR_EADDR);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, whose_error_is_none_gives_enoreply)
{
    open_ends();
    tr_token_reply_error(TR_OUTSIDE, tx, TR_OK);
    tr_token_reply_error(TR_OUTSIDE, NULL, TR_EIO);
    assert_err(receive_now(), TR_ENOREPLY);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, that_matters_only_as_success_is_released_at_once)
{
    _Atomic int freed = 0;
    open_ends();
    tr_buf *data = blob_of(100, &freed);
    assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(blob, .data = data)));
    tr_buf_unref(data);
    assert_ok(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, tr_ms(0)));
    cr_assert(eq(int, freed, 1));
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, says_who_sent_it)
{
    const tr_message *msg;
    open_ends();
    assert_ok(answer(3));
    assert_ok(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_ANY(&msg), tr_ms(0)));
    cr_assert(tr_message_type(msg) == &number_type && value_of(msg) == 3);
    bool is_outside = tr_ref_equal(tr_message_sender(msg), TR_REF_NONE);
    cr_assert(is_outside);
    cr_assert(tr_message_is_call(msg) == false);
    tr_runtime_release(s.p.rt, msg);
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, that_was_received_outlives_its_receiving_end)
{
    const number *n;
    open_ends();
    assert_ok(answer(3));
    assert_ok(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY(number, &n), tr_ms(0)));
    tr_oneshot_close(rx);
    cr_assert(eq(u64, n->value, 3));
    tr_runtime_release(s.p.rt, n);
    tr_oneshot_close(NULL);
    ends_end(&s);
}

Test(oneshot, that_nobody_receives_is_freed_with_the_receiving_end)
{
    _Atomic int freed = 0;
    open_ends();
    tr_buf *data = blob_of(100, &freed);
    assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(blob, .data = data)));
    tr_buf_unref(data);
    tr_oneshot_close(rx);
    cr_assert(eq(int, freed, 1));
    ends_end(&s);
}

// ---- what an answer answers

Test(oneshot, answer_that_cannot_be_a_message_leaves_the_token)
{
    open_ends();
    assert_err(tr_token_reply(TR_OUTSIDE, tx, NULL, NULL), TR_EINVAL);
    assert_err(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(lump, .data = tr_bytes("", SIZE_MAX / 4))),
               TR_ETOOBIG);
    cr_assert(tr_token_is_wanted(TR_OUTSIDE, tx));
    assert_ok(answer(1));
    assert_ok(receive_now());
    tr_oneshot_close(rx);
    ends_end(&s);
}

Test(oneshot, answer_to_a_closed_end_is_eclosed_and_the_token_is_gone)
{
    open_ends();
    cr_assert(tr_token_is_wanted(TR_OUTSIDE, tx));
    tr_oneshot_close(rx);
    cr_assert(tr_token_is_wanted(TR_OUTSIDE, tx) == false);
    assert_err(answer(1), TR_ECLOSED);
    ends_end(&s);
}

Test(oneshot, error_for_a_closed_end_is_dropped)
{
    open_ends();
    tr_oneshot_close(rx);
    tr_token_reply_error(TR_OUTSIDE, tx, TR_EIO);
    ends_end(&s);
}

Test(oneshot, object_in_an_answer_is_the_receivers_to_take)
{
    thing t = {.drops = 0};
    const tr_message *msg;
    open_ends();
    assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t)));
    assert_ok(tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_ANY(&msg), tr_ms(0)));
    thing *taken = tr_take(TR_OUTSIDE, msg, parcel, object);
    cr_assert(taken == &t);
    tr_runtime_release(s.p.rt, msg);
    tr_oneshot_close(rx);
    cr_assert(t.leaves == 1 && t.adopts == 1 && t.drops == 0);
    ends_end(&s);
}

Test(oneshot, object_in_an_answer_that_nobody_takes_is_dropped)
{
    thing t = {.drops = 0};
    open_ends();
    assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t)));
    assert_ok(receive_now());
    tr_oneshot_close(rx);
    cr_assert(t.leaves == 1 && t.drops == 1);
    assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
    assert_ok(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t)));
    tr_oneshot_close(rx);
    cr_assert(t.leaves == 2 && t.drops == 2);
    ends_end(&s);
}

Test(oneshot, object_in_an_answer_to_a_closed_end_is_still_the_senders)
{
    thing t = {.drops = 0};
    open_ends();
    tr_oneshot_close(rx);
    assert_err(tr_token_reply(TR_OUTSIDE, tx, TR_MSG(parcel, .object = &t)), TR_ECLOSED);
    cr_assert(eq(int, t.drops, 0));
    ends_end(&s);
}

// ---- waiting until it is unwanted

Test(oneshot, wait_until_it_is_unwanted_times_out_while_it_is_wanted)
{
    open_ends();
    assert_err(tr_token_await_unwanted(TR_OUTSIDE, tx, tr_ms(0)), TR_ETIMEOUT);
    assert_err(tr_token_await_unwanted(TR_OUTSIDE, tx, tr_ms(2)), TR_ETIMEOUT);
    tr_oneshot_shut(rx);
    assert_ok(tr_token_await_unwanted(TR_OUTSIDE, tx, tr_ms(0)));
    assert_err(answer(1), TR_ECLOSED);
    tr_oneshot_close(rx);
    ends_end(&s);
}

// ---- both ends, held by whom it may be

static tr_err_t
receive(tr_self *self, void *arg)
{
    turn *t = arg;
    const tr_message *msg;
    t->err = tr_oneshot_recv(self, t->p->bag->oneshot, t->expect, &msg, t->timeout);
    if (t->err == TR_OK) {
        t->value = t->expect == NULL ? value_of(msg) : ((const number *)(const void *)msg)->value;
        give_back(t->p->rt, self, msg);
    }
    return t->err;
}

static tr_err_t
reply(tr_self *self, void *arg)
{
    turn *t = arg;
    return tr_token_reply(self, t->p->bag->token, TR_MSG(number, .value = t->value));
}

static tr_err_t
reply_eio(tr_self *self, void *arg)
{
    turn *t = arg;
    tr_token_reply_error(self, t->p->bag->token, TR_EIO);
    return TR_OK;
}

static tr_err_t
await_unwanted(tr_self *self, void *arg)
{
    turn *t = arg;
    t->err = tr_token_await_unwanted(self, t->p->bag->token, t->timeout);
    return t->err;
}

static tr_err_t
close_rx(tr_self *self, void *arg)
{
    (void)self;
    turn *t = arg;
    tr_oneshot_close(t->p->bag->oneshot);
    return TR_OK;
}

static tr_err_t
shut_rx(tr_self *self, void *arg)
{
    (void)self;
    turn *t = arg;
    tr_oneshot_shut(t->p->bag->oneshot);
    return TR_OK;
}

static tr_err_t
reply_in_vain(tr_self *self, void *arg)
{
    tr_err_t err = reply(self, arg);
    return err == TR_ECLOSED ? TR_OK : TR_EFAULT;
}

typedef struct pair {
    bag sends, receives;
    player sender, receiver;
    turn tx, rx;
} pair;

static void
begin_pair(pair *p, place sender, place receiver)
{
    open_ends();
    p->sender = player_of(&s, sender, &p->sends);
    p->receiver = player_of(&s, receiver, &p->receives);
    hand(&p->sender, (bag){.token = tx});
    hand(&p->receiver, (bag){.oneshot = rx});
    p->tx = (turn){.p = &p->sender, .timeout = TR_FOREVER, .value = 42};
    p->rx = (turn){.p = &p->receiver, .timeout = TR_FOREVER, .expect = &number_type};
}

// Whether the waiting player has come to wait: of a thread nothing tells.
static void
let_wait(const player *p)
{
    if (p->place != A_THREAD) {
        TROUPE_EVENTUALLY(are_waiting(p->rt, 1));
    } else {
        troupe_pause();
    }
}

typedef void (*pair_fn)(pair *p);

static void
for_each_pair(pair_fn fn)
{
    for (place sender = A_THREAD; sender < PLACES; sender++) {
        for (place receiver = A_THREAD; receiver < PLACES; receiver++) {
            pair p;
            begin_pair(&p, sender, receiver);
            fn(&p);
            ends_end(&s);
        }
    }
}

static void
send_then_receive(pair *p)
{
    assert_ok(do_act(&p->sender, reply, &p->tx));
    assert_ok(do_act(&p->receiver, receive, &p->rx));
    cr_assert(eq(u64, p->rx.value, 42));
    assert_err(do_act(&p->receiver, receive, &p->rx), TR_EALREADY);
    assert_ok(do_act(&p->receiver, close_rx, &p->rx));
}

Test(oneshot, sent_before_it_is_awaited_is_received_by_actors_and_threads)
{
    for_each_pair(send_then_receive);
}

static void
wait_then_send(pair *p)
{
    begin_act(&p->receiver, receive, &p->rx);
    let_wait(&p->receiver);
    assert_ok(do_act(&p->sender, reply, &p->tx));
    assert_ok(await_act(&p->receiver));
    cr_assert(eq(u64, p->rx.value, 42));
    assert_ok(do_act(&p->receiver, close_rx, &p->rx));
}

Test(oneshot, awaited_before_it_is_sent_is_received_by_actors_and_threads)
{
    for_each_pair(wait_then_send);
}

static void
wait_then_fail(pair *p)
{
    begin_act(&p->receiver, receive, &p->rx);
    let_wait(&p->receiver);
    assert_ok(do_act(&p->sender, reply_eio, &p->tx));
    assert_err(await_act(&p->receiver), TR_EIO);
    assert_ok(do_act(&p->receiver, close_rx, &p->rx));
}

Test(oneshot, error_wakes_actors_and_threads)
{
    for_each_pair(wait_then_fail);
}

static void
time_out_then_send(pair *p)
{
    p->rx.timeout = tr_ms(2);
    assert_err(do_act(&p->receiver, receive, &p->rx), TR_ETIMEOUT);
    p->rx.timeout = tr_ms(0);
    assert_err(do_act(&p->receiver, receive, &p->rx), TR_ETIMEOUT);
    p->rx.timeout = TR_FOREVER;
    wait_then_send(p);
}

Test(oneshot, wait_that_timed_out_loses_nothing_for_actors_and_threads)
{
    for_each_pair(time_out_then_send);
}

static void
unwanted_by_close(pair *p)
{
    begin_act(&p->sender, await_unwanted, &p->tx);
    let_wait(&p->sender);
    assert_ok(do_act(&p->receiver, close_rx, &p->rx));
    assert_ok(await_act(&p->sender));
    assert_ok(do_act(&p->sender, reply_in_vain, &p->tx));
}

Test(oneshot, closed_tells_who_waits_until_it_is_unwanted)
{
    for_each_pair(unwanted_by_close);
}

static void
unwanted_by_shut(pair *p)
{
    begin_act(&p->sender, await_unwanted, &p->tx);
    let_wait(&p->sender);
    assert_ok(do_act(&p->receiver, shut_rx, &p->rx));
    assert_ok(await_act(&p->sender));
    assert_ok(do_act(&p->sender, reply_in_vain, &p->tx));
    assert_err(do_act(&p->receiver, receive, &p->rx), TR_ECLOSED);
    assert_ok(do_act(&p->receiver, close_rx, &p->rx));
}

Test(oneshot, shut_tells_who_waits_until_it_is_unwanted)
{
    for_each_pair(unwanted_by_shut);
}

// ---- a life that ends with an end

Test(oneshot, whose_senders_life_ends_tells_how)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        pair p;
        begin_pair(&p, AN_ACTOR, A_THREAD);
        begin_act(&p.receiver, receive, &p.rx);
        end_life(&s, p.sender.ref, how);
        assert_err(await_act(&p.receiver), left_open(how));
        tr_oneshot_close(rx);
        ends_end(&s);
    }
}

Test(oneshot, whose_sender_ends_while_it_waits_until_it_is_unwanted_tells_how)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        pair p;
        begin_pair(&p, ANOTHER_ACTOR, AN_ACTOR);
        begin_act(&p.sender, await_unwanted, &p.tx);
        let_wait(&p.sender);
        end_life(&s, p.sender.ref, how);
        assert_err(do_act(&p.receiver, receive, &p.rx), left_open(how));
        if (how == BY_STOP) {
            assert_err(await_act(&p.sender), TR_ECANCELED);
        }
        ends_end(&s);
    }
}

Test(oneshot, is_unwanted_when_its_receivers_life_has_ended)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        pair p;
        begin_pair(&p, A_THREAD, AN_ACTOR);
        begin_act(&p.sender, await_unwanted, &p.tx);
        end_life(&s, p.receiver.ref, how);
        assert_ok(await_act(&p.sender));
        assert_err(answer(1), TR_ECLOSED);
        ends_end(&s);
    }
}

Test(oneshot, is_unwanted_when_its_receiver_ends_while_it_waits)
{
    for (ending how = BY_KILL; how <= BY_STOP; how++) {
        pair p;
        begin_pair(&p, A_THREAD, ANOTHER_ACTOR);
        begin_act(&p.receiver, receive, &p.rx);
        let_wait(&p.receiver);
        end_life(&s, p.receiver.ref, how);
        if (how == BY_STOP) {
            assert_err(await_act(&p.receiver), TR_ECANCELED);
        }
        assert_ok(tr_token_await_unwanted(TR_OUTSIDE, tx, TR_FOREVER));
        assert_err(answer(1), TR_ECLOSED);
        ends_end(&s);
    }
}

static tr_err_t
make_both_and_end(tr_self *self, void *arg)
{
    (void)arg;
    tr_token *token;
    tr_oneshot *oneshot;
    tr_err_t err = tr_oneshot_create(self, &token, &oneshot);
    return err != TR_OK ? err : TR_EIO;
}

static tr_err_t
fill_one_and_end(tr_self *self, void *arg)
{
    (void)arg;
    tr_token *token;
    tr_oneshot *oneshot;
    tr_err_t err = tr_oneshot_create(self, &token, &oneshot);
    if (err == TR_OK) {
        err = tr_token_reply(self, token, TR_MSG(number, .value = 1));
    }
    return err != TR_OK ? err : TR_EIO;
}

Test(oneshot, both_ends_of_which_end_with_one_life_leaves_nothing)
{
    open_ends();
    tr_ref_t first = troupe_puppet(s.p.rt, NULL);
    tr_ref_t second = troupe_puppet(s.p.rt, NULL);
    assert_err(troupe_act(s.p.rt, first, make_both_and_end, NULL), TR_ECRASHED);
    assert_err(troupe_act(s.p.rt, second, fill_one_and_end, NULL), TR_ECRASHED);
    assert_ok(answer(1));
    tr_oneshot_close(rx);
    ends_end(&s);
}

// A handler that polls must not keep the worker of who is to answer.
static tr_err_t
poll_until_there(tr_self *self, void *arg)
{
    turn *t = arg;
    t->timeout = tr_ms(0);
    tr_err_t err;
    int64_t until = troupe_now_ns() + 10 * INT64_C(1000000000);
    do {
        err = receive(self, t);
    } while (err == TR_ETIMEOUT && troupe_now_ns() < until);
    return err;
}

Test(oneshot, polled_without_end_lets_its_sender_run)
{
    pair p;
    begin_pair(&p, AN_ACTOR, AN_ACTOR);
    begin_act(&p.receiver, poll_until_there, &p.rx);
    begin_act(&p.sender, reply, &p.tx);
    assert_ok(await_act(&p.sender));
    assert_ok(await_act(&p.receiver));
    ends_end(&s);
}
