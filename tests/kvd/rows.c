#include "rows.h"

#include "check.h"
#include "net.h"

#include <string.h>
#include <unistd.h>

static void
ask_each(uint16_t port, const row_t *rows, size_t count, size_t piece)
{
    int fd = net_connect(port);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(rows[i].request);
        for (size_t at = 0; at < size; at += piece) {
            net_send(fd, rows[i].request + at, piece < size - at ? piece : size - at);
        }
        if (!check(net_expect_text(fd, rows[i].reply), "wrong reply to %s", rows[i].request)) {
            break;
        }
    }
    close(fd);
}

static void
ask_all_at_once(uint16_t port, const row_t *rows, size_t count)
{
    static char requests[64 * 1024];
    static char replies[64 * 1024];
    requests[0] = replies[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(requests, rows[i].request);
        strcat(replies, rows[i].reply);
    }
    strcat(requests, "QUIT\r\nPING\r\n");
    strcat(replies, "+OK\r\n");
    int fd = net_connect(port);
    check(net_ask(fd, requests, replies), "the replies to all at once are not the same");
    check(net_expect_end(fd), "QUIT does not end the connection");
    close(fd);
}

void
rows_ask(uint16_t port, const row_t *rows, size_t count)
{
    ask_each(port, rows, count, SIZE_MAX);
    ask_each(port, rows, count, 1);
    ask_all_at_once(port, rows, count);
}
