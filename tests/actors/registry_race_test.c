// registry_race_test.c: registry_race_stress.c, short enough for every day.
#if defined(__SANITIZE_THREAD__)
#define RACE_PLAYERS 24u
#define RACE_ROUNDS  40u // a wait costs much there
#else
#define RACE_PLAYERS 100u
#define RACE_ROUNDS  150u
#endif
#include "registry_race_stress.c"
