// cond.h: waiting for a condition until a time of tri_clock_ns. For threads that may block: those
// outside, and observers.
#ifndef TRI_BASE_COND_H
#define TRI_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

// As pthread_cond_init, on the clock of tri_clock_ns.
static inline void
tri_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

// Wait once, spuriously perhaps; `lock` is held. False: the deadline has passed. INT64_MAX: none.
static inline bool
tri_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX) {
        return pthread_cond_wait(cond, lock) == 0;
    }
    struct timespec until = {.tv_sec = deadline_ns / 1000000000,
                             .tv_nsec = deadline_ns % 1000000000};
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}

#endif
