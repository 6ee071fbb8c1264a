// main_settings.c: what can be set of every service, beside what is its own.
#include "troupe/main.h"

#include <inttypes.h>
#include <stdio.h>

#include "config/config.h"

typedef struct settings_t {
    uint32_t workers;
    tr_duration_t shutdown;
    uint32_t log_level;
    bool is_inspected;
    const char *name;
} settings_t;

// In the order of tr_log_level_t.
static const char *const levels[] = {"debug", "info", "warning", "error", NULL};

enum { WORKERS, SHUTDOWN, LOG_LEVEL, INSPECT, NAME, KEYS };

// Their defaults are the program's, see make_table.
static const tr_config_key_t keys[KEYS] = {
    [WORKERS] = {.name = "workers",
                 TR_CONFIG_U32(settings_t, workers),
                 .max = "256",
                 .help = "worker threads; 0: one per core"},
    [SHUTDOWN] = {.name = "shutdown",
                  TR_CONFIG_DURATION(settings_t, shutdown),
                  .min = "1ms",
                  .help = "how long an orderly shutdown may take"},
    [LOG_LEVEL] = {.name = "log-level",
                   TR_CONFIG_ENUM(settings_t, log_level),
                   .choices = levels,
                   .help = "what is logged: this and what is worse"},
    [INSPECT] = {.name = "inspect",
                 TR_CONFIG_BOOL(settings_t, is_inspected),
                 .help = "serve the trace socket, for the troupe command"},
    [NAME] = {.name = "name",
              TR_CONFIG_STR(settings_t, name),
              .help = "what the troupe command calls this process; empty: the program's name"},
};

// The keys with the defaults of this program.
typedef struct table_t {
    tr_config_key_t keys[KEYS];
    char workers[16];
    char shutdown[32];
} table_t;

static void
make_table(table_t *table, const tr_main_opts_t *opts)
{
    int64_t shutdown_ms = opts->shutdown_ms != 0 ? opts->shutdown_ms : TR_MAIN_SHUTDOWN_MS;
    bool is_whole = shutdown_ms % 1000 == 0;
    snprintf(table->workers, sizeof table->workers, "%" PRIu32, opts->runtime.workers);
    snprintf(table->shutdown, sizeof table->shutdown, "%" PRId64 "%s",
             is_whole ? shutdown_ms / 1000 : shutdown_ms, is_whole ? "s" : "ms");
    for (int i = 0; i < KEYS; i++) {
        table->keys[i] = keys[i];
    }
    table->keys[WORKERS].fallback = table->workers;
    table->keys[SHUTDOWN].fallback = table->shutdown;
    table->keys[LOG_LEVEL].fallback =
        opts->runtime.log_level <= TR_LOG_ERROR ? levels[opts->runtime.log_level] : "?";
    table->keys[INSPECT].fallback = opts->no_inspect ? "false" : "true";
    table->keys[NAME].fallback = opts->runtime.name != NULL ? opts->runtime.name : "";
}

static void
apply(const settings_t *settings, tr_main_opts_t *opts)
{
    opts->runtime.workers = settings->workers;
    opts->runtime.log_level = (tr_log_level_t)settings->log_level;
    opts->runtime.name = settings->name[0] != '\0' ? settings->name : NULL;
    opts->no_inspect = !settings->is_inspected;
    opts->shutdown_ms = settings->shutdown.ns / 1000000;
}

static int
load_and_run(tr_config *config, int argc, char **argv, const tr_main_opts_t *opts,
             const tr_supervisor_t *root)
{
    table_t table;
    settings_t settings;
    bool is_asked = false;
    make_table(&table, opts);
    tr_err_t err = tri_config_add(config, table.keys, KEYS, &settings);
    if (err == TR_OK) {
        err = tr_config_load(config, argc, argv, &is_asked);
    }
    if (err == TR_EFORMAT || err == TR_EINVAL) {
        fputs(tr_config_text(config), stderr);
        return err == TR_EFORMAT ? TR_EXIT_USAGE : TR_EXIT_FAILED;
    }
    if (err != TR_OK) {
        fprintf(stderr, "troupe: cannot read the settings: %s\n", tr_strerror(err));
        return TR_EXIT_FAILED;
    }
    if (is_asked) {
        return fputs(tr_config_text(config), stdout) >= 0 && fflush(stdout) == 0 ? TR_EXIT_OK
                                                                                 : TR_EXIT_FAILED;
    }
    if (opts->configured != NULL && !opts->configured(opts->settings, opts->configured_arg)) {
        return TR_EXIT_USAGE;
    }
    tr_main_opts_t set = *opts;
    apply(&settings, &set);
    return tr_main_run(&set, root);
}

int
tr_main_with(int argc, char **argv, const tr_main_opts_t *opts, const tr_supervisor_t *root)
{
    static const tr_main_opts_t defaults;
    static const tr_config_spec_t nothing;
    opts = opts != NULL ? opts : &defaults;
    tr_config *config = NULL;
    tr_err_t err =
        tr_config_create(opts->config != NULL ? opts->config : &nothing, opts->settings, &config);
    if (err != TR_OK) {
        fprintf(stderr, "troupe: cannot read the settings: %s\n", tr_strerror(err));
        return TR_EXIT_FAILED;
    }
    int code = load_and_run(config, argc, argv, opts, root);
    tr_config_destroy(config);
    return code;
}

int
tr_main(int argc, char **argv, const tr_supervisor_t *root)
{
    return tr_main_with(argc, argv, NULL, root);
}
