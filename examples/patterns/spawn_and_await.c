// spawn_and_await.c: a long calculation beside a short one.
//
//     build/examples/patterns/spawn_and_await
//
// tr_task runs a function as a child, on any worker, with a copy of its argument, and gives a
// future for its result. The handler goes on meanwhile and awaits the result when it needs it. A
// task is an actor like any other: it may wait and spawn, and one that is not wanted any more is
// told to stop.
//
// Prints:
//     the even numbers up to 10: 30
//     the primes up to 30000: 3245
//     the primes up to -1: TR_EINVAL
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define FOUND(F, T) F(T, i64, count)
TR_MESSAGE(found, FOUND);
TR_MESSAGE_EMPTY(do_homework);

static bool
is_prime(int64_t number)
{
    for (int64_t i = 2; i * i <= number; i++) {
        if (number % i == 0) {
            return false;
        }
    }
    return number >= 2;
}

static tr_err_t
count_primes(tr_self *self, void *arg)
{
    int64_t limit = *(int64_t *)arg;
    int64_t count = 0;
    if (limit < 0) {
        return TR_EINVAL; // what its future says
    }
    for (int64_t i = 2; i <= limit; i++) {
        count += is_prime(i);
        // Others live on this thread: let them run, and hear whether to go on.
        tr_err_t err = i % 1000 == 0 ? tr_yield(self) : TR_OK;
        if (err != TR_OK) {
            return err;
        }
    }
    return tr_reply(self, TR_MSG(found, .count = count));
}

static int64_t
sum_even(int64_t limit)
{
    int64_t sum = 0;
    for (int64_t i = 2; i <= limit; i += 2) {
        sum += i;
    }
    return sum;
}

static tr_err_t
await_primes(tr_self *self, tr_future *primes, int64_t limit)
{
    const found *f;
    tr_err_t err = tr_future_await(self, primes, TR_REPLY(found, &f));
    if (err == TR_OK) {
        printf("the primes up to %" PRId64 ": %" PRId64 "\n", limit, f->count);
    } else {
        printf("the primes up to %" PRId64 ": %s\n", limit, tr_errname(err));
    }
    return err;
}

static tr_err_t
pupil_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(do_homework, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    int64_t limits[] = {30000, -1};
    tr_future *many = tr_task(self, count_primes, &limits[0], sizeof limits[0], tr_seconds(30));
    tr_future *wrong = tr_task(self, count_primes, &limits[1], sizeof limits[1], tr_seconds(30));
    printf("the even numbers up to 10: %" PRId64 "\n", sum_even(10)); // both are under way
    tr_err_t err = await_primes(self, many, limits[0]);
    (void)await_primes(self, wrong, limits[1]); // fails, as it should
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t pupil = {.name = "pupil", .receive = pupil_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &pupil}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(do_homework), TR_REPLY_NONE, tr_seconds(60));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
