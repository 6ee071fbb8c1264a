#include "ask.h"

#include <pthread.h>
#include <string.h>

// A runtime that remembers the last line of its log that tells of a deadlock.
static char path[4096];
static pthread_mutex_t path_lock = PTHREAD_MUTEX_INITIALIZER;

static void
keep_path(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    if (strncmp(line, "deadlock", 8) == 0) {
        pthread_mutex_lock(&path_lock);
        snprintf(path, sizeof path, "%s", line);
        pthread_mutex_unlock(&path_lock);
    }
}

static tr_runtime *
begin(uint32_t workers)
{
    tr_runtime *rt = NULL;
    path[0] = '\0';
    tr_runtime_opts_t opts = {.name = "test", .workers = workers, .log = keep_path};
    assert_ok(tr_runtime_create(&opts, &rt));
    return rt;
}

static uint64_t
deadlocks(tr_runtime *rt)
{
    tr_stats_t s;
    tr_runtime_stats(rt, &s);
    return s.deadlocks;
}

// ---- rings of calls

// One that calls the next in a ring from within the call that it got.
typedef struct node {
    tr_ref_t ref;
    struct node *next;
    tr_err_t err;
    int64_t took_ns;
} node;

static tr_err_t
call_next(tr_self *self, void *arg)
{
    node *n = arg;
    int64_t begin_ns = troupe_now_ns();
    n->err =
        tr_call(self, n->next->ref, ACT_MSG(call_next, n->next), TR_REPLY_NONE, tr_seconds(20));
    n->took_ns = troupe_now_ns() - begin_ns;
    return TR_OK;
}

static void
expect_ring_breaks(uint32_t workers, uint32_t count)
{
    tr_runtime *rt = begin(workers);
    node ring[50];
    for (uint32_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "ring-%u", i);
        ring[i] = (node){.next = &ring[(i + 1) % count]};
        assert_ok(tr_runtime_spawn(
            rt, PUPPET_WITH(NULL, .name = name, .place = TR_PLACE_AT, .worker = i), &ring[i].ref));
    }
    assert_ok(troupe_act(rt, ring[0].ref, call_next, &ring[0]));
    for (uint32_t i = 0; i + 1 < count; i++) {
        assert_ok(ring[i].err);
    }
    assert_err(ring[count - 1].err, TR_EDEADLK);
    cr_expect(lt(i64, ring[count - 1].took_ns, 1000000000), "it took %" PRId64 " ns",
              ring[count - 1].took_ns);
    cr_assert(eq(u64, deadlocks(rt), 1));
    troupe_end(rt);
    cr_log_info("a ring of %u: %" PRId64 " ns", count, ring[count - 1].took_ns);
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "ring-%u (", i);
        cr_expect(strstr(path, name) != NULL, "%s is not in: %s", name, path);
    }
    cr_assert(strstr(path, "calls [act]") != NULL);
}

Test(deadlock, of_two_fails_the_closing_call_with_the_path)
{
    expect_ring_breaks(1, 2);
    expect_ring_breaks(2, 2);
}

Test(deadlock, of_three_and_of_fifty)
{
    expect_ring_breaks(2, 3);
    expect_ring_breaks(1, 50);
    expect_ring_breaks(2, 50);
}

Test(deadlock, of_one)
{
    tr_runtime *rt = begin(1);
    node n = {.ref = troupe_puppet(rt, NULL), .next = &n};
    assert_ok(troupe_act(rt, n.ref, call_next, &n));
    assert_err(n.err, TR_EDEADLK);
    troupe_end(rt);
}

// Two that begin their calls at the same time, each the closing one.
static tr_err_t
answer_nothing(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    return tr_reply(self, TR_MSG(number));
}

typedef struct duel {
    tr_ref_t other;
    atomic_uint *ready;
    tr_err_t err;
} duel;

