// client.c: a connection is a small machine, so that what it holds is bounded:
// States      READING: bytes come in, no whole frame yet.  PENDING: a request waits for its turn.
//             WRITING: its answer goes out.  CLOSING: the handles are being closed.
// Invariants  at most one request and one answer at a time: the socket is read in READING alone, so
// a
//             client that sends faster than it reads is held by its own full socket. The input
//             holds at most one frame's limit, the answer at most one response's limit.
// Timer       runs while a frame is begun and not whole, and while an answer goes out. A frame has
//             STALL_MS in all; an answer has that long for each time that some of it is taken.
// Closing     pipe and timer close together; the memory goes with the second of their callbacks.
#include "inspect/client.h"

#include <string.h>

#include "base/memory.h"
#include "inspect/method.h"
#include "inspect/reply.h"
#include "inspect/request.h"
#include "inspect/socket.h"
#include "troupe/trace.h"

#define INPUT_FIRST 4096u
#define INPUT_KEPT  65536u // a larger buffer is given back once it is empty

typedef enum client_state {
    CLIENT_READING,
    CLIENT_PENDING,
    CLIENT_WRITING,
    CLIENT_CLOSING,
} client_state;

struct tri_client {
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    tri_client_events_t events;
    client_state state;
    unsigned handles; // not closed yet
    bool is_last;     // close when the answer is out
    char *input;
    size_t input_size;
    size_t input_capacity;
    size_t frame_size;     // of the frame at the start of the input; in PENDING alone
    tri_request_t request; // in PENDING alone
    tri_reply_t reply;     // in WRITING alone
    size_t reply_left;     // bytes of the answer that were not taken at the last look
};

static void next_frame(tri_client *client);
static void on_timer(uv_timer_t *timer);

static void
on_closed(uv_handle_t *handle)
{
    tri_client *client = handle->data;
    if (--client->handles > 0) {
        return;
    }
    client->events.gone(client, client->events.arg);
    tri_request_fini(&client->request);
    tri_reply_fini(&client->reply);
    tri_free(client->input);
    tri_free(client);
}

void
tri_client_close(tri_client *client)
{
    if (client->state == CLIENT_CLOSING) {
        return;
    }
    client->state = CLIENT_CLOSING;
    uv_close((uv_handle_t *)&client->pipe, on_closed);
    uv_close((uv_handle_t *)&client->timer, on_closed);
}

static void
on_written(uv_write_t *write, int status)
{
    tri_client *client = write->data;
    tri_reply_fini(&client->reply);
    if (client->state == CLIENT_CLOSING) {
        return;
    }
    if (status < 0 || client->is_last) {
        tri_client_close(client);
        return;
    }
    client->state = CLIENT_READING;
    uv_timer_stop(&client->timer);
    next_frame(client);
}

static void
send_reply(tri_client *client)
{
    uv_buf_t out = uv_buf_init(client->reply.data, (unsigned)client->reply.size);
    uv_read_stop((uv_stream_t *)&client->pipe);
    client->state = CLIENT_WRITING;
    client->write.data = client;
    client->reply_left = client->reply.size;
    uv_timer_start(&client->timer, on_timer, TR_TRACE_STALL_MS, 0);
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &out, 1, on_written) != 0) {
        tri_client_close(client);
    }
}

// Say what is wrong and end the connection: after bytes that cannot be trusted there is no next
// frame.
static void
refuse(tri_client *client, tr_trace_err_t code, const char *why)
{
    tri_reply_init(&client->reply, TR_TRACE_RESPONSE_MAX);
    tri_reply_head(&client->reply, client->request.has_id, client->request.id);
    tri_reply_error(&client->reply, code, why);
    if (client->reply.failed) {
        tri_client_close(client);
        return;
    }
    client->is_last = true;
    send_reply(client);
}

static void
on_timer(uv_timer_t *timer)
{
    tri_client *client = timer->data;
    if (client->state == CLIENT_WRITING) {
        size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe);
        if (left < client->reply_left) {
            client->reply_left = left;
            uv_timer_start(timer, on_timer, TR_TRACE_STALL_MS, 0);
            return;
        }
    }
    if (client->state == CLIENT_READING) {
        refuse(client, TR_TRACE_ETIMEOUT, "");
    } else {
        tri_client_close(client);
    }
}

