/**
 * @file blocking.h
 * Work that blocks its thread, or keeps it for long: reading files, asking the resolver, computing.
 * It runs on the threads of a lane while the actor waits and its worker goes on. Lanes keep apart
 * what must not hold up each other: a resolver that does not answer starves no file.
 *
 *     struct load { char path[256]; char *text; };
 *     static tr_err_t load_file(void *arg) { … }      // fills in text, from malloc
 *     static void drop_text(void *arg) { free(((struct load *)arg)->text); }
 *     …
 *     struct load load = {.path = "/etc/motd"};
 *     err = tr_blocking(self, TR_LANE_FILE, &TR_JOB(load_file, &load, drop_text), tr_seconds(2));
 *     if (err == TR_OK) {
 *         puts(load.text);                            // it has come back, and is ours
 *         free(load.text);
 *     }
 *
 * A function that runs cannot be stopped, and so may outlast its caller: it works on a copy of its
 * argument. Either that copy comes back, with TR_OK, or `drop` gets it, once, whatever happened.
 * The function is on a thread outside: it may use what is for @threads any, and nothing of `self`.
 *
 * The end of the runtime: what is queued never runs; what runs is awaited by tr_runtime_wait and
 * tr_runtime_destroy.
 */
#ifndef TROUPE_BLOCKING_H
#define TROUPE_BLOCKING_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** A lane of a runtime: threads of its own, and a queue in front of them. Lasts as long as the
 *  runtime. Its threads are started when there is work for them. */
typedef struct tr_lane {
    uint32_t number; // 0 is none
} tr_lane_t;

/** For computing: as many threads as cores, at most 64 jobs queued. */
static inline tr_lane_t
tr_lane_cpu(void)
{
    tr_lane_t lane = {1};
    return lane;
}
#define TR_LANE_CPU tr_lane_cpu()

/** For files: 4 threads, at most 256 jobs queued. */
static inline tr_lane_t
tr_lane_file(void)
{
    tr_lane_t lane = {2};
    return lane;
}
#define TR_LANE_FILE tr_lane_file()

/** For the resolver: 4 threads, at most 256 jobs queued. */
static inline tr_lane_t
tr_lane_dns(void)
{
    tr_lane_t lane = {3};
    return lane;
}
#define TR_LANE_DNS tr_lane_dns()

/** A lane of one's own. */
typedef struct tr_lane_opts {
    const char *name;     // at least one character. Copied.
    uint32_t threads;     // 1 to 256
    uint32_t queue_bound; // how many jobs may be queued: 1 to 1048576
} tr_lane_opts_t;

/**
 * Make a lane. One with the same name and numbers is there already where an actor makes it again in
 * its next life: then it is that one.
 * @return TR_OK, TR_EINVAL, TR_EALREADY when the name has other numbers, TR_ELIMIT when there are
 *         64 lanes, TR_ENOMEM.
 */
TR_API TR_MUST_CHECK tr_err_t tr_lane_create(tr_self *self, const tr_lane_opts_t *opts,
                                             tr_lane_t *out);

/** The same for a thread outside. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_lane_create(tr_runtime *rt, const tr_lane_opts_t *opts,
                                                     tr_lane_t *out);

/** What a lane does at this moment. */
typedef struct tr_lane_stats {
    uint32_t threads; // started so far
    uint32_t running; // functions in progress, also of callers that have gone
    uint32_t queued;  // jobs in the queue, never more than its bound
    uint32_t waiting; // callers that wait for room in it
} tr_lane_stats_t;

/** Look at a lane. TR_OK, or TR_EINVAL when there is no such lane. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_lane_stats(const tr_runtime *rt, tr_lane_t lane,
                                                    tr_lane_stats_t *out);

/** What is to be done. */
typedef struct tr_job {
    tr_err_t (*fn)(void *arg); // called at most once, on a thread of the lane, with the copy
    void *arg;                 // copied before the call, copied back after TR_OK; NULL: none
    size_t arg_size;           // 0 only where arg is NULL
    void (*drop)(void *arg);   // cleans up in a copy that does not come back; NULL: nothing to do
} tr_job_t;

/** A job on a variable, of which `pointer` is the address. */
#define TR_JOB(function, pointer, drop_function)                                                   \
    ((tr_job_t){.fn = (function),                                                                  \
                .arg = (pointer),                                                                  \
                .arg_size = sizeof *(pointer),                                                     \
                .drop = (drop_function)})

/**
 * Run a function on a thread of a lane, and wait for what it returns. Jobs of a lane are begun in
 * the order in which they came, also where they had to wait for room in the queue.
 *
 * On any error, also one of these, `drop` gets the argument once: as the function left it, or as it
 * was given where the function was not called. That is on a thread of the lane, perhaps later, or
 * before this returns. So what the argument points to is given to the job, and with TR_OK comes
 * back.
 * @param job      borrowed during the call
 * @param timeout  counts from now, and covers the queue and the run
 * @return what the function returned, or
 *         TR_EINVAL     there is no such lane, or no function, or only one of arg and arg_size
 *         TR_ETIMEOUT   the deadline passed; a function that had not begun never will, one that had
 *                       goes on alone
 *         TR_ECANCELED  self is being stopped; the same holds
 *         TR_ELIMIT     the system refuses the lane's first thread
 *         TR_ENOMEM
 * @threads  only inside self's handler, on the thread running it
 * @blocks   the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_blocking(tr_self *self, tr_lane_t lane, const tr_job_t *job,
                                          tr_duration_t timeout);

TR_END_DECLS

#endif
