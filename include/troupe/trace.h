/**
 * @file trace.h
 * What a tool and a process that it looks into agree on: the constants of the trace protocol. The
 * protocol itself, method by method, is in docs/trace-protocol.md; this header has no functions.
 *
 *     connect to  $XDG_RUNTIME_DIR/troupe/<pid>.sock
 *     send        [0, 1, "ps", {"limit": 100}]
 *     receive     [1, 1, nil, {"actors": [...], "next": nil}]
 */
#ifndef TROUPE_TRACE_H
#define TROUPE_TRACE_H

#include "troupe/export.h"

TR_BEGIN_DECLS

/** The version of the protocol. A connection that does not say `hello` speaks version 1. */
#define TR_TRACE_VERSION 1

// Methods.
#define TR_TRACE_HELLO   "hello"
#define TR_TRACE_PS      "ps"
#define TR_TRACE_MAILBOX "mailbox"
#define TR_TRACE_STATS   "stats"

// The first element of a frame.
#define TR_TRACE_REQUEST  0
#define TR_TRACE_RESPONSE 1

// Limits of a request. Whoever breaks one is told so and loses the connection.
#define TR_TRACE_REQUEST_MAX      (1u << 20) // bytes of one frame
#define TR_TRACE_REQUEST_ELEMENTS 1024u      // items of all arrays and maps; keys and values count
#define TR_TRACE_DEPTH_MAX        32u        // of nesting, in requests and in responses
#define TR_TRACE_CONNECTIONS_MAX  64u        // to one runtime, at one time
#define TR_TRACE_STALL_MS         10000 // to finish a frame once begun; to read on in an answer

// Limits that a response keeps: a client may take more for nonsense.
#define TR_TRACE_RESPONSE_MAX      (8u << 20) // bytes of one frame
#define TR_TRACE_RESPONSE_ELEMENTS (2u << 20)

// Limits of the methods.
#define TR_TRACE_ACTORS_MAX       10000u // in a page of ps
#define TR_TRACE_ACTORS_DEFAULT   1000u
#define TR_TRACE_SCANNED_MAX      100000u // actors that one ps with a filter looks at
#define TR_TRACE_MESSAGES_MAX     1000u   // of a mailbox
#define TR_TRACE_MESSAGES_DEFAULT 100u
#define TR_TRACE_VALUE_MAX        (64u << 10) // bytes of a message's value, encoded
#define TR_TRACE_VALUE_ELEMENTS   1024u
#define TR_TRACE_VALUE_DEPTH      24u
#define TR_TRACE_NAME_MAX         63u  // bytes of a name
#define TR_TRACE_PATTERN_MAX      255u // bytes of a pattern for names
#define TR_TRACE_PEEK_MS          250  // that a busy actor has to show its mailbox

// Where the socket is. The folder is the first of these whose parent is there and ours:
//   $XDG_RUNTIME_DIR/troupe    when the variable holds an absolute path
//   /run/user/<uid>/troupe
//   /tmp/troupe-<uid>
// "Ours" is: a directory of our effective user id, which nobody else may write to. The folder's
// mode is 0700, the socket's 0600. Its name is <pid>.sock; a second runtime of the same process has
// <pid>.2.sock, and so on up to TR_TRACE_RUNTIMES_MAX.
#define TR_TRACE_FOLDER       "troupe"
#define TR_TRACE_RUN_FORMAT   "/run/user/%lu" // unsigned long: the effective user id
#define TR_TRACE_TMP_FORMAT   "/tmp/troupe-%lu"
#define TR_TRACE_SUFFIX       ".sock"
#define TR_TRACE_RUNTIMES_MAX 16

/**
 * Errors of the protocol, as they stand in the map {code, name, message} of a response. The name is
 * the symbol without TR_TRACE_. A number once published is never given to another.
 */
#define TR_TRACE_ERR_MAP(X)                                                                        \
    X(OK, 0, "success")                                                                            \
    X(EFORMAT, 1, "the bytes are not a request of this protocol")                                  \
    X(ETOOBIG, 2, "a limit of the protocol is broken")                                             \
    X(EMETHOD, 3, "the method is not known")                                                       \
    X(EPARAM, 4, "a parameter is not known, missing or outside its range")                         \
    X(EVERSION, 5, "this version of the protocol is not spoken here")                              \
    X(ENOACTOR, 6, "the actor has ended or never existed")                                         \
    X(EBUSY, 7, "there are too many connections")                                                  \
    X(ETIMEOUT, 8, "a request was begun and not finished in time")                                 \
    X(ENOMEM, 9, "the process has no memory for the answer")                                       \
    X(EINTERNAL, 10, "the process could not answer")

typedef enum tr_trace_err {
#define X(name, code, text) TR_TRACE_##name = (code),
    TR_TRACE_ERR_MAP(X)
#undef X
} tr_trace_err_t;

TR_END_DECLS

#endif
