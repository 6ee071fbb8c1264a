#include "check.h"
#include "net.h"
#include "scenario.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1024 * 1024)

static bool
set_value(int fd, const char *key, const char *value, size_t size)
{
    char head[128];
    int head_size = snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n",
                             strlen(key), key, size);
    return net_send(fd, head, (size_t)head_size) && net_send(fd, value, size) &&
           net_send_text(fd, "\r\n") && net_expect_text(fd, "+OK\r\n");
}

static bool
expect_value(int fd, const char *value, size_t size)
{
    char head[32];
    snprintf(head, sizeof head, "$%zu\r\n", size);
    return net_expect_text(fd, head) && net_expect(fd, value, size) && net_expect_text(fd, "\r\n");
}

void
scenario_sizes(const scenario_env *env)
{
    char *value = malloc(64 * MIB);
    for (size_t i = 0; i < 64 * MIB; i++) {
        value[i] = (char)(i * 2654435761u >> 13);
    }
    int fd = net_connect(env->server->port);
    static const size_t sizes[] = {1, 511, 512, 513, 65535, 65536, 65537, 1048575, 64 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check(set_value(fd, "big", value, sizes[i]), "SET of %zu bytes", sizes[i]);
        check(net_send_text(fd, "GET big\r\n") && expect_value(fd, value, sizes[i]),
              "GET of %zu bytes", sizes[i]);
    }
    // Replies far larger than any buffer, in a pipeline and in one array.
    enum { TIMES = 20 };
    check(set_value(fd, "big", value, 8 * MIB), "SET of 8 MiB");
    check(set_value(fd, "other", value, 3 * MIB), "SET of 3 MiB");
    for (int i = 0; i < TIMES; i++) {
        net_send_text(fd, "GET big\r\n");
    }
    for (int i = 0; i < TIMES; i++) {
        check(expect_value(fd, value, 8 * MIB), "GET %d of a pipeline", i);
    }
    net_send_text(fd, "MGET");
    for (int i = 0; i < TIMES; i++) {
        net_send_text(fd, " big other nothing");
    }
    net_send_text(fd, "\r\n");
    check(net_expect_text(fd, "*60\r\n"), "MGET of large values");
    for (int i = 0; i < TIMES; i++) {
        check(expect_value(fd, value, 8 * MIB) && expect_value(fd, value, 3 * MIB) &&
                  net_expect_text(fd, "$-1\r\n"),
              "MGET %d of large values", i);
    }
    printf("    resident after it all: %zu MiB\n", server_rss_kib(env->server) / 1024);
    // All of a request at its largest.
    check(net_send_text(fd, "*3\r\n$4\r\nECHO\r\n$67108864\r\n"), "send");
    net_send(fd, value, 64 * MIB);
    net_send_text(fd, "\r\n$67108864\r\n");
    check(net_expect_text(fd, "-ERR Protocol error: too big request\r\n"), "a request of 128 MiB");
    close(fd);
    free(value);
}

// Hundreds of thousands of keys, from requests with very many arguments, and gone at once.
void
scenario_clear(const scenario_env *env)
{
    enum { KEYS = 200000, ROUNDS = 2 };
    int fd = net_connect(env->server->port);
    int other = net_connect(env->server->port);
    char *request = malloc(KEYS * 48 + 64);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = (size_t)sprintf(request, "*%d\r\n$4\r\nMSET\r\n", 2 * KEYS + 1);
        for (int i = 0; i < KEYS; i++) {
            size += (size_t)sprintf(request + size, "$10\r\nkey%07d\r\n$4\r\nsome\r\n", i);
        }
        check(net_send(fd, request, size) && net_expect_text(fd, "+OK\r\n"), "a large MSET");
        check(net_ask(other, "DBSIZE\r\n", ":200000\r\n"), "DBSIZE after a large MSET");
        size = (size_t)sprintf(request, "*%d\r\n$6\r\nEXISTS\r\n", KEYS + 1);
        for (int i = 0; i < KEYS; i++) {
            size += (size_t)sprintf(request + size, "$10\r\nkey%07d\r\n", i);
        }
        check(net_send(fd, request, size) && net_expect_text(fd, ":200000\r\n"), "a large EXISTS");
        check(net_ask(fd, "FLUSHALL\r\nDBSIZE\r\n", "+OK\r\n:0\r\n"), "FLUSHALL");
    }
    free(request);
    close(other);
    close(fd);
}
