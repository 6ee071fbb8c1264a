// send_test.c: order, bounds, and the fair wait for room.
#include <pthread.h>

#include "troupe_test.h"

TestSuite(send, .timeout = 60);
TestSuite(mailbox, .timeout = 60);

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

// Block the worker's thread until the test allows it to go on.
typedef struct hold {
    cue is_held, go_on;
} hold;

static tr_err_t
hold_thread(tr_self *self, void *arg)
{
    (void)self;
    hold *h = arg;
    cue_give(&h->is_held);
    cr_expect(cue_take(&h->go_on));
    return TR_OK;
}

// Writes down the numbers it gets.
#define SEEN_MAX 4096
typedef struct record {
    uint64_t seen[SEEN_MAX];
    _Atomic uint32_t count;
} record;

static tr_err_t
write_down(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    record *r = arg;
    const number *n = tr_as(number, msg);
    if (n == NULL) {
        return TR_EUNHANDLED;
    }
    uint32_t at = r->count;
    r->seen[at % SEEN_MAX] = n->value;
    r->count = at + 1; // last: whoever sees it sees the number
    return TR_OK;
}

// A receiver on worker 1, its thread held, with room for so many.
typedef struct receiver {
    tr_runtime *rt;
    tr_ref_t ref;
    record record;
    hold hold;
} receiver;

static void
receiver_begin(receiver *r, uint32_t count, tr_full_policy_t full)
{
    r->rt = troupe_begin(2);
    cue_init(&r->hold.is_held);
    cue_init(&r->hold.go_on);
    part role = {.receive = write_down, .arg = &r->record};
    assert_ok(tr_runtime_spawn(
        r->rt,
        PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = 1, .mailbox_count = count, .full = full),
        &r->ref));
    assert_ok(troupe_prompt(r->rt, r->ref, hold_thread, &r->hold));
    CUE_AWAIT(&r->hold.is_held);
}

static tr_ref_t
sender_of(receiver *r)
{
    tr_ref_t ref = TR_REF_NONE;
    assert_ok(tr_runtime_spawn(r->rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT), &ref));
    return ref;
}

// A sender that sends one number and notes how that went.
typedef struct post {
    tr_ref_t to;
    uint64_t first, count;
    tr_err_t err;
    bool tries;
    cue begun, over;
} post;

static post
post_to(tr_ref_t to, uint64_t first, uint64_t count)
{
    post p = {.to = to, .first = first, .count = count, .err = TR_EBUSY};
    cue_init(&p.begun);
    cue_init(&p.over);
    return p;
}

static tr_err_t
send_numbers(tr_self *self, void *arg)
{
    post *p = arg;
    cue_give(&p->begun);
    for (uint64_t i = 0; i < p->count; i++) {
        p->err = p->tries ? tr_try_send(self, p->to, TR_MSG(number, .value = p->first + i))
                          : tr_send(self, p->to, TR_MSG(number, .value = p->first + i));
        if (p->err != TR_OK) {
            break;
        }
    }
    cue_give(&p->over);
    return TR_OK;
}

// ---- failures first

static tr_err_t
send_to_self(tr_self *self, void *arg)
{
    tr_err_t *err = arg;
    do {
        err[0] = tr_try_send(self, tr_self_ref(self), TR_MSG(number, .value = 1));
    } while (err[0] == TR_OK);
    err[1] = tr_send(self, tr_self_ref(self), TR_MSG(number, .value = 1));
    return TR_OK;
}

Test(send, to_ones_own_full_mailbox_does_not_wait_for_oneself)
{
    tr_runtime *rt = troupe_begin(1);
    static record r;
    tr_err_t err[2] = {TR_OK, TR_OK};
    part role = {.receive = write_down, .arg = &r};
    tr_ref_t a = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, a, send_to_self, err));
    assert_err(err[0], TR_EFULL);
    assert_err(err[1], TR_EDEADLK);
    troupe_end(rt);
}

static tr_err_t
send_wrong(tr_self *self, void *arg)
{
    tr_err_t *err = arg;
    err[0] = tr_send(self, tr_self_ref(self), NULL, NULL);
    err[1] = tr_send(self, tr_self_ref(self), &number_type, NULL);
    err[2] = tr_send(self, TR_REF_NONE, TR_MSG(number, .value = 1));
    return TR_OK;
}

