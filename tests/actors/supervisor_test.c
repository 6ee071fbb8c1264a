// supervisor_test.c: children that do as they are told, a supervisor above them, and above it a
// director who hears of its end.
#include "troupe_test.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

TestSuite(supervisor, .timeout = 30);

// ---- what happened, in order

static pthread_mutex_t chronicle_lock = PTHREAD_MUTEX_INITIALIZER;
static char chronicle[4096]; // "+a +b -b"
static char log_lines[16384];

static void
append(char *to, size_t size, const char *what)
{
    pthread_mutex_lock(&chronicle_lock);
    size_t length = strlen(to);
    snprintf(to + length, size - length, "%s%s", length != 0 ? " " : "", what);
    pthread_mutex_unlock(&chronicle_lock);
}

static void
note(char sign, const char *id)
{
    char word[64];
    snprintf(word, sizeof word, "%c%s", sign, id);
    append(chronicle, sizeof chronicle, word);
}

static bool
contains(const char *text, const char *what)
{
    pthread_mutex_lock(&chronicle_lock);
    bool is_there = strstr(text, what) != NULL;
    pthread_mutex_unlock(&chronicle_lock);
    return is_there;
}

static void
expect_chronicle(const char *expected)
{
    pthread_mutex_lock(&chronicle_lock);
    cr_expect(strcmp(chronicle, expected) == 0, "it was \"%s\", expected \"%s\"", chronicle,
              expected);
    pthread_mutex_unlock(&chronicle_lock);
}

