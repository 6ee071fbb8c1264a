// server.c: the thread of the trace socket, its loop, and whose turn it is.
// Threads     `start` builds everything before there is a thread, `stop` takes it down after there
// is
//             none; in between all of it belongs to the thread. Only `wake` is touched from
//             outside.
// Fairness    a client has one request at a time. Quick ones are answered in the next round of the
//             loop. One that may have to wait for an actor (mailbox) holds the thread for up to
//             TR_TRACE_PEEK_MS, so there is one such per round, in order of arrival: whoever asks
//             something quick waits for one of them at most.
// Signals     are left to other threads: none is delivered here, and a SIGPIPE of a write stays
//             blocked, so that a peer that has gone is an error and not the end of the process.
#include "inspect/server.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <uv.h>

#include "base/memory.h"
#include "base/thread.h"
#include "inspect/client.h"
#include "inspect/socket.h"
#include "troupe/trace.h"

// Beyond the connections that are served, some that are being told that there are too many.
#define REFUSALS 16u
#define SLOTS    (TR_TRACE_CONNECTIONS_MAX + REFUSALS)

typedef struct client_slot {
    tri_client *client; // NULL: free
    uint64_t ticket;    // when its request became ready: the lowest is the oldest
} client_slot;

struct tri_inspect {
    tr_runtime *rt;
    tri_socket_t socket;
    uv_loop_t loop;
    bool has_loop;
    pthread_t thread;
    bool has_thread;
    uv_async_t wake; // ends the thread
    uv_pipe_t listener;
    uv_idle_t turn;  // active while a request waits: keeps the loop from sleeping
    uv_pipe_t spare; // to accept, and close, what there is no memory for
    bool is_spare_used;
    bool is_accept_owed; // a connection was announced and waits for the spare pipe
    client_slot slots[SLOTS];
    size_t clients;
    uint64_t tickets;
};

static void accept_one(tri_inspect *server);

static tr_err_t
err_from_uv(int status)
{
    switch (status) {
    case 0:
        return TR_OK;
    case UV_ENOMEM:
        return TR_ENOMEM;
    case UV_EMFILE:
    case UV_ENFILE:
        return TR_ELIMIT;
    default:
        return TR_EIO;
    }
}

static client_slot *
slot_of(tri_inspect *server, const tri_client *client)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (server->slots[i].client == client) {
            return &server->slots[i];
        }
    }
    return NULL;
}

// The request that has waited longest among the quick ones, or among the slow ones.
static client_slot *
oldest_ready(tri_inspect *server, bool slow)
{
    client_slot *oldest = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        client_slot *slot = &server->slots[i];
        if (slot->client != NULL && tri_client_is_ready(slot->client) &&
            tri_client_is_slow(slot->client) == slow &&
            (oldest == NULL || slot->ticket < oldest->ticket)) {
            oldest = slot;
        }
    }
    return oldest;
}

static void
on_turn(uv_idle_t *turn)
{
    tri_inspect *server = turn->data;
    client_slot *slot;
    // Ends: a client becomes ready again only from the loop, not in its own answer.
    while ((slot = oldest_ready(server, false)) != NULL) {
        tri_client_answer(slot->client, server->rt);
    }
    if ((slot = oldest_ready(server, true)) != NULL) {
        tri_client_answer(slot->client, server->rt);
    }
    if (oldest_ready(server, true) == NULL) {
        uv_idle_stop(turn);
    }
}

static void
on_client_ready(tri_client *client, void *arg)
{
    tri_inspect *server = arg;
    client_slot *slot = slot_of(server, client);
    slot->ticket = server->tickets++;
    uv_idle_start(&server->turn, on_turn);
}

static void
on_client_gone(tri_client *client, void *arg)
{
    tri_inspect *server = arg;
    slot_of(server, client)->client = NULL;
    server->clients--;
}

