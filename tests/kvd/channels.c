#include "check.h"
#include "net.h"
#include "rows.h"
#include "scenario.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUBSCRIBED(name, n)    "*3\r\n$9\r\nsubscribe\r\n" name "\r\n:" n "\r\n"
#define UNSUBSCRIBED(name, n)  "*3\r\n$11\r\nunsubscribe\r\n" name "\r\n:" n "\r\n"
#define PSUBSCRIBED(name, n)   "*3\r\n$10\r\npsubscribe\r\n" name "\r\n:" n "\r\n"
#define PUNSUBSCRIBED(name, n) "*3\r\n$12\r\npunsubscribe\r\n" name "\r\n:" n "\r\n"
#define MESSAGE(name, text)    "*3\r\n$7\r\nmessage\r\n" name "\r\n" text "\r\n"
#define PMESSAGE(pattern, name, text)                                                              \
    "*4\r\n$8\r\npmessage\r\n" pattern "\r\n" name "\r\n" text "\r\n"
#define NOT_NOW(name)                                                                              \
    "-ERR Can't execute '" name "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET " \
    "are allowed in this context\r\n"

static const row_t rows[] = {
    {"FLUSHALL\r\n", "+OK\r\n"},
    {"UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\n", UNSUBSCRIBED("$-1", "0") PUNSUBSCRIBED("$-1", "0")},
    {"UNSUBSCRIBE a\r\nPUNSUBSCRIBE a b\r\n",
     UNSUBSCRIBED("$1\r\na", "0") PUNSUBSCRIBED("$1\r\na", "0") PUNSUBSCRIBED("$1\r\nb", "0")},
    {"PING\r\nPUBLISH a x\r\n", "+PONG\r\n:0\r\n"},
    {"SUBSCRIBE\r\nPSUBSCRIBE\r\nPUBLISH a\r\nPUBLISH a b c\r\n",
     ARITY("subscribe") ARITY("psubscribe") ARITY("publish") ARITY("publish")},
    {"SUBSCRIBE a b a\r\n",
     SUBSCRIBED("$1\r\na", "1") SUBSCRIBED("$1\r\nb", "2") SUBSCRIBED("$1\r\na", "2")},
    {"PING\r\nPING hi\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$2\r\nhi\r\n"},
    {"GET a\r\nset a 1\r\nPUBLISH a x\r\n", NOT_NOW("get") NOT_NOW("set") NOT_NOW("publish")},
    {"GET\r\nNONE\r\nPING a b\r\n",
     ARITY("get") "-ERR unknown command 'NONE', with args beginning with: \r\n" ARITY("ping")},
    {"PSUBSCRIBE a *\r\n", PSUBSCRIBED("$1\r\na", "3") PSUBSCRIBED("$1\r\n*", "4")},
    {"UNSUBSCRIBE a c\r\n", UNSUBSCRIBED("$1\r\na", "3") UNSUBSCRIBED("$1\r\nc", "3")},
    {"UNSUBSCRIBE\r\nUNSUBSCRIBE\r\n", UNSUBSCRIBED("$1\r\nb", "2") UNSUBSCRIBED("$-1", "2")},
    {"GET a\r\n", NOT_NOW("get")},
    {"PUNSUBSCRIBE * a\r\nGET a\r\n",
     PUNSUBSCRIBED("$1\r\n*", "1") PUNSUBSCRIBED("$1\r\na", "0") "$-1\r\n"},
    {"SUBSCRIBE \"\" \"\\x00\\r\\n\"\r\nUNSUBSCRIBE \"\"\r\n",
     SUBSCRIBED("$0\r\n", "1") "*3\r\n$9\r\nsubscribe\r\n$3\r\n"},
};

static const char nul[] = "\0\r\n\r\n:2\r\n" UNSUBSCRIBED("$0\r\n", "1");

// The clients' side of PUBLISH; true when so many got it.
static bool
publish(int fd, const char *channel, const char *text, unsigned receivers)
{
    char request[256];
    char reply[32];
    sprintf(request, "PUBLISH %s %s\r\n", channel, text);
    sprintf(reply, ":%u\r\n", receivers);
    return net_ask(fd, request, reply);
}

static void
pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

