// once_test.c: one does it, the others wait; whoever fails or dies leaves it to the next.
#include "locks.h"

#include <signal.h>

TestSuite(once, .timeout = 60);

static tr_once *once;
static _Atomic int runs;
static int result; // written by what is done once, read by all

static void
open_once(void)
{
    runs = 0;
    result = 0;
    locks_begin();
    assert_ok(tr_once_create(s.p.rt, &once));
}

// After all users: nobody does it, nobody waits.
static void
close_once(void)
{
    tr_runtime_stop(s.p.rt);
    assert_ok(tr_runtime_wait(s.p.rt, tr_seconds(TROUPE_PATIENCE_S)));
    tr_once_destroy(once);
    ends_end(&s);
}

static tr_err_t
do_it(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    runs++;
    result += 7;
    return TR_OK;
}

static tr_err_t
do_it_slowly(tr_self *self, void *arg)
{
    tr_err_t err = self != TR_OUTSIDE ? tr_sleep(self, tr_ms(5)) : TR_OK;
    return err == TR_OK ? do_it(self, arg) : err;
}

static tr_err_t
fail_at_it(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    runs++;
    return TR_EIO;
}

static tr_err_t
sleep_in_it(tr_self *self, void *arg)
{
    (void)arg;
    runs++;
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
crash_in_it(tr_self *self, void *arg)
{
    (void)arg;
    runs++;
    tr_fail(self, TR_EIO, "in the midst of it");
}

static tr_err_t
do_it_again_in_it(tr_self *self, void *arg)
{
    return tr_once_run(self, once, do_it, arg);
}

static tr_err_t
run(tr_self *self, void *arg)
{
    return tr_once_run(self, once, do_it, arg);
}

static tr_err_t
run_slowly(tr_self *self, void *arg)
{
    tr_err_t err = tr_once_run(self, once, do_it_slowly, arg);
    return err == TR_OK && result != 7 ? TR_EFAULT : err;
}

static tr_err_t
run_failing(tr_self *self, void *arg)
{
    return tr_once_run(self, once, fail_at_it, arg);
}

static tr_err_t
run_sleeping(tr_self *self, void *arg)
{
    return tr_once_run(self, once, sleep_in_it, arg);
}

static tr_err_t
run_crashing(tr_self *self, void *arg)
{
    return tr_once_run(self, once, crash_in_it, arg);
}

static tr_err_t
run_within(tr_self *self, void *arg)
{
    return tr_once_run(self, once, do_it_again_in_it, arg);
}

Test(once, destroyed_while_one_does_it_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_once();
    user_begin(&u, AN_ACTOR);
    user_waits(&u, run_sleeping);
    tr_once_destroy(once);
}

Test(once, run_from_within_is_edeadlk_and_leaves_it_to_do)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_once();
        user_begin(&u, where);
        assert_err(user_does(&u, run_within), TR_EDEADLK);
        cr_assert(eq(int, runs, 0));
        assert_ok(user_does(&u, run));
        cr_assert(eq(int, runs, 1));
        close_once();
    }
}

Test(once, that_failed_says_so_and_is_done_by_the_next)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_once();
        user_begin(&u, where);
        assert_err(user_does(&u, run_failing), TR_EIO);
        assert_err(user_does(&u, run_failing), TR_EIO);
        assert_ok(user_does(&u, run));
        assert_ok(user_does(&u, run_failing)); // it is done
        cr_assert(eq(int, runs, 3));
        close_once();
    }
}

static tr_err_t
run_failing_late(tr_self *self, void *arg)
{
    (void)arg;
    runs++;
    tr_err_t err = tr_sleep(self, tr_ms(20));
    return err == TR_OK ? TR_EIO : err;
}

static tr_err_t
fail_late(tr_self *self, void *arg)
{
    return tr_once_run(self, once, run_failing_late, arg);
}

