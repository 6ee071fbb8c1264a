// mutex_test.c: one at a time, in the order in which they came, whatever becomes of them.
#include "locks.h"

#include <signal.h>

TestSuite(mutex, .timeout = 60);

static tr_mutex *m;

static void
open_mutex(void)
{
    locks_begin();
    assert_ok(tr_mutex_create(s.p.rt, &m));
}

// After all users: nobody has it, nobody waits.
static void
close_mutex(void)
{
    tr_runtime_stop(s.p.rt);
    assert_ok(tr_runtime_wait(s.p.rt, tr_seconds(TROUPE_PATIENCE_S)));
    tr_mutex_destroy(m);
    ends_end(&s);
}

static tr_err_t
lock(tr_self *self, void *arg)
{
    user *u = arg;
    tr_err_t err = tr_mutex_lock(self, m, u->timeout);
    if (err == TR_OK || err == TR_EOWNERDEAD) {
        u->place = turns++;
    }
    return err;
}

static tr_err_t
try_lock(tr_self *self, void *arg)
{
    (void)arg;
    return tr_mutex_try_lock(self, m);
}

static tr_err_t
unlock(tr_self *self, void *arg)
{
    (void)arg;
    tr_mutex_unlock(self, m);
    return TR_OK;
}

static void
main_locks(void)
{
    assert_ok(tr_mutex_lock(TR_OUTSIDE, m, tr_ms(0)));
}

static void
main_unlocks(void)
{
    tr_mutex_unlock(TR_OUTSIDE, m);
}

// ---- misuse

Test(mutex, unlocked_that_nobody_holds_ends_the_process, .signal = SIGABRT)
{
    open_mutex();
    main_unlocks();
}

Test(mutex, of_an_actor_that_a_thread_unlocks_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_mutex();
    user_begin(&u, AN_ACTOR);
    assert_ok(user_does(&u, lock));
    main_unlocks();
}

Test(mutex, of_a_thread_that_another_thread_unlocks_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_mutex();
    main_locks();
    user_begin(&u, A_THREAD);
    (void)user_does(&u, unlock);
}

Test(mutex, destroyed_while_it_is_held_ends_the_process, .signal = SIGABRT)
{
    open_mutex();
    main_locks();
    tr_mutex_destroy(m);
}

Test(mutex, that_is_null_is_destroyed_without_a_word)
{
    tr_mutex_destroy(NULL);
}

// ---- what a lock answers

Test(mutex, locked_again_by_its_owner_is_edeadlk_and_still_held_once)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_mutex();
        user_begin(&u, where);
        if (where == A_THREAD) { // the same thread
            main_locks();
            assert_err(tr_mutex_lock(TR_OUTSIDE, m, TR_FOREVER), TR_EDEADLK);
            assert_err(tr_mutex_try_lock(TR_OUTSIDE, m), TR_EDEADLK);
            main_unlocks();
        } else {
            assert_ok(user_does(&u, lock));
            assert_err(user_does(&u, lock), TR_EDEADLK);
            assert_err(user_does(&u, try_lock), TR_EDEADLK);
            assert_err(tr_mutex_try_lock(TR_OUTSIDE, m), TR_EBUSY);
            assert_ok(user_does(&u, unlock));
        }
        assert_ok(tr_mutex_try_lock(TR_OUTSIDE, m));
        main_unlocks();
        close_mutex();
    }
}

Test(mutex, that_another_holds_is_ebusy_or_etimeout)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_mutex();
        main_locks();
        user_begin(&u, where);
        assert_err(user_does(&u, try_lock), TR_EBUSY);
        u.timeout = tr_ms(0);
        assert_err(user_does(&u, lock), TR_ETIMEOUT);
        u.timeout = tr_ms(2);
        assert_err(user_does(&u, lock), TR_ETIMEOUT);
        main_unlocks(); // to nobody: they have given up
        assert_ok(tr_mutex_try_lock(TR_OUTSIDE, m));
        main_unlocks();
        close_mutex();
    }
}

