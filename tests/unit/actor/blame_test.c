// blame_test.c: a lock that is held across a wait is reported, and nothing else is. Only in checked
// builds.
#include "base/compat.h"
#include "sched/held.h"

#include "troupe_test.h"

#include <pthread.h>
#include <string.h>
#include <threads.h>

TestSuite(blame, .timeout = 60);

// ---- the log

#define LINES_MAX 256

// Under `lock`, which the log takes in the middle of a report.
static struct {
    pthread_mutex_t lock;
    char lines[LINES_MAX][512];
    tr_log_level_t levels[LINES_MAX];
    uint32_t count;
} said = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
write_down(tr_log_level_t level, const char *line, void *arg)
{
    (void)arg;
    pthread_mutex_lock(&said.lock);
    if (said.count < LINES_MAX) {
        said.levels[said.count] = level;
        snprintf(said.lines[said.count++], sizeof said.lines[0], "%s", line);
    }
    pthread_mutex_unlock(&said.lock);
}

// Lines with both texts, the second behind the first.
static uint32_t
lines_with(const char *text, const char *then)
{
    uint32_t found = 0;
    pthread_mutex_lock(&said.lock);
    for (uint32_t i = 0; i < said.count; i++) {
        const char *at = strstr(said.lines[i], text);
        found += at != NULL && strstr(at, then) != NULL;
    }
    pthread_mutex_unlock(&said.lock);
    return found;
}

#define EXPECT_REPORTS(n, text)                                                                    \
    cr_expect(lines_with(" holds a ", text) == (n), "%u reports of %s, expected %u",               \
              lines_with(" holds a ", text), text, (unsigned)(n))

// None of anything: a line that nobody expected is printed.
#define EXPECT_SILENCE() cr_expect(said.count == 0, "%u lines: %s", said.count, said.lines[0])

// ---- the stage

static tr_runtime *rt;

static void
begin(void)
{
    tr_runtime_opts_t opts = {.name = "test", .workers = 1, .log = write_down};
    assert_ok(tr_runtime_create(&opts, &rt));
}

static void
end(void)
{
    troupe_end(rt);
}

static tr_ref_t
actor(const char *name)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .name = name), &ref));
    return ref;
}

// One act by one actor, alone in its runtime.
static void
play(act_fn fn, void *arg)
{
    begin();
    assert_ok(troupe_act(rt, actor("hero"), fn, arg));
    end();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;

// The two places of a report. Not static, so that they have names at run time; and neither inlined
// nor left by a jump, so that they are on the stack.
void take_here(pthread_mutex_t *lock);
tr_err_t wait_here(tr_self *self);
static volatile int stays;

TRI_NOINLINE void
take_here(pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    stays++;
}

TRI_NOINLINE tr_err_t
wait_here(tr_self *self)
{
    tr_err_t err = tr_sleep(self, tr_ms(1));
    stays++;
    return err;
}

// ---- what is reported

static tr_err_t
hold_across(tr_self *self, void *arg)
{
    take_here(arg);
    tr_err_t err = wait_here(self);
    pthread_mutex_unlock(arg);
    return err;
}

Test(blame, names_actor_message_wait_and_both_stacks)
{
    play(hold_across, &mutex);
    cr_assert(lines_with("hero (",
                         "holds a mutex across a wait (sleep), in receive of message act") == 1);
    cr_assert(lines_with("the lock was taken at", "(take_here+0x") == 1);
    cr_assert(lines_with("called from", "(wait_here+0x") == 1);
    cr_assert(lines_with("the wait began at", "(") == 1);
    for (uint32_t i = 0; i < said.count; i++) {
        cr_assert(eq(int, said.levels[i], TR_LOG_ERROR));
        cr_assert(strncmp(said.lines[i], "hero (", 6) == 0, "whose is this: %s", said.lines[i]);
    }
}

static volatile int times = 2; // so that the compiler does not make two places of one

static tr_err_t
hold_across_twice(tr_self *self, void *arg)
{
    for (int i = 0; i < times; i++) {
        tr_err_t err = hold_across(self, arg);
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

// Its turns begin in another place of the worker's loop, and lie on another stack.
static const tr_behavior_t large_puppet = {
    .name = "large",
    .state_size = sizeof(part),
    .receive = puppet_receive,
    .stack_bytes = (size_t)512 * 1024,
};

typedef struct hold {
    pthread_mutex_t *lock;
    tr_ref_t other;
} hold;

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

// Its first wait ends after another handler has run on this worker.
static tr_err_t
hold_after_another(tr_self *self, void *arg)
{
    hold *h = arg;
    expect_ok(tr_send(self, h->other, ACT_MSG(do_nothing, NULL)));
    expect_ok(wait_here(self));
    return hold_across_twice(self, h->lock);
}

// A place is one for all actors, whatever led to the handler.
Test(blame, is_said_once_for_a_pair_of_places)
{
    begin();
    hold h = {.lock = &mutex, .other = actor("third")};
    assert_ok(troupe_act(rt, actor("one"), hold_after_another, &h));
    EXPECT_REPORTS(1, "mutex");
    tr_ref_t other = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &large_puppet}, &other));
    h.lock = &second;
    assert_ok(troupe_act(rt, other, hold_after_another, &h));
    EXPECT_REPORTS(1, "mutex");
    end();
}

