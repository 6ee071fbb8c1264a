#include "check.h"

#include <stdarg.h>

atomic_int check_failures;

void
check_failed(const char *file, int line, const char *format, ...)
{
    if (atomic_fetch_add(&check_failures, 1) >= 20) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
}
