// registry_test.c: names that somebody has.
#include "names.h"

TestSuite(registry, .timeout = 60);

static const char longest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";

// An actor that may lose its name.
typedef struct loser_t {
    tr_ref_t ref;
    char name[16];
    tr_ref_t successor;
    tr_ref_t sender;
    cue lost;
    cue held;
    cue let_go;
} loser_t;

static tr_err_t
hear_lost(tr_self *self, void *arg, const tr_message *msg)
{
    loser_t *l = arg;
    (void)self;
    const tr_registry_lost *lost = tr_as(tr_registry_lost, msg);
    if (lost == NULL) {
        return TR_EUNHANDLED;
    }
    snprintf(l->name, sizeof l->name, "%.*s", (int)lost->name.size, lost->name.data);
    l->successor = lost->successor;
    l->sender = tr_message_sender(msg);
    cue_give(&l->lost);
    return TR_OK;
}

static void
loser_begin(loser_t *l, uint32_t mailbox)
{
    *l = (loser_t){.ref = TR_REF_NONE};
    cue_init(&l->lost);
    cue_init(&l->held);
    cue_init(&l->let_go);
    part role = {.receive = hear_lost, .arg = l};
    assert_ok(tr_runtime_spawn(
        rt, PUPPET_WITH(&role, .mailbox_count = mailbox, .mailbox_bytes = 64 << 20), &l->ref));
}

static tr_err_t
be_held(tr_self *self, void *arg)
{
    loser_t *l = arg;
    cue_give(&l->held);
    while (tr_sleep(self, tr_ms(1)) == TR_OK && sem_trywait(&l->let_go.sem) != 0) {
    }
    return TR_OK;
}

// ---- what is refused

static void
expect_no_name(tr_str_t name)
{
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t out;
    tr_watch_rx *rx;
    assert_err(tr_runtime_registry_register(rt, names, name, a, SOON), TR_EINVAL);
    assert_err(tr_runtime_registry_take_over(rt, names, name, a, SOON, &out), TR_EINVAL);
    assert_err(tr_runtime_registry_unregister(rt, names, name, a, SOON), TR_EINVAL);
    assert_err(tr_runtime_registry_lookup(rt, names, name, SOON, &out), TR_EINVAL);
    assert_err(tr_runtime_registry_await(rt, names, name, SOON, &out), TR_EINVAL);
    assert_err(tr_runtime_registry_watch(rt, names, name, SOON, &rx), TR_EINVAL);
}

Test(registry, refuses_what_cannot_be_a_name)
{
    char too_long[256];
    memset(too_long, 'x', sizeof too_long);
    names_begin(1, (tr_registry_opts_t){.max_names = 0});
    expect_no_name(TR_STR(""));
    expect_no_name(tr_str_n(too_long, sizeof too_long));
    assert_err(reg("nobody", TR_REF_NONE), TR_EINVAL);
    assert_err(take("nobody", TR_REF_NONE, NULL), TR_EINVAL);
    troupe_end(rt);
}