static tr_err_t
lock_or_fail(tr_self *self, void *arg)
{
    user *u = arg;
    return tr_mutex_lock(self, m, u->timeout);
}

Test(mutex, is_waited_for_no_longer_than_the_message_in_hand_allows)
{
    user u;
    open_mutex();
    main_locks();
    user_begin(&u, AN_ACTOR);
    assert_err(tr_runtime_call(s.p.rt, u.p.ref, ACT_MSG(lock_or_fail, &u), TR_REPLY_NONE, tr_ms(5)),
               TR_ETIMEOUT);
    assert_err(user_does(&u, try_lock), TR_EBUSY);
    main_unlocks();
    assert_ok(user_does(&u, lock)); // what ended with its request was not its failure
    assert_ok(user_does(&u, unlock));
    close_mutex();
}

// ---- the order

#define QUEUE 8

static void
all_wait(user *users, int count)
{
    for (int i = 0; i < count; i++) {
        user_begin(&users[i], i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
        user_waits(&users[i], lock);
    }
}

Test(mutex, goes_to_those_who_wait_in_the_order_in_which_they_came)
{
    user users[QUEUE];
    open_mutex();
    main_locks();
    all_wait(users, QUEUE);
    main_unlocks();
    for (int i = 0; i < QUEUE; i++) {
        assert_ok(await_act(&users[i].p));
        cr_assert(eq(u32, users[i].place, (uint32_t)i));
        assert_err(tr_mutex_try_lock(TR_OUTSIDE, m), TR_EBUSY); // it has gone to the next
        assert_ok(user_does(&users[i], unlock));
    }
    close_mutex();
}

Test(mutex, that_was_unlocked_is_the_next_ones_before_it_knows)
{
    user u;
    open_mutex();
    main_locks();
    user_begin(&u, ANOTHER_ACTOR);
    user_waits(&u, lock);
    worker_is_held();
    main_unlocks();
    assert_err(tr_mutex_try_lock(TR_OUTSIDE, m), TR_EBUSY);
    assert_err(tr_mutex_lock(TR_OUTSIDE, m, tr_ms(1)), TR_ETIMEOUT);
    worker_goes_on();
    assert_ok(await_act(&u.p));
    close_mutex();
}

Test(mutex, of_those_who_gave_up_their_place_goes_to_the_others_in_order)
{
    user users[QUEUE];
    open_mutex();
    main_locks();
    all_wait(users, QUEUE);
    user_dies(&users[0], BY_KILL);
    user_dies(&users[3], BY_STOP);
    assert_err(await_act(&users[3].p), TR_ECANCELED);
    user_dies(&users[QUEUE - 1], BY_KILL);
    main_unlocks();
    uint32_t next = 0;
    for (int i = 1; i < QUEUE - 1; i++) {
        if (i != 3) {
            assert_ok(await_act(&users[i].p));
            cr_assert(eq(u32, users[i].place, next));
            next++;
            assert_ok(user_does(&users[i], unlock));
        }
    }
    close_mutex();
}

// ---- waits while it is held

static tr_mutex *gate; // a second one

static tr_err_t
lock_and_wait_at_gate(tr_self *self, void *arg)
{
    tr_err_t err = lock(self, arg);
    err = err == TR_OK ? tr_mutex_lock(self, gate, TR_FOREVER) : err;
    if (err == TR_OK) {
        tr_mutex_unlock(self, gate);
    }
    tr_mutex_unlock(self, m);
    return err;
}

Test(mutex, is_held_while_its_owner_waits_and_the_worker_runs_others)
{
    user a, b;
    open_mutex();
    assert_ok(tr_mutex_create(s.p.rt, &gate));
    assert_ok(tr_mutex_lock(TR_OUTSIDE, gate, tr_ms(0)));
    user_begin(&a, AN_ACTOR);
    user_begin(&b, AN_ACTOR);
    user_waits(&a, lock_and_wait_at_gate);
    user_waits(&b, lock); // on the same worker
    assert_err(tr_mutex_try_lock(TR_OUTSIDE, m), TR_EBUSY);
    tr_mutex_unlock(TR_OUTSIDE, gate);
    assert_ok(await_act(&a.p));
    assert_ok(await_act(&b.p));
    tr_mutex_destroy(gate);
    close_mutex();
}

static tr_err_t
lock_without_end(tr_self *self, void *arg)
{
    tr_err_t err;
    while ((err = lock(self, arg)) == TR_OK) {
        tr_mutex_unlock(self, m);
    }
    return err;
}

Test(mutex, taken_again_and_again_lets_others_run_and_hears_of_a_stop)
{
    user u;
    open_mutex();
    user_begin(&u, AN_ACTOR);
    begin_act(&u.p, lock_without_end, &u);
    TROUPE_EVENTUALLY(turns > 0);
    for (int i = 0; i < 10; i++) { // on the same worker
        assert_ok(troupe_act(s.p.rt, s.p.ref, do_nothing, NULL));
    }
    user_dies(&u, BY_STOP);
    assert_err(await_act(&u.p), TR_ECANCELED);
    close_mutex();
}

// ---- the owner's life ends

Test(mutex, whose_owner_has_ended_tells_the_next_and_nobody_else)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        user u;
        open_mutex();
        user_begin(&u, AN_ACTOR);
        assert_ok(user_does(&u, lock));
        user_dies(&u, how);
        assert_err(tr_mutex_lock(TR_OUTSIDE, m, TR_FOREVER), TR_EOWNERDEAD);
        main_unlocks();
        main_locks();
        main_unlocks();
        close_mutex();
    }
}

