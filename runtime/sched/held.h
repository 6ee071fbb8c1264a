// held.h: which pthread locks the handler that runs on a worker holds, and where it took them. Only
// in checked builds (-Dchecked=enabled): there the library's own definitions of the lock functions
// stand in front of the C library's. In other builds nothing of this is there.
#ifndef TRI_SCHED_HELD_H
#define TRI_SCHED_HELD_H

#include "base/compat.h"

#include <stdbool.h>
#include <stddef.h>

struct tri_worker;

#define TRI_CALLERS_MAX 16 // of a stack, from the innermost
#define TRI_HELD_MAX    8  // locks at a time; of more the one taken first is forgotten

// Where something was called from: return addresses, the innermost first. A function that was
// compiled without a frame pointer may be missing.
typedef struct tri_callers {
    uint32_t count;
    void *of[TRI_CALLERS_MAX];
} tri_callers;

typedef struct tri_held_lock {
    const void *lock;
    const char *kind; // "mutex", …: static text
    tri_callers taken;
} tri_held_lock;

// In a worker; used by its thread alone.
typedef struct tri_held {
    const void *base; // the frame that called the handler: callers are looked for up to here
    uint32_t count;
    tri_held_lock locks[TRI_HELD_MAX]; // in the order in which they were taken
} tri_held;

#if TRI_CHECKED

// The calling thread runs `worker` from now on: what it locks inside a turn is noted there.
void tri_held_enter(struct tri_worker *worker);

// The calling thread is done with it.
void tri_held_leave(void);

// A handler begins, or goes on after a wait: so far it holds nothing, whatever is left of another.
// `base` is TRI_FRAME() of its caller.
void tri_held_begin(struct tri_worker *worker, const void *base);

// What tri_held_begin was given last.
const void *tri_held_base(const struct tri_worker *worker);

// Take the lock that was taken last off the list. False: none is held.
bool tri_held_pop(struct tri_worker *worker, tri_held_lock *out);

// The callers of the function that has this frame, inside the handler that `worker` runs.
void tri_held_walk(const struct tri_worker *worker, const void *frame, tri_callers *out);

// Whether this lock and this wait have not met before, in the whole process. Some 64 pairs are
// remembered; what comes after them is no news.
bool tri_held_is_news(const tri_callers *taken, const tri_callers *wait);

#else

static inline void
tri_held_enter(struct tri_worker *worker)
{
    (void)worker;
}

static inline void
tri_held_leave(void)
{
}

static inline void
tri_held_begin(struct tri_worker *worker, const void *base)
{
    (void)worker;
    (void)base;
}

static inline const void *
tri_held_base(const struct tri_worker *worker)
{
    (void)worker;
    return NULL;
}

#endif

#endif
