// memory_test.c: the allocation that fails, at every place in turn. What was asked for says
// TR_ENOMEM and has changed nothing: asked for again it works. In an actor and in a thread.
#include "base/memory.h"

#include "troupe_test.h"

TestSuite(no_memory, .timeout = 60);

#define PLACES 40 // more allocations than any of these makes

static tr_runtime *rt;
static int failures;

// TR_ENOMEM at most once, for there is one fault at a time.
#define TRY(expression, expected)                                                                  \
    do {                                                                                           \
        tr_err_t tried_ = (expression);                                                            \
        if (tried_ == TR_ENOMEM) {                                                                 \
            failures++;                                                                            \
            tried_ = (expression);                                                                 \
        }                                                                                          \
        cr_expect(tried_ == (expected), "%s: %s, expected %s", #expression, tr_errname(tried_),    \
                  tr_errname(expected));                                                           \
        if (tried_ != (expected)) {                                                                \
            return TR_EFAULT;                                                                      \
        }                                                                                          \
    } while (0)

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        bool is_so_ = (condition);                                                                 \
        cr_expect(is_so_, "not so: %s", #condition);                                               \
    } while (0)

static const char much[6000];

#define MUCH TR_MSG(lump, .data = tr_bytes(much, sizeof much))

static void
give_back(tr_self *self, const void *value)
{
    if (self != NULL) {
        tr_release(self, value);
    } else {
        tr_runtime_release(rt, value);
    }
}

// What failed has written nothing.
#define UNTOUCHED(err, out) EXPECT((err) == TR_OK || (out) == NULL)

static tr_err_t
create_oneshot(tr_self *self, tr_token **tx, tr_oneshot **rx)
{
    *tx = NULL;
    *rx = NULL;
    tr_err_t err =
        self != NULL ? tr_oneshot_create(self, tx, rx) : tr_runtime_oneshot_create(rt, tx, rx);
    UNTOUCHED(err, *tx);
    UNTOUCHED(err, *rx);
    return err;
}

static tr_err_t
use_oneshot(tr_self *self, void *arg)
{
    tr_token *tx;
    tr_oneshot *rx;
    const lump *value;
    (void)arg;
    TRY(create_oneshot(self, &tx, &rx), TR_OK);
    TRY(tr_oneshot_recv(self, rx, TR_REPLY(lump, &value), tr_us(100)), TR_ETIMEOUT);
    TRY(tr_token_await_unwanted(self, tx, tr_us(100)), TR_ETIMEOUT);
    TRY(tr_token_reply(self, tx, MUCH), TR_OK);
    TRY(tr_oneshot_recv(self, rx, TR_REPLY(lump, &value), tr_ms(0)), TR_OK);
    EXPECT(value->data.size == sizeof much);
    give_back(self, value);
    tr_oneshot_close(rx);
    TRY(create_oneshot(self, &tx, &rx), TR_OK);
    tr_token_reply_error(self, tx, TR_EIO); // needs no memory
    TRY(tr_oneshot_recv(self, rx, TR_REPLY(lump, &value), TR_FOREVER), TR_EIO);
    tr_oneshot_close(rx);
    return TR_OK;
}

static tr_err_t
create_broadcast(tr_self *self, tr_broadcast_tx **tx, tr_broadcast_rx **rx)
{
    *tx = NULL;
    *rx = NULL;
    tr_err_t err = self != NULL ? tr_broadcast_create(self, NULL, tx, rx)
                                : tr_runtime_broadcast_create(rt, NULL, tx, rx);
    UNTOUCHED(err, *tx);
    return err;
}

static tr_err_t
read_broadcast(tr_self *self, tr_broadcast_rx *rx)
{
    const tr_message *msg;
    TRY(tr_broadcast_recv(self, rx, &msg, tr_ms(0)), TR_OK);
    EXPECT(tr_message_type(msg) == &lump_type);
    give_back(self, msg);
    TRY(tr_broadcast_recv(self, rx, &msg, tr_us(100)), TR_ETIMEOUT);
    tr_broadcast_rx_close(rx);
    return TR_OK;
}

