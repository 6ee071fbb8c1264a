/**
 * @file socket.h
 * A connected socket on its way from one actor to another: accepted here, served there. Whoever
 * holds it gives it on or closes it.
 *
 *     tr_socket_t socket;
 *     tr_err_t err = tr_tcp_accept(self, listener, TR_FOREVER, &socket);
 *     err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &conn, .socket = &socket}, &child);
 *     // given, whatever err says; the start of conn makes it a connection with tr_tcp_take
 */
#ifndef TROUPE_SOCKET_H
#define TROUPE_SOCKET_H

#include "troupe/export.h"

TR_BEGIN_DECLS

/** A descriptor that somebody has to close. */
typedef struct tr_socket {
    int fd; // -1 is none
} tr_socket_t;

/** Close a socket that is given to nobody. One that is none is allowed. @threads any */
TR_API void tr_socket_close(tr_socket_t socket);

TR_END_DECLS

#endif
