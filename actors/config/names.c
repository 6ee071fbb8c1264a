// names.c: what a setting is called in each source, and which one a wrong name was meant to be.
#include <stdio.h>
#include <string.h>

#include "config.h"

// ---- one name, three ways

const char *
tri_variable(const char *key, char out[TRI_VARIABLE_MAX])
{
    int at = snprintf(out, TRI_VARIABLE_MAX, "%s%.*s", TRI_VARIABLE, TRI_NAME_MAX, key);
    for (char *c = out + sizeof TRI_VARIABLE - 1; c < out + at; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '.' || *c == '-' ? '_' : *c;
    }
    return out;
}

// In the source's own writing, without the dashes of an argument.
static const char *
name_in(tri_source source, const char *key, char out[TRI_VARIABLE_MAX])
{
    if (source == TRI_ENVIRONMENT) {
        return tri_variable(key, out);
    }
    snprintf(out, TRI_VARIABLE_MAX, "%s", key);
    return out;
}

tri_setting *
tri_find(const tr_config *config, tri_source source, const char *name)
{
    char own[TRI_VARIABLE_MAX];
    for (uint32_t i = 0; i < config->count; i++) {
        if (strcmp(name_in(source, config->settings[i].key->name, own), name) == 0) {
            return &config->settings[i];
        }
    }
    return NULL;
}

// ---- what was meant

// Insertions, deletions and replacements that make one word the other. Long words are cut.
static size_t
distance(const char *a, const char *b)
{
    enum { WORD = 48 };
    size_t row[WORD + 1];
    size_t na = strnlen(a, WORD);
    size_t nb = strnlen(b, WORD);
    for (size_t j = 0; j <= nb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb];
}

// The nearest name so far.
typedef struct guess_t {
    const char *word;
    size_t allowed; // slips of the finger
    size_t least;   // that made the word of `name`; more than allowed when there is none
    char name[TRI_VARIABLE_MAX + 4];
} guess_t;

static void
consider(guess_t *guess, const char *name)
{
    size_t d = distance(guess->word, name);
    if (d < guess->least && d <= guess->allowed) {
        guess->least = d;
        snprintf(guess->name, sizeof guess->name, "%s", name);
    }
}

static void
consider_all(const tr_config *config, tri_source source, guess_t *guess)
{
    char own[TRI_VARIABLE_MAX];
    char negated[TRI_VARIABLE_MAX + 3];
    for (uint32_t i = 0; i < config->count; i++) {
        const tr_config_key_t *key = config->settings[i].key;
        consider(guess, name_in(source, key->name, own));
        if (source == TRI_ARGUMENT && key->kind == TR_CONFIG_KIND_BOOL) {
            snprintf(negated, sizeof negated, "no-%s", key->name);
            consider(guess, negated);
        }
    }
    if (source == TRI_ARGUMENT) {
        consider(guess, "help");
        consider(guess, "config");
        consider(guess, "config-show");
    } else if (source == TRI_ENVIRONMENT) {
        consider(guess, TRI_VARIABLE "CONFIG");
    }
}

// The right name in the wrong section, or without one.
static const char *
find_elsewhere(const tr_config *config, const char *word)
{
    const char *dot = strrchr(word, '.');
    const char *last = dot != NULL ? dot + 1 : word;
    for (uint32_t i = 0; i < config->count; i++) {
        const char *name = config->settings[i].key->name;
        dot = strrchr(name, '.');
        if (strcmp(dot != NULL ? dot + 1 : name, last) == 0) {
            return name;
        }
    }
    return NULL;
}

const char *
tri_meant(const tr_config *config, tri_source source, const char *name, char out[TRI_MEANT])
{
    // The prefix of a variable is right already.
    size_t size = strlen(name) - (source == TRI_ENVIRONMENT ? sizeof TRI_VARIABLE - 1 : 0);
    size_t allowed = size < 4 ? 1 : size < 8 ? 2 : 3;
    guess_t guess = {.word = name, .allowed = allowed, .least = allowed + 1};
    consider_all(config, source, &guess);
    const char *meant = guess.least <= allowed ? guess.name : NULL;
    if (meant == NULL && source != TRI_ENVIRONMENT) {
        meant = find_elsewhere(config, name);
    }
    out[0] = '\0';
    if (meant != NULL) {
        snprintf(out, TRI_MEANT, "; did you mean %s%s?", source == TRI_ARGUMENT ? "--" : "", meant);
    }
    return out;
}

// ---- are the tables right?

// Words of a-z and 0-9 with one '.' or '-' between them.
static bool
is_name(const char *name)
{
    size_t size = strlen(name);
    bool is_inside = false; // of a word
    for (const char *c = name; *c != '\0'; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        if (!is_letter && (!is_inside || (*c != '.' && *c != '-'))) {
            return false;
        }
        is_inside = is_letter;
    }
    return is_inside && size <= TRI_NAME_MAX;
}

static bool
is_reserved(const char *name)
{
    return strcmp(name, "help") == 0 || strcmp(name, "config") == 0 ||
           strcmp(name, "config-show") == 0;
}

// Two keys that are one somewhere: in the environment, or as --no-x.
static bool
is_clash(const tr_config_key_t *a, const tr_config_key_t *b)
{
    char one[TRI_VARIABLE_MAX];
    char other[TRI_VARIABLE_MAX];
    return strcmp(tri_variable(a->name, one), tri_variable(b->name, other)) == 0 ||
           (a->kind == TR_CONFIG_KIND_BOOL && strncmp(b->name, "no-", 3) == 0 &&
            strcmp(b->name + 3, a->name) == 0);
}

static const char *
find_fault(const tr_config_key_t *key)
{
    tri_value value;
    if (!is_name(key->name)) {
        return "has a name that is none";
    }
    if (is_reserved(key->name)) {
        return "has a name that is taken";
    }
    if ((unsigned)key->kind > TR_CONFIG_KIND_ENUM) {
        return "is of no kind";
    }
    if (key->help == NULL || key->help[0] == '\0') {
        return "has no help";
    }
    if (key->kind == TR_CONFIG_KIND_ENUM && (key->choices == NULL || key->choices[0] == NULL)) {
        return "has no choices";
    }
    if (!tri_value_has_bounds(key)) {
        return "has bounds that are none";
    }
    if (key->fallback != NULL && !tri_value_read(key, key->fallback, &value)) {
        return "has a default that it does not allow";
    }
    return NULL;
}

bool
tri_check_tables(tr_config *config)
{
    for (uint32_t i = 0; i < config->count; i++) {
        const tr_config_key_t *key = config->settings[i].key;
        const char *fault = key->name != NULL ? find_fault(key) : "has no name";
        if (fault != NULL) {
            tri_complain(config, "table of settings: key %u, %s, %s", i,
                         key->name != NULL ? key->name : "NULL", fault);
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            const tr_config_key_t *other = config->settings[j].key;
            if (is_clash(key, other) || is_clash(other, key)) {
                tri_complain(config, "table of settings: %s and %s have the same name somewhere",
                             other->name, key->name);
                return false;
            }
        }
    }
    return true;
}