Test(registry, takes_any_bytes_up_to_255_for_a_name)
{
    tr_str_t odd = TR_STR("a\0\xff\n");
    tr_ref_t found;
    names_begin(1, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    cr_assert(eq(sz, strlen(longest), TR_REGISTRY_NAME_MAX));
    assert_ok(reg(longest, a));
    EXPECT_OWNER(longest, a);
    assert_ok(tr_runtime_registry_register(rt, names, odd, a, SOON));
    assert_ok(tr_runtime_registry_lookup(rt, names, odd, SOON, &found));
    assert_err(tr_runtime_registry_lookup(rt, names, TR_STR("a"), SOON, &found), TR_ENOTFOUND);
    troupe_end(rt);
}

Test(registry, gives_a_name_to_one_actor_only)
{
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    EXPECT_NOBODY("store");
    assert_ok(reg("store", a));
    assert_err(reg("store", b), TR_EALREADY);
    assert_ok(reg("store", a));
    EXPECT_OWNER("store", a);
    EXPECT_NOBODY("stor");
    EXPECT_NOBODY("stores");
    troupe_end(rt);
}

Test(registry, refuses_who_has_ended_and_leaves_the_name_as_it_was)
{
    tr_ref_t former;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    end_actor(a);
    assert_err(reg("store", a), TR_EDEAD);
    EXPECT_NOBODY("store");
    assert_err(reg("store", (tr_ref_t){UINT64_MAX}), TR_EDEAD);
    assert_ok(reg("store", b));
    assert_err(take("store", a, &former), TR_EDEAD);
    EXPECT_OWNER("store", b);
    troupe_end(rt);
}

Test(registry, takes_a_name_back_from_its_owner_only)
{
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    assert_err(unreg("store", a), TR_ENOTFOUND);
    assert_ok(reg("store", a));
    assert_err(unreg("store", b), TR_ENOTFOUND);
    assert_err(unreg("store", TR_REF_NONE), TR_ENOTFOUND);
    EXPECT_OWNER("store", a);
    assert_ok(unreg("store", a));
    EXPECT_NOBODY("store");
    assert_err(unreg("store", a), TR_ENOTFOUND);
    assert_ok(reg("store", b));
    EXPECT_OWNER("store", b);
    troupe_end(rt);
}

Test(registry, has_a_bound_on_names)
{
    tr_ref_t former;
    names_begin(2, (tr_registry_opts_t){.max_names = 2});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    assert_ok(reg("one", a));
    assert_ok(reg("two", a));
    assert_err(reg("three", b), TR_ELIMIT);
    assert_err(take("three", b, &former), TR_ELIMIT);
    EXPECT_NOBODY("three");
    assert_ok(reg("two", a)); // what is there is no new one
    assert_ok(take("two", b, &former));
    assert_ok(unreg("one", a));
    assert_ok(reg("three", b));
    assert_err(reg("one", a), TR_ELIMIT);
    end_actor(b);
    TROUPE_EVENTUALLY(reg("one", a) == TR_OK);
    assert_ok(reg("four", a));
    troupe_end(rt);
}

// ---- ends

Test(registry, has_a_name_free_as_soon_as_its_owner_has_ended)
{
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t b = troupe_puppet(rt, NULL);
    for (int i = 0; i < 200; i++) {
        tr_ref_t a = troupe_puppet(rt, NULL);
        assert_ok(reg("store", a));
        end_actor(a);
        if (i % 2 == 0) {
            EXPECT_NOBODY("store");
        }
        assert_ok(reg("store", b));
        EXPECT_OWNER("store", b);
        assert_ok(unreg("store", b));
    }
    troupe_end(rt);
}

static tr_err_t
be_held_and_leave(tr_self *self, void *arg)
{
    loser_t *l = arg;
    tr_err_t err = be_held(self, l);
    tr_exit(self);
    return err;
}

// Between its end and the news of it lies the mail that it leaves: here that takes a while.
Test(registry, knows_of_an_end_before_it_is_told)
{
    enum { MAIL = 30000 };
    loser_t a;
    tr_ref_t former;
    names_begin(2, (tr_registry_opts_t){.max_names = 2});
    loser_begin(&a, MAIL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    assert_ok(reg("store", a.ref));
    assert_ok(reg("other", a.ref));
    assert_ok(troupe_prompt(rt, a.ref, be_held_and_leave, &a));
    CUE_AWAIT(&a.held);
    while (tr_runtime_send(rt, a.ref, TR_MSG(number, .value = 1), tr_ms(0)) == TR_OK) {
    }
    cue_give(&a.let_go);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, a.ref));
    EXPECT_NOBODY("store");
    assert_ok(reg("store", b));
    assert_ok(take("other", b, &former));
    cr_assert(tr_ref_is_none(former));
    EXPECT_OWNER("store", b);
    EXPECT_OWNER("other", b);
    assert_err(unreg("store", a.ref), TR_ENOTFOUND);
    troupe_end(rt);
}

Test(registry, forgets_all_names_of_one_that_ended_and_no_others)
{
    char name[8];
    names_begin(2, (tr_registry_opts_t){.max_names = 20});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_ok(reg(name, i % 2 == 0 ? a : b));
    }
    assert_err(troupe_act(rt, a, fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(reg("a", b) == TR_OK); // there is room
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "a%d", i);
        assert_ok(reg(name, b)); // for all of them
    }
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "n%d", i);
        if (i % 2 == 0) {
            EXPECT_NOBODY(name);
        } else {
            EXPECT_OWNER(name, b);
        }
    }
    troupe_end(rt);
}

Test(registry, hears_of_the_end_of_one_that_had_no_name_for_a_while)
{
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    tr_ref_t b = troupe_puppet(rt, NULL);
    assert_ok(reg("store", a));
    assert_ok(unreg("store", a));
    assert_ok(reg("store", a)); // watched anew
    end_actor(a);
    EXPECT_NOBODY("store");
    assert_ok(reg("store", b));
    EXPECT_OWNER("store", b);
    troupe_end(rt);
}

