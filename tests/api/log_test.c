// log_test.c: what an actor says in the log.
#include "troupe_test.h"

#include <string.h>

TestSuite(log, .timeout = 60);

typedef struct listener {
    uint32_t count;
    tr_log_level_t level;
    char line[4096];
} listener;

static void
hear_line(tr_log_level_t level, const char *line, void *arg)
{
    listener *l = arg;
    l->count++;
    l->level = level;
    snprintf(l->line, sizeof l->line, "%s", line);
}

static tr_err_t
say_in_log(tr_self *self, void *arg)
{
    tr_log(self, TR_LOG_WARN, "%s and %d", (const char *)arg, 42);
    return TR_OK;
}

static listener
listen_to(const char *name, const char *what)
{
    listener l = {.count = 0};
    tr_runtime *rt;
    tr_ref_t ref;
    tr_runtime_opts_t opts = {.name = "test", .workers = 1, .log = hear_line, .log_arg = &l};
    assert_ok(tr_runtime_create(&opts, &rt));
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &puppet, .name = name}, &ref));
    assert_ok(troupe_act(rt, ref, say_in_log, (void *)what));
    troupe_end(rt);
    cr_assert(eq(u32, l.count, 1));
    return l;
}

Test(log, cuts_off_what_is_too_long)
{
    static char what[5000];
    memset(what, 'x', sizeof what - 1);
    listener l = listen_to("speaker", what);
    cr_assert(eq(sz, strlen(l.line), strlen("speaker: ") + 2047));
    cr_assert(strstr(l.line, "42") == NULL);
}

Test(log, has_the_line_with_its_level_and_the_name_of_who_said_it)
{
    listener l = listen_to("speaker", "so");
    cr_assert(strcmp(l.line, "speaker: so and 42") == 0, "%s", l.line);
    cr_assert(eq(int, (int)l.level, TR_LOG_WARN));
    l = listen_to(NULL, "so");
    cr_assert(strcmp(l.line, "puppet: so and 42") == 0, "%s", l.line);
}
