// glob_test.c: kvd's patterns.
#include "glob.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

TestSuite(glob, .timeout = 60);

#define expect_match(pattern, text)                                                                \
    cr_expect(glob_matches(tr_str(pattern), tr_str(text)), "%s should match %s", (pattern), (text))
#define expect_none(pattern, text)                                                                 \
    cr_expect(not(glob_matches(tr_str(pattern), tr_str(text))), "%s should not match %s",          \
              (pattern), (text))

Test(glob, plain_text_matches_itself)
{
    expect_match("", "");
    expect_match("news", "news");
    expect_none("news", "new");
    expect_none("news", "newss");
    expect_none("news", "News");
    expect_none("", "n");
    expect_none("n", "");
}

Test(glob, a_question_mark_is_any_one_byte)
{
    expect_match("n?ws", "news");
    expect_match("????", "\xff\x01*?");
    expect_none("n?ws", "nws");
    expect_none("?", "");
}

Test(glob, a_star_is_any_bytes)
{
    expect_match("*", "");
    expect_match("*", "news");
    expect_match("news*", "news");
    expect_match("*s*s*", "newsnews");
    expect_match("n*ws*x", "news.wsx.x");
    expect_match("**a", "a");
    expect_match("*ab", "aab");
    expect_match("*aab", "aaaab");
    expect_none("*s*s*s", "newsnews");
    expect_none("*a", "ab");
    expect_none("a*", "ba");
}

Test(glob, a_set_is_one_byte_of_it)
{
    expect_match("h[ae]llo", "hallo");
    expect_match("h[ae]llo", "hello");
    expect_none("h[ae]llo", "hillo");
    expect_none("h[ae]llo", "hllo");
    expect_match("h[^e]llo", "hallo");
    expect_none("h[^e]llo", "hello");
    expect_match("[a-c]", "b");
    expect_match("[c-a]", "b");
    expect_none("[a-c]", "d");
    expect_none("[a-]", "-"); // from a to the bracket, as Redis has it
    expect_match("[a-]", "_");
    expect_match("[\x80-\xff]", "\xc3");
    expect_match("[\\]]", "]");
    expect_match("[\\-]", "-");
    expect_match("[*]", "*");
    expect_none("[*]", "a");
    expect_match("*[0-9]x", "a1b2x");
}

Test(glob, a_set_that_is_empty_or_open)
{
    expect_none("[]", "a");
    expect_match("[^]", "a");
    expect_match("[ab", "b");
    expect_none("[", "[");
    expect_none("[", "");
    expect_match("[\\", "\\");
}

Test(glob, a_backslash_takes_the_next_byte_as_it_is)
{
    expect_match("a\\*b", "a*b");
    expect_none("a\\*b", "axb");
    expect_match("\\?", "?");
    expect_match("\\\\", "\\");
    expect_match("a\\", "a\\");
    expect_match("\\a", "a");
}

// The obvious way takes years for this.
Test(glob, many_stars_take_no_time)
{
    char text[1024];
    memset(text, 'a', sizeof text);
    char pattern[1024];
    for (size_t i = 0; i + 1 < sizeof pattern; i += 2) {
        memcpy(pattern + i, "a*", 2);
    }
    pattern[sizeof pattern - 1] = 'b';
    cr_expect(not(glob_matches(tr_str_n(pattern, sizeof pattern), tr_str_n(text, sizeof text))));
}

// The same by trying everything.
static bool
slowly(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return slowly(pattern + 1, text) || (*text != '\0' && slowly(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) && slowly(pattern + 1, text + 1);
}

Test(glob, agrees_with_trying_everything)
{
    srand(1);
    for (int round = 0; round < 200000; round++) {
        char pattern[8] = "";
        char text[10] = "";
        for (int i = rand() % 8; i-- > 0;) {
            pattern[i] = "ab*?*ab*"[rand() % 8];
        }
        for (int i = rand() % 10; i-- > 0;) {
            text[i] = "ab"[rand() % 2];
        }
        cr_assert(glob_matches(tr_str(pattern), tr_str(text)) == slowly(pattern, text), "%s %s",
                  pattern, text);
    }
}
