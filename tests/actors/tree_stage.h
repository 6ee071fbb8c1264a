// tree_stage.h: the tree of tree_model.h with real actors: a director above it, who tells one of
// its leaves or supervisors at a time what to do and compares what comes of it.
#ifndef TROUPE_TESTS_TREE_STAGE_H
#define TROUPE_TESTS_TREE_STAGE_H

#include "tree_model.h"
#include "troupe_test.h"

#include <pthread.h>

static int64_t patience_ms = 10000; // until what must happen has happened

// A leaf over all its lives. Written by its handlers, one life after the other.
typedef struct tree_leaf {
    uint32_t number;
    uint32_t bad_starts;
    bool lives;
    uint32_t life; // by its own account, as is the address
    tr_ref_t ref;
    uint64_t heard;
} tree_leaf;

static struct tree_stage {
    tr_runtime *rt;
    tr_self *self; // the director
    tr_ref_t director;
    tr_ref_t root;
    tree_leaf leaves[TREE_NODES];
    part parts[TREE_NODES];
    char ids[TREE_NODES][8];
    tr_supervisor_t specs[TREE_NODES];
    tr_child_t children[TREE_NODES][TREE_NODES];
    tr_ref_t refs[TREE_NODES]; // as they were seen last
    uint32_t addresses[TREE_NODES];
    pthread_mutex_t lock;
    tree_event events[TREE_EVENTS];
    uint32_t event_count;
    bool is_twice; // some leaf had two lives at once
    bool is_over;  // the root has ended
    tr_err_t reason;
    tr_stats_t before;
} tree_stage = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef struct trouble {
    char *why;
    size_t size;
} trouble;

#define DIFFERS(t, ...) (snprintf((t).why, (t).size, __VA_ARGS__), false)

// ---- leaves

static inline void
tree_happens(char sign, const tree_leaf *leaf)
{
    pthread_mutex_lock(&tree_stage.lock);
    if (tree_stage.event_count < TREE_EVENTS) {
        tree_stage.events[tree_stage.event_count++] = (tree_event){sign, leaf->number};
    }
    pthread_mutex_unlock(&tree_stage.lock);
}

static inline uint32_t
tree_event_count(void)
{
    pthread_mutex_lock(&tree_stage.lock);
    uint32_t count = tree_stage.event_count;
    pthread_mutex_unlock(&tree_stage.lock);
    return count;
}

static inline void
tree_leaf_lives(tree_leaf *leaf, bool lives)
{
    pthread_mutex_lock(&tree_stage.lock);
    tree_stage.is_twice |= leaf->lives == lives;
    leaf->lives = lives;
    pthread_mutex_unlock(&tree_stage.lock);
}

static inline tr_err_t
tree_leaf_start(tr_self *self, void *arg)
{
    tree_leaf *leaf = arg;
    leaf->ref = tr_self_ref(self);
    leaf->life = tr_self_incarnation(self);
    if (leaf->bad_starts > 0) {
        leaf->bad_starts--;
        tree_happens('!', leaf);
        return TR_EREFUSED;
    }
    tree_leaf_lives(leaf, true);
    tree_happens('+', leaf);
    return TR_OK;
}

static inline void
tree_leaf_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)self;
    (void)reason;
    tree_happens('-', arg);
    tree_leaf_lives(arg, false);
}

static inline tr_err_t
tree_leaf_receive(tr_self *self, void *arg, const tr_message *msg)
{
    tree_leaf *leaf = arg;
    if (tr_as(number, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    leaf->heard++;
    return tr_message_is_call(msg) ? tr_reply(self, TR_MSG(acted)) : TR_OK;
}

static inline tr_err_t
tree_do_fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

static inline tr_err_t
tree_do_error(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static inline tr_err_t
tree_do_kill(tr_self *self, void *arg)
{
    tree_leaf_lives(arg, false); // nobody else will say so
    return tr_kill(self, tr_self_ref(self));
}

static inline tr_err_t
tree_do_leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static inline tr_err_t
tree_do_stop(tr_self *self, void *arg)
{
    (void)arg;
    return tr_stop(self, tr_self_ref(self));
}

static const act_fn tree_ends[TREE_ENDS] = {
    [TREE_FAIL] = tree_do_fail,   [TREE_ERROR] = tree_do_error, [TREE_KILL] = tree_do_kill,
    [TREE_LEAVE] = tree_do_leave, [TREE_STOP] = tree_do_stop,
};

// ---- planting: specs from what the model says about a node

static inline tr_child_t
tree_child(const tree *t, uint32_t n)
{
    const tree_node *node = &t->nodes[n];
    snprintf(tree_stage.ids[n], sizeof tree_stage.ids[n], "n%u", n);
    tr_child_t child = {TR_SUBTREE(tree_stage.ids[n], &tree_stage.specs[n])};
    if (!node->is_supervisor) {
        tree_leaf *leaf = &tree_stage.leaves[n];
        *leaf = (tree_leaf){.number = n, .bad_starts = node->bad_starts};
        tree_stage.parts[n] = (part){.start = tree_leaf_start,
                                     .receive = tree_leaf_receive,
                                     .stop = tree_leaf_stop,
                                     .arg = leaf};
        child.behavior = &puppet;
        child.arg = &tree_stage.parts[n];
        child.arg_size = sizeof(part);
    }
    child.restart = node->restart;
    child.significant = node->is_significant;
    return child;
}

// The tables of n and of all below.
static inline void
tree_plant(const tree *t, uint32_t n)
{
    const tree_node *node = &t->nodes[n];
    uint32_t count = 0;
    for (uint32_t i = 1; i < t->count && node->is_supervisor; i++) {
        if (t->nodes[i].parent == n && !t->nodes[i].is_added) {
            tree_stage.children[n][count++] = tree_child(t, i);
            tree_plant(t, i);
        }
    }
    tree_stage.specs[n] = (tr_supervisor_t){
        .name = tree_stage.ids[n],
        .strategy = node->strategy,
        .auto_shutdown = node->auto_shutdown,
        .children = tree_stage.children[n],
        .child_count = count,
        .max_restarts = node->max_restarts,
        .within_ms = INT64_MAX,
    };
}

// ---- what there is

static inline void
tree_hear_of_the_end(void)
{
    const tr_message *msg;
    if (tr_receive(tree_stage.self, TR_TYPES(tr_child_exit), &msg, tr_ms(0)) == TR_OK) {
        tree_stage.is_over = true;
        tree_stage.reason = (tr_err_t)tr_as(tr_child_exit, msg)->reason;
        tr_release(tree_stage.self, msg);
    }
}

static inline tr_err_t
tree_list(tr_ref_t supervisor, const tr_supervisor_children **out)
{
    return tr_call(tree_stage.self, supervisor, TR_MSG(tr_supervisor_list, .after = tr_str("")),
                   TR_REPLY(tr_supervisor_children, out), tr_ms(patience_ms));
}

// Whose id that is.
static inline uint32_t
tree_number(const tr_supervisor_child *child)
{
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)child->id.size, child->id.data);
    return (uint32_t)strtoul(text + 1, NULL, 10) % TREE_NODES;
}

static inline tr_ref_t
tree_ref(const tree *t, uint32_t n)
{
    return n == TREE_ROOT              ? tree_stage.root
           : t->nodes[n].is_supervisor ? tree_stage.refs[n]
                                       : tree_stage.leaves[n].ref;
}

#endif
