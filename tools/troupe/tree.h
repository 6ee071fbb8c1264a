// tree.h: actors by who is whose child, and a walk over them that holds no stack.
#ifndef TROUPE_TOOL_TREE_H
#define TROUPE_TOOL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "text.h"

#define TREE_NONE  UINT32_MAX
#define TREE_NODES (1u << 23) // actors that a tree holds at most

typedef struct tree_node {
    uint64_t id;
    uint64_t parent_id; // 0: none
    uint32_t parent;    // index; TREE_NONE: a root
    uint32_t first;     // child, and
    uint32_t last;      // child
    uint32_t next;      // sibling
    uint64_t queued;
    uint64_t capacity;
    uint64_t restarts;
    size_t name;     // where in the tree's words, as are
    size_t behavior; // these
    size_t state;    //
    bool is_placed;  // reached from a root
} tree_node;

typedef struct tree {
    tree_node *nodes;
    uint32_t count;
    uint32_t capacity;
    uint32_t *index; // hash table over ids
    uint32_t mask;
    text words;
    uint32_t first_root;
} tree;

// Add an actor as `ps` describes it. False: there is no more room.
bool tree_add(tree *t, const msgpack_object *actor);

// Link children to parents, in the order they were added. Whatever is not below a root (the list is
// not of one moment, and a hostile one may hold a ring) becomes a root.
void tree_link(tree *t);
void tree_fini(tree *t);

const char *tree_word(const tree *t, size_t at);

// The node after `at` in tree order, with *depth kept in step; TREE_NONE at the end. `into` says
// whether to go down into its children.
uint32_t tree_next(const tree *t, uint32_t at, bool into, uint32_t *depth);

#endif
