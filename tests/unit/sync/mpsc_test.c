// mpsc_test.c: a channel as monitors and tools see it, and the slot that it has.
#include "actor/runtime.h"
#include "actor/view.h"
#include "troupe_test.h"

#include <pthread.h>

TestSuite(mpsc, .timeout = 60);

static tr_runtime *rt;
static tr_mpsc_tx *tx;
static tr_mpsc_rx *rx;

static void
begin(const tr_mpsc_opts_t *opts)
{
    rt = troupe_begin(2);
    assert_ok(tr_runtime_mpsc_create(rt, opts, &tx, &rx));
}

static void
end(void)
{
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    troupe_end(rt);
}

static void
send_values(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_ok(tr_mpsc_send(TR_OUTSIDE, tx, TR_MSG(number, .value = i), tr_ms(0)));
    }
}

// ---- monitors

typedef struct watcher {
    tr_ref_t target;
    tr_down down;
    _Atomic int downs;
    tr_monitor_t monitor;
} watcher;

static tr_err_t
hear_down(tr_self *self, void *arg, const tr_message *msg)
{
    watcher *w = arg;
    const tr_down *down = tr_as(tr_down, msg);
    (void)self;
    if (down == NULL) {
        return TR_EUNHANDLED;
    }
    w->down = *down;
    w->downs++;
    return TR_OK;
}

static tr_err_t
watch(tr_self *self, void *arg)
{
    watcher *w = arg;
    return tr_monitor(self, w->target, &w->monitor);
}

static tr_err_t
unwatch(tr_self *self, void *arg)
{
    watcher *w = arg;
    tr_demonitor(self, w->monitor);
    return TR_OK;
}

static tr_err_t
link_it(tr_self *self, void *arg)
{
    watcher *w = arg;
    return tr_link(self, w->target);
}

static tr_err_t
fail_now(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static tr_ref_t
begin_watcher(watcher *w)
{
    *w = (watcher){.target = tr_mpsc_ref(tx)};
    return troupe_puppet(rt, &(part){.receive = hear_down, .arg = w});
}

Test(mpsc, monitored_is_down_when_its_receiver_goes)
{
    watcher w;
    begin(NULL);
    tr_ref_t a = begin_watcher(&w);
    assert_ok(troupe_act(rt, a, watch, &w));
    tr_mpsc_shut(rx);
    cr_assert(eq(int, w.downs, 0)); // it is there as long as there may be something to receive
    tr_mpsc_rx_close(rx);
    rx = NULL;
    TROUPE_EVENTUALLY(w.downs == 1);
    cr_assert(tr_ref_equal(w.down.actor, w.target));
    cr_assert(eq(int, w.down.reason, TR_OK));
    end();
}

Test(mpsc, monitored_when_it_is_gone_is_down_at_once)
{
    watcher w;
    begin(NULL);
    tr_ref_t a = begin_watcher(&w);
    tr_mpsc_rx_close(rx);
    rx = NULL;
    assert_ok(troupe_act(rt, a, watch, &w));
    TROUPE_EVENTUALLY(w.downs == 1);
    cr_assert(eq(int, w.down.reason, TR_EDEAD));
    end();
}

Test(mpsc, monitored_no_more_is_not_told)
{
    watcher w;
    begin(NULL);
    tr_ref_t a = begin_watcher(&w);
    assert_ok(troupe_act(rt, a, watch, &w));
    assert_ok(troupe_act(rt, a, unwatch, &w));
    tr_mpsc_rx_close(rx);
    rx = NULL;
    assert_ok(troupe_act(rt, a, watch, &w)); // whose answer comes behind any other
    TROUPE_EVENTUALLY(w.downs == 1);
    cr_assert(eq(int, w.down.reason, TR_EDEAD));
    end();
}

Test(mpsc, linked_ends_in_order_and_outlives_who_linked_to_it)
{
    watcher w;
    begin(NULL);
    tr_ref_t a = begin_watcher(&w);
    tr_ref_t b = begin_watcher(&w);
    assert_ok(troupe_act(rt, a, link_it, &w));
    assert_ok(troupe_act(rt, b, link_it, &w));
    assert_ok(troupe_prompt(rt, a, fail_now, NULL));
    TROUPE_EVENTUALLY(troupe_is_gone(rt, a));
    send_values(1);
    tr_mpsc_rx_close(rx);
    rx = NULL;
    assert_ok(troupe_act(rt, b, unwatch, &w)); // it lives
    end();
}

// ---- what tools see

static bool
find_view(tr_ref_t ref, tri_actor_view_t *out)
{
    tri_actor_view_t views[32];
    for (uint32_t cursor = 0; cursor != UINT32_MAX;) {
        size_t count = tri_view_actors(rt, &cursor, views, 32);
        for (size_t i = 0; i < count; i++) {
            if (tr_ref_equal(views[i].ref, ref)) {
                *out = views[i];
                return true;
            }
        }
    }
    return false;
}

static void *
receive_one(void *arg)
{
    const tr_message *msg;
    *(tr_err_t *)arg = tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_seconds(20));
    if (*(tr_err_t *)arg == TR_OK) {
        tr_runtime_release(rt, msg);
    }
    return NULL;
}

