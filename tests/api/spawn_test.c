// spawn_test.c: what a spawn refuses, what it waits for, and what is left when it fails.
#include "troupe_test.h"

TestSuite(spawn, .timeout = 60);

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
nothing_to_say(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    return TR_EUNHANDLED;
}

// ---- refusals

static char last_line[512];

static void
keep_line(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static void
refused(tr_runtime *rt, const tr_spawn_opts_t *opts, const char *why)
{
    tr_ref_t ref = {77};
    last_line[0] = '\0';
    assert_err(tr_runtime_spawn(rt, opts, &ref), TR_EINVAL);
    cr_assert(eq(u64, ref.raw, 77));
    cr_assert(strstr(last_line, why) != NULL, "\"%s\" does not say \"%s\"", last_line, why);
}

Test(spawn, refuses_bad_options_and_names_them)
{
    tr_runtime *rt;
    tr_runtime_opts_t opts = {.workers = 1, .log = keep_line};
    assert_ok(tr_runtime_create(&opts, &rt));
    const tr_behavior_t *b = &plain_puppet;
    tr_behavior_t nameless = {.name = NULL, .receive = nothing_to_say};
    tr_behavior_t empty = {.name = "", .receive = nothing_to_say};
    tr_behavior_t deaf = {.name = "deaf"};
    refused(rt, &(tr_spawn_opts_t){0}, "behavior");
    refused(rt, &(tr_spawn_opts_t){.behavior = &nameless}, "name");
    refused(rt, &(tr_spawn_opts_t){.behavior = &empty}, "name");
    refused(rt, &(tr_spawn_opts_t){.behavior = &deaf}, "receive");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .arg_size = 4}, "arg");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .mailbox_count = UINT32_MAX}, "mailbox_count");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .mailbox_bytes = SIZE_MAX}, "mailbox_bytes");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .full = (tr_full_policy_t)7}, "full");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .place = (tr_place_t)7}, "place");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .after_exit = (tr_after_exit_t)7}, "after_exit");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .stop_order = (tr_stop_order_t)7}, "stop_order");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .start_timeout_ms = -5}, "start_timeout_ms");
    refused(rt, &(tr_spawn_opts_t){.behavior = b, .shutdown_ms = -5}, "shutdown_ms");
    tr_stats_t s;
    tr_runtime_stats(rt, &s);
    cr_assert(eq(u64, s.spawned, 1)); // the root
    troupe_end(rt);
}

Test(spawn, after_the_runtime_has_ended_is_estopping)
{
    tr_runtime *rt = troupe_begin(2);
    tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
    tr_ref_t ref;
    assert_err(tr_runtime_spawn(rt, PUPPET(NULL), &ref), TR_ESTOPPING);
    assert_err(tr_runtime_spawn(rt, PUPPET(NULL), &ref), TR_ESTOPPING);
    troupe_end(rt);
}

// ---- start

static tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static tr_err_t
fail_at_once(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EADDR, "in start");
}

static tr_err_t
return_unhandled(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EUNHANDLED;
}

static void
expect_alone(tr_runtime *rt)
{
    tr_stats_t s;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.actors == 1 && s.stacks == 0));
    troupe_expect_balance(rt);
}

Test(spawn, gives_the_error_of_start_and_leaves_nothing)
{
    tr_runtime *rt = troupe_begin(2);
    act_fn starts[] = {return_eio, fail_at_once, return_unhandled};
    tr_err_t errors[] = {TR_EIO, TR_EADDR, TR_EFAULT};
    for (int i = 0; i < 3; i++) {
        tr_ref_t ref = {77};
        assert_err(tr_runtime_spawn(rt, PUPPET((&(part){.start = starts[i]})), &ref), errors[i]);
        cr_assert(eq(u64, ref.raw, 77));
    }
    // Also where a later failure of such a child would be held for its parent.
    part role = {.start = return_eio};
    tr_ref_t ref;
    assert_err(tr_runtime_spawn(rt, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD), &ref),
               TR_EIO);
    expect_alone(rt);
    troupe_end(rt);
}

static tr_err_t
never_start(tr_self *self, void *arg)
{
    (void)arg;
    return tr_sleep(self, TR_FOREVER);
}

Test(spawn, whose_start_takes_too_long_is_etimeout_and_the_child_is_killed)
{
    tr_runtime *rt = troupe_begin(2);
    part role = {.start = never_start};
    tr_ref_t ref;
    assert_err(tr_runtime_spawn(rt, PUPPET_WITH(&role, .start_timeout_ms = 3), &ref), TR_ETIMEOUT);
    assert_err(
        tr_runtime_spawn(
            rt, PUPPET_WITH(&role, .start_timeout_ms = 3, .after_exit = TR_AFTER_EXIT_HOLD), &ref),
        TR_ETIMEOUT);
    expect_alone(rt);
    troupe_end(rt);
}

