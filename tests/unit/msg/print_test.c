// Tests of runtime/msg/print.c.
#include "check.h"
#include "values.h"

#include <math.h>
#include <stdio.h>

#include "msg/print.h"

TestSuite(print, .timeout = 10);

const tr_local_t toy_local = {.name = "toy"};

// Criterion's strings are not const.
#define assert_text(got, expected) cr_assert(eq(str, (char *)(got), (char *)(expected)))

static void
expect_print(const tr_type_t *type, const void *value, const char *expected)
{
    char text[1024];
    size_t size = tri_print(text, sizeof text, type, value);
    assert_text(text, expected);
    cr_assert(eq(sz, size, strlen(expected)));
}

static void
expect_label(tr_str_t text, const char *expected)
{
    label value = {.size = 1, .text = text};
    expect_print(&label_type, &value, expected);
}

Test(print, no_capacity_writes_nothing)
{
    char untouched = 'x';
    cr_assert(eq(sz, tri_print(&untouched, 0, &ping_type, NULL), 0));
    cr_assert(eq(chr, untouched, 'x'));
}

Test(print, capacity_too_small_for_the_ellipsis_gives_the_empty_text)
{
    point value = {1, 2};
    for (size_t capacity = 1; capacity < 4; capacity++) {
        char text[4] = "xxx";
        cr_assert(eq(sz, tri_print(text, capacity, &point_type, &value), 0));
        assert_text(text, "");
    }
}

Test(print, text_is_cut_with_an_ellipsis_at_every_capacity)
{
    label value = {.size = 200, .text = TR_STR("a\u00e9\n\xff\u20ac")};
    const char *whole = "label{size: 200, text: \"a\u00e9\\n\\xff\u20ac\"}";
    for (size_t capacity = 1; capacity <= strlen(whole); capacity++) {
        char *text = malloc(capacity); // exact, so that a sanitizer sees a step over its end
        size_t size = tri_print(text, capacity, &label_type, &value);
        cr_assert(eq(sz, size, strlen(text)));
        if (capacity >= 4) {
            assert_text(text + size - 3, "…");
            cr_assert(eq(int, strncmp(text, whole, size - 3), 0), "capacity %zu: %s", capacity,
                      text);
        }
        free(text);
    }
    expect_print(&label_type, &value, whole);
}

Test(print, exact_capacity_is_not_cut)
{
    point value = {1, 2};
    char text[sizeof "point{x: 1, y: 2}"];
    cr_assert(eq(sz, tri_print(text, sizeof text, &point_type, &value), sizeof text - 1));
    assert_text(text, "point{x: 1, y: 2}");
}

Test(print, number_is_never_cut_into_a_smaller_one)
{
    point value = {1234567, 2};
    char text[20];
    tri_print(text, 15, &point_type, &value);
    assert_text(text, "point{x: …");
}

Test(print, character_of_three_bytes_is_not_cut)
{
    label value = {.text = TR_STR("\u20ac\u20ac\u20ac")};
    for (size_t capacity = 26; capacity < 34; capacity++) {
        char text[40];
        size_t size = tri_print(text, capacity, &label_type, &value);
        cr_assert(eq(sz, (size - strlen("label{size: 0, text: \"")) % 3, 0), "%s", text);
    }
}

Test(print, list_without_end_takes_no_longer_than_the_buffer)
{
    static const uint8_t items[97]; // more than the buffer shows
    lists value = {.odd = 1};
    value.u8s.items = items;
    value.u8s.count = SIZE_MAX;
    char text[128];
    size_t size = tri_print(text, 97, &lists_type, &value);
    cr_assert(ge(sz, size, 4));
    assert_text(text + size - 3, "…");
}

Test(print, secrets_are_masked)
{
    uint16_t pins[] = {1234};
    everything value = {.password = TR_STR("hunter2")};
    value.pins.items = pins;
    value.pins.count = 1;
    char text[2048];
    tri_print(text, sizeof text, &everything_type, &value);
    cr_assert(ne(ptr, strstr(text, "password: ***, pins: ***}"), NULL), "%s", text);
    cr_assert(eq(ptr, strstr(text, "hunter2"), NULL));
    cr_assert(eq(ptr, strstr(text, "1234"), NULL));
}

Test(print, control_characters_are_escaped)
{
    expect_label(TR_STR("\"\\\n\r\t"), "label{size: 1, text: \"\\\"\\\\\\n\\r\\t\"}");
    expect_label(tr_str_n("\x00\x1b\x7f", 3), "label{size: 1, text: \"\\x00\\x1b\\x7f\"}");
    expect_label(TR_STR("\xc2\x9b"
                        "2J"),
                 "label{size: 1, text: \"\\xc2\\x9b2J\"}");
}