Test(send, without_a_message_is_einval)
{
    tr_runtime *rt = troupe_begin(1);
    tr_err_t err[3];
    assert_ok(troupe_act(rt, troupe_puppet(rt, NULL), send_wrong, err));
    assert_err(err[0], TR_EINVAL);
    assert_err(err[1], TR_EINVAL);
    assert_err(err[2], TR_EDEAD);
    troupe_end(rt);
}

Test(mailbox, that_rejects_is_efull_at_its_bound_and_takes_again_when_there_is_room)
{
    static receiver r;
    receiver_begin(&r, 3, TR_REJECT);
    post p = post_to(r.ref, 0, 10);
    assert_ok(troupe_act(r.rt, sender_of(&r), send_numbers, &p));
    assert_err(p.err, TR_EFULL);
    assert_err(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 9), tr_seconds(20)), TR_EFULL);
    cr_assert(eq(u64, troupe_ledger(r.rt).queued, 3));
    cue_give(&r.hold.go_on);
    TROUPE_EVENTUALLY(r.record.count == 3);
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 4), tr_ms(0)));
    TROUPE_EVENTUALLY(r.record.count == 4);
    troupe_end(r.rt);
}

Test(mailbox, that_suspends_is_efull_for_one_that_only_tries)
{
    static receiver r;
    receiver_begin(&r, 2, TR_SUSPEND);
    post p = post_to(r.ref, 0, 10);
    p.tries = true;
    assert_ok(troupe_act(r.rt, sender_of(&r), send_numbers, &p));
    assert_err(p.err, TR_EFULL);
    cr_assert(eq(u64, troupe_ledger(r.rt).queued, 2));
    cue_give(&r.hold.go_on);
    troupe_end(r.rt);
}

Test(mailbox, gives_a_waiting_outsider_etimeout_and_never_its_message)
{
    static receiver r;
    receiver_begin(&r, 1, TR_SUSPEND);
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 1), tr_ms(0)));
    for (int i = 0; i < 3; i++) {
        assert_err(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 100), tr_ms(2)),
                   TR_ETIMEOUT);
        assert_err(
            tr_runtime_call(r.rt, r.ref, TR_MSG(number, .value = 100), TR_REPLY_NONE, tr_ms(2)),
            TR_ETIMEOUT);
    }
    cue_give(&r.hold.go_on);
    // No room has leaked: there is place for one again, and again.
    for (uint64_t i = 2; i < 20; i++) {
        assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = i), tr_seconds(20)));
    }
    TROUPE_EVENTUALLY(r.record.count == 19);
    for (uint64_t i = 0; i < 19; i++) {
        cr_assert(eq(u64, r.record.seen[i], i + 1));
    }
    TROUPE_EVENTUALLY(troupe_ledger(r.rt).queued == 0);
    troupe_end(r.rt);
}

typedef struct hurried {
    tr_ref_t via;
    post post;
    tr_err_t err;
} hurried;

static tr_err_t
call_with_little_time(tr_self *self, void *arg)
{
    hurried *h = arg;
    h->err = tr_call(self, h->via, ACT_MSG(send_numbers, &h->post), TR_REPLY_NONE, tr_ms(4));
    return TR_OK;
}

Test(mailbox, gives_a_waiting_actor_etimeout_at_the_deadline_of_its_message)
{
    static receiver r;
    receiver_begin(&r, 1, TR_SUSPEND);
    hurried h = {.via = sender_of(&r), .post = post_to(r.ref, 1, 5)};
    tr_ref_t caller = sender_of(&r);
    assert_ok(troupe_act(r.rt, caller, call_with_little_time, &h));
    CUE_AWAIT(&h.post.over);
    assert_err(h.err, TR_ETIMEOUT);
    assert_err(h.post.err, TR_ETIMEOUT);
    cue_give(&r.hold.go_on);
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 77), tr_seconds(20)));
    TROUPE_EVENTUALLY(r.record.count == 2);
    cr_assert(eq(u64, r.record.seen[0], 1));
    cr_assert(eq(u64, r.record.seen[1], 77));
    TROUPE_EVENTUALLY(troupe_ledger(r.rt).queued == 0);
    troupe_end(r.rt);
}

