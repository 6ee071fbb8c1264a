// mpsc_call_test.c: calls to a channel's address and their answers, and its high lane.
#include "players.h"

TestSuite(mpsc_call, .timeout = 60);

// ---- the caller

typedef struct question {
    tr_ref_t to;
    tr_duration_t timeout;
    uint64_t value;  // asked
    uint64_t answer; // and answered
} question;

static tr_err_t
ask(tr_self *self, void *arg)
{
    question *q = arg;
    const number *n;
    tr_err_t err = self != TR_OUTSIDE
                       ? tr_call(self, q->to, TR_MSG(number, .value = q->value),
                                 TR_REPLY(number, &n), q->timeout)
                       : tr_runtime_call(rt, q->to, TR_MSG(number, .value = q->value),
                                         TR_REPLY(number, &n), q->timeout);
    if (err == TR_OK) {
        q->answer = n->value;
        give_back(self, (const void *)n);
    }
    return err;
}

// A pair whose receiver has a message in hand, or not yet: the sender asks meanwhile.
static void
begin_call(pair *p, question *q)
{
    *q = (question){.to = p->in.ref, .timeout = TR_FOREVER, .value = 20};
    player_do(&p->sender, ask, q);
}

static void
with_calls(const tr_mpsc_opts_t *opts, bool from_threads, void (*scene)(pair *p, question *q))
{
    for (int way = 0; way < (from_threads ? 4 : 2); way++) {
        pair p;
        question q;
        rt = troupe_begin(2);
        pair_begin(&p, opts, way % 2 != 0, way < 2);
        begin_call(&p, &q);
        scene(&p, &q);
        pair_end(&p);
        troupe_end(rt);
    }
}

static const tr_mpsc_opts_t of_any;

// ---- answers

static tr_err_t
recv_and_answer(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER);
    if (err == TR_OK) {
        cr_expect(tr_message_is_call(msg));
        err = tr_reply_to(self, msg, TR_MSG(number, .value = value_of(msg) + 1));
    }
    if (err == TR_OK && tr_reply_to(self, msg, TR_MSG(number)) != TR_EALREADY) {
        err = TR_EFAULT;
    }
    return err;
}

static void
answer_it(pair *p, question *q)
{
    assert_ok(player_play(&p->receiver, recv_and_answer, &p->in));
    assert_ok(player_done(&p->sender));
    cr_assert(eq(u64, q->answer, 21));
}

Test(mpsc_call, is_answered_by_its_receiver_and_only_once)
{
    with_calls(&of_any, false, answer_it);
}

static tr_err_t
recv_and_refuse(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER);
    return err == TR_OK ? tr_reply_error_to(self, msg, TR_ENOTFOUND) : err;
}

static void
refuse_it(pair *p, question *q)
{
    (void)q;
    assert_ok(player_play(&p->receiver, recv_and_refuse, &p->in));
    assert_err(player_done(&p->sender), TR_ENOTFOUND);
}

Test(mpsc_call, is_answered_with_an_error)
{
    with_calls(&of_any, false, refuse_it);
}

static void
release_it(pair *p, question *q)
{
    (void)q;
    assert_ok(player_play(&p->receiver, do_recv, &p->in)); // which releases it
    assert_err(player_done(&p->sender), TR_ENOREPLY);
}

Test(mpsc_call, that_is_released_without_an_answer_is_enoreply)
{
    with_calls(&of_any, true, release_it);
}

static tr_err_t
recv_only(tr_self *self, void *arg)
{
    ends *e = arg;
    const tr_message *msg;
    return tr_mpsc_recv(self, e->rx, &msg, TR_FOREVER);
}

static void
leave_it(pair *p, question *q)
{
    (void)q;
    assert_ok(player_play(&p->receiver, recv_only, &p->in));
    assert_err(player_done(&p->sender), TR_ENOREPLY);
}

Test(mpsc_call, that_is_not_answered_when_the_handler_returns_is_enoreply)
{
    with_calls(&of_any, false, leave_it);
}

static tr_err_t
recv_and_fail(tr_self *self, void *arg)
{
    tr_err_t err = recv_only(self, arg);
    return err == TR_OK ? TR_EIO : err;
}

static void
fail_with_it(pair *p, question *q)
{
    (void)q;
    assert_ok(troupe_prompt(rt, p->receiver.actor, recv_and_fail, &p->in));
    assert_err(player_done(&p->sender), TR_ECRASHED);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, p->receiver.actor));
    p->in.rx = NULL;
    player_begin(&p->receiver, false);
}

