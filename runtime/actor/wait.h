// wait.h: the one way to suspend a handler. It carries the deadline, the cancellation and the text
// that tells an observer what is waited for. Everything that waits is built on it.
#ifndef TRI_ACTOR_WAIT_H
#define TRI_ACTOR_WAIT_H

#include "actor/actor.h"
#include "actor/edge.h"

// One wait, on the stack of the handler that waits. Zero it, set `forsake`, make known to whoever
// will complete it, then call tri_wait_for.
struct tri_wait {
    // Unhook the wait from what would complete it. Called once when the wait ends in another way:
    // by deadline, cancel or kill. On the owner's thread; may run after the handler's stack was
    // given up, but before its memory is. May be NULL.
    void (*forsake)(tri_wait *wait, tri_actor *actor);
    // Look whether it is over: asked before the wait begins, and in the actor's turn each time that
    // something woke it. So whoever changes what is waited for nudges the actor and no more. NULL:
    // whoever completes the wait says so.
    bool (*is_ready)(tri_wait *wait, tri_actor *actor);
    // Owner: the first, second, ... of those whom it is for, all of them needed to end it; false:
    // there is none, or no other. NULL: there is none. See deadlock.h.
    bool (*edge)(tri_wait *wait, size_t index, tri_edge_t *out);
    tri_timer timer;
    tri_actor *actor;
    tr_err_t result;
    bool is_done;
    bool is_yield;   // completes by itself, behind everyone that is runnable now
    bool takes_mail; // ordinary messages wake it too
};

// The absolute deadline of a wait that begins now: the smallest of the timeout and of what the
// handler in progress has, tri_scope_deadline. INT64_MAX: none.
int64_t tri_wait_deadline(tri_actor *self, tr_duration_t timeout);

// Whether the handler in progress is told to stop, so that waits are refused that no shield covers.
bool tri_wait_is_stopped(const tri_actor *self);

// Suspend until the wait is complete. Returns its result; TR_ETIMEOUT at the deadline; TR_ECANCELED
// when the actor is told to stop; TR_ENOMEM when there is no stack to go on with. Does not return
// when the actor is killed. `what` is static text.
tr_err_t tri_wait_for(tri_actor *self, tri_wait *wait, const char *what, int64_t deadline_ns);

// Why a wait that begins now would be refused: what tri_wait_for would return at once; TR_OK where
// it may begin. For who does something for the sake of the wait first.
tr_err_t tri_wait_refusal(const tri_actor *self, int64_t deadline_ns);

// Before an operation that may be over without a wait: a handler that does many such in a row lets
// others run now and then, and hears of a stop. TR_OK or TR_ECANCELED. Does not return when the
// actor is killed, so nothing must be at stake yet.
tr_err_t tri_wait_breathe(tri_actor *self);

// Let a wait run that nobody suspends for yet: from now on it ends by its deadline too. It must be
// over, or disarmed, before its memory goes.
void tri_wait_arm(tri_actor *self, tri_wait *wait, int64_t deadline_ns);
void tri_wait_disarm(tri_wait *wait);

// Complete a wait and see to it that its actor runs. On the actor's worker, from outside its turn:
// timers and I/O. Nothing happens when it is complete already.
void tri_wait_complete(tri_wait *wait, tr_err_t result);

// The same from inside the actor's own turn, which looks at the wait next.
void tri_wait_settle(tri_wait *wait, tr_err_t result);

// Owner: end the wait of a suspended handler, as by deadline; `result` is what it returns.
void tri_wait_interrupt(tri_actor *actor, tr_err_t result);

// Owner: the suspended handler will not be resumed. Its stack is free afterwards.
void tri_wait_abandon(tri_actor *actor);

// An answer has come, or the deadline has passed; in the actor's turn or its worker's timers.
typedef void (*tri_done_fn)(tri_request *request, tri_actor *actor);

// A request that an answer will come back for: a call, a wait for room, a start.
struct tri_request {
    tri_request *next; // in actor.requests
    uint32_t id;
    tri_edge_kind_t kind;
    bool is_lasting;     // not on the handler's stack: it stays when that is given up
    bool is_delivered;   // a call that the callee has: it is told when nobody waits any more
    tr_ref_t callee;     // who will answer
    tr_ref_t early_from; // a delegation that was heard of before the one that it follows
    tr_ref_t early_to;
    const tr_type_t *type; // of the message; NULL: none
    int64_t deadline_ns;   // of a call
    tr_message *answer;    // owned by the request once it is there
    uint64_t order;        // of one that is lasting: among those of its actor that are done
    tri_done_fn on_done;   // may be NULL
    tri_wait wait;
};

// Open a request to `to`: its id goes into the message. It is closed by tri_request_wait or
// _cancel.
void tri_request_open(tri_actor *self, tri_request *request, tri_edge_kind_t kind, tr_ref_t to,
                      const tr_type_t *type);

// Whom one that is open is for.
tri_edge_t tri_request_edge(const tri_request *request);
void tri_request_cancel(tri_actor *self, tri_request *request);

// Nobody waits for the answer any more: it is closed, and the callee told.
void tri_request_forsake(tri_request *request, tri_actor *actor);

// Owner: the stack of the suspended handler goes, and the requests on it.
void tri_requests_leave_stack(tri_actor *actor);

// Wait for the answer. TR_OK: request->answer is yours. Otherwise there is none, and one that comes
// later finds nobody.
tr_err_t
tri_request_wait(tri_actor *self, tri_request *request, const char *what, int64_t deadline_ns);

// Owner, from the intake: a callee has handed the call on. False: it is not open any more.
bool tri_request_follow(tri_actor *actor, uint32_t id, tr_ref_t from, tr_ref_t to);

// Owner, from the intake: an answer has come. False: nobody waits for it; it is still the caller's.
bool tri_request_answer(tri_actor *actor, tr_message *answer);

#endif
