// main.c: the main thread of a service. It waits at a pipe for signals and for the end of the root,
// and sees to it that the end comes.
#include "troupe/main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KILL_MS 2000 // how long killed actors may take to reach a wait

// What comes through the pipe.
#define NEWS_SIGNAL 's'
#define NEWS_ENDED  'e'

// What the main thread and the actor `main` share.
typedef struct house_t {
    const tr_supervisor_t *root;
    int news[2];       // the pipe
    tr_err_t reason;   // why the root has ended; written before NEWS_ENDED is
    bool is_stillborn; // it has ended before it had started; as `reason`
} house_t;

// Say something on standard error, unless that would take time: a handler that is left behind may
// hold the lock of the stream, and nobody may be reading at the other end.
static void
complain(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t size = length < (int)sizeof line ? (size_t)length : sizeof line - 1;
    struct pollfd stream = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&stream, 1, 0) > 0 && (stream.revents & POLLOUT) != 0) {
        ssize_t written = write(STDERR_FILENO, line, size);
        (void)written; // there is nobody else to tell
    }
}

// ---- the actor that is the root's parent

static bool
tell(int pipe, char news)
{
    return write(pipe, &news, 1) == 1;
}

typedef struct keeper_t {
    house_t *house;
} keeper_t;

TR_MESSAGE_EMPTY(tr_main_begin);

static tr_err_t
keeper_start(tr_self *self, void *state, const void *arg)
{
    keeper_t *k = state;
    (void)self;
    memcpy(&k->house, arg, sizeof k->house);
    return TR_OK;
}

static tr_err_t
ended(tr_self *self, house_t *house, tr_err_t reason)
{
    house->reason = reason;
    tr_exit(self);
    return tell(house->news[1], NEWS_ENDED) ? TR_OK : TR_EIO;
}

// In a message and not in start: the main thread does not wait for it, and so hears of signals.
static tr_err_t
begin(tr_self *self, house_t *house)
{
    tr_ref_t root;
    tr_err_t err = tr_supervisor_spawn(self, house->root, &root);
    if (err == TR_OK || tr_self_is_stopping(self)) {
        return err;
    }
    house->is_stillborn = true;
    return ended(self, house, err);
}

static tr_err_t
keeper_receive(tr_self *self, void *state, const tr_message *msg)
{
    keeper_t *k = state;
    if (tr_as(tr_main_begin, msg) != NULL) {
        return begin(self, k->house);
    }
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit != NULL) {
        return ended(self, k->house, (tr_err_t)exit->reason);
    }
    return TR_EUNHANDLED;
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
    complain("troupe: %s: killing what is left\n",
             err == TR_ETIMEOUT ? "the shutdown took too long" : "second signal");
    tr_runtime_kill(rt);
    if (wait_for_end(rt, house, KILL_MS) == TR_OK) {
        return TR_EXIT_KILLED;
    }
    complain("troupe: a handler or blocking work does not return; leaving it behind\n");
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
        .shutdown_ms = TR_SHUTDOWN_INFINITE,
    };
    tr_err_t err = tr_runtime_spawn(rt, &spawn, &keeper);
    if (err == TR_OK) {
        err = tr_runtime_send(rt, keeper, TR_MSG(tr_main_begin), TR_FOREVER);
    }
    char news = 0;
    while (err == TR_OK && news == 0) {
        news = next_news(house, -1);
    }
    if (err != TR_OK || (news == NEWS_ENDED && house->is_stillborn)) {
        complain("troupe: %s did not start: %s\n",
                 house->root->name != NULL ? house->root->name : tr_supervisor_behavior.name,
                 tr_strerror(err != TR_OK ? err : house->reason));
    }
    int code =
        shut_down(rt, house, opts->shutdown_ms != 0 ? opts->shutdown_ms : TR_MAIN_SHUTDOWN_MS);
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

static void
on_alarm(int number)
{
    (void)number;
    _exit(TR_EXIT_ABANDONED);
}

// A handler's or a lane's thread still runs: nothing may be freed under it. It may hold the lock of
// a stream, so that flushing takes no longer than the alarm.
static TR_NORETURN void
leave(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigset_t alarms;
    sigemptyset(&action.sa_mask);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(1);
    fflush(NULL);
    _exit(TR_EXIT_ABANDONED);
}

static int
start_and_run(const tr_main_opts_t *opts, house_t *house)
{
    tr_runtime *rt;
    tr_runtime_opts_t runtime = opts->runtime;
    runtime.inspect = opts->no_inspect ? TR_INSPECT_OFF : TR_INSPECT_ON;
    tr_err_t err = tr_runtime_create(&runtime, &rt);
    if (err == TR_EACCESS && !opts->no_inspect) {
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
        leave();
    }
    tr_runtime_destroy(rt);
    return code;
}

static void
on_pipe(int number)
{
    (void)number; // a write to a pipe that nobody reads returns an error instead
}

// What the process did about signals before us.
typedef struct manners_t {
    struct sigaction terminate;
    struct sigaction interrupt;
    struct sigaction pipe;
    sigset_t blocked;
} manners_t;

// A handler for SIGPIPE, and not SIG_IGN, which the programs that a service starts would inherit.
static void
handle_signals(manners_t *before)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t ours;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, &before->terminate);
    sigaction(SIGINT, &action, &before->interrupt);
    action.sa_handler = on_pipe;
    sigaction(SIGPIPE, &action, &before->pipe);
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &ours, &before->blocked);
}

static void
restore_signals(const manners_t *before)
{
    pthread_sigmask(SIG_SETMASK, &before->blocked, NULL);
    sigaction(SIGPIPE, &before->pipe, NULL);
    sigaction(SIGINT, &before->interrupt, NULL);
    sigaction(SIGTERM, &before->terminate, NULL);
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
    manners_t before;
    signal_pipe = house.news[1];
    handle_signals(&before);
    int code = start_and_run(opts != NULL ? opts : &defaults, &house);
    restore_signals(&before);
    signal_pipe = -1;
    close(house.news[0]);
    close(house.news[1]);
    return code;
}
