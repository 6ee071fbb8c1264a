// sync.c: locks, conditions and the ends of threads. They order memory as POSIX says: what was done
// before an unlock is seen after the next lock of the same mutex.
#include "engine.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define OBJECTS_MAX 16
#define CREATED_MAX 4

typedef struct lock {
    const void *address;
    int holder;                     // of a mutex; -1: nobody
    view released;                  // by its last unlock
    bool is_waiting[THREADS_MAX];   // for a condition
    bool is_signalled[THREADS_MAX]; // one who waits, and may go on
} lock;

static lock objects[OBJECTS_MAX];
static unsigned object_count;
static struct {
    void *(*body)(void *);
    void *arg;
} created[CREATED_MAX];
static unsigned created_count;
static bool has_timed_out[THREADS_MAX];

void
sync_begin(void)
{
    object_count = 0;
    created_count = 0;
    memset(has_timed_out, 0, sizeof has_timed_out);
}

bool
model_has_timed_out(void)
{
    return has_timed_out[model_thread()];
}

static lock *
find(const void *address)
{
    for (unsigned i = 0; i < object_count; i++) {
        if (objects[i].address == address) {
            return &objects[i];
        }
    }
    if (object_count == OBJECTS_MAX) {
        model_fail("more than %d mutexes and conditions", OBJECTS_MAX);
    }
    objects[object_count] = (lock){.address = address, .holder = -1};
    return &objects[object_count++];
}

// ---- mutexes

static unsigned
lock_ways(void *arg)
{
    const lock *mutex = arg;
    return mutex->holder < 0;
}

void
model_mutex_lock(void *address, const char *site)
{
    view *now = run_view();
    if (now == NULL) {
        return;
    }
    lock *mutex = find(address);
    if (run_skips("locks", site)) {
        return;
    }
    if (mutex->holder == (int)model_thread()) {
        model_fail("%s locks a mutex that it holds", site);
    }
    model_step(address, "locks", lock_ways, mutex);
    mutex->holder = (int)model_thread();
    memory_join(now, &mutex->released);
}

static void
release(lock *mutex)
{
    view *now = run_view();
    // A mutant may have left out the locking.
    if (mutex->holder != (int)model_thread()) {
        return;
    }
    mutex->holder = -1;
    memory_join(&mutex->released, now);
    now->clock[model_thread()]++;
}

// No choice: whoever wants the lock could not go on before, and nobody else minds.
void
model_mutex_unlock(void *address)
{
    if (run_view() != NULL) {
        release(find(address));
    }
}

// ---- conditions

struct wait {
    const lock *cond;
    unsigned thread;
    bool may_time_out;
};

static unsigned
wake_ways(void *arg)
{
    const struct wait *wait = arg;
    unsigned woken = wait->cond->is_signalled[wait->thread] ? 1u : 0;
    return woken | (wait->may_time_out ? 2u : 0);
}

int
model_cond_wait(void *address, void *mutex_address, bool may_time_out, const char *site)
{
    lock *cond = find(address);
    lock *mutex = find(mutex_address);
    model_step(address, "begins to wait", NULL, NULL);
    unsigned self = model_thread();
    cond->is_waiting[self] = true;
    release(mutex);
    struct wait wait = {.cond = cond, .thread = self, .may_time_out = may_time_out};
    bool timed_out =
        model_step(address, may_time_out ? "woken, or times out" : "woken", wake_ways, &wait) == 1;
    cond->is_waiting[self] = false;
    cond->is_signalled[self] = false;
    has_timed_out[self] = timed_out;
    model_mutex_lock(mutex_address, site);
    return timed_out ? ETIMEDOUT : 0;
}

void
model_cond_signal(void *address, const char *site)
{
    if (run_view() == NULL || run_skips("signals", site)) {
        return;
    }
    lock *cond = find(address);
    model_step(address, "signals", NULL, NULL);
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        if (cond->is_waiting[i] && !cond->is_signalled[i]) {
            cond->is_signalled[i] = true;
            return;
        }
    }
}

// ---- threads

int
model_pthread_create(pthread_t *thread, void *(*body)(void *), void *arg)
{
    if (created_count == CREATED_MAX || run_view() != NULL) {
        model_fail("threads are created in setup, up to %d", CREATED_MAX);
    }
    created[created_count].body = body;
    created[created_count].arg = arg;
    *thread = (pthread_t)created_count++;
    return 0;
}

void
model_run_created(void)
{
    unsigned self = model_thread();
    (void)created[self].body(created[self].arg);
}

static unsigned
join_ways(void *arg)
{
    const void *object;
    return run_end_of(*(unsigned *)arg, &object) != NULL;
}

void
model_pthread_join(pthread_t thread, const char *site)
{
    (void)site;
    const void *object;
    unsigned number = (unsigned)thread;
    (void)run_end_of(number, &object);
    model_step(object, "joins", join_ways, &number);
    memory_join(run_view(), run_end_of(number, &object));
}