Test(mutex, whose_owner_ends_goes_to_the_first_who_waits_and_it_is_told)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        user owner, first, second;
        open_mutex();
        user_begin(&owner, AN_ACTOR);
        user_begin(&first, ANOTHER_ACTOR);
        user_begin(&second, AN_ACTOR);
        assert_ok(user_does(&owner, lock));
        user_waits(&first, lock);
        user_waits(&second, lock);
        user_dies(&owner, how);
        assert_err(await_act(&first.p), TR_EOWNERDEAD);
        assert_ok(user_does(&first, unlock));
        assert_ok(await_act(&second.p));
        assert_ok(user_does(&second, unlock));
        close_mutex();
    }
}

Test(mutex, whose_owner_ends_after_it_unlocked_tells_nobody)
{
    user u;
    open_mutex();
    user_begin(&u, AN_ACTOR);
    assert_ok(user_does(&u, lock));
    assert_ok(user_does(&u, unlock));
    user_dies(&u, BY_CRASH);
    main_locks();
    main_unlocks();
    close_mutex();
}

static tr_err_t
lock_and_sleep_forever(tr_self *self, void *arg)
{
    tr_err_t err = lock(self, arg);
    return err == TR_OK || err == TR_EOWNERDEAD ? tr_sleep(self, TR_FOREVER) : err;
}

Test(mutex, whose_owner_is_killed_in_a_wait_tells_the_next)
{
    user owner, next;
    open_mutex();
    user_begin(&owner, AN_ACTOR);
    user_begin(&next, ANOTHER_ACTOR);
    user_waits(&owner, lock_and_sleep_forever);
    user_waits(&next, lock);
    user_dies(&owner, BY_KILL);
    assert_err(await_act(&next.p), TR_EOWNERDEAD);
    assert_ok(user_does(&next, unlock));
    close_mutex();
}

Test(mutex, of_one_life_is_not_the_next_ones)
{
    user u;
    open_mutex();
    user_begin(&u, AN_ACTOR);
    part role = {.receive = take_bag, .arg = &u.bag};
    deed d = {.child = child_of(&s.p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD))};
    u.p.ref = d.child;
    assert_ok(user_does(&u, lock));
    assert_err(troupe_act(s.p.rt, d.child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&s.p.told);
    assert_ok(deed_of(&s.p, do_restart, &d));
    assert_err(user_does(&u, try_lock), TR_EOWNERDEAD);
    assert_err(user_does(&u, try_lock), TR_EDEADLK);
    close_mutex();
}

