// tree_property_stress.c: random trees of supervisors, and the model that says what becomes of them
// when their leaves fail, and when they are told to stop, restart, add and remove children.
//
// One worker runs it all: the tree, and a director who does one thing at a time and lets everything
// come to rest before the next. What is compared then: who started and stopped, in which order;
// which children each supervisor has, how they are, at which address and in which life; who was
// given up; the mail of the leaves; lives, stacks and the ledger. In the end the root is stopped,
// and nothing is left.
#include "tree_plant.h"

#ifndef TREE_RUNS
#if defined(__SANITIZE_THREAD__)
#define TREE_RUNS 400 // a switch of stacks is slow there
#else
#define TREE_RUNS 6000
#endif
#endif

TestSuite(tree, .timeout = 280);

static const property_kind kinds[] = {
    [OPEN] = {.name = "open with the strategy, kind", .args = 2, .below = {3, SUPERVISOR_KINDS}},
    [LEAF] = {.name = "plant below, a child of kind",
              .weight = 12,
              .args = 2,
              .below = {8, CHILD_KINDS}},
    [TREE] = {.name = "plant a supervisor below, child and supervisor of kind",
              .weight = 5,
              .args = 3,
              .below = {8, CHILD_KINDS, SUPERVISOR_KINDS}},
    [END] = {.name = "a leaf ends, how, with so much mail",
             .weight = 14,
             .args = 3,
             .below = {16, TREE_ENDS, 4}},
    [BAD] = {.name = "the next starts of a leaf fail", .weight = 6, .args = 2, .below = {16, 4}},
    [MAIL] = {.name = "mail for a leaf", .weight = 2, .args = 2, .below = {16, 4}},
    [STOP] = {.name = "stop a child", .weight = 3, .args = 1, .below = {24}},
    [RESTART] = {.name = "restart a child", .weight = 4, .args = 1, .below = {24}},
    [REMOVE] = {.name = "remove a child", .weight = 2, .args = 1, .below = {24}},
    [ADD_LEAF] = {.name = "add a leaf below, of kind, its first starts fail",
                  .weight = 3,
                  .args = 3,
                  .below = {8, CHILD_KINDS, 2}},
    [ADD_TREE] = {.name = "add a supervisor below, child and supervisor of kind",
                  .weight = 2,
                  .args = 3,
                  .below = {8, CHILD_KINDS, SUPERVISOR_KINDS}},
};

// What the trees were like, for the report.
static struct tally {
    uint64_t trees, nodes, deeds, events, restarts, given_up, over;
} tally;

// ---- comparing ----------------------------------------------------------------------------------

// Yield until nobody else had a turn meanwhile, twice: who was woken from outside while this turn
// began stands in the queue only after the first yield.
static bool
rest(trouble t)
{
    tr_stats_t before, after;
    for (int quiet = 0, tries = 0; quiet < 2; tries++) {
        tr_runtime_stats(tree_stage.rt, &before);
        if (tr_yield(tree_stage.self) != TR_OK || tries == 100000) {
            return DIFFERS(t, "it does not come to rest");
        }
        tr_runtime_stats(tree_stage.rt, &after);
        quiet = after.turns == before.turns + 1 ? quiet + 1 : 0;
    }
    return true;
}

static void
print_events(char *out, size_t size, const tree_event *events, uint32_t from, uint32_t count)
{
    size_t length = 0;
    for (uint32_t i = from; i < count && length + 8 < size; i++) {
        length +=
            (size_t)snprintf(out + length, size - length, " %c%u", events[i].sign, events[i].node);
    }
    out[length] = '\0';
}

static bool
same_events(trouble t, uint32_t since)
{
    char got[96], wanted[96];
    uint32_t count = tree_stage.event_count;
    bool is_same = count == expected.event_count;
    for (uint32_t i = since; i < count && is_same; i++) {
        is_same = tree_stage.events[i].sign == expected.events[i].sign &&
                  tree_stage.events[i].node == expected.events[i].node;
    }
    if (!is_same) {
        print_events(got, sizeof got, tree_stage.events, since, count);
        print_events(wanted, sizeof wanted, expected.events, since, expected.event_count);
        return DIFFERS(t, "it went%s, not%s", got, wanted);
    }
    return true;
}