static void
keep_line(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    append(log_lines, sizeof log_lines, line);
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

static tr_err_t
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

static void
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

static tr_err_t
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
#define CHILD(part_of, id_, ...)                                                                   \
    {                                                                                              \
        .id = (id_), .behavior = &puppet, .arg = (part_of), .arg_size = sizeof(part), __VA_ARGS__  \
    }

// Three of them serve most tests.
static role_t a = {.id = "a"}, b = {.id = "b"}, c = {.id = "c"};
static part part_a = ROLE_PART(&a), part_b = ROLE_PART(&b), part_c = ROLE_PART(&c);

// ---- ends

static tr_err_t
fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
stop_myself(tr_self *self, void *arg)
{
    (void)arg;
    return tr_stop(self, tr_self_ref(self));
}

static tr_err_t
kill_myself(tr_self *self, void *arg)
{
    (void)arg;
    return tr_kill(self, tr_self_ref(self));
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

static tr_err_t
supervise(tr_self *self, void *arg)
{
    company_t *co = arg;
    co->started = tr_supervisor_spawn(self, co->spec, &co->supervisor);
    return TR_OK;
}

static tr_err_t
dismiss(tr_self *self, void *arg)
{
    company_t *co = arg;
    return tr_stop(self, co->supervisor);
}

static tr_err_t
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

static void
company_prepare(company_t *co, const tr_supervisor_t *spec)
{
    tr_runtime_opts_t opts = {.name = "test", .workers = 2, .log = keep_line};
    part p = {.receive = hear, .arg = co};
    *co = (company_t){.spec = spec};
    cue_init(&co->ended);
    role_t *roles[] = {&a, &b, &c};
    for (size_t i = 0; i < 3; i++) {
        cue_init(&roles[i]->hung);
        cue_init(&roles[i]->let_go);
    }
    assert_ok(tr_runtime_create(&opts, &co->rt));
    co->director = troupe_puppet(co->rt, &p);
}

static void
company_begin(company_t *co, const tr_supervisor_t *spec)
{
    company_prepare(co, spec);
    assert_ok(troupe_act(co->rt, co->director, supervise, co));
    assert_ok(co->started);
}

// The supervisor ends in good order.
static void
company_dismiss(company_t *co)
{
    assert_ok(troupe_act(co->rt, co->director, dismiss, co));
    CUE_AWAIT(&co->ended);
}

static tr_err_t
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

static tr_ref_t
child_of(company_t *co, const char *id)
{
    tr_ref_t child = TR_REF_NONE;
    uint64_t restarts;
    assert_ok(which(co, id, &child, &restarts));
    return child;
}

static bool
has_restarted(company_t *co, const char *id, uint64_t times)
{
    tr_ref_t child;
    uint64_t restarts;
    return which(co, id, &child, &restarts) == TR_OK && restarts == times;
}

static uint64_t
count_actors(const company_t *co)
{
    tr_stats_t stats;
    tr_runtime_stats(co->rt, &stats);
    return stats.actors;
}

// ---- starting and stopping

static const tr_child_t abc[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b"), CHILD(&part_c, "c")};
static const tr_supervisor_t trio = {.name = "trio", .children = abc, .child_count = 3};

Test(supervisor, starts_children_in_order_and_stops_them_in_reverse)
{
    company_t co;
    company_begin(&co, &trio);
    expect_chronicle("+a +b +c");
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -b -a");
    troupe_end(co.rt);
}

Test(supervisor, without_children_is_fine)
{
    static const tr_supervisor_t nobody = {.name = "nobody"};
    company_t co;
    company_begin(&co, &nobody);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor, whose_child_fails_to_start_stops_those_before_and_says_which)
{
    company_t co;
    b.start_errs[0] = TR_EADDRINUSE;
    company_prepare(&co, &trio);
    assert_ok(troupe_act(co.rt, co.director, supervise, &co));
    assert_err(co.started, TR_EADDRINUSE);
    expect_chronicle("+a !b -a");
    cr_assert(contains(log_lines, "child b did not start"), "%s", log_lines);
    cr_assert(eq(u64, count_actors(&co), 2)); // the root and the director
    troupe_end(co.rt);
}

Test(supervisor, whose_child_takes_too_long_to_start_stops_those_before)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD(&part_b, "b", .start_timeout_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    b.hangs_at = 1;
    company_prepare(&co, &spec);
    assert_ok(troupe_act(co.rt, co.director, supervise, &co));
    assert_err(co.started, TR_ETIMEOUT);
    expect_chronicle("+a -a");
    troupe_end(co.rt);
}

typedef struct table_t {
    tr_supervisor_t spec;
    const char *fault; // what the log must say
} table_t;

Test(supervisor, refuses_a_bad_table_and_names_the_fault)
{
    static const tr_child_t no_id[] = {CHILD(&part_a, "a"), CHILD(&part_b, NULL)};
    static const tr_child_t empty_id[] = {CHILD(&part_a, "")};
    static const tr_child_t twice[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b"),
                                       CHILD(&part_c, "a")};
    static const tr_child_t no_behavior[] = {CHILD(&part_a, "a"), {.id = "empty"}};
    static const tr_child_t restart[] = {CHILD(&part_a, "a", .restart = (tr_restart_type_t)7)};
    static const table_t tables[] = {
        {{.name = "s", .children = no_id, .child_count = 2}, "child 1 of supervisor s has no id"},
        {{.name = "s", .children = empty_id, .child_count = 1},
         "child 0 of supervisor s has no id"},
        {{.name = "s", .children = twice, .child_count = 3},
         "supervisor s has two children with the id a"},
        {{.name = "s", .children = no_behavior, .child_count = 2},
         "child empty of supervisor s has no behavior"},
        {{.name = "s", .children = restart, .child_count = 1},
         "child a of supervisor s has an unknown restart type 7"},
        {{.name = "s", .children = abc, .child_count = 3, .strategy = (tr_strategy_t)9},
         "supervisor s has an unknown strategy 9"},
        {{.name = "s", .child_count = 2}, "supervisor s has child_count 2 and no children"},
        {{.name = "s", .children = abc, .child_count = 3, .max_restarts = UINT32_MAX},
         "max_restarts 4294967295"},
        {{.name = "s", .children = abc, .child_count = 3, .within_ms = -1}, "within_ms -1"},
        {{.name = NULL, .children = twice, .child_count = 3}, "two children with the id a"},
    };
    company_t co;
    company_prepare(&co, NULL);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        log_lines[0] = '\0';
        co.spec = &tables[i].spec;
        assert_ok(troupe_act(co.rt, co.director, supervise, &co));
        cr_expect(co.started == TR_EINVAL, "%s: %s", tables[i].fault, tr_errname(co.started));
        cr_expect(contains(log_lines, tables[i].fault), "expected \"%s\" in \"%s\"",
                  tables[i].fault, log_lines);
    }
    expect_chronicle(""); // nobody was started
    troupe_end(co.rt);
}

Test(supervisor, without_a_name_is_called_by_its_behavior)
{
    static const tr_supervisor_t nameless = {.children = abc, .child_count = 3};
    company_t co;
    company_begin(&co, &nameless);
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

// ---- who is restarted when

typedef struct case_t {
    tr_restart_type_t restart;
    act_fn end;
    bool is_restarted;
    const char *what;
} case_t;

static const case_t cases[] = {
    {TR_PERMANENT, fail, true, "permanent, failed"},
    {TR_PERMANENT, leave, true, "permanent, left"},
    {TR_PERMANENT, stop_myself, true, "permanent, stopped"},
    {TR_PERMANENT, kill_myself, true, "permanent, killed"},
    {TR_TRANSIENT, fail, true, "transient, failed"},
    {TR_TRANSIENT, leave, false, "transient, left"},
    {TR_TRANSIENT, stop_myself, false, "transient, stopped"},
    {TR_TRANSIENT, kill_myself, true, "transient, killed"},
    {TR_TEMPORARY, fail, false, "temporary, failed"},
    {TR_TEMPORARY, leave, false, "temporary, left"},
    {TR_TEMPORARY, stop_myself, false, "temporary, stopped"},
    {TR_TEMPORARY, kill_myself, false, "temporary, killed"},
};

static void
expect_case(const case_t *k)
{
    tr_child_t children[] = {CHILD(&part_a, "a", .restart = k->restart), CHILD(&part_b, "b")};
    tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 2};
    company_t co;
    a.starts = b.starts = 0;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "a");
    assert_ok(troupe_prompt(co.rt, child, k->end, NULL));
    if (k->is_restarted) {
        int64_t until = troupe_now_ns() + 2 * INT64_C(1000000000);
        while (!has_restarted(&co, "a", 1) && troupe_now_ns() < until) {
            troupe_pause();
        }
        cr_expect(has_restarted(&co, "a", 1), "%s: is not restarted", k->what);
        tr_err_t err = troupe_act(co.rt, child_of(&co, "a"), supervise,
                                  &(company_t){.spec = &(tr_supervisor_t){.name = "x"}});
        cr_expect(err == TR_OK, "%s: %s", k->what, tr_errname(err));
        cr_expect(a.starts == 2, "%s: %u starts", k->what, a.starts);
    } else {
        TROUPE_EVENTUALLY(troupe_is_gone(co.rt, child));
        cr_expect(a.starts == 1, "%s: %u starts", k->what, a.starts);
    }
    cr_expect(b.starts == 1, "%s: b was started %u times", k->what, b.starts);
    company_dismiss(&co);
    cr_expect(co.reason == TR_OK, "%s: %s", k->what, tr_errname(co.reason));
    troupe_end(co.rt);
}

Test(supervisor, restarts_a_child_as_its_restart_type_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_case(&cases[i]);
    }
}