// Within a while the server has this many topics.
static void
expect_topics(int fd, unsigned count)
{
    char line[64] = "";
    int64_t until_ms = net_now_ms() + NET_TIMEOUT_MS;
    do {
        if (!check(net_send_text(fd, "DEBUG TOPICS\r\n") && net_receive_line(fd, line, sizeof line),
                   "DEBUG TOPICS: no answer")) {
            return;
        }
        pause_ms(1);
    } while (atol(line + 1) != (long)count && net_now_ms() < until_ms);
    check(atol(line + 1) == (long)count, "there are %s topics, not %u", line, count);
}

static int
subscriber(uint16_t port, const char *request, const char *reply)
{
    int fd = net_connect(port);
    check(net_ask(fd, request, reply), "wrong reply to %s", request);
    return fd;
}

// ---- what is answered ---------------------------------------------------------------------------

void
scenario_channel_commands(const scenario_env *env)
{
    enum { ROWS = sizeof rows / sizeof rows[0] };
    uint16_t port = env->server->port;
    rows_ask(port, rows, ROWS - 1);
    int fd = net_connect(port);
    check(net_send_text(fd, rows[ROWS - 1].request) && net_expect_text(fd, rows[ROWS - 1].reply) &&
              net_expect(fd, nul, sizeof nul - 1),
          "names of any bytes");
    close(fd);
    fd = net_connect(port);
    expect_topics(fd, 0);
    close(fd);
}

void
scenario_channels(const scenario_env *env)
{
    uint16_t port = env->server->port;
    int out = net_connect(port);
    int exact = subscriber(port, "SUBSCRIBE news\r\n", SUBSCRIBED("$4\r\nnews", "1"));
    int pattern = subscriber(port, "PSUBSCRIBE n?ws *.[ab]\r\n",
                             PSUBSCRIBED("$4\r\nn?ws", "1") PSUBSCRIBED("$6\r\n*.[ab]", "2"));
    int both = subscriber(port, "SUBSCRIBE news\r\nPSUBSCRIBE n*\r\n",
                          SUBSCRIBED("$4\r\nnews", "1") PSUBSCRIBED("$2\r\nn*", "2"));
    expect_topics(out, 4);
    check(publish(out, "news", "x", 4) && publish(out, "naws", "y", 2) &&
              publish(out, "x.a", "z", 1) && publish(out, "x.c", "z", 0),
          "PUBLISH counts wrong");
    check(net_expect_text(exact, MESSAGE("$4\r\nnews", "$1\r\nx")), "exact");
    check(net_expect_text(pattern, PMESSAGE("$4\r\nn?ws", "$4\r\nnews", "$1\r\nx")), "pattern");
    // Between two subscriptions there is no order.
    char messages[2 * sizeof PMESSAGE("$2\r\nn*", "$4\r\nnews", "$1\r\nx")];
    size_t size = sizeof MESSAGE("$4\r\nnews", "$1\r\nx") - 1 +
                  sizeof PMESSAGE("$2\r\nn*", "$4\r\nnews", "$1\r\nx") - 1;
    check(net_receive(both, messages, size), "both: nothing comes");
    messages[size] = '\0';
    check(strstr(messages, MESSAGE("$4\r\nnews", "$1\r\nx")) != NULL &&
              strstr(messages, PMESSAGE("$2\r\nn*", "$4\r\nnews", "$1\r\nx")) != NULL,
          "both: %s", messages);
    // The shards have nothing to do with it.
    check(net_ask(out, "DEBUG CRASH-SHARD 0\r\nDEBUG CRASH-SHARD 1\r\n", "+OK\r\n+OK\r\n"),
          "crash");
    check(publish(out, "news", "again", 4), "PUBLISH after a crash");
    check(net_expect_text(exact, MESSAGE("$4\r\nnews", "$5\r\nagain")), "after a crash");
    // What was published before one unsubscribes comes before the reply, what comes later does not.
    for (int i = 0; i < 1000; i++) {
        check(publish(out, "news", "1", 4), "PUBLISH %d", i);
    }
    check(net_send_text(exact, "UNSUBSCRIBE news\r\n"), "UNSUBSCRIBE");
    for (int i = 0; i < 1000; i++) {
        check(net_expect_text(exact, MESSAGE("$4\r\nnews", "$1\r\n1")), "message %d", i);
    }
    check(net_expect_text(exact, UNSUBSCRIBED("$4\r\nnews", "0")), "UNSUBSCRIBE");
    check(publish(out, "news", "2", 3), "PUBLISH after UNSUBSCRIBE");
    check(net_ask(exact, "GET a\r\nPUBLISH x.b 1\r\n", "$-1\r\n:1\r\n"), "unsubscribed");
    // Whoever goes, in whatever way, is not counted, and nothing is left.
    net_abort(both);
    expect_topics(out, 2);
    check(publish(out, "news", "3", 1), "PUBLISH after a reset");
    close(pattern);
    expect_topics(out, 0);
    check(publish(out, "news", "4", 0), "PUBLISH to nobody");
    close(exact);
    close(out);
}

