// limiter.c: a token bucket, and those who wait for it in their order.
//
// The level is counted in parts of a token, of which a token has as many as its period has
// nanoseconds: each nanosecond adds as many parts as there are tokens in a period, and no division
// loses any.
//
// Nothing runs while nobody waits. While somebody does, a message to oneself is on its way or in
// hand, and its handler watches for what may come next: the time of the first in line, its giving
// up, or mail, to which the handler gives way.
#include "troupe/limiter.h"

#include "troupe/scope.h"
#include "troupe/select.h"

#include <inttypes.h>
#include <stdio.h>

#define DEFAULT_PERIOD_MS   1000
#define DEFAULT_MAX_WAITING 256u
#define NS_PER_MS           INT64_C(1000000)

TR_MESSAGE_EMPTY(tr_limiter_watch);

// One who waits.
typedef struct waiter {
    struct waiter *next;
    tr_token *token; // answering it serves the waiter
    int64_t deadline_ns;
    uint32_t tokens;
} waiter;

typedef struct limiter {
    tr_limiter_opts_t opts; // without defaults
    int64_t token_parts;    // parts of one token: nanoseconds of the period
    int64_t level;          // parts in the bucket, as it was at
    int64_t level_ns;       // this time
    waiter *first;          // in line
    waiter **end;           // where the next one goes
    uint32_t waiting;
    bool is_watched; // tr_limiter_watch is on its way
    uint64_t granted;
    uint64_t refused;
} limiter;

// ---- options

// Put its defaults in. False: something is out of its range, and `why` says what.
static bool
complete(tr_limiter_opts_t *opts, char *why, size_t size)
{
    opts->period_ms = opts->period_ms != 0 ? opts->period_ms : DEFAULT_PERIOD_MS;
    opts->burst = opts->burst != 0 ? opts->burst : opts->tokens;
    opts->max_waiting = opts->max_waiting != 0 ? opts->max_waiting : DEFAULT_MAX_WAITING;
    if (opts->tokens == 0) {
        snprintf(why, size, "a limiter needs tokens, at least 1 in each period");
        return false;
    }
    if (opts->period_ms < 0) {
        snprintf(why, size, "period_ms is %" PRId64 ", below zero", opts->period_ms);
        return false;
    }
    if (opts->period_ms > TR_LIMITER_MAX / opts->burst) {
        snprintf(why, size, "burst %" PRIu32 " times period_ms %" PRId64 " is over %" PRId64,
                 opts->burst, opts->period_ms, TR_LIMITER_MAX);
        return false;
    }
    return true;
}

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    limiter *l = state;
    char why[128];
    if (arg == NULL) {
        tr_fail(self, TR_EINVAL, "a limiter needs a tr_limiter_opts_t as its argument");
    }
    l->opts = *(const tr_limiter_opts_t *)arg;
    if (!complete(&l->opts, why, sizeof why)) {
        tr_fail(self, TR_EINVAL, "%s", why);
    }
    l->token_parts = l->opts.period_ms * NS_PER_MS;
    l->level = tr_self_incarnation(self) == 1 ? l->opts.burst * l->token_parts : 0;
    l->level_ns = tr_now_ns(self);
    l->end = &l->first;
    return TR_OK;
}

// ---- the bucket

// Let in what has come since the last time.
static void
fill(tr_self *self, limiter *l)
{
    int64_t now_ns = tr_now_ns(self);
    int64_t full = l->opts.burst * l->token_parts;
    int64_t passed_ns = now_ns - l->level_ns;
    if (passed_ns > (full - l->level) / l->opts.tokens) {
        l->level = full;
    } else {
        l->level += passed_ns * l->opts.tokens;
    }
    l->level_ns = now_ns;
}

static bool
has(const limiter *l, uint32_t tokens)
{
    return l->level >= tokens * l->token_parts;
}

static void
grant(limiter *l, uint32_t tokens)
{
    l->level -= tokens * l->token_parts;
    l->granted += tokens;
}

// How long until it has them, if nobody takes any.
static int64_t
ns_until(const limiter *l, uint32_t tokens)
{
    int64_t missing = tokens * l->token_parts - l->level;
    return missing <= 0 ? 0 : (missing - 1) / l->opts.tokens + 1;
}

// ---- the line

// Take the one at *at out of the line.
static void
leave(tr_self *self, limiter *l, waiter **at)
{
    waiter *w = *at;
    *at = w->next;
    if (l->end == &w->next) {
        l->end = at;
    }
    l->waiting--;
    tr_free(self, w);
}

