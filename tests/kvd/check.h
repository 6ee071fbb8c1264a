// check.h: what the end-to-end scenarios say about themselves.
#ifndef KVD_TESTS_CHECK_H
#define KVD_TESTS_CHECK_H

#include "troupe/export.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// Of the scenario that runs. Any thread.
extern atomic_int check_failures;

// When it is false, say what is wrong, the first twenty times, and go on. Yields the condition.
#define check(condition, ...) check_at(__FILE__, __LINE__, (condition), __VA_ARGS__)

bool check_at(const char *file, int line, bool condition, const char *format, ...) TR_PRINTF(4, 5);

// By how much a server's memory may grow in the scenario that runs. Sanitizers keep freed memory,
// so KVD_RSS_SLACK_KIB overrides it: there LeakSanitizer is the judge.
size_t check_slack_kib(size_t kib);

// How often to do what is done so many times: a part of it where KVD_LESS is a divisor.
int check_rounds(int count);

#endif
