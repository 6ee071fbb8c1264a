// circuit.c: a circuit breaker, which forwards what comes and hears how it ends.
//
// It has no timer: that its time is over is seen by the next call. Each state that it comes into
// has a number of its own, which goes along with a call, so that what comes back later is known to
// be of the past.
#include "troupe/circuit.h"

#include "troupe/call.h"
#include "troupe/future.h"
#include "troupe/runtime.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_MS          INT64_C(1000000)
#define DAY_MS             INT64_C(86400000)
#define WINDOW_MAX         10000u
#define IN_FLIGHT_MAX      65536u
#define DEFAULT_IN_ROW     5u
#define DEFAULT_PERCENT    50u
#define DEFAULT_WINDOW     100u
#define DEFAULT_WINDOW_MIN 20u
#define DEFAULT_OPEN_MS    1000
#define DEFAULT_MAX_MS     60000
#define DEFAULT_JITTER     20u
#define DEFAULT_IN_FLIGHT  64u

typedef enum outcome { SUCCESS, FAILURE, NEITHER } outcome_t;

// The last calls: a ring, and how many of them have failed.
typedef struct window {
    bool *failed;
    uint32_t next;
    uint32_t calls;
    uint32_t failures;
} window;

typedef struct circuit {
    tr_circuit_opts_t opts; // without defaults
    tr_circuit_state state;
    uint64_t number; // of this state
    int64_t since_ns;
    int64_t until_ns; // open: when the first trial may be; half open: when trials are overdue
    int64_t open_ms;  // how long it is open, this time or the next
    uint64_t chance;
    window last;
    uint32_t failures_in_row;
    uint32_t trials_begun;
    uint32_t trials_passed;
    uint32_t in_flight;
    uint64_t succeeded, failed, canceled, refused, dropped, opened;
} circuit;

// ---- options

static void
fill_in(uint32_t *number, uint32_t otherwise)
{
    *number = *number != 0 ? *number : otherwise;
}

static void
complete(tr_circuit_opts_t *o)
{
    fill_in(&o->failures_in_row, DEFAULT_IN_ROW);
    fill_in(&o->failure_percent, DEFAULT_PERCENT);
    fill_in(&o->window, DEFAULT_WINDOW);
    fill_in(&o->window_min, o->window < DEFAULT_WINDOW_MIN ? o->window : DEFAULT_WINDOW_MIN);
    fill_in(&o->jitter_percent, DEFAULT_JITTER);
    fill_in(&o->trials, 1);
    fill_in(&o->max_in_flight, DEFAULT_IN_FLIGHT);
    o->open_ms = o->open_ms != 0 ? o->open_ms : DEFAULT_OPEN_MS;
    if (o->max_open_ms == 0) {
        o->max_open_ms = o->open_ms > DEFAULT_MAX_MS ? o->open_ms : DEFAULT_MAX_MS;
    }
}

static bool
is_percent(uint32_t number)
{
    return number <= 100 || number == TR_CIRCUIT_OFF;
}

// Does not return when something is out of its range.
static void
check(tr_self *self, const tr_circuit_opts_t *o)
{
    if (tr_ref_is_none(o->target)) {
        tr_fail(self, TR_EINVAL, "a circuit needs a target");
    }
    if (o->fault != TR_FAULT_LOST && o->fault != TR_FAULT_ANY) {
        tr_fail(self, TR_EINVAL, "fault is unknown: %d", (int)o->fault);
    }
    if (!is_percent(o->failure_percent)) {
        tr_fail(self, TR_EINVAL, "failure_percent is %" PRIu32 ", over 100", o->failure_percent);
    }
    if (o->window > WINDOW_MAX) {
        tr_fail(self, TR_EINVAL, "window is %" PRIu32 ", over %u", o->window, WINDOW_MAX);
    }
    if (o->window_min > o->window) {
        tr_fail(self, TR_EINVAL, "window_min is %" PRIu32 ", over a window of %" PRIu32,
                o->window_min, o->window);
    }
    if (o->open_ms < 0) {
        tr_fail(self, TR_EINVAL, "open_ms is %" PRId64 ", below zero", o->open_ms);
    }
    if (o->max_open_ms < o->open_ms || o->max_open_ms > DAY_MS) {
        tr_fail(self, TR_EINVAL, "max_open_ms is %" PRId64 ", not from %" PRId64 " to %" PRId64,
                o->max_open_ms, o->open_ms, DAY_MS);
    }
    if (!is_percent(o->jitter_percent)) {
        tr_fail(self, TR_EINVAL, "jitter_percent is %" PRIu32 ", over 100", o->jitter_percent);
    }
    if (o->max_in_flight > IN_FLIGHT_MAX) {
        tr_fail(self, TR_EINVAL, "max_in_flight is %" PRIu32 ", over %u", o->max_in_flight,
                IN_FLIGHT_MAX);
    }
    if (o->trials > o->max_in_flight) {
        tr_fail(self, TR_EINVAL, "trials is %" PRIu32 ", over a max_in_flight of %" PRIu32,
                o->trials, o->max_in_flight);
    }
}

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    circuit *c = state;
    if (arg == NULL) {
        tr_fail(self, TR_EINVAL, "a circuit needs a tr_circuit_opts_t as its argument");
    }
    c->opts = *(const tr_circuit_opts_t *)arg;
    complete(&c->opts);
    check(self, &c->opts);
    c->last.failed = tr_alloc(self, c->opts.window * sizeof *c->last.failed);
    if (c->last.failed == NULL) {
        return TR_ENOMEM;
    }
    c->since_ns = tr_now_ns(self);
    c->open_ms = c->opts.open_ms;
    c->chance = (uint64_t)c->since_ns ^ tr_self_ref(self).raw;
    return TR_OK;
}

