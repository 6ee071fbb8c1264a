// life_test.c: how actors begin, fail, are stopped, killed, held and begun again, and who hears.
#include "troupe_test.h"

TestSuite(life, .timeout = 60);

// ---- a parent that writes down what it hears

#define NEWS_MAX 64

typedef struct news {
    tr_ref_t child;
    tr_err_t reason;
    uint32_t incarnation, queued;
    bool held;
    char text[40], in_hand[20];
} news;

typedef struct parent {
    tr_runtime *rt;
    tr_ref_t ref;
    news heard[NEWS_MAX];
    _Atomic int count;
    cue told;
    bool does_not_care; // answers TR_EUNHANDLED
} parent;

static void
copy_text(char *out, size_t size, tr_str_t text)
{
    snprintf(out, size, "%.*s", (int)text.size, text.data);
}

static tr_err_t
hear(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    parent *p = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    int n = p->count; // counted last: whoever sees the count sees the news
    news *heard = &p->heard[n < NEWS_MAX ? n : NEWS_MAX - 1];
    *heard = (news){
        .child = exit->child,
        .reason = (tr_err_t)exit->reason,
        .incarnation = exit->incarnation,
        .queued = exit->queued,
        .held = exit->held,
    };
    copy_text(heard->text, sizeof heard->text, exit->text);
    copy_text(heard->in_hand, sizeof heard->in_hand, exit->in_hand);
    p->count = n + 1;
    bool does_not_care = p->does_not_care;
    cue_give(&p->told);
    return does_not_care ? TR_EUNHANDLED : TR_OK;
}

static void
parent_begin(parent *p)
{
    *p = (parent){.rt = troupe_begin(2)};
    cue_init(&p->told);
    part role = {.receive = hear, .arg = p};
    assert_ok(tr_runtime_spawn(p->rt, PUPPET_WITH(&role, .place = TR_PLACE_AT), &p->ref));
}

static news *
last_news(parent *p)
{
    return &p->heard[p->count - 1];
}

// What a parent is told to do with a child: one act each.
typedef struct deed {
    const tr_spawn_opts_t *opts;
    tr_ref_t child;
    tr_err_t err;
} deed;

static tr_err_t
do_spawn(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_spawn(self, d->opts, &d->child);
    return TR_OK;
}

static tr_err_t
do_stop(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_stop(self, d->child);
    return TR_OK;
}

static tr_err_t
do_kill(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_kill(self, d->child);
    return TR_OK;
}

static tr_err_t
do_restart(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_restart(self, d->child);
    return TR_OK;
}

static tr_err_t
do_discard(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_discard(self, d->child);
    return TR_OK;
}

static tr_err_t
deed_of(parent *p, act_fn what, deed *d)
{
    d->err = TR_EBUSY;
    assert_ok(troupe_act(p->rt, p->ref, what, d));
    return d->err;
}

static tr_ref_t
child_of(parent *p, const tr_spawn_opts_t *opts)
{
    deed d = {.opts = opts};
    assert_ok(deed_of(p, do_spawn, &d));
    return d.child;
}

// ---- what children do

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static tr_err_t
fail_with_text(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_OK, "line %d", 7);
}

static tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
sleep_forever(tr_self *self, void *arg)
{
    if (arg != NULL) {
        cue_give(arg);
    }
    return tr_sleep(self, TR_FOREVER);
}

// ---- failures and ends, as the parent hears of them

Test(life, that_fails_by_return_is_reported_once_with_its_reason)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    assert_err(troupe_act(p.rt, child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    news *n = last_news(&p);
    cr_assert(tr_ref_equal(n->child, child));
    assert_err(n->reason, TR_EIO);
    cr_assert(eq(u32, n->incarnation, 1));
    cr_assert(not(n->held));
    cr_assert(eq(str, n->in_hand, (char *)"act"));
    cr_assert(eq(str, n->text, (char *)""));
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL));
    cr_assert(eq(int, p.count, 1));
    cr_assert(troupe_is_gone(p.rt, child));
    troupe_end(p.rt);
}

Test(life, that_fails_in_the_middle_is_reported_with_its_text)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    assert_err(troupe_act(p.rt, child, fail_with_text, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EFAULT);
    cr_assert(eq(str, last_news(&p)->text, (char *)"line 7"));
    cr_assert(eq(str, last_news(&p)->in_hand, (char *)"act"));
    troupe_end(p.rt);
}

