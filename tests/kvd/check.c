#include "check.h"

#include <stdarg.h>
#include <stdlib.h>

atomic_int check_failures;

bool
check_at(const char *file, int line, bool condition, const char *format, ...)
{
    if (condition) {
        return true;
    }
    if (atomic_fetch_add(&check_failures, 1) < 20) {
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        fprintf(stderr, "%s:%d: %s\n", file, line, text);
    }
    return false;
}

size_t
check_slack_kib(size_t kib)
{
    const char *slack = getenv("KVD_RSS_SLACK_KIB");
    return slack != NULL ? (size_t)atoll(slack) : kib;
}

int
check_rounds(int count)
{
    const char *less = getenv("KVD_LESS");
    return less != NULL && atoi(less) > 0 ? count / atoi(less) : count;
}
