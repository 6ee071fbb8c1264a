// wheel.h: timers by the hundred thousand, armed and cancelled in constant time.
//
// A timer is embedded in the struct that waits for it; zeroed, it is valid and not armed. The wheel
// allocates nothing and locks nothing: it belongs to one thread at a time, which reads the clock
// and calls tri_wheel_advance.
#ifndef TRI_BASE_WHEEL_H
#define TRI_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define TRI_WHEEL_TICK_NS 1000000

// Eight levels of 64 slots are 48 bits of milliseconds; INT64_MAX nanoseconds are 44.
#define TRI_WHEEL_LEVELS 8
#define TRI_WHEEL_SLOTS  64

typedef struct tri_timer tri_timer;

// The timer is already unarmed: it may be armed again or freed. May arm and cancel any timer of the
// wheel, but not advance it. `arg` is what tri_wheel_advance was given.
typedef void (*tri_timer_fn)(tri_timer *timer, void *arg);

struct tri_timer {
    tri_list link;     // in a slot, on the late list or among those being fired; the wheel's
    int64_t due_ns;    // as given to the latest tri_wheel_arm; stays readable in and after `fire`
    tri_timer_fn fire; // the user's; set before arming
};

typedef struct tri_wheel {
    uint64_t tick;   // everything due at this tick or before has been fired, or is on a list below
    size_t count;    // timers armed
    tri_list late;   // due already when they were armed: the next advance begins with them
    tri_list firing; // taken from their slot, their turn to come; empty outside tri_wheel_advance
    bool is_advancing;
    uint64_t occupied[TRI_WHEEL_LEVELS]; // bit s: slots[level][s] is not empty
    tri_list slots[TRI_WHEEL_LEVELS][TRI_WHEEL_SLOTS];
} tri_wheel;

// `now_ns` is on the scale of all later due times, and not negative. There is no fini: cancel what
// is armed, or forget the wheel together with its timers.
void tri_wheel_init(tri_wheel *wheel, int64_t now_ns);

// Fire `timer` at the first tick that is not before due_ns. One that is armed already is moved. One
// that is due already fires at the next advance; armed by a callback, it fires not in the advance
// under way but in the one after it, so that a timer re-arming itself cannot hold the wheel.
void tri_wheel_arm(tri_wheel *wheel, tri_timer *timer, int64_t due_ns);

// Nothing happens when it is not armed. After this, fire is not called.
void tri_wheel_cancel(tri_wheel *wheel, tri_timer *timer);

bool tri_timer_is_armed(const tri_timer *timer);

// When to advance next: never later than the tick of the earliest timer. It may be earlier, a few
// times per timer, because a distant timer moves down the levels on its way; each advance at this
// time makes progress. INT64_MAX: nothing is armed.
int64_t tri_wheel_next_ns(const tri_wheel *wheel);

// Fire all that is due at now_ns and say how many that were: first what was late when it was armed,
// in the order of arming, then tick after tick. A clock that went back counts as one that stood.
size_t tri_wheel_advance(tri_wheel *wheel, int64_t now_ns, void *arg);

size_t tri_wheel_count(const tri_wheel *wheel);

#endif
