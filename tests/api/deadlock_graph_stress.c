// deadlock_graph_stress.c: random graphs of waits, and the model that says which wait is a
// deadlock.
//
// One worker runs it all: people who ask each other and wait in all the ways there are, and a
// director who tells one of them at a time what to do next and lets everything come to rest before
// the next order, so nothing is left to chance. At the end of each graph all is answered that can
// be: whoever then still waits is in a deadlock that was missed.
#include "deadlock_model.h"
#include "property.h"
#include "troupe_test.h"

#ifndef GRAPH_RUNS
#if defined(__SANITIZE_THREAD__)
#define GRAPH_RUNS 2000 // a switch of stacks is slow there
#else
#define GRAPH_RUNS 1000000
#endif
#endif
#define OPS_MAX 30

TestSuite(deadlock, .timeout = 280);

enum {
    OPEN,
    CALL,
    TRY,
    TRY_THREE,
    ALL,
    FIRST,
    SELECT,
    WAKE,
    TAKE,
    ANSWER,
    REFUSE,
    ANSWER_HELD,
    DEFER,
    ANSWER_TOKEN,
    DELEGATE,
};

// Whom each is for, and then the others: those count from the one after it, so that it is none of
// them.
static const property_kind kinds[] = {
    [OPEN] = {.name = "open for so many more than three", .args = 1, .below = {8}},
    [CALL] = {.name = "call", .weight = 14, .args = 2, .below = {10, 9}},
    [TRY] = {.name = "try_join", .weight = 6, .args = 3, .below = {10, 9, 9}},
    [TRY_THREE] = {.name = "try_join of three", .weight = 2, .args = 3, .below = {10, 9, 9}},
    [ALL] = {.name = "join_all", .weight = 4, .args = 3, .below = {10, 9, 9}},
    [FIRST] = {.name = "first_ok", .weight = 4, .args = 3, .below = {10, 9, 9}},
    [SELECT] = {.name = "select", .weight = 3, .args = 3, .below = {10, 9, 9}},
    [WAKE] = {.name = "wake from select", .weight = 2, .args = 1, .below = {10}},
    [TAKE] = {.name = "take by hand", .weight = 3, .args = 1, .below = {10}},
    [ANSWER] = {.name = "answer", .weight = 3, .args = 1, .below = {10}},
    [REFUSE] = {.name = "refuse", .weight = 1, .args = 1, .below = {10}},
    [ANSWER_HELD] = {.name = "answer what was taken", .weight = 1, .args = 1, .below = {10}},
    [DEFER] = {.name = "defer", .weight = 3, .args = 1, .below = {10}},
    [ANSWER_TOKEN] = {.name = "answer later", .weight = 1, .args = 1, .below = {10}},
    [DELEGATE] = {.name = "delegate", .weight = 4, .args = 2, .below = {10, 9}},
};

#define ORDER(F, T) F(T, u32, op) F(T, u32, count) F(T, u32, a) F(T, u32, b) F(T, u32, c)
TR_MESSAGE(order, ORDER);
TR_MESSAGE_EMPTY(plea); // what they ask of each other
#define DUTY(F, T) F(T, local(tr_token), token)
TR_MESSAGE(duty, DUTY);

typedef struct person {
    tr_ref_t ref;
    tr_ref_t bell; // a channel of its own, that a select of it waits at as well
    tr_mpsc_rx *rx;
    tr_mpsc_tx *tx;
    const tr_message *held[MODEL_LIST];
    tr_token *tokens[MODEL_LIST]; // that it has deferred; the director has them
    uint32_t held_count, token_count;
    bool is_waiting, is_serving;
    tr_err_t err; // of its latest wait
} person;

// Written by the one worker, and by the test's thread while that has nothing to do.
static struct stage {
    tr_runtime *rt;
    tr_ref_t director;
    tr_self *self; // the director's
    person people[MODEL_PEOPLE];
    tr_stats_t before; // the graph in progress
} stage;

static model expected;

// What the graphs were like, for the report.
static struct tally {
    uint64_t graphs, waits, deadlocks, skipped, stuck;
} tally;

