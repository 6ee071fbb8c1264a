#include "actor/runtime.h"

#include "actor/call.h"
#include "actor/channel.h"
#include "actor/life.h"
#include "actor/mailbox.h"
#include "actor/monitor.h"
#include "actor/port.h"
#include "actor/system.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define WORKERS_MAX 256u
#define STACK_MIN   ((size_t)16 * 1024)

// ---- the log

static void
log_to_stderr(tr_log_level_t level, const char *line, void *arg)
{
    (void)arg;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    fprintf(stderr, "troupe: %s: %s\n", names[level], line);
}

void
tri_log(tr_runtime *rt, tr_log_level_t level, const char *format, ...)
{
    char line[2560];
    if (level < rt->log_level) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    rt->log(level, line, rt->log_arg);
}

void
tr_log(tr_self *self, tr_log_level_t level, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tri_log(self->rt, level, "%s: %s", tri_actor_name(self), text);
}

void
tri_report_unhandled(tr_runtime *rt, const tr_behavior_t *behavior, const tr_type_t *type)
{
    bool is_new = true;
    pthread_mutex_lock(&rt->lock);
    for (uint32_t i = 0; i < rt->reported_count && is_new; i++) {
        is_new = rt->reported[i].behavior != behavior || rt->reported[i].type != type;
    }
    is_new = is_new && rt->reported_count < TRI_REPORTED_MAX;
    if (is_new) {
        rt->reported[rt->reported_count].behavior = behavior;
        rt->reported[rt->reported_count].type = type;
        rt->reported_count++;
    }
    pthread_mutex_unlock(&rt->lock);
    if (is_new) {
        tri_log(rt, TR_LOG_WARN, "%s does not handle messages of type %s (reported once)",
                behavior->name, type->name);
    }
}

// ---- the root actor: parent of what threads outside spawn

// From tr_runtime_spawn, whose thread waits for the answer: the options are on its stack.
#define TR_ROOT_SPAWN(F, T) F(T, u64, opts)
TR_MESSAGE(tr_root_spawn, TR_ROOT_SPAWN);
#define TR_ROOT_SPAWNED(F, T) F(T, ref, actor)
TR_MESSAGE(tr_root_spawned, TR_ROOT_SPAWNED);

static tr_err_t
root_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const tr_root_spawn *request = tr_as(tr_root_spawn, msg);
    if (request != NULL) {
        tr_ref_t actor;
        tr_err_t err = tr_spawn(self, (const tr_spawn_opts_t *)(uintptr_t)request->opts, &actor);
        if (err == TR_OK) {
            err = tr_reply(self, TR_MSG(tr_root_spawned, .actor = actor));
            if (err != TR_OK) {
                tr_err_t killed = tr_kill(self, actor); // nobody would know of it
                (void)killed;                           // it is a child of ours
            }
        }
        if (err != TR_OK) {
            err = tr_reply_error(self, err);
            (void)err; // without memory even for that, the thread gets TR_ENOREPLY
        }
        return TR_OK;
    }
    // The end of a child was logged; threads outside watch what they care about.
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static const tr_behavior_t root_behavior = {.name = "root", .receive = root_receive};

static tr_err_t
spawn_root(tr_runtime *rt)
{
    tr_spawn_opts_t opts = {.behavior = &root_behavior, .place = TR_PLACE_AT};
    tri_actor *root;
    tr_err_t err = tri_life_create(rt, NULL, NULL, &opts, &root);
    if (err != TR_OK) {
        return err;
    }
    rt->root = root;
    tri_life_release_owner(NULL, root);
    return TR_OK;
}

