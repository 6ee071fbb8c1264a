// rng.c: xoshiro256** 1.0 by David Blackman and Sebastiano Vigna (2018, public domain,
// prng.di.unimi.it), seeded through their splitmix64 as they recommend; bounded by Daniel Lemire's
// multiplication ("Fast Random Integer Generation in an Interval", 2019).
#include "base/rng.h"

#include "base/panic.h"

static uint64_t
rotate_left(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t
splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void
tri_rng_init(tri_rng *rng, uint64_t seed)
{
    // Four zeros would stay zeros; splitmix64, a bijection of a counter, gives zero at most once.
    for (int i = 0; i < 4; i++) {
        rng->state[i] = splitmix64(&seed);
    }
}

uint64_t
tri_rng_next(tri_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t
tri_rng_below(tri_rng *rng, uint32_t n)
{
    TRI_ASSERT(n > 0, "below nothing");
    uint64_t product = (tri_rng_next(rng) >> 32) * n;
    uint32_t low = (uint32_t)product;
    if (TRI_UNLIKELY(low < n)) {
        // 2^32 mod n of the low halves belong to results that would come once too often.
        uint32_t surplus = (0 - n) % n;
        while (low < surplus) {
            product = (tri_rng_next(rng) >> 32) * n;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}