typedef struct parent_t {
    tr_ref_t child;
    const tr_behavior_t *behavior;
    cue restarted;
} parent_t;

static tr_err_t
have_child(tr_self *self, void *arg)
{
    parent_t *p = arg;
    return tr_spawn(self,
                    &(tr_spawn_opts_t){.behavior = p->behavior, .after_exit = TR_AFTER_EXIT_HOLD},
                    &p->child);
}

static tr_err_t
restart_child(tr_self *self, void *arg, const tr_message *msg)
{
    parent_t *p = arg;
    if (tr_as(tr_child_exit, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_restart(self, p->child);
    cue_give(&p->restarted);
    return err;
}

static void
parent_begin(parent_t *p, const tr_behavior_t *behavior)
{
    *p = (parent_t){.behavior = behavior};
    cue_init(&p->restarted);
    part role = {.receive = restart_child, .arg = p};
    tr_ref_t parent = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, parent, have_child, p));
}

Test(registry, keeps_the_names_of_one_that_is_restarted)
{
    parent_t p;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    parent_begin(&p, &puppet);
    assert_ok(reg("store", p.child));
    assert_err(troupe_act(rt, p.child, fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.restarted);
    EXPECT_OWNER("store", p.child);
    troupe_end(rt);
}

Test(registry, that_is_restarted_begins_with_no_names)
{
    parent_t p;
    tr_watch_rx *rx;
    rt = troupe_begin(2);
    parent_begin(&p, &tr_registry_behavior);
    names = p.child;
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(reg("store", a));
    assert_ok(tr_runtime_registry_watch(rt, names, TR_STR("store"), SOON, &rx));
    assert_err(troupe_act(rt, troupe_puppet(rt, NULL), link_and_fail, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.restarted);
    assert_err(tr_watch_await_change(TR_OUTSIDE, rx, SOON), TR_ECLOSED);
    EXPECT_NOBODY("store");
    assert_ok(reg("store", a));
    EXPECT_OWNER("store", a);
    tr_watch_rx_close(rx);
    troupe_end(rt);
}

// ---- taking over

Test(registry, take_over_says_who_had_it_and_tells_the_former_owner)
{
    loser_t a;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    loser_begin(&a, 0);
    tr_ref_t b = troupe_puppet(rt, NULL);
    tr_ref_t former = b;
    assert_ok(take("store", a.ref, &former));
    cr_assert(tr_ref_is_none(former), "nobody had it");
    assert_ok(take("store", a.ref, &former));
    cr_assert(tr_ref_equal(former, a.ref), "it had it itself");
    assert_ok(take("store", b, &former));
    cr_assert(tr_ref_equal(former, a.ref));
    EXPECT_OWNER("store", b);
    CUE_AWAIT(&a.lost);
    cr_assert(strcmp(a.name, "store") == 0);
    cr_assert(tr_ref_equal(a.successor, b), "and not itself, in the second one");
    cr_assert(tr_ref_equal(a.sender, names));
    assert_err(unreg("store", a.ref), TR_ENOTFOUND);
    end_actor(a.ref);
    EXPECT_OWNER("store", b);
    end_actor(b);
    former = b;
    assert_ok(take("store", troupe_puppet(rt, NULL), &former));
    cr_assert(tr_ref_is_none(former), "one that has ended does not count");
    troupe_end(rt);
}

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

Test(registry, take_over_does_not_wait_for_a_former_owner_whose_mailbox_is_full)
{
    loser_t a;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    loser_begin(&a, 2);
    tr_ref_t b = troupe_puppet(rt, NULL);
    assert_ok(reg("first", a.ref));
    assert_ok(reg("second", a.ref));
    assert_ok(troupe_prompt(rt, a.ref, be_held, &a));
    CUE_AWAIT(&a.held);
    while (tr_runtime_send(rt, a.ref, TR_MSG(number, .value = 1), tr_ms(0)) == TR_OK) {
    }
    assert_ok(take("first", b, NULL));
    EXPECT_OWNER("first", b);
    cue_give(&a.let_go);
    assert_ok(troupe_act(rt, a.ref, do_nothing, NULL)); // what was there has been handled
    assert_ok(take("second", b, NULL));
    CUE_AWAIT(&a.lost);
    cr_assert(strcmp(a.name, "second") == 0, "the first found no room");
    cr_assert(sem_trywait(&a.lost.sem) != 0);
    troupe_end(rt);
}

// ---- what may be registered

Test(registry, knows_channels_and_itself_by_name_too)
{
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    assert_ok(tr_runtime_mpsc_create(rt, &(tr_mpsc_opts_t){.name = "c"}, &tx, &rx));
    assert_ok(reg("channel", tr_mpsc_ref(tx)));
    EXPECT_OWNER("channel", tr_mpsc_ref(tx));
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    EXPECT_NOBODY("channel");
    assert_ok(reg("channel", names));
    assert_ok(reg("registry", names));
    EXPECT_OWNER("channel", names);
    assert_ok(unreg("channel", names));
    EXPECT_OWNER("registry", names);
    troupe_end(rt);
}

Test(registry, finds_each_of_many)
{
    enum { MANY = 3000 };
    char name[16];
    names_begin(2, (tr_registry_opts_t){.max_names = MANY});
    tr_ref_t actors[3];
    for (int i = 0; i < 3; i++) {
        actors[i] = troupe_puppet(rt, NULL);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "name %d", i);
        assert_ok(reg(name, actors[i % 3]));
    }
    end_actor(actors[2]);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "name %d", i);
        if (i % 3 == 2) {
            EXPECT_NOBODY(name);
        } else {
            EXPECT_OWNER(name, actors[i % 3]);
            assert_ok(unreg(name, actors[i % 3]));
        }
    }
    troupe_end(rt);
}

