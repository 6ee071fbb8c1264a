// socket.h: the socket file that tools connect to: where it is, who may use it, when it goes.
#ifndef TRI_INSPECT_SOCKET_H
#define TRI_INSPECT_SOCKET_H

#include "troupe/error.h"

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#define TRI_SOCKET_PATH (sizeof((struct sockaddr_un *)0)->sun_path)

typedef struct tri_socket {
    char path[TRI_SOCKET_PATH]; // empty: not open
    int fd;                     // listens; -1 once it was given away
    dev_t device;               // device and inode tell whether the file is still the one we made
    ino_t inode;
} tri_socket_t;

// Make the folder if need be, check that it is safe, remove what dead processes left in it, and
// listen on a socket there with mode 0600.
// TR_EACCESS: the folder is not ours or others may write to it; TR_EADDR: its path is too long;
// TR_EADDRINUSE: this process has as many runtimes as there are names; TR_ELIMIT, TR_ENOMEM,
// TR_EIO.
tr_err_t tri_socket_open(tri_socket_t *out);

// Close it and remove the file, unless somebody has put another in its place. Zeroed is allowed.
void tri_socket_close(tri_socket_t *socket);

// Whether whoever is connected at `fd` may look into this process: the same user, and root.
bool tri_socket_is_allowed(int fd);

#endif
