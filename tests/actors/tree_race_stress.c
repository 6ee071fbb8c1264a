// tree_race_stress.c: random trees of supervisors on two workers, where much happens at once.
//
// Leaves end and orders are given without waiting for what comes of it. Who was first is left to
// chance, so that there is no model; but when all has come to rest, every child is where it may be:
// in its place, alive where it has to be, in one life at a time, at the address that its supervisor
// says; everything was answered, and nothing has got lost. In the end the root is stopped, at rest
// or in the midst of it all.
#include "tree_plant.h"

#ifndef RACE_RUNS
#if defined(__SANITIZE_THREAD__)
#define RACE_RUNS 1000
#else
#define RACE_RUNS 6000
#endif
#endif
#define ASKED_MAX 32

TestSuite(tree, .timeout = 280);

static const property_kind kinds[] = {
    [OPEN] = {.name = "open with the strategy, kind; in the end it is stopped in the midst of it",
              .args = 3,
              .below = {3, SUPERVISOR_KINDS, 2}},
    [LEAF] = {.name = "plant below, a child of kind",
              .weight = 12,
              .args = 2,
              .below = {8, CHILD_KINDS}},
    [TREE] = {.name = "plant a supervisor below, child and supervisor of kind",
              .weight = 5,
              .args = 3,
              .below = {8, CHILD_KINDS, SUPERVISOR_KINDS}},
    [END] = {.name = "a leaf ends, how, with so much mail",
             .weight = 20,
             .args = 3,
             .below = {16, TREE_ENDS, 4}},
    [BAD] = {.name = "the next starts of a leaf fail", .weight = 3, .args = 2, .below = {16, 4}},
    [MAIL] = {.name = "mail for a leaf", .weight = 6, .args = 2, .below = {16, 4}},
    [STOP] = {.name = "stop a child", .weight = 3, .args = 1, .below = {24}},
    [RESTART] = {.name = "restart a child", .weight = 8, .args = 1, .below = {24}},
    [REMOVE] = {.name = "remove a child", .weight = 2, .args = 1, .below = {24}},
    [ADD_LEAF] = {.name = "add a leaf below, of kind, its first starts fail",
                  .weight = 3,
                  .args = 3,
                  .below = {8, CHILD_KINDS, 2}},
    [ADD_TREE] = {.name = "add nothing"},
    [REST] = {.name = "rest", .weight = 4},
};

// What is under way.
static tr_future *asked[ASKED_MAX];
static uint32_t asked_count;
static bool was_told_to_stop[TREE_NODES]; // by an order

static struct tally {
    uint64_t trees, deeds, events, over, rests;
} tally;

// ---- looking: `expected` says how each child was when all was at rest the last time
// --------------

static bool
is_known(uint32_t n)
{
    return n != TREE_ROOT && expected.nodes[n].state != TREE_AWAY;
}

static bool
look_at(trouble t, uint32_t s, uint32_t n, const tr_supervisor_child *child)
{
    tree_node *node = &expected.nodes[n];
    if (node->parent != s || node->is_supervisor != child->is_supervisor) {
        return DIFFERS(t, "n%u is a child of n%u", n, s);
    }
    if (child->state == TR_CHILD_DOWN) {
        return DIFFERS(t, "n%u stays down", n);
    }
    node->state = child->state == TR_CHILD_UP ? TREE_UP : TREE_STOPPED;
    tree_stage.refs[n] = child->child;
    if (node->state == TREE_STOPPED && node->restart == TR_TEMPORARY) {
        return DIFFERS(t, "n%u is temporary, and has stopped", n);
    }
    if (node->state == TREE_STOPPED && node->restart == TR_PERMANENT && !was_told_to_stop[n]) {
        return DIFFERS(t, "n%u is permanent, and has stopped", n);
    }
    return true;
}

