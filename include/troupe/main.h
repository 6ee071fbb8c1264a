/**
 * @file main.h
 * A service's main: its settings, a runtime, a supervisor at its root, signals, and an end that
 * always comes. SIGTERM or SIGINT begins an orderly shutdown, a second one kills, a third exits at
 * once.
 *
 *     int main(int argc, char **argv) { return tr_main(argc, argv, &shop); }
 */
#ifndef TROUPE_MAIN_H
#define TROUPE_MAIN_H

#include "troupe/config.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"
#include "troupe/supervisor.h"

#include <stdbool.h>

TR_BEGIN_DECLS

// What tr_main returns, for the program to exit with.
#define TR_EXIT_OK        0 // an orderly end, by signal or because the root ended with TR_OK
#define TR_EXIT_FAILED    1 // the root supervisor failed or gave up
#define TR_EXIT_USAGE     2 // a setting was wrong; standard error says which and how
#define TR_EXIT_KILLED    3 // the shutdown deadline passed, or a second signal: actors were killed
#define TR_EXIT_ABANDONED 4 // a handler or blocking work went on even so; left on its thread

#define TR_MAIN_SHUTDOWN_MS 30000 // how long a shutdown may take that nobody has set

/** How to run a service. Zero is the default of every field. */
typedef struct tr_main_opts {
    tr_runtime_opts_t runtime; // but not `inspect`, which is on
    bool no_inspect;           // no trace socket
    int64_t shutdown_ms;       // overall deadline of the shutdown; 0 for TR_MAIN_SHUTDOWN_MS
    void (*stopped)(const tr_stats_t *stats, void *arg); // called after the last actor; may be NULL
    void *stopped_arg;

    // For tr_main_with only.
    const tr_config_spec_t *config; // settings of the program's own; NULL: it has none
    void *settings;                 // the struct that they fill; see configured
    // Called when `settings` is filled and nothing has begun: the place to look at several settings
    // together, and to complete `root`. False: it has said on standard error what is wrong, and the
    // service is not run. May be NULL.
    bool (*configured)(void *settings, void *arg);
    void *configured_arg;
} tr_main_opts_t;

/**
 * Run a service until it ends, as tr_main_with does without options.
 * @return TR_EXIT_…
 */
TR_API int tr_main(int argc, char **argv, const tr_supervisor_t *root);

/**
 * Read the settings (config.h) and run a service until it ends. Beside those of opts->config there
 * are `workers`, `shutdown`, `log-level`, `inspect` and `name`, whose defaults are in `opts`;
 * --help and --config-show are answered on standard output. Blocks the calling thread, which
 * handles the signals: meanwhile SIGTERM and SIGINT are not blocked in it, and SIGPIPE ends
 * nothing. The texts in opts->settings live until it returns.
 *
 * @param opts  may be NULL. Borrowed, as is `root`, which `configured` may still write.
 * @return TR_EXIT_…
 */
TR_API int
tr_main_with(int argc, char **argv, const tr_main_opts_t *opts, const tr_supervisor_t *root);

/** The same for a program that has read its own arguments and settings. opts may be NULL. */
TR_API int tr_main_run(const tr_main_opts_t *opts, const tr_supervisor_t *root);

TR_END_DECLS

#endif
