#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "object.h"
#include "troupe/trace.h"

#define INPUT_FIRST   16384u
#define CONNECT_PAUSE 20 // ms, while the process is too busy to accept

static int64_t
now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static tool_exit
fail(client *c, tool_exit status, const char *why)
{
    text_clear(&c->why);
    text_add_z(&c->why, why);
    return status;
}

static tool_exit
fail_late(client *c)
{
    char limit[TEXT_UNIT];
    text_duration(limit, c->timeout_ms * 1000000);
    text_clear(&c->why);
    text_printf(&c->why, "no answer within %s", limit);
    return TOOL_FAILED;
}

static tool_exit
fail_errno(client *c, const char *what, int number)
{
    text_clear(&c->why);
    text_printf(&c->why, "%s: %s", what, strerror(number));
    return number == ENOENT || number == ECONNREFUSED ? TOOL_NONE : TOOL_FAILED;
}

// Wait until the socket can do it or the time is up. False: the time is up.
static bool
wait_for(const client *c, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd poll_fd = {.fd = c->fd, .events = events};
        if (left <= 0) {
            return false;
        }
        int ready = poll(&poll_fd, 1, (int)left);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true; // an error shows in what comes next
        }
    }
}

static tool_exit
connect_to(client *c, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int64_t deadline = now_ms() + c->timeout_ms;
    if (strlen(path) >= sizeof address.sun_path) {
        return fail(c, TOOL_USAGE, "the path of the socket is too long");
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return fail_errno(c, "socket", errno);
    }
    while (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno != EAGAIN && errno != EINTR) { // EAGAIN: its queue of connections is full
            return fail_errno(c, path, errno);
        }
        if (now_ms() >= deadline) {
            return fail_late(c);
        }
        (void)poll(NULL, 0, CONNECT_PAUSE);
    }
    return TOOL_OK;
}

// Who answers sees our questions and writes on our terminal: only ourselves, or root; root may talk
// to anybody.
static tool_exit
check_peer(client *c)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return fail_errno(c, "SO_PEERCRED", errno);
    }
    if (peer.uid != geteuid() && peer.uid != 0 && geteuid() != 0) {
        return fail(c, TOOL_FAILED, "the process belongs to another user");
    }
    return TOOL_OK;
}

static tool_exit
send_all(client *c, const char *data, size_t size, int64_t deadline)
{
    while (size > 0) {
        ssize_t sent = send(c->fd, data, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!wait_for(c, POLLOUT, deadline)) {
                return fail_late(c);
            }
        } else if (errno != EINTR) {
            return fail(c, TOOL_FAILED, "the process closed the connection");
        }
    }
    return TOOL_OK;
}

// Read some more. The buffer grows with what has come, never by what was announced.
static tool_exit
receive(client *c, int64_t deadline)
{
    if (c->input_size == c->input_capacity) {
        c->input_capacity = c->input_capacity == 0 ? INPUT_FIRST : c->input_capacity * 2;
        c->input = text_memory(c->input, c->input_capacity);
    }
    for (;;) {
        if (!wait_for(c, POLLIN, deadline)) {
            return fail_late(c);
        }
        ssize_t got = recv(c->fd, c->input + c->input_size, c->input_capacity - c->input_size, 0);
        if (got > 0) {
            c->input_size += (size_t)got;
            return TOOL_OK;
        }
        if (got == 0 && c->input_size > 0) {
            return fail(c, TOOL_PROTOCOL, "the answer ends in its middle");
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return fail(c, TOOL_FAILED, "the process closed the connection");
        }
    }
}

// Read one frame into `answer`. Its texts stay in the input, which is overwritten by the next one.
static tool_exit
receive_frame(client *c, int64_t deadline)
{
    frame f;
    frame_state state;
    size_t used = 0;
    frame_init(&f);
    c->input_size = 0;
    while ((state = frame_walk(&f, c->input, c->input_size)) == FRAME_MORE) {
        tool_exit status = receive(c, deadline);
        if (status != TOOL_OK) {
            return status;
        }
    }
    msgpack_unpacked_destroy(&c->answer);
    msgpack_unpacked_init(&c->answer);
    if (state == FRAME_BAD) {
        return fail(c, TOOL_PROTOCOL, "the answer is not the trace protocol");
    }
    if (c->input_size > f.at) {
        return fail(c, TOOL_PROTOCOL, "there is more than one answer to one question");
    }
    if (msgpack_unpack_next(&c->answer, (const char *)c->input, f.at, &used) !=
            MSGPACK_UNPACK_SUCCESS ||
        used != f.at) {
        return fail(c, TOOL_PROTOCOL, "the answer is nested too deep");
    }
    return TOOL_OK;
}

