// bound_test.c: a race of a quarter of a second for each bound, for every day.
#define BOUND_MS 240
#define SINGLE   100000
#include "bound_stress.c"
