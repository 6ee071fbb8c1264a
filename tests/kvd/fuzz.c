#include "fuzz.h"

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUDE_CLIENTS 60
#define SCRIPT_BYTES 8192

// A client with something to send, in its own manner, and then to end in its own manner.
typedef struct rude {
    int fd; // -1: to be connected
    char script[SCRIPT_BYTES];
    size_t size;
    size_t sent;
    size_t piece;      // bytes at a time; 1 is the slowest
    bool reads;        // or lets the replies pile up
    unsigned patience; // rounds to stay after the last byte
    unsigned manner;   // of the end
} rude;

static uint32_t
next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static size_t
add(char *script, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (size + length > SCRIPT_BYTES) {
        return size;
    }
    memcpy(script + size, text, length);
    return size + length;
}

#define HARMLESS 12u // phrases that do not end a conversation; the first ones
static const char *const phrases[] = {
    "*3\r\n$3\r\nSET\r\n$5\r\nfuzz1\r\n$3\r\nabc\r\n",
    "*2\r\n$3\r\nGET\r\n$5\r\nfuzz1\r\n",
    "*1\r\n$4\r\nPING\r\n",
    "*2\r\n$4\r\nINCR\r\n$5\r\nfuzz2\r\n",
    "*5\r\n$4\r\nMSET\r\n$5\r\nfuzz3\r\n$1\r\n1\r\n$5\r\nfuzz4\r\n$1\r\n2\r\n",
    "*3\r\n$4\r\nMGET\r\n$5\r\nfuzz3\r\n$5\r\nfuzz4\r\n",
    "*2\r\n$3\r\nDEL\r\n$5\r\nfuzz1\r\n",
    "*4\r\n$5\r\nLPUSH\r\n$5\r\nfuzz7\r\n$1\r\na\r\n$1\r\nb\r\nRPOP fuzz7 3\r\nLPUSH fuzz1 x\r\n",
    "LRANGE fuzz7 0 -1\r\nRPUSH fuzz7 a b c\r\nLPOP fuzz7\r\nLPOP fuzz7\r\nLPOP fuzz7 0\r\n",
    "*5\r\n$3\r\nSET\r\n$5\r\nfuzz5\r\n$1\r\nx\r\n$2\r\nPX\r\n$1\r\n3\r\n",
    "GET fuzz1\r\nset 'fuzz 6' \"\\x00\\xff\"\r\n",
    "INFO\r\nDBSIZE\r\nCOMMAND\r\nCONFIG GET *\r\n",
    "set \"unbalanced\r\n",
    "*1\r\n$67108864\r\nonly the beginning",
    "*1\r\n$67108865\r\n",
    "*1\r\n$-5\r\n",
    "*1048576\r\n$1\r\nx\r\n$1\r\ny\r\n",
    "*1048577\r\n",
    "*99999999999999999999\r\n",
    "*-1\r\n*0\r\n\r\n\r\n",
    "*2\r\n$3\r\nGET\r\n",
    "*3\r\n$3\r\nSET\r\n+OK\r\n",
    "*1\r\n:1\r\n",
    "EVAL \"return 1\" 0\r\nGET\r\nSET a\r\nQUIT now\r\n",
    "\r\n\r\n\r\n\r\n",
    "$5\r\nhello\r\n",
};

static void
write_script(rude *r, uint64_t *random)
{
    r->size = 0;
    r->sent = 0;
    unsigned kind = next_random(random) % 4;
    if (kind == 0) {
        // Noise.
        r->size = 1 + next_random(random) % SCRIPT_BYTES;
        for (size_t i = 0; i < r->size; i++) {
            r->script[i] = (char)next_random(random);
        }
    } else {
        // Phrases, then in one of three scripts a few bytes are changed.
        unsigned count = 1 + next_random(random) % 60;
        for (unsigned i = 0; i < count; i++) {
            size_t which = next_random(random) % (sizeof phrases / sizeof phrases[0]);
            // What ends a conversation comes less often, or nobody would get to the rest.
            if (which >= HARMLESS && i + 5 < count && next_random(random) % 8 != 0) {
                which %= HARMLESS;
            }
            r->size = add(r->script, r->size, phrases[which]);
        }
        for (unsigned i = 0; kind == 1 && i < 3; i++) {
            r->script[next_random(random) % r->size] = (char)next_random(random);
        }
    }
    if (next_random(random) % 3 == 0) {
        r->size = 1 + next_random(random) % r->size; // half a command at the end
    }
    static const size_t pieces[] = {1, 1, 3, 100, SCRIPT_BYTES};
    r->piece = pieces[next_random(random) % 5];
    r->reads = next_random(random) % 4 != 0;
    r->patience = next_random(random) % 20;
    r->manner = next_random(random) % 4;
}

