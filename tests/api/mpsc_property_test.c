// mpsc_property_test.c: the same, short enough for every day.
#if defined(__SANITIZE_THREAD__)
#define MPSC_RUNS 60 // each begins and ends a runtime, which is slow there
#else
#define MPSC_RUNS 300
#endif
#include "mpsc_property_stress.c"
