// permits_test.c: the same, short enough for every day.
#define PERMITS_SEEDS 3
#define PERMITS_MS    200
#include "permits_stress.c"