Test(mpsc_call, that_is_in_hand_when_the_handler_fails_is_ecrashed)
{
    with_calls(&of_any, false, fail_with_it);
}

// ---- no answer will come

static void
until_queued(pair *p)
{
    TROUPE_EVENTUALLY(tr_mpsc_count(p->in.rx) == 1);
}

static void
close_on_it(pair *p, question *q)
{
    (void)q;
    until_queued(p);
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    assert_err(player_done(&p->sender), TR_EDEAD);
    cr_assert(eq(u64, troupe_ledger(rt).discarded, 1));
    assert_err(player_play(&p->sender, ask, q), TR_EDEAD); // and another one at once
}

Test(mpsc_call, that_is_queued_when_the_receiver_goes_is_edead)
{
    with_calls(&of_any, true, close_on_it);
}

Test(mpsc_call, that_is_queued_when_the_receiver_goes_is_edead_where_the_oldest_are_dropped)
{
    with_calls(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, true, close_on_it);
}

static void
shut_on_it(pair *p, question *q)
{
    until_queued(p);
    assert_ok(player_play(&p->receiver, do_shut, &p->in));
    assert_ok(player_play(&p->receiver, recv_and_answer, &p->in));
    assert_ok(player_done(&p->sender));
    cr_assert(eq(u64, q->answer, 21));
    assert_err(player_play(&p->sender, ask, q), TR_EDEAD);
}

Test(mpsc_call, that_is_queued_when_it_is_shut_is_answered)
{
    with_calls(&of_any, false, shut_on_it);
}

static void
let_it_expire(pair *p, question *q)
{
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_err(player_done(&p->sender), TR_ENOREPLY);
    q->timeout = tr_ms(3);
    assert_err(player_play(&p->sender, ask, q), TR_ETIMEOUT);
    p->in.timeout = tr_ms(0);
    assert_err(player_play(&p->receiver, do_recv, &p->in), TR_ETIMEOUT);
    cr_assert(eq(u64, troupe_ledger(rt).expired, 1));
}

Test(mpsc_call, whose_deadline_has_passed_is_not_received)
{
    with_calls(&of_any, true, let_it_expire);
}

typedef struct late {
    ends *in;
    question *question;
    cue received, too_late;
} late;

static tr_err_t
recv_and_answer_late(tr_self *self, void *arg)
{
    late *l = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, l->in->rx, &msg, TR_FOREVER);
    cue_give(&l->received);
    (void)cue_take(&l->too_late); // it keeps its worker, and the caller is on the other one
    return err == TR_OK ? tr_reply_to(self, msg, TR_MSG(number)) : err;
}

static void
answer_late(pair *p, question *q)
{
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    assert_err(player_done(&p->sender), TR_ENOREPLY);
    late l = {.in = &p->in};
    cue_init(&l.received);
    cue_init(&l.too_late);
    uint64_t returned = troupe_ledger(rt).returned;
    q->timeout = tr_ms(30);
    player_do(&p->receiver, recv_and_answer_late, &l);
    tr_err_t err = player_play(&p->sender, ask, q);
    cue_give(&l.too_late);
    assert_ok(player_done(&p->receiver));
    assert_err(err, TR_ETIMEOUT);
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == returned + 1 || troupe_ledger(rt).expired == 1);
}

Test(mpsc_call, answered_too_late_is_etimeout_and_the_answer_is_counted)
{
    with_calls(&of_any, false, answer_late);
}

Test(mpsc_call, in_a_full_channel_that_rejects_or_drops_it_is_efull)
{
    static const tr_full_policy_t policies[] = {TR_REJECT, TR_DROP_NEWEST};
    for (int i = 0; i < 4; i++) {
        pair p;
        rt = troupe_begin(2);
        tr_mpsc_opts_t opts = {.count = 1, .full = policies[i / 2]};
        pair_begin(&p, &opts, i % 2 != 0, true);
        assert_ok(player_play(&p.sender, do_send, &p.out));
        question q = {.to = p.in.ref, .timeout = TR_FOREVER};
        assert_err(player_play(&p.sender, ask, &q), TR_EFULL);
        pair_end(&p);
        troupe_end(rt);
    }
}

static void
drop_it(pair *p, question *q)
{
    (void)q;
    until_queued(p);
    assert_ok(tr_runtime_send(rt, p->in.ref, TR_MSG(number), tr_ms(0)));
    assert_err(player_done(&p->sender), TR_EFULL);
}

