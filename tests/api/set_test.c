// set_test.c: many calls and tasks, so many at a time, their results as they come.
#include "underway.h"

TestSuite(set, .timeout = 60);

#define MANY 4

typedef struct heap {
    tr_set *set;
    size_t limit;
    errand each[MANY];
    size_t begun; // how many of them were given to the set
    tr_future *future;
    size_t index, count;
    _Atomic(tr_err_t) err, result;
    cue over;
} heap;

static tr_err_t
open_set(tr_self *self, void *arg)
{
    heap *h = arg;
    h->err = tr_set_create(self, h->limit, &h->set);
    return TR_OK;
}

static tr_err_t
close_set(tr_self *self, void *arg)
{
    heap *h = arg;
    tr_set_destroy(self, h->set);
    h->set = NULL;
    return TR_OK;
}

static tr_err_t
add_one(tr_self *self, void *arg)
{
    heap *h = arg;
    errand *e = &h->each[h->begun];
    h->err = tr_set_call(self, h->set, e->to, ACT_MSG(e->fn, e), e->timeout);
    h->begun += h->err == TR_OK;
    h->count = tr_set_count(h->set);
    cue_give(&h->over);
    return TR_OK;
}

static tr_err_t
take_next(tr_self *self, void *arg)
{
    heap *h = arg;
    h->err = tr_set_next(self, h->set, &h->future, &h->index);
    if (h->err == TR_OK) {
        cr_expect(tr_future_is_done(h->future));
        h->result = tr_future_await(self, h->future, TR_REPLY_NONE);
    }
    h->count = tr_set_count(h->set);
    cue_give(&h->over);
    return TR_OK;
}

// A set for so many at once, and callees that do this.
static tr_ref_t
heap_begin(heap *h, size_t limit, act_fn fn)
{
    scene_begin();
    *h = (heap){.limit = limit, .index = 99, .err = TR_EBUSY, .result = TR_EBUSY};
    cue_init(&h->over);
    for (uint32_t i = 0; i < MANY; i++) {
        errand_init(&h->each[i], actor_at(1), fn);
    }
    tr_ref_t caller = actor_at(0);
    play(caller, open_set, h);
    assert_ok(h->err);
    return caller;
}

static void
add(heap *h, tr_ref_t caller)
{
    play(caller, add_one, h);
    assert_ok(h->err);
}

// The next result is that of `index`.
static void
expect_next(heap *h, tr_ref_t caller, size_t index, tr_err_t result)
{
    play(caller, take_next, h);
    assert_ok(h->err);
    cr_assert(eq(sz, h->index, index));
    assert_err(h->result, result);
}

// ---- what it refuses

static tr_err_t
open_none(tr_self *self, void *arg)
{
    tr_set *set = NULL;
    (void)arg;
    expect_err(tr_set_create(self, 0, &set), TR_EINVAL);
    cr_expect(set == NULL);
    tr_set_destroy(self, NULL);
    return TR_OK;
}

Test(set, for_nothing_is_einval)
{
    scene_begin();
    play(actor_at(0), open_none, NULL);
    scene_end();
}

Test(set, that_is_empty_has_no_next)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 1, do_nothing);
    play(caller, take_next, &h);
    assert_err(h.err, TR_ENOTFOUND);
    add(&h, caller);
    expect_next(&h, caller, 0, TR_OK);
    play(caller, take_next, &h);
    assert_err(h.err, TR_ENOTFOUND);
    cr_assert(eq(sz, h.index, 0), "written on an error");
    play(caller, close_set, &h);
    scene_end();
}

Test(set, takes_a_call_that_fails_for_one_that_is_done)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 1, do_nothing);
    h.each[0].to = h.each[1].to = dead_actor();
    add(&h, caller);
    add(&h, caller); // the first is no more under way
    cr_assert(eq(sz, h.count, 2));
    expect_next(&h, caller, 0, TR_EDEAD);
    expect_next(&h, caller, 1, TR_EDEAD);
    cr_assert(eq(sz, h.count, 0));
    scene_end();
}

// ---- how many at once

Test(set, at_its_limit_waits_for_one_to_be_done)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 2, dawdle);
    add(&h, caller);
    add(&h, caller);
    CUE_AWAIT(&h.over);
    CUE_AWAIT(&h.over);
    prompt(caller, add_one, &h);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 3)); // two callees, and the caller
    cr_assert(eq(u32, h.each[2].begins, 0));
    h.each[1].may_go_on = true;
    CUE_AWAIT(&h.each[2].begun);
    CUE_AWAIT(&h.over);
    assert_ok(h.err);
    cr_assert(eq(sz, h.count, 3)); // the one that is done counts until it is taken
    expect_next(&h, caller, 1, TR_OK);
    play(caller, close_set, &h);
    CUE_AWAIT(&h.each[0].over);
    assert_err(h.each[0].first, TR_ECANCELED);
    scene_end();
}

