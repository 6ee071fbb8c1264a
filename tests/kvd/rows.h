// rows.h: conversations as tables: requests, and the replies that must come.
#ifndef KVD_TESTS_ROWS_H
#define KVD_TESTS_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef struct row {
    const char *request;
    const char *reply;
} row_t;

#define NOT_A_NUMBER "-ERR value is not an integer or out of range\r\n"
#define ARITY(name)  "-ERR wrong number of arguments for '" name "' command\r\n"
#define WRONG_KIND   "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

// Ask one after the other, then byte by byte, then all at once. In order: later rows see what
// earlier ones did, so the first one clears all keys.
void rows_ask(uint16_t port, const row_t *rows, size_t count);

#endif