// A supervisor and all below it. False: not as it has to be, or not yet.
static bool
look(trouble t, uint32_t s, tr_ref_t ref)
{
    const tr_supervisor_children *page;
    tr_err_t err = tree_list(ref, &page);
    if (err != TR_OK) {
        return DIFFERS(t, "n%u does not answer: %s", s, tr_errname(err));
    }
    tree_node *node = &expected.nodes[s];
    bool is_good = true;
    node->child_count = 0;
    for (size_t i = 0; i < page->children.count && is_good; i++) {
        uint32_t n = tree_number(&page->children.items[i]);
        is_good = i == 0 || node->children[i - 1] < n || DIFFERS(t, "n%u is out of order", n);
        node->children[node->child_count++] = n;
        is_good = is_good && look_at(t, s, n, &page->children.items[i]);
    }
    tr_release(tree_stage.self, page);
    for (uint32_t i = 0; i < node->child_count && is_good; i++) {
        uint32_t n = node->children[i];
        bool is_tree = expected.nodes[n].is_supervisor && expected.nodes[n].state == TREE_UP;
        is_good = !is_tree || look(t, n, tree_stage.refs[n]);
    }
    return is_good;
}

static bool
look_at_all(trouble t)
{
    for (uint32_t i = 0; i < expected.count; i++) {
        expected.nodes[i].state = TREE_AWAY;
        expected.nodes[i].child_count = 0;
    }
    tree_hear_of_the_end();
    if (tree_stage.is_over) {
        return tree_stage.reason == TR_OK || tree_stage.reason == TR_ERESTARTS ||
               DIFFERS(t, "the root ended with %s", tr_errname(tree_stage.reason));
    }
    expected.nodes[TREE_ROOT].state = TREE_UP;
    return look(t, TREE_ROOT, tree_stage.root);
}

// ---- rest ---------------------------------------------------------------------------------------

static bool
is_leaf_good(trouble t, uint32_t n)
{
    const tree_leaf *leaf = &tree_stage.leaves[n];
    pthread_mutex_lock(&tree_stage.lock);
    bool lives = leaf->lives;
    pthread_mutex_unlock(&tree_stage.lock);
    if (lives != (expected.nodes[n].state == TREE_UP)) {
        return DIFFERS(t, "n%u %s", n, lives ? "lives on" : "does not live");
    }
    if (!lives) {
        return true;
    }
    tr_err_t err = tr_call(tree_stage.self, tree_stage.refs[n], TR_MSG(number, .value = 0),
                           TR_REPLY_NONE, tr_ms(patience_ms));
    if (err != TR_OK) {
        return DIFFERS(t, "n%u does not answer: %s", n, tr_errname(err));
    }
    return tr_ref_equal(leaf->ref, tree_stage.refs[n]) ||
           DIFFERS(t, "n%u is listed at an address that is not its own", n);
}

// The director's own request is in hand all the time, so that the balance is off by one.
static bool
is_ledger_good(trouble t)
{
    uint64_t lives = 0;
    tr_stats_t now;
    tr_runtime_stats(tree_stage.rt, &now);
    for (uint32_t i = 0; i < expected.count; i++) {
        lives += expected.nodes[i].state == TREE_UP;
    }
    uint64_t off = now.ledger.accepted - troupe_ledger_sum(&now.ledger);
    if (now.actors - tree_stage.before.actors != lives) {
        return DIFFERS(t, "%" PRIu64 " lives, not %" PRIu64, now.actors - tree_stage.before.actors,
                       lives);
    }
    if (off != 1 || now.ledger.queued != 0) {
        return DIFFERS(t, "the ledger is off by %" PRId64 ", %" PRIu64 " are queued",
                       (int64_t)(off - 1), now.ledger.queued);
    }
    return now.stacks == tree_stage.before.stacks || DIFFERS(t, "%" PRIu64 " stacks", now.stacks);
}

static bool
is_good_now(trouble t)
{
    bool is_good = look_at_all(t);
    for (uint32_t i = 1; i < expected.count && is_good; i++) {
        is_good = expected.nodes[i].is_supervisor || is_leaf_good(t, i);
    }
    return is_good && is_ledger_good(t);
}

static bool
has_been_twice(void)
{
    pthread_mutex_lock(&tree_stage.lock);
    bool is_twice = tree_stage.is_twice;
    pthread_mutex_unlock(&tree_stage.lock);
    return is_twice;
}

static bool
answer_all(trouble t)
{
    bool is_good = true;
    for (uint32_t i = 0; i < asked_count; i++) {
        tr_err_t err = tr_future_await(tree_stage.self, asked[i], TR_REPLY_NONE);
        is_good = is_good && (err != TR_ETIMEOUT || DIFFERS(t, "a request is never answered"));
    }
    asked_count = 0;
    return is_good;
}

