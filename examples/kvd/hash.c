#include "hash.h"

#include <time.h>
#include <unistd.h>

hash_seed_t
hash_seed_random(void)
{
    hash_seed_t seed = {0};
    if (getentropy(&seed, sizeof seed) != 0) {
        // A system without it: less secret, still different at each start.
        struct timespec now = {0};
        clock_gettime(CLOCK_REALTIME, &now);
        seed.k0 = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u;
        seed.k1 = (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&seed;
    }
    return seed;
}

static inline uint64_t
rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

// Little-endian, on any machine.
static inline uint64_t
load(const unsigned char *at, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)at[i] << (8 * i);
    }
    return word;
}

uint64_t
hash_of(hash_seed_t seed, tr_str_t key)
{
    uint64_t v[4] = {
        seed.k0 ^ 0x736f6d6570736575u,
        seed.k1 ^ 0x646f72616e646f6du,
        seed.k0 ^ 0x6c7967656e657261u,
        seed.k1 ^ 0x7465646279746573u,
    };
    const unsigned char *at = (const unsigned char *)key.data;
    size_t left = key.size;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word = load(at, 8);
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)key.size << 56 | load(at, left);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
