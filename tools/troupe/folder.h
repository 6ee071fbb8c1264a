// folder.h: which processes can be looked into: the sockets in the folders that trace.h names.
#ifndef TROUPE_TOOL_FOLDER_H
#define TROUPE_TOOL_FOLDER_H

#include <stddef.h>

#include "text.h"

// A socket that somebody listens on.
typedef struct endpoint {
    char *path;
    long pid;
} endpoint;

typedef struct folder {
    endpoint *endpoints;
    size_t count;
    text looked; // where, for a message: "/run/user/1000/troupe, /tmp/troupe-1000"
} folder;

// Find the live sockets of `pid`; 0: of every process of this user. Root also finds those of the
// user that `pid` belongs to. A folder that somebody else may write to is not looked into.
void folder_find(folder *f, long pid);
void folder_fini(folder *f);

#endif