static tr_err_t
hold_and_fail(tr_self *self, void *arg)
{
    (void)hold_thread(self, arg);
    return TR_EIO;
}

Test(mailbox, whose_actor_ends_gives_all_who_wait_edead)
{
    static receiver r;
    receiver_begin(&r, 1, TR_SUSPEND);
    hold second;
    cue_init(&second.is_held);
    cue_init(&second.go_on);
    // The next thing it does is to fail; one message of room is taken until then.
    assert_ok(troupe_prompt(r.rt, r.ref, hold_and_fail, &second));
    post p[4];
    tr_ref_t senders[4];
    for (uint64_t i = 0; i < 4; i++) {
        p[i] = post_to(r.ref, i, 3);
        senders[i] = sender_of(&r);
        assert_ok(troupe_prompt(r.rt, senders[i], send_numbers, &p[i]));
        CUE_AWAIT(&p[i].begun);
    }
    cue_give(&r.hold.go_on);
    CUE_AWAIT(&second.is_held);
    cue_give(&second.go_on);
    for (int i = 0; i < 4; i++) {
        CUE_AWAIT(&p[i].over);
        assert_err(p[i].err, TR_EDEAD);
    }
    troupe_end(r.rt);
}

typedef struct family {
    tr_ref_t child;
    cue ended;
} family;

static tr_err_t
have_child(tr_self *self, void *arg)
{
    return tr_spawn(self, PUPPET_WITH(NULL, .place = TR_PLACE_NEAR), &((family *)arg)->child);
}

static tr_err_t
hear_of_end(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    if (tr_as(tr_child_exit, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    cue_give(&((family *)arg)->ended);
    return TR_OK;
}

static tr_err_t
kill_child(tr_self *self, void *arg)
{
    return tr_kill(self, ((family *)arg)->child);
}

static tr_err_t
stop_child(tr_self *self, void *arg)
{
    return tr_stop(self, ((family *)arg)->child);
}

static void
end_while_waiting_for_room(act_fn how, tr_err_t expected)
{
    static receiver r;
    receiver_begin(&r, 1, TR_SUSPEND);
    family f = {.child = TR_REF_NONE};
    cue_init(&f.ended);
    tr_ref_t parent = TR_REF_NONE;
    part role = {.receive = hear_of_end, .arg = &f};
    assert_ok(tr_runtime_spawn(r.rt, PUPPET_WITH(&role, .place = TR_PLACE_AT), &parent));
    // Two senders that end while they wait, and one behind them that must get its turn.
    for (int i = 0; i < 2; i++) {
        assert_ok(troupe_act(r.rt, parent, have_child, &f));
        post p = post_to(r.ref, 1, 5);
        assert_ok(troupe_prompt(r.rt, f.child, send_numbers, &p));
        CUE_AWAIT(&p.begun);
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(r.rt, &s), s.stacks > 0));
        assert_ok(troupe_act(r.rt, parent, how, &f));
        CUE_AWAIT(&f.ended);
        assert_err(p.err, expected);
    }
    post last = post_to(r.ref, 7, 3);
    assert_ok(troupe_prompt(r.rt, sender_of(&r), send_numbers, &last));
    CUE_AWAIT(&last.begun);
    cue_give(&r.hold.go_on);
    CUE_AWAIT(&last.over);
    assert_ok(last.err);
    TROUPE_EVENTUALLY(r.record.count == 4);
    cr_assert(eq(u64, r.record.seen[0], 1));
    cr_assert(eq(u64, r.record.seen[3], 9));
    troupe_end(r.rt);
}

Test(mailbox, loses_neither_room_nor_memory_by_a_sender_that_is_stopped)
{
    end_while_waiting_for_room(stop_child, TR_ECANCELED);
}

// Fails under AddressSanitizer's leak check when the message that waited is forgotten.
static tr_err_t
send_one_that_waits(tr_self *self, void *arg)
{
    post *p = arg;
    cue_give(&p->begun);
    p->err = tr_call(self, p->to, TR_MSG(number, .value = 1), TR_REPLY_NONE, TR_FOREVER);
    return TR_OK;
}

