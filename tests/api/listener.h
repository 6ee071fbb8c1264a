// listener.h: an actor that is held in a handler while a test fills its mailbox, and then takes out
// what the test wants.
#ifndef TROUPE_TESTS_API_LISTENER_H
#define TROUPE_TESTS_API_LISTENER_H

#include "family.h"

#define MARK(F, T) F(T, u32, number)
TR_MESSAGE(mark, MARK);
TR_MESSAGE(note, MARK);

#define GOT_MAX 64

// One listener: its handler is held until the test has filled the mailbox, then runs `then`.
static struct stage {
    parent p;
    tr_ref_t listener;
    act_fn then;
    cue holds, go_on, over;
    tr_err_t err, second;  // of what `then` did
    uint32_t got[GOT_MAX]; // taken by tr_receive
    _Atomic uint32_t got_count;
    uint32_t left[GOT_MAX]; // that came to the handler
    _Atomic uint32_t left_count;
    _Atomic uint32_t exits, downs; // that came to the handler
} stage;

static inline tr_err_t
record_rest(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    const mark *m = tr_as(mark, msg);
    m = m != NULL ? m : (const mark *)tr_as(note, msg);
    if (m != NULL) {
        stage.left[stage.left_count] = m->number;
        stage.left_count++;
        return TR_OK;
    }
    stage.exits += tr_as(tr_child_exit, msg) != NULL;
    stage.downs += tr_as(tr_down, msg) != NULL;
    return tr_as(tr_child_exit, msg) != NULL || tr_as(tr_down, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static inline void
begin_with(tr_spawn_opts_t opts, const part *role)
{
    parent_begin(&stage.p);
    cue_init(&stage.holds);
    cue_init(&stage.go_on);
    cue_init(&stage.over);
    opts.behavior = &puppet;
    opts.place = TR_PLACE_AT;
    opts.worker = 1; // that may be held
    opts.arg = role;
    opts.arg_size = sizeof *role;
    stage.listener = child_of(&stage.p, &opts);
}

static const part recording = {.receive = record_rest};

static inline void
begin(tr_spawn_opts_t opts)
{
    begin_with(opts, &recording);
}

static inline void
end(void)
{
    troupe_end(stage.p.rt);
}

static inline tr_err_t
be_held(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&stage.holds);
    cr_expect(cue_take(&stage.go_on));
    tr_err_t verdict = stage.then(self, NULL);
    cue_give(&stage.over);
    return verdict;
}

static inline void
stand_by(act_fn then)
{
    stage.then = then;
    assert_ok(troupe_prompt(stage.p.rt, stage.listener, be_held, NULL));
    CUE_AWAIT(&stage.holds);
}

static inline void
let_go(void)
{
    cue_give(&stage.go_on);
}

// All that was in the mailbox has been received.
static inline void
settle(void)
{
    assert_ok(troupe_act(stage.p.rt, stage.listener, do_nothing, NULL));
}

static inline void
send_mark(uint32_t n)
{
    assert_ok(tr_runtime_send(stage.p.rt, stage.listener, TR_MSG(mark, .number = n), TR_FOREVER));
}

static inline void
send_note(uint32_t n)
{
    assert_ok(tr_runtime_send(stage.p.rt, stage.listener, TR_MSG(note, .number = n), TR_FOREVER));
}

static inline bool
is_row(const uint32_t *row, uint32_t count, const uint32_t *expected, uint32_t expected_count)
{
    return count == expected_count && memcmp(row, expected, count * sizeof *row) == 0;
}

#define EXPECT_GOT(...)                                                                            \
    cr_expect(is_row(stage.got, stage.got_count, (uint32_t[]){__VA_ARGS__},                        \
                     sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)),                        \
              "got %u: %u %u %u …", stage.got_count, stage.got[0], stage.got[1], stage.got[2])
#define EXPECT_LEFT(...)                                                                           \
    cr_expect(is_row(stage.left, stage.left_count, (uint32_t[]){__VA_ARGS__},                      \
                     sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)),                        \
              "left %u: %u %u %u …", stage.left_count, stage.left[0], stage.left[1],               \
              stage.left[2])

static inline uint32_t
number_of(const tr_message *msg)
{
    return ((const mark *)tr_message_value(msg))->number;
}

static inline void
write_down(const tr_message *msg)
{
    stage.got[stage.got_count] = number_of(msg);
    stage.got_count++;
}

// All marks that are there.
static inline tr_err_t
take_marks(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    while ((stage.err = tr_receive(self, TR_TYPES(mark), &msg, tr_ms(0))) == TR_OK) {
        write_down(msg);
    }
    return TR_OK;
}

// One mark, waiting for it.
static inline tr_err_t
await_mark(tr_self *self, void *arg)
{
    (void)arg;
    const tr_message *msg;
    stage.err = tr_receive(self, TR_TYPES(mark), &msg, TR_FOREVER);
    if (stage.err == TR_OK) {
        write_down(msg);
    }
    return TR_OK;
}

static inline tr_err_t
await_own_timer(tr_self *self, void *arg)
{
    expect_ok(tr_send_after(self, tr_ms(5), TR_MSG(note, .number = 101), NULL));
    expect_ok(tr_send_after(self, tr_ms(10), TR_MSG(mark, .number = 1), NULL));
    return await_mark(self, arg);
}

// The listener's handler is suspended.
static inline bool
listener_waits(void)
{
    tr_stats_t stats;
    tr_runtime_stats(stage.p.rt, &stats);
    return stats.stacks == 1;
}

static inline void
stand_by_until_it_waits(act_fn then)
{
    stand_by(then);
    let_go();
    TROUPE_EVENTUALLY(listener_waits());
}

// So many callers wait for the listener, which is held.
static inline bool
callers_wait(uint32_t count)
{
    tr_stats_t stats;
    tr_runtime_stats(stage.p.rt, &stats);
    return stats.stacks == count && stats.ledger.queued == count;
}

#endif
