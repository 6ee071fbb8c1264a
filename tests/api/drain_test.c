// drain_test.c: a request to finish goes down the tree, and is answered when all is done.
#include "troupe_test.h"

#include <pthread.h>
#include <string.h>

TestSuite(drain, .timeout = 60);

// Who was asked, and for what, in order.
static pthread_mutex_t heard_lock = PTHREAD_MUTEX_INITIALIZER;
static char heard[256];

static void
note(const char *who, const char *what)
{
    pthread_mutex_lock(&heard_lock);
    size_t length = strlen(heard);
    snprintf(heard + length, sizeof heard - length, "%s%s%s", length != 0 ? " " : "", who, what);
    pthread_mutex_unlock(&heard_lock);
}

typedef struct member {
    const char *name;
    part role;
    tr_stop_order_t stop_order;
    uint32_t mailbox_count;
    tr_ref_t ref;
    cue asked, go_on;
    bool holds;   // until the test lets it go on
    bool answers; // by itself
    bool fails;
    int numbers;
} member;

static tr_err_t
hear(tr_self *self, void *arg, const tr_message *msg)
{
    member *m = arg;
    const tr_drain *drain = tr_as(tr_drain, msg);
    if (drain == NULL) {
        m->numbers += tr_as(number, msg) != NULL;
        return tr_as(number, msg) != NULL ? TR_OK : TR_EUNHANDLED;
    }
    note(m->name, drain->phase == TR_DRAIN_CLOSE ? "-" : "+");
    if (m->holds) {
        cue_give(&m->asked);
        cr_expect(cue_take(&m->go_on));
    }
    return m->fails ? TR_EIO : m->answers ? tr_reply(self, TR_MSG(tr_drained)) : TR_OK;
}