// ---- bounds -------------------------------------------------------------------------------------

static void
ask_with_large(int fd, const char *command, size_t name, size_t payload, const char *reply)
{
    char *request = malloc(name + payload + 256);
    size_t size = (size_t)sprintf(request, "*%d\r\n$%zu\r\n%s\r\n$%zu\r\n", payload > 0 ? 3 : 2,
                                  strlen(command), command, name);
    memset(request + size, 'n', name);
    size += name;
    size += (size_t)sprintf(request + size, "\r\n");
    if (payload > 0) {
        size += (size_t)sprintf(request + size, "$%zu\r\n", payload);
        memset(request + size, 'p', payload);
        size += payload;
        size += (size_t)sprintf(request + size, "\r\n");
    }
    check(net_send(fd, request, size) && net_expect_text(fd, reply), "%s %zu %zu is not %s",
          command, name, payload, reply);
    free(request);
}

void
scenario_channel_bounds(const scenario_env *env)
{
    enum { LARGEST = 1024 * 1024, CHANNELS = 20000, SUBSCRIPTIONS = 1024 };
    int channels = check_rounds(CHANNELS);
    uint16_t port = env->server->port;
    int out = net_connect(port);
    ask_with_large(out, "PUBLISH", 1025, 1, "-ERR a channel's name may have 1024 bytes\r\n");
    ask_with_large(out, "PSUBSCRIBE", 1025, 0, "-ERR a channel's name may have 1024 bytes\r\n");
    ask_with_large(out, "PUBLISH", 1, LARGEST + 1, "-ERR a message may have 1048576 bytes\r\n");
    ask_with_large(out, "PUBLISH", 1024, LARGEST, ":0\r\n");
    int in = subscriber(port, "PSUBSCRIBE *\r\n", PSUBSCRIBED("$1\r\n*", "1"));
    for (int i = 0; i < 10; i++) {
        ask_with_large(out, "PUBLISH", 3, LARGEST, ":1\r\n");
        check(net_expect_text(in, "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$3\r\nnnn\r\n$1048576\r\n"),
              "the head of a large message");
        char *payload = malloc(LARGEST + 2);
        check(net_receive(in, payload, LARGEST + 2) && payload[LARGEST - 1] == 'p',
              "a large message");
        free(payload);
    }
    // Names come and go and leave nothing behind.
    size_t before = server_rss_kib(env->server);
    int fd = net_connect(port);
    char line[128];
    for (int i = 0; i < channels; i++) {
        char request[128];
        sprintf(request, "PUBLISH p%d x\r\nSUBSCRIBE s%d\r\nUNSUBSCRIBE s%d\r\n", i, i, i);
        net_send_text(fd, request);
        for (int lines = 0; lines < 13; lines++) {
            if (!check(net_receive_line(fd, line, sizeof line), "no answer at channel %d", i)) {
                return;
            }
        }
    }
    expect_topics(out, 1);
    size_t after = server_rss_kib(env->server);
    printf("    resident %zu KiB, after %d channels %zu KiB\n", before, channels, after);
    check(after < before + check_slack_kib(24 * 1024), "channels that are gone cost %zu KiB",
          after - before);
    close(in);
    // One connection has so many and no more.
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        char request[64];
        sprintf(request, "SUBSCRIBE s%d\r\n", i);
        net_send_text(fd, request);
        for (int lines = 0; lines < 6; lines++) {
            net_receive_line(fd, line, sizeof line);
        }
        check(line[0] == ':' && atoi(line + 1) == i + 1, "subscription %d: %s", i, line);
    }
    check(net_ask(fd, "PSUBSCRIBE one\r\n", "-ERR a connection may have 1024 subscriptions\r\n"),
          "more subscriptions than there may be");
    check(publish(out, "s0", "x", 1) && publish(out, "s1023", "x", 1) &&
              publish(out, "s1024", "x", 0),
          "PUBLISH to one of many");
    close(fd);
    expect_topics(out, 0);
    close(out);
}

