// future_test.c: calls under way at random, short enough for every day.
#define FUTURE_SEEDS 3
#define FUTURE_MS    300
#include "future_stress.c"