Test(life, that_leaves_in_order_is_reported_with_reason_ok)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    assert_ok(troupe_act(p.rt, child, leave, NULL));
    CUE_AWAIT(&p.told);
    assert_ok(last_news(&p)->reason);
    cr_assert(eq(u64, troupe_ledger(p.rt).failed, 0));
    troupe_end(p.rt);
}

Test(life, that_leaves_in_its_start_ends_without_a_message)
{
    parent p;
    parent_begin(&p);
    tr_ref_t child = child_of(&p, PUPPET((&(part){.start = leave})));
    CUE_AWAIT(&p.told);
    cr_assert(tr_ref_equal(last_news(&p)->child, child));
    assert_ok(last_news(&p)->reason);
    troupe_end(p.rt);
}

Test(life, killed_while_it_waits_is_reported_as_killed)
{
    parent p;
    parent_begin(&p);
    cue waits;
    cue_init(&waits);
    deed d = {.child = child_of(&p, PUPPET(NULL))};
    assert_ok(troupe_prompt(p.rt, d.child, sleep_forever, &waits));
    CUE_AWAIT(&waits);
    assert_ok(deed_of(&p, do_kill, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    cr_assert(eq(str, last_news(&p)->in_hand, (char *)"act"));
    troupe_end(p.rt);
}

typedef struct hold {
    cue is_held, go_on;
    bool waited; // came back from a wait after it was held
} hold;

static tr_err_t
hold_thread(tr_self *self, void *arg)
{
    hold *h = arg;
    cue_give(&h->is_held);
    cr_expect(cue_take(&h->go_on));
    tr_err_t err = tr_sleep(self, tr_seconds(20));
    h->waited = true;
    return err;
}

Test(life, killed_while_it_runs_ends_at_its_next_wait)
{
    parent p;
    parent_begin(&p);
    hold h = {.waited = false};
    cue_init(&h.is_held);
    cue_init(&h.go_on);
    deed d = {.child = child_of(&p, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1))};
    assert_ok(troupe_prompt(p.rt, d.child, hold_thread, &h));
    CUE_AWAIT(&h.is_held);
    assert_ok(deed_of(&p, do_kill, &d));
    cr_assert(eq(int, p.count, 0));
    cue_give(&h.go_on);
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    cr_assert(not(h.waited));
    troupe_end(p.rt);
}

Test(life, killed_by_itself_ends_when_the_handler_returns)
{
    parent p;
    parent_begin(&p);
    deed d = {.child = child_of(&p, PUPPET(NULL))};
    tr_ref_t child = d.child;
    assert_ok(troupe_act(p.rt, child, do_kill, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    troupe_end(p.rt);
}

Test(life, of_a_parent_that_does_not_handle_a_failure_ends_as_well)
{
    parent p;
    parent_begin(&p);
    parent grandparent = {.rt = p.rt};
    cue_init(&grandparent.told);
    part role = {.receive = hear, .arg = &grandparent};
    assert_ok(tr_runtime_spawn(p.rt, PUPPET(&role), &grandparent.ref));
    part careless = {.receive = hear, .arg = &p};
    p.does_not_care = true;
    p.ref = child_of(&grandparent, PUPPET(&careless));
    tr_ref_t child = child_of(&p, PUPPET(NULL));
    tr_ref_t orderly = child_of(&p, PUPPET(NULL));
    assert_ok(troupe_act(p.rt, orderly, leave, NULL));
    CUE_AWAIT(&p.told);
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL)); // an orderly end needs no handling
    assert_err(troupe_act(p.rt, child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&grandparent.told);
    assert_err(last_news(&grandparent)->reason, TR_ECHILD);
    cr_assert(eq(str, last_news(&grandparent)->in_hand, (char *)"tr_child_exit"));
    troupe_end(p.rt);
}

// ---- stopping

typedef struct stops {
    _Atomic int count;
    tr_err_t reason;
    tr_err_t waited;
    int64_t wait_ms;
    bool fails;
    cue in_stop;
} stops;

static void
note_stop(tr_self *self, void *arg, tr_err_t reason)
{
    stops *s = arg;
    s->count++;
    s->reason = reason;
    cue_give(&s->in_stop);
    if (s->wait_ms != 0) {
        s->waited = tr_sleep(self, s->wait_ms < 0 ? TR_FOREVER : tr_ms(s->wait_ms));
    }
    if (s->fails) {
        tr_fail(self, TR_EIO, "cannot say goodbye");
    }
}

static stops
stops_that_wait(int64_t ms)
{
    stops s = {.wait_ms = ms, .waited = TR_EBUSY};
    cue_init(&s.in_stop);
    return s;
}

Test(stop, runs_the_stop_handler_once_and_lets_it_wait, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(3);
    deed d = {.child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})))};
    assert_ok(deed_of(&p, do_stop, &d));
    assert_ok(deed_of(&p, do_stop, &d)); // once more changes nothing
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_ok(s.reason);
    assert_ok(s.waited);
    assert_ok(last_news(&p)->reason);
    assert_err(deed_of(&p, do_stop, &d), TR_EDEAD);
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

