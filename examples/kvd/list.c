#include "list.h"

#include <stdint.h>
#include <string.h>

// Of the bytes of a chunk; one item that is larger has a chunk of its own.
#define CHUNK_MIN 64u
#define CHUNK_MAX (4u * 1024)

// Items lie between the borders without a gap, each with its size on both sides, so that one can
// pass over it either way: size, bytes, size.
struct list_chunk {
    list_chunk *links[2]; // towards the front and towards the back
    size_t borders[2];    // before the first item and behind the last
    size_t capacity;
    size_t count; // of items, never 0 in a list
    char bytes[];
};

#define SIZE_BYTES sizeof(uint32_t)

static list_end_t
opposite(list_end_t end)
{
    return end == LIST_FRONT ? LIST_BACK : LIST_FRONT;
}

static size_t
room_of(size_t item_size)
{
    return SIZE_BYTES + item_size + SIZE_BYTES;
}

static size_t
free_room(const list_chunk *c, list_end_t end)
{
    return end == LIST_FRONT ? c->borders[LIST_FRONT] : c->capacity - c->borders[LIST_BACK];
}

// The border behind the item that begins at `border`, seen from the end `from`.
static size_t
pass(const list_chunk *c, list_end_t from, size_t border)
{
    uint32_t size = 0;
    if (from == LIST_FRONT) {
        memcpy(&size, c->bytes + border, SIZE_BYTES);
        return border + room_of(size);
    }
    memcpy(&size, c->bytes + border - SIZE_BYTES, SIZE_BYTES);
    return border - room_of(size);
}

void
list_init(list *l, const heap_t *heap)
{
    *l = (list){.heap = heap};
}

void
list_fini(list *l)
{
    while (l->ends[LIST_FRONT] != NULL) {
        list_chunk *c = l->ends[LIST_FRONT];
        l->ends[LIST_FRONT] = c->links[LIST_BACK];
        heap_free(l->heap, c);
    }
    *l = (list){.heap = l->heap};
}

// ---- the ends -----------------------------------------------------------------------------------

// Chunks double from one to the next up to their full size: a list wastes about as much as it
// holds, and no more than two chunks.
static size_t
next_capacity(const list_chunk *neighbour, size_t needed)
{
    size_t wanted = CHUNK_MIN;
    if (neighbour != NULL) {
        wanted = 2 * (neighbour->borders[LIST_BACK] - neighbour->borders[LIST_FRONT]);
    }
    wanted = wanted < CHUNK_MIN ? CHUNK_MIN : wanted;
    wanted = wanted > CHUNK_MAX ? CHUNK_MAX : wanted;
    return wanted > needed ? wanted : needed;
}

// Another chunk at an end, all its room towards that end.
static list_chunk *
add_chunk(list *l, list_end_t end, size_t needed)
{
    list_chunk *neighbour = l->ends[end];
    size_t capacity = next_capacity(neighbour, needed);
    list_chunk *c = heap_alloc(l->heap, sizeof *c + capacity);
    if (c == NULL) {
        return NULL;
    }
    size_t border = end == LIST_FRONT ? capacity : 0;
    *c = (list_chunk){.borders = {border, border}, .capacity = capacity};
    c->links[opposite(end)] = neighbour;
    l->ends[end] = c;
    if (neighbour != NULL) {
        neighbour->links[end] = c;
    } else {
        l->ends[opposite(end)] = c;
    }
    return c;
}

static void
remove_chunk(list *l, list_end_t end)
{
    list_chunk *c = l->ends[end];
    list_chunk *neighbour = c->links[opposite(end)];
    l->ends[end] = neighbour;
    if (neighbour != NULL) {
        neighbour->links[end] = NULL;
    } else {
        l->ends[opposite(end)] = NULL;
    }
    heap_free(l->heap, c);
}