static tr_err_t
hold_two(tr_self *self, void *arg)
{
    (void)arg;
    take_here(&mutex);
    pthread_mutex_lock(&second);
    tr_err_t err = wait_here(self);
    pthread_mutex_unlock(&mutex);
    pthread_mutex_unlock(&second);
    return err;
}

Test(blame, names_every_lock)
{
    play(hold_two, NULL);
    EXPECT_REPORTS(2, "mutex");
}

static void
hold_in_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)reason;
    expect_ok(hold_across(self, arg));
}

Test(blame, names_start_and_stop)
{
    begin();
    tr_ref_t ref = TR_REF_NONE;
    const part role = {.start = hold_across, .stop = hold_in_stop, .arg = &mutex};
    assert_ok(tr_runtime_spawn(rt, PUPPET(&role), &ref));
    end();
    EXPECT_REPORTS(1, ", in start");
    EXPECT_REPORTS(1, ", in stop");
}

static tr_err_t
wait_on_under_another(tr_self *self, void *arg)
{
    tr_err_t err = wait_here(self);
    return err != TR_OK ? err : hold_across(self, arg);
}

Test(blame, finds_what_is_taken_after_an_earlier_wait)
{
    play(wait_on_under_another, &mutex);
    EXPECT_REPORTS(1, "mutex");
    cr_assert(lines_with("the lock was taken at", "(take_here+0x") == 1);
}

// ---- every kind of lock

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spinlock;
static mtx_t mtx;

static struct timespec
soon(clockid_t clock)
{
    struct timespec until;
    clock_gettime(clock, &until);
    until.tv_sec += TROUPE_PATIENCE_S;
    return until;
}

static int
take_by(uint32_t way)
{
    struct timespec real = soon(CLOCK_REALTIME);
    struct timespec monotonic = soon(CLOCK_MONOTONIC);
    switch (way) {
    case 0:
        return pthread_mutex_trylock(&mutex);
    case 1:
        return pthread_mutex_timedlock(&mutex, &real);
    case 2:
        return pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &monotonic);
    case 3:
        return pthread_rwlock_rdlock(&rwlock);
    case 4:
        return pthread_rwlock_tryrdlock(&rwlock);
    case 5:
        return pthread_rwlock_timedrdlock(&rwlock, &real);
    case 6:
        return pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &monotonic);
    case 7:
        return pthread_rwlock_wrlock(&rwlock);
    case 8:
        return pthread_rwlock_trywrlock(&rwlock);
    case 9:
        return pthread_rwlock_timedwrlock(&rwlock, &real);
    case 10:
        return pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &monotonic);
    case 11:
        return pthread_spin_lock(&spinlock);
    case 12:
        return pthread_spin_trylock(&spinlock);
    case 13:
        return mtx_lock(&mtx);
    case 14:
        return mtx_trylock(&mtx);
    default:
        return mtx_timedlock(&mtx, &real);
    }
}

