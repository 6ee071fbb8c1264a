// turn.c: what an actor does when a worker takes it up. A turn goes on with a suspended handler, or
// takes steps of the life it is in, one handler each, until there is nothing to do or it had
// enough.
//
// Any handler may suspend, and then returns here on its own stack, later; or abandon the stack, and
// then the turn is taken up by tri_actor_turn anew. So what must survive a handler is in the actor.
#include "actor/call.h"
#include "actor/cancel.h"
#include "actor/child.h"
#include "actor/deadlock.h"
#include "actor/drain.h"
#include "actor/future.h"
#include "actor/life.h"
#include "actor/mailbox.h"
#include "actor/notice.h"
#include "actor/runtime.h"
#include "actor/scope.h"
#include "actor/stash.h"
#include "actor/system.h"
#include "actor/wait.h"
#include "base/clock.h"
#include "sched/held.h"

#include <stdio.h>

#define STEPS_PER_TURN  64u
#define STEPS_PER_CLOCK 16u
#define TURN_NS         1000000

// ---- the end of a handler

// The handler hands on what a wait has told it: that the request is not wanted any more, or that
// its time is over. That is nobody's failure: a caller with a short deadline must not end the
// actors that it calls.
static bool
gives_up(const tri_actor *actor, tr_err_t verdict)
{
    return (verdict == TR_ECANCELED || verdict == TR_ETIMEOUT) &&
           tri_cancel_is_over(actor, tri_worker_clock(tri_actor_worker(actor)));
}

static bool
is_fine(tr_err_t verdict)
{
    return verdict == TR_OK || verdict == TR_EUNHANDLED;
}

// What a caller is told whose request was not answered.
static tr_err_t
answer_for(tr_err_t verdict, bool is_stopping)
{
    if (is_fine(verdict)) {
        return verdict == TR_OK ? TR_ENOREPLY : TR_EUNHANDLED;
    }
    return is_stopping ? TR_EDEAD : TR_ECRASHED;
}

// The message in hand, its answer where there was none, and what the handler borrowed.
static void
put_down(tri_actor *actor, tr_err_t verdict, tr_err_t answer)
{
    tri_worker *here = tri_actor_worker(actor);
    tr_message *msg = actor->in_hand;
    bool is_handled = is_fine(verdict);
    tri_call_release_answers(actor, answer_for(verdict, actor->is_stopping));
    if (msg == NULL || (msg->meta & TRI_MSG_LOCAL) != 0) {
        actor->in_hand = NULL;
        return;
    }
    if (tri_stash_take(actor, is_handled)) {
        return;
    }
    tri_settle(actor, is_handled ? TRI_HANDLED : TRI_FAILED);
    if (verdict == TR_EUNHANDLED && !tri_is_drain(msg)) {
        tri_report_unhandled(actor->rt, TRI_PEEK(&actor->behavior), msg->parcel.type);
    }
    bool is_passed_on = actor->owes_answer && is_handled && !actor->is_stopping &&
                        tri_is_drain(msg) && tri_drain_begin(actor);
    actor->in_hand = NULL;
    if (actor->owes_answer && !is_passed_on) {
        actor->owes_answer = false;
        tri_call_fail(actor->rt, here, msg, answer);
    } else {
        actor->owes_answer = false;
        tri_destroy_message(actor->rt, here, msg);
    }
}

// The failure of a child that the handler did not want to know about is its own failure.
static tr_err_t
notice_verdict(tri_actor *actor, tr_err_t verdict)
{
    const tr_child_exit *child = tr_as(tr_child_exit, actor->in_hand);
    if (verdict != TR_EUNHANDLED || child == NULL) {
        return verdict;
    }
    if (child->reason == TR_OK) {
        return TR_OK;
    }
    snprintf(actor->cold->text, sizeof actor->cold->text,
             "a child failed with %s and this actor "
             "does not handle tr_child_exit",
             tr_errname((tr_err_t)child->reason));
    return TR_ECHILD;
}