// An order is carried out behind the restarts that are due at once, so that those have been tried
// when it is answered.
static bool
are_timers_over(trouble t)
{
    tr_future *orders[TREE_NODES];
    uint32_t count = 0, begun = tree_event_count();
    for (uint32_t i = 0; i < expected.count; i++) {
        if (is_live_supervisor(i)) {
            orders[count++] = tr_call_begin(tree_stage.self, tree_ref(&expected, i),
                                            TR_MSG(tr_supervisor_stop_child, .id = tr_str("?")),
                                            tr_ms(patience_ms));
        }
    }
    bool is_good = true;
    for (uint32_t i = 0; i < count; i++) {
        tr_err_t err = tr_future_await(tree_stage.self, orders[i], TR_REPLY_NONE);
        is_good = is_good && (err == TR_ENOTFOUND || DIFFERS(t, "an order: %s", tr_errname(err)));
    }
    return is_good && (begun == tree_event_count() || DIFFERS(t, "there is no rest"));
}

static bool
is_all_good(trouble t)
{
    int64_t until = troupe_now_ns() + patience_ms * 1000000;
    bool is_good = false;
    do {
        if (tr_yield(tree_stage.self) != TR_OK) {
            return DIFFERS(t, "the director is stopped");
        }
        is_good = is_good_now(t) && are_timers_over(t) && is_good_now(t);
    } while (!is_good && !has_been_twice() && troupe_now_ns() < until);
    tally.rests++;
    return is_good && (has_been_twice() == false || DIFFERS(t, "a leaf has two lives at once"));
}

// ---- deeds --------------------------------------------------------------------------------------

static void
ask(tr_ref_t who, const tr_type_t *type, const void *value)
{
    if (asked_count < ASKED_MAX) {
        asked[asked_count++] = tr_call_begin(tree_stage.self, who, type, value, tr_ms(patience_ms));
    }
}

static void
give_mail(uint32_t n, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ask(tree_stage.refs[n], TR_MSG(number, .value = i));
    }
}

static void
order(uint32_t code, uint32_t n)
{
    tr_ref_t ref = tree_ref(&expected, expected.nodes[n].parent);
    tr_str_t id = tr_str(tree_stage.ids[n]);
    if (code == STOP) {
        was_told_to_stop[n] = true;
        ask(ref, TR_MSG(tr_supervisor_stop_child, .id = id));
    } else if (code == RESTART) {
        ask(ref, TR_MSG(tr_supervisor_restart_child, .id = id));
    } else {
        ask(ref, TR_MSG(tr_supervisor_remove_child, .id = id));
    }
}

static bool
add(trouble t, const property_op *op, uint32_t parent)
{
    if (!may_plant(parent)) {
        return true;
    }
    uint32_t n = make_child(parent, op->args[1]);
    expected.nodes[n].is_added = true;
    expected.nodes[n].bad_starts = op->args[2];
    tr_child_t child = tree_child(&expected, n);
    tr_err_t err = tr_supervisor_add(tree_stage.self, tree_ref(&expected, parent), &child,
                                     tr_ms(patience_ms), NULL);
    return err != TR_ETIMEOUT || DIFFERS(t, "nobody answers to add n%u", n);
}

static bool
operate(trouble t, const property_op *op)
{
    bool is_to_leaf = op->code == END || op->code == MAIL || op->code == BAD;
    uint32_t n = choose(is_to_leaf             ? is_live_leaf
                        : op->code == ADD_LEAF ? is_live_supervisor
                                               : is_known,
                        op->args[0]);
    if (op->code == REST) {
        return answer_all(t) && is_all_good(t);
    }
    if (n == TREE_NONE) {
        return true;
    }
    tally.deeds++;
    switch (op->code) {
    case BAD: // nobody may be about to start
        if (!answer_all(t) || !is_all_good(t)) {
            return false;
        }
        tree_stage.leaves[n].bad_starts = op->args[1];
        break;
    case END:
        ask(tree_stage.refs[n], ACT_MSG(tree_ends[op->args[1]], &tree_stage.leaves[n]));
        give_mail(n, op->args[2]);
        break;
    case MAIL:
        give_mail(n, op->args[1]);
        break;
    case ADD_LEAF:
        return add(t, op, n);
    case STOP:
    case RESTART:
    case REMOVE:
        order(op->code, n);
        break;
    default:
        break; // planted before
    }
    return true;
}

