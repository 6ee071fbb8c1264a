// rwlock_test.c: many readers or one writer, in the order in which they came.
#include "locks.h"

#include <signal.h>

TestSuite(rwlock, .timeout = 60);

static tr_rwlock *rw;

static void
open_lock(void)
{
    locks_begin();
    assert_ok(tr_rwlock_create(s.p.rt, &rw));
}

// After all users: nobody has it, nobody waits.
static void
close_lock(void)
{
    tr_runtime_stop(s.p.rt);
    assert_ok(tr_runtime_wait(s.p.rt, tr_seconds(TROUPE_PATIENCE_S)));
    tr_rwlock_destroy(rw);
    ends_end(&s);
}

static tr_err_t
take_place(user *u, tr_err_t err)
{
    if (err == TR_OK || err == TR_EOWNERDEAD) {
        u->place = turns++;
    }
    return err;
}

static tr_err_t
read_in(tr_self *self, void *arg)
{
    user *u = arg;
    return take_place(u, tr_rwlock_read(self, rw, u->timeout));
}

static tr_err_t
write_in(tr_self *self, void *arg)
{
    user *u = arg;
    return take_place(u, tr_rwlock_write(self, rw, u->timeout));
}

static tr_err_t
try_read(tr_self *self, void *arg)
{
    (void)arg;
    return tr_rwlock_try_read(self, rw);
}

static tr_err_t
try_write(tr_self *self, void *arg)
{
    (void)arg;
    return tr_rwlock_try_write(self, rw);
}

static tr_err_t
downgrade(tr_self *self, void *arg)
{
    (void)arg;
    tr_rwlock_downgrade(self, rw);
    return TR_OK;
}

static tr_err_t
unlock(tr_self *self, void *arg)
{
    (void)arg;
    tr_rwlock_unlock(self, rw);
    return TR_OK;
}

static void
main_writes(void)
{
    assert_ok(tr_rwlock_write(TR_OUTSIDE, rw, tr_ms(0)));
}

static void
main_unlocks(void)
{
    tr_rwlock_unlock(TR_OUTSIDE, rw);
}

static void
expect_free(void)
{
    assert_ok(tr_rwlock_try_write(TR_OUTSIDE, rw));
    main_unlocks();
}

// ---- misuse

Test(rwlock, unlocked_that_nobody_holds_ends_the_process, .signal = SIGABRT)
{
    open_lock();
    main_unlocks();
}

Test(rwlock, unlocked_by_an_actor_that_does_not_hold_it_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_lock();
    assert_ok(tr_rwlock_read(TR_OUTSIDE, rw, tr_ms(0)));
    user_begin(&u, AN_ACTOR);
    (void)user_does(&u, unlock);
}

Test(rwlock, of_a_writer_that_a_thread_unlocks_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_lock();
    user_begin(&u, AN_ACTOR);
    assert_ok(user_does(&u, write_in));
    main_unlocks();
}

Test(rwlock, downgraded_by_a_reader_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_lock();
    user_begin(&u, AN_ACTOR);
    assert_ok(user_does(&u, read_in));
    (void)user_does(&u, downgrade);
}

Test(rwlock, destroyed_while_one_reads_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_lock();
    user_begin(&u, AN_ACTOR);
    assert_ok(user_does(&u, read_in));
    tr_rwlock_destroy(rw);
}

// ---- what it answers

Test(rwlock, taken_again_is_edeadlk_and_still_held_once)
{
    user u;
    open_lock();
    for (place where = AN_ACTOR; where < PLACES; where++) {
        user_begin(&u, where);
        for (int writes = 0; writes < 2; writes++) {
            assert_ok(user_does(&u, writes != 0 ? write_in : read_in));
            assert_err(user_does(&u, read_in), TR_EDEADLK);
            assert_err(user_does(&u, write_in), TR_EDEADLK);
            assert_err(user_does(&u, try_read), TR_EDEADLK);
            assert_err(user_does(&u, try_write), TR_EDEADLK);
            assert_ok(user_does(&u, unlock));
            expect_free();
        }
    }
    main_writes();
    assert_err(tr_rwlock_read(TR_OUTSIDE, rw, TR_FOREVER), TR_EDEADLK);
    assert_err(tr_rwlock_write(TR_OUTSIDE, rw, TR_FOREVER), TR_EDEADLK);
    main_unlocks();
    expect_free();
    close_lock();
}

