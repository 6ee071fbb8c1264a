// names.h: a registry, actors to be named, and what a thread outside asks about them.
#ifndef TROUPE_TESTS_ACTORS_NAMES_H
#define TROUPE_TESTS_ACTORS_NAMES_H

#include "troupe_test.h"

#define SOON tr_seconds(TROUPE_PATIENCE_S)

static tr_runtime *rt; // of the test
static tr_ref_t names; // the registry

static inline void
names_begin(uint32_t workers, tr_registry_opts_t opts)
{
    rt = troupe_begin(workers);
    assert_ok(tr_runtime_spawn(rt,
                               &(tr_spawn_opts_t){.behavior = &tr_registry_behavior,
                                                  .arg = &opts,
                                                  .arg_size = sizeof opts},
                               &names));
}

// ---- asked by the test's thread

static inline tr_err_t
reg(const char *name, tr_ref_t actor)
{
    return tr_runtime_registry_register(rt, names, tr_str(name), actor, SOON);
}

static inline tr_err_t
unreg(const char *name, tr_ref_t actor)
{
    return tr_runtime_registry_unregister(rt, names, tr_str(name), actor, SOON);
}

static inline tr_err_t
take(const char *name, tr_ref_t actor, tr_ref_t *former)
{
    return tr_runtime_registry_take_over(rt, names, tr_str(name), actor, SOON, former);
}

static inline tr_err_t
look_up(const char *name, tr_ref_t *out)
{
    return tr_runtime_registry_lookup(rt, names, tr_str(name), SOON, out);
}

#define EXPECT_OWNER(name, actor)                                                                  \
    do {                                                                                           \
        tr_ref_t found_ = TR_REF_NONE;                                                             \
        assert_ok(look_up((name), &found_));                                                       \
        cr_assert(tr_ref_equal(found_, (actor)), "%s is not whose it should be", (name));          \
    } while (0)

#define EXPECT_NOBODY(name)                                                                        \
    do {                                                                                           \
        tr_ref_t found_;                                                                           \
        assert_err(look_up((name), &found_), TR_ENOTFOUND);                                        \
    } while (0)

// ---- ends

static inline tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static inline tr_err_t
fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

// What the registry ends by, with TR_ELINKED.
static inline tr_err_t
link_and_fail(tr_self *self, void *arg)
{
    expect_ok(tr_link(self, names));
    return fail(self, arg);
}

// Its address has ended when this returns; whether the registry has heard of it nobody knows.
static inline void
end_actor(tr_ref_t actor)
{
    assert_ok(troupe_act(rt, actor, leave, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, actor));
}

#endif