static tr_err_t
call_at_once(tr_self *self, void *arg)
{
    duel *d = arg;
    atomic_fetch_add(d->ready, 1);
    while (atomic_load(d->ready) < 2) {
    }
    d->err = tr_call(self, d->other, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, that_two_close_at_the_same_time_is_found)
{
    tr_runtime *rt = begin(2);
    part role = {.receive = answer_nothing};
    tr_ref_t a = puppet_at(rt, 0, &role);
    tr_ref_t b = puppet_at(rt, 1, &role);
    for (int i = 0; i < 500; i++) {
        atomic_uint ready = 0;
        duel x = {b, &ready, TR_EBUSY};
        duel y = {a, &ready, TR_EBUSY};
        assert_ok(troupe_prompt(rt, a, call_at_once, &x));
        assert_ok(troupe_act(rt, b, call_at_once, &y));
        assert_ok(troupe_act(rt, a, do_nothing, NULL));
        bool is_right = (x.err == TR_EDEADLK || x.err == TR_OK) &&
                        (y.err == TR_EDEADLK || y.err == TR_OK) &&
                        (x.err == TR_EDEADLK || y.err == TR_EDEADLK);
        cr_assert(is_right, "%s and %s", tr_errname(x.err), tr_errname(y.err));
    }
    troupe_end(rt);
}

// ---- through other waits

typedef struct flooder {
    tr_ref_t to;
    tr_err_t err;
} flooder;

static tr_err_t
flood(tr_self *self, void *arg)
{
    flooder *f = arg;
    f->err = TR_OK;
    for (int i = 0; f->err == TR_OK && i < 5; i++) {
        f->err = tr_send(self, f->to, TR_MSG(number));
    }
    return TR_OK;
}

typedef struct asker {
    tr_ref_t to;
    flooder *flooder;
    tr_err_t err;
} asker;

static tr_err_t
call_flooder(tr_self *self, void *arg)
{
    asker *a = arg;
    a->err = tr_call(self, a->to, ACT_MSG(flood, a->flooder), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, through_a_full_mailbox)
{
    tr_runtime *rt = begin(2);
    part role = {.receive = answer_nothing};
    tr_ref_t small = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(&role, .mailbox_count = 2), &small));
    flooder f = {.to = small};
    asker a = {.to = troupe_puppet(rt, NULL), .flooder = &f};
    assert_ok(troupe_act(rt, small, call_flooder, &a));
    assert_ok(a.err);
    assert_err(f.err, TR_EDEADLK);
    cr_assert(strstr(path, "waits for room in [number]") != NULL);
    troupe_end(rt);
}

// A holds the lock and calls B, which wants it.
typedef struct locker {
    tr_mutex *m;
    tr_ref_t to;
    tr_err_t called, locked;
} locker;

static tr_err_t
want_lock(tr_self *self, void *arg)
{
    locker *l = arg;
    l->locked = tr_mutex_lock(self, l->m, tr_seconds(20));
    if (l->locked == TR_OK) {
        tr_mutex_unlock(self, l->m);
    }
    return TR_OK;
}

static tr_err_t
call_with_lock(tr_self *self, void *arg)
{
    locker *l = arg;
    tr_err_t err = tr_mutex_lock(self, l->m, tr_seconds(20));
    if (err == TR_OK) {
        l->called = tr_call(self, l->to, ACT_MSG(want_lock, l), TR_REPLY_NONE, tr_seconds(20));
        tr_mutex_unlock(self, l->m);
    }
    return err;
}

Test(deadlock, through_a_mutex)
{
    tr_runtime *rt = begin(2);
    locker l = {.called = TR_EBUSY};
    assert_ok(tr_mutex_create(rt, &l.m));
    for (uint32_t at = 0; at < 2; at++) {
        l.to = puppet_at(rt, at, NULL);
        assert_ok(troupe_act(rt, puppet_at(rt, 0, NULL), call_with_lock, &l));
        assert_ok(l.called);
        assert_err(l.locked, TR_EDEADLK);
        cr_assert(strstr(path, "waits for a lock of") != NULL);
    }
    tr_mutex_destroy(l.m);
    troupe_end(rt);
}

