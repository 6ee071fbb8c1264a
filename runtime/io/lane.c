// lane.c: blocking work on threads of its own.
//
// Job         One block: what is to be done, and the copy of the argument that it is done with. It
//             changes under the lane's lock; the copy is the function's while that runs.
// Stages      WAITING for room in the queue, QUEUED, RUNNING, OVER. Whoever waits longest gets room
//             the moment there is some: nobody waits while there is any, and jobs are begun in the
//             order in which they came.
// Callers     One that waits frees its job when it is OVER. One that leaves early, by deadline,
//             cancel or kill, gives it to the lane, whose threads drop and free it: soon where it
//             was not begun, else when its function has returned.
// Waking      A caller is nudged under the lock, and leaves under the lock: so it is still there.
#include "io/lane.h"

#include "troupe/blocking.h"

#include "actor/wait.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/panic.h"
#include "base/thread.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LANES_MAX   64u
#define THREADS_MAX 256u
#define BOUND_MAX   1048576u

enum stage { WAITING, QUEUED, RUNNING, OVER };

struct job {
    tri_list link;     // in waiting, queued or discarded
    tri_actor *caller; // NULL: it has left, and the job is the lane's
    enum stage stage;
    tr_err_t result;     // once it is OVER
    int64_t deadline_ns; // not to be begun from then on
    tr_job_t todo;       // `arg` is the copy; no `drop` once it was called
    alignas(16) unsigned char copy[];
};

struct lane {
    tr_runtime *rt;
    char *name;
    uint32_t threads_max;
    uint32_t bound;
    pthread_mutex_t lock;
    pthread_cond_t work; // for threads that have none
    // Under the lock.
    tri_list waiting;
    tri_list queued;
    tri_list discarded; // whose callers have left, to be dropped
    uint32_t waiting_count;
    uint32_t queued_count;
    uint32_t running;
    uint32_t busy; // threads that run or drop
    bool is_ending;
    uint32_t thread_count;
    pthread_t threads[];
};

struct tri_lanes {
    tr_runtime *rt;
    pthread_mutex_t lock; // one is made at a time
    uint32_t count;
    _Atomic(struct lane *) of[LANES_MAX]; // number 1 first; those that are made stay
};

// ---- threads

static void
drop(tr_job_t *todo)
{
    if (todo->drop != NULL) {
        void (*fn)(void *arg) = todo->drop;
        todo->drop = NULL;
        fn(todo->arg);
    }
}

static void *serve(void *arg);

// Under the lock: a thread for every job that is queued, as far as there may be so many. What
// cannot be started now is tried again with the next job.
static void
hire(struct lane *lane)
{
    uint32_t idle = lane->thread_count - lane->busy;
    if (lane->queued_count <= idle || lane->thread_count == lane->threads_max) {
        return;
    }
    char name[16];
    snprintf(name, sizeof name, "troupe-%.8s", lane->name);
    if (tri_thread_start(&lane->threads[lane->thread_count], name, serve, lane)) {
        lane->thread_count++;
    }
}

// Under the lock: whoever waits longest gets the room there is.
static void
admit(struct lane *lane)
{
    while (lane->queued_count < lane->bound && lane->waiting_count > 0) {
        tri_list *link = tri_list_pop_front(&lane->waiting);
        lane->waiting_count--;
        tri_list_push_back(&lane->queued, link);
        lane->queued_count++;
        TRI_CONTAINER(link, struct job, link)->stage = QUEUED;
        pthread_cond_signal(&lane->work);
        hire(lane);
    }
}

// Under the lock: a job whose caller has left goes to the threads.
static void
discard(struct lane *lane, struct job *job)
{
    tri_list_push_back(&lane->discarded, &job->link);
    pthread_cond_signal(&lane->work);
}

// A caller whose worker is held up cannot leave in time: what is too late is not begun all the
// same.
static tr_err_t
result_of(struct job *job)
{
    bool is_late = job->deadline_ns != INT64_MAX && tri_clock_ns() >= job->deadline_ns;
    tr_err_t result = is_late ? TR_ETIMEOUT : job->todo.fn(job->todo.arg);
    if (result != TR_OK) {
        drop(&job->todo);
    }
    return result;
}

