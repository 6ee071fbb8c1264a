// tree_model.h: a tree of supervisors in plain arrays: what actors/supervisor is compared with.
//
// It states the rules of include/troupe/supervisor.h, which are those of OTP, and nothing of how
// they are carried out: what somebody does is played to its end at once, and who starts and who
// stops in the course of it stands in a chronicle. There is no time in it: restarts follow at once,
// and those of a supervisor's life all count.
#ifndef TROUPE_TESTS_TREE_MODEL_H
#define TROUPE_TESTS_TREE_MODEL_H

#include "troupe/supervisor.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TREE_NODES  64
#define TREE_EVENTS 8192
#define TREE_ROOT   0u
#define TREE_NONE   UINT32_MAX

typedef enum tree_state {
    TREE_AWAY,    // its supervisor does not know it
    TREE_UP,      // it lives
    TREE_DOWN,    // its life is over, and the next one keeps its address
    TREE_STOPPED, // the next one has another
} tree_state;

// How a leaf ends by itself.
typedef enum tree_end {
    TREE_FAIL,
    TREE_ERROR,
    TREE_KILL, // without a stop handler
    TREE_LEAVE,
    TREE_STOP,
    TREE_ENDS,
} tree_end;

typedef struct tree_node {
    // What it is.
    uint32_t parent;
    bool is_supervisor;
    bool is_added; // at run time: the next life of its supervisor knows nothing of it
    bool is_significant;
    tr_restart_type_t restart;
    tr_strategy_t strategy; // this and the next two: of a supervisor
    tr_auto_shutdown_t auto_shutdown;
    uint32_t max_restarts;
    // How it is.
    tree_state state;
    uint32_t address;
    uint32_t life; // at that address
    uint64_t restarts;
    uint32_t bad_starts;           // so many of a leaf's next starts fail
    uint32_t mail;                 // what waits in its mailbox
    uint64_t heard;                // and what it has had in all its lives
    uint32_t spent;                // of max_restarts, in the life of a supervisor
    uint32_t children[TREE_NODES]; // in order; of the supervisor's life in progress
    uint32_t child_count;
} tree_node;

// What happened: + it has started, - it has stopped, ! its start has failed.
typedef struct tree_event {
    char sign;
    uint32_t node;
} tree_event;

typedef struct tree {
    tree_node nodes[TREE_NODES];
    uint32_t count;
    tree_event events[TREE_EVENTS];
    uint32_t event_count;
    uint32_t next_address;
    bool is_over; // the root has ended
    bool is_failure;
    uint64_t spawned, restarted, failed; // lives
    uint64_t given_up;                   // supervisors
} tree;

// Each calls the ones above it, and the end of a supervisor is the end of a child.
static inline bool tree_begin_life(tree *t, uint32_t n);
static inline void tree_ended(tree *t, uint32_t n, bool is_failure);

static inline void
tree_note(tree *t, char sign, uint32_t n)
{
    if (t->event_count < TREE_EVENTS) {
        t->events[t->event_count++] = (tree_event){sign, n};
    }
}

static inline uint32_t
tree_place(const tree *t, uint32_t n)
{
    const tree_node *s = &t->nodes[t->nodes[n].parent];
    uint32_t i = 0;
    while (i < s->child_count && s->children[i] != n) {
        i++;
    }
    return i;
}

// It and all above it live.
static inline bool
tree_lives(const tree *t, uint32_t n)
{
    bool lives = t->nodes[n].state == TREE_UP;
    while (lives && n != TREE_ROOT) {
        n = t->nodes[n].parent;
        lives = t->nodes[n].state == TREE_UP;
    }
    return lives;
}

static inline uint32_t
tree_depth(const tree *t, uint32_t n)
{
    return n == TREE_ROOT ? 1 : 1 + tree_depth(t, t->nodes[n].parent);
}

// ---- a life

static inline void
tree_forget(tree *t, uint32_t n)
{
    tree_node *s = &t->nodes[t->nodes[n].parent];
    uint32_t at = tree_place(t, n);
    if (at < s->child_count) {
        memmove(&s->children[at], &s->children[at + 1],
                (--s->child_count - at) * sizeof s->children[0]);
    }
    t->nodes[n].state = TREE_AWAY;
    t->nodes[n].mail = 0;
}

