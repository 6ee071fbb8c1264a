// main.c: the program around a model: run all scenarios, find all mutants.
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void
print_result(const search_result *result, double since)
{
    printf("%llu executions, %llu cut short, %llu steps, %.2f s\n",
           (unsigned long long)result->executions, (unsigned long long)result->cut,
           (unsigned long long)result->steps, seconds() - since);
}

static bool
run_scenario(const model_scenario *scenario)
{
    double since = seconds();
    search_result result = search_run(scenario, NULL, SEARCH_RACES);
    bool holds = !account_has_finding();
    printf("%-6s %s: ", holds ? "holds" : "FAILS", scenario->name);
    print_result(&result, since);
    if (!holds) {
        account_print();
    }
    return holds;
}

static bool
run_mutant(const model_mutant *mutant, const model_scenario *scenario)
{
    double since = seconds();
    search_result result = search_run(scenario, mutant, SEARCH_RACES);
    bool is_found = account_has_finding();
    printf("%-6s mutant %s in %s: ", is_found ? "found" : "MISSED", mutant->name, scenario->name);
    print_result(&result, since);
    if (is_found) {
        account_print();
    }
    return is_found;
}

// No two complete executions are the same, so as many are the same ones.
static bool
run_twice(const model_scenario *scenario)
{
    double since = seconds();
    search_result all = search_run(scenario, NULL, SEARCH_ALL);
    search_result some = search_run(scenario, NULL, SEARCH_RACES);
    bool is_same = all.executions == some.executions && !account_has_finding();
    printf("%-6s %s: %llu executions by trying every thread, and ", is_same ? "same" : "DIFFER",
           scenario->name, (unsigned long long)all.executions);
    print_result(&some, since);
    return is_same;
}

static const model_scenario *
find_scenario(const char *name, const model_scenario *scenarios, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    printf("there is no scenario %s\n", name);
    exit(1);
}

int
model_main(int argc, char **argv, const model_scenario *scenarios, size_t scenario_count,
           const model_mutant *mutants, size_t mutant_count)
{
    const char *wanted = argc > 1 ? argv[1] : "all";
    bool is_all = strcmp(wanted, "all") == 0;
    bool is_list = strcmp(wanted, "list") == 0;
    bool is_twice = strcmp(wanted, "twice") == 0;
    unsigned done = 0, wrong = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < scenario_count; i++) {
        const model_scenario *it = &scenarios[i];
        if (is_list) {
            printf("scenario %s\n", it->name);
        } else if (is_twice || is_all || strcmp(wanted, it->name) == 0) {
            done++;
            wrong += !(is_twice ? run_twice(it) : run_scenario(it));
        }
    }
    for (size_t i = 0; i < mutant_count; i++) {
        const model_mutant *it = &mutants[i];
        if (is_list) {
            printf("mutant %s in %s\n", it->name, it->scenario);
        } else if (is_all || strcmp(wanted, it->name) == 0) {
            done++;
            wrong += !run_mutant(it, find_scenario(it->scenario, scenarios, scenario_count));
        }
    }
    if (done == 0 && !is_list) {
        printf("there is no scenario and no mutant %s\n", wanted);
        return 1;
    }
    return wrong != 0;
}
