// ops.h: what can be waited for here, so that tr_select can wait for any of it. Each is for one
// kind of object: a tr_mpsc_rx, a tr_oneshot, a tri_feed_end that reads.
#ifndef TRI_SYNC_OPS_H
#define TRI_SYNC_OPS_H

#include "actor/park.h"

extern const tri_parking_ops tri_mpsc_recv_ops;
extern const tri_parking_ops tri_oneshot_recv_ops;
extern const tri_parking_ops tri_feed_ops;
extern const tri_parking_ops tri_watch_ops;

#endif
