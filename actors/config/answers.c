// answers.c: --help and --config-show.
#include <stdio.h>
#include <string.h>

#include "config.h"

// ---- --help

static const char *const placeholders[] = {
    [TR_CONFIG_KIND_BOOL] = "",      [TR_CONFIG_KIND_U16] = " N",
    [TR_CONFIG_KIND_U32] = " N",     [TR_CONFIG_KIND_U64] = " N",
    [TR_CONFIG_KIND_I64] = " N",     [TR_CONFIG_KIND_F64] = " NUMBER",
    [TR_CONFIG_KIND_STR] = " TEXT",  [TR_CONFIG_KIND_DURATION] = " DURATION",
    [TR_CONFIG_KIND_SIZE] = " SIZE", [TR_CONFIG_KIND_ENUM] = " WORD",
};

static void
print_default(tri_text *to, const tr_config_key_t *key)
{
    char shown[TRI_SHOWN];
    if (key->fallback == NULL) {
        tri_text_add(to, "has to be set");
    } else if (key->fallback[0] == '\0') {
        tri_text_add(to, "default: empty");
    } else {
        tri_text_add(to, "default: %s", key->is_secret ? "***" : tri_show(shown, key->fallback));
    }
}

static void
print_key(tri_text *to, const tr_config_key_t *key)
{
    char expected[TRI_EXPECTED];
    char variable[TRI_VARIABLE_MAX];
    tri_text_add(to, "\n  --%s%s%s\n      %s\n      ",
                 key->kind == TR_CONFIG_KIND_BOOL ? "[no-]" : "", key->name,
                 placeholders[key->kind], key->help);
    print_default(to, key);
    tri_text_add(to, "; %s; %s\n", tri_value_expected(key, expected),
                 tri_variable(key->name, variable));
}

void
tri_print_help(tr_config *config)
{
    tri_text *to = &config->text;
    const char *file = config->spec->file;
    tri_text_add(to, "usage: %s [--KEY VALUE]...\n", config->program);
    if (config->spec->about != NULL) {
        tri_text_add(to, "%s\n", config->spec->about);
    }
    for (uint32_t i = 0; i < config->count; i++) {
        print_key(to, config->settings[i].key);
    }
    tri_text_add(to,
                 "\n  --config FILE\n      read this file; default: %s%s; " TRI_VARIABLE "CONFIG\n",
                 file != NULL ? file : "none", file != NULL ? ", if it is there" : "");
    tri_text_add(to, "\n  --config-show\n      print what is set, and where, and end\n"
                     "\n  --help\n      print this and end\n"
                     "\nArguments count before the environment, the environment before the file.\n"
                     "In the file, a key a.b is the line `b = VALUE` below `[a]`.\n");
}

// ---- --config-show

static void
print_source(tr_config *config, const tri_setting *setting)
{
    char shown[TRI_SHOWN];
    char variable[TRI_VARIABLE_MAX];
    switch (setting->source) {
    case TRI_FILE:
        tri_text_add(&config->text, "%s:%u\n", tri_show(shown, config->file), setting->line);
        break;
    case TRI_ENVIRONMENT:
        tri_text_add(&config->text, "%s\n", tri_variable(setting->key->name, variable));
        break;
    case TRI_ARGUMENT:
        tri_text_add(&config->text, "--%s\n", setting->key->name);
        break;
    default:
        tri_text_add(&config->text, "default\n");
        break;
    }
}

static const char *
show_value(const tri_setting *setting, char out[TRI_SHOWN])
{
    if (setting->text[0] == '\0') {
        return "(empty)";
    }
    return setting->key->is_secret ? "***" : tri_show(out, setting->text);
}

void
tri_print_settings(tr_config *config)
{
    char shown[TRI_SHOWN];
    int name_width = 0;
    int value_width = 0;
    for (uint32_t i = 0; i < config->count; i++) {
        int name = (int)strlen(config->settings[i].key->name);
        int value = (int)strlen(show_value(&config->settings[i], shown));
        name_width = name > name_width ? name : name_width;
        value_width = value > value_width ? value : value_width;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        const tri_setting *setting = &config->settings[i];
        tri_text_add(&config->text, "%-*s  %-*s  ", name_width, setting->key->name, value_width,
                     show_value(setting, shown));
        print_source(config, setting);
    }
}
