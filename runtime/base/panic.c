#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
tri_panic(const char *file, int line, const char *format, ...)
{
    char text[512];
    int at = snprintf(text, sizeof text, "troupe: internal error at %s:%d: ", file, line);
    va_list args;
    va_start(args, format);
    if (at > 0 && (size_t)at < sizeof text) {
        int more = vsnprintf(text + at, sizeof text - (size_t)at, format, args);
        at += more > 0 ? more : 0;
    }
    va_end(args);
    size_t size = at < 0 ? 0 : (size_t)at < sizeof text - 1 ? (size_t)at : sizeof text - 2;
    text[size] = '\n';
    // Nothing is left to do about a failed write: the process ends on the next line.
    ssize_t ignored = write(STDERR_FILENO, text, size + 1);
    (void)ignored;
    abort();
}
