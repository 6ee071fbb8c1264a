// view_test.c: what an observer copied of a mailbox is its own, whatever becomes of the mailbox.
#include "actor/view.h"
#include "troupe_test.h"

TestSuite(view, .timeout = 60);

typedef struct toy {
    _Atomic int dropped;
} toy;

static void
toy_drop(void *object)
{
    atomic_fetch_add_explicit(&((toy *)object)->dropped, 1, memory_order_seq_cst);
}

static const tr_local_t toy_local = {.name = "toy", .drop = toy_drop};

#define CRATE(F, T) F(T, buf, data) F(T, local(toy), play)
TR_MESSAGE(crate, CRATE);
#define SHIPMENT(F, T) F(T, nested(crate), first) F(T, list(nested(crate)), rest)
TR_MESSAGE(shipment, SHIPMENT);

static _Atomic int ended;

static void
note_end(void *data, size_t size, void *arg)
{
    (void)data;
    (void)size;
    (void)arg;
    atomic_fetch_add_explicit(&ended, 1, memory_order_seq_cst);
}

static int
read_count(_Atomic int *count)
{
    return atomic_load_explicit(count, memory_order_seq_cst);
}

static tr_err_t
sleep_long(tr_self *self, void *arg)
{
    cue_give(arg);
    return tr_sleep(self, tr_seconds(60));
}

// An actor that waits in its handler, with a shipment in its mailbox that shares `buf`.
static tr_ref_t
begin_shipped(tr_runtime *rt, tr_buf *buf, toy *object)
{
    tr_ref_t ref = TR_REF_NONE;
    cue asleep;
    cue_init(&asleep);
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .name = NULL), &ref));
    assert_ok(troupe_prompt(rt, ref, sleep_long, &asleep));
    CUE_AWAIT(&asleep);
    crate rest[] = {{.data = buf}, {.play = object}};
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(shipment, .first = {.data = buf}, .rest = {rest, 2}),
                              TR_FOREVER));
    return ref;
}

Test(view, copy_holds_the_bufs_of_a_message_that_has_ended)
{
    tr_runtime *rt = troupe_begin(2);
    toy object = {0};
    tr_buf *buf;
    assert_ok(tr_buf_wrap("bytes", 5, note_end, NULL, &buf));
    tr_ref_t ref = begin_shipped(rt, buf, &object);
    tri_mailbox_view_t view;
    assert_ok(tri_view_mailbox(rt, ref, 10, tr_seconds(20), &view));
    troupe_end(rt);
    tr_buf_unref(buf);
    cr_assert(read_count(&ended) == 0);
    const tri_message_view_t *message = &view.messages[view.count - 1];
    cr_assert(message->type == &shipment_type);
    cr_assert(eq(u64, message->bytes, 48 + sizeof(shipment) + 2 * sizeof(crate) + 2 * 5));
    const shipment *copy = message->value;
    cr_assert(memcmp(tr_buf_bytes(copy->first.data).data, "bytes", 5) == 0);
    cr_assert(copy->rest.items[0].data == buf);
    cr_assert(copy->rest.items[1].play == NULL, "a local is not the observer's to see");
    tri_mailbox_view_fini(&view);
    cr_assert(read_count(&ended) == 1);
}

Test(view, copy_that_ends_first_leaves_the_message_whole)
{
    tr_runtime *rt = troupe_begin(2);
    toy object = {0};
    tr_buf *buf;
    assert_ok(tr_buf_wrap("bytes", 5, note_end, NULL, &buf));
    tr_ref_t ref = begin_shipped(rt, buf, &object);
    tr_buf_unref(buf);
    for (int i = 0; i < 3; i++) {
        tri_mailbox_view_t view;
        assert_ok(tri_view_mailbox(rt, ref, 10, tr_seconds(20), &view));
        tri_mailbox_view_fini(&view);
    }
    cr_assert(read_count(&ended) == 0);
    cr_assert(read_count(&object.dropped) == 0);
    troupe_end(rt);
    cr_assert(read_count(&ended) == 1);
}
