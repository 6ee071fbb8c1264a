// barrier_test.c: all wait for all, round after round, and who gives up has never come.
#include "locks.h"

#include <signal.h>

TestSuite(barrier, .timeout = 60);

static tr_barrier *b;

static void
open_for(uint32_t parties)
{
    locks_begin();
    assert_ok(tr_barrier_create(s.p.rt, parties, &b));
}

// After all users: nobody waits.
static void
close_barrier(void)
{
    tr_runtime_stop(s.p.rt);
    assert_ok(tr_runtime_wait(s.p.rt, tr_seconds(TROUPE_PATIENCE_S)));
    tr_barrier_destroy(b);
    ends_end(&s);
}

static tr_err_t
arrive(tr_self *self, void *arg)
{
    user *u = arg;
    return tr_barrier_wait(self, b, u->timeout, &u->is_leader);
}

static tr_err_t
arrive_unasked(tr_self *self, void *arg)
{
    return tr_barrier_wait(self, b, ((user *)arg)->timeout, NULL);
}

Test(barrier, for_nobody_is_einval)
{
    locks_begin();
    b = NULL;
    assert_err(tr_barrier_create(s.p.rt, 0, &b), TR_EINVAL);
    cr_assert(b == NULL);
    ends_end(&s);
}

Test(barrier, destroyed_while_one_waits_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_for(2);
    user_begin(&u, AN_ACTOR);
    user_waits(&u, arrive);
    tr_barrier_destroy(b);
}

Test(barrier, destroyed_while_one_does_not_know_of_its_round_ends_the_process, .signal = SIGABRT)
{
    user u;
    open_for(2);
    user_begin(&u, ANOTHER_ACTOR);
    user_waits(&u, arrive);
    worker_is_held();
    assert_ok(tr_barrier_wait(TR_OUTSIDE, b, TR_FOREVER, NULL));
    tr_barrier_destroy(b);
}

Test(barrier, where_the_others_do_not_come_is_etimeout_and_says_nothing_of_leaders)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_for(2);
        user_begin(&u, where);
        u.is_leader = true;
        u.timeout = tr_ms(0);
        assert_err(user_does(&u, arrive), TR_ETIMEOUT);
        u.timeout = tr_ms(2);
        assert_err(user_does(&u, arrive), TR_ETIMEOUT);
        cr_assert(u.is_leader);
        close_barrier();
    }
}

Test(barrier, for_one_is_passed_at_once_by_its_leader)
{
    for (place where = A_THREAD; where < PLACES; where++) {
        user u;
        open_for(1);
        user_begin(&u, where);
        for (int i = 0; i < 3; i++) {
            u.timeout = tr_ms(0);
            u.is_leader = false;
            assert_ok(user_does(&u, arrive));
            cr_assert(u.is_leader);
            assert_ok(user_does(&u, arrive_unasked));
        }
        close_barrier();
    }
}

// Each gives up in its way. The one that comes then is the first, not the last.
static void
one_gives_up(ending how)
{
    user quitter, first, last;
    open_for(2);
    user_begin(&quitter, AN_ACTOR);
    user_begin(&first, ANOTHER_ACTOR);
    user_begin(&last, AN_ACTOR);
    quitter.timeout = how == ENDINGS ? tr_ms(2) : TR_FOREVER;
    if (how == ENDINGS) {
        assert_err(user_does(&quitter, arrive), TR_ETIMEOUT);
    } else {
        user_waits(&quitter, arrive);
        user_dies(&quitter, how);
    }
    user_waits(&first, arrive);
    assert_ok(user_does(&last, arrive));
    assert_ok(await_act(&first.p));
    cr_assert(last.is_leader);
    cr_assert(first.is_leader == false);
    close_barrier();
}

Test(barrier, that_one_has_left_goes_on_as_if_it_had_never_come)
{
    one_gives_up(BY_KILL);
    one_gives_up(BY_STOP);
    one_gives_up(ENDINGS);
}

