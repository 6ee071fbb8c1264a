#include "check.h"
#include "fuzz.h"
#include "net.h"
#include "scenario.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOPPED_CLIENTS = 8, LARGE = 1024 * 1024 };

// Ask for far more than fits into the buffers of the kernel, again and again, and read nothing
// before someone says so by continuing us.
static void
ask_and_stop(uint16_t port)
{
    int fd = net_connect(port);
    char requests[200 * 12];
    size_t size = 0;
    for (int i = 0; i < 200; i++) {
        size += (size_t)sprintf(requests + size, "GET large\r\n");
    }
    if (!net_send(fd, requests, size)) {
        _exit(1);
    }
    raise(SIGSTOP);
    char *value = malloc(LARGE + 16);
    for (int i = 0; i < 200; i++) {
        if (!net_receive(fd, value, sizeof "$1048576\r\n\r\n" - 1 + LARGE)) {
            _exit(2);
        }
    }
    _exit(net_ask(fd, "PING\r\n", "+PONG\r\n") ? 0 : 3);
}

void
scenario_stopped(const scenario_env *env)
{
    int fd = net_connect(env->server->port);
    char *value = malloc(LARGE);
    memset(value, 'x', LARGE);
    net_send_text(fd, "*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$1048576\r\n");
    net_send(fd, value, LARGE);
    check(net_ask(fd, "\r\n", "+OK\r\n"), "SET of 1 MiB");
    free(value);
    size_t before = server_rss_kib(env->server);
    pid_t clients[STOPPED_CLIENTS];
    for (int i = 0; i < STOPPED_CLIENTS; i++) {
        clients[i] = fork();
        if (clients[i] == 0) {
            ask_and_stop(env->server->port);
        }
    }
    for (int i = 0; i < STOPPED_CLIENTS; i++) {
        int status = 0;
        waitpid(clients[i], &status, WUNTRACED);
        check(WIFSTOPPED(status), "client %d did not stop", i);
    }
    // The others notice nothing.
    for (int64_t until_ms = net_now_ms() + 1000; net_now_ms() < until_ms;) {
        if (!check(net_ask(fd, "SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n"), "no answer")) {
            break;
        }
    }
    size_t during = server_rss_kib(env->server);
    printf("    resident %zu KiB, with %d stopped clients %zu KiB\n", before, STOPPED_CLIENTS,
           during);
    // 1.6 GiB are asked for; a client may hold about two values.
    check(during < before + check_slack_kib(100 * 1024), "stopped clients cost %zu KiB",
          during - before);
    // Half of them are killed, the others go on and miss nothing.
    for (int i = 0; i < STOPPED_CLIENTS; i++) {
        kill(clients[i], i % 2 == 0 ? SIGCONT : SIGKILL);
    }
    for (int i = 0; i < STOPPED_CLIENTS; i++) {
        int status = 0;
        waitpid(clients[i], &status, 0);
        if (i % 2 == 0) {
            check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "continued client %d: %x", i,
                  (unsigned)status);
        }
    }
    check(net_ask(fd, "PING\r\n", "+PONG\r\n"), "no answer in the end");
    close(fd);
}

void
scenario_half_closed(const scenario_env *env)
{
    uint16_t port = env->server->port;
    // What came before the end is answered, half a command is not.
    int fd = net_connect(port);
    net_send_text(fd, "SET h 1\r\nGET h\r\n*2\r\n$3\r\nGET\r\n");
    shutdown(fd, SHUT_WR);
    check(net_expect_text(fd, "+OK\r\n$1\r\n1\r\n") && net_expect_end(fd), "half-closed");
    close(fd);
    // Nothing at all.
    fd = net_connect(port);
    shutdown(fd, SHUT_WR);
    check(net_expect_end(fd), "half-closed without a word");
    close(fd);
    // Resets, in every state.
    static const char *const beginnings[] = {"", "PING\r\n", "*2\r\n$3\r\nGE", "GET h\r\nGET h"};
    for (int i = 0; i < 400; i++) {
        fd = net_connect(port);
        net_send_text(fd, beginnings[i % 4]);
        net_abort(fd);
    }
    fd = net_connect(port);
    check(net_ask(fd, "GET h\r\n", "$1\r\n1\r\n"), "after the resets");
    close(fd);
}

void
scenario_fuzz(const scenario_env *env)
{
    check(fuzz_run(env->server->port, env->fuzz_seconds / 10, env->seed + 1), "warm-up");
    size_t before = server_rss_kib(env->server);
    check(fuzz_run(env->server->port, env->fuzz_seconds, env->seed),
          "the server did not stay well");
    size_t after = server_rss_kib(env->server);
    printf("    seed %llu, %.0f s; resident %zu KiB before, %zu after\n",
           (unsigned long long)env->seed, env->fuzz_seconds, before, after);
    check(after < before + check_slack_kib(64 * 1024), "memory grew from %zu to %zu KiB", before,
          after);
}
