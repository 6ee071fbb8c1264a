// buf.h: the inside of a buf: one allocation, which holds the bytes too unless they were adopted.
#ifndef TRI_MSG_BUF_H
#define TRI_MSG_BUF_H

#include "troupe/buf.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

struct tr_buf {
    _Atomic size_t refs; // who holds it; the one that brings it to 0 frees it
    // Set before the buf is shared, and never changed.
    const void *data; // own, or what was adopted
    size_t size;
    tr_buf_free_fn free_fn; // ends what was adopted; NULL: nobody needs to
    void *arg;
    alignas(max_align_t) unsigned char own[];
};

// What a buf with bytes of its own takes of the memory.
#define TRI_BUF_COST(size) (sizeof(struct tr_buf) + (size))

#endif