static tr_err_t
wait_and_fail(tr_self *self, void *arg)
{
    role_t *r = arg;
    cue_give(&r->hung);
    while (sem_trywait(&r->let_go.sem) != 0) {
        expect_ok(tr_sleep(self, tr_ms(1)));
    }
    tr_fail(self, TR_EFAULT, "on purpose");
}

Test(supervisor, restart_keeps_the_address_and_the_queued_mail)
{
    company_t co;
    company_begin(&co, &trio);
    tr_ref_t child = child_of(&co, "b");
    assert_ok(troupe_prompt(co.rt, child, wait_and_fail, &b));
    CUE_AWAIT(&b.hung);
    for (uint64_t i = 1; i <= 9; i++) {
        assert_ok(tr_runtime_send(co.rt, child, TR_MSG(number, .value = i), tr_seconds(1)));
    }
    cue_give(&b.let_go);
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 1));
    cr_assert(tr_ref_equal(child_of(&co, "b"), child));
    assert_ok(troupe_act(co.rt, child, leave, NULL)); // behind the numbers
    cr_assert(eq(u64, b.heard, 123456789));
    cr_assert(tr_ref_equal(b.seen, child));
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 2));
    troupe_end(co.rt);
}

Test(supervisor, answers_which_child_and_how_often_it_was_restarted)
{
    company_t co;
    tr_ref_t child;
    uint64_t restarts = 99;
    company_begin(&co, &trio);
    assert_ok(which(&co, "c", &child, &restarts));
    cr_assert(eq(u64, restarts, 0));
    cr_assert(tr_ref_equal(child, c.seen));
    assert_err(which(&co, "d", &child, &restarts), TR_ENOTFOUND);
    assert_err(which(&co, "", &child, &restarts), TR_ENOTFOUND);
    assert_err(which(&co, "cc", &child, &restarts), TR_ENOTFOUND);
    assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "c", 1));
    troupe_end(co.rt);
}

