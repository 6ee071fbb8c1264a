#include "store_kit.h"

store_result
store_push(store *s, const store_op *op, int64_t now_ms)
{
    list *l = NULL;
    table_kind_t kind = table_get_list(&s->table, op->key, now_ms, &l);
    if (kind == TABLE_STRING) {
        return outcome_result(STORE_WRONG_KIND);
    }
    if (kind == TABLE_NOTHING && table_add_list(&s->table, op->key, now_ms, &l) != TR_OK) {
        return outcome_result(STORE_NO_MEMORY);
    }
    if (list_push(l, store_end_of(op->flags), op->items.items, op->items.count) != TR_OK) {
        if (kind == TABLE_NOTHING) {
            (void)table_delete(&s->table, op->key, now_ms);
        }
        return outcome_result(STORE_NO_MEMORY);
    }
    return number_result((int64_t)l->count);
}

// The next `count` items, all of which are there. Measured before any memory is taken.
static store_result
items_result(store *s, list_cursor_t *cursor, size_t count)
{
    tr_bytes_t item = {0};
    size_t bytes = 0;
    list_cursor_t measured = *cursor;
    for (size_t i = 0; i < count; i++) {
        (void)list_next(&measured, &item);
        bytes += sizeof item + item.size;
        if (bytes > STORE_ITEMS_BYTES && i > 0) {
            return outcome_result(STORE_TOO_LARGE);
        }
    }
    tr_bytes_t *items = count > 0 ? arena_alloc(&s->items, count * sizeof *items) : NULL;
    if (count > 0 && items == NULL) {
        return outcome_result(STORE_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        (void)list_next(cursor, &items[i]);
    }
    return (store_result){.outcome = STORE_ITEMS, .items = {items, count}};
}

// Of what is left behind those before it in this answer.
store_result
store_pop(store *s, const store_op *op, int64_t now_ms)
{
    store_popped_t popped = s->popped;
    if (popped.list == NULL) {
        table_kind_t kind = table_get_list(&s->table, op->key, now_ms, &popped.list);
        if (kind != TABLE_LIST) {
            return outcome_result(kind == TABLE_STRING ? STORE_WRONG_KIND : STORE_NOTHING);
        }
        popped.key = op->key;
        popped.end = store_end_of(op->flags);
        popped.next = list_seek(popped.list, popped.end, 0);
    }
    size_t left = popped.list->count - popped.count;
    if (left == 0) {
        return outcome_result(STORE_NOTHING);
    }
    store_result result = outcome_result(STORE_VALUE);
    size_t count = 1;
    if (op->verb == STORE_POP) {
        (void)list_next(&popped.next, &result.value);
    } else {
        count = (uint64_t)op->number < left ? (size_t)op->number : left;
        result = items_result(s, &popped.next, count);
    }
    if (!store_is_failure(result.outcome)) {
        popped.count += count;
        s->popped = popped;
    }
    return result;
}

store_result
store_range(store *s, const store_op *op, int64_t now_ms)
{
    list *l = NULL;
    table_kind_t kind = table_get_list(&s->table, op->key, now_ms, &l);
    if (kind == TABLE_STRING) {
        return outcome_result(STORE_WRONG_KIND);
    }
    int64_t size = kind == TABLE_LIST ? (int64_t)l->count : 0;
    int64_t first = op->number < 0 ? op->number + size : op->number;
    int64_t last = op->last < 0 ? op->last + size : op->last;
    first = first < 0 ? 0 : first;
    last = last >= size ? size - 1 : last;
    if (first > last) {
        return outcome_result(STORE_ITEMS);
    }
    list_cursor_t cursor = list_seek(l, LIST_FRONT, (size_t)first);
    return items_result(s, &cursor, (size_t)(last - first + 1));
}

store_result
store_length(store *s, const store_op *op, int64_t now_ms)
{
    list *l = NULL;
    switch (table_get_list(&s->table, op->key, now_ms, &l)) {
    case TABLE_LIST:
        return number_result((int64_t)l->count);
    case TABLE_STRING:
        return outcome_result(STORE_WRONG_KIND);
    default:
        return number_result(0);
    }
}

bool
store_may_follow(const store *s, const store_op *op)
{
    const store_popped_t *popped = &s->popped;
    return popped->list == NULL ||
           ((op->verb == STORE_POP || op->verb == STORE_TAKE) &&
            store_end_of(op->flags) == popped->end && tr_str_equal(op->key, popped->key));
}

void
store_let_go(store *s, int64_t now_ms)
{
    store_popped_t popped = s->popped;
    if (popped.list != NULL) {
        list_drop(popped.list, popped.end, popped.count);
        if (popped.list->count == 0) {
            (void)table_delete(&s->table, popped.key, now_ms);
        }
    }
}
