// task_test.c: functions that run as children, and their results.
#include "underway.h"

#include <stdint.h>

TestSuite(task, .timeout = 60);

typedef struct job {
    tr_task_fn fn;
    const void *arg;
    size_t size;
    tr_duration_t timeout;
    tr_future *future;
    uint64_t value;
    _Atomic(tr_err_t) err;
} job;

static job
job_of(tr_task_fn fn, const void *arg, size_t size)
{
    return (job){.fn = fn, .arg = arg, .size = size, .timeout = tr_seconds(20), .err = TR_EBUSY};
}

static tr_err_t
begin_job(tr_self *self, void *arg)
{
    job *j = arg;
    j->future = tr_task(self, j->fn, j->arg, j->size, j->timeout);
    cr_expect(j->future != NULL);
    return TR_OK;
}

static tr_err_t
await_job(tr_self *self, void *arg)
{
    job *j = arg;
    const tr_message *any = NULL;
    j->err = tr_future_await(self, j->future, TR_REPLY_ANY(&any));
    if (j->err == TR_OK) {
        const number *n = tr_as(number, any);
        j->value = n != NULL ? n->value : UINT64_MAX;
    }
    return TR_OK;
}

static tr_err_t
cancel_job(tr_self *self, void *arg)
{
    job *j = arg;
    tr_future_cancel(self, j->future);
    return TR_OK;
}

static tr_err_t
run_job(tr_self *self, void *arg)
{
    tr_err_t err = begin_job(self, arg);
    return err == TR_OK ? await_job(self, arg) : err;
}

static tr_err_t
result_of(tr_task_fn fn)
{
    job j = job_of(fn, NULL, 0);
    play(actor_at(0), run_job, &j);
    return j.err;
}

// Beside the parent and the root, so many are left.
static bool
are_left(uint64_t count)
{
    tr_stats_t stats;
    tr_runtime_stats(s.p.rt, &stats);
    return stats.actors == count;
}

static uint64_t
actors_now(void)
{
    tr_stats_t stats;
    tr_runtime_stats(s.p.rt, &stats);
    return stats.actors;
}

// ---- how one fails

Test(task, that_is_none_is_einval)
{
    scene_begin();
    tr_ref_t caller = actor_at(0);
    uint64_t actors = actors_now();
    job none = job_of(NULL, NULL, 0);
    play(caller, run_job, &none);
    assert_err(none.err, TR_EINVAL);
    job no_arg = job_of(do_nothing, NULL, 8);
    play(caller, run_job, &no_arg);
    assert_err(no_arg.err, TR_EINVAL);
    TROUPE_EVENTUALLY(are_left(actors));
    scene_end();
}

Test(task, with_more_argument_than_memory_is_enomem)
{
    scene_begin();
    job j = job_of(do_nothing, "", SIZE_MAX);
    play(actor_at(0), run_job, &j);
    assert_err(j.err, TR_ENOMEM);
    scene_end();
}

static tr_err_t
answer_twice(tr_self *self, void *arg)
{
    (void)arg;
    expect_ok(tr_reply(self, TR_MSG(number, .value = 42)));
    return tr_reply(self, TR_MSG(number, .value = 43)); // its result is known
}

static tr_err_t
leave_unanswered(tr_self *self, void *arg)
{
    tr_token *token;
    (void)arg;
    return tr_defer(self, &token);
}

static tr_err_t
spawn_and_fail(tr_self *self, void *arg)
{
    tr_ref_t child;
    expect_ok(tr_spawn(self, PUPPET(NULL), &child));
    return fail_with_text(self, arg);
}

Test(task, says_how_its_function_has_ended)
{
    scene_begin();
    uint64_t actors = actors_now();
    assert_err(result_of(return_eio), TR_EIO);
    assert_err(result_of(fail_with_text), TR_ECRASHED);
    assert_err(result_of(spawn_and_fail), TR_ECRASHED);
    assert_err(result_of(leave_unanswered), TR_ENOREPLY);
    assert_err(result_of(do_nothing), TR_OK);
    assert_err(result_of(leave), TR_OK);
    assert_err(result_of(answer_twice), TR_OK);
    TROUPE_EVENTUALLY(are_left(actors + 7)); // the callers; no task
    cr_assert(eq(int, s.p.count, 0));
    scene_end();
}

static tr_err_t
hear_nothing(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    cr_expect(exit == NULL, "the end of a task is no news");
    return TR_EUNHANDLED;
}

