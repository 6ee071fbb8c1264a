// registry_wait_test.c: names that are waited for and watched, and those who stop doing so.
#include "names.h"

TestSuite(registry_wait, .timeout = 60);

static tr_err_t
await(const char *name, tr_duration_t timeout, tr_ref_t *out)
{
    return tr_runtime_registry_await(rt, names, tr_str(name), timeout, out);
}

static tr_err_t
watch(const char *name, tr_watch_rx **out)
{
    return tr_runtime_registry_watch(rt, names, tr_str(name), SOON, out);
}

// Asked by an actor that waits as long as it takes. Written by its handler.
typedef struct visitor_t {
    tr_ref_t ref;
    const char *name;
    tr_ref_t found;
    tr_err_t err;
    cue waits; // or has the watch
    cue over;
} visitor_t;

static void
visitor_begin(visitor_t *v, const char *name)
{
    *v = (visitor_t){.name = name, .ref = troupe_puppet(rt, NULL)};
    cue_init(&v->waits);
    cue_init(&v->over);
}

// What is asked after it has said that it waits comes after its request.
static tr_err_t
visit_and_wait(tr_self *self, void *arg)
{
    visitor_t *v = arg;
    const tr_registry_owner *owner;
    tr_future *future =
        tr_call_begin(self, names, TR_MSG(tr_registry_wait, .name = tr_str(v->name)), TR_FOREVER);
    cue_give(&v->waits);
    v->err = tr_future_await(self, future, TR_REPLY(tr_registry_owner, &owner));
    if (v->err == TR_OK) {
        v->found = owner->actor;
    }
    cue_give(&v->over);
    return TR_OK;
}

static tr_err_t
visit_and_watch(tr_self *self, void *arg)
{
    visitor_t *v = arg;
    tr_watch_rx *rx;
    v->err = tr_registry_watch(self, names, tr_str(v->name), SOON, &rx);
    cue_give(&v->waits);
    return v->err == TR_OK ? tr_sleep(self, TR_FOREVER) : TR_OK;
}

static void
begin_to_wait(visitor_t *v)
{
    assert_ok(troupe_prompt(rt, v->ref, visit_and_wait, v));
    CUE_AWAIT(&v->waits);
}

static tr_err_t
kill_child(tr_self *self, void *arg)
{
    return tr_kill(self, *(tr_ref_t *)arg);
}

// ---- waiting

Test(registry_wait, that_nobody_ends_gives_up_and_leaves_its_room_to_another)
{
    tr_ref_t found = TR_REF_NONE;
    names_begin(2, (tr_registry_opts_t){.max_waiters = 1});
    for (int i = 0; i < 20; i++) {
        assert_err(await("store", tr_ms(1), &found), TR_ETIMEOUT);
    }
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(reg("store", a));
    assert_ok(await("store", SOON, &found));
    cr_assert(tr_ref_equal(found, a));
    troupe_end(rt);
}

Test(registry_wait, is_refused_when_too_many_wait_already)
{
    visitor_t v;
    tr_ref_t found;
    names_begin(2, (tr_registry_opts_t){.max_waiters = 1});
    visitor_begin(&v, "store");
    begin_to_wait(&v);
    assert_err(await("other", SOON, &found), TR_ELIMIT);
    assert_err(await("store", SOON, &found), TR_ELIMIT);
    assert_ok(reg("other", v.ref));
    assert_ok(await("other", SOON, &found)); // that is there already: it takes no room
    assert_ok(reg("store", names));
    CUE_AWAIT(&v.over);
    assert_ok(v.err);
    cr_assert(tr_ref_equal(v.found, names));
    assert_err(await("third", tr_ms(1), &found), TR_ETIMEOUT); // there is room again
    troupe_end(rt);
}

typedef struct family_t {
    visitor_t *child;
    tr_ref_t ref;
} family_t;

static tr_err_t
have_visitor(tr_self *self, void *arg)
{
    family_t *f = arg;
    return tr_spawn(self, PUPPET(NULL), &f->child->ref);
}

// A visitor that is a child of f->ref, so that this can kill it.
static void
family_begin(family_t *f, visitor_t *v, const char *name)
{
    visitor_begin(v, name);
    *f = (family_t){.child = v, .ref = troupe_puppet(rt, NULL)};
    assert_ok(troupe_act(rt, f->ref, have_visitor, f));
}

Test(registry_wait, of_one_that_is_killed_leaves_its_room_to_another)
{
    visitor_t v;
    family_t f;
    tr_ref_t found;
    names_begin(2, (tr_registry_opts_t){.max_waiters = 1});
    family_begin(&f, &v, "store");
    begin_to_wait(&v);
    assert_err(await("other", SOON, &found), TR_ELIMIT);
    assert_ok(troupe_act(rt, f.ref, kill_child, &v.ref));
    TROUPE_EVENTUALLY(await("other", tr_ms(1), &found) == TR_ETIMEOUT);
    assert_ok(reg("store", names));
    troupe_end(rt);
}

