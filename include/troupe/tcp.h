/**
 * @file tcp.h
 * TCP that reads like blocking C and suspends only the actor. A listener and a connection belong to
 * the life that opened them and close with it.
 *
 *     tr_tcp *conn;
 *     tr_err_t err = tr_tcp_connect(self, "127.0.0.1", 6379, tr_seconds(1), &conn);
 *     err = tr_tcp_write(self, conn, "PING\r\n", 6, tr_seconds(1));
 *     err = tr_tcp_read(self, conn, buffer, sizeof buffer, tr_seconds(1), &size);
 *
 * To serve connections on every worker, one actor accepts and gives each socket to a child that the
 * runtime places anywhere: see socket.h.
 */
#ifndef TROUPE_TCP_H
#define TROUPE_TCP_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/socket.h"

TR_BEGIN_DECLS

/** A listening socket. Owned by the life that opened it; used by that actor only. */
typedef struct tr_tcp_listener tr_tcp_listener;

/** A connection. Owned by the life that opened or adopted it; used by that actor only. */
typedef struct tr_tcp tr_tcp;

/** Zero is the default of every field. */
typedef struct tr_tcp_listen_opts {
    uint32_t backlog; // 0 for 1024
    bool reuse_port;  // several listeners may share the port
    bool ipv6_only;   // an IPv6 listener refuses IPv4
} tr_tcp_listen_opts_t;

/**
 * Listen on an address of this machine.
 * @param host  a numeric address, "127.0.0.1", "::1", "0.0.0.0"
 * @param port  0: the system chooses; see tr_tcp_listener_port
 * @param opts  NULL for the defaults
 * @param out   belongs to this life; tr_tcp_listener_close ends it earlier
 * @return TR_OK, TR_EADDR, TR_EADDRINUSE, TR_EACCESS, TR_ELIMIT (descriptors), TR_ENOMEM
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_listen(tr_self *self, const char *host, uint16_t port,
                                            const tr_tcp_listen_opts_t *opts,
                                            tr_tcp_listener **out);

/** The port it listens on. */
TR_API uint16_t tr_tcp_listener_port(const tr_tcp_listener *listener);

/** Stop listening. NULL is allowed. */
TR_API void tr_tcp_listener_close(tr_self *self, tr_tcp_listener *listener);

/**
 * Wait for a connection.
 * @param out  yours to adopt, to hand on, or to close
 * @return TR_OK, TR_ETIMEOUT, TR_ECANCELED, TR_ELIMIT when no descriptor is left (the connection
 *         stays in the backlog: wait a little and try again), TR_EIO
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_accept(tr_self *self, tr_tcp_listener *listener,
                                            tr_duration_t timeout, tr_socket_t *out);

/**
 * Make a socket a connection of this actor. On TR_OK the socket is given; otherwise still yours.
 * @return TR_OK, TR_EINVAL, TR_ENOMEM
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_adopt(tr_self *self, tr_socket_t socket, tr_tcp **out);

/**
 * Make the socket that this actor was given at its spawn a connection. To be called in start; a
 * socket that nobody takes is closed when the actor ends.
 * @return TR_OK, TR_ENOTFOUND when none was given or it was taken before (also by an earlier life),
 *         TR_EINVAL, TR_ENOMEM
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_take(tr_self *self, tr_tcp **out);

/**
 * Connect to a numeric address.
 * @return TR_OK, TR_EADDR, TR_EREFUSED, TR_ETIMEOUT, TR_ECANCELED, TR_ELIMIT, TR_ENOMEM, TR_EIO
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_connect(tr_self *self, const char *host, uint16_t port,
                                             tr_duration_t timeout, tr_tcp **out);

/**
 * Read what is there, at least one byte.
 * @param buffer    where to; written until the return only
 * @param capacity  at least 1
 * @param out_size  bytes read
 * @return TR_OK, TR_EEOF when the peer has finished sending, TR_ERESET, TR_ETIMEOUT (nothing is
 *         lost), TR_ECANCELED, TR_EIO
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_read(tr_self *self, tr_tcp *tcp, void *buffer, size_t capacity,
                                          tr_duration_t timeout, size_t *out_size);

/**
 * Write all of it. Waits while the peer is slower than we are.
 * @return TR_OK, TR_ERESET, TR_ETIMEOUT or TR_ECANCELED: part of it may have been sent, so the
 *         connection is good only for closing; TR_EIO
 */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_write(tr_self *self, tr_tcp *tcp, const void *data,
                                           size_t size, tr_duration_t timeout);

/** Say that nothing more will be written: the peer reads an end. Reading goes on. */
TR_API TR_MUST_CHECK tr_err_t tr_tcp_shutdown(tr_self *self, tr_tcp *tcp);

/**
 * Close and release. What was written is still sent, unless there is input that was never read:
 * then the system resets the connection, and the peer may lose the end. NULL is allowed.
 */
TR_API void tr_tcp_close(tr_self *self, tr_tcp *tcp);

TR_END_DECLS

#endif