// What stands in its place for the parent is a thread's port, which is no actor.
Test(mpsc, has_no_parent_for_the_tools_while_a_thread_waits)
{
    tri_actor_view_t view;
    begin(NULL);
    tr_err_t err = TR_EINVAL;
    pthread_t thread;
    const tri_actor *slot = tri_table_find(&rt->table, tr_mpsc_ref(tx));
    pthread_create(&thread, NULL, receive_one, &err);
    TROUPE_EVENTUALLY(TRI_PEEK(&slot->parent) != 0 && TRI_PEEK(&slot->parent) != UINT64_MAX);
    cr_assert(find_view(tr_mpsc_ref(tx), &view));
    cr_assert(tr_ref_is_none(view.parent));
    send_values(1);
    pthread_join(thread, NULL);
    assert_ok(err);
    end();
}

Test(mpsc, is_seen_by_the_tools_with_its_name_and_bounds)
{
    tri_actor_view_t view;
    begin(&(tr_mpsc_opts_t){.name = "results", .count = 7, .bytes = 9000});
    tr_ref_t ref = tr_mpsc_ref(tx);
    send_values(3);
    cr_assert(find_view(ref, &view));
    cr_assert(strcmp(view.name, "results") == 0);
    cr_assert(eq(u32, view.queued, 3));
    cr_assert(eq(u32, view.mailbox_count, 7));
    cr_assert(eq(u64, view.mailbox_bytes, 9000));
    cr_assert(tr_ref_is_none(view.parent));
    tr_mpsc_rx_close(rx);
    rx = NULL;
    cr_assert(not(find_view(ref, &view)));
    end();
}

static void
look_into(tr_full_policy_t policy)
{
    tri_mailbox_view_t view;
    begin(&(tr_mpsc_opts_t){.full = policy});
    tr_ref_t ref = tr_mpsc_ref(tx);
    send_values(3);
    for (size_t i = 0; i < 2; i++) { // what is in its inbox, and what is in its lanes
        assert_ok(tri_view_mailbox(rt, ref, 2, tr_seconds(10), &view));
        cr_assert(eq(sz, view.count, 2));
        cr_assert(eq(u64, view.total, 3));
        cr_assert(view.messages[1].type == &number_type);
        cr_assert(eq(u64, ((const number *)view.messages[1].value)->value, 1));
        tri_mailbox_view_fini(&view);
    }
    tr_mpsc_rx_close(rx);
    rx = NULL;
    assert_err(tri_view_mailbox(rt, ref, 2, tr_seconds(10), &view), TR_EDEAD);
    end();
}

Test(mpsc, shows_what_is_queued_though_nobody_receives)
{
    look_into(TR_SUSPEND);
    look_into(TR_DROP_OLDEST);
}

static void *
recv_one(void *arg)
{
    const tr_message *msg;
    (void)arg;
    if (tr_mpsc_recv(TR_OUTSIDE, rx, &msg, TR_FOREVER) == TR_OK) {
        tr_runtime_release(rt, msg);
    }
    return NULL;
}

Test(mpsc, shows_what_is_queued_while_its_receiver_waits)
{
    tri_mailbox_view_t view;
    pthread_t thread;
    begin(NULL);
    pthread_create(&thread, NULL, recv_one, NULL);
    for (int i = 0; i < 200; i++) {
        assert_ok(tri_view_mailbox(rt, tr_mpsc_ref(tx), 2, tr_seconds(10), &view));
        cr_assert(eq(u64, view.total, 0));
        tri_mailbox_view_fini(&view);
    }
    send_values(1);
    pthread_join(thread, NULL);
    end();
}

