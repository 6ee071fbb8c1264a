// inbox_stress.c: the inbox's tests with letters by the million.
#include "base/compat.h"

#if TRI_TSAN
#define LETTERS 100000
#else
#define LETTERS 1000000
#endif
#include "inbox_test.c"
