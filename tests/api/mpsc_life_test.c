// mpsc_life_test.c: an end that an actor has belongs to that life, however it ends.
#include "players.h"

TestSuite(mpsc_life, .timeout = 60);

// ---- a keeper that ends its child in one way or another

typedef enum how { BY_EXIT, BY_FAILURE, BY_STOP, BY_KILL, WAYS } how;

typedef struct fate {
    how how;
    tr_ref_t child;
    act_fn last;     // what the child does when its end comes; NULL: nothing
    ends *ends;      // the child's
    _Atomic int err; // of `last`, a tr_err_t
} fate;

static tr_err_t
told_of_ends(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static tr_err_t
spawn_child(tr_self *self, void *arg)
{
    fate *f = arg;
    return tr_spawn(self, PUPPET(NULL), &f->child);
}

static tr_err_t
act_last(tr_self *self, void *arg)
{
    fate *f = arg;
    f->err = f->last != NULL ? f->last(self, f->ends) : TR_OK;
    if (f->how == BY_EXIT) {
        tr_exit(self);
    }
    return f->how == BY_FAILURE ? TR_EIO : TR_OK;
}

static tr_err_t
end_child(tr_self *self, void *arg)
{
    fate *f = arg;
    return f->how == BY_STOP ? tr_stop(self, f->child) : tr_kill(self, f->child);
}

// A keeper whose child holds what `take` gives it.
static tr_ref_t
keep_child(fate *f, act_fn take)
{
    part role = {.receive = told_of_ends};
    tr_ref_t keeper = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, keeper, spawn_child, f));
    assert_ok(troupe_act(rt, f->child, take, f->ends));
    return keeper;
}

// Ends it; one that waits in `last` can only be stopped or killed there.
static void
end_it(fate *f, tr_ref_t keeper)
{
    if (f->last != NULL || f->how == BY_EXIT || f->how == BY_FAILURE) {
        assert_ok(troupe_prompt(rt, f->child, act_last, f));
    }
    if (f->last != NULL) {
        TROUPE_EVENTUALLY(waiting() == 1);
    }
    if (f->how == BY_STOP || f->how == BY_KILL) {
        assert_ok(troupe_act(rt, keeper, end_child, f));
    }
    TROUPE_EVENTUALLY(troupe_is_gone(rt, f->child));
}

// ---- a sender's end

static void
end_of_a_sender(fate *f, ends *in)
{
    ends out = {.timeout = TR_FOREVER};
    *in = (ends){.opts = {.count = 1}, .timeout = TR_FOREVER};
    f->ends = &out;
    assert_ok(do_open(TR_OUTSIDE, in));
    out.ref = in->ref;
    tr_ref_t keeper = keep_child(f, do_join);
    (void)do_close_tx(TR_OUTSIDE, in);
    if (f->last == do_send) {
        out.value = 1;
        assert_ok(troupe_act(rt, f->child, do_send, &out)); // and the next one waits
    }
    end_it(f, keeper);
}

static void
expect_no_sender(fate *f, how first)
{
    for (f->how = first; f->how < WAYS; f->how++) {
        ends in;
        rt = troupe_begin(2);
        end_of_a_sender(f, &in);
        if (f->last == do_send) {
            assert_ok(do_recv(TR_OUTSIDE, &in));
        }
        assert_err(do_recv(TR_OUTSIDE, &in), TR_ECLOSED);
        (void)do_close_rx(TR_OUTSIDE, &in);
        troupe_end(rt);
    }
}

Test(mpsc_life, that_ends_closes_its_sending_end)
{
    expect_no_sender(&(fate){.last = NULL}, BY_EXIT);
}

Test(mpsc_life, that_ends_while_it_waits_for_room_closes_its_sending_end)
{
    expect_no_sender(&(fate){.last = do_send}, BY_STOP);
}

Test(mpsc_life, that_ends_while_it_waits_for_the_closing_closes_its_sending_end)
{
    expect_no_sender(&(fate){.last = do_await_closed}, BY_STOP);
}

Test(mpsc_life, that_is_stopped_is_canceled_in_its_waits)
{
    static const act_fn waits[] = {do_send, do_await_closed};
    for (int i = 0; i < 2; i++) {
        ends in;
        fate f = {.how = BY_STOP, .last = waits[i], .err = TR_EBUSY};
        rt = troupe_begin(2);
        end_of_a_sender(&f, &in);
        assert_err(f.err, TR_ECANCELED);
        (void)do_close_rx(TR_OUTSIDE, &in);
        troupe_end(rt);
    }
}