// Its address and its mail are gone.
static inline void
tree_drop(tree *t, uint32_t n)
{
    t->nodes[n].mail = 0;
    t->nodes[n].state = TREE_STOPPED;
    if (t->nodes[n].restart == TR_TEMPORARY) {
        tree_forget(t, n);
    }
}

static inline void tree_end_children(tree *t, uint32_t s);

// In good order.
static inline void
tree_end_life(tree *t, uint32_t n)
{
    if (t->nodes[n].is_supervisor) {
        tree_end_children(t, n);
    } else {
        tree_note(t, '-', n);
    }
    t->nodes[n].state = TREE_DOWN;
}

static inline void
tree_end_children(tree *t, uint32_t s)
{
    while (t->nodes[s].child_count > 0) {
        uint32_t last = t->nodes[s].children[t->nodes[s].child_count - 1];
        if (t->nodes[last].state == TREE_UP) {
            tree_end_life(t, last);
        }
        tree_forget(t, last);
    }
}

static inline bool
tree_spawn(tree *t, uint32_t n)
{
    t->nodes[n].address = ++t->next_address;
    t->nodes[n].life = 0;
    t->spawned++;
    return tree_begin_life(t, n);
}

static inline bool
tree_restart(tree *t, uint32_t n)
{
    t->restarted++;
    bool lives = tree_begin_life(t, n);
    t->nodes[n].restarts += lives;
    return lives;
}

static inline bool
tree_begin_all(tree *t, uint32_t s)
{
    tree_node *node = &t->nodes[s];
    node->spent = 0;
    node->child_count = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (i != TREE_ROOT && t->nodes[i].parent == s && !t->nodes[i].is_added) {
            node->children[node->child_count++] = i;
            t->nodes[i].state = TREE_STOPPED;
            t->nodes[i].restarts = 0;
        }
    }
    bool lives = true;
    for (uint32_t i = 0; i < node->child_count && lives; i++) {
        lives = tree_spawn(t, node->children[i]);
    }
    if (!lives) {
        tree_end_children(t, s);
    }
    return lives;
}

// False: its start has failed.
static inline bool
tree_begin_life(tree *t, uint32_t n)
{
    tree_node *node = &t->nodes[n];
    bool lives;
    node->life++;
    if (node->is_supervisor) {
        lives = tree_begin_all(t, n);
    } else {
        lives = node->bad_starts == 0;
        node->bad_starts -= !lives;
        tree_note(t, lives ? '+' : '!', n);
    }
    t->failed += !lives;
    if (lives) {
        node->state = TREE_UP;
        node->heard += node->mail;
        node->mail = 0;
    }
    return lives;
}

// ---- what a supervisor makes of its end

static inline void
tree_give_up(tree *t, uint32_t s)
{
    t->failed++;
    t->given_up++;
    tree_end_children(t, s);
    tree_ended(t, s, true);
}

// End the others that begin again with n, the last first. The place of the first of them.
static inline uint32_t
tree_end_group(tree *t, uint32_t n)
{
    const tree_node *s = &t->nodes[t->nodes[n].parent];
    uint32_t first = s->strategy == TR_ONE_FOR_ALL ? 0 : tree_place(t, n);
    for (uint32_t i = s->child_count; i-- > first && s->strategy != TR_ONE_FOR_ONE;) {
        uint32_t other = s->children[i];
        if (other == n) {
            continue;
        }
        if (t->nodes[other].state == TREE_UP) {
            tree_end_life(t, other);
        }
        if (t->nodes[other].restart == TR_TEMPORARY) {
            tree_drop(t, other);
        }
    }
    return s->strategy == TR_ONE_FOR_ALL ? 0 : tree_place(t, n);
}

