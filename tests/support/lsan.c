// lsan.c: whose leaks count. Linked into every test of a build with AddressSanitizer.
//
// Criterion's runner forgets 48 bytes for each parameterized test, in a function without a name
// that a suppression could match; and to suppress its whole library would suppress every test,
// because every test is called from there. The tests run in processes of their own, so: leaks are
// looked for there, and not in the runner.
#include <errno.h>
#include <string.h>

int
__lsan_is_turned_off(void)
{
    return strcmp(program_invocation_short_name, "boxfort-worker") != 0;
}