// ---- the lock comes at the same instant as something else

// One waits on a worker that takes nothing in, and another behind it elsewhere.
static void
two_wait(user *first, user *second)
{
    open_mutex();
    main_locks();
    user_begin(first, ANOTHER_ACTOR);
    user_begin(second, AN_ACTOR);
    user_waits(first, lock);
    user_waits(second, lock);
    worker_is_held();
}

Test(mutex, that_comes_before_the_deadline_is_noticed_is_had)
{
    user u;
    open_mutex();
    main_locks();
    user_begin(&u, ANOTHER_ACTOR);
    u.timeout = tr_ms(200);
    user_waits(&u, lock);
    int64_t deadline_ns = troupe_now_ns() + 200000000;
    worker_is_held();
    main_unlocks();
    until_passed(deadline_ns + 5000000);
    worker_goes_on();
    assert_ok(await_act(&u.p));
    assert_err(tr_mutex_try_lock(TR_OUTSIDE, m), TR_EBUSY);
    assert_ok(user_does(&u, unlock));
    main_locks();
    main_unlocks();
    close_mutex();
}

Test(mutex, that_comes_together_with_a_stop_goes_on_to_the_next)
{
    user first, second;
    two_wait(&first, &second);
    main_unlocks();
    order(&first, do_stop);
    worker_goes_on();
    tr_err_t err = await_act(&first.p);
    cr_assert(err == TR_ECANCELED, "%s", tr_errname(err));
    assert_ok(await_act(&second.p)); // nobody has done anything half
    assert_ok(user_does(&second, unlock));
    close_mutex();
}

Test(mutex, that_comes_together_with_a_kill_goes_on_to_the_next)
{
    user first, second;
    two_wait(&first, &second);
    main_unlocks();
    order(&first, do_kill);
    worker_goes_on();
    assert_ok(await_act(&second.p)); // who was killed had done nothing
    assert_ok(user_does(&second, unlock));
    close_mutex();
}

static void
owner_ends_and_the_first_as_well(act_fn stop_or_kill)
{
    user owner, first, second;
    open_mutex();
    user_begin(&owner, AN_ACTOR);
    user_begin(&first, ANOTHER_ACTOR);
    user_begin(&second, AN_ACTOR);
    assert_ok(user_does(&owner, lock));
    user_waits(&first, lock);
    user_waits(&second, lock);
    worker_is_held();
    user_dies(&owner, BY_CRASH);
    order(&first, stop_or_kill);
    worker_goes_on();
    assert_err(await_act(&second.p), TR_EOWNERDEAD);
    assert_ok(user_does(&second, unlock));
    main_locks();
    main_unlocks();
    close_mutex();
}

Test(mutex, whose_owner_ended_tells_the_one_after_one_that_is_stopped)
{
    owner_ends_and_the_first_as_well(do_stop);
}

Test(mutex, whose_owner_ended_tells_the_one_after_one_that_is_killed)
{
    owner_ends_and_the_first_as_well(do_kill);
}

// ---- many at once

#define CROWD   8
#define EACH    OFTEN(4000)
#define VICTIMS (OFTEN(200) + 20)

typedef struct member {
    user u;
    uint64_t random;
    uint64_t had, repaired;
    bool was_alone;
} member;

static uint64_t counter; // guarded by the mutex
static bool is_inside;   // so is this

// A turn with the mutex, now and then a long one.
static tr_err_t
take_turn(tr_self *self, member *me)
{
    tr_err_t err = TR_OK;
    me->was_alone = me->was_alone && !is_inside;
    is_inside = true;
    counter++;
    if (self != NULL && chance(&me->random, 4) == 0) {
        err = chance(&me->random, 8) == 0 ? tr_sleep(self, tr_ms(1)) : tr_yield(self);
    }
    is_inside = false;
    tr_mutex_unlock(self, m);
    return err;
}

