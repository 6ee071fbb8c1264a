// tcp.c: connections.
//
// Reading     libuv goes on reading between two calls of tr_tcp_read, so that a busy connection
// costs
//             no epoll_ctl. What comes while nobody waits goes to a stash of bounded size; when
//             that is full, reading stops until it was taken. A reader that waits gets the bytes
//             straight into its own buffer.
// Writing     The socket is tried at once; what it does not take is written while the actor waits,
//             from the caller's own memory. A writer that leaves early therefore takes the handle
//             down with it: after uv_close nobody reads that memory. A writer that never has to
//             wait lets others run now and then all the same.
// Lifetime    The struct is freed when both are over: the life's claim to it, and the handle.
#include "troupe/tcp.h"

#include "actor/resource.h"
#include "actor/wait.h"
#include "base/memory.h"
#include "base/panic.h"
#include "io/address.h"
#include "io/uverr.h"
#include "sync/select.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <uv.h>

#define STASH_BYTES ((size_t)16 * 1024)

struct tr_tcp {
    tri_resource resource;
    tri_actor *owner;
    uv_tcp_t handle;
    bool is_released; // the life has given it back
    bool is_closed;   // the handle's close callback has run
    // Reading.
    bool is_reading;   // uv_read_start is in force
    tr_err_t read_end; // once reading has ended: how
    char *buffer;      // of the reader that waits, until there are bytes in it
    size_t capacity;
    size_t got;
    tri_wait *reader;
    tri_actor *watcher; // waits in a select until there is something to read
    char *stash;        // NULL while it is empty
    size_t stash_at;
    size_t stash_end;
    // Writing and connecting: one of them at a time.
    union {
        uv_write_t write;
        uv_connect_t connect;
    } request;
    tri_wait *writer;
    bool is_lost; // a write has heard of a reset: the end that a read sees is none
};

// ---- beginnings and endings

static uv_handle_t *
handle_of(tr_tcp *tcp)
{
    return (uv_handle_t *)&tcp->handle;
}

static uv_stream_t *
stream_of(tr_tcp *tcp)
{
    return (uv_stream_t *)&tcp->handle;
}

static void
free_when_over(tr_tcp *tcp)
{
    if (tcp->is_released && tcp->is_closed) {
        tri_free(tcp->stash);
        tri_free(tcp);
    }
}

static void
on_closed(uv_handle_t *handle)
{
    tr_tcp *tcp = handle->data;
    tcp->is_closed = true;
    free_when_over(tcp);
}

// The handle ends now; `reason` is what every later operation returns.
static void
break_off(tr_tcp *tcp, tr_err_t reason)
{
    if (tcp->read_end == TR_OK) {
        tcp->read_end = reason;
    }
    if (!uv_is_closing(handle_of(tcp))) {
        uv_close(handle_of(tcp), on_closed);
    }
}

static void
release(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tr_tcp *tcp = TRI_CONTAINER(resource, tr_tcp, resource);
    tcp->is_released = true;
    if (tcp->is_closed) {
        free_when_over(tcp);
    } else {
        break_off(tcp, TR_ERESET);
    }
}

static tr_err_t
create(tr_self *self, tr_tcp **out)
{
    tr_tcp *tcp = tri_zalloc(sizeof *tcp);
    if (tcp == NULL) {
        return TR_ENOMEM;
    }
    tcp->owner = self;
    int status = uv_tcp_init(tri_poller_loop(tri_actor_worker(self)->poller), &tcp->handle);
    if (status != 0) {
        tri_free(tcp);
        return tri_err_from_uv(status);
    }
    tcp->handle.data = tcp;
    tri_resource_attach(self, &tcp->resource, release);
    *out = tcp;
    return TR_OK;
}

void
tr_tcp_close(tr_self *self, tr_tcp *tcp)
{
    if (tcp != NULL) {
        TRI_ASSERT(tcp->owner == self, "a connection is closed by slot %u, not by its owner",
                   self->slot);
        tri_resource_detach(&tcp->resource);
        release(&tcp->resource, self);
    }
}