static void
received(tri_actor *actor, tr_err_t verdict, bool is_given_up)
{
    tr_err_t answer = answer_for(verdict, actor->is_stopping);
    if (is_given_up) {
        answer = TR_ETIMEOUT; // to one that still looks; whoever has given up does not
        verdict = TR_OK;
    }
    const tr_type_t *type = NULL;
    if (actor->in_hand != NULL) {
        type = actor->in_hand->parcel.type;
        if ((actor->in_hand->meta & TRI_MSG_LOCAL) != 0) {
            verdict = notice_verdict(actor, verdict);
        }
    }
    put_down(actor, verdict, answer);
    // The handler may have asked whether it is to stop, and know of an order that is not taken yet.
    bool is_obeying = verdict == TR_ECANCELED && tr_self_is_stopping(actor);
    if (actor->is_killed) {
        tri_life_begin_end(actor, TR_EKILLED);
    } else if (!is_fine(verdict) && !is_obeying) {
        if (type != NULL) {
            actor->cold->in_hand = type;
        }
        tri_life_begin_end(actor, verdict);
    } else if (actor->is_stopping || actor->wants_exit) {
        tri_life_begin_end(actor, actor->is_stopping ? actor->stop_reason : TR_OK);
    }
}

static void
started(tri_actor *actor, tr_err_t verdict)
{
    tri_call_release_answers(actor, answer_for(verdict, actor->is_stopping));
    if (actor->is_killed) {
        verdict = TR_EKILLED;
    }
    if (verdict != TR_OK) {
        tri_life_begin_end(actor, verdict == TR_EUNHANDLED ? TR_EFAULT : verdict);
        return;
    }
    actor->is_started = true;
    TRI_SHOW(&actor->phase, TRI_PHASE_RUNNING);
    tri_life_answer_start(actor, TR_OK);
    if (actor->wants_exit) {
        tri_life_begin_end(actor, TR_OK);
    }
}

// A handler is over, by return or by abort.
static void
done(tri_actor *actor, tr_err_t verdict)
{
    tri_handler_t handler = tri_actor_handler(actor);
    bool is_given_up = TRI_UNLIKELY(!is_fine(verdict)) && gives_up(actor, verdict);
    if (TRI_UNLIKELY(actor->scope != NULL)) {
        tri_scopes_end(actor);
    }
    TRI_SHOW(&actor->handler, TRI_HANDLER_NONE);
    switch (handler) {
    case TRI_HANDLER_START:
        started(actor, verdict);
        break;
    case TRI_HANDLER_RECEIVE:
        received(actor, verdict, is_given_up);
        break;
    case TRI_HANDLER_STOP:
        tri_wheel_cancel(&tri_actor_worker(actor)->wheel, &actor->cold->stop_handler_timer);
        tri_call_release_answers(actor, TR_ENOREPLY);
        actor->ending = TRI_ENDING_RELEASE;
        if (actor->reason == TR_OK) {
            actor->reason = verdict; // an end that fails is not an orderly one
        }
        break;
    case TRI_HANDLER_NONE:
        break;
    }
}

// ---- steps

static void
run_start(tri_actor *actor)
{
    const tr_behavior_t *behavior = TRI_PEEK(&actor->behavior);
    tr_err_t verdict = TR_OK;
    TRI_SHOW(&actor->handler, TRI_HANDLER_START);
    tri_held_begin(tri_actor_worker(actor), TRI_FRAME());
    if (behavior->start != NULL) {
        verdict = behavior->start(actor, actor->state, actor->cold->opts.arg);
    }
    done(actor, verdict);
}

static void
on_stop_takes_too_long(tri_timer *timer, void *worker)
{
    tri_cold *cold = TRI_CONTAINER(timer, tri_cold, stop_handler_timer);
    tri_actor_order(worker, cold->self, TRI_ORDER_DIE);
}

// An end that nobody ordered has the same time as one that somebody did.
static void
run_stop(tri_actor *actor)
{
    const tr_behavior_t *behavior = TRI_PEEK(&actor->behavior);
    tri_worker *here = tri_actor_worker(actor);
    int64_t deadline = tri_child_shutdown_deadline(actor, here);
    if (deadline != INT64_MAX) {
        actor->cold->stop_handler_timer.fire = on_stop_takes_too_long;
        tri_wheel_arm(&here->wheel, &actor->cold->stop_handler_timer, deadline);
    }
    TRI_SHOW(&actor->handler, TRI_HANDLER_STOP);
    tri_held_begin(here, TRI_FRAME());
    behavior->stop(actor, actor->state, actor->reason);
    done(actor, TR_OK);
}

