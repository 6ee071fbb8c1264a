// poll_test.c: timers and I/O get their turn however busy the actors are.
#include "troupe_test.h"

TestSuite(poll, .timeout = 60);

#define BUSY 64

typedef struct office {
    _Atomic int runs_after_due; // handlers that ran between the timer's time and its message
    int64_t due_ns;
    _Atomic bool is_armed, has_fired;
    cue fired;
} office;

static office o;

// Works half a millisecond, looking at the clock all the time, and finds work again at once.
static tr_err_t
be_busy(tr_self *self, void *arg)
{
    (void)arg;
    int64_t begin = tr_now_ns(self);
    if (o.is_armed && !o.has_fired && begin > o.due_ns + 1000000) {
        o.runs_after_due++;
    }
    while (tr_now_ns(self) - begin < 500000) {
    }
    return o.has_fired ? TR_OK : tr_send(self, tr_self_ref(self), ACT_MSG(be_busy, NULL));
}

static tr_err_t
note_timer(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    if (tr_as(number, msg) != NULL) {
        o.has_fired = true;
        cue_give(&o.fired);
    }
    return TR_OK;
}

static tr_err_t
arm(tr_self *self, void *arg)
{
    (void)arg;
    o.due_ns = tr_now_ns(self) + 5000000;
    o.is_armed = true;
    return tr_send_after(self, tr_ms(5), TR_MSG(number, .value = 1), NULL);
}

Test(poll, happens_in_time_also_when_handlers_look_at_the_clock)
{
    tr_runtime *rt = troupe_begin(1);
    cue_init(&o.fired);
    tr_ref_t clerk = troupe_puppet(rt, &(part){.receive = note_timer});
    tr_ref_t busy[BUSY];
    for (int i = 0; i < BUSY; i++) {
        busy[i] = troupe_puppet(rt, NULL);
    }
    for (int i = 0; i < BUSY; i++) {
        assert_ok(troupe_prompt(rt, busy[i], be_busy, NULL));
    }
    assert_ok(troupe_prompt(rt, clerk, arm, NULL));
    CUE_AWAIT(&o.fired);
    // At most eight turns of a millisecond pass between two looks at the clock, and a round of all
    // actors once the message is there: their handlers are counted until it is read.
    cr_assert(lt(int, o.runs_after_due, 8 * 3 + BUSY * 3));
    fprintf(stderr, "%d handlers ran meanwhile\n", o.runs_after_due);
    troupe_end(rt);
}
