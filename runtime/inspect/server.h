// server.h: the trace socket: MessagePack-RPC on a Unix socket, on a thread of its own.
#ifndef TRI_INSPECT_SERVER_H
#define TRI_INSPECT_SERVER_H

#include "troupe/error.h"
#include "troupe/runtime.h"

typedef struct tri_inspect tri_inspect;

// Serve `rt` on $XDG_RUNTIME_DIR/troupe/<pid>.sock. Owned; tri_inspect_stop ends thread and socket.
// TR_EACCESS: the folder is not ours or others may write to it; TR_ELIMIT, TR_ENOMEM, TR_EADDR.
tr_err_t tri_inspect_start(tr_runtime *rt, tri_inspect **out);

// NULL is allowed. The runtime must still be there.
void tri_inspect_stop(tri_inspect *server);

#endif