#define WAYS 16u

static const char *
kind_of(uint32_t way)
{
    return way < 3    ? "mutex"
           : way < 7  ? "rwlock (read)"
           : way < 11 ? "rwlock (write)"
           : way < 13 ? "spinlock"
                      : "mtx";
}

static int
give_by(uint32_t way)
{
    return way < 3    ? pthread_mutex_unlock(&mutex)
           : way < 11 ? pthread_rwlock_unlock(&rwlock)
           : way < 13 ? pthread_spin_unlock(&spinlock)
                      : mtx_unlock(&mtx);
}

static tr_err_t
take_wait_give(tr_self *self, void *arg)
{
    const uint32_t *way = arg;
    cr_expect(take_by(*way) == 0, "way %u", *way);
    tr_err_t err = wait_here(self);
    cr_expect(give_by(*way) == 0, "way %u", *way);
    return err;
}

static tr_err_t
take_give_wait(tr_self *self, void *arg)
{
    const uint32_t *way = arg;
    cr_expect(take_by(*way) == 0, "way %u", *way);
    cr_expect(give_by(*way) == 0, "way %u", *way);
    return wait_here(self);
}

static void
init_kinds(void)
{
    pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
    mtx_init(&mtx, mtx_timed);
}

Test(blame, knows_every_way_to_take_a_lock, .init = init_kinds)
{
    begin();
    tr_ref_t hero = actor("hero");
    for (uint32_t way = 0; way < WAYS; way++) {
        assert_ok(troupe_act(rt, hero, take_give_wait, &way));
        EXPECT_SILENCE();
        assert_ok(troupe_act(rt, hero, take_wait_give, &way));
        char text[64];
        snprintf(text, sizeof text, "holds a %s across", kind_of(way));
        cr_expect(lines_with(text, "") == 1, "way %u is not reported as %s", way, kind_of(way));
        said.count = 0; // nobody writes now
    }
    end();
}

static void *
try_from_outside(void *arg)
{
    return (void *)(intptr_t)pthread_mutex_trylock(arg);
}

// What passes the call on must pass on its answer.
static tr_err_t
keep_others_out(tr_self *self, void *arg)
{
    (void)self;
    pthread_t thread;
    void *status;
    pthread_mutex_lock(arg);
    cr_expect(pthread_create(&thread, NULL, try_from_outside, arg) == 0);
    pthread_join(thread, &status);
    cr_expect(EBUSY == (intptr_t)status);
    pthread_mutex_unlock(arg);
    return TR_OK;
}

Test(blame, leaves_a_lock_a_lock)
{
    play(keep_others_out, &mutex);
    EXPECT_SILENCE();
}

static tr_err_t
take_recursively(tr_self *self, void *arg)
{
    pthread_mutexattr_t recursive;
    pthread_mutex_t lock;
    const int *kept = arg;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &recursive);
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
    for (int i = *kept; i < 2; i++) {
        pthread_mutex_unlock(&lock);
    }
    tr_err_t err = wait_here(self);
    for (int i = 0; i < *kept; i++) {
        pthread_mutex_unlock(&lock);
    }
    cr_expect(pthread_mutex_destroy(&lock) == 0);
    return err;
}

Test(blame, counts_a_recursive_mutex)
{
    begin();
    tr_ref_t hero = actor("hero");
    assert_ok(troupe_act(rt, hero, take_recursively, &(int){0}));
    EXPECT_SILENCE();
    assert_ok(troupe_act(rt, hero, take_recursively, &(int){1}));
    EXPECT_REPORTS(1, "mutex");
    end();
}

