#include "base/rng.h"

#include <stdint.h>

#include "check.h"

Test(rng, gives_the_numbers_of_the_reference_implementation)
{
    // xoshiro256starstar.c of its authors, from the state 1, 2, 3, 4.
    tri_rng rng = {.state = {1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (int i = 0; i < 4; i++) {
        cr_assert(eq(u64, tri_rng_next(&rng), expected[i]));
    }
}

Test(rng, equal_seeds_repeat_and_different_seeds_differ)
{
    tri_rng a, b, c;
    tri_rng_init(&a, 7341);
    tri_rng_init(&b, 7341);
    tri_rng_init(&c, 7342);
    for (int i = 0; i < 100; i++) {
        uint64_t next = tri_rng_next(&a);
        cr_assert(eq(u64, next, tri_rng_next(&b)));
        cr_assert(ne(u64, next, tri_rng_next(&c)));
    }
}

Test(rng, seed_zero_is_as_good_as_any)
{
    tri_rng rng;
    tri_rng_init(&rng, 0);
    uint64_t seen = 0;
    for (int i = 0; i < 64; i++) {
        seen |= tri_rng_next(&rng);
    }
    cr_assert(eq(u64, seen, UINT64_MAX));
}

Test(rng, below_one_is_zero)
{
    tri_rng rng;
    tri_rng_init(&rng, 1);
    for (int i = 0; i < 100; i++) {
        cr_assert(eq(u32, tri_rng_below(&rng, 1), 0));
    }
}

Test(rng, below_is_in_range_and_even)
{
    tri_rng rng;
    tri_rng_init(&rng, 2);
    // 3 * 2^30: taken modulo, the lowest third would come twice as often as the others.
    uint32_t n = 3u << 30;
    uint32_t thirds[3] = {0};
    for (int i = 0; i < 30000; i++) {
        uint32_t at = tri_rng_below(&rng, n);
        cr_assert(lt(u32, at, n));
        thirds[at >> 30]++;
    }
    for (int i = 0; i < 3; i++) {
        cr_assert(gt(u32, thirds[i], 9600));
        cr_assert(lt(u32, thirds[i], 10400));
    }
}