typedef struct nest {
    _Atomic int born, stopped;
} nest;

static tr_err_t
count_birth(tr_self *self, void *arg)
{
    (void)self;
    ((nest *)arg)->born++;
    return TR_OK;
}

static void
count_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)self;
    (void)reason;
    ((nest *)arg)->stopped++;
}

static tr_err_t
spawn_three_and_fail(tr_self *self, void *arg)
{
    for (int i = 0; i < 3; i++) {
        tr_ref_t ref;
        part role = {.start = count_birth, .stop = count_stop, .arg = arg};
        tr_err_t err = tr_spawn(self, PUPPET(&role), &ref);
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_EIO;
}

Test(spawn, whose_start_fails_after_spawning_stops_those_children_first)
{
    tr_runtime *rt = troupe_begin(2);
    nest n = {.born = 0};
    tr_ref_t ref;
    assert_err(
        tr_runtime_spawn(rt, PUPPET((&(part){.start = spawn_three_and_fail, .arg = &n})), &ref),
        TR_EIO);
    cr_assert(eq(int, n.born, 3));
    cr_assert(eq(int, n.stopped, 3)); // before the error came back
    expect_alone(rt);
    troupe_end(rt);
}

typedef struct silence {
    const tr_spawn_opts_t *opts;
    tr_err_t err;
    _Atomic int heard;
} silence;

static tr_err_t
spawn_it(tr_self *self, void *arg)
{
    silence *s = arg;
    tr_ref_t ref;
    s->err = tr_spawn(self, s->opts, &ref);
    return TR_OK;
}

static tr_err_t
count_news(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    ((silence *)arg)->heard += tr_as(tr_child_exit, msg) != NULL;
    return TR_OK;
}

Test(spawn, that_fails_is_no_news_to_the_parents_handler)
{
    tr_runtime *rt = troupe_begin(2);
    silence s = {.err = TR_OK};
    part role = {.receive = count_news, .arg = &s};
    tr_ref_t parent = troupe_puppet(rt, &role);
    part bad[] = {{.start = return_eio}, {.start = fail_at_once}, {.start = never_start}};
    for (int i = 0; i < 3; i++) {
        s.opts = PUPPET_WITH(&bad[i], .start_timeout_ms = 2);
        assert_ok(troupe_act(rt, parent, spawn_it, &s));
        cr_assert(ne(int, s.err, TR_OK));
    }
    tr_stats_t stats;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &stats), stats.actors == 2));
    assert_ok(troupe_act(rt, parent, do_nothing, NULL));
    cr_assert(eq(int, s.heard, 0));
    troupe_end(rt);
}

typedef struct stillborn {
    cue in_start;
    tr_ref_t parent;
    silence silence;
} stillborn;

static tr_err_t
start_slowly(tr_self *self, void *arg)
{
    cue_give(arg);
    return tr_sleep(self, TR_FOREVER);
}

Test(spawn, in_progress_ends_with_the_spawner)
{
    for (int kill = 0; kill < 2; kill++) {
        tr_runtime *rt = troupe_begin(2);
        cue in_start;
        cue_init(&in_start);
        part role = {.start = start_slowly, .arg = &in_start};
        silence s = {.opts = PUPPET(&role), .err = TR_EBUSY};
        tr_ref_t parent = troupe_puppet(rt, NULL);
        assert_ok(troupe_prompt(rt, parent, spawn_it, &s));
        CUE_AWAIT(&in_start);
        kill != 0 ? tr_runtime_kill(rt) : tr_runtime_stop(rt);
        assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
        assert_err(s.err, kill != 0 ? TR_EBUSY : TR_ECANCELED);
        troupe_end(rt);
    }
}

// ---- what a child is given

typedef struct gift {
    char text[16];
    uint64_t numbers[20];
} gift;

typedef struct inspection {
    cue born;
    char text[16];
    uint64_t sum;
    uint32_t incarnation;
    const void *address;
    tr_ref_t parent, self;
    bool was_zero;
} inspection;

static inspection seen;