// ---- what is not reported

static tr_err_t
release_before(tr_self *self, void *arg)
{
    take_here(arg);
    pthread_mutex_unlock(arg);
    return wait_here(self);
}

Test(blame, is_not_for_a_lock_that_is_released_before)
{
    play(release_before, &mutex);
    EXPECT_SILENCE();
}

static tr_err_t
fail_to_take(tr_self *self, void *arg)
{
    struct timespec past = {.tv_sec = 1};
    cr_expect(pthread_mutex_trylock(arg) == EBUSY);
    cr_expect(pthread_mutex_timedlock(arg, &past) == ETIMEDOUT);
    return wait_here(self);
}

// The test's own thread holds it, across a wait of its own: threads outside may.
Test(blame, is_not_for_a_lock_that_was_not_got)
{
    begin();
    tr_ref_t hero = actor("hero");
    pthread_mutex_lock(&mutex);
    assert_ok(troupe_act(rt, hero, fail_to_take, &mutex));
    pthread_mutex_unlock(&mutex);
    EXPECT_SILENCE();
    end();
}

typedef struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool is_listening, is_rung;
    pthread_t thread;
} bell;

static void *
ring(void *arg)
{
    bell *b = arg;
    bool is_listening = false;
    while (!is_listening) { // it waits, and has given the lock up
        pthread_mutex_lock(&b->lock);
        is_listening = b->is_listening;
        b->is_rung = is_listening;
        pthread_cond_signal(&b->rung);
        pthread_mutex_unlock(&b->lock);
    }
    return NULL;
}

static void
hear_the_bell(bell *b)
{
    cr_expect(pthread_create(&b->thread, NULL, ring, b) == 0);
    pthread_mutex_lock(&b->lock);
    b->is_listening = true;
    while (!b->is_rung) {
        pthread_cond_wait(&b->rung, &b->lock);
    }
}

static tr_err_t
hear_and_release(tr_self *self, void *arg)
{
    bell *b = arg;
    hear_the_bell(b);
    pthread_mutex_unlock(&b->lock);
    tr_err_t err = wait_here(self);
    pthread_join(b->thread, NULL);
    return err;
}

static tr_err_t
hear_and_hold(tr_self *self, void *arg)
{
    bell *b = arg;
    hear_the_bell(b);
    tr_err_t err = wait_here(self);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    return err;
}

Test(blame, sees_through_a_condition_variable)
{
    begin();
    tr_ref_t hero = actor("hero");
    for (int i = 0; i < 20; i++) {
        bell b = {.lock = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER};
        assert_ok(troupe_act(rt, hero, hear_and_release, &b));
    }
    EXPECT_SILENCE();
    bell b = {.lock = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER};
    assert_ok(troupe_act(rt, hero, hear_and_hold, &b));
    EXPECT_REPORTS(1, "mutex");
    end();
}

static tr_err_t
take_and_keep(tr_self *self, void *arg)
{
    (void)self;
    pthread_mutex_lock(arg);
    return TR_OK;
}

static tr_err_t
take_and_fail(tr_self *self, void *arg)
{
    pthread_mutex_lock(arg);
    tr_fail(self, TR_EFAULT, "with a lock");
}

static tr_err_t
just_wait(tr_self *self, void *arg)
{
    (void)arg;
    return wait_here(self);
}

static tr_err_t
give_it(tr_self *self, void *arg)
{
    cr_expect(pthread_mutex_unlock(arg) == 0);
    return wait_here(self);
}

