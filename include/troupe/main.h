/**
 * @file main.h
 * A service's main: a runtime, a supervisor at its root, signals, and an end that always comes.
 * SIGTERM or SIGINT begins an orderly shutdown, a second one kills, a third exits at once.
 *
 *     int main(int argc, char **argv) { return tr_main(argc, argv, &shop); }
 */
#ifndef TROUPE_MAIN_H
#define TROUPE_MAIN_H

#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/runtime.h"
#include "troupe/supervisor.h"

TR_BEGIN_DECLS

// What tr_main returns, for the program to exit with.
#define TR_EXIT_OK        0 // an orderly end, by signal or because the root ended with TR_OK
#define TR_EXIT_FAILED    1 // the root supervisor failed or gave up
#define TR_EXIT_USAGE     2 // the arguments were wrong; standard error says how
#define TR_EXIT_KILLED    3 // the shutdown deadline passed, or a second signal: actors were killed
#define TR_EXIT_ABANDONED 4 // a handler or blocking work went on even so; left on its thread

/** How to run a service. Zero is the default of every field. */
typedef struct tr_main_opts {
    tr_runtime_opts_t runtime; // inspect is always on here
    int64_t shutdown_ms;       // overall deadline of the shutdown; 0 for 30000
    void (*stopped)(const tr_stats_t *stats, void *arg); // called after the last actor; may be NULL
    void *stopped_arg;
} tr_main_opts_t;

/**
 * Run a service until it ends. Understands `--workers N`, `--shutdown-ms N` and `--help`; another
 * argument is an error. Blocks the calling thread, which handles the signals: meanwhile SIGTERM and
 * SIGINT are not blocked in it, and SIGPIPE ends nothing.
 * @return TR_EXIT_…
 */
TR_API int tr_main(int argc, char **argv, const tr_supervisor_t *root);

/** The same for a program that has read its own arguments. opts may be NULL. */
TR_API int tr_main_run(const tr_main_opts_t *opts, const tr_supervisor_t *root);

TR_END_DECLS

#endif