// A round that is complete stays so for those who do not know of it yet.
Test(barrier, whose_round_is_complete_before_the_deadline_or_a_stop_is_noticed_is_passed)
{
    for (int by_stop = 0; by_stop < 2; by_stop++) {
        user first;
        open_for(2);
        user_begin(&first, ANOTHER_ACTOR);
        first.timeout = by_stop != 0 ? TR_FOREVER : tr_ms(200);
        user_waits(&first, arrive);
        int64_t deadline_ns = troupe_now_ns() + 200000000;
        worker_is_held();
        bool is_leader = false;
        assert_ok(tr_barrier_wait(TR_OUTSIDE, b, tr_ms(0), &is_leader));
        cr_assert(is_leader);
        if (by_stop != 0) {
            order(&first, do_stop);
        } else {
            until_passed(deadline_ns + 5000000);
        }
        worker_goes_on();
        assert_ok(await_act(&first.p));
        cr_assert(first.is_leader == false);
        close_barrier();
    }
}

// One who was let pass and does not know it is not of the next round.
Test(barrier, may_be_waited_at_again_before_all_know_of_the_last_round)
{
    user slow, quick, other;
    open_for(2);
    user_begin(&slow, ANOTHER_ACTOR);
    user_begin(&quick, AN_ACTOR);
    user_begin(&other, AN_ACTOR);
    user_waits(&slow, arrive);
    worker_is_held();
    assert_ok(user_does(&quick, arrive));
    quick.timeout = tr_ms(2);
    assert_err(user_does(&quick, arrive), TR_ETIMEOUT); // alone in the next round
    quick.timeout = TR_FOREVER;
    user_waits(&quick, arrive);
    assert_ok(user_does(&other, arrive));
    assert_ok(await_act(&quick.p));
    worker_goes_on();
    assert_ok(await_act(&slow.p));
    close_barrier();
}

// ---- many rounds

#define CROWD  6
#define ROUNDS OFTEN(3000)

typedef struct member {
    user u;
    uint64_t random;
    bool was_right;
} member;

static uint32_t arrived[CROWD]; // rounds: each writes its own, all read all after the barrier
static _Atomic uint32_t leaders;

static tr_err_t
play_rounds(tr_self *self, void *arg)
{
    member *me = arg;
    tr_err_t err = TR_OK;
    for (uint32_t round = 1; err == TR_OK && round <= ROUNDS; round++) {
        arrived[me->u.place] = round;
        do { // gives up now and then, and comes back
            tr_duration_t timeout = chance(&me->random, 3) == 0 ? tr_us(300) : TR_FOREVER;
            err = tr_barrier_wait(self, b, timeout, &me->u.is_leader);
        } while (err == TR_ETIMEOUT);
        for (int i = 0; err == TR_OK && i < CROWD; i++) {
            me->was_right = me->was_right && arrived[i] == round;
        }
        leaders += err == TR_OK && me->u.is_leader;
        if (err == TR_OK) { // until all have looked
            err = tr_barrier_wait(self, b, TR_FOREVER, NULL);
        }
    }
    return err;
}

Test(barrier, of_a_crowd_that_gives_up_and_comes_back_has_one_leader_in_each_round)
{
    static member crowd[CROWD];
    open_for(CROWD);
    for (int i = 0; i < CROWD; i++) {
        user_begin(&crowd[i].u, (place)(i % PLACES));
        crowd[i].u.place = (uint32_t)i;
        crowd[i].random = (uint64_t)i;
        crowd[i].was_right = true;
    }
    for (int i = 0; i < CROWD; i++) {
        begin_act(&crowd[i].u.p, play_rounds, &crowd[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        assert_ok(await_act(&crowd[i].u.p));
        cr_assert(crowd[i].was_right);
    }
    cr_assert(eq(u32, leaders, ROUNDS));
    close_barrier();
}
