// mpsc_memory_test.c: the allocation that fails, at every place in turn: opening a channel, another
// sender, sending, receiving, waiting. What failed left nothing behind.
#include "base/memory.h"

#include "players.h"

TestSuite(mpsc_no_memory, .timeout = 60);

#define PLACES 12 // more allocations than any of these makes

typedef struct attempt {
    act_fn fn;
    ends *ends;
    uint64_t after; // how many allocations succeed first
    tr_err_t err;
} attempt;

static tr_err_t
try_it(tr_self *self, void *arg)
{
    attempt *a = arg;
    tri_memory_fail_after(a->after);
    a->err = a->fn(self, a->ends);
    tri_memory_fail_after(UINT64_MAX);
    return TR_OK;
}

// At every place, by an actor and by a thread. `before` and `after` surround it, with memory.
static void
at_every_place(const tr_mpsc_opts_t *opts, act_fn before, act_fn fn, act_fn after)
{
    for (int way = 0; way < 2; way++) {
        uint64_t failures = 0;
        rt = troupe_begin(1);
        for (uint64_t i = 0; i < PLACES; i++) {
            player p;
            ends e = {.opts = *opts, .timeout = tr_ms(2), .value = 1};
            attempt a = {.fn = fn, .ends = &e, .after = i};
            player_begin(&p, way != 0);
            assert_ok(player_play(&p, before, &e));
            assert_ok(player_play(&p, try_it, &a));
            cr_assert(a.err != TR_OK ? a.err == TR_ENOMEM || a.err == TR_ETIMEOUT : true, "%s",
                      tr_errname(a.err));
            failures += a.err == TR_ENOMEM;
            e.err = a.err;
            assert_ok(player_play(&p, after, &e));
        }
        cr_assert(gt(u64, failures, 0));
        troupe_end(rt);
    }
}

static tr_err_t
nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
close_both(tr_self *self, void *arg)
{
    (void)do_close_tx(self, arg);
    return do_close_rx(self, arg);
}

Test(mpsc_no_memory, to_open_a_channel)
{
    at_every_place(&(tr_mpsc_opts_t){.name = "results"}, nothing, do_open, close_both);
}

// Each opens one more, so that none that has been used can be found.
static tr_err_t
close_nothing(tr_self *self, void *arg)
{
    static ends kept[4 * PLACES];
    static int count;
    if (arg != NULL) {
        kept[count++] = *(ends *)arg;
        return TR_OK;
    }
    while (count > 0) {
        (void)close_both(self, &kept[--count]);
    }
    return TR_OK;
}

Test(mpsc_no_memory, to_open_one_that_drops_the_oldest)
{
    rt = troupe_begin(1);
    uint64_t failures = 0;
    for (uint64_t i = 0; i < PLACES; i++) {
        ends e = {.opts = {.name = "latest", .full = TR_DROP_OLDEST}};
        attempt a = {.fn = do_open, .ends = &e, .after = i};
        (void)try_it(TR_OUTSIDE, &a);
        failures += a.err == TR_ENOMEM;
        cr_assert(a.err == TR_OK || a.err == TR_ENOMEM);
        (void)close_nothing(TR_OUTSIDE, &e);
    }
    cr_assert(gt(u64, failures, 3));
    (void)close_nothing(TR_OUTSIDE, NULL);
    troupe_end(rt);
}

static tr_err_t
join_again(tr_self *self, void *arg)
{
    ends *e = arg;
    tr_mpsc_tx *tx = NULL;
    tr_err_t err = open_sender(self, e->ref, &tx);
    tr_mpsc_tx_close(tx);
    return err;
}

Test(mpsc_no_memory, for_another_sender)
{
    at_every_place(&(tr_mpsc_opts_t){.count = 1}, do_open, join_again, close_both);
}

static tr_err_t
send_lump(tr_self *self, void *arg)
{
    static const char data[6000]; // more than any pool has
    ends *e = arg;
    return tr_mpsc_send(self, e->tx, TR_MSG(lump, .data = tr_bytes(data, sizeof data)), e->timeout);
}

static tr_err_t
expect_as_told(tr_self *self, void *arg)
{
    ends *e = arg;
    cr_expect(tr_mpsc_count(e->rx) == (e->err == TR_OK ? 1 : 0));
    return close_both(self, arg);
}

Test(mpsc_no_memory, to_send)
{
    at_every_place(&(tr_mpsc_opts_t){.count = 1}, do_open, send_lump, expect_as_told);
}

static tr_err_t
open_and_fill(tr_self *self, void *arg)
{
    tr_err_t err = do_open(self, arg);
    return err == TR_OK ? do_send(self, arg) : err;
}

static tr_err_t
expect_one(tr_self *self, void *arg)
{
    ends *e = arg;
    cr_expect(tr_mpsc_count(e->rx) == 1);
    expect_ok(do_recv(self, e));
    expect_ok(do_send(self, e)); // nobody holds the room
    return close_both(self, arg);
}

Test(mpsc_no_memory, to_wait_for_room)
{
    at_every_place(&(tr_mpsc_opts_t){.count = 1}, open_and_fill, send_lump, expect_one);
}

static tr_err_t
expect_none(tr_self *self, void *arg)
{
    ends *e = arg;
    expect_ok(do_send(self, e));
    expect_ok(do_recv(self, e));
    return close_both(self, arg);
}

// An actor's may need a stack, and a thread's a port.
Test(mpsc_no_memory, to_wait_for_a_message)
{
    for (int way = 0; way < 2; way++) {
        for (uint64_t i = 0; i < PLACES; i++) {
            player p;
            rt = troupe_begin(1);
            ends e = {.timeout = tr_ms(2)};
            attempt a = {.fn = do_recv, .ends = &e, .after = i};
            player_begin(&p, way != 0);
            assert_ok(player_play(&p, do_open, &e));
            assert_ok(player_play(&p, try_it, &a));
            cr_assert(a.err == TR_ETIMEOUT || a.err == TR_ENOMEM, "%s", tr_errname(a.err));
            assert_ok(player_play(&p, expect_none, &e));
            troupe_end(rt);
        }
    }
}

Test(mpsc_no_memory, to_wait_for_the_closing)
{
    for (int way = 0; way < 2; way++) {
        for (uint64_t i = 0; i < PLACES; i++) {
            player p;
            rt = troupe_begin(1);
            ends e = {.timeout = tr_ms(2)};
            attempt a = {.fn = do_await_closed, .ends = &e, .after = i};
            player_begin(&p, way != 0);
            assert_ok(player_play(&p, do_open, &e));
            assert_ok(player_play(&p, try_it, &a));
            cr_assert(a.err == TR_ETIMEOUT || a.err == TR_ENOMEM, "%s", tr_errname(a.err));
            assert_ok(player_play(&p, expect_none, &e));
            troupe_end(rt);
        }
    }
}
