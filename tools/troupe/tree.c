#include "tree.h"

#include <stdlib.h>

#include "actors.h"
#include "object.h"

const char *
tree_word(const tree *t, size_t at)
{
    return text_z(&t->words) + at;
}

// Append a word with its terminator.
static size_t
add_word(tree *t, const text *word)
{
    size_t at = t->words.size;
    text_add(&t->words, text_z(word), word->size + 1);
    return at;
}

bool
tree_add(tree *t, const msgpack_object *actor)
{
    text word = {0};
    if (t->count == TREE_NODES) {
        return false;
    }
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 256 : t->capacity * 2;
        t->nodes = text_memory(t->nodes, t->capacity * sizeof *t->nodes);
    }
    tree_node *node = &t->nodes[t->count++];
    *node = (tree_node){
        .id = object_uint(actor, "id", 0),
        .parent_id = object_uint(actor, "parent", 0),
        .parent = TREE_NONE,
        .first = TREE_NONE,
        .last = TREE_NONE,
        .next = TREE_NONE,
        .queued = object_uint(actor, "queued", 0),
        .capacity = object_uint(actor, "mailbox_count", 0),
        .restarts = actors_restarts(actor),
    };
    (void)object_text(&word, actor, "name");
    node->name = add_word(t, &word);
    text_clear(&word);
    (void)object_text(&word, actor, "behavior");
    node->behavior = add_word(t, &word);
    text_clear(&word);
    actors_state(&word, actor);
    node->state = add_word(t, &word);
    text_fini(&word);
    return true;
}

static uint32_t
hash(uint64_t id)
{
    return (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 32);
}

static void
index_build(tree *t)
{
    uint32_t size = 16;
    while (size < t->count * 2) {
        size *= 2;
    }
    t->mask = size - 1;
    t->index = text_memory(NULL, size * sizeof *t->index);
    for (uint32_t i = 0; i < size; i++) {
        t->index[i] = TREE_NONE;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t at = hash(t->nodes[i].id) & t->mask;
        while (t->index[at] != TREE_NONE) {
            at = (at + 1) & t->mask;
        }
        t->index[at] = i;
    }
}

static uint32_t
find(const tree *t, uint64_t id)
{
    uint32_t at = hash(id) & t->mask;
    while (t->index[at] != TREE_NONE && t->nodes[t->index[at]].id != id) {
        at = (at + 1) & t->mask;
    }
    return t->index[at];
}

static void
place_below(tree *t, uint32_t root)
{
    uint32_t depth = 0;
    uint32_t at = root;
    do {
        t->nodes[at].is_placed = true;
        at = tree_next(t, at, true, &depth);
    } while (at != TREE_NONE && depth > 0);
}

// Take a node away from its parent, so that it can be a root.
static void
cut(tree *t, uint32_t child)
{
    tree_node *parent = &t->nodes[t->nodes[child].parent];
    uint32_t before = TREE_NONE;
    for (uint32_t at = parent->first; at != child; at = t->nodes[at].next) {
        before = at;
    }
    if (before == TREE_NONE) {
        parent->first = t->nodes[child].next;
    } else {
        t->nodes[before].next = t->nodes[child].next;
    }
    parent->last = parent->last == child ? before : parent->last;
    t->nodes[child].parent = TREE_NONE;
    t->nodes[child].next = TREE_NONE;
}

void
tree_link(tree *t)
{
    index_build(t);
    for (uint32_t i = 0; i < t->count; i++) {
        tree_node *node = &t->nodes[i];
        uint32_t parent = node->parent_id != 0 ? find(t, node->parent_id) : TREE_NONE;
        if (parent == TREE_NONE || parent == i) {
            continue;
        }
        node->parent = parent;
        tree_node *above = &t->nodes[parent];
        if (above->first == TREE_NONE) {
            above->first = i;
        } else {
            t->nodes[above->last].next = i;
        }
        above->last = i;
    }
    t->first_root = TREE_NONE;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->nodes[i].parent == TREE_NONE) {
            place_below(t, i);
        }
    }
    for (uint32_t i = 0; i < t->count; i++) { // rings
        if (!t->nodes[i].is_placed) {
            cut(t, i);
            place_below(t, i);
        }
    }
    uint32_t last = TREE_NONE;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->nodes[i].parent == TREE_NONE) {
            if (last == TREE_NONE) {
                t->first_root = i;
            } else {
                t->nodes[last].next = i;
            }
            last = i;
        }
    }
}

void
tree_fini(tree *t)
{
    free(t->nodes);
    free(t->index);
    text_fini(&t->words);
}

uint32_t
tree_next(const tree *t, uint32_t at, bool into, uint32_t *depth)
{
    if (into && t->nodes[at].first != TREE_NONE) {
        ++*depth;
        return t->nodes[at].first;
    }
    while (t->nodes[at].next == TREE_NONE) {
        at = t->nodes[at].parent;
        if (at == TREE_NONE) {
            return TREE_NONE;
        }
        --*depth;
    }
    return t->nodes[at].next;
}
