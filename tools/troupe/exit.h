// exit.h: what the tool says to the shell. Functions here print what went wrong themselves and
// return one of these.
#ifndef TROUPE_TOOL_EXIT_H
#define TROUPE_TOOL_EXIT_H

typedef enum tool_exit {
    TOOL_OK = 0,
    TOOL_FAILED = 1,   // the process refused, failed or did not answer in time
    TOOL_USAGE = 2,    // the arguments are wrong, or do not say which one is meant
    TOOL_NONE = 3,     // there is no such process or actor
    TOOL_PROTOCOL = 4, // what came back is not the trace protocol
} tool_exit;

#endif