Test(set, gives_results_in_the_order_in_which_they_are_done)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, MANY, dawdle);
    static const size_t order_of_end[MANY] = {2, 0, 3, 1};
    for (int i = 0; i < MANY; i++) {
        add(&h, caller);
    }
    for (int i = 0; i < MANY; i++) {
        h.each[order_of_end[i]].may_go_on = true;
        expect_next(&h, caller, order_of_end[i], TR_OK);
        cr_assert(eq(sz, h.count, MANY - 1 - i));
    }
    scene_end();
}

Test(set, counts_its_indices_on_when_it_was_empty)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 1, do_nothing);
    for (size_t i = 0; i < MANY; i++) {
        add(&h, caller);
        expect_next(&h, caller, i, TR_OK);
    }
    scene_end();
}

Test(set, has_a_result_for_each_deadline_that_passes)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 1, stay);
    h.each[0].timeout = tr_ms(5);
    h.each[1].timeout = tr_ms(5);
    add(&h, caller);
    add(&h, caller); // waits for the first to be over
    expect_next(&h, caller, 0, TR_ETIMEOUT);
    expect_next(&h, caller, 1, TR_ETIMEOUT);
    expect_alive(h.each[0].to);
    scene_end();
}

// What was taken out is the life's, not the set's.
static tr_err_t
take_and_close(tr_self *self, void *arg)
{
    heap *h = arg;
    h->err = tr_set_next(self, h->set, &h->future, NULL);
    close_set(self, h);
    h->result = tr_future_await(self, h->future, TR_REPLY_NONE);
    return TR_OK;
}

Test(set, that_is_destroyed_leaves_what_was_taken)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, MANY, do_nothing);
    h.each[0].fn = stay;
    add(&h, caller);
    add(&h, caller);
    play(caller, take_and_close, &h);
    assert_ok(h.err);
    assert_ok(h.result);
    expect_canceled(&h.each[0], h.each[0].to);
    scene_end();
}

// ---- its end

// One under way, one done and not taken.
static tr_ref_t
heap_of_two(heap *h)
{
    tr_ref_t caller = heap_begin(h, MANY, stay);
    h->each[1].fn = answer_with_ebusy;
    add(h, caller);
    add(h, caller);
    CUE_AWAIT(&h->each[0].begun);
    CUE_AWAIT(&h->each[1].begun);
    return caller;
}

Test(set, that_is_destroyed_cancels_what_is_left)
{
    heap h;
    tr_ref_t caller = heap_of_two(&h);
    play(caller, close_set, &h);
    expect_canceled(&h.each[0], h.each[0].to);
    scene_end();
}

Test(set, that_is_open_when_its_life_ends_cancels_what_is_left)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        heap h;
        tr_ref_t caller = heap_of_two(&h);
        end_life(&s, caller, how);
        CUE_AWAIT(&h.each[0].over);
        assert_err(h.each[0].first, TR_ECANCELED);
        scene_end();
    }
}

// ---- a caller that ends meanwhile

static void
end_while(act_fn waits, size_t limit, act_fn how)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, limit, stay);
    add(&h, caller);
    CUE_AWAIT(&h.over);
    CUE_AWAIT(&h.each[0].begun);
    prompt(caller, waits, &h);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
    order(caller, how);
    CUE_AWAIT(&h.each[0].over);
    assert_err(h.each[0].first, TR_ECANCELED);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    assert_err(h.err, how == do_kill ? TR_OK : TR_ECANCELED);
    cr_assert(eq(u32, h.each[1].begins, 0));
    scene_end();
}

Test(set, of_a_caller_that_ends_while_it_waits_for_the_next_is_canceled)
{
    end_while(take_next, MANY, do_stop);
    end_while(take_next, MANY, do_kill);
}

Test(set, of_a_caller_that_ends_at_its_limit_takes_no_more)
{
    end_while(add_one, 1, do_stop);
    end_while(add_one, 1, do_kill);
}

// In the set, and waiting for room in a mailbox.
static void
end_before_room(act_fn how)
{
    heap h;
    errand stalls;
    tr_ref_t caller = heap_begin(&h, MANY, stay);
    h.each[0].to = stalled_actor(&stalls, narrow_actor(1, TR_SUSPEND));
    prompt(h.each[0].to, do_nothing, NULL);
    prompt(caller, add_one, &h);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 1));
    order(caller, how);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    go_on(&stalls);
    play(h.each[0].to, do_nothing, NULL);
    cr_assert(eq(u32, h.each[0].begins, 0));
    scene_end();
}

