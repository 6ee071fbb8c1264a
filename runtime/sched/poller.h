// poller.h: where a worker sleeps. One libuv loop, one async handle to wake it, one timer to end a
// sleep. This is the seam that a simulated runtime replaces.
#ifndef TRI_SCHED_POLLER_H
#define TRI_SCHED_POLLER_H

#include "troupe/error.h"

#include <stdint.h>

struct uv_loop_s;

typedef struct tri_poller tri_poller;

// Owned; tri_poller_destroy. TR_ENOMEM, TR_ELIMIT.
tr_err_t tri_poller_create(tri_poller **out);

// Run the loop until all handles are closed, then free it. The worker's thread must have ended, or
// be the caller. NULL is allowed.
void tri_poller_destroy(tri_poller *poller);

// Serve what is ready. Sleep until `until_ns` when nothing is; 0 does not sleep; INT64_MAX: no end.
void tri_poller_run(tri_poller *poller, int64_t now_ns, int64_t until_ns);

// End the sleep that is under way, or the next one. Any thread.
void tri_poller_wake(tri_poller *poller);

// For runtime/io. The worker's thread only.
struct uv_loop_s *tri_poller_loop(tri_poller *poller);

#endif
