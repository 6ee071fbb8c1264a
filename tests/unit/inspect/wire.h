// wire.h: a client of the trace socket that may say anything, for tests.
#ifndef TROUPE_TESTS_WIRE_H
#define TROUPE_TESTS_WIRE_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <msgpack.h>

#include "check.h"
#include "troupe/trace.h"

#define WIRE_WAIT_MS 5000

// A fresh runtime directory for this test's process.
static inline void
wire_setup(void)
{
    static char path[] = "/tmp/troupe-test-XXXXXX";
    cr_assert(mkdtemp(path) != NULL);
    cr_assert(setenv("XDG_RUNTIME_DIR", path, 1) == 0);
}

static inline void
wire_teardown(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", getenv("XDG_RUNTIME_DIR"));
    cr_expect(system(command) == 0);
}

static inline void
wire_path(char out[108], const char *name)
{
    snprintf(out, 108, "%s/troupe%s%s", getenv("XDG_RUNTIME_DIR"), name[0] != '\0' ? "/" : "",
             name);
}

static inline int
wire_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[32];
    snprintf(name, sizeof name, "%ld.sock", (long)getpid());
    wire_path(address.sun_path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        cr_fatal("connect %s: %s", address.sun_path, strerror(errno));
    }
    return fd;
}

// Send what the other side takes; it may have closed already.
static inline void
wire_send(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        at += sent;
        size -= (size_t)sent;
    }
}

// One answer. `data` holds what its texts point into.
typedef struct wire_answer {
    msgpack_unpacked unpacked;
    char *data;
    size_t size;
} wire_answer;

static inline void
wire_answer_fini(wire_answer *answer)
{
    msgpack_unpacked_destroy(&answer->unpacked);
    free(answer->data);
}

// Read one frame and nothing behind it: peek, and take what belongs to the frame. False: the end.
static inline bool
wire_receive(int fd, wire_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    msgpack_unpacked_init(&answer->unpacked);
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char bytes[65536];
        size_t end = 0;
        cr_assert(poll(&wait, 1, WIRE_WAIT_MS) == 1, "the server is silent");
        ssize_t peeked = recv(fd, bytes, sizeof bytes, MSG_PEEK);
        if (peeked <= 0) {
            return false;
        }
        answer->data = realloc(answer->data, answer->size + (size_t)peeked);
        memcpy(answer->data + answer->size, bytes, (size_t)peeked);
        bool whole =
            msgpack_unpack_next(&answer->unpacked, answer->data, answer->size + (size_t)peeked,
                                &end) == MSGPACK_UNPACK_SUCCESS;
        size_t taken = whole ? end - answer->size : (size_t)peeked;
        cr_assert(recv(fd, bytes, taken, 0) == (ssize_t)taken);
        answer->size += taken;
        if (whole) {
            return true;
        }
    }
}

static inline const msgpack_object *
wire_field(const msgpack_object *map, const char *key)
{
    if (map == NULL || map->type != MSGPACK_OBJECT_MAP) {
        return NULL;
    }
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_str *name = &map->via.map.ptr[i].key.via.str;
        if (name->size == strlen(key) && memcmp(name->ptr, key, name->size) == 0) {
            return &map->via.map.ptr[i].val;
        }
    }
    return NULL;
}

static inline bool
wire_is_text(const msgpack_object *object, const char *text)
{
    return object != NULL && object->type == MSGPACK_OBJECT_STR &&
           object->via.str.size == strlen(text) &&
           memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static inline uint64_t
wire_uint(const msgpack_object *map, const char *key)
{
    const msgpack_object *field = wire_field(map, key);
    cr_assert(field != NULL && field->type == MSGPACK_OBJECT_POSITIVE_INTEGER, "%s", key);
    return field->via.u64;
}

// One of the four parts of an answer.
static inline const msgpack_object *
wire_part(const wire_answer *answer, uint32_t part)
{
    const msgpack_object *root = &answer->unpacked.data;
    cr_assert(root->type == MSGPACK_OBJECT_ARRAY && root->via.array.size == 4);
    return &root->via.array.ptr[part];
}

// A request whose parameters are up to two numbers; a NULL key ends them.
static inline void
wire_request(int fd, uint32_t id, const char *method, const char *key1, uint64_t value1,
             const char *key2, uint64_t value2)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_uint8(&packer, TR_TRACE_REQUEST);
    msgpack_pack_uint32(&packer, id);
    msgpack_pack_str_with_body(&packer, method, strlen(method));
    msgpack_pack_map(&packer, (key1 != NULL) + (key2 != NULL));
    if (key1 != NULL) {
        msgpack_pack_str_with_body(&packer, key1, strlen(key1));
        msgpack_pack_uint64(&packer, value1);
    }
    if (key2 != NULL) {
        msgpack_pack_str_with_body(&packer, key2, strlen(key2));
        msgpack_pack_uint64(&packer, value2);
    }
    wire_send(fd, buffer.data, buffer.size);
    msgpack_sbuffer_destroy(&buffer);
}

// Receive the answer to `id`; the result, and NULL with *error set where it is an error.
static inline const msgpack_object *
wire_result(int fd, uint32_t id, wire_answer *answer, const msgpack_object **error)
{
    cr_assert(wire_receive(fd, answer), "the server has closed");
    cr_assert(wire_part(answer, 0)->via.u64 == TR_TRACE_RESPONSE);
    cr_assert(wire_part(answer, 1)->via.u64 == id);
    const msgpack_object *what = wire_part(answer, 2);
    if (what->type != MSGPACK_OBJECT_NIL) {
        cr_assert(error != NULL, "an error: %.*s", (int)wire_field(what, "message")->via.str.size,
                  wire_field(what, "message")->via.str.ptr);
        *error = what;
        return NULL;
    }
    return wire_part(answer, 3);
}

// The other side has closed, at once or after what it still had to say.
static inline bool
wire_is_closed(int fd)
{
    char bytes[4096];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, WIRE_WAIT_MS) != 1) {
            return false;
        }
        if (recv(fd, bytes, sizeof bytes, 0) <= 0) {
            return true;
        }
    }
}

// The server answers another client: whatever came before did no harm.
static inline void
wire_check_alive(void)
{
    wire_answer answer;
    int fd = wire_connect();
    wire_request(fd, 77, "hello", "version", 1, NULL, 0);
    cr_assert(wire_result(fd, 77, &answer, NULL) != NULL);
    wire_answer_fini(&answer);
    close(fd);
}

// As above, where connections that have ended still take the places: until the server has seen it.
static inline void
wire_wait_served(void)
{
    for (int waited_ms = 0; waited_ms < WIRE_WAIT_MS; waited_ms += 10) {
        wire_answer answer;
        int fd = wire_connect();
        wire_request(fd, 1, "stats", NULL, 0, NULL, 0);
        bool ok = wire_receive(fd, &answer) && wire_part(&answer, 2)->type == MSGPACK_OBJECT_NIL;
        wire_answer_fini(&answer);
        close(fd);
        if (ok) {
            return;
        }
        (void)poll(NULL, 0, 10);
    }
    cr_fatal("nobody is served any more");
}

#endif
