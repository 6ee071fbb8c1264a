/**
 * @file drain.h
 * Finishing before an end. Whoever shuts a tree of actors down in good order asks its root first to
 * let no new work in, and then to finish what was let in; tr_main does so. The request goes down
 * the tree and is answered when all below have answered.
 *
 *     if (tr_as(tr_drain, msg) != NULL) {
 *         stop_accepting(l);
 *         return TR_OK;       // my children are asked next, and then the request is answered
 *     }
 *
 * An actor need not know of this. The request goes through its mailbox like any other, behind all
 * that was sent before; if its handler returns without having answered (TR_EUNHANDLED will do), the
 * runtime asks its children and answers when they have. A handler that answers or defers it itself
 * sees to its children itself. While they are asked the actor handles other messages.
 */
#ifndef TROUPE_DRAIN_H
#define TROUPE_DRAIN_H

#include "troupe/message.h"

TR_BEGIN_DECLS

/** What is asked for, one after the other. */
#define TR_DRAIN_PHASE(V)                                                                          \
    V(TR_DRAIN_CLOSE, 0)  /* let no new work in: all children at once */                           \
    V(TR_DRAIN_FINISH, 1) /* finish what was let in: the youngest child first, when it has         \
                             answered the one before it; with TR_STOP_TOGETHER all at once */
TR_ENUM(tr_drain_phase, TR_DRAIN_PHASE);

/** The request: tr_call it, with the time that there is. It takes no room in the mailboxes of
 *  children. */
#define TR_DRAIN(F, T) F(T, enum(tr_drain_phase), phase)
TR_MESSAGE(tr_drain, TR_DRAIN);

/** The answer: it is done, as far as can be told: a child that crashed meanwhile is not asked
 *  again, and one that is held is not asked. */
TR_MESSAGE_EMPTY(tr_drained);

TR_END_DECLS

#endif
