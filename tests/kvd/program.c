#include "check.h"
#include "net.h"
#include "scenario.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
expect_usage(const char *kvd, const char *const *arguments, const char *named)
{
    char text[4096];
    int code = server_run(kvd, arguments, text, sizeof text);
    check(code == 2, "%s: exit code %d", named, code);
    check(strstr(text, named) != NULL && strstr(text, "kvd --help") != NULL, "%s: it says %s",
          named, text);
}

void
scenario_options(const scenario_env *env)
{
    char text[4096];
    int code = server_run(env->kvd, (const char *[]){"--help", NULL}, text, sizeof text);
    check(code == 0 && strncmp(text, "usage: kvd", 10) == 0, "--help: %d, %s", code, text);
    expect_usage(env->kvd, (const char *[]){"--what", NULL}, "--what");
    expect_usage(env->kvd, (const char *[]){"--port", "0", "more", NULL}, "more");
    expect_usage(env->kvd, (const char *[]){"--port", NULL}, "--port");
    expect_usage(env->kvd, (const char *[]){"--port", "65536", NULL}, "65536");
    expect_usage(env->kvd, (const char *[]){"--shards", "0", NULL}, "--shards");
    expect_usage(env->kvd, (const char *[]){"--workers", "2x", NULL}, "2x");

    // A port that is taken: an error that says so, not a server without clients.
    char port[16];
    snprintf(port, sizeof port, "%u", env->server->port);
    code = server_run(env->kvd, (const char *[]){"--port", port, NULL}, text, sizeof text);
    check(code == 1, "a port in use: exit code %d", code);
    check(strstr(text, port) != NULL && strstr(text, "EADDRINUSE") != NULL,
          "a port in use: it says %s", text);
    code = server_run(env->kvd, (const char *[]){"--port", "0", "--host", "nowhere", NULL}, text,
                      sizeof text);
    check(code == 1, "a host that is none: exit code %d, %s", code, text);
}

typedef struct busy {
    pthread_t thread;
    uint16_t port;
    size_t answered;
} busy;

// Until the server ends the connection.
static void *
be_busy(void *arg)
{
    busy *b = arg;
    int fd = net_connect(b->port);
    while (net_ask(fd, "SET a 1\r\nINCR a\r\nMSET b 1 c 2 d 3\r\n", "+OK\r\n:2\r\n+OK\r\n")) {
        b->answered++;
    }
    close(fd);
    return NULL;
}

// The driver stops the server after each scenario; here it does so while clients are at it.
void
scenario_shutdown(const scenario_env *env)
{
    enum { BUSY = 4, IDLE = 200 };
    static busy clients[BUSY];
    int idle[IDLE];
    for (int i = 0; i < IDLE; i++) {
        idle[i] = net_connect(env->server->port);
        check(net_ask(idle[i], "PING\r\n", "+PONG\r\n"), "PING");
    }
    for (int i = 0; i < BUSY; i++) {
        clients[i] = (busy){.port = env->server->port};
        pthread_create(&clients[i].thread, NULL, be_busy, &clients[i]);
    }
    int fd = net_connect(env->server->port);
    for (int64_t until_ms = net_now_ms() + 300; net_now_ms() < until_ms;) {
        check(net_ask(fd, "PING\r\n", "+PONG\r\n"), "PING");
    }
    close(fd);
    check(server_stop(env->server), "it does not stop in good order under load");
    for (int i = 0; i < BUSY; i++) {
        pthread_join(clients[i].thread, NULL);
        check(clients[i].answered > 0, "client %d was not served", i);
    }
    for (int i = 0; i < IDLE; i++) {
        check(net_expect_end(idle[i]), "idle client %d is still connected", i);
        close(idle[i]);
    }
}