static void
write_item(char *at, tr_bytes_t item)
{
    uint32_t size = (uint32_t)item.size;
    memcpy(at, &size, SIZE_BYTES);
    if (size > 0) {
        memcpy(at + SIZE_BYTES, item.data, size);
    }
    memcpy(at + SIZE_BYTES + size, &size, SIZE_BYTES);
}

static tr_err_t
push_one(list *l, list_end_t end, tr_bytes_t item)
{
    size_t needed = room_of(item.size);
    list_chunk *c = l->ends[end];
    if (c == NULL || free_room(c, end) < needed) {
        c = add_chunk(l, end, needed);
    }
    if (c == NULL) {
        return TR_ENOMEM;
    }
    if (end == LIST_FRONT) {
        c->borders[LIST_FRONT] -= needed;
        write_item(c->bytes + c->borders[LIST_FRONT], item);
    } else {
        write_item(c->bytes + c->borders[LIST_BACK], item);
        c->borders[LIST_BACK] += needed;
    }
    c->count++;
    l->count++;
    return TR_OK;
}

tr_err_t
list_push(list *l, list_end_t end, const tr_bytes_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tr_err_t err = push_one(l, end, items[i]);
        if (err != TR_OK) {
            list_drop(l, end, i);
            return err;
        }
    }
    return TR_OK;
}

void
list_drop(list *l, list_end_t end, size_t count)
{
    while (count > 0 && l->ends[end] != NULL) {
        list_chunk *c = l->ends[end];
        if (count >= c->count) {
            count -= c->count;
            l->count -= c->count;
            remove_chunk(l, end);
            continue;
        }
        l->count -= count;
        c->count -= count;
        for (; count > 0; count--) {
            c->borders[end] = pass(c, end, c->borders[end]);
        }
    }
}

// ---- passing over it ----------------------------------------------------------------------------

// The chunk that holds the item, and in *skip how many of the chunk's are before it. Whole chunks
// are skipped, from the nearer end.
static const list_chunk *
find_chunk(const list *l, list_end_t from, size_t *skip)
{
    if (*skip < l->count / 2) {
        const list_chunk *c = l->ends[from];
        for (; c->count <= *skip; c = c->links[opposite(from)]) {
            *skip -= c->count;
        }
        return c;
    }
    const list_chunk *c = l->ends[opposite(from)];
    size_t before = l->count - c->count;
    for (; before > *skip; before -= c->count) {
        c = c->links[from];
    }
    *skip -= before;
    return c;
}

list_cursor_t
list_seek(const list *l, list_end_t from, size_t skip)
{
    list_cursor_t cursor = {.from = from};
    if (skip >= l->count) {
        cursor.chunk = l->ends[opposite(from)];
        cursor.at = cursor.chunk != NULL ? cursor.chunk->borders[opposite(from)] : 0;
        return cursor;
    }
    cursor.chunk = find_chunk(l, from, &skip);
    cursor.at = cursor.chunk->borders[from];
    for (; skip > 0; skip--) {
        cursor.at = pass(cursor.chunk, from, cursor.at);
    }
    return cursor;
}

bool
list_next(list_cursor_t *cursor, tr_bytes_t *out)
{
    list_end_t from = cursor->from;
    if (cursor->chunk == NULL) {
        return false;
    }
    if (cursor->at == cursor->chunk->borders[opposite(from)]) {
        const list_chunk *next = cursor->chunk->links[opposite(from)];
        if (next == NULL) {
            return false;
        }
        cursor->chunk = next;
        cursor->at = next->borders[from];
    }
    size_t behind = pass(cursor->chunk, from, cursor->at);
    size_t begin = from == LIST_FRONT ? cursor->at : behind;
    size_t room = from == LIST_FRONT ? behind - cursor->at : cursor->at - behind;
    *out = tr_bytes(cursor->chunk->bytes + begin + SIZE_BYTES, room - room_of(0));
    cursor->at = behind;
    return true;
}
