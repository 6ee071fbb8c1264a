// page.c: a heap of the first rows in order, with the last of them on top: it is what goes when an
// earlier one comes.
#include "page.h"

#include <string.h>

int
tri_page_compare(tr_str_t a, tr_str_t b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter != 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static bool
is_before(const tr_registry_entry *a, const tr_registry_entry *b)
{
    return tri_page_compare(a->name, b->name) < 0;
}

// The row at the top may be before others.
static void
sink(tri_page *page)
{
    size_t at = 0;
    tr_registry_entry row = page->rows[0];
    for (size_t child; (child = at * 2 + 1) < page->count; at = child) {
        if (child + 1 < page->count && is_before(&page->rows[child], &page->rows[child + 1])) {
            child++;
        }
        if (!is_before(&row, &page->rows[child])) {
            break;
        }
        page->rows[at] = page->rows[child];
    }
    page->rows[at] = row;
}

// The row at the end may be behind others.
static void
rise(tri_page *page)
{
    size_t at = page->count - 1;
    tr_registry_entry row = page->rows[at];
    for (size_t above; at > 0; at = above) {
        above = (at - 1) / 2;
        if (!is_before(&page->rows[above], &row)) {
            break;
        }
        page->rows[at] = page->rows[above];
    }
    page->rows[at] = row;
}

void
tri_page_consider(tri_page *page, tr_registry_entry row)
{
    if (page->count < page->size) {
        page->rows[page->count++] = row;
        rise(page);
        return;
    }
    page->has_more = true;
    if (is_before(&row, &page->rows[0])) {
        page->rows[0] = row;
        sink(page);
    }
}

void
tri_page_arrange(tri_page *page)
{
    size_t count = page->count;
    while (page->count > 1) {
        tr_registry_entry last = page->rows[0];
        page->rows[0] = page->rows[--page->count];
        sink(page);
        page->rows[page->count] = last;
    }
    page->count = count;
}
