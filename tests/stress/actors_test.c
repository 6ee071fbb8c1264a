// actors_test.c: some thousand actors alive, for every day.
#define ACTORS 2000
#include "actors_stress.c"
