#include "msg/buf.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/panic.h"

tr_err_t
tr_buf_alloc(size_t size, void **out_data, tr_buf **out)
{
    if (size > PTRDIFF_MAX - sizeof(tr_buf)) {
        return TR_ENOMEM;
    }
    tr_buf *buf = tri_alloc(TRI_BUF_COST(size));
    if (buf == NULL) {
        return TR_ENOMEM;
    }
    atomic_init(&buf->refs, 1);
    buf->data = buf->own;
    buf->size = size;
    buf->free_fn = NULL;
    buf->arg = NULL;
    *out_data = buf->own;
    *out = buf;
    return TR_OK;
}

tr_err_t
tr_buf_create(const void *data, size_t size, tr_buf **out)
{
    if (data == NULL && size > 0) {
        return TR_EINVAL;
    }
    void *own;
    tr_err_t err = tr_buf_alloc(size, &own, out);
    if (err == TR_OK && size > 0) {
        memcpy(own, data, size);
    }
    return err;
}

tr_err_t
tr_buf_wrap(const void *data, size_t size, tr_buf_free_fn free_fn, void *arg, tr_buf **out)
{
    if (data == NULL && size > 0) {
        return TR_EINVAL;
    }
    void *none;
    tr_buf *buf;
    tr_err_t err = tr_buf_alloc(0, &none, &buf);
    if (err != TR_OK) {
        return err;
    }
    buf->data = data;
    buf->size = size;
    buf->free_fn = free_fn;
    buf->arg = arg;
    *out = buf;
    return TR_OK;
}

tr_buf *
tr_buf_ref(tr_buf *buf)
{
    if (buf != NULL) {
        // pairs(buf.refs) relaxed: whoever takes a reference has the buf from somebody who holds
        // one, and the way it came by has ordered its contents. Only the count must be right.
        size_t before = atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
        TRI_ASSERT(before != 0, "buf %p had ended", (void *)buf);
    }
    return buf;
}

void
tr_buf_unref(tr_buf *buf)
{
    if (buf == NULL) {
        return;
    }
    // pairs(buf.refs) release: what this holder has read comes before the memory ends.
    size_t before = atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_release);
    TRI_ASSERT(before != 0, "buf %p had ended", (void *)buf);
    if (before != 1) {
        return;
    }
    // pairs(buf.refs) acquire: all the others have let go before. Each of their releases heads a
    // sequence that ends with the 0 read here. Once, at the end, and not at every unref.
    size_t after = atomic_load_explicit(&buf->refs, memory_order_acquire);
    TRI_ASSERT(after == 0, "buf %p was taken up again, %zu", (void *)buf, after);
    if (buf->free_fn != NULL) {
        buf->free_fn((void *)buf->data, buf->size, buf->arg);
    }
    tri_free(buf);
}

tr_bytes_t
tr_buf_bytes(const tr_buf *buf)
{
    return buf != NULL ? tr_bytes(buf->data, buf->size) : tr_bytes(NULL, 0);
}
