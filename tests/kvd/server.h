// server.h: a kvd under test: started on a free port, watched, stopped.
#ifndef KVD_TESTS_SERVER_H
#define KVD_TESTS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct server {
    pid_t pid;
    uint16_t port;
    char folder[64];  // holds what follows
    char output[128]; // where its standard output goes
} server;

// Start with these options, NULL-terminated, besides the port. True when it accepts clients.
bool server_start(server *s, const char *kvd, const char *const *options);

// SIGTERM, and wait. True when it ended with exit code 0 and a ledger whose balance is zero.
bool server_stop(server *s);

bool server_is_alive(const server *s);

// What it holds in memory now, in KiB; 0 when that cannot be read.
size_t server_rss_kib(const server *s);

// Let its address space grow by so much more, or, for 0, as it likes. False when that cannot be
// said.
bool server_limit_memory(const server *s, size_t more_kib);

// Run to the end with these arguments; the exit code, or -1. What it said is in `text`.
int server_run(const char *kvd, const char *const *arguments, char *text, size_t capacity);

#endif