typedef struct parent {
    tr_ref_t self;
    tr_err_t spawned, called;
} parent;

static tr_err_t
call_parent(tr_self *self, void *arg)
{
    parent *p = arg;
    p->called = tr_call(self, p->self, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return p->called;
}

static tr_err_t
spawn_one_that_calls(tr_self *self, void *arg)
{
    parent *p = arg;
    part role = {.start = call_parent, .arg = p};
    tr_ref_t child;
    p->self = tr_self_ref(self);
    p->spawned = tr_spawn(self, PUPPET(&role), &child);
    return TR_OK;
}

Test(deadlock, of_a_start_that_calls_its_parent)
{
    tr_runtime *rt = begin(2);
    parent p = {.spawned = TR_OK};
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), spawn_one_that_calls, &p));
    assert_err(p.called, TR_EDEADLK);
    assert_err(p.spawned, TR_EDEADLK);
    troupe_end(rt);
}

// A calls B, which hands the request on to C, which calls A.
typedef struct triangle {
    tr_ref_t a, c;
    tr_err_t called, back;
} triangle;

static tr_err_t
call_back(tr_self *self, void *arg, const tr_message *msg)
{
    triangle *t = arg;
    (void)msg;
    t->back = tr_call(self, t->a, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return tr_reply(self, TR_MSG(number));
}

static tr_err_t
hand_on(tr_self *self, void *arg, const tr_message *msg)
{
    (void)msg;
    return tr_delegate(self, ((triangle *)arg)->c);
}

static tr_err_t
call_b(tr_self *self, void *arg)
{
    triangle *t = arg;
    part role = {.receive = hand_on, .arg = t};
    tr_ref_t b;
    tr_err_t err = tr_spawn(self, PUPPET(&role), &b);
    t->a = tr_self_ref(self);
    if (err == TR_OK) {
        t->called = tr_call(self, b, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    }
    return err;
}

Test(deadlock, through_a_request_that_was_handed_on)
{
    tr_runtime *rt = begin(2);
    triangle t = {.called = TR_EBUSY};
    part role = {.receive = call_back, .arg = &t};
    t.c = troupe_puppet(rt, &role);
    for (int i = 0; i < 50; i++) {
        assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), call_b, &t));
        assert_ok(troupe_act(rt, t.c, do_nothing, NULL));
        bool one_failed = (t.called == TR_EDEADLK) != (t.back == TR_EDEADLK);
        cr_assert(one_failed, "%s and %s", tr_errname(t.called), tr_errname(t.back));
    }
    troupe_end(rt);
}

static tr_err_t
await_two(tr_self *self, void *arg)
{
    node *n = arg;
    tr_future *calls[2];
    for (int i = 0; i < 2; i++) {
        calls[i] = tr_call_begin(self, n[i].ref, ACT_MSG(call_next, &n[i]), tr_seconds(20));
    }
    tr_err_t err = tr_try_join(self, calls, 2);
    for (int i = 0; err == TR_OK && i < 2; i++) {
        err = tr_future_await(self, calls[i], TR_REPLY_NONE);
    }
    return err;
}

Test(deadlock, through_a_join)
{
    tr_runtime *rt = begin(2);
    node joiner = {.ref = puppet_at(rt, 0, NULL)};
    joiner.next = &joiner;
    node n[2] = {{.next = &joiner}, {.next = &joiner}};
    n[0].ref = puppet_at(rt, 0, NULL);
    n[1].ref = puppet_at(rt, 1, NULL);
    (void)troupe_act(rt, joiner.ref, await_two, n); // it may be its own wait that fails
    cr_assert(ge(u64, deadlocks(rt), 1));
    troupe_end(rt);
}

// ---- no cycle, though it looks like one