Test(rwlock, that_a_writer_holds_is_ebusy_or_etimeout)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_lock();
        main_writes();
        user_begin(&u, where);
        assert_err(user_does(&u, try_read), TR_EBUSY);
        assert_err(user_does(&u, try_write), TR_EBUSY);
        u.timeout = tr_ms(2);
        assert_err(user_does(&u, read_in), TR_ETIMEOUT);
        assert_err(user_does(&u, write_in), TR_ETIMEOUT);
        main_unlocks();
        expect_free();
        close_lock();
    }
}

Test(rwlock, that_a_reader_holds_keeps_writers_out_and_lets_readers_in)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_lock();
        assert_ok(tr_rwlock_read(TR_OUTSIDE, rw, tr_ms(0)));
        user_begin(&u, where);
        u.timeout = tr_ms(2);
        assert_err(user_does(&u, try_write), TR_EBUSY);
        assert_err(user_does(&u, write_in), TR_ETIMEOUT);
        assert_ok(user_does(&u, read_in));
        main_unlocks();
        assert_err(tr_rwlock_try_write(TR_OUTSIDE, rw), TR_EBUSY);
        assert_ok(user_does(&u, unlock));
        expect_free();
        close_lock();
    }
}

// ---- the order

// r, r, W, r, r, W, r: each letter gets in together with its neighbours that are readers.
Test(rwlock, lets_in_in_order_and_neighbouring_readers_together)
{
    static const char row[] = "rrWrrWr";
    static const int groups[][2] = {{0, 2}, {2, 3}, {3, 5}, {5, 6}, {6, 7}};
    user users[sizeof row];
    open_lock();
    main_writes();
    for (int i = 0; row[i] != '\0'; i++) {
        user_begin(&users[i], i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
        user_waits(&users[i], row[i] == 'W' ? write_in : read_in);
    }
    main_unlocks();
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (int i = groups[g][0]; i < groups[g][1]; i++) {
            assert_ok(await_act(&users[i].p));
        }
        cr_assert(eq(u32, turns, (uint32_t)groups[g][1])); // and nobody else
        for (int i = groups[g][0]; i < groups[g][1]; i++) {
            assert_ok(user_does(&users[i], unlock));
        }
    }
    expect_free();
    close_lock();
}

Test(rwlock, that_a_writer_waits_for_keeps_later_readers_out)
{
    user reader, writer;
    open_lock();
    user_begin(&reader, AN_ACTOR);
    user_begin(&writer, ANOTHER_ACTOR);
    assert_ok(user_does(&reader, read_in));
    user_waits(&writer, write_in);
    assert_err(tr_rwlock_try_read(TR_OUTSIDE, rw), TR_EBUSY);
    assert_err(tr_rwlock_read(TR_OUTSIDE, rw, tr_ms(1)), TR_ETIMEOUT);
    assert_ok(user_does(&reader, unlock));
    assert_ok(await_act(&writer.p));
    assert_ok(user_does(&writer, unlock));
    assert_ok(tr_rwlock_try_read(TR_OUTSIDE, rw));
    main_unlocks();
    close_lock();
}