static void
end(rude *r, uint64_t *random)
{
    switch (r->manner) {
    case 0:
        net_abort(r->fd);
        break;
    case 1:
        shutdown(r->fd, SHUT_WR); // half-closed; read on until the server ends it
        r->manner = 2;
        r->patience = 20;
        return;
    default:
        close(r->fd);
        break;
    }
    r->fd = -1;
    write_script(r, random);
}

// One small act. Errors are what such a client lives with: it starts anew.
static void
act(rude *r, uint16_t port, uint64_t *random)
{
    if (r->fd < 0) {
        r->fd = net_connect(port);
        if (r->fd < 0) {
            return;
        }
        fcntl(r->fd, F_SETFL, O_NONBLOCK);
    }
    if (r->reads) {
        char bytes[4096];
        ssize_t got = recv(r->fd, bytes, sizeof bytes, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            close(r->fd);
            r->fd = -1;
            write_script(r, random);
            return;
        }
    }
    if (r->sent < r->size) {
        size_t piece = r->size - r->sent < r->piece ? r->size - r->sent : r->piece;
        ssize_t sent = send(r->fd, r->script + r->sent, piece, MSG_NOSIGNAL);
        if (sent > 0) {
            r->sent += (size_t)sent;
        } else if (errno != EAGAIN) {
            r->manner = 2;
            end(r, random);
        }
        // The patient ones take minutes for a script; the others will not wait for them.
        if (r->piece == 1 && next_random(random) % 2000 == 0) {
            end(r, random);
        }
    } else if (r->patience > 0) {
        r->patience--;
    } else {
        end(r, random);
    }
}

// A value nobody could guess, there and back again.
static bool
round_trip(int fd, uint64_t *random)
{
    static char value[70000];
    size_t size = next_random(random) % (next_random(random) % 50 == 0 ? sizeof value : 200);
    for (size_t i = 0; i < size; i++) {
        value[i] = (char)next_random(random);
    }
    char key[32];
    char head[128];
    int key_size = snprintf(key, sizeof key, "healthy-%u", next_random(random) % 1000);
    int head_size = snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n",
                             key_size, key, size);
    bool right = net_send(fd, head, (size_t)head_size) && net_send(fd, value, size) &&
                 net_send_text(fd, "\r\n") && net_expect_text(fd, "+OK\r\n");
    head_size = snprintf(head, sizeof head, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", key_size, key);
    right = right && net_send(fd, head, (size_t)head_size);
    head_size = snprintf(head, sizeof head, "$%zu\r\n", size);
    return right && net_expect(fd, head, (size_t)head_size) && net_expect(fd, value, size) &&
           net_expect_text(fd, "\r\n");
}

bool
fuzz_run(uint16_t port, double seconds, uint64_t seed)
{
    uint64_t random = seed;
    rude *clients = calloc(RUDE_CLIENTS, sizeof *clients);
    int healthy = net_connect(port);
    if (clients == NULL || healthy < 0) {
        fprintf(stderr, "fuzz: cannot connect to port %u\n", port);
        free(clients);
        return false;
    }
    for (int i = 0; i < RUDE_CLIENTS; i++) {
        clients[i].fd = -1;
        write_script(&clients[i], &random);
    }
    int64_t until_ms = net_now_ms() + (int64_t)(seconds * 1000);
    size_t round_trips = 0;
    bool right = true;
    while (right && net_now_ms() < until_ms) {
        for (int i = 0; i < 10 * RUDE_CLIENTS; i++) {
            act(&clients[i % RUDE_CLIENTS], port, &random);
        }
        right = round_trip(healthy, &random);
        round_trips++;
    }
    for (int i = 0; i < RUDE_CLIENTS; i++) {
        if (clients[i].fd >= 0) {
            net_abort(clients[i].fd);
        }
    }
    // All of them gone at once is the last trick.
    right = right && round_trip(healthy, &random);
    close(healthy);
    free(clients);
    if (!right) {
        fprintf(stderr, "fuzz: a healthy client got a wrong answer or none, after %zu, seed %llu\n",
                round_trips, (unsigned long long)seed);
    }
    return right;
}
