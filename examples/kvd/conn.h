// conn.h: one client: an actor that reads requests, asks the shards and the hub and writes replies,
// until either side has enough. It lives as long as its connection does and is never restarted.
#ifndef KVD_CONN_H
#define KVD_CONN_H

#include "cluster.h"

#include "troupe/actor.h"
#include "troupe/tcp.h"

// The argument of its start; its socket is given with the spawn.
typedef struct conn_arg {
    cluster_t cluster;
    tr_ref_t hub;
} conn_arg_t;

extern const tr_behavior_t conn_behavior;

#endif
