/**
 * @file error.h
 * The one list of what can go wrong. A function that can fail returns `tr_err_t` and nothing else;
 * its results come back through out-parameters, written only on success. The number of an error,
 * once published, is never given to another.
 *
 *     tr_err_t err = tr_send(self, to, TR_MSG(hello));
 *     if (err != TR_OK) {
 *         fprintf(stderr, "%s: %s\n", tr_errname(err), tr_strerror(err));
 *     }
 */
#ifndef TROUPE_ERROR_H
#define TROUPE_ERROR_H

#include "troupe/export.h"

TR_BEGIN_DECLS

#define TR_ERR_MAP(X)                                                                              \
    X(OK, 0, "success")                                                                            \
    X(EINVAL, -1, "an argument is outside its documented range")                                   \
    X(ENOMEM, -2, "memory could not be allocated")                                                 \
    X(EDEAD, -3, "the actor has exited or never existed")                                          \
    X(EFULL, -4, "the mailbox is at its bound")                                                    \
    X(ETIMEOUT, -5, "the deadline passed first")                                                   \
    X(ECANCELED, -6, "the wait was canceled: the actor is being stopped")                          \
    X(EUNHANDLED, -7, "the actor does not handle messages of this type")                           \
    X(ECRASHED, -8, "the actor failed while it handled the request")                               \
    X(ENOREPLY, -9, "the handler returned without answering")                                      \
    X(EDEADLK, -10, "waiting here would never end: the chain of waits leads back")                 \
    X(EDOWN, -11, "the actor is down for now")                                                     \
    X(ETYPE, -12, "the message is of another type than the one asked for")                         \
    X(ETOOBIG, -13, "the message is larger than the bound allows")                                 \
    X(EALREADY, -14, "this was done before and can be done only once")                             \
    X(ECHILD, -15, "a child failed and its parent did not handle it")                              \
    X(ERESTARTS, -16, "children were restarted more often than the supervisor allows")             \
    X(EKILLED, -17, "the actor was killed")                                                        \
    X(ESTOPPING, -18, "the runtime is shutting down")                                              \
    X(EFORMAT, -19, "the bytes are not what they claim to be")                                     \
    X(ELIMIT, -20, "a limit of the system or of the configuration is reached")                     \
    X(EEOF, -21, "the other side has closed the stream")                                           \
    X(ERESET, -22, "the connection was reset")                                                     \
    X(EREFUSED, -23, "the connection was refused")                                                 \
    X(EADDRINUSE, -24, "the address is in use")                                                    \
    X(EADDR, -25, "the address is not valid or not of this machine")                               \
    X(EACCESS, -26, "permission denied")                                                           \
    X(EIO, -27, "input or output failed")                                                          \
    X(ENOTFOUND, -28, "there is no such thing")                                                    \
    X(EBUSY, -29, "it is in use by another wait or another owner")                                 \
    X(EFAULT, -30, "the actor gave up: it called tr_fail or returned this error")                  \
    X(ELINKED, -31, "an actor linked to this one has failed")                                      \
    X(ECLOSED, -32, "the channel is closed")                                                       \
    X(ELAGGED, -33, "the reader was too slow, and messages were overwritten")                      \
    X(EOWNERDEAD, -34, "it is yours, but whoever had it before ended in the midst of it")

typedef enum tr_err {
#define X(name, value, text) TR_##name = (value),
    TR_ERR_MAP(X)
#undef X
} tr_err_t;

/** "TR_EFULL": for logs, tests and bug reports. "TR_E?" for a number that is not in the list. */
TR_API const char *tr_errname(tr_err_t err);

/** "the mailbox is at its bound": for people. */
TR_API const char *tr_strerror(tr_err_t err);

TR_END_DECLS

#endif