Test(stop, of_a_life_that_failed_tells_its_stop_handler_why, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(0);
    tr_ref_t child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})));
    assert_err(troupe_act(p.rt, child, return_eio, NULL), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_err(s.reason, TR_EIO);
    troupe_end(p.rt);
}

Test(stop, does_not_run_the_handler_of_one_that_is_killed_or_did_not_start, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(0);
    deed d = {.child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})))};
    assert_ok(deed_of(&p, do_kill, &d));
    CUE_AWAIT(&p.told);
    d.opts = PUPPET((&(part){.start = return_eio, .stop = note_stop, .arg = &s}));
    assert_err(deed_of(&p, do_spawn, &d), TR_EIO);
    cr_assert(eq(int, s.count, 0));
    troupe_end(p.rt);
}

Test(stop, that_takes_too_long_ends_in_a_kill_and_is_reported_so, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    part role = {.stop = note_stop, .arg = &s};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .shutdown_ms = 3))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 1));
    assert_err(last_news(&p)->reason, TR_EKILLED);
    assert_err(s.waited, TR_EBUSY);
    troupe_end(p.rt);
}

Test(stop, whose_handler_fails_is_no_orderly_end, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(0);
    s.fails = true;
    deed d = {.child = child_of(&p, PUPPET((&(part){.stop = note_stop, .arg = &s})))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EIO);
    cr_assert(eq(str, last_news(&p)->text, (char *)"cannot say goodbye"));
    troupe_end(p.rt);
}

Test(stop, with_shutdown_kill_skips_the_handler, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    part role = {.stop = note_stop, .arg = &s};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .shutdown_ms = TR_SHUTDOWN_KILL))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, s.count, 0));
    assert_err(last_news(&p)->reason, TR_EKILLED);
    troupe_end(p.rt);
}

Test(stop, of_a_stranger_is_einval, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    tr_ref_t stranger = troupe_puppet(p.rt, NULL);
    deed d = {.child = stranger};
    assert_err(deed_of(&p, do_stop, &d), TR_EINVAL);
    assert_err(deed_of(&p, do_kill, &d), TR_EINVAL);
    assert_err(deed_of(&p, do_restart, &d), TR_EINVAL);
    assert_err(deed_of(&p, do_discard, &d), TR_EINVAL);
    d.child = TR_REF_NONE;
    assert_err(deed_of(&p, do_stop, &d), TR_EDEAD);
    assert_err(deed_of(&p, do_restart, &d), TR_EDEAD);
    troupe_end(p.rt);
}

typedef struct waits {
    cue in_wait;
    tr_err_t slept, slept_again, called, spawned;
    bool is_stopping;
    tr_ref_t other;
} waits;

static tr_err_t
wait_and_try_again(tr_self *self, void *arg)
{
    waits *w = arg;
    cue_give(&w->in_wait);
    w->slept = tr_sleep(self, TR_FOREVER);
    w->is_stopping = tr_self_is_stopping(self);
    w->slept_again = tr_sleep(self, tr_ms(1));
    w->called = tr_call(self, w->other, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, tr_ms(1));
    tr_ref_t child;
    w->spawned = tr_spawn(self, PUPPET(NULL), &child);
    return TR_ECANCELED;
}

