// args.h: the command line, read and checked.
#ifndef TROUPE_TOOL_ARGS_H
#define TROUPE_TOOL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "exit.h"

typedef enum args_command {
    ARGS_PS,
    ARGS_TREE,
    ARGS_MAILBOX,
    ARGS_STATS,
    ARGS_HELP,
    ARGS_VERSION,
} args_command;

typedef struct args {
    args_command command;
    long pid;           // 0: not given
    const char *socket; // NULL: not given
    const char *actor;  // of mailbox, and a filter of ps and stats; NULL: not given
    uint64_t limit;     // 0: not given
    bool is_json;
    bool is_all;
} args;

// Fill `out`. TOOL_USAGE: standard error says what is wrong.
tool_exit args_read(args *out, int argc, char **argv);

// The text of --help.
extern const char args_help[];

#endif
