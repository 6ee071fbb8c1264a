// store_kit.h: a shard as its files see it: store.c is its life and its operations on keys and
// strings, store_list.c those on lists, store_wait.c who waits for items.
#ifndef KVD_STORE_KIT_H
#define KVD_STORE_KIT_H

#include "arena.h"
#include "heap.h"
#include "list.h"
#include "store.h"
#include "table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Items that results of this answer show as popped. They leave their list when the answer is out:
// one that finds no memory has taken nothing. Until then nobody may look at that list, so what
// follows in the batch, unless it pops more of the same, has to wait for the next answer.
typedef struct store_popped {
    list *list; // NULL for none
    tr_str_t key;
    list_end_t end;
    list_cursor_t next; // the item behind the last one popped
    size_t count;
} store_popped_t;

typedef struct store_waiter store_waiter;
typedef struct store_queue store_queue;

typedef struct store {
    heap_t heap; // good during the handler in progress, so each one renews it
    table table;
    store_result *results; // room for STORE_OPS
    arena items;           // of the results
    store_popped_t popped;
    bool sweeping; // a store_sweep is under way
    table queues;  // of those who wait: by key, to a pointer
    store_waiter *waiters;
    size_t waiter_count;
    size_t weed_at; // so many of them and it is time to look for those who have given up
} store;

static inline store_result
number_result(int64_t number)
{
    return (store_result){.outcome = STORE_NUMBER, .number = number};
}

static inline store_result
outcome_result(store_outcome outcome)
{
    return (store_result){.outcome = outcome};
}

static inline list_end_t
store_end_of(uint32_t flags)
{
    return (flags & STORE_AT_BACK) != 0 ? LIST_BACK : LIST_FRONT;
}

// ---- store_list.c -------------------------------------------------------------------------------

store_result store_push(store *s, const store_op *op, int64_t now_ms);
store_result store_pop(store *s, const store_op *op, int64_t now_ms); // or a take
store_result store_range(store *s, const store_op *op, int64_t now_ms);
store_result store_length(store *s, const store_op *op, int64_t now_ms);

// False when the operation has to wait until what was popped is out.
bool store_may_follow(const store *s, const store_op *op);

// What was popped leaves its list.
void store_let_go(store *s, int64_t now_ms);

// ---- store_wait.c -------------------------------------------------------------------------------

// Answer the token with an item, now or when there is one. Takes the token.
void store_await_item(tr_self *self, store *s, const store_await *request, tr_token *token,
                      int64_t now_ms);

// Items were pushed: those who wait for this key come first.
void store_serve(tr_self *self, store *s, tr_str_t key, int64_t now_ms);

#endif
