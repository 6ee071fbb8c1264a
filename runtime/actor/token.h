// token.h: the sending end of a oneshot: the duty, or the right, to answer once. It answers a
// request, by mail to who called, or puts its answer into a cell, where a receiver looks for it.
#ifndef TRI_ACTOR_TOKEN_H
#define TRI_ACTOR_TOKEN_H

#include "troupe/call.h"
#include "troupe/future.h"

#include "actor/cell.h"
#include "actor/park.h"

// A token is the value of a message: the room for an error answer, so that ending it without memory
// is possible. `sender` and `request` of that message say whom it answers, where it has no cell.
struct tr_token {
    tri_list link;       // in cold.tokens of the life that holds it
    int64_t deadline_ns; // of the request
    bool is_unwanted;    // its caller has given up
    tri_cell *cell;
    tr_future *errand; // of tr_forward: whose result it waits for; else NULL
    tr_runtime *rt;
};

// A token for a cell, held by `self` or by nobody that ends by itself; NULL: no memory.
tr_token *tri_token_create(tr_runtime *rt, tri_actor *self, tri_cell *cell);

// A token for the request in hand, which is not marked as answered yet; NULL: no memory.
tr_token *tri_token_for_hand(tr_self *self);

// It was for nothing: it goes, and nobody is answered.
void tri_token_discard(tr_self *self, tr_token *token);

// Answer with an error, or else with what was lent to the handler as `answer`, as it is. The token
// is gone.
void tri_token_pass(tr_self *self, tr_token *token, tr_err_t error, const tr_message *answer);

// What tr_token_await_unwanted waits for.
extern const tri_parking_ops tri_token_unwanted_ops;

// Owner: the caller of a request has given up, for this reason: a duty to answer it is not wanted
// any more, nor an errand for it. False: there is none.
bool tri_tokens_cancel(tri_actor *actor, tr_ref_t caller, uint32_t request, tr_err_t reason);

// Owner: a life ends with these duties open.
void tri_tokens_fail(tri_actor *actor, tr_err_t error);

#endif
