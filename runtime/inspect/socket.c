#include "inspect/socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "troupe/trace.h"

#define BACKLOG       128
#define LOCK_TRIES    100
#define LOCK_PAUSE_NS 10000000L

static tr_err_t
err_from_errno(int number)
{
    switch (number) {
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EDQUOT:
        return TR_ELIMIT;
    case ENOMEM:
    case ENOBUFS:
        return TR_ENOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
    case ENOTDIR:
        return TR_EACCESS;
    case EADDRINUSE:
        return TR_EADDRINUSE;
    case ENAMETOOLONG:
        return TR_EADDR;
    default:
        return TR_EIO;
    }
}

// A directory of ours that nobody else may write to.
static bool
is_ours(const struct stat *status)
{
    return S_ISDIR(status->st_mode) && status->st_uid == geteuid() &&
           (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool
is_parent(const char *path)
{
    struct stat status;
    return path != NULL && path[0] == '/' && stat(path, &status) == 0 && is_ours(&status);
}

// The rule of trace.h. False when the path does not fit.
static bool
folder_path(char *out, size_t capacity)
{
    char run[64];
    unsigned long uid = geteuid();
    const char *parent = getenv("XDG_RUNTIME_DIR");
    int size = snprintf(run, sizeof run, TR_TRACE_RUN_FORMAT, uid);
    if (is_parent(parent)) {
        size = snprintf(out, capacity, "%s/" TR_TRACE_FOLDER, parent);
    } else if (is_parent(run)) {
        size = snprintf(out, capacity, "%s/" TR_TRACE_FOLDER, run);
    } else {
        size = snprintf(out, capacity, TR_TRACE_TMP_FORMAT, uid);
    }
    return size > 0 && (size_t)size < capacity;
}

// Open the folder, made where it is not there. What is checked is what was opened, and a symbolic
// link is not opened, so nothing can change between the check and the use: its parent is ours, or
// it is /tmp, whose sticky bit keeps others from moving it.
static tr_err_t
folder_open(const char *path, int *out)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return err_from_errno(errno);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !is_ours(&status)) {
        (void)close(fd);
        return TR_EACCESS;
    }
    *out = fd;
    return TR_OK;
}

// Between the verdict that a socket is dead and its removal nobody may put a live one in its place:
// every runtime holds this lock from before it cleans until it listens.
static bool
folder_lock(int folder)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

// The process that a name such as 4711.sock or 4711.2.sock belongs to; 0 when it is none of ours.
static pid_t
name_pid(const char *name)
{
    char *end;
    if (name[0] < '1' || name[0] > '9') {
        return 0;
    }
    errno = 0;
    long pid = strtol(name, &end, 10);
    if (errno != 0 || pid > INT_MAX) {
        return 0;
    }
    if (end[0] == '.' && end[1] >= '2' && end[1] <= '9') {
        (void)strtol(end + 1, &end, 10);
    } else if (end[0] == '.' && end[1] == '1' && end[2] >= '0' && end[2] <= '9') {
        (void)strtol(end + 1, &end, 10);
    }
    return strcmp(end, TR_TRACE_SUFFIX) == 0 ? (pid_t)pid : 0;
}

static bool
address_set(struct sockaddr_un *address, const char *folder, const char *name)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int size = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", folder, name);
    return size > 0 && (size_t)size < sizeof address->sun_path;
}

// Nobody listens there. The number of the process does not tell enough: it may have been given to
// another, or mean another process in another pid namespace that shares the folder.
static bool
is_dead(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool dead = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                errno == ECONNREFUSED;
    (void)close(fd);
    return dead;
}

static void
folder_clean(int folder, const char *path)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (entries == NULL) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        pid_t pid = name_pid(entry->d_name);
        struct stat status;
        struct sockaddr_un address;
        if (pid == 0 || (pid != getpid() && (kill(pid, 0) == 0 || errno != ESRCH))) {
            continue;
        }
        if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISSOCK(status.st_mode) && address_set(&address, path, entry->d_name) &&
            is_dead(&address)) {
            (void)unlinkat(folder, entry->d_name, 0);
        }
    }
    (void)closedir(entries);
}

// Bind to the first free name of this process.
static tr_err_t
bind_name(int fd, const char *folder, struct sockaddr_un *address)
{
    for (int i = 1; i <= TR_TRACE_RUNTIMES_MAX; i++) {
        char name[48];
        if (i == 1) {
            snprintf(name, sizeof name, "%ld" TR_TRACE_SUFFIX, (long)getpid());
        } else {
            snprintf(name, sizeof name, "%ld.%d" TR_TRACE_SUFFIX, (long)getpid(), i);
        }
        if (!address_set(address, folder, name)) {
            return TR_EADDR;
        }
        if (bind(fd, (struct sockaddr *)address, sizeof *address) == 0) {
            return TR_OK;
        }
        if (errno != EADDRINUSE) {
            return err_from_errno(errno);
        }
    }
    return TR_EADDRINUSE;
}

static tr_err_t
listen_in(const char *folder, tri_socket_t *out)
{
    struct sockaddr_un address;
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    // bind gives the file the mode of the socket, less the umask: no moment with a wider mode, and
    // the umask, which belongs to the whole process, stays alone.
    tr_err_t err = fchmod(fd, 0600) == 0 ? TR_OK : err_from_errno(errno);
    if (err == TR_OK) {
        err = bind_name(fd, folder, &address);
    }
    if (err != TR_OK) {
        (void)close(fd);
        return err;
    }
    if (listen(fd, BACKLOG) != 0 || lstat(address.sun_path, &status) != 0) {
        err = err_from_errno(errno);
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        err = TR_EACCESS;
    }
    if (err != TR_OK) {
        (void)unlink(address.sun_path);
        (void)close(fd);
        return err;
    }
    memcpy(out->path, address.sun_path, sizeof out->path);
    out->fd = fd;
    out->device = status.st_dev;
    out->inode = status.st_ino;
    return TR_OK;
}

tr_err_t
tri_socket_open(tri_socket_t *out)
{
    char path[TRI_SOCKET_PATH];
    int folder = -1;
    if (!folder_path(path, sizeof path)) {
        return TR_EADDR;
    }
    tr_err_t err = folder_open(path, &folder);
    if (err != TR_OK) {
        return err;
    }
    if (folder_lock(folder)) { // without the lock nothing is removed: a free name will be found
        folder_clean(folder, path);
    }
    err = listen_in(path, out);
    (void)close(folder); // and unlocks
    return err;
}

void
tri_socket_close(tri_socket_t *socket)
{
    struct stat status;
    if (socket == NULL || socket->path[0] == '\0') {
        return;
    }
    if (lstat(socket->path, &status) == 0 && status.st_dev == socket->device &&
        status.st_ino == socket->inode) {
        (void)unlink(socket->path);
    }
    if (socket->fd >= 0) {
        (void)close(socket->fd);
    }
    socket->path[0] = '\0';
}

bool
tri_socket_is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof peer) {
        return false;
    }
    return peer.uid == geteuid() || peer.uid == 0;
}