Test(task, that_fails_is_no_news_to_its_parent)
{
    scene_begin();
    part role = {.receive = hear_nothing};
    tr_ref_t caller = child_of(&s.p, PUPPET(&role));
    uint64_t actors = actors_now();
    job j = job_of(fail_with_text, NULL, 0);
    play(caller, run_job, &j);
    assert_err(j.err, TR_ECRASHED);
    TROUPE_EVENTUALLY(are_left(actors));
    expect_alive(caller);
    scene_end();
}

// ---- its argument and its result

typedef struct sum {
    long double values[3];
} sum;

static tr_err_t
add_up(tr_self *self, void *arg)
{
    sum *terms = arg;
    cr_expect(eq(u64, (uintptr_t)arg % _Alignof(long double), 0));
    terms->values[0] += terms->values[1] + terms->values[2]; // its own copy
    return tr_reply(self, TR_MSG(number, .value = (uint64_t)terms->values[0]));
}

static tr_err_t
begin_sum(tr_self *self, void *arg)
{
    job *j = arg;
    sum terms = {{1, 2, 3}};
    j->arg = &terms;
    j->size = sizeof terms;
    begin_job(self, j);
    memset(&terms, 0, sizeof terms);
    j->arg = NULL;
    return TR_OK;
}

Test(task, has_a_copy_of_its_argument_and_gives_a_result)
{
    scene_begin();
    tr_ref_t caller = actor_at(0);
    job j = job_of(add_up, NULL, 0);
    play(caller, begin_sum, &j);
    play(caller, await_job, &j);
    assert_ok(j.err);
    cr_assert(eq(u64, j.value, 6));
    scene_end();
}

static tr_err_t
await_done(tr_self *self, void *arg)
{
    job *j = arg;
    const tr_done *done = NULL;
    begin_job(self, j);
    j->err = tr_future_await(self, j->future, TR_REPLY(tr_done, &done));
    cr_expect(done != NULL);
    return TR_OK;
}

Test(task, without_a_result_is_done)
{
    scene_begin();
    job j = job_of(do_nothing, NULL, 0);
    play(actor_at(0), await_done, &j);
    assert_ok(j.err);
    scene_end();
}

// It is an actor: it waits, has children, and calls.
static tr_err_t
be_an_actor(tr_self *self, void *arg)
{
    tr_ref_t child;
    tr_err_t err = tr_sleep(self, tr_us(100));
    (void)arg;
    if (err == TR_OK) {
        err = tr_spawn(self, PUPPET(NULL), &child);
    }
    return err == TR_OK ? tr_call(self, child, ACT_MSG(do_nothing, NULL), TR_REPLY_NONE, TR_FOREVER)
                        : err;
}

Test(task, is_an_actor_like_any_other)
{
    scene_begin();
    uint64_t actors = actors_now();
    assert_ok(result_of(be_an_actor));
    TROUPE_EVENTUALLY(are_left(actors + 1)); // its child has ended with it
    scene_end();
}

// ---- its end comes from without

static tr_err_t
stay_there(tr_self *self, void *arg)
{
    return stay(self, *(errand **)arg);
}

// A task that stays, begun by `caller`.
static job
staying(errand *e, tr_ref_t caller, tr_duration_t timeout)
{
    errand_init(e, TR_REF_NONE, stay);
    job j = job_of(stay_there, &e, sizeof e);
    j.timeout = timeout;
    play(caller, begin_job, &j);
    return j;
}

Test(task, that_is_canceled_is_stopped)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    uint64_t actors = actors_now();
    job j = staying(&e, caller, TR_FOREVER);
    CUE_AWAIT(&e.begun);
    play(caller, cancel_job, &j);
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    assert_err(e.second, TR_ECANCELED);
    TROUPE_EVENTUALLY(are_left(actors));
    expect_alive(caller);
    scene_end();
}

static tr_err_t
begin_and_cancel(tr_self *self, void *arg)
{
    begin_job(self, arg);
    return cancel_job(self, arg);
}

// On the caller's worker, whose turn it is, and on the other, which stands still.
Test(task, that_is_canceled_before_it_begins_never_does)
{
    scene_begin();
    errand e, *to = &e, stalls;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, TR_REF_NONE, stay);
    stalled_actor(&stalls, actor_at(1));
    uint64_t actors = actors_now();
    job j = job_of(stay_there, &to, sizeof to);
    for (int i = 0; i < 4; i++) {
        play(caller, begin_and_cancel, &j);
    }
    go_on(&stalls);
    TROUPE_EVENTUALLY(are_left(actors));
    cr_assert(eq(u32, e.begins, 0));
    scene_end();
}

