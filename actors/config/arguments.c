// arguments.c: --key value, --key=value, --flag, --no-flag, and three words that are no settings.
#include <stdio.h>
#include <string.h>

#include "config.h"

// The arguments that are left.
typedef struct line_t {
    tr_config *config;
    char **at;
    char **end;
} line_t;

// One of them, in its parts.
typedef struct word_t {
    char name[TRI_NAME_MAX + 8]; // without its dashes; cut when it is nobody's name anyway
    const char *value;           // behind '='; NULL: there is none
} word_t;

static bool
is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0;
}

static word_t
split(const char *argument)
{
    word_t word = {.value = strchr(argument, '=')};
    size_t size = word.value != NULL ? (size_t)(word.value - argument) : strlen(argument);
    snprintf(word.name, sizeof word.name, "%.*s", (int)(size - 2 < 1000 ? size - 2 : 1000),
             argument + 2);
    word.value = word.value != NULL ? word.value + 1 : NULL;
    return word;
}

// What stands behind '=' or is the next argument; NULL: neither, since -- begins another option.
static const char *
take_value(line_t *line, const word_t *word)
{
    if (word->value != NULL) {
        return word->value;
    }
    return line->at < line->end && !is_option(*line->at) ? *line->at++ : NULL;
}

// ---- the words that are no settings

static void
ask(line_t *line, const word_t *word, tri_question question)
{
    if (word->value != NULL) {
        tri_complain(line->config, "--%s takes no value", word->name);
    } else if (line->config->question != TRI_HELP) {
        line->config->question = question;
    }
}

static void
name_file(line_t *line, const word_t *word)
{
    const char *path = take_value(line, word);
    if (path == NULL || *path == '\0') {
        tri_complain(line->config, "--config: expected the name of a file");
    } else if (line->config->is_file_named) {
        tri_complain(line->config, "--config is given twice");
    } else {
        line->config->file = path;
    }
    line->config->is_file_named = true;
}

// ---- settings

static void
complain_of_name(line_t *line, const word_t *word)
{
    char shown[TRI_SHOWN];
    char meant[TRI_MEANT];
    tri_complain(line->config, "--%s: unknown argument%s", tri_show(shown, word->name),
                 tri_meant(line->config, TRI_ARGUMENT, word->name, meant));
    (void)take_value(line, word); // what follows it is its value, and nothing unknown of its own
}

static void
set_flag(line_t *line, tri_setting *flag, const word_t *word, bool is_on)
{
    if (is_on && word->value != NULL) {
        tri_offer(line->config, flag, TRI_ARGUMENT, 0, word->value);
    } else if (word->value != NULL) {
        tri_complain(line->config, "--%s takes no value", word->name);
    } else {
        tri_offer(line->config, flag, TRI_ARGUMENT, 0, is_on ? "true" : "false");
    }
}

static void
set_value(line_t *line, tri_setting *setting, const word_t *word)
{
    const char *value = take_value(line, word);
    char expected[TRI_EXPECTED];
    if (value != NULL) {
        tri_offer(line->config, setting, TRI_ARGUMENT, 0, value);
        return;
    }
    setting->is_given[TRI_ARGUMENT] = true;
    tri_complain(line->config, "--%s needs a value: expected %s", word->name,
                 tri_value_expected(setting->key, expected));
}

static void
read_option(line_t *line, const char *argument)
{
    word_t word = split(argument);
    tri_setting *setting = tri_find(line->config, TRI_ARGUMENT, word.name);
    if (strcmp(word.name, "help") == 0) {
        ask(line, &word, TRI_HELP);
    } else if (strcmp(word.name, "config-show") == 0) {
        ask(line, &word, TRI_SHOW);
    } else if (strcmp(word.name, "config") == 0) {
        name_file(line, &word);
    } else if (setting != NULL && setting->key->kind == TR_CONFIG_KIND_BOOL) {
        set_flag(line, setting, &word, true);
    } else if (setting != NULL) {
        set_value(line, setting, &word);
    } else {
        setting = strncmp(word.name, "no-", 3) == 0
                      ? tri_find(line->config, TRI_ARGUMENT, word.name + 3)
                      : NULL;
        if (setting != NULL && setting->key->kind == TR_CONFIG_KIND_BOOL) {
            set_flag(line, setting, &word, false);
        } else {
            complain_of_name(line, &word);
        }
    }
}

void
tri_read_arguments(tr_config *config, int argc, char **argv)
{
    if (argc < 1) {
        return;
    }
    line_t line = {.config = config, .at = argv + 1, .end = argv + argc};
    while (line.at < line.end) {
        const char *argument = *line.at++;
        char shown[TRI_SHOWN];
        if (is_option(argument)) {
            read_option(&line, argument);
        } else {
            tri_complain(config, "unexpected argument '%s'", tri_show(shown, argument));
        }
    }
}