// ---- people -------------------------------------------------------------------------------------

// The futures are over or canceled afterwards.
static tr_err_t
select_one(tr_self *self, person *p, tr_future *const *calls, uint32_t count)
{
    size_t which;
    const tr_message *rung;
    tr_branch_t branches[MODEL_BRANCHES + 1];
    for (uint32_t i = 0; i < count; i++) {
        branches[i] = tr_when_done(calls[i]);
    }
    branches[count] = tr_when_mpsc(p->rx);
    tr_err_t err = tr_select(self, branches, count + 1, TR_FOREVER, &which);
    while (tr_mpsc_recv(self, p->rx, &rung, tr_ms(0)) == TR_OK) {
        tr_release(self, rung);
    }
    return err;
}

static tr_err_t
wait_in_this_way(tr_self *self, person *p, const order *o)
{
    const uint32_t targets[MODEL_BRANCHES] = {o->a, o->b, o->c};
    tr_future *calls[MODEL_BRANCHES];
    if (o->op == CALL) {
        return tr_call(self, stage.people[o->a].ref, TR_MSG(plea), TR_REPLY_NONE, TR_FOREVER);
    }
    for (uint32_t i = 0; i < o->count; i++) {
        calls[i] = tr_call_begin(self, stage.people[targets[i]].ref, TR_MSG(plea), TR_FOREVER);
    }
    if (o->op == FIRST) {
        return tr_first_ok(self, calls, o->count, TR_REPLY_NONE, NULL);
    }
    tr_err_t err = o->op == ALL      ? tr_join_all(self, calls, o->count)
                   : o->op == SELECT ? select_one(self, p, calls, o->count)
                                     : tr_try_join(self, calls, o->count);
    for (uint32_t i = 0; i < o->count && (err == TR_OK || o->op == SELECT); i++) {
        tr_future_cancel(self, calls[i]);
    }
    return err;
}

static tr_err_t
defer(tr_self *self)
{
    tr_token *token = NULL;
    tr_err_t err = tr_defer(self, &token);
    return err == TR_OK ? tr_send(self, stage.director, TR_MSG(duty, .token = token)) : err;
}

// True: the handler goes on.
static bool
obey(tr_self *self, person *p, const order *o)
{
    const tr_message *msg = NULL;
    switch (o->op) {
    case TAKE:
        expect_ok(tr_receive(self, TR_TYPES(plea), &msg, tr_ms(0)));
        p->held[p->held_count++] = msg;
        return true;
    case ANSWER_HELD:
        expect_ok(tr_reply_to(self, p->held[0], TR_MSG(plea)));
        tr_release(self, p->held[0]);
        memmove(&p->held[0], &p->held[1], --p->held_count * sizeof p->held[0]);
        return true;
    case ANSWER:
        expect_ok(tr_reply(self, TR_MSG(plea)));
        return false;
    case REFUSE:
        expect_ok(tr_reply_error(self, TR_EIO));
        return false;
    case DEFER:
        expect_ok(defer(self));
        return false;
    case DELEGATE:
        expect_ok(tr_delegate(self, stage.people[o->a].ref));
        return false;
    default:
        p->is_waiting = true;
        p->err = wait_in_this_way(self, p, o);
        p->is_waiting = false;
        return true;
    }
}

// A request is in hand, and more orders come.
static void
serve(tr_self *self, person *p)
{
    bool goes_on = true;
    p->is_serving = true;
    while (goes_on) {
        const tr_message *msg;
        if (tr_receive(self, TR_TYPES(order), &msg, TR_FOREVER) != TR_OK) {
            break; // nobody wants the answer any more
        }
        const order o = *tr_as(order, msg);
        tr_release(self, msg);
        goes_on = obey(self, p, &o);
    }
    p->held_count = 0;
    p->is_serving = false;
}

static tr_err_t
person_receive(tr_self *self, void *arg, const tr_message *msg)
{
    person *p = arg;
    const order *o = tr_as(order, msg);
    if (o != NULL) {
        (void)obey(self, p, o);
    } else {
        serve(self, p);
    }
    return TR_OK;
}