// ---- the receiver's end

static void
end_of_a_receiver(fate *f, ends *out)
{
    ends in = {.opts = {.count = 1}, .timeout = TR_FOREVER};
    *out = (ends){.timeout = TR_FOREVER};
    f->ends = &in;
    tr_ref_t keeper = keep_child(f, do_open);
    out->ref = in.ref;
    assert_ok(do_join(TR_OUTSIDE, out));
    end_it(f, keeper);
}

static void
expect_no_receiver(fate *f, how first)
{
    for (f->how = first; f->how < WAYS; f->how++) {
        ends out;
        rt = troupe_begin(2);
        end_of_a_receiver(f, &out);
        assert_err(do_send(TR_OUTSIDE, &out), TR_ECLOSED);
        assert_ok(do_await_closed(TR_OUTSIDE, &out));
        (void)do_close_tx(TR_OUTSIDE, &out);
        troupe_end(rt);
    }
}

Test(mpsc_life, that_ends_closes_its_receiving_end)
{
    expect_no_receiver(&(fate){.last = NULL}, BY_EXIT);
}

Test(mpsc_life, that_ends_while_it_receives_closes_its_receiving_end)
{
    expect_no_receiver(&(fate){.last = do_recv}, BY_STOP);
}

Test(mpsc_life, that_is_stopped_is_canceled_while_it_receives)
{
    ends out;
    fate f = {.how = BY_STOP, .last = do_recv, .err = TR_EBUSY};
    rt = troupe_begin(2);
    end_of_a_receiver(&f, &out);
    assert_err(f.err, TR_ECANCELED);
    (void)do_close_tx(TR_OUTSIDE, &out);
    troupe_end(rt);
}

// Mail that is always there never lets it wait.
static tr_err_t
recv_for_ever(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err;
    cue_give(&e->ready);
    do {
        err = do_send(self, e);
        err = err == TR_OK ? do_recv(self, e) : err;
        e->count++;
    } while (err == TR_OK);
    return err;
}

static void
end_a_busy_one(how way)
{
    rt = troupe_begin(2);
    ends in = {.opts = {.count = 4}, .timeout = TR_FOREVER};
    fate f = {.how = way, .last = recv_for_ever, .ends = &in};
    cue_init(&in.ready);
    tr_ref_t keeper = keep_child(&f, do_open);
    assert_ok(troupe_act(rt, f.child, do_send, &in));
    assert_ok(troupe_prompt(rt, f.child, act_last, &f));
    CUE_AWAIT(&in.ready);
    assert_ok(troupe_act(rt, keeper, end_child, &f));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, f.child));
    if (way == BY_STOP) {
        assert_err(f.err, TR_ECANCELED);
    }
    troupe_end(rt);
}

Test(mpsc_life, that_is_stopped_is_canceled_though_there_is_always_something_to_receive)
{
    end_a_busy_one(BY_STOP);
}

Test(mpsc_life, that_is_killed_ends_though_there_is_always_something_to_receive)
{
    end_a_busy_one(BY_KILL);
}

// Without time it never waits either.
static tr_err_t
poll_for_ever(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err;
    e->timeout = tr_ms(0);
    cue_give(&e->ready);
    do {
        err = do_recv(self, e);
    } while (err == TR_ETIMEOUT);
    return err;
}

Test(mpsc_life, that_is_stopped_is_canceled_though_it_only_looks_for_messages)
{
    rt = troupe_begin(2);
    ends in = {.opts = {.count = 4}, .timeout = TR_FOREVER};
    fate f = {.how = BY_STOP, .last = poll_for_ever, .ends = &in};
    cue_init(&in.ready);
    tr_ref_t keeper = keep_child(&f, do_open);
    assert_ok(troupe_prompt(rt, f.child, act_last, &f));
    CUE_AWAIT(&in.ready);
    assert_ok(troupe_act(rt, keeper, end_child, &f));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, f.child));
    assert_err(f.err, TR_ECANCELED);
    troupe_end(rt);
}

// A stopped one still closes in good order, and may receive in its stop handler.
static void
recv_in_stop(tr_self *self, void *arg, tr_err_t reason)
{
    ends *e = arg;
    (void)reason;
    (void)do_close_tx(self, e);
    e->err = do_recv_all(self, e);
}

Test(mpsc_life, receives_what_is_left_in_its_stop_handler)
{
    static ends e;
    rt = troupe_begin(1);
    e = (ends){.timeout = TR_FOREVER, .count = 3};
    part role = {.stop = recv_in_stop, .arg = &e};
    tr_ref_t a = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, a, do_open, &e));
    assert_ok(troupe_act(rt, a, do_send_all, &e));
    troupe_end(rt);
    assert_err(e.err, TR_ECLOSED);
    cr_assert(eq(u64, e.count, 3));
}

