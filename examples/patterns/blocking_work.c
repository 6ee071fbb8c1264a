// blocking_work.c: files, which block their thread, on threads that are there for it.
//
//     build/examples/patterns/blocking_work
//
// tr_blocking runs a function on a thread of a lane while the actor waits and its worker goes on.
// The function works on a copy of its argument, which comes back with TR_OK. On any error it does
// not, and `drop` gets it instead: a function that runs cannot be stopped, and when its caller has
// given up, it is all alone with what it made.
//
// Prints:
//     saved 12 bytes
//     loaded: to be or not
//     the slow one: TR_ETIMEOUT
//     what nobody waits for is dropped
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <troupe/troupe.h>
#include <unistd.h>

TR_MESSAGE_EMPTY(work_with_files);

struct note {
    char path[32];
    char *text; // from malloc, once it is loaded
    size_t size;
};

static const char line[] = "to be or not";
static sem_t given_up; // the slow one is as slow as that

// ---- jobs, on a thread of the lane: nothing of any actor

static tr_err_t
save(void *arg)
{
    struct note *n = arg;
    snprintf(n->path, sizeof n->path, "/tmp/troupe-XXXXXX");
    int fd = mkstemp(n->path);
    ssize_t size = fd >= 0 ? write(fd, line, sizeof line - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    n->size = size > 0 ? (size_t)size : 0;
    return size == (ssize_t)sizeof line - 1 ? TR_OK : TR_EIO;
}

static tr_err_t
load(void *arg)
{
    struct note *n = arg;
    FILE *file = fopen(n->path, "r");
    n->text = calloc(1, sizeof line);
    bool is_read = file != NULL && n->text != NULL && fgets(n->text, sizeof line, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    unlink(n->path);
    return is_read ? TR_OK : TR_EIO;
}

static tr_err_t
load_slowly(void *arg)
{
    ((struct note *)arg)->text = calloc(1, 1);
    sem_wait(&given_up);
    return TR_OK;
}

static void
drop_text(void *arg)
{
    free(((struct note *)arg)->text);
    puts("what nobody waits for is dropped");
}

// ---- the actor

static tr_err_t
clerk_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    struct note n = {.size = 0};
    struct note late = {.size = 0};
    if (tr_as(work_with_files, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_blocking(self, TR_LANE_FILE, &TR_JOB(save, &n, NULL), tr_seconds(5));
    if (err == TR_OK) {
        printf("saved %zu bytes\n", n.size);
        err = tr_blocking(self, TR_LANE_FILE, &TR_JOB(load, &n, drop_text), tr_seconds(5));
    }
    if (err != TR_OK) {
        return err;
    }
    printf("loaded: %s\n", n.text);
    free(n.text); // it has come back, and is ours
    err = tr_blocking(self, TR_LANE_FILE, &TR_JOB(load_slowly, &late, drop_text), tr_ms(300));
    printf("the slow one: %s\n", tr_errname(err));
    sem_post(&given_up);
    return tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t clerk = {.name = "clerk", .receive = clerk_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    if (sem_init(&given_up, 0, 0) != 0) {
        return 1;
    }
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &clerk}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(work_with_files), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt); // waits for the slow one
    return err == TR_OK ? 0 : 1;
}