// libuv takes any descriptor here, and aborts later over those that epoll does not know.
static bool
is_stream_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

tr_err_t
tr_tcp_adopt(tr_self *self, tr_socket_t socket, tr_tcp **out)
{
    if (!is_stream_socket(socket.fd)) {
        return TR_EINVAL;
    }
    tr_tcp *tcp = NULL;
    tr_err_t err = create(self, &tcp);
    if (err != TR_OK) {
        return err;
    }
    int status = uv_tcp_open(&tcp->handle, socket.fd);
    if (status != 0) {
        tr_tcp_close(self, tcp);
        return tri_err_from_uv(status);
    }
    uv_tcp_nodelay(&tcp->handle, 1); // refused by sockets that are not TCP, which is no harm
    *out = tcp;
    return TR_OK;
}

tr_err_t
tr_tcp_take(tr_self *self, tr_tcp **out)
{
    if (self->cold->socket < 0) {
        return TR_ENOTFOUND;
    }
    tr_err_t err = tr_tcp_adopt(self, (tr_socket_t){self->cold->socket}, out);
    if (err == TR_OK) {
        self->cold->socket = -1;
    }
    return err;
}

// ---- connecting

// What the system calls a wrong argument is the address: one of a link without the link, say.
static tr_err_t
address_err(int status)
{
    return status == UV_EINVAL ? TR_EADDR : tri_err_from_uv(status);
}

static void
on_connected(uv_connect_t *request, int status)
{
    tr_tcp *tcp = request->handle->data;
    if (tcp->writer != NULL) {
        tri_wait *wait = tcp->writer;
        tcp->writer = NULL;
        tri_wait_complete(wait, address_err(status));
    }
}

// A wait on the stack of whoever connects or writes, and the connection it is about.
struct tcp_wait {
    tri_wait wait;
    tr_tcp *tcp;
};

static void
forsake_writer(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    tr_tcp *tcp = TRI_CONTAINER(wait, struct tcp_wait, wait)->tcp;
    tcp->writer = NULL;
    break_off(tcp, TR_ERESET);
}

static tr_err_t
await_writer(tr_self *self, tr_tcp *tcp, const char *what, int64_t deadline_ns)
{
    struct tcp_wait writer = {.wait.forsake = forsake_writer, .tcp = tcp};
    tcp->writer = &writer.wait;
    return tri_wait_for(self, &writer.wait, what, deadline_ns);
}

tr_err_t
tr_tcp_connect(tr_self *self, const char *host, uint16_t port, tr_duration_t timeout, tr_tcp **out)
{
    struct sockaddr_storage address;
    socklen_t size;
    int64_t deadline = tri_wait_deadline(self, timeout);
    tr_err_t err = tri_address_parse(host, port, &address, &size);
    if (err != TR_OK) {
        return err;
    }
    tr_tcp *tcp = NULL;
    err = create(self, &tcp);
    if (err != TR_OK) {
        return err;
    }
    int status = uv_tcp_connect(&tcp->request.connect, &tcp->handle,
                                (const struct sockaddr *)&address, on_connected);
    err = status != 0 ? address_err(status) : await_writer(self, tcp, "tcp connect", deadline);
    if (err != TR_OK) {
        tr_tcp_close(self, tcp);
        return err;
    }
    uv_tcp_nodelay(&tcp->handle, 1);
    *out = tcp;
    return TR_OK;
}

// ---- reading

static void
wake_reader(tr_tcp *tcp, tr_err_t result)
{
    tri_wait *wait = tcp->reader;
    if (wait != NULL) {
        tcp->reader = NULL;
        tcp->buffer = NULL;
        tri_wait_complete(wait, result);
    }
}

