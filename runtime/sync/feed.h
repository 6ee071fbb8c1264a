// feed.h: one row of messages that every reader sees from where it began: what a broadcast and a
// watch are. The newest are kept, as many as the bounds allow; a reader that is too slow misses
// some and is told how many. A watch keeps one.
//
// Senders never wait and readers never hold them up, so a lock with short sections serves better
// than anything clever: a message is copied in and out, and whoever waits is nudged. Large data is
// not copied: it travels as a tr_buf.
//
// The ledger counts a copy for each reader: accepted when it is sent, handled when the reader gives
// it back, dropped when the reader hears that it missed it, discarded when it closes before.
#ifndef TRI_SYNC_FEED_H
#define TRI_SYNC_FEED_H

#include "actor/park.h"
#include "msg/message.h"
#include "sync/end.h"

#include <pthread.h>

typedef struct tri_feed {
    tr_runtime *rt;
    bool is_watch; // readers want the newest, and miss nothing by missing others
    uint32_t count_max;
    uint64_t bytes_max;
    pthread_mutex_t lock;
    // Under lock:
    uint32_t senders;
    uint32_t readers;
    uint64_t first; // number of the oldest that is kept, and
    uint64_t next;  // of the one that will be sent next: numbers only grow
    uint64_t bytes;
    tri_list waiting;   // tri_parking of readers that wait for a message
    tri_list closing;   // and of senders that wait for the last reader to go
    tr_message *kept[]; // by number modulo count_max
} tri_feed;

// An end of either kind.
typedef struct tri_feed_end {
    tri_end end;
    tri_feed *feed;
    bool is_sender;
    uint64_t next;   // of a reader: the number that it will read next
    uint64_t missed; // of a reader: how many, when it last was told
} tri_feed_end;

typedef struct tri_feed_opts {
    uint32_t count;
    uint64_t bytes;
    bool is_watch;
} tri_feed_opts_t;

// A feed with one sending end, of `self` or of a thread outside. TR_EINVAL, TR_ENOMEM.
tr_err_t
tri_feed_create(tr_runtime *rt, tri_actor *self, const tri_feed_opts_t *opts, tri_feed_end **out);

// One more end of the feed that `of` belongs to, for `self`. A reader begins with what is sent
// next; of a watch it has seen the newest. TR_ENOMEM; TR_ECLOSED for a sender where none is left.
tr_err_t tri_feed_open(tri_actor *self, const tri_feed_end *of, bool is_sender, tri_feed_end **out);

// The end ends; the feed with the last one.
void tri_feed_close(tri_feed_end *end);

// For tr_local_t.
void tri_feed_drop(void *end);
void tri_feed_leave(void *end);
void tri_feed_adopt(tr_self *self, void *end);

// Send. TR_OK: *out_readers is how many will see it. TR_ECLOSED: there is no reader, and it is not
// a watch. TR_EINVAL: it holds a local object, which cannot be in two places. TR_ETOOBIG,
// TR_ENOMEM.
tr_err_t tri_feed_send(tri_actor *self, tri_feed_end *tx, const tr_type_t *type, const void *value,
                       uint32_t *out_readers);

// Read what there is, without waiting; the message is lent as by tr_mpsc_recv. TR_ETIMEOUT:
// nothing; TR_ECLOSED: nothing, and there will be nothing; TR_ELAGGED: rx->missed is how many;
// TR_ENOMEM.
tr_err_t tri_feed_read(tri_actor *self, tri_feed_end *rx, const tr_message **out);

// The same for the newest of a watch, seen before or not.
tr_err_t tri_feed_newest(tri_actor *self, tri_feed_end *rx, const tr_message **out);

// A reader: whether there is a message that it has not read; whether tri_feed_read has something to
// say.
bool tri_feed_has_news(const tri_feed_end *rx);
bool tri_feed_is_ready(const tri_feed_end *rx);

// A sender: whether no reader is left; and wait for that.
bool tri_feed_is_unread(tri_feed_end *tx);
tr_err_t tri_feed_await_unread(tri_actor *self, tri_feed_end *tx, tr_duration_t timeout);

#endif
