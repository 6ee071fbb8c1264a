#include "command.h"

#include <stdio.h>

tool_exit
command_failed(const client *c, tool_exit status)
{
    (void)fflush(stdout);
    fprintf(stderr, "troupe: %s\n", text_z(&c->why));
    return status;
}

void
command_json_line(text *t)
{
    text_add_z(t, "\n");
    (void)fwrite(t->data, 1, t->size, stdout);
    text_clear(t);
}