tr_err_t
tr_runtime_spawn(tr_runtime *rt, const tr_spawn_opts_t *opts, tr_ref_t *out)
{
    tr_err_t err = tri_spawn_opts_check(rt, opts);
    if (err == TR_OK && opts->socket != NULL) {
        tri_log(rt, TR_LOG_ERROR, "cannot spawn %s: only an actor can give it a socket",
                opts->behavior->name);
        err = TR_EINVAL;
    }
    if (err != TR_OK) {
        return err;
    }
    const tr_root_spawned *spawned;
    err =
        tr_runtime_call(rt, tri_actor_ref(rt->root), TR_MSG(tr_root_spawn, .opts = (uintptr_t)opts),
                        TR_REPLY(tr_root_spawned, &spawned), TR_FOREVER);
    if (err == TR_EDEAD) {
        return TR_ESTOPPING;
    }
    if (err == TR_OK) {
        *out = spawned->actor;
        tr_runtime_release(rt, spawned);
    }
    return err;
}

// ---- creation

static tr_err_t
check_opts(const tr_runtime_opts_t *opts)
{
    bool is_valid = opts->workers <= WORKERS_MAX && opts->inspect <= TR_INSPECT_ON &&
                    (unsigned)opts->log_level <= TR_LOG_ERROR &&
                    (opts->stack_bytes == 0 || opts->stack_bytes >= STACK_MIN);
    return is_valid ? TR_OK : TR_EINVAL;
}

static uint32_t
count_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > (long)WORKERS_MAX ? WORKERS_MAX : (uint32_t)cores;
}

static tr_err_t
init(tr_runtime *rt, const tr_runtime_opts_t *opts)
{
    tri_table_init(&rt->table);
    pthread_mutex_init(&rt->lock, NULL);
    tri_cond_init(&rt->ended);
    rt->log = opts->log != NULL ? opts->log : log_to_stderr;
    rt->log_arg = opts->log_arg;
    rt->log_level = opts->log_level;
    rt->name = tri_strdup(opts->name != NULL ? opts->name : program_invocation_short_name);
    if (rt->name == NULL) {
        return TR_ENOMEM;
    }
    tr_err_t err = tri_sched_init(&rt->sched, opts->workers != 0 ? opts->workers : count_cores(),
                                  opts->stack_bytes, tri_actor_turn, tri_actor_describe, rt);
    if (err != TR_OK) {
        return err;
    }
    err = spawn_root(rt);
    if (err != TR_OK) {
        return err;
    }
    return tri_sched_start(&rt->sched);
}

static void
fini(tr_runtime *rt)
{
    if (rt->root != NULL) {
        tri_free(rt->root->cold);
    }
    tri_ports_destroy(rt);
    tri_channels_destroy(rt);
    tri_sched_fini(&rt->sched);
    tri_table_fini(&rt->table);
    pthread_cond_destroy(&rt->ended);
    pthread_mutex_destroy(&rt->lock);
    tri_free(rt->name);
    tri_free(rt);
}

tr_err_t
tri_runtime_create(const tr_runtime_opts_t *opts, tr_runtime **out)
{
    static const tr_runtime_opts_t defaults;
    opts = opts != NULL ? opts : &defaults;
    tr_err_t err = check_opts(opts);
    if (err != TR_OK) {
        return err;
    }
    tr_runtime *rt = tri_aligned_alloc(TRI_CACHELINE, sizeof *rt);
    if (rt == NULL) {
        return TR_ENOMEM;
    }
    *rt = (tr_runtime){.root = NULL};
    err = init(rt, opts);
    if (err != TR_OK) {
        fini(rt);
        return err;
    }
    *out = rt;
    return TR_OK;
}

// ---- the end

void
tr_runtime_stop(tr_runtime *rt)
{
    tri_actor_order(NULL, rt->root, TRI_ORDER_STOP);
}

void
tr_runtime_kill(tr_runtime *rt)
{
    tri_actor_order(NULL, rt->root, TRI_ORDER_KILL);
}

void
tri_runtime_ended(tr_runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    rt->has_ended = true;
    pthread_cond_broadcast(&rt->ended);
    pthread_mutex_unlock(&rt->lock);
}

void
tri_runtime_hold(tr_runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    rt->holds++;
    pthread_mutex_unlock(&rt->lock);
}

void
tri_runtime_let_go(tr_runtime *rt)
{
    pthread_mutex_lock(&rt->lock);
    rt->holds--;
    pthread_cond_broadcast(&rt->ended);
    pthread_mutex_unlock(&rt->lock);
}

