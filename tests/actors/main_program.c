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

// ---- settings of its own

typedef struct lines_t {
    const char *line;
    uint32_t times;
} lines_t;

static const tr_config_key_t line_keys[] = {
    {.name = "line", TR_CONFIG_STR(lines_t, line), .fallback = "hello", .help = "what is said"},
    {.name = "say.times",
     TR_CONFIG_U32(lines_t, times),
     .fallback = "1",
     .max = "9",
     .help = "how often; never is refused later"},
};
static const tr_config_spec_t line_spec = {
    .program = "play", .about = "A play.", .keys = line_keys, .key_count = 2};
static lines_t lines;

// The settings are the argument, copied when it is spawned: when they are there.
static tr_err_t
say_lines(tr_self *self, void *state, const void *arg)
{
    const lines_t *l = arg;
    (void)self;
    (void)state;
    for (uint32_t i = 0; i < l->times; i++) {
        say(l->line);
    }
    say("up");
    return TR_OK;
}

static bool
is_said_at_all(void *settings, void *arg)
{
    const lines_t *l = settings;
    if (l->times == 0) {
        fputs(arg, stderr);
    }
    return l->times != 0;
}

static int
play_lines(int argc, char **argv)
{
    static const tr_behavior_t actor = {.name = "actor", .start = say_lines, .receive = ignore};
    static const tr_child_t child = {
        .id = "actor", .behavior = &actor, .arg = &lines, .arg_size = sizeof lines};
    static const tr_supervisor_t root = {.name = "play", .children = &child, .child_count = 1};
    static char nothing[] = "nothing is said\n";
    static const tr_main_opts_t opts = {
        .runtime = {.name = "lines", .workers = 1, .log_level = TR_LOG_WARN},
        .shutdown_ms = 1500,
        .no_inspect = true,
        .config = &line_spec,
        .settings = &lines,
        .configured = is_said_at_all,
        .configured_arg = nothing,
    };
    return tr_main_with(argc, argv, &opts, &root);
}

// A key that tr_main has, too.
static int
play_clash(int argc, char **argv)
{
    static const tr_config_key_t key = {
        .name = "workers", TR_CONFIG_U32(lines_t, times), .fallback = "1", .help = "who works"};
    static const tr_config_spec_t spec = {.program = "play", .keys = &key, .key_count = 1};
    static const tr_supervisor_t root = {.name = "play"};
    return tr_main_with(argc, argv, &(tr_main_opts_t){.config = &spec, .settings = &lines}, &root);
}

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
    if (strcmp(name, "lines") == 0) {
        return play_lines(argc - 1, argv + 1);
    }
    if (strcmp(name, "clash") == 0) {
        return play_clash(argc - 1, argv + 1);
    }
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