static bool
same_address(trouble t, uint32_t n, tr_ref_t ref)
{
    uint32_t address = expected.nodes[n].address;
    bool is_same = tr_ref_equal(tree_stage.refs[n], ref);
    bool is_wanted = tree_stage.addresses[n] == address;
    tree_stage.refs[n] = ref;
    tree_stage.addresses[n] = address;
    return is_same == is_wanted ||
           DIFFERS(t, "n%u has %s address", n, is_same ? "the same" : "another");
}

static bool
same_leaf(trouble t, uint32_t n, tr_ref_t ref)
{
    const tree_leaf *leaf = &tree_stage.leaves[n];
    const tree_node *node = &expected.nodes[n];
    if (!tr_ref_equal(leaf->ref, ref)) {
        return DIFFERS(t, "n%u is listed at an address that is not its own", n);
    }
    if (leaf->life != node->life) {
        return DIFFERS(t, "n%u is in life %u, not %u", n, leaf->life, node->life);
    }
    return true;
}

static bool
same_child(trouble t, uint32_t n, const tr_supervisor_child *child)
{
    static const tr_child_state states[] = {
        [TREE_UP] = TR_CHILD_UP, [TREE_STOPPED] = TR_CHILD_STOPPED};
    const tree_node *node = &expected.nodes[n];
    if (tree_number(child) != n) {
        return DIFFERS(t, "n%u is in the place of n%u", tree_number(child), n);
    }
    if (child->state != states[node->state]) {
        return DIFFERS(t, "n%u is in state %d, not %d", n, (int)child->state,
                       (int)states[node->state]);
    }
    if (child->restarts != node->restarts) {
        return DIFFERS(t, "n%u: %" PRIu64 " restarts, not %" PRIu64, n, child->restarts,
                       node->restarts);
    }
    if (child->is_supervisor != node->is_supervisor) {
        return DIFFERS(t, "n%u: what is it?", n);
    }
    if (node->state != TREE_UP) {
        return tr_ref_equal(child->child, TR_REF_NONE) ||
               DIFFERS(t, "n%u is stopped and has an address", n);
    }
    return same_address(t, n, child->child) &&
           (node->is_supervisor || same_leaf(t, n, child->child));
}

// A supervisor and all below it.
static bool
same_subtree(trouble t, uint32_t s, tr_ref_t ref)
{
    const tree_node *node = &expected.nodes[s];
    const tr_supervisor_children *page;
    tr_err_t err = tree_list(ref, &page);
    if (err != TR_OK) {
        return DIFFERS(t, "n%u does not answer: %s", s, tr_errname(err));
    }
    uint32_t up = 0;
    bool is_same = page->count == node->child_count && page->children.count == node->child_count;
    is_same =
        is_same || DIFFERS(t, "n%u has %u children, not %u", s, page->count, node->child_count);
    for (uint32_t i = 0; i < node->child_count && is_same; i++) {
        up += expected.nodes[node->children[i]].state == TREE_UP;
        is_same = same_child(t, node->children[i], &page->children.items[i]);
    }
    is_same = is_same && (page->up == up || DIFFERS(t, "n%u: %u are up, not %u", s, page->up, up));
    tr_release(tree_stage.self, page);
    for (uint32_t i = 0; i < node->child_count && is_same; i++) {
        uint32_t n = node->children[i];
        bool is_tree = expected.nodes[n].is_supervisor && expected.nodes[n].state == TREE_UP;
        is_same = !is_tree || same_subtree(t, n, tree_stage.refs[n]);
    }
    return is_same;
}