static void
writer_gives_up(ending how, tr_duration_t timeout)
{
    user reader, writer, second;
    open_lock();
    user_begin(&reader, AN_ACTOR);
    user_begin(&writer, ANOTHER_ACTOR);
    user_begin(&second, AN_ACTOR);
    assert_ok(user_does(&reader, read_in));
    writer.timeout = timeout;
    user_waits(&writer, write_in);
    begin_act(&second.p, read_in, &second);
    if (how == ENDINGS) {
        assert_err(await_act(&writer.p), TR_ETIMEOUT);
    } else {
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
        user_dies(&writer, how);
    }
    assert_ok(await_act(&second.p)); // beside the first
    close_lock();
}

Test(rwlock, that_a_writer_waits_for_no_longer_lets_readers_in)
{
    writer_gives_up(BY_KILL, TR_FOREVER);
    writer_gives_up(BY_STOP, TR_FOREVER);
    writer_gives_up(ENDINGS, tr_ms(100));
}

// ---- downgrade

Test(rwlock, downgraded_lets_waiting_readers_in_and_no_writer)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user reader, writer;
        open_lock();
        user_begin(&reader, AN_ACTOR);
        user_begin(&writer, ANOTHER_ACTOR);
        user u;
        user_begin(&u, where);
        if (where == A_THREAD) {
            main_writes();
        } else {
            assert_ok(user_does(&u, write_in));
        }
        user_waits(&reader, read_in);
        user_waits(&writer, write_in);
        if (where == A_THREAD) {
            tr_rwlock_downgrade(TR_OUTSIDE, rw);
        } else {
            assert_ok(user_does(&u, downgrade));
            assert_err(user_does(&u, try_write), TR_EDEADLK); // it reads
        }
        assert_ok(await_act(&reader.p));
        assert_ok(user_does(&reader, unlock));
        cr_assert(are_waiting(s.p.rt, 1));
        if (where == A_THREAD) {
            main_unlocks();
        } else {
            assert_ok(user_does(&u, unlock));
        }
        assert_ok(await_act(&writer.p));
        assert_ok(user_does(&writer, unlock));
        expect_free();
        close_lock();
    }
}

// ---- a life ends

Test(rwlock, whose_writer_has_ended_tells_readers_up_to_the_next_writer)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        user u, reader;
        open_lock();
        user_begin(&u, AN_ACTOR);
        user_begin(&reader, ANOTHER_ACTOR);
        assert_ok(user_does(&u, write_in));
        user_waits(&reader, read_in);
        user_dies(&u, how);
        assert_err(await_act(&reader.p), TR_EOWNERDEAD);
        assert_err(tr_rwlock_try_read(TR_OUTSIDE, rw), TR_EOWNERDEAD);
        main_unlocks();
        assert_ok(user_does(&reader, unlock));
        assert_err(tr_rwlock_write(TR_OUTSIDE, rw, TR_FOREVER), TR_EOWNERDEAD);
        main_unlocks();
        assert_ok(tr_rwlock_try_read(TR_OUTSIDE, rw));
        main_unlocks();
        close_lock();
    }
}

Test(rwlock, whose_reader_has_ended_tells_nobody)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        user u, other;
        open_lock();
        user_begin(&u, AN_ACTOR);
        user_begin(&other, ANOTHER_ACTOR);
        assert_ok(user_does(&u, read_in));
        user_waits(&other, write_in);
        user_dies(&u, how);
        assert_ok(await_act(&other.p));
        assert_ok(user_does(&other, downgrade));
        user_dies(&other, how); // as a reader
        assert_ok(tr_rwlock_write(TR_OUTSIDE, rw, TR_FOREVER));
        main_unlocks();
        close_lock();
    }
}

// ---- the lock comes at the same instant as something else

static void
comes_together_with(act_fn wants, act_fn stop_or_kill)
{
    user first, second;
    open_lock();
    main_writes();
    user_begin(&first, ANOTHER_ACTOR);
    user_begin(&second, AN_ACTOR);
    user_waits(&first, wants);
    user_waits(&second, write_in);
    worker_is_held();
    main_unlocks();
    order(&first, stop_or_kill);
    worker_goes_on();
    assert_ok(await_act(&second.p));
    assert_ok(user_does(&second, unlock));
    close_lock();
}