// B defers the answer to A and calls A: who has the token can still answer.
typedef struct deferral {
    tr_ref_t a, b;
    tr_token *token;
    cue deferred;
    tr_err_t called, back;
} deferral;

static tr_err_t
defer_and_call(tr_self *self, void *arg, const tr_message *msg)
{
    deferral *d = arg;
    (void)msg;
    tr_err_t err = tr_defer(self, &d->token);
    if (err != TR_OK) {
        return err;
    }
    cue_give(&d->deferred);
    d->back = tr_call(self, d->a, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
call_deferring(tr_self *self, void *arg)
{
    deferral *d = arg;
    d->called = tr_call(self, d->b, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, is_none_while_a_deferred_answer_may_come)
{
    tr_runtime *rt = begin(2);
    deferral d = {.back = TR_EBUSY};
    cue_init(&d.deferred);
    part role = {.receive = defer_and_call, .arg = &d};
    d.b = puppet_at(rt, 1, &role);
    d.a = puppet_at(rt, 0, NULL);
    assert_ok(troupe_prompt(rt, d.a, call_deferring, &d));
    CUE_AWAIT(&d.deferred);
    // B waits for A before the token is answered, or soon after: neither is a deadlock.
    assert_ok(tr_token_reply(TR_OUTSIDE, d.token, TR_MSG(number)));
    assert_ok(troupe_act(rt, d.b, do_nothing, NULL));
    assert_ok(troupe_act(rt, d.a, do_nothing, NULL));
    assert_ok(d.called);
    assert_ok(d.back);
    cr_assert(eq(u64, deadlocks(rt), 0));
    troupe_end(rt);
}

// B answers A and then calls A, which may not have seen the answer yet.
static tr_err_t
answer_and_call(tr_self *self, void *arg, const tr_message *msg)
{
    deferral *d = arg;
    (void)msg;
    tr_err_t err = tr_reply(self, TR_MSG(number));
    if (err == TR_OK) {
        d->back = tr_call(self, d->a, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    }
    return err;
}

Test(deadlock, is_none_while_an_answer_is_on_its_way)
{
    for (uint32_t worker = 0; worker < 2; worker++) {
        tr_runtime *rt = begin(2);
        deferral d = {.back = TR_EBUSY};
        part role = {.receive = answer_and_call, .arg = &d};
        d.b = puppet_at(rt, worker, &role);
        d.a = puppet_at(rt, 0, NULL);
        for (int i = 0; i < 5000; i++) {
            assert_ok(troupe_act(rt, d.a, call_deferring, &d));
            assert_ok(d.called);
            assert_ok(troupe_act(rt, d.b, do_nothing, NULL));
            assert_ok(d.back);
        }
        cr_assert(eq(u64, deadlocks(rt), 0));
        troupe_end(rt);
    }
}

static tr_err_t
receive_number(tr_self *self, void *arg)
{
    const tr_message *msg;
    cue_give(&((deferral *)arg)->deferred);
    return tr_receive(self, TR_TYPES(number), &msg, tr_seconds(20));
}

static tr_err_t
call_a(tr_self *self, void *arg)
{
    deferral *d = arg;
    d->called = tr_call(self, d->a, ACT_MSG(receive_number, d), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, is_none_while_mail_may_come)
{
    tr_runtime *rt = begin(2);
    deferral d = {.called = TR_EBUSY};
    cue_init(&d.deferred);
    d.b = puppet_at(rt, 1, NULL);
    d.a = puppet_at(rt, 0, NULL);
    assert_ok(troupe_prompt(rt, d.b, call_a, &d));
    CUE_AWAIT(&d.deferred);
    assert_ok(tr_runtime_send(rt, d.a, TR_MSG(number), tr_seconds(20)));
    assert_ok(troupe_act(rt, d.b, do_nothing, NULL));
    assert_ok(d.called);
    cr_assert(eq(u64, deadlocks(rt), 0));
    troupe_end(rt);
}