static tr_err_t
take_turns(tr_self *self, void *arg)
{
    static const int64_t timeouts_us[] = {0, 1, 50, 200, 1000, 2000};
    member *me = arg;
    tr_err_t err = TR_OK;
    for (int i = 0; err == TR_OK && i < EACH; i++) {
        err = tr_mutex_lock(self, m, tr_us(timeouts_us[chance(&me->random, 6)]));
        if (err == TR_OK || err == TR_EOWNERDEAD) {
            is_inside = err == TR_EOWNERDEAD ? false : is_inside; // its owner ended in there
            me->had++;
            me->repaired += err == TR_EOWNERDEAD;
            err = take_turn(self, me);
        } else if (err == TR_ETIMEOUT) {
            err = TR_OK;
        }
    }
    return err;
}

static void
crowd_begins(member *crowd)
{
    counter = 0;
    is_inside = false;
    memset(crowd, 0, CROWD * sizeof *crowd);
    for (int i = 0; i < CROWD; i++) {
        user_begin(&crowd[i].u, (place)(i % PLACES));
        crowd[i].random = (uint64_t)i;
        crowd[i].was_alone = true;
    }
    for (int i = 0; i < CROWD; i++) {
        begin_act(&crowd[i].u.p, take_turns, &crowd[i]);
    }
}

static uint64_t
crowd_ends(member *crowd, uint64_t *out_repaired)
{
    uint64_t had = 0;
    for (int i = 0; i < CROWD; i++) {
        assert_ok(await_act(&crowd[i].u.p));
        cr_assert(crowd[i].was_alone);
        cr_assert(gt(u64, crowd[i].had, 0));
        had += crowd[i].had;
        *out_repaired += crowd[i].repaired;
    }
    return had;
}

Test(mutex, of_a_crowd_that_gives_up_early_is_held_by_one_at_a_time)
{
    static member crowd[CROWD];
    uint64_t repaired = 0;
    open_mutex();
    crowd_begins(crowd);
    uint64_t had = crowd_ends(crowd, &repaired);
    cr_assert(eq(u64, counter, had));
    cr_assert(eq(u64, repaired, 0));
    main_locks();
    main_unlocks();
    close_mutex();
}

// Goes in and does not come out by itself.
static tr_err_t
go_in_and_stay(tr_self *self, void *arg)
{
    tr_err_t err = tr_mutex_lock(self, m, TR_FOREVER);
    if (err == TR_OK || err == TR_EOWNERDEAD) {
        is_inside = true;
        ((uint64_t *)arg)[0]++;
        ((uint64_t *)arg)[1] += err == TR_EOWNERDEAD;
        err = tr_sleep(self, TR_FOREVER);
    }
    return err;
}

Test(mutex, of_a_crowd_of_which_some_die_tells_of_each_that_had_it)
{
    static member crowd[CROWD];
    static user victims[VICTIMS];
    uint64_t repaired = 0, random = 1;
    uint64_t died[2] = {0, 0}; // inside, and told of one that did; guarded by the mutex
    open_mutex();
    crowd_begins(crowd);
    for (int i = 0; i < VICTIMS; i++) {
        user *victim = &victims[i];
        user_begin(victim, i % 2 == 0 ? AN_ACTOR : ANOTHER_ACTOR);
        begin_act(&victim->p, go_in_and_stay, died);
        for (uint32_t n = chance(&random, 4); n > 0; n--) {
            troupe_pause();
        }
        user_dies(victim, i % 3 == 0 ? BY_STOP : BY_KILL);
    }
    uint64_t had = crowd_ends(crowd, &repaired);
    tr_err_t err = tr_mutex_lock(TR_OUTSIDE, m, TR_FOREVER);
    repaired += err == TR_EOWNERDEAD;
    cr_assert(err == TR_OK || err == TR_EOWNERDEAD);
    cr_assert(eq(u64, counter, had));
    cr_assert(gt(u64, died[0], 0));
    cr_assert(eq(u64, repaired + died[1], died[0])); // each was told of once
    main_unlocks();
    close_mutex();
}
