// ring.h: lists of what has the link inside, for stock actors. Each is added and removed in no
// time, wherever it stands.
#ifndef TRI_ACTORS_RING_H
#define TRI_ACTORS_RING_H

#include <stdbool.h>
#include <stddef.h>

// The head of a list, or a link: of an empty list, and of what is on none, both lead to itself.
typedef struct tri_ring {
    struct tri_ring *previous;
    struct tri_ring *next;
} tri_ring;

// What has this link in its field.
#define TRI_RING_ITEM(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

static inline void
tri_ring_init(tri_ring *link)
{
    link->previous = link;
    link->next = link;
}

static inline bool
tri_ring_is_empty(const tri_ring *head)
{
    return head->next == head;
}

// It is on no list before.
static inline void
tri_ring_push_back(tri_ring *head, tri_ring *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

// What is on no list may be removed as well.
static inline void
tri_ring_remove(tri_ring *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    tri_ring_init(link);
}

#endif