Test(set, of_a_caller_that_ends_while_its_call_waits_for_room_begins_nothing)
{
    end_before_room(do_stop);
    end_before_room(do_kill);
}

Test(set, is_waited_for_no_longer_than_the_request_in_hand_has)
{
    static const act_fn waits[] = {take_next, add_one};
    for (int i = 0; i < 2; i++) {
        heap h;
        tr_ref_t caller = heap_begin(&h, 1, stay);
        add(&h, caller);
        CUE_AWAIT(&h.over);
        CUE_AWAIT(&h.each[0].begun);
        play_in_little_time(caller, waits[i], &h);
        CUE_AWAIT(&h.over);
        assert_err(h.err, TR_ETIMEOUT);
        cr_assert(eq(sz, h.count, 1)); // nothing was added, and nothing lost
        play(caller, close_set, &h);
        expect_canceled(&h.each[0], h.each[0].to);
        expect_alive(caller);
        scene_end();
    }
}

// ---- restart

Test(set, of_an_old_life_is_unknown_to_the_new_one)
{
    heap h;
    scene_begin();
    h = (heap){.limit = 2};
    cue_init(&h.over);
    errand_init(&h.each[0], actor_at(1), stall);
    errand_init(&h.each[1], actor_at(0), do_nothing);
    tr_ref_t caller = child_of(&s.p, PUPPET_WITH(NULL, .after_exit = TR_AFTER_EXIT_HOLD));
    play(caller, open_set, &h);
    add(&h, caller);
    CUE_AWAIT(&h.each[0].begun);
    prompt(caller, return_eio, NULL);
    CUE_AWAIT(&s.p.told);
    order(caller, do_restart);
    play(caller, open_set, &h);
    add(&h, caller);
    uint64_t returned = ledger().returned;
    go_on(&h.each[0]);
    TROUPE_EVENTUALLY(ledger().returned == returned + 1);
    expect_next(&h, caller, 0, TR_OK);
    play(caller, take_next, &h);
    assert_err(h.err, TR_ENOTFOUND);
    scene_end();
}

// ---- in a select

static tr_err_t
select_next(tr_self *self, void *arg)
{
    heap *h = arg;
    tr_branch_t branch = tr_when_next(h->set);
    h->err = tr_select(self, &branch, 1, h->begun == 0 ? tr_ms(0) : TR_FOREVER, &h->index);
    cue_give(&h->over);
    return TR_OK;
}

static tr_err_t
look_at_next(tr_self *self, void *arg)
{
    heap *h = arg;
    tr_branch_t branch = tr_when_next(h->set);
    h->err = tr_select(self, &branch, 1, tr_ms(0), &h->index);
    return TR_OK;
}

Test(set, is_ready_in_a_select_when_it_is_empty_or_has_something_done)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 2, dawdle);
    play(caller, select_next, &h);
    CUE_AWAIT(&h.over);
    assert_ok(h.err);
    add(&h, caller);
    CUE_AWAIT(&h.over);
    play(caller, look_at_next, &h);
    assert_err(h.err, TR_ETIMEOUT);
    CUE_AWAIT(&h.each[0].begun);
    prompt(caller, select_next, &h);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
    h.each[0].may_go_on = true;
    CUE_AWAIT(&h.over);
    assert_ok(h.err);
    expect_next(&h, caller, 0, TR_OK); // the select has taken nothing
    scene_end();
}

// ---- tasks

static tr_err_t
do_a_task(tr_self *self, void *arg)
{
    errand *e = *(errand **)arg;
    return e->fn(self, e);
}

static tr_err_t
add_task(tr_self *self, void *arg)
{
    heap *h = arg;
    errand *e = &h->each[h->begun];
    h->err = tr_set_task(self, h->set, do_a_task, &e, sizeof(errand *), e->timeout);
    h->begun += h->err == TR_OK;
    h->count = tr_set_count(h->set);
    return TR_OK;
}

Test(set, runs_tasks_beside_calls)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 2, dawdle);
    play(caller, add_task, &h);
    assert_ok(h.err);
    add(&h, caller);
    CUE_AWAIT(&h.each[0].begun);
    CUE_AWAIT(&h.each[1].begun);
    h.each[1].may_go_on = true;
    expect_next(&h, caller, 1, TR_OK);
    h.each[0].may_go_on = true;
    expect_next(&h, caller, 0, TR_OK);
    scene_end();
}

Test(set, that_is_destroyed_stops_its_tasks)
{
    heap h;
    tr_ref_t caller = heap_begin(&h, 2, stay);
    play(caller, add_task, &h);
    CUE_AWAIT(&h.each[0].begun);
    play(caller, close_set, &h);
    CUE_AWAIT(&h.each[0].over);
    assert_err(h.each[0].first, TR_ECANCELED);
    expect_alive(caller);
    scene_end();
}
