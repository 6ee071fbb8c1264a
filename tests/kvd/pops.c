#include "check.h"
#include "net.h"
#include "rows.h"
#include "scenario.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ITEM(key, item) "*2\r\n" key "\r\n" item "\r\n"
#define NOTHING         "*-1\r\n"
#define CROSS           "-CROSSSLOT Keys in request don't hash to the same slot\r\n"

// For one shard.
static const row_t rows[] = {
    {"FLUSHALL\r\n", "+OK\r\n"},
    {"RPUSH l a b c d\r\nBLPOP l 0\r\nBRPOP l 1\r\n",
     ":4\r\n" ITEM("$1\r\nl", "$1\r\na") ITEM("$1\r\nl", "$1\r\nd")},
    {"BLPOP n l 0\r\nbrpop n l n 0\r\nEXISTS l\r\n",
     ITEM("$1\r\nl", "$1\r\nb") ITEM("$1\r\nl", "$1\r\nc") ":0\r\n"},
    {"BLPOP l 0.01\r\nBRPOP l n l 0.001\r\n", NOTHING NOTHING},
    {"BLPOP l 1e-9\r\nBLPOP l .001\r\n", NOTHING NOTHING},
    // The first key that has something, not the first that got it.
    {"RPUSH y 1\r\nRPUSH x 2\r\nBLPOP x y 0\r\nBLPOP x y 0\r\nBLPOP x y 0.001\r\n",
     ":1\r\n:1\r\n" ITEM("$1\r\nx", "$1\r\n2") ITEM("$1\r\ny", "$1\r\n1") NOTHING},
    {"SET s 1\r\nBLPOP s 0\r\nBLPOP n s 0\r\nRPUSH l a\r\nBLPOP l s 0\r\nGET s\r\n",
     "+OK\r\n" WRONG_KIND WRONG_KIND ":1\r\n" ITEM("$1\r\nl", "$1\r\na") "$1\r\n1\r\n"},
    {"BLPOP l x\r\nBLPOP l 1x\r\nBLPOP l nan\r\nBLPOP l 1e999\r\n",
     "-ERR timeout is not a float or out of range\r\n-ERR timeout is not a float or out of "
     "range\r\n"
     "-ERR timeout is not a float or out of range\r\n"
     "-ERR timeout is not a float or out of range\r\n"},
    {"BLPOP l -1\r\nBLPOP l 1e10\r\n",
     "-ERR timeout is negative\r\n-ERR timeout is out of range\r\n"},
    {"BLPOP\r\nBLPOP l\r\nBRPOP l\r\n", ARITY("blpop") ARITY("blpop") ARITY("brpop")},
    {"BLPOP l 0.01\r\nPING\r\nRPUSH l 1\r\nBLPOP l 0\r\nPING\r\n",
     NOTHING "+PONG\r\n:1\r\n" ITEM("$1\r\nl", "$1\r\n1") "+PONG\r\n"},
    {"RPUSH l \"\"\r\nBLPOP l 0\r\n", ":1\r\n" ITEM("$1\r\nl", "$0\r\n")},
};

void
scenario_pop_commands(const scenario_env *env)
{
    rows_ask(env->server->port, rows, sizeof rows / sizeof rows[0]);
}

// Within a while this many wait.
static bool
expect_waiting(int fd, long count)
{
    char line[64] = "";
    int64_t until_ms = net_now_ms() + NET_TIMEOUT_MS;
    do {
        if (!check(net_send_text(fd, "DEBUG WAITING\r\n") &&
                       net_receive_line(fd, line, sizeof line),
                   "DEBUG WAITING: no answer")) {
            return false;
        }
    } while (atol(line + 1) != count && net_now_ms() < until_ms);
    return check(atol(line + 1) == count, "%s wait, not %ld", line, count);
}

static int
waiter(uint16_t port, const char *request)
{
    int fd = net_connect(port);
    check(net_send_text(fd, request), "%s", request);
    return fd;
}

// ---- who gets what ------------------------------------------------------------------------------

