// overload.c: a server that is asked for three times of what it can do, with and without shedding.
//
// An open-loop client sends requests at a fixed rate, whatever becomes of them; an answer counts
// when it is there within 100 ms. With deadlines the server begins no request that has expired;
// without, it serves each in turn, until it only serves those that nobody waits for any more.
//
//     bench_overload [--seconds N] [--service-us N] [--json] [--svg FILE]
#include "bench.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 100, LOADS = 7, SECONDS_MAX = 60 };
static const double loads[LOADS] = {0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0};

#define ASK(F, T) F(T, i64, sent_ns)
TR_MESSAGE(ask, ASK);
TR_MESSAGE_EMPTY(answer);
TR_MESSAGE_EMPTY(tick);
#define LOAD(F, T) F(T, ref, server) F(T, f64, per_ms) F(T, u32, seconds) F(T, bool, has_deadline)
TR_MESSAGE(load, LOAD);
#define OUTCOME(F, T) F(T, u64, sent) F(T, u64, good) F(T, u64, late)
TR_MESSAGE(outcome, OUTCOME);

// ---- the server

static tr_err_t
serve(tr_self *self, void *state, const tr_message *msg)
{
    const int64_t *service_ns = state;
    if (tr_as(ask, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    for (int64_t until_ns = bench_now_ns() + *service_ns; bench_now_ns() < until_ns;) {
    }
    return tr_reply(self, TR_MSG(answer));
}

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    memcpy(state, arg, sizeof(int64_t));
    return TR_OK;
}

static const tr_behavior_t server = {
    .name = "server", .state_size = sizeof(int64_t), .start = start, .receive = serve};

// ---- the client

typedef struct client {
    load l;
    tr_token *done;
    int64_t begun_ns; // the first request; rates are kept by the clock, not by the ticks
    uint64_t sent, good, late;
} client;

static tr_err_t
count(tr_self *self, void *state, tr_err_t err, const tr_message *msg, void *arg)
{
    (void)msg;
    client *c = state;
    int64_t sent_ns = (int64_t)(intptr_t)arg;
    bool is_good = err == TR_OK && tr_now_ns(self) - sent_ns <= PATIENCE_MS * INT64_C(1000000);
    c->good += is_good;
    c->late += !is_good;
    return TR_OK;
}

static tr_err_t
send_some(tr_self *self, client *c)
{
    double elapsed_ms = (double)(tr_now_ns(self) - c->begun_ns) / 1e6;
    while ((double)c->sent < elapsed_ms * c->l.per_ms) {
        int64_t now_ns = tr_now_ns(self);
        tr_duration_t timeout = c->l.has_deadline ? tr_ms(PATIENCE_MS) : TR_FOREVER;
        tr_err_t err = tr_call_then(self, c->l.server, TR_MSG(ask, .sent_ns = now_ns), timeout,
                                    count, (void *)(intptr_t)now_ns);
        if (err != TR_OK) {
            return err;
        }
        c->sent++;
    }
    return TR_OK;
}

static tr_err_t
generate(tr_self *self, void *state, const tr_message *msg)
{
    client *c = state;
    if (tr_as(load, msg) != NULL) {
        *c = (client){.l = *tr_as(load, msg), .begun_ns = tr_now_ns(self)};
        tr_err_t err = tr_defer(self, &c->done);
        return err != TR_OK ? err : tr_send_after(self, tr_ms(1), TR_MSG(tick), NULL);
    }
    if (tr_as(tick, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    int64_t end_ns = c->begun_ns + c->l.seconds * INT64_C(1000000000);
    if (tr_now_ns(self) < end_ns + 2 * PATIENCE_MS * INT64_C(1000000)) {
        tr_err_t err = tr_now_ns(self) < end_ns ? send_some(self, c) : TR_OK;
        return err != TR_OK ? err : tr_send_after(self, tr_ms(1), TR_MSG(tick), NULL);
    }
    return tr_token_reply(self, c->done,
                          TR_MSG(outcome, .sent = c->sent, .good = c->good, .late = c->late));
}

static const tr_behavior_t generator = {
    .name = "client", .state_size = sizeof(client), .receive = generate};

// ---- the measurement

typedef struct point {
    double offered, goodput; // of the capacity
} point;

static point
measure(double of_capacity, bool has_deadline, int64_t service_ns, uint32_t seconds)
{
    tr_runtime *rt = bench_begin(2);
    tr_ref_t s = TR_REF_NONE;
    tr_ref_t c = TR_REF_NONE;
    // A mailbox that holds all of it: what is measured is shedding and not the bound.
    bench_must(tr_runtime_spawn(rt,
                                &(tr_spawn_opts_t){.behavior = &server,
                                                   .arg = &service_ns,
                                                   .arg_size = sizeof service_ns,
                                                   .mailbox_count = 4000000,
                                                   .mailbox_bytes = (uint64_t)1 << 32,
                                                   .place = TR_PLACE_AT,
                                                   .worker = 1,
                                                   .shutdown_ms = TR_SHUTDOWN_KILL},
                                &s),
               "server");
    bench_must(tr_runtime_spawn(rt,
                                &(tr_spawn_opts_t){.behavior = &generator,
                                                   .place = TR_PLACE_AT,
                                                   .shutdown_ms = TR_SHUTDOWN_KILL},
                                &c),
               "client");
    double capacity_per_ms = 1e6 / (double)service_ns;
    const outcome *o;
    bench_must(tr_runtime_call(rt, c,
                               TR_MSG(load, .server = s, .per_ms = of_capacity * capacity_per_ms,
                                      .seconds = seconds, .has_deadline = has_deadline),
                               TR_REPLY(outcome, &o), tr_seconds(SECONDS_MAX + 60)),
               "load");
    double capacity = capacity_per_ms * 1000 * seconds;
    point p = {.offered = (double)o->sent / capacity, .goodput = (double)o->good / capacity};
    tr_runtime_release(rt, o);
    bench_end(rt);
    return p;
}

// ---- the picture

static double
x_of(double offered)
{
    return 60 + offered / 3.2 * 420;
}

static double
y_of(double goodput)
{
    return 230 - goodput / 1.2 * 200;
}

static void
draw_line(FILE *out, const point *points, const char *color, const char *text, double text_y)
{
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", color);
    for (int i = 0; i < LOADS; i++) {
        fprintf(out, "%.1f,%.1f ", x_of(points[i].offered), y_of(points[i].goodput));
    }
    fprintf(out, "\"/>\n<text x=\"360\" y=\"%.0f\" fill=\"%s\">%s</text>\n", text_y, color, text);
}

static void
draw(const char *path, const point *shed, const point *not_shed)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 520 280\" "
                 "font-family=\"sans-serif\" font-size=\"12\">\n"
                 "<rect width=\"520\" height=\"280\" fill=\"white\"/>\n");
    for (int i = 0; i <= 5; i++) {
        double y = y_of(i * 0.2);
        fprintf(out,
                "<line x1=\"60\" x2=\"480\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
                "<text x=\"52\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>\n",
                y, y, y + 4, i * 20);
    }
    for (int i = 0; i <= 3; i++) {
        fprintf(out, "<text x=\"%.1f\" y=\"248\" text-anchor=\"middle\">%d×</text>\n",
                x_of((double)i), i);
    }
    fprintf(out,
            "<text x=\"270\" y=\"268\" text-anchor=\"middle\">offered load, of the capacity"
            "</text>\n<text x=\"60\" y=\"20\">answered within 100 ms, of the capacity</text>\n");
    draw_line(out, shed, "#0a7d4f", "with deadlines", 78);
    draw_line(out, not_shed, "#b3261e", "without", 215);
    fprintf(out, "</svg>\n");
    if (fclose(out) != 0) {
        perror(path);
        exit(1);
    }
}

static long
number(const char *text, const char *what, long max)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || value < 1 || value > max) {
        fprintf(stderr, "bench_overload: %s takes a number from 1 to %ld, not '%s'\n", what, max,
                text);
        exit(2);
    }
    return value;
}

