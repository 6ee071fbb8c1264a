// company.h: children that do as they are told, a supervisor above them, and above it a director
// who hears of its end.
#ifndef TROUPE_TESTS_ACTORS_COMPANY_H
#define TROUPE_TESTS_ACTORS_COMPANY_H

#include "words.h"

// ---- what happened, in order

static char chronicle[4096]; // "+a +b -b"

static inline void
note(char sign, const char *id)
{
    char word[64];
    snprintf(word, sizeof word, "%c%s", sign, id);
    append(chronicle, sizeof chronicle, word);
}

static inline void
expect_chronicle(const char *expected)
{
    pthread_mutex_lock(&words_lock);
    cr_expect(strcmp(chronicle, expected) == 0, "it was \"%s\", expected \"%s\"", chronicle,
              expected);
    pthread_mutex_unlock(&words_lock);
}

// ---- children

// One child, over all its lives. Written by the test before, by the child's handlers after.
typedef struct role_t {
    const char *id;
    tr_err_t start_errs[8]; // of the first starts, in order; then they succeed
    uint32_t hangs_at;      // the life whose start never ends by itself
    uint32_t starts;
    bool hangs_in_stop;
    cue hung;       // it hangs
    cue let_go;     // where the test holds it
    uint64_t heard; // numbers, each as the next digit
    tr_ref_t seen;  // its address, by its own account
} role_t;

static inline tr_err_t
role_start(tr_self *self, void *arg)
{
    role_t *r = arg;
    uint32_t life = r->starts++;
    r->seen = tr_self_ref(self);
    if (r->hangs_at != 0 && r->hangs_at == r->starts) {
        cue_give(&r->hung);
        return tr_sleep(self, TR_FOREVER);
    }
    tr_err_t err = life < 8 ? r->start_errs[life] : TR_OK;
    note(err == TR_OK ? '+' : '!', r->id);
    return err;
}

static inline void
role_stop(tr_self *self, void *arg, tr_err_t reason)
{
    role_t *r = arg;
    (void)reason;
    if (r->hangs_in_stop) {
        cue_give(&r->hung);
        while (tr_sleep(self, tr_ms(1)) == TR_OK && sem_trywait(&r->let_go.sem) != 0) {
        }
    }
    note('-', r->id);
}

static inline tr_err_t
role_receive(tr_self *self, void *arg, const tr_message *msg)
{
    role_t *r = arg;
    (void)self;
    const number *n = tr_as(number, msg);
    if (n == NULL) {
        return TR_EUNHANDLED;
    }
    r->heard = r->heard * 10 + n->value;
    return TR_OK;
}

#define ROLE_PART(r)                                                                               \
    {                                                                                              \
        .start = role_start, .receive = role_receive, .stop = role_stop, .arg = (r)                \
    }
#define CHILD(part_of, id_) CHILD_WITH(part_of, id_, .restart = TR_PERMANENT)
#define CHILD_WITH(part_of, id_, ...)                                                              \
    {                                                                                              \
        .id = (id_), .behavior = &puppet, .arg = (part_of), .arg_size = sizeof(part), __VA_ARGS__  \
    }

// Three of them serve most tests.
static role_t a = {.id = "a"}, b = {.id = "b"}, c = {.id = "c"};
static part part_a = ROLE_PART(&a), part_b = ROLE_PART(&b), part_c = ROLE_PART(&c);

// ---- ends

static inline tr_err_t
fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

static inline tr_err_t
nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

// ---- the company

typedef struct company_t {
    const tr_supervisor_t *spec;
    tr_runtime *rt;
    tr_ref_t director;
    tr_ref_t supervisor;
    tr_err_t started;
    tr_err_t reason; // of the supervisor's end
    char text[128];
    cue ended;
} company_t;

static inline tr_err_t
supervise(tr_self *self, void *arg)
{
    company_t *co = arg;
    co->started = tr_supervisor_spawn(self, co->spec, &co->supervisor);
    return TR_OK;
}

static inline tr_err_t
dismiss(tr_self *self, void *arg)
{
    company_t *co = arg;
    return tr_stop(self, co->supervisor);
}

static inline tr_err_t
hear(tr_self *self, void *arg, const tr_message *msg)
{
    company_t *co = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    (void)self;
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    co->reason = (tr_err_t)exit->reason;
    snprintf(co->text, sizeof co->text, "%.*s", (int)exit->text.size, exit->text.data);
    cue_give(&co->ended);
    return TR_OK;
}

static inline void
company_prepare(company_t *co, const tr_supervisor_t *spec)
{
    part p = {.receive = hear, .arg = co};
    *co = (company_t){.spec = spec};
    cue_init(&co->ended);
    role_t *roles[] = {&a, &b, &c};
    for (size_t i = 0; i < 3; i++) {
        cue_init(&roles[i]->hung);
        cue_init(&roles[i]->let_go);
    }
    co->rt = begin_with_log(2);
    co->director = troupe_puppet(co->rt, &p);
}

static inline void
company_begin(company_t *co, const tr_supervisor_t *spec)
{
    company_prepare(co, spec);
    assert_ok(troupe_act(co->rt, co->director, supervise, co));
    assert_ok(co->started);
}

// The supervisor ends in good order.
static inline void
company_dismiss(company_t *co)
{
    assert_ok(troupe_act(co->rt, co->director, dismiss, co));
    CUE_AWAIT(&co->ended);
}

static inline tr_err_t
which(company_t *co, const char *id, tr_ref_t *out_child, uint64_t *out_restarts)
{
    const tr_supervisor_child *answer;
    tr_err_t err =
        tr_runtime_call(co->rt, co->supervisor, TR_MSG(tr_supervisor_which, .id = tr_str(id)),
                        TR_REPLY(tr_supervisor_child, &answer), tr_seconds(10));
    if (err == TR_OK) {
        *out_child = answer->child;
        *out_restarts = answer->restarts;
        tr_runtime_release(co->rt, answer);
    }
    return err;
}

static inline tr_ref_t
child_of(company_t *co, const char *id)
{
    tr_ref_t child = TR_REF_NONE;
    uint64_t restarts;
    assert_ok(which(co, id, &child, &restarts));
    return child;
}

static inline bool
has_restarted(company_t *co, const char *id, uint64_t times)
{
    tr_ref_t child;
    uint64_t restarts;
    return which(co, id, &child, &restarts) == TR_OK && restarts == times;
}

// ---- the usual three

static const tr_child_t abc[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b"), CHILD(&part_c, "c")};
static const tr_supervisor_t trio = {.name = "trio", .children = abc, .child_count = 3};

#endif
