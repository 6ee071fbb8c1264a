// deadlock_probe_test.c: what a probe proves, and what it costs.
#include "ask.h"

#include <sys/resource.h>

TestSuite(deadlock, .timeout = 60);

static tr_runtime *rt;

static tr_stats_t
stats(void)
{
    tr_stats_t s;
    tr_runtime_stats(rt, &s);
    return s;
}

static tr_err_t
refuse(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    return tr_reply_error(self, TR_EIO);
}

// ---- it proves one wait, not the next

// A waits for B and D. D refuses, so A goes on to ask C. B, which waits for A, hears only then of
// the first wait, and what it passes on must not end the second.
typedef struct late_probe {
    tr_ref_t a, b, c, d;
    atomic_bool is_free;
    cue spins, asked;
    tr_token *token; // C's
    tr_err_t joined, asked_c, asked_a;
} late_probe;

static tr_err_t
spin(tr_self *self, void *arg)
{
    late_probe *p = arg;
    (void)self;
    cue_give(&p->spins);
    while (!atomic_load(&p->is_free)) {
    }
    return TR_OK;
}

static tr_err_t
keep_token(tr_self *self, void *arg, const tr_message *msg)
{
    late_probe *p = arg;
    (void)msg;
    tr_err_t err = tr_defer(self, &p->token);
    atomic_store(&p->is_free, true); // A waits for the second time
    return err;
}

static tr_err_t
answer_later(tr_self *self, void *arg)
{
    return tr_token_reply(self, ((late_probe *)arg)->token, TR_MSG(number));
}

