// hash.h: SipHash-2-4. Keys come from strangers: without the seed nobody can choose keys that all
// fall into one bucket or onto one shard.
#ifndef KVD_HASH_H
#define KVD_HASH_H

#include "troupe/message.h"

#include <stdint.h>

typedef struct hash_seed {
    uint64_t k0;
    uint64_t k1;
} hash_seed_t;

// A fresh secret from the system.
hash_seed_t hash_seed_random(void);

uint64_t hash_of(hash_seed_t seed, tr_str_t key);

#endif
