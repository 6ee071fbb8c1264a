// words.h: what handlers and the log have said, in order.
#ifndef TROUPE_TESTS_ACTORS_WORDS_H
#define TROUPE_TESTS_ACTORS_WORDS_H

#include "troupe_test.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_lines[16384];

static inline void
append(char *to, size_t size, const char *what)
{
    pthread_mutex_lock(&words_lock);
    size_t length = strlen(to);
    snprintf(to + length, size - length, "%s%s", length != 0 ? " " : "", what);
    pthread_mutex_unlock(&words_lock);
}

static inline bool
contains(const char *text, const char *what)
{
    pthread_mutex_lock(&words_lock);
    bool is_there = strstr(text, what) != NULL;
    pthread_mutex_unlock(&words_lock);
    return is_there;
}

static inline void
keep_line(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    append(log_lines, sizeof log_lines, line);
}

// A runtime whose log goes to log_lines.
static inline tr_runtime *
begin_with_log(uint32_t workers)
{
    tr_runtime *rt = NULL;
    tr_runtime_opts_t opts = {.name = "test", .workers = workers, .log = keep_line};
    assert_ok(tr_runtime_create(&opts, &rt));
    return rt;
}

#endif