int
main(int argc, char **argv)
{
    uint32_t seconds = 5;
    int64_t service_ns = 200000;
    bool json = false;
    const char *svg = NULL;
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--seconds") == 0 && has_value) {
            seconds = (uint32_t)number(argv[++i], "--seconds", SECONDS_MAX);
        } else if (strcmp(argv[i], "--service-us") == 0 && has_value) {
            service_ns = number(argv[++i], "--service-us", 1000000) * 1000;
        } else if (strcmp(argv[i], "--svg") == 0 && has_value) {
            svg = argv[++i];
        } else {
            fprintf(stderr,
                    "bench_overload: unknown argument, or one without its value: '%s'\n"
                    "usage: bench_overload [--seconds N] [--service-us N] [--json] "
                    "[--svg FILE]\n",
                    argv[i]);
            return 2;
        }
    }
    point shed[LOADS];
    point not_shed[LOADS];
    for (int i = 0; i < LOADS; i++) {
        shed[i] = measure(loads[i], true, service_ns, seconds);
        not_shed[i] = measure(loads[i], false, service_ns, seconds);
        printf(json ? "{\"bench\":\"overload\",\"service_us\":%.0f,\"offered\":%.2f,"
                      "\"goodput\":%.3f,\"goodput_without_deadlines\":%.3f}\n"
                    : "%5.0f us  offered %.2f  goodput %.3f  without deadlines %.3f\n",
               (double)service_ns / 1e3, shed[i].offered, shed[i].goodput, not_shed[i].goodput);
        fflush(stdout);
    }
    if (svg != NULL) {
        draw(svg, shed, not_shed);
    }
    return 0;
}
