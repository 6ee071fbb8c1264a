// scene.h: an actor with a listener and connections, and the other ends of them: plain sockets in
// the hands of the test's own thread.
//
//     scene s;
//     scene_begin(&s, 1);
//     int peer = scene_meet(&s);          // the actor has accepted and adopted it as s.tcp
//     io_t io = {.scene = &s, .buffer = b, .size = 4, .timeout = tr_seconds(1)};
//     assert_ok(troupe_act(s.rt, s.actor, do_read, &io));
//     assert_ok(io.err);
//     close(peer);
//     scene_end(&s);                      // no actor, no message, no descriptor is left
#ifndef TROUPE_TESTS_IO_SCENE_H
#define TROUPE_TESTS_IO_SCENE_H

#include "base/compat.h"

#include "troupe_test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

typedef struct scene {
    size_t descriptors; // before there was a runtime
    tr_runtime *rt;
    tr_ref_t actor;
    tr_tcp_listener *listener;
    uint16_t port;
    tr_tcp *tcp;
} scene;

// What an act is to do, and what came of it.
typedef struct io_t {
    scene *scene;
    void *buffer;     // to read into
    const void *data; // to write
    size_t size;
    tr_duration_t timeout;
    uint16_t port;
    tr_socket_t socket;
    act_fn act; // of a prompted one
    cue over;   // given at its end
    tr_err_t err;
    size_t done;
} io_t;

// No error that a call returns: the act has not come back from it.
#define NOT_BACK ((tr_err_t)1)

// ---- plain sockets ------------------------------------------------------------------------------

static inline size_t
count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static inline size_t
resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file != NULL);
    int fields = fscanf(file, "%*d %ld", &pages);
    fclose(file);
    cr_assert(fields == 1);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static inline struct sockaddr_in
loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static inline int
peer_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = TROUPE_PATIENCE_S};
    cr_assert(fd >= 0, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

static inline int
peer_connect(uint16_t port)
{
    int fd = peer_socket();
    int on = 1;
    struct sockaddr_in to = loopback(port);
    int status = connect(fd, (struct sockaddr *)&to, sizeof to);
    cr_assert(status == 0, "connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

// A socket that listens; backlog < 0: it is bound only.
static inline int
peer_listen(int backlog, uint16_t *out_port)
{
    int fd = peer_socket();
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    cr_assert(bind(fd, (struct sockaddr *)&address, size) == 0);
    cr_assert(backlog < 0 || listen(fd, backlog) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static inline void
peer_send(int fd, const void *data, size_t size)
{
    cr_assert(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size, "send: %s", strerror(errno));
}

// Exactly so many bytes.
static inline void
peer_recv(int fd, void *data, size_t size)
{
    ssize_t got = recv(fd, data, size, MSG_WAITALL);
    cr_assert(got == (ssize_t)size, "recv: %zd of %zu, %s", got, size, strerror(errno));
}

// Close with a reset instead of an end.
static inline void
peer_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

// 0 for an end, else the errno of a broken connection; whatever comes first is read away.
static inline int
peer_read_end(int fd)
{
    char scratch[4096];
    ssize_t got;
    while ((got = recv(fd, scratch, sizeof scratch, 0)) > 0) {
    }
    return got == 0 ? 0 : errno;
}

// ---- a long text that both ends know ------------------------------------------------------------

#define PERIOD ((size_t)65521) // a prime: no chunk of a power of two repeats it in step

// PERIOD bytes and as many again, so that any run of up to PERIOD bytes is in one piece.
static unsigned char pattern[2 * PERIOD];

static inline void
pattern_init(void)
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < PERIOD; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        pattern[i] = pattern[PERIOD + i] = (unsigned char)x;
    }
}

static inline bool
pattern_is(const void *data, size_t at, size_t size)
{
    const unsigned char *bytes = data;
    while (size != 0) {
        size_t piece = size < PERIOD ? size : PERIOD;
        if (memcmp(bytes, pattern + at % PERIOD, piece) != 0) {
            return false;
        }
        bytes += piece, at += piece, size -= piece;
    }
    return true;
}

static inline void
pattern_fill(void *data, size_t at, size_t size)
{
    unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern[(at + i) % PERIOD];
    }
}

// ---- acts ---------------------------------------------------------------------------------------

static inline tr_err_t
do_listen(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = tr_tcp_listen(self, "127.0.0.1", io->port, NULL, &io->scene->listener);
    if (io->err == TR_OK) {
        io->scene->port = tr_tcp_listener_port(io->scene->listener);
    }
    return TR_OK;
}

static inline tr_err_t
do_accept(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = NOT_BACK;
    io->err = tr_tcp_accept(self, io->scene->listener, io->timeout, &io->socket);
    return TR_OK;
}

static inline tr_err_t
do_adopt(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = tr_tcp_adopt(self, io->socket, &io->scene->tcp);
    return TR_OK;
}

static inline tr_err_t
do_connect(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = NOT_BACK;
    io->err = tr_tcp_connect(self, "127.0.0.1", io->port, io->timeout, &io->scene->tcp);
    return TR_OK;
}

static inline tr_err_t
do_read(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = NOT_BACK;
    io->err = tr_tcp_read(self, io->scene->tcp, io->buffer, io->size, io->timeout, &io->done);
    return TR_OK;
}

static inline tr_err_t
do_write(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = NOT_BACK;
    io->err = tr_tcp_write(self, io->scene->tcp, io->data, io->size, io->timeout);
    return TR_OK;
}

static inline tr_err_t
do_shutdown(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = tr_tcp_shutdown(self, io->scene->tcp);
    return TR_OK;
}

static inline tr_err_t
do_close(tr_self *self, void *arg)
{
    io_t *io = arg;
    tr_tcp_close(self, io->scene->tcp);
    io->scene->tcp = NULL;
    return TR_OK;
}

static inline tr_err_t
do_close_listener(tr_self *self, void *arg)
{
    io_t *io = arg;
    tr_tcp_listener_close(self, io->scene->listener);
    io->scene->listener = NULL;
    return TR_OK;
}

// Run an act and give the error that it recorded.
static inline tr_err_t
scene_do(scene *s, act_fn fn, io_t *io)
{
    io->scene = s;
    assert_ok(troupe_act(s->rt, s->actor, fn, io));
    return io->err;
}

// ---- the scene ----------------------------------------------------------------------------------

static inline void
scene_begin(scene *s, uint32_t workers)
{
    tr_runtime_destroy(troupe_begin(1)); // libuv keeps a pipe for the process from the first on
    *s = (scene){.descriptors = count_descriptors()};
    s->rt = troupe_begin(workers);
    s->actor = troupe_puppet(s->rt, NULL);
    assert_ok(scene_do(s, do_listen, &(io_t){.port = 0}));
}

// A connection between the actor, as s->tcp, and the test.
static inline int
scene_meet(scene *s)
{
    int peer = peer_connect(s->port);
    io_t io = {.timeout = TR_FOREVER};
    assert_ok(scene_do(s, do_accept, &io));
    assert_ok(scene_do(s, do_adopt, &io));
    return peer;
}

// So many handlers are suspended.
static inline bool
scene_waits(const scene *s, uint64_t count)
{
    tr_stats_t stats;
    tr_runtime_stats(s->rt, &stats);
    return stats.stacks == count;
}

static inline tr_err_t
do_prompted(tr_self *self, void *arg)
{
    io_t *io = arg;
    tr_err_t err = io->act(self, io);
    cue_give(&io->over);
    return err;
}

// Begin an act without waiting for its end; returns once its handler is suspended.
static inline void
scene_prompt(scene *s, act_fn fn, io_t *io)
{
    io->scene = s;
    io->act = fn;
    cue_init(&io->over);
    assert_ok(troupe_prompt(s->rt, s->actor, do_prompted, io));
    TROUPE_EVENTUALLY(scene_waits(s, 1));
}

// Wait for the end of a prompted act and give the error that it recorded.
static inline tr_err_t
scene_await(io_t *io)
{
    CUE_AWAIT(&io->over);
    return io->err;
}

static inline void
scene_end(scene *s)
{
    troupe_end(s->rt);
    size_t left = count_descriptors();
    cr_expect(left == s->descriptors, "%zu descriptors before, %zu after", s->descriptors, left);
}

#endif
