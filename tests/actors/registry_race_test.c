// registry_race_test.c: registry_race_stress.c, short enough for every day.
#if defined(__SANITIZE_THREAD__)
#define RACE_PLAYERS 50u
#define RACE_ROUNDS  100u
#else
#define RACE_PLAYERS 100u
#define RACE_ROUNDS  150u
#endif
#include "registry_race_stress.c"