void
tri_client_refuse(tri_client *client)
{
    if (client->state == CLIENT_READING) {
        refuse(client, TR_TRACE_EBUSY, "");
    }
}

static void
on_space(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    tri_client *client = handle->data;
    if (client->input_size == client->input_capacity) {
        // A frame that fills the limit is whole or was refused, so there is always room below it.
        size_t capacity = client->input_capacity == 0 ? INPUT_FIRST : client->input_capacity * 2;
        char *input = capacity > TR_TRACE_REQUEST_MAX ? NULL : tri_realloc(client->input, capacity);
        if (input == NULL) {
            *out = uv_buf_init(NULL, 0);
            return;
        }
        client->input = input;
        client->input_capacity = capacity;
    }
    *out = uv_buf_init(client->input + client->input_size,
                       (unsigned)(client->input_capacity - client->input_size));
}

static void
on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    (void)buffer;
    tri_client *client = stream->data;
    if (count < 0) { // the end, an error, or no memory
        tri_client_close(client);
    } else if (count > 0) {
        client->input_size += (size_t)count;
        next_frame(client);
    }
}

static void
read_on(tri_client *client)
{
    if (client->input_size > 0 && !uv_is_active((uv_handle_t *)&client->timer)) {
        uv_timer_start(&client->timer, on_timer, TR_TRACE_STALL_MS, 0);
    }
    int err = uv_read_start((uv_stream_t *)&client->pipe, on_space, on_read);
    if (err != 0 && err != UV_EALREADY) {
        tri_client_close(client);
    }
}

// Look at what has come in: a whole request waits for its turn, half of one for its other half.
static void
next_frame(tri_client *client)
{
    char why[TRI_REPLY_WHY] = "";
    if (client->input_size == 0) {
        read_on(client);
        return;
    }
    tr_err_t err = tri_request_scan(client->input, client->input_size, &client->frame_size);
    if (err == TR_EBUSY) {
        read_on(client);
        return;
    }
    if (err != TR_OK) {
        refuse(client, err == TR_ETOOBIG ? TR_TRACE_ETOOBIG : TR_TRACE_EFORMAT, why);
        return;
    }
    tr_trace_err_t code =
        tri_request_parse(client->input, client->frame_size, &client->request, why);
    if (code != TR_TRACE_OK) {
        refuse(client, code, why);
        return;
    }
    client->state = CLIENT_PENDING;
    uv_timer_stop(&client->timer);
    uv_read_stop((uv_stream_t *)&client->pipe); // the request points into the input
    client->events.ready(client, client->events.arg);
}

// The frame in hand is done with: forget it, keep what came behind it.
static void
drop_frame(tri_client *client)
{
    tri_request_fini(&client->request);
    client->request = (tri_request_t){0};
    client->input_size -= client->frame_size;
    memmove(client->input, client->input + client->frame_size, client->input_size);
    if (client->input_size == 0 && client->input_capacity > INPUT_KEPT) {
        tri_free(client->input);
        client->input = NULL;
        client->input_capacity = 0;
    }
}

bool
tri_client_is_ready(const tri_client *client)
{
    return client->state == CLIENT_PENDING;
}

bool
tri_client_is_slow(const tri_client *client)
{
    return tri_method_is_slow(&client->request);
}

void
tri_client_answer(tri_client *client, tr_runtime *rt)
{
    tri_reply_init(&client->reply, TR_TRACE_RESPONSE_MAX);
    bool ok = tri_method_answer(rt, &client->request, &client->reply);
    drop_frame(client);
    if (!ok) {
        tri_client_close(client);
        return;
    }
    send_reply(client);
}

tr_err_t
tri_client_open(uv_loop_t *loop, uv_stream_t *listener, const tri_client_events_t *events,
                tri_client **out)
{
    uv_os_fd_t fd;
    tri_client *client = tri_zalloc(sizeof *client);
    if (client == NULL) {
        return TR_ENOMEM;
    }
    client->events = *events;
    client->handles = 2;
    (void)uv_pipe_init(loop, &client->pipe, 0);
    (void)uv_timer_init(loop, &client->timer);
    client->pipe.data = client;
    client->timer.data = client;
    *out = client;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0 ||
        uv_fileno((uv_handle_t *)&client->pipe, &fd) != 0 || !tri_socket_is_allowed(fd)) {
        tri_client_close(client);
        return TR_OK;
    }
    read_on(client);
    return TR_OK;
}
