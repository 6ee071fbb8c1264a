// link_test.c: two lives tied together end together, unless the end is in order.
#include "troupe_test.h"

TestSuite(link, .timeout = 60);

// One of two that are linked: how it ended, told by its own stop handler.
struct peer {
    tr_ref_t ref;
    tr_ref_t other;
    tr_err_t err;
    tr_err_t reason;
    cue begun; // its long sleep
    cue ended;
};

static void
note_end(tr_self *self, void *arg, tr_err_t reason)
{
    (void)self;
    struct peer *p = arg;
    p->reason = reason;
    cue_give(&p->ended);
}

static void
peer_begin(tr_runtime *rt, struct peer *p, uint32_t worker)
{
    *p = (struct peer){.err = TR_OK};
    cue_init(&p->begun);
    cue_init(&p->ended);
    part role = {.stop = note_end, .arg = p};
    assert_ok(
        tr_runtime_spawn(rt, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = worker), &p->ref));
}

static tr_err_t
do_link(tr_self *self, void *arg)
{
    struct peer *p = arg;
    p->err = tr_link(self, p->other);
    return TR_OK;
}

static tr_err_t
do_unlink(tr_self *self, void *arg)
{
    struct peer *p = arg;
    tr_unlink(self, p->other);
    return TR_OK;
}

static tr_err_t
fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EIO, "on purpose");
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
sleep_long(tr_self *self, void *arg)
{
    struct peer *p = arg;
    cue_give(&p->begun);
    p->err = tr_sleep(self, tr_seconds(60));
    return p->err;
}

// Two peers on two workers, `a` linked to `b`. A call to b makes sure that it knows.
static tr_runtime *
begin(struct peer *a, struct peer *b)
{
    tr_runtime *rt = troupe_begin(2);
    peer_begin(rt, a, 0);
    peer_begin(rt, b, 1);
    a->other = b->ref;
    assert_ok(troupe_act(rt, a->ref, do_link, a));
    assert_ok(a->err);
    assert_ok(troupe_act(rt, b->ref, do_nothing, NULL));
    return rt;
}

Test(link, to_oneself_or_to_nobody_is_einval)
{
    tr_runtime *rt = troupe_begin(1);
    struct peer a;
    peer_begin(rt, &a, 0);
    a.other = a.ref;
    assert_ok(troupe_act(rt, a.ref, do_link, &a));
    assert_err(a.err, TR_EINVAL);
    a.other = TR_REF_NONE;
    assert_ok(troupe_act(rt, a.ref, do_link, &a));
    assert_err(a.err, TR_EINVAL);
    troupe_end(rt);
}

Test(link, to_one_that_has_ended_ends_the_linker)
{
    tr_runtime *rt = troupe_begin(2);
    struct peer a;
    struct peer b;
    peer_begin(rt, &a, 0);
    peer_begin(rt, &b, 1);
    a.other = b.ref;
    (void)!troupe_act(rt, b.ref, leave, NULL);
    CUE_AWAIT(&b.ended);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, b.ref));
    assert_ok(troupe_prompt(rt, a.ref, do_link, &a));
    CUE_AWAIT(&a.ended);
    assert_err(a.reason, TR_ELINKED);
    troupe_end(rt);
}