static void
wait_in_line(uint16_t port, int fd)
{
    enum { WAITERS = 5 };
    int fds[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        fds[i] = waiter(port, i % 2 == 0 ? "BLPOP q 0\r\n" : "BRPOP q 100\r\n");
        expect_waiting(fd, i + 1);
    }
    // The reply counts what has been given away already.
    check(net_ask(fd, "RPUSH q 1 2\r\nEXISTS q\r\nLPUSH q 3\r\nRPUSH q 4 5 6\r\nLRANGE q 0 -1\r\n",
                  ":2\r\n:0\r\n:1\r\n:3\r\n*1\r\n$1\r\n5\r\n"),
          "pushes to those who wait");
    // In the order they came; the second and the fourth take from the back.
    static const char *const items[WAITERS] = {"1", "2", "3", "6", "4"};
    for (int i = 0; i < WAITERS; i++) {
        char reply[64];
        sprintf(reply, ITEM("$1\r\nq", "$1\r\n%s"), items[i]);
        check(net_expect_text(fds[i], reply), "number %d in the line does not get %s", i, items[i]);
        close(fds[i]);
    }
    check(net_ask(fd, "DEL q\r\nDEBUG WAITING\r\n", ":1\r\n:0\r\n"), "after the line");
}

// Nothing that is behind a pop is answered before it.
static void
wait_with_more_behind(uint16_t port, int fd)
{
    enum { PINGS = 200000 };
    char *requests = malloc(PINGS * 6 + 64);
    char *replies = malloc(PINGS * 7 + 64);
    size_t request_size = (size_t)sprintf(requests, "BLPOP q 0\r\nRPUSH r 1\r\n");
    size_t reply_size = (size_t)sprintf(replies, ITEM("$1\r\nq", "$1\r\nx") ":1\r\n");
    for (int i = 0; i < PINGS; i++) {
        memcpy(requests + request_size, "PING\r\n", 6);
        memcpy(replies + reply_size, "+PONG\r\n", 7);
        request_size += 6;
        reply_size += 7;
    }
    int waiting = net_connect(port);
    check(net_send(waiting, requests, request_size), "a pipeline behind a pop");
    expect_waiting(fd, 1);
    check(net_ask(fd, "EXISTS r\r\n", ":0\r\n"), "what is behind a pop is done before it");
    check(net_ask(fd, "RPUSH q x\r\n", ":1\r\n"), "push");
    check(net_expect(waiting, replies, reply_size), "the pipeline behind a pop");
    check(net_ask(fd, "DEL r\r\n", ":1\r\n"), "the pipeline is not done");
    close(waiting);
    free(requests);
    free(replies);
}

// The item stays for the next.
static void
go_while_waiting(uint16_t port, int fd)
{
    static const char *const requests[] = {"BLPOP q 0\r\n", "BRPOP q 50\r\nPING\r\n",
                                           "BLPOP q 0\r\n*2\r\n$3\r\nGE"};
    for (int i = 0; i < 3; i++) {
        int gone = waiter(port, requests[i]);
        expect_waiting(fd, i + 1);
        shutdown(gone, SHUT_WR);
        check(net_expect_end(gone), "one that has gone is answered");
        close(gone);
    }
    int patient = waiter(port, "BLPOP q 0\r\n");
    expect_waiting(fd, 4);
    check(net_ask(fd, "RPUSH q 1 2\r\nLRANGE q 0 -1\r\n", ":2\r\n*1\r\n$1\r\n2\r\n"),
          "push to those who are gone and one who is not");
    check(net_expect_text(patient, ITEM("$1\r\nq", "$1\r\n1")), "the one who is still there");
    check(net_ask(fd, "DEL q\r\nDEBUG WAITING\r\n", ":1\r\n:0\r\n"), "after they are gone");
    close(patient);
    // What is there at once is for one that has said all it has to say, too.
    check(net_ask(fd, "RPUSH q 1\r\n", ":1\r\n"), "push");
    int hasty = waiter(port, "BLPOP q 0\r\n");
    shutdown(hasty, SHUT_WR);
    check(net_expect_text(hasty, ITEM("$1\r\nq", "$1\r\n1")) && net_expect_end(hasty),
          "half-closed");
    close(hasty);
    for (int i = 0; i < 200; i++) {
        net_abort(waiter(port, "BLPOP reset 0\r\nPING\r\n"));
    }
}

static void
crash_all(int fd)
{
    for (int i = 0; i < 4; i++) {
        char request[64];
        sprintf(request, "DEBUG CRASH-SHARD %d\r\n", i);
        check(net_ask(fd, request, "+OK\r\n"), "crash %d", i);
    }
}

