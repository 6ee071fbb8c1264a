// lives.h: a child that counts its lives and keeps what it hears; 13 is its end.
#ifndef TROUPE_TESTS_LIVES_H
#define TROUPE_TESTS_LIVES_H

#include "family.h"

#define HOLD_OPTS(p) PUPPET_WITH(p, .after_exit = TR_AFTER_EXIT_HOLD, .mailbox_count = 4)

typedef struct numbers {
    uint64_t seen[16];
    _Atomic int count;
    uint32_t incarnation;
    tr_err_t start_error; // of the next start
    int starts;
} numbers;

static inline tr_err_t
start_counting(tr_self *self, void *arg)
{
    numbers *n = arg;
    n->starts++;
    n->incarnation = tr_self_incarnation(self);
    return n->start_error;
}

static inline tr_err_t
take_number(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    numbers *n = arg;
    const number *one = tr_as(number, msg);
    if (one == NULL) {
        return TR_EUNHANDLED;
    }
    int at = n->count;
    n->seen[at % 16] = one->value;
    n->count = at + 1;
    return one->value == 13 ? TR_EIO : TR_OK;
}

static inline tr_err_t
send_number(parent *p, tr_ref_t to, uint64_t value)
{
    return tr_runtime_send(p->rt, to, TR_MSG(number, .value = value), tr_seconds(20));
}

static inline tr_err_t
do_hold(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_hold(self, d->child);
    return TR_OK;
}

static inline tr_err_t
do_refuse(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_refuse(self, d->child);
    return TR_OK;
}

#endif