// TREE_NONE, or whose start has failed.
static inline uint32_t
tree_begin_group(tree *t, uint32_t n, uint32_t first)
{
    const tree_node *s = &t->nodes[t->nodes[n].parent];
    uint32_t end = s->strategy == TR_ONE_FOR_ONE ? first + 1 : s->child_count;
    for (uint32_t i = first; i < end; i++) {
        uint32_t child = s->children[i];
        bool lives =
            t->nodes[child].state == TREE_STOPPED ? tree_spawn(t, child) : tree_restart(t, child);
        if (!lives) {
            return child;
        }
    }
    return TREE_NONE;
}

// n is to begin again, and who goes with it: as often as it takes, or as is allowed.
static inline void
tree_begin_again(tree *t, uint32_t n)
{
    uint32_t parent = t->nodes[n].parent;
    while (n != TREE_NONE) {
        if (t->nodes[parent].spent == t->nodes[parent].max_restarts) {
            tree_give_up(t, parent);
            return;
        }
        t->nodes[parent].spent++;
        n = tree_begin_group(t, n, tree_end_group(t, n));
    }
}

// n, a significant child of s, has come to an end and is not restarted.
static inline bool
tree_is_the_end(const tree *t, uint32_t s)
{
    bool is_last = true;
    for (uint32_t i = 0; i < t->nodes[s].child_count; i++) {
        const tree_node *other = &t->nodes[t->nodes[s].children[i]];
        is_last = is_last && !(other->is_significant && other->state == TREE_UP);
    }
    return t->nodes[s].auto_shutdown == TR_AUTO_SHUTDOWN_ANY || is_last;
}

// The life of n is over by itself.
static inline void
tree_ended(tree *t, uint32_t n, bool is_failure)
{
    uint32_t parent = t->nodes[n].parent;
    bool is_significant = t->nodes[n].is_significant;
    tr_restart_type_t restart = t->nodes[n].restart;
    t->nodes[n].state = TREE_DOWN;
    if (n == TREE_ROOT) {
        t->is_over = true;
        t->is_failure = is_failure;
    } else if (restart == TR_PERMANENT || (restart == TR_TRANSIENT && is_failure)) {
        tree_begin_again(t, n);
    } else {
        tree_drop(t, n);
        if (is_significant && tree_is_the_end(t, parent)) {
            tree_end_children(t, parent);
            tree_ended(t, parent, false);
        }
    }
}

// ---- what may happen; n has to be where that can happen to it

// Of a leaf that lives, with so many messages behind the one that it ends with.
static inline void
tree_leaf_ends(tree *t, uint32_t n, tree_end how, uint32_t mail)
{
    bool is_failure = how == TREE_FAIL || how == TREE_ERROR || how == TREE_KILL;
    if (how != TREE_KILL) {
        tree_note(t, '-', n);
    }
    t->failed += how == TREE_FAIL || how == TREE_ERROR;
    t->nodes[n].mail = mail;
    tree_ended(t, n, is_failure);
}

static inline void
tree_stop_child(tree *t, uint32_t n)
{
    if (t->nodes[n].state == TREE_UP) {
        tree_end_life(t, n);
        tree_drop(t, n);
    }
}

// False: its start has failed. It counts as a failed life of one that lived; one that was stopped
// is so again.
static inline bool
tree_restart_child(tree *t, uint32_t n)
{
    if (t->nodes[n].state == TREE_STOPPED) {
        return tree_spawn(t, n);
    }
    tree_end_life(t, n);
    bool lives = tree_restart(t, n);
    if (!lives) {
        tree_ended(t, n, true);
    }
    return lives;
}

static inline void
tree_remove_child(tree *t, uint32_t n)
{
    tree_stop_child(t, n);
    tree_forget(t, n);
}

// False: its start has failed, and it is not added.
static inline bool
tree_add_child(tree *t, uint32_t n)
{
    tree_node *s = &t->nodes[t->nodes[n].parent];
    t->nodes[n].is_added = true;
    t->nodes[n].restarts = 0;
    s->children[s->child_count++] = n;
    bool lives = tree_spawn(t, n);
    if (!lives) {
        tree_forget(t, n);
    }
    return lives;
}

static inline void
tree_dismiss(tree *t)
{
    if (!t->is_over) {
        tree_end_life(t, TREE_ROOT);
        t->is_over = true;
        t->is_failure = false;
    }
}

#endif
