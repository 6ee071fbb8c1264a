// check.h: what the end-to-end scenarios say about themselves.
#ifndef KVD_TESTS_CHECK_H
#define KVD_TESTS_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

// Of the scenario that runs. Any thread.
extern atomic_int check_failures;

// Say what is wrong, the first twenty times, and go on. Yields the condition.
#define check(condition, ...)                                                                      \
    ((condition) ? true : (check_failed(__FILE__, __LINE__, __VA_ARGS__), false))

void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
