#include "inspect/glob.h"

#include <string.h>

#include "check.h"

static bool
match(const char *pattern, const char *text)
{
    return tri_glob_match(pattern, strlen(pattern), text);
}

Test(glob, plain_text_matches_itself_alone)
{
    cr_expect(match("store", "store"));
    cr_expect(match("store", "stores") == false);
    cr_expect(match("store", "stor") == false);
    cr_expect(match("", ""));
    cr_expect(match("", "x") == false);
}

Test(glob, a_star_takes_any_text_and_none)
{
    cr_expect(match("store/*", "store/"));
    cr_expect(match("store/*", "store/12"));
    cr_expect(match("*", ""));
    cr_expect(match("*/1*", "a/2/11"));
    cr_expect(match("**a**", "bab"));
    cr_expect(match("*a", "ab") == false);
    cr_expect(match("*ab", "aab"));
}

Test(glob, a_question_mark_takes_one_character)
{
    cr_expect(match("store/?", "store/1"));
    cr_expect(match("store/?", "store/") == false);
    cr_expect(match("store/?", "store/12") == false);
}

Test(glob, brackets_and_backslashes_are_themselves)
{
    cr_expect(match("a[1]", "a[1]"));
    cr_expect(match("a[1]", "a1") == false);
    cr_expect(match("a\\*", "a\\b"));
}

Test(glob, a_pattern_made_of_stars_takes_no_time, .timeout = 5)
{
    char pattern[255];
    char text[64];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < sizeof pattern - 1; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[sizeof pattern - 1] = 'b';
    for (int i = 0; i < 10000; i++) {
        cr_assert(tri_glob_match(pattern, sizeof pattern, text) == false);
    }
}