// ---- one tree -----------------------------------------------------------------------------------

typedef struct script {
    const property_op *ops;
    size_t count;
    trouble trouble;
    bool is_good;
} script;

// The leaves that live, the last first.
static bool
ends_in_reverse(trouble t, uint32_t since)
{
    uint32_t at = expected.event_count;
    expected.event_count = 0;
    tree_end_life(&expected, TREE_ROOT);
    bool is_same = tree_event_count() - since == expected.event_count;
    for (uint32_t i = 0; i < expected.event_count && is_same; i++) {
        is_same = tree_stage.events[since + i].node == expected.events[i].node &&
                  tree_stage.events[since + i].sign == '-';
    }
    expected.event_count = at;
    return is_same || DIFFERS(t, "they were not stopped in reverse order");
}

static bool
dismiss(trouble t, bool is_at_rest)
{
    if (is_at_rest && (!answer_all(t) || !is_all_good(t))) {
        return false;
    }
    tree_hear_of_the_end();
    uint32_t since = tree_event_count();
    bool was_over = tree_stage.is_over;
    tr_err_t err = was_over ? TR_OK : tr_stop(tree_stage.self, tree_stage.root);
    int64_t until = troupe_now_ns() + patience_ms * 1000000;
    while ((err == TR_OK || err == TR_EDEAD) && !tree_stage.is_over) {
        if (troupe_now_ns() > until) {
            return DIFFERS(t, "the root does not end");
        }
        err = tr_yield(tree_stage.self);
        tree_hear_of_the_end();
    }
    bool is_good = !is_at_rest || was_over || ends_in_reverse(t, since);
    return is_good && answer_all(t) && is_all_good(t);
}

static tr_err_t
direct(tr_self *self, void *arg)
{
    script *s = arg;
    trouble t = s->trouble;
    tree_stage.self = self;
    tree_stage.is_twice = false;
    asked_count = 0;
    memset(was_told_to_stop, 0, sizeof was_told_to_stop);
    plant(s->ops, s->count);
    tr_runtime_stats(tree_stage.rt, &tree_stage.before);
    tr_err_t err = tr_supervisor_spawn(self, &tree_stage.specs[TREE_ROOT], &tree_stage.root);
    s->is_good = (err == TR_OK || DIFFERS(t, "spawn: %s", tr_errname(err))) && is_all_good(t);
    for (size_t i = 1; i < s->count && s->is_good; i++) {
        s->is_good = operate(t, &s->ops[i]);
    }
    s->is_good = s->is_good && dismiss(t, s->ops[0].args[2] == 0);
    tally.trees++;
    tally.over += tree_stage.is_over && tree_stage.reason != TR_OK;
    tally.events += tree_event_count();
    return TR_OK;
}

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    script s = {.ops = ops, .count = count, .trouble = {why, why_size}};
    if (tree_stage.rt == NULL) {
        tree_stage.rt = troupe_begin(2);
        tree_stage.director = troupe_puppet(tree_stage.rt, NULL);
    }
    assert_ok(troupe_act(tree_stage.rt, tree_stage.director, direct, &s));
    if (!s.is_good) {
        // Nobody knows what is left of it: the next tree gets another runtime.
        tr_runtime_kill(tree_stage.rt);
        tr_runtime_destroy(tree_stage.rt);
        tree_stage.rt = NULL;
        patience_ms = 200; // for making it smaller
    }
    return s.is_good;
}

static const property races = {
    .name = "tree race",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .has_opening = true,
    .ops_max = 60,
    .runs = RACE_RUNS,
    .run = play,
};

Test(tree, of_supervisors_keeps_its_shape_whatever_happens_at_once)
{
    int64_t begin_ns = troupe_now_ns();
    PROPERTY_HOLDS(&races);
    if (tree_stage.rt != NULL) {
        troupe_end(tree_stage.rt);
    }
    fprintf(stderr,
            "%" PRIu64 " trees, %" PRIu64 " deeds, %" PRIu64 " rests, %" PRIu64
            " starts and stops, %" PRIu64 " gave up, in %.1f s\n",
            tally.trees, tally.deeds, tally.rests, tally.events, tally.over,
            (double)(troupe_now_ns() - begin_ns) / 1e9);
}
