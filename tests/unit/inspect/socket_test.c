#include "inspect/socket.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

TestSuite(trace_socket, .init = wire_setup, .fini = wire_teardown, .timeout = 10);

static bool
is_there(const char *name)
{
    char path[108];
    struct stat status;
    wire_path(path, name);
    return lstat(path, &status) == 0;
}

static mode_t
mode_of(const struct stat *status)
{
    return status->st_mode & 07777;
}

static void
make_folder(mode_t mode)
{
    char path[108];
    wire_path(path, "");
    cr_assert(mkdir(path, 0700) == 0);
    cr_assert(chmod(path, mode) == 0);
}

// A socket that somebody listens on, or did.
static int
make_socket(const char *name, bool live)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    wire_path(address.sun_path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(listen(fd, 8) == 0);
    if (!live) {
        close(fd);
    }
    return fd;
}

// The number of a process that has ended.
static long
dead_pid(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    cr_assert(waitpid(pid, NULL, 0) == pid);
    return pid;
}

Test(trace_socket, a_folder_that_others_may_write_to_is_refused)
{
    tri_socket_t s = {0};
    make_folder(0770);
    assert_err(tri_socket_open(&s), TR_EACCESS);
    cr_expect(s.path[0] == '\0');
}

Test(trace_socket, a_folder_that_is_a_symbolic_link_is_refused)
{
    char path[108];
    tri_socket_t s = {0};
    wire_path(path, "");
    cr_assert(symlink("/tmp", path) == 0);
    assert_err(tri_socket_open(&s), TR_EACCESS);
}

Test(trace_socket, a_folder_that_is_a_file_is_refused)
{
    char path[108];
    tri_socket_t s = {0};
    wire_path(path, "");
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fclose(file);
    assert_err(tri_socket_open(&s), TR_EACCESS);
}

Test(trace_socket, a_folder_of_another_user_is_refused)
{
    char path[108];
    tri_socket_t s = {0};
    make_folder(0700);
    wire_path(path, "");
    if (geteuid() != 0 || chown(path, 1, 1) != 0) {
        cr_skip("needs root");
    }
    assert_err(tri_socket_open(&s), TR_EACCESS);
}

Test(trace_socket, a_path_that_is_too_long_is_an_error_and_not_cut)
{
    char path[512];
    tri_socket_t s = {0};
    snprintf(path, sizeof path, "%s/%0100d", getenv("XDG_RUNTIME_DIR"), 0);
    cr_assert(mkdir(path, 0700) == 0);
    cr_assert(setenv("XDG_RUNTIME_DIR", path, 1) == 0);
    assert_err(tri_socket_open(&s), TR_EADDR);
    *strrchr(path, '/') = '\0';
    setenv("XDG_RUNTIME_DIR", path, 1);
}

Test(trace_socket, folder_and_socket_are_ours_alone_whatever_the_umask)
{
    struct stat status;
    char path[108];
    tri_socket_t s;
    umask(0);
    assert_ok(tri_socket_open(&s));
    wire_path(path, "");
    cr_assert(lstat(path, &status) == 0);
    cr_expect(mode_of(&status) == 0700);
    cr_assert(lstat(s.path, &status) == 0);
    cr_expect(mode_of(&status) == 0600);
    cr_expect(status.st_mode >> 12 == S_IFSOCK >> 12);
    tri_socket_close(&s);
    cr_expect(lstat(path, &status) == 0);
}

Test(trace_socket, the_file_goes_when_it_is_closed)
{
    char name[32];
    tri_socket_t s;
    snprintf(name, sizeof name, "%ld.sock", (long)getpid());
    assert_ok(tri_socket_open(&s));
    cr_expect(is_there(name));
    tri_socket_close(&s);
    cr_expect(is_there(name) == false);
    tri_socket_close(&s);
    tri_socket_close(NULL);
}

Test(trace_socket, a_file_that_another_put_in_its_place_stays)
{
    tri_socket_t s;
    assert_ok(tri_socket_open(&s));
    cr_assert(unlink(s.path) == 0);
    FILE *file = fopen(s.path, "w");
    cr_assert(file != NULL);
    fclose(file);
    char path[108];
    memcpy(path, s.path, sizeof path);
    tri_socket_close(&s);
    cr_expect(access(path, F_OK) == 0);
}

Test(trace_socket, two_runtimes_of_one_process_have_a_socket_each)
{
    tri_socket_t a;
    tri_socket_t b;
    assert_ok(tri_socket_open(&a));
    assert_ok(tri_socket_open(&b));
    cr_expect(strcmp(a.path, b.path) != 0);
    cr_expect(strstr(b.path, ".2.sock") != NULL);
    tri_socket_close(&a);
    tri_socket_close(&b);
}

Test(trace_socket, a_dead_socket_of_an_earlier_process_with_our_number_is_replaced)
{
    char name[32];
    tri_socket_t s;
    make_folder(0700);
    snprintf(name, sizeof name, "%ld.sock", (long)getpid());
    make_socket(name, false);
    assert_ok(tri_socket_open(&s));
    cr_expect(strstr(s.path, name) != NULL);
    tri_socket_close(&s);
}

Test(trace_socket, what_dead_processes_left_is_removed_and_nothing_else)
{
    char dead[32];
    char live[32];
    char file[32];
    char path[108];
    tri_socket_t s;
    make_folder(0700);
    snprintf(dead, sizeof dead, "%ld.sock", dead_pid());
    snprintf(live, sizeof live, "%ld.2.sock", dead_pid()); // as seen from another pid namespace
    snprintf(file, sizeof file, "%ld.3.sock", dead_pid());
    make_socket(dead, false);
    int fd = make_socket(live, true);
    make_socket("other.sock", false);
    wire_path(path, file);
    fclose(fopen(path, "w"));
    assert_ok(tri_socket_open(&s));
    cr_expect(is_there(dead) == false);
    cr_expect(is_there(live));
    cr_expect(is_there(file));
    cr_expect(is_there("other.sock"));
    tri_socket_close(&s);
    close(fd);
}
