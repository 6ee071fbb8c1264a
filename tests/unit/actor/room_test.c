// room_test.c: senders that wait for room and give up leave nothing behind.
#include "actor/mailbox.h"
#include "actor/runtime.h"
#include "actor/system.h"
#include "troupe_test.h"

TestSuite(room, .timeout = 60);

struct counter {
    tri_exec exec;
    uint32_t rooms;
    cue counted;
};

static void
count_rooms(tri_exec *exec, tri_actor *actor)
{
    struct counter *c = TRI_CONTAINER(exec, struct counter, exec);
    TRI_LIST_EACH (link, &actor->cold->rooms) {
        c->rooms++;
    }
    cue_give(&c->counted);
}

// As its owner sees it, after all mail that was sent before.
static uint32_t
rooms_of(tr_runtime *rt, tr_ref_t ref)
{
    struct counter c = {
        .exec = {.parcel.type = &tri_system_types[TRI_SYSTEM_EXEC], .fn = count_rooms}};
    cue_init(&c.counted);
    tri_actor *actor = tri_table_find(&rt->table, ref);
    cr_assert(actor != NULL);
    tri_actor_post(NULL, actor, &c.exec.parcel, true);
    CUE_AWAIT(&c.counted);
    return c.rooms;
}

static tr_err_t
sleep_long(tr_self *self, void *arg)
{
    cue_give(arg);
    return tr_sleep(self, tr_seconds(60));
}

// An actor that waits in its handler, its mailbox of one full.
static tr_ref_t
begin_full(tr_runtime *rt)
{
    tr_ref_t ref = TR_REF_NONE;
    cue asleep;
    cue_init(&asleep);
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .mailbox_count = 1), &ref));
    assert_ok(troupe_prompt(rt, ref, sleep_long, &asleep));
    CUE_AWAIT(&asleep);
    assert_ok(tr_runtime_send(rt, ref, TR_MSG(number, .value = 1), TR_FOREVER));
    return ref;
}

Test(room, of_threads_that_gave_up_is_gone)
{
    tr_runtime *rt = troupe_begin(2);
    tr_ref_t ref = begin_full(rt);
    for (int i = 0; i < 1000; i++) {
        assert_err(tr_runtime_send(rt, ref, TR_MSG(number, .value = 2), tr_us(10)), TR_ETIMEOUT);
    }
    cr_assert(rooms_of(rt, ref) == 0);
    troupe_end(rt);
}

struct tries {
    tr_ref_t to;
    tr_err_t err;
};

static tr_err_t
call_in_vain(tr_self *self, void *arg)
{
    struct tries *t = arg;
    for (int i = 0; i < 200 && t->err == TR_OK; i++) {
        tr_err_t err = tr_call(self, t->to, TR_MSG(number, .value = 3), TR_REPLY_NONE, tr_us(10));
        t->err = err == TR_ETIMEOUT ? TR_OK : TR_EFAULT;
    }
    return TR_OK;
}

Test(room, of_callers_that_gave_up_is_gone)
{
    tr_runtime *rt = troupe_begin(2);
    struct tries tries = {.to = begin_full(rt)};
    tr_ref_t caller = troupe_puppet(rt, NULL);
    assert_ok(troupe_act(rt, caller, call_in_vain, &tries));
    assert_ok(tries.err);
    cr_assert(rooms_of(rt, tries.to) == 0);
    troupe_end(rt);
}

static tr_err_t
send_one(tr_self *self, void *arg)
{
    struct tries *t = arg;
    t->err = tr_send(self, t->to, TR_MSG(number, .value = 4));
    return TR_OK;
}

Test(room, of_a_sender_that_was_stopped_is_gone_and_its_neighbour_keeps_its_place)
{
    tr_runtime *rt = troupe_begin(2);
    struct tries stopped = {.to = begin_full(rt)};
    struct tries stays = stopped;
    tr_ref_t first = troupe_puppet(rt, NULL);
    tr_ref_t second = troupe_puppet(rt, NULL);
    assert_ok(troupe_prompt(rt, first, send_one, &stopped));
    TROUPE_EVENTUALLY(rooms_of(rt, stopped.to) == 1);
    assert_ok(troupe_prompt(rt, second, send_one, &stays));
    TROUPE_EVENTUALLY(rooms_of(rt, stopped.to) == 2);
    tri_actor *actor = tri_table_find(&rt->table, first);
    tri_actor_order(NULL, actor, TRI_ORDER_STOP);
    TROUPE_EVENTUALLY(troupe_is_gone(rt, first));
    cr_assert(rooms_of(rt, stopped.to) == 1);
    assert_err(stopped.err, TR_ECANCELED);
    troupe_end(rt);
}
