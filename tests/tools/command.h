// command.h: run the troupe command, and be a process that it looks into and that lies to it.
#ifndef TROUPE_TESTS_COMMAND_H
#define TROUPE_TESTS_COMMAND_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msgpack.h>

#include "check.h"
#include "troupe/trace.h"

// A fresh runtime directory for this test's process.
static inline void
command_setup(void)
{
    static char path[] = "/tmp/troupe-test-XXXXXX";
    cr_assert(mkdtemp(path) != NULL);
    cr_assert(setenv("XDG_RUNTIME_DIR", path, 1) == 0);
    cr_assert(setenv("LC_ALL", "C.UTF-8", 1) == 0);
    unsetenv("COLUMNS");
}

static inline void
command_teardown(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", getenv("XDG_RUNTIME_DIR"));
    cr_expect(system(command) == 0);
}

// What a run of the command came to.
typedef struct command_run {
    int status; // of exit; 128 and more: ended by a signal
    char out[65536];
    char err[4096];
} command_run;

static inline void
command_read(const char *path, char *out, size_t capacity)
{
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    size_t size = fread(out, 1, capacity - 1, file);
    out[size] = '\0';
    fclose(file);
}

// Run it with up to five arguments, NULL where there are fewer.
static inline void
command_exec(command_run *run, const char *a1, const char *a2, const char *a3, const char *a4,
             const char *a5)
{
    const char *tool = getenv("TROUPE_TOOL");
    char out[128];
    char err[128];
    int status;
    cr_assert(tool != NULL, "TROUPE_TOOL names the command to test");
    snprintf(out, sizeof out, "%s/out", getenv("XDG_RUNTIME_DIR"));
    snprintf(err, sizeof err, "%s/err", getenv("XDG_RUNTIME_DIR"));
    pid_t pid = fork();
    if (pid == 0) {
        int fd1 = open(out, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        int fd2 = open(err, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        (void)dup2(fd1, 1);
        (void)dup2(fd2, 2);
        execl(tool, "troupe", a1, a2, a3, a4, a5, (char *)NULL);
        _exit(127);
    }
    cr_assert(waitpid(pid, &status, 0) == pid);
    run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    command_read(out, run->out, sizeof run->out);
    command_read(err, run->err, sizeof run->err);
}

// A server that answers each request with the next of the bytes it was given, whatever was asked.
typedef struct fake {
    char path[108];
    int listener;
    pthread_t thread;
    msgpack_sbuffer answers[8];
    size_t count;
    bool then_closes; // after the last answer; else it is silent
} fake;

static inline void
fake_serve(fake *f, int fd)
{
    char bytes[4096];
    for (size_t i = 0; i < f->count; i++) {
        if (recv(fd, bytes, sizeof bytes, 0) <= 0) { // the tool's requests are small
            break;
        }
        (void)send(fd, f->answers[i].data, f->answers[i].size, MSG_NOSIGNAL);
    }
    if (!f->then_closes) { // until the tool has had enough
        while (recv(fd, bytes, sizeof bytes, 0) > 0) {
        }
    }
    (void)close(fd);
}

static inline void *
fake_run(void *arg)
{
    fake *f = arg;
    int fd;
    while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
        fake_serve(f, fd);
    }
    return NULL;
}

static inline void
fake_listen(fake *f, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/troupe", getenv("XDG_RUNTIME_DIR"));
    (void)mkdir(address.sun_path, 0700);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/troupe/%s", getenv("XDG_RUNTIME_DIR"),
             name);
    memcpy(f->path, address.sun_path, sizeof f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(f->listener, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(listen(f->listener, 16) == 0);
    cr_assert(pthread_create(&f->thread, NULL, fake_run, f) == 0);
}

static inline void
fake_stop(fake *f)
{
    (void)shutdown(f->listener, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->listener);
    for (size_t i = 0; i < f->count; i++) {
        msgpack_sbuffer_destroy(&f->answers[i]);
    }
}

// The next answer, as bytes.
static inline void
fake_bytes(fake *f, const void *data, size_t size)
{
    msgpack_sbuffer *answer = &f->answers[f->count++];
    msgpack_sbuffer_init(answer);
    cr_assert(size == 0 || msgpack_sbuffer_write(answer, data, size) == 0);
}

// The next answer, up to its result: the packer goes on with that.
static inline void
fake_answer(fake *f, uint32_t id, msgpack_packer *packer)
{
    msgpack_sbuffer *answer = &f->answers[f->count++];
    msgpack_sbuffer_init(answer);
    msgpack_packer_init(packer, answer, msgpack_sbuffer_write);
    msgpack_pack_array(packer, 4);
    msgpack_pack_uint8(packer, TR_TRACE_RESPONSE);
    msgpack_pack_uint32(packer, id);
    msgpack_pack_nil(packer);
}

static inline void
fake_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static inline void
fake_number(msgpack_packer *packer, const char *key, uint64_t value)
{
    fake_text(packer, key);
    msgpack_pack_uint64(packer, value);
}

static inline void
fake_pair(msgpack_packer *packer, const char *key, const char *value)
{
    fake_text(packer, key);
    fake_text(packer, value);
}

static inline void
fake_hello(fake *f)
{
    msgpack_packer packer;
    fake_answer(f, 1, &packer);
    msgpack_pack_map(&packer, 3);
    fake_number(&packer, "protocol", TR_TRACE_VERSION);
    fake_number(&packer, "pid", 4711);
    fake_pair(&packer, "name", "fake");
}

// A row of ps.
static inline void
fake_actor(msgpack_packer *packer, uint64_t id, uint64_t parent, const char *name)
{
    msgpack_pack_map(packer, 4);
    fake_number(packer, "id", id);
    fake_number(packer, "parent", parent);
    fake_pair(packer, "name", name);
    fake_pair(packer, "state", "idle");
}

#endif
