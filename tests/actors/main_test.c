// main_test.c: services as processes, with signals from outside and an exit code at the end.
#include "troupe_test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "troupe/main.h"

TestSuite(main, .timeout = 30);

// ---- a service in a process of its own

typedef struct service_t {
    pid_t pid;
    int out; // what it says
    int err;
    char said[8192];
    char complained[8192];
} service_t;

#define RUN(s, ...) service_run((s), (const char *[]){MAIN_PROGRAM, __VA_ARGS__, NULL})

static void
service_run(service_t *s, const char *const *argv)
{
    int out[2], err[2];
    *s = (service_t){.pid = 0};
    cr_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
    s->pid = fork();
    cr_assert(s->pid >= 0);
    if (s->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    s->out = out[0];
    s->err = err[0];
}

// Read on until the text is there; false at the end of the stream.
static bool
read_until(int fd, char *text, size_t size, const char *wanted)
{
    while (strstr(text, wanted) == NULL) {
        size_t length = strlen(text);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (length + 1 == size || poll(&ready, 1, TROUPE_PATIENCE_S * 1000) <= 0) {
            return false;
        }
        ssize_t got = read(fd, text + length, size - length - 1);
        if (got <= 0) {
            return false;
        }
        text[length + (size_t)got] = '\0';
    }
    return true;
}

static void
await_line(service_t *s, const char *line)
{
    bool is_there = read_until(s->out, s->said, sizeof s->said, line);
    if (!is_there) {
        kill(s->pid, SIGKILL);
    }
    cr_assert(is_there, "no \"%s\" in \"%s\"", line, s->said);
}

// Its exit code, or 1000 and the signal that ended it.
static int
await_exit(service_t *s)
{
    int status = 0;
    int64_t until = troupe_now_ns() + 15 * INT64_C(1000000000);
    while (waitpid(s->pid, &status, WNOHANG) == 0) {
        if (troupe_now_ns() > until) {
            kill(s->pid, SIGKILL);
            waitpid(s->pid, &status, 0);
            cr_expect(false, "it did not end");
            break;
        }
        troupe_pause();
    }
    if (s->out >= 0) {
        (void)read_until(s->out, s->said, sizeof s->said, "\377");
        close(s->out);
    }
    if (s->err >= 0) {
        (void)read_until(s->err, s->complained, sizeof s->complained, "\377");
        close(s->err);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void
expect_exit(service_t *s, int expected)
{
    int code = await_exit(s);
    cr_expect(code == expected, "exit code %d, expected %d; it said \"%s\" and complained \"%s\"",
              code, expected, s->said, s->complained);
}

static void
expect_in(const char *text, const char *wanted)
{
    cr_expect(strstr(text, wanted) != NULL, "no \"%s\" in \"%s\"", wanted, text);
}

// ---- in good order

Test(main, sigterm_stops_the_service_in_reverse_order)
{
    service_t s;
    RUN(&s, "orderly", "--workers", "2");
    await_line(&s, "up\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "+a\n+b\nup\n-b\n-a\n");
}

Test(main, sigint_does_the_same)
{
    service_t s;
    RUN(&s, "orderly", "--workers", "1");
    await_line(&s, "up\n");
    kill(s.pid, SIGINT);
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "+a\n+b\nup\n-b\n-a\n");
}

Test(main, signal_on_a_thread_of_the_program_is_heard)
{
    service_t s;
    RUN(&s, "threads");
    await_line(&s, "up\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "-b\n-a\n");
}

// Whoever starts it may have blocked signals around the fork.
Test(main, signal_is_heard_where_it_was_blocked_before)
{
    service_t s;
    RUN(&s, "masked");
    await_line(&s, "up\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "-b\n-a\n");
}

Test(main, signal_during_the_start_is_heard)
{
    service_t s;
    RUN(&s, "slow");
    await_line(&s, "starting\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_OK);
}

Test(main, sigpipe_is_no_harm)
{
    service_t s;
    RUN(&s, "orderly");
    await_line(&s, "up\n");
    kill(s.pid, SIGPIPE);
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "-b\n-a\n");
}

// ---- against resistance

Test(main, second_signal_kills)
{
    service_t s;
    RUN(&s, "lingering");
    await_line(&s, "up\n");
    kill(s.pid, SIGTERM);
    await_line(&s, "stopping\n");
    kill(s.pid, SIGINT);
    expect_exit(&s, TR_EXIT_KILLED);
    expect_in(s.complained, "second signal");
    cr_expect(strstr(s.said, "-a") == NULL, "a killed actor has no last word");
}

Test(main, second_signal_kills_also_when_nobody_reads_the_complaints)
{
    service_t s;
    RUN(&s, "lingering");
    await_line(&s, "up\n");
    close(s.err);
    s.err = -1;
    kill(s.pid, SIGTERM);
    await_line(&s, "stopping\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_KILLED);
}

Test(main, shutdown_that_takes_too_long_kills)
{
    service_t s;
    RUN(&s, "lingering", "--shutdown", "50ms");
    await_line(&s, "up\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_KILLED);
    expect_in(s.complained, "took too long");
}

Test(main, handler_that_never_returns_is_left_behind)
{
    service_t s;
    int64_t begin = troupe_now_ns();
    RUN(&s, "stuck", "--shutdown", "50ms", "--workers", "2");
    await_line(&s, "stuck\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_ABANDONED);
    cr_expect(troupe_now_ns() - begin < 10 * INT64_C(1000000000));
}

Test(main, handler_that_never_returns_on_the_only_worker_is_left_behind)
{
    service_t s;
    RUN(&s, "stuck", "--workers", "1");
    await_line(&s, "stuck\n");
    kill(s.pid, SIGTERM);
    cr_assert(read_until(s.out, s.said, sizeof s.said, "stuck\n"));
    // Two that are pending at once are one: the second is sent when the first was taken.
    kill(s.pid, SIGINT);
    (void)read_until(s.err, s.complained, sizeof s.complained, "killing");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_ABANDONED);
    expect_in(s.complained, "does not return");
}

Test(main, blocking_work_that_never_returns_is_left_behind)
{
    service_t s;
    RUN(&s, "blocking", "--shutdown", "50ms", "--workers", "2");
    await_line(&s, "stuck\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_ABANDONED);
    expect_in(s.said, "-b\n"); // its actor ended in order
}

Test(main, third_signal_leaves_at_once)
{
    service_t s;
    RUN(&s, "stuck", "--workers", "2");
    await_line(&s, "stuck\n");
    kill(s.pid, SIGTERM);
    kill(s.pid, SIGINT);
    cr_assert(read_until(s.err, s.complained, sizeof s.complained, "killing"));
    int64_t begin = troupe_now_ns();
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_ABANDONED);
    // ThreadSanitizer sleeps for a second at every exit.
    cr_expect(UNDER_TSAN || troupe_now_ns() - begin < INT64_C(1000000000), "it took its time");
}

// The stuck handler holds the lock of standard output, which a flush would wait for.
// ThreadSanitizer delivers no signal to a thread that waits for such a lock.
Test(main, handler_that_is_stuck_in_printf_is_left_behind, .disabled = UNDER_TSAN)
{
    service_t s;
    RUN(&s, "printing", "--workers", "2");
    await_line(&s, "stuck\n");
    kill(s.pid, SIGTERM);
    kill(s.pid, SIGINT);
    cr_assert(read_until(s.err, s.complained, sizeof s.complained, "killing"));
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_ABANDONED);
}

// ---- failures

Test(main, root_that_gives_up_is_a_failure)
{
    service_t s;
    RUN(&s, "failing");
    expect_exit(&s, TR_EXIT_FAILED);
    expect_in(s.complained, "TR_ERESTARTS");
    expect_in(s.said, "-a\n");
}

Test(main, root_that_does_not_start_is_a_failure)
{
    service_t s;
    RUN(&s, "unborn");
    expect_exit(&s, TR_EXIT_FAILED);
    expect_in(s.complained, "play did not start: the address is in use");
    expect_in(s.complained, "child b did not start");
    expect_in(s.said, "+a\n-a\n");
}

// ---- settings

typedef struct usage_t {
    const char *argument;
    const char *value;
    const char *complaint;
} usage_t;

Test(main, names_the_setting_that_is_wrong)
{
    static const usage_t bad[] = {
        {"--wokers", "2", "--wokers: unknown argument; did you mean --workers?"},
        {"--shutdown-ms", "50", "--shutdown-ms: unknown argument; did you mean --shutdown?"},
        {"8080", NULL, "unexpected argument '8080'"},
        {"", NULL, "unexpected argument ''"},
        {"--workers", NULL, "--workers needs a value: expected a whole number, 0 to 256"},
        {"--workers", "257", "--workers: expected a whole number, 0 to 256, not '257'"},
        {"--shutdown", "0s", "--shutdown: expected a duration such as 200ms or 5s, 1ms or more"},
        {"--shutdown", "soon", "not 'soon'"},
        {"--log-level", "2", "--log-level: expected one of debug, info, warning or error"},
        {"--inspect=x", NULL, "--inspect: expected true or false, not 'x'"},
        {"--config", "/absent", "/absent: cannot be opened"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        service_t s;
        RUN(&s, "orderly", bad[i].argument, bad[i].value);
        expect_exit(&s, TR_EXIT_USAGE);
        expect_in(s.complained, bad[i].complaint);
        cr_expect(s.said[0] == '\0', "it ran: \"%s\"", s.said);
    }
}

Test(main, variable_that_nobody_knows_is_wrong)
{
    service_t s;
    setenv("TROUPE_WOKERS", "2", 1);
    RUN(&s, "orderly");
    expect_exit(&s, TR_EXIT_USAGE);
    expect_in(s.complained, "TROUPE_WOKERS: unknown variable; did you mean TROUPE_WORKERS?");
}

Test(main, settings_that_do_not_go_together_are_refused_by_the_program)
{
    service_t s;
    RUN(&s, "lines", "--say.times", "0");
    expect_exit(&s, TR_EXIT_USAGE);
    expect_in(s.complained, "nothing is said\n");
    cr_expect(s.said[0] == '\0', "it ran: \"%s\"", s.said);
}

Test(main, program_whose_table_is_wrong_is_not_run)
{
    service_t s;
    RUN(&s, "clash");
    expect_exit(&s, TR_EXIT_FAILED);
    expect_in(s.complained,
              "play: table of settings: workers and workers have the same name somewhere\n");
}

Test(main, log_is_as_talkative_as_it_is_told_to_be)
{
    service_t s;
    RUN(&s, "failing", "--log-level", "error");
    expect_exit(&s, TR_EXIT_FAILED);
    cr_expect(strstr(s.complained, "TR_ERESTARTS") == NULL, "%s", s.complained);
}

Test(main, actors_get_the_settings)
{
    service_t s;
    setenv("TROUPE_LINE", "good night", 1);
    RUN(&s, "lines", "--say.times", "2");
    await_line(&s, "up\n");
    kill(s.pid, SIGTERM);
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "good night\ngood night\nup\n");
    cr_expect(s.complained[0] == '\0', "%s", s.complained);
}

Test(main, settings_of_every_service_have_the_defaults_of_the_program)
{
    service_t s;
    setenv("TROUPE_SHUTDOWN", "2m", 1);
    RUN(&s, "lines", "--config-show");
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "line       hello    default\n"
                      "say.times  1        default\n"
                      "workers    1        default\n"
                      "shutdown   2m       TROUPE_SHUTDOWN\n"
                      "log-level  warning  default\n"
                      "inspect    false    default\n"
                      "name       lines    default\n");
    unsetenv("TROUPE_SHUTDOWN");
    RUN(&s, "lines", "--config-show");
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "shutdown   1500ms   default\n");
    RUN(&s, "orderly", "--config-show");
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "workers    0        default\n"
                      "shutdown   30s      default\n"
                      "log-level  debug    default\n"
                      "inspect    true     default\n"
                      "name       (empty)  default\n");
}

// What the trace socket of a process is called.
static bool
is_inspected(const service_t *s, const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/troupe/%d.sock", folder, (int)s->pid);
    return access(path, F_OK) == 0;
}

Test(main, trace_socket_is_served_unless_it_is_not_wanted)
{
    char folder[] = "/tmp/troupe-main-XXXXXX";
    char command[64];
    service_t s;
    cr_assert(mkdtemp(folder) != NULL && setenv("XDG_RUNTIME_DIR", folder, 1) == 0);
    for (int i = 0; i < 2; i++) {
        RUN(&s, "orderly", i == 0 ? "--inspect" : "--no-inspect");
        await_line(&s, "up\n");
        cr_expect(is_inspected(&s, folder) == (i == 0));
        kill(s.pid, SIGTERM);
        expect_exit(&s, TR_EXIT_OK);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_expect(system(command) == 0);
}

Test(main, help_is_given_and_nothing_is_run)
{
    service_t s;
    RUN(&s, "orderly", "--workers", "2", "--help");
    expect_exit(&s, TR_EXIT_OK);
    expect_in(s.said, "usage:");
    expect_in(s.said, "--workers N");
    expect_in(s.said, "--shutdown DURATION");
    cr_expect(strstr(s.said, "+a") == NULL);
    cr_expect(s.complained[0] == '\0', "%s", s.complained);
}