Test(mpsc_call, that_is_dropped_for_a_later_message_is_efull)
{
    with_calls(&(tr_mpsc_opts_t){.count = 1, .full = TR_DROP_OLDEST}, true, drop_it);
}

// ---- both lanes

static tr_err_t
send_high(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err = TR_OK;
    for (uint64_t i = 0; i < e->count && err == TR_OK; i++) {
        err = tr_send_high(self, e->ref, TR_MSG(number, .value = 100 + i));
    }
    return err;
}

static void
high_first(pair *p)
{
    if (!p->sender.is_actor) {
        return; // a thread has no high lane
    }
    p->out.count = 3;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    p->out.count = 17;
    assert_ok(player_play(&p->sender, send_high, &p->out));
    // Eight high ones in a row at most.
    static const uint64_t wanted[] = {100, 101, 102, 103, 104, 105, 106, 107, 0,   108,
                                      109, 110, 111, 112, 113, 114, 115, 1,   116, 2};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_ok(player_play(&p->receiver, do_recv, &p->in));
        cr_assert(eq(u64, p->in.value, wanted[i]));
    }
}

Test(mpsc_call, high_messages_are_received_first_and_at_most_eight_in_a_row)
{
    in_all_pairs(&of_any, high_first);
}

Test(mpsc_call, high_messages_are_received_first_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, high_first);
}

static void
high_after_the_first(pair *p)
{
    if (!p->sender.is_actor) {
        return;
    }
    p->out.count = 3;
    assert_ok(player_play(&p->sender, do_send_all, &p->out));
    assert_ok(player_play(&p->receiver, do_recv, &p->in)); // the others are in its lane by now
    p->out.count = 1;
    assert_ok(player_play(&p->sender, send_high, &p->out));
    assert_ok(player_play(&p->receiver, do_recv, &p->in));
    cr_assert(eq(u64, p->in.value, 100));
}

Test(mpsc_call, high_message_goes_before_normal_ones_that_wait_already)
{
    in_all_pairs(&of_any, high_after_the_first);
}

Test(mpsc_call, high_message_goes_before_normal_ones_where_the_oldest_are_dropped)
{
    in_all_pairs(&(tr_mpsc_opts_t){.full = TR_DROP_OLDEST}, high_after_the_first);
}

static void
high_run_of_another(pair *p)
{
    if (!p->sender.is_actor) {
        return;
    }
    p->out.count = 8;
    assert_ok(player_play(&p->sender, send_high, &p->out));
    for (int i = 0; i < 8; i++) {
        assert_ok(player_play(&p->receiver, do_recv, &p->in));
    }
    assert_ok(player_play(&p->receiver, do_close_rx, &p->in));
    ends next = {.timeout = TR_FOREVER};
    assert_ok(player_play(&p->receiver, do_open, &next));
    next.value = 5;
    assert_ok(player_play(&p->receiver, do_send, &next));
    p->out.ref = next.ref;
    assert_ok(player_play(&p->sender, send_high, &p->out));
    assert_ok(player_play(&p->receiver, do_recv, &next));
    cr_assert(eq(u64, next.value, 100));
    assert_ok(player_play(&p->receiver, do_close_tx, &next));
    assert_ok(player_play(&p->receiver, do_close_rx, &next));
}

Test(mpsc_call, high_messages_of_an_earlier_channel_in_its_place_do_not_count)
{
    in_all_pairs(&of_any, high_run_of_another);
}

// ---- what a handler keeps

typedef struct kept {
    tr_mpsc_rx *rx;
    const tr_message *msg;
    uint64_t value;
} kept;

static tr_err_t
recv_and_keep(tr_self *self, void *arg)
{
    kept *k = arg;
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, k->rx, &msg, TR_FOREVER);
    if (err == TR_OK) {
        k->msg = tr_message_keep(self, msg);
        tr_release(self, msg);
    }
    return err;
}

static tr_err_t
read_kept(tr_self *self, void *arg)
{
    kept *k = arg;
    k->value = value_of(k->msg);
    tr_release(self, k->msg);
    return TR_OK;
}

Test(mpsc_call, message_that_was_received_is_kept_beyond_the_handler)
{
    pair p;
    rt = troupe_begin(1);
    pair_begin(&p, &of_any, false, true);
    p.out.value = 11;
    assert_ok(player_play(&p.sender, do_send, &p.out));
    kept k = {.rx = p.in.rx};
    assert_ok(player_play(&p.receiver, recv_and_keep, &k));
    assert_ok(player_play(&p.receiver, read_kept, &k));
    cr_assert(eq(u64, k.value, 11));
    pair_end(&p);
    troupe_end(rt);
}