// ---- how often is too often

Test(supervisor, allows_exactly_max_restarts_in_its_window)
{
    static const tr_supervisor_t spec = {
        .name = "s", .children = abc, .child_count = 3, .max_restarts = 5, .within_ms = 60000};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "b");
    for (uint64_t i = 1; i <= 5; i++) {
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        TROUPE_EVENTUALLY(has_restarted(&co, "b", i));
    }
    cr_assert(sem_trywait(&co.ended.sem) != 0);
    chronicle[0] = '\0';
    assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "more than 5 restarts in 60000 ms") != NULL, "%s", co.text);
    cr_assert(strstr(co.text, "child b") != NULL, "%s", co.text);
    expect_chronicle("-b -c -a"); // b by its failure; the others in reverse order
    troupe_end(co.rt);
}

Test(supervisor, counts_the_restarts_of_all_its_children_together)
{
    company_t co;
    company_begin(&co, &trio); // 3 in 5 s
    assert_err(troupe_act(co.rt, child_of(&co, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "a", 1));
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "b", 1));
    assert_err(troupe_act(co.rt, child_of(&co, "c"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "c", 1));
    assert_err(troupe_act(co.rt, child_of(&co, "a"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    troupe_end(co.rt);
}

Test(supervisor, never_ends_by_failures_that_come_slowly_enough)
{
    static const tr_supervisor_t spec = {
        .name = "s", .children = abc, .child_count = 3, .max_restarts = 1, .within_ms = 5};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "b");
    for (uint64_t i = 1; i <= 20; i++) {
        int64_t until = troupe_now_ns() + 10 * 1000000;
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        TROUPE_EVENTUALLY(has_restarted(&co, "b", i));
        TROUPE_EVENTUALLY(troupe_now_ns() > until); // this is what is tested, not a wait for it
    }
    company_dismiss(&co);
    assert_ok(co.reason);
    troupe_end(co.rt);
}

Test(supervisor, with_the_longest_window_counts_all_restarts)
{
    static const tr_supervisor_t spec = {
        .name = "s", .children = abc, .child_count = 3, .max_restarts = 2, .within_ms = INT64_MAX};
    company_t co;
    company_begin(&co, &spec);
    tr_ref_t child = child_of(&co, "b");
    for (uint64_t i = 1; i <= 3; i++) {
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        TROUPE_EVENTUALLY(i == 3 || has_restarted(&co, "b", i));
    }
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    troupe_end(co.rt);
}

// ---- a restart whose start fails

static void
expect_retry(tr_err_t start_err)
{
    company_t co;
    a = (role_t){.id = "a", .start_errs = {TR_OK, start_err, start_err, TR_OK}};
    chronicle[0] = '\0';
    company_begin(&co, &trio);
    tr_ref_t child = child_of(&co, "a");
    assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(contains(chronicle, "!a !a +a") || sem_trywait(&co.ended.sem) == 0);
    cr_expect(contains(chronicle, "+a +b +c -a !a !a +a"), "%s: \"%s\"", tr_errname(start_err),
              chronicle);
    cr_expect(co.reason == TR_OK, "%s: the supervisor ended: %s", tr_errname(start_err),
              tr_errname(co.reason));
    if (co.reason == TR_OK) {
        cr_expect(has_restarted(&co, "a", 1));
        // Those were all three.
        assert_err(troupe_act(co.rt, child, fail, NULL), TR_ECRASHED);
        CUE_AWAIT(&co.ended);
        assert_err(co.reason, TR_ERESTARTS);
    }
    troupe_end(co.rt);
}

Test(supervisor, tries_a_restart_again_whose_start_failed_and_counts_it)
{
    expect_retry(TR_EREFUSED);
}

// A start that calls somebody returns what the call returned.
Test(supervisor, tries_a_restart_again_whose_start_found_somebody_dead)
{
    expect_retry(TR_EDEAD);
}

Test(supervisor, tries_a_restart_again_whose_start_waited_in_vain)
{
    expect_retry(TR_ETIMEOUT);
}

Test(supervisor, gives_up_when_the_start_fails_again_and_again)
{
    company_t co;
    for (int i = 1; i < 8; i++) {
        b.start_errs[i] = TR_EREFUSED;
    }
    company_begin(&co, &trio);
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "TR_EREFUSED") != NULL, "%s", co.text);
    expect_chronicle("+a +b +c -b !b !b !b -c -a");
    troupe_end(co.rt);
}