static tr_err_t
use_broadcast(tr_self *self, void *arg)
{
    tr_broadcast_tx *tx, *clone = NULL;
    tr_broadcast_rx *rx, *beside_tx = NULL, *beside_rx = NULL;
    uint32_t readers;
    (void)arg;
    TRY(create_broadcast(self, &tx, &rx), TR_OK);
    TRY(tr_broadcast_tx_clone(self, tx, &clone), TR_OK);
    TRY(tr_broadcast_subscribe(self, tx, &beside_tx), TR_OK);
    TRY(tr_broadcast_resubscribe(self, rx, &beside_rx), TR_OK);
    TRY(tr_broadcast_send(self, tx, MUCH, &readers), TR_OK);
    EXPECT(readers == 3); // a reader that was not made is none
    TRY(tr_broadcast_await_unread(self, tx, tr_us(100)), TR_ETIMEOUT);
    TRY(read_broadcast(self, rx), TR_OK);
    TRY(read_broadcast(self, beside_tx), TR_OK);
    TRY(read_broadcast(self, beside_rx), TR_OK);
    tr_broadcast_tx_close(tx);
    TRY(tr_broadcast_send(self, clone, MUCH, &readers), TR_ECLOSED);
    tr_broadcast_tx_close(clone);
    return TR_OK;
}

static tr_err_t
create_watch(tr_self *self, tr_watch_tx **tx, tr_watch_rx **rx)
{
    *tx = NULL;
    *rx = NULL;
    tr_err_t err = self != NULL ? tr_watch_create(self, MUCH, tx, rx)
                                : tr_runtime_watch_create(rt, MUCH, tx, rx);
    UNTOUCHED(err, *tx);
    return err;
}

// A look that fails has not seen what was not seen, and has seen what was.
static tr_err_t
look(tr_self *self, tr_watch_rx *rx)
{
    bool had_changed = tr_watch_has_changed(rx);
    const tr_message *msg;
    tr_err_t err = tr_watch_get(self, rx, &msg);
    if (err == TR_OK) {
        EXPECT(tr_message_type(msg) == &lump_type);
        give_back(self, msg);
    }
    EXPECT(tr_watch_has_changed(rx) == (err != TR_OK && had_changed));
    return err;
}

static tr_err_t
use_watch(tr_self *self, void *arg)
{
    tr_watch_tx *tx, *clone = NULL;
    tr_watch_rx *rx, *beside_tx = NULL, *beside_rx = NULL;
    (void)arg;
    TRY(create_watch(self, &tx, &rx), TR_OK);
    TRY(tr_watch_tx_clone(self, tx, &clone), TR_OK);
    TRY(tr_watch_subscribe(self, tx, &beside_tx), TR_OK);
    TRY(tr_watch_resubscribe(self, rx, &beside_rx), TR_OK);
    TRY(look(self, rx), TR_OK);
    TRY(tr_watch_await_change(self, rx, tr_us(100)), TR_ETIMEOUT);
    TRY(tr_watch_send(self, clone, MUCH), TR_OK);
    TRY(tr_watch_await_change(self, rx, TR_FOREVER), TR_OK);
    TRY(look(self, rx), TR_OK);
    TRY(look(self, beside_tx), TR_OK);
    TRY(tr_watch_await_unread(self, tx, tr_us(100)), TR_ETIMEOUT);
    tr_watch_rx_close(rx);
    tr_watch_rx_close(beside_tx);
    tr_watch_rx_close(beside_rx);
    tr_watch_tx_close(tx);
    tr_watch_tx_close(clone);
    return TR_OK;
}

static tr_err_t
choose(tr_self *self, tr_branch_t *branches, size_t count, tr_duration_t timeout, size_t *which)
{
    return self != NULL ? tr_select(self, branches, count, timeout, which)
                        : tr_runtime_select(rt, branches, count, timeout, which);
}

static tr_err_t
use_select(tr_self *self, void *arg)
{
    tr_token *tx;
    tr_oneshot *rx;
    tr_broadcast_tx *broadcast_tx;
    tr_broadcast_rx *broadcast_rx;
    size_t which;
    (void)arg;
    TRY(create_oneshot(self, &tx, &rx), TR_OK);
    TRY(create_broadcast(self, &broadcast_tx, &broadcast_rx), TR_OK);
    tr_branch_t branches[] = {tr_when_oneshot(rx), tr_when_broadcast(broadcast_rx),
                              tr_when_unwanted(tx)};
    TRY(choose(self, branches, 3, tr_us(100), &which), TR_ETIMEOUT);
    TRY(tr_broadcast_send(self, broadcast_tx, MUCH, NULL), TR_OK);
    TRY(choose(self, branches, 3, tr_us(100), &which), TR_OK);
    EXPECT(which == 1);
    tr_token_reply_error(self, tx, TR_EIO);
    tr_oneshot_close(rx);
    tr_broadcast_tx_close(broadcast_tx);
    tr_broadcast_rx_close(broadcast_rx);
    return TR_OK;
}

