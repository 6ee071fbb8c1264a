#include "server.h"

#include "check.h"
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS    20000
#define STOP_MS     40000
#define OPTIONS_MAX 16
#define RUNTIME_DIR "XDG_RUNTIME_DIR"

static void
pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static size_t
read_file(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "r");
    size_t size = file != NULL ? fread(text, 1, capacity - 1, file) : 0;
    text[size] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return size;
}

// In the child: become kvd, with standard output in `output`, and standard error too if asked.
static void
become(const char *kvd, const char *const *arguments, const char *output, bool both)
{
    // A driver that is killed leaves no server behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *argv[OPTIONS_MAX + 2] = {(char *)kvd};
    for (int i = 0; i < OPTIONS_MAX && arguments[i] != NULL; i++) {
        argv[i + 1] = (char *)arguments[i];
    }
    int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || (both && dup2(fd, STDERR_FILENO) < 0)) {
        _exit(126);
    }
    execv(kvd, argv);
    _exit(127);
}

// A folder of its own, also for the trace socket.
static bool
make_folder(char folder[static 64])
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, 64, "%.40s/kvd-test-XXXXXX", base != NULL ? base : "/tmp");
    return check(mkdtemp(folder) != NULL, "mkdtemp: %s", strerror(errno));
}

static void
remove_folder(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    (void)!system(command);
}

bool
server_is_alive(const server *s)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

bool
server_start(server *s, const char *kvd, const char *const *options)
{
    *s = (server){0};
    if (!make_folder(s->folder)) {
        return false;
    }
    char port_file[128];
    snprintf(port_file, sizeof port_file, "%s/port", s->folder);
    snprintf(s->output, sizeof s->output, "%s/output", s->folder);
    const char *arguments[OPTIONS_MAX + 1] = {"--port", "0", "--port-file", port_file};
    for (int i = 4; i < OPTIONS_MAX && options != NULL && options[i - 4] != NULL; i++) {
        arguments[i] = options[i - 4];
    }
    s->pid = fork();
    if (s->pid == 0) {
        setenv(RUNTIME_DIR, s->folder, 1);
        become(kvd, arguments, s->output, false);
    }
    char text[32];
    int64_t until_ms = net_now_ms() + START_MS;
    while (read_file(port_file, text, sizeof text) == 0) {
        if (!check(server_is_alive(s), "kvd ended while it started") ||
            !check(net_now_ms() < until_ms, "kvd does not accept within %d ms", START_MS)) {
            return false;
        }
        pause_ms(5);
    }
    s->port = (uint16_t)atoi(text);
    return true;
}

static bool
check_ledger(const server *s)
{
    char text[4096];
    read_file(s->output, text, sizeof text);
    const char *line = strstr(text, "ledger: accepted=");
    if (!check(line != NULL, "no ledger in the output: %s", text)) {
        return false;
    }
    const char *balance = strstr(line, " balance=");
    printf("    %.*s\n", (int)strcspn(line, "\n"), line);
    return check(balance != NULL && atoll(balance + 9) == 0, "the ledger is not balanced: %s",
                 line);
}

// The exit code of a child; 128 and the signal; -1 when it had to be killed.
static int
wait_for_end(pid_t pid, int64_t timeout_ms)
{
    int64_t until_ms = net_now_ms() + timeout_ms;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (net_now_ms() > until_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        pause_ms(5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool
server_stop(server *s)
{
    if (s->pid <= 0) {
        return false;
    }
    kill(s->pid, SIGTERM);
    int64_t begin_ms = net_now_ms();
    int code = wait_for_end(s->pid, STOP_MS);
    bool right = check(code == 0, "kvd ended with %d", code);
    check(net_now_ms() - begin_ms < 10000, "kvd took %lld ms to stop",
          (long long)(net_now_ms() - begin_ms));
    right = right && check_ledger(s);
    remove_folder(s->folder);
    s->pid = 0;
    return right;
}

// A line of /proc/PID/status in KiB; 0 when that cannot be read.
static size_t
read_status(const server *s, const char *name)
{
    char path[64];
    char text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
    read_file(path, text, sizeof text);
    const char *line = strstr(text, name);
    return line != NULL ? (size_t)atoll(line + strlen(name)) : 0;
}

size_t
server_rss_kib(const server *s)
{
    return read_status(s, "VmRSS:");
}

bool
server_limit_memory(const server *s, size_t more_kib)
{
    size_t now_kib = read_status(s, "VmSize:");
    struct rlimit limit;
    if (now_kib == 0 || prlimit(s->pid, RLIMIT_AS, NULL, &limit) != 0) {
        return false;
    }
    limit.rlim_cur = more_kib == 0 ? limit.rlim_max : (rlim_t)(now_kib + more_kib) * 1024;
    return prlimit(s->pid, RLIMIT_AS, &limit, NULL) == 0;
}

int
server_run(const char *kvd, const char *const *arguments, char *text, size_t capacity)
{
    char folder[64];
    char output[128];
    if (!make_folder(folder)) {
        return -1;
    }
    snprintf(output, sizeof output, "%s/output", folder);
    pid_t pid = fork();
    if (pid == 0) {
        setenv(RUNTIME_DIR, folder, 1);
        become(kvd, arguments, output, true);
    }
    int code = wait_for_end(pid, STOP_MS);
    read_file(output, text, capacity);
    remove_folder(folder);
    return code;
}