static bool
same_number(trouble t, const char *what, uint64_t got, uint64_t wanted)
{
    return got == wanted || DIFFERS(t, "%s: %" PRIu64 ", not %" PRIu64, what, got, wanted);
}

static uint32_t
count_lives(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < expected.count; i++) {
        count += tree_lives(&expected, i);
    }
    return count;
}

// The director's own request is in hand all the time, so that the balance is off by one.
static bool
same_stats(trouble t)
{
    tr_stats_t now;
    const tr_stats_t *before = &tree_stage.before;
    tr_runtime_stats(tree_stage.rt, &now);
    return same_number(t, "lives", now.actors - before->actors, count_lives()) &&
           same_number(t, "spawned", now.spawned - before->spawned, expected.spawned) &&
           same_number(t, "restarted", now.restarts - before->restarts, expected.restarted) &&
           same_number(t, "failed", now.failures - before->failures, expected.failed) &&
           same_number(t, "stacks", now.stacks, before->stacks) &&
           same_number(t, "queued", now.ledger.queued, 0) &&
           same_number(t, "the ledger is off by",
                       now.ledger.accepted - troupe_ledger_sum(&now.ledger), 1);
}

static bool
same_mail(trouble t)
{
    bool is_same = true;
    for (uint32_t i = 1; i < expected.count && is_same; i++) {
        uint64_t heard = tree_stage.leaves[i].heard;
        is_same = expected.nodes[i].is_supervisor || heard == expected.nodes[i].heard ||
                  DIFFERS(t, "n%u has heard %" PRIu64 ", not %" PRIu64, i, heard,
                          expected.nodes[i].heard);
    }
    return is_same;
}

static bool
same_at_once(trouble t, uint32_t since)
{
    if (!rest(t)) {
        return false;
    }
    tree_hear_of_the_end();
    if (tree_stage.is_over != expected.is_over) {
        return DIFFERS(t, "the root %s", tree_stage.is_over ? "has ended" : "goes on");
    }
    tr_err_t reason = expected.is_failure ? TR_ERESTARTS : TR_OK;
    if (expected.is_over && tree_stage.reason != reason) {
        return DIFFERS(t, "the root ended with %s", tr_errname(tree_stage.reason));
    }
    return same_events(t, since) && same_mail(t) &&
           (expected.is_over || same_subtree(t, TREE_ROOT, tree_stage.root)) && same_stats(t);
}

// Timers of no time at all are what an order and another try at a restart wait for: until they have
// fired it is not the same yet. What went otherwise than it should never becomes the same.
static bool
same(trouble t, uint32_t since)
{
    int64_t until = troupe_now_ns() + patience_ms * 1000000;
    bool is_same = same_at_once(t, since);
    while (!is_same && troupe_now_ns() < until && tree_stage.event_count <= expected.event_count) {
        is_same = same_at_once(t, since);
    }
    return is_same;
}

// ---- operations ---------------------------------------------------------------------------------

static bool
same_answer(trouble t, const char *what, uint32_t n, tr_err_t got, tr_err_t wanted)
{
    return got == wanted ||
           DIFFERS(t, "%s n%u: %s, not %s", what, n, tr_errname(got), tr_errname(wanted));
}

// The mail behind its last message is for its next life; the first of it is a request.
static bool
end_leaf(trouble t, uint32_t n, tree_end how, uint32_t mail)
{
    tr_self *self = tree_stage.self;
    tr_ref_t ref = tree_stage.refs[n];
    tr_future *request = NULL;
    tr_err_t err = tr_send(self, ref, ACT_MSG(tree_ends[how], &tree_stage.leaves[n]));
    for (uint32_t i = 0; i < mail && err == TR_OK; i++) {
        if (i == 0) {
            request = tr_call_begin(self, ref, TR_MSG(number, .value = i), tr_ms(patience_ms));
        } else {
            err = tr_send(self, ref, TR_MSG(number, .value = i));
        }
    }
    uint64_t heard = expected.nodes[n].heard;
    tree_leaf_ends(&expected, n, how, mail);
    bool is_heard = expected.nodes[n].heard != heard;
    if (!same_answer(t, "mail for", n, err, TR_OK)) {
        return false;
    }
    return request == NULL ||
           same_answer(t, "a request to", n, tr_future_await(self, request, TR_REPLY_NONE),
                       is_heard ? TR_OK : TR_EDEAD);
}

