/**
 * @file interval.h
 * Ticks at equal distances, for a handler that does something every so often. An interval belongs
 * to the life that made it, and to that actor only; the first tick is due one period after it was
 * made. A handler that comes late finds its tick waiting; what becomes of those that it missed
 * beyond that one is the interval's policy.
 *
 *     tr_interval *beat;
 *     err = tr_interval_create(self, tr_seconds(1), TR_TICK_SKIP, &beat);
 *     while ((err = tr_interval_tick(self, beat, TR_FOREVER, NULL)) == TR_OK) {
 *         …
 *     }
 *
 * An actor that lives on messages alone uses tr_send_after. Time is cut into milliseconds: a tick
 * never comes early, and may come as much late.
 */
#ifndef TROUPE_INTERVAL_H
#define TROUPE_INTERVAL_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"

TR_BEGIN_DECLS

/** An interval. Owned by the life that made it; used by that actor only. */
typedef struct tr_interval tr_interval;

/**
 * What follows a tick that was taken late. With a period of 10 and ticks due at 10, 20, 30, 40 …,
 * of which the first is taken at 35, the others are taken at once or when they are due:
 *     TR_TICK_SKIP   35, 40, 50, 60 …        what was missed is left out, the rhythm stays
 *     TR_TICK_BURST  35, 35, 35, 40, 50 …    none is left out, the rhythm stays
 *     TR_TICK_DELAY  35, 45, 55, 65 …        what was missed is left out, the rhythm begins anew
 */
typedef enum tr_tick_policy {
    TR_TICK_SKIP,
    TR_TICK_BURST,
    TR_TICK_DELAY, // a tick up to 5 ms late, and less than a period, is on time
} tr_tick_policy_t;

/**
 * Make an interval.
 * @param period  more than zero, and not TR_FOREVER
 * @param out     belongs to this life; tr_interval_destroy ends it earlier
 * @return TR_OK, TR_EINVAL, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_interval_create(tr_self *self, tr_duration_t period,
                                                 tr_tick_policy_t policy, tr_interval **out);

/**
 * Wait for the next tick, and take it.
 * @param timeout     zero: only if it is due
 * @param out_missed  how many whole periods late it was taken: so many more ticks were due by then.
 *                    They are left out, or with TR_TICK_BURST come at once. NULL is allowed.
 * @return TR_OK, TR_ETIMEOUT (the tick is not lost: wait again), TR_ECANCELED, TR_ENOMEM, TR_EINVAL
 *         when the interval is another actor's.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_interval_tick(tr_self *self, tr_interval *interval,
                                               tr_duration_t timeout, uint64_t *out_missed);

/** Begin anew: the next tick is due one period from now. */
TR_API void tr_interval_reset(tr_self *self, tr_interval *interval);

/** End an interval. NULL is allowed. */
TR_API void tr_interval_destroy(tr_self *self, tr_interval *interval);

TR_END_DECLS

#endif
