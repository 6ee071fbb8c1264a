// house.h: one actor under a supervisor, and how its life ends badly.
#ifndef TROUPE_TESTS_ACTORS_HOUSE_H
#define TROUPE_TESTS_ACTORS_HOUSE_H

#include "words.h"

static tr_supervisor_t house = {.name = "house", .child_count = 1};

static inline tr_err_t
open_house(tr_self *self, void *arg)
{
    return tr_supervisor_spawn(self, &house, arg);
}

// A child's address, which all its lives have. `spec` is valid as long as the runtime.
static inline tr_ref_t
child_in_house(tr_runtime *rt, const tr_child_t *spec)
{
    tr_ref_t supervisor;
    const tr_supervisor_child *answer;
    house.children = spec;
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), open_house, &supervisor));
    assert_ok(tr_runtime_call(rt, supervisor, TR_MSG(tr_supervisor_which, .id = tr_str(spec->id)),
                              TR_REPLY(tr_supervisor_child, &answer), tr_seconds(30)));
    tr_ref_t child = answer->child;
    tr_runtime_release(rt, answer);
    return child;
}

static inline tr_err_t
link_and_fail(tr_self *self, void *arg)
{
    tr_err_t err = tr_link(self, *(const tr_ref_t *)arg);
    if (err != TR_OK) {
        return err;
    }
    tr_fail(self, TR_EFAULT, "on purpose");
}

// An actor of any kind fails: one that is tied to it does.
static inline void
end_life_badly(tr_runtime *rt, tr_ref_t who)
{
    assert_err(troupe_act(rt, troupe_puppet(rt, NULL), link_and_fail, &who), TR_ECRASHED);
}

#endif
