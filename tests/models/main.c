// main.c: the program around a model: run all scenarios, find all mutants.
#include "engine.h"

#include <stdio.h>
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
    search_result result = search_run(scenario, NULL);
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
    search_result result = search_run(scenario, mutant);
    bool is_found = account_has_finding();
    printf("%-6s mutant %s in %s: ", is_found ? "found" : "MISSED", mutant->name, scenario->name);
    print_result(&result, since);
    if (is_found) {
        account_print();
    }
    return is_found;
}

int
model_main(int argc, char **argv, const model_scenario *scenarios, size_t scenario_count,
           const model_mutant *mutants, size_t mutant_count)
{
    const char *wanted = argc > 1 ? argv[1] : NULL;
    bool is_list = wanted != NULL && strcmp(wanted, "list") == 0;
    unsigned done = 0, wrong = 0;
    for (size_t i = 0; i < scenario_count; i++) {
        if (is_list) {
            printf("scenario %s\n", scenarios[i].name);
        } else if (wanted == NULL || strcmp(wanted, scenarios[i].name) == 0) {
            done++;
            wrong += !run_scenario(&scenarios[i]);
            fflush(stdout);
        }
    }
    for (size_t i = 0; i < mutant_count; i++) {
        const model_scenario *scenario = scenarios;
        while (scenario < scenarios + scenario_count &&
               strcmp(scenario->name, mutants[i].scenario) != 0) {
            scenario++;
        }
        if (scenario == scenarios + scenario_count) {
            printf("mutant %s: there is no scenario %s\n", mutants[i].name, mutants[i].scenario);
            return 1;
        }
        if (is_list) {
            printf("mutant %s in %s\n", mutants[i].name, scenario->name);
        } else if (wanted == NULL || strcmp(wanted, mutants[i].name) == 0) {
            done++;
            wrong += !run_mutant(&mutants[i], scenario);
            fflush(stdout);
        }
    }
    if (done == 0 && !is_list) {
        printf("there is no scenario and no mutant %s\n", wanted);
        return 1;
    }
    return wrong != 0;
}