// ---- a slow subscriber --------------------------------------------------------------------------

enum { PUBLISHED = 100000, PAYLOAD = 200, WINDOW = 200 };

// Many lines, so not byte by byte. Patient: what does not fit into a small receive buffer is
// dropped and sent again by the kernels, after pauses that double for as long as nobody reads.
enum { PATIENCE_S = 120 };

static FILE *
lines_of(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = PATIENCE_S},
               sizeof(struct timeval));
    return fdopen(dup(fd), "r");
}

// The next message: its number, or -1 when it says how many were missed, or -2 when it is neither.
static long
next_message(FILE *in, long *missed)
{
    char line[512];
    for (int i = 0; i < 7; i++) {
        if (fgets(line, sizeof line, in) == NULL) {
            return -2;
        }
    }
    if (sscanf(line, "(kvd: %ld messages missed)", missed) == 1) {
        return -1;
    }
    return line[0] >= '0' && line[0] <= '9' ? atol(line) : -2;
}

// Everyone else takes part in each round, so that nobody but the slow one is ever behind.
static bool
publish_window(int out, FILE *good, long first)
{
    char requests[WINDOW * (PAYLOAD + 64)];
    size_t size = 0;
    for (long i = first; i < first + WINDOW; i++) {
        size += (size_t)sprintf(requests + size, "PUBLISH news %0*ld\r\n", PAYLOAD, i);
    }
    bool right = net_send(out, requests, size);
    for (long i = 0; i < WINDOW; i++) {
        memcpy(requests + 4 * i, ":4\r\n", 4);
    }
    right = right && check(net_expect(out, requests, (size_t)4 * WINDOW),
                           "PUBLISH from %ld on is not for four", first);
    for (long i = first; right && i < first + WINDOW; i++) {
        long missed = 0;
        right = check(next_message(good, &missed) == i, "the good one misses %ld", i);
    }
    return right;
}

// Read on to the end: all there was is here or missed.
static void
catch_up(int fd, long published, const char *who)
{
    FILE *in = lines_of(fd);
    long received = 0;
    long missed = 0;
    long gaps = 0;
    long last = -1;
    while (last < published - 1) {
        long gap = 0;
        long number = next_message(in, &gap);
        if (number == -1) {
            missed += gap;
            gaps++;
            last += gap;
        } else if (check(number == last + 1, "%s: %ld comes after %ld", who, number, last)) {
            received++;
            last = number;
        } else {
            break;
        }
    }
    fclose(in);
    printf("    %s: %ld received, %ld missed in %ld gaps\n", who, received, missed, gaps);
    check(received + missed == published, "%s: %ld received and %ld missed", who, received, missed);
    check(missed > 0, "%s was not slow", who);
}

