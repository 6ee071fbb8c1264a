// storm_test.c: the storm, short enough for every day.
#define STORM_SEEDS 3
#define STORM_MS    300
#include "storm_stress.c"