void
scenario_pops(const scenario_env *env)
{
    uint16_t port = env->server->port;
    int fd = net_connect(port);
    wait_in_line(port, fd);
    wait_with_more_behind(port, fd);
    go_while_waiting(port, fd);
    // Keys of several shards.
    char request[2048] = "BLPOP";
    for (int i = 0; i < 100; i++) {
        sprintf(request + strlen(request), " key-%d", i);
    }
    strcat(request, " 0\r\n");
    check(net_ask(fd, request, CROSS), "keys of several shards");
    // Its time, not less and not much more.
    int64_t begin_ms = net_now_ms();
    check(net_ask(fd, "BLPOP q 0.3\r\n", NOTHING), "a timeout");
    check(net_now_ms() - begin_ms >= 295 && net_now_ms() - begin_ms < 5000, "0.3 s took %lld ms",
          (long long)(net_now_ms() - begin_ms));
    // Those who gave up are forgotten.
    char line[64];
    for (int i = 0; i < 1000; i++) {
        sprintf(request, "BLPOP tired-%d 0.0001\r\n", i);
        check(net_ask(fd, request, NOTHING), "BLPOP %d", i);
    }
    net_send_text(fd, "DEBUG WAITING\r\n");
    check(net_receive_line(fd, line, sizeof line) && atol(line + 1) < 800, "%s still wait", line);
    // A shard that fails says so to those who wait.
    crash_all(fd);
    int waiting = waiter(port, "BLPOP q 0\r\nPING\r\n");
    expect_waiting(fd, 1);
    crash_all(fd);
    check(net_expect_text(waiting, "-ERR shard restarting: TR_ECRASHED ") &&
              net_receive_line(waiting, line, sizeof line) && net_expect_text(waiting, "+PONG\r\n"),
          "one who waits at a shard that fails");
    check(net_send_text(waiting, "BLPOP q 0\r\n"), "BLPOP");
    expect_waiting(fd, 1);
    check(net_ask(fd, "RPUSH q 1\r\n", ":1\r\n") &&
              net_expect_text(waiting, ITEM("$1\r\nq", "$1\r\n1")),
          "waiting again");
    close(waiting);
    close(fd);
}

// ---- races --------------------------------------------------------------------------------------

static void
spin_us(long us)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t until_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec + us * 1000;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec * INT64_C(1000000000) + now.tv_nsec < until_ns);
}

// All that comes until the end.
static size_t
receive_rest(int fd, char *text, size_t capacity)
{
    size_t size = 0;
    while (size + 1 < capacity && net_receive(fd, text + size, 1)) {
        size++;
    }
    text[size] = '\0';
    return size;
}

// The item is with who waited, or in the list: one of both.
static bool
expect_once(int fd, int round, const char *got, size_t *delivered)
{
    char item[32];
    char delivery[64];
    char left[64];
    sprintf(item, "$6\r\n%06d\r\n", round);
    sprintf(delivery, "*2\r\n$1\r\nq\r\n%s", item);
    bool is_delivered = strcmp(got, delivery) == 0;
    *delivered += is_delivered;
    sprintf(left, "%s$-1\r\n", is_delivered ? "$-1\r\n" : item);
    return check(is_delivered || got[0] == '\0' || strcmp(got, NOTHING) == 0,
                 "round %d: it gets %s", round, got) &&
           check(net_ask(fd, "LPOP q\r\nLPOP q\r\n", left), "round %d: %s, and the list is wrong",
                 round, is_delivered ? "delivered" : "not delivered");
}

