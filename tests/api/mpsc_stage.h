// mpsc_stage.h: the channel that is played with beside its model, and what a thread and a puppet
// may do to it.
#ifndef TROUPE_TESTS_API_MPSC_STAGE_H
#define TROUPE_TESTS_API_MPSC_STAGE_H

#include "mpsc_model.h"
#include "troupe_test.h"

#define ITEM(F, T) F(T, u32, number) F(T, bytes, data)
TR_MESSAGE(item, ITEM);
#define CRATE(F, T) F(T, u32, number) F(T, local(tr_mpsc_tx), tx)
TR_MESSAGE(crate, CRATE);
#define LETTER(F, T) F(T, local(tr_mpsc_rx), rx)
TR_MESSAGE(letter, LETTER);
#define HEADER       48 // what a message takes beside its value
#define ITEM_CHARGE  (HEADER + (uint32_t)sizeof(item))
#define CRATE_CHARGE (HEADER + (uint32_t)sizeof(crate))

#define THREAD 0
#define ACTOR  1

static bool has_puppet; // of the property that is played

static struct stage {
    tr_runtime *rt;
    tr_ref_t puppet;
    tr_ref_t ref;
    tr_mpsc_tx *tx[MODEL_ENDS]; // of THREAD and ACTOR in turn
    bool is_old[MODEL_ENDS];    // of a channel before this one
    tr_mpsc_rx *rx;             // NULL: closed or on its way
    int holder;
    bool is_on_its_way;
    tr_mpsc_tx *post_tx;
    tr_mpsc_rx *post_rx;
    tr_permit *permit;
    uint32_t places;
    bool is_permit_old;
    uint32_t numbers;
    tr_ledger_t before, overhead;
    tr_ledger_t earlier; // of the models of the channels before this one
} stage;

static model expected;
static const char data[256];

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define DIFFERS(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

static bool
same_err(trouble t, const char *what, tr_err_t got, tr_err_t wanted)
{
    return got == wanted || DIFFERS(t, "%s: %s, not %s", what, tr_errname(got), tr_errname(wanted));
}

// ---- who does it

typedef struct deed {
    tr_err_t (*fn)(tr_self *self, struct deed *d);
    tr_mpsc_tx *tx;
    const tr_type_t *type;
    const void *value;
    tr_duration_t timeout;
    const tr_message *msg;
    uint32_t number;
    uint32_t which;
    bool takes;
    bool had_end;
    tr_err_t err;
} deed;

static tr_err_t
do_deed(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = d->fn(self, d);
    return TR_OK;
}

static tr_err_t
by(int who, deed *d)
{
    if (!has_puppet || who == THREAD) {
        return d->fn(TR_OUTSIDE, d);
    }
    stage.overhead.accepted += 2;
    stage.overhead.handled += 2;
    assert_ok(troupe_act(stage.rt, stage.puppet, do_deed, d));
    return d->err;
}

static tr_err_t
nothing(tr_self *self, deed *d)
{
    (void)self;
    (void)d;
    return TR_OK;
}

// The puppet has seen to its channel.
static void
settle(void)
{
    if (has_puppet && stage.holder == ACTOR) {
        (void)by(ACTOR, &(deed){.fn = nothing});
    }
}

static int
owner_of(uint32_t end)
{
    return has_puppet ? (int)(end % 2) : THREAD;
}

// ---- deeds

static tr_err_t
deed_send(tr_self *self, deed *d)
{
    return tr_mpsc_send(self, d->tx, d->type, d->value, d->timeout);
}

static tr_err_t
deed_recv(tr_self *self, deed *d)
{
    const tr_message *msg;
    tr_err_t err = tr_mpsc_recv(self, stage.rx, &msg, d->timeout);
    if (err != TR_OK) {
        return err;
    }
    const crate *c = tr_as(crate, msg);
    const item *i = tr_as(item, msg);
    d->number = c != NULL ? c->number : i != NULL ? i->number : 0;
    d->had_end = c != NULL;
    if (c != NULL && d->takes) {
        d->tx = tr_take(self, msg, crate, tx);
    }
    if (self != TR_OUTSIDE) {
        tr_release(self, msg);
    } else {
        tr_runtime_release(stage.rt, msg);
    }
    return TR_OK;
}

static tr_err_t
deed_close_tx(tr_self *self, deed *d)
{
    (void)self;
    tr_mpsc_tx_close(d->tx);
    return TR_OK;
}

static tr_err_t
deed_join(tr_self *self, deed *d)
{
    return self != TR_OUTSIDE ? tr_mpsc_tx_open(self, stage.ref, &d->tx)
                              : tr_runtime_mpsc_tx_open(stage.rt, stage.ref, &d->tx);
}

static tr_err_t
deed_shut(tr_self *self, deed *d)
{
    (void)self;
    (void)d;
    tr_mpsc_shut(stage.rx);
    return TR_OK;
}

static tr_err_t
deed_close_rx(tr_self *self, deed *d)
{
    (void)self;
    (void)d;
    tr_mpsc_rx_close(stage.rx);
    return TR_OK;
}

static tr_err_t
deed_move_rx(tr_self *self, deed *d)
{
    (void)d;
    return self != TR_OUTSIDE
               ? tr_send(self, tr_mpsc_ref(stage.post_tx), TR_MSG(letter, .rx = stage.rx))
               : tr_mpsc_send(self, stage.post_tx, TR_MSG(letter, .rx = stage.rx), tr_ms(0));
}

static tr_err_t
deed_high(tr_self *self, deed *d)
{
    return tr_send_high(self, stage.ref, d->type, d->value);
}

static tr_err_t
deed_reserve(tr_self *self, deed *d)
{
    return tr_reserve_many(self, stage.ref, d->which, sizeof(item), d->timeout, &stage.permit);
}

static tr_err_t
deed_permit_send(tr_self *self, deed *d)
{
    return tr_permit_send(self, stage.permit, d->type, d->value);
}

static tr_err_t
deed_permit_release(tr_self *self, deed *d)
{
    (void)d;
    tr_permit_release(self, stage.permit);
    return TR_OK;
}

#endif