Test(link, a_failure_of_the_linked_ends_the_linker)
{
    struct peer a;
    struct peer b;
    tr_runtime *rt = begin(&a, &b);
    assert_err(troupe_act(rt, b.ref, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&a.ended);
    assert_err(b.reason, TR_EIO);
    assert_err(a.reason, TR_ELINKED);
    troupe_end(rt);
}

Test(link, a_failure_of_the_linker_ends_the_linked)
{
    struct peer a;
    struct peer b;
    tr_runtime *rt = begin(&a, &b);
    assert_err(troupe_act(rt, a.ref, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&b.ended);
    assert_err(b.reason, TR_ELINKED);
    troupe_end(rt);
}

Test(link, a_wait_of_the_linked_is_canceled_when_its_peer_fails)
{
    struct peer a;
    struct peer b;
    tr_runtime *rt = begin(&a, &b);
    assert_ok(troupe_prompt(rt, b.ref, sleep_long, &b));
    CUE_AWAIT(&b.begun);
    assert_err(troupe_act(rt, a.ref, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&b.ended);
    assert_err(b.err, TR_ECANCELED);
    assert_err(b.reason, TR_ELINKED);
    troupe_end(rt);
}

Test(link, an_orderly_end_unties)
{
    struct peer a;
    struct peer b;
    tr_runtime *rt = begin(&a, &b);
    (void)!troupe_act(rt, a.ref, leave, NULL);
    CUE_AWAIT(&a.ended);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, a.ref));
    assert_ok(troupe_act(rt, b.ref, do_nothing, NULL));
    troupe_end(rt);
    assert_ok(b.reason);
}

Test(link, an_untied_failure_is_no_concern)
{
    struct peer a;
    struct peer b;
    tr_runtime *rt = begin(&a, &b);
    assert_ok(troupe_act(rt, a.ref, do_unlink, &a));
    assert_ok(troupe_act(rt, b.ref, do_nothing, NULL)); // UNWATCH is there before this
    assert_err(troupe_act(rt, a.ref, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&a.ended);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, a.ref));
    assert_ok(troupe_act(rt, b.ref, do_nothing, NULL));
    troupe_end(rt);
    assert_ok(b.reason);
}

Test(link, a_ring_of_links_goes_down_whole)
{
    enum { RING = 50 };
    static struct peer ring[RING];
    tr_runtime *rt = troupe_begin(2);
    for (uint32_t i = 0; i < RING; i++) {
        peer_begin(rt, &ring[i], i % 2);
    }
    for (uint32_t i = 0; i < RING; i++) {
        ring[i].other = ring[(i + 1) % RING].ref;
        assert_ok(troupe_act(rt, ring[i].ref, do_link, &ring[i]));
        assert_ok(ring[i].err);
    }
    assert_err(troupe_act(rt, ring[7].ref, fail, NULL), TR_ECRASHED);
    for (uint32_t i = 0; i < RING; i++) {
        CUE_AWAIT(&ring[i].ended);
        assert_err(ring[i].reason, i == 7 ? TR_EIO : TR_ELINKED);
    }
    troupe_end(rt);
}

// A supervised peer is restarted; the link belonged to the life that ended.
static tr_err_t
fail_life(tr_self *self, void *arg)
{
    struct peer *p = arg;
    if (tr_self_incarnation(self) == 1) {
        tr_err_t err = tr_link(self, p->other);
        return err != TR_OK ? err : TR_EIO;
    }
    return TR_OK;
}

static tr_err_t
hold_and_restart(tr_self *self, void *arg, const tr_message *msg)
{
    struct peer *p = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    p->err = tr_restart(self, exit->child);
    cue_give(&p->ended);
    return TR_OK;
}

static tr_err_t
spawn_held(tr_self *self, void *arg)
{
    struct peer *p = arg;
    part role = {.arg = p};
    return tr_spawn(self, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD), &p->ref);
}

Test(link, belongs_to_the_life_and_not_to_the_next_one)
{
    tr_runtime *rt = troupe_begin(2);
    struct peer held = {.err = TR_OK};
    struct peer other;
    cue_init(&held.ended);
    peer_begin(rt, &other, 1);
    held.other = other.ref;
    part role = {.receive = hold_and_restart, .arg = &held};
    tr_ref_t parent = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, PUPPET(&role), &parent));
    assert_ok(troupe_act(rt, parent, spawn_held, &held));
    assert_err(troupe_act(rt, held.ref, fail_life, &held), TR_ECRASHED);
    CUE_AWAIT(&other.ended); // the failure of that life, though the actor is held and lives again
    assert_err(other.reason, TR_ELINKED);
    CUE_AWAIT(&held.ended);
    assert_ok(held.err);
    assert_ok(troupe_act(rt, held.ref, fail_life, &held));
    troupe_end(rt);
}
