// list.h: an intrusive, circular, doubly linked list.
//
// A list is a head node that points to itself when it is empty; a member is a tri_list inside the
// user's own struct, found again with TRI_CONTAINER. A node that is on no list holds NULLs, so
// zeroed memory is a valid node, and a node can be asked whether it is linked. A head is not valid
// zeroed: it wants tri_list_init.
#ifndef TRI_BASE_LIST_H
#define TRI_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tri_list {
    struct tri_list *prev, *next;
} tri_list;

// Walk a list. The body must not unlink `node`; TRI_LIST_EACH_SAFE allows that, and only that.
#define TRI_LIST_EACH(node, list)                                                                  \
    for (tri_list *node = (list)->next; node != (list); node = node->next)
#define TRI_LIST_EACH_SAFE(node, following, list)                                                  \
    for (tri_list *node = (list)->next, *following = node->next; node != (list);                   \
         node = following, following = node->next)

static inline void
tri_list_init(tri_list *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool
tri_list_is_empty(const tri_list *list)
{
    return list->next == list;
}

static inline bool
tri_list_is_linked(const tri_list *node)
{
    return node->next != NULL;
}

static inline void
tri_list_insert_after(tri_list *at, tri_list *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
}

static inline void
tri_list_push_front(tri_list *list, tri_list *node)
{
    tri_list_insert_after(list, node);
}

static inline void
tri_list_push_back(tri_list *list, tri_list *node)
{
    tri_list_insert_after(list->prev, node);
}

// A node that is on no list is left alone.
static inline void
tri_list_remove(tri_list *node)
{
    if (node->next == NULL) {
        return;
    }
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = NULL;
    node->next = NULL;
}

// NULL when the list is empty; so do last and pop_front.
static inline tri_list *
tri_list_first(const tri_list *list)
{
    return list->next == list ? NULL : list->next;
}

static inline tri_list *
tri_list_last(const tri_list *list)
{
    return list->prev == list ? NULL : list->prev;
}

static inline tri_list *
tri_list_pop_front(tri_list *list)
{
    tri_list *node = tri_list_first(list);
    if (node != NULL) {
        tri_list_remove(node);
    }
    return node;
}

// Move everything on `from` to the end of `list`; `from` is empty then.
static inline void
tri_list_append_all(tri_list *list, tri_list *from)
{
    if (tri_list_is_empty(from)) {
        return;
    }
    list->prev->next = from->next;
    from->next->prev = list->prev;
    from->prev->next = list;
    list->prev = from->prev;
    tri_list_init(from);
}

#endif
