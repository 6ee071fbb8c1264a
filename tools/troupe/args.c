#include "args.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "troupe/trace.h"

static const char *const commands[] = {
    [ARGS_PS] = "ps",       [ARGS_TREE] = "tree", [ARGS_MAILBOX] = "mailbox",
    [ARGS_STATS] = "stats", [ARGS_HELP] = "help",
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const char *const options[] = {
    "--pid", "--socket", "--limit", "--all", "--json", "--help", "--version",
};
#define OPTIONS (sizeof options / sizeof options[0])

// A word of the user's in a message: whatever it holds, the terminal stays as it is.
static const char *
quoted(const char *word)
{
    static text t;
    text_clear(&t);
    text_add_safe(&t, word, strlen(word));
    return text_z(&t);
}

static tool_exit
unknown(const char *what, const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = text_nearest(word, candidates, count);
    fprintf(stderr, "troupe: there is no %s '%s'", what, quoted(word));
    if (nearest != NULL) {
        fprintf(stderr, "; did you mean '%s'?\n", nearest);
    } else {
        fprintf(stderr, "; 'troupe --help' lists them\n");
    }
    return TOOL_USAGE;
}

static tool_exit
read_number(const char *option, const char *word, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || n == 0 || n > max) {
        fprintf(stderr, "troupe: %s wants a number from 1 to %llu, not '%s'\n", option,
                (unsigned long long)max, quoted(word));
        return TOOL_USAGE;
    }
    *out = n;
    return TOOL_OK;
}

static tool_exit
set_value(args *out, const char *option, const char *value)
{
    uint64_t number;
    if (strcmp(option, "--socket") == 0) {
        out->socket = value;
        return TOOL_OK;
    }
    if (strcmp(option, "--limit") == 0) {
        return read_number(option, value, UINT32_MAX, &out->limit);
    }
    tool_exit status = read_number(option, value, INT_MAX, &number);
    out->pid = status == TOOL_OK ? (long)number : 0;
    return status;
}

// Options without a value. False: it is none of them.
static bool
set_flag(args *out, const char *option, bool *has_command)
{
    if (strcmp(option, "--json") == 0) {
        out->is_json = true;
    } else if (strcmp(option, "--all") == 0) {
        out->is_all = true;
    } else if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
        out->command = ARGS_HELP;
        *has_command = true;
    } else if (strcmp(option, "--version") == 0) {
        out->command = ARGS_VERSION;
        *has_command = true;
    } else {
        return false;
    }
    return true;
}

// The option at argv[*i], with its value in the same word or the next.
static tool_exit
read_option(args *out, int argc, char **argv, int *i, bool *has_command)
{
    static const char *const valued[] = {"--pid", "--socket", "--limit"};
    const char *word = argv[*i];
    if (set_flag(out, word, has_command)) {
        return TOOL_OK;
    }
    const char *name = strncmp(word, "-p", 2) == 0 ? "--pid" : NULL;
    const char *value = name != NULL && word[2] != '\0' ? word + 2 : NULL;
    for (size_t j = 0; j < sizeof valued / sizeof valued[0] && name == NULL; j++) {
        size_t size = strlen(valued[j]);
        if (strncmp(word, valued[j], size) == 0 && (word[size] == '\0' || word[size] == '=')) {
            name = valued[j];
            value = word[size] == '=' ? word + size + 1 : NULL;
        }
    }
    if (name == NULL) {
        return unknown("option", word, options, OPTIONS);
    }
    if (value == NULL && *i + 1 < argc) {
        value = argv[++*i];
    }
    if (value == NULL) {
        fprintf(stderr, "troupe: %s wants a value\n", name);
        return TOOL_USAGE;
    }
    return set_value(out, name, value);
}

static tool_exit
read_word(args *out, const char *word, bool *has_command)
{
    if (!*has_command) {
        for (size_t i = 0; i < COMMANDS; i++) {
            if (strcmp(word, commands[i]) == 0) {
                out->command = (args_command)i;
                *has_command = true;
                return TOOL_OK;
            }
        }
        return unknown("command", word, commands, COMMANDS);
    }
    bool takes_actor =
        out->command == ARGS_PS || out->command == ARGS_MAILBOX || out->command == ARGS_STATS;
    bool is_asked = out->command == ARGS_HELP || out->command == ARGS_VERSION;
    if ((!takes_actor || out->actor != NULL) && !is_asked) {
        fprintf(stderr, "troupe: there is no place for '%s' after '%s'\n", quoted(word),
                commands[out->command]);
        return TOOL_USAGE;
    }
    out->actor = word;
    return TOOL_OK;
}

static tool_exit
check(const args *a)
{
    if (a->command == ARGS_HELP || a->command == ARGS_VERSION) {
        return TOOL_OK;
    }
    if (a->pid != 0 && a->socket != NULL) {
        fputs("troupe: --pid and --socket both say which process; give one\n", stderr);
        return TOOL_USAGE;
    }
    if (a->command == ARGS_MAILBOX && a->actor == NULL) {
        fputs("troupe: mailbox wants an actor: a name, or an address such as '#12.1'\n", stderr);
        return TOOL_USAGE;
    }
    if (a->limit != 0 && a->command != ARGS_PS && a->command != ARGS_MAILBOX) {
        fprintf(stderr, "troupe: --limit does not go with '%s'\n", commands[a->command]);
        return TOOL_USAGE;
    }
    if (a->limit > TR_TRACE_MESSAGES_MAX && a->command == ARGS_MAILBOX) {
        fprintf(stderr, "troupe: mailbox shows at most %u messages\n", TR_TRACE_MESSAGES_MAX);
        return TOOL_USAGE;
    }
    if (a->is_all && a->command != ARGS_TREE) {
        fprintf(stderr, "troupe: --all does not go with '%s'\n", commands[a->command]);
        return TOOL_USAGE;
    }
    return TOOL_OK;
}

tool_exit
args_read(args *out, int argc, char **argv)
{
    bool has_command = false;
    bool has_options = true;
    *out = (args){0};
    for (int i = 1; i < argc; i++) {
        tool_exit status;
        if (has_options && strcmp(argv[i], "--") == 0) {
            has_options = false;
            continue;
        }
        if (has_options && argv[i][0] == '-' && argv[i][1] != '\0') {
            status = read_option(out, argc, argv, &i, &has_command);
        } else {
            status = read_word(out, argv[i], &has_command);
        }
        if (status != TOOL_OK) {
            return status;
        }
    }
    if (!has_command) {
        fputs("troupe: a command is missing; 'troupe --help' lists them\n", stderr);
        return TOOL_USAGE;
    }
    return check(out);
}