void
scenario_slow_subscriber(const scenario_env *env)
{
    uint16_t port = env->server->port;
    int out = net_connect(port);
    int good = subscriber(port, "SUBSCRIBE news\r\n", SUBSCRIBED("$4\r\nnews", "1"));
    FILE *messages = lines_of(good);
    int slow[3];
    for (int i = 0; i < 3; i++) {
        slow[i] = subscriber(port, "SUBSCRIBE news\r\n", SUBSCRIBED("$4\r\nnews", "1"));
        setsockopt(slow[i], SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    }
    long published = check_rounds(PUBLISHED);
    bool right = true;
    long at = 0;
    for (; right && at < published / 10; at += WINDOW) {
        right = publish_window(out, messages, at);
    }
    size_t before = server_rss_kib(env->server);
    for (; right && at < published; at += WINDOW) {
        right = publish_window(out, messages, at);
    }
    size_t after = server_rss_kib(env->server);
    printf("    resident %zu KiB, later %zu KiB\n", before, after);
    check(after < before + check_slack_kib(8 * 1024), "slow subscribers cost %zu KiB",
          after - before);
    if (right) {
        catch_up(slow[0], published, "one slow subscriber");
        catch_up(slow[1], published, "another one");
    }
    // One that never reads again ends like any other, in the middle of a message.
    net_abort(slow[2]);
    check(net_ask(slow[0], "UNSUBSCRIBE\r\nGET a\r\n", UNSUBSCRIBED("$4\r\nnews", "0") "$-1\r\n"),
          "a slow subscriber, later");
    close(slow[1]);
    fclose(messages);
    close(good);
    expect_topics(out, 0);
    close(slow[0]);
    close(out);
}

// ---- a hub that fails ---------------------------------------------------------------------------

// Nobody listens to nothing without knowing it.
void
scenario_crash_hub(const scenario_env *env)
{
    enum { ROUNDS = 50, SUBSCRIBERS = 10 };
    uint16_t port = env->server->port;
    int out = net_connect(port);
    for (int round = 0; round < ROUNDS; round++) {
        int fds[SUBSCRIBERS];
        for (int i = 0; i < SUBSCRIBERS; i++) {
            fds[i] = subscriber(port, "SUBSCRIBE news\r\n", SUBSCRIBED("$4\r\nnews", "1"));
        }
        check(publish(out, "news", "x", SUBSCRIBERS), "PUBLISH");
        check(net_ask(out, "DEBUG CRASH-HUB\r\n", "+OK\r\n"), "the hub does not crash");
        for (int i = 0; i < SUBSCRIBERS; i++) {
            check(net_expect_text(
                      fds[i],
                      MESSAGE("$4\r\nnews",
                              "$1\r\nx") "-ERR subscription lost: 'news' restarted, subscribe "
                                         "again\r\n") &&
                      net_expect_end(fds[i]),
                  "subscriber %d does not hear of it", i);
            close(fds[i]);
        }
    }
    expect_topics(out, 0);
    close(out);
}

// ---- redis-cli ----------------------------------------------------------------------------------

// Lines of what a redis-cli says.
typedef struct cli {
    pid_t pid;
    FILE *lines;
} cli;

static bool
cli_start(cli *c, uint16_t port, const char *command, const char *channel)
{
    int ends[2];
    char number[16];
    sprintf(number, "%u", port);
    if (pipe(ends) != 0) {
        return false;
    }
    c->pid = fork();
    if (c->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("redis-cli", "redis-cli", "-p", number, command, channel, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    c->lines = fdopen(ends[0], "r");
    return c->lines != NULL;
}

static bool
cli_expect(cli *c, const char *expected)
{
    char line[256] = "";
    bool right = fgets(line, sizeof line, c->lines) != NULL;
    line[strcspn(line, "\n")] = '\0';
    return check(right && strcmp(line, expected) == 0, "redis-cli says '%s', not '%s'", line,
                 expected);
}

static void
cli_stop(cli *c)
{
    kill(c->pid, SIGTERM);
    waitpid(c->pid, NULL, 0);
    fclose(c->lines);
}

void
scenario_redis_cli(const scenario_env *env)
{
    enum { MESSAGES = 500 };
    if (system("command -v redis-cli >/dev/null 2>&1") != 0) {
        printf("    skipped: there is no redis-cli\n");
        return;
    }
    alarm(120); // reading from them has no deadline of its own
    cli one;
    cli other;
    check(cli_start(&one, env->server->port, "subscribe", "news"), "redis-cli");
    check(cli_start(&other, env->server->port, "psubscribe", "n*"), "redis-cli");
    bool right = cli_expect(&one, "subscribe") && cli_expect(&one, "news") &&
                 cli_expect(&one, "1") && cli_expect(&other, "psubscribe") &&
                 cli_expect(&other, "n*") && cli_expect(&other, "1");
    int out = net_connect(env->server->port);
    for (int i = 0; right && i < MESSAGES; i++) {
        char text[16];
        sprintf(text, "%d", i);
        right = check(publish(out, "news", text, 2), "PUBLISH");
    }
    for (int i = 0; right && i < MESSAGES; i++) {
        char text[16];
        sprintf(text, "%d", i);
        right = cli_expect(&one, "message") && cli_expect(&one, "news") && cli_expect(&one, text) &&
                cli_expect(&other, "pmessage") && cli_expect(&other, "n*") &&
                cli_expect(&other, "news") && cli_expect(&other, text);
    }
    cli_stop(&one);
    cli_stop(&other);
    expect_topics(out, 0);
    close(out);
    alarm(0);
}
