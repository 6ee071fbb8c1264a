#include "check.h"
#include "net.h"
#include "scenario.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CROWD = 10000, REQUESTS = 10 };

// ThreadSanitizer knows fewer stacks: KVD_CROWD says how many then.
static int
crowd_size(void)
{
    const char *size = getenv("KVD_CROWD");
    return size != NULL ? atoi(size) : CROWD;
}

static bool
raise_descriptor_limit(rlim_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < wanted) {
        return false;
    }
    limit.rlim_cur = limit.rlim_cur < wanted ? wanted : limit.rlim_cur;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// Ten thousand at once, each with ten requests; all send before any reads.
void
scenario_crowd(const scenario_env *env)
{
    int crowd = crowd_size();
    if (!raise_descriptor_limit((rlim_t)crowd + 100)) {
        printf("    skipped: the hard limit of descriptors is below %d\n", crowd + 100);
        return;
    }
    int *clients = malloc((size_t)crowd * sizeof *clients);
    size_t before = server_rss_kib(env->server);
    int64_t begin_ms = net_now_ms();
    int connected = 0;
    for (; connected < crowd; connected++) {
        clients[connected] = net_connect(env->server->port);
        if (!check(clients[connected] >= 0, "connection %d is refused", connected)) {
            break;
        }
    }
    // The last in the queue is served: so all are.
    check(net_ask(clients[connected - 1], "PING\r\n", "+PONG\r\n"), "the last does not answer");
    size_t idle = server_rss_kib(env->server);
    int64_t connected_ms = net_now_ms();
    for (int round = 0; round < REQUESTS / 2; round++) {
        for (int i = 0; i < connected; i++) {
            char request[64];
            sprintf(request, "SET crowd-%d %d\r\nGET crowd-%d\r\n", i, 10000 + i, i);
            if (!check(net_send_text(clients[i], request), "client %d cannot send", i)) {
                break;
            }
        }
        for (int i = 0; i < connected; i++) {
            char reply[64];
            sprintf(reply, "+OK\r\n$5\r\n%d\r\n", 10000 + i);
            if (!check(net_expect_text(clients[i], reply), "client %d, round %d", i, round)) {
                break;
            }
        }
    }
    printf("    %d connections in %lld ms, %.1f KiB each; %d requests in %lld ms\n", connected,
           (long long)(connected_ms - begin_ms), (double)(idle - before) / connected,
           connected * REQUESTS, (long long)(net_now_ms() - connected_ms));
    for (int i = 0; i < connected; i++) {
        close(clients[i]);
    }
    free(clients);
}

// With --max-clients 5.
void
scenario_limit(const scenario_env *env)
{
    enum { LIMIT = 5 };
    int clients[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        clients[i] = net_connect(env->server->port);
        check(net_ask(clients[i], "PING\r\n", "+PONG\r\n"), "client %d is not served", i);
    }
    int sixth = net_connect(env->server->port);
    check(net_expect_text(sixth, "-ERR max number of clients reached\r\n") && net_expect_end(sixth),
          "one too many is not refused");
    close(sixth);
    // When one leaves there is room again.
    close(clients[0]);
    bool served = false;
    for (int64_t until_ms = net_now_ms() + 5000; !served && net_now_ms() < until_ms;) {
        clients[0] = net_connect(env->server->port);
        char line[64];
        served = net_send_text(clients[0], "PING\r\n") &&
                 net_receive_line(clients[0], line, sizeof line) && strcmp(line, "+PONG") == 0;
        if (!served) {
            close(clients[0]);
        }
    }
    check(served, "the place of one who left stays taken");
    for (int i = 0; i < LIMIT; i++) {
        close(clients[i]);
    }
}
