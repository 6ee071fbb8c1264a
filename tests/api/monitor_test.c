// monitor_test.c: exactly one tr_down for each watch, whoever ends first.
#include <pthread.h>

#include "troupe_test.h"

TestSuite(monitor, .timeout = 60);

typedef struct watcher {
    tr_runtime *rt;
    tr_ref_t ref, target;
    tr_monitor_t monitor;
    tr_err_t err;
    _Atomic int downs;
    tr_down last;
    cue down;
} watcher;

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
hear_down(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    watcher *w = arg;
    const tr_down *down = tr_as(tr_down, msg);
    if (down == NULL) {
        return TR_EUNHANDLED;
    }
    w->last = *down;
    w->downs++;
    cue_give(&w->down);
    return TR_OK;
}

static void
watcher_begin(watcher *w, tr_runtime *rt)
{
    *w = (watcher){.rt = rt};
    cue_init(&w->down);
    part role = {.receive = hear_down, .arg = w};
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(&role, .mailbox_count = 1, .place = TR_PLACE_AT),
                               &w->ref));
}

static tr_err_t
do_watch(tr_self *self, void *arg)
{
    watcher *w = arg;
    w->err = tr_monitor(self, w->target, &w->monitor);
    return TR_OK;
}

static tr_err_t
do_unwatch(tr_self *self, void *arg)
{
    watcher *w = arg;
    tr_demonitor(self, w->monitor);
    tr_demonitor(self, w->monitor);
    return TR_OK;
}

static void
watch(watcher *w, tr_ref_t target)
{
    w->target = target;
    assert_ok(troupe_act(w->rt, w->ref, do_watch, w));
    assert_ok(w->err);
}

Test(monitor, of_what_never_was_an_actor_is_einval)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    uint64_t nobody[] = {0, UINT64_C(1) << 32, UINT32_MAX, UINT64_MAX, 999999};
    for (int i = 0; i < 5; i++) {
        w.target.raw = nobody[i];
        assert_ok(troupe_act(rt, w.ref, do_watch, &w));
        assert_err(w.err, TR_EINVAL);
    }
    troupe_end(rt);
}

Test(monitor, of_the_dead_fires_once_with_edead)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    tr_ref_t target = troupe_puppet(rt, NULL);
    assert_err(troupe_act(rt, target, return_eio, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, target));
    watch(&w, target);
    CUE_AWAIT(&w.down);
    assert_err((tr_err_t)w.last.reason, TR_EDEAD);
    cr_assert(tr_ref_equal(w.last.actor, target));
    cr_assert(eq(u64, w.last.monitor, w.monitor.raw));
    assert_ok(troupe_act(rt, w.ref, do_unwatch, &w));
    cr_assert(eq(int, w.downs, 1));
    troupe_end(rt);
}

typedef struct caller {
    tr_runtime *rt;
    cue waits;
    tr_err_t err;
} caller;

static tr_err_t
sleep_forever(tr_self *self, void *arg)
{
    cue_give(arg);
    return tr_sleep(self, TR_FOREVER);
}

static void *
call_and_wait(void *arg)
{
    caller *c = arg;
    tr_ref_t to = TR_REF_NONE;
    c->err = tr_runtime_spawn(c->rt, PUPPET(NULL), &to);
    if (c->err == TR_OK) {
        c->err = tr_runtime_call(c->rt, to, ACT_MSG(sleep_forever, &c->waits), TR_REPLY_NONE,
                                 TR_FOREVER);
    }
    return NULL;
}

Test(monitor, of_the_dead_is_not_confused_by_what_has_its_slot_now)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    tr_ref_t old[24];
    for (int i = 0; i < 24; i++) {
        old[i] = troupe_puppet(rt, NULL);
    }
    for (int i = 0; i < 24; i++) {
        assert_err(troupe_act(rt, old[i], return_eio, NULL), TR_ECRASHED);
    }
    tr_stats_t s;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.actors == 2));
    // Actors move into some of the slots. Threads outside, who have addresses too, must not.
    pthread_t threads[8];
    caller c[8];
    for (int i = 0; i < 8; i++) {
        c[i] = (caller){.rt = rt};
        cue_init(&c[i].waits);
        pthread_create(&threads[i], NULL, call_and_wait, &c[i]);
    }
    for (int i = 0; i < 8; i++) {
        CUE_AWAIT(&c[i].waits);
    }
    for (int i = 0; i < 24; i++) {
        watch(&w, old[i]);
        CUE_AWAIT(&w.down);
        assert_err((tr_err_t)w.last.reason, TR_EDEAD);
        cr_assert(tr_ref_equal(w.last.actor, old[i]));
    }
    cr_assert(eq(int, w.downs, 24));
    tr_runtime_kill(rt);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_err(c[i].err, TR_EDEAD);
    }
    troupe_end(rt);
}