static tr_err_t
wait_twice(tr_self *self, void *arg)
{
    late_probe *p = arg;
    const tr_message *msg;
    tr_err_t err = tr_receive(self, TR_TYPES(number), &msg, tr_seconds(20));
    if (err != TR_OK) {
        return err;
    }
    tr_future *calls[] = {tr_call_begin(self, p->b, TR_MSG(number), tr_seconds(20)),
                          tr_call_begin(self, p->d, TR_MSG(number), tr_seconds(20))};
    p->joined = tr_try_join(self, calls, 2);
    p->asked_c = tr_call(self, p->c, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
ask_a(tr_self *self, void *arg)
{
    late_probe *p = arg;
    p->asked_a = tr_call(self, p->a, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, of_a_wait_that_is_over_does_not_end_the_next_one)
{
    static late_probe p;
    part refuses = {.receive = refuse};
    part keeps = {.receive = keep_token, .arg = &p};
    rt = troupe_begin(2);
    cue_init(&p.spins);
    p.a = puppet_at(rt, 0, NULL);
    p.b = puppet_at(rt, 1, NULL);
    p.c = puppet_at(rt, 0, &keeps);
    p.d = puppet_at(rt, 0, &refuses);
    tr_ref_t spinner = puppet_at(rt, 1, NULL);
    assert_ok(troupe_prompt(rt, p.a, wait_twice, &p));
    assert_ok(troupe_prompt(rt, p.b, ask_a, &p));
    TROUPE_EVENTUALLY(stats().stacks == 2);
    assert_ok(troupe_prompt(rt, spinner, spin, &p));
    CUE_AWAIT(&p.spins);
    assert_ok(tr_runtime_send(rt, p.a, TR_MSG(number), tr_seconds(20)));
    assert_ok(troupe_act(rt, spinner, do_nothing, NULL)); // it is behind B, which has taken it all
    assert_ok(troupe_act(rt, p.c, answer_later, &p));
    assert_ok(troupe_act(rt, p.b, do_nothing, NULL));
    assert_err(p.joined, TR_EIO);
    assert_ok(p.asked_c);
    assert_ok(p.asked_a);
    cr_assert(eq(u64, stats().deadlocks, 0));
    troupe_end(rt);
}

// ---- it finds a request wherever that waits

typedef struct put_aside {
    tr_ref_t a, b;
    tr_err_t there, back;
} put_aside;

static tr_err_t
set_aside(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    return tr_stash(self);
}

static tr_err_t
call_there(tr_self *self, void *arg)
{
    put_aside *p = arg;
    p->there = tr_call(self, p->b, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

static tr_err_t
call_back(tr_self *self, void *arg)
{
    put_aside *p = arg;
    p->back = tr_call(self, p->a, TR_MSG(number), TR_REPLY_NONE, tr_seconds(20));
    return TR_OK;
}

Test(deadlock, through_a_request_that_was_set_aside)
{
    rt = troupe_begin(2);
    part role = {.receive = set_aside};
    put_aside p = {.back = TR_EBUSY};
    p.a = puppet_at(rt, 0, NULL);
    p.b = puppet_at(rt, 1, &role);
    assert_ok(troupe_prompt(rt, p.a, call_there, &p));
    TROUPE_EVENTUALLY(stats().stacks == 1);
    TROUPE_EVENTUALLY(stats().ledger.queued == 1);
    assert_ok(troupe_act(rt, p.b, call_back, &p));
    assert_err(p.back, TR_EDEADLK);
    cr_assert(eq(u64, stats().deadlocks, 1));
    tr_runtime_kill(rt);
    troupe_end(rt);
}

// ---- it goes along each edge once

// Layers of two, each of whom waits for both of the layer below: as many ways lead down as there
// are numbers of so many bits, and a probe has two kilobytes.
#define LAYERS 15

typedef struct member {
    tr_ref_t ref;
    const struct member *below; // two of them; NULL: the last
    tr_err_t err;
} member;

static tr_err_t
stand_in_layer(tr_self *self, void *arg)
{
    member *m = arg;
    const tr_message *msg;
    if (m->below == NULL) {
        m->err = tr_receive(self, TR_TYPES(number), &msg, tr_seconds(50));
        return TR_OK;
    }
    tr_future *calls[2];
    for (int i = 0; i < 2; i++) {
        calls[i] = tr_call_begin(self, m->below[i].ref, ACT_MSG(do_nothing, NULL), tr_seconds(50));
    }
    m->err = tr_try_join(self, calls, 2);
    for (int i = 0; i < 2 && m->err == TR_OK; i++) {
        tr_future_cancel(self, calls[i]);
    }
    return TR_OK;
}

static long
peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

Test(deadlock, is_looked_for_along_each_edge_once)
{
    static member members[LAYERS][2];
    rt = troupe_begin(1);
    for (int layer = 0; layer < LAYERS; layer++) {
        for (int i = 0; i < 2; i++) {
            member *m = &members[layer][i];
            m->below = layer > 0 ? members[layer - 1] : NULL;
            m->ref = puppet_at(rt, 0, NULL);
            m->err = TR_EBUSY;
        }
    }
    long before = peak_kib();
    for (int layer = 0; layer < LAYERS; layer++) {
        for (int i = 0; i < 2; i++) {
            assert_ok(troupe_prompt(rt, members[layer][i].ref, stand_in_layer, &members[layer][i]));
            TROUPE_EVENTUALLY(stats().stacks == (uint64_t)layer * 2 + (uint64_t)i + 1);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(tr_runtime_send(rt, members[0][i].ref, TR_MSG(number), tr_seconds(20)));
    }
    TROUPE_EVENTUALLY(stats().stacks == 0);
    for (int layer = 0; layer < LAYERS; layer++) {
        for (int i = 0; i < 2; i++) {
            assert_ok(troupe_act(rt, members[layer][i].ref, do_nothing, NULL)); // it is through
            assert_ok(members[layer][i].err);
        }
    }
    cr_assert(eq(u64, stats().deadlocks, 0));
#if !defined(__SANITIZE_THREAD__) // whose own memory grows with every access
    cr_assert(lt(long, peak_kib() - before, 16 * 1024L));
#else
    (void)before;
#endif
    troupe_end(rt);
}