// ---- listing

static tr_ref_t everyone; // whose all names are that are listed

static const tr_registry_page *
list(const char *prefix, const char *after, uint32_t count)
{
    const tr_registry_page *page = NULL;
    assert_ok(
        tr_runtime_registry_names(rt, names, tr_str(prefix), tr_str(after), count, SOON, &page));
    return page;
}

static void
expect_page(const char *prefix, const char *after, uint32_t count, const char *expected,
            bool has_more)
{
    char text[256] = "";
    const tr_registry_page *page = list(prefix, after, count);
    for (size_t i = 0; i < page->entries.count; i++) {
        tr_str_t name = page->entries.items[i].name;
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%.*s", i != 0 ? " " : "", (int)name.size,
                 name.data);
        cr_assert(tr_ref_equal(page->entries.items[i].actor, everyone));
    }
    cr_assert(strcmp(text, expected) == 0, "\"%s\", expected \"%s\"", text, expected);
    cr_assert(page->has_more == has_more);
    tr_runtime_release(rt, page);
}

Test(registry, lists_nothing_where_nothing_is_and_refuses_pages_of_no_size)
{
    const tr_registry_page *page;
    tr_str_t none = TR_STR("");
    names_begin(1, (tr_registry_opts_t){.max_names = 0});
    assert_err(tr_runtime_registry_names(rt, names, none, none, 0, SOON, &page), TR_EINVAL);
    assert_err(
        tr_runtime_registry_names(rt, names, none, none, TR_REGISTRY_PAGE_MAX + 1, SOON, &page),
        TR_EINVAL);
    expect_page("", "", TR_REGISTRY_PAGE_MAX, "", false);
    troupe_end(rt);
}

Test(registry, lists_names_in_the_order_of_their_bytes_with_a_prefix_and_in_pages)
{
    static const char *const all[] = {"b", "ab", "a", "B", "abc", "ac", "\xc3\xa4", "aa"};
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    everyone = troupe_puppet(rt, NULL);
    tr_ref_t dead = troupe_puppet(rt, NULL);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_ok(reg(all[i], everyone));
    }
    assert_ok(reg("abb", dead));
    end_actor(dead);
    expect_page("", "", 8, "B a aa ab abc ac b \xc3\xa4", false);
    expect_page("", "", 7, "B a aa ab abc ac b", true);
    expect_page("", "", 3, "B a aa", true);
    expect_page("", "aa", 3, "ab abc ac", true);
    expect_page("", "ac", 3, "b \xc3\xa4", false);
    expect_page("", "\xc3\xa4", 3, "", false);
    expect_page("a", "", 1, "a", true);
    expect_page("ab", "", 9, "ab abc", false);
    expect_page("ab", "ab", 9, "abc", false);
    expect_page("ab", "b", 9, "", false);
    expect_page("x", "", 9, "", false);
    troupe_end(rt);
}

