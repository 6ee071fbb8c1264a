// interval.c: a lighthouse that flashes ten times a second, and its keeper who is sometimes busy.
//
//     build/examples/patterns/interval
//
// An interval has a rhythm of its own: ticks are due one period apart however long the work between
// them takes, so errors do not add up as they do where one sleeps for a period after each. What is
// to become of ticks that were missed is its policy. TR_TICK_SKIP leaves them out and keeps the
// rhythm, and each tick says how many they were.
//
// Prints:
//     4 flashes, and some left out
//     together they make up the time: yes
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define PERIOD_MS 100
#define TALK_MS   180

TR_MESSAGE_EMPTY(keep_watch);

static tr_err_t
flash(tr_self *self, tr_interval *beat, int64_t since_ns)
{
    uint64_t flashes = 0;
    uint64_t left_out = 0;
    for (;;) {
        uint64_t missed;
        tr_err_t err = tr_interval_tick(self, beat, TR_FOREVER, &missed);
        if (err != TR_OK) {
            return err;
        }
        left_out += missed;
        if (++flashes == 4) {
            break;
        }
        err = tr_sleep(self, tr_ms(TALK_MS)); // somebody has come up the stairs
        if (err != TR_OK) {
            return err;
        }
    }
    uint64_t periods = (uint64_t)(tr_now_ns(self) - since_ns) / (PERIOD_MS * 1000000);
    printf("%" PRIu64 " flashes, and %s left out\n", flashes, left_out == 0 ? "none" : "some");
    printf("together they make up the time: %s\n", flashes + left_out == periods ? "yes" : "no");
    return TR_OK;
}

static tr_err_t
keeper_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_interval *beat;
    if (tr_as(keep_watch, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    int64_t since_ns = tr_now_ns(self);
    tr_err_t err = tr_interval_create(self, tr_ms(PERIOD_MS), TR_TICK_SKIP, &beat);
    if (err == TR_OK) {
        err = flash(self, beat, since_ns);
        tr_interval_destroy(self, beat);
    }
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t keeper = {.name = "keeper", .receive = keeper_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &keeper}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(keep_watch), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
