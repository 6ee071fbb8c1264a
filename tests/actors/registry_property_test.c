// registry_property_test.c: random requests, one after the other, to a registry and to a model of
// it: a table of names, and a row of those who wait.
#include "names.h"

#include "property.h"

#if defined(__SANITIZE_THREAD__)
#define RUNS 40
#else
#define RUNS 300
#endif
#define NAMES    5
#define ACTORS   4
#define VISITORS 3
#define NOBODY   -1

TestSuite(registry_property, .timeout = 60);

static const char *const all[NAMES] = {"a", "ab", "b", "ba", "c"};

// One who waits for a name: between its acts it holds the call that it has begun.
typedef struct visitor_t {
    tr_ref_t ref;
    tr_future *future;
    uint32_t name;
    tr_err_t err;
    tr_ref_t found;
} visitor_t;

static struct {
    tr_ref_t actors[ACTORS + 1]; // the last one has ended
    visitor_t visitors[VISITORS];
    tr_watch_rx *witness[NAMES]; // of what the registry shows
    uint32_t max_names;
    uint32_t max_waiters;
} stage;

static struct {
    int owner[NAMES];
    int waits_for[VISITORS]; // a name or NOBODY
} model;

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define WRONG(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

static bool
same_err(trouble t, const char *what, tr_err_t got, tr_err_t expected)
{
    return got == expected ||
           WRONG(t, "%s: %s, expected %s", what, tr_errname(got), tr_errname(expected));
}

static bool
same_ref(trouble t, const char *what, tr_ref_t got, int expected)
{
    tr_ref_t wanted = expected != NOBODY ? stage.actors[expected] : TR_REF_NONE;
    return tr_ref_equal(got, wanted) || WRONG(t, "%s: not the actor %d", what, expected);
}

// ---- the model

static uint32_t
model_names(void)
{
    uint32_t count = 0;
    for (int i = 0; i < NAMES; i++) {
        count += model.owner[i] != NOBODY;
    }
    return count;
}

static uint32_t
model_waiters(void)
{
    uint32_t count = 0;
    for (int i = 0; i < VISITORS; i++) {
        count += model.waits_for[i] != NOBODY;
    }
    return count;
}

static tr_err_t
model_claim(uint32_t name, uint32_t actor, bool may_take)
{
    if (actor == ACTORS) {
        return TR_EDEAD;
    }
    int owner = model.owner[name];
    if (owner != NOBODY && owner != (int)actor && !may_take) {
        return TR_EALREADY;
    }
    return owner == NOBODY && model_names() >= stage.max_names ? TR_ELIMIT : TR_OK;
}

// ---- visitors

static tr_err_t
begin_waiting(tr_self *self, void *arg)
{
    visitor_t *v = arg;
    v->future = tr_call_begin(self, names, TR_MSG(tr_registry_wait, .name = tr_str(all[v->name])),
                              TR_FOREVER);
    return TR_OK;
}

static tr_err_t
end_waiting(tr_self *self, void *arg)
{
    visitor_t *v = arg;
    const tr_registry_owner *owner;
    v->err = tr_future_await(self, v->future, TR_REPLY(tr_registry_owner, &owner));
    v->found = v->err == TR_OK ? owner->actor : TR_REF_NONE;
    v->future = NULL;
    return TR_OK;
}

static tr_err_t
give_up_waiting(tr_self *self, void *arg)
{
    visitor_t *v = arg;
    tr_future_cancel(self, v->future);
    v->future = NULL;
    return TR_OK;
}

// Everybody who waits for the name has been answered with this actor.
static bool
visitors_are_served(trouble t, uint32_t name)
{
    for (int i = 0; i < VISITORS; i++) {
        if (model.waits_for[i] != (int)name) {
            continue;
        }
        visitor_t *v = &stage.visitors[i];
        model.waits_for[i] = NOBODY;
        assert_ok(troupe_act(rt, v->ref, end_waiting, v));
        if (!same_err(t, "a wait", v->err, TR_OK) ||
            !same_ref(t, "a wait", v->found, model.owner[name])) {
            return false;
        }
    }
    return true;
}

// ---- operations

typedef enum code { REGISTER, TAKE, UNREGISTER, END, WAIT, GIVE_UP, LIST, CODES } code;

static const property_kind kinds[] = {
    [REGISTER] = {.name = "register", .weight = 8, .args = 2, .below = {NAMES, ACTORS + 1}},
    [TAKE] = {.name = "take over", .weight = 3, .args = 2, .below = {NAMES, ACTORS + 1}},
    [UNREGISTER] = {.name = "unregister", .weight = 5, .args = 2, .below = {NAMES, ACTORS + 1}},
    [END] = {.name = "end", .weight = 2, .args = 1, .below = {ACTORS}},
    [WAIT] = {.name = "wait", .weight = 4, .args = 2, .below = {VISITORS, NAMES}},
    [GIVE_UP] = {.name = "give up", .weight = 2, .args = 1, .below = {VISITORS}},
    [LIST] = {.name = "list", .weight = 1, .args = 2, .below = {NAMES, 3}},
};

static bool
claim(trouble t, uint32_t name, uint32_t actor)
{
    tr_err_t expected = model_claim(name, actor, false);
    if (!same_err(t, "register", reg(all[name], stage.actors[actor]), expected)) {
        return false;
    }
    if (expected == TR_OK) {
        model.owner[name] = (int)actor;
    }
    return visitors_are_served(t, expected == TR_OK ? name : NAMES);
}

static bool
take_over(trouble t, uint32_t name, uint32_t actor)
{
    tr_ref_t former = TR_REF_NONE;
    tr_err_t expected = model_claim(name, actor, true);
    if (!same_err(t, "take over", take(all[name], stage.actors[actor], &former), expected)) {
        return false;
    }
    if (expected != TR_OK) {
        return true;
    }
    if (!same_ref(t, "take over", former, model.owner[name])) {
        return false;
    }
    model.owner[name] = (int)actor;
    return visitors_are_served(t, name);
}

static bool
unregister(trouble t, uint32_t name, uint32_t actor)
{
    bool has_it = model.owner[name] == (int)actor;
    model.owner[name] = has_it ? NOBODY : model.owner[name];
    return same_err(t, "unregister", unreg(all[name], stage.actors[actor]),
                    has_it ? TR_OK : TR_ENOTFOUND);
}

// Another takes the place of the actor that ends; once all names are shown as free the registry has
// heard of it.
static bool
end(uint32_t actor)
{
    end_actor(stage.actors[actor]);
    for (int i = 0; i < NAMES; i++) {
        if (model.owner[i] != (int)actor) {
            continue;
        }
        assert_ok(tr_watch_await_change(TR_OUTSIDE, stage.witness[i], SOON));
        model.owner[i] = NOBODY;
    }
    stage.actors[ACTORS] = stage.actors[actor];
    stage.actors[actor] = troupe_puppet(rt, NULL);
    return true;
}

static bool
wait_for(trouble t, uint32_t visitor, uint32_t name)
{
    visitor_t *v = &stage.visitors[visitor];
    if (v->future != NULL) {
        return true;
    }
    bool has_room = model_waiters() < stage.max_waiters;
    v->name = name;
    assert_ok(troupe_act(rt, v->ref, begin_waiting, v));
    if (model.owner[name] == NOBODY && has_room) {
        model.waits_for[visitor] = (int)name;
        return true;
    }
    assert_ok(troupe_act(rt, v->ref, end_waiting, v));
    return same_err(t, "a wait", v->err, model.owner[name] != NOBODY ? TR_OK : TR_ELIMIT) &&
           same_ref(t, "a wait", v->found, model.owner[name]);
}

static bool
give_up(uint32_t visitor)
{
    if (stage.visitors[visitor].future != NULL) {
        assert_ok(
            troupe_act(rt, stage.visitors[visitor].ref, give_up_waiting, &stage.visitors[visitor]));
        model.waits_for[visitor] = NOBODY;
    }
    return true;
}

// What comes after a name, so many at most; the model's names stand in order.
static bool
list(trouble t, uint32_t after, uint32_t more)
{
    const tr_registry_page *page;
    uint32_t expected = after + 1;
    assert_ok(tr_runtime_registry_names(rt, names, TR_STR(""), tr_str(all[after]), more + 1, SOON,
                                        &page));
    bool is_same = true;
    for (size_t i = 0; is_same && i < page->entries.count; i++, expected++) {
        while (expected < NAMES && model.owner[expected] == NOBODY) {
            expected++;
        }
        const tr_registry_entry *row = &page->entries.items[i];
        is_same = expected < NAMES && tr_str_equal(row->name, tr_str(all[expected])) &&
                  same_ref(t, "a row", row->actor, model.owner[expected]);
    }
    while (expected < NAMES && model.owner[expected] == NOBODY) {
        expected++;
    }
    is_same = is_same && page->has_more == (expected < NAMES) &&
              (page->entries.count == more + 1 || expected == NAMES);
    tr_runtime_release(rt, page);
    return is_same || WRONG(t, "the list after %s is another", all[after]);
}

static bool
operate(trouble t, const property_op *op)
{
    switch ((code)op->code) {
    case REGISTER:
        return claim(t, op->args[0], op->args[1]);
    case TAKE:
        return take_over(t, op->args[0], op->args[1]);
    case UNREGISTER:
        return unregister(t, op->args[0], op->args[1]);
    case END:
        return end(op->args[0]);
    case WAIT:
        return wait_for(t, op->args[0], op->args[1]);
    case GIVE_UP:
        return give_up(op->args[0]);
    case LIST:
        return list(t, op->args[0], op->args[1]);
    case CODES:
        break;
    }
    return true;
}

// ---- what is the same after each

static bool
same_owners(trouble t)
{
    for (int i = 0; i < NAMES; i++) {
        tr_ref_t found = TR_REF_NONE;
        const tr_message *shown;
        tr_err_t err = look_up(all[i], &found);
        if (!same_err(t, all[i], err, model.owner[i] != NOBODY ? TR_OK : TR_ENOTFOUND) ||
            !same_ref(t, all[i], found, model.owner[i])) {
            return false;
        }
        assert_ok(tr_watch_get(TR_OUTSIDE, stage.witness[i], &shown));
        found = tr_as(tr_registry_owner, shown)->actor;
        tr_runtime_release(rt, shown);
        if (!same_ref(t, "a watch", found, model.owner[i])) {
            return false;
        }
    }
    return true;
}

static void
begin(void)
{
    stage.max_names = NAMES - 2;
    stage.max_waiters = VISITORS - 1;
    names_begin(1, (tr_registry_opts_t){.max_names = stage.max_names,
                                        .max_waiters = stage.max_waiters,
                                        .max_watched = NAMES});
    for (int i = 0; i <= ACTORS; i++) {
        stage.actors[i] = troupe_puppet(rt, NULL);
    }
    end_actor(stage.actors[ACTORS]);
    for (int i = 0; i < VISITORS; i++) {
        stage.visitors[i] = (visitor_t){.ref = troupe_puppet(rt, NULL)};
        model.waits_for[i] = NOBODY;
    }
    for (int i = 0; i < NAMES; i++) {
        assert_ok(tr_runtime_registry_watch(rt, names, tr_str(all[i]), SOON, &stage.witness[i]));
        model.owner[i] = NOBODY;
    }
}

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    trouble t = {.why = why, .size = why_size};
    bool is_same = true;
    begin();
    for (size_t i = 0; i < count && is_same; i++) {
        is_same = operate(t, &ops[i]) && same_owners(t);
    }
    for (uint32_t i = 0; i < VISITORS; i++) {
        (void)give_up(i);
    }
    for (int i = 0; i < NAMES; i++) {
        tr_watch_rx_close(stage.witness[i]);
    }
    troupe_end(rt);
    return is_same;
}

static const property registry = {
    .name = "registry",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .ops_max = 60,
    .runs = RUNS,
    .run = play,
};

Test(registry_property, is_as_the_model_says_whatever_is_asked_of_it)
{
    PROPERTY_HOLDS(&registry);
}
