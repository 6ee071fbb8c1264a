// scenario.h: the end-to-end scenarios. Each gets a server of its own, started with the options
// that driver.c has beside its name, and says with check() what is wrong.
#ifndef KVD_TESTS_SCENARIO_H
#define KVD_TESTS_SCENARIO_H

#include "server.h"

typedef struct scenario_env {
    server *server;
    const char *kvd; // the program, for those that start more of it
    double fuzz_seconds;
    uint64_t seed;
} scenario_env;

typedef void (*scenario_fn)(const scenario_env *env);

// commands.c: what is answered
void scenario_commands(const scenario_env *env);
void scenario_errors(const scenario_env *env);
void scenario_order(const scenario_env *env);
void scenario_expiry(const scenario_env *env);
// lists.c: keys that hold lists
void scenario_lists(const scenario_env *env);
void scenario_long_lists(const scenario_env *env);
void scenario_scarce_lists(const scenario_env *env);
// sizes.c: how much
void scenario_sizes(const scenario_env *env);
void scenario_clear(const scenario_env *env);
// pops.c: waiting for items
void scenario_pop_commands(const scenario_env *env);
void scenario_pops(const scenario_env *env);
void scenario_pop_races(const scenario_env *env);
void scenario_pop_crowd(const scenario_env *env);
// channels.c: publishing and subscribing
void scenario_channel_commands(const scenario_env *env);
void scenario_channels(const scenario_env *env);
void scenario_channel_bounds(const scenario_env *env);
void scenario_slow_subscriber(const scenario_env *env);
void scenario_crash_hub(const scenario_env *env);
void scenario_redis_cli(const scenario_env *env);
// crash.c: shards that fail
void scenario_crash(const scenario_env *env);
void scenario_crash_in_a_pipeline(const scenario_env *env);
// crowd.c: many clients
void scenario_crowd(const scenario_env *env);
void scenario_limit(const scenario_env *env);
// rude.c: clients that misbehave
void scenario_stopped(const scenario_env *env);
void scenario_half_closed(const scenario_env *env);
void scenario_fuzz(const scenario_env *env);
// program.c: the program from outside
void scenario_options(const scenario_env *env);
void scenario_shutdown(const scenario_env *env);

#endif