Test(task, whose_deadline_passes_is_canceled_and_ends_with_its_future)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    uint64_t actors = actors_now();
    job j = staying(&e, caller, tr_ms(20));
    play(caller, await_job, &j);
    assert_err(j.err, TR_ETIMEOUT);
    TROUPE_EVENTUALLY(are_left(actors));
    cr_assert(e.begins == 0 || e.second == TR_ECANCELED);
    scene_end();
}

Test(task, whose_deadline_has_passed_before_it_begins_ends_with_its_future)
{
    scene_begin();
    errand e[2], stalls;
    tr_ref_t caller = actor_at(0);
    stalled_actor(&stalls, actor_at(1));
    uint64_t actors = actors_now();
    for (int i = 0; i < 2; i++) { // one on each worker
        job j = staying(&e[i], caller, tr_ms(1));
        play(caller, await_job, &j);
        assert_err(j.err, TR_ETIMEOUT);
    }
    go_on(&stalls);
    TROUPE_EVENTUALLY(are_left(actors));
    scene_end();
}

Test(task, ends_with_the_life_that_began_it)
{
    for (ending how = BY_RETURN; how < ENDINGS; how++) {
        scene_begin();
        errand e;
        tr_ref_t caller = actor_at(0);
        uint64_t actors = actors_now();
        staying(&e, caller, TR_FOREVER);
        CUE_AWAIT(&e.begun);
        end_life(&s, caller, how);
        TROUPE_EVENTUALLY(are_left(actors - 1));
        cr_assert(e.first == (how == BY_KILL ? TR_EBUSY : TR_ECANCELED));
        scene_end();
    }
}

static tr_err_t
await_staying(tr_self *self, void *arg)
{
    errand *e = arg, *to = e;
    job j = job_of(stay_there, &to, sizeof to);
    begin_job(self, &j);
    await_job(self, &j);
    e->err = j.err;
    return TR_OK;
}

static void
end_while_awaiting(act_fn how)
{
    scene_begin();
    errand e;
    errand_init(&e, TR_REF_NONE, stay);
    tr_ref_t caller = actor_at(0);
    uint64_t actors = actors_now();
    prompt(caller, await_staying, &e);
    CUE_AWAIT(&e.begun);
    TROUPE_EVENTUALLY(are_waiting(s.p.rt, 2));
    order(caller, how);
    TROUPE_EVENTUALLY(are_left(actors - 1));
    assert_err(e.err, how == do_kill ? TR_EBUSY : TR_ECANCELED);
    cr_assert(how == do_kill || e.first == TR_ECANCELED);
    scene_end();
}

Test(task, of_a_caller_that_ends_while_it_awaits_ends_too)
{
    end_while_awaiting(do_stop);
    end_while_awaiting(do_kill);
}

// It has given its result and goes on: it is told that it is over when the result is taken.
static tr_err_t
answer_and_stay(tr_self *self, void *arg)
{
    expect_ok(tr_reply(self, TR_MSG(number, .value = 5)));
    return stay_there(self, arg);
}

Test(task, that_goes_on_after_its_result_is_stopped_when_that_is_taken)
{
    scene_begin();
    errand e, *to = &e;
    tr_ref_t caller = actor_at(0);
    uint64_t actors = actors_now();
    errand_init(&e, TR_REF_NONE, stay);
    job j = job_of(answer_and_stay, &to, sizeof to);
    play(caller, begin_job, &j);
    CUE_AWAIT(&e.begun);
    cr_assert(are_left(actors + 1));
    play(caller, await_job, &j);
    cr_assert(eq(u64, j.value, 5));
    CUE_AWAIT(&e.over);
    assert_err(e.first, TR_ECANCELED);
    TROUPE_EVENTUALLY(are_left(actors));
    scene_end();
}

static tr_err_t
begin_while_stopping(tr_self *self, void *arg)
{
    cue_give(&((errand *)arg)->begun);
    tr_err_t err = tr_sleep(self, TR_FOREVER);
    job j = job_of(do_nothing, NULL, 0);
    expect_err(err, TR_ECANCELED);
    begin_job(self, &j);
    await_job(self, &j);
    ((errand *)arg)->err = j.err;
    return TR_OK;
}

Test(task, of_a_caller_that_is_being_stopped_is_ecanceled)
{
    scene_begin();
    errand e;
    tr_ref_t caller = actor_at(0);
    errand_init(&e, TR_REF_NONE, NULL);
    prompt(caller, begin_while_stopping, &e);
    CUE_AWAIT(&e.begun);
    order(caller, do_stop);
    TROUPE_EVENTUALLY(troupe_is_gone(s.p.rt, caller));
    assert_err(e.err, TR_ECANCELED);
    scene_end();
}
