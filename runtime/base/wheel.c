// wheel.c: a hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", SOSP 1987, scheme 7).
//
// Time is cut into ticks of 1 ms; a tick number is read as eight digits of base 64. A timer hangs
// on the level of the highest digit in which its due tick differs from the wheel's tick, in the
// slot of that digit's value. So, between calls:
//
//   Order       Whatever hangs on a level is due before whatever hangs on a higher one, and within
//   a
//               level the slots are in order: the next slot is the lowest bit of the lowest level
//               that has any. Its time, the wheel's higher digits followed by the slot's and zeros,
//               is exact on level 0 and not later than any timer in it on the others.
//   No wrap     A timer's digit is greater than the wheel's on that level, because the digits above
//               are equal and the timer is later. Slots behind the wheel are empty.
//   Standing    Moving the wheel to any tick before the next slot's time leaves every timer where
//   it
//               belongs: no digit that placed it changes. That is why a jump costs nothing.
//
// On reaching the time of a slot above level 0 its timers are hung anew, each on a lower level: at
// most seven moves in a life. What is due when it is armed never enters the levels but waits on the
// late list, which is how one advance comes to an end however its callbacks arm.
#include "base/wheel.h"

#include "base/compat.h"

#include <assert.h>

#include "base/panic.h"

#define DIGIT_BITS 6

static_assert(1 << DIGIT_BITS == TRI_WHEEL_SLOTS, "a digit selects a slot");
static_assert(TRI_WHEEL_SLOTS == 64, "a level's slots have a bit each in a uint64_t");

typedef struct place {
    unsigned level, slot;
} place;

// The first tick that is not before the time.
static uint64_t
tick_reaching(int64_t ns)
{
    if (ns <= 0) {
        return 0;
    }
    return ((uint64_t)ns + TRI_WHEEL_TICK_NS - 1) / TRI_WHEEL_TICK_NS;
}

// The last tick that is not after it.
static uint64_t
tick_reached(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)ns / TRI_WHEEL_TICK_NS;
}

// Where a timer due at `tick` hangs. It is the same place for as long as it hangs there, see
// Standing.
static place
place_of(const tri_wheel *wheel, uint64_t tick)
{
    uint64_t differs = wheel->tick ^ tick;
    unsigned level = differs == 0 ? 0 : tri_highest_bit(differs) / DIGIT_BITS;
    unsigned slot = (unsigned)(tick >> (level * DIGIT_BITS)) % TRI_WHEEL_SLOTS;
    return (place){.level = level, .slot = slot};
}

static void
hang(tri_wheel *wheel, tri_timer *timer)
{
    place at = place_of(wheel, tick_reaching(timer->due_ns));
    tri_list_push_back(&wheel->slots[at.level][at.slot], &timer->link);
    wheel->occupied[at.level] |= UINT64_C(1) << at.slot;
}

static void
unhang(tri_wheel *wheel, tri_timer *timer)
{
    tri_list_remove(&timer->link);
    // One that was late or firing hung in no slot; this names some slot then, empty or not, and an
    // empty slot has no bit to lose.
    place at = place_of(wheel, tick_reaching(timer->due_ns));
    if (tri_list_is_empty(&wheel->slots[at.level][at.slot])) {
        wheel->occupied[at.level] &= ~(UINT64_C(1) << at.slot);
    }
}

// The earliest slot that has timers, and its time. False: there is none.
static bool
next_slot(const tri_wheel *wheel, place *out, uint64_t *out_tick)
{
    for (unsigned level = 0; level < TRI_WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] != 0) {
            unsigned slot = tri_lowest_bit(wheel->occupied[level]);
            unsigned shift = level * DIGIT_BITS;
            uint64_t above = wheel->tick >> shift >> DIGIT_BITS;
            *out = (place){.level = level, .slot = slot};
            *out_tick = (above << DIGIT_BITS | slot) << shift;
            return true;
        }
    }
    return false;
}

void
tri_wheel_init(tri_wheel *wheel, int64_t now_ns)
{
    *wheel = (tri_wheel){.tick = tick_reached(now_ns)};
    tri_list_init(&wheel->late);
    tri_list_init(&wheel->firing);
    for (unsigned level = 0; level < TRI_WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < TRI_WHEEL_SLOTS; slot++) {
            tri_list_init(&wheel->slots[level][slot]);
        }
    }
}

void
tri_wheel_arm(tri_wheel *wheel, tri_timer *timer, int64_t due_ns)
{
    tri_wheel_cancel(wheel, timer);
    timer->due_ns = due_ns;
    wheel->count++;
    if (tick_reaching(due_ns) <= wheel->tick) {
        tri_list_push_back(&wheel->late, &timer->link);
    } else {
        hang(wheel, timer);
    }
}

void
tri_wheel_cancel(tri_wheel *wheel, tri_timer *timer)
{
    if (tri_timer_is_armed(timer)) {
        unhang(wheel, timer);
        wheel->count--;
    }
}

bool
tri_timer_is_armed(const tri_timer *timer)
{
    return tri_list_is_linked(&timer->link);
}

int64_t
tri_wheel_next_ns(const tri_wheel *wheel)
{
    place at;
    uint64_t tick = wheel->tick;
    if (tri_list_is_empty(&wheel->late) && !next_slot(wheel, &at, &tick)) {
        return INT64_MAX;
    }
    // Only the tick that INT64_MAX is rounded up to lies beyond it.
    return tick > INT64_MAX / TRI_WHEEL_TICK_NS ? INT64_MAX : (int64_t)tick * TRI_WHEEL_TICK_NS;
}

static size_t
fire_all(tri_wheel *wheel, tri_list *from, void *arg)
{
    size_t fired = 0;
    tri_list_append_all(&wheel->firing, from);
    // Callbacks may take timers out of `firing`, but none come in: a newly armed one is late or
    // hangs.
    for (tri_list *node; (node = tri_list_pop_front(&wheel->firing)) != NULL; fired++) {
        tri_timer *timer = TRI_CONTAINER(node, tri_timer, link);
        wheel->count--;
        timer->fire(timer, arg);
    }
    return fired;
}

// The wheel has come to the time of this slot: fire it, or let its timers down.
static size_t
enter_slot(tri_wheel *wheel, place at, void *arg)
{
    tri_list *slot = &wheel->slots[at.level][at.slot];
    wheel->occupied[at.level] &= ~(UINT64_C(1) << at.slot);
    if (at.level == 0) {
        return fire_all(wheel, slot, arg);
    }
    for (tri_list *node; (node = tri_list_pop_front(slot)) != NULL;) {
        hang(wheel, TRI_CONTAINER(node, tri_timer, link));
    }
    return 0;
}

size_t
tri_wheel_advance(tri_wheel *wheel, int64_t now_ns, void *arg)
{
    TRI_ASSERT(!wheel->is_advancing, "a timer's callback advanced the wheel");
    wheel->is_advancing = true;
    uint64_t target = tick_reached(now_ns);
    size_t fired = fire_all(wheel, &wheel->late, arg);
    place at;
    uint64_t tick;
    while (next_slot(wheel, &at, &tick) && tick <= target) {
        wheel->tick = tick;
        fired += enter_slot(wheel, at, arg);
    }
    if (wheel->tick < target) {
        wheel->tick = target;
    }
    wheel->is_advancing = false;
    return fired;
}

size_t
tri_wheel_count(const tri_wheel *wheel)
{
    return wheel->count;
}