Test(stop, cancels_the_wait_and_every_later_one, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    waits w = {.other = troupe_puppet(p.rt, NULL)};
    cue_init(&w.in_wait);
    deed d = {.child = child_of(&p, PUPPET(NULL))};
    assert_ok(troupe_prompt(p.rt, d.child, wait_and_try_again, &w));
    CUE_AWAIT(&w.in_wait);
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    assert_err(w.slept, TR_ECANCELED);
    cr_assert(w.is_stopping);
    assert_err(w.slept_again, TR_ECANCELED);
    assert_err(w.called, TR_ECANCELED);
    assert_err(w.spawned, TR_ECANCELED);
    assert_ok(last_news(&p)->reason); // to give up because of a stop is no failure
    troupe_end(p.rt);
}

// ---- the order in which children end

#define BROOD 5

typedef struct brood {
    _Atomic int next;
    int order[BROOD];
    _Atomic int all_told; // stop handlers that run at one time
    cue everybody;
    tr_stop_order_t stop_order;
} brood;

typedef struct chick {
    brood *brood;
    int number;
} chick;

static void
note_order(tr_self *self, void *arg, tr_err_t reason)
{
    (void)reason;
    chick *c = arg;
    if (c->brood->stop_order == TR_STOP_TOGETHER) {
        // Nobody ends before everybody was told.
        if (++c->brood->all_told == BROOD) {
            cue_give(&c->brood->everybody);
        }
        while (c->brood->all_told < BROOD) {
            if (tr_sleep(self, tr_ms(1)) != TR_OK) {
                return;
            }
        }
    }
    c->brood->order[c->brood->next++] = c->number;
}

typedef struct hatching {
    brood *brood;
    chick chicks[BROOD];
} hatching;

static tr_err_t
hatch(tr_self *self, void *arg)
{
    hatching *h = arg;
    for (int i = 0; i < BROOD; i++) {
        h->chicks[i] = (chick){.brood = h->brood, .number = i};
        tr_ref_t ref;
        part role = {.stop = note_order, .arg = &h->chicks[i]};
        expect_ok(tr_spawn(self, PUPPET(&role), &ref));
    }
    return TR_OK;
}

Test(children, are_stopped_one_by_one_the_youngest_first, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    brood b = {.stop_order = TR_STOP_REVERSE};
    hatching h = {.brood = &b};
    part role = {.start = hatch, .arg = &h};
    deed d = {.child = child_of(&p, PUPPET(&role))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, b.next, BROOD));
    for (int i = 0; i < BROOD; i++) {
        cr_assert(eq(int, b.order[i], BROOD - 1 - i));
    }
    troupe_end(p.rt);
}

Test(children, are_stopped_together_when_the_parent_says_so, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    brood b = {.stop_order = TR_STOP_TOGETHER};
    cue_init(&b.everybody);
    hatching h = {.brood = &b};
    part role = {.start = hatch, .arg = &h};
    deed d = {.child = child_of(&p, PUPPET_WITH(&role, .stop_order = TR_STOP_TOGETHER))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&b.everybody);
    CUE_AWAIT(&p.told);
    cr_assert(eq(int, b.next, BROOD));
    assert_ok(last_news(&p)->reason);
    troupe_end(p.rt);
}

static tr_err_t
have_slow_child(tr_self *self, void *arg)
{
    tr_ref_t ref;
    return tr_spawn(self, PUPPET((&(part){.stop = note_stop, .arg = arg})), &ref);
}

Test(children, in_a_slow_stop_are_killed_with_their_parent, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    stops s = stops_that_wait(-1);
    deed d = {.child = child_of(&p, PUPPET((&(part){.start = have_slow_child, .arg = &s})))};
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&s.in_stop);
    assert_ok(deed_of(&p, do_kill, &d));
    CUE_AWAIT(&p.told);
    assert_err(last_news(&p)->reason, TR_EKILLED);
    assert_err(s.waited, TR_EBUSY);
    troupe_end(p.rt);
}

Test(children, by_the_thousand_end_with_one_kill, .timeout = 60)
{
    tr_runtime *rt = troupe_begin(2);
    for (int i = 0; i < 3000; i++) {
        tr_ref_t ref;
        assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &plain_puppet}, &ref));
    }
    tr_runtime_kill(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
    troupe_expect_empty(rt);
    tr_runtime_destroy(rt);
}

// ---- held lives