Test(mailbox, loses_neither_room_nor_memory_by_a_sender_that_is_killed)
{
    static receiver r;
    receiver_begin(&r, 1, TR_SUSPEND);
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 1), tr_ms(0)));
    family f = {.child = TR_REF_NONE};
    cue_init(&f.ended);
    tr_ref_t parent = TR_REF_NONE;
    part role = {.receive = hear_of_end, .arg = &f};
    assert_ok(tr_runtime_spawn(r.rt, PUPPET_WITH(&role, .place = TR_PLACE_AT), &parent));
    for (int i = 0; i < 2; i++) {
        assert_ok(troupe_act(r.rt, parent, have_child, &f));
        post p = post_to(r.ref, 100, 1);
        assert_ok(troupe_prompt(r.rt, f.child, i == 0 ? send_numbers : send_one_that_waits, &p));
        CUE_AWAIT(&p.begun);
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(r.rt, &s), s.stacks > 0));
        assert_ok(troupe_act(r.rt, parent, kill_child, &f));
        CUE_AWAIT(&f.ended);
        assert_err(p.err, TR_EBUSY);
    }
    cue_give(&r.hold.go_on);
    for (uint64_t i = 2; i < 10; i++) {
        assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = i), tr_seconds(20)));
    }
    TROUPE_EVENTUALLY(r.record.count == 9);
    for (uint64_t i = 0; i < 9; i++) {
        cr_assert(eq(u64, r.record.seen[i], i + 1));
    }
    troupe_end(r.rt);
}

#if defined(__SANITIZE_THREAD__)
#define CROWD 1000 // as many stacks as it can stand
#else
#define CROWD 8000
#endif

typedef struct crowd {
    tr_ref_t to;
    tr_ref_t members[CROWD];
    _Atomic uint32_t waiting;
} crowd;

static tr_err_t
send_in_crowd(tr_self *self, void *arg)
{
    crowd *c = arg;
    c->waiting++;
    return tr_send(self, c->to, TR_MSG(number, .value = 100));
}

static tr_err_t
gather_crowd(tr_self *self, void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < CROWD / 10; i++) {
        tr_spawn_opts_t opts = {.behavior = &plain_puppet, .place = TR_PLACE_NEAR};
        expect_ok(tr_spawn(self, &opts, &c->members[i]));
        expect_ok(tr_send(self, c->members[i], ACT_MSG(send_in_crowd, c)));
    }
    return TR_OK;
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    return tr_kill(self, tr_self_ref(self));
}

Test(mailbox, survives_that_a_whole_crowd_of_senders_died_while_it_waited)
{
    // Ten groups of senders wait for one place, then all of them are gone at once.
    static receiver r;
    static crowd c;
    receiver_begin(&r, 1, TR_SUSPEND);
    c.to = r.ref;
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 1), tr_ms(0)));
    tr_ref_t groups[10];
    for (int i = 0; i < 10; i++) {
        groups[i] = sender_of(&r);
        assert_ok(troupe_act(r.rt, groups[i], gather_crowd, &c));
    }
    TROUPE_EVENTUALLY(c.waiting == CROWD);
    for (int i = 0; i < 10; i++) {
        assert_ok(troupe_act(r.rt, groups[i], leave, NULL));
    }
    for (int i = 0; i < 10; i++) {
        TROUPE_EVENTUALLY(troupe_is_gone(r.rt, groups[i]));
    }
    cue_give(&r.hold.go_on);
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 2), tr_seconds(20)));
    TROUPE_EVENTUALLY(r.record.count == 2);
    cr_assert(eq(u64, r.record.seen[1], 2));
    troupe_end(r.rt);
}

// ---- order and fairness

Test(send, keeps_the_order_of_one_sender_through_a_small_mailbox)
{
    static receiver r;
    receiver_begin(&r, 2, TR_SUSPEND);
    post a = post_to(r.ref, 0, 1000);
    post b = post_to(r.ref, 1000, 1000);
    assert_ok(troupe_prompt(r.rt, sender_of(&r), send_numbers, &a));
    assert_ok(troupe_prompt(r.rt, sender_of(&r), send_numbers, &b));
    cue_give(&r.hold.go_on);
    for (uint64_t i = 2000; i < 3000; i++) {
        assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = i), tr_seconds(20)));
    }
    CUE_AWAIT(&a.over);
    CUE_AWAIT(&b.over);
    TROUPE_EVENTUALLY(r.record.count == 3000);
    uint64_t next[3] = {0, 1000, 2000};
    for (int i = 0; i < 3000; i++) {
        uint64_t value = r.record.seen[i];
        cr_assert(lt(u64, value, 3000));
        cr_assert(eq(u64, value, next[value / 1000]));
        next[value / 1000]++;
    }
    troupe_end(r.rt);
}

