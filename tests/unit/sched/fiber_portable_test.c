// fiber_portable_test.c: the tests of fiber_test.c with the implementation for other machines,
// which is compiled in here and so takes the place of the library's.
#define TRI_FIBER_PORTABLE 1
#define static_assert _Static_assert // here <assert.h> is the tests' own
#include "sched/fiber.c"

#include "fiber_test.c"
