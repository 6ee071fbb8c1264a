// hub.h: the actor that knows the channels. A channel, or a pattern, that somebody has subscribed
// to is a topic, a child of the hub; what nobody has subscribed to is nothing at all, however often
// one publishes to it. All that is published goes through the hub, so everyone sees it in the same
// order. The hub calls its topics and nobody else.
#ifndef KVD_HUB_H
#define KVD_HUB_H

#include "troupe/actor.h"
#include "troupe/message.h"

// What a topic keeps for subscribers that are slow.
#define HUB_KEPT_COUNT 1024u
#define HUB_KEPT_BYTES (4u * 1024 * 1024)

// The largest name of a channel, or pattern: a match takes up to the product of both in steps. The
// largest message.
#define HUB_NAME_MAX    1024u
#define HUB_PAYLOAD_MAX (1024u * 1024)

#define HUB_MAILBOX_BYTES (16u * 1024 * 1024)
#define HUB_MAILBOX_COUNT 1024u

// A call: subscribe. Answered with tr_topic_reader. The seat that it takes at the topic lasts until
// hub_leave or the end of the caller, and the topic until its last seat is free.
#define HUB_JOIN(F, T) F(T, bool, is_pattern) F(T, str, name)
TR_MESSAGE(hub_join, HUB_JOIN);

// The reader is closed, or will be: the seat is free.
#define HUB_LEAVE(F, T) F(T, bool, is_pattern) F(T, str, name)
TR_MESSAGE(hub_leave, HUB_LEAVE);

// A call: publish. Answered with tr_topic_published. The readers get the same message.
#define HUB_NEWS(F, T) F(T, str, channel) F(T, buf, payload)
TR_MESSAGE(hub_news, HUB_NEWS);

// A call: how many topics there are. Answered with hub_counted.
TR_MESSAGE_EMPTY(hub_count);
#define HUB_COUNTED(F, T) F(T, u32, topics)
TR_MESSAGE(hub_counted, HUB_COUNTED);

// A call that the hub does not survive, nor do its topics; the caller gets TR_ECRASHED.
TR_MESSAGE_EMPTY(hub_crash);

// It takes no argument.
extern const tr_behavior_t hub_behavior;

#endif
