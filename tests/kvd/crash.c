#include "check.h"
#include "net.h"
#include "scenario.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOADERS = 4, SHARDS = 4, WARM_UP = 200, CRASHES = 1000, PIPELINE = 16 };

typedef struct load {
    pthread_t thread;
    uint16_t port;
    unsigned number;
    atomic_bool *stop;
    size_t answered;
    size_t refused; // with a reason
} load;

// Every request must be answered: as asked, or with an error that names the reason.
static bool
read_reply(int fd, load *l)
{
    char line[512];
    if (!net_receive_line(fd, line, sizeof line)) {
        return check(false, "a connection was lost, or an answer");
    }
    if (line[0] == '-') {
        l->refused++;
        return check(strncmp(line, "-ERR shard ", 11) == 0, "an error without a reason: %s", line);
    }
    l->answered++;
    if (line[0] == '$' && line[1] != '-') {
        char value[512];
        return net_receive_line(fd, value, sizeof value);
    }
    return check(line[0] == '+' || line[0] == ':' || line[0] == '$', "not a reply: %s", line);
}

static void *
put_load(void *arg)
{
    load *l = arg;
    int fd = net_connect(l->port);
    char requests[PIPELINE * 64];
    for (unsigned i = 0; !atomic_load(l->stop); i++) {
        size_t size = 0;
        for (unsigned j = 0; j < PIPELINE; j++) {
            unsigned key = (i * PIPELINE + j) % 1000;
            static const char *const forms[] = {"SET k%u-%u v\r\n", "GET k%u-%u\r\n",
                                                "INCR n%u-%u\r\n", "DEL k%u-%u x\r\n"};
            size += (size_t)sprintf(requests + size, forms[j % 4], l->number, key);
        }
        if (!net_send(fd, requests, size)) {
            check(false, "a connection was lost");
            break;
        }
        bool right = true;
        for (unsigned j = 0; right && j < PIPELINE; j++) {
            right = read_reply(fd, l);
        }
        if (!right) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static void
crash(int fd, int times)
{
    for (int i = 0; i < times; i++) {
        char request[64];
        sprintf(request, "DEBUG CRASH-SHARD %d\r\n", i % SHARDS);
        if (!check(net_ask(fd, request, "+OK\r\n"), "crash %d is not answered", i)) {
            return;
        }
    }
}

void
scenario_crash(const scenario_env *env)
{
    atomic_bool stop = false;
    load loads[LOADERS] = {0};
    for (unsigned i = 0; i < LOADERS; i++) {
        loads[i] = (load){.port = env->server->port, .number = i, .stop = &stop};
        pthread_create(&loads[i].thread, NULL, put_load, &loads[i]);
    }
    int fd = net_connect(env->server->port);
    crash(fd, WARM_UP);
    size_t before = server_rss_kib(env->server);
    int64_t begin_ms = net_now_ms();
    crash(fd, CRASHES);
    int64_t took_ms = net_now_ms() - begin_ms;
    size_t after = server_rss_kib(env->server);
    atomic_store(&stop, true);
    size_t answered = 0;
    size_t refused = 0;
    for (unsigned i = 0; i < LOADERS; i++) {
        pthread_join(loads[i].thread, NULL);
        answered += loads[i].answered;
        refused += loads[i].refused;
    }
    printf("    %d crashes in %lld ms; %zu answers, %zu refused with a reason; "
           "resident %zu KiB before, %zu after\n",
           CRASHES, (long long)took_ms, answered, refused, before, after);
    check(answered > 0, "nothing was answered under load");
    // A leak of even one store per crash would be many times this.
    check(after <= before + check_slack_kib(8 * 1024), "memory grew from %zu to %zu KiB", before,
          after);
    check(net_ask(fd, "FLUSHALL\r\nSET a 1\r\nGET a\r\nDBSIZE\r\n",
                  "+OK\r\n+OK\r\n$1\r\n1\r\n:1\r\n"),
          "the shards do not work after the crashes");
    close(fd);
}

// The crash takes its place among the commands: before it the keys are there, after it they are
// not.
void
scenario_crash_in_a_pipeline(const scenario_env *env)
{
    int fd = net_connect(env->server->port);
    check(net_ask(fd,
                  "MSET a 1 b 2 c 3 d 4 e 5\r\nDBSIZE\r\nDEBUG CRASH-SHARD 0\r\n"
                  "DEBUG CRASH-SHARD 1\r\nDEBUG CRASH-SHARD 2\r\nDEBUG CRASH-SHARD 3\r\nDBSIZE\r\n"
                  "MGET a b\r\nSET a 2\r\nGET a\r\n",
                  "+OK\r\n:5\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n:0\r\n*2\r\n$-1\r\n$-1\r\n+OK\r\n"
                  "$1\r\n2\r\n"),
          "a crash in a pipeline");
    close(fd);
}
