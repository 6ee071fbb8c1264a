// tree_property_test.c: some hundred trees of supervisors, for every day.
#if defined(__SANITIZE_THREAD__)
#define TREE_RUNS 20 // a switch of stacks is slow there
#else
#define TREE_RUNS 200
#endif
#include "tree_property_stress.c"