Test(mailbox, lets_those_who_wait_in_the_order_of_their_arrival)
{
    static receiver r;
    receiver_begin(&r, 1, TR_SUSPEND);
    assert_ok(tr_runtime_send(r.rt, r.ref, TR_MSG(number, .value = 0), tr_ms(0)));
    post p[8];
    for (uint64_t i = 0; i < 8; i++) {
        p[i] = post_to(r.ref, i + 1, 1);
        tr_ref_t sender = sender_of(&r);
        assert_ok(troupe_prompt(r.rt, sender, send_numbers, &p[i]));
        CUE_AWAIT(&p[i].begun);
        tr_stats_t s;
        TROUPE_EVENTUALLY((tr_runtime_stats(r.rt, &s), s.stacks == i + 1));
    }
    cue_give(&r.hold.go_on);
    TROUPE_EVENTUALLY(r.record.count == 9);
    for (uint64_t i = 0; i < 9; i++) {
        cr_assert(eq(u64, r.record.seen[i], i));
    }
    troupe_end(r.rt);
}

// ---- strict bounds

typedef struct flood {
    tr_runtime *rt;
    tr_ref_t to;
    size_t bytes;
    _Atomic uint64_t sent;
    _Atomic bool is_over;
} flood;

static const char padding[4096];

static void *
flood_from_outside(void *arg)
{
    flood *f = arg;
    for (int i = 0; i < 300; i++) {
        tr_err_t err = tr_runtime_send(
            f->rt, f->to, TR_MSG(lump, .data = tr_bytes(padding, (size_t)i % f->bytes)),
            tr_seconds(20));
        if (err != TR_OK) {
            cr_fail("%s", tr_errname(err));
        }
        f->sent++;
    }
    return NULL;
}

static tr_err_t
flood_from_inside(tr_self *self, void *arg)
{
    flood *f = arg;
    for (int i = 0; i < 300; i++) {
        expect_ok(
            tr_send(self, f->to, TR_MSG(lump, .data = tr_bytes(padding, (size_t)i % f->bytes))));
        f->sent++;
    }
    return TR_OK;
}

typedef struct sink {
    uint64_t taken;
    flood *flood;
} sink;

static tr_err_t
swallow(tr_self *self, void *arg, const tr_message *msg)
{
    sink *s = arg;
    s->taken += tr_as(lump, msg) != NULL;
    return s->taken % 7 == 0 ? tr_yield(self) : TR_OK;
}

static void
flood_with(uint32_t count, size_t bytes, uint64_t most)
{
    static sink s;
    static flood f;
    f = (flood){.rt = troupe_begin(2), .bytes = 900};
    s = (sink){.flood = &f};
    part role = {.receive = swallow, .arg = &s};
    assert_ok(tr_runtime_spawn(
        f.rt, PUPPET_WITH(&role, .mailbox_count = count, .mailbox_bytes = bytes), &f.to));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, flood_from_outside, &f);
    }
    for (int i = 0; i < 4; i++) {
        tr_ref_t sender = troupe_puppet(f.rt, NULL);
        assert_ok(troupe_prompt(f.rt, sender, flood_from_inside, &f));
    }
    uint64_t highest = 0;
    while (f.sent < 8 * 300) {
        uint64_t queued = troupe_ledger(f.rt).queued;
        highest = queued > highest ? queued : highest;
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    // The receiver's own, and what the senders' mailboxes hold: one act each, taken at once.
    cr_assert(le(u64, highest, most + 4));
    assert_ok(troupe_act(f.rt, f.to, do_nothing, NULL));
    cr_assert(eq(u64, s.taken, 8 * 300));
    troupe_end(f.rt);
}

Test(mailbox, never_holds_more_messages_than_its_bound)
{
    flood_with(5, 0, 5);
}

Test(mailbox, never_holds_more_bytes_than_its_bound)
{
    flood_with(0, 1200, 1200 / 48);
}
