#include "check.h"
#include "net.h"
#include "rows.h"
#include "scenario.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const row_t rows[] = {
    {"FLUSHALL\r\n", "+OK\r\n"},
    {"PING\r\n", "+PONG\r\n"},
    {"ping hello\r\n", "$5\r\nhello\r\n"},
    {"PING a b\r\n", ARITY("ping")},
    {"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"},
    {"*0\r\n*-1\r\n\r\nPING\r\n", "+PONG\r\n"},
    {"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n", "$2\r\n\r\n\r\n"},
    {"ECHO \"a\\x42\\n\"\r\n", "$3\r\naB\n\r\n"},
    {"ECHO\r\n", ARITY("echo")},
    {"GET nothing\r\n", "$-1\r\n"},
    {"GET\r\n", ARITY("get")},
    {"GET a b\r\n", ARITY("get")},
    {"SET k v\r\n", "+OK\r\n"},
    {"GET k\r\n", "$1\r\nv\r\n"},
    {"SET k\r\n", ARITY("set")},
    {"SET k \"\"\r\nGET k\r\n", "+OK\r\n$0\r\n\r\n"},
    {"SET k v2 NX\r\nGET k\r\n", "$-1\r\n$0\r\n\r\n"},
    {"SET k v2 xx\r\nGET k\r\n", "+OK\r\n$2\r\nv2\r\n"},
    {"SET new v XX\r\nEXISTS new\r\n", "$-1\r\n:0\r\n"},
    {"SET new v nx\r\nEXISTS new\r\n", "+OK\r\n:1\r\n"},
    {"SET k v NX XX\r\n", "-ERR syntax error\r\n"},
    {"SET k v EX\r\n", "-ERR syntax error\r\n"},
    {"SET k v EX 1 PX 1\r\n", "-ERR syntax error\r\n"},
    {"SET k v WHAT\r\n", "-ERR syntax error\r\n"},
    {"SET k v EX x\r\n", NOT_A_NUMBER},
    {"SET k v EX 0\r\n", "-ERR invalid expire time in 'set' command\r\n"},
    {"SET k v PX -1\r\n", "-ERR invalid expire time in 'set' command\r\n"},
    {"SET k v EX 9223372036854775807\r\n", "-ERR invalid expire time in 'set' command\r\n"},
    {"SET k v EX 100\r\nTTL k\r\n", "+OK\r\n:100\r\n"},
    {"SET k v PX 100000 NX\r\n", "$-1\r\n"},
    {"SET k v\r\nTTL k\r\n", "+OK\r\n:-1\r\n"},
    {"TTL nothing\r\nPTTL nothing\r\n", ":-2\r\n:-2\r\n"},
    {"EXPIRE k 100\r\nTTL k\r\n", ":1\r\n:100\r\n"},
    {"PEXPIRE k 200000\r\nTTL k\r\n", ":1\r\n:200\r\n"},
    {"EXPIRE nothing 100\r\n", ":0\r\n"},
    {"EXPIRE k x\r\n", NOT_A_NUMBER},
    {"EXPIRE k 9223372036854775807\r\n", "-ERR invalid expire time in 'expire' command\r\n"},
    {"EXPIRE k -1\r\nEXISTS k\r\n", ":1\r\n:0\r\n"},
    {"SET a 1\r\nSET b 2\r\nSET c 3\r\n", "+OK\r\n+OK\r\n+OK\r\n"},
    {"EXISTS a b c d a\r\n", ":4\r\n"},
    {"MGET a nothing c\r\n", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n3\r\n"},
    {"DEL a b nothing\r\n", ":2\r\n"},
    {"DEL\r\n", ARITY("del")},
    {"MGET\r\n", ARITY("mget")},
    {"MSET x 1 y 2 x 3\r\nMGET x y\r\n", "+OK\r\n*2\r\n$1\r\n3\r\n$1\r\n2\r\n"},
    {"MSET x 1 y\r\n", ARITY("mset")},
    {"MSET x\r\n", ARITY("mset")},
    {"DBSIZE\r\n", ":4\r\n"},
    {"INCR n\r\nINCR n\r\nGET n\r\n", ":1\r\n:2\r\n$1\r\n2\r\n"},
    {"INCRBY n 40\r\nDECR n\r\nDECRBY n 1\r\n", ":42\r\n:41\r\n:40\r\n"},
    {"INCRBY n -50\r\n", ":-10\r\n"},
    {"INCRBY n x\r\n", NOT_A_NUMBER},
    {"INCRBY n 1.5\r\n", NOT_A_NUMBER},
    {"SET n 10 EX 100\r\nINCR n\r\nTTL n\r\n", "+OK\r\n:11\r\n:100\r\n"},
    {"SET n abc\r\nINCR n\r\nGET n\r\n", "+OK\r\n" NOT_A_NUMBER "$3\r\nabc\r\n"},
    {"SET n 9223372036854775807\r\nINCR n\r\n",
     "+OK\r\n-ERR increment or decrement would overflow\r\n"},
    {"SET n -9223372036854775808\r\nDECR n\r\n",
     "+OK\r\n-ERR increment or decrement would overflow\r\n"},
    {"DECRBY n -9223372036854775808\r\n", "-ERR decrement would overflow\r\n"},
    // Values that change under an earlier reply of the same batch.
    {"SET s first\r\nGET s\r\nSET s other\r\nGET s\r\nDEL s\r\nGET s\r\n",
     "+OK\r\n$5\r\nfirst\r\n+OK\r\n$5\r\nother\r\n:1\r\n$-1\r\n"},
    {"SELECT 0\r\n", "+OK\r\n"},
    {"SELECT 1\r\n", "-ERR DB index is out of range\r\n"},
    {"SELECT x\r\n", NOT_A_NUMBER},
    {"COMMAND\r\n", "*0\r\n"},
    {"COMMAND DOCS\r\n", "*0\r\n"},
    {"COMMAND NONE\r\n", "-ERR unknown subcommand 'NONE'. Try COMMAND HELP.\r\n"},
    {"CONFIG GET save\r\n", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"},
    {"CONFIG GET appendonly\r\n", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"},
    {"CONFIG GET what\r\n", "*0\r\n"},
    {"CONFIG GET\r\n", ARITY("config|get")},
    {"CONFIG SET a b\r\n", "-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n"},
    {"CONFIG\r\n", ARITY("config")},
    {"CLIENT SETNAME me\r\n", "+OK\r\n"},
    {"CLIENT SETINFO LIB-NAME me\r\n", "+OK\r\n"},
    {"CLIENT KILL\r\n", "-ERR unknown subcommand 'KILL'. Try CLIENT HELP.\r\n"},
    {"HELLO 3\r\n", "-NOPROTO unsupported protocol version\r\n"},
    {"HELLO x\r\n", "-ERR Protocol version is not an integer or out of range\r\n"},
    {"HELLO 2\r\n", "*10\r\n$6\r\nserver\r\n$3\r\nkvd\r\n$7\r\nversion\r\n$5\r\n0.1.0\r\n"
                    "$5\r\nproto\r\n:2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
                    "$4\r\nrole\r\n$6\r\nmaster\r\n"},
    {"foo\r\n", "-ERR unknown command 'foo', with args beginning with: \r\n"},
    {"foo x 'y z'\r\n", "-ERR unknown command 'foo', with args beginning with: 'x' 'y z' \r\n"},
    {"*2\r\n$5\r\nf\r\noo\r\n$1\r\nx\r\n",
     "-ERR unknown command 'f  oo', with args beginning with: 'x' \r\n"},
    {"DEBUG WHAT\r\n", "-ERR unknown subcommand 'WHAT'. Try DEBUG HELP.\r\n"},
    {"DEBUG CRASH-SHARD x\r\n", NOT_A_NUMBER},
    {"DEBUG CRASH-SHARD 99\r\n", "-ERR no such shard\r\n"},
    {"DEBUG CRASH-SHARD -1\r\n", "-ERR no such shard\r\n"},
    {"FLUSHALL NOW\r\n", "-ERR syntax error\r\n"},
    {"FLUSHALL ASYNC\r\nDBSIZE\r\n", "+OK\r\n:0\r\n"},
    {"DBSIZE x\r\n", ARITY("dbsize")},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

void
scenario_commands(const scenario_env *env)
{
    uint16_t port = env->server->port;
    rows_ask(port, rows, ROWS);
    int fd = net_connect(port);
    char line[256];
    check(net_send_text(fd, "INFO\r\n") && net_receive_line(fd, line, sizeof line) &&
              line[0] == '$' && atoi(line + 1) > 20,
          "INFO says %s", line);
    close(fd);
}

// Each ends the conversation, after what came before it was answered.
static const row_t fatal[] = {
    {"PING\r\n*x\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"},
    {"*1048577\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
    {"*1\r\n$67108865\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
    {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
    {"SET p 1\r\n*1\r\n+GET\r\n", "+OK\r\n-ERR Protocol error: expected '$', got '+'\r\n"},
    {"GET 'x\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
};

static void
expect_fatal(uint16_t port, const char *request, size_t size, const char *reply)
{
    int fd = net_connect(port);
    // The server may have closed before all is sent.
    (void)net_send(fd, request, size);
    check(net_expect_text(fd, reply), "wrong reply to %.40s", request);
    check(net_expect_end(fd), "the connection goes on after %.40s", request);
    close(fd);
}

void
scenario_errors(const scenario_env *env)
{
    uint16_t port = env->server->port;
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        expect_fatal(port, fatal[i].request, strlen(fatal[i].request), fatal[i].reply);
    }
    static char line[200000];
    memset(line, 'x', sizeof line);
    expect_fatal(port, line, sizeof line, "-ERR Protocol error: too big inline request\r\n");
    line[0] = '*';
    expect_fatal(port, line, sizeof line, "-ERR Protocol error: too big mbulk count string\r\n");
    memcpy(line, "*1\r\n$", 5);
    expect_fatal(port, line, sizeof line, "-ERR Protocol error: too big bulk count string\r\n");
}

// A long pipeline on few keys: each reply must be the one of its place.
void
scenario_order(const scenario_env *env)
{
    enum { KEYS = 7, ROUNDS = 3000 };
    int fd = net_connect(env->server->port);
    char *requests = malloc(KEYS * ROUNDS * 64);
    size_t size = 0;
    for (int i = 0; i < KEYS * ROUNDS; i++) {
        size += (size_t)sprintf(requests + size, "INCR order-%d\r\nECHO %d\r\n", i % KEYS, i);
    }
    // The server would wait for us to read while we wait for it to read: so send beside.
    pid_t sender = fork();
    if (sender == 0) {
        _exit(net_send(fd, requests, size) ? 0 : 1);
    }
    char line[64];
    for (int i = 0; i < KEYS * ROUNDS; i++) {
        char text[16];
        sprintf(text, "%d", i);
        if (!check(net_receive_line(fd, line, sizeof line) && atoi(line + 1) == i / KEYS + 1,
                   "INCR %d gave %s", i, line) ||
            !check(net_receive_line(fd, line, sizeof line) && net_receive_line(fd, line, 64) &&
                       strcmp(line, text) == 0,
                   "ECHO %d gave %s", i, line)) {
            break;
        }
    }
    kill(sender, SIGKILL);
    waitpid(sender, NULL, 0);
    free(requests);
    close(fd);
}

void
scenario_expiry(const scenario_env *env)
{
    int fd = net_connect(env->server->port);
    int64_t begin_ms = net_now_ms();
    check(net_ask(fd, "SET e 1 PX 300\r\nGET e\r\n", "+OK\r\n$1\r\n1\r\n") ||
              net_now_ms() - begin_ms > 250,
          "a key expires before its time");
    char line[64] = "";
    int64_t until_ms = begin_ms + 5000;
    while (net_now_ms() < until_ms && strcmp(line, "$-1") != 0) {
        net_send_text(fd, "GET e\r\n");
        net_receive_line(fd, line, sizeof line);
        if (line[0] == '$' && line[1] == '1') {
            char value[8];
            net_receive_line(fd, value, sizeof value);
        }
    }
    check(strcmp(line, "$-1") == 0, "a key does not expire");
    check(net_now_ms() - begin_ms >= 295, "a key expires before its time");

    // Keys that nobody asks for go as well.
    for (int i = 0; i < 500; i++) {
        char request[64];
        sprintf(request, "SET sweep-%d 1 PX 20\r\n", i);
        check(net_ask(fd, request, "+OK\r\n"), "SET PX");
    }
    until_ms = net_now_ms() + 10000;
    do {
        net_send_text(fd, "DBSIZE\r\n");
        net_receive_line(fd, line, sizeof line);
    } while (net_now_ms() < until_ms && strcmp(line, ":0") != 0);
    check(strcmp(line, ":0") == 0, "expired keys are still there: %s", line);
    close(fd);
}
