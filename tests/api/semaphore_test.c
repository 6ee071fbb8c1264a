// semaphore_test.c: permits, in the order in which they were wanted.
#include "locks.h"

#include <signal.h>

TestSuite(semaphore, .timeout = 60);

static tr_semaphore *sem;

static void
open_with(uint32_t permits)
{
    locks_begin();
    assert_ok(tr_semaphore_create(s.p.rt, permits, &sem));
}

// After all users: all permits are back, nobody waits.
static void
close_semaphore(void)
{
    tr_runtime_stop(s.p.rt);
    assert_ok(tr_runtime_wait(s.p.rt, tr_seconds(TROUPE_PATIENCE_S)));
    tr_semaphore_destroy(sem);
    ends_end(&s);
}

static tr_err_t
acquire(tr_self *self, void *arg)
{
    user *u = arg;
    tr_err_t err = tr_semaphore_acquire(self, sem, u->count, u->timeout);
    if (err == TR_OK) {
        u->place = turns++;
    }
    return err;
}

static tr_err_t
try_acquire(tr_self *self, void *arg)
{
    return tr_semaphore_try_acquire(self, sem, ((user *)arg)->count);
}

static tr_err_t
release(tr_self *self, void *arg)
{
    tr_semaphore_release(self, sem, ((user *)arg)->count);
    return TR_OK;
}

static tr_err_t
does_with(user *u, act_fn fn, uint32_t count)
{
    u->count = count;
    return user_does(u, fn);
}

static void
waits_for(user *u, uint32_t count)
{
    u->count = count;
    user_waits(u, acquire);
}

static void
expect_available(uint32_t count)
{
    cr_assert(eq(u32, tr_semaphore_available(sem), count));
}

static void
main_acquires(uint32_t count)
{
    assert_ok(tr_semaphore_acquire(TR_OUTSIDE, sem, count, tr_ms(0)));
}

static void
main_releases(uint32_t count)
{
    tr_semaphore_release(TR_OUTSIDE, sem, count);
}

// ---- misuse

Test(semaphore, of_nothing_is_einval)
{
    locks_begin();
    sem = NULL;
    assert_err(tr_semaphore_create(s.p.rt, 0, &sem), TR_EINVAL);
    cr_assert(sem == NULL);
    ends_end(&s);
}

Test(semaphore, asked_for_none_or_for_more_than_there_are_is_einval)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_with(3);
        user_begin(&u, where);
        assert_err(does_with(&u, acquire, 0), TR_EINVAL);
        assert_err(does_with(&u, acquire, 4), TR_EINVAL);
        assert_err(does_with(&u, try_acquire, 0), TR_EINVAL);
        assert_err(does_with(&u, try_acquire, UINT32_MAX), TR_EINVAL);
        expect_available(3);
        close_semaphore();
    }
}

Test(semaphore, asked_for_what_only_the_asker_could_release_is_edeadlk)
{
    user u;
    open_with(3);
    user_begin(&u, AN_ACTOR);
    assert_ok(does_with(&u, acquire, 2));
    assert_err(does_with(&u, acquire, 2), TR_EDEADLK);
    assert_err(does_with(&u, try_acquire, 3), TR_EDEADLK);
    assert_ok(does_with(&u, acquire, 1)); // more of them
    assert_err(does_with(&u, acquire, 1), TR_EDEADLK);
    expect_available(0);
    assert_ok(does_with(&u, release, 3)); // got in two pieces
    expect_available(3);
    close_semaphore();
}

Test(semaphore, of_which_an_actor_releases_more_than_it_has_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_with(3);
    main_acquires(1);
    user_begin(&u, AN_ACTOR);
    assert_ok(does_with(&u, acquire, 1));
    (void)does_with(&u, release, 2);
}

Test(semaphore, of_which_threads_release_more_than_they_have_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_with(3);
    user_begin(&u, AN_ACTOR);
    assert_ok(does_with(&u, acquire, 2));
    main_acquires(1);
    main_releases(2);
}

Test(semaphore, destroyed_while_permits_are_out_ends_the_process, .signal = SIGABRT)
{
    open_with(2);
    main_acquires(1);
    tr_semaphore_destroy(sem);
}

// ---- what it answers

