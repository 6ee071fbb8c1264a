/**
 * @file circuit.h
 * A circuit breaker is an actor in front of another one, the target. Whoever wants the target sends
 * to the circuit's address instead, with the same messages, and gets the same answers. When calls
 * fail too often the circuit opens: for some time it refuses at once with TR_EDOWN, which spares
 * its callers their timeouts, and the target those who come on top of its trouble.
 *
 *     tr_circuit_opts_t opts = {.target = payments};
 *     err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &tr_circuit_behavior,
 *                                             .name = "payments",
 *                                             .arg = &opts,
 *                                             .arg_size = sizeof opts}, &circuit);
 *     …
 *     err = tr_call(self, circuit, TR_MSG(pay, .cents = 1250), TR_REPLY(receipt, &r), tr_ms(200));
 *
 * It is closed at first: requests go to the target with their deadline, many at once, and answers
 * come back. It opens after so many failures in a row, or when so many of the last calls were
 * failures. Some time later it is half open: a few calls go through on trial, and others are
 * refused. It closes when all of them have succeeded, and opens when one has failed, for twice the
 * time. Each change is logged.
 *
 * A call fails by TR_ETIMEOUT, TR_EDEAD, TR_ECRASHED, TR_ENOREPLY or TR_EDOWN; one on trial also
 * when it takes longer than max_open_ms. Any other error is the target's answer, and
 * counts as a success unless the options say otherwise. One that its caller has canceled counts as
 * neither, and so does one that was not delivered: TR_EFULL, TR_ETOOBIG, TR_ENOMEM. What comes back
 * after the state has changed does not change it again.
 *
 * A message that is sent and not called goes on while the circuit is closed and its target has room
 * for it; otherwise it is dropped, and counted. The target sees it in the name of its sender, and
 * requests in the name of the circuit. A circuit that is restarted begins closed.
 */
#ifndef TROUPE_CIRCUIT_H
#define TROUPE_CIRCUIT_H

#include "troupe/actor.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"

#include <stdint.h>

TR_BEGIN_DECLS

/** In the place of a number of tr_circuit_opts_t that says so: this is not looked at. */
#define TR_CIRCUIT_OFF UINT32_MAX

/** What counts as a failure. */
typedef enum tr_circuit_fault {
    TR_FAULT_LOST, // there was no answer: the errors named above
    TR_FAULT_ANY,  // every error that the target has answered with, too
} tr_circuit_fault_t;

/** The argument of a circuit at its spawn. Zero is the default of everything but `target`. */
typedef struct tr_circuit_opts {
    tr_ref_t target; // required
    tr_circuit_fault_t fault;
    uint32_t failures_in_row; // so many open it; 0 for 5; TR_CIRCUIT_OFF
    uint32_t failure_percent; // of the last calls open it, up to 100; 0 for 50; TR_CIRCUIT_OFF
    uint32_t window;          // how many the last calls are; 0 for 100; at most 10000
    uint32_t window_min;      // fewer calls than that are not judged; 0 for 20, or `window` if that
                              // is less
    int64_t open_ms;          // how long it is open the first time; 0 for 1000
    int64_t max_open_ms;      // and at most, when one trial after the other fails; 0 for 60000, or
                              // `open_ms` if that is more; at most 24 hours
    uint32_t jitter_percent;  // the time is up to so much longer, by chance, so that many circuits
                              // do not try at once; up to 100; 0 for 20; TR_CIRCUIT_OFF
    uint32_t trials;          // calls that go through when it is half open; 0 for 1; at most
                              // `max_in_flight`
    uint32_t max_in_flight;   // calls under way at once; one more gets TR_EFULL; 0 for 64; at most
                              // 65536
} tr_circuit_opts_t;

/** The behavior. Its argument is a tr_circuit_opts_t; one out of its range fails the start with
 *  TR_EINVAL, and the log says what is wrong. */
extern TR_API const tr_behavior_t tr_circuit_behavior;

#define TR_CIRCUIT_STATES(V)                                                                       \
    V(TR_CIRCUIT_CLOSED, 0)                                                                        \
    V(TR_CIRCUIT_OPEN, 1)                                                                          \
    V(TR_CIRCUIT_HALF_OPEN, 2)
TR_ENUM(tr_circuit_state, TR_CIRCUIT_STATES);

/** Ask a circuit how it is; answered with tr_circuit_status. The one message that does not go to
 *  the target. */
TR_MESSAGE_EMPTY(tr_circuit_query);

/**
 * How a circuit is, now. Those that count do so in this life.
 *   state            open also where the next call will be the first on trial
 *   since_ns         of tr_now_ns: when it came into this state
 *   open_ms          how long it is open, this time or the next, without jitter
 *   failures_in_row  up to now
 *   window_calls, window_failures  of the last calls while it was closed
 *   in_flight        calls under way
 *   succeeded, failed  calls that came back
 *   canceled         calls that their callers gave up
 *   refused          calls that did not go to the target: TR_EDOWN or TR_EFULL
 *   dropped          messages that were sent and not called, and did not go to the target
 *   opened           how often it has opened
 */
#define TR_CIRCUIT_STATUS(F, T)                                                                    \
    F(T, enum(tr_circuit_state), state)                                                            \
    F(T, i64, since_ns)                                                                            \
    F(T, i64, open_ms)                                                                             \
    F(T, u32, failures_in_row)                                                                     \
    F(T, u32, window_calls)                                                                        \
    F(T, u32, window_failures)                                                                     \
    F(T, u32, in_flight)                                                                           \
    F(T, u64, succeeded)                                                                           \
    F(T, u64, failed)                                                                              \
    F(T, u64, canceled)                                                                            \
    F(T, u64, refused)                                                                             \
    F(T, u64, dropped)                                                                             \
    F(T, u64, opened)
TR_MESSAGE(tr_circuit_status, TR_CIRCUIT_STATUS);

TR_END_DECLS

#endif