Test(supervisor, ends_when_a_restart_takes_longer_than_it_may)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD(&part_b, "b", .start_timeout_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    b.hangs_at = 2;
    company_begin(&co, &spec);
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    cr_assert(co.reason == TR_ETIMEOUT || co.reason == TR_ERESTARTS, "%s", tr_errname(co.reason));
    expect_chronicle("+a +b +c -b -c -a");
    troupe_end(co.rt);
}

// ---- supervisors of supervisors

Test(supervisor, that_gives_up_is_restarted_by_the_one_above_until_that_gives_up)
{
    static const tr_child_t inner_children[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b")};
    static const tr_supervisor_t inner = {
        .name = "inner", .children = inner_children, .child_count = 2, .max_restarts = 1};
    static const tr_child_t outer_children[] = {
        {.id = "inner",
         .behavior = &tr_supervisor_behavior,
         .arg = &inner,
         .arg_size = sizeof inner},
        CHILD(&part_c, "c"),
    };
    static const tr_supervisor_t outer = {
        .name = "outer", .children = outer_children, .child_count = 2, .max_restarts = 1};
    company_t co;
    company_begin(&co, &outer);
    tr_ref_t inner_ref = child_of(&co, "inner");
    company_t within = {.rt = co.rt, .supervisor = inner_ref};
    // Twice is once too often for the inner one, and four times for the outer one.
    assert_err(troupe_act(co.rt, child_of(&within, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&within, "a", 1));
    assert_err(troupe_act(co.rt, child_of(&within, "a"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&co, "inner", 1));
    cr_assert(tr_ref_equal(child_of(&co, "inner"), inner_ref));
    expect_chronicle("+a +b +c -a +a -a -b +a +b");
    assert_err(troupe_act(co.rt, child_of(&within, "b"), fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(has_restarted(&within, "b", 1));
    chronicle[0] = '\0';
    assert_err(troupe_act(co.rt, child_of(&within, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&co.ended);
    assert_err(co.reason, TR_ERESTARTS);
    cr_assert(strstr(co.text, "child inner") != NULL, "%s", co.text);
    expect_chronicle("-b -a -c");
    troupe_end(co.rt);
}

// ---- stopping against resistance

Test(supervisor, kills_a_child_whose_stop_takes_longer_than_it_may)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD(&part_b, "b", .shutdown_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    b.hangs_in_stop = true;
    company_begin(&co, &spec);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -a");
    troupe_end(co.rt);
}

Test(supervisor, kills_at_once_where_the_table_says_so)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD(&part_b, "b", .shutdown_ms = TR_SHUTDOWN_KILL),
                                          CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    company_begin(&co, &spec);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -a");
    troupe_end(co.rt);
}

Test(supervisor, waits_as_long_as_it_takes_where_the_table_says_so)
{
    static const tr_child_t children[] = {CHILD(&part_a, "a"),
                                          CHILD(&part_b, "b", .shutdown_ms = TR_SHUTDOWN_INFINITE)};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 2};
    company_t co;
    b.hangs_in_stop = true;
    company_begin(&co, &spec);
    assert_ok(troupe_act(co.rt, co.director, dismiss, &co));
    CUE_AWAIT(&b.hung);
    expect_chronicle("+a +b");
    cue_give(&b.let_go);
    CUE_AWAIT(&co.ended);
    expect_chronicle("+a +b -b -a");
    troupe_end(co.rt);
}

static tr_err_t
wait_in_spite_of_all(tr_self *self, void *arg)
{
    role_t *r = arg;
    cue_give(&r->hung);
    for (;;) {
        tr_err_t err = tr_sleep(self, tr_ms(1));
        (void)err; // this is what is wrong with it
    }
}

Test(supervisor, kills_a_child_that_does_not_want_to_know_that_it_is_stopped)
{
    static const tr_child_t children[] = {
        CHILD(&part_a, "a"), CHILD(&part_b, "b", .shutdown_ms = 20), CHILD(&part_c, "c")};
    static const tr_supervisor_t spec = {.name = "s", .children = children, .child_count = 3};
    company_t co;
    company_begin(&co, &spec);
    assert_ok(troupe_prompt(co.rt, child_of(&co, "b"), wait_in_spite_of_all, &b));
    CUE_AWAIT(&b.hung);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -c -a");
    troupe_end(co.rt);
}

Test(supervisor, told_to_stop_while_it_starts_stops_what_it_has_started)
{
    company_t co;
    b.hangs_at = 1;
    company_prepare(&co, &trio);
    assert_ok(troupe_prompt(co.rt, co.director, supervise, &co));
    CUE_AWAIT(&b.hung);
    tr_runtime_stop(co.rt);
    assert_ok(tr_runtime_wait(co.rt, tr_seconds(2)));
    assert_err(co.started, TR_ECANCELED);
    expect_chronicle("+a -a");
    troupe_end(co.rt);
}

Test(supervisor, told_to_stop_while_it_restarts_stops_the_others)
{
    company_t co;
    b.hangs_at = 2;
    company_begin(&co, &trio);
    assert_err(troupe_act(co.rt, child_of(&co, "b"), fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&b.hung);
    company_dismiss(&co);
    assert_ok(co.reason);
    expect_chronicle("+a +b +c -b -c -a");
    troupe_end(co.rt);
}

Test(supervisor, that_is_killed_takes_its_children_along)
{
    company_t co;
    company_begin(&co, &trio);
    tr_runtime_kill(co.rt);
    assert_ok(tr_runtime_wait(co.rt, tr_seconds(2)));
    expect_chronicle("+a +b +c");
    troupe_end(co.rt);
}