#define HOLD_OPTS(p) PUPPET_WITH(p, .after_exit = TR_AFTER_EXIT_HOLD, .mailbox_count = 4)

typedef struct numbers {
    uint64_t seen[16];
    _Atomic int count;
    uint32_t incarnation;
    tr_err_t start_error; // of the next start
    int starts;
} numbers;

static tr_err_t
start_counting(tr_self *self, void *arg)
{
    numbers *n = arg;
    n->starts++;
    n->incarnation = tr_self_incarnation(self);
    return n->start_error;
}

static tr_err_t
take_number(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    numbers *n = arg;
    const number *one = tr_as(number, msg);
    if (one == NULL) {
        return TR_EUNHANDLED;
    }
    int at = n->count;
    n->seen[at % 16] = one->value;
    n->count = at + 1;
    return one->value == 13 ? TR_EIO : TR_OK;
}

static tr_err_t
send_number(parent *p, tr_ref_t to, uint64_t value)
{
    return tr_runtime_send(p->rt, to, TR_MSG(number, .value = value), tr_seconds(20));
}

Test(restart, keeps_address_and_queue_and_loses_only_the_message_in_hand, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    cr_assert(last_news(&p)->held);
    cr_assert(tr_ref_equal(last_news(&p)->child, d.child));
    cr_assert(eq(str, last_news(&p)->in_hand, (char *)"number"));
    // What comes while it is held waits for the next life, to the bound.
    for (uint64_t i = 1; i <= 4; i++) {
        assert_ok(send_number(&p, d.child, i));
    }
    assert_err(tr_runtime_send(p.rt, d.child, TR_MSG(number, .value = 5), tr_ms(1)), TR_ETIMEOUT);
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n.count, 5));
    for (uint64_t i = 0; i < 5; i++) {
        cr_assert(eq(u64, n.seen[i], i == 0 ? 13 : i));
    }
    cr_assert(eq(u32, n.incarnation, 2));
    assert_err(deed_of(&p, do_restart, &d), TR_EALREADY);
    assert_err(deed_of(&p, do_discard, &d), TR_EALREADY);
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

Test(restart, whose_start_fails_gives_its_error_and_holds_again_silently, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    assert_ok(send_number(&p, d.child, 1));
    n.start_error = TR_EADDRINUSE;
    assert_err(deed_of(&p, do_restart, &d), TR_EADDRINUSE);
    assert_err(deed_of(&p, do_restart, &d), TR_EADDRINUSE);
    n.start_error = TR_OK;
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, n.starts, 4));
    cr_assert(eq(u32, n.incarnation, 4));
    cr_assert(eq(u64, n.seen[1], 1));
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

typedef struct restart_call {
    tr_ref_t to;
    tr_err_t err;
} restart_call;

static tr_err_t
call_number(tr_self *self, void *arg)
{
    restart_call *c = arg;
    c->err = tr_call(self, c->to, TR_MSG(number, .value = 3), TR_REPLY_NONE, TR_FOREVER);
    return TR_OK;
}

Test(discard, answers_waiting_calls_edead_and_is_not_reported, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    restart_call c = {.to = d.child, .err = TR_EBUSY};
    tr_ref_t caller = troupe_puppet(p.rt, NULL);
    assert_ok(troupe_prompt(p.rt, caller, call_number, &c));
    TROUPE_EVENTUALLY(troupe_ledger(p.rt).queued == 1);
    assert_ok(deed_of(&p, do_discard, &d));
    assert_ok(troupe_act(p.rt, caller, do_nothing, NULL));
    assert_err(c.err, TR_EDEAD);
    TROUPE_EVENTUALLY(troupe_is_gone(p.rt, d.child));
    // Neither the order nor the end is news.
    assert_err(deed_of(&p, do_discard, &d), TR_EDEAD);
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL));
    cr_assert(eq(int, p.count, 1));
    troupe_end(p.rt);
}

Test(held, is_ended_by_a_stop_and_reported_as_ended, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_ok(send_number(&p, d.child, 13));
    CUE_AWAIT(&p.told);
    assert_ok(deed_of(&p, do_stop, &d));
    CUE_AWAIT(&p.told);
    cr_assert(not(last_news(&p)->held));
    cr_assert(tr_ref_equal(last_news(&p)->child, d.child));
    assert_err(deed_of(&p, do_restart, &d), TR_EDEAD);
    troupe_end(p.rt);
}

