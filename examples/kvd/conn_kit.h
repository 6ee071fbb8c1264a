// conn_kit.h: a connection as its files see it: conn.c is its life, conn_channel.c what it does
// with channels, conn_pop.c how it waits for an item.
#ifndef KVD_CONN_KIT_H
#define KVD_CONN_KIT_H

#include "buffer.h"
#include "cluster.h"
#include "heap.h"
#include "plan.h"
#include "resp.h"

#include "troupe/actor.h"
#include "troupe/broadcast.h"
#include "troupe/select.h"
#include "troupe/tcp.h"

#include <stdbool.h>

#define CONN_OUTPUT_FULL (64u * 1024) // then it is written out
#define CONN_TIMEOUT_S   5            // of a call

typedef struct conn_subscription {
    tr_broadcast_rx *rx;
    bool is_pattern;
    size_t name_size;
    char *name;
} conn_subscription_t;

typedef struct conn {
    tr_tcp *tcp;
    cluster_t cluster;
    tr_ref_t hub;
    heap_t heap; // good during conn_serve, which is where all the rest happens
    resp_parser parser;
    buffer input;
    buffer output;
    plan plan;
    size_t read_size;
    bool closing; // what has been replied is the last word
    conn_subscription_t *subscriptions;
    size_t subscription_count;
    size_t subscription_capacity;
    tr_branch_t *branches; // of each subscription, behind that of the client; of as many at least
    size_t branch_capacity;
} conn;

// Write the output. A slow reader holds up nobody but itself, for as long as it likes.
tr_err_t conn_flush(tr_self *self, conn *c);

// The same, when there is much of it.
tr_err_t conn_flush_if_full(tr_self *self, conn *c);

// Read what is there, at least one byte.
tr_err_t conn_read(tr_self *self, conn *c, tr_duration_t timeout);

// A call that the actor does not survive: that is how we know it worked.
tr_err_t
conn_crash(tr_self *self, conn *c, tr_ref_t actor, const tr_type_t *type, const void *value);

// ---- conn_channel.c: each says its reply --------------------------------------------------------

tr_err_t conn_publish(tr_self *self, conn *c);
tr_err_t conn_subscribe(tr_self *self, conn *c);
tr_err_t conn_unsubscribe(tr_self *self, conn *c);
tr_err_t conn_count_topics(tr_self *self, conn *c);

// Pass on what is published until the client says something, or c->closing.
tr_err_t conn_listen(tr_self *self, conn *c);

// ---- conn_pop.c ---------------------------------------------------------------------------------

// Pop an item, or wait for one, and reply.
tr_err_t conn_pop(tr_self *self, conn *c);

#endif
