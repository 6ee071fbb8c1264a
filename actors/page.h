// page.h: the first so many of many names, in the order of their bytes: a page of a list that is in
// no order. Names are borrowed.
#ifndef TRI_ACTORS_PAGE_H
#define TRI_ACTORS_PAGE_H

#include "troupe/registry.h"

typedef struct tri_page {
    tr_registry_entry *rows; // room for `size`, at least one
    size_t size;
    size_t count;
    bool has_more; // than it has room for
} tri_page;

// Below, at or above zero as memcmp; what is shorter comes first.
int tri_page_compare(tr_str_t a, tr_str_t b);

void tri_page_consider(tri_page *page, tr_registry_entry row);

// All were considered: now the rows are in order.
void tri_page_arrange(tri_page *page);

#endif