static void
wake_watcher(tr_tcp *tcp)
{
    if (tcp->watcher != NULL) {
        tri_actor_nudge(tri_actor_worker(tcp->watcher), tcp->watcher);
    }
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    tr_tcp *tcp = handle->data;
    if (tcp->buffer != NULL) {
        *out = uv_buf_init(tcp->buffer,
                           (unsigned)(tcp->capacity < INT32_MAX ? tcp->capacity : INT32_MAX));
        return;
    }
    if (tcp->stash == NULL) {
        tcp->stash_at = 0;
        tcp->stash_end = 0;
        tcp->stash = tri_alloc(STASH_BYTES);
    }
    // Full, or no memory: libuv reports ENOBUFS, and reading stops until the stash was taken.
    size_t room = tcp->stash != NULL ? STASH_BYTES - tcp->stash_end : 0;
    *out = uv_buf_init(room != 0 ? tcp->stash + tcp->stash_end : NULL, (unsigned)room);
}

// So that a connection with nothing to say costs no stash.
static void
drop_empty_stash(tr_tcp *tcp)
{
    if (tcp->stash_at == tcp->stash_end) {
        tri_free(tcp->stash);
        tcp->stash = NULL;
    }
}

static void
stop_reading(tr_tcp *tcp)
{
    uv_read_stop(stream_of(tcp));
    tcp->is_reading = false;
}

// How an established connection ended. What the system gave up is as gone as what the peer reset;
// TR_ETIMEOUT would promise that it is worth another try.
static tr_err_t
end_err(const tr_tcp *tcp, int status)
{
    switch (status) {
    case UV_EOF:
        return tcp->is_lost ? TR_ERESET : TR_EEOF;
    case UV_ETIMEDOUT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
        return TR_ERESET;
    default:
        return tri_err_from_uv(status);
    }
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    tr_tcp *tcp = stream->data;
    if (size == 0) {
        drop_empty_stash(tcp); // nothing there after all
        return;
    }
    if (size == UV_ENOBUFS) {
        stop_reading(tcp);
        wake_watcher(tcp);
        return;
    }
    if (size < 0) {
        stop_reading(tcp);
        tcp->read_end = end_err(tcp, (int)size);
        wake_reader(tcp, tcp->read_end);
        wake_watcher(tcp);
        return;
    }
    if (tcp->buffer != NULL && buffer->base == tcp->buffer) {
        tcp->got = (size_t)size;
        wake_reader(tcp, TR_OK);
    } else {
        tcp->stash_end += (size_t)size;
        wake_watcher(tcp);
    }
}

static size_t
take_stash(tr_tcp *tcp, void *buffer, size_t capacity)
{
    size_t there = tcp->stash != NULL ? tcp->stash_end - tcp->stash_at : 0;
    size_t size = there < capacity ? there : capacity;
    if (size == 0) {
        return 0;
    }
    memcpy(buffer, tcp->stash + tcp->stash_at, size);
    tcp->stash_at += size;
    drop_empty_stash(tcp);
    return size;
}

static void
forsake_reader(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    tr_tcp *tcp = TRI_CONTAINER(wait, struct tcp_wait, wait)->tcp;
    tcp->reader = NULL;
    tcp->buffer = NULL;
}

static tr_err_t
start_reading(tr_tcp *tcp)
{
    if (tcp->is_reading) {
        return TR_OK;
    }
    int status = uv_read_start(stream_of(tcp), on_alloc, on_read);
    tcp->is_reading = status == 0;
    return tri_err_from_uv(status);
}

tr_err_t
tr_tcp_read(tr_self *self, tr_tcp *tcp, void *buffer, size_t capacity, tr_duration_t timeout,
            size_t *out_size)
{
    if (tcp->owner != self || buffer == NULL || capacity == 0) {
        return TR_EINVAL;
    }
    size_t size = take_stash(tcp, buffer, capacity);
    if (size != 0) {
        *out_size = size;
        return TR_OK;
    }
    tr_err_t err = tcp->read_end != TR_OK ? tcp->read_end : start_reading(tcp);
    if (err != TR_OK) {
        return err;
    }
    struct tcp_wait reader = {.wait.forsake = forsake_reader, .tcp = tcp};
    tcp->reader = &reader.wait;
    tcp->buffer = buffer;
    tcp->capacity = capacity;
    err = tri_wait_for(self, &reader.wait, "tcp read", tri_wait_deadline(self, timeout));
    if (err == TR_OK) {
        *out_size = tcp->got;
    }
    return err;
}

