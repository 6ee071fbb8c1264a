// main.c: the main thread of a service. It waits at a pipe for signals and for the end of the root,
// and sees to it that the end comes.
#include "troupe/main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SHUTDOWN_MS 30000
#define KILL_MS             2000 // how long killed actors may take to reach a wait

// What comes through the pipe.
#define NEWS_SIGNAL 's'
#define NEWS_ENDED  'e'

// What the main thread and the actor `main` share.
typedef struct house_t {
    const tr_supervisor_t *root;
    int news[2];     // the pipe
    tr_err_t reason; // why the root has ended; written before NEWS_ENDED is
} house_t;

// ---- the actor that is the root's parent

static bool
tell(int pipe, char news)
{
    return write(pipe, &news, 1) == 1;
}

typedef struct keeper_t {
    house_t *house;
} keeper_t;

static tr_err_t
keeper_start(tr_self *self, void *state, const void *arg)
{
    keeper_t *k = state;
    memcpy(&k->house, arg, sizeof k->house);
    tr_ref_t root;
    return tr_supervisor_spawn(self, k->house->root, &root);
}

static tr_err_t
keeper_receive(tr_self *self, void *state, const tr_message *msg)
{
    keeper_t *k = state;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    k->house->reason = (tr_err_t)exit->reason;
    tr_exit(self);
    return tell(k->house->news[1], NEWS_ENDED) ? TR_OK : TR_EIO;
}

static const tr_behavior_t keeper_behavior = {
    .name = "main",
    .state_size = sizeof(keeper_t),
    .start = keeper_start,
    .receive = keeper_receive,
};

// ---- the main thread

// The write end of the pipe, for the signal handler; -1 while no service runs.
static volatile sig_atomic_t signal_pipe = -1;

// Workers block these signals, so this runs on threads of the program's own.
static void
on_signal(int number)
{
    (void)number;
    int before = errno;
    if (signal_pipe >= 0) {
        (void)tell(signal_pipe, NEWS_SIGNAL); // full: then it has been told often enough
    }
    errno = before;
}

// The next news, within a time; 0 for none. -1 ms: without end.
static char
next_news(const house_t *house, int timeout_ms)
{
    struct pollfd pipe = {.fd = house->news[0], .events = POLLIN};
    char news;
    if (poll(&pipe, 1, timeout_ms) <= 0) {
        return 0; // EINTR included: the handler's byte is read next time
    }
    return read(house->news[0], &news, 1) == 1 ? news : 0;
}

// Wait for the last actor; a signal meanwhile cuts it short.
static tr_err_t
wait_for_end(tr_runtime *rt, const house_t *house, int64_t timeout_ms)
{
    for (int64_t left = timeout_ms; left > 0; left -= 50) {
        if (tr_runtime_wait(rt, tr_ms(left < 50 ? left : 50)) == TR_OK) {
            return TR_OK;
        }
        if (next_news(house, 0) == NEWS_SIGNAL) {
            return TR_ECANCELED;
        }
    }
    return TR_ETIMEOUT;
}

// Stop, then kill, then leave: the exit code says how far it had to go.
static int
shut_down(tr_runtime *rt, const house_t *house, int64_t timeout_ms)
{
    tr_runtime_stop(rt);
    tr_err_t err = wait_for_end(rt, house, timeout_ms);
    if (err == TR_OK) {
        return TR_EXIT_OK;
    }
    fprintf(stderr, "troupe: %s: killing what is left\n",
            err == TR_ETIMEOUT ? "the shutdown took too long" : "second signal");
    tr_runtime_kill(rt);
    if (wait_for_end(rt, house, KILL_MS) == TR_OK) {
        return TR_EXIT_KILLED;
    }
    fprintf(stderr, "troupe: a handler does not return; leaving it behind\n");
    return TR_EXIT_ABANDONED;
}

static int
run(tr_runtime *rt, const tr_main_opts_t *opts, house_t *house)
{
    tr_ref_t keeper;
    tr_spawn_opts_t spawn = {
        .behavior = &keeper_behavior,
        .arg = &house,
        .arg_size = sizeof house,
        .start_timeout_ms = TR_START_INFINITE,
        .shutdown_ms = TR_SHUTDOWN_INFINITE,
    };
    tr_err_t err = tr_runtime_spawn(rt, &spawn, &keeper);
    if (err != TR_OK) {
        fprintf(stderr, "troupe: %s did not start: %s\n", house->root->name, tr_strerror(err));
    } else {
        while (next_news(house, -1) == 0) {
        }
    }
    int code =
        shut_down(rt, house, opts->shutdown_ms != 0 ? opts->shutdown_ms : DEFAULT_SHUTDOWN_MS);
    if (code == TR_EXIT_OK && (err != TR_OK || house->reason != TR_OK)) {
        code = TR_EXIT_FAILED;
    }
    if (opts->stopped != NULL && code != TR_EXIT_ABANDONED) {
        tr_stats_t stats;
        tr_runtime_stats(rt, &stats);
        opts->stopped(&stats, opts->stopped_arg);
    }
    return code;
}

