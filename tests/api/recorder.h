// recorder.h: an actor that is held in a handler while a test fills its mailbox, and then writes
// down what it gets.
#ifndef TROUPE_TESTS_API_RECORDER_H
#define TROUPE_TESTS_API_RECORDER_H

#include "troupe_test.h"

#define MARK(F, T) F(T, u32, number)
TR_MESSAGE(mark, MARK);
TR_MESSAGE_EMPTY(hold_on);

#define MARKS_MAX 64

// What an actor got, in order; it holds on in its first handler until the test lets it go on.
static struct record {
    uint32_t numbers[MARKS_MAX];
    uint32_t count;
    cue holds;
    cue go_on;
    cue got_all;
    uint32_t wanted;
} record;

static tr_err_t
recorder_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    if (tr_as(hold_on, msg) != NULL) {
        cue_give(&record.holds);
        return cue_take(&record.go_on) ? TR_OK : TR_ETIMEOUT;
    }
    const mark *m = tr_as(mark, msg);
    if (m == NULL) {
        return TR_EUNHANDLED;
    }
    record.numbers[record.count++] = m->number;
    if (record.count == record.wanted) {
        cue_give(&record.got_all);
    }
    return TR_OK;
}

static const tr_behavior_t recorder = {.name = "recorder", .receive = recorder_receive};

static tr_ref_t
hold_recorder(tr_runtime *rt, uint32_t wanted, tr_spawn_opts_t opts)
{
    tr_ref_t ref = TR_REF_NONE;
    record.count = 0;
    record.wanted = wanted;
    cue_init(&record.holds);
    cue_init(&record.go_on);
    cue_init(&record.got_all);
    opts.behavior = &recorder;
    opts.place = TR_PLACE_AT; // the sender, placed first, lives on worker 0 and must go on
    opts.worker = 1;
    assert_ok(tr_runtime_spawn(rt, &opts, &ref));
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(hold_on), TR_FOREVER));
    CUE_AWAIT(&record.holds);
    return ref;
}

#endif
