/**
 * @file select.h
 * Waiting for the first of several things. A branch says what for; tr_select waits until one is
 * ready and says which, and nothing has been taken yet: a receive or a read on that branch, with a
 * timeout of zero, gets what is there. So the branches that lost have lost nothing, and one wait
 * may be given up at any time.
 *
 *     tr_branch_t branches[] = {tr_when_readable(client), tr_when_broadcast(news)};
 *     size_t which;
 *     err = tr_select(self, branches, 2, tr_seconds(30), &which);
 *     if (err == TR_OK && which == 0) {
 *         err = tr_tcp_read(self, client, buffer, sizeof buffer, tr_ms(0), &size);
 *     } else if (err == TR_OK) {
 *         err = tr_broadcast_recv(self, news, &msg, tr_ms(0));
 *     }
 */
#ifndef TROUPE_SELECT_H
#define TROUPE_SELECT_H

#include "troupe/actor.h"
#include "troupe/alarm.h"
#include "troupe/broadcast.h"
#include "troupe/call.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/future.h"
#include "troupe/interval.h"
#include "troupe/mpsc.h"
#include "troupe/oneshot.h"
#include "troupe/set.h"
#include "troupe/tcp.h"
#include "troupe/watch.h"

TR_BEGIN_DECLS

/** One thing to wait for; made by a tr_when_… and good for any number of waits. A value: it refers
 *  to what it is about, which must be open while it is waited for, and stands in one wait once. */
typedef struct tr_branch {
    void *own[5]; // the runtime's
} tr_branch_t;

/** A message, or the end, of a channel: tr_mpsc_recv would not wait. */
TR_API tr_branch_t tr_when_mpsc(tr_mpsc_rx *rx);

/** A message, a gap or the end: tr_broadcast_recv would not wait. */
TR_API tr_branch_t tr_when_broadcast(tr_broadcast_rx *rx);

/** A value not seen, or the end: tr_watch_await_change would not wait. */
TR_API tr_branch_t tr_when_watch(tr_watch_rx *rx);

/** The message, or its sender's going: tr_oneshot_recv would not wait. */
TR_API tr_branch_t tr_when_oneshot(tr_oneshot *rx);

/** Nobody wants the answer any more: tr_token_is_wanted is false. A request's deadline is not
 * waited for: give it to tr_select as the timeout. */
TR_API tr_branch_t tr_when_unwanted(tr_token *token);

/** A result: tr_future_await would not wait. The future is the caller's. */
TR_API tr_branch_t tr_when_done(tr_future *future);

/** Something done in a set, or nothing left in it: tr_set_next would not wait. */
TR_API tr_branch_t tr_when_next(tr_set *set);

/** Bytes, or the end: tr_tcp_read would not wait. The connection is the caller's. */
TR_API tr_branch_t tr_when_readable(tr_tcp *tcp);

/** The next tick: tr_interval_tick would not wait. The interval is the caller's. */
TR_API tr_branch_t tr_when_tick(tr_interval *interval);

/** The alarm's time has come, and it was not reset since: tr_alarm_await would not wait. The alarm
 *  is the caller's. */
TR_API tr_branch_t tr_when_alarm(tr_alarm *alarm);

/**
 * Wait for the first branch that is ready. Where several are, each has the same chance.
 * @param count      at least 1
 * @param timeout    zero: only look
 * @param out_index  which; the others are as they were
 * @return TR_OK, TR_ETIMEOUT, TR_ECANCELED when self is being stopped, TR_EINVAL when `count` is 0,
 *         TR_ENOMEM.
 * @blocks the actor, never the worker; or the thread outside
 */
TR_API TR_MUST_CHECK tr_err_t tr_select(tr_self *self, tr_branch_t *branches, size_t count,
                                        tr_duration_t timeout, size_t *out_index);

/** As tr_select, but the first in order wins where several are ready: what comes first in the array
 *  is what matters most, and may starve the rest. */
TR_API TR_MUST_CHECK tr_err_t tr_select_biased(tr_self *self, tr_branch_t *branches, size_t count,
                                               tr_duration_t timeout, size_t *out_index);

/** The same for a thread outside; no branch may be a connection, an interval or an alarm.
 *  @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_select(tr_runtime *rt, tr_branch_t *branches, size_t count,
                                                tr_duration_t timeout, size_t *out_index);

TR_END_DECLS

#endif