// Under the lock, which is let go meanwhile. False: none is queued.
static bool
run_next(struct lane *lane)
{
    tri_list *link = tri_list_pop_front(&lane->queued);
    if (link == NULL) {
        return false;
    }
    struct job *job = TRI_CONTAINER(link, struct job, link);
    job->stage = RUNNING;
    lane->queued_count--;
    lane->running++;
    lane->busy++;
    admit(lane);
    pthread_mutex_unlock(&lane->lock);
    tr_err_t result = result_of(job);
    pthread_mutex_lock(&lane->lock);
    lane->running--;
    lane->busy--;
    job->result = result;
    job->stage = OVER;
    if (job->caller != NULL) {
        tri_actor_nudge(NULL, job->caller);
    } else {
        discard(lane, job);
    }
    return true;
}

// The same for what is to be dropped.
static bool
drop_next(struct lane *lane)
{
    tri_list *link = tri_list_pop_front(&lane->discarded);
    if (link == NULL) {
        return false;
    }
    struct job *job = TRI_CONTAINER(link, struct job, link);
    lane->busy++;
    hire(lane); // for the one that this thread would have run
    pthread_mutex_unlock(&lane->lock);
    drop(&job->todo);
    tri_free(job);
    pthread_mutex_lock(&lane->lock);
    lane->busy--;
    tri_runtime_let_go(lane->rt); // the end of the runtime may begin: it waits for the lock
    return true;
}

