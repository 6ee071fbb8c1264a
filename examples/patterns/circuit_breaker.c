// circuit_breaker.c: a telegraph office that knows when its line is down, and tries it now and
// then.
//
//     build/examples/patterns/circuit_breaker
//
// tr_circuit_behavior stands in front of an actor and takes its mail: same messages, same answers.
// When calls fail too often it opens, and says TR_EDOWN at once for a while: who calls need not
// wait for a timeout each time, and the one behind is left in peace to recover. Then one call goes
// through on trial; when it succeeds, all do again.
//
// Prints:
//     first: STOP
//     the line is cut: TR_ENOREPLY TR_ENOREPLY TR_ENOREPLY
//     and now at once: TR_EDOWN, the line was asked 4 times
//     repaired: STOP
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <troupe/troupe.h>

#define WORDS(F, T) F(T, str, text)
#define CUT(F, T)   F(T, bool, is_cut)
#define ASKED(F, T) F(T, u32, times)
TR_MESSAGE(telegram, WORDS);
TR_MESSAGE(cut, CUT);
TR_MESSAGE(asked, ASKED);
TR_MESSAGE_EMPTY(how_often);

struct line {
    bool is_cut;
    uint32_t times;
};

static tr_err_t
line_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct line *l = state;
    const cut *c = tr_as(cut, msg);
    if (c != NULL) {
        l->is_cut = c->is_cut;
        return tr_reply(self, TR_MSG(tr_done));
    }
    if (tr_as(how_often, msg) != NULL) {
        return tr_reply(self, TR_MSG(asked, .times = l->times));
    }
    if (tr_as(telegram, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    l->times++;
    return l->is_cut ? TR_OK : tr_reply(self, TR_MSG(telegram, .text = TR_STR("STOP")));
}

static const tr_behavior_t line = {
    .name = "line", .state_size = sizeof(struct line), .receive = line_receive};

static tr_err_t
wire(tr_runtime *rt, tr_ref_t office)
{
    return tr_runtime_call(rt, office, TR_MSG(telegram, .text = TR_STR("ARRIVED WELL")),
                           TR_REPLY_NONE, tr_seconds(5));
}

static tr_err_t
play(tr_runtime *rt, tr_ref_t behind, tr_ref_t office)
{
    const asked *a;
    printf("first: %s\n", wire(rt, office) == TR_OK ? "STOP" : "nothing");
    tr_err_t err =
        tr_runtime_call(rt, behind, TR_MSG(cut, .is_cut = true), TR_REPLY_NONE, tr_seconds(5));
    printf("the line is cut:");
    for (int i = 0; i < 3 && err == TR_OK; i++) {
        printf(" %s", tr_errname(wire(rt, office)));
    }
    tr_err_t refused = wire(rt, office);
    err = tr_runtime_call(rt, behind, TR_MSG(how_often), TR_REPLY(asked, &a), tr_seconds(5));
    if (err != TR_OK) {
        return err;
    }
    printf("\nand now at once: %s, the line was asked %" PRIu32 " times\n", tr_errname(refused),
           a->times);
    tr_runtime_release(rt, a);
    err = tr_runtime_call(rt, behind, TR_MSG(cut, .is_cut = false), TR_REPLY_NONE, tr_seconds(5));
    while (err == TR_OK && (err = wire(rt, office)) == TR_EDOWN) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); // until the office tries again
        err = TR_OK;
    }
    printf("repaired: %s\n", err == TR_OK ? "STOP" : tr_errname(err));
    return err;
}

// What it says of its changes does not belong here.
static void
say_nothing(tr_log_level_t level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t office;
    tr_circuit_opts_t opts = {.failures_in_row = 3, .open_ms = 500};
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.log = say_nothing}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &line}, &opts.target);
    }
    if (err == TR_OK) {
        tr_spawn_opts_t spawn = {
            .behavior = &tr_circuit_behavior, .arg = &opts, .arg_size = sizeof opts};
        err = tr_runtime_spawn(rt, &spawn, &office);
    }
    err = err == TR_OK ? play(rt, opts.target, office) : err;
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
