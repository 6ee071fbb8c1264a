// mistake_lock_across_wait.c: a mutex that is still held when its handler waits.
//
//     build/examples/patterns/mistake_lock_across_wait
//
// While the handler waits, its thread runs other actors. One of them wants the same mutex, and the
// whole worker stands still: the timer that would end the wait is served by that very thread. Here
// nobody else wants it, so the program only runs into what Troupe says about it. It says so in
// checked builds, which debug builds are; the stacks are left out here, for their addresses change.
//
// Prints, checked:
//     clerk (3) holds a mutex across a wait (sleep), in receive of message stamp
//     clerk (3): the lock was taken at …
//     clerk (3): the wait began at …
//     careless: 1 stamp
//     careful: 2 stamps, and nothing was said
// Prints, unchecked:
//     careless: 1 stamp
//     careful: 2 stamps, and nothing was said
//     careless was not found out: that needs a checked build (meson setup -Dchecked=enabled)
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <troupe/troupe.h>

#define STAMP(F, T) F(T, bool, is_careless)
TR_MESSAGE(stamp, STAMP);
TR_MESSAGE_EMPTY(stamped);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stamps; // under `lock`

static tr_err_t
clerk_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const stamp *s = tr_as(stamp, msg);
    if (s == NULL) {
        return TR_EUNHANDLED;
    }
    pthread_mutex_lock(&lock);
    stamps++;
    if (!s->is_careless) {
        pthread_mutex_unlock(&lock); // the right way: what is shared is done with before the wait
    }
    tr_err_t err = tr_sleep(self, tr_ms(1)); // a call, a full mailbox, a socket: any wait
    if (s->is_careless) {
        pthread_mutex_unlock(&lock);
    }
    return err != TR_OK ? err : tr_reply(self, TR_MSG(stamped));
}

static const tr_behavior_t clerk = {.name = "clerk", .receive = clerk_receive};

// A line of the report goes on with an object, an offset and an address: up to there.
static void
print_report(tr_log_level_t level, const char *line, void *arg)
{
    bool *was_found_out = arg;
    const char *at = strstr(line, " at ");
    *was_found_out = true;
    if (level == TR_LOG_ERROR && strstr(line, "called from") == NULL) {
        printf("%.*s%s\n", at != NULL ? (int)(at - line) : (int)strlen(line), line,
               at != NULL ? " at …" : "");
    }
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    bool was_found_out = false; // written in the handler, read when its caller has the answer
    tr_runtime_opts_t opts = {.workers = 1, .log = print_report, .log_arg = &was_found_out};
    tr_err_t err = tr_runtime_create(&opts, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &clerk}, &ref);
    }
    for (int i = 0; i < 2 && err == TR_OK; i++) {
        err = tr_runtime_call(rt, ref, TR_MSG(stamp, .is_careless = i == 0), TR_REPLY_NONE,
                              tr_seconds(5));
        if (err == TR_OK) {
            printf(i == 0 ? "careless: %d stamp\n" : "careful: %d stamps, and nothing was said\n",
                   stamps);
        }
    }
    tr_runtime_destroy(rt);
    if (!was_found_out) {
        puts("careless was not found out: that needs a checked build "
             "(meson setup -Dchecked=enabled)");
    }
    return err == TR_OK ? 0 : 1;
}