void
scenario_pop_races(const scenario_env *env)
{
    int rounds = check_rounds(4000);
    uint16_t port = env->server->port;
    unsigned seed = (unsigned)env->seed;
    int fd = net_connect(port);
    size_t in_time = 0;
    size_t before_the_end = 0;
    int patient = net_connect(port);
    for (int round = 0; round < rounds; round++) {
        char text[128];
        int timeout_us = 100 + rand_r(&seed) % 300;
        sprintf(text, "BLPOP q %f\r\n", timeout_us / 1e6);
        net_send_text(patient, text);
        spin_us(timeout_us - 60 + rand_r(&seed) % 160);
        sprintf(text, "RPUSH q %06d\r\n", round);
        char got[64] = "";
        if (!check(net_ask(fd, text, ":1\r\n") && net_receive(patient, got, 5), "round %d",
                   round) ||
            (strcmp(got, NOTHING) != 0 &&
             !check(net_receive(patient, got + 5, sizeof ITEM("$1\r\nq", "$6\r\n000000") - 6),
                    "round %d: %s", round, got)) ||
            !expect_once(fd, round, got, &in_time)) {
            break;
        }
    }
    close(patient);
    for (int round = 0; round < rounds; round++) {
        char text[64];
        char got[64];
        sprintf(text, "RPUSH q %06d\r\n", round);
        int hasty = waiter(port, "BLPOP q 0\r\n");
        spin_us(50 + rand_r(&seed) % 100);
        bool push_first = rand_r(&seed) % 2 == 0;
        if (push_first) {
            net_send_text(fd, text);
        } else {
            shutdown(hasty, SHUT_WR);
        }
        spin_us(rand_r(&seed) % 60);
        if (push_first) {
            shutdown(hasty, SHUT_WR);
        } else {
            net_send_text(fd, text);
        }
        bool right = check(net_expect_text(fd, ":1\r\n"), "round %d", round);
        receive_rest(hasty, got, sizeof got);
        close(hasty);
        if (!right || !expect_once(fd, round, got, &before_the_end)) {
            break;
        }
    }
    printf("    %d rounds: %zu came before the timeout; %zu before the end of the client\n", rounds,
           in_time, before_the_end);
    close(fd);
}

// ---- many ---------------------------------------------------------------------------------------

enum { TAKERS = 6, PUSHERS = 2, ITEMS = 20000 };

typedef struct taker {
    pthread_t thread;
    uint16_t port;
    unsigned number;
    atomic_uchar *seen; // how often each item came
    atomic_size_t *left;
} taker;

static void *
take(void *arg)
{
    taker *t = arg;
    unsigned seed = t->number;
    int fd = net_connect(t->port);
    char line[64];
    while (atomic_load(t->left) > 0) {
        char request[64];
        sprintf(request, "BLPOP q%u q%u 0.%04d\r\n", t->number % 2, t->number % 2,
                1 + rand_r(&seed) % 20);
        net_send_text(fd, request);
        if (!check(net_receive_line(fd, line, sizeof line), "no answer to a pop")) {
            break;
        }
        if (strcmp(line, "*-1") == 0) {
            continue;
        }
        bool right = true;
        for (int i = 0; i < 4; i++) {
            right = right && net_receive_line(fd, line, sizeof line);
        }
        if (!check(right && line[0] >= '0' && line[0] <= '9', "a pop gets %s", line)) {
            break;
        }
        atomic_fetch_add(&t->seen[atol(line)], 1);
        atomic_fetch_sub(t->left, 1);
    }
    close(fd);
    return NULL;
}

void
scenario_pop_crowd(const scenario_env *env)
{
    static atomic_uchar seen[ITEMS];
    int items = check_rounds(ITEMS);
    atomic_size_t left = (size_t)items;
    taker takers[TAKERS];
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < TAKERS; i++) {
        takers[i] = (taker){.port = env->server->port, .number = i, .seen = seen, .left = &left};
        pthread_create(&takers[i].thread, NULL, take, &takers[i]);
    }
    int fds[PUSHERS];
    for (int i = 0; i < PUSHERS; i++) {
        fds[i] = net_connect(env->server->port);
    }
    char line[64];
    for (int i = 0; i < items; i += 2) {
        char request[64];
        sprintf(request, "RPUSH q%d %d %d\r\n", i / 2 % 2, i, i + 1);
        check(net_send_text(fds[i / 4 % PUSHERS], request) &&
                  net_receive_line(fds[i / 4 % PUSHERS], line, sizeof line) && line[0] == ':',
              "a push says %s", line);
    }
    for (int64_t until_ms = net_now_ms() + NET_TIMEOUT_MS;
         atomic_load(&left) > 0 && net_now_ms() < until_ms;) {
        spin_us(1000);
    }
    check(atomic_load(&left) == 0, "%zu items are nowhere", atomic_load(&left));
    atomic_store(&left, 0);
    for (unsigned i = 0; i < TAKERS; i++) {
        pthread_join(takers[i].thread, NULL);
    }
    for (int i = 0; i < items; i++) {
        check(seen[i] == 1, "item %d came %d times", i, seen[i]);
    }
    check(net_ask(fds[0], "EXISTS q0 q1\r\n", ":0\r\n"), "there is more than was pushed");
    for (int i = 0; i < PUSHERS; i++) {
        close(fds[i]);
    }
}