static void
receive(tri_actor *actor, tr_message *msg)
{
    actor->in_hand = msg;
    actor->owes_answer = (msg->meta & TRI_MSG_CALL) != 0;
    actor->has_answered = false;
    actor->is_unwanted = false;
    TRI_SHOW(&actor->handler, TRI_HANDLER_RECEIVE);
    tri_held_begin(tri_actor_worker(actor), TRI_FRAME());
    tr_err_t verdict = TRI_PEEK(&actor->behavior)->receive(actor, actor->state, msg);
    done(actor, verdict);
}

static bool
receive_next(tri_actor *actor)
{
    tr_message *msg = tri_mailbox_pop(actor);
    if (msg == NULL) {
        return false;
    }
    if (TRI_LIKELY(!tri_mailbox_shed(actor, msg))) {
        receive(actor, msg);
    }
    return true;
}

// A notice becomes a message on this stack, which the handler keeps if it waits.
static TRI_NOINLINE void
receive_notice(tri_actor *actor, const tri_notice_t *notice)
{
    // What it points to is on our stack too, but counts in its size: whoever copies it goes by
    // that.
    size_t flat_size = notice->size;
    (void)tri_message_measure(notice->type, &notice->value, &flat_size); // cannot fail: it is small
    alignas(16) unsigned char block[sizeof(tr_message) + sizeof notice->value];
    tr_message *msg = (tr_message *)(void *)block;
    *msg = (tr_message){
        .parcel.type = notice->type,
        .meta = TRI_MSG_LOCAL,
        .size = (uint32_t)flat_size,
    };
    memcpy(msg->value, &notice->value, notice->size);
    receive(actor, msg);
}

// Its life runs, or the future would have been released with it and the notice removed: but one on
// its way out begins nothing.
static void
run_then(tri_actor *actor, tri_parcel *notice)
{
    if (tri_actor_phase(actor) != TRI_PHASE_RUNNING || actor->is_killed) {
        tri_future_forget_then(actor, notice);
        return;
    }
    actor->owes_answer = false;
    actor->has_answered = false;
    actor->is_unwanted = false;
    TRI_SHOW(&actor->handler, TRI_HANDLER_RECEIVE);
    done(actor, tri_future_run_then(actor, notice));
}

static bool
receive_first_notice(tri_actor *actor)
{
    tri_parcel *parcel = tri_notice_pop(actor);
    if (parcel == NULL) {
        return false;
    }
    if (tri_system_op(parcel) == TRI_SYSTEM_THEN) {
        run_then(actor, parcel);
        return true;
    }
    tri_notice_t notice;
    bool is_told = tri_notice_read(actor, parcel, &notice);
    // One on its way out takes note and no more.
    if (is_told && tri_actor_phase(actor) == TRI_PHASE_RUNNING && !actor->is_killed) {
        receive_notice(actor, &notice);
    }
    return true;
}

// Why an actor ends that is to stop: killed, or by its link, or else as told.
static tr_err_t
stop_verdict(const tri_actor *actor, tr_err_t as_told)
{
    if (actor->is_killed) {
        return TR_EKILLED;
    }
    return actor->stop_reason != TR_OK ? actor->stop_reason : as_told;
}

// One step of the life. False: there is nothing to do until something comes in.
static bool
step(tri_actor *actor)
{
    switch (tri_actor_phase(actor)) {
    case TRI_PHASE_STARTING:
        if (actor->is_stopping) {
            tri_life_begin_end(actor, stop_verdict(actor, TR_ECANCELED));
        } else {
            run_start(actor);
        }
        return true;
    case TRI_PHASE_RUNNING:
        if (TRI_UNLIKELY(actor->is_stopping)) {
            tri_life_begin_end(actor, stop_verdict(actor, TR_OK));
            return true;
        }
        return receive_first_notice(actor) || receive_next(actor);
    case TRI_PHASE_ENDING:
        if (receive_first_notice(actor)) {
            return true;
        }
        if (actor->ending == TRI_ENDING_STOP) {
            actor->ending = TRI_ENDING_RELEASE;
            if (tri_life_wants_stop_handler(actor)) {
                run_stop(actor);
                return true;
            }
        }
        return tri_life_end_step(actor);
    case TRI_PHASE_FREE:
    case TRI_PHASE_HELD:
    case TRI_PHASE_DEAD:
    case TRI_PHASE_CHANNEL:
    case TRI_PHASE_PORT:
        break;
    }
    return false;
}