Test(rwlock, that_comes_together_with_a_stop_or_a_kill_goes_on_to_the_next)
{
    comes_together_with(read_in, do_stop);
    comes_together_with(read_in, do_kill);
    comes_together_with(write_in, do_stop);
    comes_together_with(write_in, do_kill);
}

Test(rwlock, that_comes_before_the_deadline_is_noticed_is_had)
{
    user u;
    open_lock();
    main_writes();
    user_begin(&u, ANOTHER_ACTOR);
    u.timeout = tr_ms(200);
    user_waits(&u, read_in);
    int64_t deadline_ns = troupe_now_ns() + 200000000;
    worker_is_held();
    main_unlocks();
    until_passed(deadline_ns + 5000000);
    worker_goes_on();
    assert_ok(await_act(&u.p));
    assert_err(tr_rwlock_try_write(TR_OUTSIDE, rw), TR_EBUSY);
    assert_ok(user_does(&u, unlock));
    expect_free();
    close_lock();
}

// ---- many at once

#define CROWD 9
#define EACH  OFTEN(2000)

typedef struct member {
    user u;
    uint64_t random;
    uint64_t wrote, had;
    bool was_right;
} member;

static uint64_t counters[2]; // guarded by the lock: the same for whoever reads
static _Atomic int readers;

static tr_err_t
write_once(tr_self *self, member *me)
{
    tr_err_t err = TR_OK;
    me->wrote++;
    me->was_right = me->was_right && readers == 0;
    counters[0]++;
    if (self != NULL && chance(&me->random, 4) == 0) {
        err = tr_yield(self);
    }
    counters[1]++;
    if (chance(&me->random, 2) == 0) {
        tr_rwlock_downgrade(self, rw);
        me->was_right = me->was_right && counters[0] == counters[1];
    }
    return err;
}

static tr_err_t
read_once(tr_self *self, member *me)
{
    tr_err_t err = TR_OK;
    readers++;
    uint64_t before = counters[0];
    if (self != NULL && chance(&me->random, 4) == 0) {
        err = tr_yield(self);
    }
    me->was_right = me->was_right && counters[0] == before && counters[1] == before;
    readers--;
    return err;
}

static tr_err_t
take_turns(tr_self *self, void *arg)
{
    static const int64_t timeouts_us[] = {0, 50, 500, 1000, 2000};
    member *me = arg;
    tr_err_t err = TR_OK;
    for (int i = 0; err == TR_OK && i < EACH; i++) {
        bool writes = chance(&me->random, 3) == 0;
        tr_duration_t timeout = tr_us(timeouts_us[chance(&me->random, 5)]);
        err = writes ? tr_rwlock_write(self, rw, timeout) : tr_rwlock_read(self, rw, timeout);
        if (err == TR_OK) {
            me->had++;
            err = writes ? write_once(self, me) : read_once(self, me);
            tr_rwlock_unlock(self, rw);
        } else if (err == TR_ETIMEOUT) {
            err = TR_OK;
        }
    }
    return err;
}

Test(rwlock, of_a_crowd_that_gives_up_early_shows_readers_nothing_half_done)
{
    static member crowd[CROWD];
    uint64_t wrote = 0;
    open_lock();
    for (int i = 0; i < CROWD; i++) {
        user_begin(&crowd[i].u, (place)(i % PLACES));
        crowd[i].random = (uint64_t)i;
        crowd[i].was_right = true;
    }
    for (int i = 0; i < CROWD; i++) {
        begin_act(&crowd[i].u.p, take_turns, &crowd[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        assert_ok(await_act(&crowd[i].u.p));
        cr_assert(crowd[i].was_right);
        cr_assert(gt(u64, crowd[i].had, 0));
        wrote += crowd[i].wrote;
    }
    cr_assert(eq(u64, counters[0], wrote));
    expect_free();
    close_lock();
}