Test(print, invalid_utf8_is_escaped_byte_by_byte)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"\x80", "\\x80"},                                   // a continuation alone
        {"\xc3", "\\xc3"},                                   // cut
        {"\xe2\x82", "\\xe2\\x82"},                          // cut later
        {"\xc0\xaf", "\\xc0\\xaf"},                          // overlong
        {"\xc1\xbf", "\\xc1\\xbf"},                          // overlong
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},                 // overlong
        {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},        // overlong
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},                 // surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},        // beyond
        {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},        // beyond
        {"\xc3(", "\\xc3("},                                 // what follows is kept
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xad\xef\xbf\xbf", // valid
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xad\xef\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "label{size: 1, text: \"%s\"}", rows[i].expected);
        expect_label(tr_str(rows[i].text), expected);
    }
}

Test(print, type_without_fields_is_its_name)
{
    expect_print(&ping_type, NULL, "ping{}");
}

Test(print, numbers_keep_their_borders)
{
    numbers least = {.i8 = INT8_MIN,
                     .i16 = INT16_MIN,
                     .i32 = INT32_MIN,
                     .i64 = INT64_MIN,
                     .f32 = -0.1f,
                     .f64 = -INFINITY,
                     .paint = BLUE};
    expect_print(&numbers_type, &least,
                 "numbers{yes: false, i8: -128, i16: -32768, i32: -2147483648, "
                 "i64: -9223372036854775808, u8: 0, u16: 0, u32: 0, u64: 0, f32: -0.1, f64: -inf, "
                 "who: none, paint: BLUE}");
    numbers most = {true,       INT8_MAX,    INT16_MAX,           INT32_MAX,
                    INT64_MAX,  UINT8_MAX,   UINT16_MAX,          UINT32_MAX,
                    UINT64_MAX, 16777216.0f, 0.30000000000000004, {3ull << 32 | 7},
                    (color)99};
    expect_print(&numbers_type, &most,
                 "numbers{yes: true, i8: 127, i16: 32767, i32: 2147483647, "
                 "i64: 9223372036854775807, u8: 255, u16: 65535, u32: 4294967295, "
                 "u64: 18446744073709551615, f32: 16777216, f64: 0.30000000000000004, who: @7.3, "
                 "paint: 99}");
}

Test(print, not_a_number_is_printed)
{
    numbers value = {.f32 = NAN, .f64 = NAN};
    char text[512];
    tri_print(text, sizeof text, &numbers_type, &value);
    cr_assert(ne(ptr, strstr(text, "nan, f64: "), NULL), "%s", text);
}

Test(print, lists_and_nested_values_stand_inside)
{
    tr_str_t texts[] = {TR_STR("a"), TR_STR("")};
    point points[] = {{1, 2}, {3, 4}};
    tree leaves[] = {{.id = 2}, {.id = 3}};
    everything value = {.blob = tr_bytes("\x0a\xff", 2)};
    value.texts.items = texts;
    value.texts.count = 2;
    value.points.items = points;
    value.points.count = 2;
    char text[2048];
    tri_print(text, sizeof text, &everything_type, &value);
    cr_assert(
        ne(ptr, strstr(text, ", text: \"\", blob: 0x0aff, lists: lists{odd: 0, bools: [], "), NULL),
        "%s", text);
    cr_assert(ne(ptr,
                 strstr(text, "nothing: ping{}, texts: [\"a\", \"\"], blobs: [], points: "
                              "[point{x: 1, y: 2}, point{x: 3, y: 4}], labels: []"),
                 NULL),
              "%s", text);
    tree root = {.id = 1, .children = {leaves, 2}};
    expect_print(&tree_type, &root,
                 "tree{id: 1, children: [tree{id: 2, children: []}, tree{id: 3, children: []}]}");
}

Test(print, buf_shows_its_bytes_and_a_local_its_name)
{
    tr_buf *buf;
    tr_buf *empty;
    int object;
    assert_ok(tr_buf_create("\x0a\xff", 2, &buf));
    assert_ok(tr_buf_create(NULL, 0, &empty));
    crate nothing = {.id = 1};
    expect_print(&crate_type, &nothing, "crate{id: 1, data: null, play: null, text: \"\"}");
    crate hollow = {.id = 2, .data = empty};
    expect_print(&crate_type, &hollow, "crate{id: 2, data: 0x, play: null, text: \"\"}");
    crate full = {.id = 3, .data = buf, .play = (toy *)&object};
    expect_print(&crate_type, &full, "crate{id: 3, data: 0x0aff, play: <toy>, text: \"\"}");
    shipment secret = {.key = buf, .hidden = (toy *)&object};
    char text[1024];
    tri_print(text, sizeof text, &shipment_type, &secret);
    cr_assert(ne(ptr, strstr(text, ", papers: null, key: ***, hidden: ***}"), NULL), "%s", text);
    tr_buf_unref(buf);
    tr_buf_unref(empty);
}

Test(print, large_buf_takes_no_longer_than_to_fill_the_buffer)
{
    tr_buf *buf;
    void *data;
    assert_ok(tr_buf_alloc(64 << 20, &data, &buf));
    memset(data, 0x55, 64 << 20);
    crate value = {.data = buf};
    char text[32];
    tri_print(text, sizeof text, &crate_type, &value);
    assert_text(text, "crate{id: 0, data: 0x555555…");
    tr_buf_unref(buf);
}