static bool
give_mail(trouble t, uint32_t n, uint32_t count)
{
    tr_err_t err = TR_OK;
    for (uint32_t i = 0; i < count && err == TR_OK; i++) {
        err = tr_send(tree_stage.self, tree_stage.refs[n], TR_MSG(number, .value = i));
    }
    if (err == TR_OK) {
        err = tr_call(tree_stage.self, tree_stage.refs[n], TR_MSG(number, .value = count),
                      TR_REPLY_NONE, tr_ms(patience_ms));
    }
    expected.nodes[n].heard += count + 1;
    return same_answer(t, "mail for", n, err, TR_OK);
}

static bool
order(trouble t, uint32_t code, uint32_t n)
{
    tr_self *self = tree_stage.self;
    uint32_t parent = expected.nodes[n].parent;
    tr_ref_t ref = tree_ref(&expected, parent);
    tr_str_t id = tr_str(tree_stage.ids[n]);
    if (code == STOP) {
        tree_stop_child(&expected, n);
        return same_answer(t, "stop", n, tr_supervisor_stop(self, ref, id, tr_ms(patience_ms)),
                           TR_OK);
    }
    if (code == REMOVE) {
        tree_remove_child(&expected, n);
        return same_answer(t, "remove", n, tr_supervisor_remove(self, ref, id, tr_ms(patience_ms)),
                           TR_OK);
    }
    uint64_t given_up = expected.given_up;
    tr_err_t wanted = tree_restart_child(&expected, n) ? TR_OK : TR_EREFUSED;
    tr_err_t err = tr_supervisor_restart(self, ref, id, tr_ms(patience_ms));
    // Who gives up over it answers nobody.
    bool is_answered = given_up == expected.given_up && !expected.is_over;
    return (!is_answered && err != TR_OK) || same_answer(t, "restart", n, err, wanted);
}

static bool
add(trouble t, const property_op *op)
{
    uint32_t parent = choose(is_live_supervisor, op->args[0]);
    if (!may_plant(parent) || expected.count + 3 > TREE_NODES ||
        (op->code == ADD_TREE && tree_depth(&expected, parent) >= DEPTH_MAX)) {
        return true;
    }
    tr_ref_t out = TR_REF_NONE;
    uint32_t n = make_child(parent, op->args[1]);
    expected.nodes[n].is_added = true;
    if (op->code == ADD_TREE) {
        make_supervisor(n, op->args[2]);
        make_child(n, TR_PERMANENT);
        make_child(n, TR_TRANSIENT);
        tree_plant(&expected, n);
    } else {
        expected.nodes[n].bad_starts = op->args[2];
    }
    tr_child_t child = tree_child(&expected, n);
    tr_err_t wanted = tree_add_child(&expected, n) ? TR_OK : TR_EREFUSED;
    return same_answer(t, "add", n,
                       tr_supervisor_add(tree_stage.self, tree_ref(&expected, parent), &child,
                                         tr_ms(patience_ms), &out),
                       wanted);
}

