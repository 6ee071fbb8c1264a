// rng.h: small, fast, seeded random numbers. Equal seeds give equal sequences on every machine,
// which is what a replay needs; nothing here is fit for secrets.
#ifndef TRI_BASE_RNG_H
#define TRI_BASE_RNG_H

#include <stdint.h>

typedef struct tri_rng {
    uint64_t state[4];
} tri_rng;

// Any seed will do, zero too.
void tri_rng_init(tri_rng *rng, uint64_t seed);

uint64_t tri_rng_next(tri_rng *rng);

// One of 0 … n - 1, each as likely as the others. `n` is not 0.
uint32_t tri_rng_below(tri_rng *rng, uint32_t n);

#endif
