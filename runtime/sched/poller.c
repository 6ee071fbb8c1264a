#include "sched/poller.h"

#include "base/memory.h"
#include "base/panic.h"

#include <uv.h>

struct tri_poller {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t alarm;
};

static void
on_wake(uv_async_t *wake)
{
    (void)wake; // returning from uv_run is all that it is for
}

static void
on_alarm(uv_timer_t *alarm)
{
    // uv_run fires what is due before it sleeps. Should we have been kept from the processor that
    // long, no alarm would be left to end the sleep: this makes the sleep not begin.
    uv_stop(alarm->loop);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

tr_err_t
tri_poller_create(tri_poller **out)
{
    tri_poller *poller = tri_zalloc(sizeof *poller);
    if (poller == NULL) {
        return TR_ENOMEM;
    }
    if (uv_loop_init(&poller->loop) != 0) {
        tri_free(poller);
        return TR_ELIMIT;
    }
    uv_timer_init(&poller->loop, &poller->alarm); // cannot fail
    if (uv_async_init(&poller->loop, &poller->wake, on_wake) != 0) {
        tri_poller_destroy(poller);
        return TR_ELIMIT;
    }
    *out = poller;
    return TR_OK;
}

void
tri_poller_destroy(tri_poller *poller)
{
    if (poller == NULL) {
        return;
    }
    uv_walk(&poller->loop, close_handle, NULL);
    while (uv_run(&poller->loop, UV_RUN_DEFAULT) != 0) {
    }
    int status = uv_loop_close(&poller->loop);
    TRI_ASSERT(status == 0, "%s", uv_strerror(status));
    tri_free(poller);
}

void
tri_poller_run(tri_poller *poller, int64_t now_ns, int64_t until_ns)
{
    if (until_ns <= now_ns) {
        uv_run(&poller->loop, UV_RUN_NOWAIT);
        return;
    }
    if (until_ns != INT64_MAX) {
        // Rounded up: waking early would only mean sleeping again.
        uv_update_time(&poller->loop);
        uv_timer_start(&poller->alarm, on_alarm, (uint64_t)(until_ns - now_ns + 999999) / 1000000,
                       0);
    }
    uv_run(&poller->loop, UV_RUN_ONCE);
    uv_timer_stop(&poller->alarm);
}

void
tri_poller_wake(tri_poller *poller)
{
    int status = uv_async_send(&poller->wake);
    TRI_ASSERT(status == 0, "%s", uv_strerror(status));
}

struct uv_loop_s *
tri_poller_loop(tri_poller *poller)
{
    return &poller->loop;
}
