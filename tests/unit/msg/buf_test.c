// Tests of runtime/msg/buf.c.
#include "troupe/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"

TestSuite(buf, .timeout = 20);

// What free_fn was called with.
struct ending {
    _Atomic int count;
    void *data;
    size_t size;
};

static void
note_end(void *data, size_t size, void *arg)
{
    struct ending *e = arg;
    e->data = data;
    e->size = size;
    // seq_cst, unpaired: the test's own count.
    atomic_fetch_add_explicit(&e->count, 1, memory_order_seq_cst);
}

static tr_buf *
wrapped(const char *text, struct ending *e)
{
    tr_buf *buf;
    assert_ok(tr_buf_wrap(text, strlen(text), note_end, e, &buf));
    return buf;
}

Test(buf, size_without_data_is_invalid)
{
    struct ending e = {0};
    tr_buf *buf = (tr_buf *)1;
    assert_err(tr_buf_create(NULL, 1, &buf), TR_EINVAL);
    assert_err(tr_buf_wrap(NULL, 1, note_end, &e, &buf), TR_EINVAL);
    cr_assert(buf == (tr_buf *)1, "out is touched on an error");
    cr_assert(eq(int, e.count, 0));
}

Test(buf, without_memory_nothing_is_made_and_what_was_to_be_wrapped_stays)
{
    struct ending e = {0};
    tr_buf *buf = (tr_buf *)1;
    void *data = &e;
    tri_memory_fail_after(0);
    assert_err(tr_buf_create("abc", 3, &buf), TR_ENOMEM);
    tri_memory_fail_after(0);
    assert_err(tr_buf_alloc(3, &data, &buf), TR_ENOMEM);
    tri_memory_fail_after(0);
    assert_err(tr_buf_wrap("abc", 3, note_end, &e, &buf), TR_ENOMEM);
    tri_memory_fail_after(UINT64_MAX);
    cr_assert(buf == (tr_buf *)1 && data == &e, "out is touched on an error");
    cr_assert(eq(int, e.count, 0));
}

Test(buf, size_that_no_object_can_have_is_no_memory)
{
    tr_buf *buf = (tr_buf *)1;
    void *data = NULL;
    assert_err(tr_buf_alloc(SIZE_MAX, &data, &buf), TR_ENOMEM);
    assert_err(tr_buf_alloc(SIZE_MAX - 8, &data, &buf), TR_ENOMEM);
    assert_err(tr_buf_alloc(PTRDIFF_MAX, &data, &buf), TR_ENOMEM);
    assert_err(tr_buf_create("x", SIZE_MAX, &buf), TR_ENOMEM);
    cr_assert(buf == (tr_buf *)1 && data == NULL, "out is touched on an error");
}

Test(buf, null_is_allowed_and_has_no_bytes)
{
    cr_assert(eq(ptr, tr_buf_ref(NULL), NULL));
    tr_buf_unref(NULL);
    tr_bytes_t bytes = tr_buf_bytes(NULL);
    cr_assert(bytes.data == NULL && bytes.size == 0);
}

Test(buf, empty_ones_are_bufs_too)
{
    struct ending e = {0};
    void *data = NULL;
    tr_buf *made[4];
    assert_ok(tr_buf_create(NULL, 0, &made[0]));
    assert_ok(tr_buf_create("x", 0, &made[1]));
    assert_ok(tr_buf_alloc(0, &data, &made[2]));
    assert_ok(tr_buf_wrap(NULL, 0, note_end, &e, &made[3]));
    cr_assert(data != NULL);
    for (int i = 0; i < 4; i++) {
        cr_assert(eq(sz, tr_buf_bytes(made[i]).size, 0));
        tr_buf_unref(made[i]);
    }
    cr_assert(eq(int, e.count, 1));
    cr_assert(eq(ptr, e.data, NULL));
}

Test(buf, created_one_is_a_copy)
{
    char text[] = "first";
    tr_buf *buf;
    assert_ok(tr_buf_create(text, 5, &buf));
    memset(text, 'x', 5);
    tr_bytes_t bytes = tr_buf_bytes(buf);
    cr_assert(eq(sz, bytes.size, 5));
    cr_assert(eq(int, memcmp(bytes.data, "first", 5), 0));
    tr_buf_unref(buf);
}

Test(buf, allocated_one_is_filled_in_place)
{
    tr_buf *buf;
    void *data;
    assert_ok(tr_buf_alloc(1000, &data, &buf));
    cr_assert(eq(sz, (uintptr_t)data % _Alignof(max_align_t), 0));
    memset(data, 'a', 1000); // all of it, so that a sanitizer sees a step over its end
    tr_bytes_t bytes = tr_buf_bytes(buf);
    cr_assert(bytes.data == data && bytes.size == 1000);
    tr_buf_unref(buf);
}

Test(buf, wrapped_one_is_not_copied_and_ends_with_what_it_was_given)
{
    static const char text[] = "adopted";
    struct ending e = {0};
    tr_buf *buf = wrapped(text, &e);
    cr_assert(tr_buf_bytes(buf).data == text && tr_buf_bytes(buf).size == 7);
    tr_buf_unref(buf);
    cr_assert(eq(int, e.count, 1));
    cr_assert(e.data == text && e.size == 7);
}

Test(buf, wrapped_constant_needs_no_end)
{
    tr_buf *buf;
    assert_ok(tr_buf_wrap("constant", 8, NULL, NULL, &buf));
    cr_assert(tr_buf_ref(buf) == buf);
    tr_buf_unref(buf);
    tr_buf_unref(buf);
}

Test(buf, ends_with_the_last_reference_and_once)
{
    struct ending e = {0};
    tr_buf *buf = wrapped("abc", &e);
    for (int i = 0; i < 1000; i++) {
        cr_assert(tr_buf_ref(buf) == buf);
    }
    for (int i = 0; i < 1000; i++) {
        tr_buf_unref(buf);
        cr_assert(eq(int, e.count, 0));
    }
    tr_buf_unref(buf);
    cr_assert(eq(int, e.count, 1));
}

// ---- many threads

#define THREADS 4
#define TURNS   20000

static void *
ref_and_unref(void *arg)
{
    tr_buf *buf = arg;
    unsigned sum = 0;
    for (int i = 0; i < TURNS; i++) {
        tr_buf *own = tr_buf_ref(buf);
        sum += *(const unsigned char *)tr_buf_bytes(own).data;
        tr_buf_unref(own);
    }
    tr_buf_unref(buf);
    return sum == TURNS * (unsigned)'a' ? arg : NULL;
}

Test(buf, threads_share_it_and_the_last_one_ends_it)
{
    struct ending e = {0};
    tr_buf *buf = wrapped("abc", &e);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        cr_assert(eq(int, pthread_create(&threads[i], NULL, ref_and_unref, tr_buf_ref(buf)), 0));
    }
    tr_buf_unref(buf);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        cr_assert(ne(ptr, result, NULL));
    }
    cr_assert(eq(int, e.count, 1));
}
