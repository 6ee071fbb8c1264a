// listener.h: the actor that accepts clients and gives each a conn of its own, its child.
#ifndef KVD_LISTENER_H
#define KVD_LISTENER_H

#include "hash.h"

#include "troupe/actor.h"

#include <stdint.h>

// The argument of its start. The texts live as long as the program.
typedef struct listener_arg {
    const char *host;
    uint16_t port;         // 0: the system chooses
    const char *port_file; // written when clients are accepted; empty for none
    uint32_t max_clients;
    uint32_t shards;  // children "shard-0" … of the same supervisor, which has a "hub", too
    hash_seed_t seed; // which keys are whose; the same in every life, as the shards keep their keys
} listener_arg_t;

extern const tr_behavior_t listener_behavior;

#endif
