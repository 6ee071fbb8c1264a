// command.h: the commands that look into a process, one file each.
#ifndef TROUPE_TOOL_COMMAND_H
#define TROUPE_TOOL_COMMAND_H

#include "args.h"
#include "client.h"
#include "exit.h"

// Ask, print, and on failure say why on standard error.
tool_exit command_ps(client *c, const args *a);
tool_exit command_tree(client *c, const args *a);
tool_exit command_mailbox(client *c, const args *a);
tool_exit command_stats(client *c, const args *a);

// Print what client_call left in `why`, and return `status`.
tool_exit command_failed(const client *c, tool_exit status);

// Append a line of JSON to standard output and empty `t`.
void command_json_line(text *t);

#endif
