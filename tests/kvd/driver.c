// driver.c: kvd from the outside, as its clients and its operator see it.
//
//     kvd_driver KVD [--fuzz-seconds N] [--seed N] [scenario ...]
//
// Every scenario has a fresh server with two workers and four shards, which must afterwards stop on
// SIGTERM with exit code 0 and a balanced ledger.
#include "check.h"
#include "net.h"
#include "scenario.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct scenario {
    const char *name;
    scenario_fn run;
    const char *options[6];
} scenario_t;

static const scenario_t scenarios[] = {
    {"commands", scenario_commands, {0}},
    {"errors", scenario_errors, {0}},
    {"order", scenario_order, {0}},
    {"expiry", scenario_expiry, {0}},
    {"one_shard", scenario_commands, {"--shards", "1"}},
    {"many_shards", scenario_commands, {"--shards", "32"}},
    {"one_worker", scenario_order, {"--workers", "1"}},
    {"lists", scenario_lists, {0}},
    {"lists_one_shard", scenario_lists, {"--shards", "1"}},
    {"long_lists", scenario_long_lists, {0}},
    {"scarce_lists", scenario_scarce_lists, {"--workers", "1"}},
    {"sizes", scenario_sizes, {0}},
    {"clear", scenario_clear, {0}},
    {"pop_commands", scenario_pop_commands, {"--shards", "1"}},
    {"pops", scenario_pops, {0}},
    {"pop_races", scenario_pop_races, {0}},
    {"pop_crowd", scenario_pop_crowd, {0}},
    {"channel_commands", scenario_channel_commands, {0}},
    {"channels", scenario_channels, {0}},
    {"channel_bounds", scenario_channel_bounds, {0}},
    {"slow_subscriber", scenario_slow_subscriber, {0}},
    {"crash_hub", scenario_crash_hub, {0}},
    {"redis_cli", scenario_redis_cli, {0}},
    {"crash_in_a_pipeline", scenario_crash_in_a_pipeline, {0}},
    {"crash", scenario_crash, {0}},
    {"limit", scenario_limit, {"--max-clients", "5"}},
    {"crowd", scenario_crowd, {0}},
    {"stopped", scenario_stopped, {0}},
    {"half_closed", scenario_half_closed, {0}},
    {"fuzz", scenario_fuzz, {0}},
    {"options", scenario_options, {0}},
    {"shutdown", scenario_shutdown, {0}},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

// What a server is started with, unless the scenario sets it: kvd takes no option twice.
static const char *const usual[4] = {"--shards", "4", "--workers", "2"};

static bool
sets(const scenario_t *s, const char *option)
{
    for (int i = 0; i < 6 && s->options[i] != NULL; i += 2) {
        if (strcmp(s->options[i], option) == 0) {
            return true;
        }
    }
    return false;
}

static bool
run(const scenario_t *s, scenario_env env)
{
    atomic_store(&check_failures, 0);
    printf("%s\n", s->name);
    const char *options[10] = {NULL};
    int count = 0;
    for (int i = 0; i < 4; i += 2) {
        if (!sets(s, usual[i])) {
            options[count++] = usual[i];
            options[count++] = usual[i + 1];
        }
    }
    for (int i = 0; i < 6; i++) {
        options[count + i] = s->options[i];
    }
    server own;
    env.server = &own;
    int64_t begin_ms = net_now_ms();
    if (server_start(&own, env.kvd, options)) {
        s->run(&env);
        if (own.pid > 0) {
            check(server_is_alive(&own), "the server ended in the middle");
            server_stop(&own);
        }
    } else if (own.pid > 0) {
        kill(own.pid, SIGKILL);
        waitpid(own.pid, NULL, 0);
    }
    bool passed = atomic_load(&check_failures) == 0;
    printf("%s %s, %.1f s\n", passed ? "ok  " : "FAIL", s->name,
           (double)(net_now_ms() - begin_ms) / 1000);
    return passed;
}

static bool
is_wanted(const scenario_t *s, char **names)
{
    for (char **name = names; *name != NULL; name++) {
        if (strcmp(*name, s->name) == 0) {
            return true;
        }
    }
    return *names == NULL;
}

int
main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    scenario_env env = {.fuzz_seconds = 5, .seed = 1};
    int at = 1;
    if (at < argc) {
        env.kvd = argv[at++];
    }
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--fuzz-seconds") == 0) {
            env.fuzz_seconds = atof(argv[at + 1]);
        } else if (strcmp(argv[at], "--seed") == 0) {
            env.seed = strtoull(argv[at + 1], NULL, 10);
        } else {
            break;
        }
    }
    int passed = 0;
    int failed = 0;
    for (int i = 0; env.kvd != NULL && i < SCENARIOS; i++) {
        if (is_wanted(&scenarios[i], argv + at)) {
            bool right = run(&scenarios[i], env);
            passed += right;
            failed += !right;
        }
    }
    if (passed + failed == 0) {
        fprintf(stderr, "usage: kvd_driver KVD [--fuzz-seconds N] [--seed N] [scenario ...]\n");
        return 2;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
