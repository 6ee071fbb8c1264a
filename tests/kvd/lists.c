#include "check.h"
#include "net.h"
#include "rows.h"
#include "scenario.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POSITIVE  "-ERR value is out of range, must be positive\r\n"
#define TOO_LARGE "-ERR the reply would be larger than 64 MiB: ask for fewer items\r\n"

static const row_t rows[] = {
    {"FLUSHALL\r\n", "+OK\r\n"},
    {"RPUSH l a b c\r\nLRANGE l 0 -1\r\n", ":3\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"},
    {"LPUSH l z y\r\nLLEN l\r\n", ":5\r\n:5\r\n"},
    {"LRANGE l 0 1\r\n", "*2\r\n$1\r\ny\r\n$1\r\nz\r\n"},
    {"lrange l -2 100\r\n", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"},
    {"LRANGE l -100 0\r\n", "*1\r\n$1\r\ny\r\n"},
    {"LRANGE l 2 2\r\n", "*1\r\n$1\r\na\r\n"},
    {"LRANGE l 5 9\r\nLRANGE l 3 2\r\nLRANGE l 0 -6\r\n", "*0\r\n*0\r\n*0\r\n"},
    {"LRANGE l -9223372036854775808 9223372036854775807\r\n",
     "*5\r\n$1\r\ny\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"},
    {"LRANGE nothing 0 -1\r\nLLEN nothing\r\n", "*0\r\n:0\r\n"},
    {"LRANGE l x 1\r\nLRANGE l 0 1.5\r\n", NOT_A_NUMBER NOT_A_NUMBER},
    {"LPOP l\r\nRPOP l\r\nLLEN l\r\n", "$1\r\ny\r\n$1\r\nc\r\n:3\r\n"},
    {"RPOP l 2\r\nLRANGE l 0 -1\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n*1\r\n$1\r\nz\r\n"},
    {"LPOP l 0\r\n", "*0\r\n"},
    {"LPOP l -1\r\nRPOP l x\r\n", POSITIVE POSITIVE},
    // What is empty is not there.
    {"LPOP l 9223372036854775807\r\nEXISTS l\r\nTYPE l\r\nDBSIZE\r\n",
     "*1\r\n$1\r\nz\r\n:0\r\n+none\r\n:0\r\n"},
    {"LPOP l\r\nRPOP l\r\nLPOP l 1\r\nRPOP l 0\r\n", "$-1\r\n$-1\r\n*-1\r\n*-1\r\n"},
    // Pops of one batch, and what comes behind them.
    {"RPUSH l 1 2 3 4 5\r\nLPOP l\r\nLPOP l 2\r\nLPOP l\r\nRPOP l\r\nLPOP l\r\nEXISTS l\r\n",
     ":5\r\n$1\r\n1\r\n*2\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$-1\r\n:0\r\n"},
    {"RPUSH l 1\r\nLPOP l\r\nLPOP l\r\nRPUSH l 2\r\nRPOP l\r\nLPUSH l 3\r\nLRANGE l 0 -1\r\n",
     ":1\r\n$1\r\n1\r\n$-1\r\n:1\r\n$1\r\n2\r\n:1\r\n*1\r\n$1\r\n3\r\n"},
    {"LRANGE l 0 -1\r\nDEL l\r\nRPUSH l 4\r\nLRANGE l 0 -1\r\nSET l x\r\nGET l\r\n",
     "*1\r\n$1\r\n3\r\n:1\r\n:1\r\n*1\r\n$1\r\n4\r\n+OK\r\n$1\r\nx\r\n"},
    {"DEL l\r\n", ":1\r\n"},
    // Binary, and empty.
    {"RPUSH l \"\" \"a\\x01b\\r\\n\"\r\nLRANGE l 0 -1\r\n",
     ":2\r\n*2\r\n$0\r\n\r\n$5\r\na\001b\r\n\r\n"},
    {"LPUSH l\r\nRPUSH\r\nLPOP\r\nLPOP l 1 2\r\n",
     ARITY("lpush") ARITY("rpush") ARITY("lpop") ARITY("lpop")},
    {"RPOP l 1 2\r\nLRANGE l 0\r\nLLEN\r\nLLEN l l\r\nTYPE\r\n",
     ARITY("rpop") ARITY("lrange") ARITY("llen") ARITY("llen") ARITY("type")},
    // A key as any other.
    {"DEL l\r\nRPUSH l a\r\nSET s 1\r\nTYPE l\r\nTYPE s\r\nTYPE n\r\n",
     ":1\r\n:1\r\n+OK\r\n+list\r\n+string\r\n+none\r\n"},
    {"EXISTS l s n\r\nDBSIZE\r\n", ":2\r\n:2\r\n"},
    {"EXPIRE l 100\r\nTTL l\r\nRPUSH l b\r\nTTL l\r\n", ":1\r\n:100\r\n:2\r\n:100\r\n"},
    {"LPOP l\r\nTTL l\r\nLPOP l\r\nTTL l\r\nRPUSH l a\r\nTTL l\r\n",
     "$1\r\na\r\n:100\r\n$1\r\nb\r\n:-2\r\n:1\r\n:-1\r\n"},
    {"PEXPIRE l -1\r\nEXISTS l\r\n", ":1\r\n:0\r\n"},
    // Strings and lists do not mix.
    {"RPUSH l a\r\nGET l\r\nINCR l\r\nDECRBY l 2\r\n", ":1\r\n" WRONG_KIND WRONG_KIND WRONG_KIND},
    {"LPUSH s a\r\nRPUSH s a b\r\nLPOP s\r\nRPOP s\r\nLPOP s 0\r\nRPOP s 2\r\n",
     WRONG_KIND WRONG_KIND WRONG_KIND WRONG_KIND WRONG_KIND WRONG_KIND},
    {"LRANGE s 0 -1\r\nLLEN s\r\nGET s\r\n", WRONG_KIND WRONG_KIND "$1\r\n1\r\n"},
    {"MGET s l n\r\n", "*3\r\n$1\r\n1\r\n$-1\r\n$-1\r\n"},
    {"SET l x NX\r\nTYPE l\r\nSET l x XX\r\nGET l\r\n", "$-1\r\n+list\r\n+OK\r\n$1\r\nx\r\n"},
    {"DEL l\r\nLPUSH l a\r\nMSET l 1 s 2\r\nINCR l\r\n", ":1\r\n:1\r\n+OK\r\n:2\r\n"},
    {"LPUSH m a\r\nFLUSHALL\r\nDBSIZE\r\n", ":1\r\n+OK\r\n:0\r\n"},
};

void
scenario_lists(const scenario_env *env)
{
    rows_ask(env->server->port, rows, sizeof rows / sizeof rows[0]);
}

// ---- sizes --------------------------------------------------------------------------------------

// Push `count` items of `size` bytes in one command; item i begins with its number.
static bool
push_many(int fd, const char *key, size_t count, size_t size, const char *reply)
{
    char *request = malloc(count * (size + 32) + 128);
    size_t end = (size_t)sprintf(request, "*%zu\r\n$5\r\nRPUSH\r\n$%zu\r\n%s\r\n", count + 2,
                                 strlen(key), key);
    for (size_t i = 0; i < count; i++) {
        end += (size_t)sprintf(request + end, "$%zu\r\n", size);
        memset(request + end, 'x', size);
        char number[16];
        int digits = sprintf(number, "%07zu", i);
        memcpy(request + end, number, (size_t)digits < size ? (size_t)digits : size);
        end += size;
        end += (size_t)sprintf(request + end, "\r\n");
    }
    bool right = net_send(fd, request, end) && net_expect_text(fd, reply);
    free(request);
    return right;
}

static bool
expect_items(int fd, size_t first, size_t count, size_t size)
{
    char line[64];
    char *item = malloc(size + 2);
    bool right = net_receive_line(fd, line, sizeof line) && line[0] == '*' &&
                 (size_t)atoll(line + 1) == count;
    for (size_t i = first; right && i < first + count; i++) {
        right = net_receive_line(fd, line, sizeof line) && (size_t)atoll(line + 1) == size &&
                net_receive(fd, item, size + 2) && (size_t)atoll(item) == i;
    }
    free(item);
    return right;
}

void
scenario_long_lists(const scenario_env *env)
{
    int fd = net_connect(env->server->port);
    // More in one reply than any buffer holds, from many small items and from few large ones.
    check(push_many(fd, "small", 200000, 8, ":200000\r\n"), "RPUSH of 200000 items");
    check(net_send_text(fd, "LRANGE small 0 -1\r\nLRANGE small 150000 150009\r\n") &&
              expect_items(fd, 0, 200000, 8) && expect_items(fd, 150000, 10, 8),
          "LRANGE of 200000 items");
    check(push_many(fd, "large", 60, 1024 * 1024, ":60\r\n"), "RPUSH of 60 MiB");
    check(net_send_text(fd, "LRANGE large 0 -1\r\n") && expect_items(fd, 0, 60, 1024 * 1024),
          "LRANGE of 60 MiB");
    enum { LARGEST = 64 * 1024 * 1024 };
    check(push_many(fd, "largest", 1, LARGEST, ":1\r\n"), "RPUSH of 64 MiB");
    check(net_send_text(fd, "LRANGE largest 0 -1\r\nLPOP largest 1\r\n") &&
              expect_items(fd, 0, 1, LARGEST) && expect_items(fd, 0, 1, LARGEST),
          "the largest item, as a range of one");
    // More than a reply may hold is refused, nothing is lost and the conversation goes on.
    check(push_many(fd, "large", 40, 1024 * 1024, ":100\r\n"), "RPUSH of 40 MiB");
    check(net_ask(fd, "LRANGE large 0 -1\r\nLPOP large 100\r\nRPOP large 64\r\nLLEN large\r\n",
                  TOO_LARGE TOO_LARGE TOO_LARGE ":100\r\n"),
          "a range of 100 MiB");
    check(net_send_text(fd, "LPOP large 60\r\nLLEN large\r\n") &&
              expect_items(fd, 0, 60, 1024 * 1024) && net_expect_text(fd, ":40\r\n"),
          "LPOP of 60 MiB");
    // The most arguments there can be: a window of one operation.
    check(push_many(fd, "many", 1048574, 1, ":1048574\r\n"), "RPUSH of 1048574 items");
    check(
        net_ask(fd, "LLEN many\r\nDEL many small large\r\nDBSIZE\r\n", ":1048574\r\n:3\r\n:0\r\n"),
        "long lists do not go");
    printf("    resident after it all: %zu MiB\n", server_rss_kib(env->server) / 1024);
    close(fd);
}

// ---- memory that ends ---------------------------------------------------------------------------

#define NO_ANSWER "-ERR shard unavailable: TR_ENOMEM memory could not be allocated\r\n"

// Push three at a time until someone finds no memory: the shard, the answer or, and that ends the
// connection, the connection. Returns how many pushes were done.
static size_t
push_until_refused(uint16_t port)
{
    enum { MOST = 10000, SIZE = 10000 };
    int fd = net_connect(port);
    size_t done = 0;
    for (; done < MOST; done++) {
        char expected[32];
        sprintf(expected, ":%zu\r\n", 3 * done + 3);
        if (!push_many(fd, "scarce", 3, SIZE, expected)) {
            break;
        }
    }
    check(done < MOST, "memory does not end");
    close(fd);
    return done;
}

void
scenario_scarce_lists(const scenario_env *env)
{
    if (check_slack_kib(0) > 0) {
        printf("    skipped: a sanitizer needs the address space\n");
        return;
    }
    uint16_t port = env->server->port;
    int fd = net_connect(port);
    // In small requests, or the memory of a large one would be there for a large answer.
    for (size_t i = 1; i <= 60; i++) {
        char expected[32];
        sprintf(expected, ":%zu\r\n", i);
        check(push_many(fd, "large", 1, 1024 * 1024, expected), "RPUSH %zu of 1 MiB", i);
    }
    check(server_limit_memory(env->server, 24 * 1024), "no limit");
    // What no answer can carry is still there.
    check(net_ask(fd, "LPOP large 60\r\n", NO_ANSWER), "LPOP of 60 MiB");
    check(net_ask(fd, "LLEN large\r\n", ":60\r\n"), "a pop without an answer");
    check(net_ask(fd, "LRANGE large 0 -1\r\n", NO_ANSWER), "LRANGE of 60 MiB");
    check(net_send_text(fd, "LPOP large 1\r\nLLEN large\r\n") &&
              expect_items(fd, 0, 1, 1024 * 1024) && net_expect_text(fd, ":59\r\n"),
          "LPOP of 1 MiB");
    size_t done = push_until_refused(port);
    check(server_limit_memory(env->server, 0), "no end of the limit");
    close(fd);
    fd = net_connect(port);
    char line[64] = "";
    check(net_send_text(fd, "LLEN scarce\r\n") && net_receive_line(fd, line, sizeof line), "LLEN");
    size_t length = (size_t)atoll(line + 1);
    printf("    %zu pushes of three, then none; the list has %zu\n", done, length);
    // The answer to the last one may be what was lost.
    check(length == 3 * done || length == 3 * done + 3, "after %zu pushes of three: %zu", done,
          length);
    check(net_ask(fd, "LLEN large\r\nDBSIZE\r\n", ":59\r\n:2\r\n"), "other lists");
    close(fd);
}