// ---- from a thread outside ----------------------------------------------------------------------

struct asking {
    tr_ref_t to;
    tr_err_t err;
    uint64_t answer;
    cue done;
};

static tr_err_t
ask_channel(tr_self *self, void *arg)
{
    struct asking *a = arg;
    const number *answer;
    a->err =
        tr_call(self, a->to, TR_MSG(number, .value = 7), TR_REPLY(number, &answer), tr_seconds(20));
    a->answer = a->err == TR_OK ? answer->value : 0;
    cue_give(&a->done);
    return TR_OK;
}

Test(mpsc_call, is_answered_by_a_thread_and_only_once)
{
    rt = troupe_begin(1);
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_mpsc_create(rt, NULL, &tx, &rx));
    struct asking a = {.to = tr_mpsc_ref(tx)};
    cue_init(&a.done);
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), ask_channel, &a));
    assert_ok(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, TR_FOREVER));
    assert_err(tr_runtime_reply_error_to(rt, msg, TR_OK), TR_EINVAL);
    assert_ok(tr_runtime_reply_to(rt, msg, TR_MSG(number, .value = 8)));
    assert_err(tr_runtime_reply_to(rt, msg, TR_MSG(number, .value = 9)), TR_EALREADY);
    assert_err(tr_runtime_reply_error_to(rt, msg, TR_EIO), TR_EALREADY);
    tr_runtime_release(rt, msg);
    CUE_AWAIT(&a.done);
    assert_ok(a.err);
    cr_assert(eq(u64, a.answer, 8));
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), ask_channel, &a));
    assert_ok(tr_mpsc_recv(TR_OUTSIDE, rx, &msg, TR_FOREVER));
    assert_ok(tr_runtime_reply_error_to(rt, msg, TR_EIO));
    tr_runtime_release(rt, msg);
    CUE_AWAIT(&a.done);
    assert_err(a.err, TR_EIO);
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    troupe_end(rt);
}

static tr_err_t
ask_too_briefly(tr_self *self, void *arg)
{
    struct asking *a = arg;
    for (int i = 0; i < 40 && a->err != TR_EDEAD; i++) {
        a->err = tr_call(self, a->to, TR_MSG(number, .value = 7), TR_REPLY_NONE, tr_ms(1));
        tr_err_t err = tr_sleep(self, tr_ms(10));
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

// Requests that come and are over before they are taken do not begin the timeout anew.
Test(mpsc_call, whose_deadline_has_passed_does_not_prolong_the_receive)
{
    rt = troupe_begin(1);
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    const tr_message *msg;
    assert_ok(tr_runtime_mpsc_create(rt, NULL, &tx, &rx));
    struct asking a = {.to = tr_mpsc_ref(tx)};
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), ask_too_briefly, &a));
    int64_t began = troupe_now_ns();
    tr_err_t err;
    while ((err = tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_ms(50))) == TR_OK) {
        tr_runtime_release(rt, msg); // it was in time
        began = troupe_now_ns();
    }
    assert_err(err, TR_ETIMEOUT);
    cr_assert(troupe_now_ns() - began < INT64_C(300000000));
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    troupe_end(rt);
}

static tr_err_t
send_twice_at_once(tr_self *self, void *arg)
{
    tr_mpsc_tx *tx = arg;
    tr_err_t first = tr_mpsc_send(self, tx, TR_MSG(number, .value = 1), tr_ms(0));
    tr_err_t second = tr_mpsc_send(self, tx, TR_MSG(number, .value = 2), tr_ms(0));
    return first != TR_OK ? first : tr_reply_error(self, second == TR_OK ? TR_EINVAL : second);
}

// A timeout of zero says the same to an actor and to a thread.
Test(mpsc_call, or_message_that_does_not_wait_is_etimeout_in_a_full_channel)
{
    rt = troupe_begin(1);
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    assert_ok(tr_runtime_mpsc_create(rt, &(tr_mpsc_opts_t){.count = 1}, &tx, &rx));
    assert_err(troupe_act(rt, troupe_puppet(rt, NULL), send_twice_at_once, tx), TR_ETIMEOUT);
    assert_err(tr_mpsc_send(TR_OUTSIDE, tx, TR_MSG(number, .value = 3), tr_ms(0)), TR_ETIMEOUT);
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    troupe_end(rt);
}