// ---- both, and one after the other

static tr_err_t
open_and_close_one(tr_self *self, void *arg)
{
    tr_err_t err = do_open(self, arg);
    (void)do_close_tx(self, arg);
    return err;
}

Test(mpsc_life, that_ends_does_not_close_again_what_it_has_closed)
{
    for (how way = BY_EXIT; way < WAYS; way++) {
        rt = troupe_begin(2);
        ends e = {.value = 0};
        fate f = {.how = way, .ends = &e};
        tr_ref_t keeper = keep_child(&f, open_and_close_one);
        assert_ok(troupe_act(rt, f.child, do_close_rx, &e));
        assert_ok(troupe_act(rt, f.child, do_open, &e)); // in its place
        end_it(&f, keeper);
        troupe_end(rt);
    }
}

static tr_err_t
open_in_start(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_err_t err = do_open(self, e);
    return err == TR_OK ? TR_EIO : err;
}

static tr_err_t
spawn_in_vain(tr_self *self, void *arg)
{
    tr_ref_t child;
    part role = {.start = open_in_start, .arg = arg};
    expect_err(tr_spawn(self, PUPPET(&role), &child), TR_EIO);
    return TR_OK;
}

Test(mpsc_life, whose_start_fails_closes_what_it_had)
{
    rt = troupe_begin(2);
    ends e = {.value = 0};
    tr_ref_t keeper = troupe_puppet(rt, &(part){.receive = told_of_ends});
    assert_ok(troupe_act(rt, keeper, spawn_in_vain, &e));
    tr_mpsc_tx *late;
    TROUPE_EVENTUALLY(tr_runtime_mpsc_tx_open(rt, e.ref, &late) == TR_ECLOSED);
    troupe_end(rt);
}

typedef struct lives {
    tr_ref_t child;
    ends e[2];
    _Atomic int life;
} lives;

static lives held;

static tr_err_t
open_each_life(tr_self *self, void *arg)
{
    (void)arg;
    return do_open(self, &held.e[held.life++]);
}

static tr_err_t
spawn_held(tr_self *self, void *arg)
{
    (void)arg;
    part role = {.start = open_each_life};
    return tr_spawn(self, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD), &held.child);
}

static tr_err_t
restart_held(tr_self *self, void *arg, const tr_message *msg)
{
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    (void)arg;
    return exit != NULL && exit->held ? tr_restart(self, held.child) : TR_OK;
}

static tr_err_t
fail_now(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

Test(mpsc_life, that_follows_another_has_none_of_its_ends)
{
    rt = troupe_begin(2);
    tr_ref_t keeper = troupe_puppet(rt, &(part){.receive = restart_held});
    assert_ok(troupe_act(rt, keeper, spawn_held, NULL));
    ends watcher = {.ref = held.e[0].ref, .timeout = TR_FOREVER};
    assert_ok(do_join(TR_OUTSIDE, &watcher));
    assert_ok(troupe_prompt(rt, held.child, fail_now, NULL));
    assert_ok(do_await_closed(TR_OUTSIDE, &watcher));
    (void)do_close_tx(TR_OUTSIDE, &watcher);
    TROUPE_EVENTUALLY(held.life == 2);
    assert_ok(troupe_act(rt, held.child, do_send, &held.e[1]));
    assert_ok(troupe_act(rt, held.child, do_recv, &held.e[1]));
    troupe_end(rt);
}

// What it received from is there no more when its last mail comes.
Test(mpsc_life, that_ends_with_a_receiving_end_and_mail_on_its_way_is_at_peace)
{
    rt = troupe_begin(2);
    tr_ref_t keeper = troupe_puppet(rt, &(part){.receive = told_of_ends});
    for (int i = 0; i < 300; i++) {
        ends e = {.opts = {.count = 4}, .timeout = TR_FOREVER};
        fate f = {.how = BY_EXIT, .ends = &e};
        assert_ok(troupe_act(rt, keeper, spawn_child, &f));
        assert_ok(troupe_act(rt, f.child, do_open, &e));
        assert_ok(tr_runtime_send(rt, e.ref, TR_MSG(number), tr_ms(0)));
        assert_ok(troupe_prompt(rt, f.child, act_last, &f));
        TROUPE_EVENTUALLY(troupe_is_gone(rt, f.child));
    }
    troupe_end(rt);
}