Test(once, that_fails_while_others_wait_is_done_by_the_first_of_them)
{
    user users[3];
    open_once();
    for (int i = 0; i < 3; i++) {
        user_begin(&users[i], i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
    }
    begin_act(&users[0].p, fail_late, NULL);
    TROUPE_EVENTUALLY(runs == 1);
    begin_act(&users[1].p, run, NULL);
    begin_act(&users[2].p, run, NULL);
    assert_err(await_act(&users[0].p), TR_EIO);
    assert_ok(await_act(&users[1].p));
    assert_ok(await_act(&users[2].p));
    cr_assert(eq(int, runs, 2));
    cr_assert(eq(int, result, 7));
    close_once();
}

Test(once, whose_doer_has_ended_is_done_by_the_first_who_waits)
{
    static const ending ways[] = {BY_KILL, BY_STOP};
    for (size_t i = 0; i < 2; i++) {
        user doer, first, second;
        open_once();
        user_begin(&doer, AN_ACTOR);
        user_begin(&first, ANOTHER_ACTOR);
        user_begin(&second, AN_ACTOR);
        user_waits(&doer, run_sleeping);
        user_waits(&first, run);
        user_waits(&second, run);
        user_dies(&doer, ways[i]);
        assert_ok(await_act(&first.p));
        assert_ok(await_act(&second.p));
        cr_assert(eq(int, runs, 2));
        cr_assert(eq(int, result, 7));
        close_once();
    }
}

Test(once, whose_doer_has_crashed_is_done_by_a_thread_as_well)
{
    user doer;
    open_once();
    user_begin(&doer, AN_ACTOR);
    begin_act(&doer.p, run_crashing, NULL);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, doer.p.ref));
    assert_ok(tr_once_run(TR_OUTSIDE, once, do_it, NULL));
    cr_assert(eq(int, runs, 2));
    close_once();
}

Test(once, that_is_waited_for_by_one_that_is_stopped_or_killed_loses_nothing)
{
    user doer, killed, stopped, last;
    open_once();
    user_begin(&doer, AN_ACTOR);
    user_begin(&killed, ANOTHER_ACTOR);
    user_begin(&stopped, AN_ACTOR);
    user_begin(&last, ANOTHER_ACTOR);
    user_waits(&doer, run_sleeping);
    user_waits(&killed, run);
    user_waits(&stopped, run);
    user_waits(&last, run);
    user_dies(&killed, BY_KILL);
    user_dies(&stopped, BY_STOP);
    assert_err(await_act(&stopped.p), TR_ECANCELED);
    user_dies(&doer, BY_KILL);
    assert_ok(await_act(&last.p));
    cr_assert(eq(int, runs, 2));
    close_once();
}

// The turn to do it comes to one whose worker takes nothing in, and an order as well.
Test(once, whose_turn_comes_together_with_a_stop_or_a_kill_goes_on_to_the_next)
{
    static const act_fn orders[] = {do_stop, do_kill};
    for (size_t i = 0; i < 2; i++) {
        user doer, first, second;
        open_once();
        user_begin(&doer, AN_ACTOR);
        user_begin(&first, ANOTHER_ACTOR);
        user_begin(&second, AN_ACTOR);
        user_waits(&doer, run_sleeping);
        user_waits(&first, run);
        user_waits(&second, run);
        worker_is_held();
        user_dies(&doer, BY_KILL);
        order(&first, orders[i]);
        worker_goes_on();
        assert_ok(await_act(&second.p));
        cr_assert(eq(int, runs, 2)); // the one who slept in it, and the second
        close_once();
    }
}

// Does it when the mutex is free: the test holds it.
static tr_err_t
do_it_with_mutex(tr_self *self, void *arg)
{
    tr_err_t err = tr_mutex_lock(self, arg, TR_FOREVER);
    if (err == TR_OK) {
        tr_mutex_unlock(self, arg);
        err = do_it(self, NULL);
    }
    return err;
}

static tr_err_t
run_with_mutex(tr_self *self, void *arg)
{
    return tr_once_run(self, once, do_it_with_mutex, arg);
}

// It is done while one has been told to stop: it need not do anything any more.
Test(once, that_was_done_before_the_stop_was_noticed_is_done)
{
    user doer, waiter;
    tr_mutex *gate;
    open_once();
    assert_ok(tr_mutex_create(s.p.rt, &gate));
    assert_ok(tr_mutex_lock(TR_OUTSIDE, gate, tr_ms(0)));
    user_begin(&doer, AN_ACTOR);
    user_begin(&waiter, ANOTHER_ACTOR);
    begin_act(&doer.p, run_with_mutex, gate);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    user_waits(&waiter, run);
    worker_is_held();
    tr_mutex_unlock(TR_OUTSIDE, gate);
    assert_ok(await_act(&doer.p));
    order(&waiter, do_stop);
    worker_goes_on();
    assert_ok(await_act(&waiter.p));
    cr_assert(eq(int, runs, 1));
    tr_mutex_destroy(gate);
    close_once();
}

#define CROWD 24

Test(once, of_a_crowd_is_done_by_one_and_all_see_what_it_did)
{
    static user crowd[CROWD];
    for (int round = 0; round < OFTEN(50) + 5; round++) {
        open_once();
        for (int i = 0; i < CROWD; i++) {
            user_begin(&crowd[i], (place)(i % PLACES));
        }
        for (int i = 0; i < CROWD; i++) {
            begin_act(&crowd[i].p, run_slowly, NULL);
        }
        for (int i = 0; i < CROWD; i++) {
            assert_ok(await_act(&crowd[i].p));
        }
        cr_assert(eq(int, runs, 1));
        close_once();
    }
}