Test(registry, lists_a_thousand_a_page_each_once_and_in_order)
{
    enum { MANY = 2500 };
    char name[16];
    char last[16] = "";
    size_t seen = 0;
    bool has_more = true;
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%08" PRIx32, i * UINT32_C(2654435761));
        assert_ok(reg(name, a));
    }
    while (has_more) {
        const tr_registry_page *page = list("", last, TR_REGISTRY_PAGE_MAX);
        for (size_t i = 0; i < page->entries.count; i++) {
            tr_str_t next = page->entries.items[i].name;
            snprintf(name, sizeof name, "%.*s", (int)next.size, next.data);
            cr_assert(strcmp(last, name) < 0, "%s before %s", last, name);
            memcpy(last, name, sizeof last);
        }
        seen += page->entries.count;
        has_more = page->has_more;
        tr_runtime_release(rt, page);
    }
    cr_assert(eq(sz, seen, MANY));
    troupe_end(rt);
}

// ---- who asks

typedef struct visit_t {
    tr_ref_t other, found, former, waited;
    size_t listed;
    tr_ref_t watched;
} visit_t;

static tr_err_t
ask_everything(tr_self *self, void *arg)
{
    visit_t *v = arg;
    tr_str_t name = TR_STR("store");
    tr_watch_rx *rx;
    const tr_message *now;
    const tr_registry_page *page;
    expect_err(tr_registry_lookup(self, names, name, SOON, &v->found), TR_ENOTFOUND);
    expect_err(tr_registry_await(self, names, name, tr_ms(1), &v->found), TR_ETIMEOUT);
    expect_ok(tr_registry_register(self, names, name, tr_self_ref(self), SOON));
    expect_ok(tr_registry_take_over(self, names, name, v->other, SOON, &v->former));
    expect_ok(tr_registry_lookup(self, names, name, SOON, &v->found));
    expect_ok(tr_registry_await(self, names, name, SOON, &v->waited));
    expect_ok(tr_registry_watch(self, names, name, SOON, &rx));
    expect_ok(tr_watch_get(self, rx, &now));
    v->watched = tr_as(tr_registry_owner, now)->actor;
    expect_ok(tr_registry_names(self, names, TR_STR("st"), TR_STR(""), 9, SOON, &page));
    v->listed = page->entries.count;
    tr_release(self, page);
    expect_err(tr_registry_unregister(self, names, name, tr_self_ref(self), SOON), TR_ENOTFOUND);
    expect_ok(tr_registry_unregister(self, names, name, v->other, SOON));
    return TR_OK;
}

Test(registry, is_asked_by_actors_as_it_is_by_threads)
{
    visit_t v = {.listed = 0};
    names_begin(2, (tr_registry_opts_t){.max_names = 0});
    tr_ref_t a = troupe_puppet(rt, NULL);
    v.other = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, a, ask_everything, &v));
    cr_assert(tr_ref_equal(v.former, a));
    cr_assert(tr_ref_equal(v.found, v.other));
    cr_assert(tr_ref_equal(v.waited, v.other));
    cr_assert(tr_ref_equal(v.watched, v.other));
    cr_assert(eq(sz, v.listed, 1));
    EXPECT_NOBODY("store");
    troupe_end(rt);
}

static void
count_unhandled(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    *(_Atomic int *)arg += strstr(line, "tr_registry_") != NULL;
}

Test(registry, takes_changes_that_are_sent_and_no_questions)
{
    _Atomic int unhandled = 0;
    tr_str_t name = TR_STR("store");
    assert_ok(tr_runtime_create(
        &(tr_runtime_opts_t){.workers = 1, .log = count_unhandled, .log_arg = &unhandled}, &rt));
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &tr_registry_behavior}, &names));
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_ok(tr_runtime_send(rt, names, TR_MSG(tr_registry_find, .name = name), SOON));
    assert_ok(tr_runtime_send(rt, names, TR_MSG(tr_registry_wait, .name = name), SOON));
    assert_ok(tr_runtime_send(rt, names, TR_MSG(tr_registry_follow, .name = name), SOON));
    assert_ok(tr_runtime_send(rt, names, TR_MSG(tr_registry_list, .count = 1), SOON));
    EXPECT_NOBODY("store");
    cr_assert(eq(int, unhandled, 4));
    assert_ok(
        tr_runtime_send(rt, names, TR_MSG(tr_registry_claim, .name = name, .actor = a), SOON));
    EXPECT_OWNER("store", a);
    assert_ok(
        tr_runtime_send(rt, names, TR_MSG(tr_registry_resign, .name = name, .actor = a), SOON));
    EXPECT_NOBODY("store");
    assert_err(tr_runtime_call(rt, names, TR_MSG(number, .value = 1), TR_REPLY_NONE, SOON),
               TR_EUNHANDLED);
    troupe_end(rt);
}