// Under the lock.
static bool
is_over(const tr_runtime *rt)
{
    return rt->has_ended && rt->holds == 0;
}

tr_err_t
tr_runtime_wait(tr_runtime *rt, tr_duration_t timeout)
{
    int64_t deadline = tri_clock_after(tri_clock_ns(), timeout.ns);
    bool in_time = true;
    pthread_mutex_lock(&rt->lock);
    while (!is_over(rt) && in_time) {
        in_time = tri_cond_wait_until(&rt->ended, &rt->lock, deadline);
    }
    bool has_ended = is_over(rt);
    pthread_mutex_unlock(&rt->lock);
    return has_ended ? TR_OK : TR_ETIMEOUT;
}

// Take the mail of ended actors as their workers would have. True: there was some.
static bool
settle_mail(tr_runtime *rt)
{
    bool found = false;
    uint32_t slots = tri_table_slots(&rt->table);
    for (uint32_t slot = 1; slot < slots; slot++) {
        tri_actor *actor = tri_table_at(&rt->table, slot);
        if (actor != NULL && tri_actor_phase(actor) == TRI_PHASE_DEAD &&
            tri_inbox_has_mail(&actor->inbox)) {
            tri_actor_intake(actor);
            found = true;
        }
    }
    return found;
}

void
tri_runtime_end(tr_runtime *rt)
{
    tr_runtime_stop(rt);
    tr_err_t err = tr_runtime_wait(rt, TR_FOREVER);
    (void)err; // without a deadline it ends only when all have ended
}

void
tri_runtime_destroy(tr_runtime *rt)
{
    tri_sched_stop(&rt->sched);
    while (settle_mail(rt)) {
        // Taking mail may have sent some: answers, and watches that cross.
    }
    fini(rt);
}

// ---- numbers

static uint64_t
sum(const tr_runtime *rt, tri_counter_t what)
{
    uint64_t total = TRI_PEEK(&rt->outside.of[what]);
    for (uint32_t i = 0; i < rt->sched.count; i++) {
        total += TRI_PEEK(&rt->sched.workers[i].counters.of[what]);
    }
    return total;
}

static uint64_t
count_queued(const tr_runtime *rt)
{
    uint64_t queued = 0;
    uint32_t slots = tri_table_slots(&rt->table);
    for (uint32_t slot = 1; slot < slots; slot++) {
        const tri_actor *actor = tri_table_at(&rt->table, slot);
        queued += actor != NULL ? tri_load_count(tri_mailbox_queued(actor)) : 0;
    }
    uint64_t read =
        sum(rt, TRI_COPIES_READ); // before the sent, so that the difference is not negative
    return queued + sum(rt, TRI_COPIES_SENT) - read;
}

void
tr_runtime_stats(const tr_runtime *rt, tr_stats_t *out)
{
    uint64_t ended =
        sum(rt, TRI_ENDED); // before the spawns, so that the difference is not negative
    uint64_t given = sum(rt, TRI_STACKS_GIVEN);
    *out = (tr_stats_t){
        .ledger = {.accepted = sum(rt, TRI_ACCEPTED),
                   .handled = sum(rt, TRI_HANDLED),
                   .failed = sum(rt, TRI_FAILED),
                   .expired = sum(rt, TRI_EXPIRED),
                   .dropped = sum(rt, TRI_DROPPED),
                   .dead = sum(rt, TRI_DEAD),
                   .returned = sum(rt, TRI_RETURNED),
                   .discarded = sum(rt, TRI_DISCARDED),
                   .queued = count_queued(rt)},
        .spawned = sum(rt, TRI_SPAWNED),
        .restarts = sum(rt, TRI_RESTARTS),
        .failures = sum(rt, TRI_FAILURES),
        .deadlocks = sum(rt, TRI_DEADLOCKS),
        .stacks = sum(rt, TRI_STACKS_TAKEN),
        .turns = sum(rt, TRI_TURNS),
        .wakeups = sum(rt, TRI_WAKEUPS),
        .workers = rt->sched.count,
    };
    out->actors = out->spawned - ended;
    out->stacks -= given;
}
