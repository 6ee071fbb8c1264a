// deadlock_race_test.c: some hundred rounds of waits that close cycles at once, for every day.
#if defined(__SANITIZE_THREAD__)
#define RACE_ROUNDS 80
#else
#define RACE_ROUNDS 400
#endif
#include "deadlock_race_stress.c"
