// tree_race_test.c: some hundred trees in which much happens at once, for every day.
#if defined(__SANITIZE_THREAD__)
#define RACE_RUNS 20
#else
#define RACE_RUNS 300
#endif
#include "tree_race_stress.c"