// It has given up: the answer is for one whose deadline has passed and who looks once more.
static void
dismiss(tr_self *self, limiter *l, waiter **at)
{
    tr_token_reply_error(self, (*at)->token, TR_ETIMEOUT);
    leave(self, l, at);
}

static void
dismiss_all_unwanted(tr_self *self, limiter *l)
{
    for (waiter **at = &l->first; *at != NULL;) {
        if (tr_token_is_wanted(self, (*at)->token)) {
            at = &(*at)->next;
        } else {
            dismiss(self, l, at);
        }
    }
}

// Serve those for whom there are tokens, up to the first for whom there are not.
static void
serve(tr_self *self, limiter *l)
{
    fill(self, l);
    for (waiter *w; (w = l->first) != NULL;) {
        if (!tr_token_is_wanted(self, w->token)) {
            dismiss(self, l, &l->first);
            continue;
        }
        if (!has(l, w->tokens)) {
            return;
        }
        if (tr_token_reply(self, w->token, TR_MSG(tr_limiter_granted)) == TR_OK) {
            grant(l, w->tokens);
        } else {
            tr_token_reply_error(self, w->token, TR_ENOMEM); // that needs none
        }
        leave(self, l, &l->first);
    }
}

// ---- watching

static tr_err_t
begin_watch(tr_self *self, limiter *l)
{
    if (l->first == NULL || l->is_watched) {
        return TR_OK;
    }
    // Without it those who wait would wait for ever: then this life ends.
    tr_err_t err = tr_send_after(self, tr_ms(0), TR_MSG(tr_limiter_watch), NULL);
    l->is_watched = err == TR_OK;
    return err;
}

// How long nothing changes for the first in line.
static tr_duration_t
quiet_time(tr_self *self, const limiter *l)
{
    int64_t left_ns = ns_until(l, l->first->tokens);
    if (l->first->deadline_ns != INT64_MAX) {
        int64_t to_deadline_ns = l->first->deadline_ns - tr_now_ns(self);
        left_ns = to_deadline_ns < left_ns ? to_deadline_ns : left_ns;
    }
    return (tr_duration_t){left_ns > 0 ? left_ns : 0};
}

static tr_err_t
watch(tr_self *self, limiter *l)
{
    enum { UNWANTED, MAIL, BRANCHES };
    l->is_watched = false; // whoever is in line when this returns is watched again
    for (serve(self, l); l->first != NULL; serve(self, l)) {
        tr_branch_t branches[BRANCHES] = {
            [UNWANTED] = tr_when_unwanted(l->first->token),
            [MAIL] = tr_when_mail(self),
        };
        size_t which = UNWANTED;
        tr_err_t err = tr_select_biased(self, branches, BRANCHES, quiet_time(self, l), &which);
        if (err != TR_OK && err != TR_ETIMEOUT) {
            return err;
        }
        if (which == MAIL) {
            return TR_OK;
        }
    }
    return TR_OK;
}

// ---- messages

static tr_err_t
refuse(tr_self *self, limiter *l, tr_err_t error)
{
    l->refused++;
    return tr_reply_error(self, error);
}

static tr_err_t
wait_in_line(tr_self *self, limiter *l, uint32_t tokens)
{
    if (l->waiting >= l->opts.max_waiting) {
        dismiss_all_unwanted(self, l);
    }
    if (l->waiting >= l->opts.max_waiting) {
        return refuse(self, l, TR_EFULL);
    }
    waiter *w = tr_alloc(self, sizeof *w);
    if (w == NULL) {
        return tr_reply_error(self, TR_ENOMEM);
    }
    *w = (waiter){.tokens = tokens, .deadline_ns = tr_deadline_ns(self)};
    tr_err_t err = tr_defer(self, &w->token);
    if (err != TR_OK) {
        tr_free(self, w);
        return tr_reply_error(self, err);
    }
    *l->end = w;
    l->end = &w->next;
    l->waiting++;
    return TR_OK;
}

static tr_err_t
take(tr_self *self, limiter *l, const tr_limiter_take *request)
{
    if (request->tokens == 0 || request->tokens > l->opts.burst) {
        return tr_reply_error(self, TR_EINVAL);
    }
    serve(self, l);
    if (l->first == NULL && has(l, request->tokens)) {
        tr_err_t err = tr_reply(self, TR_MSG(tr_limiter_granted));
        if (err == TR_OK) {
            grant(l, request->tokens);
        }
        return err;
    }
    return request->waits ? wait_in_line(self, l, request->tokens) : refuse(self, l, TR_EBUSY);
}

