// booking.h: those who reserve room in the mailbox of an actor that a test holds.
#ifndef TROUPE_TESTS_API_BOOKING_H
#define TROUPE_TESTS_API_BOOKING_H

#include "family.h"

#define MARK(F, T) F(T, u32, number)
TR_MESSAGE(mark, MARK);

#define MARKS_MAX  256
#define MARK_BYTES (48 + sizeof(mark)) // what a mark takes of a bound in bytes

// The target is a puppet that stands still in a handler, its mailbox as the test fills it, until
// it may go on; then it writes down what it gets. It stands by sleeping, so that what is not a
// message reaches it.
static struct stage {
    parent p;
    tr_ref_t target;
    cue stands;
    _Atomic bool may_go_on;
    uint32_t got[MARKS_MAX];
    _Atomic uint32_t count;
} stage;

static inline tr_err_t
write_down(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    const mark *m = tr_as(mark, msg);
    if (m == NULL && tr_as(lump, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    if (stage.count < MARKS_MAX) {
        stage.got[stage.count] = m != NULL ? m->number : 0;
    }
    stage.count++;
    return TR_OK;
}

static const part writing = {.receive = write_down};

static inline tr_err_t
stand_still(tr_self *self, void *arg)
{
    (void)arg;
    cue_give(&stage.stands);
    tr_err_t err = TR_OK;
    while (!stage.may_go_on && err == TR_OK) {
        err = tr_sleep(self, tr_us(200));
    }
    return TR_OK;
}

static inline tr_ref_t
writer_with(tr_spawn_opts_t opts)
{
    opts.behavior = &puppet;
    opts.arg = &writing;
    opts.arg_size = sizeof writing;
    opts.place = TR_PLACE_AT;
    opts.worker = 1;
    return child_of(&stage.p, &opts);
}

static inline void
stop_it_at(tr_ref_t ref)
{
    stage.may_go_on = false;
    assert_ok(troupe_prompt(stage.p.rt, ref, stand_still, NULL));
    CUE_AWAIT(&stage.stands);
}

// A target with this mailbox, that does not stand still.
static inline void
begin(tr_spawn_opts_t opts)
{
    parent_begin(&stage.p);
    cue_init(&stage.stands);
    stage.target = writer_with(opts);
}

static inline void
begin_still(tr_spawn_opts_t opts)
{
    begin(opts);
    stop_it_at(stage.target);
}

static inline void
go_on(void)
{
    stage.may_go_on = true;
}

static inline void
end(void)
{
    troupe_end(stage.p.rt);
}

// Marks from outside that find room at once.
static inline uint32_t
fill_mailbox(tr_ref_t ref)
{
    uint32_t count = 0;
    tr_err_t err;
    do {
        err = tr_runtime_send(stage.p.rt, ref, TR_MSG(mark, .number = 1000 + count), tr_ms(0));
        count += err == TR_OK;
    } while (err == TR_OK && count < MARKS_MAX);
    cr_assert(err == TR_EFULL || err == TR_ETIMEOUT, "%s", tr_errname(err));
    return count;
}

// So many more marks find room, once room on its way back has arrived, and not one more.
static inline void
expect_room_for(uint32_t count)
{
    uint32_t found = 0;
    TROUPE_EVENTUALLY((found += fill_mailbox(stage.target)) >= count);
    cr_assert(found == count, "room for %u, not for %u", found, count);
    cr_assert(fill_mailbox(stage.target) == 0);
}

static inline bool
so_many_wait(uint32_t count) // beside the target
{
    tr_stats_t stats;
    tr_runtime_stats(stage.p.rt, &stats);
    return stats.stacks == count + 1;
}

// ---- those who reserve

typedef struct booking {
    tr_ref_t owner;
    tr_ref_t to;
    uint32_t places; // as reserved, then what is left as we count it
    size_t size;
    tr_duration_t timeout;
    tr_permit *permit;
    tr_err_t err;
    uint32_t number; // the next mark to send
    size_t lump;
    cue over;
} booking;

static inline tr_err_t
book(tr_self *self, void *arg)
{
    booking *b = arg;
    b->err = tr_reserve_many(self, b->to, b->places, b->size, b->timeout, &b->permit);
    if (b->err == TR_OK) {
        cr_expect(tr_permit_count(b->permit) == b->places);
    } else {
        cr_expect(b->permit == NULL, "written on an error");
    }
    cue_give(&b->over);
    return TR_OK;
}

static inline tr_err_t
spend(tr_self *self, void *arg)
{
    booking *b = arg;
    b->err = tr_permit_send(self, b->permit, TR_MSG(mark, .number = b->number));
    b->number++;
    b->places -= b->err == TR_OK;
    if (b->places > 0) {
        cr_expect(tr_permit_count(b->permit) == b->places);
    }
    return TR_OK;
}

static inline tr_err_t
spend_lump(tr_self *self, void *arg)
{
    static const char much[8192];
    booking *b = arg;
    b->err = tr_permit_send(self, b->permit, TR_MSG(lump, .data = tr_bytes(much, b->lump)));
    b->places -= b->err == TR_OK;
    if (b->places > 0) {
        cr_expect(tr_permit_count(b->permit) == b->places);
    }
    return TR_OK;
}

static inline tr_err_t
send_one_mark(tr_self *self, void *arg)
{
    booking *b = arg;
    b->err = tr_send(self, b->to, TR_MSG(mark, .number = b->number));
    cue_give(&b->over);
    return TR_OK;
}

static inline tr_err_t
give_up(tr_self *self, void *arg)
{
    booking *b = arg;
    tr_permit_release(self, b->permit);
    b->permit = NULL;
    return TR_OK;
}

static inline booking
booking_of(uint32_t places, tr_duration_t timeout)
{
    booking b = {.to = stage.target, .places = places, .size = sizeof(mark), .timeout = timeout};
    b.owner = child_of(&stage.p, PUPPET_WITH(NULL, .place = TR_PLACE_AT));
    b.err = TR_EBUSY;
    return b;
}

static inline tr_err_t
act_on(booking *b, act_fn what)
{
    assert_ok(troupe_act(stage.p.rt, b->owner, what, b));
    return b->err;
}

static inline tr_err_t
try_to_book(booking *b)
{
    cue_init(&b->over);
    return act_on(b, book);
}

// It waits for its room, the `nth` who does.
static inline void
book_and_wait(booking *b, uint32_t nth)
{
    cue_init(&b->over);
    assert_ok(troupe_prompt(stage.p.rt, b->owner, book, b));
    TROUPE_EVENTUALLY(so_many_wait(nth));
}

static inline booking
booked(uint32_t places)
{
    booking b = booking_of(places, tr_ms(0));
    assert_ok(try_to_book(&b));
    return b;
}

static inline void
await_booking(booking *b)
{
    CUE_AWAIT(&b->over);
    assert_ok(troupe_act(stage.p.rt, b->owner, do_nothing, NULL));
}

#endif