// What creates needs memory, and so does waiting; a free mutex, and giving anything back, do not.
static tr_err_t
use_mutex(tr_self *self, void *arg)
{
    tr_mutex *m = NULL;
    (void)arg;
    TRY(tr_mutex_create(rt, &m), TR_OK);
    TRY(tr_mutex_lock(self, m, TR_FOREVER), TR_OK);
    TRY(tr_mutex_try_lock(self, m), TR_EDEADLK);
    tr_mutex_unlock(self, m);
    tr_mutex_destroy(m);
    return TR_OK;
}

static tr_err_t
use_rwlock(tr_self *self, void *arg)
{
    tr_rwlock *rw = NULL;
    (void)arg;
    TRY(tr_rwlock_create(rt, &rw), TR_OK);
    TRY(tr_rwlock_read(self, rw, TR_FOREVER), TR_OK);
    tr_rwlock_unlock(self, rw);
    TRY(tr_rwlock_try_read(self, rw), TR_OK);
    tr_rwlock_unlock(self, rw);
    TRY(tr_rwlock_write(self, rw, TR_FOREVER), TR_OK);
    tr_rwlock_downgrade(self, rw);
    tr_rwlock_unlock(self, rw);
    tr_rwlock_destroy(rw);
    return TR_OK;
}

static tr_err_t
use_semaphore(tr_self *self, void *arg)
{
    tr_semaphore *s = NULL;
    (void)arg;
    TRY(tr_semaphore_create(rt, 3, &s), TR_OK);
    TRY(tr_semaphore_acquire(self, s, 1, TR_FOREVER), TR_OK);
    TRY(tr_semaphore_try_acquire(self, s, 1), TR_OK);
    EXPECT(tr_semaphore_available(s) == 1);
    tr_semaphore_release(self, s, 2);
    TRY(tr_semaphore_acquire(self, s, 3, TR_FOREVER), TR_OK);
    tr_semaphore_release(self, s, 3);
    tr_semaphore_destroy(s);
    return TR_OK;
}

static tr_err_t
run_nothing(tr_self *self, void *arg)
{
    (void)self;
    ++*(int *)arg;
    return TR_OK;
}

static tr_err_t
use_once_and_barrier(tr_self *self, void *arg)
{
    int runs = 0;
    bool is_leader = false;
    tr_once *once = NULL;
    tr_barrier *alone = NULL, *b = NULL;
    (void)arg;
    TRY(tr_once_create(rt, &once), TR_OK);
    TRY(tr_once_run(self, once, run_nothing, &runs), TR_OK);
    EXPECT(runs == 1);
    TRY(tr_barrier_create(rt, 1, &alone), TR_OK);
    TRY(tr_barrier_create(rt, 2, &b), TR_OK);
    TRY(tr_barrier_wait(self, alone, TR_FOREVER, &is_leader), TR_OK);
    EXPECT(is_leader);
    TRY(tr_barrier_wait(self, b, tr_us(100), NULL), TR_ETIMEOUT);
    tr_once_destroy(once);
    tr_barrier_destroy(alone);
    tr_barrier_destroy(b);
    return TR_OK;
}

static tr_err_t
use_locks(tr_self *self, void *arg)
{
    tr_err_t err = use_mutex(self, arg);
    err = err == TR_OK ? use_rwlock(self, arg) : err;
    err = err == TR_OK ? use_semaphore(self, arg) : err;
    return err == TR_OK ? use_once_and_barrier(self, arg) : err;
}

// Of another life.
static tr_mutex *taken_mutex;
static tr_rwlock *taken_rwlock;
static tr_semaphore *taken_semaphore;

static tr_err_t
take_locks(tr_self *self, void *arg)
{
    (void)arg;
    TRY(tr_mutex_create(rt, &taken_mutex), TR_OK);
    TRY(tr_rwlock_create(rt, &taken_rwlock), TR_OK);
    TRY(tr_semaphore_create(rt, 3, &taken_semaphore), TR_OK);
    TRY(tr_mutex_lock(self, taken_mutex, tr_ms(0)), TR_OK);
    TRY(tr_rwlock_write(self, taken_rwlock, tr_ms(0)), TR_OK);
    TRY(tr_semaphore_acquire(self, taken_semaphore, 3, tr_ms(0)), TR_OK);
    return TR_OK;
}

