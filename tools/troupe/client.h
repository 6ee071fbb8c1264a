// client.h: a conversation with one process: connect, ask, read the answer, within a time limit.
#ifndef TROUPE_TOOL_CLIENT_H
#define TROUPE_TOOL_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "exit.h"
#include "text.h"

#define CLIENT_TIMEOUT_MS 5000 // to connect, and for each answer from question to last byte

typedef struct client {
    int fd;
    uint32_t id; // of the last request
    int64_t timeout_ms;
    uint8_t *input;
    size_t input_size;
    size_t input_capacity;
    msgpack_unpacked answer; // what the results below point into
    text name;               // from hello, safe to print
    uint64_t pid;
    text why; // what went wrong, for people
} client;

// Connect and say hello. On failure `why` says what was wrong; client_close in any case.
tool_exit client_open(client *c, const char *path, int64_t timeout_ms);
void client_close(client *c);

// Ask. `params` is an encoded map. The result is borrowed until the next call. On failure `why`
// says what was wrong.
tool_exit client_call(client *c, const char *method, const msgpack_sbuffer *params,
                      const msgpack_object **out);

#endif