// Begun and given up in two acts.
static tr_err_t
begin_call(tr_self *self, void *arg)
{
    tr_future **future = arg;
    *future =
        tr_call_begin(self, names, TR_MSG(tr_registry_wait, .name = TR_STR("store")), TR_FOREVER);
    return TR_OK;
}

static tr_err_t
cancel_call(tr_self *self, void *arg)
{
    tr_future **future = arg;
    tr_future_cancel(self, *future);
    return TR_OK;
}

static void
begin_call_by(tr_ref_t actor, tr_future **future)
{
    assert_ok(troupe_act(rt, actor, begin_call, future));
    EXPECT_NOBODY("store"); // asked later: so the registry has that request
}

// The late answer that a sweep gives is what can be seen of it.
Test(registry_wait, that_was_given_up_is_forgotten_without_anybody_asking)
{
    tr_future *futures[3];
    names_begin(2, (tr_registry_opts_t){.max_waiters = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    for (int i = 0; i < 3; i++) {
        begin_call_by(a, &futures[i]);
    }
    assert_ok(troupe_act(rt, a, cancel_call, &futures[0]));
    assert_ok(troupe_act(rt, a, cancel_call, &futures[1]));
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == 2);
    assert_ok(troupe_act(rt, a, cancel_call, &futures[2])); // it was still wanted then
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == 3);
    begin_call_by(a, &futures[0]); // sweeps had come to an end
    assert_ok(troupe_act(rt, a, cancel_call, &futures[0]));
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == 4);
    troupe_end(rt);
}

Test(registry_wait, survives_the_end_of_an_owner_that_nobody_has_heard_of)
{
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t b = troupe_puppet(rt, NULL);
    for (int i = 0; i < 50; i++) {
        visitor_t v;
        visitor_begin(&v, "store");
        tr_ref_t a = troupe_puppet(rt, NULL);
        assert_ok(reg("store", a));
        end_actor(a);
        begin_to_wait(&v);
        assert_ok(reg("store", b));
        CUE_AWAIT(&v.over);
        assert_ok(v.err);
        cr_assert(tr_ref_equal(v.found, b));
        assert_ok(unreg("store", b));
    }
    troupe_end(rt);
}

#define CROWD 6

typedef struct crowd_t {
    size_t order[CROWD];
    tr_ref_t found[CROWD];
    cue wait;
    cue over;
} crowd_t;

// Each of them asks after the one before has been taken in: they come from one actor.
static tr_err_t
wait_as_a_crowd(tr_self *self, void *arg)
{
    crowd_t *crowd = arg;
    tr_set *set;
    tr_err_t err = tr_set_create(self, CROWD, &set);
    for (size_t i = 0; err == TR_OK && i < CROWD; i++) {
        err = tr_set_call(self, set, names, TR_MSG(tr_registry_wait, .name = TR_STR("store")),
                          TR_FOREVER);
    }
    cue_give(&crowd->wait);
    for (size_t i = 0; err == TR_OK && i < CROWD; i++) {
        tr_future *done;
        const tr_registry_owner *owner;
        err = tr_set_next(self, set, &done, &crowd->order[i]);
        if (err == TR_OK) {
            err = tr_future_await(self, done, TR_REPLY(tr_registry_owner, &owner));
        }
        if (err == TR_OK) {
            crowd->found[i] = owner->actor;
        }
    }
    cue_give(&crowd->over);
    return err;
}

Test(registry_wait, ends_for_all_at_once_in_the_order_in_which_they_came)
{
    static crowd_t crowd;
    tr_ref_t found;
    names_begin(2, (tr_registry_opts_t){.max_waiters = CROWD});
    cue_init(&crowd.wait);
    cue_init(&crowd.over);
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), wait_as_a_crowd, &crowd));
    CUE_AWAIT(&crowd.wait);
    assert_err(await("other", SOON, &found), TR_ELIMIT);
    assert_ok(reg("store", names));
    CUE_AWAIT(&crowd.over);
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert(eq(sz, crowd.order[i], i));
        cr_assert(tr_ref_equal(crowd.found[i], names));
    }
    troupe_end(rt);
}