static tr_err_t
answer_status(tr_self *self, limiter *l)
{
    serve(self, l);
    dismiss_all_unwanted(self, l);
    return tr_reply(
        self, TR_MSG(tr_limiter_status, .available = (uint32_t)(l->level / l->token_parts),
                     .waiting = l->waiting, .burst = l->opts.burst, .rate_tokens = l->opts.tokens,
                     .rate_period_ms = l->opts.period_ms, .max_waiting = l->opts.max_waiting,
                     .granted = l->granted, .refused = l->refused));
}

static tr_err_t
set_rate(tr_self *self, limiter *l, const tr_limiter_set *rate)
{
    tr_limiter_opts_t opts = l->opts;
    char why[128];
    opts.tokens = rate->tokens;
    opts.period_ms = rate->period_ms;
    if (!complete(&opts, why, sizeof why)) {
        tr_log(self, TR_LOG_WARN, "the rate stays as it was: %s", why);
        return tr_reply_error(self, TR_EINVAL);
    }
    serve(self, l);
    // Whole tokens stay exactly; of one that has begun to come, what a double can say.
    int64_t whole = l->level / l->token_parts;
    double begun = (double)(l->level % l->token_parts) / (double)l->token_parts;
    l->opts = opts;
    l->token_parts = opts.period_ms * NS_PER_MS;
    l->level = whole * l->token_parts + (int64_t)(begun * (double)l->token_parts);
    return answer_status(self, l);
}

static tr_err_t
handle(tr_self *self, limiter *l, const tr_message *msg)
{
    const tr_limiter_take *request = tr_as(tr_limiter_take, msg);
    if (request != NULL) {
        return tr_message_is_call(msg) ? take(self, l, request) : TR_EUNHANDLED;
    }
    const tr_limiter_set *rate = tr_as(tr_limiter_set, msg);
    if (rate != NULL) {
        return set_rate(self, l, rate);
    }
    if (tr_as(tr_limiter_query, msg) != NULL) {
        return answer_status(self, l);
    }
    return tr_as(tr_limiter_watch, msg) != NULL ? watch(self, l) : TR_EUNHANDLED;
}

static tr_err_t
receive(tr_self *self, void *state, const tr_message *msg)
{
    tr_err_t err = handle(self, state, msg);
    // Without memory for an answer the caller hears that there is none; the limiter goes on.
    if (err == TR_OK || err == TR_ENOMEM) {
        err = begin_watch(self, state);
    }
    return err;
}

static void
stop(tr_self *self, void *state, tr_err_t reason)
{
    limiter *l = state;
    while (reason == TR_OK && l->first != NULL) {
        tr_token_reply_error(self, l->first->token, TR_EDEAD);
        leave(self, l, &l->first);
    }
}

const tr_behavior_t tr_limiter_behavior = {
    .name = "limiter",
    .state_size = sizeof(limiter),
    .start = start,
    .receive = receive,
    .stop = stop,
};

// ---- asking

tr_err_t
tr_limiter_acquire(tr_self *self, tr_ref_t to, uint32_t tokens, tr_duration_t timeout)
{
    return tr_call(self, to, TR_MSG(tr_limiter_take, .tokens = tokens, .waits = true),
                   TR_REPLY_NONE, timeout);
}

tr_err_t
tr_limiter_try(tr_self *self, tr_ref_t to, uint32_t tokens, tr_duration_t timeout)
{
    return tr_call(self, to, TR_MSG(tr_limiter_take, .tokens = tokens), TR_REPLY_NONE, timeout);
}

tr_err_t
tr_runtime_limiter_acquire(tr_runtime *rt, tr_ref_t to, uint32_t tokens, tr_duration_t timeout)
{
    return tr_runtime_call(rt, to, TR_MSG(tr_limiter_take, .tokens = tokens, .waits = true),
                           TR_REPLY_NONE, timeout);
}

tr_err_t
tr_runtime_limiter_try(tr_runtime *rt, tr_ref_t to, uint32_t tokens, tr_duration_t timeout)
{
    return tr_runtime_call(rt, to, TR_MSG(tr_limiter_take, .tokens = tokens), TR_REPLY_NONE,
                           timeout);
}