static tr_err_t
give_locks_back(tr_self *self, void *arg)
{
    (void)arg;
    tr_mutex_unlock(self, taken_mutex);
    tr_rwlock_unlock(self, taken_rwlock);
    tr_semaphore_release(self, taken_semaphore, 3);
    tr_mutex_destroy(taken_mutex); // whoever waited in vain has left
    tr_rwlock_destroy(taken_rwlock);
    tr_semaphore_destroy(taken_semaphore);
    return TR_OK;
}

static tr_err_t
wait_for_locks(tr_self *self, void *arg)
{
    (void)arg;
    TRY(tr_mutex_lock(self, taken_mutex, tr_us(100)), TR_ETIMEOUT);
    TRY(tr_rwlock_read(self, taken_rwlock, tr_us(100)), TR_ETIMEOUT);
    TRY(tr_rwlock_write(self, taken_rwlock, tr_us(100)), TR_ETIMEOUT);
    TRY(tr_semaphore_acquire(self, taken_semaphore, 1, tr_us(100)), TR_ETIMEOUT);
    return TR_OK;
}

// A life that fails for lack of memory, with all of it open.
static tr_err_t
open_all_and_fail(tr_self *self, void *arg)
{
    tr_token *tx;
    tr_oneshot *rx;
    tr_broadcast_tx *broadcast_tx;
    tr_broadcast_rx *broadcast_rx;
    tr_watch_tx *watch_tx;
    tr_watch_rx *watch_rx;
    (void)arg;
    TRY(create_oneshot(self, &tx, &rx), TR_OK);
    TRY(create_broadcast(self, &broadcast_tx, &broadcast_rx), TR_OK);
    TRY(create_watch(self, &watch_tx, &watch_rx), TR_OK);
    TRY(tr_broadcast_send(self, broadcast_tx, MUCH, NULL), TR_OK);
    tri_memory_fail_after(0); // its end needs none
    return TR_ENOMEM;
}

typedef struct attempt {
    act_fn fn;
    uint64_t after;
    tr_err_t err;
} attempt;

// The fault is not in the answer: that comes when none is planned any more.
static tr_err_t
try_it(tr_self *self, void *arg)
{
    attempt *a = arg;
    tri_memory_fail_after(a->after);
    a->err = a->fn(self, NULL);
    tri_memory_fail_after(UINT64_MAX);
    return TR_OK;
}

static void
at_every_place_of_this(act_fn fn, int least)
{
    int before = 0;
    failures = 0;
    for (uint64_t after = 0; after < PLACES; after++) {
        attempt a = {.fn = fn, .after = after};
        before = failures;
        assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), try_it, &a));
        assert_ok(a.err);
        assert_ok(try_it(TR_OUTSIDE, &a));
        assert_ok(a.err);
    }
    cr_assert(ge(int, failures, least));
    cr_assert(eq(int, failures, before)); // the last faults lay beyond it
}

static void
at_every_place(act_fn fn)
{
    rt = troupe_begin(1);
    at_every_place_of_this(fn, 5);
    troupe_end(rt);
}

Test(no_memory, for_a_oneshot)
{
    at_every_place(use_oneshot);
}

Test(no_memory, for_a_broadcast)
{
    at_every_place(use_broadcast);
}

Test(no_memory, for_a_watch)
{
    at_every_place(use_watch);
}

Test(no_memory, for_a_select)
{
    at_every_place(use_select);
}

Test(no_memory, for_locks)
{
    at_every_place(use_locks);
}

Test(no_memory, to_wait_for_locks_with)
{
    rt = troupe_begin(1);
    tr_ref_t holder = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, holder, take_locks, NULL));
    at_every_place_of_this(wait_for_locks, 2); // what a reader has, and a permit
    assert_ok(troupe_act(rt, holder, give_locks_back, NULL));
    troupe_end(rt);
}

Test(no_memory, for_the_end_of_a_life_with_channels)
{
    rt = troupe_begin(1);
    tr_ref_t actor = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, actor, open_all_and_fail, NULL));
    tr_stats_t stats;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &stats), stats.failures == 1));
    tri_memory_fail_after(UINT64_MAX);
    troupe_end(rt);
}