// In a select. Where there is no memory to read ahead, reading has stopped and the branch is ready:
// tr_tcp_read has memory of its caller's.
static bool
is_readable(tri_parking *parking)
{
    const tr_tcp *tcp = parking->object;
    return tcp->stash_at != tcp->stash_end || tcp->read_end != TR_OK || !tcp->is_reading;
}

static void
watch(tri_parking *parking)
{
    tr_tcp *tcp = parking->object;
    TRI_ASSERT(tcp->owner == parking->who, "slot %u waits for another's connection",
               parking->who->slot);
    tcp->watcher = parking->who;
    if (tcp->read_end == TR_OK) {
        tr_err_t err = start_reading(tcp);
        (void)err; // tr_tcp_read will say
    }
}

static void
unwatch(tri_parking *parking)
{
    ((tr_tcp *)parking->object)->watcher = NULL;
}

tr_branch_t
tr_when_readable(tr_tcp *tcp)
{
    static const tri_parking_ops ops = {
        .what = "tcp read", .is_ready = is_readable, .enter = watch, .leave = unwatch};
    return tri_branch(&ops, tcp);
}

// ---- writing

// A reset is told once, and a write may be the one to hear it. EPIPE says less: the peer has ended
// what it sends, or we have, and the end that a read sees is a true one.
static tr_err_t
write_err(tr_tcp *tcp, int status)
{
    if (status != 0 && status != UV_EPIPE) {
        tcp->is_lost = true;
    }
    return end_err(tcp, status);
}

static void
on_written(uv_write_t *request, int status)
{
    tr_tcp *tcp = request->handle->data;
    tri_wait *wait = tcp->writer;
    if (wait != NULL) {
        tcp->writer = NULL;
        tri_wait_complete(wait, write_err(tcp, status));
    }
}

// Write until the socket takes no more: what is left comes back in `at` and `size`.
static tr_err_t
write_at_once(tr_tcp *tcp, const char **at, size_t *size)
{
    while (*size != 0) {
        size_t piece = *size < INT32_MAX ? *size : INT32_MAX;
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)*at, (unsigned)piece);
        int status = uv_try_write(stream_of(tcp), &buffer, 1);
        if (status == UV_EAGAIN) {
            break;
        }
        if (status < 0) {
            return write_err(tcp, status);
        }
        *at += status;
        *size -= (size_t)status;
    }
    return TR_OK;
}

tr_err_t
tr_tcp_write(tr_self *self, tr_tcp *tcp, const void *data, size_t size, tr_duration_t timeout)
{
    if (tcp->owner != self || (data == NULL && size != 0)) {
        return TR_EINVAL;
    }
    if (uv_is_closing(handle_of(tcp))) {
        return TR_ERESET;
    }
    int64_t deadline = tri_wait_deadline(self, timeout);
    const char *at = data;
    tr_err_t err = tri_wait_breathe(self); // a peer that is always faster must not keep the worker
    if (err == TR_OK) {
        err = write_at_once(tcp, &at, &size);
    }
    while (err == TR_OK && size != 0) {
        size_t piece = size < INT32_MAX ? size : INT32_MAX;
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)at, (unsigned)piece);
        int status = uv_write(&tcp->request.write, stream_of(tcp), &buffer, 1, on_written);
        err = status != 0 ? write_err(tcp, status) : await_writer(self, tcp, "tcp write", deadline);
        at += piece;
        size -= piece;
    }
    return err;
}

tr_err_t
tr_tcp_shutdown(tr_self *self, tr_tcp *tcp)
{
    uv_os_fd_t fd;
    if (tcp->owner != self) {
        return TR_EINVAL;
    }
    // Everything written is with the system already: there is no queue to wait for.
    if (uv_fileno(handle_of(tcp), &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        return TR_ERESET;
    }
    return TR_OK;
}
