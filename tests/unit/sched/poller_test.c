#include "sched/poller.h"

#include <dlfcn.h>
#include <pthread.h>
#include <uv.h>

#include "base/clock.h"
#include "check.h"

TestSuite(poller, .timeout = 20);

// Stands before libuv's own: the thread loses the processor for a while right after it has set the
// alarm, as happens on a busy machine.
static int64_t delay_ns;

int
uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t timeout, uint64_t repeat)
{
    int (*real)(uv_timer_t *, uv_timer_cb, uint64_t, uint64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "uv_timer_start");
    int status = real(timer, fn, timeout, repeat);
    int64_t until = tri_clock_ns() + delay_ns;
    while (tri_clock_ns() < until) {
    }
    return status;
}

Test(poller, wakes_at_its_time_also_when_that_passed_before_it_slept)
{
    tri_poller *poller;
    assert_ok(tri_poller_create(&poller));
    delay_ns = 5000000;
    for (int i = 0; i < 3; i++) {
        int64_t now = tri_clock_ns();
        tri_poller_run(poller, now, now + 1000000); // hung until somebody woke it
    }
    delay_ns = 0;
    for (int i = 0; i < 3; i++) {
        int64_t now = tri_clock_ns();
        tri_poller_run(poller, now, now + 2000000);
        cr_assert(ge(i64, tri_clock_ns(), now + 1000000)); // and sleeps again afterwards
    }
    tri_poller_destroy(poller);
}

static void *
wake(void *arg)
{
    tri_poller_wake(arg);
    return NULL;
}

Test(poller, is_woken_by_another_thread_now_or_at_its_next_sleep)
{
    tri_poller *poller;
    pthread_t thread;
    assert_ok(tri_poller_create(&poller));
    tri_poller_wake(poller);
    tri_poller_wake(poller);
    tri_poller_run(poller, tri_clock_ns(), INT64_MAX);
    for (int i = 0; i < 100; i++) {
        pthread_create(&thread, NULL, wake, poller);
        tri_poller_run(poller, tri_clock_ns(), INT64_MAX);
        pthread_join(thread, NULL);
    }
    tri_poller_destroy(poller);
    tri_poller_destroy(NULL);
}
