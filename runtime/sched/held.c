// held.c: the lock functions of the C library, with a note of who has taken what.
//
// Each function of LOCK_FUNCTIONS is defined here and passes the call on to the next definition in
// the program, which is the C library's. The linker prefers ours: in a program because it is part
// of it, or because libtroupe comes before the C library. What stays unseen: the mutex that
// pthread_cond_wait gives up and takes again, which is right, since it is held before and after;
// and locks that the C library takes for itself.
//
// The list is the worker's and not the thread's, and `here` is read in functions that switch no
// stacks, so that nothing thread-local lives across a wait.
#include "sched/held.h"

#include "troupe/export.h"

#include "base/panic.h"
#include "sched/worker.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <threads.h>
#include <time.h>

// Which worker this thread runs.
static _Thread_local tri_worker *here;

// ---- stacks

void
tri_held_walk(const tri_worker *worker, const void *frame, tri_callers *out)
{
    uintptr_t low = (uintptr_t)worker->stack->low;
    uintptr_t high = low + worker->stack->bytes - 2 * sizeof(void *);
    uintptr_t base = (uintptr_t)worker->held.base;
    uintptr_t at = (uintptr_t)frame;
    high = base > low && base < high ? base : high;
    out->count = 0;
    // Code without frame pointers leaves anything in that register: only what lies further up on
    // this stack is a frame, or at least memory that can be read.
    while (out->count < TRI_CALLERS_MAX && at >= low && at < high && at % sizeof(void *) == 0) {
        void *const *words = (void *const *)at;
        if (words[1] == NULL) {
            return;
        }
        out->of[out->count++] = words[1];
        low = at + 2 * sizeof(void *);
        at = (uintptr_t)words[0];
    }
}

// ---- the list

void
tri_held_enter(tri_worker *worker)
{
    here = worker;
}

void
tri_held_leave(void)
{
    here = NULL;
}

void
tri_held_begin(tri_worker *worker, const void *base)
{
    worker->held.base = base;
    worker->held.count = 0;
}

const void *
tri_held_base(const tri_worker *worker)
{
    return worker->held.base;
}

bool
tri_held_pop(tri_worker *worker, tri_held_lock *out)
{
    tri_held *held = &worker->held;
    if (held->count == 0) {
        return false;
    }
    *out = held->locks[--held->count];
    return true;
}

static void
take_out(tri_held *held, uint32_t index)
{
    held->count--;
    memmove(&held->locks[index], &held->locks[index + 1],
            (held->count - index) * sizeof held->locks[0]);
}

static TRI_NOINLINE void
note_taken(const void *lock, const char *kind, const void *frame)
{
    tri_worker *worker = here;
    if (worker == NULL || worker->current == NULL) {
        return;
    }
    tri_held *held = &worker->held;
    if (held->count == TRI_HELD_MAX) {
        take_out(held, 0);
    }
    tri_held_lock *entry = &held->locks[held->count++];
    entry->lock = lock;
    entry->kind = kind;
    tri_held_walk(worker, frame, &entry->taken);
}

// One that is taken twice is in the list twice. One that is not there was taken before a wait, in
// an earlier handler or by another thread.
static TRI_NOINLINE void
note_given(const void *lock)
{
    tri_worker *worker = here;
    if (worker == NULL) {
        return;
    }
    for (uint32_t i = worker->held.count; i > 0; i--) {
        if (worker->held.locks[i - 1].lock == lock) {
            take_out(&worker->held, i - 1);
            return;
        }
    }
}

// ---- what was reported

#define REPORTS_MAX 64