// The list is of a handler: neither another actor nor a later handler is blamed.
Test(blame, ends_with_the_handler_that_took_the_lock)
{
    begin();
    tr_ref_t careless = actor("careless");
    tr_ref_t innocent = actor("innocent");
    assert_ok(troupe_act(rt, careless, take_and_keep, &mutex));
    assert_ok(troupe_act(rt, innocent, just_wait, NULL));
    assert_ok(troupe_act(rt, careless, just_wait, NULL));
    assert_ok(troupe_act(rt, innocent, give_it, &mutex)); // whoever it is: it is in no list
    EXPECT_SILENCE();
    assert_err(troupe_act(rt, careless, take_and_fail, &second), TR_ECRASHED);
    assert_ok(troupe_act(rt, innocent, just_wait, NULL));
    EXPECT_REPORTS(0, "");
    pthread_mutex_unlock(&second);
    end();
}

typedef struct pair {
    tr_ref_t innocent;
    cue over;
} pair;

static tr_err_t
wait_often(tr_self *self, void *arg)
{
    pair *p = arg;
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&second);
        pthread_mutex_unlock(&second);
        expect_ok(tr_yield(self));
        expect_ok(tr_sleep(self, tr_ms(1)));
    }
    cue_give(&p->over);
    return TR_OK;
}

static tr_err_t
hold_for_long(tr_self *self, void *arg)
{
    pair *p = arg;
    expect_ok(tr_send(self, p->innocent, ACT_MSG(wait_often, p)));
    pthread_mutex_lock(&mutex);
    expect_ok(tr_sleep(self, tr_ms(10))); // the innocent waits before, meanwhile and afterwards
    pthread_mutex_unlock(&mutex);
    expect_ok(tr_sleep(self, tr_ms(1)));
    return TR_OK;
}

Test(blame, is_for_the_guilty_of_two_on_one_worker)
{
    begin();
    pair p = {.innocent = actor("innocent")};
    cue_init(&p.over);
    assert_ok(troupe_act(rt, actor("guilty"), hold_for_long, &p));
    CUE_AWAIT(&p.over);
    end();
    EXPECT_REPORTS(1, "mutex");
    cr_assert(lines_with("guilty (", "holds a mutex across a wait (sleep)") == 1);
    cr_assert(lines_with("innocent (", "") == 0);
}

// ---- a list that others leave in disorder

static void *
release_elsewhere(void *arg)
{
    return (void *)(intptr_t)pthread_spin_unlock(arg);
}

static tr_err_t
have_it_released_elsewhere(tr_self *self, void *arg)
{
    pthread_t thread;
    pthread_spin_lock(&spinlock);
    tr_err_t err = wait_here(self); // reported, and forgotten
    cr_expect(pthread_create(&thread, NULL, release_elsewhere, (void *)&spinlock) == 0);
    pthread_join(thread, NULL);
    if (err == TR_OK) {
        err = wait_here(self);
    }
    cr_expect(pthread_spin_trylock(&spinlock) == 0); // it is free, and known again
    pthread_spin_unlock(&spinlock);
    return err != TR_OK ? err : release_before(self, arg);
}

Test(blame, is_not_repeated_for_a_lock_that_another_thread_released, .init = init_kinds)
{
    play(have_it_released_elsewhere, &mutex);
    EXPECT_REPORTS(1, "");
    EXPECT_REPORTS(1, "spinlock");
}

#define MANY (3 * TRI_HELD_MAX)

// More than are remembered, released from both ends. The one that is taken last is known, be there
// many or no others.
static tr_err_t
take_many(tr_self *self, void *arg)
{
    pthread_mutex_t locks[MANY];
    for (size_t i = 0; i < MANY; i++) {
        pthread_mutex_init(&locks[i], NULL);
        pthread_mutex_lock(&locks[i]);
    }
    expect_ok(hold_across(self, arg));
    for (size_t i = 0; i < MANY / 2; i++) {
        cr_expect(pthread_mutex_unlock(&locks[i]) == 0);
        cr_expect(pthread_mutex_unlock(&locks[MANY - 1 - i]) == 0);
    }
    return hold_across(self, arg);
}

Test(blame, survives_more_locks_than_it_remembers)
{
    play(take_many, &mutex);
    cr_assert(lines_with("the lock was taken at", "(take_here+0x") == 2);
}
