#include "base/list.h"

#include <stdint.h>

#include "check.h"
#include "base/compat.h"

typedef struct item {
    int value;
    tri_list link;
} item;

static int
value_of(tri_list *node)
{
    return node == NULL ? -1 : TRI_CONTAINER(node, item, link)->value;
}

static item items[5];

static tri_list *
node(int value)
{
    items[value].value = value;
    return &items[value].link;
}

Test(list, pop_and_first_of_an_empty_list_are_null)
{
    tri_list list;
    tri_list_init(&list);
    cr_assert(tri_list_is_empty(&list));
    cr_assert(tri_list_pop_front(&list) == NULL);
    cr_assert(tri_list_first(&list) == NULL);
    cr_assert(tri_list_last(&list) == NULL);
}

Test(list, a_zeroed_node_is_not_linked_and_may_be_removed)
{
    tri_list zeroed = {0};
    cr_assert(not(tri_list_is_linked(&zeroed)));
    tri_list_remove(&zeroed);
    cr_assert(not(tri_list_is_linked(&zeroed)));
}

Test(list, nodes_come_out_in_order)
{
    tri_list list;
    tri_list_init(&list);
    tri_list_push_back(&list, node(1));
    tri_list_push_back(&list, node(2));
    tri_list_push_front(&list, node(0));
    cr_assert(eq(int, value_of(tri_list_first(&list)), 0));
    cr_assert(eq(int, value_of(tri_list_last(&list)), 2));
    for (int i = 0; i < 3; i++) {
        cr_assert(tri_list_is_linked(node(i)));
        cr_assert(eq(int, value_of(tri_list_pop_front(&list)), i));
        cr_assert(not(tri_list_is_linked(node(i))));
    }
    cr_assert(tri_list_is_empty(&list));
}

Test(list, a_node_in_the_middle_can_be_removed_twice)
{
    tri_list list;
    tri_list_init(&list);
    for (int i = 0; i < 3; i++) {
        tri_list_push_back(&list, node(i));
    }
    tri_list_remove(node(1));
    tri_list_remove(node(1));
    cr_assert(not(tri_list_is_linked(node(1))));
    cr_assert(eq(int, value_of(tri_list_pop_front(&list)), 0));
    cr_assert(eq(int, value_of(tri_list_pop_front(&list)), 2));
}

Test(list, each_safe_survives_unlinking_and_each_visits_the_rest)
{
    tri_list list;
    tri_list_init(&list);
    for (int i = 0; i < 5; i++) {
        tri_list_push_back(&list, node(i));
    }
    // clang-format off
    TRI_LIST_EACH_SAFE(at, following, &list) {
        if (value_of(at) % 2 == 0) {
            tri_list_remove(at);
        }
    }
    int sum = 0;
    TRI_LIST_EACH(at, &list) {
        sum = sum * 10 + value_of(at);
    }
    // clang-format on
    cr_assert(eq(int, sum, 13));
}

Test(list, append_all_keeps_the_order_and_empties_the_source)
{
    tri_list list, from;
    tri_list_init(&list);
    tri_list_init(&from);
    tri_list_append_all(&list, &from);
    cr_assert(tri_list_is_empty(&list));
    tri_list_push_back(&list, node(0));
    tri_list_push_back(&from, node(1));
    tri_list_push_back(&from, node(2));
    tri_list_append_all(&list, &from);
    cr_assert(tri_list_is_empty(&from));
    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, value_of(tri_list_pop_front(&list)), i));
    }
}