// What the process says is wrong, and what that means for the shell.
static tool_exit
refused(client *c, const msgpack_object *error)
{
    text_clear(&c->why);
    if (!object_text(&c->why, error, "message")) {
        return fail(c, TOOL_PROTOCOL, "the answer is an error without a message");
    }
    text_add_z(&c->why, " (");
    object_text(&c->why, error, "name");
    text_add_z(&c->why, ")");
    bool none = object_uint(error, "code", 0) == TR_TRACE_ENOACTOR;
    return none ? TOOL_NONE : TOOL_FAILED;
}

static tool_exit
check_answer(client *c, const msgpack_object **out)
{
    const msgpack_object *root = &c->answer.data;
    if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size != 4) {
        return fail(c, TOOL_PROTOCOL, "the answer is not the trace protocol");
    }
    const msgpack_object *part = root->via.array.ptr;
    if (part[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || part[0].via.u64 != TR_TRACE_RESPONSE) {
        return fail(c, TOOL_PROTOCOL, "the answer is not the trace protocol");
    }
    if (part[2].type != MSGPACK_OBJECT_NIL) { // also where the process could not read the msgid
        return refused(c, &part[2]);
    }
    if (part[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER || part[1].via.u64 != c->id) {
        return fail(c, TOOL_PROTOCOL, "the answer is to another question");
    }
    if (part[3].type != MSGPACK_OBJECT_MAP) {
        return fail(c, TOOL_PROTOCOL, "the result is not a map");
    }
    *out = &part[3];
    return TOOL_OK;
}

tool_exit
client_call(client *c, const char *method, const msgpack_sbuffer *params,
            const msgpack_object **out)
{
    msgpack_sbuffer request;
    msgpack_packer packer;
    int64_t deadline = now_ms() + c->timeout_ms;
    msgpack_sbuffer_init(&request);
    msgpack_packer_init(&packer, &request, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_uint8(&packer, TR_TRACE_REQUEST);
    msgpack_pack_uint32(&packer, ++c->id);
    msgpack_pack_str_with_body(&packer, method, strlen(method));
    if (params != NULL && params->size > 0) {
        (void)msgpack_sbuffer_write(&request, params->data, params->size);
    } else {
        msgpack_pack_map(&packer, 0);
    }
    tool_exit status = send_all(c, request.data, request.size, deadline);
    msgpack_sbuffer_destroy(&request);
    tool_exit received = receive_frame(c, deadline);
    if (received != TOOL_OK) {
        return status != TOOL_OK ? status : received;
    }
    return check_answer(c, out); // also when sending failed: the process may have said why
}

static tool_exit
hello(client *c)
{
    msgpack_sbuffer params;
    msgpack_packer packer;
    const msgpack_object *result;
    msgpack_sbuffer_init(&params);
    msgpack_packer_init(&packer, &params, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 2);
    msgpack_pack_str_with_body(&packer, "version", 7);
    msgpack_pack_uint32(&packer, TR_TRACE_VERSION);
    msgpack_pack_str_with_body(&packer, "client", 6);
    msgpack_pack_str_with_body(&packer, "troupe", 6);
    tool_exit status = client_call(c, TR_TRACE_HELLO, &params, &result);
    msgpack_sbuffer_destroy(&params);
    if (status != TOOL_OK) {
        return status;
    }
    if (object_uint(result, "protocol", 0) != TR_TRACE_VERSION) {
        return fail(c, TOOL_PROTOCOL, "the process speaks another version of the protocol");
    }
    c->pid = object_uint(result, "pid", 0);
    (void)object_text(&c->name, result, "name");
    return TOOL_OK;
}

tool_exit
client_open(client *c, const char *path, int64_t timeout_ms)
{
    *c = (client){.fd = -1, .timeout_ms = timeout_ms};
    msgpack_unpacked_init(&c->answer);
    tool_exit status = connect_to(c, path);
    if (status == TOOL_OK) {
        status = check_peer(c);
    }
    return status == TOOL_OK ? hello(c) : status;
}

void
client_close(client *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    msgpack_unpacked_destroy(&c->answer);
    free(c->input);
    text_fini(&c->name);
    text_fini(&c->why);
}
