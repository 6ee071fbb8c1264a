// cluster.h: the shards and which one has a key. A value: every connection has its own copy.
#ifndef KVD_CLUSTER_H
#define KVD_CLUSTER_H

#include "hash.h"

#include "troupe/message.h"
#include "troupe/ref.h"

#include <stdint.h>

#define CLUSTER_SHARDS_MAX 32u

typedef struct cluster {
    tr_ref_t shards[CLUSTER_SHARDS_MAX]; // restarts keep these
    uint32_t count;
    hash_seed_t seed; // not the one of the shards' tables, or theirs would be half empty
} cluster_t;

static inline uint32_t
cluster_shard_of(const cluster_t *c, tr_str_t key)
{
    return (uint32_t)(hash_of(c->seed, key) % c->count);
}

#endif