Test(monitor, fires_once_with_the_reason_each_also_when_the_mailbox_is_full)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    tr_ref_t target = troupe_puppet(rt, NULL);
    for (int i = 0; i < 5; i++) {
        watch(&w, target); // the mailbox has room for one message
    }
    assert_err(troupe_act(rt, target, return_eio, NULL), TR_ECRASHED);
    for (int i = 0; i < 5; i++) {
        CUE_AWAIT(&w.down);
    }
    assert_ok(troupe_act(rt, w.ref, do_nothing, NULL));
    cr_assert(eq(int, w.downs, 5));
    assert_err((tr_err_t)w.last.reason, TR_EIO);
    target = troupe_puppet(rt, NULL);
    watch(&w, target);
    assert_ok(troupe_act(rt, target, leave, NULL));
    CUE_AWAIT(&w.down);
    assert_ok((tr_err_t)w.last.reason);
    troupe_end(rt);
}

Test(monitor, of_oneself_ends_with_oneself)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    watch(&w, w.ref);
    assert_ok(troupe_act(rt, w.ref, leave, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, w.ref));
    cr_assert(eq(int, w.downs, 0));
    troupe_end(rt);
}

Test(monitor, that_was_ended_does_not_fire)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    tr_ref_t target = troupe_puppet(rt, NULL);
    watch(&w, target);
    assert_ok(troupe_act(rt, w.ref, do_unwatch, &w));
    assert_err(troupe_act(rt, target, return_eio, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, target));
    assert_ok(troupe_act(rt, w.ref, do_nothing, NULL));
    cr_assert(eq(int, w.downs, 0));
    troupe_end(rt);
}

// ---- looking once

typedef struct look {
    tr_ref_t at;
    bool has_ended;
} look;

static tr_err_t
do_look(tr_self *self, void *arg)
{
    look *l = arg;
    l->has_ended = tr_has_ended(self, l->at);
    return TR_OK;
}

static bool
has_ended(watcher *w, tr_ref_t at)
{
    look l = {.at = at};
    assert_ok(troupe_act(w->rt, w->ref, do_look, &l));
    return l.has_ended;
}

Test(monitor, has_ended_is_true_of_nobody_and_of_the_dead)
{
    tr_runtime *rt = troupe_begin(2);
    watcher w;
    watcher_begin(&w, rt);
    tr_ref_t target = troupe_puppet(rt, NULL);
    cr_assert(has_ended(&w, TR_REF_NONE));
    cr_assert(has_ended(&w, (tr_ref_t){UINT64_MAX}));
    cr_assert(has_ended(&w, w.ref) == false);
    cr_assert(has_ended(&w, target) == false);
    watch(&w, target);
    assert_ok(troupe_act(rt, target, leave, NULL));
    CUE_AWAIT(&w.down);
    cr_assert(has_ended(&w, target), "who has been told of the end sees it");
    troupe_end(rt);
}

Test(monitor, has_ended_is_true_of_a_channel_that_was_closed)
{
    tr_runtime *rt = troupe_begin(1);
    watcher w;
    watcher_begin(&w, rt);
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    assert_ok(tr_runtime_mpsc_create(rt, &(tr_mpsc_opts_t){.name = "c"}, &tx, &rx));
    tr_ref_t ref = tr_mpsc_ref(tx);
    cr_assert(has_ended(&w, ref) == false);
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    cr_assert(has_ended(&w, ref));
    troupe_end(rt);
}

typedef struct keeper {
    tr_ref_t child;
    bool was_ended, is_ended;
    cue decided;
} keeper;

static tr_err_t
keep_one(tr_self *self, void *arg)
{
    keeper *k = arg;
    return tr_spawn(self, PUPPET_WITH(NULL, .after_exit = TR_AFTER_EXIT_HOLD), &k->child);
}