// Go to sleep. After this the actor is not ours any more, unless mail came first.
static void
rest(tri_actor *actor, bool is_deaf)
{
    tri_worker *worker = tri_actor_worker(actor);
    if (!tri_inbox_sleep(&actor->inbox, is_deaf)) {
        tri_worker_schedule(worker, &actor->task);
    }
}

// A handler is suspended: go on with it if its wait is over.
static void
look_at_wait(tri_worker *worker, tri_actor *actor)
{
    tri_wait *wait = actor->wait;
    if (wait->is_yield) {
        wait->is_yield = false;
        tri_wait_settle(wait, TR_OK);
        tri_worker_schedule(worker, &actor->task);
        return;
    }
    if (!wait->is_done && wait->is_ready != NULL && wait->is_ready(wait, actor)) {
        tri_wait_settle(wait, TR_OK);
    }
    if (!wait->is_done && wait->edge != NULL) {
        tri_deadlock_look(actor); // it may be another one now
    }
    if (!wait->is_done) {
        rest(actor, !wait->takes_mail);
    } else {
        tri_worker_resume(worker, actor->kept);
    }
}

static bool
had_enough(tri_worker *worker, uint32_t steps, int64_t began_ns)
{
    if (steps >= STEPS_PER_TURN) {
        return true;
    }
    // At 2, 4, 8, 16, 32, 48: long handlers show early, a turn of one message reads no clock.
    bool is_power_of_two = steps > 1 && (steps & (steps - 1)) == 0;
    return (is_power_of_two || steps % STEPS_PER_CLOCK == 0) &&
           tri_worker_clock(worker) - began_ns >= TURN_NS;
}

// The behavior asks for more stack than the loop happens to be on: take the turn on a larger one.
static void
fit_stack(tri_worker *worker, tri_actor *actor)
{
    size_t wanted = TRI_PEEK(&actor->behavior)->stack_bytes;
    tri_phase_t phase = tri_actor_phase(actor);
    bool may_run = phase >= TRI_PHASE_STARTING && phase <= TRI_PHASE_ENDING;
    if (!may_run || wanted <= worker->stack->bytes) {
        return;
    }
    tr_err_t err = tri_worker_enlarge(worker, &actor->task, wanted);
    // Without its stack the actor must not run a handler: it ends as if it had been killed.
    snprintf(actor->cold->text, sizeof actor->cold->text, "no stack of %zu bytes: %s", wanted,
             tr_errname(err));
    actor->is_killed = true;
    actor->is_stopping = true;
}

void
tri_actor_turn(tri_worker *worker, tri_task *task)
{
    tri_actor *actor = TRI_CONTAINER(task, tri_actor, task);
    if (TRI_UNLIKELY(actor->wants_stack)) {
        fit_stack(worker, actor);
    }
    tri_actor_intake(actor);
    if (actor->is_aborted) {
        actor->is_aborted = false;
        done(actor, actor->verdict);
    } else if (actor->wait != NULL && actor->is_killed && !actor->wait->is_done) {
        tri_life_leave_stack(actor);
        tri_wait_abandon(actor);
        done(actor, TR_EKILLED);
    } else if (actor->wait != NULL) {
        look_at_wait(worker, actor);
        return;
    }
    int64_t began_ns = worker->now_ns;
    uint32_t steps = 0;
    while (step(actor)) {
        if (had_enough(worker, ++steps, began_ns)) {
            tri_worker_schedule(worker, task);
            return;
        }
        if (tri_inbox_has_mail(&actor->inbox)) {
            tri_actor_intake(actor);
        }
    }
    rest(actor, false);
}
