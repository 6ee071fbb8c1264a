// tree_plant.h: a tree that operations describe, and how operations find somebody in it.
#ifndef TROUPE_TESTS_TREE_PLANT_H
#define TROUPE_TESTS_TREE_PLANT_H

#include "property.h"
#include "tree_stage.h"

#define DEPTH_MAX 4

// The first three plant the tree, wherever they stand. The others are done in their order.
enum { OPEN, LEAF, TREE, END, BAD, MAIL, STOP, RESTART, REMOVE, ADD_LEAF, ADD_TREE, REST };

// What a child is: its restart type, and whether it is significant. What a supervisor is: see
// make_supervisor.
#define CHILD_KINDS      6
#define SUPERVISOR_KINDS 54

static tree expected;

// With room for one more below it.
static inline bool
may_plant(uint32_t parent)
{
    return expected.count < TREE_NODES && tree_depth(&expected, parent) < DEPTH_MAX + 1;
}

static inline uint32_t
make_child(uint32_t parent, uint32_t kind)
{
    uint32_t n = expected.count++;
    tree_node *node = &expected.nodes[n];
    bool may_be_significant =
        expected.nodes[parent].auto_shutdown != TR_AUTO_SHUTDOWN_NEVER && kind % 3 != TR_PERMANENT;
    *node = (tree_node){.parent = parent,
                        .restart = (tr_restart_type_t)(kind % 3),
                        .is_significant = may_be_significant && kind / 3 != 0};
    tree_stage.refs[n] = TR_REF_NONE;
    tree_stage.addresses[n] = 0;
    return n;
}

// Mostly one that hardly ever gives up.
static inline void
make_supervisor(uint32_t n, uint32_t kind)
{
    static const uint32_t limits[] = {1000, 1000, 1000, 3, 1, 2};
    tree_node *node = &expected.nodes[n];
    node->is_supervisor = true;
    node->strategy = (tr_strategy_t)(kind % 3);
    node->auto_shutdown = (tr_auto_shutdown_t)(kind / 3 % 3);
    node->max_restarts = limits[kind / 9];
}

// The one with this number among those that are as they are asked for; TREE_NONE: there is none.
typedef bool (*is_fn)(uint32_t n);

static inline uint32_t
choose(is_fn is, uint32_t which)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < expected.count; i++) {
        count += is(i);
    }
    uint32_t left = count != 0 ? which % count : 0;
    for (uint32_t i = 0; i < expected.count; i++) {
        if (is(i) && left-- == 0) {
            return i;
        }
    }
    return TREE_NONE;
}

static inline bool
is_supervisor(uint32_t n)
{
    return expected.nodes[n].is_supervisor;
}

static inline bool
is_leaf(uint32_t n)
{
    return !expected.nodes[n].is_supervisor;
}

static inline bool
is_live_supervisor(uint32_t n)
{
    return expected.nodes[n].is_supervisor && tree_lives(&expected, n);
}

static inline bool
is_live_leaf(uint32_t n)
{
    return !expected.nodes[n].is_supervisor && tree_lives(&expected, n);
}

static inline bool
is_child(uint32_t n)
{
    return n != TREE_ROOT && expected.nodes[n].state != TREE_AWAY &&
           tree_lives(&expected, expected.nodes[n].parent);
}

static inline void
plant(const property_op *ops, size_t count)
{
    memset(&expected, 0, sizeof expected);
    tree_stage.is_over = false;
    tree_stage.event_count = 0;
    expected.count = 1;
    make_supervisor(TREE_ROOT, ops[0].args[1] / 3 * 3 + ops[0].args[0]);
    for (size_t i = 1; i < count; i++) {
        const property_op *op = &ops[i];
        if (op->code != LEAF && op->code != TREE) {
            continue;
        }
        uint32_t parent = choose(is_supervisor, op->args[0]);
        if (may_plant(parent) && (op->code == LEAF || tree_depth(&expected, parent) < DEPTH_MAX)) {
            uint32_t n = make_child(parent, op->args[1]);
            if (op->code == TREE) {
                make_supervisor(n, op->args[2]);
            }
        }
    }
    tree_plant(&expected, TREE_ROOT);
}

#endif
