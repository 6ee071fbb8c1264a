#include "text.h"

#include <locale.h>
#include <string.h>

#include "check.h"

static char out[TEXT_UNIT];

static const char *
duration(int64_t ns)
{
    text_duration(out, ns);
    return out;
}

static const char *
bytes(uint64_t n)
{
    text_bytes(out, n);
    return out;
}

#define SAYS(expression, expected)                                                                 \
    cr_expect(strcmp((expression), (expected)) == 0, "%s, not %s", out, expected)

Test(text, durations_are_for_people)
{
    SAYS(duration(0), "0ns");
    SAYS(duration(999), "999ns");
    SAYS(duration(12345), "12us");
    SAYS(duration(340999999), "340ms");
    SAYS(duration(1250000000), "1.2s");
    SAYS(duration(59999999999), "59.9s");
    SAYS(duration(245000000000), "4m05s");
    SAYS(duration(7980000000000), "2h13m");
    SAYS(duration(INT64_C(273600000000000)), "3d04h");
    SAYS(duration(-1250000000), "-1.2s");
    SAYS(duration(INT64_MIN), "-106751d23h");
}

Test(text, sizes_are_for_people)
{
    SAYS(bytes(0), "0 B");
    SAYS(bytes(1023), "1023 B");
    SAYS(bytes(1024), "1.0 KiB");
    SAYS(bytes(1536), "1.5 KiB");
    SAYS(bytes(200 * 1024), "200 KiB");
    SAYS(bytes(UINT64_MAX), "15.9 EiB");
}

static text t;

static const char *
safe(const char *string)
{
    text_clear(&t);
    text_add_safe(&t, string, strlen(string));
    return text_z(&t);
}

static const char *
cut(const char *string, size_t columns)
{
    text_clear(&t);
    text_add_cut(&t, string, columns);
    return text_z(&t);
}

#define IS(expression, expected)                                                                   \
    cr_expect(strcmp((expression), (expected)) == 0, "%s, not %s", text_z(&t), expected)

Test(text, what_a_terminal_would_obey_is_escaped)
{
    text_utf8 = true;
    IS(safe("plain"), "plain");
    IS(safe("a\033[2Jb\r\n\t\x7f"), "a\\x1b[2Jb\\r\\n\\t\\x7f");
    IS(safe("\xc2\x9b"
            "31m"),
       "\\u{9b}31m"); // a control of eight bits
    IS(safe("a\xe2\x80\xae"
            "b"),
       "a\\u{202e}b"); // turns the writing direction
    IS(safe("\xff\xc3"), "\\xff\\xc3");
    IS(safe("\xed\xa0\x80"), "\\xed\\xa0\\x80"); // half a surrogate pair
    IS(safe("\xc3\xa4"), "\xc3\xa4");
    text_utf8 = false;
    IS(safe("\xc3\xa4"), "\\u{e4}");
    text_fini(&t);
}

Test(text, cutting_counts_columns_and_not_bytes)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    text_utf8 = true;
    cr_expect(text_width("\xc3\xa4"
                         "b") == 2);
    IS(cut("abc", 3), "abc");
    IS(cut("abcd", 3), "ab\xe2\x80\xa6");
    IS(cut("\xc3\xa4\xc3\xa4\xc3\xa4", 2), "\xc3\xa4\xe2\x80\xa6");
    IS(cut("\xe4\xb8\xad\xe6\x96\x87", 3), "\xe4\xb8\xad\xe2\x80\xa6"); // two columns each
    IS(cut("\xe4\xb8\xad\xe6\x96\x87", 2), "\xe2\x80\xa6 ");
    text_utf8 = false;
    IS(cut("abcd", 3), "ab~");
    text_fini(&t);
}

Test(text, the_nearest_word_is_the_one_that_was_meant)
{
    static const char *const words[] = {"ps", "tree", "mailbox", "stats"};
    cr_expect(strcmp(text_nearest("tre", words, 4), "tree") == 0);
    cr_expect(strcmp(text_nearest("mialbox", words, 4), "mailbox") == 0);
    cr_expect(strcmp(text_nearest("m", words, 4), "mailbox") == 0);
    cr_expect(text_nearest("xyzzy", words, 4) == NULL);
    cr_expect(text_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", words, 4) == NULL);
}