static int
start_and_run(const tr_main_opts_t *opts, house_t *house)
{
    tr_runtime *rt;
    tr_runtime_opts_t runtime = opts->runtime;
    runtime.inspect = TR_INSPECT_ON;
    tr_err_t err = tr_runtime_create(&runtime, &rt);
    if (err == TR_EACCESS) {
        // Whoever owns the folder must not be able to keep the service from starting.
        fprintf(stderr, "troupe: no trace socket: its folder is not safe to use\n");
        runtime.inspect = TR_INSPECT_OFF;
        err = tr_runtime_create(&runtime, &rt);
    }
    if (err != TR_OK) {
        fprintf(stderr, "troupe: cannot start the runtime: %s\n", tr_strerror(err));
        return TR_EXIT_FAILED;
    }
    int code = run(rt, opts, house);
    if (code == TR_EXIT_ABANDONED) {
        fflush(NULL);
        _exit(code); // its thread still runs: nothing may be freed under it
    }
    tr_runtime_destroy(rt);
    return code;
}

// Take SIGINT and SIGTERM, or give them back to who had them before.
static void
handle_signals(struct sigaction before[2], bool ours)
{
    static const int numbers[2] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 2; i++) {
        sigaction(numbers[i], ours ? &action : &before[i], ours ? &before[i] : NULL);
    }
}

int
tr_main_run(const tr_main_opts_t *opts, const tr_supervisor_t *root)
{
    static const tr_main_opts_t defaults;
    house_t house = {.root = root};
    if (pipe2(house.news, O_CLOEXEC | O_NONBLOCK) != 0) {
        fprintf(stderr, "troupe: cannot make a pipe: %s\n", strerror(errno));
        return TR_EXIT_FAILED;
    }
    struct sigaction before[2];
    signal_pipe = house.news[1];
    handle_signals(before, true);
    int code = start_and_run(opts != NULL ? opts : &defaults, &house);
    handle_signals(before, false);
    signal_pipe = -1;
    close(house.news[0]);
    close(house.news[1]);
    return code;
}

// ---- arguments

static void
print_usage(FILE *to, const char *program)
{
    fprintf(to,
            "usage: %s [--workers N] [--shutdown-ms N] [--help]\n"
            "  --workers N      worker threads, 1 to 256; default: one per core\n"
            "  --shutdown-ms N  how long an orderly shutdown may take; default: %d\n",
            program, DEFAULT_SHUTDOWN_MS);
}

static bool
read_number(const char *text, long long max, long long *out)
{
    char *end;
    errno = 0;
    long long number = text != NULL ? strtoll(text, &end, 10) : 0;
    if (text == NULL || *text == '\0' || *end != '\0' || errno != 0 || number < 1 || number > max) {
        return false;
    }
    *out = number;
    return true;
}

int
tr_main(int argc, char **argv, const tr_supervisor_t *root)
{
    tr_main_opts_t opts = {.shutdown_ms = 0};
    const char *program = argc > 0 ? argv[0] : "service";
    for (int i = 1; i < argc; i += 2) {
        long long number = 0;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool is_workers = strcmp(argv[i], "--workers") == 0;
        if (strcmp(argv[i], "--help") == 0) {
            print_usage(stdout, program);
            return TR_EXIT_OK;
        }
        if (!is_workers && strcmp(argv[i], "--shutdown-ms") != 0) {
            fprintf(stderr, "%s: unknown argument '%s'\n", program, argv[i]);
            print_usage(stderr, program);
            return TR_EXIT_USAGE;
        }
        if (!read_number(value, is_workers ? 256 : INT64_MAX / 1000000, &number)) {
            fprintf(stderr, "%s: %s needs a number in its range, not '%s'\n", program, argv[i],
                    value != NULL ? value : "");
            return TR_EXIT_USAGE;
        }
        if (is_workers) {
            opts.runtime.workers = (uint32_t)number;
        } else {
            opts.shutdown_ms = number;
        }
    }
    return tr_main_run(&opts, root);
}