static tr_err_t
inspect_gift(tr_self *self, void *state, const void *arg)
{
    const gift *g = arg;
    unsigned char *bytes = state;
    seen.was_zero = true;
    for (int i = 0; i < 100; i++) {
        seen.was_zero = seen.was_zero && bytes[i] == 0;
    }
    memset(state, 0xff, 100);
    snprintf(seen.text, sizeof seen.text, "%s", g->text);
    seen.sum = 0;
    for (int i = 0; i < 20; i++) {
        seen.sum += g->numbers[i];
    }
    seen.address = arg;
    seen.incarnation = tr_self_incarnation(self);
    seen.parent = tr_self_parent(self);
    seen.self = tr_self_ref(self);
    cue_give(&seen.born);
    return TR_OK;
}

static tr_err_t
fail_on_anything(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    return TR_EIO;
}

static const tr_behavior_t inspector = {
    .name = "inspector",
    .state_size = 100,
    .start = inspect_gift,
    .receive = fail_on_anything,
};

static tr_err_t
restart_held(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    return exit != NULL && exit->held ? tr_restart(self, exit->child) : TR_OK;
}

static tr_err_t
spawn_inspector(tr_self *self, void *arg)
{
    gift g = {.text = "a copy"};
    char name[20] = "its name";
    for (uint64_t i = 0; i < 20; i++) {
        g.numbers[i] = i;
    }
    tr_spawn_opts_t opts = {
        .behavior = &inspector,
        .name = name,
        .arg = &g,
        .arg_size = sizeof g,
        .after_exit = TR_AFTER_EXIT_HOLD,
    };
    tr_err_t err = tr_spawn(self, &opts, arg);
    memset(&g, 0xee, sizeof g);
    memset(name, 'x', sizeof name - 1);
    cr_expect(seen.address != &g);
    return err;
}

Test(spawn, copies_the_argument_for_every_life_and_zeroes_the_state)
{
    tr_runtime *rt = troupe_begin(2);
    cue_init(&seen.born);
    tr_ref_t child;
    tr_ref_t parent = troupe_puppet(rt, &(part){.receive = restart_held});
    assert_ok(troupe_act(rt, parent, spawn_inspector, &child));
    for (uint32_t life = 1; life < 4; life++) {
        CUE_AWAIT(&seen.born);
        cr_assert(eq(str, seen.text, (char *)"a copy"));
        cr_assert(eq(u64, seen.sum, 190));
        cr_assert(eq(u32, seen.incarnation, life));
        cr_assert(seen.was_zero);
        cr_assert(tr_ref_equal(seen.parent, parent));
        cr_assert(tr_ref_equal(seen.self, child));
        assert_ok(tr_runtime_send(rt, child, TR_MSG(number, .value = 1), tr_seconds(20)));
    }
    CUE_AWAIT(&seen.born);
    troupe_end(rt);
}

static tr_err_t
tell_worker(tr_self *self, void *arg)
{
    *(uint32_t *)arg = tr_self_worker(self);
    cr_expect(tr_self_workers(self) == 3);
    return TR_OK;
}

static tr_err_t
spawn_near(tr_self *self, void *arg)
{
    return tr_spawn(self, PUPPET_WITH(NULL, .place = TR_PLACE_NEAR), arg);
}

Test(spawn, puts_an_actor_where_it_is_told)
{
    tr_runtime *rt = troupe_begin(3);
    for (uint32_t i = 0; i < 6; i++) {
        tr_ref_t ref;
        tr_ref_t child;
        uint32_t worker = 99;
        assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = i), &ref));
        assert_ok(troupe_act(rt, ref, tell_worker, &worker));
        cr_assert(eq(u32, worker, i % 3));
        assert_ok(troupe_act(rt, ref, spawn_near, &child));
        assert_ok(troupe_act(rt, child, tell_worker, &worker));
        cr_assert(eq(u32, worker, i % 3));
    }
    troupe_end(rt);
}

Test(spawn, into_a_used_slot_makes_another_address)
{
    // More actors, one after the other, than there are slots in use: old addresses stay dead.
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t old[50];
    for (int i = 0; i < 50; i++) {
        old[i] = troupe_puppet(rt, NULL);
        for (int k = 0; k < i; k++) {
            cr_assert(not(tr_ref_equal(old[k], old[i])));
        }
        assert_err(troupe_act(rt, old[i], return_eio, NULL), TR_ECRASHED);
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(rt, &s), s.actors == 1));
    }
    tr_ref_t living = troupe_puppet(rt, NULL);
    for (int i = 0; i < 50; i++) {
        assert_err(troupe_act(rt, old[i], do_nothing, NULL), TR_EDEAD);
    }
    assert_ok(troupe_act(rt, living, do_nothing, NULL));
    troupe_end(rt);
}
