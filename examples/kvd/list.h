// list.h: items that come and go at both ends, each in constant time. They lie packed in chunks of
// a few KiB that are linked both ways, so that to pass over a part of a list costs little, and a
// short list is small. An item stays where it is until it is dropped.
#ifndef KVD_LIST_H
#define KVD_LIST_H

#include "heap.h"

#include "troupe/error.h"
#include "troupe/message.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct list_chunk list_chunk;

typedef enum list_end { LIST_FRONT, LIST_BACK } list_end_t;

typedef struct list {
    const heap_t *heap;
    list_chunk *ends[2]; // the chunks at the front and at the back; NULL when it is empty
    size_t count;
} list;

// On the way through a list, away from one of its ends. Good until that list changes.
typedef struct list_cursor {
    const list_chunk *chunk; // that holds the next item, or had the last one; NULL: empty list
    size_t at;               // the border in its bytes that the next item begins at
    list_end_t from;
} list_cursor_t;

void list_init(list *l, const heap_t *heap);
void list_fini(list *l);

// Push items of less than 4 GiB at an end, one after the other: the last becomes the outermost.
// TR_OK or TR_ENOMEM, then the list is as it was. They are copied.
tr_err_t list_push(list *l, list_end_t end, const tr_bytes_t *items, size_t count);

// Remove the `count` outermost items, at most all of them.
void list_drop(list *l, list_end_t end, size_t count);

// Before the item that has `skip` others, at most all, between it and this end.
list_cursor_t list_seek(const list *l, list_end_t from, size_t skip);

// The next item, where it lies. False behind the last one.
bool list_next(list_cursor_t *cursor, tr_bytes_t *out);

#endif
