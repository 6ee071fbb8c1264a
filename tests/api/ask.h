// ask.h: a call made inside a puppet, and how it went.
#ifndef TROUPE_TESTS_ASK_H
#define TROUPE_TESTS_ASK_H

#include "troupe_test.h"

// A call made inside an actor: what to ask, and how it went.
typedef struct question {
    tr_ref_t to;
    act_fn fn; // NULL: a number, which a puppet without a part does not handle
    void *arg;
    tr_duration_t timeout;
    const tr_type_t *expect;
    tr_err_t err;
    cue *begun; // given just before the call
} question;

static inline tr_err_t
ask(tr_self *self, void *arg)
{
    question *q = arg;
    const void *answer = NULL;
    if (q->begun != NULL) {
        cue_give(q->begun);
    }
    if (q->fn == NULL) {
        q->err = tr_call(self, q->to, TR_MSG(number, .value = 7), q->expect,
                         q->expect != NULL ? &answer : NULL, q->timeout);
    } else {
        q->err = tr_call(self, q->to, ACT_MSG(q->fn, q->arg), q->expect,
                         q->expect != NULL ? &answer : NULL, q->timeout);
    }
    return TR_OK;
}

static inline tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static inline tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static inline tr_err_t
fail_with_text(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EIO, "on purpose");
}

static inline tr_ref_t
puppet_at(tr_runtime *rt, uint32_t worker, const part *p)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(p, .place = TR_PLACE_AT, .worker = worker), &ref));
    return ref;
}

// Ask from a puppet of its own on worker 0, where the root is too. A test that holds a worker's
// thread holds the other one.
static inline tr_err_t
ask_from_puppet(tr_runtime *rt, question *q)
{
    if (q->timeout.ns == 0) {
        q->timeout = tr_seconds(20);
    }
    tr_ref_t caller = puppet_at(rt, 0, NULL);
    q->err = TR_EBUSY;
    assert_ok(troupe_act(rt, caller, ask, q));
    return q->err;
}

#endif