Test(semaphore, that_has_too_few_is_ebusy_or_etimeout_and_keeps_them)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_with(4);
        main_acquires(2);
        user_begin(&u, where);
        assert_err(does_with(&u, try_acquire, 3), TR_EBUSY);
        u.timeout = tr_ms(0);
        assert_err(does_with(&u, acquire, 3), TR_ETIMEOUT);
        u.timeout = tr_ms(2);
        assert_err(does_with(&u, acquire, 3), TR_ETIMEOUT);
        expect_available(2);
        assert_ok(does_with(&u, try_acquire, 2));
        expect_available(0);
        assert_ok(does_with(&u, release, 1));
        expect_available(1);
        assert_ok(does_with(&u, release, 1));
        main_releases(2);
        expect_available(4);
        close_semaphore();
    }
}

Test(semaphore, that_one_thread_has_taken_may_be_released_by_another)
{
    user u;
    open_with(1);
    main_acquires(1);
    user_begin(&u, A_THREAD);
    assert_ok(does_with(&u, release, 1));
    expect_available(1);
    close_semaphore();
}

// ---- the order

Test(semaphore, gives_in_the_order_in_which_they_came)
{
    user users[6];
    open_with(1);
    main_acquires(1);
    for (int i = 0; i < 6; i++) {
        user_begin(&users[i], i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
        waits_for(&users[i], 1);
    }
    main_releases(1);
    for (int i = 0; i < 6; i++) {
        assert_ok(await_act(&users[i].p));
        cr_assert(eq(u32, users[i].place, (uint32_t)i));
        assert_ok(does_with(&users[i], release, 1));
    }
    close_semaphore();
}

// Permits that come back one by one are kept together for who is first.
Test(semaphore, does_not_starve_one_that_wants_many)
{
    user many, few;
    open_with(4);
    main_acquires(4);
    user_begin(&many, AN_ACTOR);
    user_begin(&few, ANOTHER_ACTOR);
    waits_for(&many, 3);
    waits_for(&few, 1);
    for (uint32_t i = 1; i <= 2; i++) {
        main_releases(1);
        expect_available(i);
        assert_err(tr_semaphore_try_acquire(TR_OUTSIDE, sem, 1), TR_EBUSY);
        assert_err(tr_semaphore_acquire(TR_OUTSIDE, sem, 1, tr_ms(1)), TR_ETIMEOUT);
        cr_assert(are_waiting(s.p.rt, 2));
    }
    main_releases(1);
    assert_ok(await_act(&many.p));
    expect_available(0);
    main_releases(1);
    assert_ok(await_act(&few.p));
    close_semaphore();
}

Test(semaphore, gives_to_as_many_as_there_is_for)
{
    user users[4];
    open_with(5);
    main_acquires(5);
    for (int i = 0; i < 4; i++) {
        user_begin(&users[i], i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
        waits_for(&users[i], i < 3 ? 1 : 2);
    }
    main_releases(4);
    for (int i = 0; i < 3; i++) {
        assert_ok(await_act(&users[i].p));
    }
    expect_available(1); // too few for the fourth
    assert_ok(does_with(&users[0], release, 1));
    assert_ok(await_act(&users[3].p));
    main_releases(1);
    close_semaphore();
}

static void
many_gives_up(ending how)
{
    user many, few;
    open_with(3);
    main_acquires(2);
    user_begin(&many, AN_ACTOR);
    user_begin(&few, ANOTHER_ACTOR);
    many.timeout = how == ENDINGS ? tr_ms(100) : TR_FOREVER;
    waits_for(&many, 3);
    begin_act(&few.p, acquire, &few);
    if (how == ENDINGS) {
        assert_err(await_act(&many.p), TR_ETIMEOUT);
    } else {
        TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
        user_dies(&many, how);
    }
    assert_ok(await_act(&few.p));
    main_releases(2);
    close_semaphore();
}

Test(semaphore, gives_to_those_behind_one_that_gave_up)
{
    many_gives_up(BY_KILL);
    many_gives_up(BY_STOP);
    many_gives_up(ENDINGS);
}

// ---- a life ends

Test(semaphore, gets_back_what_a_life_had_when_it_ends)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        user u, next;
        open_with(5);
        user_begin(&u, AN_ACTOR);
        user_begin(&next, ANOTHER_ACTOR);
        assert_ok(does_with(&u, acquire, 1));
        assert_ok(does_with(&u, acquire, 3));
        assert_ok(does_with(&u, release, 1));
        expect_available(2);
        waits_for(&next, 4);
        user_dies(&u, how);
        assert_ok(await_act(&next.p));
        expect_available(1);
        close_semaphore();
    }
}

