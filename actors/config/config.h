// config.h: settings while they are read. Each source offers texts; the strongest one counts, and
// all of them have to be right.
#ifndef TRI_CONFIG_CONFIG_H
#define TRI_CONFIG_CONFIG_H

#include "troupe/config.h"

#include <stdbool.h>
#include <stdint.h>

#include "text.h"
#include "value.h"

#define TRI_NAME_MAX     63        // bytes of a key
#define TRI_VARIABLE     "TROUPE_" // in front of the key, in the environment
#define TRI_VARIABLE_MAX (sizeof TRI_VARIABLE + TRI_NAME_MAX)

// Where a value comes from, the weakest first.
typedef enum tri_source {
    TRI_DEFAULT,
    TRI_FILE,
    TRI_ENVIRONMENT,
    TRI_ARGUMENT,
    TRI_SOURCES,
} tri_source;

// One key, and what it is set to.
typedef struct tri_setting {
    const tr_config_key_t *key;
    void *field;                // where the program wants it
    char *text;                 // the one that counts; NULL until there is one. Owned
    tri_value value;            // what it says
    tri_source source;          // and where it is from
    uint32_t line;              // of the file that sets it; 0: none does
    bool is_given[TRI_SOURCES]; // rightly or wrongly
} tri_setting;

// What the arguments ask for.
typedef enum tri_question {
    TRI_NO_QUESTION,
    TRI_HELP,
    TRI_SHOW,
} tri_question;

struct tr_config {
    const tr_config_spec_t *spec;
    const char *program;
    tri_setting *settings;
    uint32_t count;
    const char *file;      // the one that is named, or the default; NULL: none
    bool is_file_named;    // so it has to be there
    tri_question question; // --help is stronger
    uint32_t complaints;   // found; of many, only some are in `text`
    tri_text text;         // complaints, or an answer
    bool is_loaded;
    bool has_no_memory;
};

// Another table, for another struct: tr_main has settings of its own. Before tr_config_load.
tr_err_t
tri_config_add(tr_config *config, const tr_config_key_t *keys, uint32_t count, void *settings);

// One line of what is wrong. What the world has written goes through tri_show first.
void tri_complain(tr_config *config, const char *format, ...) TR_PRINTF(2, 3);

// A source says that the setting is this text, which is copied. `line` is 0 but for the file.
void tri_offer(tr_config *config, tri_setting *setting, tri_source source, uint32_t line,
               const char *text);

// ---- names.c

// True: the tables are right. Otherwise there are complaints.
bool tri_check_tables(tr_config *config);

// TROUPE_STORE_SHARDS. Returns `out`.
const char *tri_variable(const char *key, char out[TRI_VARIABLE_MAX]);

// The setting that a source calls so; NULL: there is none.
tri_setting *tri_find(const tr_config *config, tri_source source, const char *name);

// The name that was probably meant, as the source writes it, with what stands before it:
// "; did you mean --port?". Empty when nothing is near. Returns `out`.
#define TRI_MEANT 128
const char *
tri_meant(const tr_config *config, tri_source source, const char *name, char out[TRI_MEANT]);

// ---- the sources: each offers what it has, and complains

void tri_read_arguments(tr_config *config, int argc, char **argv);
void tri_read_environment(tr_config *config);
void tri_read_file(tr_config *config);

// ---- answers.c

void tri_print_help(tr_config *config);
void tri_print_settings(tr_config *config);

#endif