static tr_err_t
look_and_give_up(tr_self *self, void *arg, const tr_message *msg)
{
    keeper *k = arg;
    if (tr_as(tr_child_exit, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    k->was_ended = tr_has_ended(self, k->child);
    tr_err_t err = tr_discard(self, k->child);
    tr_monitor_t monitor;
    const tr_message *down;
    err = err == TR_OK ? tr_monitor(self, k->child, &monitor) : err;
    err = err == TR_OK ? tr_receive(self, TR_TYPES(tr_down), &down, tr_seconds(10)) : err;
    k->is_ended = tr_has_ended(self, k->child);
    cue_give(&k->decided);
    return err;
}

Test(monitor, has_ended_is_false_of_one_that_is_held_until_it_is_given_up)
{
    tr_runtime *rt = troupe_begin(2);
    keeper k = {.child = TR_REF_NONE};
    cue_init(&k.decided);
    part role = {.receive = look_and_give_up, .arg = &k};
    tr_ref_t parent = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, parent, keep_one, &k));
    assert_err(troupe_act(rt, k.child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&k.decided);
    cr_assert(k.was_ended == false);
    cr_assert(k.is_ended);
    troupe_end(rt);
}

// ---- races: a leak, a second down or a use after free is what AddressSanitizer finds here

typedef struct race {
    tr_ref_t target;
    watcher *watcher;
    int with;
} race;

static tr_err_t
watch_and_unwatch_while_it_ends(tr_self *self, void *arg)
{
    race *r = arg;
    tr_monitor_t monitor[8];
    for (int i = 0; i < 8; i++) {
        expect_ok(tr_monitor(self, r->target, &monitor[i]));
    }
    expect_ok(tr_send(self, r->target, ACT_MSG(return_eio, NULL)));
    for (int i = 0; i < 8; i++) {
        expect_ok(tr_monitor(self, r->target, &monitor[i]));
        tr_demonitor(self, monitor[i]);
        expect_ok(tr_yield(self));
    }
    for (int i = 0; i < 8; i += 2) {
        tr_demonitor(self, monitor[i]);
    }
    if (r->with == 1) {
        tr_fail(self, TR_EIO, "with watches open");
    }
    if (r->with == 2) {
        return tr_kill(self, tr_self_ref(self));
    }
    return TR_OK;
}

Test(monitor, ended_while_its_target_ends_or_with_its_watcher_leaves_nothing)
{
    tr_runtime *rt = troupe_begin(3);
    static watcher w[60];
    static race r[60];
    for (int i = 0; i < 60; i++) {
        watcher_begin(&w[i], rt);
        tr_ref_t target;
        assert_ok(tr_runtime_spawn(
            rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = (uint32_t)i % 3), &target));
        r[i] = (race){.target = target, .watcher = &w[i], .with = i % 3};
        assert_ok(troupe_prompt(rt, w[i].ref, watch_and_unwatch_while_it_ends, &r[i]));
    }
    for (int i = 0; i < 60; i += 3) {
        assert_ok(troupe_act(rt, w[i].ref, do_nothing, NULL));
        for (int k = 0; k < 8; k++) {
            CUE_AWAIT(&w[i].down);
        }
        assert_ok(troupe_act(rt, w[i].ref, do_nothing, NULL));
        cr_assert(eq(int, w[i].downs, 8), "watcher %d", i);
    }
    troupe_end(rt);
}

static tr_err_t
watch_each_other(tr_self *self, void *arg)
{
    race *r = arg;
    tr_monitor_t monitor;
    expect_ok(tr_monitor(self, r->target, &monitor));
    return TR_OK;
}

Test(monitor, of_two_that_end_at_once_leaves_nothing)
{
    tr_runtime *rt = troupe_begin(2);
    for (int i = 0; i < 40; i++) {
        watcher a;
        watcher b;
        watcher_begin(&a, rt);
        part role = {.receive = hear_down, .arg = &b};
        b = (watcher){.rt = rt};
        cue_init(&b.down);
        assert_ok(
            tr_runtime_spawn(rt, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1), &b.ref));
        race to_b = {.target = b.ref};
        race to_a = {.target = a.ref};
        assert_ok(troupe_act(rt, a.ref, watch_each_other, &to_b));
        assert_ok(troupe_act(rt, b.ref, watch_each_other, &to_a));
        assert_ok(troupe_prompt(rt, a.ref, leave, NULL));
        assert_ok(troupe_prompt(rt, b.ref, return_eio, NULL));
        TROUPE_EVENTUALLY(troupe_is_gone(rt, a.ref) && troupe_is_gone(rt, b.ref));
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.actors == 1));
        cr_assert(le(int, a.downs, 1));
        cr_assert(le(int, b.downs, 1));
    }
    troupe_end(rt);
}