static void
on_spare_closed(uv_handle_t *spare)
{
    tri_inspect *server = spare->data;
    server->is_spare_used = false;
    if (server->is_accept_owed && !uv_is_closing((uv_handle_t *)&server->listener)) {
        server->is_accept_owed = false;
        accept_one(server);
    }
}

// A connection that is announced must be accepted, or the loop never announces another.
static void
accept_and_drop(tri_inspect *server)
{
    if (server->is_spare_used) {
        server->is_accept_owed = true;
        return;
    }
    (void)uv_pipe_init(&server->loop, &server->spare, 0);
    server->spare.data = server;
    server->is_spare_used = true;
    (void)uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&server->spare);
    uv_close((uv_handle_t *)&server->spare, on_spare_closed);
}

static void
accept_one(tri_inspect *server)
{
    const tri_client_events_t events = {
        .ready = on_client_ready,
        .gone = on_client_gone,
        .arg = server,
    };
    client_slot *slot = slot_of(server, NULL);
    if (slot == NULL || tri_client_open(&server->loop, (uv_stream_t *)&server->listener, &events,
                                        &slot->client) != TR_OK) {
        accept_and_drop(server);
        return;
    }
    if (++server->clients > TR_TRACE_CONNECTIONS_MAX) {
        tri_client_refuse(slot->client);
    }
}

static void
on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        accept_one(listener->data);
    }
}

static void
on_wake(uv_async_t *wake)
{
    uv_stop(wake->loop);
}

static tr_err_t
loop_open(tri_inspect *server)
{
    int status = uv_loop_init(&server->loop);
    if (status != 0) {
        return err_from_uv(status);
    }
    server->has_loop = true;
    status = uv_async_init(&server->loop, &server->wake, on_wake);
    if (status != 0) {
        return err_from_uv(status);
    }
    (void)uv_idle_init(&server->loop, &server->turn);
    server->turn.data = server;
    (void)uv_pipe_init(&server->loop, &server->listener, 0);
    server->listener.data = server;
    status = uv_pipe_open(&server->listener, server->socket.fd);
    if (status != 0) {
        return err_from_uv(status);
    }
    server->socket.fd = -1; // the loop closes it
    return err_from_uv(
        uv_listen((uv_stream_t *)&server->listener, (int)TR_TRACE_CONNECTIONS_MAX, on_connection));
}

static void *
run(void *arg)
{
    tri_inspect *server = arg;
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    return NULL;
}

static tr_err_t
thread_start(tri_inspect *server)
{
    server->has_thread = tri_thread_start(&server->thread, "troupe-inspect", run, server);
    return server->has_thread ? TR_OK : TR_ELIMIT;
}

tr_err_t
tri_inspect_start(tr_runtime *rt, tri_inspect **out)
{
    tri_inspect *server = tri_zalloc(sizeof *server);
    if (server == NULL) {
        return TR_ENOMEM;
    }
    server->rt = rt;
    tr_err_t err = tri_socket_open(&server->socket);
    if (err != TR_OK) {
        goto fail;
    }
    err = loop_open(server);
    if (err != TR_OK) {
        goto fail;
    }
    err = thread_start(server);
    if (err != TR_OK) {
        goto fail;
    }
    *out = server;
    return TR_OK;
fail:
    tri_inspect_stop(server);
    return err;
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

// What is not a client closes without a callback; clients free themselves in theirs.
static void
loop_close(tri_inspect *server)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (server->slots[i].client != NULL) {
            tri_client_close(server->slots[i].client);
        }
    }
    uv_walk(&server->loop, close_handle, NULL);
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&server->loop);
}

void
tri_inspect_stop(tri_inspect *server)
{
    if (server == NULL) {
        return;
    }
    if (server->has_thread) {
        (void)uv_async_send(&server->wake);
        (void)pthread_join(server->thread, NULL);
    }
    if (server->has_loop) {
        loop_close(server);
    }
    tri_socket_close(&server->socket);
    tri_free(server);
}
