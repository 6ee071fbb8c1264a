// check.h: Criterion, and assertions that print the names of errors.
#ifndef TROUPE_TESTS_CHECK_H
#define TROUPE_TESTS_CHECK_H

#include "troupe/error.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

// The expression must give this error; prints both by name. On the test's own thread only.
#define assert_err(expression, expected)                                                           \
    do {                                                                                           \
        tr_err_t got_ = (expression);                                                              \
        if (got_ != (expected)) {                                                                  \
            cr_fatal("%s: %s, expected %s", #expression, tr_errname(got_), tr_errname(expected));  \
        }                                                                                          \
    } while (0)

#define assert_ok(expression) assert_err(expression, TR_OK)

// The same without ending the test: for handlers and other threads.
#define expect_err(expression, expected)                                                           \
    do {                                                                                           \
        tr_err_t got_ = (expression);                                                              \
        if (got_ != (expected)) {                                                                  \
            cr_fail("%s: %s, expected %s", #expression, tr_errname(got_), tr_errname(expected));   \
        }                                                                                          \
    } while (0)

#define expect_ok(expression) expect_err(expression, TR_OK)

#endif
