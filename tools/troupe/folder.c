#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "troupe/trace.h"

static bool
is_live(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool live = fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ||
                            errno == EAGAIN); // its queue is full, so it is there
    if (fd >= 0) {
        (void)close(fd);
    }
    return live;
}

// The number that a name such as 4711.sock or 4711.2.sock begins with; 0 for other names.
static long
name_pid(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    size_t size = strlen(name);
    size_t suffix = strlen(TR_TRACE_SUFFIX);
    if (digits == 0 || digits > 10 || size < suffix || name[digits] != '.' ||
        strcmp(name + size - suffix, TR_TRACE_SUFFIX) != 0) {
        return 0;
    }
    return strtol(name, NULL, 10);
}

static void
add(folder *f, char *path, long pid)
{
    f->endpoints = text_memory(f->endpoints, (f->count + 1) * sizeof *f->endpoints);
    f->endpoints[f->count++] = (endpoint){.path = path, .pid = pid};
}

static void
look_into(folder *f, const char *path, uid_t uid, long wanted)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    text_printf(&f->looked, "%s%s", f->looked.size > 0 ? ", " : "", path);
    if (fd < 0) {
        return;
    }
    DIR *entries = fstat(fd, &status) == 0 && status.st_uid == uid &&
                           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0
                       ? fdopendir(fd)
                       : NULL;
    if (entries == NULL) {
        (void)close(fd);
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        long pid = name_pid(entry->d_name);
        text file = {0};
        text_printf(&file, "%s/%s", path, entry->d_name);
        if (pid != 0 && (wanted == 0 || pid == wanted) && is_live(text_z(&file))) {
            add(f, file.data, pid);
        } else {
            text_fini(&file);
        }
    }
    (void)closedir(entries);
}

// A runtime takes the first folder whose parent is there when it starts. That may have been another
// one than now, so each is looked into.
static void
look_for(folder *f, uid_t uid, long wanted)
{
    const char *parent = getenv("XDG_RUNTIME_DIR");
    text path = {0};
    text run = {0};
    text_printf(&run, TR_TRACE_RUN_FORMAT, (unsigned long)uid);
    if (uid == geteuid() && parent != NULL && parent[0] == '/' &&
        strcmp(parent, text_z(&run)) != 0) {
        text_printf(&path, "%s/" TR_TRACE_FOLDER, parent);
        look_into(f, text_z(&path), uid, wanted);
        text_clear(&path);
    }
    text_printf(&path, "%s/" TR_TRACE_FOLDER, text_z(&run));
    look_into(f, text_z(&path), uid, wanted);
    text_clear(&path);
    text_printf(&path, TR_TRACE_TMP_FORMAT, (unsigned long)uid);
    look_into(f, text_z(&path), uid, wanted);
    text_fini(&path);
    text_fini(&run);
}

static int
by_pid(const void *a, const void *b)
{
    const endpoint *x = a;
    const endpoint *y = b;
    return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid) : strcmp(x->path, y->path);
}

void
folder_find(folder *f, long pid)
{
    struct stat status;
    char process[32];
    *f = (folder){0};
    look_for(f, geteuid(), pid);
    snprintf(process, sizeof process, "/proc/%ld", pid);
    if (f->count == 0 && pid != 0 && geteuid() == 0 && stat(process, &status) == 0 &&
        status.st_uid != 0) {
        look_for(f, status.st_uid, pid);
    }
    if (f->count > 1) {
        qsort(f->endpoints, f->count, sizeof *f->endpoints, by_pid);
    }
}

void
folder_fini(folder *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->endpoints[i].path);
    }
    free(f->endpoints);
    text_fini(&f->looked);
    *f = (folder){0};
}