static tr_err_t
person_start(tr_self *self, void *arg)
{
    person *p = arg;
    tr_err_t err = tr_mpsc_create(self, NULL, &p->tx, &p->rx);
    p->bell = err == TR_OK ? tr_mpsc_ref(p->tx) : TR_REF_NONE;
    return err;
}

// ---- the director -------------------------------------------------------------------------------

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define DIFFERS(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

// Yield until nobody else had a turn meanwhile, twice: who was woken from outside while this turn
// began stands in the queue only after the first yield.
static bool
rest(trouble t)
{
    tr_stats_t before, after;
    for (int quiet = 0, tries = 0; quiet < 2; tries++) {
        tr_runtime_stats(stage.rt, &before);
        if (tr_yield(stage.self) != TR_OK || tries == 100000) {
            return DIFFERS(t, "it does not come to rest");
        }
        tr_runtime_stats(stage.rt, &after);
        quiet = after.turns == before.turns + 1 ? quiet + 1 : 0;
    }
    return true;
}

static bool
same(trouble t)
{
    if (!rest(t)) {
        return false;
    }
    for (uint32_t i = 0; i < expected.count; i++) {
        const person *p = &stage.people[i];
        const model_person *m = &expected.people[i];
        if (p->is_waiting != (m->wait != MODEL_FREE)) {
            return DIFFERS(t, "%u %s, %s", i, p->is_waiting ? "waits" : "does not wait",
                           tr_errname(p->err));
        }
        if (!p->is_waiting && p->err != m->err) {
            return DIFFERS(t, "%u: %s, not %s", i, tr_errname(p->err), tr_errname(m->err));
        }
        if (p->is_serving != (m->in_hand != MODEL_NONE)) {
            return DIFFERS(t, "%u %s", i, p->is_serving ? "serves" : "does not serve");
        }
    }
    tr_stats_t now;
    tr_runtime_stats(stage.rt, &now);
    uint64_t found = now.deadlocks - stage.before.deadlocks;
    return found == expected.deadlocks ||
           DIFFERS(t, "%" PRIu64 " deadlocks, not %" PRIu64, found, expected.deadlocks);
}

static uint32_t
other(uint32_t who, uint32_t arg)
{
    return (who + 1 + arg % (expected.count - 1)) % expected.count;
}

// ---- operations ---------------------------------------------------------------------------------

// What is to be done, by whom; `targets` of a wait.
typedef struct deed {
    uint32_t op, who, count;
    uint32_t targets[MODEL_BRANCHES];
} deed;

static bool
is_wait(uint32_t op)
{
    return op >= CALL && op <= SELECT;
}

static bool
is_possible(const deed *d)
{
    const model_person *p = &expected.people[d->who];
    bool is_free = p->wait == MODEL_FREE;
    bool is_serving = is_free && p->in_hand != MODEL_NONE;
    switch (d->op) {
    case WAKE:
        return p->wait == MODEL_SELECT;
    case TAKE:
        return is_serving && p->queue.count > 0;
    case ANSWER_HELD:
        return is_serving && p->held.count > 0;
    case ANSWER_TOKEN:
        return p->tokens.count > 0;
    case ANSWER:
    case REFUSE:
    case DEFER:
    case DELEGATE:
        return is_serving;
    default:
        return is_free && expected.ask_count + MODEL_BRANCHES <= MODEL_ASKS;
    }
}

static void
play_model(const deed *d)
{
    static const model_wait waits[] = {
        [CALL] = MODEL_CALL, [TRY] = MODEL_TRY,     [TRY_THREE] = MODEL_TRY,
        [ALL] = MODEL_ALL,   [FIRST] = MODEL_FIRST, [SELECT] = MODEL_SELECT};
    model_person *p = &expected.people[d->who];
    uint32_t taken;
    switch (d->op) {
    case WAKE:
        model_end_wait(&expected, d->who, TR_OK);
        break;
    case TAKE:
        taken = model_pop(&p->queue);
        expected.asks[taken].where = MODEL_HELD;
        model_push(&p->held, taken);
        break;
    case ANSWER_HELD:
        model_finish(&expected, model_pop(&p->held), TR_OK);
        break;
    case ANSWER_TOKEN:
        model_finish(&expected, model_pop(&p->tokens), TR_OK);
        break;
    case ANSWER:
        model_answer(&expected, d->who, TR_OK);
        break;
    case REFUSE:
        model_answer(&expected, d->who, TR_EIO);
        break;
    case DEFER:
        model_defer(&expected, d->who);
        break;
    case DELEGATE:
        model_delegate(&expected, d->who, d->targets[0]);
        break;
    default:
        model_wait_for(&expected, d->who, waits[d->op], d->targets, d->count);
    }
    model_settle(&expected);
}

static tr_err_t
answer_token(person *p)
{
    tr_err_t err = tr_token_reply(stage.self, p->tokens[0], TR_MSG(plea));
    memmove(&p->tokens[0], &p->tokens[1], --p->token_count * sizeof p->tokens[0]);
    return err;
}

static tr_err_t
receive_token(person *p)
{
    const tr_message *msg;
    tr_err_t err = tr_receive(stage.self, TR_TYPES(duty), &msg, tr_ms(0));
    if (err == TR_OK) {
        p->tokens[p->token_count++] = tr_take(stage.self, msg, duty, token);
        tr_release(stage.self, msg);
    }
    return err;
}

static tr_err_t
give(const deed *d)
{
    person *p = &stage.people[d->who];
    if (d->op == ANSWER_TOKEN) {
        return answer_token(p);
    }
    return d->op == WAKE ? tr_send(stage.self, p->bell, TR_MSG(plea))
                         : tr_send(stage.self, p->ref,
                                   TR_MSG(order, .op = d->op, .count = d->count, .a = d->targets[0],
                                          .b = d->targets[1], .c = d->targets[2]));
}

// What cannot be done now, or would be left to chance, is not done: true, and *out_done is false.
static bool
operate(trouble t, const deed *d, bool *out_done)
{
    static model before;
    *out_done = false;
    if (!is_possible(d)) {
        return true;
    }
    before = expected;
    play_model(d);
    if (expected.is_left_to_chance || model_is_stuck(&expected)) {
        expected = before;
        tally.skipped++;
        return true;
    }
    *out_done = true;
    tally.waits += is_wait(d->op);
    tr_err_t err = give(d);
    bool is_same = err == TR_OK ? same(t) : DIFFERS(t, "an order: %s", tr_errname(err));
    if (is_same && d->op == DEFER) {
        err = receive_token(&stage.people[d->who]);
        return err == TR_OK || DIFFERS(t, "no token: %s", tr_errname(err));
    }
    return is_same;
}

static deed
deed_of(const property_op *op)
{
    deed d = {.op = op->code, .who = op->args[0] % expected.count};
    uint32_t a = other(d.who, op->args[1]);
    uint32_t b = other(d.who, op->args[2]);
    d.count = op->code == TRY_THREE ? 3 : op->code == CALL ? 1 : 2;
    d.targets[0] = a;
    d.targets[1] = b;
    d.targets[2] = other(d.who, op->args[1] + op->args[2] + 1);
    return d;
}

// ---- one graph ----------------------------------------------------------------------------------

static bool
is_over(void)
{
    for (uint32_t i = 0; i < expected.count; i++) {
        const model_person *p = &expected.people[i];
        if (p->wait != MODEL_FREE || p->in_hand != MODEL_NONE || p->tokens.count > 0) {
            return false;
        }
    }
    return true;
}

// Everyone does one thing that sets another free, if there is one.
static bool
release_some(trouble t, bool *out_any)
{
    static const uint32_t ops[] = {WAKE, ANSWER_TOKEN, ANSWER_HELD, ANSWER, REFUSE};
    *out_any = false;
    for (uint32_t who = 0; who < expected.count; who++) {
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
            bool done;
            deed d = {.op = ops[i], .who = who};
            if (!operate(t, &d, &done)) {
                return false;
            }
            *out_any |= done;
        }
    }
    return true;
}