Test(semaphore, gets_back_what_one_had_that_is_killed_while_it_waits_for_more)
{
    user u;
    open_with(5);
    main_acquires(2);
    user_begin(&u, AN_ACTOR);
    assert_ok(does_with(&u, acquire, 2));
    waits_for(&u, 2);
    user_dies(&u, BY_KILL);
    expect_available(3);
    main_releases(2);
    close_semaphore();
}

// ---- permits come at the same instant as something else

static void
comes_together_with(act_fn stop_or_kill, uint32_t had)
{
    user first, second;
    open_with(4);
    user_begin(&first, ANOTHER_ACTOR);
    user_begin(&second, AN_ACTOR);
    if (had > 0) {
        assert_ok(does_with(&first, acquire, had));
    }
    main_acquires(4 - had);
    waits_for(&first, 2);
    waits_for(&second, 4);
    worker_is_held();
    main_releases(4 - had);
    order(&first, stop_or_kill);
    worker_goes_on();
    assert_ok(await_act(&second.p));
    close_semaphore();
}

Test(semaphore, gets_back_what_came_together_with_a_stop_or_a_kill)
{
    for (uint32_t had = 0; had < 2; had++) {
        comes_together_with(do_stop, had);
        comes_together_with(do_kill, had);
    }
}

Test(semaphore, whose_permits_come_before_the_deadline_is_noticed_has_given_them)
{
    user u;
    open_with(2);
    main_acquires(2);
    user_begin(&u, ANOTHER_ACTOR);
    u.timeout = tr_ms(200);
    waits_for(&u, 2);
    int64_t deadline_ns = troupe_now_ns() + 200000000;
    worker_is_held();
    main_releases(2);
    until_passed(deadline_ns + 5000000);
    worker_goes_on();
    assert_ok(await_act(&u.p));
    expect_available(0);
    assert_ok(does_with(&u, release, 2));
    expect_available(2);
    close_semaphore();
}

// ---- many at once

#define CROWD   9
#define EACH    OFTEN(3000)
#define PERMITS 7
#define VICTIMS (OFTEN(200) + 20)

typedef struct member {
    user u;
    uint64_t random;
    uint64_t had;
    bool was_right;
} member;

static _Atomic uint32_t out; // permits that somebody has

static tr_err_t
take_turns(tr_self *self, void *arg)
{
    static const int64_t timeouts_us[] = {0, 50, 500, 1000, 2000};
    member *me = arg;
    tr_err_t err = TR_OK;
    for (int i = 0; err == TR_OK && i < EACH; i++) {
        uint32_t count = 1 + chance(&me->random, PERMITS);
        err = tr_semaphore_acquire(self, sem, count, tr_us(timeouts_us[chance(&me->random, 5)]));
        if (err == TR_OK) {
            me->had++;
            uint32_t before = atomic_fetch_add(&out, count);
            me->was_right = me->was_right && before + count <= PERMITS;
            if (self != NULL && chance(&me->random, 4) == 0) {
                err = tr_yield(self);
            }
            out -= count;
            tr_semaphore_release(self, sem, count);
        } else if (err == TR_ETIMEOUT) {
            err = TR_OK;
        }
    }
    return err;
}

Test(semaphore, of_a_crowd_that_gives_up_early_has_never_given_too_many)
{
    static member crowd[CROWD];
    static user victims[VICTIMS];
    uint64_t random = 1;
    open_with(PERMITS);
    for (int i = 0; i < CROWD; i++) {
        user_begin(&crowd[i].u, (place)(i % PLACES));
        crowd[i].random = (uint64_t)i;
        crowd[i].was_right = true;
    }
    for (int i = 0; i < CROWD; i++) {
        begin_act(&crowd[i].u.p, take_turns, &crowd[i]);
    }
    for (int i = 0; i < VICTIMS; i++) { // who die with what they have
        user *victim = &victims[i];
        user_begin(victim, i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
        victim->count = 1 + chance(&random, PERMITS);
        begin_act(&victim->p, acquire, victim);
        for (uint32_t n = chance(&random, 4); n > 0; n--) {
            troupe_pause();
        }
        user_dies(victim, i % 3 == 0 ? BY_STOP : BY_KILL);
    }
    for (int i = 0; i < CROWD; i++) {
        assert_ok(await_act(&crowd[i].u.p));
        cr_assert(crowd[i].was_right);
        cr_assert(gt(u64, crowd[i].had, 0));
    }
    expect_available(PERMITS);
    close_semaphore();
}