static uint64_t
mix(uint64_t hash, const tri_callers *callers)
{
    for (uint32_t i = 0; i < callers->count; i++) {
        hash = (hash ^ (uintptr_t)callers->of[i]) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    return hash;
}

bool
tri_held_is_news(const tri_callers *taken, const tri_callers *wait)
{
    static _Atomic uint64_t reported[REPORTS_MAX]; // 0: free
    uint64_t hash = mix(mix(UINT64_C(0xcbf29ce484222325), taken), wait) | 1;
    for (size_t i = 0; i < REPORTS_MAX; i++) {
        uint64_t found = 0;
        // relaxed, unpaired: the word itself is all there is to know.
        bool is_mine = atomic_compare_exchange_strong_explicit(
            &reported[i], &found, hash, memory_order_relaxed, memory_order_relaxed);
        if (is_mine || found == hash) {
            return is_mine;
        }
    }
    return false;
}

// ---- the functions

// X(what it does, of which kind, name, parameters, arguments); the first parameter is `lock`.
#define LOCK_FUNCTIONS(X)                                                                          \
    X(TAKE, "mutex", pthread_mutex_lock, (pthread_mutex_t * lock), (lock))                         \
    X(TAKE, "mutex", pthread_mutex_trylock, (pthread_mutex_t * lock), (lock))                      \
    X(TAKE, "mutex", pthread_mutex_timedlock,                                                      \
      (pthread_mutex_t * lock, const struct timespec *until), (lock, until))                       \
    X(TAKE, "mutex", pthread_mutex_clocklock,                                                      \
      (pthread_mutex_t * lock, clockid_t clock, const struct timespec *until),                     \
      (lock, clock, until))                                                                        \
    X(GIVE, "mutex", pthread_mutex_unlock, (pthread_mutex_t * lock), (lock))                       \
    X(TAKE, "rwlock (read)", pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))             \
    X(TAKE, "rwlock (read)", pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock), (lock))          \
    X(TAKE, "rwlock (read)", pthread_rwlock_timedrdlock,                                           \
      (pthread_rwlock_t * lock, const struct timespec *until), (lock, until))                      \
    X(TAKE, "rwlock (read)", pthread_rwlock_clockrdlock,                                           \
      (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *until),                    \
      (lock, clock, until))                                                                        \
    X(TAKE, "rwlock (write)", pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))            \
    X(TAKE, "rwlock (write)", pthread_rwlock_trywrlock, (pthread_rwlock_t * lock), (lock))         \
    X(TAKE, "rwlock (write)", pthread_rwlock_timedwrlock,                                          \
      (pthread_rwlock_t * lock, const struct timespec *until), (lock, until))                      \
    X(TAKE, "rwlock (write)", pthread_rwlock_clockwrlock,                                          \
      (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *until),                    \
      (lock, clock, until))                                                                        \
    X(GIVE, "rwlock", pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock))                    \
    X(TAKE, "spinlock", pthread_spin_lock, (pthread_spinlock_t * lock), (lock))                    \
    X(TAKE, "spinlock", pthread_spin_trylock, (pthread_spinlock_t * lock), (lock))                 \
    X(GIVE, "spinlock", pthread_spin_unlock, (pthread_spinlock_t * lock), (lock))                  \
    X(TAKE, "mtx", mtx_lock, (mtx_t * lock), (lock))                                               \
    X(TAKE, "mtx", mtx_trylock, (mtx_t * lock), (lock))                                            \
    X(TAKE, "mtx", mtx_timedlock, (mtx_t * lock, const struct timespec *until), (lock, until))     \
    X(GIVE, "mtx", mtx_unlock, (mtx_t * lock), (lock))

static_assert(thrd_success == 0, "the functions of threads.h say it as those of pthread.h do");

// The next definition of each. Constant once `resolved`.
static struct {
#define X(what, kind, name, parameters, arguments) int(*name) parameters;
    LOCK_FUNCTIONS(X)
#undef X
} next;

static pthread_once_t resolved = PTHREAD_ONCE_INIT;
static _Thread_local bool is_resolving;

static void
resolve(void)
{
    is_resolving = true;
    // As POSIX has it, because C knows no cast from an object's address to a function's.
#define X(what, kind, name, parameters, arguments)                                                 \
    *(void **)&next.name = dlsym(RTLD_NEXT, #name);                                                \
    TRI_ASSERT(next.name != NULL, "%s", #name);
    LOCK_FUNCTIONS(X)
#undef X
    is_resolving = false;
}

// False: we are called by the search itself, from an allocator that locks. There is one thread
// then, and what it takes it gives back before the search is over: not to lock at all is right.
static bool
is_ready(void)
{
    if (TRI_UNLIKELY(is_resolving)) {
        return false;
    }
    pthread_once(&resolved, resolve);
    return true;
}

// Before there is a second thread.
TRI_CONSTRUCTOR static void
resolve_early(void)
{
    (void)is_ready();
}

#define DEFINE_TAKE(kind, name, parameters, arguments)                                             \
    TR_API int name parameters                                                                     \
    {                                                                                              \
        int status = is_ready() ? next.name arguments : 0;                                         \
        if (status == 0 || status == EOWNERDEAD) {                                                 \
            note_taken((const void *)lock, kind, TRI_FRAME());                                     \
        }                                                                                          \
        return status;                                                                             \
    }

// Noted before: afterwards another thread may have it, and this one may have taken it again.
#define DEFINE_GIVE(kind, name, parameters, arguments)                                             \
    TR_API int name parameters                                                                     \
    {                                                                                              \
        note_given((const void *)lock);                                                            \
        return is_ready() ? next.name arguments : 0;                                               \
    }

#define X(what, kind, name, parameters, arguments) DEFINE_##what(kind, name, parameters, arguments)
LOCK_FUNCTIONS(X)
#undef X
