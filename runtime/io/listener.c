// listener.c: listening sockets. Accepting is tried at once; the poll handle is started only while
// an actor waits, so a listener that nobody asks costs nothing and the backlog holds who comes.
#include "troupe/tcp.h"

#include "actor/resource.h"
#include "actor/wait.h"
#include "base/memory.h"
#include "base/panic.h"
#include "io/address.h"
#include "io/uverr.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>
#include <uv.h>

#define BACKLOG_DEFAULT  1024
#define ACCEPTS_IN_A_ROW 64u // without a wait, before others get their turn

struct tr_tcp_listener {
    tri_resource resource;
    tri_actor *owner;
    int fd;
    uint16_t port;
    uv_poll_t poll;
    tri_wait *acceptor;
    uint32_t accepts_in_a_row; // since this actor last waited here
};

static void
on_closed(uv_handle_t *handle)
{
    tr_tcp_listener *listener = handle->data;
    close(listener->fd);
    tri_free(listener);
}

static void
release(tri_resource *resource, tri_actor *owner)
{
    (void)owner;
    tr_tcp_listener *listener = TRI_CONTAINER(resource, tr_tcp_listener, resource);
    // From now on nobody can connect; the descriptor goes when libuv has let go of it.
    shutdown(listener->fd, SHUT_RDWR);
    uv_close((uv_handle_t *)&listener->poll, on_closed);
}

void
tr_tcp_listener_close(tr_self *self, tr_tcp_listener *listener)
{
    if (listener != NULL) {
        TRI_ASSERT(listener->owner == self, "a listener is closed by slot %u, not by its owner",
                   self->slot);
        tri_resource_detach(&listener->resource);
        release(&listener->resource, self);
    }
}

uint16_t
tr_tcp_listener_port(const tr_tcp_listener *listener)
{
    return listener->port;
}

// ---- opening

static tr_err_t
set_option(int fd, int level, int option, bool wanted)
{
    int on = 1;
    if (wanted && setsockopt(fd, level, option, &on, sizeof on) != 0) {
        return tri_err_from_errno(errno);
    }
    return TR_OK;
}

static tr_err_t
prepare(int fd, const struct sockaddr_storage *address, socklen_t size,
        const tr_tcp_listen_opts_t *opts)
{
    tr_err_t err = set_option(fd, SOL_SOCKET, SO_REUSEADDR, true);
    if (err == TR_OK) {
        err = set_option(fd, SOL_SOCKET, SO_REUSEPORT, opts->reuse_port);
    }
    if (err == TR_OK) {
        err = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                         opts->ipv6_only && address->ss_family == AF_INET6);
    }
    if (err != TR_OK) {
        return err;
    }
    int backlog = opts->backlog != 0 ? (int)(opts->backlog & INT32_MAX) : BACKLOG_DEFAULT;
    if (bind(fd, (const struct sockaddr *)address, size) != 0) {
        // What the system calls a wrong argument is the address: one of a link without the link.
        return errno == EINVAL ? TR_EADDR : tri_err_from_errno(errno);
    }
    if (listen(fd, backlog) != 0) {
        return tri_err_from_errno(errno);
    }
    return TR_OK;
}

static uint16_t
port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static tr_err_t
create(tr_self *self, int fd, tr_tcp_listener **out)
{
    tr_tcp_listener *listener = tri_zalloc(sizeof *listener);
    if (listener == NULL) {
        return TR_ENOMEM;
    }
    int status = uv_poll_init(tri_poller_loop(tri_actor_worker(self)->poller), &listener->poll, fd);
    if (status != 0) {
        tri_free(listener);
        return tri_err_from_uv(status);
    }
    listener->owner = self;
    listener->fd = fd;
    listener->port = port_of(fd);
    listener->poll.data = listener;
    tri_resource_attach(self, &listener->resource, release);
    *out = listener;
    return TR_OK;
}

tr_err_t
tr_tcp_listen(tr_self *self, const char *host, uint16_t port, const tr_tcp_listen_opts_t *opts,
              tr_tcp_listener **out)
{
    static const tr_tcp_listen_opts_t defaults;
    struct sockaddr_storage address;
    socklen_t size;
    tr_err_t err = tri_address_parse(host, port, &address, &size);
    if (err != TR_OK) {
        return err;
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return tri_err_from_errno(errno);
    }
    err = prepare(fd, &address, size, opts != NULL ? opts : &defaults);
    if (err == TR_OK) {
        err = create(self, fd, out);
    }
    if (err != TR_OK) {
        close(fd);
    }
    return err;
}

// ---- accepting

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    tr_tcp_listener *listener = poll->data;
    tri_wait *wait = listener->acceptor;
    uv_poll_stop(poll);
    if (wait != NULL) {
        listener->acceptor = NULL;
        tri_wait_complete(wait, tri_err_from_uv(status));
    }
}

struct accept_wait {
    tri_wait wait;
    tr_tcp_listener *listener;
};

static void
forsake_acceptor(tri_wait *wait, tri_actor *actor)
{
    (void)actor;
    tr_tcp_listener *listener = TRI_CONTAINER(wait, struct accept_wait, wait)->listener;
    listener->acceptor = NULL;
    uv_poll_stop(&listener->poll);
}

static tr_err_t
await_readable(tr_self *self, tr_tcp_listener *listener, int64_t deadline_ns)
{
    int status = uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    if (status != 0) {
        return tri_err_from_uv(status);
    }
    struct accept_wait acceptor = {.wait.forsake = forsake_acceptor, .listener = listener};
    listener->acceptor = &acceptor.wait;
    listener->accepts_in_a_row = 0;
    return tri_wait_for(self, &acceptor.wait, "tcp accept", deadline_ns);
}

// A connection that its peer gave up while it was in the backlog is no news for the caller.
static bool
is_worth_another_try(int number)
{
    return number == EINTR || number == ECONNABORTED || number == EPROTO || number == EPERM;
}

// 0 and a descriptor, or the errno. Not inlined: the address of errno must not be remembered across
// the wait of the function that calls this.
static TRI_NOINLINE int
try_accept(int fd, int *out_fd)
{
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
        return errno;
    }
    *out_fd = accepted;
    return 0;
}

// While there is always someone in the backlog, others get their turn all the same. The yield is
// also where an actor that is being stopped hears of it.
static tr_err_t
take_turns(tr_self *self, tr_tcp_listener *listener)
{
    if (++listener->accepts_in_a_row <= ACCEPTS_IN_A_ROW && !tr_self_is_stopping(self)) {
        return TR_OK;
    }
    listener->accepts_in_a_row = 0;
    tr_err_t err = tr_yield(self);
    return err == TR_ENOMEM ? TR_OK : err; // without a stack to go on with: another time
}

tr_err_t
tr_tcp_accept(tr_self *self, tr_tcp_listener *listener, tr_duration_t timeout, tr_socket_t *out)
{
    if (listener->owner != self) {
        return TR_EINVAL;
    }
    int64_t deadline = tri_wait_deadline(self, timeout);
    tr_err_t turn = take_turns(self, listener);
    if (turn != TR_OK) {
        return turn;
    }
    for (;;) {
        int number = try_accept(listener->fd, &out->fd);
        if (number == 0) {
            return TR_OK;
        }
        if (number == EAGAIN) {
            tr_err_t err = await_readable(self, listener, deadline);
            if (err != TR_OK) {
                return err;
            }
        } else if (!is_worth_another_try(number)) {
            return tri_err_from_errno(number);
        }
    }
}