static void *
serve(void *arg)
{
    struct lane *lane = arg;
    pthread_mutex_lock(&lane->lock);
    while (!lane->is_ending) {
        if (!drop_next(lane) && !run_next(lane)) {
            pthread_cond_wait(&lane->work, &lane->lock);
        }
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

// ---- beginnings and endings

static void
lane_destroy(struct lane *lane)
{
    if (lane == NULL) {
        return;
    }
    pthread_mutex_lock(&lane->lock);
    TRI_ASSERT(lane->waiting_count + lane->queued_count + lane->busy == 0 &&
                   tri_list_is_empty(&lane->discarded),
               "lane %s has %u jobs", lane->name, lane->queued_count);
    lane->is_ending = true;
    pthread_cond_broadcast(&lane->work);
    pthread_mutex_unlock(&lane->lock);
    for (uint32_t i = 0; i < lane->thread_count; i++) {
        pthread_join(lane->threads[i], NULL);
    }
    pthread_cond_destroy(&lane->work);
    pthread_mutex_destroy(&lane->lock);
    tri_free(lane->name);
    tri_free(lane);
}

static struct lane *
lane_create(tr_runtime *rt, const tr_lane_opts_t *opts)
{
    struct lane *lane = tri_zalloc(sizeof *lane + opts->threads * sizeof lane->threads[0]);
    if (lane == NULL) {
        return NULL;
    }
    lane->name = tri_strdup(opts->name);
    if (lane->name == NULL) {
        tri_free(lane);
        return NULL;
    }
    lane->rt = rt;
    lane->threads_max = opts->threads;
    lane->bound = opts->queue_bound;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->work, NULL);
    tri_list_init(&lane->waiting);
    tri_list_init(&lane->queued);
    tri_list_init(&lane->discarded);
    return lane;
}

static struct lane *
lane_at(tri_lanes *lanes, uint32_t number)
{
    if (number == 0 || number > LANES_MAX) {
        return NULL;
    }
    // pairs(lanes.of) acquire: what was written when it was made.
    return atomic_load_explicit(&lanes->of[number - 1], memory_order_acquire);
}

// Under the lock: the number of the lane with this name; 0: there is none.
static uint32_t
number_of(tri_lanes *lanes, const char *name)
{
    for (uint32_t number = 1; number <= lanes->count; number++) {
        if (strcmp(lane_at(lanes, number)->name, name) == 0) {
            return number;
        }
    }
    return 0;
}

// Under the lock.
static tr_err_t
add(tri_lanes *lanes, const tr_lane_opts_t *opts, uint32_t *out_number)
{
    if (lanes->count == LANES_MAX) {
        return TR_ELIMIT;
    }
    struct lane *lane = lane_create(lanes->rt, opts);
    if (lane == NULL) {
        return TR_ENOMEM;
    }
    // pairs(lanes.of) release: whoever finds it sees what was written above.
    atomic_store_explicit(&lanes->of[lanes->count], lane, memory_order_release);
    *out_number = ++lanes->count;
    return TR_OK;
}

static tr_err_t
find_or_add(tri_lanes *lanes, const tr_lane_opts_t *opts, tr_lane_t *out)
{
    bool is_valid = opts->name != NULL && opts->name[0] != '\0' && opts->threads >= 1 &&
                    opts->threads <= THREADS_MAX && opts->queue_bound >= 1 &&
                    opts->queue_bound <= BOUND_MAX;
    if (!is_valid) {
        return TR_EINVAL;
    }
    tr_err_t err = TR_OK;
    pthread_mutex_lock(&lanes->lock);
    uint32_t number = number_of(lanes, opts->name);
    if (number == 0) {
        err = add(lanes, opts, &number);
    } else {
        const struct lane *lane = lane_at(lanes, number);
        bool is_same = lane->threads_max == opts->threads && lane->bound == opts->queue_bound;
        err = is_same ? TR_OK : TR_EALREADY;
    }
    pthread_mutex_unlock(&lanes->lock);
    if (err == TR_OK) {
        out->number = number;
    }
    return err;
}

tr_err_t
tr_lane_create(tr_self *self, const tr_lane_opts_t *opts, tr_lane_t *out)
{
    return find_or_add(self->rt->lanes, opts, out);
}

tr_err_t
tr_runtime_lane_create(tr_runtime *rt, const tr_lane_opts_t *opts, tr_lane_t *out)
{
    return find_or_add(rt->lanes, opts, out);
}

tr_err_t
tri_lanes_create(tr_runtime *rt, tri_lanes **out)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t computing = cores < 1 ? 1 : cores > (long)THREADS_MAX ? THREADS_MAX : (uint32_t)cores;
    const tr_lane_opts_t all[] = {
        {.name = "cpu", .threads = computing, .queue_bound = 64},
        {.name = "file", .threads = 4, .queue_bound = 256},
        {.name = "dns", .threads = 4, .queue_bound = 256},
    };
    tri_lanes *lanes = tri_zalloc(sizeof *lanes);
    if (lanes == NULL) {
        return TR_ENOMEM;
    }
    lanes->rt = rt;
    pthread_mutex_init(&lanes->lock, NULL);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint32_t number;
        tr_err_t err = add(lanes, &all[i], &number);
        if (err != TR_OK) {
            tri_lanes_destroy(lanes);
            return err;
        }
    }
    *out = lanes;
    return TR_OK;
}

void
tri_lanes_destroy(tri_lanes *lanes)
{
    if (lanes == NULL) {
        return;
    }
    for (uint32_t number = 1; number <= lanes->count; number++) {
        lane_destroy(lane_at(lanes, number));
    }
    pthread_mutex_destroy(&lanes->lock);
    tri_free(lanes);
}

tr_err_t
tr_runtime_lane_stats(const tr_runtime *rt, tr_lane_t which, tr_lane_stats_t *out)
{
    struct lane *lane = lane_at(rt->lanes, which.number);
    if (lane == NULL) {
        return TR_EINVAL;
    }
    pthread_mutex_lock(&lane->lock);
    *out = (tr_lane_stats_t){
        .threads = lane->thread_count,
        .running = lane->running,
        .queued = lane->queued_count,
        .waiting = lane->waiting_count,
    };
    pthread_mutex_unlock(&lane->lock);
    return TR_OK;
}

