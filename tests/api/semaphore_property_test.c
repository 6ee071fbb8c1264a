// semaphore_property_test.c: random operations on a semaphore, one after the other, and on a model:
// so many permits, and a row of those who wait.
#include "locks.h"
#include "property.h"

#if defined(__SANITIZE_THREAD__)
#define RUNS 30
#else
#define RUNS 300
#endif
#define PERMITS 5
#define USERS   4

TestSuite(semaphore, .timeout = 60);

static tr_semaphore *sem;
static user users[USERS];

// ---- the model

static struct {
    uint32_t available;
    uint32_t had[USERS];
    uint32_t wants[USERS]; // of those who wait; 0: it does not
    uint32_t row[USERS];   // who waits, in order
    uint32_t waiting;
} model;

static void
model_leaves_row(uint32_t who)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < model.waiting; i++) {
        model.row[kept] = model.row[i];
        kept += model.row[i] != who;
    }
    model.waiting = kept;
    model.wants[who] = 0;
}

static void
model_gets(uint32_t who, uint32_t count)
{
    model.available -= count;
    model.had[who] += count;
}

static tr_err_t
model_try(uint32_t who, uint32_t count)
{
    if (count == 0 || count > PERMITS) {
        return TR_EINVAL;
    }
    if (count > PERMITS - model.had[who]) {
        return TR_EDEADLK;
    }
    if (model.waiting > 0 || count > model.available) {
        return TR_EBUSY;
    }
    model_gets(who, count);
    return TR_OK;
}

// ---- the same for real

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define WRONG(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

static tr_err_t
acquire(tr_self *self, void *arg)
{
    user *u = arg;
    return tr_semaphore_acquire(self, sem, u->count, u->timeout);
}

static tr_err_t
try_acquire(tr_self *self, void *arg)
{
    return tr_semaphore_try_acquire(self, sem, ((user *)arg)->count);
}

static tr_err_t
release(tr_self *self, void *arg)
{
    tr_semaphore_release(self, sem, ((user *)arg)->count);
    return TR_OK;
}

static bool
same_err(trouble t, const char *what, uint32_t who, tr_err_t got, tr_err_t expected)
{
    return got == expected ||
           WRONG(t, "%s by %u: %s, expected %s", what, who, tr_errname(got), tr_errname(expected));
}

// Those at the front of the row who can be served have come back, and nobody else.
static bool
row_moves(trouble t)
{
    while (model.waiting > 0 && model.wants[model.row[0]] <= model.available) {
        uint32_t who = model.row[0];
        model_gets(who, model.wants[who]);
        model_leaves_row(who);
        if (!same_err(t, "a wait", who, await_act(&users[who].p), TR_OK)) {
            return false;
        }
    }
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, model.waiting));
    uint32_t available = tr_semaphore_available(sem);
    return available == model.available ||
           WRONG(t, "%u available, expected %u", available, model.available);
}

typedef enum code { ACQUIRE, TRY, GIVE_UP, RELEASE, END, CODES } code;

static const property_kind kinds[] = {
    [ACQUIRE] = {.name = "acquire", .weight = 8, .args = 2, .below = {USERS, PERMITS + 2}},
    [TRY] = {.name = "try", .weight = 3, .args = 2, .below = {USERS, PERMITS + 2}},
    [GIVE_UP] = {.name = "acquire in no time", .weight = 1, .args = 2, .below = {USERS, PERMITS}},
    [RELEASE] = {.name = "release", .weight = 8, .args = 2, .below = {USERS, PERMITS}},
    [END] = {.name = "end", .weight = 2, .args = 2, .below = {USERS, ENDINGS}},
};

static bool
waits_to_get(trouble t, uint32_t who, uint32_t count)
{
    user *u = &users[who];
    tr_err_t expected = model_try(who, count);
    u->count = count;
    u->timeout = TR_FOREVER;
    begin_act(&u->p, acquire, u);
    if (expected != TR_EBUSY) {
        return same_err(t, "acquire", who, await_act(&u->p), expected);
    }
    model.row[model.waiting++] = who;
    model.wants[who] = count;
    return true;
}

static bool
tries_to_get(trouble t, uint32_t who, uint32_t count, bool gives_up)
{
    user *u = &users[who];
    tr_err_t expected = model_try(who, count);
    expected = gives_up && expected == TR_EBUSY ? TR_ETIMEOUT : expected;
    u->count = count;
    u->timeout = tr_ms(0);
    return same_err(t, "try", who, user_does(u, gives_up ? acquire : try_acquire), expected);
}

static bool
gives(uint32_t who, uint32_t count)
{
    users[who].count = count < model.had[who] ? count : model.had[who];
    if (users[who].count > 0) {
        model.available += users[who].count;
        model.had[who] -= users[who].count;
        (void)user_does(&users[who], release);
    }
    return true;
}

// One that waits hears of no message: it is stopped or killed.
static bool
ends_now(uint32_t who, ending how)
{
    bool waits = model.wants[who] > 0;
    how = waits && how < BY_KILL ? BY_KILL : how;
    user_dies(&users[who], how);
    CUE_AWAIT(&s.p.told); // what it did is done
    if (waits && how == BY_STOP) {
        assert_err(await_act(&users[who].p), TR_ECANCELED);
    }
    model_leaves_row(who);
    model.available += model.had[who];
    model.had[who] = 0;
    user_begin(&users[who], AN_ACTOR);
    return true;
}

static bool
operate(trouble t, const property_op *op)
{
    uint32_t who = op->args[0];
    if ((code)op->code == END) {
        return ends_now(who, (ending)op->args[1]);
    }
    if (model.wants[who] > 0) {
        return true; // it waits, and can do nothing else
    }
    switch ((code)op->code) {
    case ACQUIRE:
        return waits_to_get(t, who, op->args[1]);
    case TRY:
    case GIVE_UP:
        return tries_to_get(t, who, op->args[1], (code)op->code == GIVE_UP);
    case RELEASE:
        return gives(who, op->args[1] + 1);
    case END:
    case CODES:
        break;
    }
    return true;
}

static bool
run(const property_op *ops, size_t count, char *why, size_t why_size)
{
    trouble t = {why, why_size};
    bool holds = true;
    memset(&model, 0, sizeof model);
    model.available = PERMITS;
    assert_ok(tr_semaphore_create(s.p.rt, PERMITS, &sem));
    for (uint32_t i = 0; i < USERS; i++) {
        user_begin(&users[i], AN_ACTOR);
    }
    for (size_t i = 0; i < count && holds; i++) {
        holds = operate(t, &ops[i]) && row_moves(t);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        user_dies(&users[i], BY_KILL);
        CUE_AWAIT(&s.p.told);
    }
    tr_semaphore_destroy(sem); // nothing is left of them
    return holds;
}

static const property fair = {.name = "semaphore",
                              .kinds = kinds,
                              .kind_count = CODES,
                              .ops_max = 40,
                              .runs = RUNS,
                              .run = run};

Test(semaphore, is_as_its_model)
{
    locks_begin();
    PROPERTY_HOLDS(&fair);
    ends_end(&s);
}
