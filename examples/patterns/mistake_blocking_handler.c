// mistake_blocking_handler.c: a handler that stops its thread instead of its actor.
//
//     build/examples/patterns/mistake_blocking_handler
//
// A worker is one thread for many actors. nanosleep stops the thread, and with it whoever else
// lives there: an actor that wants to wake after 10 ms wakes when the other is done. tr_sleep
// suspends the one actor, and the thread goes on. What is said here of nanosleep holds for every
// call that blocks: read, connect, getaddrinfo, pthread_join.
//
// Each way is tried three times, and the best counts: a busy machine delays everything.
//
// Prints:
//     nanosleep: the other actor woke late, by 190 ms or more
//     tr_sleep: the other actor woke in time
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <troupe/troupe.h>

#define WORK_MS 200
#define NAP_MS  10

#define WORK(F, T)   F(T, bool, is_blocking)
#define NAP(F, T)    F(T, ref, neighbour) F(T, bool, is_blocking)
#define RESTED(F, T) F(T, i64, late_ns)
TR_MESSAGE(work, WORK);
TR_MESSAGE(nap, NAP);
TR_MESSAGE(rested, RESTED);

static tr_err_t
worker_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const work *w = tr_as(work, msg);
    if (w == NULL) {
        return TR_EUNHANDLED;
    }
    if (!w->is_blocking) {
        return tr_sleep(self, tr_ms(WORK_MS));
    }
    struct timespec left = {.tv_nsec = WORK_MS * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) { // the mistake
    }
    return TR_OK;
}

static const tr_behavior_t worker = {.name = "worker", .receive = worker_receive};

// It gives its neighbour something to do, which begins when this one sleeps.
static tr_err_t
sleeper_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const nap *n = tr_as(nap, msg);
    if (n == NULL) {
        return TR_EUNHANDLED;
    }
    int64_t due_ns = tr_now_ns(self) + NAP_MS * 1000000;
    tr_err_t err = tr_send(self, n->neighbour, TR_MSG(work, .is_blocking = n->is_blocking));
    if (err == TR_OK) {
        err = tr_sleep(self, tr_ms(NAP_MS));
    }
    return err != TR_OK ? err : tr_reply(self, TR_MSG(rested, .late_ns = tr_now_ns(self) - due_ns));
}

static const tr_behavior_t sleeper = {.name = "sleeper", .receive = sleeper_receive};

static tr_err_t
measure(tr_runtime *rt, tr_ref_t who, tr_ref_t neighbour, bool is_blocking)
{
    int64_t best_ns = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        const rested *r;
        tr_err_t err = tr_runtime_call(
            rt, who, TR_MSG(nap, .neighbour = neighbour, .is_blocking = is_blocking),
            TR_REPLY(rested, &r), tr_seconds(5));
        if (err != TR_OK) {
            return err;
        }
        best_ns = r->late_ns < best_ns ? r->late_ns : best_ns;
        tr_runtime_release(rt, r);
    }
    printf("%s: the other actor woke %s\n", is_blocking ? "nanosleep" : "tr_sleep",
           best_ns >= (WORK_MS - NAP_MS) * 1000000 ? "late, by 190 ms or more" : "in time");
    return TR_OK;
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t who, neighbour;
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.workers = 1}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &sleeper}, &who);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &worker}, &neighbour);
    }
    if (err == TR_OK) {
        err = measure(rt, who, neighbour, true);
    }
    if (err == TR_OK) {
        err = measure(rt, who, neighbour, false);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
