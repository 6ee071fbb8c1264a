/**
 * @file topic.h
 * A topic is an actor with a broadcast channel: what is sent to its address, of any type, goes to
 * everyone who has subscribed. Those who publish need its address only; they never wait for a
 * reader. Spawn it like any actor, under a supervisor if it is to be there always.
 *
 *     err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &tr_topic_behavior, .name = "prices"},
 * &prices); … err = tr_send(self, prices, TR_MSG(price, .cents = 1250));          // publish …
 *     tr_broadcast_rx *rx;
 *     err = tr_topic_subscribe(self, prices, tr_seconds(1), &rx);         // elsewhere: subscribe
 *     err = tr_broadcast_recv(self, rx, &msg, TR_FOREVER);
 *
 * When a topic ends or is restarted its readers get TR_ECLOSED and may subscribe again. What it
 * publishes is sent by the topic: tr_message_sender is its address.
 */
#ifndef TROUPE_TOPIC_H
#define TROUPE_TOPIC_H

#include "troupe/actor.h"
#include "troupe/broadcast.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"
#include "troupe/runtime.h"

TR_BEGIN_DECLS

/** The behavior. Its argument at spawn is a tr_broadcast_opts_t, or none for the defaults. */
extern TR_API const tr_behavior_t tr_topic_behavior;

/** A request for a reader; answered with tr_topic_reader. */
TR_MESSAGE_EMPTY(tr_topic_join);

/** The answer: `rx` is the caller's once it has taken it with tr_take. */
#define TR_TOPIC_READER(F, T) F(T, local(tr_broadcast_rx), rx)
TR_MESSAGE(tr_topic_reader, TR_TOPIC_READER);

/** The answer to a message that was published with tr_call: how many will see it. */
#define TR_TOPIC_PUBLISHED(F, T) F(T, u32, readers)
TR_MESSAGE(tr_topic_published, TR_TOPIC_PUBLISHED);

/**
 * Subscribe: a reader of what is published from now on, which belongs to `self`.
 * @param out  owned: tr_broadcast_rx_close
 * @return TR_OK, or what tr_call returns.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_topic_subscribe(tr_self *self, tr_ref_t topic,
                                                 tr_duration_t timeout, tr_broadcast_rx **out);

/** The same for a thread outside. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_topic_subscribe(tr_runtime *rt, tr_ref_t topic,
                                                         tr_duration_t timeout,
                                                         tr_broadcast_rx **out);

TR_END_DECLS

#endif