// Nothing may be left but what would leave somebody stuck, or to chance: then the runtime goes with
// the graph.
static bool
release_all(trouble t)
{
    bool any = true;
    while (!is_over() && any) {
        uint64_t skipped = tally.skipped;
        if (!release_some(t, &any)) {
            return false;
        }
        if (!any && skipped == tally.skipped) {
            return DIFFERS(t, "nobody can go on");
        }
    }
    return true;
}

// The director's own request is in hand all the time, so that the balance is off by as much as
// before.
static bool
same_balance(trouble t)
{
    tr_stats_t now;
    tr_runtime_stats(stage.rt, &now);
    uint64_t off = now.ledger.accepted - troupe_ledger_sum(&now.ledger);
    if (off != 1) {
        return DIFFERS(t, "the ledger is off by %" PRId64, (int64_t)(off - 1));
    }
    if (now.ledger.queued != 0) {
        return DIFFERS(t, "%" PRIu64 " are queued in the end", now.ledger.queued);
    }
    return now.stacks == stage.before.stacks ||
           DIFFERS(t, "%" PRIu64 " stacks, not %" PRIu64, now.stacks, stage.before.stacks);
}

typedef struct script {
    const property_op *ops;
    size_t count;
    trouble trouble;
    bool is_good, is_over;
} script;

