// support.c: what every program here needs.
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

void
bench_must(tr_err_t err, const char *what)
{
    if (err != TR_OK) {
        fprintf(stderr, "bench: %s: %s\n", what, tr_errname(err));
        exit(1);
    }
}

static void
say_errors(tr_log_level_t level, const char *line, void *arg)
{
    (void)arg;
    if (level == TR_LOG_ERROR) {
        fprintf(stderr, "%s\n", line);
    }
}

tr_runtime *
bench_begin(uint32_t workers)
{
    tr_runtime *rt = NULL;
    bench_must(tr_runtime_create(&(tr_runtime_opts_t){.workers = workers, .log = say_errors}, &rt),
               "runtime");
    return rt;
}

void
bench_end(tr_runtime *rt)
{
    tr_runtime_stop(rt);
    bench_must(tr_runtime_wait(rt, tr_seconds(60)), "the end");
    tr_runtime_destroy(rt);
}

tr_ref_t
bench_spawn(tr_runtime *rt, const tr_behavior_t *behavior, uint32_t worker, const void *arg,
            size_t arg_size)
{
    tr_ref_t ref = TR_REF_NONE;
    tr_spawn_opts_t opts = {.behavior = behavior,
                            .place = TR_PLACE_AT,
                            .worker = worker,
                            .arg = arg,
                            .arg_size = arg_size};
    bench_must(tr_runtime_spawn(rt, &opts, &ref), behavior->name);
    return ref;
}

uint64_t
bench_rss(void)
{
    unsigned long long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in == NULL || fscanf(in, "%*u %llu", &pages) != 1) {
        perror("bench: /proc/self/statm");
        exit(1);
    }
    fclose(in);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
