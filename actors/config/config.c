// config.c: from a table to a struct that is filled, or to all that is wrong.
#include "troupe/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define COMPLAINTS_MAX 20 // that are printed

// ---- beginning and end

tr_err_t
tri_config_add(tr_config *config, const tr_config_key_t *keys, uint32_t count, void *settings)
{
    if (count == 0) {
        return TR_OK;
    }
    if (keys == NULL || settings == NULL) {
        return TR_EINVAL;
    }
    tri_setting *all = realloc(config->settings, ((size_t)config->count + count) * sizeof *all);
    if (all == NULL) {
        return TR_ENOMEM;
    }
    config->settings = all;
    for (uint32_t i = 0; i < count; i++) {
        all[config->count++] = (tri_setting){
            .key = &keys[i],
            .field = (unsigned char *)settings + keys[i].offset,
        };
    }
    return TR_OK;
}

tr_err_t
tr_config_create(const tr_config_spec_t *spec, void *settings, tr_config **out)
{
    if (spec == NULL || out == NULL) {
        return TR_EINVAL;
    }
    tr_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return TR_ENOMEM;
    }
    config->spec = spec;
    tr_err_t err = tri_config_add(config, spec->keys, spec->key_count, settings);
    if (err != TR_OK) {
        tr_config_destroy(config);
        return err;
    }
    *out = config;
    return TR_OK;
}

void
tr_config_destroy(tr_config *config)
{
    if (config == NULL) {
        return;
    }
    for (uint32_t i = 0; i < config->count; i++) {
        free(config->settings[i].text);
    }
    free(config->settings);
    tri_text_fini(&config->text);
    free(config);
}

const char *
tr_config_text(const tr_config *config)
{
    return config->text.bytes != NULL ? config->text.bytes : "";
}

// ---- complaints

void
tri_complain(tr_config *config, const char *format, ...)
{
    char line[1024];
    if (++config->complaints > COMPLAINTS_MAX) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tri_text_add(&config->text, "%s: %s\n", config->program, line);
}

static void
end_complaints(tr_config *config)
{
    if (config->complaints > COMPLAINTS_MAX) {
        tri_text_add(&config->text, "%s: and %u more\n", config->program,
                     config->complaints - COMPLAINTS_MAX);
    }
    tri_text_add(&config->text, "%s: %s --help lists the settings\n", config->program,
                 config->program);
}

// ---- values

// As its source names it.
static const char *
name_place(const tr_config *config, const tri_setting *setting, tri_source source, uint32_t line,
           char out[2 * TRI_SHOWN])
{
    char shown[TRI_SHOWN];
    switch (source) {
    case TRI_FILE:
        snprintf(out, 2 * TRI_SHOWN, "%s:%u: %s", tri_show(shown, config->file), line,
                 setting->key->name);
        break;
    case TRI_ENVIRONMENT:
        tri_variable(setting->key->name, out);
        break;
    default:
        snprintf(out, 2 * TRI_SHOWN, "--%s", setting->key->name);
        break;
    }
    return out;
}

static void
complain_of_value(tr_config *config, const tri_setting *setting, const char *place,
                  const char *text)
{
    char shown[TRI_SHOWN];
    char expected[TRI_EXPECTED];
    tri_value_expected(setting->key, expected);
    if (setting->key->is_secret) {
        tri_complain(config, "%s: expected %s", place, expected);
    } else {
        tri_complain(config, "%s: expected %s, not '%s'", place, expected, tri_show(shown, text));
    }
}

static void
take(tr_config *config, tri_setting *setting, tri_source source, tri_value value, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy == NULL) {
        config->has_no_memory = true;
        return;
    }
    memcpy(copy, text, size);
    free(setting->text);
    setting->text = copy;
    setting->value = value;
    setting->source = source;
}

void
tri_offer(tr_config *config, tri_setting *setting, tri_source source, uint32_t line,
          const char *text)
{
    char place[2 * TRI_SHOWN];
    tri_value value;
    name_place(config, setting, source, line, place);
    if (setting->is_given[source]) {
        if (source == TRI_FILE) {
            tri_complain(config, "%s is set again; line %u has set it", place, setting->line);
        } else {
            tri_complain(config, "%s is given twice", place);
        }
        return;
    }
    setting->is_given[source] = true;
    setting->line = line != 0 ? line : setting->line;
    if (!tri_value_read(setting->key, text, &value)) {
        complain_of_value(config, setting, place, text);
    } else if (setting->text == NULL || source >= setting->source) {
        take(config, setting, source, value, text);
    }
}

static void
take_defaults(tr_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        tri_setting *setting = &config->settings[i];
        tri_value value;
        if (setting->key->fallback != NULL &&
            tri_value_read(setting->key, setting->key->fallback, &value)) {
            take(config, setting, TRI_DEFAULT, value, setting->key->fallback);
        }
    }
}

// What has no default was given somewhere; what was given wrongly is known already.
static void
require(tr_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        const tri_setting *s = &config->settings[i];
        char variable[TRI_VARIABLE_MAX];
        char expected[TRI_EXPECTED];
        bool is_given =
            s->is_given[TRI_FILE] || s->is_given[TRI_ENVIRONMENT] || s->is_given[TRI_ARGUMENT];
        if (s->key->fallback == NULL && !is_given) {
            tri_complain(config, "%s is not set: expected %s in a file, in %s or after --%s",
                         s->key->name, tri_value_expected(s->key, expected),
                         tri_variable(s->key->name, variable), s->key->name);
        }
    }
}

static void
fill(const tr_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        const tri_setting *s = &config->settings[i];
        tri_value_store(s->key->kind, s->value, s->text, s->field);
    }
}

// ---- loading

static const char *
program_name(const tr_config *config, int argc, char **argv)
{
    const char *name = config->spec->program;
    if (name == NULL && argc > 0 && argv[0] != NULL) {
        const char *slash = strrchr(argv[0], '/');
        name = slash != NULL ? slash + 1 : argv[0];
    }
    return name != NULL && *name != '\0' ? name : "program";
}

// Complaints come in the order of the strongest source first: the arguments name the file.
static tr_err_t
read_all(tr_config *config, int argc, char **argv)
{
    if (!tri_check_tables(config)) {
        return TR_EINVAL;
    }
    take_defaults(config);
    tri_read_arguments(config, argc, argv);
    if (config->question == TRI_HELP) {
        tri_text_clear(&config->text);
        tri_print_help(config);
        return TR_OK;
    }
    tri_read_environment(config);
    tri_read_file(config);
    require(config);
    if (config->complaints > 0) {
        end_complaints(config);
        return TR_EFORMAT;
    }
    if (config->question == TRI_SHOW && !config->has_no_memory) {
        tri_print_settings(config);
    }
    return TR_OK;
}

tr_err_t
tr_config_load(tr_config *config, int argc, char **argv, bool *out_asked)
{
    if (config->is_loaded) {
        return TR_EALREADY;
    }
    config->is_loaded = true;
    config->program = program_name(config, argc, argv);
    tr_err_t err = read_all(config, argc, argv);
    if (config->has_no_memory || config->text.is_cut) {
        return TR_ENOMEM;
    }
    if (err == TR_OK && config->question == TRI_NO_QUESTION) {
        fill(config);
    }
    if (err == TR_OK) {
        *out_asked = config->question != TRI_NO_QUESTION;
    }
    return err;
}
