// registry_memory_test.c: the allocation that fails, at every place in turn. Who asks hears of it,
// and asks again; the registry is as it should be.
#include "base/memory.h"

#include "names.h"

TestSuite(registry_memory, .timeout = 60);

#define PLACES     400u // more allocations than all of it makes
#define MANY_NAMES 20   // more than the first buckets

static uint32_t failures; // of one pass

// TR_ENOMEM when the request or its work had none, TR_ENOREPLY when the answer had. `again` is what
// it may say then when it had been carried out all the same.
#define TRY(expression, expected, again)                                                           \
    do {                                                                                           \
        tr_err_t tried_ = (expression);                                                            \
        tr_err_t wanted_ = (expected);                                                             \
        if (tried_ == TR_ENOMEM || tried_ == TR_ENOREPLY) {                                        \
            failures++;                                                                            \
            wanted_ = tried_ == TR_ENOREPLY ? (again) : wanted_;                                   \
            tried_ = (expression);                                                                 \
        }                                                                                          \
        assert_err(tried_, wanted_);                                                               \
    } while (0)

static void
begin(void)
{
    tr_registry_opts_t opts = {.max_names = MANY_NAMES, .max_waiters = 1, .max_watched = 1};
    TRY(tr_runtime_spawn(rt,
                         &(tr_spawn_opts_t){.behavior = &tr_registry_behavior,
                                            .arg = &opts,
                                            .arg_size = sizeof opts},
                         &names),
        TR_OK, TR_OK);
}

static void
register_many(tr_ref_t a)
{
    char name[8];
    for (int i = 0; i < MANY_NAMES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        TRY(reg(name, a), TR_OK, TR_OK);
    }
}

static void
unregister_many(tr_ref_t a)
{
    char name[8];
    for (int i = 0; i < MANY_NAMES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        TRY(unreg(name, a), TR_OK, TR_ENOTFOUND);
    }
}

// A reader that has missed a change for want of memory is closed.
static void
expect_shown_or_closed(tr_watch_rx *rx, tr_ref_t actor)
{
    const tr_message *shown;
    tr_err_t err = tr_watch_await_change(TR_OUTSIDE, rx, tr_ms(0));
    while (err == TR_ENOMEM) {
        err = tr_watch_await_change(TR_OUTSIDE, rx, tr_ms(0));
    }
    if (err == TR_ECLOSED) {
        failures++; // nobody else has heard of this one
        return;
    }
    assert_ok(tr_watch_get(TR_OUTSIDE, rx, &shown));
    cr_assert(tr_ref_equal(tr_as(tr_registry_owner, shown)->actor, actor));
    tr_runtime_release(rt, shown);
}

static void
use(tr_ref_t a, tr_ref_t b)
{
    tr_ref_t found;
    tr_watch_rx *rx = NULL;
    const tr_registry_page *page;
    register_many(a);
    TRY(tr_runtime_registry_await(rt, names, TR_STR("none"), tr_ms(1), &found), TR_ETIMEOUT,
        TR_ETIMEOUT);
    TRY(tr_runtime_registry_watch(rt, names, TR_STR("n0"), SOON, &rx), TR_OK, TR_OK);
    TRY(tr_runtime_registry_names(rt, names, TR_STR("n"), TR_STR(""), 100, SOON, &page), TR_OK,
        TR_OK);
    cr_assert(eq(sz, page->entries.count, MANY_NAMES));
    tr_runtime_release(rt, page);
    TRY(take("n0", b, NULL), TR_OK, TR_OK);
    tri_memory_fail_after(UINT64_MAX);
    EXPECT_OWNER("n0", b);
    expect_shown_or_closed(rx, b);
    tr_watch_rx_close(rx);
    assert_ok(reg("n1", a));
    assert_ok(take("n0", a, NULL));
}

// As good as new.
static void
expect_sound(tr_ref_t a)
{
    tr_ref_t found;
    tr_watch_rx *rx;
    unregister_many(a);
    register_many(a);
    assert_err(reg("more", a), TR_ELIMIT);
    assert_ok(tr_runtime_registry_watch(rt, names, TR_STR("w"), SOON, &rx));
    tr_watch_rx_close(rx);
    assert_err(tr_runtime_registry_await(rt, names, TR_STR("x"), tr_ms(1), &found), TR_ETIMEOUT);
    assert_err(tr_runtime_registry_await(rt, names, TR_STR("y"), tr_ms(1), &found), TR_ETIMEOUT);
    unregister_many(a);
}

Test(registry_memory, that_is_not_there_is_said_and_leaves_the_registry_as_it_was)
{
    uint32_t places = 0;
    for (uint64_t after = 0; after < PLACES; after++) {
        rt = troupe_begin(1);
        tr_ref_t a = troupe_puppet(rt, NULL);
        tr_ref_t b = troupe_puppet(rt, NULL);
        failures = 0;
        tri_memory_fail_after(after);
        begin();
        use(a, b);
        expect_sound(a);
        places += failures > 0;
        troupe_end(rt);
    }
    cr_assert(places > MANY_NAMES, "%u", places);
    cr_assert(eq(u32, failures, 0), "the last fault lay beyond it");
}