typedef struct ambush {
    parent *parent;
    deed deed;
    hold hold;
} ambush;

// The parent is busy while its child fails and is held, and stops it before it has heard.
static tr_err_t
stop_before_hearing(tr_self *self, void *arg)
{
    ambush *a = arg;
    cue_give(&a->hold.is_held);
    cr_expect(cue_take(&a->hold.go_on));
    a->deed.err = tr_stop(self, a->deed.child);
    return TR_OK;
}

Test(held, and_stopped_before_the_parent_heard_is_reported_once_by_its_address, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    ambush a = {.parent = &p};
    cue_init(&a.hold.is_held);
    cue_init(&a.hold.go_on);
    a.deed.child = child_of(&p, PUPPET_WITH(&role, .after_exit = TR_AFTER_EXIT_HOLD,
                                            .place = TR_PLACE_AT, .worker = 1));
    assert_ok(troupe_prompt(p.rt, p.ref, stop_before_hearing, &a));
    CUE_AWAIT(&a.hold.is_held);
    tr_stats_t s;
    assert_ok(send_number(&p, a.deed.child, 13));
    TROUPE_EVENTUALLY((tr_runtime_stats(p.rt, &s), s.failures == 1));
    cue_give(&a.hold.go_on);
    CUE_AWAIT(&p.told);
    assert_ok(troupe_act(p.rt, p.ref, do_nothing, NULL));
    assert_ok(a.deed.err);
    cr_assert(eq(int, p.count, 1));
    cr_assert(not(last_news(&p)->held));
    cr_assert(tr_ref_equal(last_news(&p)->child, a.deed.child));
    assert_err(last_news(&p)->reason, TR_EIO);
    troupe_end(p.rt);
}

static tr_err_t
have_held_child(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_spawn(self, d->opts, &d->child);
    return d->err;
}

Test(held, ends_with_its_parent, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    numbers n = {.start_error = TR_OK};
    part role = {.start = start_counting, .receive = take_number, .arg = &n};
    deed inner = {.opts = HOLD_OPTS(&role)};
    part middle_role = {.start = have_held_child, .arg = &inner};
    deed d = {.child = child_of(&p, PUPPET(&middle_role))};
    assert_ok(send_number(&p, inner.child, 13));
    CUE_AWAIT(&p.told); // it does not handle the end of its child, and fails of it
    assert_err(last_news(&p)->reason, TR_ECHILD);
    cr_assert(tr_ref_equal(last_news(&p)->child, d.child));
    cr_assert(troupe_is_gone(p.rt, inner.child));
    troupe_end(p.rt);
}

Test(held, also_after_an_orderly_end, .timeout = 30)
{
    parent p;
    parent_begin(&p);
    deed d = {.child = child_of(&p, HOLD_OPTS(NULL))};
    assert_ok(troupe_act(p.rt, d.child, leave, NULL));
    CUE_AWAIT(&p.told);
    cr_assert(last_news(&p)->held);
    assert_ok(last_news(&p)->reason);
    assert_ok(deed_of(&p, do_restart, &d));
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    troupe_end(p.rt);
}

// ---- what belongs to a life

typedef struct belongings {
    tr_timer_t timer;
    _Atomic int ticks;
    tr_err_t err;
    cue ready;
} belongings;

static tr_err_t
own_much(tr_self *self, void *arg)
{
    belongings *b = arg;
    char *a = tr_alloc(self, 100);
    char *c = tr_alloc(self, 5000);
    cr_expect(a != NULL && c != NULL);
    if (a == NULL || c == NULL) {
        return TR_ENOMEM;
    }
    memset(a, 1, 100);
    memset(c, 2, 5000);
    char *grown = tr_realloc(self, a, 9000);
    cr_expect(grown != NULL && grown[99] == 1);
    tr_free(self, tr_realloc(self, NULL, 10));
    tr_free(self, NULL);
    cr_expect(tr_alloc(self, SIZE_MAX) == NULL);
    cr_expect(tr_realloc(self, c, SIZE_MAX) == NULL);
    b->err = tr_send_after(self, tr_ms(1), TR_MSG(number, .value = 1), &b->timer);
    b->err = tr_send_after(self, tr_seconds(100), TR_MSG(number, .value = 2), NULL);
    return TR_OK;
}

