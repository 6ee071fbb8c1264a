// siblings_test.c: the order of children, which is that of their ends in reverse.
#include "family.h"

TestSuite(siblings, .timeout = 60);

static char order[64]; // of ends

static void
note_end(tr_self *self, void *arg, tr_err_t reason)
{
    (void)self;
    (void)reason;
    strncat(order, arg, sizeof order - strlen(order) - 1);
}

typedef struct birth {
    part role;
    tr_ref_t before, ref;
    tr_err_t err;
} birth;

static tr_err_t
bear(tr_self *self, void *arg)
{
    birth *b = arg;
    b->err = tr_spawn(self, PUPPET_WITH(&b->role, .before = b->before), &b->ref);
    return TR_OK;
}

static birth
begin(const char *name, tr_ref_t before)
{
    return (birth){.role = {.stop = note_end, .arg = (void *)(uintptr_t)name}, .before = before};
}

static tr_err_t
born(tr_runtime *rt, tr_ref_t parent_ref, birth *b)
{
    assert_ok(troupe_act(rt, parent_ref, bear, b));
    return b->err;
}

Test(siblings, end_in_reverse_and_one_may_be_placed_before_another)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t mother = troupe_puppet(rt, NULL);
    order[0] = '\0';
    birth a = begin("a", TR_REF_NONE);
    assert_ok(born(rt, mother, &a));
    birth d = begin("d", TR_REF_NONE);
    assert_ok(born(rt, mother, &d));
    birth c = begin("c", d.ref);
    assert_ok(born(rt, mother, &c));
    birth first = begin("0", a.ref);
    assert_ok(born(rt, mother, &first));
    birth b = begin("b", c.ref);
    assert_ok(born(rt, mother, &b));
    birth e = begin("e", TR_REF_NONE);
    assert_ok(born(rt, mother, &e));
    troupe_end(rt);
    cr_assert(eq(str, order, (char *)"edcba0"));
}

Test(siblings, one_is_placed_before_a_living_sibling_only)
{
    parent p;
    parent_begin(&p);
    birth stranger = begin("s", troupe_puppet(p.rt, NULL));
    assert_err(born(p.rt, p.ref, &stranger), TR_EINVAL);
    birth dead = begin("x", TR_REF_NONE);
    assert_ok(born(p.rt, p.ref, &dead));
    deed d = {.child = dead.ref};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    birth late = begin("l", dead.ref);
    assert_err(born(p.rt, p.ref, &late), TR_EDEAD);
    troupe_end(p.rt);
}