// ---- the slot

static uint32_t
slot_of(tr_ref_t ref)
{
    return (uint32_t)ref.raw;
}

Test(mpsc, slot_is_used_again_with_another_address_and_no_load)
{
    begin(&(tr_mpsc_opts_t){.count = 3});
    tr_ref_t first = tr_mpsc_ref(tx);
    send_values(3);
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    for (int i = 0; i < 100; i++) {
        tr_mpsc_opts_t opts = {.count = 3, .full = (tr_full_policy_t)(i % 4)};
        assert_ok(tr_runtime_mpsc_create(rt, &opts, &tx, &rx));
        cr_assert(eq(u32, slot_of(tr_mpsc_ref(tx)), slot_of(first)));
        cr_assert(tr_mpsc_ref(tx).raw != first.raw);
        cr_assert(eq(u32, tr_mpsc_count(rx), 0));
        send_values(3);
        first = tr_mpsc_ref(tx);
        tr_mpsc_tx_close(tx);
        tr_mpsc_rx_close(rx);
    }
    tx = NULL;
    rx = NULL;
    end();
}

Test(mpsc, slot_is_not_given_to_an_actor)
{
    begin(NULL);
    tr_ref_t ref = tr_mpsc_ref(tx);
    tr_mpsc_tx_close(tx);
    tr_mpsc_rx_close(rx);
    tx = NULL;
    rx = NULL;
    for (int i = 0; i < 200; i++) {
        cr_assert(slot_of(troupe_puppet(rt, NULL)) != slot_of(ref));
    }
    end();
}

// Senders that find the channel open and are late: what they bring is dead, and takes no room.
typedef struct flood {
    _Atomic uint64_t ref;
    _Atomic bool is_over;
} flood;

static void *
send_by_address(void *arg)
{
    flood *f = arg;
    while (!f->is_over) {
        tr_err_t err = tr_runtime_send(rt, (tr_ref_t){f->ref}, TR_MSG(number), tr_ms(0));
        (void)err; // it is gone, or full, or it went well
    }
    return NULL;
}

Test(mpsc, slot_that_late_mail_comes_to_ends_up_empty)
{
    rt = troupe_begin(1);
    flood f = {.ref = 0};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, send_by_address, &f);
    }
    for (int i = 0; i < 2000; i++) {
        tr_mpsc_opts_t opts = {.count = 3, .full = (tr_full_policy_t)(i % 4)};
        assert_ok(tr_runtime_mpsc_create(rt, &opts, &tx, &rx));
        f.ref = tr_mpsc_ref(tx).raw;
        const tr_message *msg;
        if (tr_mpsc_recv(TR_OUTSIDE, rx, &msg, tr_us(10)) == TR_OK) {
            tr_runtime_release(rt, msg);
        }
        tr_mpsc_tx_close(tx);
        tr_mpsc_rx_close(rx);
    }
    f.is_over = true;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    tx = NULL;
    rx = NULL;
    end();
}

// No waiting for the last mail: the runtime ends with what is on its way.
static tr_err_t
send_a_lot(tr_self *self, void *arg)
{
    const tr_ref_t *ref = arg;
    tr_err_t err = TR_OK;
    while (err == TR_OK || err == TR_EFULL) {
        err = tr_send(self, *ref, TR_MSG(number));
        err = err == TR_OK || err == TR_EFULL ? tr_yield(self) : err;
    }
    return TR_OK;
}

Test(mpsc, late_mail_is_ended_with_the_runtime)
{
    for (int i = 0; i < 100; i++) {
        begin(&(tr_mpsc_opts_t){.count = 100, .full = (tr_full_policy_t)(i % 4)});
        tr_ref_t ref = tr_mpsc_ref(tx);
        for (int j = 0; j < 2; j++) {
            assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), send_a_lot, &ref));
        }
        TROUPE_EVENTUALLY(tr_mpsc_count(rx) > 5);
        tr_mpsc_tx_close(tx);
        tr_mpsc_rx_close(rx);
        tr_runtime_destroy(rt);
    }
}
