// wait_test.c: what a wait leaves behind in the actor when its stack goes.
#include "actor/actor.h"
#include "actor/runtime.h"

#include "troupe_test.h"

TestSuite(wait, .timeout = 60);

typedef struct scene {
    tr_ref_t full, child;
    cue waits, go_on;
} scene;

static tr_err_t
hold_thread(tr_self *self, void *arg)
{
    (void)self;
    scene *s = arg;
    cue_give(&s->waits);
    cr_expect(cue_take(&s->go_on));
    return TR_OK;
}

static tr_err_t
call_the_full(tr_self *self, void *arg)
{
    scene *s = arg;
    cue_give(&s->waits);
    return tr_call(self, s->full, TR_MSG(number, .value = 1), TR_REPLY_NONE, TR_FOREVER);
}

static tr_err_t
have_child(tr_self *self, void *arg)
{
    return tr_spawn(self, PUPPET_WITH(NULL, .place = TR_PLACE_NEAR), &((scene *)arg)->child);
}

static tr_err_t
kill_child(tr_self *self, void *arg)
{
    return tr_kill(self, ((scene *)arg)->child);
}

static tr_err_t
take_note(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)msg;
    cue_give(&((scene *)arg)->waits);
    return TR_OK;
}

// A late answer to whoever has the slot next walked over the dead stack and crashed.
Test(wait, of_a_call_for_room_leaves_no_request_when_it_is_killed)
{
    tr_runtime *rt = troupe_begin(2);
    scene s = {.child = TR_REF_NONE};
    cue_init(&s.waits);
    cue_init(&s.go_on);
    assert_ok(tr_runtime_spawn(
        rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = 1, .mailbox_count = 1), &s.full));
    tr_ref_t parent = TR_REF_NONE;
    part role = {.receive = take_note, .arg = &s};
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(&role, .place = TR_PLACE_AT), &parent));
    assert_ok(troupe_prompt(rt, s.full, hold_thread, &s));
    CUE_AWAIT(&s.waits);
    assert_ok(tr_runtime_send(rt, s.full, TR_MSG(number, .value = 1), TR_FOREVER));
    assert_ok(troupe_act(rt, parent, have_child, &s));
    assert_ok(troupe_prompt(rt, s.child, call_the_full, &s));
    CUE_AWAIT(&s.waits);
    tr_stats_t stats;
    TROUPE_EVENTUALLY((tr_runtime_stats(rt, &stats), stats.stacks == 1));
    assert_ok(troupe_act(rt, parent, kill_child, &s));
    CUE_AWAIT(&s.waits);
    cue_give(&s.go_on);
    tr_runtime_stop(rt);
    assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
    const tri_actor *slot = tri_table_at(&rt->table, (uint32_t)s.child.raw);
    cr_assert(slot->requests == NULL);
    troupe_end(rt);
}
