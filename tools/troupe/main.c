// main.c: which process, which command, and how it went.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "client.h"
#include "command.h"
#include "folder.h"
#include "table.h"
#include "text.h"
#include "troupe/trace.h"

#define LIST_TIMEOUT_MS 500 // for the name of each process, when there are several

static tool_exit
nobody(const folder *f, long pid)
{
    if (pid == 0) {
        fprintf(stderr, "troupe: no process to look into (in %s)\n", text_z(&f->looked));
    } else if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
        fprintf(stderr, "troupe: there is no process %ld\n", pid);
    } else {
        fprintf(stderr, "troupe: process %ld cannot be looked into (no socket in %s)\n", pid,
                text_z(&f->looked));
    }
    return TOOL_NONE;
}

static tool_exit
several(const folder *f)
{
    static const table_column columns[] = {
        {"PID", true, false}, {"NAME", false, false}, {"SOCKET", false, false}};
    table t;
    fprintf(stderr,
            "troupe: several processes can be looked into; choose with --pid or --socket\n");
    table_init(&t, columns, 3);
    for (size_t i = 0; i < f->count; i++) {
        client c;
        tool_exit status = client_open(&c, f->endpoints[i].path, LIST_TIMEOUT_MS);
        text path = {0};
        text_add_safe(&path, f->endpoints[i].path, strlen(f->endpoints[i].path));
        table_cellf(&t, "%ld", f->endpoints[i].pid);
        table_cell(&t, status == TOOL_OK ? text_z(&c.name) : "(does not answer)");
        table_cell(&t, text_z(&path));
        text_fini(&path);
        client_close(&c);
    }
    table_print(&t, stderr);
    table_fini(&t);
    return TOOL_USAGE;
}

static tool_exit
run(const args *a, const char *path)
{
    client c;
    tool_exit status = client_open(&c, path, CLIENT_TIMEOUT_MS);
    if (status != TOOL_OK) {
        (void)command_failed(&c, status);
    } else if (a->command == ARGS_PS) {
        status = command_ps(&c, a);
    } else if (a->command == ARGS_TREE) {
        status = command_tree(&c, a);
    } else if (a->command == ARGS_MAILBOX) {
        status = command_mailbox(&c, a);
    } else {
        status = command_stats(&c, a);
    }
    client_close(&c);
    return status;
}

static tool_exit
find_and_run(const args *a)
{
    folder f;
    if (a->socket != NULL) {
        return run(a, a->socket);
    }
    folder_find(&f, a->pid);
    tool_exit status;
    if (f.count == 1) {
        status = run(a, f.endpoints[0].path);
    } else {
        status = f.count == 0 ? nobody(&f, a->pid) : several(&f);
    }
    folder_fini(&f);
    return status;
}

int
main(int argc, char **argv)
{
    args a;
    table_look_init();
    tool_exit status = args_read(&a, argc, argv);
    if (status != TOOL_OK) {
        return (int)status;
    }
    if (a.command == ARGS_HELP) {
        fputs(args_help, stdout);
    } else if (a.command == ARGS_VERSION) {
        printf("troupe %s, trace protocol %d\n", TRI_VERSION, TR_TRACE_VERSION);
    } else {
        status = find_and_run(&a);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "troupe: standard output: %s\n", strerror(errno));
        return status == TOOL_OK ? TOOL_FAILED : (int)status;
    }
    return (int)status;
}