static tr_err_t
own_and_return_error(tr_self *self, void *arg)
{
    tr_err_t err = own_much(self, arg);
    return err == TR_OK ? TR_EIO : err;
}

static tr_err_t
own_and_fail(tr_self *self, void *arg)
{
    (void)own_much(self, arg);
    tr_fail(self, TR_EIO, "with all that");
}

static tr_err_t
own_and_wait(tr_self *self, void *arg)
{
    belongings *b = arg;
    (void)own_much(self, arg);
    cue_give(&b->ready);
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
count_ticks(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    belongings *b = arg;
    b->ticks += tr_as(number, msg) != NULL;
    return TR_OK;
}

Test(life, gives_back_memory_and_timers_however_it_ends)
{
    parent p;
    parent_begin(&p);
    belongings b = {.err = TR_OK};
    cue_init(&b.ready);
    part role = {.receive = count_ticks, .arg = &b};
    act_fn ways[] = {own_and_return_error, own_and_fail};
    for (int i = 0; i < 2; i++) {
        tr_ref_t child = child_of(&p, PUPPET(&role));
        assert_err(troupe_act(p.rt, child, ways[i], &b), TR_ECRASHED);
        CUE_AWAIT(&p.told);
    }
    for (int i = 0; i < 2; i++) {
        deed d = {.child = child_of(&p, PUPPET(&role))};
        assert_ok(troupe_prompt(p.rt, d.child, own_and_wait, &b));
        CUE_AWAIT(&b.ready);
        assert_ok(deed_of(&p, i == 0 ? do_kill : do_stop, &d));
        CUE_AWAIT(&p.told);
    }
    deed d = {.opts = PUPPET((&(part){.start = own_and_fail, .arg = &b}))};
    assert_err(deed_of(&p, do_spawn, &d), TR_EIO);
    cr_assert(eq(int, b.ticks, 0));
    troupe_end(p.rt);
}

Test(life, does_not_get_the_timers_of_the_one_before)
{
    parent p;
    parent_begin(&p);
    belongings b = {.err = TR_OK};
    cue_init(&b.ready);
    part role = {.receive = count_ticks, .arg = &b};
    deed d = {.child = child_of(&p, HOLD_OPTS(&role))};
    assert_err(troupe_act(p.rt, d.child, own_and_return_error, &b), TR_ECRASHED);
    CUE_AWAIT(&p.told);
    assert_ok(deed_of(&p, do_restart, &d));
    // A timer of this life, due later than the one of the last life would have been.
    assert_ok(troupe_act(p.rt, d.child, own_much, &b));
    TROUPE_EVENTUALLY(b.ticks == 1);
    assert_ok(troupe_act(p.rt, d.child, do_nothing, NULL));
    cr_assert(eq(int, b.ticks, 1));
    troupe_end(p.rt);
}

static tr_err_t
fire_and_cancel(tr_self *self, void *arg)
{
    belongings *b = arg;
    tr_timer_t timer;
    expect_ok(tr_send_after(self, tr_ms(1), TR_MSG(number, .value = 1), &timer));
    expect_ok(tr_sleep(self, tr_ms(5))); // it has fired by now, and waits in the mailbox
    tr_timer_cancel(self, timer);
    tr_timer_cancel(self, timer);
    tr_timer_cancel(self, (tr_timer_t){0});
    expect_ok(tr_send_after(self, tr_seconds(50), TR_MSG(number, .value = 1), &timer));
    tr_timer_cancel(self, timer);
    expect_ok(tr_send_after(self, tr_us(0), TR_MSG(number, .value = 1), NULL));
    b->err = TR_OK;
    return TR_OK;
}

Test(timer, that_was_cancelled_is_not_received_fired_or_not, .timeout = 30)
{
    tr_runtime *rt = troupe_begin(1);
    belongings b = {.err = TR_EBUSY};
    part role = {.receive = count_ticks, .arg = &b};
    tr_ref_t a = troupe_puppet(rt, &role);
    assert_ok(troupe_act(rt, a, fire_and_cancel, &b));
    assert_ok(b.err);
    TROUPE_EVENTUALLY(b.ticks == 1);
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    cr_assert(eq(int, b.ticks, 1));
    troupe_end(rt);
}
