// net.h: the client's end of a connection, blocking, with a deadline on every wait.
#ifndef KVD_TESTS_NET_H
#define KVD_TESTS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_TIMEOUT_MS 20000

int64_t net_now_ms(void);

// A connection to this port of 127.0.0.1, or -1.
int net_connect(uint16_t port);

bool net_send(int fd, const void *bytes, size_t size);
bool net_send_text(int fd, const char *text);

// Exactly `size` bytes; false at an end, an error or the deadline.
bool net_receive(int fd, void *bytes, size_t size);

// A line without its "\r\n", terminated.
bool net_receive_line(int fd, char *line, size_t capacity);

// True when exactly these bytes come.
bool net_expect(int fd, const void *bytes, size_t size);
bool net_expect_text(int fd, const char *text);

// True when the other side closes, having sent nothing more.
bool net_expect_end(int fd);

// Send, and expect.
bool net_ask(int fd, const char *request, const char *reply);

// End the connection with a reset.
void net_abort(int fd);

#endif
