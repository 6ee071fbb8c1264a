// select_test.c: selects over everything there is, short enough for every day.
#define SELECT_MS 500
#include "select_stress.c"
