// oneshot_property_test.c: oneshots against their model, short enough for every day.
#if defined(__SANITIZE_THREAD__)
#define ONESHOT_RUNS 100
#else
#define ONESHOT_RUNS 2500
#endif
#include "oneshot_property_stress.c"