// ---- states

static void
enter(tr_self *self, circuit *c, tr_circuit_state state)
{
    c->state = state;
    c->number++;
    c->since_ns = tr_now_ns(self);
}

// splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
static uint64_t
draw(circuit *c)
{
    uint64_t z = c->chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// The time to be open, with its jitter.
static int64_t
open_time_ms(circuit *c)
{
    if (c->opts.jitter_percent == TR_CIRCUIT_OFF) {
        return c->open_ms;
    }
    uint64_t most_ms = (uint64_t)c->open_ms * c->opts.jitter_percent / 100;
    return c->open_ms + (int64_t)(draw(c) % (most_ms + 1));
}

static void
open(tr_self *self, circuit *c, const char *why)
{
    int64_t time_ms = open_time_ms(c);
    enter(self, c, TR_CIRCUIT_OPEN);
    c->until_ns = c->since_ns + time_ms * NS_PER_MS;
    c->opened++;
    tr_log(self, TR_LOG_WARN, "open for %" PRId64 " ms: %s", time_ms, why);
}

static void
open_again(tr_self *self, circuit *c, const char *why)
{
    c->open_ms = c->open_ms > c->opts.max_open_ms / 2 ? c->opts.max_open_ms : 2 * c->open_ms;
    open(self, c, why);
}

static void
open_half(tr_self *self, circuit *c)
{
    enter(self, c, TR_CIRCUIT_HALF_OPEN);
    c->until_ns = c->since_ns + c->opts.max_open_ms * NS_PER_MS;
    c->trials_begun = 0;
    c->trials_passed = 0;
    tr_log(self, TR_LOG_INFO, "half open: %" PRIu32 " on trial", c->opts.trials);
}

static void
close(tr_self *self, circuit *c)
{
    enter(self, c, TR_CIRCUIT_CLOSED);
    c->open_ms = c->opts.open_ms;
    c->failures_in_row = 0;
    c->last = (window){.failed = c->last.failed};
    tr_log(self, TR_LOG_INFO, "closed: %" PRIu32 " on trial succeeded", c->opts.trials);
}

// What time alone has changed.
static void
catch_up(tr_self *self, circuit *c)
{
    if (c->state == TR_CIRCUIT_CLOSED || tr_now_ns(self) < c->until_ns) {
        return;
    }
    if (c->state == TR_CIRCUIT_OPEN) {
        open_half(self, c);
    } else if (c->trials_begun == c->opts.trials) {
        open_again(self, c, "a call on trial takes too long");
    }
}

// ---- what comes back

static outcome_t
judge(const circuit *c, tr_err_t err)
{
    switch (err) {
    case TR_OK:
        return SUCCESS;
    case TR_ETIMEOUT:
    case TR_EDEAD:
    case TR_ECRASHED:
    case TR_ENOREPLY:
    case TR_EDOWN:
        return FAILURE;
    case TR_ECANCELED:
    case TR_EFULL:
    case TR_ETOOBIG:
    case TR_ENOMEM:
        return NEITHER;
    default:
        return c->opts.fault == TR_FAULT_ANY ? FAILURE : SUCCESS;
    }
}

static void
remember(circuit *c, bool has_failed)
{
    window *w = &c->last;
    if (w->calls == c->opts.window) {
        w->failures -= w->failed[w->next];
    } else {
        w->calls++;
    }
    w->failed[w->next] = has_failed;
    w->failures += has_failed;
    w->next = (w->next + 1) % c->opts.window;
    c->failures_in_row = has_failed ? c->failures_in_row + 1 : 0;
}

static void
open_if_too_many_failed(tr_self *self, circuit *c, tr_err_t err)
{
    const window *w = &c->last;
    char why[96];
    bool is_row =
        c->opts.failures_in_row != TR_CIRCUIT_OFF && c->failures_in_row >= c->opts.failures_in_row;
    bool is_share = c->opts.failure_percent != TR_CIRCUIT_OFF && w->calls >= c->opts.window_min &&
                    w->failures * 100 >= c->opts.failure_percent * w->calls;
    if (is_row) {
        snprintf(why, sizeof why, "%" PRIu32 " failures in a row, the last %s", c->failures_in_row,
                 tr_errname(err));
    } else {
        snprintf(why, sizeof why, "%" PRIu32 " of %" PRIu32 " calls failed, the last with %s",
                 w->failures, w->calls, tr_errname(err));
    }
    if (is_row || is_share) {
        open(self, c, why);
    }
}

static void
end_trial(tr_self *self, circuit *c, outcome_t outcome, tr_err_t err)
{
    char why[64];
    switch (outcome) {
    case SUCCESS:
        if (++c->trials_passed == c->opts.trials) {
            close(self, c);
        }
        break;
    case FAILURE:
        snprintf(why, sizeof why, "a call on trial failed, %s", tr_errname(err));
        open_again(self, c, why);
        break;
    case NEITHER:
        c->trials_begun--; // another one may try
        break;
    }
}

// A call of the state with this number is over.
static void
end(tr_self *self, circuit *c, uint64_t number, tr_err_t err)
{
    outcome_t outcome = judge(c, err);
    c->in_flight--;
    c->succeeded += outcome == SUCCESS;
    c->failed += outcome == FAILURE;
    c->canceled += err == TR_ECANCELED;
    c->refused += outcome == NEITHER && err != TR_ECANCELED;
    if (number != c->number) {
        return;
    }
    if (c->state == TR_CIRCUIT_HALF_OPEN) {
        end_trial(self, c, outcome, err);
    } else if (outcome != NEITHER) {
        remember(c, outcome == FAILURE);
        if (outcome == FAILURE) {
            open_if_too_many_failed(self, c, err);
        }
    }
}

static tr_err_t
on_end(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    (void)answer;
    end(self, state, (uint64_t)(uintptr_t)arg, err);
    return TR_OK;
}

// ---- what goes through

static tr_err_t
refuse(tr_self *self, circuit *c, tr_err_t error)
{
    c->refused++;
    return tr_reply_error(self, error);
}

static tr_err_t
pass_call(tr_self *self, circuit *c)
{
    catch_up(self, c);
    bool is_trial = c->state == TR_CIRCUIT_HALF_OPEN;
    if (c->state == TR_CIRCUIT_OPEN || (is_trial && c->trials_begun == c->opts.trials)) {
        return refuse(self, c, TR_EDOWN);
    }
    if (c->in_flight == c->opts.max_in_flight) {
        return refuse(self, c, TR_EFULL);
    }
    c->in_flight++;
    c->trials_begun += is_trial;
    tr_err_t err = tr_forward(self, c->opts.target, on_end, (void *)(uintptr_t)c->number);
    if (err == TR_OK) {
        return TR_OK;
    }
    end(self, c, c->number, err);
    return tr_reply_error(self, err);
}

static tr_err_t
pass_message(tr_self *self, circuit *c)
{
    tr_err_t err =
        c->state == TR_CIRCUIT_CLOSED ? tr_forward(self, c->opts.target, on_end, NULL) : TR_EDOWN;
    c->dropped += err != TR_OK;
    return TR_OK;
}

static tr_err_t
answer_status(tr_self *self, const circuit *c)
{
    return tr_reply(self,
                    TR_MSG(tr_circuit_status, .state = c->state, .since_ns = c->since_ns,
                           .open_ms = c->open_ms, .failures_in_row = c->failures_in_row,
                           .window_calls = c->last.calls, .window_failures = c->last.failures,
                           .in_flight = c->in_flight, .succeeded = c->succeeded,
                           .failed = c->failed, .canceled = c->canceled, .refused = c->refused,
                           .dropped = c->dropped, .opened = c->opened));
}

static tr_err_t
receive(tr_self *self, void *state, const tr_message *msg)
{
    tr_err_t err;
    if (tr_as(tr_circuit_query, msg) != NULL) {
        err = answer_status(self, state);
    } else if (tr_message_is_call(msg)) {
        err = pass_call(self, state);
    } else {
        err = pass_message(self, state);
    }
    // Without memory for an answer the caller hears that there is none; the circuit goes on.
    return err == TR_ENOMEM ? TR_OK : err;
}

const tr_behavior_t tr_circuit_behavior = {
    .name = "circuit",
    .state_size = sizeof(circuit),
    .start = start,
    .receive = receive,
};
