#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t
net_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
net_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static bool
wait_for(int fd, short events, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - net_now_ms();
        struct pollfd poller = {.fd = fd, .events = events};
        int ready = poll(&poller, 1, left > 0 ? (int)left : 0);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 || errno != EINTR) {
            return false;
        }
    }
}

bool
net_send(int fd, const void *bytes, size_t size)
{
    int64_t until_ms = net_now_ms() + NET_TIMEOUT_MS;
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (errno != EAGAIN || !wait_for(fd, POLLOUT, until_ms)) {
            return false;
        }
    }
    return true;
}

bool
net_send_text(int fd, const char *text)
{
    return net_send(fd, text, strlen(text));
}

bool
net_receive(int fd, void *bytes, size_t size)
{
    int64_t until_ms = net_now_ms() + NET_TIMEOUT_MS;
    char *at = bytes;
    while (size > 0) {
        ssize_t got = recv(fd, at, size, MSG_DONTWAIT);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        } else if (got == 0 || errno != EAGAIN || !wait_for(fd, POLLIN, until_ms)) {
            return false;
        }
    }
    return true;
}

bool
net_receive_line(int fd, char *line, size_t capacity)
{
    size_t size = 0;
    while (size + 1 < capacity && net_receive(fd, line + size, 1)) {
        size++;
        if (size >= 2 && line[size - 2] == '\r' && line[size - 1] == '\n') {
            line[size - 2] = '\0';
            return true;
        }
    }
    line[size] = '\0';
    return false;
}

bool
net_expect(int fd, const void *bytes, size_t size)
{
    char *got = malloc(size + 1);
    bool right = got != NULL && net_receive(fd, got, size) && memcmp(got, bytes, size) == 0;
    free(got);
    return right;
}

bool
net_expect_text(int fd, const char *text)
{
    return net_expect(fd, text, strlen(text));
}

bool
net_expect_end(int fd)
{
    char byte;
    return wait_for(fd, POLLIN, net_now_ms() + NET_TIMEOUT_MS) &&
           recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

bool
net_ask(int fd, const char *request, const char *reply)
{
    return net_send_text(fd, request) && net_expect_text(fd, reply);
}

void
net_abort(int fd)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}