// What nobody can do now is not done: true.
static bool
operate(trouble t, const property_op *op)
{
    uint32_t since = tree_stage.event_count;
    bool is_end = op->code == END || op->code == MAIL;
    bool is_add = op->code == ADD_LEAF || op->code == ADD_TREE;
    uint32_t n = choose(is_end            ? is_live_leaf
                        : is_add          ? is_live_supervisor
                        : op->code == BAD ? is_leaf
                                          : is_child,
                        op->args[0]);
    if (n == TREE_NONE || expected.is_over) {
        return true;
    }
    tally.deeds++;
    bool is_done = true;
    switch (op->code) {
    case LEAF:
    case TREE:
        return true; // planted before
    case BAD:
        expected.nodes[n].bad_starts = op->args[1];
        tree_stage.leaves[n].bad_starts = op->args[1];
        return true;
    case END:
        is_done = end_leaf(t, n, (tree_end)op->args[1], op->args[2]);
        break;
    case MAIL:
        is_done = give_mail(t, n, op->args[1]);
        break;
    case ADD_LEAF:
    case ADD_TREE:
        is_done = add(t, op);
        break;
    default:
        is_done = order(t, op->code, n);
    }
    return is_done && same(t, since);
}

// ---- one tree -----------------------------------------------------------------------------------

typedef struct script {
    const property_op *ops;
    size_t count;
    trouble trouble;
    bool is_good;
} script;

static bool
dismiss(trouble t)
{
    uint32_t since = tree_stage.event_count;
    tr_err_t err = expected.is_over ? TR_OK : tr_stop(tree_stage.self, tree_stage.root);
    tree_dismiss(&expected);
    return same_answer(t, "stop", TREE_ROOT, err, TR_OK) && same(t, since);
}

static tr_err_t
direct(tr_self *self, void *arg)
{
    script *s = arg;
    tree_stage.self = self;
    plant(s->ops, s->count);
    s->is_good = rest(s->trouble);
    tr_runtime_stats(tree_stage.rt, &tree_stage.before);
    (void)tree_spawn(&expected, TREE_ROOT);
    tr_err_t err = tr_supervisor_spawn(self, &tree_stage.specs[TREE_ROOT], &tree_stage.root);
    s->is_good = s->is_good && same_answer(s->trouble, "spawn", TREE_ROOT, err, TR_OK) &&
                 same(s->trouble, 0);
    for (size_t i = 1; i < s->count && s->is_good; i++) {
        s->is_good = operate(s->trouble, &s->ops[i]);
    }
    tally.over += expected.is_over;
    s->is_good = s->is_good && dismiss(s->trouble);
    tally.trees++;
    tally.nodes += expected.count;
    tally.events += expected.event_count;
    tally.restarts += expected.restarted;
    tally.given_up += expected.given_up;
    return TR_OK;
}

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    script s = {.ops = ops, .count = count, .trouble = {why, why_size}};
    if (tree_stage.rt == NULL) {
        tree_stage.rt = troupe_begin(1);
        tree_stage.director = troupe_puppet(tree_stage.rt, NULL);
    }
    assert_ok(troupe_act(tree_stage.rt, tree_stage.director, direct, &s));
    if (!s.is_good) {
        // Nobody knows what is left of it: the next tree gets another runtime.
        tr_runtime_kill(tree_stage.rt);
        tr_runtime_destroy(tree_stage.rt);
        tree_stage.rt = NULL;
        patience_ms = 100; // for making it smaller
    }
    return s.is_good;
}

static const property trees = {
    .name = "tree",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof kinds[0],
    .has_opening = true,
    .ops_max = 50,
    .runs = TREE_RUNS,
    .run = play,
};

Test(tree, of_supervisors_does_what_the_model_says)
{
    int64_t begin_ns = troupe_now_ns();
    PROPERTY_HOLDS(&trees);
    if (tree_stage.rt != NULL) {
        troupe_end(tree_stage.rt);
    }
    fprintf(stderr,
            "%" PRIu64 " trees of %" PRIu64 " actors, %" PRIu64 " deeds, %" PRIu64
            " starts and stops, %" PRIu64 " restarts, %" PRIu64 " gave up, %" PRIu64
            " ended by themselves, in %.1f s\n",
            tally.trees, tally.nodes, tally.deeds, tally.events, tally.restarts, tally.given_up,
            tally.over, (double)(troupe_now_ns() - begin_ns) / 1e9);
}
