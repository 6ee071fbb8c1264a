// main_program.c: a service for main_test.c. The first argument says what its children are like;
// the rest is for tr_main. What happens is written to standard output, a line each.
#include "troupe/troupe.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
say(const char *line)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%s\n", line);
    ssize_t written = write(STDOUT_FILENO, text, (size_t)length);
    (void)written;
}

// ---- an actor for each role

TR_MESSAGE_EMPTY(go);

// "+id" when it starts, "-id" when it stops; the argument is the id.
static tr_err_t
good_start(tr_self *self, void *state, const void *arg)
{
    char line[16];
    snprintf(line, sizeof line, "+%s", (const char *)arg);
    memcpy(state, arg, 2);
    say(line);
    return tr_send(self, tr_self_ref(self), TR_MSG(go));
}

static void
good_stop(tr_self *self, void *state, tr_err_t reason)
{
    char line[16];
    (void)self;
    (void)reason;
    snprintf(line, sizeof line, "-%s", (const char *)state);
    say(line);
}

// "up" from the last child, once the supervisor answers: then all of it has started.
static tr_err_t
look_around(tr_self *self, void *state, const tr_message *msg)
{
    (void)msg;
    if (strcmp(state, "b") == 0) {
        tr_err_t err =
            tr_call(self, tr_self_parent(self), TR_MSG(tr_supervisor_which, .id = TR_STR("b")),
                    TR_REPLY_NONE, TR_FOREVER);
        if (err != TR_OK) {
            return err;
        }
        say("up");
    }
    return TR_OK;
}

static tr_err_t
ignore(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    return TR_OK;
}

static void
wait_in_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)state;
    (void)reason;
    say("stopping");
    tr_err_t err = tr_sleep(self, TR_FOREVER);
    (void)err;
}

static tr_err_t
never_return(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    say("stuck");
    for (;;) {
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return TR_OK;
}

// Blocks inside the C library, with standard output locked, once nobody reads it.
static tr_err_t
print_without_end(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    say("stuck");
    while (printf("%0500d\n", 0) > 0) {
    }
    return TR_OK;
}

static tr_err_t
sleep_on(void *arg)
{
    (void)arg;
    say("stuck");
    for (;;) {
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return TR_OK;
}

// Its handler can be stopped, and what it has begun cannot.
static tr_err_t
block_without_end(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    (void)msg;
    return tr_blocking(self, TR_LANE_FILE, &(tr_job_t){.fn = sleep_on}, TR_FOREVER);
}

static tr_err_t
fail(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    (void)msg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

static tr_err_t
fail_to_start(tr_self *self, void *state, const void *arg)
{
    (void)state;
    (void)arg;
    tr_fail(self, TR_EADDRINUSE, "on purpose");
}

static tr_err_t
hang_in_start(tr_self *self, void *state, const void *arg)
{
    (void)state;
    (void)arg;
    say("starting");
    return tr_sleep(self, TR_FOREVER);
}

static const tr_behavior_t good = {.name = "good",
                                   .state_size = 2,
                                   .start = good_start,
                                   .receive = look_around,
                                   .stop = good_stop};
static const tr_behavior_t lingering = {.name = "lingering",
                                        .state_size = 2,
                                        .start = good_start,
                                        .receive = look_around,
                                        .stop = wait_in_stop};
static const tr_behavior_t stuck = {
    .name = "stuck", .state_size = 2, .start = good_start, .receive = never_return};
static const tr_behavior_t printing = {
    .name = "printing", .state_size = 2, .start = good_start, .receive = print_without_end};
static const tr_behavior_t blocking = {.name = "blocking",
                                       .state_size = 2,
                                       .start = good_start,
                                       .receive = block_without_end,
                                       .stop = good_stop};
static const tr_behavior_t failing = {
    .name = "failing", .state_size = 2, .start = good_start, .receive = fail, .stop = good_stop};
static const tr_behavior_t unborn = {.name = "unborn", .start = fail_to_start, .receive = ignore};
static const tr_behavior_t slow = {.name = "slow", .start = hang_in_start, .receive = ignore};

// ---- the service

typedef struct play_t {
    const char *name;
    const tr_behavior_t *second; // next to a good one
} play_t;

static const play_t plays[] = {
    {"orderly", &good},    {"lingering", &lingering}, {"stuck", &stuck}, {"printing", &printing},
    {"failing", &failing}, {"unborn", &unborn},       {"slow", &slow},   {"threads", &good},
    {"masked", &good},     {"blocking", &blocking},
};

static void *
sit_there(void *arg)
{
    (void)arg;
    for (;;) {
        pause();
    }
    return NULL;
}

static void
block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const tr_behavior_t *second = NULL;
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        second = strcmp(plays[i].name, name) == 0 ? plays[i].second : second;
    }
    if (second == NULL) {
        fprintf(stderr, "main_program: no play is called '%s'\n", name);
        return 99;
    }
    if (strcmp(name, "threads") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, sit_there, NULL); // it, and not we, gets the signals
        block_signals();
    } else if (strcmp(name, "masked") == 0) {
        block_signals();
    }
    const tr_child_t children[] = {
        {.id = "a", .behavior = &good, .arg = "a", .arg_size = 2},
        {.id = "b",
         .behavior = second,
         .arg = "b",
         .arg_size = 2,
         .start_timeout_ms = TR_START_INFINITE,
         .shutdown_ms = TR_SHUTDOWN_INFINITE},
    };
    const tr_supervisor_t root = {.name = "play", .children = children, .child_count = 2};
    argv[1] = argv[0];
    return tr_main(argc - 1, argv + 1, &root);
}
