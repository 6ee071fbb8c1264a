// lock_test.c: what only the inside shows: who owns a mutex, who is in the queue of a lock and in
// which order threads got there.
#include "sync/lock.h"
#include "sync/mutex.h"

#include "troupe_test.h"

#include <pthread.h>

TestSuite(lock, .timeout = 60);

static tr_runtime *rt;
static tr_mutex *m;

static void
open_mutex(void)
{
    rt = troupe_begin(2);
    assert_ok(tr_mutex_create(rt, &m));
}

static void
close_mutex(void)
{
    tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(TROUPE_PATIENCE_S)));
    tr_mutex_destroy(m);
    troupe_end(rt);
}

static tr_err_t
lock_it(tr_self *self, void *arg)
{
    (void)arg;
    return tr_mutex_lock(self, m, TR_FOREVER);
}

static tr_err_t
unlock_it(tr_self *self, void *arg)
{
    (void)arg;
    tr_mutex_unlock(self, m);
    return TR_OK;
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static bool
owner_is(tr_ref_t ref)
{
    return tri_mutex_owner(m).raw == ref.raw;
}

// ---- the owner

Test(lock, of_a_mutex_that_nobody_or_a_thread_holds_has_no_owner_to_name)
{
    open_mutex();
    cr_assert(owner_is(TR_REF_NONE));
    assert_ok(tr_mutex_lock(TR_OUTSIDE, m, tr_ms(0)));
    cr_assert(owner_is(TR_REF_NONE));
    tr_mutex_unlock(TR_OUTSIDE, m);
    cr_assert(owner_is(TR_REF_NONE));
    close_mutex();
}

Test(lock, of_a_mutex_names_the_actor_that_has_it_as_soon_as_it_was_handed_over)
{
    open_mutex();
    tr_ref_t a = troupe_puppet(rt, NULL), b = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, a, lock_it, NULL));
    cr_assert(owner_is(a));
    assert_ok(troupe_prompt(rt, b, lock_it, NULL));
    tr_stats_t stats;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &stats), stats.stacks == 1));
    cr_assert(owner_is(a));
    assert_ok(troupe_act(rt, a, unlock_it, NULL));
    cr_assert(owner_is(b)); // whether it knows or not
    assert_ok(troupe_act(rt, b, leave, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, b));
    cr_assert(owner_is(TR_REF_NONE));
    close_mutex();
}

// ---- the queue

#define COUNT 8

static tri_lock line;
static const tri_parking_ops line_ops = TRI_LOCK_PARKING("line");

typedef struct person {
    pthread_t thread;
    tr_err_t err;
    uint32_t wants;
    uint32_t place;
    tr_duration_t timeout;
    cue over;
} person;

static _Atomic uint32_t turns;

static uint32_t
queued(void)
{
    pthread_mutex_lock(&line.guard);
    uint32_t count = line.queued;
    pthread_mutex_unlock(&line.guard);
    return count;
}

static tr_err_t
stand_in_line(tr_self *self, void *arg)
{
    person *who = arg;
    tri_waiter waiter =
        tri_waiter_of(self, &line, tri_hold_find(self, &line), who->wants, &line_ops);
    who->err = tri_lock_take(&waiter, who->timeout);
    who->place = turns++;
    if (who->err == TR_OK) {
        tri_lock_release(&line, self, tri_hold_find(self, &line), who->wants);
    }
    cue_give(&who->over);
    return TR_OK;
}

static void *
person_thread(void *arg)
{
    (void)stand_in_line(TR_OUTSIDE, arg);
    return NULL;
}

// Threads and actors by turns, each in the queue before the next one comes.
static void
line_up(person *people, uint32_t wants)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        people[i].wants = wants;
        cue_init(&people[i].over);
        if (i % 2 == 0) {
            cr_assert(pthread_create(&people[i].thread, NULL, person_thread, &people[i]) == 0);
        } else {
            assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), stand_in_line, &people[i]));
        }
        TROUPE_EVENTUALLY(queued() == i + 1);
    }
}

static void
line_dissolves(person *people)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        CUE_AWAIT(&people[i].over);
        if (i % 2 == 0) {
            pthread_join(people[i].thread, NULL);
        }
    }
}

static void
main_takes(uint32_t permits)
{
    rt = troupe_begin(2);
    tri_lock_init(&line, rt, "line", permits, NULL);
    tri_waiter mine = tri_waiter_of(NULL, &line, NULL, permits, &line_ops);
    assert_ok(tri_lock_try(&mine));
}

static void
line_ends(void)
{
    tri_lock_fini(&line);
    troupe_end(rt);
}

Test(lock, serves_threads_and_actors_in_the_order_in_which_they_came)
{
    person people[COUNT] = {{.wants = 0}};
    for (int i = 0; i < COUNT; i++) {
        people[i].timeout = TR_FOREVER;
    }
    main_takes(3);
    line_up(people, 3); // all permits: one at a time
    tri_lock_release(&line, NULL, NULL, 3);
    line_dissolves(people);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_ok(people[i].err);
        cr_assert(eq(u32, people[i].place, i));
    }
    line_ends();
}

Test(lock, is_left_by_all_whose_time_is_over)
{
    person people[COUNT] = {{.wants = 0}};
    for (int i = 0; i < COUNT; i++) {
        people[i].timeout = tr_ms(300);
    }
    main_takes(3);
    line_up(people, 1);
    line_dissolves(people);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_err(people[i].err, TR_ETIMEOUT);
    }
    cr_assert(eq(u32, queued(), 0));
    tri_lock_release(&line, NULL, NULL, 3);
    line_ends();
}
