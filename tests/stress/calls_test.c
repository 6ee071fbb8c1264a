// calls_test.c: some thousand calls between workers, for every day.
#define CALLS 5000
#include "calls_stress.c"
