// store_wait.c: who waits for items. For each key the seats of those who wait for it stand in the
// order they came; who has several keys has a seat in each queue and leaves all at once. While
// somebody waits for a key it holds no list: so no result of the batch in hand shows its items, and
// they can be given away at once.
#include "store_kit.h"

#include <string.h>

#define WEED_SPARE 64u

typedef struct store_seat store_seat;

struct store_queue {
    store_seat *first;
    store_seat *last;
    size_t key_size;
    char key[];
};

struct store_seat {
    store_waiter *who;
    store_queue *queue;
    store_seat *next; // towards the last
    store_seat *previous;
};

struct store_waiter {
    tr_token *token; // owned until it is answered
    list_end_t end;
    store_waiter *next; // of all who wait
    store_waiter *previous;
    size_t seat_count;
    store_seat seats[];
};

// ---- queues -------------------------------------------------------------------------------------

static store_queue *
find_queue(store *s, tr_str_t key)
{
    tr_bytes_t bytes = {0};
    store_queue *queue = NULL;
    if (table_peek(&s->queues, key, 0, &bytes) == TABLE_STRING) {
        memcpy(&queue, bytes.data, sizeof(store_queue *));
    }
    return queue;
}

static store_queue *
find_or_add_queue(store *s, tr_str_t key)
{
    store_queue *queue = find_queue(s, key);
    if (queue != NULL) {
        return queue;
    }
    queue = heap_alloc(&s->heap, sizeof *queue + key.size);
    if (queue == NULL) {
        return NULL;
    }
    *queue = (store_queue){.key_size = key.size};
    if (key.size > 0) {
        memcpy(queue->key, key.data, key.size);
    }
    tr_bytes_t pointer = tr_bytes(&queue, sizeof(store_queue *));
    if (table_set(&s->queues, key, pointer, TABLE_NEVER, 0) != TR_OK) {
        heap_free(&s->heap, queue);
        return NULL;
    }
    return queue;
}

static void
sit_down(store_queue *queue, store_waiter *who, store_seat *seat)
{
    *seat = (store_seat){.who = who, .queue = queue, .previous = queue->last};
    *(queue->last != NULL ? &queue->last->next : &queue->first) = seat;
    queue->last = seat;
}

static void
stand_up(store *s, store_seat *seat)
{
    store_queue *queue = seat->queue;
    *(seat->previous != NULL ? &seat->previous->next : &queue->first) = seat->next;
    *(seat->next != NULL ? &seat->next->previous : &queue->last) = seat->previous;
    if (queue->first == NULL) {
        (void)table_delete(&s->queues, tr_str_n(queue->key, queue->key_size), 0);
        heap_free(&s->heap, queue);
    }
}

// ---- who waits ----------------------------------------------------------------------------------

// The token is answered, or will be by somebody else.
static void
remove_waiter(store *s, store_waiter *who)
{
    for (size_t i = 0; i < who->seat_count; i++) {
        stand_up(s, &who->seats[i]);
    }
    *(who->previous != NULL ? &who->previous->next : &s->waiters) = who->next;
    if (who->next != NULL) {
        who->next->previous = who->previous;
    }
    s->waiter_count--;
    heap_free(&s->heap, who);
}

// NULL without memory.
static store_waiter *
add_waiter(store *s, const store_await *request, tr_token *token)
{
    size_t count = request->keys.count;
    store_waiter *who = heap_alloc(&s->heap, sizeof *who + count * sizeof who->seats[0]);
    if (who == NULL) {
        return NULL;
    }
    list_end_t end = store_end_of(request->flags);
    *who = (store_waiter){.token = token, .end = end, .next = s->waiters};
    if (who->next != NULL) {
        who->next->previous = who;
    }
    s->waiters = who;
    s->waiter_count++;
    for (; who->seat_count < count; who->seat_count++) {
        tr_bytes_t key = request->keys.items[who->seat_count];
        store_queue *queue = find_or_add_queue(s, tr_str_n(key.data, key.size));
        if (queue == NULL) {
            remove_waiter(s, who);
            return NULL;
        }
        sit_down(queue, who, &who->seats[who->seat_count]);
    }
    return who;
}

// Those who have given up do not say so. When they may be half of all, they go: that keeps what
// they cost within what the others do, at a constant price for each who comes.
static void
weed(tr_self *self, store *s)
{
    if (s->waiter_count < s->weed_at) {
        return;
    }
    for (store_waiter *next = s->waiters; next != NULL;) {
        store_waiter *who = next;
        next = who->next;
        if (!tr_token_is_wanted(self, who->token)) {
            tr_token_reply_error(self, who->token, TR_ENOREPLY);
            remove_waiter(s, who);
        }
    }
    s->weed_at = 2 * s->waiter_count + WEED_SPARE;
}

// ---- items --------------------------------------------------------------------------------------

// Give the item at an end of a list away. When nobody is there to take it, it stays. The token is
// gone in any case.
static void
give(tr_self *self, list *l, list_end_t end, tr_str_t key, tr_token *token)
{
    list_cursor_t cursor = list_seek(l, end, 0);
    tr_bytes_t item = {0};
    (void)list_next(&cursor, &item);
    tr_err_t err = tr_token_reply(self, token,
                                  TR_MSG(store_item, .outcome = STORE_VALUE,
                                         .key = tr_bytes(key.data, key.size), .value = item));
    if (err == TR_OK) {
        list_drop(l, end, 1);
    } else if (err != TR_ECLOSED) {
        tr_token_reply_error(self, token, err);
    }
}

void
store_serve(tr_self *self, store *s, tr_str_t key, int64_t now_ms)
{
    list *l = NULL;
    if (s->waiter_count == 0 || table_get_list(&s->table, key, now_ms, &l) != TABLE_LIST) {
        return;
    }
    for (store_queue *queue; l->count > 0 && (queue = find_queue(s, key)) != NULL;) {
        store_waiter *who = queue->first->who;
        give(self, l, who->end, key, who->token);
        remove_waiter(s, who);
    }
    if (l->count == 0) {
        (void)table_delete(&s->table, key, now_ms);
    }
}

static void
refuse(tr_self *self, tr_token *token)
{
    tr_err_t err = tr_token_reply(self, token, TR_MSG(store_item, .outcome = STORE_WRONG_KIND));
    if (err != TR_OK && err != TR_ECLOSED) {
        tr_token_reply_error(self, token, err);
    }
}

// The first key that holds anything decides. True when the token is gone.
static bool
look(tr_self *self, store *s, const store_await *request, tr_token *token, int64_t now_ms)
{
    list_end_t end = store_end_of(request->flags);
    for (size_t i = 0; i < request->keys.count; i++) {
        tr_str_t key = tr_str_n(request->keys.items[i].data, request->keys.items[i].size);
        list *l = NULL;
        switch (table_get_list(&s->table, key, now_ms, &l)) {
        case TABLE_NOTHING:
            break;
        case TABLE_STRING:
            refuse(self, token);
            return true;
        case TABLE_LIST:
            give(self, l, end, key, token);
            if (l->count == 0) {
                (void)table_delete(&s->table, key, now_ms);
            }
            return true;
        }
    }
    return false;
}

void
store_await_item(tr_self *self, store *s, const store_await *request, tr_token *token,
                 int64_t now_ms)
{
    weed(self, s);
    if (!look(self, s, request, token, now_ms) && add_waiter(s, request, token) == NULL) {
        tr_token_reply_error(self, token, TR_ENOMEM);
    }
}
