// main.c: bench [NAME...] [--workers 1,2] [--runs N] [--json]
#include "bench.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const bench *const benches[] = {
    &bench_call,
    &bench_call_elsewhere,
    &bench_wait,
    &bench_waiting,
};
enum { BENCHES = sizeof benches / sizeof benches[0], RUNS_MAX = 99, WORKERS_MAX = 16 };

typedef struct plan {
    bool is_chosen[BENCHES];
    uint32_t workers[WORKERS_MAX];
    size_t workers_count;
    uint32_t runs;
    bool json;
} plan;

static int
compare(const void *a, const void *b)
{
    double x = ((const bench_result *)a)->ns_per_op;
    double y = ((const bench_result *)b)->ns_per_op;
    return (x > y) - (x < y);
}

// The median of several runs.
static void
run(const bench *b, uint32_t workers, const plan *p)
{
    bench_result results[RUNS_MAX];
    for (uint32_t i = 0; i < p->runs; i++) {
        results[i] = b->run(workers);
    }
    qsort(results, p->runs, sizeof results[0], compare);
    bench_result r = results[p->runs / 2];
    uint64_t rss = bench_rss();
    if (p->json) {
        printf(
            "{\"bench\":\"%s\",\"workers\":%u,\"ns_per_op\":%.1f,\"min_ns\":%.1f,\"max_ns\":%.1f,"
            "\"floor_ns\":%.1f,\"ops\":%llu,\"bytes\":%.0f,\"rss_bytes\":%llu}\n",
            b->name, workers, r.ns_per_op, results[0].ns_per_op, results[p->runs - 1].ns_per_op,
            r.floor_ns, (unsigned long long)r.ops, r.bytes, (unsigned long long)rss);
        return;
    }
    printf("%-16s w%u %10.1f ns  (%.1f to %.1f; floor %.1f)", b->name, workers, r.ns_per_op,
           results[0].ns_per_op, results[p->runs - 1].ns_per_op, r.floor_ns);
    if (r.bytes != 0) {
        printf("  %.0f bytes", r.bytes);
    }
    printf("  %s\n", b->what);
}

static void
usage(FILE *out)
{
    fprintf(out, "usage: bench [NAME...] [--workers 1,2] [--runs N] [--json]\n\n");
    for (size_t i = 0; i < BENCHES; i++) {
        fprintf(out, "  %-16s %s\n", benches[i]->name, benches[i]->what);
    }
}

static void
refuse(const char *what, const char *argument)
{
    fprintf(stderr, "bench: %s '%s'\n\n", what, argument);
    usage(stderr);
    exit(2);
}

static void
parse_workers(plan *p, const char *text)
{
    p->workers_count = 0;
    for (const char *at = text; *at != '\0';) {
        char *end;
        unsigned long count = strtoul(at, &end, 10);
        if (end == at || count == 0 || count > 256 || p->workers_count == WORKERS_MAX ||
            (*end != ',' && *end != '\0')) {
            refuse("--workers takes numbers from 1 to 256, not", text);
        }
        p->workers[p->workers_count++] = (uint32_t)count;
        at = *end == ',' ? end + 1 : end;
    }
}

static void
choose(plan *p, const char *name)
{
    for (size_t i = 0; i < BENCHES; i++) {
        if (strcmp(benches[i]->name, name) == 0) {
            p->is_chosen[i] = true;
            return;
        }
    }
    refuse("there is no benchmark", name);
}

static plan
parse(int argc, char **argv)
{
    plan p = {.workers = {1, 2}, .workers_count = 2, .runs = 5};
    bool any = false;
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0) {
            p.json = true;
        } else if (strcmp(argv[i], "--workers") == 0 && has_value) {
            parse_workers(&p, argv[++i]);
        } else if (strcmp(argv[i], "--runs") == 0 && has_value) {
            p.runs = (uint32_t)atoi(argv[++i]);
            if (p.runs == 0 || p.runs > RUNS_MAX) {
                refuse("--runs takes a number from 1 to 99, not", argv[i]);
            }
        } else if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            exit(0);
        } else if (argv[i][0] == '-') {
            refuse("unknown option, or one without its value:", argv[i]);
        } else {
            choose(&p, argv[i]);
            any = true;
        }
    }
    for (size_t i = 0; i < BENCHES && !any; i++) {
        p.is_chosen[i] = true;
    }
    return p;
}

int
main(int argc, char **argv)
{
    plan p = parse(argc, argv);
    for (size_t i = 0; i < BENCHES; i++) {
        for (size_t j = 0; j < p.workers_count && p.is_chosen[i]; j++) {
            run(benches[i], p.workers[j], &p);
            fflush(stdout);
        }
    }
    return 0;
}
