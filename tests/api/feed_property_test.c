// feed_property_test.c: broadcasts and watches against their model, short enough for every day.
#if defined(__SANITIZE_THREAD__)
#define FEED_RUNS 100
#else
#define FEED_RUNS 3000
#endif
#include "feed_property_stress.c"