static tr_err_t
forget(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

static tr_err_t
bear(tr_self *self, void *arg)
{
    member *m = arg;
    return tr_spawn(
        self, PUPPET_WITH(&m->role, .stop_order = m->stop_order, .mailbox_count = m->mailbox_count),
        &m->ref);
}

static tr_runtime *rt;
static tr_ref_t root;

// A child of another, or of the root where that is NULL.
static void
add(member *m, const char *name, const member *above)
{
    m->name = name;
    m->role = (part){.receive = hear, .arg = m};
    cue_init(&m->asked);
    cue_init(&m->go_on);
    assert_ok(troupe_act(rt, above != NULL ? above->ref : root, bear, m));
}

static void
begin(void)
{
    static part forgets = {.receive = forget};
    heard[0] = '\0';
    rt = troupe_begin(2);
    root = troupe_puppet(rt, &forgets);
}

static tr_err_t
drain_for(tr_drain_phase phase, tr_duration_t timeout)
{
    const tr_drained *answer;
    tr_err_t err = tr_runtime_call(rt, root, TR_MSG(tr_drain, .phase = phase),
                                   TR_REPLY(tr_drained, &answer), timeout);
    if (err == TR_OK) {
        tr_runtime_release(rt, answer);
    }
    return err;
}

#define expect_heard(text) cr_assert(eq(str, heard, (char *)(text)))

static atomic_int lines;

static void
count_line(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
    lines++;
}

Test(drain, of_one_that_knows_nothing_of_it_is_answered_and_not_reported)
{
    tr_runtime_opts_t opts = {.workers = 2, .log = count_line};
    assert_ok(tr_runtime_create(&opts, &rt));
    root = troupe_puppet(rt, NULL);
    assert_ok(drain_for(TR_DRAIN_CLOSE, tr_seconds(20)));
    assert_ok(drain_for(TR_DRAIN_FINISH, tr_seconds(20)));
    cr_assert(eq(int, lines, 0));
    troupe_end(rt);
}

Test(drain, goes_to_the_youngest_first_and_behind_what_was_sent_before)
{
    begin();
    static member a, b, b1, b2, c;
    add(&a, "a", NULL);
    add(&b, "b", NULL);
    add(&b1, "b1", &b);
    add(&b2, "b2", &b);
    add(&c, "c", NULL);
    for (int i = 0; i < 100; i++) {
        assert_ok(tr_runtime_send(rt, a.ref, TR_MSG(number), tr_seconds(20)));
    }
    assert_ok(drain_for(TR_DRAIN_FINISH, tr_seconds(20)));
    expect_heard("c+ b+ b2+ b1+ a+");
    cr_assert(eq(int, a.numbers, 100));
    troupe_end(rt);
}

Test(drain, waits_for_each_before_it_asks_the_next)
{
    begin();
    static member a, b = {.holds = true};
    add(&a, "a", NULL);
    add(&b, "b", NULL);
    assert_err(drain_for(TR_DRAIN_FINISH, tr_ms(20)), TR_ETIMEOUT);
    CUE_AWAIT(&b.asked);
    expect_heard("b+");
    cue_give(&b.go_on);
    troupe_end(rt);
}

Test(drain, closes_all_at_once_and_finishes_at_once_where_they_stop_together)
{
    begin();
    static member a, b = {.stop_order = TR_STOP_TOGETHER}, b1, b2 = {.holds = true};
    add(&a, "a", NULL);
    add(&b, "b", NULL);
    add(&b1, "b1", &b);
    add(&b2, "b2", &b);
    cue_give(&b2.go_on);
    assert_ok(drain_for(TR_DRAIN_CLOSE, tr_seconds(20)));
    cr_assert(strstr(heard, "a-") != NULL);
    cr_assert(strstr(heard, "b1-") != NULL);
    heard[0] = '\0';
    assert_err(drain_for(TR_DRAIN_FINISH, tr_ms(50)), TR_ETIMEOUT); // b2 holds
    cr_assert(strstr(heard, "b1+") != NULL);
    cr_assert(strstr(heard, "a+") == NULL);
    cue_give(&b2.go_on);
    troupe_end(rt);
}

Test(drain, that_a_handler_answers_itself_stays_with_it)
{
    begin();
    static member a = {.answers = true}, a1;
    add(&a, "a", NULL);
    add(&a1, "a1", &a);
    assert_ok(drain_for(TR_DRAIN_FINISH, tr_seconds(20)));
    expect_heard("a+");
    troupe_end(rt);
}

Test(drain, goes_on_when_one_crashes_and_leaves_out_who_is_gone)
{
    begin();
    static member a, b = {.fails = true}, c;
    add(&a, "a", NULL);
    add(&b, "b", NULL);
    add(&c, "c", NULL);
    assert_ok(drain_for(TR_DRAIN_FINISH, tr_seconds(20)));
    assert_ok(drain_for(TR_DRAIN_FINISH, tr_seconds(20)));
    expect_heard("c+ b+ a+ c+ a+");
    troupe_end(rt);
}

Test(drain, needs_no_room_in_a_full_mailbox)
{
    begin();
    static member a = {.mailbox_count = 1, .holds = true};
    add(&a, "a", NULL);
    assert_ok(tr_runtime_send(rt, a.ref, TR_MSG(tr_drain), tr_seconds(20)));
    CUE_AWAIT(&a.asked);
    assert_ok(tr_runtime_send(rt, a.ref, TR_MSG(number), tr_seconds(20)));
    assert_err(drain_for(TR_DRAIN_FINISH, tr_ms(20)), TR_ETIMEOUT); // it is behind the number
    cue_give(&a.go_on);
    a.holds = false;
    assert_ok(drain_for(TR_DRAIN_FINISH, tr_seconds(20)));
    cr_assert(eq(int, a.numbers, 1));
    troupe_expect_balance(rt);
    troupe_end(rt);
}

Test(drain, in_progress_ends_with_the_runtime)
{
    begin();
    static member a, b = {.holds = true};
    add(&a, "a", NULL);
    add(&b, "b", NULL);
    assert_err(drain_for(TR_DRAIN_FINISH, tr_ms(10)), TR_ETIMEOUT);
    CUE_AWAIT(&b.asked);
    tr_runtime_stop(rt);
    cue_give(&b.go_on);
    troupe_end(rt);
}
