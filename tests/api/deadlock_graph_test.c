// deadlock_graph_test.c: some thousand graphs of waits, for every day.
#if defined(__SANITIZE_THREAD__)
#define GRAPH_RUNS 100 // a switch of stacks is slow there
#else
#define GRAPH_RUNS 5000
#endif
#include "deadlock_graph_stress.c"