static tr_err_t
direct(tr_self *self, void *arg)
{
    script *s = arg;
    bool done;
    stage.self = self;
    model_begin(&expected, 3 + s->ops[0].args[0]);
    for (uint32_t i = 0; i < MODEL_PEOPLE; i++) {
        stage.people[i].err = TR_OK;
    }
    s->is_good = rest(s->trouble);
    tr_runtime_stats(stage.rt, &stage.before);
    for (size_t i = 1; i < s->count && s->is_good; i++) {
        deed d = deed_of(&s->ops[i]);
        s->is_good = operate(s->trouble, &d, &done);
    }
    s->is_good = s->is_good && release_all(s->trouble);
    s->is_over = is_over();
    s->is_good = s->is_good && (!s->is_over || same_balance(s->trouble));
    tally.graphs++;
    tally.stuck += !s->is_over;
    tally.deadlocks += expected.deadlocks;
    return TR_OK;
}

static void
begin(void)
{
    stage = (struct stage){.rt = troupe_begin(1)};
    for (uint32_t i = 0; i < MODEL_PEOPLE; i++) {
        part role = {.start = person_start, .receive = person_receive, .arg = &stage.people[i]};
        stage.people[i].ref = troupe_puppet(stage.rt, &role);
    }
    stage.director = troupe_puppet(stage.rt, NULL);
}

// Nobody knows who still waits for whom: the next graph gets another runtime.
static void
give_up(void)
{
    tr_runtime_kill(stage.rt);
    tr_runtime_destroy(stage.rt);
    stage.rt = NULL;
}

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    script s = {.ops = ops, .count = count, .trouble = {why, why_size}};
    if (stage.rt == NULL) {
        begin();
    }
    assert_ok(troupe_act(stage.rt, stage.director, direct, &s));
    if (!s.is_good || !s.is_over) {
        give_up();
    }
    return s.is_good;
}

static const property graphs = {
    .name = "deadlock graph",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .has_opening = true,
    .ops_max = OPS_MAX,
    .runs = GRAPH_RUNS,
    .run = play,
};

Test(deadlock, is_found_where_the_model_has_one_and_nowhere_else)
{
    int64_t begin_ns = troupe_now_ns();
    PROPERTY_HOLDS(&graphs);
    if (stage.rt != NULL) {
        troupe_end(stage.rt);
    }
    fprintf(stderr,
            "%" PRIu64 " graphs, %" PRIu64 " waits, %" PRIu64 " deadlocks, %" PRIu64
            " left out, %" PRIu64 " stuck, in %.1f s\n",
            tally.graphs, tally.waits, tally.deadlocks, tally.skipped, tally.stuck,
            (double)(troupe_now_ns() - begin_ns) / 1e9);
}
