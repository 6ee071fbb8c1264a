/**
 * @file alarm.h
 * A point in time that can be waited for, and moved while nobody waits: the idle time of a
 * connection, a deadline over several waits. An alarm belongs to the life that made it, and to that
 * actor only.
 *
 *     tr_alarm *idle;
 *     err = tr_alarm_create(self, tr_seconds(30), &idle);
 *     tr_branch_t branches[] = {tr_when_readable(client), tr_when_alarm(idle)};
 *     while ((err = tr_select(self, branches, 2, TR_FOREVER, &which)) == TR_OK && which == 0) {
 *         …
 *         tr_alarm_reset(self, idle, tr_seconds(30));
 *     }
 *
 * Time is cut into milliseconds: an alarm never comes early, and may come as much late.
 */
#ifndef TROUPE_ALARM_H
#define TROUPE_ALARM_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"

TR_BEGIN_DECLS

/** An alarm. Owned by the life that made it; used by that actor only. */
typedef struct tr_alarm tr_alarm;

/**
 * Make an alarm.
 * @param after  how long from now; TR_FOREVER: never, until it is reset
 * @param out    belongs to this life; tr_alarm_destroy ends it earlier
 * @return TR_OK or TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_alarm_create(tr_self *self, tr_duration_t after, tr_alarm **out);

/** Move it, whether its time has come or not. TR_FOREVER disarms it. */
TR_API void tr_alarm_reset(tr_self *self, tr_alarm *alarm, tr_duration_t after);

/**
 * Wait until its time has come. That it has stays true, however often it is asked, until the alarm
 * is reset.
 * @param timeout  zero: only look
 * @return TR_OK, TR_ETIMEOUT, TR_ECANCELED, TR_ENOMEM, TR_EINVAL when the alarm is another actor's.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_alarm_await(tr_self *self, tr_alarm *alarm, tr_duration_t timeout);

/** End an alarm. NULL is allowed. */
TR_API void tr_alarm_destroy(tr_self *self, tr_alarm *alarm);

TR_END_DECLS

#endif
