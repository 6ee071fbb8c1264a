// client.h: one connection of a tool: it reads a request, waits for its turn, writes the answer.
#ifndef TRI_INSPECT_CLIENT_H
#define TRI_INSPECT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "troupe/error.h"
#include "troupe/runtime.h"

typedef struct tri_client tri_client;

// What a client tells whoever keeps it, from within its loop.
typedef struct tri_client_events {
    void (*ready)(tri_client *client, void *arg); // a request waits: tri_client_answer, in time
    void (*gone)(tri_client *client, void *arg);  // the pointer is not valid after this
    void *arg;
} tri_client_events_t;

// Accept the connection that `listener` has announced. A peer that may not look in here is closed
// at once. `gone` follows once for each client that was opened.
// TR_ENOMEM: the connection is still to be accepted.
tr_err_t tri_client_open(uv_loop_t *loop, uv_stream_t *listener, const tri_client_events_t *events,
                         tri_client **out);

// Begin to close; `gone` follows from the loop. May be called twice.
void tri_client_close(tri_client *client);

// Tell it that there are too many, then close. Right after tri_client_open.
void tri_client_refuse(tri_client *client);

// A request waits, and it may have to wait for an actor.
bool tri_client_is_ready(const tri_client *client);
bool tri_client_is_slow(const tri_client *client);

// Answer the request that waits. Blocks as long as its method does.
void tri_client_answer(tri_client *client, tr_runtime *rt);

#endif