// ---- callers

// A wait on the caller's stack, and what it waits for.
struct job_wait {
    tri_wait wait;
    struct lane *lane;
    struct job *job; // the lane's once the wait has ended early
};

static bool
is_over(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    struct job_wait *own = TRI_CONTAINER(wait, struct job_wait, wait);
    pthread_mutex_lock(&own->lane->lock);
    bool is_over = own->job->stage == OVER;
    pthread_mutex_unlock(&own->lane->lock);
    return is_over;
}

static void
leave(tri_wait *wait, tri_actor *actor)
{
    struct job_wait *own = TRI_CONTAINER(wait, struct job_wait, wait);
    struct lane *lane = own->lane;
    struct job *job = own->job;
    tri_runtime_hold(actor->rt);
    pthread_mutex_lock(&lane->lock);
    job->caller = NULL;
    tri_list_remove(&job->link);
    lane->waiting_count -= job->stage == WAITING;
    lane->queued_count -= job->stage == QUEUED;
    if (job->stage != RUNNING) {
        discard(lane, job);
    }
    admit(lane);
    pthread_mutex_unlock(&lane->lock);
}

static struct job *
job_create(tr_self *self, const tr_job_t *todo, int64_t deadline_ns)
{
    bool fits = todo->arg_size <= SIZE_MAX - sizeof(struct job);
    struct job *job = fits ? tri_alloc(sizeof *job + todo->arg_size) : NULL;
    if (job == NULL) {
        return NULL;
    }
    *job = (struct job){.caller = self, .deadline_ns = deadline_ns, .todo = *todo};
    if (todo->arg != NULL) {
        job->todo.arg = memcpy(job->copy, todo->arg, todo->arg_size);
    }
    return job;
}

// TR_ELIMIT: there is no thread, and none can be started.
static tr_err_t
enter(struct lane *lane, struct job *job)
{
    pthread_mutex_lock(&lane->lock);
    tri_list_push_back(&lane->waiting, &job->link);
    lane->waiting_count++;
    admit(lane);
    bool is_served = lane->thread_count > 0;
    if (!is_served) {
        tri_list_remove(&job->link);
        lane->queued_count--;
    }
    pthread_mutex_unlock(&lane->lock);
    return is_served ? TR_OK : TR_ELIMIT;
}

static tr_err_t
begin(tr_self *self, struct lane *lane, const tr_job_t *todo, int64_t deadline_ns, struct job **out)
{
    if (lane == NULL || todo->fn == NULL || (todo->arg == NULL) != (todo->arg_size == 0)) {
        return TR_EINVAL;
    }
    tr_err_t err = tri_wait_refusal(self, deadline_ns);
    if (err != TR_OK) {
        return err;
    }
    struct job *job = job_create(self, todo, deadline_ns);
    if (job == NULL) {
        return TR_ENOMEM;
    }
    err = enter(lane, job);
    if (err != TR_OK) {
        tri_free(job);
        return err;
    }
    *out = job;
    return TR_OK;
}

tr_err_t
tr_blocking(tr_self *self, tr_lane_t which, const tr_job_t *todo, tr_duration_t timeout)
{
    int64_t deadline = tri_wait_deadline(self, timeout);
    struct job_wait own = {.wait = {.is_ready = is_over, .forsake = leave},
                           .lane = lane_at(self->rt->lanes, which.number)};
    tr_err_t err = begin(self, own.lane, todo, deadline, &own.job);
    if (err != TR_OK) {
        tr_job_t undone = *todo;
        drop(&undone);
        tr_err_t yielded = tr_yield(self); // who tries again and again must not keep its worker
        (void)yielded;
        return err;
    }
    err = tri_wait_for(self, &own.wait, "blocking work", deadline);
    if (err != TR_OK) {
        return err;
    }
    err = own.job->result;
    if (err == TR_OK && todo->arg != NULL) {
        memcpy(todo->arg, own.job->copy, todo->arg_size);
    }
    tri_free(own.job);
    return err;
}