Test(registry_wait, ends_with_the_registry)
{
    visitor_t v;
    tr_ref_t found;
    names_begin(2, (tr_registry_opts_t){.max_waiters = 1});
    visitor_begin(&v, "store");
    begin_to_wait(&v);
    assert_err(await("other", SOON, &found), TR_ELIMIT);
    assert_err(troupe_act(rt, troupe_puppet(rt, NULL), link_and_fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&v.over);
    assert_err(v.err, TR_ECRASHED);
    troupe_end(rt);
}

// ---- watching

// What the reader shows, once it has changed.
static void
expect_next(tr_watch_rx *rx, tr_ref_t actor)
{
    const tr_message *now;
    assert_ok(tr_watch_await_change(TR_OUTSIDE, rx, SOON));
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &now));
    cr_assert(tr_ref_equal(tr_as(tr_registry_owner, now)->actor, actor));
    tr_runtime_release(rt, now);
}

static void
expect_now(tr_watch_rx *rx, tr_ref_t actor)
{
    const tr_message *now;
    cr_assert(tr_watch_has_changed(rx) == false);
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &now));
    cr_assert(tr_ref_equal(tr_as(tr_registry_owner, now)->actor, actor));
    tr_runtime_release(rt, now);
}

Test(registry_wait, watch_shows_who_has_a_name_whatever_becomes_of_it)
{
    tr_watch_rx *rx;
    tr_watch_rx *late;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    assert_ok(watch("store", &rx));
    expect_now(rx, TR_REF_NONE);
    assert_ok(reg("store", a));
    expect_next(rx, a);
    assert_ok(reg("store", a));
    assert_err(unreg("store", b), TR_ENOTFOUND);
    expect_now(rx, a); // nothing has changed
    assert_ok(watch("store", &late));
    expect_now(late, a);
    assert_ok(take("store", b, NULL));
    expect_next(rx, b);
    expect_next(late, b);
    assert_ok(unreg("store", b));
    expect_next(rx, TR_REF_NONE);
    tr_watch_rx_close(late);
    assert_ok(reg("store", a));
    expect_next(rx, a);
    end_actor(a);
    expect_next(rx, TR_REF_NONE);
    expect_now(rx, TR_REF_NONE);
    tr_watch_rx_close(rx);
    troupe_end(rt);
}

Test(registry_wait, watch_that_is_closed_leaves_its_room_to_another)
{
    tr_watch_rx *rx[3];
    names_begin(2, (tr_registry_opts_t){.max_watched = 1});
    assert_ok(watch("store", &rx[0]));
    assert_err(watch("other", &rx[2]), TR_ELIMIT);
    assert_ok(watch("store", &rx[1])); // of the same name any number
    tr_watch_rx_close(rx[0]);
    assert_err(watch("other", &rx[2]), TR_ELIMIT);
    tr_watch_rx_close(rx[1]);
    assert_ok(watch("other", &rx[2]));
    assert_err(watch("store", &rx[0]), TR_ELIMIT);
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(reg("store", a));
    assert_ok(reg("other", a));
    expect_next(rx[2], a);
    tr_watch_rx_close(rx[2]);
    troupe_end(rt);
}

Test(registry_wait, watch_of_one_that_is_killed_leaves_its_room_to_another)
{
    visitor_t v;
    family_t f;
    tr_watch_rx *rx;
    names_begin(2, (tr_registry_opts_t){.max_watched = 1});
    family_begin(&f, &v, "store");
    assert_ok(troupe_prompt(rt, v.ref, visit_and_watch, &v));
    CUE_AWAIT(&v.waits);
    assert_ok(v.err);
    assert_err(watch("other", &rx), TR_ELIMIT);
    assert_ok(troupe_act(rt, f.ref, kill_child, &v.ref));
    TROUPE_EVENTUALLY(watch("other", &rx) == TR_OK);
    tr_watch_rx_close(rx);
    troupe_end(rt);
}

// An answer that its caller does not wait for any more has the reader in it.
Test(registry_wait, watch_whose_asker_has_given_up_leaves_its_room_to_another)
{
    tr_watch_rx *rx;
    names_begin(2, (tr_registry_opts_t){.max_watched = 1});
    for (int i = 0; i < 100; i++) {
        tr_err_t err = tr_runtime_registry_watch(rt, names, TR_STR("store"), tr_us(i), &rx);
        if (err == TR_OK) {
            tr_watch_rx_close(rx);
        }
    }
    TROUPE_EVENTUALLY(watch("other", &rx) == TR_OK);
    tr_watch_rx_close(rx);
    troupe_end(rt);
}

Test(registry_wait, watch_outlives_all_sweeps_while_it_is_read)
{
    tr_watch_rx *rx;
    tr_future *future;
    names_begin(2, (tr_registry_opts_t){.max_watched = 1});
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(watch("store", &rx));
    begin_call_by(a, &future);
    assert_ok(troupe_act(rt, a, cancel_call, &future));
    TROUPE_EVENTUALLY(troupe_ledger(rt).returned == 1); // a sweep has come by
    assert_ok(reg("store", names));
    expect_next(rx, names);
    tr_watch_rx_close(rx);
    troupe_end(rt);
}
